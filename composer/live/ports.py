"""MIDI output ports by name, through mido and python-rtmidi; everything that can be missing is said in one line."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from composer.errors import ComposerError, UsageError

BACKENDS = {"coremidi": "MACOSX_CORE", "winmm": "WINDOWS_MM", "alsa": "LINUX_ALSA", "jack": "UNIX_JACK"}

# seconds before a port closes: back ends send from threads of their own, and closing would cut the last messages off
DRAIN = 0.05

# what to do where a back end is compiled in but does not answer
_REMEDIES = {
    "alsa": "no ALSA sequencer answers; load it (modprobe snd-seq), or choose --backend jack",
    "jack": "no JACK server answers; start one (jackd -d alsa, or pipewire-jack), or choose --backend alsa",
    "coremidi": "CoreMIDI does not answer; look at Audio MIDI Setup",
    "winmm": "Windows MIDI does not answer; look for the device in the Device Manager",
}


class Port(Protocol):
    """Where MIDI messages go: a mido output, or a test's list."""

    def send(self, message: Any, /) -> None: ...


def output_names(backend: str = "auto") -> list[str]:
    """The names of the MIDI output ports there are.

    ``backend`` is alsa, jack, coremidi, winmm, or auto: the platform's own, on Linux ALSA and then JACK. Raises
    :class:`UsageError` for another name, :class:`ComposerError` if the back end, a library or a server is missing.
    """
    return _connect(backend)[1]


@contextmanager
def open_output(name: str, backend: str = "auto") -> Iterator[Port]:
    """The output port of this name, or the one port whose name contains it, upper or lower case; closed on leaving.

    Raises :class:`UsageError` that lists the ports if none fits or several do, and what :func:`output_names` raises.
    """
    api, names = _connect(backend)
    chosen = match(name, names)
    try:
        with _libraries_quiet():
            port = api.open_output(chosen)
    except OSError as error:
        raise ComposerError(f"{chosen}: the port cannot be opened ({error}); is another program using it?") from None
    with port:
        try:
            yield port
        finally:
            time.sleep(DRAIN)


def match(wanted: str, names: list[str]) -> str:
    """The name that is, or alone contains, ``wanted``; raises :class:`UsageError` that lists the names.

    >>> match("keys", ["Through:0", "My Keys:1"])
    'My Keys:1'
    """
    if wanted in names:
        return wanted
    found = [name for name in names if wanted.lower() in name.lower()]
    if len(found) == 1:
        return found[0]
    if not names:
        raise UsageError(f"no MIDI port {wanted!r}: there are no output ports; connect a device or start a synthesizer")
    if not found:
        raise UsageError(f"no MIDI port {wanted!r}; the ports are: {', '.join(names)}")
    raise UsageError(f"{wanted!r} fits several MIDI ports; name one of: {', '.join(found)}")


def _connect(backend: str) -> tuple[Any, list[str]]:
    """A mido back end that answers, and its output ports."""
    if backend != "auto" and backend not in BACKENDS:
        raise UsageError(f"{backend!r} is not a MIDI back end; choose auto, {', '.join(BACKENDS)}")
    compiled = _compiled()
    candidates = compiled if backend == "auto" else [name for name in compiled if name == backend]
    if not candidates:
        raise UsageError(
            f"this system's python-rtmidi has no such MIDI back end; it has {', '.join(compiled) or 'none'}"
        )
    import mido

    for candidate in candidates:
        api = mido.Backend(f"mido.backends.rtmidi/{BACKENDS[candidate]}", use_environ=False)
        try:
            with _libraries_quiet():
                return api, api.get_output_names()
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
def _libraries_quiet() -> Iterator[None]:
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
