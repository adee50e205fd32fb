"""Forms: what is written, what is copied, and that copied bars are composed once and put back."""

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import pytest

from composer.errors import Infeasible, UsageError
from composer.pipeline import Composer
from composer.score import Part, Score
from composer.sketch import REST, SYMBOLS, Automaton, Copy, Moves, Preference, Sketch
from composer.sketch.cells import Constraint
from composer.sketch.copies import Fold
from composer.theory import TICKS_PER_QUARTER as Q
from composer.theory import Ints

BAR = 4 * Q
GRID = Q // 2


def ticks(score: Score) -> Ints:
    return np.arange(0, score.end, GRID, dtype=np.int32)


def in_bars(copies: tuple[Copy, ...]) -> list[tuple[float, float, float]]:
    """Source, start and end, in bars from 0."""
    return [(copy.source / BAR, copy.start / BAR, copy.end / BAR) for copy in copies]


@pytest.mark.parametrize(
    ("form", "bars", "written", "copies"),
    [
        ("AABB", 32, 16, []),
        ("ABAC", 32, 32, [(0, 16, 24)]),
        ("AABA", 32, 24, [(0, 16, 24)]),
        ("ABAB", 32, 32, [(0, 16, 32)]),
        ("ABCABC", 24, 24, [(0, 12, 24)]),
        ("A A' B A'", 32, 32, [(0, 8, 14), (0, 24, 30), (14, 30, 32)]),
        ("AA'BA''", 16, 16, [(0, 4, 7), (0, 12, 15)]),
        ("A' A", 8, 8, [(0, 4, 7)]),
        ("A A’", 24, 24, [(0, 12, 21)]),  # noqa: RUF001
        ("AAA'A'", 32, 16, [(0, 8, 14)]),
        ("A A'", 2, 2, []),
    ],
)
def test_parts_that_return_are_copies(
    form: str, bars: int, written: int, copies: list[tuple[float, float, float]]
) -> None:
    sketch = Sketch.blank(bars=bars, form=form)
    assert (sketch.score.bars, sketch.score.unfold().bars) == (written, bars)
    assert in_bars(sketch.copies) == copies


def test_a_first_ending_returns_only_where_there_was_one() -> None:
    once = Sketch.blank(bars=20, form="AABAA", endings=True)
    assert once.score.bars == 5 + 4 + 5
    assert in_bars(once.copies) == [(0, 9, 14)]
    late = Sketch.blank(bars=16, form="ABAA", endings=True)
    assert in_bars(late.copies) == [(0, 8, 11), (3, 12, 13)]  # its first ending, bar 12, is new


