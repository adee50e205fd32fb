"""What a composer remembers of the pieces it learned from, to tell and to forbid copies.

It is the pieces themselves, as the composer's encoding sees them, but for the key of each: whoever has the model file
can read them from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from composer.encodings.base import Encoding
from composer.errors import Infeasible, ReadError, Unsupported
from composer.generators.apart import apart
from composer.generators.base import Generator, Stepwise, Weighted
from composer.generators.guarded import ORIGINAL, Guarded, guarded, together
from composer.generators.walk import Walk, copies
from composer.inference.rows import Ints
from composer.inference.sequence import Constraints, Sequence
from composer.inference.suffixes import BEGINS, LASTS, MAX_EVENTS, CopyIndex, Guard
from composer.score import Score
from composer.sketch import MaxCopy, Sketch
from composer.titles import in_sentence, printable

EXACT = 4_000  # events of a corpus whose copies are forbidden exactly, on the product with the chain
SIFTED = 100  # draws for each that is wanted, of generators that draw whole sequences
SIFTED_AT_ONCE = 16  # the most, and at first no more than are wanted if each is weighed and so is slow
MOST_WORDS = 100_000  # tokens of forbidden rows, for the same
SINGING = "break no rule between voices; forbid less"


class Copied(NamedTuple):
    """The longest run that a score shares with the corpus, in any key, and where it begins there.

    Notes that begin together count once; ``bars`` are the score's.
    """

    notes: int
    bars: float
    title: str
    bar: int  # written, 0 the pickup
    whole: bool  # all notes of the score

    def __str__(self) -> str:
        notes = "1 note" if self.notes == 1 else f"{self.notes} notes"
        bars = "1 bar" if self.bars == 1 else f"{self.bars:.3g} bars"
        return f"{notes}, {bars}, {self.title}, bar {self.bar}"


class Piece(NamedTuple):
    """What is said of a piece where a copy is told."""

    title: str
    bars: Ints  # steps of each
    pickup: bool

    @classmethod
    def of(cls, encoding: Encoding, score: Score) -> Self:
        lines = -(-score.barlines.astype(np.int64) // encoding.grid)
        return cls(printable(score.title), np.diff(lines), score.pickup > 0)


@dataclass(frozen=True, eq=False)
class Sources:
    """The pieces of a training split: their moves, titles and bars."""

    index: CopyIndex
    titles: tuple[str, ...]
    bars: Ints  # steps of each bar, one piece after another
    counts: Ints  # (P,) bars of each piece
    pickups: Ints  # (P,) 1 if its first bar is a pickup

    @classmethod
    def of(cls, encoding: Encoding, pieces: list[Piece], sequences: list[Sequence]) -> Self | None:
        """The sources of pieces and the same as sequences; None if there are no events, or more than can be kept."""
        if not 0 < sum(map(len, sequences)) <= MAX_EVENTS:
            return None
        return cls(
            CopyIndex.of([encoding.moves(sequence.events) for sequence in sequences]),
            tuple(piece.title for piece in pieces),
            np.concatenate([piece.bars for piece in pieces]),
            np.array([len(piece.bars) for piece in pieces]),
            np.array([int(piece.pickup) for piece in pieces]),
        )

    def copied(self, encoding: Encoding, score: Score, sketch: Sketch | None = None) -> Copied | None:
        """The longest copied run of a score, None if nothing is copied; of the completion of a ``sketch``, of those
        that end with something composed.
        """
        sequence = encoding.encode(score)
        moves = encoding.moves(sequence.events)
        ends = None if sketch is None else _composed(sketch, sequence.steps * encoding.grid)
        run = self.index.where(moves, ends)
        if run is None:
            return None
        copied = moves[run.first : run.first + run.events]
        steps = int(copied[:, LASTS].sum())
        before = int(self.index.piece(run.piece)[: run.place, LASTS].sum())
        first = int(self.counts[: run.piece].sum())
        lines = np.cumsum(self.bars[first : first + self.counts[run.piece]])
        bar = int(np.searchsorted(lines, before, "right")) + 1 - int(self.pickups[run.piece])
        notes = int(copied[:, BEGINS].sum())
        title = in_sentence(self.titles[run.piece]) or f"piece {run.piece + 1} of the corpus"
        whole = notes == int(moves[:, BEGINS].sum())
        return Copied(notes, steps * encoding.grid / score.meter.bar, title, bar, whole)

    def guard(self, encoding: Encoding, score: Score, limit: int, unit: str) -> Guard:
        """Forbids copies of more than ``limit`` "notes", or "bars" of the score's first meter."""
        if unit == "bars":
            return Guard(self.index, limit * score.meter.bar // encoding.grid, "steps")
        return Guard(self.index, limit, unit)

    def limits(self, encoding: Encoding, sketch: Sketch) -> Limits:
        """What a sketch says of copies."""
        wishes = [wish for wish in sketch.constraints if isinstance(wish, MaxCopy)]
        guards = [self.guard(encoding, sketch.score, wish.limit, wish.unit) for wish in wishes]
        return Limits(encoding, wishes, guards)

    def fit(self, encoding: Encoding) -> bool:
        """Whether they are pieces as this encoding sees them."""
        nothing = np.zeros((0, encoding.width), dtype=np.int32)
        return bool(encoding.moves(nothing).shape[1] == self.index.rows.shape[1])

    # --- saving ---------------------------------------------------------------------------------------------------

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What is saved."""
        names = np.frombuffer("\n".join(self.titles).encode(), dtype=np.uint8)
        return self.index.arrays() | {
            "titles": names,
            "bars": self.bars.astype(np.uint16 if self.bars.max() < 2**16 else np.uint32),
            "counts": self.counts.astype(np.uint32),
            "pickups": self.pickups.astype(np.uint8),
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]]) -> Self:
        """The sources of these untrusted arrays; raises :class:`ReadError` if they do not belong together."""
        index = CopyIndex.from_arrays(arrays)
        names = ("titles", "bars", "counts", "pickups")
        if any(name not in arrays or arrays[name].ndim != 1 or arrays[name].dtype.kind != "u" for name in names):
            raise ReadError("the arrays of its sources are missing or of another kind")
        text = arrays["titles"].astype(np.uint8).tobytes().decode("utf-8", "replace")
        titles = tuple(printable(title) for title in text.split("\n"))
        bars, counts, pickups = (arrays[name].astype(np.int64) for name in names[1:])
        sound = (
            len(titles) == len(counts) == len(pickups) == len(index.starts) - 1
            and bool((bars > 0).all() and (bars < 2**32).all() and (counts > 0).all() and (counts <= len(bars)).all())
            and int(counts.sum()) == len(bars)
            and bool((pickups <= 1).all())
        )
        if not sound:
            raise ReadError("the arrays of its sources do not belong together")
        return cls(index, titles, bars, counts, pickups)


@dataclass(frozen=True)
class Limits:
    """How much a sketch lets a composer copy."""

    encoding: Encoding
    wishes: list[MaxCopy]
    guards: list[Guard]

    def drawing(
        self,
        generator: Generator,
        constraints: Constraints,
        sketch: Sketch,
        temperature: float,
        rng: np.random.Generator,
    ) -> Callable[[int], tuple[list[Sequence], dict[str, str]]]:
        """What draws sequences that complete the sketch within the limits, and keep what is between voices, and says in
        words how: as ``guard``, and as ``drawn`` if weighted.

        Raises :class:`Infeasible`, and :class:`Unsupported` for a generator whose alphabet is open.
        """
        if not isinstance(generator, Stepwise):
            return self._sifting(generator, constraints, sketch, temperature, rng)
        asked = " and ".join(["max_copy"] * bool(self.guards) + ["forbid"] * bool(constraints.between))
        walk = generator.walk(constraints, temperature)
        if walk.opened is not None:
            raise Unsupported(f"this model's alphabet is open, and {asked} needs a closed one; leave it out")
        free = _composed(sketch, np.arange(constraints.end) * self.encoding.grid)
        words = self._words(walk) if free.all() and self.guards else None
        walk = walk if words is None else generator.walk(constraints, temperature, words)
        bans = [copies(walk, self.guards, self.encoding, free)] if self.guards and words is None else []
        bans += [apart(walk, constraints.between)] if constraints.between else []
        wanted = " and ".join([SINGING] * bool(constraints.between) + [ORIGINAL] * bool(self.guards))

        def draw(n: int) -> tuple[list[Sequence], dict[str, str]]:
            if not bans:
                return [walk.draw(rng) for _ in range(n)], {"guard": "exact"}
            drawn = guarded(walk, together(bans), n=n, rng=rng, wanted=wanted)
            return [walk.sequence(path) for path in drawn.paths], {"guard": str(drawn)}

        return draw

    def _sifting(
        self,
        generator: Generator,
        constraints: Constraints,
        sketch: Sketch,
        temperature: float,
        rng: np.random.Generator,
    ) -> Callable[[int], tuple[list[Sequence], dict[str, str]]]:
        """What draws whole sequences, and keeps those within the limits: exact rejection."""
        generator.check(constraints)

        def passes(sequence: Sequence) -> bool:
            moves = self.encoding.moves(sequence.events)
            free = _composed(sketch, sequence.steps * self.encoding.grid)
            return not any(guard.broken(moves, free).any() for guard in self.guards)

        def drawn(n: int) -> tuple[list[Sequence], str]:
            if isinstance(generator, Weighted):
                return generator.drawn(constraints, n=n, temperature=temperature, rng=rng)
            return generator.sample(constraints, n=n, temperature=temperature, rng=rng), ""

        def draw(n: int) -> tuple[list[Sequence], dict[str, str]]:
            kept: list[Sequence] = []
            ways: list[str] = []  # of the draws of which any are kept
            tried, batch = 0, n if isinstance(generator, Weighted) else max(n, SIFTED_AT_ONCE)
            while len(kept) < n:
                if tried >= SIFTED * n:
                    raise Infeasible(f"{len(kept)} of {tried} draws {ORIGINAL}")
                sequences, way = drawn(batch)
                passed = [sequence for sequence in sequences if passes(sequence)]
                ways += [way] if passed and way else []
                kept, tried, batch = kept + passed, tried + batch, min(2 * batch, max(n, SIFTED_AT_ONCE))
            made = {"guard": str(Guarded([], len(kept) / tried, "rejection"))}
            return kept[:n], made | ({"drawn": "; ".join(ways)} if ways else {})

        return draw

    def _words(self, walk: Walk) -> list[NDArray[np.int64]] | None:
        """What may not be written, as rows of tokens; None where there is no exact product, or it is too large."""
        alphabets = walk.lattice.alphabets
        if len(alphabets) > 1 or any(len(guard.index.ids) > EXACT for guard in self.guards):
            return None
        known = alphabets[0][: walk.lattice.known[0]]
        try:
            words = [word for guard in self.guards for word in guard.words(known, self.encoding)]
        except Unsupported:  # a view whose moves do not say their events
            return None
        return words if sum(map(len, words)) <= MOST_WORDS else None

    def broken(self, sketch: Sketch, score: Score) -> MaxCopy | None:
        """A limit that a finished score does not keep: where bars are repeated, runs go on over their edges."""
        sequence = self.encoding.encode(score)
        moves, free = self.encoding.moves(sequence.events), _composed(sketch, sequence.steps * self.encoding.grid)
        pairs = zip(self.wishes, self.guards, strict=True)
        return next((wish for wish, guard in pairs if guard.broken(moves, free).any()), None)


def _composed(sketch: Sketch, ticks: NDArray[Any]) -> NDArray[np.bool_]:
    """(N,) whether something is composed at each tick."""
    free = [sketch.free(voice, ticks) for voice in range(len(sketch.score.parts))]
    return np.asarray(np.any(free, axis=0))
