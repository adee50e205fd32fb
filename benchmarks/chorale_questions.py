"""The questions of Hadjeres, Sakellariou and Pachet (2016), put to Bach and to models: chords cited, re-discovered and
invented; runs of beat chords shared with the training chorales; statistics of pairs of notes; errors of voice leading;
and how far a harmonisation of a test melody is Bach's own. `chorales`, split by tune; seed 0.

First Bach: what his test chorales share with his training chorales. Then every model: samples of all four voices in
the ranges of a choir, one on the frame of each test chorale (meter, key, bars, fermatas), and for the pairs some on the
frames of training chorales; and a harmonisation of each test melody, whose soprano is given. Beside them each lower
voice drawn independently, from how often training has its pitch with a soprano's pitch on a beat of the bar.

python benchmarks/chorale_questions.py --models chorales-markov sweep/l1-*.safetensors --plot moments.png
"""

import argparse
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from collections.abc import Sequence as SequenceOf
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from composer import Composer, Score, Sketch, corpora
from composer.analysis import beats, felt_bars
from composer.encodings.compile import tonics
from composer.errors import ComposerError
from composer.evaluation.chords import (
    SILENT,
    Agreement,
    Moments,
    agreement,
    beat_chords,
    moments,
    origins,
    pair_counts,
    pair_kinds,
    shared_runs,
    sixteenths,
)
from composer.evaluation.voice_leading import rates
from composer.score import Part
from composer.voice_leading import KINDS

RUNS = ("shared run, beats: median", "90th percentile", "most")
LAGS = (1, 4)  # 16ths: the next cell, and the next quarter
PAIRS = pair_kinds(4, LAGS)
SHOWN = {
    "horizontal, a 16th": [pair for pair in PAIRS if pair.kind == "horizontal" and pair.lag == 1],
    "horizontal, a quarter": [pair for pair in PAIRS if pair.kind == "horizontal" and pair.lag == 4],
    "vertical": [pair for pair in PAIRS if pair.kind == "vertical"],
    "diagonal, a 16th": [pair for pair in PAIRS if pair.kind == "diagonal" and pair.lag == 1],
    "diagonal, a quarter": [pair for pair in PAIRS if pair.kind == "diagonal" and pair.lag == 4],
}


class Bach:
    """The chorales, at most ``pieces`` of them for the test, and what is counted in them once."""

    def __init__(self, pieces: int) -> None:
        corpus = corpora.load("chorales")
        self.train, self.validation, self.test = list(corpus.train), list(corpus.validation), list(corpus.test[:pieces])
        self.known, self.hidden = ([beat_chords(score) for score in side] for side in (self.train, corpus.test))
        self.written = [beat_chords(score, normal=False) for score in self.train]
        self.pairs = pair_counts(map(sixteenths, self.train), PAIRS)


class Made(NamedTuple):
    """What one model wrote on the frames or the melodies of ``references``, and the seconds it took."""

    name: str
    scores: list[Score]
    references: list[Score]
    seconds: float = 0.0
    refused: int = 0


def table(heads: SequenceOf[str], rows: Iterable[SequenceOf[str]]) -> None:
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    print(flush=True)


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


# --- Bach -------------------------------------------------------------------------------------------------------------


def bach_on_bach(bach: Bach) -> None:
    rows, made = [], [Made("Bach, training", bach.train, bach.train)]
    for split, scores in (("validation", bach.validation), ("test", bach.test)):
        made.append(Made(f"Bach, {split}", scores, scores))
        for name, normal, known in (("in normal key", True, bach.known), ("as written", False, bach.written)):
            chords = [beat_chords(score, normal=normal) for score in scores]
            tokens, types = origins(chords, known, [])
            shares = [percent(tokens.cited), percent(types.cited)]
            rows.append([f"{split}, {name}", str(len(scores)), *shares, *runs(shared_runs(chords, known))])
    print(f"## Bach against his {len(bach.train)} training chorales\n")
    table(["SATB chords", "chorales", "cited, tokens", "cited, types", *RUNS], rows)
    voice_leading_table(made)


def runs(lengths: SequenceOf[int]) -> list[str]:
    return [f"{np.median(lengths):g}", f"{np.percentile(lengths, 90):g}", str(max(lengths))]


