"""Files that do not hold what was composed are found out."""

from dataclasses import replace
from pathlib import Path

import pytest

from composer.errors import UsageError, WriteError
from composer.harmonizing import check_returned, check_writable
from composer.score import Annotation, Part, Score
from composer.theory import TICKS_PER_QUARTER as Q
from composer.theory import ChordSymbol

MARKS = (Annotation("lyric", 0, "A-"), Annotation("lyric", Q, "men"), Annotation("slur", 0, "", Q))
MELODY = Part.of([0, Q, 3 * Q], [67, 66, 67], [Q, 2 * Q, Q], name="Soprano", annotations=MARKS)
BASS = Part.of([0, Q], [43, 50], [Q, 3 * Q], name="Bass")
CHOIR = Score.of([MELODY, BASS], meter="4/4", key="G", chords=[ChordSymbol(1, "", None, 0)], fermatas=[3 * Q])
OTHERS = {
    "bar 1, beat 2, Soprano: F#4": replace(CHOIR, parts=(replace(MELODY, pitch=MELODY.pitch - 12), BASS)),
    "bar 1, beat 2, Bass": replace(CHOIR, parts=(MELODY, BASS.select(BASS.onset < Q))),
    "1 parts": replace(CHOIR, parts=(MELODY,)),
}
UNSAID = {
    "lyric A-": replace(CHOIR, parts=(replace(MELODY, annotations=MARKS[1:]), BASS)),
    "slur": replace(CHOIR, parts=(replace(MELODY, annotations=MARKS[:2]), BASS)),
    "chord symbols": replace(CHOIR, chords=()),
    "a fermata": replace(CHOIR, fermatas=()),
}


@pytest.mark.parametrize("suffix", [".musicxml", ".mxl", ".mid", ".abc"])
def test_what_is_there_passes(tmp_path: Path, suffix: str) -> None:
    check_returned(CHOIR, CHOIR.write(tmp_path / f"choir{suffix}"))


@pytest.mark.parametrize("suffix", [".musicxml", ".mid", ".abc"])
@pytest.mark.parametrize("words", list(OTHERS))
def test_other_notes_are_an_error(tmp_path: Path, suffix: str, words: str) -> None:
    path = OTHERS[words].write(tmp_path / f"choir{suffix}")
    with pytest.raises(WriteError, match=r"does not hold what was composed: .*" + words.partition(":")[0][-6:]):
        check_returned(CHOIR, path)


@pytest.mark.parametrize("suffix", [".musicxml", ".abc"])
@pytest.mark.parametrize("words", list(UNSAID))
def test_other_marks_are_an_error(tmp_path: Path, suffix: str, words: str) -> None:
    path = UNSAID[words].write(tmp_path / f"choir{suffix}")
    with pytest.raises(WriteError, match=words):
        check_returned(CHOIR, path)


def test_rhythms_that_no_page_holds_are_named_before() -> None:
    odd = Part.of([0, 1440, Q], [67, 69, 71], [1440, Q - 1440, Q], name="Soprano")  # a 7th of a quarter
    nested = Part.of([0, Q, Q + 2240], [67, 69, 71], [Q, 2240, Q - 2240], name="Soprano")  # and 2/9
    check_writable(replace(CHOIR, parts=(odd,)), [Path("a.musicxml")])
    check_writable(replace(CHOIR, parts=(nested,)), [Path("a.mid"), Path("a.abc")])
    with pytest.raises(UsageError, match=r"bar 1, beat 2: no note values .* a\.png"):
        check_writable(replace(CHOIR, parts=(nested,)), [Path("a.mid"), Path("a.png")])


def test_pictures_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    check_returned(CHOIR, tmp_path / "a.png")
