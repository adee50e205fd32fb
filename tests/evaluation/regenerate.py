"""Golden values of every metric on tiny scores: ``python tests/evaluation/regenerate.py`` writes them anew.

One function a family of metrics, in :data:`FAMILIES`; each returns what JSON can hold. A change of golden.json says
that a metric says something else of the same music: look at each before it is committed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from evaluation.tiny import CHOIR, TUNE, doubled, inverted, out_of_key, shuffled, transposed, unended

from composer.evaluation.discriminator import discriminate
from composer.evaluation.distances import distances
from composer.evaluation.foils import without_restrikes
from composer.evaluation.library import Library
from composer.evaluation.novelty import novelty
from composer.evaluation.statistics import statistics, traits
from composer.evaluation.tunes import well_made
from composer.score import Score

GOLDEN = Path(__file__).with_name("golden.json")


def of_statistics() -> Any:
    """Every count."""
    return {
        name: {each.name: dict(sorted(each.count(score).items())) for each in statistics(len(score.parts))}
        for name, score in (("tune", TUNE), ("choir", CHOIR))
    }


def of_traits() -> Any:
    """Every trait."""
    found = {}
    for name, score in (("tune", TUNE), ("choir", CHOIR)):
        values, names = traits([score], len(score.parts))
        found[name] = dict(zip(names, values[0].tolist(), strict=True))
    return found


def of_distances() -> Any:
    """Every distance, and what is shown; not the intervals, which hang on numpy's random numbers."""
    found = {}
    for name, score in (("tune", TUNE), ("choir", CHOIR)):
        composed = [score, inverted(score), doubled(score)]
        real = [score, out_of_key(score)]
        for each in distances(real, composed, real, len(score.parts), seed=0):
            found[f"{name}: {each['name']}"] = {
                "distance": each["distance"]["value"], "real": each["real"], "composed": each["composed"],
            }  # fmt: skip
    return found


def of_discrimination() -> Any:
    """The AUC of what is wholly apart, and tells; no other AUC, which hangs on the trees of a library."""
    steps = np.arange(120.0).reshape(40, 3) % 7
    found = discriminate(steps[:20], steps[20:] + np.array([9.0, 0.0, 3.0]), ["high", "same", "higher"], seed=0)
    return {"auc": found["auc"]["value"], "tells": found["tells"]}


def of_foils() -> Any:
    """Notes that are struck again as one."""
    part = without_restrikes(Score.of([TUNE.parts[0]])).parts[0]
    return {"onset": part.onset.tolist(), "pitch": part.pitch.tolist(), "duration": part.duration.tolist()}


def of_novelty() -> Any:
    """What is new beside one piece, and the longest run shared with it; not the intervals."""
    found = {}
    for name, score in (("tune", TUNE), ("choir", CHOIR)):
        library = Library.of("tiny", [name], [name], [score])
        for change in (transposed, shuffled, inverted, doubled):
            new = dict(novelty([change(score), score], library))
            new["curve"] = [span["value"] for span in novelty([change(score), score], library)["curve"]]
            found[f"{name}, {change.__name__}"] = new | {"longest": library.match(change(score))}
    return found


def of_tunes() -> Any:
    """What is right and wrong with tunes, whichever program reads them."""
    found = well_made([TUNE, shuffled(TUNE), unended(TUNE), doubled(TUNE).transpose(12)])
    return {name: value for name, value in found.items() if name != "oracle"}


FAMILIES: dict[str, Callable[[], Any]] = {
    "statistics": of_statistics,
    "traits": of_traits,
    "distances": of_distances,
    "discrimination": of_discrimination,
    "foils": of_foils,
    "novelty": of_novelty,
    "tunes": of_tunes,
}


def rounded(value: Any) -> Any:
    """Floats to nine decimals, so that the file does not change with the machine."""
    if isinstance(value, float):
        return round(value, 9)
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    return [rounded(each) for each in value] if isinstance(value, list | tuple) else value


if __name__ == "__main__":
    made = {name: rounded(family()) for name, family in FAMILIES.items()}
    GOLDEN.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {GOLDEN}")