# --- what is written --------------------------------------------------------------------------------------------------


def blank(score: Score) -> Sketch:
    return Sketch.harmonizing(replace(score, parts=()))


def melody(score: Score) -> Sketch:
    return Sketch.harmonizing(replace(score, parts=score.parts[:1]))


def written(
    model: Composer, ask: Callable[[Score], Sketch], asked: SequenceOf[Score], seed: int, temperature: float, n: int = 1
) -> Made:
    """``n`` completions of what is asked about each score; those that a model cannot do are told, and left out."""
    scores, references, refused = [], [], 0
    started = time.perf_counter()
    for number, reference in enumerate(asked):
        print(f"\r{model.name}: {ask.__name__} {number + 1} of {len(asked)} ", end="", file=sys.stderr, flush=True)
        try:
            scores += model.completions(ask(reference), n, seed=seed + number, temperature=temperature)
            references += [reference] * n
        except ComposerError as error:
            print(f"{reference.title}: {error}", file=sys.stderr)
            refused += 1
    print(file=sys.stderr)
    if not scores:
        sys.exit(f"{model.name} completed none")
    return Made(model.name, scores, references, time.perf_counter() - started, refused)


class Independent:
    """Each lower voice drawn on every beat from what training has there with the soprano's pitch and the beat of the
    bar, in normal key and mode; with the pitch alone, or at all, where that was never seen.
    """

    def __init__(self, train: Iterable[Score]) -> None:
        self.seen: defaultdict[tuple[object, ...], Counter[int]] = defaultdict(Counter)
        for score in train:
            for chord, places in zip(beat_chords(score).tolist(), _places(score, beat_chords(score)), strict=True):
                for voice in (1, 2, 3):
                    for place in places:
                        self.seen[voice, *place][chord[voice]] += 1

    def harmonised(self, score: Score, rng: np.random.Generator) -> Score:
        """A score with its first part, and three drawn ones in beats."""
        ticks = beats(score)
        lasting, tonic = np.diff(np.append(ticks, score.end)), tonics(score, ticks, relative=True)
        places = _places(score, beat_chords(score))
        parts = [score.parts[0]]
        for voice in (1, 2, 3):
            drawn = np.array([self._draw(voice, known, rng) for known in places])
            heard = drawn != SILENT
            parts.append(Part.of(ticks[heard], (drawn + tonic)[heard], lasting[heard]))
        return replace(score, parts=tuple(parts))

    def _draw(self, voice: int, places: list[tuple[object, ...]], rng: np.random.Generator) -> int:
        counts = next(self.seen[voice, *place] for place in places if self.seen.get((voice, *place)))
        return int(rng.choice(list(counts), p=np.array(list(counts.values())) / counts.total()))


