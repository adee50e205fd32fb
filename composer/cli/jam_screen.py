"""What a jam looks like: a few live lines with a tiny piano roll, or plain lines where nobody can watch.

The roll has half blocks, two pitches to a line: pitches up, time right, the call and then the answer. A frame takes
about a millisecond, ten times a second at most and only when something has changed.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, groupby
from typing import TYPE_CHECKING, Any, TextIO

from composer.live.state import Drawn, State
from composer.theory import TICKS_PER_QUARTER, Key, Meter, pitch_name
from composer.titles import one_line

if TYPE_CHECKING:
    from rich.segment import Segment

FRAME = 0.1  # seconds
SIGNS = {"listening": "○", "thinking": "◐", "playing": "●"}
COLOURS = {"listening": "green", "thinking": "yellow", "playing": "magenta", "you": "cyan", "composer": "magenta"}
WORDS = 200  # letters of a notice
MOST_ROWS = 12  # of the roll
MOST_COLUMNS = 8  # a quarter
CLOSEST = 4  # columns between bar lines
NAMES = 5  # columns for the names of the highest and lowest pitch
GAP = 0.06  # quarters less that a note is drawn, so that repeated notes are told apart

Row = list[tuple[str, str]]  # texts and their styles
Show = Callable[[State], None]


@contextmanager
def screen(stream: TextIO | None = None) -> Iterator[Show]:
    """Shows states on a terminal (standard error by default), or as lines where the stream is none or has no blocks.

    What it yields returns at once and may be called from any thread, as often as one likes.
    """
    from rich.console import Console

    stream = stream or sys.stderr
    console = Console(file=stream)
    if not console.is_terminal or console.is_dumb_terminal or not _has_blocks(stream):
        yield Lines(stream).show
        return
    live = Screen(console)
    try:
        yield live.show
    finally:
        live.close()


def _has_blocks(stream: TextIO) -> bool:
    try:
        "▀○♭".encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


class Screen:
    """Draws the newest state from a thread of its own."""

    def __init__(self, console: Any) -> None:
        from rich.live import Live

        self._state = self._drawn = State()
        self._closed = threading.Event()
        self._live = Live(View(self._state), console=console, auto_refresh=False)
        self._live.start(refresh=True)
        self._thread = threading.Thread(target=self._run, name="composer screen", daemon=True)
        self._thread.start()

    def show(self, state: State) -> None:
        self._state = state

    def close(self) -> None:
        """Draw the last state, and give the terminal back."""
        self._closed.set()
        self._thread.join()
        self._draw()
        self._live.stop()

    def _run(self) -> None:
        while not self._closed.wait(FRAME):
            self._draw()

    def _draw(self) -> None:
        state = self._state
        if state == self._drawn:
            return
        self._drawn = state
        try:
            self._live.update(View(state), refresh=True)
        except OSError:  # the terminal has gone; the music has not
            self._closed.set()


class Lines:
    """A line for each call, answer and notice."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._state = State()

    def show(self, state: State) -> None:
        before, self._state = self._state, state
        if state.heard != before.heard and state.heard:
            facts = [f"{len(state.heard)} notes", *_facts(state)]
            self._say(f"call {state.calls}: {', '.join(facts)}")
        if state.answered != before.answered and state.answered:
            late = f", {state.late} late so far" if state.late else ""
            self._say(f"answer {state.calls}: {len(state.answered)} notes{_latency(state, ', ')}{late}")
        if state.notice != before.notice and state.notice:
            self._say(state.notice)

    def _say(self, line: str) -> None:
        encoding = getattr(self._stream, "encoding", None) or "ascii"
        self._stream.write(line.encode(encoding, "replace").decode(encoding) + "\n")
        self._stream.flush()


def _facts(state: State) -> list[str]:
    """Key, meter and tempo, in beats of the meter, as far as they are known."""
    facts = [str(state.key)] if state.key else []
    facts += [str(state.meter)] if state.meter else []
    if state.tempo:
        beat = state.meter.beat / TICKS_PER_QUARTER if state.meter else 1.0
        facts.append(f"{state.tempo / beat:.0f} bpm")
    return facts


def _latency(state: State, before: str = "") -> str:
    return "" if state.latency_ms is None else f"{before}{state.latency_ms:.0f} ms"


class View:
    """A state as something that rich draws, in any size of terminal."""

    def __init__(self, state: State) -> None:
        self.state = state

    def __rich_console__(self, console: Any, options: Any) -> Iterator[Segment]:
        from rich.segment import Segment
        from rich.style import Style

        width = options.max_width
        for row in rows(self.state, width, console.size.height - 1):
            line = [Segment(text, Style.parse(style)) for text, style in row]
            yield from Segment.adjust_line_length(line, width)
            yield Segment.line()


def rows(state: State, width: int, height: int) -> list[Row]:
    """The lines of the view, at most ``height``; what matters least goes first where there are few."""
    head, figures = _head(state), _figures(state)
    notice: Row = [(f" {one_line(state.notice, WORDS)}", "bold yellow")]
    keys: Row = [(f" {state.keys}", "dim")]
    tail = [figures, notice] + ([keys] if state.keys else [])
    drawn = _roll(state, width, min(MOST_ROWS, height - 2 - len(tail)))
    return [head, *drawn, *tail][: max(height, 1)]


