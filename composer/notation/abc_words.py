"""Words under the notes: the w: lines of ABC, both ways (ABC standard 2.1, section 5.1)."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from composer.score import Annotation

SYLLABLE = re.compile(r"(?P<text>(?:\\[-~_*|\\]|[^\s\-_*|])+)(?P<hyphen>-?)|(?P<sign>[-_*|])|\s+")


def aligned(words: str, onsets: Sequence[int], barlines: Sequence[int]) -> tuple[list[Annotation], int, int]:
    """A verse as lyrics on notes that begin at ``onsets``; a syllable that the word goes on after ends in ``-``.

    Also how many notes that takes, and how many syllables found none.
    """
    lyrics: list[Annotation] = []
    at = over = 0
    bar = -1  # the bar line that words have gone on to
    for match in SYLLABLE.finditer(words):
        sign = match["sign"]
        if match["text"]:
            text = re.sub(r"\\(.)|~", lambda found: found[1] or " ", match["text"]).strip() + match["hyphen"]
            if at < len(onsets):
                lyrics.append(Annotation("lyric", onsets[at], text))
                at += 1
            else:
                over += 1
        elif sign == "|":
            line = bisect_right(barlines, max(bar, onsets[max(at - 1, 0)])) if onsets else len(barlines)
            if line < len(barlines):
                bar = barlines[line]
                at = bisect_left(onsets, bar, at)
        elif sign:
            at = min(at + 1, len(onsets))
    return lyrics, at, over


def verse(lyrics: dict[int, str], onsets: Sequence[int]) -> str:
    """The w: line for notes at these onsets; empty if none of them is sung."""
    words = [_written(lyrics.get(onset, "")) for onset in onsets]
    while words and words[-1] == "*":
        words.pop()
    return "".join(word + ("" if re.search(r"(?<!\\)-$", word) else " ") for word in words).rstrip()


def _written(text: str) -> str:
    hyphen = "-" if len(text) > 1 and text.endswith("-") else ""
    syllable = text[: len(text) - len(hyphen)]
    return re.sub(r"([-_*|\\])", r"\\\1", re.sub(r"[\s%~]+", " ", syllable).strip()).replace(" ", "~") + hyphen or "*"
