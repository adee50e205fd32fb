"""harmonize, end to end: files in, choirs out, what was given as it was."""

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from composer import read
from composer.io.abc import loads
from composer.score import Part, Score
from composer.theory import TICKS_PER_QUARTER as Q

HYMN = """X:1
T:Morning
M:3/4
L:1/4
K:G
D|"G"G2 (3A/B/c/|"C"(e d) c|"D7"HA2 z|"G"B3|]
w:A-ma-zing day is come to stay
"""
NAMES = ["Soprano", "Alto", "Tenor", "Bass"]


@pytest.fixture
def hymn(run, tmp_path: Path) -> Path:
    path = tmp_path / "hymn.abc"
    path.write_text(HYMN)
    return path


def notes(part: Part) -> list[tuple[int, int, int]]:
    return [(n.onset, n.pitch, n.duration) for n in part]


def page(melody: list[int], **options) -> Score:
    """Quarters of these pitches."""
    onset = np.arange(len(melody)) * Q
    return Score.of([Part.of(onset, melody, np.full(len(melody), Q))], **{"meter": "4/4", "key": "C major", **options})


@pytest.mark.parametrize("suffix", ["musicxml", "mxl", "abc"])
def test_a_lead_sheet_becomes_a_choir_and_keeps_all_it_says(run, hymn: Path, suffix: str) -> None:
    given = loads(HYMN.encode(), "hymn")
    result = run("harmonize", "hymn.abc", "--seed", 1, "-o", f"choir.{suffix}")
    assert (result.code, result.out) == (0, "")
    again = read(f"choir.{suffix}")
    assert [part.name for part in again.parts] == NAMES
    assert notes(again.parts[0]) == notes(given.parts[0])
    assert all(len(part) for part in again.parts)
    assert again.parts[0].annotations == given.parts[0].annotations
    assert (again.chords, again.fermatas) == (given.chords, given.fermatas)
    assert (again.key, again.meter, again.pickup) == (given.key, given.meter, given.pickup)
    for tick, classes in ((Q, {7, 11, 2}), (4 * Q, {0, 4, 7}), (10 * Q, {7, 11, 2})):
        sounding = {int(part.pitch[np.searchsorted(part.onset, tick, "right") - 1]) % 12 for part in again.parts[1:]}
        assert sounding <= classes


def test_other_programs_see_the_same_notes(run, hymn: Path) -> None:
    import verovio
    from music21 import converter

    assert run("harmonize", "hymn.abc", "--seed", 1, "-o", "choir.musicxml", "-o", "choir.mid").code == 0
    choir = read("choir.musicxml")
    stream = converter.parse("choir.musicxml", forceSource=True)
    assert [type(part.recurse().getElementsByClass("Clef").first()).__name__ for part in stream.parts] == [
        "TrebleClef",
        "TrebleClef",
        "Treble8vbClef",
        "BassClef",
    ]
    sung = [lyric for note in stream.parts[0].recurse().notes for lyric in note.lyrics if "Note" in note.classes]
    assert [(one.text, one.syllabic) for one in sung[:4]] == [
        ("A", "begin"),
        ("ma", "middle"),
        ("zing", "end"),
        ("day", "single"),
    ]
    for part, found in zip(choir.parts, stream.stripTies().parts, strict=True):
        heard = [(n.offset, n.pitch.midi) for n in found.flatten().notes if "Note" in n.classes]
        assert heard == [(Fraction(n.onset, Q), n.pitch) for n in part]
    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    assert toolkit.loadData(Path("choir.musicxml").read_text())
    toolkit.renderToMIDI()
    starts = [len(entry.get("on", [])) for entry in toolkit.renderToTimemap()]
    assert sum(starts) >= sum(len(part) for part in choir.parts)  # tied noteheads count again
    assert toolkit.getMEI().count("<staffDef") == 4
    assert [notes(part) for part in read("choir.mid").parts] == [notes(part) for part in choir.parts]


