"""Sound: ``dumps(score)`` gives a stereo 16-bit WAV of what the MIDI file says.

FluidSynth renders it with a General MIDI soundfont: its program where there is one (a crash stays in that process),
else libfluidsynth through pyfluidsynth. Where neither is installed, pretty_midi's plain sine waves stand in, and a
:class:`PlainSynthesis` warning says so. The same score, soundfont and FluidSynth give the same bytes.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
import tempfile
import warnings
import wave
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from composer.errors import ComposerError, ReadError, UsageError, WriteError
from composer.io import midi
from composer.score import Score
from composer.styles import perform

Samples = NDArray[np.int16]  # (frames, 2)

MAX_SECONDS = 3600.0
RATES = (8000, 96_000)  # frames per second that FluidSynth takes
TAIL = 2.0  # seconds after the last note, for its release and the room
FADE = 0.5  # seconds, the end of the tail
FULL = 32_767
TARGET = 23_000  # the loudest sample, 3 dB below full scale
MAX_GAIN = 10.0  # FluidSynth's own limit
VOICES = 2048  # notes that sound at once, releases included, before FluidSynth drops some
MAX_RENDERINGS = 8  # two do, unless the first clips
PATIENCE = 60.0  # seconds more than the music lasts; FluidSynth renders a hundred times faster than that
INSTALL = "install fluidsynth (apt-get install fluidsynth, brew install fluid-synth, choco install fluidsynth)"
SYSTEM_FOLDERS = (
    "~/.local/share/sounds/sf2",
    "/usr/local/share/soundfonts",
    "/usr/share/sounds/sf2",
    "/usr/share/soundfonts",
    "/usr/share/sounds/sf3",
    "/opt/homebrew/share/soundfonts",
)
# a folder may hold fonts of one instrument; these names are known to be General MIDI
GENERAL_MIDI = ("default-GM.sf2", "FluidR3_GM.sf2", "default.sf2", "TimGM6mb.sf2", "default-GM.sf3")


class PlainSynthesis(UserWarning):
    """No FluidSynth was found: the sound is sine waves, without drums."""


def dumps(score: Score, *, soundfont: str | Path | None = None, rate: int = 44_100) -> bytes:
    """What is heard, as a WAV file of ``rate`` frames per second, ending two seconds after the last note.

    The loudest moment is brought to 3 dB below full scale, as far as FluidSynth's gain goes; a score without notes is
    silence. The soundfont is the one given, or one that is there (see :func:`find_soundfont`).

    Raises :class:`UsageError` if the music lasts more than an hour or the rate is out of range, and
    :class:`ReadError` if the soundfont is missing or damaged.
    """
    if not RATES[0] <= rate <= RATES[1]:
        raise UsageError(f"{rate} frames per second cannot be rendered; choose {RATES[0]} to {RATES[1]}")
    font = find_soundfont(soundfont)
    length = _heard_seconds(score)
    if length > MAX_SECONDS:
        raise UsageError(
            f"the music lasts {length / 60:,.0f} minutes; sound is written for up to an hour: cut a region"
        )
    last = _last_note_ends(score)
    frames = round(((length if last is None else last) + TAIL) * rate)
    samples = np.zeros((frames, 2), np.int16)
    if last is not None:
        found = _render(midi.dumps(score), font, rate, frames)[:frames]
        if len(found) < last * rate - rate / 10:
            raise WriteError("the synthesizer stopped before the last note; is the disk full?")
        samples[: len(found)] = found
        _fade_out(samples, round(FADE * rate))
    return _wav(samples, rate)


def find_soundfont(given: str | Path | None = None) -> Path:
    """The soundfont to play with: ``given``, else ``$COMPOSER_SOUNDFONT``, else a system one, else pretty_midi's.

    Raises :class:`ReadError` if the chosen file is missing or is not a complete soundfont.
    """
    chosen = given or os.environ.get("COMPOSER_SOUNDFONT")
    if chosen:
        return _checked(Path(chosen).expanduser())
    candidates = [Path(folder).expanduser() / name for folder in SYSTEM_FOLDERS for name in GENERAL_MIDI]
    package = find_spec("pretty_midi")  # its font is used where it lies; importing it would cost a second
    if package is not None and package.origin is not None:
        candidates.append(Path(package.origin).parent / "TimGM6mb.sf2")
    font = next((path for path in candidates if path.is_file()), None)
    if font is None:
        raise ReadError("no soundfont was found; give one with --soundfont FILE.sf2 or set COMPOSER_SOUNDFONT")
    return _checked(font)


def _checked(path: Path) -> Path:
    """The path, if it holds a whole RIFF file of kind sfbk: FluidSynth plays another font when it cannot read one."""
    try:
        with path.open("rb") as file:
            head = file.read(12)
            size = os.fstat(file.fileno()).st_size
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ReadError(f"{path}: the soundfont cannot be read ({reason}); give a .sf2 or .sf3 file") from None
    if head[:4] != b"RIFF" or head[8:] != b"sfbk":
        raise ReadError(f"{path}: is not a soundfont; give a .sf2 or .sf3 file")
    if size < 8 + int.from_bytes(head[4:8], "little"):
        raise ReadError(f"{path}: the soundfont is cut off after {size:,} bytes; download it again")
    return path


def _heard_seconds(score: Score) -> float:
    """Seconds from the first bar line to the last, repeats played; counted, not unfolded."""
    return float(sum(score.seconds(end) - score.seconds(start) for start, end in score.heard_segments))


def _last_note_ends(score: Score) -> float | None:
    """Seconds at which the last note ends as performed, None where there are no notes."""
    heard = perform(score)
    return max((float(heard.seconds(part.offset).max()) for part in heard.parts if len(part)), default=None)


def _render(data: bytes, font: Path, rate: int, frames: int) -> Samples:
    """A MIDI file's sound by the best synthesizer there is, (at most about ``frames``, 2)."""
    program = shutil.which("fluidsynth")
    library = _library() if program is None else None
    if program is None and library is None:
        return _sines(data, rate)
    with tempfile.TemporaryDirectory(prefix="composer-") as folder:
        file = Path(folder) / "score.mid"
        file.write_bytes(data)
        if program is not None:
            return _levelled(partial(_by_program, program, file, font, rate, frames))
        return _levelled(partial(_by_library, library, file, font, rate, frames))


