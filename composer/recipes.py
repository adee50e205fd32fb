"""Training by recipe: a corpus in, a measured model file out."""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from composer import __version__
from composer.corpora.base import Corpus
from composer.errors import UsageError
from composer.evaluation.likelihood import likelihood, pseudo_nats
from composer.evaluation.survey import nothing_to_train_on, survey
from composer.evaluation.view import sounding, view
from composer.generators.base import Exact, Progress, Pseudo, Reporting
from composer.io import write_bytes
from composer.pipeline import Composer
from composer.score import Score

LOOKED_AT = 1_000  # pieces of a corpus, for how many voices they have
ENCODED = {"markov": "melody", "maxent": "voices"}  # by generator, for any corpus but the chorales, which are voices
# chosen on the validation split, likelihood and rhythm: benchmarks/RESULTS.md has the figures
RECIPES: dict[tuple[str, str], dict[str, Any]] = {
    ("markov", "melody"): {"order": 5, "features": ("meter", "position", "mode"), "nearest": 1, "serial": False},
    ("markov", "abc_tokens"): {"order": 5, "features": ("meter", "position", "mode"), "nearest": 1, "serial": False},
    ("markov", "voices"): {"order": 16, "features": ("position", "mode"), "nearest": 4, "serial": True},
    ("maxent", "voices"): {"rounds": 60},
    ("maxent", "one voice"): {"lags": (1, 4, 6, 8, 12, 16), "iterations": 60, "rounds": 40},
}


def train(
    corpus: Corpus,
    output: Path,
    *,
    generator: str = "markov",
    encoding: str | None = None,
    settings: list[str] | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Fit a composer to the corpus's training split, write it to ``output``; returns what a model card says of it.

    Without an ``encoding`` it is the generator's; columns of voices have as many as most of the pieces have parts.
    ``settings`` are ``NAME=VALUE`` hyperparameters over the recipe's. Raises :class:`UsageError` for unknown ones, and
    for a corpus that gives nothing to train on, with every reason counted.
    """
    name = encoding or ("voices" if corpus.name == "chorales" else ENCODED.get(generator, "melody"))
    if not len(corpus.train):
        why = nothing_to_train_on(survey(corpus))
        raise UsageError(f"{corpus.name}: has no pieces to train on: {why}; `composer corpora inspect` shows each file")
    parts = {"voices": _voices(corpus)} if name == "voices" else {}
    composer = Composer.untrained(name, generator, encoding_options=parts)
    recipe = RECIPES.get((generator, "one voice" if parts == {"voices": 1} else name), {})
    options = recipe | _settings(composer.generator, settings or [])
    composer = Composer.untrained(name, generator, encoding_options=parts, generator_options=options)
    seen = view(composer.encoding, corpus.train)
    if not seen.kept:
        why = ", ".join(f"{loss} in {count:,}" for loss, count in seen.left_out.items())
        raise UsageError(
            f"{corpus.name}: the encoding {name} keeps none of the {seen.notes:,} notes of {len(corpus.train):,} "
            f"pieces (it leaves out {why}); choose another with --encoding"
        )
    started = time.perf_counter()
    heard = (score for number, score in enumerate(corpus.train) if number not in seen.silent)
    validation, test = (sounding(composer.encoding, split) for split in (corpus.validation, corpus.test))
    held_out = {"validation": list(validation), "test": list(test)}
    composer = composer.fit(heard, validation=held_out["validation"], progress=progress)
    seconds = time.perf_counter() - started
    info: dict[str, Any] = {
        "corpus": corpus.name,
        "licence": corpus.card.licence,
        "pieces": len(corpus.train) - len(seen.silent),
        "encoding": name,
        "generator": generator,
        "settings": {name: list(v) if isinstance(v, tuple) else v for name, v in options.items()},
        "software": f"composer {__version__}",
    }
    if isinstance(composer.generator, Reporting):
        info["fit"] = composer.generator.report()
    info |= _measured(composer, held_out)
    data = composer.dumps(info)
    write_bytes(data, output)
    info["seen"] = seen._asdict() | {"silent": len(seen.silent)}
    return info | {"training_seconds": round(seconds, 2), "megabytes": round(len(data) / 2**20, 2), "file": str(output)}


def _voices(corpus: Corpus) -> int:
    """How many parts, but for drums, most of the pieces have."""
    pieces = (corpus.train[number] for number in range(min(len(corpus.train), LOOKED_AT)))
    return max(1, Counter(sum(not part.drums for part in score.parts) for score in pieces).most_common(1)[0][0])


def _measured(composer: Composer, held_out: Mapping[str, Sequence[Score]]) -> dict[str, Any]:
    """By split what a generator's likelihood, or pseudo-likelihood, is; nothing if it has neither."""
    found: dict[str, Any] = {}
    for split, scores in held_out.items():
        sequences = map(composer.encoding.encode, scores)
        if isinstance(composer.generator, Exact):
            measured = likelihood(composer.generator, sequences)
            found[split] = measured._asdict() | {"nats_per_event": _rounded(measured.nats_per_event)}
        elif isinstance(composer.generator, Pseudo):
            found[split] = {"pseudo_nats_per_cell": _rounded(pseudo_nats(composer.generator, sequences))}
    return found


def _rounded(nats: float) -> float | None:
    """Four decimals; None, which JSON can say, where nothing was measured."""
    return None if math.isnan(nats) else round(nats, 4)


def _settings(generator: Any, settings: list[str]) -> dict[str, Any]:
    """``NAME=VALUE`` texts as keyword arguments of the generator, each of its field's type."""
    fields = {field.name: field for field in dataclasses.fields(generator) if field.init}
    chosen: dict[str, Any] = {}
    for setting in settings:
        name, sign, text = setting.partition("=")
        if not sign or name not in fields:
            raise UsageError(f"--set {setting}: {generator.name} has the settings {', '.join(fields)}")
        default = getattr(generator, name)
        if isinstance(default, tuple):
            chosen[name] = tuple(_value(setting, item, default[0]) for item in text.split(",") if item)
        elif text.lower() in ("none", "null") and "None" in str(fields[name].type):
            chosen[name] = None
        else:
            chosen[name] = _value(setting, text, default)
    return chosen


def _value(setting: str, text: str, default: Any) -> Any:
    try:
        value = text if isinstance(default, str) else json.loads(text.lower())
    except json.JSONDecodeError:
        value = None
    if type(value) is not type(default) and not (isinstance(default, float) and type(value) is int):
        raise UsageError(f"--set {setting}: {text!r} is not a value like {default!r}")
    return value
