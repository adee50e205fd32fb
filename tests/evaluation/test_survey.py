"""The survey of a corpus, as counts, as text and as a page: right, bounded, and safe whatever files are called."""

import io
import json
import sys
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any

import pytest

from composer.corpora.base import Card, Rejected
from composer.corpora.facts import facts
from composer.errors import Notice
from composer.evaluation import survey_html, survey_text
from composer.evaluation.survey import Survey, as_json, nothing_to_train_on, plain_reason, survey
from composer.io.smf_census import PEDAL
from composer.score import Part, Score
from composer.theory import TICKS_PER_QUARTER as Q

EVIL = "<script>alert(1)</script>&\"'\x1b[31m\u202e\udce9\n[red].mid"


def tune(bars: int = 4, key: str = "G", notices: list[Notice] | None = None) -> dict[str, Any]:
    part = Part.of(range(0, bars * 4 * Q, Q), [67, 69, 71, 67] * bars, [Q] * 4 * bars)
    return facts(Score.of([part], key=key), notices or [])


def piece(id: str, told: dict[str, Any] | None = None, **more: str) -> Any:
    names = {"id": id, "title": id, "split": "train", "group": id, "duplicate_of": "", "kin": ""}
    return SimpleNamespace(**(names | more), facts=tune() if told is None else told)


class Pieces(list[Any]):
    """As much of a corpus as a survey looks at."""

    def __init__(self, pieces: list[Any], rejected: list[tuple[str, str]] | None = None, **skipped: int) -> None:
        super().__init__(pieces)
        self.rejected = [Rejected(*row) for row in rejected or []]
        self.skipped = {f".{suffix}": count for suffix, count in skipped.items()}
        self.name = "mine"
        self.card = Card("mine", "", "", "")


@pytest.fixture
def mixed() -> Pieces:
    bars = [Notice("bar", f"bar {n}", "has 5/8, not 6/8") for n in range(1, 6)]
    return Pieces(
        [
            piece("a.mid", tune(8, "D dorian"), kin="a.mid"),
            piece("b.mid", tune(8), duplicate_of="a.mid", kin="a.mid"),
            piece("book.abc:1", tune(16, "D dorian", [*bars, Notice("ignored", "line 3", "!wiggle!")])),
            piece("book.abc:2", tune(300), kin="a.mid"),
        ],
        [
            ("book.abc:3", "book.abc: tune 3, line 7: 2/5 is not a meter"),
            ("book.abc:4", "book.abc: tune 4, line 19: 3/7 is not a meter"),
            ("broken.mid", "/home/me/broken.mid: is not a MIDI file"),
        ],
        txt=2,
    )


def plain(found: Survey, width: int = 100) -> str:
    return "\n".join(line for _, line in survey_text.report(found, width))


def test_counts(mixed: Pieces) -> None:
    told = survey(mixed).summary()
    expected = {
        "files": 4,
        "files_accepted": 3,
        "files_skipped": {".txt": 2},
        "pieces": 4,
        "rejected": 3,
        "duplicates": 1,
        "near_duplicate_groups": 1,
        "notes": 4 * (8 + 8 + 16 + 300),
        "bars": 332,
        "bad_bars": 5,
        "keys": {"D dorian": 2, "G major": 2},
        "meters": {"4/4": 4},
        "lengths": {"5-8": 2, "9-16": 1, "257+": 1},
        "pitches": {"67": 664, "69": 332, "71": 332},
    }
    assert {name: told[name] for name in expected} == expected
    assert told["reasons"]["N/N is not a meter"] == {
        "count": 2,
        "files": 1,
        "examples": ["book.abc:3", "book.abc:4"],
        "first": "tune 3, line 7: 2/5 is not a meter",
    }
    assert told["ignored"] == {"!wiggle!": {"count": 1, "files": 1, "examples": ["book.abc:1 line 3"]}}
    assert told["intervals"] == {"-4": 332, "0": 328, "2": 664}


