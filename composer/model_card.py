"""What stands beside a model file: what it is, what it learned from, how well, and the command that made it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from composer.errors import UsageError
from composer.io import read_bytes

TABLE = ["| | |", "|---|---|"]


def existing(page: Path) -> str:
    """The card that stands where a new one will; raises :class:`UsageError` if what stands there is no card."""
    if not page.exists():
        return ""
    text = read_bytes(page).decode(errors="replace")
    if "\n".join([*TABLE, "| encoding |"]) not in text:
        raise UsageError(f"{page}: stands where the model card goes, and is none; give -o another name, or move it")
    return text


def card(name: str, report: Mapping[str, Any], command: str, split: str, before: str = "") -> str:
    """A page of Markdown for a model that :func:`composer.recipes.train` reports of.

    Of a card that was there ``before``, the words stay and the table is new.
    """
    table = [
        "| | |",
        "|---|---|",
        *(f"| {head} | {_cell(text)} |" for head, text in _rows(report, command, split) if text),
    ]
    lines = before.splitlines()
    rows = [number for number, line in enumerate(lines) if line.startswith("|")]
    if not rows:
        lines, rows = (
            [f"# {name}", "", f"`Composer.load({name!r})` finds it among your models, or by its path.", "", ""],
            [4],
        )
    last = next((n for n in range(rows[0], len(lines)) if not lines[n].startswith("|")), len(lines))
    return "\n".join([*lines[: rows[0]], *table, *lines[last:]]).rstrip() + "\n"


def _rows(report: Mapping[str, Any], command: str, split: str) -> list[tuple[str, str]]:
    trained = report.get("trained", {})
    return [
        ("encoding", ": ".join(filter(None, [f"`{report['encoding']}`", _plain(report["encoding_options"])]))),
        ("generator", f"`{report['generator']}`: {_plain(report['settings']) or 'as it is'}"),
        ("trained on", f"the training split of `{report['corpus']}`: {report['pieces']:,} pieces"),
        ("split", split),
        ("licence of the music", report["licence"]),
        ("training", _plain(trained | report.get("fit", {}))),
        ("machine", _plain(report["machine"])),
        ("time", f"{report['training_seconds']:,} s"),
        ("validation", _held_out(report.get("validation", {}))),
        ("test", _held_out(report.get("test", {}))),
        ("made by", f"`{command}`" if command else ""),
        ("software", report["software"]),
    ]


def _held_out(measured: Mapping[str, Any]) -> str:
    return "no pieces" if measured and all(value in (0, None) for value in measured.values()) else _plain(measured)


def _plain(values: Mapping[str, Any]) -> str:
    """Numbers by name, as people read them."""
    return ", ".join(f"{name.replace('_', ' ')} {_value(value)}" for name, value in values.items())


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"({_plain(value)})"
    if isinstance(value, list | tuple):
        return " ".join(map(_value, value)) or "none"
    if isinstance(value, float):
        return f"{value:.6g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
