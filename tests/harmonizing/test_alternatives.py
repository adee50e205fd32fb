"""Alternatives: distinct, ranked, and within the rules that are asked for."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from composer.harmonizing import alternatives, choir_of, sketch_of
from composer.harmonizing.closing import Closing
from composer.pipeline import Composer
from composer.score import Part, Score
from composer.theory import TICKS_PER_QUARTER as Q
from composer.theory import ChordSymbol, Meter


@cache
def model() -> Composer:
    return Composer.load("chorales-markov")


def melody(*lengths: float, chords: tuple[ChordSymbol, ...] = ()) -> Score:
    ends = (np.cumsum(lengths) * Q).round().astype(int)
    pitch = [67 + (2, 0, 4, 5, 2, 7)[k % 6] for k in range(len(lengths))]
    part = Part.of(np.append(0, ends[:-1]), pitch, np.diff(np.append(0, ends)))
    return choir_of(Score.of([part], meter="4/4", key="G", chords=chords))[0]


TRIPLETS = melody(1, 1 / 3, 1 / 3, 1 / 3, 2 / 3, 1 / 3, 1, 1, 1 / 8, 1 / 8, 1 / 8, 1 / 8, 0.5, 1, 1)


def test_forbidden_rules_hold_off_the_grid_too() -> None:
    sketch = sketch_of(TRIPLETS, forbid="parallels, crossings")
    found = alternatives(model(), sketch, 4, seed=1, temperature=1.5)
    assert len(found) == 4
    kinds = {mistake.kind for one in found for mistake in one.mistakes}
    assert not kinds & {"parallel fifths", "parallel octaves", "crossing"}
    free = {m.kind for one in alternatives(model(), sketch_of(TRIPLETS), 4, seed=1) for m in one.mistakes}
    assert free & {"parallel fifths", "parallel octaves", "crossing"}


def test_nobody_moves_against_triplets() -> None:
    for one in alternatives(model(), sketch_of(TRIPLETS), 4, seed=2, temperature=2.0):
        for part in one.score.parts[1:]:
            against = part.onset[(part.onset < 3 * Q) & (part.onset > Q)]
            assert set(against.tolist()) <= {2 * Q}


def test_alternatives_are_distinct_and_as_many_as_there_are() -> None:
    chord = melody(1, 1)
    found = alternatives(model(), sketch_of(chord), 6, seed=3)
    assert len({one.score.parts for one in found}) == len(found) == 6
    pins = [f"{voice} 1.{beat}={note}" for voice, note in (("alto", "D4"), ("tenor", "B3")) for beat in (1, 2)]
    pins += ["bass 1.1=G3", "bass 1.2=G3"]
    only = sketch_of(chord, pins=pins, shortest="1/4", longest="1/4")
    assert len(alternatives(model(), only, 3, seed=1)) == 1


def test_the_likelier_and_the_cleaner_come_first() -> None:
    found = alternatives(model(), sketch_of(melody(1, 1, 1, 1)), 6, seed=5, temperature=2.0)
    nats = sorted((one.nats for one in found), reverse=True)
    counts = sorted({len(one.mistakes) for one in found})
    ranks = [nats.index(one.nats) + counts.index(len(one.mistakes)) for one in found]
    assert ranks == sorted(ranks)
    assert len(set(nats)) > 1 < len(counts)


def test_the_score_is_the_models_own() -> None:
    sketch = sketch_of(melody(1, 1, 1, 1))
    [one] = alternatives(model(), sketch, 1, seed=1)
    sequence = model().encoding.encode(one.score)
    nats = model().generator.log_prob(sequence)
    assert one.nats == pytest.approx(nats.sum() / sum(map(len, one.score.parts)))


@pytest.mark.parametrize("wished", [True, False])
def test_chords_are_kept_and_silence_with_the_melody(wished: bool) -> None:
    rests = melody(1, 1, 1, 1, chords=(ChordSymbol(1, "", None, 0),))
    part = rests.parts[0]
    rests = replace(rests, parts=(part.select(part.onset != 2 * Q), *rests.parts[1:]))
    sketch = sketch_of(rests, chords="G") if wished else sketch_of(rests)
    voices = [part for one in alternatives(model(), sketch, 12, seed=1) for part in one.score.parts[1:]]
    for part in voices:
        for tick in (0, Q, 3 * Q):
            at = int(np.searchsorted(part.onset, tick, "right")) - 1
            assert part.offset[at] > tick
            assert int(part.pitch[at]) % 12 in (7, 11, 2)
    silent = [not any(a <= 2 * Q < b for a, b in zip(p.onset, p.offset, strict=True)) for p in voices]
    assert any(silent)


def test_nobody_rests_under_the_melody_unless_a_rhythm_is_wished() -> None:
    jig = replace(melody(*[1, 0.5] * 8), meters=(Meter(6, 8),))
    for one in alternatives(model(), sketch_of(jig), 3, seed=1, temperature=2.0):
        assert all((np.append(0, part.offset) == np.append(part.onset, jig.end)).all() for part in one.score.parts[1:])
    [one] = alternatives(model(), sketch_of(melody(1, 1, 1, 1), wish=["voice bass: rhythm=1/4 z1/4"]), 1, seed=1)
    assert one.score.parts[3].onset.tolist() == [0, 2 * Q]


def test_the_last_chord_is_the_tonics_and_stands_still() -> None:
    song = melody(1, 1, 1, 1, 1, 3)  # ends on G
    for one in alternatives(model(), sketch_of(song), 6, seed=1, temperature=3.0):
        for part in one.score.parts[1:]:
            assert int(part.pitch[-1]) % 12 in (7, 11, 2)
            assert part.onset[-1] <= 5 * Q < part.offset[-1] == 8 * Q
    wished = sketch_of(song, wish=["bars 1: leap=5th"])
    assert not [wish for wish in wished.constraints if isinstance(wish, Closing)]


def test_a_chord_that_names_its_bass_has_it() -> None:
    chords = (ChordSymbol(1, "", 5, 0), ChordSymbol(0, "", None, 2 * Q))  # G/B, C
    for one in alternatives(model(), sketch_of(melody(1, 1, 1, 1, chords=chords)), 3, seed=1):
        bass = one.score.parts[3]
        assert bass.pitch[0] % 12 == 11
