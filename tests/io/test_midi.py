"""MIDI files: the round-trip law, mido and pretty_midi as oracles, awkward files, hostile files."""

import io
import random
import struct
import warnings
from collections import defaultdict
from itertools import groupby
from pathlib import Path

import mido
import numpy as np
import pytest
from hypothesis import given

from composer.errors import ReadError, UsageError, WriteError
from composer.io import smf
from composer.io.midi import dumps, loads
from composer.score import Part, Score, regular_barlines
from composer.theory import TICKS_PER_QUARTER as Q
from composer.theory import Key, Meter, Tempo
from strategies import scores

FILES = sorted((Path(__file__).parents[1] / "data" / "midi").glob("*.mid"))
Heard = list[tuple[bool, int, list[tuple[float, float, int, int]]]]  # drums, program, (start, end, pitch, velocity)


# --- the round-trip law, with what it loses ---------------------------------------------------------------------------


def first_in_first_out(part: Part) -> list[tuple[int, ...]]:
    """The part's notes, with overlapping notes of one pitch paired as a MIDI reader pairs them."""
    rows: list[tuple[int, ...]] = []
    for pitch in set(part.pitch.tolist()):
        notes = [note for note in part if note.pitch == pitch]
        ends = sorted(note.onset + note.duration for note in notes)
        rows += [(n.onset, pitch, end - n.onset, n.velocity) for n, end in zip(notes, ends, strict=True)]
    return sorted(rows)


def in_midi(keys: tuple[Key, ...]) -> list[Key]:
    """Keys without those that only restate the one before."""
    return [next(group) for _, group in groupby(keys, key=lambda key: (key.tonic, key.mode))]


def microseconds(tempos: tuple[Tempo, ...]) -> list[tuple[int, int]]:
    rates = [(round(60e6 / tempo.quarters_per_minute), tempo.onset) for tempo in tempos]
    return [next(group) for _, group in groupby(rates, key=lambda rate: rate[0])]


def rows(part: Part) -> list[tuple[int, ...]]:
    return [note[:4] for note in part]


@given(scores())
def test_what_is_heard_survives(score: Score) -> None:
    heard, back = score.unfold(), loads(dumps(score), "x.mid")
    sounding = [part for part in heard.parts if len(part)]
    assert [rows(part) for part in back.parts] == [first_in_first_out(part) for part in sounding]
    assert [(p.name, p.program, p.drums) for p in back.parts] == [(p.name, p.program, p.drums) for p in sounding]
    assert list(back.keys) == in_midi(heard.keys)
    assert microseconds(back.tempos) == microseconds(heard.tempos)
    assert back.metadata == score.metadata
    assert back == back.respelled()
    assert set(back.barlines.tolist()) - {back.end} <= set(heard.barlines.tolist())
    assert back.end >= heard.end


@given(scores(folded=False))
def test_pages_with_regular_bars_survive_whole(score: Score) -> None:
    back = loads(dumps(score), "x.mid")
    assert back.barlines.tolist() == score.barlines.tolist()
    first, *later = score.meters
    if not score.pickup and later and later[0].onset == first.bar < later[0].bar:
        first, later = Meter(later[0].numerator, later[0].denominator), later[1:]  # read as a pickup
    assert list(back.meters) == [first, *later]


@given(scores())
def test_reading_and_writing_again_changes_nothing(score: Score) -> None:
    once = loads(dumps(score), "x.mid")
    assert loads(dumps(once), "x.mid") == once


