"""What is kept of every piece: right, small, and JSON can hold it."""

import json

from hypothesis import given

from composer.corpora.facts import MOST_NOTICES, facts
from composer.errors import Notice
from composer.io.smf_census import PEDAL
from composer.score import Part, Repeat, Score
from composer.theory import TICKS_PER_QUARTER as Q
from composer.theory import ChordSymbol, Key, Meter, Tempo
from strategies import scores


def test_the_facts_of_a_small_piece() -> None:
    tune = Part.of([0, Q, 2 * Q, 2 * Q], [60, 64, 67, 62], [Q, Q, Q, 2 * Q])
    bass = Part.of([0], [48], [2 * Q])
    drums = Part.of([0, Q], [35, 38], [Q, Q], drums=True)
    score = Score.of(
        [tune, bass, drums],
        meter=[Meter(4, 4), Meter(3, 4, 4 * Q)],
        key=[Key.parse("C"), Key.parse("G", 4 * Q)],
        tempo=[Tempo(60.0), Tempo(120.0, Q, 4 * Q)],
        barlines=[0, 4 * Q, 7 * Q],
        repeats=[Repeat(0, 4 * Q, 3)],
        chords=[ChordSymbol.parse("C")],
    )
    told = facts(score)
    assert {name: told[name] for name in ("parts", "drums", "notes", "bars", "repeats", "chords")} == {
        "parts": 3,
        "drums": 1,
        "notes": 7,
        "bars": 2,
        "repeats": 1,
        "chords": 1,
    }
    assert told["seconds"] == 3 * 4 + 1.5  # four quarters three times, then three at twice the speed
    assert (told["meters"], told["meter_changes"]) == (["4/4", "3/4"], 1)
    assert (told["keys"], told["key_changes"]) == (["C major", "G major"], 1)
    assert (told["tempos"], told["tempo_changes"]) == ([60.0, 120.0], 1)
    assert (told["lowest"], told["highest"]) == (48, 67)
    assert told["pitches"] == {"48": 1, "60": 1, "62": 1, "64": 1, "67": 1}
    assert told["intervals"] == {"4": 1, "3": 1}  # of the top line: C E G
    assert told["polyphony"] == [2, 1.75]  # 2 2 2 1 over four quarters
    assert told["grid_ms"] == [0.0, 0.0]


def test_onsets_off_the_grid_are_measured_in_milliseconds() -> None:
    score = Score.of([Part.of([0, Q + Q // 100, 2 * Q], [60, 60, 60], [Q // 2] * 3)], tempo=60)
    assert facts(score)["grid_ms"] == [3.3, 9.9]
    assert facts(Score.of([Part.of([Q // 3, 2 * Q // 3], [60, 60], [1, 1])]))["grid_ms"] == [0.0, 0.0]  # triplets


def test_wide_steps_count_as_two_octaves() -> None:
    score = Score.of([Part.of([0, Q, 2 * Q], [20, 100, 20], [Q] * 3)])
    assert facts(score)["intervals"] == {"-24": 1, "24": 1}


def test_drums_alone_have_no_pitch() -> None:
    told = facts(Score.of([Part.of([0], [35], [Q], drums=True)]))
    assert (told["lowest"], told["highest"], told["polyphony"], told["pitches"]) == (None, None, [0, 0.0], {})
    assert told["notes"] == 1


def test_notices_of_one_text_are_taken_together() -> None:
    notices = [
        Notice("ignored", "line 3", "decoration !x!"),
        Notice("ignored", "line 5", "decoration !x!"),
        Notice("ignored", "track 2", PEDAL, 12),
        Notice("bar", "bar 7", "has 5/8, not 6/8"),
    ]
    told = facts(Score.of([]), notices)
    assert told["ignored"] == [
        {"text": "decoration !x!", "count": 2, "places": ["line 3", "line 5"]},
        {"text": PEDAL, "count": 12, "places": ["track 2"]},
    ]
    assert (told["pedal"], told["ignored_count"]) == (12, 14)
    assert told["bad_bars"] == [{"place": "bar 7", "text": "has 5/8, not 6/8"}]
    assert told["bad_bars_count"] == 1


def test_facts_stay_small_whatever_the_file() -> None:
    notices = [Notice(kind, f"line {n}" * 100, f"{kind} {n}" * 100) for kind in ("ignored", "bar") for n in range(2000)]
    part = Part.of(range(0, 2000 * Q, Q), [n % 128 for n in range(2000)], [Q] * 2000)
    keys = [Key(n % 7, onset=n * Q) for n in range(2000)]
    told = facts(Score.of([part], key=keys, tempo=[Tempo(60.0 + n, Q, n * Q) for n in range(1000)]), notices)
    assert len(json.dumps(told)) < 20_000
    assert (len(told["bad_bars"]), told["bad_bars_count"]) == (MOST_NOTICES, 2000)
    assert (len(told["ignored"]), told["ignored_count"]) == (MOST_NOTICES, 2000)


@given(scores())
def test_any_score_has_facts_that_json_can_hold(score: Score) -> None:
    told = facts(score)
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert sum(told["pitches"].values()) == sum(len(part) for part in score.parts if not part.drums)
    assert told["polyphony"][1] <= told["polyphony"][0]
