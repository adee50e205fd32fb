"""A survey as text: a row for each file, what is wrong, and a summary with small histograms of block characters."""

from __future__ import annotations

import io
import sys
from collections import Counter
from collections.abc import Iterator, Sequence

from composer.evaluation.survey import KEPT, File, Kind, Survey, counted, length_groups, own_reason
from composer.theory import Key, pitch_name
from composer.titles import one_line

Line = tuple[str, str]  # a style of rich, and the text

HEADINGS = ("file", "tunes", "parts", "bars", "meter", "key", "tempos", "range", "at once", "pedal", "off grid")
SHORT = {"major": "", "minor": "m", "dorian": "dor", "mixolydian": "mix", "phrygian": "phr", "locrian": "loc"}
BLOCKS = " ▁▂▃▄▅▆▇█"
PARTIAL = " ▏▎▍▌▋▊▉█"
WIDEST = (30, 5, 5, 7, 11, 12, 6, 8, 7, 5, 11)  # letters, in the order of the headings
NARROWEST = 12  # letters of a file's name, where there is no room
RIGHT = (1, 2, 3, 6, 8, 9)  # columns of numbers
LEGEND = (
    "+2: two more; at once: the most notes sounding together; pedal: how often it is pressed",
    "off grid: onsets from 1/16 and 1/8 triplets, on average/at most; bars off: that do not add up",
    "copy: the same notes, in this or another key; like: a melody that shares much with it",
)
PLAIN = str.maketrans(dict.fromkeys((BLOCKS + PARTIAL).replace(" ", ""), "#") | {"…": "."})
LONGEST = 200  # letters of a line below the table
BAR = 30  # the longest bar of a histogram
TALL = 4  # rows of a histogram that stands
OCTAVE = 12


def show(found: Survey, *, err: bool = False, short: bool = False) -> None:
    """Print the report, or if ``short`` the summary; a hundred letters wide where it goes to no terminal.

    Where the blocks of the histograms cannot be shown, they are #.
    """
    from rich.console import Console
    from rich.text import Text

    stream = sys.stderr if err else sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")
    plain = not _can_show(BLOCKS, stream.encoding)
    console = Console(file=stream, width=None if stream.isatty() else 100, highlight=False)
    for style, line in summary(found) if short else report(found, console.width):
        console.print(Text(line.translate(PLAIN) if plain else line, style), soft_wrap=True)


def _can_show(text: str, encoding: str | None) -> bool:
    try:
        return bool(text.encode(encoding or "ascii"))
    except (UnicodeEncodeError, LookupError):
        return False


def report(found: Survey, width: int = 100) -> Iterator[Line]:
    """The whole report, line by line, at most ``width`` letters wide where words allow."""
    yield from table(found, width)
    yield from problems(found)
    yield from summary(found)


# --- the table -------------------------------------------------------------------------------------------------------


def table(found: Survey, width: int) -> Iterator[Line]:
    """One row a file; columns that would be empty are left out, and remarks follow."""
    from rich.cells import cell_len

    if not found.rows:
        return
    rows = [cells(file) for file in found.rows]
    used = [k for k in range(len(HEADINGS)) if any(row[k] for row in rows)]
    widths = {k: min(max(cell_len(text) for text in (HEADINGS[k], *(row[k] for row in rows))), WIDEST[k]) for k in used}
    over = sum(widths.values()) + 2 * (len(used) - 1) - width
    widths[0] = max(widths[0] - max(over, 0), min(widths[0], NARROWEST))

    def line(texts: Sequence[str]) -> str:
        return "  ".join(_fit(texts[k], widths[k], right=k in RIGHT) for k in used)

    yield "bold", line(HEADINGS).rstrip()
    for file, row in zip(found.rows, rows, strict=True):
        remarks = "; ".join(file.remarks)
        if not file.pieces:
            reason = own_reason(file.rejected[0].reason, file.name)
            more = f" (and {len(file.rejected) - 1} more)" if len(file.rejected) > 1 else ""
            name = _fit(row[0], widths[0])
            yield "red", f"{name}  left out: {one_line(reason + more, max(width - widths[0] - 12, 40))}"
            continue
        text = line(row).rstrip()
        if not remarks or cell_len(text) + 2 + cell_len(remarks) <= width:
            yield ("yellow" if remarks else ""), f"{text}  {remarks}".rstrip()
        else:
            yield "", text
            yield "yellow", f"    {one_line(remarks, width - 4)}"
    yield from (("dim", text) for text in LEGEND)
    if found.files > len(found.rows):
        yield "", _more(found)


