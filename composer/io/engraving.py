"""The printed page: ``dumps(score)`` gives the written score as one SVG or PNG, engraved by verovio.

Systems hold about four bars and begin where sections begin; the height fits the music. The SVG carries its music font
with it. The PNG is drawn with the fonts that come with matplotlib and verovio, so that titles and chords also appear
on a machine without fonts. The same score gives the same bytes.
"""

from __future__ import annotations

import io
import itertools
import re
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from composer.errors import UsageError, WriteError
from composer.score import Score
from composer.titles import one_line

BARS_PER_SYSTEM = 4
HEADINGS = {  # place, percent of the usual size, and letters that fit
    "title": ("center", "middle", 160, 60),
    "rhythm": ("left", "bottom", 90, 40),
    "composer": ("right", "bottom", 90, 60),
}
MAX_COLUMNS = 44  # moments at which notes begin in one system, before they stand too close
PAGE = (2100, 2970)  # verovio's units, tenths of a millimetre: A4
MAX_PAGES = 12  # of A4, one above another in the image
MAX_STAVES = 260  # one under another; each needs 55 pixels at least, so that more never fit
MAX_NOTES = 20_000
SCALE = 40  # percent: 840 pixels across in SVG
ZOOM = 2  # the PNG has twice as many pixels
MUSIC_FONT = "Leipzig"
TEXT_FONT = "STIXGeneral"  # as wide as Times, for which verovio leaves room
TEXT_FILES = ("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta", "DejaVuSerif", "DejaVuSans")
SVG = "{http://www.w3.org/2000/svg}"
MEI = "{http://www.music-encoding.org/ns/mei}"
Heading = list[tuple[str, str, int, str]]
OPTIONS = {
    "pageWidth": PAGE[0],
    "pageHeight": 60_000,  # verovio's largest; the page is then cut to the music
    "adjustPageHeight": True,
    "scale": SCALE,
    "font": MUSIC_FONT,
    "header": "auto",
    "footer": "none",
    "breaks": "encoded",
    "spacingSystem": 6,
    "minLastJustification": 0.6,
    "xmlIdSeed": 1,
    "svgFormatRaw": True,
}


def dumps(score: Score, *, suffix: str = ".svg") -> bytes:
    """The written score as ``.svg`` or ``.png``: 840 pixels wide, or 1,680 on white, and as high as the music.

    Raises :class:`UsageError` if the score fills more than 12 pages, and :class:`WriteError` if verovio fails.
    """
    from composer.io import musicxml

    starts = system_starts(score)
    notes, staves = sum(len(part) for part in score.parts), (len(starts) + 1) * max(len(score.parts), 1)
    if notes > MAX_NOTES or staves > MAX_STAVES:
        raise _too_long()
    untitled = replace(score, metadata={})  # the heading is set by hand
    svg = engrave(with_breaks(musicxml.dumps(untitled), starts), heading_of(score))
    return svg.encode() if suffix == ".svg" else rasterize(svg)


def engrave(text: bytes, heading: Heading) -> str:
    """MusicXML as one SVG, with the systems as encoded; raises as :func:`dumps` does."""
    import verovio

    verovio.enableLog(verovio.LOG_OFF)
    # MusicXML has no way to tell verovio the size of a heading; MEI, its own language, has
    encoded = _toolkit(text.decode()).getMEI()
    toolkit = _toolkit(with_heading(encoded, heading))
    if toolkit.getPageCount() > 1:
        raise _too_long()
    svg: str = toolkit.renderToSVG(1)
    height = re.search(r'height="(\d+)(?:\.\d+)?px"', svg)
    if height is None:
        raise WriteError("the score cannot be engraved: verovio gave an empty page; write .musicxml instead")
    if int(height[1]) > MAX_PAGES * PAGE[1] * SCALE // 100:
        raise _too_long()
    return svg


