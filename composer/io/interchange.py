"""Objects of other libraries, both ways: pretty_midi and pypianoroll. Both hold what is heard, not what is written.

pretty_midi. Lost on the way back: what MIDI loses (see :mod:`composer.io.midi`), except that parts without notes and
overlapping notes of one pitch survive; also the names of keys with many accidentals (Db may be C#), and the rest after
the last bar with a note.

pypianoroll, 24 steps a quarter. Lost besides: times finer than a step (every note lasts at least one), keys, the beat
of a meter (6/8 comes back as 3/4), metadata other than the title, meters between bar lines, overlapping notes of one
pitch, and one step of a note that is struck again at once: the gap keeps the two apart, as pypianoroll joins notes
that touch.
"""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from composer.analysis import plain_key
from composer.errors import InvalidScore, ReadError, UsageError
from composer.io.assembly import assemble, meter_lasting, plain_bpm, with_pickup
from composer.io.midi import MODE, conductor, marked
from composer.score import DEFAULT_VELOCITY, Part, Score
from composer.styles import perform
from composer.theory import TICKS_PER_QUARTER as Q
from composer.theory import Ints, Meter, Tempo

RESOLUTION = 24  # steps a quarter, pypianoroll's own default
LARGEST = 2**31  # bytes of piano roll


def to_pretty_midi(score: Score) -> Any:
    """A ``pretty_midi.PrettyMIDI`` of what is heard, with its tempo map, meters and keys.

    Raises :class:`UsageError` for a tempo or key change beyond the ten million ticks that pretty_midi can count.
    """
    import pretty_midi

    played = perform(score)
    try:
        midi = pretty_midi.PrettyMIDI(io.BytesIO(conductor(score)), charset="utf-8")
    except ValueError as error:
        raise UsageError(f"pretty_midi cannot hold this score: {error}") from None
    paced = replace(played, tempos=tuple(_in_microseconds(tempo) for tempo in played.tempos))
    for part in played.parts:
        instrument = pretty_midi.Instrument(part.program, part.drums, part.name)
        times = (paced.seconds(part.onset).tolist(), paced.seconds(part.offset).tolist())
        rows = zip(part.velocity.tolist(), part.pitch.tolist(), *times, strict=True)
        instrument.notes = [pretty_midi.Note(*row) for row in rows]
        midi.instruments.append(instrument)
    return midi


def _in_microseconds(tempo: Tempo) -> Tempo:
    """A tempo as MIDI says it, in whole microseconds a quarter."""
    return Tempo(60e6 / round(60e6 / tempo.quarters_per_minute), Q, tempo.onset)


def from_pretty_midi(midi: Any) -> Score:
    """A score from a ``pretty_midi.PrettyMIDI``; raises :class:`ReadError` for one that is not playable."""
    name = "this PrettyMIDI object"
    clock = _Clock(midi)
    try:
        return assemble(
            [_instrument(instrument, clock, name) for instrument in midi.instruments],
            name,
            meters=with_pickup(
                [Meter(m.numerator, m.denominator, clock.tick(m.time)) for m in midi.time_signature_changes]
            ),
            keys=[
                replace(
                    plain_key(k.key_number % 12, "major" if k.key_number < 12 else "minor"), onset=clock.tick(k.time)
                )
                for k in midi.key_signature_changes
            ],
            tempos=clock.tempos,
            metadata=dict(entry for event in midi.text_events if (entry := marked(event.text)) and entry[0] != MODE),
        )
    except InvalidScore as error:
        raise ReadError(f"{name}: {error}") from None


class _Clock:
    """Ticks of times in seconds, by the tempo map of a PrettyMIDI."""

    def __init__(self, midi: Any) -> None:
        self._times, rates = midi.get_tempo_changes()
        self._rates = rates / 60
        quarters = np.concatenate([[0.0], np.cumsum(np.diff(self._times) * self._rates[:-1])])
        self._quarters = np.rint(quarters * midi.resolution) / midi.resolution  # tempos change on the object's ticks

    def ticks(self, seconds: ArrayLike) -> NDArray[np.int64]:
        wanted = np.asarray(seconds, dtype=np.float64)
        index = np.maximum(np.searchsorted(self._times, wanted, "right") - 1, 0)
        quarters = self._quarters[index] + (wanted - self._times[index]) * self._rates[index]
        return np.asarray(np.rint(np.clip(quarters, -1, 2**31) * Q), dtype=np.int64)

    def tick(self, seconds: float) -> int:
        return int(self.ticks(seconds))

    @property
    def tempos(self) -> list[Tempo]:
        onsets = np.rint(self._quarters * Q).astype(np.int64).tolist()
        return [
            Tempo(plain_bpm(round(1e6 / rate)), Q, onset)
            for rate, onset in zip(self._rates.tolist(), onsets, strict=True)
        ]


def _instrument(instrument: Any, clock: _Clock, name: str) -> Part:
    rows = np.array([(n.start, n.end, n.pitch, n.velocity) for n in instrument.notes], dtype=np.float64).reshape(-1, 4)
    if not np.isfinite(rows).all():
        raise ReadError(f"{name}: {instrument.name or 'an instrument'} has a note without a time")
    onset, offset = clock.ticks(rows[:, 0]), clock.ticks(rows[:, 1])
    return Part.of(
        onset,
        rows[:, 2].astype(np.int64),
        np.maximum(offset - onset, 1),
        rows[:, 3].astype(np.int64),
        name=instrument.name,
        program=instrument.program,
        drums=bool(instrument.is_drum),
    )


