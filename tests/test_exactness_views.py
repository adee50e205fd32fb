"""Exactness in the views that write one note as several events: ties over bar lines, and columns of a grid."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import combinations

import numpy as np
import pytest
from sketch import broken
from sketch.accept import Heard, Voice
from sketch.broken import ROWS, SHORT, SOFT
from sketch.said import C, D, E, G, all_in, begun, frame, leaps, rises, sounding_inside, through
from test_exactness import pieces
from world import World, wishing

from composer.encodings.abc_tokens import AbcTokens
from composer.encodings.base import Encoding
from composer.encodings.voices import HOLD_SYMBOL, Voices
from composer.generators.markov import Markov
from composer.inference.sequence import Sequence
from composer.score import Part, Score
from composer.sketch import REST
from composer.sketch.wishes import from_text

S = E // 2
SMALL = frame("2/8", 4, 2, unit=S)  # the frame of the rows, twice as fast: this view writes sixteenths


def taken_up(rows: list[tuple[int, int, int, bool]]) -> Voice:
    """Notes and rests of events (onset, pitch, duration, goes on), those that go on added to what they go on from."""
    voice: Voice = []
    for onset, pitch, duration, goes_on in rows:
        if goes_on and voice:
            voice[-1] = voice[-1]._replace(duration=voice[-1].duration + duration)
        else:
            voice.append(Heard(onset, pitch, duration))
    return voice


def tied(sequence: Sequence) -> Voice | None:
    """None if it is not as this view writes: broken at bar lines, where a tie goes on from the same pitch."""
    rows, last, line = [], None, 4 * E
    for step, (symbol, duration) in zip(sequence.steps.tolist(), sequence.events.tolist(), strict=True):
        start, end, goes_on, note = (
            step * AbcTokens.grid,
            (step + duration) * AbcTokens.grid,
            symbol >= 140,
            symbol % 140,
        )
        if start < line < end or (goes_on and (start != line or note != last or note == 0)):
            return None
        rows.append((start, note - 12 if note else REST, end - start, goes_on))
        last = note
    return taken_up(rows)


def column(sequence: Sequence, voice: int = 0) -> Voice | None:
    """The notes and rests of a voice, twice as slow; None if it begins with a hold."""
    rows, symbols = [], sequence.events[:, voice].tolist()
    for step, symbol in enumerate(symbols):
        rows.append((step * E, symbol - 12 if symbol else REST, E, symbol == HOLD_SYMBOL))
    return None if symbols[0] == HOLD_SYMBOL else taken_up(rows)


def slow(text: str) -> str:
    return text


def fast(text: str) -> str:
    return re.sub(r"1/(\d+)", lambda value: f"1/{2 * int(value[1])}", text)


VIEWS: dict[str, tuple[Encoding, Score, Callable[[Sequence], Voice | None], Callable[[str], str]]] = {
    "abc_tokens": (AbcTokens(), SHORT, tied, slow),
    "voices": (Voices(voices=1), SMALL, column, fast),
}


@cache
def world(name: str) -> World:
    view, score, *_ = VIEWS[name]
    model = Markov(3).fit([view.encode(piece) for piece in pieces(score, E if score is SHORT else S)])
    return World(view, model, score)


@cache
def heard(name: str) -> list[Voice | None]:
    return [VIEWS[name][2](sequence) for sequence in world(name).sequences]


@cache
def written(name: str) -> np.ndarray:
    return np.array([voice is not None for voice in heard(name)])


def allowed(name: str, text: str) -> np.ndarray:
    view = ROWS[text][0]
    voices = [[note for note in voice if note.pitch != REST] if voice else None for voice in heard(name)]
    return np.array([voice is not None and view(voice) for voice in voices])


def breaches(name: str, text: str) -> np.ndarray:
    return np.array([ROWS[text][1](voice) if voice else 0 for voice in heard(name)])


@pytest.mark.parametrize("name", VIEWS)
def test_the_notes_are_those_that_the_view_reads(name: str) -> None:
    here, pace = world(name), 1 if name == "abc_tokens" else 2
    for k in np.random.default_rng(0).choice(np.flatnonzero(written(name)), 60):
        notes = here.encoding.decode(here.sequences[k], here.frame).parts[0]
        found = [Heard(pace * note.onset, note.pitch, pace * note.duration) for note in notes]
        assert found == [note for note in heard(name)[k] or [] if note.pitch != REST]


@pytest.mark.parametrize("text", ROWS)
@pytest.mark.parametrize("name", VIEWS)
def test_alone(name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns count what preferences say of held notes only where a wish makes them remember what is held."""
    (_, score, _, pace), here = VIEWS[name], world(name)
    here.agrees(wishing(score, from_text(pace(text), score)), allowed(name, text))
    if text in SOFT:
        if name == "voices":
            monkeypatch.setattr(broken, "BEATS", ())
        soft = wishing(score, from_text(pace(f"{text} weight 0.7"), score))
        here.agrees(soft, written(name), -0.7 * breaches(name, text), heat=0.8)