def _toolkit(text: str) -> Any:
    """A fresh toolkit with a document loaded: options and identifiers outlive one in an old toolkit."""
    import verovio

    toolkit = verovio.toolkit()
    if not toolkit.setOptions(OPTIONS) or not toolkit.loadData(text):
        raise WriteError("the score cannot be engraved: verovio does not accept it; write .musicxml instead")
    return toolkit


def rasterize(svg: str) -> bytes:
    """A PNG of verovio's SVG, twice its size, on white; raises :class:`WriteError`."""
    import matplotlib
    import resvg_py

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    fonts = [str(folder / f"{name}.ttf") for name in TEXT_FILES]
    with tempfile.TemporaryDirectory() as temporary:
        symbols = sorted(set(re.findall("[\ue000-\uf8ff]", svg)))
        if symbols:
            music = Path(temporary) / "music.otf"
            music.write_bytes(music_font(symbols))
            fonts.append(str(music))
        try:
            return bytes(
                resvg_py.svg_to_bytes(
                    svg_string=_plain_text(svg),
                    background="#ffffff",
                    zoom=ZOOM,
                    # letters beyond Latin, Greek and Cyrillic need the system's fonts, where there are any
                    skip_system_fonts=re.search("[\u0590-\u1dff\u2e80-\ud7ff\uf900-\uffef]", svg) is None,
                    font_files=fonts,
                    font_family=TEXT_FONT,
                    serif_family=TEXT_FONT,
                )
            )
        except ValueError as error:
            raise WriteError(f"the score cannot be drawn as PNG ({error}); write .svg instead") from None


def _too_long() -> UsageError:
    return UsageError(
        f"the score fills more than {MAX_PAGES} pages, too many for one image: cut a region, or write .musicxml"
    )


# --- systems ----------------------------------------------------------------------------------------------------------


def system_starts(score: Score) -> list[int]:
    """The written bars, counted from 0, at which systems begin; the first is left out.

    >>> system_starts(Score.of([], meter="3/4", barlines=[30240 * k for k in range(14)]))
    [4, 8]
    """
    lines = score.barlines.tolist()
    edges = {*score.sections, *(tick for repeat in score.repeats for tick in (repeat.start, repeat.end))}
    bar_of = {tick: bar for bar, tick in enumerate(lines)}
    edges -= {score.pickup}  # a repeat that begins after the pickup leaves it in the first line
    sections = sorted({0, len(lines) - 1, *(bar_of[tick] for tick in edges if tick in bar_of)})
    onsets = np.unique(np.concatenate([[0], *(part.onset for part in score.parts)]))
    columns = np.diff(np.searchsorted(onsets, lines))  # by bar
    numbers = [0, *score.bar_numbers.tolist()]
    starts: list[int] = []
    for first, last in itertools.pairwise(sections):
        # a pickup belongs to the bar after it, and one that ends a section stays in its line
        starts += _chunks(first, last, columns, pickup=numbers[first] == numbers[first + 1])
    return [start for start in starts if start]


def _chunks(first: int, last: int, columns: Any, pickup: bool) -> list[int]:
    """Starts of the systems of one section: four bars each if they fit, a single last bar joined to those before."""
    starts, bar = [], first
    while bar < last:
        starts.append(bar)
        size = BARS_PER_SYSTEM + (pickup and bar == first)
        if last - bar == size + 1:
            size += 1
        while size > 1 and columns[bar : bar + size].sum() > MAX_COLUMNS:
            size -= 1
        bar += size
    return starts


def with_breaks(text: bytes, starts: list[int]) -> bytes:
    """MusicXML with system breaks before the bars numbered ``starts``, counted from 0."""
    root = ElementTree.fromstring(text)
    part = root.find("part")
    measures = [] if part is None else part.findall("measure")
    for start in starts:
        measures[start].insert(0, ElementTree.Element("print", {"new-system": "yes"}))
    marked: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return marked


def heading_of(score: Score) -> Heading:
    """Title in the middle, rhythm and composer below on either side: place, relative size and words."""
    words = {name: one_line(score.metadata.get(name, ""), look[3]) for name, look in HEADINGS.items()}
    return [(*HEADINGS[name][:3], text) for name, text in words.items() if text]


