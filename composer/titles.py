"""Titles, which may hold anything, as they can be shown anywhere."""

from __future__ import annotations

MAX_TITLE = 80  # characters


def printable(title: str) -> str:
    """A line of at most 80 characters.

    >>> printable("The Kid on\\n the Mountain")
    'The Kid on the Mountain'
    """
    shown = "".join(c for c in title if c.isprintable() or c.isspace())
    return " ".join(shown.split())[:MAX_TITLE].rstrip()


def in_sentence(title: str) -> str:
    """The same before a comma or a full stop: as it is said, without those that it ends with.

    >>> in_sentence("Lark in the Morning, ")
    'Lark in the Morning'
    """
    return printable(title).rstrip(" .,;")
