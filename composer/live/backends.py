"""The operating system's MIDI through python-rtmidi; everything that can be missing is said in one line."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from composer.errors import ComposerError, UsageError

BACKENDS = {"coremidi": "MACOSX_CORE", "winmm": "WINDOWS_MM", "alsa": "LINUX_ALSA", "jack": "UNIX_JACK"}

CLIENT = "composer"  # what other programs see us as, where clients have names

Direction = Literal["input", "output"]

# what to do where a back end is compiled in but does not answer
_REMEDIES = {
    "alsa": "no ALSA sequencer answers; load it (modprobe snd-seq), or choose --backend jack",
    "jack": "no JACK server answers; start one (jackd -d alsa, or pipewire-jack), or choose --backend alsa",
    "coremidi": "CoreMIDI does not answer; look at Audio MIDI Setup",
    "winmm": "Windows MIDI does not answer; look for the device in the Device Manager",
}


@contextmanager
def client(direction: Direction, backend: str = "auto", name: str = CLIENT) -> Iterator[tuple[Any, str]]:
    """A client of the MIDI system, python-rtmidi's MidiIn or MidiOut, and the back end that answered.

    Making one takes up to 20 ms, in which no other thread runs; asking it for its ports, 0.1 ms. Raises
    :class:`UsageError` for a back end that there is not, :class:`ComposerError` if a library or a server is missing.
    """
    made, answering = _connect(direction, backend, name)
    try:
        yield made, answering
    finally:
        with libraries_quiet():
            made.delete()


def _connect(direction: Direction, backend: str, name: str) -> tuple[Any, str]:
    if backend != "auto" and backend not in BACKENDS:
        raise UsageError(f"{backend!r} is not a MIDI back end; choose auto, {', '.join(BACKENDS)}")
    compiled = _compiled()
    candidates = compiled if backend == "auto" else [name for name in compiled if name == backend]
    if not candidates:
        raise UsageError(
            f"this system's python-rtmidi has no such MIDI back end; it has {', '.join(compiled) or 'none'}"
        )
    import rtmidi

    kind = rtmidi.MidiIn if direction == "input" else rtmidi.MidiOut
    for candidate in candidates:
        try:
            with libraries_quiet():
                return kind(getattr(rtmidi, f"API_{BACKENDS[candidate]}"), name), candidate
        except OSError:  # RtMidi's errors are OSErrors; the loop's end reports them
            continue
    if len(candidates) > 1:
        raise ComposerError(
            "neither an ALSA sequencer nor a JACK server answers; load the one (modprobe snd-seq) or start the other "
            "(jackd -d alsa, or pipewire-jack)"
        )
    raise ComposerError(_REMEDIES[candidates[0]])


def _compiled() -> list[str]:
    """The back ends that python-rtmidi was built with, the platform's preferred one first."""
    try:
        import rtmidi
    except ModuleNotFoundError:
        raise ComposerError(
            "live MIDI needs python-rtmidi, which is not installed: pip install 'composer-engine[live]' "
            "(it needs a C++ compiler and the ALSA headers where there is no wheel, as on Python 3.13)"
        ) from None
    except ImportError as error:
        if "libasound" in str(error):
            raise ComposerError("live MIDI needs the library libasound.so.2: apt-get install libasound2") from None
        raise ComposerError(f"python-rtmidi cannot be loaded ({error}); reinstall it") from None
    built = set(rtmidi.get_compiled_api())
    return [name for name, api in BACKENDS.items() if getattr(rtmidi, f"API_{api}") in built]


@contextmanager
def libraries_quiet() -> Iterator[None]:
    """ALSA and JACK write their own lines to the process's standard error; ours says it once."""
    if sys.stderr is None:  # the process has no standard error
        yield
        return
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
