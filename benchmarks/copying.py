"""Copying: of chains of chords by order, as in ANCHORS C, and of shipped models, free and guarded.

The chain over chords is the plain one, without smoothing: whole chords of a quarter's length, key-normalised, drawn
after the last k chords as often as they came in training. Samples have 48 chords, given that the chain gets that far.

    python benchmarks/copying.py jsb-chorales-quarter.json --samples 200 --tunes 40
"""

import argparse
import json
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

from composer import Composer, Sketch
from composer.errors import Infeasible
from composer.evaluation.copying import copying
from composer.generators.guarded import Bans, particles, rejection
from composer.inference.rows import RowTable
from composer.inference.suffixes import CopyIndex, Guard, Rows, among

BEATS = 48
START = -1
Past = tuple[int, ...]


def chords_of(path: Path) -> list[Rows]:
    """The training chorales, four pitches a beat, -1 for one that is missing."""
    pieces = json.loads(path.read_text())["train"]
    return [np.array([([*sorted(chord), -1, -1, -1, -1])[:4] for chord in piece], dtype=np.int32) for piece in pieces]


def moves_of(chords: Rows) -> Rows:
    """Chords above their lowest notes, and the steps of these."""
    lowest = chords[:, 0]
    step = np.diff(lowest, prepend=0)
    one = np.ones_like(lowest)
    return np.stack([step, one, one, *(chords[:, 1:] - lowest[:, None]).T], axis=1).astype(np.int32)


class Chain:
    """The plain chain of an order, given that it reaches :data:`BEATS` chords; a state is place and past."""

    def __init__(self, lines: list[list[int]], order: int) -> None:
        self.order, self.size = order, 1 + max(map(max, lines))
        self.counts: dict[Past, dict[int, int]] = defaultdict(lambda: defaultdict(int))
        for line in lines:
            past: Past = (START,) * order
            for token in line:
                self.counts[past][token] += 1
                past = self._then(past, token)
        self.ahead = [dict.fromkeys(self.counts, 1.0)]
        for _ in range(BEATS):
            last = self.ahead[-1]
            self.ahead.append({past: self._mean(past, last) for past in self.counts})

    def _mean(self, past: Past, ahead: dict[Past, float]) -> float:
        """The expectation of what is ahead after one more chord; 1 at the end, even where no chord ever followed."""
        default = 1.0 if ahead is self.ahead[0] else 0.0
        counts = self.counts[past]
        sums = sum(n * ahead.get(self._then(past, token), default) for token, n in counts.items())
        return sums / sum(counts.values())

    def _then(self, past: Past, token: int) -> Past:
        return (*past, token)[-self.order :]

    def start(self) -> tuple[int, Past]:
        return 0, (START,) * self.order

    def weights(self, state: tuple[int, Past]) -> np.ndarray:
        place, past = state
        ahead, weights = self.ahead[BEATS - place - 1], np.zeros(self.size)
        for token, count in self.counts[past].items():
            weights[token] = count * ahead.get(self._then(past, token), float(place == BEATS - 1))
        return weights

    def next(self, state: tuple[int, Past], token: int) -> tuple[int, Past]:
        return state[0] + 1, self._then(state[1], token)

    def done(self, state: tuple[int, Past]) -> bool:
        return state[0] == BEATS


def chains(path: Path, samples: int) -> None:
    pieces = chords_of(path)
    table = RowTable(np.unique(np.concatenate(pieces), axis=0))
    lines = [table.numbers(piece).tolist() for piece in pieces]
    index = CopyIndex.of([moves_of(piece) for piece in pieces])

    first = moves_of(table.rows)

    def bans(guard: Guard) -> Bans[tuple[int, Past]]:
        def forbidden(state: tuple[int, Past], path: list[int]) -> np.ndarray:
            following = first.copy()
            following[:, 0] = table.rows[:, 0] - (table.rows[path[-1], 0] if path else 0)
            return among(following, guard.after(moves_of(table.rows[path])))

        return forbidden

    def told(paths: list[list[int]]) -> str:
        longest = np.array([index.longest(moves_of(table.rows[path])).max() for path in paths])
        return f"{np.median(longest):g} | {longest.max()} | {(longest == BEATS).mean():.1%}"

    print("| order | limit, beats | way | passes | longest copied run, beats: median | maximum | whole copies |")
    print("|---|---|---|---|---|---|---|")
    for order in (1, 2, 3, 4):
        chain, rng = Chain(lines, order), np.random.default_rng(0)
        free = rejection(chain, lambda *_: np.zeros(len(table.rows), bool), n=samples, starts=samples, rng=rng)
        print(f"| {order} | none | | | {told(free.paths)} |", flush=True)
        for limit in (32, 16, 8):
            ban = bans(Guard(index, limit, "steps"))
            kept = rejection(chain, ban, n=samples, starts=10 * samples, rng=rng)
            if len(kept.paths) == samples:
                print(f"| {order} | {limit} | rejection | {kept.rate:.1%} | {told(kept.paths)} |", flush=True)
                continue
            try:
                runs = [particles(chain, ban, count=64, rng=rng) for _ in range(min(samples, 20))]
            except Infeasible:
                print(f"| {order} | {limit} | 64 particles | none found | | | |", flush=True)
                continue
            passes = np.mean([rate for _, rate in runs])
            print(
                f"| {order} | {limit} | 64 particles | {passes:.2g} | {told([path for path, _ in runs])} |", flush=True
            )


def models(names: list[str], tunes: int) -> None:
    print(
        "| model | limit | drawn by | s a tune | longest copied run, notes: median | maximum | bars: median | maximum |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name in names:
        composer = Composer.load(name)
        for limit in (None, "2 bars", "12 notes", "10 notes"):
            more = {} if limit is None else {"max_copy": limit}
            sketch = Sketch.styled("reel", key="G", range="D4:B5", ends_on_tonic=True, **more)
            if composer.refusal(sketch):
                sketch = Sketch.blank(bars=12, voices=4, key="G", ends_on_tonic=True, **more)
            started = time.perf_counter()
            scores = composer.completions(sketch, tunes, seed=0, temperature=0.7)
            seconds = (time.perf_counter() - started) / tunes
            found = copying(composer, scores)
            print(
                f"| {composer.name} | {limit or 'none'} | {scores[0].metadata.get('guard', '')} | {seconds:.3f} "
                f"| {found.notes:g} | {found.most_notes} | {found.bars:.3g} | {found.most_bars:.3g} |",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("chorales", type=Path)
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--tunes", type=int, default=40)
    parser.add_argument("--models", nargs="*", default=["folk-markov"])
    asked = parser.parse_args()
    chains(asked.chorales, asked.samples)
    models(asked.models, asked.tunes)


if __name__ == "__main__":
    main()