def to_pypianoroll(score: Score) -> Any:
    """A ``pypianoroll.Multitrack`` of what is heard: uint8 velocities (T, 128) a part, tempo and downbeats (T,).

    Raises :class:`UsageError` for a score whose rolls would fill more than 2 GB.
    """
    import pypianoroll

    played = perform(score)
    steps = max(round(played.end * RESOLUTION / Q), 1)
    if steps * 128 * len(played.parts) > LARGEST:
        raise UsageError("this score is too long for piano rolls; cut out a region of it first")
    tempo = np.empty(steps)
    for change in played.tempos:
        tempo[_step(change.onset, steps) :] = change.quarters_per_minute
    downbeat = np.zeros(steps, dtype=bool)
    downbeat[[_step(line, steps) for line in played.barlines[:-1].tolist()]] = True
    tracks = [
        pypianoroll.StandardTrack(part.name, part.program, part.drums, _roll(part, steps)) for part in played.parts
    ]
    return pypianoroll.Multitrack(played.title or None, RESOLUTION, tempo, downbeat, tracks)


def _step(tick: int, steps: int) -> int:
    return min(round(tick * RESOLUTION / Q), steps - 1)


def _roll(part: Part, steps: int) -> NDArray[np.uint8]:
    """Velocities where a note sounds, (steps, 128)."""
    start = np.minimum(_steps(part.onset), steps - 1)
    stop = np.maximum(_steps(part.offset), start + 1)
    order = np.lexsort((start, part.pitch))
    following = np.append(start[order][1:], 0)
    again = np.append(np.diff(part.pitch[order]) == 0, False)
    stop[order] = np.where(again, np.maximum(np.minimum(stop[order], following - 1), start[order] + 1), stop[order])
    roll = np.zeros((steps, 128), dtype=np.uint8)
    rows = zip(start.tolist(), stop.tolist(), part.pitch.tolist(), part.velocity.tolist(), strict=True)
    for first, last, pitch, velocity in rows:
        roll[first:last, pitch] = velocity
    return roll


def _steps(ticks: Ints) -> NDArray[np.int64]:
    return np.asarray(np.rint(ticks * (RESOLUTION / Q)), dtype=np.int64)


def from_pypianoroll(multitrack: Any) -> Score:
    """A score from a ``pypianoroll.Multitrack``: adjacent steps of a pitch are one note, as loud as its first step.

    Bar lines are its downbeats, and meters follow from their distances; 4/4 without any. Raises :class:`ReadError` for
    one that is not playable.
    """
    name = "this Multitrack object"
    resolution = multitrack.resolution
    rolls = [np.asarray(track.pianoroll) for track in multitrack.tracks]
    downbeat = np.zeros(0) if multitrack.downbeat is None else np.asarray(multitrack.downbeat).ravel()
    tempo = np.zeros(0) if multitrack.tempo is None else np.asarray(multitrack.tempo, dtype=np.float64).ravel()
    end = _tick(max([len(tempo), len(downbeat), *map(len, rolls)]), resolution)
    lines = [0, *(_tick(step, resolution) for step in np.flatnonzero(downbeat).tolist() if step), end]
    try:
        return assemble(
            [_part(track, roll, resolution) for track, roll in zip(multitrack.tracks, rolls, strict=True)],
            name,
            meters=_meters(lines),
            tempos=[
                Tempo(float(tempo[step]), Q, _tick(step, resolution))
                for step in np.flatnonzero(np.diff(tempo, prepend=np.nan)).tolist()
            ],
            barlines=lines if len(lines) > 2 else None,
            end=end,
            metadata={"title": multitrack.name} if multitrack.name else {},
        )
    except InvalidScore as error:
        raise ReadError(f"{name}: {error}") from None


def _tick(step: int, resolution: int) -> int:
    return round(step * Q / resolution)


def _part(track: Any, roll: NDArray[Any], resolution: int) -> Part:
    sounding = np.pad(roll > 0, ((1, 1), (0, 0))).astype(np.int8)
    change = np.diff(sounding, axis=0).T  # (128, T + 1)
    pitch, start = np.nonzero(change > 0)
    stop = np.nonzero(change < 0)[1]
    loudness = DEFAULT_VELOCITY if roll.dtype == bool else np.clip(roll[start, pitch], 1, 127)
    onset, offset = (np.rint(steps * (Q / resolution)).astype(np.int64) for steps in (start, stop))
    program, drums = track.program or 0, bool(track.is_drum)
    return Part.of(onset, pitch, offset - onset, loudness, name=track.name or "", program=program, drums=drums)


def _meters(lines: list[int]) -> list[Meter]:
    """Meters from the distances of bar lines; a shorter first or last bar takes its neighbour's."""
    bars = np.diff(lines).tolist()
    if len(bars) > 1:
        bars[0] = max(bars[:2])
        bars[-1] = max(bars[-2:])
    return [replace(meter_lasting(bar, Meter(4, 4)), onset=line) for bar, line in zip(bars, lines, strict=False)]
