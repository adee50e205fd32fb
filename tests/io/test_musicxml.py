"""MusicXML both ways: the law, what a notation program needs, and files that are out to hurt."""

import io
import random
import re
import zipfile
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings

from composer.errors import ReadError
from composer.io import musicxml
from composer.io.music21_export import KINDS, notatable
from composer.score import Annotation, Ending, Part, Repeat, Score
from composer.theory import TICKS_PER_QUARTER as Q
from composer.theory import ChordSymbol
from strategies import scores

TITLES = ("title", "composer")


def lost(score: Score) -> Score:
    """What MusicXML keeps of a score, as the module says."""
    edges = {repeat.start for repeat in score.repeats} | {repeat.end for repeat in score.repeats}
    return replace(
        score,
        parts=tuple(kept(part) for part in score.parts) or (Part.of(),),
        sections=tuple(tick for tick in score.sections if tick not in edges),
        chords=tuple({c.onset: c for c in score.chords if c.quality in KINDS and c.quality != "+"}.values()),
        metadata={name: " ".join(t.split()) if name in TITLES else t for name, t in score.metadata.items()},
    )


def kept(part: Part) -> Part:
    """Notes where they can be written; of equal notes at one place the first."""
    written = notatable(part)
    rows: dict[tuple[int | None, ...], int] = {}
    for n in written:
        rows.setdefault((n.onset, n.pitch, n.duration, n.spelling), n.velocity)
    columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], [], []]
    return Part.of(
        columns[0],
        columns[1],
        columns[2],
        list(rows.values()),
        spelling=columns[3],
        name=" ".join(part.name.split()),
        program=part.program,
    )


def bare(score: Score) -> Score:
    """Without what is tested one by one below (marks, chords, fermatas, drums) and changes inside bars, which move."""
    parts = tuple(replace(part, annotations=(), drums=False) for part in score.parts)
    lines = set(score.barlines.tolist())
    keys = tuple(key for key in score.keys if key.onset in lines)
    tempos = tuple(tempo for tempo in score.tempos if tempo.onset in lines)
    return replace(score, parts=parts, chords=(), fermatas=(), keys=keys, tempos=tempos)


def again(score: Score, suffix: str = ".musicxml") -> Score:
    return musicxml.loads(musicxml.dumps(score, suffix=suffix), "t")


