"""Standard MIDI Files, formats 0 and 1, read with symusic.

Reading. One part for each track, channel and program. A note that is released twice or struck again while it sounds is
paired first in, first out; one that is never released is left out; one without length gets a tick of the file. Meter
changes begin a bar, wherever they fall, and the last bar is filled up. A single first bar of a shorter meter is a
pickup; a file that says nothing of its pickup has none. Signatures of more than seven accidentals are ignored, and
without any the key is estimated. Tempos count quarters, or the dotted beats of a compound meter.

Writing puts down what is heard: repeats unfolded, graces, a dance's accents and its swing played. What a file cannot
hold, and so does not come back from ``loads(dumps(score))``: spelling (guessed from the key), sections, chord symbols,
fermatas, annotations, the unit in which a tempo counts, tempos to more than a microsecond a quarter, parts without
notes, control characters in names, which of two overlapping notes of one pitch ends first, and bar lines that the
meters do not explain: an irregular bar is written in a meter of its own, two that together fill a bar are joined, a
short last bar is filled up. Other programs see modes but major and minor as one of these.

Metadata, and modes, travel as text events ``composer:key=value``; ``rhythm``, once played, as ``performed``.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from composer.analysis import uneven_bars
from composer.errors import InvalidScore, Notice, ReadError, WriteError
from composer.io import smf
from composer.io.assembly import MAX_CHANGES, assemble, check_limits, meters_of_bars, plain_bpm, with_pickup
from composer.io.quantize import quantize
from composer.io.smf_census import SUSTAIN, census
from composer.score import Part, Score
from composer.styles import perform
from composer.theory import MODES, Key, Meter, Tempo
from composer.theory import TICKS_PER_QUARTER as Q

SIGNATURE = b"Made with composer"  # a file that bears it ends where its first track does
MARK = "composer:"
MODE = "mode of the key"  # which a key signature cannot say
DRUM_CHANNEL = 9
CHANNELS = [channel for channel in range(16) if channel != DRUM_CHANNEL]
SLOWEST = 0xFFFFFF  # microseconds a quarter, in three bytes
STEPS = (21, 7, 3, 1)  # our ticks in one of the file's: 480 a quarter where that is exact, up to 10,080 where not


def loads(
    data: bytes, name: str, *, grid: str | None = None, sustain: bool = False, notices: list[Notice] | None = None
) -> Score:
    """Read a file's bytes; ``name`` is for messages.

    ``grid`` moves notes to the nearest point of a grid such as ``"1/16"``, ``"1/8t"`` or ``"1/16+1/8t"`` (see
    :func:`composer.io.quantize.quantize`) and reports the error in the metadata as ``quantization``. ``sustain``
    lengthens notes that end while the pedal is down until it is released or the same pitch is struck again.
    ``notices`` is added to: what the file holds that the score does not, and bars that a change of meter cuts short.

    Raises :class:`ReadError` for what is not a playable MIDI file, :class:`UsageError` for an unknown grid.
    """
    division = _division(data, name)
    parsed = _parsed(data, name)
    changes = max(len(parsed.tempos), len(parsed.time_signatures), len(parsed.key_signatures))
    check_limits(name, notes=parsed.note_num(), parts=len(parsed.tracks), changes=changes)
    if parsed.start() < 0 or any((track.notes.numpy()["duration"] < 0).any() for track in parsed.tracks):
        raise ReadError(f"{name}: its times run past the 32 bits that count them; it is damaged")
    try:
        score = _score(parsed, data, division, name, sustain)
    except InvalidScore as error:
        raise ReadError(f"{name}: {error}") from None
    if notices is not None:
        notices += _notices(parsed, data, sustain)
        notices += [notice for _, notice in uneven_bars(score)]
    if grid is None:
        return score
    snapped, report = quantize(score, grid)
    return snapped.with_metadata(quantization=f"{grid}: {report}")


def markers(data: bytes, name: str) -> list[tuple[int, str]]:
    """The marker events of a file, each its tick and its text; raises :class:`ReadError`."""
    division = _division(data, name)
    return [(_tick(mark.time, division), _clean(mark.text)) for mark in _parsed(data, name).markers]


def says_key(data: bytes, name: str) -> bool:
    """Whether a file has a key signature that counts; raises :class:`ReadError`."""
    _division(data, name)
    return any(-7 <= k.key <= 7 and k.tonality in (0, 1) for k in _parsed(data, name).key_signatures)


def _division(data: bytes, name: str) -> int:
    """Ticks per quarter, from the header; refuses what has none."""
    if data[:4] != b"MThd" or len(data) < 14:
        raise ReadError(f"{name}: is not a MIDI file; it does not begin with MThd")
    kind, division = int.from_bytes(data[8:10], "big"), int.from_bytes(data[12:14], "big")
    if kind > 1:
        raise ReadError(f"{name}: is a MIDI file of format {kind}, independent patterns; save it as format 0 or 1")
    if division == 0 or division >= 0x8000:
        raise ReadError(f"{name}: counts time in film frames, not in beats; save it with ticks per quarter note")
    return division


def _parsed(data: bytes, name: str) -> Any:
    from symusic import Score as Parsed

    try:
        return Parsed.from_midi(data)
    except Exception as error:  # whatever symusic raises, the bytes were at fault
        words = str(error).replace("MiniMidi:", "").replace(": iostream error", "").split()
        raise ReadError(f"{name}: is a damaged MIDI file ({' '.join(words) or type(error).__name__})") from None


def _score(parsed: Any, data: bytes, division: int, name: str, sustain: bool) -> Score:
    meters = [Meter(m.numerator, m.denominator, _tick(m.time, division)) for m in parsed.time_signatures]
    tempos = [_tempo(plain_bpm(tempo.mspq), _tick(tempo.time, division), meters) for tempo in parsed.tempos]
    parts = [_part(track, division, name, sustain) for track in parsed.tracks]
    metadata, modes, end = _first_track(data, {part.name for part in parts})
    keys = []
    for k in parsed.key_signatures:
        if -7 <= k.key <= 7 and k.tonality in (0, 1):
            mode = modes.get(k.time, "minor" if k.tonality else "major")
            keys.append(Key(k.key + MODES[mode], mode, _tick(k.time, division)))
    return assemble(
        [part for part in parts if len(part)],
        name,
        meters=with_pickup(meters),
        keys=keys,
        tempos=tempos,
        end=_tick(end, division),
        metadata=metadata,
    )


def _tempo(bpm: float, tick: int, meters: list[Meter]) -> Tempo:
    """A tempo in quarters a minute, counted in the dotted beats of a compound meter."""
    meter = next((meter for meter in reversed(meters) if meter.onset <= tick), Meter(4, 4))
    beat = meter.beat if meter.beat * meter.denominator > 4 * Q else Q
    return Tempo(round(bpm * Q / beat, 6), beat, tick)


def _notices(parsed: Any, data: bytes, sustain: bool) -> Iterator[Notice]:
    found = census(data, sustain=sustain, ours=MARK.encode())
    yield from found.notices()
    lost = found.notes - parsed.note_num()
    if lost > 0 and found.complete:
        yield Notice("ignored", "", "notes that are never released", lost)
    short = sum(int((track.notes.numpy()["duration"] == 0).sum()) for track in parsed.tracks)
    if short:
        yield Notice("ignored", "", "notes without length, now a tick long", short)


def _ticks(values: NDArray[Any], division: int) -> NDArray[np.int64]:
    """The file's ticks as ours, rounded."""
    return (values.astype(np.int64) * (2 * Q) + division) // (2 * division)