def _head(state: State) -> Row:
    place = "" if state.bar is None else f"{state.bar}.{state.beat or 1}"
    colour = COLOURS[state.phase]
    texts = [place.rjust(6), _beats(state), *_facts(state), state.mode, f"T {state.temperature:.2f}"]
    return [(f" {SIGNS[state.phase]} {state.phase:<9}", f"bold {colour}"), ("  ".join(filter(None, texts)), "")]


def _beats(state: State) -> str:
    """The beats of the bar, the one that sounds filled."""
    if state.meter is None or state.beat is None:
        return ""
    count = state.meter.bar // state.meter.beat
    return "".join("●" if beat == state.beat else "·" for beat in range(1, count + 1)) if count <= 12 else ""


def _figures(state: State) -> Row:
    late = f"late {state.late}"
    answered = [("latency " + _latency(state)) if state.latency_ms is not None else "", f"calls {state.calls}"]
    return [
        (f" {'  '.join(filter(None, answered))}  ", ""),
        (late, "bold red" if state.late else ""),
        (f"  {one_line(state.ports, WORDS)}", "dim"),
    ]


def _roll(state: State, width: int, lines: int) -> list[Row]:
    """The notes, and below them who plays; nothing where there is no room, empty lines where there are no notes."""
    columns = width - NAMES - 3
    if lines < 1 or columns < 8:
        return []
    notes = [*state.heard, *state.answered]
    if not notes:
        return [[("", "")]] * (lines + 1)
    bar = (state.meter or Meter(4, 4)).bar / TICKS_PER_QUARTER
    start = min(0.0, *(note.onset for note in notes))
    span = max(max(note.onset + note.duration for note in notes) - start, bar)
    scale = min(columns / span, MOST_COLUMNS)
    low, high = min(note.pitch for note in notes), max(note.pitch for note in notes)
    line = [0] * columns
    for number in range(int((span + start) / bar) + 1 if bar * scale >= CLOSEST else 0):
        line[min(int((number * bar - start) * scale), columns - 1)] = BAR
    cells = [list(line) for _ in range(2 * lines)]
    for who, note in chain(((1, note) for note in state.heard), ((2, note) for note in state.answered)):
        first, last = _extent(note, start, scale, columns)
        row = cells[_height(note.pitch, low, high, 2 * lines)]
        row[first:last] = [who] * (last - first)
    names = [""] * lines
    names[_height(low, low, high, 2 * lines) // 2] = _name(low, state.key)
    names[_height(high, low, high, 2 * lines) // 2] = _name(high, state.key)
    pairs = zip(cells[::2], cells[1::2], strict=True)
    drawn = [_line(name, upper, lower) for name, (upper, lower) in zip(names, pairs, strict=True)]
    return [*drawn, _players(state, start, scale, columns)]


def _extent(note: Drawn, start: float, scale: float, columns: int) -> tuple[int, int]:
    """First column and the one after the last."""
    first = min(int((note.onset - start) * scale), columns - 1)
    return first, min(max(first + 1, int((note.onset + note.duration - GAP - start) * scale)), columns)


def _height(pitch: int, low: int, high: int, halves: int) -> int:
    """The half line of a pitch, from the top: a semitone each in the middle, or as many as it takes."""
    if high - low < halves:
        return (halves + high - low) // 2 - (pitch - low)
    return (high - pitch) * (halves - 1) // (high - low)


def _name(pitch: int, key: Key | None) -> str:
    return pitch_name(pitch, int((key or Key(0)).spell(pitch)))


BAR = 3  # in a cell: a bar line, 1 and 2: you and composer
BLOCKS = {
    (0, 0): (" ", ""),
    (BAR, BAR): ("┊", "dim"),
    (1, 0): ("▀", COLOURS["you"]),
    (0, 1): ("▄", COLOURS["you"]),
    (1, 1): ("█", COLOURS["you"]),
    (2, 0): ("▀", COLOURS["composer"]),
    (0, 2): ("▄", COLOURS["composer"]),
    (2, 2): ("█", COLOURS["composer"]),
    (1, 2): ("▀", f"{COLOURS['you']} on {COLOURS['composer']}"),
    (2, 1): ("▀", f"{COLOURS['composer']} on {COLOURS['you']}"),
}


def _line(name: str, upper: list[int], lower: list[int]) -> Row:
    row: Row = [(f"{name:>{NAMES}} │", "dim")]
    for pair, same in groupby(zip(upper, lower, strict=True)):
        block, style = BLOCKS.get(pair) or BLOCKS[pair[0] % BAR, pair[1] % BAR]
        row.append((block * sum(1 for _ in same), style))
    return row


def _players(state: State, start: float, scale: float, columns: int) -> Row:
    """Who plays, below the first note of each."""
    row: Row = [(" " * (NAMES + 2), "")]
    at = 0
    for who, notes in (("you", state.heard), ("composer", state.answered)):
        if notes:
            column = min(_extent(notes[0], start, scale, columns)[0], columns - len(who))
            column = max(column, at)
            row += [(" " * (column - at), ""), (who, f"bold {COLOURS[who]}")]
            at = column + len(who) + 1
            row.append((" ", ""))
    return row
