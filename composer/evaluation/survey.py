"""What is in a collection of files, and what is wrong with it: one pass over the facts of its pieces, no score made.

``survey(corpus)`` is small whatever the corpus: it counts, and keeps the first of everything worth a line.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from composer.corpora.base import Corpus, Piece, Rejected, natural
from composer.registry import FORMATS

SMALL = 100  # files that are listed one by one
LISTED = 40  # of more, those with most to say
MOST_KINDS = 500  # reasons, and things ignored, told apart
MOST_TOLD = 8  # reasons in one line
KEPT = 20  # bars, groups and the like kept, to be listed
LENGTHS = (4, 8, 16, 32, 64, 128, 256)  # bars; the last group of a histogram is longer


@dataclass
class Row:
    """The facts of the pieces of one file, taken together."""

    parts: set[int] = field(default_factory=set)
    bars: set[int] = field(default_factory=set)
    meters: Counter[str] = field(default_factory=Counter)
    keys: Counter[str] = field(default_factory=Counter)
    pitches: set[int] = field(default_factory=set)  # the lowest and the highest of each piece
    tempo_changes: int = 0  # the most
    polyphony: int = 0
    pedal: int = 0
    notes: int = 0
    off: float = 0.0  # milliseconds off the grid, of all notes together
    most_off: float = 0.0
    bad_bars: int = 0

    def add(self, facts: dict[str, Any]) -> None:
        self.parts.add(facts["parts"])
        self.bars.add(facts["bars"])
        self.meters.update(facts["meters"])
        self.keys.update(facts["keys"])
        self.pitches.update(pitch for pitch in (facts["lowest"], facts["highest"]) if pitch is not None)
        self.tempo_changes = max(self.tempo_changes, facts["tempo_changes"])
        self.polyphony = max(self.polyphony, facts["polyphony"][0])
        self.pedal += facts["pedal"]
        self.notes += facts["notes"]
        self.off += facts["grid_ms"][0] * facts["notes"]
        self.most_off = max(self.most_off, facts["grid_ms"][1])
        self.bad_bars += facts["bad_bars_count"]


@dataclass
class File:
    """One file: what it gave, what of it was left out, and the facts of its pieces taken together."""

    name: str
    pieces: tuple[Piece, ...]
    rejected: tuple[Rejected, ...]
    row: Row

    @property
    def gravity(self) -> int:
        """4 if nothing was taken, 3 if something was left out, 2 for bad bars, 1 for other remarks, 0 for none."""
        faults = (not self.pieces, self.rejected, self.row.bad_bars, self.remarks)
        return next((4 - k for k, fault in enumerate(faults) if fault), 0)

    @cached_property
    def remarks(self) -> list[str]:
        """What is out of the ordinary, in a few words each."""
        copies = [piece.duplicate_of for piece in self.pieces if piece.duplicate_of]
        kin = [piece.kin for piece in self.pieces if piece.kin not in ("", piece.id) and not piece.duplicate_of]
        told = [f"{len(self.rejected)} left out"] if self.rejected else []
        if self.pieces and not self.row.pitches:
            told.append("drums only")
        for one, many, others in (("copy of", "copies of", copies), ("like", "like", kin)):
            if others:
                what = one if len(self.pieces) == 1 else f"{len(others)} {many if len(others) > 1 else one}"
                told.append(f"{what} {others[0]}{', ...' if len(others) > 1 else ''}")
        return [*told, *([f"{counted(self.row.bad_bars, 'bar')} off"] if self.row.bad_bars else [])]


@dataclass
class Kind:
    """Things that are the same but for their place: how many, in how many files, and the first ones."""

    count: int = 0
    files: int = 0
    examples: list[str] = field(default_factory=list)
    text: str = ""  # of the first, in full
    last: str = ""

    def add(self, count: int, file: str, example: str) -> None:
        self.count += count
        self.files += file != self.last
        self.last = file
        if len(self.examples) < 3 and example not in self.examples:
            self.examples.append(example)

    def as_dict(self) -> dict[str, Any]:
        return {"count": self.count, "files": self.files, "examples": self.examples}


@dataclass
class Survey:
    """What was counted. ``rows`` are the files to list, ``bad_bars`` and ``kin`` the first of theirs."""

    name: str
    files: int = 0
    accepted: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    pieces: int = 0
    rejected: int = 0
    reasons: dict[str, Kind] = field(default_factory=dict)
    ignored: dict[str, Kind] = field(default_factory=dict)
    bad_bars: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    bad_bars_count: int = 0
    bad_bars_pieces: int = 0
    duplicates: int = 0
    kin: dict[str, list[str]] = field(default_factory=dict)
    rows: list[File] = field(default_factory=list)  # at most SMALL
    remarkable: int = 0  # files with something to say
    totals: Counter[str] = field(default_factory=Counter)
    keys: Counter[str] = field(default_factory=Counter)
    meters: Counter[str] = field(default_factory=Counter)
    lengths: Counter[str] = field(default_factory=Counter)
    pitches: Counter[int] = field(default_factory=Counter)
    intervals: Counter[int] = field(default_factory=Counter)

    def add(self, file: File, facts: Sequence[dict[str, Any]]) -> None:
        self.files += 1
        self.accepted += bool(file.pieces)
        self.remarkable += bool(file.remarks)
        self.pieces += len(file.pieces)
        self.rejected += len(file.rejected)
        for id, reason in file.rejected:
            kind = _kind(self.reasons, plain_reason(reason, file.name))
            kind.text = kind.text or own_reason(reason, file.name)
            kind.add(1, file.name, id)
        for piece, told in zip(file.pieces, facts, strict=True):
            self.duplicates += bool(piece.duplicate_of)
            if piece.kin:
                self.kin.setdefault(piece.kin, []).append(piece.id)
            if told:
                self._facts(file.name, piece, told)

    def _facts(self, file: str, piece: Piece, facts: dict[str, Any]) -> None:
        self.totals.update({name: facts[name] for name in ("notes", "bars", "seconds")})
        self.keys.update(facts["keys"][:1])
        self.meters.update(facts["meters"][:1])
        self.lengths[length_group(facts["bars"])] += 1
        self.pitches.update({int(pitch): count for pitch, count in facts["pitches"].items()})
        self.intervals.update({int(step): count for step, count in facts["intervals"].items()})
        for row in facts["ignored"]:
            place = " ".join([piece.id, *row["places"][:1]])
            _kind(self.ignored, open_quotes(row["text"])).add(row["count"], file, place)
        if facts["bad_bars_count"]:
            self.bad_bars_pieces += 1
            self.bad_bars_count += facts["bad_bars_count"]
            room = KEPT - len(self.bad_bars)
            self.bad_bars += [(piece.id, bar) for bar in facts["bad_bars"][: max(min(room, 3), 0)]]

    def summary(self) -> dict[str, Any]:
        """The counts, for JSON: names stay as they are from version to version."""
        return {
            "name": self.name,
            "files": self.files,
            "files_accepted": self.accepted,
            "files_skipped": self.skipped,
            "pieces": self.pieces,
            "rejected": self.rejected,
            "reasons": {text: kind.as_dict() | {"first": kind.text} for text, kind in self.reasons.items()},
            "duplicates": self.duplicates,
            "near_duplicate_groups": len(self.kin),
            "notes": self.totals["notes"],
            "bars": self.totals["bars"],
            "hours": round(self.totals["seconds"] / 3600, 3),
            "bad_bars": self.bad_bars_count,
            "ignored": {text: kind.as_dict() for text, kind in self.ignored.items()},
            "keys": dict(self.keys.most_common()),
            "meters": dict(self.meters.most_common()),
            "lengths": {name: self.lengths[name] for name in length_groups() if self.lengths[name]},
            "pitches": {str(pitch): count for pitch, count in sorted(self.pitches.items())},
            "intervals": {str(step): count for step, count in sorted(self.intervals.items())},
        }


def survey(corpus: Corpus) -> Survey:
    """Look over every file of a corpus."""
    found = Survey(corpus.name, skipped=dict(corpus.skipped))
    grave: dict[int, list[File]] = {gravity: [] for gravity in (4, 3, 2, 1)}
    for file, facts in files(corpus):
        found.add(file, facts)
        if found.files <= SMALL:
            found.rows.append(file)
        if file.gravity and len(grave[file.gravity]) < LISTED:
            grave[file.gravity].append(file)
    if found.files > SMALL:
        gravest = [file for rows in grave.values() for file in rows][:LISTED]
        found.rows = sorted(gravest, key=lambda file: natural(file.name))
    return found


def files(corpus: Corpus) -> Iterator[tuple[File, list[dict[str, Any]]]]:
    """The files of a corpus in order, each with its pieces and what was left out of it, and the facts of each piece."""
    pieces: dict[str, list[Piece]] = {}
    rejected: dict[str, list[Rejected]] = {}
    for piece in corpus:
        pieces.setdefault(file_of(piece.id), []).append(piece)
    for entry in corpus.rejected:
        rejected.setdefault(file_of(entry.id), []).append(entry)
    for name in sorted({*pieces, *rejected}, key=natural):
        facts = [piece.facts for piece in pieces.get(name, ())]
        row = Row()
        for told in filter(None, facts):
            row.add(told)
        yield File(name, tuple(pieces.get(name, ())), tuple(rejected.get(name, ())), row), facts


def as_json(corpus: Corpus, found: Survey) -> Iterator[str]:
    """One JSON object, ``files`` and ``summary``, in small texts: a piece has its names and all its facts."""
    yield '{"files": ['
    for number, (file, facts) in enumerate(files(corpus)):
        rejected = [{"id": id, "reason": reason} for id, reason in file.rejected]
        head = {"file": file.name, "accepted": bool(file.pieces), "rejected": rejected}
        yield f'{"," if number else ""}\n{json.dumps(head)[:-1]}, "pieces": ['
        for count, (piece, told) in enumerate(zip(file.pieces, facts, strict=True)):
            names = {name: getattr(piece, name) for name in ("id", "title", "split", "group", "duplicate_of", "kin")}
            yield f"{',' if count else ''}\n  {json.dumps(names | told)}"
        yield "]}"
    yield f'\n],\n"summary": {json.dumps(found.summary())}}}\n'


def file_of(id: str) -> str:
    """The file that a piece came from: tunes of a tunebook have their number behind a colon.

    >>> file_of("a/book.abc:12"), file_of("a:b.mid")
    ('a/book.abc', 'a:b.mid')
    """
    name, _, number = id.rpartition(":")
    return id if not name or "/" in number or number.lower().endswith(tuple(FORMATS)) else name


def plain_reason(reason: str, file: str) -> str:
    """A reason without the file and the place; numbers, names and details are left open, so that equal ones meet.

    >>> plain_reason("a.abc: tune 3, line 12: 'Q' is not a key", "a.abc")
    "'...' is not a key"
    """
    place = r"^(tune [^,:]{1,20}, )?((lines?|column|bar|part|measure) \d+[^:]{0,60}: )*"
    text = re.sub(place, "", own_reason(reason, file))
    text, *details = re.split(r"(?<![A-Z]): ", open_quotes(re.sub(r"\([^()]*\)", "(...)", text)), maxsplit=1)
    return re.sub(r"\d[\d.,]*(?<=\d)", "N", text)[:160] + ": ..." * bool(details)


def open_quotes(text: str) -> str:
    return re.sub(r"'[^']*'", "'...'", text)


def own_reason(reason: str, file: str) -> str:
    """A reason without the name of the file, which may be given with its folders."""
    head, sign, text = reason.partition(f"{file}: ")
    return text if sign and ": " not in head else reason


def nothing_to_train_on(found: Survey) -> str:
    """Why there is no piece to learn from, every reason counted, in one line."""
    kinds = sorted(found.reasons.items(), key=lambda item: -item[1].count)
    told = [f"{kind.count:,} left out: {text if kind.count > 1 else kind.text}" for text, kind in kinds]
    if found.pieces:
        held = "is" if found.pieces == 1 else "are all"
        told.insert(0, f"{counted(found.pieces, 'piece')} {held} held out for validation and test, so give more files")
    if found.skipped:
        told.append(f"{sum(found.skipped.values()):,} no music ({', '.join(list(found.skipped)[:MOST_TOLD])})")
    more = f"; and {len(told) - MOST_TOLD} more reasons" if len(told) > MOST_TOLD else ""
    return "; ".join(told[:MOST_TOLD]) + more if told else "there are no files"


def length_groups() -> list[str]:
    """The names of the groups of a histogram of bars: 1-4, 5-8, and so on."""
    return [f"{low + 1}-{high}" for low, high in zip((0, *LENGTHS), LENGTHS, strict=False)] + [f"{LENGTHS[-1] + 1}+"]


def length_group(bars: int) -> str:
    return length_groups()[sum(bars > limit for limit in LENGTHS)]


def counted(count: int, name: str) -> str:
    """A number and its noun.

    >>> counted(1, "bar"), counted(1200, "bar")
    ('1 bar', '1,200 bars')
    """
    return f"{count:,} {name}{'' if count == 1 else 's'}"


def _kind(kinds: dict[str, Kind], text: str) -> Kind:
    return kinds.setdefault(text if text in kinds or len(kinds) < MOST_KINDS else "other", Kind())
