"""WAV, listened to by measuring: length, loudness, pitch, timing. Each of the three synthesizers plays."""

import io
import itertools
import os
import shutil
import warnings
import wave
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from composer.errors import ComposerError, ReadError, UsageError
from composer.io import audio
from composer.score import Part, Repeat, Score
from composer.theory import TICKS_PER_QUARTER as Q
from system import require, require_program

PACKAGE = find_spec("pretty_midi")
assert PACKAGE is not None
assert PACKAGE.origin is not None
PACKAGED = Path(PACKAGE.origin).parent / "TimGM6mb.sf2"

pytestmark = pytest.mark.filterwarnings("ignore::composer.io.audio.PlainSynthesis")


@pytest.fixture(params=["program", "library", "sines"])
def synthesizer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """One way to make sound, the better ones hidden."""
    if request.param == "program":
        require_program("fluidsynth", "fluidsynth")
        return "program"
    monkeypatch.setenv("PATH", str(tmp_path))
    if request.param == "library":
        require(audio._library() is not None, "libfluidsynth", "libfluidsynth3")
    else:
        monkeypatch.setattr(audio, "_library", lambda: None)
    return str(request.param)


def heard(data: bytes) -> tuple[NDArray[np.float64], int]:
    """The left channel and the rate."""
    with wave.open(io.BytesIO(data)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (2, 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
        return samples[:, 0].astype(float), file.getframerate()


def rms(samples: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(samples**2)))


def pitch(samples: NDArray[np.float64], rate: int) -> float:
    """The strongest frequency in Hz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 4 * len(samples)))
    return float(np.argmax(spectrum) * rate / (4 * len(samples)))


def notes(*pitches: int, program: int = 0, drums: bool = False, tempo: float = 60) -> Score:
    """One quarter after another: a second each."""
    onsets = np.arange(len(pitches)) * Q
    part = Part.of(onsets, pitches, [Q] * len(pitches), program=program, drums=drums)
    return Score.of([part], tempo=tempo)


def test_a_written_a_is_heard_at_440_hertz(synthesizer: str) -> None:
    samples, rate = heard(audio.dumps(notes(69), soundfont=PACKAGED))
    assert rate == 44_100
    assert len(samples) == 3 * rate  # a second of music, two of tail
    assert rms(samples[:rate]) > 500
    assert pitch(samples[:rate], rate) == pytest.approx(440, abs=2)


def test_notes_come_when_they_are_written(synthesizer: str) -> None:
    """Silence, then a note two seconds in; its release is over by the end."""
    score = Score.of([Part.of([2 * Q], [69], [Q], program=19)], tempo=60)
    samples, rate = heard(audio.dumps(score, soundfont=PACKAGED))
    loud = np.flatnonzero(np.abs(samples) > 0.05 * np.abs(samples).max())
    assert loud[0] / rate == pytest.approx(2, abs=0.1)
    assert rms(samples[: int(1.9 * rate)]) < 2
    assert samples[-1] == 0


def test_pitch_follows_the_tune(synthesizer: str) -> None:
    samples, rate = heard(audio.dumps(notes(60, 67, 72, program=79), soundfont=PACKAGED))
    for second, frequency in enumerate((261.6, 392.0, 523.3)):
        middle = samples[int((second + 0.3) * rate) : int((second + 0.9) * rate)]
        assert pitch(middle, rate) == pytest.approx(frequency, rel=0.01)


def test_the_densest_chords_do_not_clip_and_the_quiet_notes_are_heard(synthesizer: str) -> None:
    wall = [Part.of([0] * 80, range(24, 104), [2 * Q] * 80, 127, program=19) for _ in range(8)]
    whisper = Part.of([0], [60], [2 * Q], 30)
    for score in (Score.of(wall), Score.of([whisper])):
        samples, _ = heard(audio.dumps(score, soundfont=PACKAGED))
        assert 3_000 < np.abs(samples).max() < 32_000


def test_two_runs_give_the_same_bytes(synthesizer: str) -> None:
    score = notes(60, 64, 67)
    assert audio.dumps(score) == audio.dumps(score)


def test_a_score_without_notes_is_silence(synthesizer: str) -> None:
    samples, rate = heard(audio.dumps(Score.of([], tempo=60)))
    assert len(samples) == 6 * rate
    assert not samples.any()


def test_drums_sound(synthesizer: str) -> None:
    samples, _ = heard(audio.dumps(notes(38, 42, drums=True), soundfont=PACKAGED))
    assert samples.any() == (synthesizer != "sines")


def test_repeats_are_played_and_the_rate_is_the_one_asked_for(synthesizer: str) -> None:
    part = Part.of([0], [69], [4 * Q])
    score = Score.of([part], tempo=60, repeats=[Repeat(0, 4 * Q)])
    samples, rate = heard(audio.dumps(score, soundfont=PACKAGED, rate=22_050))
    assert rate == 22_050
    assert len(samples) == (4 + 4 + 2) * rate
    assert rms(samples[4 * rate : 5 * rate]) == pytest.approx(rms(samples[:rate]), rel=0.1)


def test_plain_synthesis_says_so_in_one_line_with_the_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(audio, "_library", lambda: None)
    with pytest.warns(audio.PlainSynthesis, match=r"^no FluidSynth found: .* install fluidsynth \(apt-get .*\)$"):
        audio.dumps(notes(60))


def test_with_fluidsynth_nothing_is_said() -> None:
    require_program("fluidsynth", "fluidsynth")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        audio.dumps(notes(60))


def test_loading_the_library_prints_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """pyfluidsynth prints where it found its library when CI is set; --json output must stay JSON."""
    monkeypatch.delitem(__import__("sys").modules, "fluidsynth", raising=False)
    monkeypatch.setenv("CI", "true")
    audio._library()
    assert capsys.readouterr().out == ""


def damaged(name: str, folder: Path) -> Path:
    path = folder / f"{name}.sf2"
    whole = PACKAGED.read_bytes()
    content = {
        "empty": b"",
        "text": b"this is not a soundfont",
        "truncated": whole[: len(whole) // 2],
        "hollow": b"RIFF" + (4000).to_bytes(4, "little") + b"sfbk" + bytes(3996),
    }
    if name == "folder":
        path.mkdir()
    elif name in content:
        path.write_bytes(content[name])
    return path


@pytest.mark.parametrize(
    ("fault", "synthesizer"),
    [
        *itertools.product(["missing", "folder", "empty", "text", "truncated"], ["program", "library", "sines"]),
        ("hollow", "program"),  # sines open no soundfont and cannot find it hollow
        ("hollow", "library"),
    ],
    indirect=["synthesizer"],
)
def test_a_bad_soundfont_is_one_clear_line(fault: str, tmp_path: Path, synthesizer: str) -> None:
    path = damaged(fault, tmp_path)
    with pytest.raises(ReadError) as caught:
        audio.dumps(notes(60), soundfont=path)
    assert str(path) in str(caught.value)
    assert "soundfont" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_soundfont_is_the_one_given_then_the_environments_then_one_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COMPOSER_SOUNDFONT", raising=False)
    assert audio.find_soundfont().is_file()
    monkeypatch.setattr(audio, "SYSTEM_FOLDERS", (str(tmp_path),))
    assert audio.find_soundfont() == PACKAGED
    system, ours, theirs = (tmp_path / name for name in ("FluidR3_GM.sf2", "ours.sf2", "theirs.sf2"))
    for path in (system, ours, theirs):
        shutil.copy(PACKAGED, path)
    assert audio.find_soundfont() == system
    monkeypatch.setenv("COMPOSER_SOUNDFONT", str(ours))
    assert audio.find_soundfont() == ours
    assert audio.find_soundfont(theirs) == theirs


def test_more_than_an_hour_is_refused_before_any_work() -> None:
    endless = Score.of([notes(60).parts[0]], repeats=[Repeat(0, 4 * Q, times=99)], tempo=6)
    with pytest.raises(UsageError, match="the music lasts 66 minutes; sound is written for up to an hour"):
        audio.dumps(endless)


@pytest.mark.parametrize("rate", [0, -1, 7999, 10**9])
def test_a_rate_out_of_range_is_refused(rate: int) -> None:
    with pytest.raises(UsageError, match="choose 8000 to 96000"):
        audio.dumps(notes(60), rate=rate)


def fake(folder: Path, script: str) -> None:
    """A program named fluidsynth that does what the script says."""
    program = folder / "fluidsynth"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell, which Windows does not have")
@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo out of cheese >&2; exit 3", "failed to render (out of cheese)"),
        ('for last; do :; done; : > "${last%.mid}.raw"', "stopped before the last note"),
        ("exec sleep 30", "had not rendered the music after"),
    ],
    ids=["fails", "stops", "hangs"],
)
def test_a_synthesizer_that_fails_stops_or_hangs_is_one_line(
    script: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path, script)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(audio, "PATIENCE", -2.5)  # seconds left: half of one
    with pytest.raises(ComposerError) as caught:
        audio.dumps(notes(60))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_score_writes_itself_as_wav(tmp_path: Path) -> None:
    path = notes(69).write(tmp_path / "a.wav", rate=16_000)
    assert len(heard(path.read_bytes())[0]) == 3 * 16_000
