"""What MIDI files hold besides notes, counted as mido counts it, and never at the cost of an error."""

import io
import random
from collections import Counter
from pathlib import Path

import mido
import pytest

from composer.errors import Notice
from composer.io.midi import loads
from composer.io.smf_census import CONTROLLERS, PEDAL, census

FILES = sorted((Path(__file__).parents[1] / "data" / "midi").glob("*.mid"))


def file_of(*tracks: list[mido.Message | mido.MetaMessage]) -> bytes:
    midi = mido.MidiFile(type=1, ticks_per_beat=480)
    midi.tracks.extend(mido.MidiTrack(track) for track in tracks)
    data = io.BytesIO()
    midi.save(file=data)
    return data.getvalue()


def raw(body: bytes) -> bytes:
    """A file with one track of these bytes."""
    return b"MThd\0\0\0\6\0\1\0\1\1\xe0MTrk" + len(body).to_bytes(4, "big") + body


def notices(data: bytes, **options: bool) -> dict[str, int]:
    found: list[Notice] = []
    loads(data, "f.mid", notices=found, **options)
    assert all(notice.kind in ("ignored", "bar") for notice in found)
    return {notice.text: notice.times for notice in found}


def note(pitch: int, length: int = 480, channel: int = 0) -> list[mido.Message]:
    on = mido.Message("note_on", note=pitch, velocity=80, channel=channel)
    return [on, mido.Message("note_off", note=pitch, time=length, channel=channel)]


def anything(rng: random.Random) -> mido.Message | mido.MetaMessage:
    """One event of any kind; delta times of one to four bytes."""
    time = rng.choice([0, 1, 127, 128, 20_000, 3_000_000])
    low = rng.randrange(128)
    return rng.choice(
        [
            mido.Message("note_on", note=low, velocity=rng.choice([0, 64]), channel=rng.randrange(16), time=time),
            mido.Message("note_off", note=low, channel=rng.randrange(16), time=time),
            mido.Message("control_change", control=low, value=rng.randrange(128), channel=rng.randrange(16), time=time),
            mido.Message("program_change", program=low, time=time),
            mido.Message("aftertouch", value=low, time=time),
            mido.Message("polytouch", note=low, value=1, time=time),
            mido.Message("pitchwheel", pitch=rng.choice([-8192, -1, 0, 1, 8191]), time=time),
            mido.Message("sysex", data=[1] * rng.choice([0, 3, 200]), time=time),
            mido.MetaMessage("marker", text="m" * rng.choice([0, 5, 200]), time=time),
            mido.MetaMessage("lyrics", text="la", time=time),
        ]
    )


def counted_by_mido(data: bytes) -> tuple[Counter[str], int]:
    """The census by mido, the pedal left out; and the notes struck."""
    texts = {"sysex": "system exclusive messages", "marker": "markers", "lyrics": "lyrics", "polytouch": "aftertouch"}
    found: Counter[str] = Counter()
    notes = 0
    for message in (message for track in mido.MidiFile(file=io.BytesIO(data)).tracks for message in track):
        notes += message.type == "note_on" and message.velocity > 0
        if message.type == "control_change" and message.control != 64:
            found[CONTROLLERS.get(message.control, f"controller {message.control}")] += 1
        elif message.type == "pitchwheel":
            found["pitch bends"] += message.pitch != 0
        elif message.type in {*texts, "aftertouch"}:
            found[texts.get(message.type, message.type)] += 1
    found.pop("", None)
    return +found, notes


@pytest.mark.parametrize("seed", range(30))
def test_every_kind_of_event_is_counted_as_mido_does(seed: int) -> None:
    rng = random.Random(seed)
    data = file_of(*([anything(rng) for _ in range(rng.randrange(200))] for _ in range(3)))
    found = census(data)
    assert ({k: v for k, v in found.counts.items() if k != PEDAL}, found.notes) == counted_by_mido(data)
    assert found.complete


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_real_files_are_counted_as_mido_does_and_lose_no_note(path: Path) -> None:
    data = path.read_bytes()
    found = census(data)
    assert ({k: v for k, v in found.counts.items() if k != PEDAL}, found.notes) == counted_by_mido(data)
    assert "notes that are never released" not in notices(data)


