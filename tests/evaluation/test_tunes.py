"""The judge of tunes: each figure moves when what it measures is broken, and is right on tunes made by hand."""

import shutil
import subprocess
from dataclasses import replace

import pytest

from composer.errors import UsageError
from composer.evaluation import abc_check
from composer.evaluation.abc_check import Reading, readings, written
from composer.evaluation.forms import form_heard, phrases_written
from composer.evaluation.tunes import well_made
from composer.io.abc import loads
from composer.score import Part, Score

HEAD = "X:1\nM:4/4\nL:1/8\nK:G\n"
A = "GABc d2 B2 | A2 F2 D4 | GABc d2 e2 | d2 c2 B4 |"
B = "g2 f2 e2 d2 | c2 e2 d4 | g2 f2 e2 c2 | B2 A2 G4 |"
C = "e4 d4 | c4 B4 | A4 B4 | F4 G4 |"
D = "DEFA d4 | fedc B4 | AGFE D4 | A2 B2 d4 |"
NEEDS_ABC2MIDI = pytest.mark.skipif(shutil.which("abc2midi") is None, reason="abc2midi is not installed")


def tune(*music: str, head: str = HEAD) -> Score:
    return loads((head + "\n".join(music) + "\n").encode(), "tune")


def moved(score: Score, note: int, pitch: int) -> Score:
    """The score with one note at another pitch."""
    part = score.parts[0]
    pitches = part.pitch.copy()
    pitches[note] = pitch
    return replace(score, parts=(Part.of(part.onset, pitches, part.duration),))


