"""The tests that decide: sketches, the melody view and the Markov chain together, against every sequence there is.

A wish is judged on the notes of each sequence, from its definition; what it does to the model must be just that.
"""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from sketch import broken
from sketch.accept import Heard, Voice
from sketch.broken import ROWS, SHORT, SOFT, Breaches, all_through, each, in_order, notes_of, only, steps, turns
from sketch.said import (
    SAID,
    SIXTEENTHS,
    C,
    D,
    E,
    G,
    View,
    all_in,
    arches,
    begun,
    frame,
    leaps,
    line,
    rises,
    through,
)
from world import World, chi_square, wishing

from composer.encodings.melody import Melody
from composer.generators.markov import Markov
from composer.score import Part, Score
from composer.sketch import REST, Sketch
from composer.sketch.wishes import WISHES, from_text
from composer.theory import TICKS_PER_QUARTER as Q

VALUES = ((C, 1), (C, 2), (C, 3), (D, 1), (D, 2), (G, 1), (G, 2), (G, 4), (REST, 1), (REST, 2))
FEW = ((D, 1), (D, 3), (G, 1), (G, 2), (REST, 1), (REST, 2))  # for longer frames


def pieces(score: Score, unit: int, seed: int = 0, count: int = 30) -> list[Score]:
    """Small scores in a frame, at random."""
    rng, found = np.random.default_rng(seed), []
    values = VALUES if score.end <= 6 * unit else FEW
    for _ in range(count):
        notes, tick = [], 0
        while tick < score.end:
            pitch, length = values[rng.integers(len(values))]
            end = min(tick + length * unit, score.end)
            notes += [(tick, pitch, end - tick)] if pitch != REST else []
            tick = end
        rows = np.array(notes, dtype=np.int64).reshape(-1, 3)
        found.append(replace(score, parts=(Part.of(*rows.T),)))
    return found


@cache
def world(score: Score) -> World:
    unit, view = E // 2 if score is SIXTEENTHS else E, Melody()
    return World(view, Markov(4).fit([view.encode(piece) for piece in pieces(score, unit)]), score)


@cache
def heard(score: Score) -> list[Voice]:
    """The notes and rests of every sequence of a frame."""
    here, view, tonic = world(score), Melody(), score.key.tonic_class
    found = []
    for sequence in here.sequences:
        starts, events = (sequence.steps * view.grid).tolist(), sequence.events.tolist()
        found.append(
            [
                Heard(start, REST if symbol == 0 else symbol - 12 + tonic, duration * view.grid)
                for start, (symbol, duration) in zip(starts, events, strict=True)
            ]
        )
    return found


@cache
def written(score: Score) -> np.ndarray:
    """(L,) whether a sequence is one that the view may write: no rest lasts over a bar line."""
    lines = score.barlines.tolist()
    return np.array([not any(r.pitch == REST and r.onset < b < r.end for r in v for b in lines) for v in heard(score)])


def passing(score: Score, view: View) -> np.ndarray:
    notes = [[note for note in voice if note.pitch != REST] for voice in heard(score)]
    return written(score) & np.array([view(line) for line in notes])


FRAMES = {id(score): score for _, score, _ in SAID}


@pytest.mark.parametrize("score", FRAMES.values(), ids=lambda s: f"{s.meter} {s.key} {np.diff(s.barlines) // Q}")
def test_every_wish_alone(score: Score) -> None:
    here, view = world(score), Melody()
    for k in np.random.default_rng(0).choice(len(here.sequences), 40):
        notes = [Heard(n.onset, n.pitch, n.duration) for n in view.decode(here.sequences[k], score).parts[0]]
        assert notes == [note for note in heard(score)[k] if note.pitch != REST]
    for text, other, musician in SAID:
        if other is score:
            here.agrees(wishing(score, from_text(text, score)), passing(score, musician))


# --- wishes of every kind in one frame, and how often each is broken --------------------------------------------------


@cache
def allowed(text: str) -> np.ndarray:
    return passing(SHORT, ROWS[text][0])


@cache
def breaches(text: str) -> np.ndarray:
    return np.array([ROWS[text][1](voice) for voice in heard(SHORT)])


def test_every_kind_of_wish_is_here() -> None:
    assert {text.rpartition(": ")[2].partition("=")[0] for text in ROWS} == set(WISHES)


@pytest.mark.parametrize("text", ROWS)
def test_alone_certain_and_preferred_hot_and_cold(text: str) -> None:
    here, certain = world(SHORT), wishing(SHORT, from_text(text, SHORT))
    for heat in (1.0, 0.7):
        here.agrees(certain, allowed(text), heat=heat)
    if text in SOFT:
        assert ((breaches(text) == 0) == allowed(text))[written(SHORT)].all()
        for weight, heat in ((1.3, 1.0), (0.4, 0.7)):
            soft = wishing(SHORT, from_text(f"{text} weight {weight}", SHORT))
            here.agrees(soft, written(SHORT), -weight * breaches(text), heat)