def _fit(text: str, size: int, right: bool = False) -> str:
    """Text in a column of ``size`` cells of the terminal."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) > size:
        return set_cell_size(text, size - 1) + "…"
    return " " * (size - cell_len(text)) + text if right else set_cell_size(text, size)


def _more(found: Survey) -> str:
    hidden, told = found.files - len(found.rows), found.remarkable - len(found.rows)
    what = f"{counted(told, 'file')} with something to say, and " if told > 0 else ""
    return f"{what}{hidden - max(told, 0):,} without, not listed: --json and --html have all"


def cells(file: File) -> list[str]:
    """The row of a file, in the order of :data:`HEADINGS`; a tunebook's tunes are taken together."""
    row, name = file.row, one_line(file.name, 200)
    if not row.notes:
        return [name, *[""] * (len(HEADINGS) - 1)]
    key = Key.parse(next(iter(row.keys)))
    return [
        name,
        str(len(file.pieces)) if len(file.pieces) > 1 else "",
        _span(row.parts),
        _span(row.bars),
        _commonest(row.meters),
        _commonest(Counter({short_key(key): count for key, count in row.keys.items()})),
        str(row.tempo_changes + 1) if row.tempo_changes else "",
        "-".join(pitch_name(pitch, int(key.spell(pitch))) for pitch in sorted({*_ends(row.pitches)})),
        str(row.polyphony or ""),
        str(row.pedal or ""),
        f"{row.off / row.notes:.1f}/{row.most_off:.0f} ms" if row.most_off else "",
    ]


def short_key(name: str) -> str:
    """A key as musicians abbreviate it.

    >>> short_key("D dorian"), short_key("Bb major"), short_key("E minor")
    ('Ddor', 'Bb', 'Em')
    """
    tonic, _, mode = name.partition(" ")
    return tonic + SHORT.get(mode, mode[:3])


def _ends(values: set[int]) -> tuple[int, ...]:
    return (min(values), max(values)) if values else ()


def _span(values: set[int]) -> str:
    return "-".join(str(value) for value in dict.fromkeys(_ends(values)))


def _commonest(values: Counter[str], most: int = 2) -> str:
    """The commonest values, and how many others there are."""
    names = [name for name, _ in values.most_common(most)]
    return " ".join(names) + (f" +{len(values) - most}" if len(values) > most else "")


# --- what is wrong ----------------------------------------------------------------------------------------------------


def problems(found: Survey) -> Iterator[Line]:
    """What was left out, ignored, does not add up, or is there twice; the commonest first, twenty of each."""
    yield from _left_out(found)
    if found.skipped:
        kinds = ", ".join(f"{count:,} {one_line(suffix, 20) or 'without suffix'}" for suffix, count in
                          sorted(found.skipped.items(), key=lambda item: -item[1])[:KEPT])  # fmt: skip
        yield from _heading("Files that are no music")
        yield "", f"  {kinds}"
    if found.bad_bars:
        where = f"{counted(found.bad_bars_count, 'bar')} in {counted(found.bad_bars_pieces, 'piece')}"
        yield from _heading(f"Bars that do not add up: {where}")
        for id, bar in found.bad_bars:
            yield "", _line(f"{id}, {bar['place']}: {bar['text']}")
        yield from _rest(found.bad_bars_count - len(found.bad_bars))
    yield from _ignored(found)
    if found.kin:
        yield from _heading(f"Near-duplicates: {alike(found)}")
        for group in list(found.kin.values())[:KEPT]:
            yield "", _line(", ".join(group[:4]) + (f" and {len(group) - 4} more" if len(group) > 4 else ""))
        yield from _rest(len(found.kin) - KEPT)


def _left_out(found: Survey) -> Iterator[Line]:
    if found.reasons:
        yield from _heading(f"Left out: {found.rejected:,}")
    ordered = sorted(found.reasons.values(), key=lambda kind: -kind.count)
    for kind in ordered[:KEPT]:
        if kind.count == 1:
            yield "", _line(f"{kind.examples[0]}: {kind.text}")
            continue
        pieces = "" if kind.count == kind.files else f"{kind.count:,} tunes in "
        yield "", _line(f"{pieces}{counted(kind.files, 'file')} such as {kind.examples[0]}: {kind.text}")
    yield from _rest(len(ordered) - KEPT)


