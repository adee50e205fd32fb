"""The examples run, and so does everything the README shows."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("[0-9]*.py"))
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
COMMANDS = [line for kind, text in BLOCKS if kind == "sh" for line in text.splitlines() if line.startswith("composer ")]
PYTHON = [text for kind, text in BLOCKS if kind == "python"]


def python(folder: Path, *arguments: str) -> str:
    command = [sys.executable, *arguments]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_examples_run(example: Path, tmp_path: Path) -> None:
    assert python(tmp_path, str(example)).strip()


@pytest.mark.slow
def test_the_commands_of_the_readme_run_in_order(run, tmp_path: Path) -> None:
    assert len(COMMANDS) > 5
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    for line in COMMANDS:
        words = shlex.split(line, comments=True)[1:]
        if words[0] == "play":  # needs a sound card or a port; test_ports.py plays for real
            words = ["play", "--help"]
        done = run(*words)
        assert done.code == 0, f"{line}: {done.err}"


@pytest.mark.slow
def test_the_python_of_the_readme_runs(tmp_path: Path) -> None:
    assert PYTHON
    for text in PYTHON:
        python(tmp_path, "-c", text)