def test_quarters_are_480_ticks_where_that_is_exact() -> None:
    def division(onset: int) -> int:
        return mido.MidiFile(file=io.BytesIO(dumps(Score.of([Part.of([onset], [60], [Q])])))).ticks_per_beat

    assert [division(onset) for onset in (Q // 32, Q // 3, Q // 5, Q // 7, 1)] == [480, 480, 480, 3360, 10080]


def test_a_played_dance_is_not_swung_twice() -> None:
    part = Part.of(np.arange(8) * Q // 2, [60] * 8, [Q // 2] * 8)
    score = Score.of([part], metadata={"rhythm": "hornpipe"})
    once = loads(dumps(score), "x.mid")
    assert once.parts[0].onset[1] == round(0.62 * Q)
    assert once.metadata == {"performed": "hornpipe"}
    assert loads(dumps(once), "x.mid") == once


def test_pickups_are_written_as_a_short_first_meter() -> None:
    tune = Score.of([Part.of([0, Q], [62, 67], [Q, 3 * Q])], meter="3/4", pickup=Q)
    track = mido.MidiFile(file=io.BytesIO(dumps(tune))).tracks[0]
    found = [(m.numerator, m.denominator, m.time) for m in track if m.type == "time_signature"]
    assert found == [(1, 4, 0), (3, 4, 480)]
    assert loads(dumps(tune), "x.mid").pickup == Q


def test_bars_cut_to_odd_lengths_survive() -> None:
    score = Score.of([Part.of([0], [60], [Q])], barlines=[0, 7, 7 + 4 * Q, 7 + 7 * Q, 7 + 11 * Q])
    back = loads(dumps(score), "x.mid")
    assert back.barlines.tolist() == score.barlines.tolist()
    assert [str(meter) for meter in back.meters] == ["4/4", "3/4", "4/4"]


def test_gaps_longer_than_a_delta_time() -> None:
    far = 2**30 + 1
    score = Score.of([Part.of([0, far], [60, 60], [Q, Q])], meter="128/4")
    assert rows(loads(dumps(score), "x.mid").parts[0]) == rows(score.parts[0])


def test_channels() -> None:
    parts = [Part.of([0], [60], [Q], name=str(k), program=k, drums=k == 3) for k in range(20)]
    tracks = mido.MidiFile(file=io.BytesIO(dumps(Score.of(parts)))).tracks[1:]
    channels = [next(m.channel for m in track if m.type == "note_on") for track in tracks]
    assert channels == [0, 1, 2, 9, *range(3, 9), *range(10, 16), 0, 1, 2, 3]


def test_too_slow_for_midi() -> None:
    with pytest.raises(WriteError, match="as slow as 2 beats"):
        dumps(Score.of([], tempo=2.0))


# --- independent readers ----------------------------------------------------------------------------------------------


def by_mido(data: bytes) -> Heard:
    """Notes in seconds by track, channel and program, paired first in, first out."""
    file = mido.MidiFile(file=io.BytesIO(data))
    changes = [(0, 500_000)]
    now = 0
    for message in mido.merge_tracks(file.tracks):
        now += message.time
        if message.type == "set_tempo":
            changes.append((now, message.tempo))

    def seconds(tick: int) -> float:
        spans = zip(changes, [*changes[1:], (2**62, 0)], strict=True)
        return sum((min(tick, b) - a) * t / 1e6 / file.ticks_per_beat for (a, t), (b, _) in spans if a < tick)

    found: Heard = []
    for track in file.tracks:
        now, programs, sounding = 0, dict.fromkeys(range(16), 0), defaultdict(list)
        notes = defaultdict(list)
        for message in track:
            now += message.time
            if message.type == "program_change":
                programs[message.channel] = message.program
            elif message.type in ("note_on", "note_off"):
                waiting = sounding[message.channel, message.note]
                if message.type == "note_on" and message.velocity:
                    waiting.append((now, message.velocity, programs[message.channel]))
                elif waiting:
                    start, velocity, program = waiting.pop(0)
                    row = (seconds(start), seconds(now), message.note, velocity)
                    notes[message.channel, program].append(row)
        found += [(channel == 9, program, sorted(rows)) for (channel, program), rows in notes.items()]
    return found


def by_pretty_midi(data: bytes) -> Heard:
    import pretty_midi

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        midi = pretty_midi.PrettyMIDI(io.BytesIO(data))
    return [
        (i.is_drum, i.program, sorted((n.start, n.end, n.pitch, n.velocity) for n in i.notes)) for i in midi.instruments
    ]


def by_us(data: bytes) -> Heard:
    score = loads(data, "x.mid")
    found: Heard = []
    for part in score.parts:
        times = (score.seconds(part.onset).tolist(), score.seconds(part.offset).tolist())
        columns = (*times, part.pitch.tolist(), part.velocity.tolist())
        found.append((part.drums, part.program, sorted(zip(*columns, strict=True))))
    return found


def same(ours: Heard, theirs: Heard) -> None:
    def order(part: tuple[bool, int, list[tuple[float, float, int, int]]]) -> tuple[bool, int, int, float]:
        return (*part[:2], len(part[2]), part[2][0][0])

    assert [part[:2] for part in sorted(ours, key=order)] == [part[:2] for part in sorted(theirs, key=order)]
    for mine, other in zip(sorted(ours, key=order), sorted(theirs, key=order), strict=True):
        a, b = np.array(mine[2]), np.array(other[2])
        assert a.shape == b.shape
        order_a, order_b = (np.lexsort((x[:, 1], x[:, 2], np.rint(x[:, 0] * 1e4))) for x in (a, b))
        np.testing.assert_allclose(a[order_a], b[order_b], atol=2e-4)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_real_files_as_others_read_them(path: Path) -> None:
    data = path.read_bytes()
    same(by_us(data), by_mido(data))
    same(by_us(data), by_pretty_midi(data))


@given(scores(voices=2))
def test_written_files_as_mido_reads_them(score: Score) -> None:
    data = dumps(score)
    same(by_us(data), by_mido(data))


@given(scores(voices=1, monophonic=True))
def test_written_files_as_pretty_midi_reads_them(score: Score) -> None:
    data = dumps(score)
    same(by_us(data), by_pretty_midi(data))


# --- awkward files ----------------------------------------------------------------------------------------------------


def midi(*tracks: list[tuple[int, bytes]], form: int = 1, division: int = 96) -> bytes:
    """A file from tracks of (delta, event bytes)."""
    chunks = []
    for events in tracks:
        body = b"".join(smf.number(delta) + data for delta, data in events) + b"\x00\xff\x2f\x00"
        chunks.append(b"MTrk" + struct.pack(">I", len(body)) + body)
    return b"MThd" + struct.pack(">IHHH", 6, form, len(tracks), division) + b"".join(chunks)


def on(pitch: int, velocity: int = 64, channel: int = 0) -> bytes:
    return bytes([0x90 | channel, pitch, velocity])


def off(pitch: int, channel: int = 0) -> bytes:
    return bytes([0x80 | channel, pitch, 0])


def meter(numerator: int, power: int) -> bytes:
    return bytes([0xFF, 0x58, 4, numerator, power, 24, 8])


def notes(data: bytes, **options: bool) -> list[tuple[int, ...]]:
    """Rows of the only part, in the file's ticks of 96 a quarter."""
    (part,) = loads(data, "x.mid", **options).parts
    return [(n.onset // 105, n.pitch, n.duration // 105, n.velocity) for n in part]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([(0, on(60)), (96, b"\x3c\x00"), (0, b"\x3e\x40"), (96, b"\x3e\x00")], [(0, 60, 96, 64), (96, 62, 96, 64)]),
        ([(0, on(60, 1)), (10, on(60, 2)), (10, off(60)), (5, off(60))], [(0, 60, 20, 1), (10, 60, 15, 2)]),
        ([(0, on(60)), (10, on(62)), (10, off(62))], [(10, 62, 10, 64)]),
        ([(0, on(60)), (0, off(60)), (0, on(62)), (9, off(62))], [(0, 60, 1, 64), (0, 62, 9, 64)]),
        ([(0, off(60)), (0, on(60)), (9, off(60)), (9, off(60))], [(0, 60, 9, 64)]),
    ],
    ids=["running status and velocity 0", "overlap", "hanging", "zero length", "stray releases"],
)
def test_notes(events: list[tuple[int, bytes]], expected: list[tuple[int, ...]]) -> None:
    assert notes(midi(events)) == expected


DOWN, UP = b"\xb0\x40\x7f", b"\xb0\x40\x00"


@pytest.mark.parametrize(
    ("events", "lengths"),
    [
        ([(0, DOWN), (0, on(60)), (10, off(60)), (30, UP)], [40]),
        ([(0, on(60)), (10, off(60)), (0, UP), (5, DOWN), (30, UP)], [10]),
        ([(0, DOWN), (0, on(60)), (10, off(60)), (10, on(60)), (5, off(60)), (5, UP)], [20, 10]),
        ([(0, DOWN), (0, on(60)), (10, off(60)), (0, on(62)), (30, off(62))], [40, 30]),
        ([(0, DOWN), (0, on(60)), (5, on(60)), (10, off(60)), (5, off(60)), (10, UP)], [15, 25]),
    ],
    ids=["until up", "pedal too late", "until struck again", "never released", "overlapping before"],
)
def test_sustain_lengthens_notes(events: list[tuple[int, bytes]], lengths: list[int]) -> None:
    assert [row[2] for row in notes(midi(events), sustain=True)] == lengths
    assert notes(midi(events)) != notes(midi(events), sustain=True) or lengths == [10]


def test_format_0_makes_a_part_of_each_channel() -> None:
    score = loads(
        midi(
            [(0, b"\xff\x03\x02Ti"), (0, on(60, 64, 1)), (9, off(60, 1)), (0, on(40, 64, 9)), (9, off(40, 9))], form=0
        ),
        "x",
    )
    assert [(part.name, part.drums) for part in score.parts] == [("Ti", False), ("Ti", True)]
    assert score.title == "Ti"


def test_meters_cut_bars_short_and_the_last_bar_is_complete() -> None:
    score = loads(midi([(0, meter(4, 2)), (96, meter(3, 2)), (0, on(60)), (96 * 4, off(60))]), "x.mid")
    assert score.barlines.tolist() == [0, Q, 4 * Q, 7 * Q]
    assert list(map(str, score.meters)) == ["4/4", "3/4"]
    assert regular_barlines(score.meters, 5 * Q).tolist() == score.barlines.tolist()


def test_ticks_that_do_not_divide_are_rounded() -> None:
    score = loads(midi([(1, on(60)), (1, off(60))], division=32_767), "x.mid")
    assert rows(score.parts[0]) == [(0, 60, 1, 64)]
    assert rows(loads(midi([(7, on(60)), (7, off(60))], division=11), "x.mid").parts[0]) == [(6415, 60, 6414, 64)]


def test_keys_are_read_or_estimated_and_notes_spelled() -> None:
    scale = [(0, on(63)), (96, off(63)), (0, on(58)), (96, off(58))]
    flat = loads(midi([(0, b"\xff\x59\x02\xfd\x00"), *scale]), "x.mid")
    assert (str(flat.key), flat.parts[0].spelling.tolist()) == ("Eb major", [-3, -2])
    assert str(loads(midi([(0, b"\xff\x59\x02\xfd\x01"), *scale]), "x.mid").key) == "C minor"
    assert str(loads(midi([(0, b"\xff\x59\x02\x63\x00"), *scale]), "x.mid").key) == "Eb major"


def test_names_that_are_not_utf8_or_not_text() -> None:
    score = loads(midi([(0, b"\xff\x03\x03\xe9\x00\n"), (0, on(60)), (9, off(60))], form=0), "x.mid")
    assert (score.title, "\x00" in score.parts[0].name, "\n" in score.parts[0].name) == ("é", False, False)


def test_metadata_of_other_programs_is_not_taken_for_ours() -> None:
    data = midi([(0, b"\xff\x01\x05hello"), (0, b"\xff\x01\x0fcomposer:seed=7"), (999_999, b"\xff\x06\x00")])
    assert loads(data, "x.mid").metadata == {"seed": "7"}
    assert loads(data, "x.mid").bars == 1


def test_quantizing_reports_the_error() -> None:
    data = midi([(2, on(60)), (47, off(60)), (0, on(62)), (30, off(62)), (2, on(64)), (33, off(64))])
    score = loads(data, "x.mid", grid="1/8+1/8t")
    assert rows(score.parts[0]) == [(0, 60, Q // 2, 64), (Q // 2, 62, Q // 6, 64), (Q, 64, Q // 3, 64)]
    report = "onsets moved by 31.2 ms on average, 78.1 ms at most; 3 notes changed"  # 2, 1 and 15 ticks of 5.2 ms
    assert score.metadata["quantization"] == f"1/8+1/8t: {report}"
    with pytest.raises(UsageError, match="'7' is not a grid; write one such as 1/16"):
        loads(data, "x.mid", grid="7")


# --- hostile files ----------------------------------------------------------------------------------------------------

NOTE = [(0, on(60)), (96, off(60))]
BIG = 2**28 - 1


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not a MIDI file"),
        (b"MThd\x00", "not a MIDI file"),
        (b"hello, world, this is text", "not a MIDI file"),
        (midi(NOTE, form=2), "format 2"),
        (midi(NOTE, division=0xE728), "film frames"),
        (midi(NOTE, division=0), "film frames"),
        (midi(NOTE)[:-6], "damaged"),
        (midi([(0, meter(0, 2)), *NOTE]), "0/4 is not a meter"),
        (midi([(0, meter(4, 7)), *NOTE]), "4/128 is not a meter"),
        (midi([(0, b"\xff\x51\x03\x00\x00\x00"), *NOTE]), "0 microseconds"),
        (midi([(BIG, b"\xff\x06\x00")] * 9 + NOTE), "run past"),
        (midi([(BIG, b"\xff\x06\x00")] * 9 + [(0, meter(3, 2))]), "run past"),
        (midi([(BIG, b"\xff\x06\x00")] * 7 + NOTE), "quarter notes; cut it"),
        (midi([(0, meter(1, 6)), (2**24, b"\xff\x06\x00"), *NOTE], division=96), "bars; a score takes"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(data: bytes, words: str) -> None:
    with pytest.raises(ReadError, match=words) as caught:
        loads(data, "tune.mid")
    assert str(caught.value).startswith("tune.mid: ")
    assert "\n" not in str(caught.value)


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Truncated, random, spliced, or (mostly) with some bytes changed in such a way that much of it still parses."""
    kind, at = rng.randrange(10), rng.randrange(len(data))
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data[: rng.choice([0, 14, 22])] + rng.randbytes(rng.randrange(400))
    if kind == 2:
        return data[:at] + rng.randbytes(rng.randrange(4)) + data[at + rng.randrange(4) :]
    changed = bytearray(data)
    for _ in range(rng.randrange(1, 6)):
        place = rng.randrange(len(changed))
        changed[place] = rng.choice([0, 0x7F, rng.randrange(128), changed[place] ^ 1 << rng.randrange(7), 0xFF])
    return bytes(changed)


def test_damaged_files_are_read_or_refused(capfd: pytest.CaptureFixture[str]) -> None:
    rng = random.Random(7)
    seeds = [*(path.read_bytes() for path in FILES), dumps(Score.of([Part.of([0, Q], [60, 62], [Q, Q])], pickup=Q))]
    refused: list[str] = []
    for number in range(4_000):
        data = mutated(rng.choice(seeds), rng)
        try:
            score = loads(data, "x.mid", sustain=number % 2 == 0, grid="1/16+1/8t" if number % 3 == 0 else None)
        except ReadError as error:
            refused.append(str(error))
        else:
            assert isinstance(score, Score)
    assert 1_000 < len(refused) < 3_400
    assert not any("\n" in message for message in refused)
    assert capfd.readouterr() == ("", "")


def test_modes_travel_and_a_signature_that_was_changed_wins() -> None:
    data = dumps(Score.of([Part.of([0], [62], [4 * Q])], key="D dorian"))
    assert str(loads(data, "x.mid").key) == "D dorian"
    assert b"\xff\x59\x02\x00\x01" in data  # no sharps, minor: what other programs see
    other = data.replace(b"\xff\x59\x02\x00\x01", b"\xff\x59\x02\x02\x00")
    assert str(loads(other, "x.mid").key) == "E dorian"


@pytest.mark.parametrize(("meter", "beat"), [("6/8", 3 * Q // 2), ("2/2", Q), ("3/4", Q), ("12/16", 3 * Q // 4)])
def test_tempos_count_the_beats_of_compound_meters(meter: str, beat: int) -> None:
    score = Score.of([Part.of([0], [62], [Q])], meter=meter, tempo=Tempo(116, beat))
    assert loads(dumps(score), "x.mid").tempo == Tempo(116, beat)