def with_heading(encoded: str, heading: Heading) -> str:
    """MEI with a heading in the place of its own."""
    root = ElementTree.fromstring(encoded)
    page = root.find(f".//{MEI}scoreDef")
    if page is None:
        raise WriteError("the score cannot be engraved: verovio found no music in it; write .musicxml instead")
    for old in page.findall(f"{MEI}pgHead"):
        page.remove(old)
    head = ElementTree.Element(f"{MEI}pgHead", {"func": "first"})
    for side, height, size, words in heading:
        look = {"halign": side, "valign": height, "fontsize": f"{size}%"}
        ElementTree.SubElement(head, f"{MEI}rend", look).text = words
    page.insert(0, head)
    ElementTree.register_namespace("", MEI.strip("{}"))
    return ElementTree.tostring(root, encoding="unicode")


# --- text in the PNG --------------------------------------------------------------------------------------------------


def _plain_text(svg: str) -> str:
    """The SVG with each placed tspan as a text of its own: resvg loses the place of nested ones."""
    ElementTree.register_namespace("", SVG.strip("{}"))
    ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    root = ElementTree.fromstring(svg)
    for parent in list(root.iter()):
        for index, child in reversed(list(enumerate(parent))):
            placed = [span for span in child.iter(f"{SVG}tspan") if "x" in span.attrib]
            if child.tag == f"{SVG}text" and placed:
                parent.remove(child)
                for span in reversed(placed):
                    parent.insert(index, _text_of(span, child))
    return ElementTree.tostring(root, encoding="unicode")


def _text_of(span: ElementTree.Element, text: ElementTree.Element) -> ElementTree.Element:
    element = ElementTree.Element(f"{SVG}text", {**text.attrib, **span.attrib})
    element.text = span.text
    element.extend(child for child in span if child.tag != f"{SVG}title")
    return element


def music_font(symbols: list[str]) -> bytes:
    """An OpenType font of verovio's outlines for these symbols; the one that it ships is in a form resvg cannot read.

    Symbols that verovio has no outline for are left out.
    """
    import verovio
    from fontTools.fontBuilder import FontBuilder  # type: ignore[import-untyped]
    from fontTools.pens.t2CharStringPen import T2CharStringPen  # type: ignore[import-untyped]
    from fontTools.svgLib.path import parse_path  # type: ignore[import-untyped]

    data = Path(verovio.__file__).parent / "data"
    widths = {
        g.get("c"): round(float(g.get("h-a-x", 0))) for g in ElementTree.parse(data / f"{MUSIC_FONT}.xml").iter("g")
    }
    outlines, advances = {".notdef": T2CharStringPen(0, None).getCharString()}, {".notdef": (0, 0)}
    names: dict[int, str] = {}
    for symbol in (" ", *symbols):  # a space stands between a tempo's note and its dot
        code = f"{ord(symbol):04X}"
        file = data / MUSIC_FONT / f"{code}.xml"
        if not file.exists():
            continue
        pen = T2CharStringPen(widths[code], None)
        for path in ElementTree.parse(file).iter("path"):
            parse_path(path.get("d", ""), pen)
        names[ord(symbol)] = f"uni{code}"
        outlines[f"uni{code}"], advances[f"uni{code}"] = pen.getCharString(), (widths[code], 0)
    builder = FontBuilder(1000, isTTF=False)
    builder.setupGlyphOrder(list(outlines))
    builder.setupCharacterMap(names)
    builder.setupHorizontalMetrics(advances)
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": MUSIC_FONT, "styleName": "Regular", "psName": MUSIC_FONT})
    builder.setupOS2(sTypoAscender=800, sTypoDescender=-200, usWinAscent=800, usWinDescent=200)
    builder.setupPost()
    builder.setupCFF(MUSIC_FONT, {"FullName": MUSIC_FONT}, outlines, {})
    packed = io.BytesIO()
    builder.save(packed)
    font: bytes = packed.getvalue()
    return font