def _ignored(found: Survey) -> Iterator[Line]:
    if found.ignored:
        yield from _heading("Read, but not as it stands")
    ordered = sorted(found.ignored.items(), key=lambda item: -item[1].count)
    for text, kind in ordered[:KEPT]:
        yield "", _line(f"{text}: {counted(kind.count, 'time')} in {counted(kind.files, 'file')} ({_examples(kind)})")
    yield from _rest(len(ordered) - KEPT)


def _examples(kind: Kind) -> str:
    return "; ".join(kind.examples[:2]) + ("; ..." if kind.files > 2 else "")


def alike(found: Survey) -> str:
    copies = "1 copy" if found.duplicates == 1 else f"{found.duplicates:,} copies"
    return f"{copies} of another piece, {counted(len(found.kin), 'group')} of pieces that are alike"


def _heading(text: str) -> Iterator[Line]:
    yield "", ""
    yield "bold", text


def _line(text: str) -> str:
    return f"  {one_line(text, LONGEST)}"


def _rest(count: int) -> Iterator[Line]:
    if count > 0:
        yield "dim", f"  and {count:,} more"


# --- the summary ------------------------------------------------------------------------------------------------------


def summary(found: Survey) -> Iterator[Line]:
    """Counts and histograms."""
    yield from _heading("Summary")
    yield "", f"  {counted(found.files, 'file')}, {found.accepted:,} with music; {counted(found.pieces, 'piece')} taken"
    if found.rejected or found.kin:
        yield "", f"  {found.rejected:,} left out; {alike(found)}"
    notes, bars, seconds = (found.totals[name] for name in ("notes", "bars", "seconds"))
    yield "", f"  {counted(notes, 'note')}, {counted(bars, 'bar')}, {lasting(seconds)}"
    lengths = {name: found.lengths[name] for name in length_groups() if found.lengths[name]}
    yield from lying("Keys", dict(found.keys.most_common()))
    yield from lying("Meters", dict(found.meters.most_common()))
    yield from lying("Lengths in bars", lengths)
    if found.pitches:
        pitches = range(min(found.pitches), max(found.pitches) + 1)
        names = {pitch: f"C{pitch // OCTAVE - 1}" for pitch in pitches if pitch % OCTAVE == 0}
        yield from standing("Pitches", [found.pitches[pitch] for pitch in pitches], names, pitches.start, 1)
    if found.intervals:
        steps = range(-OCTAVE, OCTAVE + 1)
        names = {step: f"{step:+d}" if step else "0" for step in (-12, -7, -5, -2, 0, 2, 5, 7, 12)}
        yield from standing("Intervals in semitones", [found.intervals[step] for step in steps], names, -OCTAVE, 3)


def lasting(seconds: float) -> str:
    return f"{seconds / 3600:.1f} hours" if seconds >= 3600 else f"{seconds / 60:.1f} minutes"


def lying(title: str, counts: dict[str, int], most: int = 10) -> Iterator[Line]:
    """Bars that lie, one a line; the rare ones together."""
    if not counts:
        return
    yield from _heading(title)
    rows = list(counts.items())
    if len(rows) > most + 1:
        rows = [*rows[:most], (f"{len(rows) - most} others", sum(count for _, count in rows[most:]))]
    longest, size = max(count for _, count in rows), max(len(name) for name, _ in rows)
    for name, count in rows:
        eighths = max(round(8 * BAR * count / longest), 1)
        yield "", f"  {name:<{size}}  {'█' * (eighths // 8)}{PARTIAL[eighths % 8].strip()} {count:,}"


def standing(title: str, counts: Sequence[int], names: dict[int, str], first: int, wide: int) -> Iterator[Line]:
    """Bars that stand, each ``wide`` letters, with names under some."""
    highest = max(*counts, 1)
    eighths = [max(round(8 * TALL * count / highest), count > 0) for count in counts]
    yield from _heading(title)
    for row in reversed(range(TALL)):
        yield "", "  " + "".join(wide * BLOCKS[min(max(size - 8 * row, 0), 8)] for size in eighths).rstrip()
    under = [" "] * (len(counts) * wide + 4)
    for place, name in names.items():
        under[(place - first) * wide : (place - first) * wide + len(name)] = name
    yield "", "  " + "".join(under).rstrip()
