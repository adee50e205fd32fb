"""The view of a jam: in any size of terminal, with and without colours, and as plain lines."""

import io
import sys
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from composer.cli.jam_screen import Lines, View, rows, screen
from composer.live.controls import MODES
from composer.live.state import Drawn, State
from composer.theory import Key, Meter

CALL = (Drawn(0, 1, 62), Drawn(1, 1, 65), Drawn(2, 2, 69))
ANSWER = (Drawn(4, 1, 69), Drawn(5, 1, 65), Drawn(6, 2, 62))
FULL = State(
    phase="playing",
    bar=12,
    beat=3,
    meter=Meter(4, 4),
    key=Key.parse("D dorian"),
    tempo=112.0,
    mode="vary",
    heard=CALL,
    answered=ANSWER,
    latency_ms=4.2,
    late=1,
    calls=23,
    ports="Keys -> Synth",
    notice="Keys came back",
    keys="q quit",
)


def drawn(state: State, width: int = 80, height: int = 24, **options: Any) -> list[str]:
    console = Console(width=width, height=height, file=io.StringIO(), **options)
    console.print(View(state))
    text = console.file.getvalue()
    return text.splitlines()


def test_a_frame_shows_everything_there_is() -> None:
    text = "\n".join(drawn(FULL))
    for words in ("● playing", "12.3", "··●·", "D dorian", "4/4", "112 bpm", "vary", "latency 4 ms", "late 1"):
        assert words in text
    for words in ("calls 23", "Keys -> Synth", "Keys came back", "q quit", "you", "composer", "A4", "D4"):
        assert words in text


def test_the_roll_has_pitch_up_and_time_right() -> None:
    lines = [line.split("│", 1)[1] for line in drawn(FULL) if "│" in line]
    first = [(x, y) for x in range(72) for y, line in enumerate(lines) if line.ljust(72)[x] in "▀▄█"]
    low, high = max(y for _, y in first), min(y for _, y in first)
    assert {y for x, y in first if x < 7} == {low}
    assert {y for x, y in first if 20 < x < 30} == {high}
    assert {y for x, y in first if x > 60} == {low}
    assert max(x for x, _ in first) < 4 * 2 * 9


def test_call_and_answer_have_colours_of_their_own() -> None:
    text = "\n".join(drawn(FULL, force_terminal=True, color_system="standard"))
    assert "\x1b[36m▀" in text or "\x1b[36m▄" in text
    assert "\x1b[35m▀" in text or "\x1b[35m▄" in text


def test_notes_at_one_place_share_a_block() -> None:
    state = State(heard=(Drawn(0, 4, 60), Drawn(0, 4, 62)), answered=(Drawn(0, 4, 61),))
    styles = {style for row in rows(state, 60, 16) for text, style in row if text.startswith("▀")}
    assert styles & {"magenta on cyan", "cyan on magenta"}


def test_six_eight_counts_in_dotted_quarters() -> None:
    assert "75 bpm" in drawn(State(meter=Meter(6, 8), tempo=112.5, bar=1, beat=2))[0]


NOTES = st.lists(st.builds(Drawn, st.floats(-4, 1000), st.floats(0, 100), st.integers(0, 127)), max_size=30).map(tuple)
STATES = st.builds(
    State,
    phase=st.sampled_from(["listening", "thinking", "playing"]),
    bar=st.none() | st.integers(-2, 10**6),
    beat=st.none() | st.integers(-2, 200),
    meter=st.none() | st.sampled_from([Meter(4, 4), Meter(6, 8), Meter(128, 64)]),
    key=st.none() | st.just(Key.parse("Db")),
    tempo=st.none() | st.floats(1, 4000),
    mode=st.sampled_from(MODES),
    heard=NOTES,
    answered=NOTES,
    latency_ms=st.none() | st.floats(-10, 1e6),
    late=st.integers(0, 10**6),
    ports=st.text(max_size=60),
    notice=st.text(max_size=200),
    keys=st.sampled_from(["", "q quit"]),
)


@given(STATES, st.integers(1, 130), st.integers(1, 50), st.booleans())
def test_no_state_and_no_terminal_is_too_strange(state: State, width: int, height: int, colours: bool) -> None:
    lines = drawn(state, width, height, force_terminal=colours)
    assert len(lines) <= max(height, 1)
    assert len(rows(state, width, height)) <= max(height, 1)


@pytest.mark.parametrize(("width", "height"), [(40, 12), (20, 5), (80, 2)])
def test_the_head_is_always_there(width: int, height: int) -> None:
    assert drawn(FULL, width, height)[0].startswith(" ● playing")


def test_a_frame_takes_less_than_three_milliseconds() -> None:
    console = Console(width=200, height=60, file=io.StringIO(), force_terminal=True)
    times = []
    for _ in range(50):
        begun = time.perf_counter()
        console.print(View(FULL))
        times.append(time.perf_counter() - begun)
    assert min(times) < 0.003


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_a_live_screen_draws_the_newest_state_and_gives_the_cursor_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    with screen(terminal) as show:
        show(State(calls=1))
        show(FULL)
        deadline = time.monotonic() + 10
        while "playing" not in terminal.getvalue() and time.monotonic() < deadline:
            time.sleep(0.01)
        frames = terminal.getvalue().count("playing")
        time.sleep(0.25)
        assert terminal.getvalue().count("playing") == frames == 1  # nothing changed, nothing drawn
        show(State(calls=99))
    assert "calls 99" in terminal.getvalue()
    assert terminal.getvalue().rstrip().endswith("\x1b[?25h")


@pytest.mark.parametrize("terminal", ["dumb", "none", "ascii"])
def test_where_nothing_can_be_drawn_there_are_lines(terminal: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb" if terminal == "dumb" else "xterm")
    stream = io.StringIO() if terminal == "none" else Terminal()
    if terminal == "ascii":
        monkeypatch.setattr(Terminal, "encoding", "ascii")
    with screen(stream) as show:
        show(State(calls=1, heard=CALL, key=Key.parse("Ador"), meter=Meter(6, 8), tempo=90))
        show(State(calls=1, heard=CALL, phase="thinking", bar=3))
        show(State(calls=1, heard=CALL, answered=ANSWER, latency_ms=3.7, late=2))
        show(State(calls=1, heard=CALL, answered=ANSWER, notice="Keys ▀ are gone"))
    assert stream.getvalue().splitlines() == [
        "call 1: 3 notes, A dorian, 6/8, 60 bpm",
        "answer 1: 3 notes, 4 ms, 2 late so far",
        "Keys ? are gone" if terminal in ("ascii", "none") else "Keys ▀ are gone",
    ]


def test_a_terminal_that_goes_away_does_not_stop_the_music(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    with screen(terminal) as show:
        monkeypatch.setattr(Terminal, "write", lambda self, text: (_ for _ in ()).throw(OSError("gone")))
        show(FULL)
        time.sleep(0.25)
        monkeypatch.undo()


def test_lines_go_to_the_stream_that_was_given(capsys: pytest.CaptureFixture[str]) -> None:
    Lines(sys.stderr).show(State(notice="ready"))
    assert capsys.readouterr().err == "ready\n"
