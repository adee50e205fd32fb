"""What a corpus is: pieces with a split, a card that says where they come from, and what was left out, with reasons."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, overload
from weakref import ReferenceType, ref

from composer.errors import Notice, ReadError, UsageError
from composer.score import Score
from composer.shipped import shipped

SPLITS = ("train", "validation", "test")

Progress = Callable[[float], None]  # called with the share of the work that is done, 0 to 1


class Rejected(NamedTuple):
    """A piece that was left out, and why."""

    id: str
    reason: str


@dataclass
class Reading:
    """What one file gave: scores by id, in the file's order, what of it was left out, and what is no music at all."""

    scores: list[tuple[str, Score]]
    rejected: list[Rejected]
    notices: dict[str, Sequence[Notice]] = field(default_factory=dict)  # by id: what was not read as it stands
    skipped: dict[str, int] = field(default_factory=dict)  # how many by suffix, of an archive's members


@dataclass
class Listing:
    """The files of a source, in its order, and what is no music: how many by suffix, and what was asked for by name."""

    files: list[Path]
    skipped: dict[str, int] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)


@dataclass(frozen=True)
class Card:
    """What must be known of a corpus before using it. ``counts`` and ``checksum`` are those of the day it was made."""

    name: str
    title: str
    licence: str
    source: str
    citation: str = ""
    description: str = ""
    split: str = ""
    checksum: str = ""
    counts: dict[str, int] = field(default_factory=dict)

    def summary(self) -> dict[str, Any]:
        """The card as a dict that JSON can hold."""
        return asdict(self)


class Source(ABC):
    """Where a corpus comes from: which files, and how one of them is read. Small, so that it travels to workers."""

    @property
    @abstractmethod
    def card(self) -> Card:
        """The corpus's card."""

    @property
    @abstractmethod
    def cache_name(self) -> str:
        """What its file in the cache is called, without suffix."""

    @abstractmethod
    def files(self) -> list[Path]:
        """The files, in the corpus's order; raises :class:`ReadError` or :class:`UsageError` if there are none."""

    @abstractmethod
    def read(self, path: Path) -> Reading:
        """The scores of one file; a file that is not music is among the rejected, never an error."""

    def listing(self) -> Listing:
        """The files, and what was found beside them."""
        return Listing(self.files())

    def members(self, path: Path) -> int:
        """How many members an archive has, each read by itself; 0 for any other file."""
        return 0

    def read_member(self, path: Path, number: int) -> Reading:
        """The scores of one member of an archive, as :meth:`read`."""
        raise NotImplementedError(f"{type(self).__name__} counts members, and does not say how one is read")

    def label(self, path: Path, number: int | None = None) -> str:
        """What a file or member that could not be read at all is called among the rejected."""
        return path.name

    def gentle(self, path: Path) -> bool:
        """True if reading this file can neither crash nor hang: a few such files are read without a worker."""
        return True


class Shipped(Source):
    """A source known by name, whose card comes with the package."""

    name: ClassVar[str]

    @property
    def card(self) -> Card:
        return read_card(self.name)

    @property
    def cache_name(self) -> str:
        return self.name


