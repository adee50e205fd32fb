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
from composer.encodings.gridded import Gridded
from composer.errors import UsageError
from composer.evaluation.likelihood import likelihood, pseudo_nats
from composer.evaluation.survey import nothing_to_train_on, survey
from composer.evaluation.view import sounding, view
from composer.generators.base import Exact, Neural, Progress, Pseudo, Reporting
from composer.io import write_bytes
from composer.machine import first, processor
from composer.model_card import card, existing
from composer.pipeline import Composer
from composer.registry import ENCODINGS, GENERATORS, resolve
from composer.score import Score
from composer.training import Run, Trained

TOLD = 10  # pieces that an error tells of one by one
LOOKED_AT = 1_000  # pieces of a corpus, for how many voices they have
# by generator, for any corpus but the chorales, which are voices
ENCODED = {"markov": "melody", "maxent": "voices", "biaxial": "voices"}
BIAXIAL: dict[str, Any] = {  # on the grid of 16ths
    "degrees": True,
    "features": ("meter+position", "weight", "mode", "cadence", "bars_left+cadence"),
    "decays": (0.7, 0.93, 0.98),
    "recalls": (0.75, 0.92, 0.97),
    "widen": 7,
    "weight_decay": 0.01,
    "average": 0.998,
}
LINE: dict[str, Any] = {  # of whole events
    "order": 5,
    "features": ("meter", "position", "mode", "closing"),
    "nearest": 1,
    "serial": False,
}
# chosen on the validation split, likelihood and rhythm: benchmarks/RESULTS.md has the figures
RECIPES: dict[tuple[str, str], dict[str, Any]] = {
    ("markov", "melody"): LINE,
    ("markov", "abc_tokens"): LINE,
    ("markov", "voices"): {"order": 16, "features": ("position", "mode"), "nearest": 4, "serial": True},
    ("maxent", "voices"): {"rounds": 60},
    ("biaxial", "voices"): BIAXIAL | {"steps": 700, "batch": 8, "window": 128, "dropout": 0.2, "every": 175},
    ("biaxial", "one voice"): BIAXIAL
    | {
        "features": ("meter+position", "weight", "mode", "meter+closing", "phrase", "bars_left+cadence"),
        "periods": (16, 12, 64, 48, 128, 96),  # bars, and four and eight of them
        "steered": True,
        "widen": 2,
        "steps": 1500,
        "batch": 8,
        "window": 256,
        "dropout": 0.05,
        "every": 250,
    },
    ("biaxial", "pianoroll"): BIAXIAL | {"roll": True, "degrees": False, "dropout": 0.2},
    ("maxent", "one voice"): {
        "fields": ("meter+position", "weight", "mode", "tonic", "meter+closing", "phrase", "bars_left+cadence"),
        "rhythms": ("meter+position", "weight", "closing"),
        "lags": (1, 4, 6, 8, 12, 16),
        "iterations": 60,
        "rounds": 40,
    },
}
# by generator and name, over its recipe
CONFIGURATIONS: dict[tuple[str, str], dict[str, Any]] = {
    # Johnson 2015: two LSTMs of 300 along time and two along pitch (there of 100 and 50, here of 100), an octave around
    # every pitch, and nothing of what we added
    ("biaxial", "original"): {
        "time": "lstm",
        "along": "lstm",
        "hidden": 300,
        "width": 100,
        "reach": 12,
        "decays": (),
        "recalls": (),
        "steered": False,
        "rate": 1e-3,
    },
}


