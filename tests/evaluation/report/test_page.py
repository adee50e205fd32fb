"""The report as a page: it has everything, needs nothing, and is safe whatever is in it."""

import base64
import copy
import hashlib
import json
import math
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from composer.evaluation.judgement import Example, Report
from composer.evaluation.report.examples import MOST_NOTES, PLAYER, Engraver, copied, example, notes
from composer.evaluation.report.page import page
from composer.io import abc
from composer.score import Part, Score
from composer.theory import TICKS_PER_QUARTER as Q
from judged import MATCH, composed, discrimination, report

EVIL = "<script>alert(1)</script>&\"'\x1b[31m\u202e\udce9\n[red]"
SVG = "{http://www.w3.org/2000/svg}"
EMPTY = {"meta", "br", "hr", "img", "link", "input"}


class Page(HTMLParser):
    """What stands in a page: its tags, which must close in order, what they link to, and its words."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.ids: list[str] = []
        self.notes: list[Any] = []
        self.words = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in EMPTY:
            self.open.append(tag)
        given = {name: value or "" for name, value in attrs}
        self.links += [given[name] for name in ("src", "href", "xlink:href", "action") if name in given]
        self.handlers += [name for name in given if name.startswith("on")]
        self.ids += [given["id"]] if "id" in given else []
        self.notes += [json.loads(given["data-notes"])] if "data-notes" in given else []

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in EMPTY:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data if self.open[-1:] not in (["script"], ["style"]) else ""


@pytest.fixture(scope="module")
def made() -> Report:
    return report()


@pytest.fixture(scope="module")
def html(made: Report) -> str:
    return page(made)


@pytest.fixture
def judged(made: Report) -> Any:
    """A report that a test may spoil, without its examples, which take long to engrave."""
    found: Any = copy.deepcopy(made)
    for verdict in found["verdicts"]:
        for model in verdict["judgements"]:
            model["examples"] = []
    return found


def test_the_page_has_everything(html: str) -> None:
    found = Page(html)
    for words in (
        "Use folk-markov for music like that of the corpus.", "Not copying more than real pieces", "folk-biaxial",
        "The judge caught both foils, music that is known to be wrong (AUC): shuffled bars 0.97, js_fakes 0.95.",
        "1.334 pseudo", "not comparable",
        "0.050 (.040-.060)*", "0.62 (.59-.65)", "198 of 200", "98.1 % (97.7-98.5)", "17.5", "AABB 61 %", "71.7 %",
        "long notes: 0.22, real music 0.31 (AUC of this alone 0.81)", "parallel fifths", "3.25", "How to read this",
        "What there is of intervals", "in The Hermit of Killarney (folk), bar 6 to bar 8", "Total variation",
        "sketch 7: no tune ends so", "composer 0.1.0, 2 cores, 6.9 min", "folk example 2", "; seed 0.",
    ):  # fmt: skip
        assert words in found.words, words
    assert found.words.count("Total variation") == 1
    plots, statistics, examples = 5, 7, 12
    assert found.tags.count("figure") == 2 * (plots + statistics)
    assert found.tags.count("article") == found.tags.count("button") == len(found.notes) == examples
    assert '<tr><th scope="row" title="Tunes whose last note is the keynote.">end on the tonic</th><td>71.7 %' in html
    assert "nan" not in re.sub(r"<script>.*?</script>|@font-face.*?}", "", html, flags=re.DOTALL).lower().replace(
        "pennant", ""
    )


def test_the_page_needs_nothing(html: str) -> None:
    found = Page(html)
    assert not {"link", "img", "iframe", "object", "base", "form"} & set(found.tags)
    assert all(link.startswith("#") for link in found.links)
    assert {link[1:] for link in found.links} <= set(found.ids)
    assert found.handlers == []
    assert html.count("http") - html.count("http-equiv") == html.count("http://www.w3.org/2000/svg")
    assert html.count("url(") == html.count("url(data:application/font-woff2") == 1
    assert len(html) < 3_000_000


def test_only_the_player_may_run(html: str) -> None:
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    assert scripts == [PLAYER]
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; ")
    assert policy[1].endswith(f"script-src 'sha256-{digest}'")


@pytest.mark.skipif(shutil.which("node") is None, reason="no node")
def test_the_player_is_a_script(tmp_path: Path) -> None:
    (tmp_path / "player.js").write_text(PLAYER)
    subprocess.run(["node", "--check", tmp_path / "player.js"], check=True, timeout=60)


def test_drawings_share_no_name(html: str) -> None:
    found = Page(html)
    assert len(set(found.ids)) == len(found.ids)
    for drawing in re.findall(r'<div class="score">(.*?)</div>', html, re.DOTALL):
        root = ElementTree.fromstring(drawing)
        names = {element.get("id") for element in root.iter()}
        used = {element.attrib["href"][1:] for element in root.iter() if "href" in element.attrib}
        assert used
        assert used <= names
        assert re.findall(r"#(s\d+)-", "".join(root.itertext()))[0] == str(root.get("id")).split("-")[0]


def test_plots_are_drawings_with_what_they_show(html: str) -> None:
    figures = {}
    for caption, drawing in re.findall(r"<figcaption>(.*?)</figcaption>(<svg.*?</svg>)", html, re.DOTALL):
        figures.setdefault(caption, ElementTree.fromstring(drawing))
    far = figures["How far from real music, in times the noise floor"]
    assert len(far.findall(f".//{SVG}circle")) == 21
    assert len(far.findall(f".//{SVG}rect[@class='band']")) == 7
    places = {circle.get("cx") for circle in far.findall(f".//{SVG}circle")}
    assert len(places) > 10
    judge = figures["How often the judge tells it from real music (AUC)"]
    told = [title.text for title in judge.iter(f"{SVG}title")]
    assert told == ["folk-markov: 0.62", "folk-maxent: 0.72", "folk-biaxial: 0.82", "foil: shuffled bars: 0.97",
                    "foil: js_fakes: 0.95"]  # fmt: skip
    dots = [float(circle.get("cx", 0)) for circle in judge.iter(f"{SVG}circle")]
    assert dots[:3] == sorted(dots[:3])
    assert len(figures["New passages, by their length"].findall(f".//{SVG}circle")) == 4 * 8
    assert len(figures["Sketches completed, by kind of wish"].findall(f".//{SVG}circle")) == 6 * 3
    bars = figures["What there is of intervals"].findall(f"{SVG}rect")
    assert len(bars) == 4 * 5
    heights = [float(bar.get("height", 0)) for bar in bars[:4]]
    assert heights[0] == 110
    assert heights[1] > heights[2] > heights[3]  # the farther, the less of the first value


def test_what_is_not_known_is_left_out(judged: Any) -> None:
    verdict = judged["verdicts"][0]
    verdict["reference"] |= {"foils": {}, "missing": ["js_fakes: not here"], "counts": False, "tunes": None}
    verdict["judgements"] = verdict["judgements"][:1]
    model = verdict["judgements"][0]
    model["held_out"] |= {"kind": "none", "nats_per_quarter": None, "common": None, "common_pieces": 0}
    model |= {"flexibility": [], "tunes": None, "seconds": {}, "distances": []}
    model["discrimination"] = discrimination(math.nan) | {"tells": []}
    model["novelty"] |= {"pieces": 0, "curve": []}
    verdict["reference"]["novelty"] |= {"curve": []}
    judged["verdicts"] = judged["verdicts"][:1]
    text = page(judged)
    found = Page(text)
    assert found.tags.count("figure") == 0
    assert "class=warned" in text
    assert "not shown js_fakes: not here" in found.words
    assert "Examples" not in found.words
    assert "nan" not in found.words.lower()
    assert "None" not in found.words
    judged["verdicts"] = []
    assert "There is no model to judge." in page(judged)


def test_a_floor_of_nothing_is_no_unit(judged: Any) -> None:
    for model in judged["verdicts"][0]["judgements"]:
        for distance in model["distances"]:
            distance["floor"] = dict.fromkeys(("value", "low", "high"), 0.0)
    assert Page(page(judged)).tags.count("figure") == 23


def test_names_cannot_break_out_of_the_page(judged: Any) -> None:
    verdict = judged["verdicts"][0]
    verdict["reference"] |= {"corpus": EVIL, "split": EVIL, "missing": [EVIL], "counts": False}
    verdict["reference"]["foils"][EVIL] = discrimination(0.5)
    model = verdict["judgements"][0]
    model |= {"model": EVIL, "seconds": {EVIL: 3.0}}
    model["distances"][0] |= {"name": EVIL, "title": EVIL, "real": {EVIL: 0.5}, "composed": {EVIL: 0.4}}
    model["flexibility"][0] |= {"job": EVIL, "failures": [EVIL], "kinds": {EVIL: [3, 2]}}
    model["held_out"]["view"] = EVIL
    model["tunes"] |= {"form": {EVIL: 0.9}, "oracle": EVIL}
    model["discrimination"]["tells"][0]["trait"] = EVIL
    tune = f"X:1\nT:{EVIL}\nC:{EVIL}\nM:4/4\nL:1/4\nK:G\nGABc |]\nw:{EVIL}\n"
    model["examples"] = [
        Example(title=EVIL, abc=tune, copied=MATCH | {"title": EVIL, "corpus": EVIL, "first": EVIL}),  # type: ignore[typeddict-item]
        Example(title="no music", abc=EVIL, copied=None),
    ]
    judged |= {"software": EVIL, "machine": EVIL}
    text = page(judged)
    found = Page(text)
    assert found.tags.count("script") == 1
    assert found.handlers == []
    assert all(link.startswith("#") for link in found.links)
    odd = {letter for letter in text if not letter.isprintable() and not "\ue000" <= letter <= "\uf8ff"}  # of the font
    assert odd <= {"\n", "\xa0"}
    assert text.count("&lt;script&gt;") > 20
    assert "Not engraved: example: " in found.words
    text.encode()


def test_what_is_played_is_what_is_written() -> None:
    part = Part.of([0, Q, 3 * Q], [67, 69, 71], [Q, 2 * Q, Q])
    low = Part.of([0], [43], [4 * Q])
    assert notes(Score.of([part, low], tempo=60)) == [
        [0.0, 1.0, 67, 0.283], [0.0, 4.0, 43, 0.283], [1.0, 2.0, 69, 0.283], [3.0, 1.0, 71, 0.283]
    ]  # fmt: skip
    twice = abc.loads(b"X:1\nM:4/4\nL:1/4\nQ:1/4=60\nK:C\n|: CDEF :|\n", "x")
    assert [note[:3] for note in notes(twice)][4:6] == [[4.0, 1.0, 60], [5.0, 1.0, 62]]
    many = MOST_NOTES + 1
    assert len(notes(Score.of([Part.of(range(0, many * Q, Q), [60] * many, [Q] * many)]))) == MOST_NOTES


def test_an_example_says_what_it_copies() -> None:
    assert copied(MATCH) == (
        "The longest run that it shares with the corpus: 18 notes, 1.9 bars, in bar 3 to bar 5; they stand in "
        "The Hermit of Killarney (folk), bar 6 to bar 8."
    )
    whole = MATCH | {"whole": True, "first": "bar 1", "last": "bar 1", "title": ""}
    assert "in bar 1, which is all of it; they stand in a piece without title (folk)" in copied(whole)  # type: ignore[arg-type]
    shown = "".join(example(Example(title="a", abc=composed(0), copied=None), Engraver()))
    assert "shares with" not in shown
    assert "%%composer model folk-markov" in shown
