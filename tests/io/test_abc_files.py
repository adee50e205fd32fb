"""ABC files: tunebooks, encodings, damaged files, and an independent program's opinion."""

from __future__ import annotations

import random
import re
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from composer.corpora.bundled import music21_corpus
from composer.errors import InvalidScore, Notice, ReadError, UsageError
from composer.io.abc import loads, tunes
from composer.score import Score
from system import require_program

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
BOOK = b"""% a tunebook
X:1
T:First
K:D
DFA|

words between tunes, 100 of them
X:2
T:Broken
M:3/7
K:D
DFA|

X:0003
T:Third
K:G
GBd|
"""


def test_a_tunebook_gives_every_tune_or_what_is_wrong_with_it() -> None:
    found = list(tunes(BOOK, "book.abc"))
    assert [(tune.number, tune.line) for tune in found] == [("1", 2), ("2", 8), ("0003", 14)]
    assert [tune.score.title if tune.score else None for tune in found] == ["First", None, "Third"]
    assert str(found[1].error).startswith("book.abc: tune 2, line 10, column 1: ")


def test_a_file_is_its_first_tune() -> None:
    assert loads(BOOK, "book.abc").title == "First"


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"hello\nworld\n", b"X:1\n", b"X:1\nT:No key\nCDE|\n"])
def test_what_is_no_tune_is_refused(data: bytes) -> None:
    with pytest.raises(ReadError, match=r"^x\.abc: "):
        loads(data, "x.abc")


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_line_endings(ending: str) -> None:
    score = loads(ending.join(["X:1", "T:One", "K:C", "CDE|", "FGA|"]).encode(), "t.abc")
    assert (score.title, len(score.parts[0])) == ("One", 6)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_encodings(encoding: str) -> None:
    assert loads("X:1\nT:Méabh\nK:C\nC|\n".encode(encoding), "t.abc").title == "Méabh"


def damaged(text: bytes, dice: random.Random) -> bytes:
    """The text with a few bytes changed, doubled, moved or cut."""
    data = bytearray(text)
    for _ in range(dice.randint(1, 8)):
        at = dice.randrange(len(data) + 1)
        stop = min(at + dice.randint(1, 12), len(data))
        act = dice.randrange(5)
        if act == 0:
            data[at:at] = dice.choice(
                [b"|", b"[", b"]", b"(9", b"{", b'"', b"!", b":|", b"[1", b"Z999", b"&", b"^", b"-"]
            )
        elif act == 1:
            del data[at:stop]
        elif act == 2:
            data[at:at] = bytes(data[at:stop]) * dice.randint(1, 20)
        elif act == 3:
            data[at:at] = bytes(dice.randrange(256) for _ in range(3))
        else:
            data[at:at] = dice.choice([b"9999999", b"/0", b"/99999", b"\nK:", b"\nM:", b"\nL:1/", b"\nQ:", b"\nV:2\n"])
    return bytes(data)


def test_damaged_files_give_a_score_or_a_read_error_in_one_line() -> None:
    dice = random.Random(11)
    seeds = [BOOK]
    seeds.append(
        b'X:1\nM:6/8\nL:1/8\nR:jig\nK:Ador\nV:1\n|:"Am"{d}e>f(3gab|1[CE]2-[CE]!trill!z4:|2H.A4z2|]\nV:2\nZ2|z6|]\n'
    )
    seeds.append((Path(__file__).parents[1] / "data" / "abc" / "wild.abc").read_bytes())
    texts = music21_corpus("oneills1850", "*.abc")[:5]
    seeds += [path.read_bytes()[:1500] for path in texts]
    outcomes = {"score": 0, "error": 0}
    for number in range(2_000):
        data = damaged(seeds[number % len(seeds)], dice)
        began = time.process_time()
        for tune in tunes(data, "t.abc"):
            if tune.error is not None:
                assert "\n" not in str(tune.error)
                outcomes["error"] += 1
            else:
                assert isinstance(tune.score, Score)
                with suppress(InvalidScore):  # written out, it may be longer than a score can be
                    tune.score.unfold()
                outcomes["score"] += 1
        assert time.process_time() - began < 2.0, data
    assert outcomes["score"] > 500
    assert outcomes["error"] > 100


