"""The report as text: every figure stands there, what is not known is shown as such, what it comes to is by rule."""

import copy
import math
from typing import Any

import pytest

from composer.evaluation.judgement import Report
from composer.evaluation.report.rows import axes, judge, percent
from composer.evaluation.report.summary import summary
from composer.evaluation.report.text import lines, show
from judged import discrimination, report

EVIL = "<script>alert(1)</script>&\"'\x1b[31m\u202e\udce9\n[red]"


@pytest.fixture(scope="module")
def made() -> Report:
    return report()


@pytest.fixture
def judged(made: Report) -> Any:
    """A report that a test may spoil."""
    return copy.deepcopy(made)


def told(found: Report, width: int = 100) -> str:
    return "\n".join(line for _, line in lines(found, width))


def row(text: str, label: str) -> str:
    """The words of the first row of this label, after it."""
    return " ".join(next(line for line in text.splitlines() if line.startswith(label)).removeprefix(label).split())


def test_every_figure_stands_beside_that_of_the_real_music(judged: Any) -> None:
    text = told(judged)
    for words in (
        "folk: 3 models", "chorales: 3 models", "3,400 pieces to learn from, 425 held out (test and validation split)",
        "The judge caught both foils, music that is known to be wrong (AUC): shuffled bars 0.97,",
        "Statistical accuracy", "Flexibility",
        "Generalisation", "Voice leading", "What it comes to", "composer 0.1.0, 2 cores, 6.9 min",
        "as read by abc2midi", "on blank pages no form", "; seed 0.", "sketch 7: no tune ends so",
    ):  # fmt: skip
        assert words in text
    assert row(text, "held-out nats/quarter") == "- 1.234 1.334 pseudo 1.434"
    assert row(text, "the same, like with like") == "- 1.111 not comparable 1.311"
    assert row(text, "melodic intervals") == "0.040 0.050 (.040-.060)* 0.070 (.060-.080) 0.090 (.080-.100)"
    assert row(text, "judge's AUC") == "0.5 0.62 (.59-.65) 0.72 (.69-.75) 0.82 (.79-.85)"
    assert row(text, "completed") == "- 200 of 200 199 of 200 198 of 200"
    assert row(text, "all wishes hold") == "- 200 of 200 199 of 199 198 of 198"
    assert row(text, "time (slowest)") == "- 0.41 s (3.25 s) 0.41 s (3.25 s) 0.41 s (3.25 s)"
    assert row(text, "price, nats") == "- 0.37 0.37 pseudo 0.37"
    assert row(text, "new 4-bar passages").startswith("97.5 % 98.1 %")
    assert row(text, "new 4 bars, any rhythm") == "48.8 % 49.0 % 46.5 % 44.0 %"
    assert row(text, "longest copy, notes") == "17.5 17.5 17.5 17.5"
    assert row(text, "longest of all, bars") == "15.2 15.2 15.2 15.2"
    assert row(text, "near-duplicates") == "1.2 % 0 % 0.4 % 0.8 %"
    assert row(text, "parallel fifths") == "0.95 1.25 2.25 3.25"
    assert row(text, "malformed") == "0.2 % 0 % 0.4 % 0.8 %"
    assert row(text, "all bars add up") == "100 % 100 % 100 % 100 %"
    assert row(text, "commonest form") == "AABB 61 % AABB 61 % AABB 61 % AABB 61 %"
    assert "aba'c 11 %" in text
    for share in ("71.7 %", "92.2 %", "95.4 %", "85.5 %"):
        assert share in text
    assert "long notes: 0.22, real music 0.31 (AUC of this alone 0.81)" in text.replace("\n  ", " ")
    assert "folk-maxent sees 1,200 of 1,234 notes (leaves out grace notes) in 422" in text.replace("\n  ", " ")


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_the_table_fits_the_terminal(judged: Any, width: int) -> None:
    text = told(judged, width)
    assert max(map(len, text.splitlines())) <= width
    assert text.count("0.82 (.79-.85)") == 2  # no model is lost where columns do not fit


