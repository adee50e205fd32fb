"""The pages of docs/ and the sketches of the README say what the code says."""

import re
import runpy
import tomllib
from pathlib import Path
from typing import Any

import pytest

from composer.io.sketch import FRAME, LIMITS, sketch_of
from composer.pipeline import Composer
from composer.sketch.wishes import WISHES

ROOT = Path(__file__).parent.parent
WISHES_PAGE = (ROOT / "docs" / "wishes.md").read_text()
LINES = [line.replace("\\|", "|") for line in re.findall(r"^\| `(.*?)` \|", WISHES_PAGE, re.MULTILINE)]
SAID: list[tuple[str, Any]] = [pair for line in LINES for pair in tomllib.loads(line).items()]
OF_A_SCORE = ("score", "tune", "free", "continue")


def test_the_page_of_wishes_is_what_its_script_prints() -> None:
    assert runpy.run_path(str(ROOT / "scripts" / "wishes.py"))["page"]() == WISHES_PAGE
    assert [name for name, _ in SAID] == [*FRAME, *WISHES, *LIMITS]


@pytest.mark.parametrize(("name", "value"), [pair for pair in SAID if pair[0] not in (*OF_A_SCORE, *LIMITS)])
def test_every_example_is_understood(name: str, value: object) -> None:
    usual = sketch_of({"bars": 32, "voices": 4}).constraints
    said = sketch_of({"bars": 32, "voices": 4, name: value}).constraints
    assert name in FRAME or any(wish not in usual for wish in said)


def test_sketches_of_the_readme_can_be_completed() -> None:
    texts = re.findall(r"```toml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert texts
    for text in texts:
        tune = Composer.load("folk-markov").complete(sketch_of(tomllib.loads(text)), seed=1)
        assert tune.bars >= 8
