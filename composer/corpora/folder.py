"""Anything a user has: the files of a folder and its folders, or one file."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from composer.corpora.base import Card, Reading, Rejected, Source
from composer.corpora.splits import RULE
from composer.errors import ComposerError, UsageError
from composer.io import read

SUFFIXES = (".mid", ".midi", ".abc", ".musicxml", ".xml", ".mxl")


@dataclass(frozen=True)
class Folder(Source):
    """The MIDI, ABC (every tune) and MusicXML files under ``path``, an absolute path."""

    path: str

    @property
    def card(self) -> Card:
        return Card(
            name=Path(self.path).stem or self.path,
            title=self.path,
            licence="as its owner says",
            source=self.path,
            split=RULE,
        )

    @property
    def cache_name(self) -> str:
        return f"folder-{hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]}"

    def files(self) -> list[Path]:
        """Regular files with a suffix that can be read, hidden ones left out, sorted by path."""
        root = Path(self.path)
        if root.is_file():
            if not root.name.lower().endswith(SUFFIXES):
                raise UsageError(f"{root}: is no music that can be read; give a folder or a {', '.join(SUFFIXES)} file")
            return [root]
        found = [
            Path(place, name)
            for place, folders, names in os.walk(root)
            for name in [n for n in names if n.lower().endswith(SUFFIXES) and not n.startswith(".")]
            if not any(folder.startswith(".") for folder in Path(place).relative_to(root).parts)
        ]
        files = sorted(path for path in found if path.is_file())
        if not files:
            raise UsageError(f"{root}: holds no music; it should have {', '.join(SUFFIXES)} files")
        return files

    def read(self, path: Path) -> Reading:
        root = Path(self.path)
        name = path.relative_to(root).as_posix() if path != root else path.name
        if path.suffix.lower() == ".abc":
            from composer.corpora.tunes import read_tunes

            return read_tunes(path, name, name)
        from composer.corpora.facts import facts

        notices: list[Any] = []
        try:
            score = read(path, notices=notices)
            return Reading([(name, score)], [], {name: facts(score, notices)})
        except ComposerError as error:
            return Reading([], [Rejected(name, str(error))])
