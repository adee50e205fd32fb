"""Prints docs/wishes.md, the tables of all that a sketch can say: python scripts/wishes.py > docs/wishes.md"""

import json
from collections.abc import Mapping
from typing import Any

from composer.io.sketch import FRAME, LIMITS
from composer.sketch.wishes import WISHES

INTRODUCTION = """# What a sketch can say

Each line below is a line of a sketch file, `composer complete sketch.toml`. All but the page can also be said

- for some bars or a voice: a table `[[wish]]` with the line, and with `bars` or `voice`;
- as what should be likely, not certain: a table `[[prefer]]`, with a `weight`;
- on the command line: `--wish "bars 5-8: contour=rising"`, `--prefer "leap=6th weight 2"`;
- in Python: `Sketch.blank(key="G", leap="5th", wish=["bars 5-8: contour=rising"])`.

Bars are counted as they are written: bar 1 is the first full bar, a pickup is bar 0, a second ending counts as a bar.
Beats are counted as they are felt: 6/8 has two. What is wished of a part holds where the part returns.
"""


def page() -> str:
    """The whole page."""
    wishes = {wish.name: {"description": wish.help, "examples": [_example(wish.example)]} for wish in WISHES.values()}
    tables = (("The page", FRAME), ("Wishes", wishes), ("Beside a wish", LIMITS))
    return "\n".join([INTRODUCTION, *(_table(title, rows) for title, rows in tables)])


def _example(text: str) -> str | bool:
    return text == "true" if text in ("true", "false") else text


def _table(title: str, rows: Mapping[str, Mapping[str, Any]]) -> str:
    lines = [f"## {title}", "", "| such as | what it means |", "|---|---|"]
    for name, row in rows.items():
        line = f"{name} = {json.dumps(row['examples'][0])}"
        lines.append("| `{}` | {} |".format(*(text.replace("|", "\\|") for text in (line, row["description"]))))
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    print(page(), end="")