def test_alternatives_differ_and_are_ranked(run, hymn: Path) -> None:
    result = run("harmonize", "hymn.abc", "-n", 3, "--seed", 2, "--json", "-o", "c.musicxml")
    told = json.loads(result.out)
    rows = told["alternatives"]
    assert [row["files"] for row in rows] == [[f"c-{k}.musicxml"] for k in (1, 2, 3)]
    found = [read(row["files"][0]) for row in rows]
    assert len({tuple(map(tuple, (notes(p) for p in score.parts))) for score in found}) == 3
    nats = [row["nats_per_note"] for row in rows]
    assert all(value < 0 for value in nats)
    best = min(len(row["mistakes"]) for row in rows)
    assert nats[0] == max(nats) or len(rows[0]["mistakes"]) == best
    assert all({"kind", "tick", "voices", "told"} <= set(mark) for row in rows for mark in row["mistakes"])
    plain = run("harmonize", "hymn.abc", "-n", 3, "--seed", 2)
    assert plain.out.split("X:1\n")[1:] == [
        row["abc"].removeprefix("X:1\n") + "\n" * (k < 2) for k, row in enumerate(rows)
    ]
    assert plain.err.count("nats a note") == 3
    assert all(mark["told"] in plain.err for mark in rows[0]["mistakes"][:3])


def test_what_is_silent_in_a_choir_is_filled_and_what_is_given_stays(run) -> None:
    melody, bass = page([67, 69, 71, 72] * 2).parts[0], Part.of([4 * Q, 5 * Q], [48, 53], [Q, Q])
    choir = Score.of([melody, Part.of(), Part.of(), bass], meter="4/4", key="C major")
    choir = replace(choir, parts=tuple(replace(part, name=name) for part, name in zip(choir.parts, NAMES, strict=True)))
    choir.write("choir.musicxml")
    assert run("harmonize", "choir.musicxml", "--seed", 1, "-o", "full.musicxml").code == 0
    full = read("full.musicxml")
    assert notes(full.parts[0]) == notes(melody)
    assert set(notes(bass)) < set(notes(full.parts[3]))
    assert all(len(part) >= 4 for part in full.parts)
    refused = run("harmonize", "full.musicxml", "--seed", 1)
    assert (refused.code, "no silence" in refused.err) == (2, True)
    again = ("--keep", "bar 1; tenor", "--seed", 5, "--temperature", 2, "-o", "again.musicxml")
    assert run("harmonize", "full.musicxml", *again).code == 0
    again = read("again.musicxml")
    assert notes(again.parts[2]) == notes(full.parts[2])
    for before, after in zip(full.parts, again.parts, strict=True):
        assert [n for n in notes(before) if n[0] < 4 * Q] == [n for n in notes(after) if n[0] < 4 * Q]
    assert any(notes(again.parts[voice]) != notes(full.parts[voice]) for voice in (1, 3))


def test_a_voice_from_a_file_and_pins(run) -> None:
    page([67, 69, 71, 72]).write("mine.musicxml")
    page([48, 53, 55, 48]).write("low.mid")
    result = run(
        "harmonize", "mine.musicxml", "--voice", "bass=low.mid", "--pin", "alto 1.2=F4", "--seed", 1, "-o", "o.mxl"
    )
    assert result.code == 0
    made = read("o.mxl")
    assert made.parts[3].pitch.tolist() == [48, 53, 55, 48]
    assert (Q, 65) in [(n.onset, n.pitch) for n in made.parts[1]]


def test_the_melody_is_moved_where_it_can_be_sung(run) -> None:
    page([43, 45, 47, 48], key="C major").write("low.mid")
    result = run("harmonize", "low.mid", "--seed", 1, "-o", "o.musicxml")
    assert "moved up by 2 octaves" in result.err
    assert read("o.musicxml").parts[0].pitch.tolist() == [67, 69, 71, 72]
    result = run("harmonize", "low.mid", "--transpose", "26", "--seed", 1, "-o", "o.musicxml")
    moved = read("o.musicxml")
    assert "from C major to D major" in result.err
    assert (moved.parts[0].pitch.tolist(), str(moved.key)) == ([69, 71, 73, 74], "D major")


def test_a_key_that_no_file_says_is_found(run) -> None:
    import mido

    track = mido.MidiTrack()
    for pitch in (69, 71, 72, 74, 76, 68, 69, 69):
        track += [
            mido.Message("note_on", note=pitch, velocity=80, time=0),
            mido.Message("note_off", note=pitch, time=480),
        ]
    mido.MidiFile(tracks=[track]).save("bare.mid")
    result = run("harmonize", "bare.mid", "--seed", 1, "-o", "o.musicxml")
    assert "no key: taken as A minor" in result.err
    assert str(read("o.musicxml").key) == "A minor"
    assert run("harmonize", "bare.mid", "--key", "E phrygian", "--seed", 1, "-o", "o.abc").code == 0
    assert str(read("o.abc").key) == "E phrygian"


