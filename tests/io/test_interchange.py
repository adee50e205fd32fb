"""pretty_midi and pypianoroll objects, both ways, with what each loses."""

import io

import numpy as np
import pretty_midi
import pypianoroll
import pytest
from hypothesis import given

from composer.analysis import plain_key
from composer.errors import ReadError, UsageError
from composer.io.midi import dumps, loads
from composer.score import Part, Score
from composer.theory import MODES, Key
from composer.theory import TICKS_PER_QUARTER as Q
from strategies import scores

STEP = Q // 24


def rows(part: Part) -> list[tuple[int, ...]]:
    return sorted(note[:4] for note in part)


def header(part: Part) -> tuple[str, int, bool]:
    return part.name, part.program, part.drums


def plain(key: Key) -> tuple[Key, int]:
    mode = "minor" if MODES[key.mode] >= 2 else "major"
    return plain_key(Key(key.signature + MODES[mode], mode).tonic_class, mode), key.onset


@given(scores())
def test_pretty_midi_there_and_back(score: Score) -> None:
    heard, back = score.unfold(), Score.from_pretty_midi(score.to_pretty_midi())
    assert [rows(part) for part in back.parts] == [rows(part) for part in heard.parts]
    assert list(map(header, back.parts)) == list(map(header, heard.parts))
    assert back.metadata == score.metadata
    kept = [key for key in map(plain, heard.keys) if key[1] < back.end]
    assert [plain(key) for key in back.keys] == [k for n, k in enumerate(kept) if n == 0 or k[0] != kept[n - 1][0]]
    same = [tick for tick in heard.barlines.tolist() if tick < back.end]
    assert set(back.barlines.tolist()[:-1]) <= set(same)


@given(scores(voices=1, monophonic=True))
def test_pretty_midi_agrees_with_its_own_reading_of_our_file(score: Score) -> None:
    ours = score.to_pretty_midi()
    theirs = pretty_midi.PrettyMIDI(io.BytesIO(dumps(score)))
    assert ours.resolution == theirs.resolution
    assert [(k.key_number, k.time) for k in ours.key_signature_changes] == [
        (k.key_number, k.time) for k in theirs.key_signature_changes
    ]
    np.testing.assert_allclose(ours.get_tempo_changes(), theirs.get_tempo_changes())
    np.testing.assert_allclose(ours.get_downbeats(), theirs.get_downbeats()[: len(ours.get_downbeats())], atol=1e-9)
    sounding = [instrument for instrument in ours.instruments if instrument.notes]
    for mine, other in zip(sounding, theirs.instruments, strict=True):
        a, b = ([(n.start, n.end, n.pitch, n.velocity) for n in i.notes] for i in (mine, other))
        np.testing.assert_allclose(a, b, atol=1e-9)


@given(scores())
def test_what_pretty_midi_writes_is_what_was_heard(score: Score) -> None:
    file = io.BytesIO()
    score.to_pretty_midi().write(file)
    back, direct = loads(file.getvalue(), "x.mid"), loads(dumps(score), "x.mid")
    assert [part.onset.tolist() for part in back.parts] == [part.onset.tolist() for part in direct.parts]


def test_pretty_midi_objects_of_others() -> None:
    midi = pretty_midi.PrettyMIDI(initial_tempo=93.3)
    lead = pretty_midi.Instrument(40, name="Lead")
    lead.notes = [pretty_midi.Note(90, 62, 0.0, 60 / 93.3), pretty_midi.Note(90, 66, 60 / 93.3, 120 / 93.3)]
    midi.instruments.append(lead)
    score = Score.from_pretty_midi(midi)
    assert rows(score.parts[0]) == [(0, 62, Q, 90), (Q, 66, Q, 90)]
    assert (score.tempo.bpm, score.bars, header(score.parts[0])) == (93.3, 1, ("Lead", 40, False))


@pytest.mark.parametrize(
    ("note", "words"),
    [
        ((64, 60, float("nan"), 1.0), "without a time"),
        ((64, 60, -1.0, 1.0), "before the score"),
        ((64, 200, 0.0, 1.0), "pitch outside"),
        ((0, 60, 0.0, 1.0), "velocity outside"),
        ((64, 60, 0.0, 1e12), "cut it|further out"),
    ],
)
def test_unplayable_pretty_midi_objects(note: tuple[int, int, float, float], words: str) -> None:
    midi = pretty_midi.PrettyMIDI()
    midi.instruments.append(pretty_midi.Instrument(0))
    midi.instruments[0].notes.append(pretty_midi.Note(*note))
    with pytest.raises(ReadError, match=words):
        Score.from_pretty_midi(midi)


