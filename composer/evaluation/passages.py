"""Copied passages on paper: what a score shares with a piece, beside the piece, the notes of both in colour."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from html import escape
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np

from composer.errors import WriteError
from composer.evaluation.library import Passage, Stretch
from composer.evaluation.melodies import clipped, line_of
from composer.io.engraving import engrave, rasterize, system_starts, with_breaks
from composer.score import Score
from composer.titles import one_line

COLOUR = "#c2261c"
HEADING = 110  # percent of the usual size
LETTERS = 90
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>body {{ font: 16px/1.4 system-ui, sans-serif; margin: 2em auto; max-width: 1680px; padding: 0 1em }}
p {{ white-space: pre-wrap }} body > svg {{ width: 100%; height: auto; background: #fff }}</style></head>
<body><h1>{title}</h1>{text}{sheet}</body></html>
"""
MOST_BARS = 32  # of a longer passage only the first are shown


class Shown(NamedTuple):
    """A passage, with the score and the piece that share it, and what the score is called."""

    passage: Passage
    score: Score
    piece: Score
    name: str


def sheet(rows: Sequence[Shown]) -> str:
    """One SVG: for each row, at least one, the score's bars on the left and the piece's on the right.

    Raises :class:`composer.errors.UsageError` if a passage is too long for a page, and
    :class:`composer.errors.WriteError` if verovio fails.
    """
    placed: list[str] = []
    top = width = 0
    for row in rows:
        left = height = 0
        for svg in _engraved(row):
            across, down = _size(svg)
            own = _unique(svg, f"p{len(placed)}-")
            placed.append(own.replace("<svg ", f'<svg x="{left}" y="{top}" ', 1))
            left, height = left + across, max(height, down)
        width, top = max(width, left), top + height
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'width="{width}px" height="{top}px" viewBox="0 0 {width} {top}">{"".join(placed)}</svg>'
    )


def drawn(rows: Sequence[Shown], suffix: str, title: str, words: Sequence[str]) -> bytes:
    """The sheet as ``.svg`` or ``.png``, or with words above it as ``.html``; a page may be without rows."""
    if suffix == ".html":
        text = "".join(f"<p>{escape(line)}</p>" for line in words)
        return PAGE.format(title=escape(title), text=text, sheet=sheet(rows) if rows else "").encode()
    return sheet(rows).encode() if suffix == ".svg" else rasterize(sheet(rows))


def _engraved(row: Shown) -> list[str]:
    """The score's bars, and the piece's in the same clef."""
    passage = row.passage
    mine = _page(row.score, passage.here, passage.notes)
    source = _page(row.piece, passage.there, passage.notes)
    for clef, other in zip(mine.iter("clef"), source.iter("clef"), strict=False):
        other[:] = list(clef)
    parts = row.piece.parts
    voice = f"{parts[passage.there.part].name}, " if len(parts) > 1 else ""
    headings = (
        f"{row.name}, {passage.here.bars}",
        f"{passage.title} ({passage.corpus}), {voice}{passage.there.bars}",
    )
    return [
        engrave(ElementTree.tostring(root), [("center", "middle", HEADING, one_line(text, LETTERS))])
        for root, text in zip((mine, source), headings, strict=True)
    ]


def _page(score: Score, stretch: Stretch, notes: int) -> ElementTree.Element:
    """MusicXML of the bars that a stretch of a line is in: its notes coloured, the bars numbered as in the score."""
    from composer.io import musicxml

    line = replace(clipped(line_of(score.parts[stretch.part])), annotations=(), name="")
    first, last = line.onset[[stretch.note, stretch.note + notes - 1]].tolist()
    start = int(np.searchsorted(score.barlines, first, "right")) - 1
    end = min(int(np.searchsorted(score.barlines, last, "right")), start + MOST_BARS)
    bare = replace(score, parts=(line,), chords=(), fermatas=(), sections=(), repeats=(), metadata={})
    cut = bare.rearranged([(int(score.barlines[start]), int(score.barlines[end]))])
    root = ElementTree.fromstring(with_breaks(musicxml.dumps(cut), system_starts(cut)))
    for bar, measure in enumerate(root.iter("measure")):
        measure.set("number", str(score.bar_numbers[start + bar]))
        for mark in (*measure.findall("direction"), *measure.findall("barline")):  # the tempo, and the cut's end
            measure.remove(mark)
    before = stretch.note - int(np.searchsorted(line.onset, score.barlines[start]))
    _colour(root, range(before, before + notes))
    return root


def _colour(root: ElementTree.Element, copied: range) -> None:
    """Colour the notes with these numbers, counted from 0; tied ones count once."""
    number = -1
    for note in root.iter("note"):
        if note.find("rest") is None:
            number += all(tie.get("type") != "stop" for tie in note.findall("tie"))
            if number in copied:
                note.set("color", COLOUR)


def _size(svg: str) -> tuple[int, int]:
    """Width and height in pixels."""
    across, down = (re.search(rf'{side}="(\d+)', svg) for side in ("width", "height"))
    if across is None or down is None:
        raise WriteError("the passages cannot be engraved: verovio gave an empty page")
    return int(across[1]), int(down[1])


def _unique(svg: str, prefix: str) -> str:
    """The SVG with identifiers of its own, also in its style sheet, so that others can stand beside it."""
    return re.sub(r'(\bid="|href="#|#(?=\w+ (?:g\.|ellipse|path|polygon|polyline|rect)))', rf"\g<1>{prefix}", svg)
