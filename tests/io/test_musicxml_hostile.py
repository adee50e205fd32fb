"""Damaged and hurtful MusicXML, broken element by element, so that it reaches the reader behind the parser."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from composer.errors import ReadError, WriteError
from composer.io import musicxml
from composer.score import Annotation, Ending, Part, Repeat, Score
from composer.theory import TICKS_PER_QUARTER as Q
from composer.theory import ChordSymbol, Meter

NOTE = "<note><pitch><step>C</step><octave>4</octave></pitch><duration>1</duration></note>"
HARMONY = "<harmony><root><root-step>C</root-step></root><kind>major</kind></harmony>"
WORDS = [
    "",
    "0",
    "1",
    "-1",
    "2",
    "7",
    "64",
    "129",
    "1e9",
    "nan",
    "999999999999",
    "x",
    "C",
    "start",
    "stop",
    "1-99",
    "+",
]


def rich() -> Score:
    """Two bars with a triplet, a chord symbol, endings, a fermata and marks: something of everything to break."""
    third = Q // 3
    part = Part.of(
        [0, third, 2 * third, Q, 4 * Q],
        [60, 62, 64, 65, 67],
        [third, third, third, 3 * Q, 4 * Q],
        annotations=[Annotation("grace", Q, "D5"), Annotation("slur", 0, "", Q), Annotation("lyric", 0, "la")],
    )
    endings = (Ending(4 * Q, 8 * Q, (1,)), Ending(8 * Q, 12 * Q, (2,)))
    lines = [0, 4 * Q, 8 * Q, 12 * Q]
    form = [Repeat(0, 12 * Q, 2, endings)]
    return Score.of([part], barlines=lines, repeats=form, chords=[ChordSymbol(0, "m7")], fermatas=[4 * Q])


TEXT = musicxml.dumps(rich()).decode()


def test_files_broken_element_by_element_are_scores_or_read_errors() -> None:
    dice = random.Random(3)
    outcomes = {"read": 0, "refused": 0}
    for _ in range(1_000):
        root = ElementTree.fromstring(TEXT)
        for _ in range(dice.randint(1, 3)):
            damage(root, dice)
        try:
            musicxml.loads(ElementTree.tostring(root), "m")
            outcomes["read"] += 1
        except ReadError as error:
            message = str(error)
            assert message.startswith("m: ")
            assert "\n" not in message
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 100, outcomes


def damage(root: ElementTree.Element, dice: random.Random) -> None:
    """One element lost, doubled, moved, or given another text, attribute or name."""
    parents = [element for element in root.iter() if len(element)]
    parent = dice.choice(parents)
    child = dice.choice(list(parent))
    kind = dice.randrange(6)
    if kind == 0:
        parent.remove(child)
    elif kind == 1:
        parent.append(child)
    elif kind == 2:
        dice.choice(parents).insert(0, child) if not len(child) else parent.insert(0, child)
    elif kind == 3:
        child.text = dice.choice(WORDS)
    elif kind == 4:
        for name in child.attrib:
            child.set(name, dice.choice(WORDS))
    else:
        child.tag = dice.choice([element.tag for element in root.iter()])


@pytest.mark.parametrize(("written", "bpm"), [("c. 90", 90), ("100-120", 100), ("72.5", 72.5), ("fast", 120)])
def test_tempos_in_words_do_not_stop_a_file(written: str, bpm: float) -> None:
    text = TEXT.replace("<per-minute>120", f"<per-minute>{written}")
    assert (text != TEXT) == (written != "120")
    assert musicxml.loads(text.replace('<sound tempo="120.00" />', "").encode(), "t").tempo.bpm == bpm


def test_too_many_chord_symbols_are_refused_at_once() -> None:
    text = TEXT.replace("<note", HARMONY * 20_000 + "<note", 1)
    with pytest.raises(ReadError, match=r"^f\.xml: has more than 5,000"):
        musicxml.loads(text.encode(), "f.xml")


@pytest.mark.parametrize("number", ["", "x"])
def test_endings_without_a_number_are_read_and_written_again(number: str) -> None:
    score = musicxml.loads(re.sub(r'<ending number="\d"', f'<ending number="{number}"', TEXT).encode(), "t")
    assert musicxml.loads(musicxml.dumps(score), "t").repeats == score.repeats


def test_bar_lines_that_no_note_value_reaches_are_a_write_error() -> None:
    for score in (
        Score.of([Part.of([0], [60], [Q])], barlines=[0, Q + 1, 5 * Q]),
        Score.of([Part.of([0], [60], [Q])], pickup=Q // 11),
    ):
        with pytest.raises(WriteError, match="bar lines"):
            musicxml.dumps(score)


def test_grace_notes_keep_their_octave() -> None:
    score = Score.of([Part.of([0], [60], [4 * Q], annotations=[Annotation("grace", 0, "C-1 Bb-1 F##3")])])
    assert musicxml.loads(musicxml.dumps(score), "t").parts[0].annotations == score.parts[0].annotations


def test_chords_far_out_are_written() -> None:
    far = Score.of(
        [Part.of([0], [60], [4 * Q], spelling=[36])], chords=[ChordSymbol(20), ChordSymbol(-17, "m", -20, Q)]
    )
    back = musicxml.loads(musicxml.dumps(far), "t")
    assert (back.parts[0].pitch.tolist(), back.chords) == ([60], far.chords)


def test_twenty_parts_and_two_drum_kits_are_written_in_silence(capfd: pytest.CaptureFixture[str]) -> None:
    kit = replace(Part.of([0], [38], [4 * Q]), drums=True)
    score = Score.of([kit, *[Part.of([0], [60 + k], [4 * Q]) for k in range(18)], kit])
    back = musicxml.loads(musicxml.dumps(score), "t")
    assert [part.drums for part in back.parts] == [part.drums for part in score.parts]
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


def test_a_part_too_long_in_its_last_bar_makes_no_bar_of_its_own() -> None:
    text = musicxml.dumps(Score.of([Part.of([0], [60], [2 * Q])] * 2, meter=Meter(2, 4))).decode()
    head, tail = text.rsplit("</note>", 1)
    quarter = text.split("<divisions>")[1].split("<")[0]
    extra = NOTE.replace("<duration>1<", f"<duration>{quarter}<")
    assert musicxml.loads(f"{head}</note>{extra}{tail}".encode(), "t").barlines.tolist() == [0, 3 * Q]
