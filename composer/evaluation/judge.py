"""The judge: every model of a corpus on three axes, after Hadjeres, Sakellariou and Pachet (2016): statistical
accuracy, flexibility, generalisation. All answer the same questions about the same music
(:mod:`composer.evaluation.judging`).

What is said of one model does not depend on the others, so it is kept in the user's cache until the model, the corpus,
the code or the question changes. Work goes to as many processes as there are cores, in tasks that are the same however
many there are.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import time
import warnings
from collections.abc import Sequence
from concurrent.futures import Future
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

from composer import __version__
from composer.corpora import cache, load
from composer.corpora.base import Corpus, Progress
from composer.errors import UsageError
from composer.evaluation import judging
from composer.evaluation.abc_check import oracle
from composer.evaluation.judgement import Judgement, Reference, Report, Verdict
from composer.evaluation.judging import JOBS, Question
from composer.evaluation.likelihood import Foretold, compare
from composer.evaluation.workers import Workers
from composer.machine import processor
from composer.pipeline import BENCHMARK, Composer
from composer.registry import CORPORA
from composer.shipped import model_names

SAMPLES = {1: 500, 4: 100}  # pieces composed, by voices
CHUNK = 25  # blank pages in one task
OUTSIDE = ("cli", "live", "harmonizing")  # packages that judgements do not depend on
LIBRARIES = ("numpy", "scipy", "scikit-learn", "torch")


class Candidate(NamedTuple):
    """A model to be judged; ``file`` is what loads it, a name or a path."""

    file: str
    name: str
    digest: str
    corpus: str
    generator: str
    encoding: str
    voices: int


class Told(TypedDict):
    """What is kept of one model: its judgement, and what it foretold, piece by piece."""

    judgement: Judgement
    foretold: list[list[Any]]


def candidates(files: Sequence[str] = (), generators: Sequence[str] = ()) -> list[Candidate]:
    """The models of ``files``, names or paths, or else all that can be loaded by name; only those of certain
    ``generators`` if any are named. Raises :class:`UsageError` for one that cannot be judged, or if none is left.
    """
    found = []
    for file in dict.fromkeys(files or model_names()):
        composer = Composer.load(file)
        encoding, generator = composer.encoding, composer.generator.name
        voices = encoding.width if encoding.name == "voices" else 1
        fit = composer.info.get("use") != BENCHMARK and voices in SAMPLES and encoding.name != "pianoroll"
        if files and not fit:
            raise UsageError(f"{file}: cannot be judged; the judge knows models that compose for one voice or for four")
        if fit and (not generators or generator in generators):
            corpus = str(composer.info.get("corpus", ""))
            found.append(Candidate(str(file), composer.name, composer.digest, corpus, generator, encoding.name, voices))
    if not found:
        kind = " or ".join(generators) or "any kind"
        raise UsageError(
            f"none of {', '.join(files)} is of {kind}"
            if files
            else f"there is no model of {kind}: `composer train` makes one"
        )
    return found


def judge(
    models: Sequence[Candidate],
    corpora: Sequence[str] = (),
    *,
    samples: int | None = None,
    seed: int = 0,
    foils: Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """Judge models on the corpora that they were trained on and that have a name here, or only on those of ``corpora``,
    names or paths.

    ``samples`` pieces are composed by each, or as many as :data:`SAMPLES` says; ``foils`` is a folder that holds
    js_fakes. Other processes work: a script that calls this needs an ``if __name__ == "__main__"`` guard. Raises
    :class:`UsageError`, and what reading corpora raises.
    """
    started = time.perf_counter()
    asked: dict[Question, list[Candidate]] = {}
    digests: dict[str, str] = {}
    for name in dict.fromkeys(corpora or _known(models)):
        corpus = load(name)
        digests[name] = _digest_of(corpus)
        mine = [model for model in models if model.corpus == corpus.name]
        if not mine:
            raise UsageError(f"{name}: none of these models was trained on it; `composer train` makes one")
        for model in mine:
            question = Question(name, model.voices, samples or SAMPLES[model.voices], seed, str(foils or ""))
            asked.setdefault(question, []).append(model)
    if foils is not None:
        _look_for(foils, list(asked))
    with Workers(progress) as workers:
        begun = [
            (
                _reference(workers, question, digests[question.corpus]),
                [_told(workers, question, digests[question.corpus], model) for model in mine],
            )
            for question, mine in asked.items()
        ]
        verdicts = [_verdict(workers.wait(reference), list(map(workers.wait, told))) for reference, told in begun]
    return {
        "software": f"composer {__version__}",
        "machine": f"{processor()}, {os.cpu_count()} cores",
        "seconds": round(time.perf_counter() - started, 1),
        "verdicts": verdicts,
    }


def _look_for(foils: Path, questions: list[Question]) -> None:
    """Refuse a folder of foils that is not needed, or lacks them; raises :class:`UsageError`."""
    files = [file for question in questions if (file := judging.foil_file(question))]
    if not files:
        raise UsageError(f"--foils {foils}: js_fakes are chorales, and none of these models sings in four voices")
    if lost := next((file for file in files if not file.is_file()), None):
        raise UsageError(f"--foils {foils}: there is no {lost.name} in it")


def _known(models: Sequence[Candidate]) -> list[str]:
    """The corpus of each model that can be loaded by name; models of others are left out, which is said."""
    own = [model for model in models if model.corpus not in CORPORA]
    if own:
        names = ", ".join(f"{model.name} ({model.corpus})" for model in own)
        said = f"{names}: not judged; say with --corpus in which folder the music is that it learned from"
        if len(own) == len(models):
            raise UsageError(said)
        warnings.warn(said, stacklevel=3)
    return [model.corpus for model in models if model.corpus in CORPORA]


def _reference(workers: Workers, question: Question, digest: str) -> Future[Reference]:
    """What is said of the corpus itself."""
    key = _key("reference", question, digest, _stamp(judging.foil_file(question)))
    return workers.kept(key, 1, lambda: workers.task(judging.reference, question).result())


def _told(workers: Workers, question: Question, digest: str, model: Candidate) -> Future[Told]:
    pages = range(0, judging.pages_of(question), CHUNK)
    jobs = JOBS[question.voices]

    def tell() -> Told:
        bending = [workers.task(judging.bend, question, model.file, job) for job in jobs]  # first, as they take longest
        composing = [workers.task(judging.compose, question, model.file, page, CHUNK) for page in pages]
        foretelling = workers.task(judging.foretell, question, model.file)
        composed, seconds = zip(*(future.result() for future in composing), strict=True)
        scores = [score for part in composed for score in part][: question.samples]
        measured = workers.task(judging.measure, question, model.name, scores).result()
        pieces, held_out, took = foretelling.result()
        flexibility = [future.result() for future in bending]
        spent = {"composing": sum(seconds), "held-out music": took, **measured.pop("seconds")}
        spent |= {one[0]["job"]: one[1] for one in flexibility}
        judgement: Any = {
            "model": model.name,
            "generator": model.generator,
            "encoding": model.encoding,
            "digest": model.digest,
            "samples": len(scores),
            "seed": question.seed,
            "held_out": held_out,
            "flexibility": [one[0] for one in flexibility],
            **measured,
            "seconds": {name: round(value, 2) for name, value in spent.items()},
        }
        return {"judgement": judgement, "foretold": [list(piece) for piece in pieces]}

    return workers.kept(_key("model", question, digest, model.name, model.digest), len(pages) + len(jobs) + 2, tell)


def _verdict(reference: Reference, told: list[Told]) -> Verdict:
    judgements = [one["judgement"] for one in told]
    names = [str(number) for number in range(len(told))]
    figures = {name: judgement["held_out"] for name, judgement in zip(names, judgements, strict=True)}
    pieces = [[Foretold(*row) for row in one["foretold"]] for one in told]
    compare(figures, dict(zip(names, pieces, strict=True)))
    return {"reference": reference, "judgements": judgements}


# --- what answers depend on -------------------------------------------------------------------------------------------


def _key(kind: str, question: Question, *digests: str) -> str:
    """The name under which an answer is kept."""
    asked = list(question._replace(foils=""))
    programs = [oracle(), *map(version, LIBRARIES), __version__, _code()]
    text = json.dumps([kind, asked, list(digests), programs])
    return f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def _stamp(file: Path | None) -> str:
    """Which file of foils this is; empty if there is none."""
    if file is None or not file.is_file():
        return ""
    return f"{file.stat().st_size} {file.stat().st_mtime_ns}"


@functools.cache
def _code() -> str:
    package = Path(__file__).resolve().parents[1]
    files = sorted(path for path in package.rglob("*.py") if path.relative_to(package).parts[0] not in OUTSIDE)
    return cache.checksum(files)


def _digest_of(corpus: Corpus) -> str:
    return corpus.origin.digest if corpus.origin else ""
