"""Every wish holds in what every generator completes, in views of columns: one voice, and four at once."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from sketch.accept import Acceptor, Heard
from sketch.said import SAID, C, D, E, G, View, begun

from composer.pipeline import Composer
from composer.registry import GENERATORS
from composer.score import Part, Score
from composer.sketch import REST, Hole, Sketch
from composer.sketch.wishes import from_text
from composer.theory import TICKS_PER_QUARTER as Q
from composer.voice_leading import mistakes

VIEW = Q // 4  # ticks of a step
SMALL = dict.fromkeys(("hidden", "width"), 8) | dict.fromkeys(("layers", "depth"), 1) | {"reach": 6, "below": 6}
QUICK = {
    "markov": {"order": 2, "serial": True},
    "maxent": {"iterations": 8, "sweeps": 4},
    "biaxial": SMALL | {"steps": 8, "every": 8, "batch": 4, "window": 24, "rate": 0.03, "particles": 4},
}
WHOLE = ["maxent", "biaxial"]  # what writes four voices at once


def line(seed: int, eighths: int, pitches: tuple[int, ...]) -> Part:
    """Of one to four eighths each."""
    rng, notes, tick = np.random.default_rng(seed), [], 0
    while tick < eighths * E:
        length = min(int(rng.integers(1, 5)) * E, eighths * E - tick)
        pitch = int(rng.choice(pitches))
        notes += [(tick, pitch, length)] if pitch != REST else []
        tick += length
    return Part.of(*np.array(notes, dtype=np.int64).reshape(-1, 3).T)


@cache
def one_voice(generator: str) -> Composer:
    """It knows three pitches, relative to any tonic that the frames have."""
    pieces = [
        Score.of([line(seed, 24, (C, D, G, REST))], meter="3/4", key=key)
        for key in ("C", "G dorian", "C minor", "C# minor")
        for seed in range(12)
    ]
    options = {"voices": 1}
    made = Composer.untrained("voices", generator, encoding_options=options, generator_options=QUICK[generator])
    return made.fit(pieces)


def heard(part: Part, end: int) -> list[Heard]:
    """A part's notes, and the rests between them cell by cell, for each is struck."""
    found, tick = [], 0
    for note in part:
        found += [Heard(at, REST, VIEW) for at in range(tick, note.onset, VIEW)]
        found.append(Heard(note.onset, note.pitch, note.duration))
        tick = note.onset + note.duration
    return found + [Heard(at, REST, VIEW) for at in range(tick, end, VIEW)]


@pytest.mark.parametrize("generator", GENERATORS)
@pytest.mark.parametrize(("text", "score", "view"), SAID, ids=[f"{text} in {s.meter}" for text, s, _ in SAID])
def test_wishes_hold_in_a_voice(generator: str, text: str, score: Score, view: View) -> None:
    wishes = from_text(text, score)
    sketch = Sketch(score, (Hole(0, 0, score.end),), tuple(wishes))
    accepts = [Acceptor(wish, score, VIEW) for wish in wishes]
    for found in one_voice(generator).completions(sketch, 4, seed=1):
        voice = heard(found.parts[0], score.end)
        assert all(accept(voice) for accept in accepts)
        notes = [note for note in voice if note.pitch != REST]
        if not any(note.onset % E or note.end % E or note.pitch not in (C, D, G) for note in notes):
            assert view(notes)


# --- four voices --------------------------------------------------------------------------------------------------


@cache
def choir(generator: str) -> Composer:
    """Four voices of a fifth each."""
    pieces = []
    for seed in range(16):
        rng = np.random.default_rng(seed)
        parts = [line(int(rng.integers(1 << 30)), 32, tuple(range(72 - 6 * v, 79 - 6 * v))) for v in range(4)]
        pieces.append(Score.of(parts, meter="4/4", key="C"))
    return Composer.untrained("voices", generator, generator_options=QUICK[generator]).fit(pieces)


of_choir = pytest.mark.parametrize("generator", WHOLE)


def blank(*wishes: str, bars: int = 4) -> Sketch:
    return Sketch.blank(bars=bars, voices=4, key="C", wish=list(wishes), scale="chromatic")


def lines(score: Score) -> list[list[int]]:
    return [part.pitch.tolist() for part in score.parts]


@of_choir
def test_leaps_are_kept_in_all_voices_at_once(generator: str) -> None:
    for score in choir(generator).completions(blank("leap=2"), 4, seed=1):
        assert all(abs(a - b) <= 2 for pitches in lines(score) for a, b in pairwise(pitches))
        assert all(len(set(pitches)) > 1 for pitches in lines(score))


@of_choir
def test_density_is_kept_in_all_voices_at_once(generator: str) -> None:
    for score in choir(generator).completions(blank("density=2-3"), 4, seed=2):
        for part in score.parts:
            notes = [Heard(n.onset, n.pitch, n.duration) for n in part]
            assert all(begun(2, 3, 8 * bar, 8 * bar + 8)(notes) for bar in range(4))


@of_choir
def test_contours_are_kept_in_all_voices_at_once(generator: str) -> None:
    wishes = (
        "voice 1: contour=rising",
        "voice 2: contour=falling",
        "voice 3: contour=arch",
        "voice 4: contour=falling",
    )
    for score in choir(generator).completions(blank(*wishes), 4, seed=3):
        up, down, arch, low = lines(score)
        assert up == sorted(up)
        assert up[0] < up[-1]
        assert all(pitches == sorted(pitches, reverse=True) and pitches[0] > pitches[-1] for pitches in (down, low))
        top = int(np.argmax(arch))
        assert arch[: top + 1] == sorted(arch[: top + 1])
        assert arch[top:] == sorted(arch[top:], reverse=True)


@of_choir
def test_leaps_density_and_contours_are_kept_together(generator: str) -> None:
    for score in choir(generator).completions(
        blank("leap=5", "density=2-5", "contour=rising", "forbid=crossings"), 3, seed=5
    ):
        for pitches in lines(score):
            assert pitches == sorted(pitches)
            assert all(b - a <= 5 for a, b in pairwise(pitches))
            assert 8 <= len(pitches) <= 20


@of_choir
def test_all_of_them_at_once_with_a_given_voice_and_rules_between(generator: str) -> None:
    soprano = Part.of(np.arange(8) * 2 * Q, [72, 74, 76, 77, 76, 74, 72, 72], np.full(8, 2 * Q))
    score = Score.of([soprano, Part.of(), Part.of(), Part.of()], key="C", barlines=np.arange(5) * 4 * Q)
    sketch = Sketch.of(score, "voices 2-4", leap=7, density="2-6", forbid="crossings", ends_on="C")
    for found in choir(generator).completions(sketch, 3, seed=4):
        assert found.parts[0] == soprano
        assert not [mistake for mistake in mistakes(found) if mistake.kind == "crossing"]
        assert found.parts[3].pitch[-1] % 12 == 0
        assert all(abs(a - b) <= 7 for pitches in lines(found)[1:] for a, b in pairwise(pitches))
