"""MaxOrder end to end: what may be copied is counted note by note, and every way to forbid the rest is held to it."""

from collections import Counter
from functools import cache

import numpy as np
import pytest
from sketch.accept import Voice
from sketch.broken import ROWS, SHORT
from sketch.said import E
from test_exactness import heard, passing, pieces, world, written
from world import chi_square, wishing

from composer.copies import EXACT
from composer.encodings.melody import Melody
from composer.generators.guarded import particles
from composer.generators.markov import Markov
from composer.generators.walk import Walk, copies
from composer.pipeline import Composer
from composer.sketch import REST
from composer.sketch.wishes import from_text

Shape = tuple[tuple[int, int], ...]


def runs(line: Voice) -> list[tuple[int, Shape]]:
    """Every run of two events or more that begins with a note: how many notes it has, and its shape in any key."""
    found = []
    for first, note in enumerate(line):
        for last in range(first + 2, len(line) + 1) if note.pitch != REST else ():
            part = line[first:last]
            shape = tuple((r.pitch - note.pitch if r.pitch != REST else REST, r.duration) for r in part)
            found.append((sum(r.pitch != REST for r in part), shape))
    return found


def rests_joined(voice: Voice) -> Voice:
    """As the view writes it: rests side by side in a bar are one."""
    found: Voice = []
    for event in voice:
        if found and event.pitch == REST == found[-1].pitch and event.onset != 4 * E:
            found[-1] = found[-1]._replace(duration=found[-1].duration + event.duration)
        else:
            found.append(event)
    return found


@cache
def learned() -> list[Voice]:
    here = world(SHORT)
    encoded = [here.encoding.encode(piece).events.tolist() for piece in pieces(SHORT, E)]
    known = {sequence.events.tobytes(): voice for sequence, voice in zip(here.sequences, heard(SHORT), strict=True)}
    return [known[np.array(events, dtype=np.int32).tobytes()] for events in encoded]


@cache
def kept(limit: int, *, joined: bool = True) -> np.ndarray:
    """(L,) whether a sequence, and it with its rests ``joined``, has no copied run of more than so many notes."""
    forbidden = {shape for line in learned() for notes, shape in runs(line) if notes > limit}
    lines = [(voice, rests_joined(voice) if joined else voice) for voice in heard(SHORT)]
    return np.array([all(shape not in forbidden for v in pair for _, shape in runs(v)) for pair in lines])


@pytest.mark.parametrize("text", ["voice 1: leap=5", "density=1-2", "range=C4:D4", "bars 1: leap=2"])
@pytest.mark.parametrize("size", [2, 3])
def test_words_in_the_product_are_exact(text: str, size: int) -> None:
    """No more than ``size`` events in a row as in a piece, in its own key."""
    here = world(SHORT)
    tokens = [tuple(event) for event in here.alphabets[0].tolist()]
    lines = [
        [tokens.index(tuple(event)) for event in here.encoding.encode(p).events.tolist()] for p in pieces(SHORT, E)
    ]
    words = {tuple(line[k : k + size + 1]) for line in lines for k in range(len(line) - size)}
    free = [not any(tuple(path[k : k + size + 1]) in words for k in range(len(path) - size)) for path in here.paths]
    sure = passing(SHORT, ROWS[text][0]) & np.array(free)
    for heat in (1.0, 0.7):
        here.agrees(wishing(SHORT, from_text(text, SHORT)), sure, heat=heat, words=sorted(map(list, words)))


def composer() -> Composer:
    return Composer(Melody(), Markov(4)).fit(pieces(SHORT, E))


@pytest.mark.parametrize(("most", "way"), [(EXACT, "exact"), (0, "rejection")])
def test_completions_that_copy_no_more_than_allowed_are_as_probable_as_before(
    most: int, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("composer.copies.EXACT", most)
    here = world(SHORT)
    p = np.where(written(SHORT) & kept(2), np.exp(here.free()), 0.0)
    shares: Counter[tuple[tuple[int, ...], ...]] = Counter()
    for voice, share in zip(heard(SHORT), (p / p.sum()).tolist(), strict=True):
        shares[tuple(tuple(note) for note in voice if note.pitch != REST)] += share
    scores = composer().completions(wishing(SHORT, from_text("max_copy=2 notes", SHORT)), 1_500, seed=1)
    assert scores[0].metadata["guard"].startswith(way)
    counts = Counter(tuple((n.onset, n.pitch, n.duration) for n in score.parts[0]) for score in scores)
    assert all(shares[notes] > 0 for notes in counts)
    assert abs(chi_square(np.array([counts[n] for n in shares]), np.array(list(shares.values())))) < 4.5


def test_particles_copy_no_more_than_allowed_and_tell_how_many_would_pass() -> None:
    here, trained = world(SHORT), composer()
    walk = Walk(here.model.belief(here.constraints))
    guard = trained.known_sources.guard(trained.encoding, SHORT, 1, "notes")
    bans = copies(walk, [guard], trained.encoding, np.ones(here.constraints.end, dtype=bool))
    p = np.where(written(SHORT), np.exp(here.free()), 0.0)
    passes = p[kept(1, joined=False)].sum() / p.sum()
    known = {tuple(path): bool(ok) for path, ok in zip(here.paths, kept(1, joined=False), strict=True)}
    rng = np.random.default_rng(5)
    drawn = [particles(walk, bans, count=32, rng=rng) for _ in range(60)]
    assert all(known[tuple(path)] for path, _ in drawn)
    rates = [rate for _, rate in drawn]
    assert np.mean(rates) == pytest.approx(passes, abs=4 * np.std(rates) / np.sqrt(len(rates)))
