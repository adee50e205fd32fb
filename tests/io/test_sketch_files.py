"""Sketches in files: TOML, and scores with marked regions; whatever stands in them becomes a sketch or one line."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from composer.errors import ComposerError, ReadError, UsageError
from composer.io import read, smf
from composer.io.sketch import FRAME, MAX_SKETCH, read_sketch, schema, schema_text, sketch_of
from composer.score import Annotation, Part, Score
from composer.sketch import Hole, Range, Sketch
from composer.theory import TICKS_PER_QUARTER as Q

BAR = 4 * Q
JIG = """
title = "The Empty Page"
style = "jig"
key = "E dorian"
form = "A A' B A'"
pickup = "1/8"
range = "D4:B5"
ends_on_tonic = true
pins = {"1.1" = "E4"}
"""


def toml(folder: Path, text: str) -> Path:
    path = folder / "sketch.toml"
    path.write_text(text)
    return path


def test_a_file_says_what_the_call_says(tmp_path: Path) -> None:
    asked = Sketch.styled(
        "jig", key="E dorian", form="A A' B A'", pickup="1/8", range="D4:B5", ends_on_tonic=True, pins={"1.1": "E4"},
        metadata={"title": "The Empty Page"},
    )  # fmt: skip
    assert read_sketch(toml(tmp_path, JIG)) == asked


def test_an_empty_file_is_an_empty_page(tmp_path: Path) -> None:
    assert read_sketch(toml(tmp_path, "")) == Sketch.blank()


@pytest.fixture
def melody(tmp_path: Path) -> Path:
    part = Part.of(np.arange(16) * Q, [67, 69, 71, 72] * 4, [Q] * 16)
    return Score.of([part], key="G").write(tmp_path / "melody.abc")


def test_a_score_is_found_beside_its_sketch(melody: Path, tmp_path: Path) -> None:
    freed = read_sketch(toml(tmp_path, 'score = "melody.abc"\nfree = "bars 2-3"'))
    assert freed.holes == (Hole(0, BAR, 3 * BAR),)
    assert freed.constraints[0] == Range(67, 72, 0)
    longer = read_sketch(toml(tmp_path, 'score = "melody.abc"\ncontinue = 2\ntitle = "Longer"'))
    assert (longer.score.bars, longer.score.title, longer.holes) == (6, "Longer", (Hole(0, 4 * BAR, 6 * BAR),))
    choir = read_sketch(toml(tmp_path, 'score = "melody.abc"\nvoices = 4'))
    assert [part.name for part in choir.score.parts][1:] == ["Alto", "Tenor", "Bass"]


def test_a_tune_of_a_book_and_tempos_in_the_beats_of_the_meter(tmp_path: Path) -> None:
    (tmp_path / "book.abc").write_text("X:1\nT:One\nM:4/4\nK:C\nC8|\n\nX:2\nT:Two\nM:4/4\nK:G\nG8|A8|\n")
    sketch = read_sketch(toml(tmp_path, 'score = "book.abc"\ntune = 2\nfree = "bars 2"'))
    assert (sketch.score.title, sketch.score.bars) == ("Two", 2)
    for text in ('meter = "6/8"\ntempo = 100', 'style = "jig"\ntempo = 100'):
        tempo = read_sketch(toml(tmp_path, text)).score.tempo
        assert (tempo.bpm, tempo.beat) == (100, 3 * Q // 2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("bars = = 3", "is not TOML"),
        ("[" * 100_000, "is not TOML"),
        ("bars = 1\nbars = 2", "is not TOML"),
        ("barz = 3", "'barz' is not a word of sketches; is it 'bars'?"),
        ("zzzzzz = 3", "the words are title, style"),
        ('bars = "many"', "bars = 'many': must be a whole number"),
        ("bars = true", "bars = True: must be a whole number"),
        ("meter = 6", "meter = 6: must be a text in quotes"),
        ("bars = 1000000", "1000000 bars"),
        ("bars = " + "9" * 5_000, "is not TOML"),
        ("bars = 0x" + "f" * 5_000, "bars = a huge number"),
        ("bars = -1", "-1 bars"),
        ("tempo = nan", "tempo"),
        ("tempo = inf", "tempo"),
        ("tempo = 0", "tempo"),
        ('key = "H"', "is not a key"),
        ('meter = "4/5"', "meter"),
        ('style = "gavotte"', "jig"),
        ('form = "1"', "is not a form"),
        ('pickup = "9/8"', "shorter than a bar"),
        ('range = "B5:D4"', "empty range"),
        ('pins = {"1.9" = "D4"}', "no beat 9"),
        ("voices = 99", "99 voices"),
        ('free = "bars 1"', "say which: score"),
        ('score = "melody.mid"\ntune = 2\nfree = "bars 1"', "'tune' is for ABC files"),
        ('score = "melody.abc"', "say one of free, continue and voices"),
        ('score = "melody.abc"\nfree = "bars 1"\ncontinue = 8', "say one of"),
        ('score = "melody.abc"\nfree = "bars 9"', "outside"),
        ('score = "melody.abc"\ncontinue = 0', "0 bars"),
        ('score = "melody.abc"\nvoices = 1', "has 1 already"),
        ('score = "melody.abc"\nfree = "bars 1"\nmeter = "3/4"', "with a score, that is said by the score"),
        ('score = "missing.abc"\nfree = "bars 1"', "missing.abc: cannot be read"),
        ('score = "sketch.toml"\nfree = "bars 1"', "cannot be read as music"),
        ('score = "."\nfree = "bars 1"', "is a folder"),
    ],
)
def test_absurd_sketches_get_one_line(melody: Path, tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises((ReadError, UsageError), match=words) as caught:
        read_sketch(toml(tmp_path, text))
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    with open(tmp_path / "large.toml", "wb") as file:
        file.truncate(100 * 2**20)
    (tmp_path / "long.toml").write_text("#" * (MAX_SKETCH + 1))
    for name, words in (
        ("folder.toml", "is a folder"),
        ("bytes.toml", "is not TOML"),
        ("large.toml", "too large"),
        ("long.toml", "too large for a sketch"),
        ("missing.toml", "cannot be read"),
        ("sketch.docx", "cannot be read as music"),
    ):
        with pytest.raises(ComposerError, match=words):
            read_sketch(tmp_path / name)


VALUES = st.one_of(
    st.text(max_size=12), st.integers(-(10**9), 10**9), st.floats(), st.booleans(), st.lists(st.text(max_size=3)),
    st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=2),
)  # fmt: skip
WORDS = sorted(set(schema()["properties"]) - {"score"})


@settings(max_examples=300, deadline=None)
@given(entries=st.dictionaries(st.one_of(st.sampled_from(WORDS), st.text(max_size=8)), VALUES, max_size=4))
def test_whatever_stands_in_a_file_is_a_sketch_or_one_line(entries: dict[str, object]) -> None:
    try:
        said = str(sketch_of(entries))
    except ComposerError as error:
        said = str(error)
    assert "\n" not in said


def test_the_schema_knows_every_word_with_its_type() -> None:
    found = json.loads(schema_text())
    assert set(FRAME) < set(found["properties"])
    assert all("type" in entry and entry["description"] for entry in found["properties"].values())
    assert found["additionalProperties"] is False


def marked_choir() -> Score:
    onset = np.arange(8) * Q
    parts = [Part.of(onset, [pitch] * 8, [Q] * 8, name=name) for pitch, name in ((72, "Soprano"), (60, "Alto"))]
    marks = (Annotation("text", Q, "free"), Annotation("text", BAR + Q, "/free"), Annotation("text", 0, "dolce"))
    return Score.of([parts[0], replace(parts[1], annotations=tuple(sorted(marks, key=lambda mark: mark.onset)))])


@pytest.mark.parametrize("suffix", [".abc", ".musicxml"])
def test_marks_free_what_stands_between_them_in_their_voice(tmp_path: Path, suffix: str) -> None:
    sketch = read_sketch(marked_choir().write(tmp_path / f"marked{suffix}"))
    assert sketch.holes == (Hole(1, Q, BAR + Q),)
    assert sketch.score.parts[0].pitch.tolist() == [72] * 8
    assert sketch.score.parts[1].onset.tolist() == [0, BAR + Q, BAR + 2 * Q, BAR + 3 * Q]
    assert [mark.text for mark in sketch.score.parts[1].annotations] == ["dolce"]


def test_a_mark_that_is_never_closed_frees_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "open.abc"
    path.write_text('X:1\nM:4/4\nL:1/4\nK:C\nCDEF|"^free"GABc|"^/free"cBAG|F"^Free"EDC|]\n')
    assert read_sketch(path).holes == (Hole(0, BAR, 2 * BAR), Hole(0, 3 * BAR + Q, 4 * BAR))


def test_markers_free_every_voice_of_a_midi_file(tmp_path: Path) -> None:
    notes = [
        event for n in range(8) for event in ((480 * n, bytes([0x90, 60, 80])), (480 * (n + 1), bytes([0x80, 60, 0])))
    ]
    marks = [smf.meta(480, 6, b"free"), smf.meta(960, 6, b"bridge"), smf.meta(1920, 6, b"/free")]
    path = tmp_path / "marked.mid"
    path.write_bytes(smf.file(480, [smf.track(marks, 3840), smf.track(notes, 3840), smf.track(notes, 3840)]))
    sketch = read_sketch(path)
    assert sketch.holes == (Hole(0, Q, BAR), Hole(1, Q, BAR))


def test_a_score_without_marks_says_how_to_mark_it(melody: Path) -> None:
    with pytest.raises(UsageError, match="nothing in it is marked as free; write free"):
        read_sketch(melody)
    assert read(melody).bars == 4
