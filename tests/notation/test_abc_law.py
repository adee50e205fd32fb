"""The law of ABC: what is written is read back, but for what ABC cannot say."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from composer.io.abc import dumps, loads
from composer.score import DEFAULT_VELOCITY, Annotation, Ending, Note, Part, Repeat, Score
from composer.theory import TICKS_PER_QUARTER as Q
from composer.theory import ChordSymbol, Key, Meter, Tempo
from strategies import scores


def lost(score: Score) -> Score:
    """The score without what ABC cannot say: velocities, notes that stand twice, more than one space between words."""
    return replace(
        score,
        parts=tuple(kept(part) for part in score.parts) or (Part.of(),),
        metadata={name: spaced(value) for name, value in score.metadata.items()},
    )


def spaced(text: str) -> str:
    return " ".join(text.split())


def kept(part: Part) -> Part:
    notes = {(n.onset, n.pitch, n.duration, n.spelling): n._replace(velocity=DEFAULT_VELOCITY) for n in part}
    found = Part.from_notes(notes.values(), name=spaced(part.name), program=part.program)
    return replace(found, drums=part.drums, annotations=part.annotations)


def again(score: Score) -> Score:
    return loads(dumps(score), "t.abc")


@given(scores())
def test_what_is_written_is_read_back(score: Score) -> None:
    assert again(score) == lost(score)


@given(scores())
def test_writing_twice_loses_nothing_more(score: Score) -> None:
    first = again(score)
    assert again(first) == first


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=12)
GRACES = st.lists(st.sampled_from(["D5", "C#5", "Bb4", "F##3", "Cb2"]), min_size=1, max_size=3).map(" ".join)


@st.composite
def marked(draw: st.DrawFn) -> Score:
    """A monophonic score with marks on its notes, one of a kind on each."""
    score = draw(scores(voices=1, monophonic=True, folded=False))
    part, marks = score.parts[0], list[Annotation]()
    onsets = part.onset.tolist()
    for number, onset in enumerate(onsets):
        for kind, texts in (("grace", GRACES), ("decoration", WORDS), ("text", WORDS), ("lyric", WORDS)):
            if draw(st.booleans()):
                marks.append(Annotation(kind, onset, draw(texts)))
        if number and draw(st.booleans()):
            marks.append(Annotation("slur", onsets[number - 1], "", onset))
    return replace(score, parts=(replace(part, annotations=tuple(marks)),))


def sayable(mark: Annotation) -> Annotation | None:
    """A mark as ABC says it: the signs of its own that words cannot hold are left out or replaced; None if lost."""
    text = " ".join(mark.text.split())
    if mark.kind in ("decoration", "text"):
        text = text.replace('"', "'").replace("%", "").replace("|", "/")
    if mark.kind == "decoration" and not re.fullmatch(r"[^!\s+]{1,30}", text):
        return None
    if mark.kind == "lyric":
        text = text.replace("%", " ").replace("~", " ")
    text = " ".join(text.split())
    return replace(mark, text=text) if text or mark.kind == "slur" else None


@given(marked())
def test_marks_travel(score: Score) -> None:
    found = [(m.kind, m.onset, m.text, m.end) for m in again(score).parts[0].annotations]
    wanted = [mark for mark in map(sayable, score.parts[0].annotations) if mark is not None]
    assert sorted(found, key=str) == sorted(((m.kind, m.onset, m.text, m.end) for m in wanted), key=str)


@given(marked())
def test_marked_scores_are_written_alike_twice(score: Score) -> None:
    first = again(score)
    assert again(first) == first


def test_notes_that_begin_together_may_end_apart() -> None:
    score = Score.of([Part.of([0, 0, 0, Q, 3 * Q], [48, 60, 64, 65, 67], [4 * Q, Q, 2 * Q, Q, 3 * Q])])
    assert again(score) == score
    assert " & " in dumps(score).decode()


def test_overlays_of_a_bar_in_which_the_key_changes_travel() -> None:
    key = [Key(0), Key(2, onset=2 * Q)]
    score = Score.of([Part.of([0, 0, 2 * Q, 3 * Q], [60, 65, 66, 61], [4 * Q, 2 * Q, Q, Q], key=Key(0))], key=key)
    assert again(score) == score


def jig() -> Score:
    """Two strains, a pickup, endings, chords, a tie over a bar line and everything a maker adds."""
    eighth = Q // 2
    pickup = [(0, 69, 1)]
    bars = [
        (start, pitch, 2 if k in (0, 2) else 1)
        for bar in range(1, 9)
        for k, (start, pitch) in enumerate([(6 * bar - 5, 62), (6 * bar - 3, 66), (6 * bar - 2, 69), (6 * bar, 67)])
    ]
    rows = [Note(onset * eighth, pitch, length * eighth, DEFAULT_VELOCITY) for onset, pitch, length in pickup + bars]
    lines = [0, *(eighth * (1 + 6 * bar) for bar in range(9))]
    return Score.of(
        [Part.from_notes(rows, key=Key.parse("D mixolydian"))],
        meter="6/8",
        key="D mixolydian",
        tempo=Tempo(116, 3 * eighth),
        barlines=lines,
        repeats=[Repeat(0, lines[9], 2, (Ending(lines[8 - 1], lines[8], (1,)), Ending(lines[8], lines[9], (2,))))],
        chords=[ChordSymbol(2, "", None, lines[1]), ChordSymbol(0, "", None, lines[2])],
        fermatas=[lines[8]],
        metadata={"title": "The Maker's", "rhythm": "jig", "seed": "7", "model": "markov", "sketch": '{"bars": 8}'},
    )


def test_a_jig_looks_as_a_person_writes_it() -> None:
    text = dumps(jig()).decode()
    lines = text.splitlines()
    for line in ("X:1", "T:The Maker's", "R:jig", "M:6/8", "L:1/8", "Q:3/8=116", "K:Dmix"):
        assert line in lines
    assert lines.index("K:Dmix") > lines.index("L:1/8")
    music = lines[lines.index("K:Dmix") + 1 :]
    assert any(" " in line for line in music)
    assert text.rstrip().endswith("|]")
    assert max(map(len, music)) < 100
    for sign in ("|1", ":|2", '"D"', '"C"', "H"):
        assert sign in text.replace("[1", "|1").replace("[2", "|2")


def test_metadata_travels() -> None:
    odd = {
        "book": "| one",
        "title": ": 50% & more \\ less &amp;",
        "two words": "a b",
        "model": "x % y",
        "sketch": '{"x": "\\n"}',
    }
    assert dict(again(jig().with_metadata(**odd)).metadata) == {**jig().metadata, **odd}


def test_a_jig_travels() -> None:
    assert again(jig()) == jig()


@pytest.mark.parametrize(
    "key", ["E dorian", "F# minor", "Bb lydian", "C# major", "Cb major", "A mixolydian", "D locrian"]
)
def test_keys_keep_mode_and_spelling(key: str) -> None:
    score = Score.of([Part.of([0, Q, 2 * Q], [61, 66, 71], [Q, Q, Q], key=Key.parse(key))], key=key)
    assert str(again(score).key) == key
    assert again(score).parts == score.parts


@pytest.mark.parametrize("duration", [1, 7, Q // 3, Q // 5, Q // 7, Q // 24, 3 * Q // 7, 11 * Q // 12, 4 * Q - 1])
def test_any_duration_can_be_written(duration: int) -> None:
    score = Score.of([Part.of([0, duration], [60, 62], [duration, 4 * Q - duration])])
    assert again(score).parts == score.parts
    assert again(score).end == score.end


def test_a_tune_without_title_gets_none() -> None:
    assert "title" not in again(Score.of([Part.of([0], [60], [Q])])).metadata


def test_minimal_accidentals() -> None:
    score = Score.of([Part.of([0, Q, 2 * Q, 3 * Q, 4 * Q], [66, 66, 65, 65, 65], [Q] * 5, spelling=[6, 6, -1, -1, -1])])
    music = dumps(score).decode().split("K:C\n")[1]
    assert (music.count("^"), music.count("=")) == (1, 1)


def test_changing_anything_is_noticed() -> None:
    """The law can fail: two different scores are never written alike."""
    score = jig()
    others = [
        score.transpose(2),
        replace(score, repeats=()),
        replace(score, chords=()),
        replace(score, fermatas=()),
        replace(score, meters=(Meter(3, 4),)),
        score.with_metadata(seed="8"),
    ]
    assert len({dumps(other) for other in [score, *others]}) == len(others) + 1


def test_a_tie_from_two_notes_of_one_letter() -> None:
    score = Score.of(
        [Part.of([0, 0], [60, 61], [8 * Q, 8 * Q], spelling=[0, 7])], key=[Key(0), Key(1, onset=Q)], meter="4/4"
    )
    assert again(score) == score


def test_low_voices_get_a_bass_clef() -> None:
    low, high = Part.of([0], [48], [4 * Q]), Part.of([0], [72], [4 * Q])
    assert "V:1\nV:2 clef=bass\nK:C" in dumps(Score.of([high, low])).decode()
    assert "K:C clef=bass" in dumps(Score.of([low])).decode()
    assert again(Score.of([low])) == Score.of([low])


def test_a_tie_over_a_change_of_key_says_its_sign_again() -> None:
    """A G natural held into A major is no G sharp there; abc2midi finds no such tie."""
    keys = [Key.parse("D"), replace(Key.parse("A"), onset=20160)]
    score = Score.of([Part.of([0, 30240], [55, 57], [30240, 10080])], key=keys)
    text = dumps(score)
    assert b"G,2- [K:A]=G, A," in text
    again = loads(text, "tie.abc").parts[0]
    assert [(note.onset, note.pitch, note.duration) for note in again] == [(0, 55, 30240), (30240, 57, 10080)]