def test_json_has_every_piece_with_its_facts(mixed: Pieces) -> None:
    told = json.loads("".join(as_json(mixed, survey(mixed))))
    assert [(file["file"], file["accepted"], len(file["pieces"])) for file in told["files"]] == [
        ("a.mid", True, 1),
        ("b.mid", True, 1),
        ("book.abc", True, 2),
        ("broken.mid", False, 0),
    ]
    assert told["files"][1]["pieces"][0]["duplicate_of"] == "a.mid"
    assert told["files"][2]["pieces"][0] == vars(mixed[2])["facts"] | {
        name: getattr(mixed[2], name) for name in ("id", "title", "split", "group", "duplicate_of", "kin")
    }
    assert told["files"][2]["rejected"][0] == {
        "id": "book.abc:3",
        "reason": "book.abc: tune 3, line 7: 2/5 is not a meter",
    }
    assert told["summary"] == survey(mixed).summary()


def test_text_says_what_is_wrong(mixed: Pieces) -> None:
    text = plain(survey(mixed))
    rows = text.splitlines()
    assert rows[0].split()[:3] == ["file", "tunes", "parts"]
    assert rows[2].endswith("copy of a.mid")
    assert "2 left out; 1 like a.mid; 5 bars off" in text
    assert "\nbroken.mid  left out: is not a MIDI file\n" in text
    assert "  2 tunes in 1 file such as book.abc:3: tune 3, line 7: 2/5" in text
    assert "book.abc:1, bar 3: has 5/8, not 6/8\n  and 2 more" in text
    assert "!wiggle!: 1 time in 1 file (book.abc:1 line 3)" in text
    assert "a.mid, b.mid, book.abc:2" in text
    assert "2 .txt" in text
    assert max(map(len, rows)) <= 112