@pytest.mark.parametrize("text", SOFT)
@pytest.mark.parametrize("name", VIEWS)
def test_beside_a_density(name: str, text: str) -> None:
    (_, score, _, pace), here = VIEWS[name], world(name)
    dense = from_text("density=1-2", score)
    sure = allowed(name, "density=1-2")
    here.agrees(wishing(score, [*dense, *from_text(pace(text), score)]), sure & allowed(name, text))
    soft = from_text(pace(f"{text} weight 0.7"), score)
    here.agrees(wishing(score, [*dense, *soft]), sure, -0.7 * breaches(name, text))


# --- two voices -------------------------------------------------------------------------------------------------------

DUET = frame("1/8", 2, 2, unit=S)
DUET = replace(DUET, parts=(Part.of(name="Upper"), Part.of(name="Lower")))
Notes = list[Heard]
TOGETHER: dict[str, Callable[[Notes, Notes], bool]] = {
    "range=C4:D4": lambda upper, lower: all_in(C, D)(upper) and all_in(C, D)(lower),
    "voice 2: range=C4:D4": lambda _, lower: all_in(C, D)(lower),
    "voice 1: leap=5": lambda upper, _: leaps(5)(upper),
    "leap=5": lambda upper, lower: leaps(5)(upper) and leaps(5)(lower),
    "voice upper: contour=rising": lambda upper, _: rises(upper),
    "ends_on=G4": lambda _, lower: through(2, 4, G)(lower),
    "ends_on=Gm": lambda upper, lower: through(2, 4, G)(lower) and through(2, 4, G)(upper),
    "fermatas=1.1": lambda upper, lower: through(0, 2, C, G)(upper) and through(0, 2, C, G)(lower),
    "voice 2: density=1": lambda _, lower: begun(1, 1, 0, 2)(lower) and begun(1, 1, 2, 4)(lower),
    "bars 2 voice 1: range=C4:D4": lambda upper, _: sounding_inside(all_in(C, D), 2, 4)(upper),
    "voice 1: longest=1/16": lambda upper, _: all(note.duration <= E for note in upper),
}


@cache
def duet(serial: bool) -> World:
    view, rng = Voices(voices=2), np.random.default_rng(2)
    found = []
    for _ in range(25):
        events = np.array([12 + C, 12 + G, HOLD_SYMBOL])[rng.integers(0, 3, (4, 2))]
        events[0] = np.minimum(events[0], 12 + G)
        found.append(view.encode(view.decode(Sequence(events.astype(np.int32), np.arange(4, dtype=np.int32)), DUET)))
    model = Markov(5, nearest=2, serial=True) if serial else Markov(3)
    return World(view, model.fit(found), DUET)


@cache
def duets(serial: bool) -> list[tuple[Voice | None, Voice | None]]:
    return [(column(sequence, 0), column(sequence, 1)) for sequence in duet(serial).sequences]


@pytest.mark.parametrize(("one", "other"), list(combinations(TOGETHER, 2)))
def test_two_voices_in_pairs_of_wishes(one: str, other: str) -> None:
    for serial in (False, True):
        sure = np.array([bool(u and v and TOGETHER[one](u, v) and TOGETHER[other](u, v)) for u, v in duets(serial)])
        duet(serial).agrees(wishing(DUET, [*from_text(one, DUET), *from_text(other, DUET)]), sure)
