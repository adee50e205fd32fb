"""A source whose files do to their reader what they say; in a module of its own, so that workers can import it."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from composer.corpora.base import Card, Reading, Source
from composer.errors import ReadError
from composer.score import Part, Score


@dataclass(frozen=True)
class Frail(Source):
    """A file of one word is a piece of a few notes, unless the word says otherwise; ``log`` hears of each reading."""

    folder: str
    log: str

    @property
    def card(self) -> Card:
        return Card("frail", "Frail", "none", "here")

    @property
    def cache_name(self) -> str:
        return "frail"

    def files(self) -> list[Path]:
        return sorted(Path(self.folder).iterdir())

    def gentle(self, path: Path) -> bool:
        return False

    def read(self, path: Path) -> Reading:
        with open(self.log, "a", encoding="utf-8") as log:
            log.write(f"{path.name}\n")
        word = path.read_text()
        if word == "abort" or (word == "abort once" and self.reads().count(path.name) == 1):
            os.abort()
        elif word == "exit":
            os._exit(0)
        elif word.startswith("sleep"):
            time.sleep(float(word.split()[1]))
        elif word == "gobble":
            bytearray(2**40)
        elif word == "fail":
            raise KeyError("nothing here\nat all")
        elif word == "refuse":
            raise ReadError(f"{path}: is no music")
        elif word == "shout":
            print("noise\n" * 100_000, flush=True)
            print("noise", file=sys.stderr, flush=True)
        pitches = 60 + np.cumsum(np.frombuffer(path.name.encode(), np.uint8) % 5) % 24
        return Reading([(path.name, Score.of([Part.of(np.arange(len(pitches)) * 10, pitches, pitches)]))], [])

    def reads(self) -> list[str]:
        """The names of the files in the order in which they were read."""
        return Path(self.log).read_text(encoding="utf-8").split()