def read_card(name: str) -> Card:
    """The card ``corpora/NAME.toml``; raises :class:`ReadError` if it is missing or broken."""
    path = shipped("corpora", f"{name}.toml")
    if path is None:
        raise ReadError(f"the card of the corpus {name} is missing: install composer again")
    try:
        return Card(**tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ReadError(f"{path}: is not a corpus card ({error})") from None


class Piece:
    """One piece: ``id``, ``title``, ``split``, ``group`` (the smallest id among its variants), ``score`` and ``facts``.

    ``duplicate_of`` is the smallest id among the pieces with the same notes in any key, empty for that piece itself;
    ``kin`` the smallest among those that share its melody, copied or varied, empty if it has none. The score and the
    facts are read when they are asked for, and forgotten when nobody holds them.
    """

    def __init__(
        self,
        id: str,
        title: str,
        split: str,
        group: str,
        duplicate_of: str = "",
        kin: str = "",
        *,
        make: Callable[[], Score],
        describe: Callable[[], dict[str, Any]] = dict,
    ) -> None:
        self.id, self.title, self.split, self.group = id, title, split, group
        self.duplicate_of, self.kin = duplicate_of, kin
        self._make, self._describe = make, describe
        self._held: ReferenceType[Score] | None = None

    @property
    def score(self) -> Score:
        score = self._held() if self._held is not None else None
        if score is None:
            score = self._make()
            self._held = ref(score)
        return score

    @property
    def facts(self) -> dict[str, Any]:
        """What :func:`composer.corpora.facts.facts` says of the piece, without making its score."""
        return self._describe()

    def __repr__(self) -> str:
        return f"Piece({self.id!r}, {self.title!r}, {self.split})"


class Scores(Sequence[Score]):
    """The scores of some pieces, each made when it is asked for."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.pieces = tuple(pieces)

    def __len__(self) -> int:
        return len(self.pieces)

    @overload
    def __getitem__(self, index: int) -> Score: ...
    @overload
    def __getitem__(self, index: slice) -> Scores: ...
    def __getitem__(self, index: int | slice) -> Score | Scores:
        return Scores(self.pieces[index]) if isinstance(index, slice) else self.pieces[index].score

    def __iter__(self) -> Iterator[Score]:
        return (piece.score for piece in self.pieces)


class Origin(NamedTuple):
    """What a corpus was made of: what its files in the cache are called, and a digest of its music and of our code."""

    name: str
    digest: str


class Corpus(Sequence[Piece]):
    """Pieces in a fixed order; ``train``, ``validation`` and ``test`` are sequences of their scores.

    ``rejected`` is music that could not be read, with reasons; ``skipped`` counts the files that are none, by suffix.
    ``origin`` is None for pieces that were put together by hand.
    """

    def __init__(
        self,
        card: Card,
        pieces: Sequence[Piece],
        rejected: Sequence[Rejected] = (),
        skipped: Mapping[str, int] | None = None,
        origin: Origin | None = None,
    ) -> None:
        self.card = card
        self.origin = origin
        self.pieces = tuple(pieces)
        self.rejected = tuple(rejected)
        self.skipped = dict(skipped or {})

    @property
    def name(self) -> str:
        return self.card.name

    def __len__(self) -> int:
        return len(self.pieces)

    @overload
    def __getitem__(self, index: int) -> Piece: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Piece]: ...
    def __getitem__(self, index: int | slice) -> Piece | Sequence[Piece]:
        return self.pieces[index]

    def __iter__(self) -> Iterator[Piece]:
        return iter(self.pieces)

    @property
    def scores(self) -> Scores:
        return Scores(self.pieces)

    @cached_property
    def train(self) -> Scores:
        return self._split("train")

    @cached_property
    def validation(self) -> Scores:
        return self._split("validation")

    @cached_property
    def test(self) -> Scores:
        return self._split("test")

    def _split(self, name: str) -> Scores:
        return Scores([piece for piece in self.pieces if piece.split == name])

    def find(self, text: str) -> Piece:
        """The piece of this id or title; failing that, the first whose id or title contains the text.

        Case, accents and punctuation do not matter. Raises :class:`UsageError` if there is none.
        """
        wanted = plain(text)
        names = [(plain(piece.id), plain(piece.title)) for piece in self.pieces]
        for piece, (id, title) in zip(self.pieces, names, strict=True):
            if piece.id == text or (wanted and wanted in (id, title)):
                return piece
        for piece, (id, title) in zip(self.pieces, names, strict=True):
            if wanted and (wanted in title or wanted in id):
                return piece
        raise UsageError(f"{self.name}: no piece has the id or title {text!r}; give a part of its title")

    @property
    def counts(self) -> dict[str, int]:
        """Pieces, groups, pieces in each split, and how many were left out."""
        split = {name: sum(piece.split == name for piece in self.pieces) for name in SPLITS}
        groups = len({piece.group for piece in self.pieces})
        return {"pieces": len(self), "groups": groups, **split, "rejected": len(self.rejected)}

    def summary(self) -> dict[str, Any]:
        """Card, counts and what was left out, as a dict that JSON can hold."""
        card = {k: v for k, v in self.card.summary().items() if k not in ("counts", "checksum") and v}
        return {
            **card,
            **self.counts,
            "rejected": [tuple(entry) for entry in self.rejected],
            **({"skipped": self.skipped} if self.skipped else {}),
        }

    def __repr__(self) -> str:
        return f"Corpus({self.name!r}, {len(self)} pieces, {len(self.rejected)} left out)"


def plain(text: str) -> str:
    """Lower case letters and digits, one space between words, accents gone.

    >>> plain("O'Carolan's  Réel -- No. 2")
    'ocarolans reel no 2'
    """
    letters = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    return " ".join(re.sub(r"[\W_]+", " ", re.sub("['`\u2019]", "", letters)).split())


def natural(id: str) -> list[tuple[int, str]]:
    """A sorting key that reads numbers as numbers.

    >>> sorted(["book10:1", "book2:10", "book2:9"], key=natural)
    ['book2:9', 'book2:10', 'book10:1']
    """
    runs = re.findall(r"\d+|\D+", id)
    return [(int(run), "") if run.isdecimal() and run.isascii() else (-1, run) for run in runs]