@pytest.fixture(params=["abc2midi", "composer"])
def oracle(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Either program reads the tunes."""
    if request.param == "composer":
        monkeypatch.setattr(abc_check.shutil, "which", lambda name: None)
    elif shutil.which("abc2midi") is None:
        pytest.skip("abc2midi is not installed")
    return str(request.param)


def test_a_tune_by_hand_is_well_made(oracle: str) -> None:
    found = well_made([tune(f"|: {A}", f"{B[:-1]} :|", f"|: {C}", f"{D[:-10]} G2 A2 G4 :|")])
    assert found["oracle"] == oracle
    assert found["tunes"] == 1
    assert found["malformed"] == 0
    assert found["bars_add_up"] == 1
    assert found["form"] == {"AABB": 1}
    assert found["recognised"] == 1
    assert found["phrases"] == {"abcd": 1}
    assert found["returns"] == 0
    assert found["ends_on_tonic"] == 1
    assert found["final_degrees"] == {"1": 1}
    assert found["whistle"] == found["fiddle"] == 1


def test_no_tunes_are_refused() -> None:
    with pytest.raises(UsageError, match="no tunes"):
        well_made([])


def test_a_longer_bar_is_malformed_and_does_not_add_up(oracle: str) -> None:
    score = tune(A, B)
    text = written(score)
    longer = text.replace("d e |", "d e2 |", 1)
    assert longer != text
    assert readings([score], [text]) == [Reading(False, True)]
    assert readings([score], [longer]) == [Reading(True, False)]
    read = loads(longer.encode(), "tune")
    assert readings([read], [longer]) == [Reading(True, False)], "malformed even if all notes are the score's"


def test_a_pickup_and_what_it_leaves_of_the_last_bar_add_up(oracle: str) -> None:
    score = tune(f"|: D2 | {A} c2 B2 A2 :|", f"|: d2 | {B} B2 A2 G2 :|")
    assert readings([score], [written(score)]) == [Reading(False, True)]


def test_other_notes_than_the_scores_are_malformed(oracle: str) -> None:
    score = tune(A, B)
    assert readings([moved(score, 3, 73)], [written(score)]) == [Reading(True, True)]


def test_what_no_program_reads_is_malformed_and_costs_no_other_tune(oracle: str) -> None:
    good = tune(A, B)
    texts = [written(good), "X:1\nno tune at all\n", written(good).replace("d B |", "d B ? |", 1), written(good)]
    found = readings([good] * 4, texts)
    assert [reading.malformed for reading in found] == [False, True, True, False]


@NEEDS_ABC2MIDI
@pytest.mark.parametrize("hangs", [False, True])
def test_a_tune_that_the_oracle_does_not_survive_costs_only_itself(
    hangs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = abc_check.subprocess.run

    def mortal(command: list[str], *, cwd: str, **options: object) -> object:
        done = run(command, cwd=cwd, **options)  # type: ignore[call-overload]
        if b"^G" in (abc_check.Path(cwd) / "t.abc").read_bytes():
            if hangs:
                raise subprocess.TimeoutExpired(command, 1)
            done.returncode = -11
        return done

    monkeypatch.setattr(abc_check.subprocess, "run", mortal)
    good, bad = tune(A, B), tune(A.replace("d2 B2", "^G=G B2"), B)
    scores = [good, good, bad, good]
    assert [r.malformed for r in readings(scores, [written(s) for s in scores])] == [False, False, True, False]


@NEEDS_ABC2MIDI
def test_tuplets_of_unequal_notes_are_no_fault() -> None:
    score = tune("(3d/d3/B c2 d4 | c2 e2 d4 | (3gfe d2 c4 | A4 G4 |]")
    assert readings([score], [written(score)]) == [Reading(False, True)]


@pytest.mark.parametrize(
    ("music", "form"),
    [
        ((A, B, A, B, C, D, C, D), "AABB"),
        ((f"|: {A}", f"{B[:-1]} :|", f"|: {C}", f"{D[:-1]} :|"), "AABB"),
        ((A, B, C, D, A, B, D, C), "ABAC"),
        ((A, B, C, B), "abcb"),
        ((f"|: {A[:-1]} :|", C, D), "aabc"),
        ((A, B, C, D), "none"),
        ((A, B, C, D, "G8 |"), "none"),
        ((A, "G8 |", A, "G8 |"), "none"),
    ],
)
def test_form_as_heard(music: tuple[str, ...], form: str) -> None:
    assert form_heard(tune(*music)) == form


def test_endings_and_pickups_do_not_hide_the_form() -> None:
    first, second = (part.rpartition("|")[0].rpartition("|")[0] for part in (f"|: D2 | {A} {B}", f"|: d2 | {C} {D}"))
    score = tune(f"{first} |1 B2 A2 G2 :|2 B2 A2 F2 |", f"{second} |1 A2 B2 d2 :|2 A2 B2 G2 |]")
    assert form_heard(score) == "AABB"
    assert phrases_written(score) == "abcd"


def test_a_part_returns_with_five_bars_of_eight_and_a_phrase_varied_with_two_of_four() -> None:
    bars = [*A.split("|")[:4], *B.split("|")[:4]]
    other = D.split("|")[:3]
    five, four = [*bars[:5], *other], [*bars[:4], *other, "A8"]
    assert form_heard(tune("|".join([*bars, *five]))) == "AA"
    assert form_heard(tune("|".join([*bars, *four]))) == "abac"
    varied = [*bars[:2], *other[:2]]
    assert phrases_written(tune("|".join([*bars, *varied, *bars[4:7], "A8"]))) == "aba'b"
    assert phrases_written(tune("|".join([*bars, bars[0], *other]))) == "abc"


def test_shuffled_bars_have_no_form() -> None:
    bars = [*A.split("|")[:4], *B.split("|")[:4]]
    shuffled = [bars[k] for k in (3, 6, 0, 5, 1, 7, 4, 2)]
    before = well_made([tune("|".join([*bars, *bars]))])
    after = well_made([tune("|".join([*bars, *shuffled]))])
    assert before["recognised"] == before["returns"] == 1
    assert after["recognised"] == after["returns"] == 0
    assert after["form"] == {"none": 1}


def test_repeat_signs_are_form_but_no_return_on_the_page() -> None:
    found = well_made([tune(f"|: {A}", f"{B[:-1]} :|")])
    assert (found["form"], found["returns"]) == ({"AA": 1}, 0)


def test_final_degrees_are_counted_from_the_key_written_last() -> None:
    score = tune(A, B)
    finals = [score, moved(score, -1, 62), moved(score, -1, 66), tune(A, "[K:C]", B)]
    found = well_made(finals)
    assert found["ends_on_tonic"] == 0.25
    assert found["final_degrees"] == {"1": 0.25, "5": 0.5, "7": 0.25}


def test_compass() -> None:
    score = tune(A, B)  # D4 to G5
    low, wide, high = moved(score, 0, 57), moved(score, 0, 55), moved(score, 0, 84)
    assert [well_made([s])["whistle"] for s in (score, low, wide, high)] == [1, 0, 0, 0]
    assert [well_made([s])["fiddle"] for s in (score, low, wide, high)] == [1, 1, 1, 0]
    assert well_made([score.transpose(-12)])["whistle"] == 1, "in some key"
    assert well_made([score.transpose(-12)])["fiddle"] == 0, "as written"


def test_shares_add_up_and_rare_forms_are_told_together() -> None:
    scores = [tune(*[(A, B, C, D)[(k >> shift) & 3] for shift in range(0, 10, 2)]) for k in range(0, 1024, 23)]
    found = well_made(scores)
    for shares in (found["form"], found["phrases"], found["final_degrees"]):
        assert sum(shares.values()) == pytest.approx(1)
    assert list(found["phrases"])[-1] == "other"
    assert len(found["phrases"]) == 13


def test_silence_ends_nowhere() -> None:
    found = well_made([Score.of([Part.of()], barlines=[0, 40320])])
    assert (found["final_degrees"], found["ends_on_tonic"], found["bars_add_up"]) == ({}, 0, 1)
