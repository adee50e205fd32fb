"""What the judge asks: tasks of some seconds each, for any process, in which a corpus is made ready once."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from composer.corpora import load
from composer.encodings.base import Encoding
from composer.encodings.melody import Melody
from composer.encodings.voices import Voices
from composer.errors import UsageError
from composer.evaluation import suites
from composer.evaluation.discriminator import FOLDS, discriminate
from composer.evaluation.distances import Tally, compared, tally
from composer.evaluation.flexibility import flexibility
from composer.evaluation.foils import CAUGHT, JS_FAKES, read_js_fakes, shuffled_bars, without_restrikes
from composer.evaluation.judgement import Discrimination, Example, Flexibility, HeldOut, Reference
from composer.evaluation.library import Library
from composer.evaluation.likelihood import Foretold, foretold, held_out
from composer.evaluation.novelty import novelty
from composer.evaluation.pages import blank_pages, page_of, plain, seen
from composer.evaluation.statistics import traits
from composer.evaluation.suites import Case
from composer.evaluation.tunes import well_made
from composer.evaluation.voice_leading import rates
from composer.io.abc import dumps
from composer.pipeline import Composer
from composer.score import Score
from composer.sketch import Sketch

VIEWS: dict[int, Encoding] = {1: Melody(), 4: Voices()}  # through which all music is seen, by voices
JOBS = {1: ("tune", "vary"), 4: ("harmonize", "vary")}
COMPLETIONS = {1: 5, 4: 4}  # of each blank page, by voices
APART = 1_000_003  # between the seeds of the pages of one run and the next
FEW = 100  # held-out pieces; where the test split has fewer, the validation split joins it
LEAST = 10  # held-out pieces
EXAMPLES = 2  # the first ones, as they came

T = TypeVar("T")


class Question(NamedTuple):
    """What is asked about a corpus, the same of every model of so many voices; ``foils`` is a folder, or nothing."""

    corpus: str
    voices: int
    samples: int
    seed: int
    foils: str


class Music(NamedTuple):
    """A corpus, as judges see it."""

    training: list[Score]
    held_out: list[Score]
    groups: list[str]  # of variants, of the held-out pages
    written: list[Score]  # held-out, as they stand in the corpus; also those that make no plain page
    split: str
    library: Library  # of the training pieces


@functools.cache
def music(corpus: str, voices: int) -> Music:
    """The music of a corpus for so many voices; raises :class:`UsageError` if too little is held out."""
    found, view = load(corpus), VIEWS[voices]
    several = sum(piece.split == "test" for piece in found) < FEW
    splits = ("test", "validation") if several else ("test",)
    scores = ((piece, view.normalize(piece.score).score) for piece in found)
    heard = [(piece, score) for piece, score in scores if any(map(len, score.parts))]
    unseen = [(piece, score) for piece, score in heard if piece.split in splits]
    pages = [(piece.group, page) for piece, score in unseen if (page := page_of(score))]
    if len(pages) < LEAST:
        raise UsageError(f"{found.name}: only {len(pages)} pieces are held out, too few to judge by; give more files")
    trained = [(piece, score) for piece, score in heard if piece.split == "train"]
    library = Library.of(
        found.name,
        [piece.id for piece, _ in trained],
        [piece.title for piece, _ in trained],
        (score for _, score in trained),
    )
    return Music(
        [page for _, score in trained if (page := page_of(score))],
        [page for _, page in pages],
        [group for group, _ in pages],
        [piece.score for piece, _ in unseen],
        " and ".join(splits),
        library,
    )


def pages_of(question: Question) -> int:
    """How many blank pages are completed."""
    return -(-question.samples // COMPLETIONS[question.voices])


# --- one model --------------------------------------------------------------------------------------------------------


@functools.cache
def _composer(file: str) -> Composer:
    return Composer.load(file)


@functools.cache
def _sketches(question: Question) -> list[Sketch]:
    """The blank pages that every model completes."""
    known = music(question.corpus, question.voices)
    return blank_pages(known.training, pages_of(question), question.seed)


def compose(question: Question, file: str, first: int, pages: int) -> tuple[list[Score], float]:
    """What a model writes on some of the blank pages, from the ``first`` on, and the seconds that it took."""
    composer = _composer(file)
    sketches = _sketches(question)[first : first + pages]
    started = time.perf_counter()
    scores = [
        score
        for number, sketch in enumerate(sketches, first)
        for score in composer.completions(sketch, COMPLETIONS[question.voices], seed=question.seed * APART + number)
    ]
    return scores, time.perf_counter() - started


def foretell(question: Question, file: str) -> tuple[list[Foretold], HeldOut, float]:
    """How well a model foretells held-out music, piece by piece and in all, and the seconds that it took."""
    composer, scores = _composer(file), music(question.corpus, question.voices).written
    started = time.perf_counter()
    pieces = foretold(composer.encoding, composer.generator, scores)
    figure = held_out(composer.encoding, composer.generator, scores, pieces)
    return pieces, figure, time.perf_counter() - started


def bend(question: Question, file: str, job: str) -> tuple[Flexibility, float]:
    """What becomes of a suite of sketches, and the seconds that it took."""
    composer = _composer(file)
    cases = _suite(question.corpus, question.voices, job)
    started = time.perf_counter()
    found = flexibility(composer, job, cases, seed=question.seed)
    return found, time.perf_counter() - started


@functools.cache
def _suite(corpus: str, voices: int, job: str) -> list[Case]:
    if job == "tune":
        return suites.tune()
    scores = music(corpus, voices).written
    return suites.harmonize(scores) if job == "harmonize" else suites.vary(scores)


def measure(question: Question, model: str, scores: list[Score]) -> dict[str, Any]:
    """What is said of the scores that a model composed, page after page: the parts of a judgement that need nothing but
    these, and their seconds. Raises :class:`UsageError` where too few of the pages have notes.
    """
    known, voices, seed = music(question.corpus, question.voices), question.voices, question.seed
    sounding = [
        (number // COMPLETIONS[voices], page) for number, score in enumerate(scores) for page in _seen(score, voices)
    ]
    pages, composed = [number for number, _ in sounding], [page for _, page in sounding]
    if len(set(pages)) < FOLDS:
        raise UsageError(f"{model}: wrote notes on {len(set(pages))} of its pages, too few to judge; leave it out")
    real, training = _counted(question.corpus, voices)
    seconds: dict[str, float] = {}

    def timed(name: str, work: Callable[[], T]) -> T:
        started = time.perf_counter()
        found = work()
        seconds[name] = time.perf_counter() - started
        return found

    return {
        "distances": timed("distances", lambda: compared(real, tally(composed, voices, pages), training, seed)),
        "discrimination": timed("discriminator", lambda: _told_apart(known, composed, voices, seed, pages)),
        "novelty": timed("novelty", lambda: novelty(composed, known.library, seed, pages)),
        "voice_leading": timed("voice leading", lambda: rates(composed)) if voices > 1 else None,
        "tunes": timed("tunes", lambda: well_made(composed)) if voices == 1 else None,
        "examples": [_example(score, known.library, number) for number, score in enumerate(scores[:EXAMPLES], 1)],
        "seconds": seconds,
    }


def _seen(score: Score, voices: int) -> list[Score]:
    return seen([score], VIEWS[voices])


@functools.cache
def _counted(corpus: str, voices: int) -> tuple[list[Tally], list[Tally]]:
    """What the statistics count in held-out music, and in the training music."""
    known = music(corpus, voices)
    return tally(known.held_out, voices, known.groups), tally(known.training, voices)


def _told_apart(
    known: Music, others: list[Score], voices: int, seed: int, pages: list[int] | None = None
) -> Discrimination:
    (real, names), (other, _) = (traits(scores, voices) for scores in (known.held_out, others))
    return discriminate(real, other, names, seed=seed, real_groups=known.groups, composed_groups=pages)


def _example(score: Score, library: Library, number: int) -> Example:
    title = f"Page {number}"
    copied = library.match(score)
    return {"title": title, "abc": dumps(score.with_metadata(title=title)).decode(), "copied": copied}


# --- the corpus itself ------------------------------------------------------------------------------------------------


def reference(question: Question) -> Reference:
    """What is said of the held-out music itself, and of foils."""
    known, voices = music(question.corpus, question.voices), question.voices
    foils, missing = _foils(question, known)
    return {
        "corpus": known.library.corpus,
        "training": len(known.training),
        "held_out": len(known.held_out),
        "split": known.split,
        "novelty": novelty(known.held_out, known.library, question.seed, known.groups),
        "voice_leading": rates(known.held_out) if voices > 1 else None,
        "tunes": well_made([VIEWS[1].normalize(score).score for score in known.written]) if voices == 1 else None,
        "foils": foils,
        "missing": missing,
        "counts": not missing and all(foil["auc"]["value"] >= CAUGHT for foil in foils.values()),
    }


def _foils(question: Question, known: Music) -> tuple[dict[str, Discrimination], list[str]]:
    """How well the judge tells foils from held-out music, and which foils were not at hand."""
    voices, seed = question.voices, question.seed
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(known.training), min(question.samples, len(known.training)), replace=False)
    shuffled = [plain(shuffled_bars(known.training[number], rng)) for number in sorted(chosen.tolist())]
    found = {"shuffled bars": _told_apart(known, shuffled, voices, seed)}
    if voices == 1:
        return found, []
    file = foil_file(question)
    if file is None:
        return found, ["js_fakes: say with --foils in which folder they are"]
    merged = known._replace(held_out=list(map(without_restrikes, known.held_out)))
    found["js_fakes"] = _told_apart(merged, read_js_fakes(file.parent), voices, seed)
    return found, []


def foil_file(question: Question) -> Path | None:
    """Where js_fakes are, of choirs."""
    return Path(question.foils) / JS_FAKES if question.foils and question.voices > 1 else None