def test_what_is_not_known_is_said(judged: Any) -> None:
    verdict = judged["verdicts"][0]
    verdict["reference"] |= {"foils": {}, "missing": [], "counts": False, "tunes": None}
    verdict["judgements"] = verdict["judgements"][:1]
    model = verdict["judgements"][0]
    model["held_out"] |= {"kind": "none", "nats_per_quarter": None, "common": None, "common_pieces": 0}
    model |= {"flexibility": [], "examples": [], "tunes": None, "seconds": {}, "distances": []}
    model["discrimination"] = discrimination(math.nan) | {"tells": []}
    model["novelty"] |= {"pieces": 0, "curve": [], "rhythm_free": [], "longest_notes": math.nan}
    judged["verdicts"] = judged["verdicts"][:1]
    text = told(judged)
    assert "folk: 1 model\n" in text
    assert row(text, "held-out nats/quarter") == row(text, "the same, like with like") == "- -"
    assert row(text, "judge's AUC") == "0.5 -"
    assert row(text, "new 4-bar passages") == "97.5 % -"
    assert row(text, "longest copy, notes") == "17.5 -"
    assert "does not count: it was shown no foils" in text
    assert "Flexibility" not in text
    assert "Tunes" not in text
    assert "nan" not in text
    assert "None" not in text


def test_no_model_at_all(judged: Any) -> None:
    judged["verdicts"][0]["judgements"] = []
    assert "folk: 0 models" in told(judged)
    judged["verdicts"] = []
    assert told(judged).startswith("There is no model to judge.")


def test_the_judge_counts_only_if_it_catches_every_foil(judged: Any) -> None:
    reference = judged["verdicts"][0]["reference"]
    reference["foils"]["js_fakes"] = discrimination(0.85)
    reference["counts"] = False
    assert judge(reference) == (
        "What the judge says of likeness does not count: it did not catch js_fakes at 0.9 or more. "
        "Foils: shuffled bars 0.97, js_fakes 0.85."
    )
    del reference["foils"]["js_fakes"]
    reference["missing"] = ["js_fakes: say with --foils in which folder they are"]
    assert "does not count: not shown js_fakes: say with --foils" in judge(reference)
    assert next(summary(judged["verdicts"][0])).endswith(
        "But the judge has not passed its own test, so this does not count."
    )
    reference |= {"missing": [], "counts": True}
    assert (
        judge(reference) == "The judge caught the one foil, music that is known to be wrong (AUC): shuffled bars 0.97."
    )


def test_what_it_comes_to_follows_from_the_figures(judged: Any) -> None:
    assert list(summary(judged["verdicts"][0])) == [
        "Use folk-markov for music like that of the corpus.",
        "Shown one real piece and one of folk-markov, the judge picks out the composed one 62 times in 100 "
        "(folk-maxent 72 and folk-biaxial 82); guessing would give 50.",
        "Of 7 statistics, as close to unseen real music as other real music is: folk-markov 2, folk-maxent 1 and "
        "folk-biaxial 1.",
        "Use folk-markov where you ask for much: it completed 200 of 200 sketches full of wishes, in 0.41 s or so "
        "each.",
        "folk-maxent copies: 1.4 % of its 8-bar passages stand in the training music, of unseen real music 0.5 %.",
        "folk-biaxial copies: 2.4 % of its 8-bar passages stand in the training music, of unseen real music 0.5 %.",
        "Not copying more than real pieces share with each other: folk-markov.",
    ]