def jig() -> Score:
    """Pickup, triplet, tie over the bar, endings, chord symbol, fermata, grace, decoration, slur."""
    e = Q // 2
    onsets = [0, e, 2 * e, 3 * e, 4 * e, 5 * e, 6 * e, 7 * e, 7 * e + e // 3, 7 * e + 2 * e // 3, 8 * e, 13 * e, 19 * e]
    lengths = [e, e, e, e, e, e, e, e // 3, e // 3, e // 3, 5 * e, 6 * e, 6 * e]
    pitches = [62, 64, 65, 67, 69, 70, 69, 67, 65, 64, 62, 74, 62]
    marks = [
        Annotation("grace", e, "E5 D5"),
        Annotation("decoration", 2 * e, "staccato"),
        Annotation("slur", 3 * e, "", 4 * e),
    ]
    lines = [0, e, 7 * e, 13 * e, 19 * e, 25 * e]
    endings = (Ending(13 * e, 19 * e, (1,)), Ending(19 * e, 25 * e, (2,)))
    return Score.of(
        [Part.of(onsets, pitches, lengths, key=None, name="Flute", program=73, annotations=marks)],
        meter="6/8",
        key="D minor",
        barlines=lines,
        repeats=[Repeat(e, 25 * e, 2, endings)],
        chords=[ChordSymbol.parse("Dm", e), ChordSymbol.parse("A7/C#", 7 * e)],
        fermatas=[19 * e],
        metadata={"title": "A jig & <more>", "composer": "Trad.", "seed": "7", "sketch": "x; y"},
    ).respelled()


@settings(max_examples=40)
@given(scores())
def test_what_is_written_is_read_back(score: Score) -> None:
    plain = bare(score)
    assert again(plain) == lost(plain)


@settings(max_examples=25)
@given(scores())
def test_music21_objects_come_back(score: Score) -> None:
    back = bare(Score.from_music21(bare(score).to_music21()))
    expected = lost(bare(score))
    assert [part.columns[1].tolist() for part in back.parts] == [p.columns[1].tolist() for p in expected.parts]
    assert [part.onset.tolist() for part in back.parts] == [part.onset.tolist() for part in expected.parts]
    assert (back.barlines.tolist(), back.meters, back.repeats) == (
        expected.barlines.tolist(),
        expected.meters,
        expected.repeats,
    )


@pytest.mark.parametrize("suffix", [".musicxml", ".mxl"])
def test_a_tune_with_everything_comes_back(suffix: str) -> None:
    assert again(jig(), suffix) == jig()


def test_loudness_and_drums_come_back() -> None:
    """Also of a chord, of a note tied over the bar, and of a second part of drums."""
    parts = [
        Part.of([0, 0, Q, 3 * Q], [60, 64, 62, 67], [Q, Q, Q, 2 * Q], [1, 127, 80, 100], name="a"),
        Part.of([0], [36], [Q], [64], key=None, name="b", drums=True),
        Part.of([0], [38], [Q], name="c", drums=True, program=8),
    ]
    score = Score.of(parts)
    assert again(score) == score


def test_what_music21_cannot_hold_is_left_out() -> None:
    part = Part.of([0], [62], [Q], spelling=[2 + 12 * 5], annotations=[Annotation("grace", 0, "hello")])
    back = again(Score.of([part]))
    assert back.parts[0] == Part.of([0], [62], [Q])


@pytest.mark.parametrize("kind", ["nothing", "score", "opus", "number"])
def test_what_is_no_music_gives_one_line(kind: str) -> None:
    from music21 import stream

    made = {"nothing": None, "score": stream.Score(), "opus": stream.Opus(), "number": 5}[kind]
    with pytest.raises(ReadError, match="music21 stream"):
        Score.from_music21(made)


def test_two_writings_are_the_same_bytes() -> None:
    for suffix in (".musicxml", ".mxl"):
        assert musicxml.dumps(jig(), suffix=suffix) == musicxml.dumps(jig(), suffix=suffix)


def test_every_measure_adds_up() -> None:
    """Durations counted by hand from the XML, voice by voice, equal the bar."""
    root = ElementTree.fromstring(musicxml.dumps(jig()))
    divisions = int(root.find(".//divisions").text)  # type: ignore[union-attr, arg-type]
    lengths = [b - a for a, b in zip(jig().barlines, jig().barlines[1:], strict=False)]
    for measure, length in zip(root.iter("measure"), lengths, strict=True):
        notes = [n for n in measure.findall("note") if n.find("chord") is None and n.find("grace") is None]
        assert sum(int(n.findtext("duration", "0")) for n in notes) * Q == length * divisions


def test_what_notation_programs_need_is_there() -> None:
    text = musicxml.dumps(jig()).decode()
    root = ElementTree.fromstring(text)
    measures = list(root.iter("measure"))
    assert (measures[0].get("number"), measures[0].get("implicit")) == ("0", "yes")
    assert [e.text for e in root.iter("mode")] == ["minor"]
    assert (
        len(re.findall(r"<repeat direction=\"forward\"", text)) == len(re.findall(r"direction=\"backward\"", text)) == 1
    )
    assert [e.get("number") for e in root.iter("ending") if e.get("type") == "start"] == ["1", "2"]
    assert [e.get("type") for e in root.iter("tuplet")] == ["start", "stop"]
    assert [e.findtext("actual-notes") for e in root.iter("time-modification")] == ["3"] * 3
    assert [e.text for e in root.iter("beam")][:3] == ["begin", "continue", "end"]
    assert root.findtext(".//work-title") or root.findtext(".//movement-title")


def test_a_pickup_to_a_later_part_is_not_counted_as_a_bar() -> None:
    barlines = [0, Q, 5 * Q, 8 * Q, 9 * Q, 13 * Q, 16 * Q]
    score = replace(Score.of([Part.of()], barlines=barlines), sections=(8 * Q,))
    measures = ElementTree.fromstring(musicxml.dumps(score)).findall(".//measure")
    assert [measure.get("number") for measure in measures] == ["0", "1", "2", "X2", "3", "4"]
    assert [measure.get("implicit") for measure in measures] == ["yes", "no", "no", "yes", "no", "no"]


def test_verovio_reads_it_without_a_word(capfd: pytest.CaptureFixture[str]) -> None:
    import verovio

    toolkit = verovio.toolkit()
    assert toolkit.loadData(musicxml.dumps(jig()).decode())
    assert toolkit.getPageCount() == 1
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


def test_a_bass_gets_a_bass_clef_and_a_soprano_a_treble() -> None:
    parts = [Part.of([0], [pitch], [4 * Q]) for pitch in (72, 45)]
    root = ElementTree.fromstring(musicxml.dumps(Score.of(parts)))
    assert [e.text for e in root.iter("sign")] == ["G", "F"]


def test_music21s_own_chorale_has_its_notes() -> None:
    from music21 import corpus

    stream = corpus.parse("bach/bwv269")
    score = Score.from_music21(stream)
    assert [part.name for part in score.parts] == ["Soprano", "Alto", "Tenor", "Bass"]
    for part, source in zip(score.parts, stream.parts, strict=True):
        assert part.pitch.tolist() == [note.pitch.midi for note in source.stripTies().flatten().notes]
    assert score.fermatas
    assert score.pickup == Q


def test_transposing_instruments_are_read_as_they_sound() -> None:
    from music21 import instrument, note, stream

    part = stream.Part([instrument.Clarinet(), note.Note("D5", quarterLength=4)])
    part.atSoundingPitch = False
    assert Score.from_music21(stream.Score([part])).parts[0].pitch.tolist() == [72]


TINY = musicxml.dumps(Score.of([Part.of([0, Q], [60, 64], [Q, 3 * Q])]))


def zipped(*members: tuple[str, bytes]) -> bytes:
    box = io.BytesIO()
    with zipfile.ZipFile(box, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return box.getvalue()


HURTFUL = {
    "empty": b"",
    "blank": b"   \n",
    "text": b"this is not music",
    "html": b"<html><body/></html>",
    "truncated": TINY[: len(TINY) // 2],
    "entities": b'<!DOCTYPE x [<!ENTITY a "b"><!ENTITY c "&a;&a;">]><score-partwise>&c;</score-partwise>',
    "outside entity": b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><score-partwise>&a;</score-partwise>',
    "utf-16 entities": '<!DOCTYPE x [<!ENTITY a "b">]><score-partwise>&a;</score-partwise>'.encode("utf-16"),
    "deep": b"<score-partwise>" + b"<a>" * 10_000,
    "no parts": b"<score-partwise/>",
    "huge number": re.sub(rb"<duration>\d+</duration>", b"<duration>999999999999</duration>", TINY),
    "long note": re.sub(rb"<duration>\d+</duration>", b"<duration>1e9</duration>", TINY),
    "no divisions": re.sub(rb"<divisions>\d+</divisions>", b"<divisions>0</divisions>", TINY),
    "doctype of its own": b"<!DOCTYPE score-partwise [<!ATTLIST part x CDATA 'y'>]>" + TINY[TINY.index(b"<score-p") :],
    "by measures": TINY.replace(b"score-partwise", b"score-timewise"),
    "archive in an archive": zipped(
        ("META-INF/container.xml", musicxml.CONTAINER.encode()), ("score.musicxml", zipped(("a", b"b")))
    ),
    "entities in the container": zipped(
        ("META-INF/container.xml", b'<!DOCTYPE c [<!ENTITY a "b">]><container>&a;</container>'), ("a", b"b")
    ),
    "bomb": zipped(
        ("META-INF/container.xml", musicxml.CONTAINER.encode()), ("score.musicxml", b"<score-partwise>" + b" " * 2**27)
    ),
    "no container": zipped(("score.musicxml", TINY)),
    "container without score": zipped(("META-INF/container.xml", musicxml.CONTAINER.encode())),
    "climbing path": zipped(
        ("META-INF/container.xml", musicxml.CONTAINER.replace("score.musicxml", "../../etc/passwd").encode())
    ),
    "broken archive": zipped(("META-INF/container.xml", musicxml.CONTAINER.encode()))[:60],
}


GREEDY = {  # what costs music21 time or memory without bound
    "sum of beats": re.sub(rb"<beats>\d+</beats>", b"<beats>1+99999999</beats>", TINY),
    "many meters": TINY.replace(b"</beat-type>", b"</beat-type>" + b"<beats>3</beats><beat-type>4</beat-type>" * 2_000),
    "many passes": TINY.replace(b"<barline", b'<barline><ending number="1-99999999" type="start"/></barline><barline'),
    "many measures": TINY.replace(b"</part>", b"<measure/>" * 100_000 + b"</part>"),
    "many slurs": TINY.replace(b"</note>", b"<notations>" + b'<slur type="start"/>' * 100_000 + b"</notations></note>"),
    "many dots": TINY.replace(b"</type>", b"</type>" + b"<dot/>" * 5_000),
}


@pytest.mark.parametrize("kind", GREEDY)
def test_greedy_files_are_refused_before_music21_sees_them(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from music21.musicxml import xmlToM21

    def reached(*_: object) -> None:
        raise AssertionError("music21 was reached")

    monkeypatch.setattr(xmlToM21, "MusicXMLImporter", reached)
    with pytest.raises(ReadError, match=r"^bad\.xml: has ") as caught:
        musicxml.loads(GREEDY[kind], "bad.xml")
    assert "music21 was reached" not in str(caught.value)


@pytest.mark.parametrize("kind", HURTFUL)
def test_hurtful_files_get_one_line_with_their_name(kind: str) -> None:
    with pytest.raises(ReadError, match=r"^bad\.xml: ") as caught:
        musicxml.loads(HURTFUL[kind], "bad.xml")
    assert "\n" not in str(caught.value)


def test_other_encodings_and_the_usual_doctype_are_read() -> None:
    text = TINY.decode().replace("UTF-8", "UTF-16")
    assert "<!DOCTYPE" in text
    assert musicxml.loads(text.encode("utf-16"), "t") == musicxml.loads(TINY, "t")


def test_meters_may_be_sums() -> None:
    data = TINY.replace(b"<beats>4<", b"<beats>3+2<")
    assert str(musicxml.loads(data, "t").meter) == "5/4"


def test_mutated_files_are_scores_or_read_errors() -> None:
    dice = random.Random(1)
    seeds = [TINY, musicxml.dumps(Score.of([Part.of([0], [60], [Q])]), suffix=".mxl")]
    read = 0
    for number in range(4_000):
        data = bytearray(seeds[number % 2])
        for _ in range(dice.randint(1, 4)):
            at = dice.randrange(len(data))
            kind = dice.randrange(4)
            if kind == 0:
                data[at] = dice.randrange(256)
            elif kind == 1:
                del data[at : at + dice.randint(1, 40)]
            elif kind == 2:
                data[at:at] = data[dice.randrange(len(data)) :][: dice.randint(1, 40)]
            else:
                data[at] = ord(dice.choice("0123456789<>/\"'"))
            if not data:
                data = bytearray(b"<")
        try:
            musicxml.loads(bytes(data), "m")
            read += 1
        except ReadError as error:
            message = str(error)
            assert message.startswith("m: ")
            assert "\n" not in message
    assert read > 20