def test_pretty_midi_objects_with_impossible_headers() -> None:
    with pytest.raises(ReadError, match=r"0\.4 beats per minute"):
        Score.from_pretty_midi(pretty_midi.PrettyMIDI(initial_tempo=0.4))
    midi = pretty_midi.PrettyMIDI()
    midi.instruments.append(pretty_midi.Instrument(200))
    with pytest.raises(ReadError, match="program 200 is outside 0 to 127"):
        Score.from_pretty_midi(midi)


def in_steps(part: Part, steps: int) -> list[tuple[int, ...]]:
    """The notes as a roll of 24 steps a quarter shows them: rounded, and apart where a pitch is struck again."""
    sounding = np.zeros((steps, 128), dtype=int)
    spans = [
        (min(round(n.onset / STEP), steps - 1), round((n.onset + n.duration) / STEP), n.pitch, n.velocity) for n in part
    ]
    for start, end, pitch, velocity in sorted(spans):
        after = [s for s, _, p, _ in spans if p == pitch and s > start]
        last = max(min([end, *(s - 1 for s in after)]), start + 1)
        sounding[start:last, pitch] = velocity
    found = []
    for pitch in range(128):
        edges = np.flatnonzero(np.diff(np.pad(sounding[:, pitch] > 0, 1).astype(int)))
        for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            found.append((start * STEP, pitch, (end - start) * STEP, int(sounding[start, pitch])))
    return sorted(found)


@given(scores())
def test_pypianoroll_there_and_back(score: Score) -> None:
    heard, back = score.unfold(), Score.from_pypianoroll(score.to_pypianoroll())
    steps = max(round(heard.end / STEP), 1)
    assert [rows(part) for part in back.parts] == [in_steps(part, steps) for part in heard.parts]
    assert list(map(header, back.parts)) == list(map(header, heard.parts))
    assert back.title == score.title
    assert back.end == steps * STEP


@given(scores(folded=False))
def test_pypianoroll_keeps_bars_and_tempos(score: Score) -> None:
    back = Score.from_pypianoroll(score.to_pypianoroll())
    assert back.barlines.tolist() == score.barlines.tolist()
    short_first = bool(back.pickup)  # one bar of a shorter meter cannot be told from a pickup
    assert back.meter.bar == score.meter.bar or short_first or score.bars == 1
    first = [tempo for tempo in score.tempos if round(tempo.onset / STEP) == 0][-1]
    assert back.tempo.quarters_per_minute == first.quarters_per_minute


@given(scores(voices=2))
def test_pypianoroll_takes_our_objects_for_its_own(score: Score) -> None:
    multitrack = score.to_pypianoroll()
    multitrack.validate()
    assert multitrack.get_max_length() == len(multitrack.tempo) == len(multitrack.downbeat)
    onsets = [
        sum(np.diff(np.pad(t.pianoroll > 0, ((1, 0), (0, 0))).astype(int), axis=0).ravel() > 0)
        for t in multitrack.tracks
    ]
    assert onsets == [len(part) for part in Score.from_pypianoroll(multitrack).parts]


def test_pypianoroll_objects_of_others() -> None:
    roll = np.zeros((48, 128), dtype=bool)
    roll[0:12, 60] = roll[12:48, 64] = True
    track = pypianoroll.BinaryTrack(name="Lead", program=40, is_drum=False, pianoroll=roll)
    score = Score.from_pypianoroll(pypianoroll.Multitrack(resolution=12, tracks=[track]))
    assert rows(score.parts[0]) == [(0, 60, Q, 80), (Q, 64, 3 * Q, 80)]
    assert (score.tempo.bpm, score.bars, str(score.meter)) == (120.0, 1, "4/4")


def test_unplayable_pypianoroll_objects() -> None:
    track = pypianoroll.StandardTrack(program=0, is_drum=False, pianoroll=np.zeros((4, 128), np.uint8))
    slow = pypianoroll.Multitrack(resolution=24, tempo=np.zeros((4, 1)), tracks=[track])
    with pytest.raises(ReadError, match="0 beats per minute"):
        Score.from_pypianoroll(slow)


def test_too_long_for_a_roll() -> None:
    with pytest.raises(UsageError, match="too long for piano rolls"):
        Score.of([Part.of([2**30], [60], [Q])] * 8, meter="128/4").to_pypianoroll()
