"""What happened in a jam, kept while it happens: as MIDI, as ABC of calls and answers, and as a log to be replayed.

Everything is put into bytes as it comes, so that saving joins a few pieces and costs a live program next to nothing;
there may be one save an answer. Memory has a bound, :data:`MAX_MESSAGES` and :data:`MAX_BYTES`; what comes after it is
counted, and the log says how much. :func:`read_session` reads the log again, whoever wrote it.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from composer.errors import ComposerError, ReadError, WriteError, brief
from composer.io import read_bytes, smf, write_bytes
from composer.live.controls import Control
from composer.notation.abc_writer import write_tune
from composer.score import Score
from composer.theory import TICKS_PER_QUARTER, Meter

SCHEMA = "composer jam 1"
MIDI_FILE, ABC_FILE, LOG_FILE = "session.mid", "session.abc", "session.json"
MAX_MESSAGES = 500_000  # heard, and as many sent, and as many events
MAX_BYTES = 15 * 2**20  # of each of them, and of the ABC
LONGEST = 1_000  # bytes of a message; only SysEx is longer
DIVISION = TICKS_PER_QUARTER // 4  # ticks a quarter in the MIDI file: a fifth of a millisecond at 120
LAST_TICK = 2**31 - 1  # where readers stop counting
LAST_SECOND = 1e12  # that a log is believed
MAX_VALUES = 8_000_000  # brackets and commas of a log; the largest that is written has fewer


class Record:
    """Collects a jam from any thread; see the module. Seconds are the jam's clock, of which ``start`` is the file's 0.

    ``settings`` and the facts of events are for JSON. ``tempo`` (quarters a minute) and ``meter`` put the MIDI file's
    bar lines, from ``start``, around what was played; its times in seconds do not depend on them.
    """

    def __init__(
        self,
        *,
        start: float,
        settings: Mapping[str, Any],
        model: str,
        digest: str,
        seed: int | None,
        tempo: float = 120.0,
        meter: Meter | None = None,
    ) -> None:
        self.start = start
        self._head = {
            "schema": SCHEMA,
            "model": model,
            "digest": digest,
            "seed": seed,
            "start": start,
            "settings": dict(settings),
        }
        self._rate = DIVISION * tempo / 60
        self._you = _Track("you", tempo, meter or Meter(4, 4))
        self._composer = _Track("composer")
        self._heard, self._sent, self._events = _Rows(), _Rows(), _Rows()
        self._pages: list[tuple[str, Score]] = []  # not yet written as ABC
        self._abc = bytearray()
        self._answers = 0
        self._tunes = 0
        self._left_out = 0
        self._lock = threading.Lock()

    @property
    def left_out(self) -> int:
        """How many messages, events and pages there was no room for."""
        return self._left_out

    def heard(self, seconds: float, message: Any) -> None:
        """A message (mido's) that came in, or a :class:`Control` that somebody asked for."""
        if isinstance(message, Control):
            value = message.value
            plain = value if isinstance(value, str) or math.isfinite(value) else str(value)
            with self._lock:
                self._add(self._heard, json.dumps([float(seconds), message.name, plain]).encode())
        else:
            self._message(self._heard, self._you, float(seconds), bytes(message.bin()))

    def sent(self, seconds: float, message: Any) -> None:
        """A message (mido's) that went out."""
        self._message(self._sent, self._composer, float(seconds), bytes(message.bin()))

    def noted(self, seconds: float, kind: str, **facts: Any) -> None:
        """Something else that happened: a call, an answer, a barge-in, a port lost; ``facts`` are its figures."""
        row = {"at": float(seconds), "kind": kind, **facts}
        try:
            text = json.dumps(row, default=str, allow_nan=False)
        except (ValueError, TypeError):  # no figure is worth a jam
            text = json.dumps({"at": row["at"], "kind": kind, "facts": repr(facts)})
        with self._lock:
            self._add(self._events, text.encode())

    def answered(self, call: Score, answer: Score | None) -> None:
        """The written page of a call and, if there was one, of what was answered."""
        with self._lock:
            self._answers += 1
            self._pages.append((f"Call {self._answers}", call))
            if answer is not None:
                self._pages.append((f"Answer {self._answers}", answer))

    def files(self) -> dict[str, bytes]:
        """The whole session so far, by file name; notes that sound end where the file does."""
        self._write_pages()
        with self._lock:
            end = max(self._you.tick, self._composer.tick)
            tracks = [self._you.chunk(end), self._composer.chunk(end)]
            log = json.dumps({**self._head, "left_out": self._left_out}).removesuffix("}").encode()
            rows = {"heard": self._heard, "sent": self._sent, "events": self._events}
            lists = [b',\n"%s": [\n%s\n]' % (name.encode(), bytes(kept.data)) for name, kept in rows.items()]
            abc = bytes(self._abc)
        found = {MIDI_FILE: smf.file(DIVISION, tracks), LOG_FILE: b"".join([log, *lists, b"}\n"])}
        return found | ({ABC_FILE: abc} if abc else {})

    def save(self, folder: str | Path) -> list[Path]:
        """Write :meth:`files` to a folder, each whole or not at all; raises :class:`WriteError`."""
        return [write_bytes(data, Path(folder) / name) for name, data in self.files().items()]

    def _message(self, rows: _Rows, track: _Track, seconds: float, data: bytes) -> None:
        tick = min(max(round((seconds - self.start) * self._rate), 0), LAST_TICK)
        row = b'[%s, "%s"]' % (json.dumps(seconds).encode(), data[:LONGEST].hex().encode())
        with self._lock:
            if len(data) > LONGEST:
                self._left_out += 1
            elif self._add(rows, row):
                track.add(tick, data)

    def _add(self, rows: _Rows, row: bytes) -> bool:
        fits = rows.add(row)
        self._left_out += not fits
        return fits

    def _write_pages(self) -> None:
        """What was answered since the last time, as tunes of the book: here, as it takes a millisecond a page."""
        with self._lock:
            pages, self._pages = self._pages, []
        for title, page in pages:
            try:
                text = write_tune(page.with_metadata(title=title))
            except ComposerError as error:
                self.noted(self.start, "not written", page=title, reason=str(error))
                continue
            with self._lock:
                if len(self._abc) + len(text) > MAX_BYTES:
                    self._left_out += 1
                else:
                    self._tunes += 1
                    tune = f"X:{self._tunes}\n" + text.removeprefix("X:1\n")
                    self._abc += tune.encode(errors="replace") + b"\n"


class _Rows:
    """A JSON list without its brackets, of bounded length."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.count = 0

    def add(self, row: bytes) -> bool:
        """Whether there was room."""
        if self.count >= MAX_MESSAGES or len(self.data) + len(row) > MAX_BYTES:
            return False
        self.data += b",\n" + row if self.count else row
        self.count += 1
        return True


class _Track:
    """A MIDI track that grows, in which every note that is struck is also released."""

    def __init__(self, name: str, tempo: float | None = None, meter: Meter | None = None) -> None:
        metas = [smf.meta(0, smf.NAME, name.encode())]
        if tempo is not None and meter is not None:
            signature = bytes([meter.numerator, meter.denominator.bit_length() - 1, 24, 8])
            microseconds = min(round(60e6 / tempo), 0xFFFFFF).to_bytes(3, "big")
            metas += [smf.meta(0, smf.METER, signature), smf.meta(0, smf.TEMPO, microseconds)]
        self._data = bytearray(b"".join(smf.number(tick) + data for tick, data in metas))
        self._sounding: set[tuple[int, int]] = set()
        self.tick = 0

    def add(self, tick: int, data: bytes) -> None:
        """A channel message; others, and releases of what does not sound, are left out. Time never goes back."""
        kind, channel = data[0] & 0xF0, data[0] & 0x0F
        if not 0x80 <= kind < 0xF0:
            return
        if kind in (0x80, 0x90):
            key = (channel, data[1])
            released = _release(self._sounding & {key})
            self._sounding.discard(key)
            struck = kind == 0x90 and data[2] > 0
            if struck:
                self._sounding.add(key)
            messages = [*released, data] if struck else released
        else:
            messages = [data]
        for message in messages:
            later = max(tick - self.tick, 0)
            self._data += _delta(later) + message
            self.tick += later

    def chunk(self, end: int) -> bytes:
        """The track so far, what sounds released at ``end``."""
        last = [*_release(self._sounding), smf.meta(0, smf.END, b"")[1]]
        body = bytes(self._data) + _delta(end - self.tick) + b"\0".join(last)
        return b"MTrk" + len(body).to_bytes(4, "big") + body


def _release(keys: set[tuple[int, int]]) -> list[bytes]:
    return [bytes([0x80 | channel, pitch, 0]) for channel, pitch in sorted(keys)]


def _delta(ticks: int) -> bytes:
    """The time to the next event; beyond four bytes, in steps over texts that say nothing."""
    steps, rest = divmod(ticks, smf.LONGEST_DELTA)
    return (smf.number(smf.LONGEST_DELTA) + smf.meta(0, smf.TEXT, b"")[1]) * steps + smf.number(rest)


def made(folder: str | Path) -> Path:
    """The folder, made if it is not there; raises :class:`WriteError`."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise WriteError(f"{folder}: is a file; give the name of a folder") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise WriteError(f"{folder}: cannot be made ({reason}); give another folder") from None
    return Path(folder)


class Saver:
    """Saves a record into a folder from a thread of its own, so that no disk makes the music wait."""

    def __init__(self, record: Record, folder: str | Path) -> None:
        """Make the folder; raises :class:`WriteError`."""
        self.record, self.folder = record, made(folder)
        self.error: WriteError | None = None  # why the last save failed
        self._wanted = threading.Event()
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="composer saver", daemon=True)
        self._thread.start()

    def soon(self) -> None:
        """Ask for a save; returns at once."""
        self._wanted.set()

    def close(self) -> list[Path]:
        """Save for the last time; returns the files. Raises :class:`WriteError`."""
        self._ending = True
        self._wanted.set()
        self._thread.join()
        return self.record.save(self.folder)

    def _run(self) -> None:
        while self._wanted.wait() and not self._ending:
            self._wanted.clear()
            try:
                self.record.save(self.folder)
                self.error = None
            except WriteError as error:
                self.error = error


