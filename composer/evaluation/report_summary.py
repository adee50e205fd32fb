"""What a report comes to, in sentences for musicians, by rule from its figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from composer.evaluation.judgement import Judgement, Span, Verdict
from composer.evaluation.report_rows import curve_at, known, percent, seconds, within

PASSAGE = 4  # bars of the passages that are asked about copying


def summary(verdict: Verdict) -> Iterator[str]:
    """Which model to use, is it any good, is it copying: a sentence or two each; none where nothing can be said."""
    yield from _likeness(verdict)
    yield from _statistics(verdict["judgements"])
    yield from _wishes(verdict["judgements"])
    yield from _copying(verdict)


def _likeness(verdict: Verdict) -> Iterator[str]:
    models = [model for model in verdict["judgements"] if known(model["discrimination"]["auc"]["value"])]
    if not models:
        return
    ranked = sorted(models, key=lambda model: model["discrimination"]["auc"]["value"])
    best = ranked[0]["discrimination"]["auc"]
    tied = [model["model"] for model in ranked if model["discrimination"]["auc"]["value"] <= best["high"]]
    names = _listed(tied or [ranked[0]["model"]])
    times = _hundred(best["value"])
    unsure = "" if verdict["reference"]["counts"] else " But the judge failed its own test, so this does not count."
    if len(models) == 1:
        said = f"Shown one real piece and one of {names}, the judge picks out the composed one {times} times in 100"
        yield f"{said}; guessing would give 50.{unsure}"
        return
    alike = "are closest to the real music, too close to each other to choose" if len(tied) > 1 else (
        "is closest to the real music"
    )  # fmt: skip
    worst = ranked[-1]
    yield (
        f"Use {names} for music like that of the corpus: {'they' if len(tied) > 1 else 'it'} {alike}. Shown one real "
        f"piece and one of {ranked[0]['model']}, the judge picks out the composed one {times} times in 100 "
        f"({worst['model']}: {_hundred(worst['discrimination']['auc']['value'])}); guessing would give 50.{unsure}"
    )


def _hundred(share: float) -> int:
    return round(100 * share)


def _statistics(models: Sequence[Judgement]) -> Iterator[str]:
    told = [
        f"{model['model']} in {sum(map(within, model['distances']))} of {len(model['distances'])}"
        for model in models
        if model["distances"]
    ]
    if told:
        yield f"As close to unseen real music as the music it learned from is, in the statistics: {_listed(told)}."


def _wishes(models: Sequence[Judgement]) -> Iterator[str]:
    there = [model for model in models if model["flexibility"]]
    if there:
        best = max(there, key=lambda model: (_done(model), -max(one["seconds"] for one in model["flexibility"])))
        asked = sum(one["asked"] for one in best["flexibility"])
        done = sum(one["completed"] for one in best["flexibility"])
        time = max(one["seconds"] for one in best["flexibility"])
        use = f"Use {best['model']} where you ask for much" if len(there) > 1 else f"{best['model']} was asked for much"
        yield f"{use}: it completed {done} of {asked} sketches full of wishes, in {seconds(time)} or so each."
    for model in there:
        broken = sum(one["completed"] - one["satisfied"] for one in model["flexibility"])
        if broken:
            yield f"{model['model']} broke wishes in {broken} sketches; that must not be."


def _done(model: Judgement) -> float:
    asked = sum(one["asked"] for one in model["flexibility"])
    return sum(one["satisfied"] for one in model["flexibility"]) / asked if asked else 0.0


def _copying(verdict: Verdict) -> Iterator[str]:
    real = curve_at(verdict["reference"]["novelty"], PASSAGE)
    if real is None or not known(real["value"]):
        return
    more: list[str] = []
    less: list[str] = []
    for model in verdict["judgements"]:
        found = curve_at(model["novelty"], PASSAGE)
        if found is not None and known(found["value"]):
            (more if _copies(found, real) else less).append(f"{model['model']} ({percent(1 - found['value'])})")
    usual = f"of real pieces that it never saw, {percent(1 - real['value'])} of the {PASSAGE}-bar passages stand there"
    if less:
        yield f"No more of the training music than is usual is in the music of {_listed(less)}: {usual}."
    if more:
        yield f"More than is usual is copied by {_listed(more)}" + (f": {usual}." if not less else ".")


def _copies(found: Span, real: Span) -> bool:
    """Whether fewer passages are new than in real music, by more than chance."""
    return found["value"] < (real["low"] if known(real["low"]) else real["value"])


def _listed(words: Sequence[str]) -> str:
    """
    >>> _listed(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
