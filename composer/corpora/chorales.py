"""Bach's chorales, as Riemenschneider numbered them and music21 carries them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from composer.corpora.base import Reading, Rejected, Shipped
from composer.corpora.bundled import music21_corpus
from composer.errors import ComposerError, Notice
from composer.io import read
from composer.score import Score
from composer.voice_leading import CHOIR

# music21's list calls this file by a name that it does not bear
ALIASES = {"18.5-l": "18.5-lz"}


class Chorales(Shipped):
    """The 371 chorales of Riemenschneider's edition; those in exactly four parts are accepted.

    Twenty settings stand in the edition under two or three numbers; each number is a piece, and all of a setting's fall
    on one side of the split. An id is the number and the file, as in ``001-bwv269``. Files are taken by their exact
    names: ``music21.corpus.parse`` takes the first that begins so, and with it the scoring with instruments of 313, 327
    and 353, and another chorale for 333.
    """

    name = "chorales"

    def files(self) -> list[Path]:
        return music21_corpus("bach", "bwv*.mxl") + music21_corpus("bach", "bwv*.xml")

    def read(self, path: Path) -> Reading:
        entries = _numbers().get(path.stem.removeprefix("bwv"), [])
        ids = [f"{number:03}-{path.stem}" for number, _ in entries]
        if not entries:
            return Reading([], [])
        notices: list[Notice] = []
        try:
            score = read(path, notices=notices)
        except ComposerError as error:
            return Reading([], [Rejected(id, str(error)) for id in ids])
        if len(score.parts) != len(CHOIR):
            names = ", ".join(part.name for part in score.parts)
            return Reading([], [Rejected(id, f"is in {len(score.parts)} parts, not four: {names}") for id in ids])
        titled = [(id, _titled(score, entry)) for id, entry in zip(ids, entries, strict=True)]
        return Reading(titled, [], dict.fromkeys(ids, notices))


@cache
def _numbers() -> dict[str, list[tuple[int, str]]]:
    """The number and title of each chorale of the edition, by the name of its file."""
    from music21.corpus.chorales import ChoraleListRKBWV

    edition: Any = ChoraleListRKBWV()
    found: dict[str, list[tuple[int, str]]] = {}
    for number, entry in sorted(edition.byRiemenschneider.items()):
        bwv = str(entry["bwv"])
        found.setdefault(ALIASES.get(bwv, bwv), []).append((int(number), str(entry["title"])))
    return found


def _titled(score: Score, entry: tuple[int, str]) -> Score:
    number, title = entry
    return score.with_metadata(title=title, composer="Johann Sebastian Bach", riemenschneider=str(number))