@pytest.mark.parametrize("one", ROWS)
def test_pairs(one: str) -> None:
    """Both certain; the first certain and the second preferred, and the other way round; both preferred."""
    for number, other in enumerate(list(ROWS)[list(ROWS).index(one) + 1 :]):
        both, turn = [one, other], number % 4
        soft = [text for text in both if text in SOFT][: turn // 2 + 1] if turn else []
        soft = [other] if turn == 2 and other in SOFT else soft
        wishes = [w for text in both for w in from_text(f"{text} weight 0.9" if text in soft else text, SHORT)]
        sure = np.logical_and.reduce([written(SHORT), *(allowed(text) for text in both if text not in soft)])
        world(SHORT).agrees(wishing(SHORT, wishes), sure, -0.9 * sum(breaches(text) for text in soft))


def test_preferences_count_the_beats_that_are_felt_in_a_pickup(monkeypatch: pytest.MonkeyPatch) -> None:
    score = frame("2/4", 3, 3)
    monkeypatch.setattr(broken, "BEATS", (1, 3, 5))
    wrong = np.array([only(C, D)(voice) for voice in heard(score)])
    world(score).agrees(wishing(score, from_text("range=C4:D4 weight 0.9", score)), written(score), -0.9 * wrong)


# --- a region of a score that is given --------------------------------------------------------------------------------

THREE = frame("1/4", 2, 2, 2)
GIVEN = replace(THREE, parts=(Part.of([0, 2 * E, 4 * E, 5 * E], [G, C, D, G], [2 * E, 2 * E, E, E]),))
BAR = range(2, 4)
FREED: dict[str, tuple[View, Breaches]] = {
    "range=C4:D4": (all_in(C, D), only(C, D, bar=BAR)),
    "leap=2": (leaps(2), steps(2, bar=BAR)),
    "contour=rising": (rises, turns(1, bar=BAR)),
    "contour=arch": (arches, turns(1, -1, bar=BAR)),
    "melody=D4 C4": (line(D, C), in_order(D, C, bar=BAR)),
    "melody=D4": (line(D), in_order(D, bar=BAR)),
    "density=2": (begun(2, 2, 2, 4), lambda voice: len(notes_of(voice, BAR)) < 2),
    "density=1": (begun(1, 1, 2, 4), lambda voice: len(notes_of(voice, BAR)) != 1),
    "longest=1/8": (lambda notes: all(n.duration <= E for n in notes), each(lambda n: n.duration > E)),
    "ends_on=C": (through(2, 4, C), all_through(2, 4, C)),
}


@pytest.mark.parametrize("text", FREED)
def test_in_a_bar_that_is_freed(text: str) -> None:
    """What is given is kept as it is, and not judged; what begins in the bar is, to its end."""
    here, (view, count) = world(THREE), FREED[text]
    bar = [[r for r in voice if r.onset // E in BAR] for voice in heard(THREE)]
    kept = [
        [r[:3] for r in voice if r.onset // E not in BAR] == [(0, G, 2 * E), (4 * E, D, E), (5 * E, G, E)]
        for voice in heard(THREE)
    ]
    there = written(THREE) & np.array(kept)
    name, _, value = text.partition("=")
    sure = np.array([view([note for note in voice if note.pitch != REST]) for voice in bar])
    here.agrees(Sketch.of(GIVEN, "bar 2", **{name: value}), there & sure)
    wrong = np.array([count(voice) for voice in bar])
    here.agrees(Sketch.of(GIVEN, "bar 2", prefer=[f"{text} weight 0.8"]), there, -0.8 * wrong)


def test_wishes_for_many_bars_are_kept_apart_without_being_multiplied() -> None:
    """Each machine sleeps outside its bars: the states of twelve together would not fit in 64 bits."""
    bars = frame("1/4", *[2] * 12)
    view = Melody()
    model = Markov(3).fit([view.encode(piece) for piece in pieces(bars, E)])
    turns = ["rising" if bar % 2 else "falling" for bar in range(1, 13)]
    wishes = [wish for bar, turn in enumerate(turns, 1) for wish in from_text(f"bars {bar}: contour={turn}", bars)]
    for sequence in model.sample(view.compile(wishing(bars, wishes)), n=10, rng=np.random.default_rng(0)):
        notes = [(note.onset // (2 * E), note.pitch) for note in view.decode(sequence, bars).parts[0]]
        assert [(bar, p) for bar in range(12) for p in ((D, G) if turns[bar] == "rising" else (G, D))] == notes


@pytest.mark.slow
@pytest.mark.parametrize("text", [text for text in ROWS if ":" not in text.removeprefix("range=C4:")])
def test_twenty_thousand_samples(text: str) -> None:
    """Of a certain wish, or of it preferred: none is outside, and chi-square cannot tell them from exact."""
    here, soft = world(SHORT), text in SOFT and list(ROWS).index(text) % 2 == 1
    wishes = from_text(f"{text} weight 0.9" if soft else text, SHORT)
    weight = here.free() - 0.9 * breaches(text) if soft else np.where(allowed(text), here.free(), -np.inf)
    weight = np.where(written(SHORT), weight, -np.inf)
    p = np.exp(weight - np.logaddexp.reduce(weight))
    counts = here.drawn(wishing(SHORT, wishes), 20_000, np.random.default_rng(4))
    assert (counts[p == 0] == 0).all()
    assert abs(chi_square(counts, p)) < 4.5


def test_log_prob_inside_constraints_is_that_of_the_samples() -> None:
    here = world(SHORT)
    constraints = here.encoding.compile(wishing(SHORT, from_text("leap=2 weight 0.5", SHORT)))
    weight = np.where(written(SHORT), here.free() - 0.5 * breaches("leap=2"), -np.inf)
    weight -= np.logaddexp.reduce(weight)
    for k in np.random.default_rng(0).choice(len(weight), 30):
        sequence = here.sequences[k]
        assert here.model.log_prob(sequence).sum() == pytest.approx(here.free()[k], abs=1e-9)
        assert here.model.log_prob(sequence, constraints).sum() == pytest.approx(weight[k], abs=1e-9)
