"""Titles, and other words that may hold anything, as they can be shown anywhere."""

from __future__ import annotations

MAX_TITLE = 80  # characters


def one_line(text: str, limit: int) -> str:
    """Text without control characters and line breaks, at most ``limit`` letters.

    >>> one_line("The \\nKesh   Jig", 9)
    'The Kesh…'
    """
    words = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return words if len(words) <= limit else words[: limit - 1].rstrip() + "…"


def printable(title: str) -> str:
    """A title on one line, of at most :data:`MAX_TITLE` characters."""
    return one_line(title, MAX_TITLE)


def in_sentence(title: str) -> str:
    """The same before a comma or a full stop: without the stops, commas and semicolons at its end.

    >>> in_sentence("Lark in the Morning, ")
    'Lark in the Morning'
    """
    return printable(title).rstrip(" .,;")
