"""Whatever the melody: it comes back note for note, from every file."""

import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from composer.harmonizing import alternatives, check_returned, choir_of, fitted, sketch_of
from composer.pipeline import Composer
from composer.score import Annotation, Part, Score, regular_barlines
from composer.sketch.regions import silences
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


@st.composite
def choirs(draw: st.DrawFn) -> Score:
    """Two bars of four voices in quarters, eighths and triplets, with holes and rests of any length."""
    parts = []
    for name, low in zip(("Soprano", "Alto", "Tenor", "Bass"), (62, 57, 52, 45), strict=True):
        lengths = [length for cell in draw(st.lists(st.sampled_from(CELLS), min_size=6, max_size=6)) for length in cell]
        ends = np.cumsum(lengths)
        pitch = draw(st.lists(st.integers(low, low + 9), min_size=len(ends), max_size=len(ends)))
        kept = np.array(draw(st.lists(st.sampled_from([True, False]), min_size=len(ends), max_size=len(ends))))
        kept &= ends > draw(st.integers(0, 7)) * Q
        part = Part.of(ends - lengths, pitch, lengths, name=name)
        parts.append(part.select(kept))
    return Score.of(parts, meter="3/4", barlines=[0, 3 * Q, 6 * Q])


@settings(max_examples=20)
@given(choirs())
def test_given_notes_stay_and_voices_stay_single(choir: Score) -> None:
    assume(any(map(len, choir.parts)) and silences(choir, 4))
    sketch = sketch_of(choir_of(choir)[0], phrases="none")
    [made] = alternatives(model(), sketch, 1, seed=1, temperature=1.0)
    for before, after in zip(choir.parts, made.score.parts, strict=True):
        assert {note[:3] for note in before} <= {note[:3] for note in after}
        assert (after.offset[:-1] <= after.onset[1:]).all()
        assert len(after)


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
