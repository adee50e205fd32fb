"""Random scores for property tests: small, valid, and with everything a score can hold."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from composer.score import Annotation, Ending, Part, Repeat, Score, regular_barlines
from composer.theory import MODES, ChordSymbol, Key, Meter, Tempo
from composer.theory import TICKS_PER_QUARTER as Q

METERS = ((2, 4), (3, 4), (4, 4), (6, 8), (9, 8), (5, 8), (2, 2))
GRIDS = (Q, Q // 2, Q // 4, Q // 3, Q // 5, Q // 7, Q // 24, 1)  # ticks to which a part's notes keep
NAMES = st.text("abcdefgh ÄéΩ♭", max_size=8).map(str.strip)


@st.composite
def meters(draw: st.DrawFn, bars: int = 4) -> list[Meter]:
    """A meter, or one that changes on a later bar line."""
    first, second = draw(st.sampled_from(METERS)), draw(st.sampled_from(METERS))
    opening = Meter(*first)
    if first == second or not draw(st.booleans()):
        return [opening]
    return [opening, Meter(*second, onset=opening.bar * draw(st.integers(1, max(bars - 1, 1))))]


def keys(onset: int = 0) -> st.SearchStrategy[Key]:
    """Keys of every mode with at most seven accidentals."""
    return st.builds(
        lambda signature, mode: Key(signature + MODES[mode], mode, onset),
        st.integers(-7, 7),
        st.sampled_from(list(MODES)),
    )


def tempos(onset: int = 0) -> st.SearchStrategy[Tempo]:
    """Tempos in whole beats, halves or odd fractions, counted in quarters, dotted quarters, halves or eighths."""
    rate = st.one_of(st.integers(30, 240).map(float), st.sampled_from([93.5, 101.3, 119.93]))
    return st.builds(Tempo, rate, st.sampled_from([Q, 3 * Q // 2, 2 * Q, Q // 2]), st.just(onset))


def _rows(end: int, grid: int) -> st.SearchStrategy[tuple[int, int, int, int]]:
    """A note as (onset, pitch, duration, velocity), inside ``[0, end)`` and, where it can be, on the grid."""
    cells = max(end // grid, 1)
    note = st.tuples(
        st.integers(0, cells - 1), st.integers(0, 127), st.integers(1, 6), st.sampled_from([80, 1, 64, 127])
    )
    return note.map(lambda n: (n[0] * grid, n[1], min(n[2] * grid, end - n[0] * grid), n[3]))


@st.composite
def parts(draw: st.DrawFn, end: int, *, monophonic: bool = False, drums: bool = False) -> Part:
    """A part of at most a dozen notes that ends by ``end`` ticks."""
    grid = draw(st.sampled_from([step for step in GRIDS if step <= end]))
    rows = sorted(draw(st.lists(_rows(end, grid), max_size=12, unique_by=lambda row: row[:2])))
    if monophonic:
        rows = [row for k, row in enumerate(rows) if k == 0 or row[0] > rows[k - 1][0]]
        following = [*(row[0] for row in rows[1:]), end][: len(rows)]
        rows = [(o, p, min(d, nxt - o), v) for (o, p, d, v), nxt in zip(rows, following, strict=True)]
    columns: tuple[list[int], ...] = tuple(map(list, zip(*rows, strict=True))) if rows else ([], [], [], [])
    return Part.of(
        *columns,
        key=draw(keys()),
        name=draw(NAMES),
        program=draw(st.integers(0, 127)),
        drums=drums and draw(st.booleans()),
        annotations=[Annotation("lyric", rows[0][0], "la")] if rows and draw(st.booleans()) else [],
    )


@st.composite
def repeats(draw: st.DrawFn, lines: list[int]) -> list[Repeat]:
    """No repeat, one, or two, on these bar lines, with and without first and second endings."""
    found: list[Repeat] = []
    count = min(draw(st.integers(0, 2)), len(lines) // 2)
    picked = sorted(draw(st.sets(st.integers(0, len(lines) - 1), min_size=2 * count, max_size=2 * count)))
    for start, end in zip(picked[::2], picked[1::2], strict=True):
        endings: tuple[Ending, ...] = ()
        if end - start >= 3 and draw(st.booleans()):
            endings = (Ending(lines[end - 2], lines[end - 1], (1,)), Ending(lines[end - 1], lines[end], (2,)))
        times = 2 if endings else draw(st.integers(2, 3))
        found.append(Repeat(lines[start], lines[end], times, endings))
    return found


@st.composite
def scores(
    draw: st.DrawFn,
    *,
    voices: int | None = None,
    monophonic: bool | None = None,
    folded: bool = True,
    pickups: bool = True,
    drums: bool = True,
) -> Score:
    """Scores with meters, keys of every mode, tempos, pickups, repeats, chords, fermatas and metadata.

    ``voices`` None draws up to three, ``monophonic`` None mixes both kinds of part, ``folded`` False leaves out
    repeats and sections.
    """
    bars = draw(st.integers(1, 5))
    meter = draw(meters(bars))
    pickup = draw(st.sampled_from([0, 0, Q // 2, Q])) if pickups else 0
    meter = [meter[0], *(Meter(m.numerator, m.denominator, m.onset + pickup) for m in meter[1:])]
    lines = regular_barlines(meter, max(pickup + bars * meter[0].bar, meter[-1].onset + meter[-1].bar), pickup)
    end = int(lines[-1])
    count = draw(st.integers(0, 3)) if voices is None else voices
    alone = [draw(st.booleans()) if monophonic is None else monophonic for _ in range(count)]
    later = draw(st.integers(1, end - 1))
    form = draw(repeats(lines.tolist())) if folded else []
    inner = lines.tolist()[1:-1]
    ticks = st.lists(st.integers(0, end - 1), max_size=2, unique=True).map(sorted)
    extra: dict[str, Any] = {
        "repeats": form,
        "sections": draw(st.lists(st.sampled_from(inner), max_size=1)) if folded and inner else [],
        "chords": [ChordSymbol(draw(st.integers(-4, 6)), "m7", onset=tick) for tick in draw(ticks)],
        "fermatas": draw(ticks),
        "metadata": draw(st.dictionaries(st.sampled_from(["title", "composer", "source"]), NAMES.filter(bool))),
    }
    return Score.of(
        [draw(parts(end, monophonic=one, drums=drums)) for one in alone],
        meter=meter,
        key=[draw(keys()), *([draw(keys(later))] if draw(st.booleans()) else [])],
        tempo=[draw(tempos()), *([draw(tempos(later))] if draw(st.booleans()) else [])],
        barlines=lines,
        **extra,
    )
