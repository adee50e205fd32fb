"""``composer copying``: what is said of files that copy, that do not, and that cannot be read."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

FIRST = "X:1\nT:The First\nM:4/4\nL:1/8\nK:D\nA2|d2fd AFDF|G2BG ecAc|d2fa bgec|dcde d4|\n"
SECOND = "X:2\nT:The Second\nM:4/4\nL:1/8\nK:G\nGABc d2Bd|e2ce d2Bd|cABG A2GF|G2B2 G4|\n"
OTHER = "X:1\nT:Other\nM:4/4\nL:1/4\nK:C\nC ^F, B _E|^G D _b, A|\n"
DRUMS = "X:1\nT:Rests\nM:4/4\nL:1/4\nK:C\nz4|z4|\n"


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of two tunes, which stands for all corpora; with a cache of its own."""
    monkeypatch.setenv("COMPOSER_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "tunes"
    folder.mkdir()
    (folder / "first.abc").write_text(FIRST)
    (folder / "second.abc").write_text(SECOND)
    monkeypatch.setattr(sys.modules["composer.cli.copying"], "CORPORA", {str(folder): ""})
    return folder


def written(tmp_path: Path, text: str, name: str = "mine.abc") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def test_a_piece_of_the_corpus_is_found_whole_in_any_key(run: Callable[..., Any], corpus: Path, tmp_path: Path) -> None:
    from composer.io import read, write

    score = read(corpus / "second.abc").transpose(3)
    expected = "all 23 notes, 4 bars: bars 1-4 are bars 1-4 of The Second (tunes)\n  "
    for name in ("mine.abc", "mine.mid", "mine.musicxml"):
        write(score, tmp_path / name)
        result = run("copying", tmp_path / name)
        assert (result.code, result.err) == (0, "")
        assert result.out == f"The Second: {expected}new passages: 0% of single bars, 0% of two bars, 0% of four\n", (
            name
        )


def test_a_file_of_any_name_is_told_on_one_line(run: Callable[..., Any], corpus: Path, tmp_path: Path) -> None:
    untitled = SECOND.replace("T:The Second\n", "")
    result = run("copying", written(tmp_path, untitled, "a\n\x1b[31m<b>\udcff.abc"), "-o", "out.html")
    assert result.code == 0, result.err
    assert result.out.startswith("a [31m<b>: all 23 notes")
    assert result.out.splitlines()[1].startswith("  new passages")
    assert len(result.out.splitlines()) == 2
    assert "<h1>What a [31m&lt;b&gt; .abc shares</h1>" in Path("out.html").read_text()


def test_the_most_copied_tune_of_a_book_is_first(run: Callable[..., Any], corpus: Path, tmp_path: Path) -> None:
    half = "X:2\nT:Half\nM:4/4\nL:1/8\nK:D\nd2fd AFDF|G2BG ecAc|_B,2^g2 C2=f2|D8|\n"
    book = written(tmp_path, "\n".join([OTHER, half, SECOND.replace("X:2", "X:3")]))
    result = run("copying", book)
    names = [line.partition(":")[0] for line in result.out.splitlines() if line[0] != " "]
    assert names == ["The Second", "Half", "Other"]
    assert "Half: 14 notes, 2 bars: bars 1-2 are bars 1-2 of The First (tunes)\n" in result.out
    one = run("copying", book, "--tune", "Half")
    assert one.out.startswith("Half: ")
    assert one.out in result.out


def test_rhythm_counts_unless_it_is_left_aside(run: Callable[..., Any], corpus: Path, tmp_path: Path) -> None:
    slow = written(tmp_path, SECOND.replace("L:1/8", "L:1/4").replace("M:4/4", "M:4/2"))
    told = run("copying", slow).out
    assert re.match(r"The Second: \d notes, ", told)
    assert "\n  rhythm left aside: all 23 notes, 4 bars: bars 1-4 are bars 1-4 of The Second (tunes)\n" in told
    assert told.endswith("new passages: 100% of single bars, 100% of two bars, 100% of four\n")
    free = run("copying", slow, "--any-rhythm").out
    assert free.startswith("The Second: all 23 notes, 4 bars: ")
    assert free.endswith("new passages: 0% of single bars, 0% of two bars, 0% of four\n")


def test_json_is_one_object(run: Callable[..., Any], corpus: Path, tmp_path: Path) -> None:
    result = run("copying", written(tmp_path, FIRST + "\n" + OTHER.replace("X:1", "X:2")), "--json")
    found = json.loads(result.out)
    assert found["corpora"] == {"tunes": 2}
    first, other = found["lines"]
    assert (first["name"], first["notes"]) == ("The First", 27)
    assert (first["match"]["whole"], first["match"]["first"], first["match"]["last"]) == (True, "bar 0", "bar 4")
    assert first["match"]["id"].endswith("first.abc:1")
    assert first["new"] == [0.0, 0.0, 0.0, 0.0]
    assert other["new"] == [1.0, 1.0]


def test_nothing_shared_is_no_error(run: Callable[..., Any], corpus: Path, tmp_path: Path) -> None:
    path = written(tmp_path, "X:1\nT:Lone\nM:4/4\nL:1/1\nK:C\nC|\n")
    result = run("copying", path, "-o", tmp_path / "page.svg")
    assert result.code == 0
    assert result.out == "Lone: shares nothing of two notes or more\n  new passages: 0% of single bars\n"
    assert result.err == f"{path} shares nothing of two notes or more: there is nothing to engrave\n"
    assert not (tmp_path / "page.svg").exists()
    assert json.loads(run("copying", path, "--json").out)["lines"][0]["match"] is None


@pytest.mark.parametrize(
    ("name", "text", "more", "code", "words"),
    [
        ("mine.abc", DRUMS, (), 1, "mine.abc: has no notes to compare, only rests or drums"),
        ("mine.abc", "no music", (), 1, "mine.abc: holds no ABC tune; one begins with X:1 and has a K: field"),
        ("mine.abc", OTHER, ("--tune", "9"), 2, "mine.abc"),
        ("mine.mid", "no music", (), 1, "mine.mid"),
        ("mine.txt", OTHER, (), 2, "mine.txt: cannot be read as music"),
        ("mine.abc", OTHER, ("-o", "page.pdf"), 2, "-o page.pdf: the name of a page ends in .html, .svg, .png"),
        ("mine.abc", OTHER, ("-o", "nowhere/page.svg"), 2, "-o nowhere/page.svg: give the name of a file, in a folder"),
        ("mine.abc", OTHER, ("--corpus", "nothing"), 2, "'nothing' is neither a corpus"),
        ("mine.html", OTHER, ("-o", "mine.html"), 2, "mine.html: would be written over"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    run: Callable[..., Any],
    corpus: Path,
    tmp_path: Path,
    name: str,
    text: str,
    more: tuple[str, ...],
    code: int,
    words: str,
) -> None:
    written(tmp_path, text, name)
    result = run("copying", name, *more)
    assert (result.code, result.out) == (code, "")
    assert words in result.err
    assert result.err.count("\n") == 1


def test_a_book_of_bad_tunes_is_told(run: Callable[..., Any], corpus: Path, tmp_path: Path) -> None:
    path = written(tmp_path, "X:1\nT:Bad\nM:0/0\nK:C\nC|\n")
    result = run("copying", path)
    assert (result.code, result.out) == (1, "")
    assert result.err.splitlines()[0].startswith(f"{path}: tune 1, ")
    assert result.err.splitlines()[1] == f"composer: {path}: no tune of it can be read"


def test_a_bad_tune_of_a_book_is_told_and_costs_no_other(run: Callable[..., Any], corpus: Path, tmp_path: Path) -> None:
    path = written(tmp_path, "X:1\nT:Bad\nM:0/0\nK:C\nC|\n\n" + SECOND)
    result = run("copying", path)
    assert result.code == 0
    assert result.out.startswith("The Second: all 23 notes")
    assert result.err.startswith(f"{path}: tune 1, ")


def test_both_passages_stand_side_by_side(run: Callable[..., Any], corpus: Path, tmp_path: Path) -> None:
    half = "X:1\nT:Half & <b>\nM:4/4\nL:1/8\nK:E\nE8|e2ge BGEG|A2cA fdBd|_B,2^g2 C2=f2|\n"
    path = written(tmp_path, half)
    pages = [tmp_path / f"page{suffix}" for suffix in (".svg", ".png", ".html")]
    result = run("copying", path, *(word for page in pages for word in ("-o", page)))
    assert (result.code, result.err) == (0, "".join(f"wrote {page}\n" for page in pages))
    svg = (tmp_path / "page.svg").read_text()
    sides = list(ElementTree.fromstring(svg))
    assert [(side.get("x"), side.get("y")) for side in sides] == [("0", "0"), ("840", "0")]
    words = ["".join(side.itertext()) for side in sides]
    assert "Half & <b>, bars 2-3" in words[0]
    assert "The First (tunes), bars 1-2" in words[1]
    for side in sides:
        notes = [e for e in side.iter() if "note" in e.get("class", "").split()]
        assert [note.get("color") for note in notes] == ["#c2261c"] * 14
    ids = [set(re.findall(r'\bid="([^"]+)"', ElementTree.tostring(side).decode())) for side in sides]
    used = [set(re.findall(r'href="#([^"]+)"', ElementTree.tostring(side).decode())) for side in sides]
    assert used[0] <= ids[0]
    assert used[1] <= ids[1]
    assert not ids[0] & ids[1]
    assert (tmp_path / "page.png").read_bytes().startswith(b"\x89PNG")
    html = (tmp_path / "page.html").read_text()
    assert "<p>Half &amp; &lt;b&gt;: 14 notes, 2 bars: bars 2-3 are bars 1-2 of The First (tunes)\n" in html
    assert "<svg " in html
    assert "http" not in re.sub(r'xmlns(:\w+)?="[^"]*"', "", html)  # nothing is fetched


def test_a_passage_is_drawn_from_its_own_corpus(run: Callable[..., Any], corpus: Path, tmp_path: Path) -> None:
    """The same file, and piece, of another corpus is no such thing."""
    for folder in (tmp_path / "others", tmp_path / "far" / "tunes"):
        folder.mkdir(parents=True)
        (folder / "first.abc").write_text("X:1\nT:Another\nM:4/4\nL:1/1\nK:D\nA,|\n")
    ask = ("copying", written(tmp_path, FIRST), "-o", tmp_path / "page.svg", "--corpus", tmp_path / "others")
    assert run(*ask, "--corpus", corpus).code == 0
    drawn = ElementTree.fromstring((tmp_path / "page.svg").read_text())
    assert "The First (tunes), bars 0-4" in "".join(drawn.itertext())
    same = run(*ask, "--corpus", corpus, "--corpus", tmp_path / "far" / "tunes")
    assert same.code == 2
    assert "there are two of the name tunes" in same.err


def test_the_library_answers_without_the_heavy_packages(corpus: Path, tmp_path: Path, run: Callable[..., Any]) -> None:
    path = written(tmp_path, FIRST)
    run("copying", path)
    program = (
        "import sys; from composer.cli import main\n"
        f"sys.argv = ['composer', 'copying', {str(path)!r}, '--corpus', {str(corpus)!r}]\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'music21', 'sklearn', 'scipy', 'verovio', 'rich'} & set(sys.modules)))\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout.splitlines()[0].startswith("The First: all 27 notes")
    assert result.stdout.splitlines()[-1] == "[]"