@pytest.mark.parametrize(
    "body",
    [
        "[" * 20_000,
        "(" * 20_000,
        "{" * 20_000,
        '"' * 20_001,
        "!" * 20_001,
        ":" * 20_001,
        "| " * 20_000,
        ">" * 20_000,
        "[1" * 6_000,
        "(3" * 6_000,
        "&" * 20_000,
        "C-" * 20_000,
        "[C" * 6_000,
        "[K:" * 12_000,
        "|1C:|" * 6_000,
        "C:|" * 6_000,
        "^" * 20_000,
        "C" + "," * 20_000,
        "C" + "/" * 20_000,
        "[M:1/64]" + "Z1000|" * 2_000,
        "[K:D]C[K:C]C" * 8_000,
        "[V:2]C[V:1]C" * 4_000,
        "[Q:1/4=90]C" * 4_000,
    ],
    ids=lambda body: re.sub(r"\W", lambda m: f"{ord(m[0]):02x}", body[:10]),
)
def test_long_nonsense_is_read_in_linear_time(body: str) -> None:
    began = time.process_time()
    list(tunes(f"X:1\nK:C\nC|\n{body}\nC|\n".encode(), "t.abc"))
    assert time.process_time() - began < 1.0


def test_the_folk_and_essen_collections_are_read() -> None:
    """A sample of the files; every tune of them."""
    folders = {"oneills1850": 8, "airdsAirs": 1, "ryansMammoth": 60, "essenFolksong": 3}
    for folder, count in folders.items():
        paths = music21_corpus(folder, "*.abc")
        for path in paths[:: max(len(paths) // count, 1)]:
            wrong = [str(tune.error) for tune in tunes(path.read_bytes(), path.name) if tune.error is not None]
            assert wrong == []


@pytest.mark.slow
def test_abc2midi_hears_the_same_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    """On 500 tunes: 98 of 100 are identical as they stand, 99.5 once what abc2midi reads otherwise is written out."""
    require_program("abc2midi", "abcmidi")
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.delitem(sys.modules, "abc_oracle", raising=False)
    import abc_oracle

    verdicts = {name: abc_oracle.verdict(text) for name, text in abc_oracle.sample(500)}
    told_apart = {name: verdict for name, verdict in verdicts.items() if verdict != "identical"}
    unexplained = [name for name, verdict in told_apart.items() if verdict in ("different", "not read by composer")]
    assert len(verdicts) == 500
    assert len(told_apart) <= 10, told_apart
    assert len(unexplained) <= 2, unexplained
    listed = (BENCHMARKS / "abc_differences.md").read_text(encoding="utf-8")
    assert all(name in listed for name in told_apart), told_apart


def test_a_tune_without_a_number_is_read_and_noticed() -> None:
    book = b"X:1\nT:A\nK:C\nCDEF|\n\nT:B\nK:G\nGABc|\n\nJust words, K: and all\n\nX:3\nK:C\nc4|\n"
    found = list(tunes(book, "book.abc"))
    assert [(tune.number, tune.line) for tune in found] == [("1", 2 - 1), ("", 6), ("3", 12)]
    assert [str(notice) for notice in found[1].notices][:1] == ["line 6: a tune should begin with X: and a number"]


def test_a_tune_of_a_book_by_number_or_title() -> None:
    book = b"X:1\nT:First Reel\nK:C\nC4|\n\nX:2\nT:Second Reel\nK:C\nD4|\n\nX:2\nT:Third\nK:C\nE4|\n"
    notices: list[Notice] = []
    assert loads(book, "b", tune=2, notices=notices).title == loads(book, "b", tune="second").title == "Second Reel"
    assert [notice.text for notice in notices if "answer" in notice.text] == [
        "1 more tunes answer to 2; choose one by its number or title"
    ]
    assert loads(book, "b", tune="reel").title == "First Reel"
    with pytest.raises(UsageError, match="none of its 3 tunes has the number or title 'x'"):
        loads(book, "b", tune="x")


def test_notices_come_in_the_order_of_the_lines() -> None:
    found = next(tunes(b"X:1\nM:4/4\nL:1/4\nK:C\nCDE|C%D|q4|#C4|\n", "t"))
    places = [tuple(int(n) for n in re.findall(r"\d+", notice.place)) for notice in found.notices]
    assert places == sorted(places)


def test_a_sharp_behind_its_note_is_explained() -> None:
    found = next(tunes(b"X:1\nL:1/4\nK:C\nA#BcA|\n", "t"))
    assert any("a sharp stands before its note, as in ^A" in notice.text for notice in found.notices)
