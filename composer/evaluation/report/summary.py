"""What a report comes to, in sentences for musicians, by rule from its figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from composer.evaluation.foils import CAUGHT
from composer.evaluation.judgement import Judgement, Novelty, Span, Verdict
from composer.evaluation.report.rows import NONE, counted, curve_at, known, percent, seconds, within

FEW = 100  # pieces of a model; among fewer, chance hides much
PASSAGES = (8, 4, 2)  # bars of the passages that are looked for in the training music


def summary(verdict: Verdict) -> Iterator[str]:
    """Which model to use, is it any good, is it copying: a sentence or two each; none where nothing can be said."""
    yield from _likeness(verdict)
    yield from _statistics(verdict["judgements"])
    yield from _wishes(verdict["judgements"])
    yield from _copying(verdict)


def composed(models: Sequence[Judgement]) -> str:
    """What the models were asked to compose, so that it can be done again; empty for no models."""
    told = ", ".join(f"{model['model']} {model['samples']:,}" for model in models)
    seeds = " and ".join(dict.fromkeys(str(model["seed"]) for model in models))
    return f"Composed from blank sketches: {told}; seed {seeds}." if models else ""


def _likeness(verdict: Verdict) -> Iterator[str]:
    """Which is closest to the real music, and whether that is close: a foil is caught at the same figure."""
    models = [model for model in verdict["judgements"] if known(_auc(model)["value"])]
    if not models:
        return
    ranked = sorted(models, key=lambda model: _auc(model)["value"])
    best = ranked[0]
    tied = [model["model"] for model in ranked if _auc(model)["value"] <= _auc(best)["high"]] or [best["model"]]
    others = _listed([f"{model['model']} {_hundred(model)}" for model in ranked[1:]])
    if verdict["reference"]["counts"]:
        yield from _advice([model["model"] for model in ranked], tied, _auc(best)["value"])
    unsure = (
        "" if verdict["reference"]["counts"] else " But the judge has not passed its own test, so this does not count."
    )
    yield (
        f"Shown one real piece and one of {best['model']}, the judge picks out the composed one {_hundred(best)} times "
        f"in 100{f' ({others})' if others else ''}; guessing would give 50.{unsure}"
    )


def _advice(models: Sequence[str], tied: Sequence[str], auc: float) -> Iterator[str]:
    """Which to use, of models from the closest to the real music on, where that can be said."""
    if auc >= CAUGHT:
        whose = f"None of {_listed(models)} writes" if len(models) > 1 else f"{models[0]} does not write"
        yield f"{whose} music that the judge takes for that of the corpus."
    elif len(tied) > 1:
        yield f"Use {_listed(tied)} for music like that of the corpus: they are too close to each other to choose."
    elif len(models) > 1:
        yield f"Use {_listed(tied)} for music like that of the corpus."


def _auc(model: Judgement) -> Span:
    return model["discrimination"]["auc"]


def _hundred(model: Judgement) -> int:
    return round(100 * _auc(model)["value"])


def _statistics(models: Sequence[Judgement]) -> Iterator[str]:
    """In how many statistics each is as close as real music, the closest first, and whether that says anything."""
    close = {model["model"]: sum(map(within, model["distances"])) for model in models if model["distances"]}
    told = [f"{name} {close[name]}" for name in sorted(close, key=lambda name: -close[name])]
    if told:
        count = max(len(model["distances"]) for model in models)
        yield f"Of {count} statistics, as close to unseen real music as other real music is: {_listed(told)}."
    few = [f"{model['model']} {model['samples']}" for model in models if told and model["samples"] < FEW]
    if few:
        yield f"Too few pieces to say much, as chance hides what is different: {_listed(few)}."


def _wishes(models: Sequence[Judgement]) -> Iterator[str]:
    there = [model for model in models if model["flexibility"]]
    if there:
        best = max(there, key=lambda model: (_done(model), -max(one["seconds"] for one in model["flexibility"])))
        asked = sum(one["asked"] for one in best["flexibility"])
        done = sum(one["completed"] for one in best["flexibility"])
        time = max(one["seconds"] for one in best["flexibility"])
        equals = [model["model"] for model in there if _done(model) == _done(best)]
        how = f"completed {done} of {asked} sketches full of wishes"
        if len(equals) > 1:
            quickest = f"{best['model']} is the quickest, at {seconds(time)} or so each"
            yield f"Each of {_listed(equals)} {how}; {quickest}."
        else:
            use = f"Use {best['model']} where you ask for much: it" if len(there) > 1 else best["model"]
            yield f"{use} {how}, in {seconds(time)} or so each."
    for model in there:
        broken = sum(one["completed"] - one["satisfied"] for one in model["flexibility"])
        if broken:
            yield f"{model['model']} broke wishes in {counted(broken, 'sketch', 'sketches')}; that must not be."


def _done(model: Judgement) -> float:
    asked = sum(one["asked"] for one in model["flexibility"])
    return sum(one["satisfied"] for one in model["flexibility"]) / asked if asked else 0.0


def _copying(verdict: Verdict) -> Iterator[str]:
    """Whether more of the training music comes back than real pieces share with it, beyond chance, at any length."""
    real = verdict["reference"]["novelty"]
    usual: list[str] = []
    for model in verdict["judgements"]:
        there = [bars for bars in PASSAGES if _known(curve_at(model["novelty"], bars)) and _known(curve_at(real, bars))]
        copied = [bars for bars in there if _copies(curve_at(model["novelty"], bars), curve_at(real, bars))]
        if copied:
            share = _shared(model["novelty"], copied[0])
            yield (
                f"{model['model']} copies: {share} of its {copied[0]}-bar passages stand "
                f"in the training music, of unseen real music {_shared(real, copied[0])}."
            )
        elif there:
            usual.append(model["model"])
        if model["novelty"]["near_duplicates"] > real["near_duplicates"]:
            near = percent(model["novelty"]["near_duplicates"])
            yield (
                f"{near} of the pieces of {model['model']} are near-duplicates of one training piece each, of real "
                f"ones {percent(real['near_duplicates'])}."
            )
    if usual:
        yield f"Not copying more than real pieces share with each other: {_listed(usual)}."


def _known(found: Span | None) -> bool:
    return found is not None and all(map(known, (found["value"], found["low"], found["high"])))


def _copies(found: Span | None, real: Span | None) -> bool:
    """Whether fewer passages are new than in real music, by more than chance."""
    return found is not None and real is not None and found["high"] < real["low"]


def _shared(found: Novelty, bars: int) -> str:
    at = curve_at(found, bars)
    return percent(1 - at["value"]) if at else NONE


def _listed(words: Sequence[str]) -> str:
    """
    >>> _listed(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
