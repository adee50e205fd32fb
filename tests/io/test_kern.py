"""Humdrum files: what music21 carries is read note by note, what is hostile is refused."""

import random
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from composer import read
from composer.errors import ReadError
from composer.io import kern
from composer.io.kern import loads

TUNE = """!!!COM: Bach, Johann Sebastian
!!!OTL: A small piece
**kern\t**kern
*Ibass\t*Isopr
*k[f#]\t*k[f#]
*G:\t*G:
*M3/4\t*M3/4
=1\t=1
4G\t4.g
4B\t.
.\t8a
4d\t4b-
=2\t=2
2.G\t[2.dd
=3\t=3
2.r\t2.dd]
==\t==
*-\t*-
"""


def corpus(name: str) -> Path:
    (place,) = find_spec("music21").submodule_search_locations
    return Path(place) / "corpus" / name


def test_a_small_score() -> None:
    score = loads(TUNE.encode(), "x.krn")
    assert (score.title, str(score.key), str(score.meter), score.bars) == ("A small piece", "G major", "3/4", 3)
    soprano, bass = score.parts
    assert soprano.pitch.tolist() == [67, 69, 70, 74]
    assert soprano.onset.tolist() == [0, 15_120, 20_160, 30_240]
    assert soprano.duration.tolist() == [15_120, 5_040, 10_080, 60_480]
    assert bass.pitch.tolist() == [55, 59, 62, 55]


@pytest.mark.parametrize("name", ["palestrina/Benedictus_61_a.krn", "palestrina/Agnus_II_39.krn"])
def test_every_spine_has_the_notes_that_are_written(name: str) -> None:
    """Tokens with a note name, counted without music21; a tie's continuation is no note. Spines stand lowest first."""
    counts: dict[int, int] = {}
    for line in corpus(name).read_text(encoding="latin-1").splitlines():
        if line and not line.startswith(("!", "*", "=")):
            for spine, token in enumerate(line.split("\t")):
                counts[spine] = counts.get(spine, 0) + bool(re.fullmatch(r"[^r\]_]*[a-gA-G][^r\]_]*", token))
    assert [len(part) for part in read(corpus(name)).parts] == [counts[spine] for spine in sorted(counts, reverse=True)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no \\*\\*kern spine"),
        ("not music\n", "no \\*\\*kern spine"),
        ("**text\nla\n*-\n", "no \\*\\*kern spine"),
        ("**kern\n*-\n", "x.krn: "),
        ("**kern\n*M9999/4\n4c\n*-\n", "line 2: has a token that is no music"),
        ("**kern\n4c.....\n*-\n", "line 2: has a token"),
        ("**kern\n4" + "c" * 501 + "\n*-\n", "line 2: has a token"),
        ("**kern\n1234567c\n*-\n", "line 2: has a token"),
        ("**kern\n4cccccccccccccccccc\n*-\n", "x.krn: "),
        ("\t".join(["**kern"] * 129), "line 1: is more than a score holds"),
        ("**kern\n" + "=\n4c\n" * 1_001 + "*-\n", "is more than a score holds"),
        ("**kern\n" + "4c\n" * 50_001 + "*-\n", "is more than a score holds"),
        ("**kern\n" + ".\n" * 200_001 + "*-\n", "is more than a score holds"),
        ("**kern\n" + "!" * 2**22, "larger than 4 MB"),
    ],
)
def test_what_is_no_score_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ReadError, match=reason) as error:
        loads(text.encode(), "x.krn")
    assert str(error.value).startswith("x.krn: ")
    assert "\n" not in str(error.value)


def test_damaged_scores_are_read_or_refused() -> None:
    chance = random.Random(4)
    signs = "0123456789.[]_cCgr#-&*=!\t\n^v+x{}%q"
    for _ in range(150):
        text = list(TUNE)
        for _ in range(chance.randrange(1, 6)):
            text[chance.randrange(len(text))] = chance.choice(signs)
        try:
            score = loads("".join(text).encode(), "x.krn")
        except ReadError:
            continue
        assert any(map(len, score.parts))


def test_other_letters() -> None:
    assert loads(TUNE.replace("small", "kleine Übung,").encode("latin-1"), "x").title == "A kleine Übung, piece"
    assert not hasattr(kern, "dumps")