def test_running_status_holds_within_and_after_runs() -> None:
    body = b"\0\x90\x3c\x40" + b"\x83\x60\x3c\0" + b"\0\x3e\x40" + b"\x10\x3e\0"  # two notes, ended by velocity 0
    body += b"\0\xd0\x05" + b"\0\x06" + b"\x81\0\x07" + b"\0\xe0\0\x40" + b"\0\1\x40"  # three aftertouch, one bend
    body += b"\0\xff\x06\2hi" + b"\0\2\x40" + b"\0\xff\x2f\0"  # many files go on with it after a meta event
    found = census(raw(body))
    assert dict(found.counts) == {"aftertouch": 3, "pitch bends": 2, "markers": 1}
    assert (found.notes, found.complete) == (2, True)


def test_the_pedal_counts_presses_and_is_no_loss_where_it_is_read() -> None:
    values = [127, 100, 0, 64, 63, 127]
    pedal = [mido.Message("control_change", control=64, value=value) for value in values]
    data = file_of([*note(60), *pedal, mido.Message("control_change", control=64, value=127, channel=3)])
    assert notices(data) == {PEDAL: 4}
    assert notices(data, sustain=True) == {}


def test_notes_never_released_and_without_length() -> None:
    lost = mido.Message("note_on", note=70, velocity=80)
    assert notices(file_of([*note(60), lost])) == {"notes that are never released": 1}
    assert notices(file_of([*note(60), *note(64, 0)])) == {"notes without length, now a tick long": 1}


def test_signatures_that_no_score_has() -> None:
    body = b"\0\xff\x59\2\x09\0" + b"\0\xff\x59\2\xf9\0" + b"\0\x90\x3c\x40\x60\x80\x3c\x40" + b"\0\xff\x2f\0"
    assert notices(raw(body)) == {"key signatures of more than seven accidentals": 1}


def test_places_name_the_tracks() -> None:
    volume = mido.Message("control_change", control=7, value=1)
    found = list(census(file_of([volume], [*note(60)], [volume, volume])).notices())
    assert found == [Notice("ignored", "tracks 1, 3", "volume", 3)]
    many = list(census(file_of(*([volume] for _ in range(9)))).notices())
    assert many[0].place == "tracks 1, 2, 3, 4, 5, 6, ..."


def test_a_meter_that_cuts_a_bar_short_is_noticed() -> None:
    meters = [mido.MetaMessage("time_signature", numerator=4, denominator=4)]
    meters += [mido.MetaMessage("time_signature", numerator=3, denominator=4, time=480 * 7)]
    meters += [mido.MetaMessage("time_signature", numerator=4, denominator=4, time=480 * 3)]
    found: list[Notice] = []
    loads(file_of(meters, note(60, 480 * 13)), "f.mid", notices=found)
    assert found == [Notice("bar", "bar 2", "has 3/4, not 4/4")]


def test_our_own_texts_are_read_not_ignored(tmp_path: Path) -> None:
    score = loads(file_of(note(60)), "f.mid").with_metadata(title="T", seed="7")
    assert notices(score.write(tmp_path / "t.mid").read_bytes()) == {}


def test_any_bytes_are_looked_at_in_bounded_time() -> None:
    rng = random.Random(1)
    good = FILES[0].read_bytes()
    for _ in range(300):
        data = bytearray(good)
        for _ in range(rng.randrange(1, 8)):
            data[rng.randrange(14, len(data))] = rng.randrange(256)
        census(bytes(data[: rng.randrange(len(data))]))
    for unit in (b"\0\xff\x01\0", b"\0\x90\x3c\x40", b"\0\xc0\x05", b"\0\x05", b"\xff", b"\x80", b"\0", b"\0\xf0\x81"):
        census(raw(unit * (1_000_000 // len(unit))))