def test_other_figures_come_to_something_else(judged: Any) -> None:
    verdict = judged["verdicts"][0]
    first, second, third = verdict["judgements"]
    second["discrimination"] = discrimination(0.64)
    first["flexibility"][0] |= {"completed": 150, "satisfied": 149}
    second["novelty"] = third["novelty"] = first["novelty"]
    third["novelty"] = third["novelty"] | {"near_duplicates": 0.25}
    found = list(summary(verdict))
    assert found[0].startswith("Use folk-markov and folk-maxent for music like that of the corpus: they are too close")
    assert found[3].startswith("Use folk-maxent where you ask for much: it completed 199 of 200")
    assert found[4] == "folk-markov broke wishes in 1 sketch; that must not be."
    assert found[5].startswith("25.0 % of the pieces of folk-biaxial are near-duplicates")
    assert found[6].endswith(": folk-markov, folk-maxent and folk-biaxial.")
    first["novelty"]["curve"][3]["value"] = 0.9  # less is new, but so it may be by chance
    assert list(summary(verdict))[6] == found[6]


def test_what_is_caught_like_a_foil_is_not_praised(judged: Any) -> None:
    verdict = judged["verdicts"][0]
    verdict["judgements"] = verdict["judgements"][:2]
    for model in verdict["judgements"]:
        model["discrimination"] = discrimination(0.93)
    assert next(summary(verdict)) == (
        "None of folk-markov and folk-maxent writes music that the judge takes for that of the corpus."
    )
    verdict["judgements"] = verdict["judgements"][:1]
    assert next(summary(verdict)) == "folk-markov does not write music that the judge takes for that of the corpus."


def test_what_few_pieces_say_is_called_so(judged: Any) -> None:
    verdict = judged["verdicts"][0]
    verdict["judgements"][1]["samples"] = 20
    assert "Too few pieces to say much, as chance hides what is different: folk-maxent 20." in list(summary(verdict))


def test_the_closest_is_named_first_and_equals_are_not_ranked_but_by_time(judged: Any) -> None:
    verdict = judged["verdicts"][0]
    first, second, _ = verdict["judgements"]
    first["distances"], second["distances"] = second["distances"], first["distances"]
    second["flexibility"] = [one | {"seconds": 9.0} for one in first["flexibility"]]
    found = list(summary(verdict))
    assert found[2].endswith(": folk-maxent 2, folk-markov 1 and folk-biaxial 1.")
    assert found[3] == (
        "Each of folk-markov and folk-maxent completed 200 of 200 sketches full of wishes; folk-markov is the "
        "quickest, at 0.41 s or so each."
    )


def test_one_model_is_not_compared_with_others(judged: Any) -> None:
    verdict = judged["verdicts"][0]
    verdict["judgements"] = verdict["judgements"][:1]
    assert next(summary(verdict)).startswith("Shown one real piece and one of folk-markov, the judge picks out")


def test_broken_wishes_and_jobs_are_told_apart(judged: Any) -> None:
    verdict = judged["verdicts"][0]
    first = verdict["judgements"][0]["flexibility"][0]
    verdict["judgements"][0]["flexibility"].append(first | {"job": "vary", "satisfied": 190})
    text = told(judged)
    assert row(text, "tunes: completed").startswith("- 200 of 200")
    assert row(text, "vary: all wishes hold") == "- 190 of 200: broken - -"


def test_a_share_is_all_or_nothing_only_if_it_is() -> None:
    assert [percent(share) for share in (0, 1e-9, 0.9999999, 1)] == ["0 %", "0.01 %", "99.99 %", "100 %"]


def test_names_do_not_steer_the_terminal(judged: Any, capsys: pytest.CaptureFixture[str]) -> None:
    verdict = judged["verdicts"][0]
    verdict["reference"] |= {"corpus": EVIL, "split": EVIL, "missing": [EVIL], "counts": False}
    model = verdict["judgements"][0]
    model |= {"model": EVIL}
    model["distances"][0] |= {"name": EVIL, "title": EVIL}
    model["flexibility"][0] |= {"job": EVIL, "failures": [EVIL]}
    model["held_out"]["view"] = EVIL
    model["tunes"] |= {"form": {EVIL: 0.9}, "oracle": EVIL}
    model["discrimination"]["tells"][0]["trait"] = EVIL
    show(judged)
    shown = capsys.readouterr().out
    assert all(letter.isprintable() for letter in shown.replace("\n", ""))
    assert "[red]" in shown  # as it stands, no markup
    assert len(list(axes(verdict))) == 4
