"""MIDI servers, one for all tests of a file; without its programs a test is skipped with a remedy."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from midi_programs import Listener, jack_server, pipewire_jack, pipewire_server
from system import require, require_program


def require_rtmidi() -> None:
    try:
        import rtmidi
    except ImportError as error:
        require(False, f"python-rtmidi ({error})", "libasound2, then pip install 'composer-engine[live]'")
    require(rtmidi.API_UNIX_JACK in rtmidi.get_compiled_api(), "python-rtmidi's JACK", "libjack-jackd2-dev")


@contextmanager
def serving(request: pytest.FixtureRequest) -> Iterator[None]:
    """A JACK server of our own with the dummy driver; every client of this process and its children uses it.

    Its period is the module's JACK_PERIOD, in frames.
    """
    for program in ("jackd", "jack_lsp"):
        require_program(program, "jackd2")
    require_rtmidi()
    with jack_server(getattr(request.module, "JACK_PERIOD", 256)) as clients, pytest.MonkeyPatch.context() as patch:
        for name, value in clients.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def jack(request: pytest.FixtureRequest) -> Iterator[None]:
    """One server for a module."""
    with serving(request):
        yield


@pytest.fixture
def own_jack(request: pytest.FixtureRequest) -> Iterator[None]:
    """A server for one test, whose clients vanish."""
    with serving(request):
        yield


@pytest.fixture
def listener(jack: None) -> Iterator[Listener]:
    found = Listener(f"listener-{time.monotonic_ns() % 10**9}")
    yield found
    found.close()


@pytest.fixture(scope="module")
def pipewire() -> Iterator[dict[str, str]]:
    """A PipeWire daemon of our own, as the environment of its clients."""
    for program in ("pipewire", "pw-midiplay", "pw-midirecord", "pw-link"):
        require_program(program, "pipewire-bin")
    require(pipewire_jack() is not None, "PipeWire's libjack", "pipewire-jack")
    require_rtmidi()
    with pipewire_server() as clients:
        yield clients