def _tick(value: int, division: int) -> int:
    return (value * 2 * Q + division) // (2 * division)


def _part(track: Any, division: int, name: str, sustain: bool) -> Part:
    columns = track.notes.numpy()
    start = columns["time"].astype(np.int64)
    end = start + np.maximum(columns["duration"], 1)
    if sustain:
        end = _sustained(start, end, columns["pitch"], track.controls.numpy())
    check_limits(name, end=int(_ticks(end, division).max(initial=0)))
    onset = _ticks(start, division)
    duration = np.maximum(_ticks(end, division) - onset, 1)
    pitch, velocity = columns["pitch"], columns["velocity"]
    return Part.of(
        onset, pitch, duration, velocity, name=_clean(track.name), program=max(track.program, 0), drums=track.is_drum
    )


def _sustained(
    start: NDArray[np.int64], end: NDArray[np.int64], pitch: NDArray[Any], controls: dict[str, NDArray[Any]]
) -> NDArray[np.int64]:
    """Ends moved to where the pedal that was down at the note's end goes up, or the pitch is struck again."""
    pedal = controls["number"] == SUSTAIN
    time, down = controls["time"][pedal].astype(np.int64), controls["value"][pedal] >= 64
    if not down.any() or not len(start):
        return end
    order = np.argsort(time, kind="stable")
    time, down = time[order], down[order]
    silence = int(end.max())
    rises = np.append(time[~down], silence)
    state = np.searchsorted(time, end, "right") - 1
    held = (state >= 0) & down[state]
    until = rises[np.minimum(np.searchsorted(rises[:-1], end, "right"), len(rises) - 1)]
    by_pitch = np.lexsort((start, pitch))
    again = np.full(len(start), np.iinfo(np.int64).max)
    same = pitch[by_pitch[1:]] == pitch[by_pitch[:-1]]
    again[by_pitch[:-1][same]] = start[by_pitch[1:][same]]
    return np.where(held, np.maximum(end, np.minimum(until, again)), end)