def test_phrases_come_to_rest_where_they_are_said_to(run) -> None:
    page([67, 69, 71, 72] * 4).write("tune.musicxml")
    assert "bar 2, beat 4; bar 4, beat 4\n" in run("harmonize", "tune.musicxml", "--phrases", 2, "--seed", 1).err
    assert "rest at bar 4, beat 4\n" in run("harmonize", "tune.musicxml", "--seed", 1).err
    assert "rest at" not in run("harmonize", "tune.musicxml", "--phrases", "none", "--seed", 1).err


TWO = Score.of([Part.of([0, Q, Q], [67, 67, 71], [Q, Q, Q])], meter="4/4")
DUET = Score.of([page([67]).parts[0], replace(page([60]).parts[0], name="Flute")], meter="4/4")


@pytest.mark.parametrize(
    ("score", "arguments", "words"),
    [
        (Score.of([Part.of()]), [], "there are no notes"),
        (TWO, [], "bar 1, beat 2: G4 and B4 sound at once"),
        (DUET, [], "has 2 parts"),
        (DUET, ["--part", "3"], "'3' is no voice"),
        (DUET, ["--part", "1-2"], "a melody is one part"),
        (page([67, 40, 100]), [], "bar 1, beat 2: E2 lies beyond every soprano"),
        (
            page([67, 69]),
            ["--pin", "bass 1.1=D3", "--pin", "bass 1.1=E3"],
            "bass pin 1.1=D3 and bass pin 1.1=E3: a voice has one note at a time",
        ),
        (page([67, 69]), ["--pin", "soprano 1.1=D4"], "that is given"),
        (page([67, 69]), ["--pin", "1.1=D4"], "write a voice"),
        (page([67, 69]), ["--pin", "bass 7.1=D3"], "bar 7"),
        (page([67, 69]), ["--transpose", "m4"], "write semitones"),
        (page([67, 69]), ["--phrases", "often"], "number of bars"),
        (page([67, 69]), ["--voice", "bass"], "bass=FILE"),
        (page([67, 69]), ["--voice", "soprano=in.musicxml"], "one of the lower voices"),
        (page([67, 69]), ["--key", "H dur"], "H dur"),
        (page([67, 69]), ["--generator", "nobody"], "there are"),
        (page([67, 69]), ["--model", "folk-markov", "--generator", "markov"], "leave --generator out"),
        (page([67, 69]), ["--transpose", "99"], "--transpose 99: leaves no note"),
        (page([67, 69]), ["--temperature", "0"], "a temperature of 0: take one from 0.05 to 20"),
        (page([67, 69]), ["-o", "in.musicxml"], "written over"),
    ],
)
def test_wrong_requests_get_one_line(run, score: Score, arguments: list[str], words: str) -> None:
    score.write("in.musicxml")
    result = run("harmonize", "in.musicxml", "--seed", 1, *arguments)
    assert (result.code, result.err.count("\n"), result.out) == (2, 1, "")
    assert words in result.err


def test_what_is_no_music_is_named_once(run) -> None:
    Path("notes.txt").write_text("la la")
    Score.of([replace(page([36]).parts[0], drums=True)]).write("drums.mid")
    for name, words in (("notes.txt", "cannot be read as music"), ("drums.mid", "only drums")):
        result = run("harmonize", name, "--seed", 1)
        assert (result.code, result.err.count(name), words in result.err) == (2, 1, True)


def test_pins_that_nothing_can_keep_are_named(run) -> None:
    page([67, 69]).write("in.musicxml")
    result = run("harmonize", "in.musicxml", "--seed", 1, "--pin", "bass 1.1=D6")
    assert (result.code, result.err.count("\n")) == (1, 1)
    assert "bass pin 1.1=D6" in result.err
    assert "range E2:D4" in result.err


def test_a_part_or_the_top_notes_can_be_chosen(run) -> None:
    TWO.write("two.musicxml")
    assert run("harmonize", "two.musicxml", "--top", "--seed", 1, "-o", "o.musicxml").code == 0
    assert read("o.musicxml").parts[0].pitch.tolist() == [67, 71]
    DUET.write("duet.musicxml")
    result = run("harmonize", "duet.musicxml", "--part", "flute", "--seed", 1, "-o", "o.musicxml")
    assert "other parts were left out" in result.err
    assert read("o.musicxml").parts[0].pitch.tolist() == [60]
