"""Whatever the melody: it comes back note for note, from every file."""

import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from composer.harmonizing import alternatives, check_returned, choir_of, fitted, sketch_of
from composer.pipeline import Composer
from composer.score import Annotation, Part, Score, regular_barlines
from composer.theory import MODES, ChordSymbol, Key, Meter
from composer.theory import TICKS_PER_QUARTER as Q

CELLS = ((Q,), (Q // 2, Q // 2), (Q // 3,) * 3, (2 * Q // 3, Q // 3), (3 * Q // 4, Q // 4), (Q // 8,) * 8)


@cache
def model() -> Composer:
    return Composer.load("chorales-markov")


@st.composite
def melodies(draw: st.DrawFn) -> Score:
    """A bar or two in some meter and key, with a pickup, triplets, rests, ties over the bar line, and marks."""
    meter = Meter.parse(draw(st.sampled_from(["2/4", "3/4", "4/4", "6/8", "5/4"])))
    pickup = draw(st.sampled_from([0, Q // 2, Q]))
    end = pickup + draw(st.integers(1, 2)) * meter.bar
    lengths: list[int] = []
    while sum(lengths) < end:
        lengths += draw(st.sampled_from(CELLS))
    edges = np.unique(np.minimum(np.append(0, np.cumsum(lengths)), end))
    kept = np.array(draw(st.lists(st.integers(0, 4), min_size=len(edges) - 1, max_size=len(edges) - 1)))
    onset, offset = edges[:-1], edges[1:].copy()
    for k in np.flatnonzero(kept[1:] == 1):  # the note before goes on
        offset[k] = offset[k + 1] if kept[k] > 1 else offset[k]
    sounding = kept > 1
    sounding[0] = True
    onset, offset = onset[sounding], offset[sounding]
    tonic = draw(st.integers(-3, 4))
    pitch = draw(st.lists(st.integers(60, 79), min_size=len(onset), max_size=len(onset)))
    marks = [Annotation("lyric", int(onset[0]), "la-"), Annotation("lyric", int(onset[-1]), "la")]
    if len(onset) > 2 and draw(st.booleans()):
        marks.append(Annotation("slur", int(onset[0]), "", int(onset[2])))
    key = Key(tonic, draw(st.sampled_from(["major", "minor", "dorian"])))
    part = Part.of(onset, pitch, offset - onset, key=key, annotations=marks[: 1 if len(onset) == 1 else None])
    return Score.of(
        [part],
        meter=meter,
        key=key if abs(key.tonic - MODES[key.mode]) <= 7 else Key(0),
        barlines=regular_barlines([meter], end, pickup),
        chords=[ChordSymbol(1, "7", None, 0)] if draw(st.booleans()) else [],
        fermatas=[int(onset[-1])] if draw(st.booleans()) else [],
    )


@settings(max_examples=25)
@given(melodies())
def test_the_melody_comes_back_note_for_note(melody: Score) -> None:
    choir, _ = fitted(choir_of(melody)[0], octaves=False)
    sketch = sketch_of(choir)
    [made] = alternatives(model(), sketch, 1, seed=1, temperature=0.7)
    given, sung = melody.parts[0], made.score.parts[0]
    assert all((a == b).all() for a, b in zip(given.columns, sung.columns, strict=True))
    assert sung.annotations == given.annotations
    assert (made.score.chords, made.score.fermatas) == (melody.chords, melody.fermatas)
    assert made.score.barlines.tolist() == melody.barlines.tolist()
    with tempfile.TemporaryDirectory() as folder:
        for suffix in (".musicxml", ".mid", ".abc"):
            check_returned(made.score, made.score.write(Path(folder) / f"choir{suffix}"))