def train(
    corpus: Corpus,
    output: Path,
    *,
    generator: str = "markov",
    encoding: str | None = None,
    per_quarter: int | None = None,
    configuration: str | None = None,
    settings: list[str] | None = None,
    progress: Progress | None = None,
    run: Run | None = None,
    command: str = "",
) -> dict[str, Any]:
    """Fit a composer to the corpus's training split, write it to ``output``; returns what a model card says of it.

    The card is written beside it (``.md``), with the ``command`` that asked for it, and of a generator that is trained
    by gradient, as its ``run`` says, the learning curve (``.curve.png``). Under ``torchrun`` every process calls this;
    the first one writes, and the others return nothing.

    Without an ``encoding`` it is the generator's; columns of voices have as many as most of the pieces have parts, and
    columns are on a grid of ``per_quarter`` steps, None for that of 16ths. A ``configuration`` is a named set of
    hyperparameters over the recipe's, ``settings`` are ``NAME=VALUE``, over both. Raises :class:`UsageError` for
    unknown ones, and for a corpus that gives nothing to train on, with every reason counted.
    """
    name = encoding or ("voices" if corpus.name == "chorales" else ENCODED.get(generator, "melody"))
    if not len(corpus.train):
        why = nothing_to_train_on(survey(corpus))
        raise UsageError(f"{corpus.name}: has no pieces to train on: {why}; `composer corpora inspect` shows each file")
    encoding_options = _on_grid(name, per_quarter) | ({"voices": _voices(corpus)} if name == "voices" else {})
    composer = Composer.untrained(name, generator, encoding_options=encoding_options)
    recipe = RECIPES.get((generator, "one voice" if encoding_options.get("voices") == 1 else name), {})
    options = recipe | configured(generator, configuration) | set_values(composer.generator, settings or [])
    composer = Composer.untrained(name, generator, encoding_options=encoding_options, generator_options=options)
    seen = view(composer.encoding, corpus.train)
    if not seen.kept:
        why = ", ".join(f"{loss} in {count:,}" for loss, count in seen.left_out.items())
        raise UsageError(
            f"{corpus.name}: the encoding {name} keeps none of the {seen.notes:,} notes of {len(corpus.train):,} "
            f"pieces (it leaves out {why}: {_each(composer, corpus)}); choose another with --encoding"
        )
    before = existing(output.with_suffix(".md"))
    started = time.perf_counter()
    heard = (score for number, score in enumerate(corpus.train) if number not in seen.silent)
    validation, test = (sounding(composer.encoding, split) for split in (corpus.validation, corpus.test))
    held_out = {"validation": list(validation), "test": list(test)}
    composer = composer.fit(heard, validation=held_out["validation"], progress=progress, run=run)
    if not first():
        return {}
    seconds = time.perf_counter() - started
    info: dict[str, Any] = {
        "corpus": corpus.name,
        "licence": corpus.card.licence,
        "pieces": len(corpus.train) - len(seen.silent),
        "encoding": name,
        "encoding_options": encoding_options,
        "generator": generator,
        "settings": {name: list(v) if isinstance(v, tuple) else v for name, v in options.items()},
        "software": f"composer {__version__}",
    }
    if isinstance(composer.generator, Reporting):
        info["fit"] = composer.generator.report()
    trained = composer.generator.trained_ if isinstance(composer.generator, Neural) else None
    if trained is not None:
        info["trained"] = trained.told()
        if not held_out["validation"]:
            info["trained"]["validated_on"] = "the training split, as there is no other"
    info |= _measured(composer, held_out)
    data = composer.dumps(info)
    info["machine"] = dict(trained.machine) if trained else {"device": processor()}
    info["training_seconds"] = round(trained.seconds if trained else seconds, 2)
    write_bytes(data, output)
    files = write_beside(output, card(output.stem, info, command, corpus.card.split, before), trained)
    info["seen"] = seen._asdict() | {"silent": len(seen.silent)}
    return info | {"megabytes": round(len(data) / 2**20, 2), "file": str(output), "beside": files}


def configured(generator: str, name: str | None) -> dict[str, Any]:
    """The hyperparameters of a named configuration; raises :class:`UsageError` for a name that there is not."""
    if name is None:
        return {}
    if (generator, name) not in CONFIGURATIONS:
        known = ", ".join(known for owner, known in CONFIGURATIONS if owner == generator) or "none"
        raise UsageError(f"--configuration {name}: {generator} has {known}")
    return CONFIGURATIONS[generator, name]


def neural(generator: str) -> bool:
    """Whether a generator is trained by gradient, and so takes a device and a folder."""
    return generator in GENERATORS and hasattr(resolve(GENERATORS[generator]), "course")


def _on_grid(encoding: str, per_quarter: int | None) -> dict[str, int]:
    """The option of an encoding in columns; raises :class:`UsageError` for one that has no such grid."""
    if per_quarter is None:
        return {}
    if encoding in ENCODINGS and not issubclass(resolve(ENCODINGS[encoding]), Gridded):
        raise UsageError(f"{per_quarter} steps a quarter: {encoding} has a grid of its own; take voices or pianoroll")
    return {"per_quarter": per_quarter}


def write_beside(output: Path, page: str, trained: Trained | None) -> list[str]:
    """Write the model card, and the learning curve if there is one; returns their names."""
    files = [write_bytes(page.encode(), output.with_suffix(".md"))]
    if trained is not None:
        from composer.training.curve import dumps

        files.append(write_bytes(dumps(trained.curve, output.stem), output.with_suffix(".curve.png")))
    return [str(file) for file in files]


def _each(composer: Composer, corpus: Corpus) -> str:
    """Of every piece to train on what its encoding leaves out; of many the first."""
    pieces = [piece for piece in corpus if piece.split == "train"]
    told = [f"{piece.id} {', '.join(composer.encoding.normalize(piece.score).losses)}" for piece in pieces[:TOLD]]
    return "; ".join(told) + (f"; and {len(pieces) - TOLD:,} more" if len(pieces) > TOLD else "")


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


def set_values(generator: Any, settings: list[str]) -> dict[str, Any]:
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
