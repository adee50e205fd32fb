"""The jam on a terminal: the last that it shows, and prints."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.realtime, pytest.mark.slow]


def test_where_the_session_is_stays_on_the_screen(jack: None, tmp_path: Path) -> None:
    """The screen, which draws over what is below it, has gone by then."""
    options = ["--virtual", "--backend", "jack", "--silence", "1.5", "--seed", "1", "--json", "-o", "session"]
    ours, theirs = pty.openpty()
    command = ["setsid", "--ctty", sys.executable, "-m", "composer.cli", "jam", *options]
    with subprocess.Popen(command, cwd=tmp_path, stdin=theirs, stderr=theirs, stdout=subprocess.PIPE) as jam:
        os.close(theirs)
        shown = b""
        while b"listening" not in shown:
            shown += os.read(ours, 65536)
        os.write(ours, b"q")
        try:
            while more := os.read(ours, 65536):
                shown += more
        except OSError:  # that is how a terminal ends
            pass
        printed = jam.communicate(timeout=60)[0]
    os.close(ours)
    assert jam.returncode == 0, shown.decode()[-400:]
    last = shown.rpartition(b"wrote session/session.mid")[2].decode()
    assert last.split() == ["wrote", "session/session.json"]
    assert json.loads(printed)["files"] == ["session/session.mid", "session/session.json"]