@pytest.mark.parametrize(("form", "endings"), [("A", False), ("AABB", False), ("AABB", True), ("ABAC", False)])
def test_with_a_pickup_bars_add_up(form: str, endings: bool) -> None:
    sketch = Sketch.blank(bars=16, form=form, pickup="1/8", endings=endings)
    score = sketch.score
    assert score.pickup == Q // 2
    assert score.unfold().end == 16 * BAR
    starts = score.section_starts.tolist()
    for start, end in zip(starts, [*starts[1:], score.end], strict=True):
        lengths = np.diff(score.barlines[(score.barlines >= start) & (score.barlines <= end)]).tolist()
        assert set(lengths[1:-1]) <= {BAR}
        assert {lengths[0], lengths[-1]} <= {BAR, Q // 2, BAR - Q // 2}
    assert str(sketch).startswith("16 bars of 4/4")


def test_phrases_are_breathing_places_in_each_part() -> None:
    sketch = Sketch.blank(bars=16, form="AB", pickup="1/4", phrases=4)
    held = sketch.cells(0, ticks(sketch.score)).hold.any(axis=1)
    closed = (ticks(sketch.score)[~held] / BAR).tolist()
    assert closed == [4, 8, 12]


def test_bars_are_numbered_from_the_first_whole_one_and_pickups_can_be_pinned() -> None:
    sketch = Sketch.blank(
        bars=16, form="AB", pickup="1/4", pins={"0.4": "D4", "8.4": "E4", "9.1": "F4"}, half_cadence=8
    )
    starts = sketch.cells(0, ticks(sketch.score)).start
    assert np.flatnonzero(starts[0]).tolist() == [62]
    step = 8 * BAR // GRID
    assert np.flatnonzero(starts[step]).tolist() == [64]
    assert np.flatnonzero(starts[step + 2]).tolist() == [65]
    assert {pitch % 12 for pitch in np.flatnonzero(starts[step - 2]).tolist()} == {7, 11, 2}


def test_chords_stand_on_the_beats_of_numbered_bars() -> None:
    score = Sketch.blank(bars=4, meter="6/8", form="AB", pickup="1/8", chords="C | G Am | F | C G").score
    assert [(str(chord), score.place(chord.onset)) for chord in score.chords] == [
        ("C", "bar 1, beat 1"), ("G", "bar 2, beat 1"), ("Am", "bar 2, beat 2"), ("F", "bar 3, beat 1"),
        ("C", "bar 4, beat 1"), ("G", "bar 4, beat 2"),
    ]  # fmt: skip


def test_a_sketch_tells_its_pickup_and_counts_its_tempo_in_beats() -> None:
    sketch = Sketch.blank(bars=8, meter="6/8", key="G", pickup="1/8", tempo=110)
    assert str(sketch).startswith("8 bars of 6/8 in G major with a pickup of 1/8; ")
    assert (sketch.score.tempo.bpm, sketch.score.tempo.beat) == (110, 3 * Q // 2)


def test_chords_stand_over_copies_as_over_what_they_copy() -> None:
    score = Sketch.blank(bars=16, form="A A' B A'", chords="C | G Em | F | Em", wish=["bars 15: chords=Am"]).score
    found = [(str(chord), chord.onset // BAR + 1) for chord in score.chords]
    opening = [("C", 1), ("G", 2), ("Em", 2), ("F", 3)]
    assert found == [*opening, ("Em", 4), *((chord, bar + 4) for chord, bar in opening), ("Am", 15)]


def test_a_chart_binds_its_own_bars_and_a_single_bar_of_it_all() -> None:
    def bound(chords: str) -> list[int]:
        sketch = Sketch.blank(bars=6, form="ABA", key="C", chords=chords)
        starts = sketch.cells(0, ticks(sketch.score)).start
        return [bar for bar in range(6) if not starts[bar * 8, 62]]  # D4 on the first beat

    assert bound("C | Am | F") == [0, 1, 2]
    assert bound("C") == [0, 1, 2, 3, 4, 5]


def random_score(sketch: Sketch, seed: int) -> Score:
    """Notes in every half beat or so of the folded sketch, none held over what its cells forbid."""
    folded = sketch.folded().score
    rng = np.random.default_rng(seed)
    onset = np.sort(rng.choice(ticks(folded), len(ticks(folded)) // 2, replace=False))
    edges = [*folded.section_starts.tolist(), *folded.barlines.tolist()]
    stop = np.array([min(t for t in [*onset.tolist(), *edges] if t > at) for at in onset.tolist()])
    return replace(folded, parts=(Part.of(onset, rng.integers(60, 72, len(onset)), stop - onset),))


@pytest.mark.parametrize("form", ["ABAC", "A A' B A'", "AABA", "ABAB"])
@pytest.mark.parametrize("pickup", [None, "1/8"])
def test_what_is_unfolded_repeats_note_for_note_and_folds_back(form: str, pickup: str | None) -> None:
    sketch = Sketch.blank(bars=16, form=form, pickup=pickup)
    composed = random_score(sketch, 1)
    whole = sketch.unfolded(composed)
    assert whole.barlines.tolist() == sketch.score.barlines.tolist()
    for copy in sketch.copies:
        one, two = (
            [n._replace(onset=n.onset - at) for n in whole.parts[0] if at <= n.onset < at + copy.end - copy.start]
            for at in (copy.source, copy.start)
        )
        assert one == two
        assert one
    assert Fold(whole, sketch.copies).folded.parts == composed.parts


def test_wishes_in_a_copy_bind_what_it_copies() -> None:
    sketch = Sketch.blank(bars=12, form="ABA", pins={"9.1": "E4"}, ends_on_tonic=True)
    folded = sketch.folded()
    assert folded.score.bars == 8
    cells = folded.cells(0, ticks(folded.score))
    assert np.flatnonzero(cells.start[0]).tolist() == [64]
    last_beat_of_a = cells.start[4 * 8 - 2]
    assert set(np.flatnonzero(last_beat_of_a[:REST]) % 12) == {0}
    assert len(set(np.flatnonzero(cells.start[8 * 8 - 2][:REST]) % 12)) == 7  # B's end is free


def test_notes_given_in_a_copy_stand_in_its_source() -> None:
    blank = Sketch.blank(bars=12, form="ABA")
    given = replace(blank.score, parts=(Part.of([9 * BAR], [67], [Q]),))
    cells = replace(blank, score=given).folded().cells(0, ticks(blank.folded().score))
    assert np.flatnonzero(cells.start[8]).tolist() == [67]


def test_lengths_are_asked_wherever_a_bar_is_copied_to() -> None:
    @dataclass(frozen=True)
    class Short(Constraint):
        voice: int | None = None

        def lasts(self, start: Ints, end: Ints, score: Score) -> np.ndarray:
            return np.where(start >= 8 * BAR, end - start <= Q, True)

        def __str__(self) -> str:
            return "short from bar 9"

    sketch = replace(Sketch.blank(bars=12, form="ABA"), constraints=(Short(), Preference(Short(), 2.0)))
    wish, soft = sketch.folded().constraints
    start = np.array([0, 4 * BAR], dtype=np.int32)
    assert wish.lasts(start, start + 2 * Q, sketch.folded().score).tolist() == [False, True]
    assert isinstance(soft, Preference)
    assert soft.weight == 2.0


@dataclass(frozen=True)
class FewNotes(Constraint):
    """Fewer than ``most`` notes in all."""

    most: int
    voice: int | None = None

    def automaton(self, ticks: Ints, score: Score) -> Automaton:
        return Count(self.most)

    def __str__(self) -> str:
        return f"fewer than {self.most} notes"


class Count(Automaton):
    def __init__(self, most: int) -> None:
        self.size = most
        to = np.repeat(np.minimum(np.arange(most) + 1, most - 1)[:, None], SYMBOLS, axis=1).astype(np.int32)
        breaks = np.zeros((most, SYMBOLS), dtype=bool)
        breaks[most - 1, :REST] = True
        to[:, REST] = np.arange(most)
        self.moves = Moves(to, breaks)

    def start(self, step: int) -> Moves:
        return self.moves


@pytest.fixture(scope="module")
def model() -> Composer:
    scale = np.array([60, 62, 64, 65, 67, 69, 71, 72])
    walks = [np.abs((np.arange(start, start + 16) % 14) - 7) for start in range(14)]
    lengths = [Q, 2 * Q]
    tunes = [Score.of([Part.of(np.arange(16) * n, scale[walk], np.full(16, n))]) for walk in walks for n in lengths]
    return Composer.untrained("melody", "markov").fit(tunes)


def test_composed_copies_are_copies(model: Composer) -> None:
    sketch = Sketch.blank(bars=16, form="A A' B A'", range="C4:C5", ends_on_tonic=True)
    for score in model.completions(sketch, 5, seed=1):
        assert score.barlines.tolist() == sketch.score.barlines.tolist()
        bars = [score.region(f"bars {n}").parts[0] for n in range(1, 17)]
        assert bars[:3] == bars[4:7] == bars[12:15]
        assert bars[7] == bars[15]
        assert bars[15].pitch[-1] % 12 == 0


def test_what_an_automaton_says_of_the_whole_is_kept_by_drawing_again(model: Composer) -> None:
    blank = Sketch.blank(bars=8, form="ABA'B", range="C4:C5")
    free = [len(score.parts[0]) for score in model.completions(blank, 40, seed=1)]
    middle = (min(free) + max(free)) // 2
    assert min(free) < middle < max(free)
    sketch = replace(blank, constraints=(*blank.constraints, FewNotes(middle)))
    assert all(len(score.parts[0]) < middle for score in model.completions(sketch, 10, seed=1))
    with pytest.raises(Infeasible, match="fewer than 1 notes"):
        model.complete(replace(blank, constraints=(*blank.constraints, FewNotes(1))))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"form": "aabb!"}, "not a form"),
        ({"form": "'A"}, "not a form"),
        ({"form": ""}, "not a form"),
        ({"form": "AB" * 9}, "not a form"),
        ({"form": "ABA", "bars": 16}, "do not divide"),
        ({"pickup": "4/4"}, "shorter than a bar"),
        ({"pickup": "0/8"}, "not the length of a pickup"),
        ({"pickup": "1/0"}, "not the length of a pickup"),
        ({"pickup": "an eighth"}, "not the length of a pickup"),
        ({"phrases": 0}, "phrases of 0 bars"),
        ({"bars": 10**6}, "1000000 bars"),
        ({"bars": 4, "form": "AAAA", "endings": True}, "two bars"),
    ],
)
def test_absurd_forms_get_one_line(options: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        Sketch.blank(**options)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("copies", [[(4, 0, 4)], [(0, 2, 6)], [(0, 4, 8), (4, 8, 12)], [(0, 8, 12), (0, 4, 8)]])
def test_copies_of_copies_and_of_what_comes_later_are_refused(copies: list[tuple[int, int, int]]) -> None:
    score = Sketch.blank(bars=16).score
    spans = tuple(Copy(source * BAR, start * BAR, end * BAR) for source, start, end in copies)
    with pytest.raises(UsageError, match="a copy must repeat earlier bars"):
        Fold(score, spans)


def test_an_automaton_over_copies_conditions_exactly() -> None:
    """A leap limit on A A' gives what rejection from the unlimited sketch gives, by chi-square."""
    rng = np.random.default_rng(0)
    scale = np.array([60, 62, 64, 65, 67, 69, 71, 72])
    lines = [scale[np.clip(np.cumsum(rng.integers(-3, 4, 8)), 0, 7)] for _ in range(40)]
    tunes = [Score.of([Part.of(np.arange(8) * BAR, line, np.full(8, BAR))]) for line in lines]
    model = Composer.untrained("melody", "markov", generator_options={"order": 2}).fit(tunes)
    wishes = {"shortest": "1/1", "longest": "1/1", "only": "C4 E4 G4"}
    found, expected = Counter[tuple[int, ...]](), Counter[tuple[int, ...]]()
    for score in model.completions(Sketch.blank(bars=4, form="A A'", leap=4, **wishes), 700, seed=1):
        found[tuple(score.parts[0].pitch.tolist())] += 1
    for score in model.completions(Sketch.blank(bars=4, form="A A'", **wishes), 1400, seed=2):
        expected[tuple(score.parts[0].pitch.tolist())] += 1
    kept = {line: count for line, count in expected.items() if np.abs(np.diff(line)).max() <= 4}
    assert len(kept) < len(expected)
    assert all(np.abs(np.diff(line)).max() <= 4 for line in found)
    ratio = sum(found.values()) / sum(kept.values())
    lines_met = set(found) | set(kept)
    chi = sum(
        (found[line] - ratio * kept.get(line, 0)) ** 2 / (found[line] + ratio**2 * kept.get(line, 0))
        for line in lines_met
    )
    assert chi < len(lines_met) + 4 * np.sqrt(2 * len(lines_met))
