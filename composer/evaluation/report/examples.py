"""The examples of a report's page: engraved, to be heard, and with what they share with the corpus."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html import escape
from xml.etree import ElementTree

from composer.errors import ComposerError
from composer.evaluation.html import text
from composer.evaluation.judgement import Example, Match
from composer.evaluation.report.rows import number
from composer.io import abc, engraving
from composer.score import Score

SVG = "{http://www.w3.org/2000/svg}"
LINK = "{http://www.w3.org/1999/xlink}href"
TURNING = "[\u200e\u200f\u202a-\u202e\u2066-\u2069]"  # letters that make the text around them run backwards
MOST_NOTES = 4_000  # that are played
PLAYER = """
"use strict";
(() => {
  let context = null, playing = null;
  function stop() {
    if (!playing) return;
    clearTimeout(playing.timer);
    playing.gain.disconnect();
    for (const voice of playing.voices) voice.stop();
    playing.button.textContent = "Play";
    playing = null;
  }
  function sound(gain, begin, note) {
    const [onset, length, pitch, loud] = note;
    const voice = context.createOscillator(), envelope = context.createGain();
    const from = begin + onset, to = from + Math.max(length, 0.05);
    voice.type = "triangle";
    voice.frequency.value = 440 * Math.pow(2, (pitch - 69) / 12);
    envelope.gain.setValueAtTime(0, from);
    envelope.gain.linearRampToValueAtTime(loud, from + 0.01);
    envelope.gain.setTargetAtTime(loud * 0.6, from + 0.01, 0.3);
    envelope.gain.setTargetAtTime(0, to - 0.03, 0.02);
    voice.connect(envelope).connect(gain);
    voice.start(from);
    voice.stop(to + 0.1);
    return voice;
  }
  function play(button, notes) {
    context = context || new (window.AudioContext || window.webkitAudioContext)();
    context.resume();
    const gain = context.createGain(), begin = context.currentTime + 0.1;
    gain.connect(context.destination);
    const voices = notes.map((note) => sound(gain, begin, note));
    const end = notes.reduce((last, note) => Math.max(last, note[0] + note[1]), 0);
    playing = { button, gain, voices, timer: setTimeout(stop, (end + 0.5) * 1000) };
    button.textContent = "Stop";
  }
  for (const button of document.querySelectorAll("button[data-notes]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const mine = playing && playing.button === button;
      stop();
      if (!mine) play(button, JSON.parse(button.dataset.notes));
    });
  }
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") stop(); });
})();
"""


class Engraver:
    """Engraves the scores of one page so that nothing in one drawing answers to a name in another.

    ``font`` is the rule that gives the music font, once for all drawings; empty before the first.
    """

    def __init__(self) -> None:
        self.font = ""
        self._drawn = 0

    def __call__(self, score: Score) -> str:
        """The score as SVG that stands in a page; raises as :func:`composer.io.engraving.dumps` does."""
        self._drawn += 1
        root = ElementTree.fromstring(engraving.dumps(score))
        for parent in list(root.iter()):
            for style in [
                child for child in parent if child.tag == f"{SVG}style" and "@font-face" in (child.text or "")
            ]:
                self.font = style.text or ""
                parent.remove(style)
        self._rename(root)
        width, height = (float(root.get(side, "0").removesuffix("px")) for side in ("width", "height"))
        root.attrib |= {"viewBox": f"0 0 {width:g} {height:g}", "role": "img", "aria-label": "the score"}
        ElementTree.register_namespace("", SVG.strip("{}"))
        return re.sub(TURNING, "", ElementTree.tostring(root, encoding="unicode"))

    def _rename(self, root: ElementTree.Element) -> None:
        """Identifiers that are used get a number of this drawing; the others go."""
        for element in root.iter():
            if LINK in element.attrib:
                element.set("href", element.attrib.pop(LINK))
        used = {element.get("href", "").removeprefix("#") for element in root.iter()} | {root.get("id", "")}
        for element in root.iter():
            name = element.attrib.pop("id", "")
            if name in used - {""}:
                element.set("id", f"s{self._drawn}-{name}")
            if "href" in element.attrib:
                element.set("href", element.attrib["href"].replace("#", f"#s{self._drawn}-", 1))
            if element.tag == f"{SVG}style":
                element.text = re.sub(r"#(?=[A-Za-z])", f"#s{self._drawn}-", element.text or "")


def notes(score: Score) -> list[list[float]]:
    """What is heard: onset and length in seconds, pitch, and loudness 0 to 1, of the first 4,000 notes."""
    heard = score.unfold()
    loud = 0.4 / max(len(heard.parts), 1) ** 0.5
    found = []
    for part in heard.parts:
        starts, ends = heard.seconds(part.onset), heard.seconds(part.offset)
        found += [
            [round(float(start), 3), round(float(end - start), 3), int(pitch), round(loud, 3)]
            for start, end, pitch in zip(starts, ends, part.pitch, strict=True)
        ]
    return sorted(found)[:MOST_NOTES]


def example(one: Example, engrave: Engraver) -> Iterator[str]:
    """The example as a part of the page; one that cannot be read or drawn says why, and shows its ABC."""
    yield f'<article class="example"><h5>{text(one["title"])}</h5>\n'
    try:
        score = abc.loads(one["abc"].encode(errors="replace"), "example")
        drawing = engrave(replace(score, metadata={}))  # the title stands above
        heard = escape(json.dumps(notes(score), separators=(",", ":"), allow_nan=False))
        yield f'<p><button type="button" hidden data-notes="{heard}">Play</button></p>\n'
        yield f'<div class="score">{drawing}</div>\n'
    except ComposerError as error:
        yield f"<p>Not engraved: {text(str(error))}</p>\n"
    if one["copied"] is not None:
        yield f"<p>{text(copied(one['copied']))}</p>\n"
    page = "\n".join(text(line) for line in one["abc"].splitlines())
    yield f"<details><summary>As ABC</summary><pre>{page}</pre></details></article>\n"


def copied(match: Match) -> str:
    """The longest run that a piece shares with the corpus, in a sentence."""
    here = _bars(match["first"], match["last"]) + (", which is all of it" if match["whole"] else "")
    there = _bars(match["source_first"], match["source_last"])
    return (
        f"The longest run that it shares with the corpus: {match['notes']} notes, {number(match['bars'], 1)} bars, in "
        f"{here}; they stand in {match['title'] or 'a piece without title'} ({match['corpus']}), {there}."
    )


def _bars(first: str, last: str) -> str:
    return first if first == last else f"{first} to {last}"