def _places(score: Score, chords: np.ndarray) -> list[list[tuple[object, ...]]]:
    """For each beat what is known of it, the most telling first."""
    ticks = beats(score)
    bars = felt_bars(score)[np.searchsorted(score.barlines, ticks, "right") - 1]
    beat = ((ticks - bars) // score.meter.beat).tolist()
    mode = [score.key_at(int(tick)).mode for tick in ticks]
    known = zip(mode, chords[:, 0].tolist(), beat, strict=True)
    return [[(mode, pitch, beat), (mode, pitch), (mode,)] for mode, pitch, beat in known]


def independent(bach: Bach, seed: int) -> Made:
    started = time.perf_counter()
    model, rng = Independent(bach.train), np.random.default_rng(seed)
    scores = [model.harmonised(score, rng) for score in bach.test]
    return Made("independent voices", scores, bach.test, time.perf_counter() - started)


# --- what is asked ----------------------------------------------------------------------------------------------------


def chord_table(bach: Bach, made: SequenceOf[Made]) -> None:
    heads = ["", "cited", "re-discovered", "invented", "types: cited", "re-discovered", "invented"]
    heads += [*RUNS, "s a piece", "refused"]
    rows = []
    for one in made:
        chords = [beat_chords(score) for score in one.scores]
        shares = [percent(share) for origin in origins(chords, bach.known, bach.hidden) for share in origin]
        seconds = f"{one.seconds / len(one.scores):.2f}"
        rows.append([one.name, *shares, *runs(shared_runs(chords, bach.known)), seconds, str(one.refused)])
    table(heads, rows)


def moment_table(bach: Bach, made: SequenceOf[Made]) -> list[tuple[str, dict[str, Moments]]]:
    """Prints correlations, and returns what the plot shows."""
    found = []
    for one in made:
        counts = pair_counts(map(sixteenths, one.scores), PAIRS)
        kinds = {"all": PAIRS, **SHOWN}.items()
        shown = {kind: moments({pair: bach.pairs[pair] for pair in pairs}, counts) for kind, pairs in kinds}
        found.append((one.name, shown))
    rows = [[name, *(f"{m.correlation:.4f}" for m in shown.values())] for name, shown in found]
    table(["correlation of pair frequencies with training", "all", *SHOWN], rows)
    return found


def voice_leading_table(made: SequenceOf[Made]) -> None:
    rows = [[one.name, *(f"{rate:.2f}" for rate in rates(one.scores).values())] for one in made]
    table(["errors per 1,000 pairs of voices that move at once", *KINDS], rows)


def agreement_table(made: SequenceOf[Made]) -> None:
    heads = ["as in Bach", "alto", "tenor", "bass", "whatever the octave: alto", "tenor", "bass", "chords"]
    rows = []
    for one in made:
        found: Agreement = agreement(one.scores, one.references)
        shares = [*found.pitches[1:], *found.pitch_classes[1:], found.chords]
        rows.append([one.name, *map(percent, shares)])
    table(heads, rows)


def plot(found: SequenceOf[tuple[str, dict[str, Moments]]], path: Path) -> None:
    """Samples against training, a point for each pair of values of two cells; what no sample has is at the bottom."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6 * len(found), 4.8), layout="constrained")
    low, high = 3e-6, 1.0
    for axes, (name, shown) in zip(figure.subplots(1, len(found), squeeze=False)[0], found, strict=True):
        axes.plot([low, high], [low, high], color="0.5", linewidth=0.8)
        for kind in SHOWN:
            m = shown[kind]
            label = f"{kind}: {m.correlation:.3f}"
            axes.plot(m.observed, np.maximum(m.expected, low), ".", markersize=2, alpha=0.4, label=label)
        axes.set(
            title=f"{name}: {shown['all'].correlation:.3f}",
            xlabel="frequency in training",
            ylabel="frequency in samples",
        )
        axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low * 0.8, high), aspect="equal")
        axes.legend(fontsize=7, markerscale=4, title="correlation", title_fontsize=7)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="*", default=["chorales-markov"], help="names or .safetensors files")
    parser.add_argument("--pieces", type=int, default=1000, help="at most so many test chorales")
    parser.add_argument("--frames", type=int, default=70, help="of training chorales, for the statistics of pairs")
    parser.add_argument("--samples", type=int, default=4, help="on each of them")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--plot", type=Path, help="a PNG of the pairs' frequencies, samples against training")
    asked = parser.parse_args()
    models = [Composer.load(name) for name in asked.models]
    bach = Bach(asked.pieces)
    bach_on_bach(bach)
    frames = bach.train[:: -(-len(bach.train) // asked.frames)]
    own = Made("Bach, test", bach.test, bach.test)
    samples, harmonised = [own], [own, independent(bach, asked.seed)]
    pairs = [own, Made(f"Bach, {len(frames)} chorales of training", frames, frames)]
    for model in models:
        samples.append(written(model, blank, bach.test, asked.seed, asked.temperature))
        pairs.append(written(model, blank, frames, asked.seed + len(bach.test), asked.temperature, asked.samples))
        harmonised.append(written(model, melody, bach.test, asked.seed, asked.temperature))
    print("## Samples on the frames of the test chorales\n")
    chord_table(bach, samples)
    voice_leading_table(samples)
    print(f"## Pairs: {asked.samples} samples on the frames of each of {len(frames)} training chorales\n")
    found = moment_table(bach, pairs)
    print("## The test melodies harmonised\n")
    chord_table(bach, harmonised)
    voice_leading_table(harmonised)
    agreement_table(harmonised[1:])
    if asked.plot:
        plot(found, asked.plot)


if __name__ == "__main__":
    main()
