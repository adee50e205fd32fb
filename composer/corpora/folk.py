"""Folk tunes in ABC: O'Neill, Ryan and Aird, and, for those who ask for it by name, the Essen collection."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from composer.corpora.base import Reading, Rejected, Shipped
from composer.corpora.bundled import music21_corpus
from composer.errors import ReadError
from composer.io import read_bytes


class Folk(Shipped):
    """4,248 tunes in the public domain: Aird 1782-1801, Ryan 1883, O'Neill 1903."""

    name = "folk"
    folders: ClassVar[tuple[str, ...]] = ("airdsAirs", "oneills1850", "ryansMammoth")

    def files(self) -> list[Path]:
        return [path for folder in self.folders for path in music21_corpus(folder, "*.abc")]

    def read(self, path: Path) -> Reading:
        from composer.corpora.tunes import read_tunes

        name = f"{path.parent.name}/{path.stem}"
        try:
            return read_tunes(read_bytes(path), name, f"{name}.abc")
        except ReadError as error:
            return Reading([], [Rejected(name, str(error))])


class Essen(Folk):
    """8,514 songs for non-commercial use only."""

    name = "essen"
    folders = ("essenFolksong",)
