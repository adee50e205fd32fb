"""The plots of a report's page, as figures in SVG; models are told apart by the colours ``m0``, ``m1`` and so on."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from composer.evaluation.foils import CAUGHT
from composer.evaluation.html import figure, text
from composer.evaluation.judgement import Distance, Judgement, Span, Verdict
from composer.evaluation.report.rows import known, number, percent, seconds, statistic
from composer.titles import one_line

COLOURS = 6
NAMED = 190  # units for the names beside rows
LETTERS = 34  # of such a name
LONG = 300  # units of an axis
STEP = 7  # units from one model's mark to the next within a row
BAR = 7  # units of one bar of a histogram
EDGE = 46  # units to the left of a histogram
HIGH = 110  # units of a histogram
MOST_VALUES = 16  # of a histogram
MOST_LETTERS = 18  # of a value
LEFT = 0.5  # times the noise floor, at the left end of the axis
LOWEST = 0.4  # AUC, at the left end of the axis


class Scale(NamedTuple):
    """An axis: where a value stands, 0 to 1, and the values that are named."""

    place: Callable[[float], float]
    ticks: dict[float, str]


class Mark(NamedTuple):
    """A figure of a row: its colour, where it is, its interval, and what is told when pointed at."""

    colour: str
    value: float
    low: float
    high: float
    told: str


class Line(NamedTuple):
    """A row of dots: its name, what is a matter of chance, and its marks."""

    name: str
    band: tuple[float, float] | None
    marks: list[Mark]


def colour(model: int) -> str:
    return f"m{model % COLOURS}"


def plots(verdict: Verdict) -> Iterator[str]:
    """Every figure of a corpus that there is anything to draw for."""
    models = verdict["judgements"]
    yield _distances(models)
    yield _likeness(verdict)
    yield _novelty(verdict)
    yield _flexibility(models)
    yield _time(models)


def histograms(models: Sequence[Judgement]) -> Iterator[str]:
    """For every statistic, how often each value stands in held-out music and in that of each model."""
    for name in dict.fromkeys(found["name"] for model in models for found in model["distances"]):
        found = {k: one for k, model in enumerate(models) for one in model["distances"] if one["name"] == name}
        first = next(iter(found.values()))
        values = list(dict.fromkeys(value for one in found.values() for value in [*one["real"], *one["composed"]]))
        shares = {"real": ("real music", first["real"])}
        shares |= {colour(k): (models[k]["model"], one["composed"]) for k, one in found.items()}
        yield _standing(first["title"], values[:MOST_VALUES], shares)


# --- what is drawn ----------------------------------------------------------------------------------------------------


def _distances(models: Sequence[Judgement]) -> str:
    lines: list[Line] = []
    for name in dict.fromkeys(found["name"] for model in models for found in model["distances"]):
        found = {k: one for k, model in enumerate(models) for one in model["distances"] if one["name"] == name}
        floors = [one["floor"] for one in found.values() if known(one["floor"]["value"]) and one["floor"]["value"] > 0]
        if floors:
            unit = floors[0]["value"]
            marks = [mark for k, one in found.items() for mark in _far(models[k]["model"], k, one, unit)]
            band = (floors[0]["low"] / unit, floors[0]["high"] / unit)
            lines.append(Line(statistic(name), band, marks))
    farthest = max((mark.high for line in lines for mark in line.marks), default=1.0)
    doublings = max(math.ceil(math.log2(max(farthest, 2.0))), 1)

    def place(value: float) -> float:
        return math.log2(max(value, LEFT) / LEFT) / (doublings + 1)

    ticks = {float(2**k): f"{2**k} x" for k in range(0, doublings + 1, 1 + doublings // 6)}
    return _dots("How far from real music, in times the noise floor", lines, Scale(place, ticks))


def _far(model: str, k: int, found: Distance, unit: float) -> Iterator[Mark]:
    told = f"{model}, {found['title']}: {number(found['distance']['value'])}, floor {number(found['floor']['value'])}"
    yield from _mark(colour(k), found["distance"], told, unit)


def _mark(colour: str, found: Span, told: str, unit: float = 1.0) -> Iterator[Mark]:
    value = found["value"]
    if known(value):
        low, high = (found["low"], found["high"]) if known(found["low"]) and known(found["high"]) else (value, value)
        yield Mark(colour, value / unit, low / unit, high / unit, told)


def _likeness(verdict: Verdict) -> str:
    def line(name: str, colour: str, auc: Span) -> Line:
        return Line(name, None, list(_mark(colour, auc, f"{name}: {number(auc['value'], 2)}")))

    models, foils = verdict["judgements"], verdict["reference"]["foils"]
    lines = [line(model["model"], colour(k), model["discrimination"]["auc"]) for k, model in enumerate(models)]
    lines += [line(f"foil: {name}", "real", found["auc"]) for name, found in foils.items()]
    ticks = {0.5: "0.5 guessing", 0.7: "0.7", CAUGHT: f"{CAUGHT}", 1.0: "1"}

    def place(value: float) -> float:
        return (max(value, LOWEST) - LOWEST) / (1 - LOWEST)

    return _dots("How often the judge tells it from real music (AUC)", lines, Scale(place, ticks))


def _flexibility(models: Sequence[Judgement]) -> str:
    jobs = {(k, job["job"]): job["kinds"] for k, model in enumerate(models) for job in model["flexibility"]}
    names = dict.fromkeys((job, kind) for (_, job), kinds in jobs.items() for kind in kinds)
    lines = []
    for job, kind in names:
        marks = []
        for k, model in enumerate(models):
            asked, completed = jobs.get((k, job), {}).get(kind, [0, 0])
            if asked:
                share = completed / asked
                told = f"{model['model']}, {kind}: {completed} of {asked}"
                marks.append(Mark(colour(k), share, share, share, told))
        lines.append(Line(kind if len({job for job, _ in names}) == 1 else f"{job}: {kind}", None, marks))
    ticks = {share: percent(share) for share in (0.0, 0.5, 1.0)}
    return _dots("Sketches completed, by kind of wish", lines, Scale(lambda share: share, ticks))


def _time(models: Sequence[Judgement]) -> str:
    parts = dict.fromkeys(part for model in models for part in model["seconds"])
    longest = max((time for model in models for time in model["seconds"].values()), default=0.0) or 1.0
    lines = [
        Line(part, None, [
            Mark(colour(k), model["seconds"][part], 0.0, model["seconds"][part],
                 f"{model['model']}, {part}: {seconds(model['seconds'][part])}")
            for k, model in enumerate(models) if known(model["seconds"].get(part))
        ])
        for part in parts
    ]  # fmt: skip
    ticks = {0.0: "0", longest / 2: seconds(longest / 2), longest: seconds(longest)}
    return _dots("Time that the judge took", lines, Scale(lambda time: time / longest, ticks))


# --- how it is drawn --------------------------------------------------------------------------------------------------


def _dots(title: str, lines: Sequence[Line], scale: Scale) -> str:
    """Rows of marks with their intervals over one axis; nothing for no marks."""
    lines = [line for line in lines if line.marks]
    if not lines:
        return ""
    inside, y = [], 4
    for line in lines:
        tall = STEP * len(line.marks) + 8
        middle = y + tall / 2
        inside.append(_name(line.name, middle + 4))
        if line.band is not None:
            left, right = (_x(scale, value) for value in line.band)
            inside.append(f'<rect class="band" x="{left}" y="{y + 1}" width="{right - left:.1f}" height="{tall - 2}"/>')
        inside += [_dot(mark, scale, y + 4 + STEP / 2 + STEP * k) for k, mark in enumerate(line.marks)]
        y += tall
    rules = [
        f'<path class="rule" d="M{_x(scale, value)} 2V{y}"/>'
        f'<text x="{_x(scale, value)}" y="{y + 14}" text-anchor="middle">{text(name)}</text>'
        for value, name in scale.ticks.items()
    ]
    return figure(title, NAMED + LONG + 40, y + 20, "".join(rules + inside))


def _x(scale: Scale, value: float) -> float:
    return round(NAMED + LONG * min(max(scale.place(value), 0.0), 1.0), 1)


def _name(name: str, y: float) -> str:
    return f'<text x="{NAMED - 10}" y="{y:.1f}" text-anchor="end">{text(one_line(name, LETTERS))}</text>'


def _dot(mark: Mark, scale: Scale, y: float) -> str:
    low, middle, high = (_x(scale, value) for value in (mark.low, mark.value, mark.high))
    return (
        f'<g class="{mark.colour}"><title>{text(mark.told)}</title><path class="line" d="M{low} {y:.1f}H{high}"/>'
        f'<circle cx="{middle}" cy="{y:.1f}" r="3"/></g>'
    )


def _novelty(verdict: Verdict) -> str:
    """The share of windows of n bars that are new, over n; the real music's as a band."""
    real = verdict["reference"]["novelty"]["curve"]
    curves = [(colour(k), model["model"], model["novelty"]["curve"]) for k, model in enumerate(verdict["judgements"])]
    longest = max([len(real), *(len(curve) for _, _, curve in curves)])
    if not longest:
        return ""
    high, wide = 160, (LONG + NAMED - 60) / max(longest - 1, 1)

    def at(n: int, share: float) -> str:
        return f"{50 + wide * n:.1f} {8 + high * (1 - min(max(share, 0.0), 1.0)):.1f}"

    inside = [
        f'<path class="rule" d="M{at(0, share)}H{50 + wide * (longest - 1):.1f}"/>'
        f'<text x="44" y="{12 + high * (1 - share):.1f}" text-anchor="end">{percent(share)}</text>'
        for share in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    inside += [
        f'<text x="{50 + wide * n:.1f}" y="{high + 26}" text-anchor="middle">{n + 1}</text>' for n in range(longest)
    ]
    inside.append(f'<text x="{50 + wide * (longest - 1) / 2:.1f}" y="{high + 42}" text-anchor="middle">bars</text>')
    told = [(n, one) for n, one in enumerate(real) if all(known(one[end]) for end in ("value", "low", "high"))]
    if told:
        edge = [at(n, one["high"]) for n, one in told] + [at(n, one["low"]) for n, one in reversed(told)]
        inside.append(f'<path class="band" d="M{"L".join(edge)}Z"><title>real music</title></path>')
        curves.insert(0, ("real", "real music", real))
    for name, model, curve in curves:
        points = [(n, one["value"]) for n, one in enumerate(curve) if known(one["value"])]
        if points:
            dots = "".join(
                f'<circle cx="{at(n, share).split()[0]}" cy="{at(n, share).split()[1]}" r="3">'
                f"<title>{text(model)}, {n + 1} bars: {percent(share)}</title></circle>"
                for n, share in points
            )
            line = "L".join(at(n, share) for n, share in points)
            inside.append(f'<g class="{name}"><path class="line" d="M{line}"/>{dots}</g>')
    return figure("New passages, by their length", LONG + NAMED + 40, high + 48, "".join(inside))


def _standing(title: str, values: Sequence[str], shares: Mapping[str, tuple[str, Mapping[str, float]]]) -> str:
    """Bars that stand side by side for each value, one for each of ``shares``: by colour, a name and its shares."""
    given = [share for _, one in shares.values() for share in one.values() if known(share)]
    highest = max(given, default=0.0) or 1.0
    step = BAR * len(shares) + 8
    slanted = any(len(value) * 6 > step for value in values)
    inside = [
        f'<path class="rule" d="M{EDGE} 4H{EDGE + step * len(values)}M{EDGE} {HIGH + 4}H{EDGE + step * len(values)}"/>'
        f'<text x="{EDGE - 4}" y="12" text-anchor="end">{percent(highest)}</text>'
    ]
    for k, value in enumerate(values):
        for j, (name, (who, one)) in enumerate(shares.items()):
            share = one.get(value, 0.0)
            tall = HIGH * share / highest if known(share) else 0.0
            inside.append(
                f'<rect class="{name}" x="{EDGE + step * k + BAR * j}" y="{HIGH - tall + 4:.1f}" width="{BAR - 1}" '
                f'height="{tall:.1f}"><title>{text(who)}, {text(value)}: {percent(share)}</title></rect>'
            )
        middle = EDGE + step * k + BAR * len(shares) / 2
        place = f'x="{middle:.1f}" y="{HIGH + 16}"'
        turn = f'"end" transform="rotate(-40 {middle:.1f} {HIGH + 14})"' if slanted else '"middle"'
        inside.append(f"<text {place} text-anchor={turn}>{text(one_line(value, MOST_LETTERS))}</text>")
    return figure(title, EDGE + step * len(values) + 8, HIGH + (90 if slanted else 24), "".join(inside))