class Session(NamedTuple):
    """A jam as its log tells it: mido's messages, equal ones one object, at seconds of the jam's clock, as logged."""

    settings: dict[str, Any]
    model: str
    digest: str
    seed: int | None
    start: float
    heard: tuple[tuple[float, Any], ...]  # messages and Controls
    sent: tuple[tuple[float, Any], ...]
    events: tuple[dict[str, Any], ...]
    left_out: int = 0


def read_session(path: str | Path) -> Session:
    """The log of a jam: ``session.json``, or the folder that holds it. Raises :class:`ReadError`."""
    file = Path(path) / LOG_FILE if Path(path).is_dir() else Path(path)
    data = read_bytes(file)
    if sum(map(data.count, (b"[", b"{", b","))) > MAX_VALUES:
        raise ReadError(f"{file}: holds more values than a log of a jam can")
    try:
        log = json.loads(data, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise ReadError(f"{file}: is not a log of a jam ({brief(str(error))})") from None
    if not isinstance(log, dict) or log.get("schema") != SCHEMA:
        raise ReadError(f"{file}: is not a log of a jam; its schema should be {SCHEMA!r}")
    try:
        return Session(
            settings=_taken(log, "settings", dict),
            model=_taken(log, "model", str),
            digest=_taken(log, "digest", str),
            seed=_taken(log, "seed", int, type(None)),
            start=_seconds(log.get("start")),
            heard=_logged(_list(log, "heard"), "heard"),
            sent=_logged(_list(log, "sent"), "sent"),
            events=tuple(_event(row, k) for k, row in enumerate(_list(log, "events"))),
            left_out=_taken(log, "left_out", int),
        )
    except ValueError as error:
        raise ReadError(f"{file}: {brief(str(error))}") from None


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is not a number")


def _taken(log: dict[str, Any], name: str, *kinds: type) -> Any:
    value = log.get(name)
    if not isinstance(value, kinds) or isinstance(value, bool):
        raise ValueError(f"{name} is missing or damaged")
    return value


def _list(log: dict[str, Any], name: str) -> list[Any]:
    rows: list[Any] = _taken(log, name, list)
    if len(rows) > MAX_MESSAGES:
        raise ValueError(f"{name} has {len(rows):,} rows; at most {MAX_MESSAGES:,} are read")
    return rows


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < LAST_SECOND:
        raise ValueError(f"{value!r} is not a time in seconds")
    return float(value)


def _logged(rows: list[Any], name: str) -> tuple[tuple[float, Any], ...]:
    messages: dict[str, Any] = {}
    found = []
    for number, row in enumerate(rows, 1):
        try:
            found.append(_read_row(row, messages))
        except (ValueError, TypeError, LookupError, OverflowError) as error:
            raise ValueError(f"row {number} of {name} cannot be read ({error})") from None
    return tuple(found)


def _read_row(row: Any, messages: dict[str, Any]) -> tuple[float, Any]:
    """A moment and its message, one of ``messages`` if it is among them, or its control."""
    from mido import Message

    match row:
        case [seconds, str(text)] if len(text) <= 2 * LONGEST:
            if text not in messages:
                messages[text] = Message.from_hex(text)
            return _seconds(seconds), messages[text]
        case [seconds, str(control), str() | float() | int() as value]:
            return _seconds(seconds), Control(control, value if isinstance(value, str) else float(value))
    raise ValueError("it should be a time and a message")


def _event(row: Any, number: int) -> dict[str, Any]:
    if not isinstance(row, dict) or not isinstance(row.get("kind"), str):
        raise ValueError(f"row {number + 1} of events cannot be read; it should have a kind")
    return row