def test_where_blocks_cannot_be_shown_there_are_signs_that_can(mixed: Pieces, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr(sys, "stdout", out)
    mixed.append(piece("\u4e2d.mid"))
    survey_text.show(survey(mixed))
    out.seek(0)
    text = out.read()
    assert "?.mid" in text
    assert f"  4/4  {'#' * 30} 5" in text


def test_a_file_of_tunes_is_one_row(mixed: Pieces) -> None:
    row = next(line for line in plain(survey(mixed)).splitlines() if line.startswith("book.abc"))
    assert row.split()[:8] == ["book.abc", "2", "1", "16-300", "4/4", "Ddor", "G", "G4-B4"]


def test_columns_that_say_nothing_are_left_out() -> None:
    heads = plain(survey(Pieces([piece("a.mid")]))).splitlines()[0]
    assert "tunes" not in heads
    assert "pedal" not in heads
    assert "off grid" not in heads


def test_long_names_give_way_where_there_is_no_room() -> None:
    corpus = Pieces([piece(f"{'long' * 20}.mid", tune(300, "D dorian", [Notice("ignored", "", PEDAL, 1200)]))])
    narrow, wide = (plain(survey(corpus), width).splitlines()[:2] for width in (66, 100))
    assert max(map(len, narrow)) <= 66 < max(map(len, wide)) <= 100
    assert "…" in narrow[1]
    assert "1200" in narrow[1]


def test_of_many_files_the_gravest_are_listed() -> None:
    pieces = [piece(f"{n}.mid", kin="0.mid" if n % 2 else "") for n in range(5000)]
    found = survey(Pieces(pieces, [(f"z{n}.mid", "is broken") for n in range(10)]))
    assert len(found.rows) == 40
    assert [file.name for file in found.rows[:10]] == [f"z{n}.mid" for n in range(10)]
    text = plain(found)
    assert "2,470 files with something to say, and 2,500 without, not listed: --json and --html have all" in text
    assert len(text.splitlines()) < 150
    assert len(json.loads("".join(as_json(Pieces(pieces), found)))["files"]) == 5000


def test_notices_that_differ_in_a_quoted_word_are_one() -> None:
    notices = [Notice("ignored", "", f"no such decoration: '{n}'") for n in range(3)]
    assert "no such decoration: '...': 3 times in 1 file (a.mid)" in plain(
        survey(Pieces([piece("a.mid", tune(1, "G", notices))]))
    )


def test_hundreds_of_kinds_of_everything_stay_bounded() -> None:
    notices = [[Notice("ignored", "", f"kind {n} {k}") for k in range(20)] for n in range(90)]
    told = [tune(1, "G", rows) for rows in notices]
    rejected = [(f"x{n}.mid", f"reason {chr(200 + n)}") for n in range(2000)]
    found = survey(Pieces([piece(f"{n}.mid", facts) for n, facts in enumerate(told)], rejected))
    assert len(found.ignored) <= 501
    assert len(found.reasons) <= 501
    assert sum(kind.count for kind in found.reasons.values()) == 2000
    assert "  and 481 more" in plain(found)


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href") or name.startswith("on")]


def test_names_cannot_break_out_of_the_page_or_steer_the_terminal() -> None:
    corpus = Pieces([piece(EVIL, tune(4, "G", [Notice("ignored", EVIL, EVIL), Notice("bar", EVIL, EVIL)]), kin=EVIL)])
    corpus.append(piece("b.mid", kin=EVIL, duplicate_of=EVIL))
    corpus.rejected = [Rejected("x" + EVIL, EVIL)]
    corpus.skipped = {EVIL: 1}
    corpus.name = EVIL
    found = survey(corpus)
    html = survey_html.page(corpus, found).decode()
    page = Page()
    page.feed(html)
    assert "script" not in page.tags
    assert page.links == []
    assert html.count("&lt;script&gt;") > 5
    for shown in (html.replace("\n", ""), plain(found).replace("\n", "")):
        assert all(letter.isprintable() for letter in shown)
    json.loads("".join(as_json(corpus, found)))


def test_the_page_needs_nothing_and_has_everything(mixed: Pieces) -> None:
    html = survey_html.page(mixed, survey(mixed)).decode()
    page = Page()
    page.feed(html)
    assert page.tags.count("svg") == 5
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    for text in ("<td>book.abc:3</td><td>tune 3, line 7: 2/5", "copy of a.mid", "bar 5", "!wiggle!", "257+", "Ddor"):
        assert text in html
    assert "url(" not in html
    assert html.count("http") == html.count("http://www.w3.org/2000/svg")


def test_why_there_is_nothing_to_train_on() -> None:
    rejected = [(f"{n}.mid", f"{n}.mid: is not a MIDI file") for n in range(3)] + [
        ("a.abc", "a.abc: holds no ABC tune")
    ]
    assert nothing_to_train_on(survey(Pieces([], rejected, txt=2))) == (
        "3 left out: is not a MIDI file; 1 left out: holds no ABC tune; 2 no music (.txt)"
    )
    assert "1 piece is held out for validation and test" in nothing_to_train_on(survey(Pieces([piece("a.mid")])))


def test_a_corpus_without_facts_is_counted_all_the_same() -> None:
    found = survey(Pieces([piece("a.mid", {})]))
    assert (found.pieces, found.totals["notes"]) == (1, 0)
    assert "a.mid" in plain(found)


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("a.abc: tune 3, line 12: 'Q' is not a key", "'...' is not a key"),
        ("/x/a.abc: lines 3 to 7: no K:", "no K:"),
        ("is larger than 64 MB, too large", "is larger than N MB, too large"),
        ("a.abc: is in 5 parts, not four: Violin, Soprano", "is in N parts, not four: ..."),
        ("a.abc: is a damaged MIDI file (Invalid chunk 17)", "is a damaged MIDI file (...)"),
    ],
)
def test_reasons_of_a_kind(reason: str, kind: str) -> None:
    assert plain_reason(reason, "a.abc") == kind
