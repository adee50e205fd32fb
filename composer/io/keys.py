"""What a file says of its key, before anything is guessed."""

from __future__ import annotations

import re
from pathlib import Path

from composer.io import read_bytes, suffix_of
from composer.io.midi import says_key
from composer.io.musicxml import text_of

MOST = 2**20  # bytes that are looked at


def key_said(path: Path) -> str:
    """``key`` if the file says a key with its mode, ``signature`` if it leaves the mode open, else the empty string.

    Raises :class:`ReadError`, and :class:`UsageError` for a suffix that no format has.
    """
    suffix, data = suffix_of(path), read_bytes(path)
    if suffix in (".mid", ".midi"):
        return "key" if says_key(data, str(path)) else ""
    text = text_of(data)[:MOST] if suffix in (".musicxml", ".xml", ".mxl") else data[:MOST]
    named = rb"<mode>\s*\w|^K:[ \t]*(?!none|clef)[A-Ha-g]|^\*[A-Ga-g][#-]?:|\t\*[A-Ga-g][#-]?:"
    if re.search(named, text, re.MULTILINE):
        return "key"
    return "signature" if re.search(rb"<fifths>|\*k\[", text) else ""
