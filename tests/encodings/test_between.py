"""Rules between voices as columns say them, against the report on the decoded score."""

from dataclasses import replace

import numpy as np
import pytest

from composer.encodings.voices import HOLD_SYMBOL, Voices
from composer.inference.sequence import Sequence
from composer.score import Part, Score
from composer.sketch import Forbid, Hole, Sketch
from composer.theory import TICKS_PER_QUARTER as Q
from composer.theory import Key
from composer.voice_leading import RULES, Lines, judged

VOICES, STEPS = 3, 32
SYMBOLS = np.array([0, *range(12 + 52, 12 + 76)])


def page(*, changing: bool) -> Score:
    keys = [Key.parse("A minor"), Key.parse("D minor", onset=4 * Q)]
    parts = [Part.of(name=str(voice)) for voice in range(VOICES)]
    return Score.of(parts, key=keys[: 1 + changing], meter="4/4", barlines=[0, 4 * Q, 8 * Q])


@pytest.mark.parametrize("relative", [True, False])
@pytest.mark.parametrize("rule", RULES)
def test_columns_are_judged_as_the_score_is(rule: str, relative: bool) -> None:
    """At every moment, by the first step of its kind. Where the key changes, what sounds over it is not the same degree
    and not spelled the same, which columns do not see.
    """
    frame = page(changing=not relative and rule != "augmented")
    encoding, rng = Voices(voices=VOICES, relative=relative), np.random.default_rng(len(rule))
    holes = tuple(Hole(voice, 0, frame.end) for voice in range(VOICES))
    masks = encoding.compile(Sketch(frame, holes, (Forbid((rule,)),)))
    seen = 0
    for _ in range(20):
        sounding = rng.choice(SYMBOLS, (STEPS, VOICES))
        for step in range(1, STEPS):
            sounding[step] = np.where(rng.random(VOICES) < 0.4, sounding[step - 1], sounding[step])
        score = encoding.decode(Sequence(sounding.astype(np.int32), np.arange(STEPS, dtype=np.int32)), frame)
        score = replace(score, parts=tuple(frame.spell(part) for part in score.parts))
        lines = Lines.of(score)
        expected = {
            (int(lines.ticks[moment]) // encoding.grid)
            for _, _, wrong in judged((rule,), score, lines)
            for moment in np.flatnonzero(wrong)
        }
        found = set()
        for between in masks.between:
            assert between.hold == HOLD_SYMBOL
            for step in (lines.ticks // encoding.grid).tolist():
                if step == STEPS:
                    continue
                kind = int(np.argmax(between.kinds == between.kinds[step]))
                before, now = sounding[max(step - 1, 0)], sounding[step]
                values = (before[between.upper], before[between.lower], now[between.upper], now[between.lower])
                if between.breaks(kind, *(np.array([value]) for value in values)).any():
                    found.add(step)
        assert found == expected
        seen += len(expected)
    assert seen


def test_where_nothing_is_composed_nothing_is_judged() -> None:
    frame = page(changing=False)
    sketch = Sketch(frame, (Hole(0, 4 * Q, 5 * Q),), (Forbid(("parallels", "crossings")),))
    masks = Voices(voices=VOICES).compile(sketch)
    assert {(between.upper, between.lower) for between in masks.between} == {(0, 1), (0, 2)}
    fifths, crossed = [np.array([12 + n]) for n in (67, 60, 69, 62)], [np.array([12 + n]) for n in (60, 60, 60, 62)]
    for between in masks.between:
        assert [s for s in range(STEPS) if between.breaks(s, *fifths)[0]] == list(range(16, 21))  # one after it, too
        assert [s for s in range(STEPS) if between.breaks(s, *crossed)[0]] == list(range(16, 20))
    assert Voices(voices=VOICES).compile(replace(sketch, constraints=())).between == ()


def test_a_join_of_copied_bars_is_of_its_own_kind() -> None:
    """Bar 3 does not follow bar 2 in A B A' of which A' is a copy: there nothing is before."""
    sketch = Sketch.blank(bars=4, form="A B A C", voices=2, forbid="parallels")
    masks = Voices(voices=2).compile(sketch.folded())
    fifths = [np.array([12 + n]) for n in (67, 60, 69, 62)]
    (between,) = masks.between
    assert [s for s in range(masks.end) if not between.breaks(s, *fifths)[0]] == [0, 32]
    for kind in np.unique(between.kinds):
        assert len({bool(between.breaks(s, *fifths)[0]) for s in np.flatnonzero(between.kinds == kind).tolist()}) == 1
