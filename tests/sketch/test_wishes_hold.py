"""For every wish and every voice that fills a small frame: its cells accept the voice just if a musician would."""

from dataclasses import dataclass
from functools import cache
from itertools import combinations

import pytest
from sketch.accept import Acceptor, Heard, Voice, voices
from sketch.said import DUPLE, SAID, SIXTEENTHS, TWO, C, D, E, G, Said, View, through

from composer.score import Score
from composer.sketch import REST, Automaton, Cells, Constraint, Hole, Sketch
from composer.sketch.cadence import Opens, RestsOn
from composer.sketch.cells import Table
from composer.sketch.rhythm import Onsets
from composer.sketch.wishes import from_text
from composer.theory import Ints


@dataclass(frozen=True)
class Both(Constraint):
    """What a sketch certainly says of its cells."""

    sketch: Sketch

    def mask(self, ticks: Ints, score: Score) -> Cells:
        return self.sketch.cells(0, ticks)

    def __str__(self) -> str:
        return str(self.sketch)


@dataclass(frozen=True)
class Unmasked(Constraint):
    """A wish without its mask."""

    wish: Constraint

    def lasts(self, start: Ints, end: Ints, score: Score) -> Table | None:
        return self.wish.lasts(start, end, score)

    def automaton(self, ticks: Ints, score: Score) -> Automaton | None:
        return self.wish.automaton(ticks, score)

    def __str__(self) -> str:
        return str(self.wish)


@cache
def heard(score: Score) -> list[tuple[Voice, list[Heard]]]:
    """Every voice of a frame, and its notes without the rests."""
    cells = score.end // grid(score)
    found = voices(cells, grid(score), (C, D, G) if cells <= 6 else (D, G))
    return [(voice, [note for note in voice if note.pitch != REST]) for voice in found]


def grid(score: Score) -> int:
    return E // 2 if score is SIXTEENTHS else E


@pytest.mark.parametrize(("text", "score", "view"), SAID, ids=[f"{text} in {s.meter}" for text, s, _ in SAID])
def test_cells_accept_what_a_musician_would(text: str, score: Score, view: View) -> None:
    accepts = [Acceptor(wish, score, grid(score)) for wish in from_text(text, score)]
    assert accepts or text == "syncopation=true"
    found = [(all(accept(voice) for accept in accepts), view(notes), voice) for voice, notes in heard(score)]
    assert [voice for cells, notes, voice in found if cells != notes][:3] == []
    assert any(cells for cells, _, _ in found)


TOGETHER = [(a, b) for a, b in combinations(SAID, 2) if a[1] is b[1] is TWO][::7]


@pytest.mark.parametrize(("one", "other"), TOGETHER, ids=[f"{a[0]} and {b[0]}" for a, b in TOGETHER])
def test_masks_of_two_wishes_hold_together_in_a_sketch(one: Said, other: Said) -> None:
    wishes = [*from_text(one[0], TWO), *from_text(other[0], TWO)]
    sketch = Sketch(TWO, (Hole(0, 0, TWO.end),), tuple(wishes))
    accepts = [Acceptor(Both(sketch), TWO, E)] + [Acceptor(Unmasked(wish), TWO, E) for wish in wishes]
    for voice, notes in heard(TWO):
        assert all(accept(voice) for accept in accepts) == (one[2](notes) and other[2](notes))


# Wishes of code, which no text names.
MADE: list[tuple[Constraint, Score, View]] = [
    (Opens(0), TWO, lambda notes: any(note.onset == 0 for note in notes)),
    (Opens(3 * E), TWO, lambda notes: any(note.onset == 3 * E for note in notes)),
    (RestsOn(frozenset({0, 7}), 2 * E, 4 * E), TWO, through(2, 4, C, G)),
    (RestsOn(frozenset({2}), E, 2 * E), TWO, through(1, 2, D)),
    (Onsets(frozenset({0})), DUPLE, lambda notes: all(note.onset % (2 * E) == 0 for note in notes)),
    (Onsets(frozenset({E})), DUPLE, lambda notes: all(note.onset % (2 * E) == E for note in notes)),
]


@pytest.mark.parametrize(("wish", "score", "view"), MADE, ids=[str(wish) for wish, _, _ in MADE])
def test_cells_of_wishes_without_a_name_accept_what_a_musician_would(
    wish: Constraint, score: Score, view: View
) -> None:
    accept = Acceptor(wish, score, grid(score))
    found = [(accept(voice), view(notes), voice) for voice, notes in heard(score)]
    assert [voice for cells, notes, voice in found if cells != notes][:3] == []
    assert 0 < sum(cells for cells, _, _ in found) < len(found)


def test_wishes_without_a_name_say_what_they_ask() -> None:
    assert [str(wish) for wish in (Opens(0), RestsOn(frozenset({10, 2}), 0, E), Onsets(frozenset({0, E})))] == [
        "begins at once",
        "comes to rest on D Bb",
        "notes begin 0, 1/8 after a beat",
    ]