def _levelled(render: Callable[[float], Samples]) -> Samples:
    """Rendered once to learn the peak, then at the gain that brings it to TARGET: scaling would not mend clipping."""
    gain = 0.6
    samples = render(gain)
    for _ in range(MAX_RENDERINGS - 1):
        peak = _peak(samples)
        wanted = gain / 4 if peak >= FULL else min(gain * TARGET / max(peak, 1), MAX_GAIN)
        if 0.9 < wanted / gain < 1.1:
            break
        gain = wanted
        samples = render(gain)
    return samples


def _by_program(program: str, file: Path, font: Path, rate: int, frames: int, gain: float) -> Samples:
    """Rendered by the ``fluidsynth`` program, which exits with 0 and another font where one cannot be loaded."""
    raw = file.with_suffix(".raw")
    layout = ["-T", "raw", "-O", "s16", "-E", "cpu"]  # the one layout that builds without libsndfile know
    command = [program, "-n", "-i", "-q", "-g", f"{gain:.6f}", "-r", str(rate)]
    command += [*layout, "-o", f"synth.polyphony={VOICES}", "-F", str(raw), str(font.resolve()), str(file)]
    limit = PATIENCE + frames / rate
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=limit, check=False)
    except OSError as error:
        raise ComposerError(f"{program}: cannot be run ({error.strerror}); {INSTALL}") from None
    except subprocess.TimeoutExpired:
        raise ComposerError(
            f"{program}: had not rendered the music after {limit:.0f} s; give another soundfont"
        ) from None
    if "Failed to load the SoundFont" in done.stderr or "not a SoundFont" in done.stderr:
        raise ReadError(f"{font}: FluidSynth cannot read this soundfont; give another .sf2 or .sf3 file")
    if done.returncode != 0 or not raw.is_file():
        said = (done.stderr.strip() or "no reason given").splitlines()[-1]
        raise ComposerError(f"{program}: failed to render ({said})")
    samples: Samples = np.fromfile(raw, np.int16).reshape(-1, 2)
    return samples


def _library() -> Any:
    """The pyfluidsynth module, or None where it or libfluidsynth is missing."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # it prints where it found the library when CI is set
            import fluidsynth
    except (ImportError, OSError, AttributeError):  # no package; no library, or one of another machine type; too old
        return None
    return fluidsynth


def _by_library(library: Any, file: Path, font: Path, rate: int, frames: int, gain: float) -> Samples:
    """Rendered by libfluidsynth, second by second."""
    synth = library.Synth(gain=gain, samplerate=float(rate), channels=16, **{"synth.polyphony": VOICES})
    try:
        if synth.sfload(str(font)) < 0:
            raise ReadError(f"{font}: FluidSynth cannot read this soundfont; give another .sf2 or .sf3 file")
        synth.play_midi_file(str(file))
        samples = np.zeros((frames, 2), np.int16)
        for start in range(0, frames, rate):
            block = samples[start : start + rate]
            block[:] = synth.get_samples(len(block)).reshape(-1, 2)
        synth.play_midi_stop()
        return samples
    finally:
        synth.delete()


def _sines(data: bytes, rate: int) -> Samples:
    """pretty_midi's plain synthesis, part by part so that an hour of many parts fits in memory."""
    warnings.warn(f"no FluidSynth found: the sound is plain sine waves without drums; {INSTALL}", PlainSynthesis, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own imports are deprecated
        import pretty_midi

        music = pretty_midi.PrettyMIDI(io.BytesIO(data))
    mix = np.zeros(round((music.get_end_time() + TAIL) * rate))
    for instrument in music.instruments:
        part = instrument.synthesize(rate)[: len(mix)]
        mix[: len(part)] += part
    mix *= TARGET / max(float(np.abs(mix).max(initial=0)), 1.0)
    return np.repeat(np.rint(mix).astype(np.int16)[:, None], 2, axis=1)


def _peak(samples: Samples) -> int:
    return max(int(samples.max(initial=0)), -int(samples.min(initial=0)))


def _fade_out(samples: Samples, frames: int) -> None:
    """Bring the last frames down to silence, in place."""
    end = samples[-frames:]
    end[:] = np.rint(end * np.linspace(1, 0, len(end))[:, None])


def _wav(samples: Samples, rate: int) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.data)
    return buffer.getvalue()
