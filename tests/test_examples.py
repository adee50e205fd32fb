"""The examples run, and so does everything the README shows."""

import re
import shlex
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


def run(arguments: list[str], folder: Path) -> str:
    result = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_examples_run(example: Path, tmp_path: Path) -> None:
    assert run([sys.executable, str(example)], tmp_path).strip()


@pytest.mark.slow
def test_the_commands_of_the_readme_run_in_order(tmp_path: Path) -> None:
    assert len(COMMANDS) > 5
    for line in COMMANDS:
        words = shlex.split(line, comments=True)
        if words[1] == "play":  # needs a sound card or a port; test_ports.py plays for real
            assert run([sys.executable, "-m", "composer.cli", "play", "--help"], tmp_path)
        else:
            run([sys.executable, "-m", "composer.cli", *words[1:]], tmp_path)


@pytest.mark.slow
def test_the_python_of_the_readme_runs(tmp_path: Path) -> None:
    assert PYTHON
    for text in PYTHON:
        run([sys.executable, "-c", text], tmp_path)