def _first_track(data: bytes, names: set[str]) -> tuple[dict[str, str], dict[int, str], int]:
    """What the first track says of the piece, and, in a file of ours, the modes of its keys and the tick of its end."""
    metadata: dict[str, str] = {}
    modes: dict[int, str] = {}
    ours = False
    for tick, kind, payload in islice(smf.first_metas(data), 4 * MAX_CHANGES):
        if tick and not ours:
            break
        text = _decoded(payload) if kind in {smf.TEXT, smf.NAME} else ""
        if kind == smf.NAME and (title := _clean(text)) and (title not in names or data[9] == 0):
            metadata.setdefault("title", title)
        elif kind == smf.TEXT and payload == SIGNATURE:
            ours = True
        elif kind == smf.TEXT and (entry := marked(text)):
            if entry[0] == MODE and entry[1] in MODES:
                modes[tick] = entry[1]
            else:
                metadata.update([entry])
        elif kind == smf.END and ours:
            return metadata, modes, tick
    return metadata, {}, 0


def _decoded(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return payload.decode("latin-1")


def _clean(text: str, keep: str = "") -> str:
    return "".join(c for c in text if c.isprintable() or c in keep).strip()


def dumps(score: Score) -> bytes:
    """What is heard, as a file of format 1: a conductor's track, then a track and a channel for each part.

    Drums are on channel 10; from the sixteenth other part on, channels are shared. Raises :class:`WriteError` for a
    tempo below 3.58 quarters a minute.
    """
    played = perform(score)
    meters = meters_of_bars(played)
    step = _step(played, meters)
    tracks = [smf.track(_conductor(played, meters, _entries(score, played), step), played.end // step)]
    melodic = count()
    for part in played.parts:
        channel = DRUM_CHANNEL if part.drums else CHANNELS[next(melodic) % len(CHANNELS)]
        tracks.append(_track(part, channel, step, played.end))
    return smf.file(Q // step, tracks)


def conductor(score: Score) -> bytes:
    """The file that :func:`dumps` gives without its notes, ending with the last change of tempo, meter or key."""
    played = perform(score)
    meters = meters_of_bars(played)
    step = _step(played, meters)
    events = _conductor(played, meters, _entries(score, played), step)
    return smf.file(Q // step, [smf.track(events, events[-1][0])])


def _entries(score: Score, played: Score) -> dict[str, str]:
    """The metadata to write: the rhythm of a dance that has been played, else a second writing would swing it twice."""
    entries = dict(score.metadata)
    if "rhythm" in entries and played.parts != score.unfold().parts:
        entries["performed"] = entries.pop("rhythm")
    return entries


def marked(text: str) -> tuple[str, str] | None:
    """Key and value of a text event that holds metadata.

    >>> marked("composer:seed=7")
    ('seed', '7')
    """
    key, _, value = text.removeprefix(MARK).partition("=")
    return (_clean(key), _clean(value, keep="\n")) if text.startswith(MARK) else None


def _step(score: Score, meters: list[Meter]) -> int:
    """The largest of :data:`STEPS` that divides every tick."""
    changes = [m.onset for m in meters] + [k.onset for k in score.keys] + [t.onset for t in score.tempos]
    ticks = [np.array([score.end, *changes]), *(column for part in score.parts for column in (part.onset, part.offset))]
    common = int(np.gcd.reduce(np.concatenate(ticks)))
    return next(step for step in STEPS if common % step == 0)


def _conductor(score: Score, meters: list[Meter], metadata: dict[str, str], step: int) -> list[tuple[int, bytes]]:
    lines = [f"{MARK}{key}={value}" for key, value in metadata.items()]
    events = [smf.meta(0, smf.NAME, score.title.encode(errors="replace"))] if score.title else []
    events += [smf.meta(0, smf.TEXT, text) for text in (SIGNATURE, *(line.encode(errors="replace") for line in lines))]
    for key in score.keys:
        minor = MODES[key.mode] >= MODES["dorian"]
        events.append(smf.meta(key.onset // step, smf.KEY, bytes([key.signature % 256, minor])))
        if key.mode not in ("major", "minor"):
            events.append(smf.meta(key.onset // step, smf.TEXT, f"{MARK}{MODE}={key.mode}".encode()))
    for meter in meters:
        clocks = meter.beat * 24 // Q  # of the metronome: 24 a quarter
        data = bytes([meter.numerator, meter.denominator.bit_length() - 1, clocks, 8])
        events.append(smf.meta(meter.onset // step, smf.METER, data))
    for tempo in score.tempos:
        microseconds = round(60e6 / tempo.quarters_per_minute)
        if microseconds > SLOWEST:
            raise WriteError(f"MIDI has no tempo as slow as {tempo.bpm:g} beats a minute; choose a faster one")
        events.append(smf.meta(tempo.onset // step, smf.TEMPO, microseconds.to_bytes(3, "big")))
    return sorted(events, key=lambda event: event[0])


def _track(part: Part, channel: int, step: int, end: int) -> bytes:
    header = [smf.meta(0, smf.NAME, part.name.encode(errors="replace"))] if part.name else []
    header.append((0, bytes([0xC0 | channel, part.program])))
    notes = smf.note_events(part.onset // step, part.offset // step, part.pitch, part.velocity, channel)
    return smf.track([*header, *notes], end // step)
