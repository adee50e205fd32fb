"""The rows of a report, as words: for each axis what was measured, of the real music and of every model beside it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple

from composer.evaluation.foils import CAUGHT
from composer.evaluation.judgement import (
    Discrimination,
    Distance,
    Flexibility,
    HeldOut,
    Judgement,
    Novelty,
    Reference,
    Span,
    Tunes,
    Verdict,
)
from composer.titles import one_line

NONE = "-"
WITHIN = "*"  # marks a distance that is no larger than chance makes it
BARS = (1, 2, 4, 8)  # of the windows whose novelty is told
TELLS = 3
LETTERS = 40  # of a cell
STATISTICS = {  # rows and plots have no room for whole titles
    "pitch_classes": "time on each degree",
    "intervals": "melodic intervals",
    "durations": "lengths of notes",
    "onsets": "places of notes in the bar",
    "phrase_ends": "degrees that close phrases",
    "form": "form: phrases as letters",
    "eights": "how eight bars are built",
    "self_similarity": "bars that return",
    "chord_types": "chords on beats",
    "chord_bigrams": "changes of chord",
}
LONGEST = 400  # letters of a note
FAILURES = 2
HOW = {
    "held-out": "How surprised the model is by music it has never seen, -ln p(music) / quarter notes; lower is better. "
    "Each model counts what it sees of the music.",
    "comparable": "The same of only those pieces of which all models keep the same notes, or, of pseudo-likelihoods, "
    "all of one encoding: only figures of one kind compare.",
    "distance": "Total variation, 1/2 sum |p - q|, of composed from held-out music: the share that would have to "
    "change for the two to agree (of a curve, the mean absolute difference). Beside it, under real music, the noise "
    "floor: the same of as many training pieces. After L.-C. Yang and A. Lerch, On the evaluation of generative "
    "models in music (2018).",
    "judge": "The area under the ROC curve of a classifier (gradient boosted trees on traits of a piece, 3 repeats of "
    "5-fold cross-validation) on pieces it has not seen: of one real and one composed piece, how often it picks out "
    "the composed one. 0.5 is guessing, 1 is always.",
    "completed": "Sketches of a fixed suite that the model completed.",
    "satisfied": "Completed sketches in which every wish holds; must be all.",
    "time": "Seconds for one sketch, the median; in brackets the slowest.",
    "price": "What obeying costs, in nats a quarter note: how improbable it is that the model does it unasked. "
    "Estimated ones are too high on average. A pseudo price is how much less likely completions are, by "
    "pseudo-likelihood, than what the model writes freely: below 0 they are likelier.",
    "novelty": "The share of passages of so many bars that stand nowhere in the training music, in any key; real music "
    "repeats itself, too, so its own figure says how much is usual.",
    "any rhythm": "The same where only the notes count, not how long they last.",
    "longest": "The longest run of notes shared with the training music, in any key; the median over pieces.",
    "most": "The same, of the piece that copies most.",
    "near": "Pieces of whose notes 60 % lie in runs of 8 or more shared with one training piece, in any key.",
    "rules": "Mistakes in 1,000 pairs of voices that move at once, by the rules of four-part writing. Bach's own are "
    "counted by the same code.",
    "malformed": "Tunes that a reader of ABC finds wrong.",
    "add up": "Tunes of which every bar lasts as long as it should.",
    "form": "The form as heard: AABB of parts of 8 bars, aabb of phrases of 4; recognised where anything returns.",
    "phrases": "The phrases of 4 bars of the page, where repeats are played once.",
    "returns": "Tunes on whose page a phrase returns, if only varied.",
    "tonic": "Tunes whose last note is the keynote.",
    "whistle": "Tunes that a whistle in D can play, in some transposition.",
    "fiddle": "Tunes within the first position of a fiddle, as written.",
}
UNASKED = "on blank pages no form, ending or range is asked for; composer tune asks for all three"
PRICES = {"exact": "", "estimated": " estimated", "pseudo": " pseudo"}


class Row(NamedTuple):
    """A figure of the real music, the same of every model, and how to read it."""

    label: str
    real: str
    cells: tuple[str, ...]
    how: str


class Axis(NamedTuple):
    """Rows that belong together, and what must be said below them."""

    title: str
    rows: list[Row]
    notes: list[str]


def axes(verdict: Verdict) -> list[Axis]:
    """The three axes, then what is measured only of choirs and only of tunes; those without rows are left out."""
    found = [_accuracy(verdict), _flexibility(verdict), _novelty(verdict), _voice_leading(verdict), _tunes(verdict)]
    return [_safe(axis) for axis in found if axis.rows]


def _safe(axis: Axis) -> Axis:
    """On one line each, without control characters: names come from files."""
    rows = [
        Row(one_line(row.label, LETTERS), one_line(row.real, LETTERS),
            tuple(one_line(cell, LETTERS) for cell in row.cells), row.how)
        for row in axis.rows
    ]  # fmt: skip
    return Axis(axis.title, rows, [one_line(note, LONGEST) for note in axis.notes])


def judge(reference: Reference) -> str:
    """Whether what the judge says of likeness counts, and why.

    It must catch every foil: music that is known to be wrong.
    """
    foils = {name: found["auc"]["value"] for name, found in reference["foils"].items()}
    told = ", ".join(f"{name} {number(auc, 2)}" for name, auc in foils.items())
    if reference["counts"]:
        how_many = {1: "the one foil", 2: "both foils"}.get(len(foils), f"all {len(foils)} foils")
        return f"The judge caught {how_many}, music that is known to be wrong (AUC): {told}."
    missed = [name for name, auc in foils.items() if not (known(auc) and auc >= CAUGHT)]
    reasons = [f"it did not catch {' and '.join(missed)} at {CAUGHT} or more"] if missed else []
    reasons += [f"not shown {foil}" for foil in reference["missing"]]
    why = "; ".join(reasons) or "it was shown no foils"
    return f"What the judge says of likeness does not count: {why}." + (f" Foils: {told}." if told else "")


# --- figures ----------------------------------------------------------------------------------------------------------


def known(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def number(value: float | None, digits: int = 3) -> str:
    """A figure with so many decimals, fewer where it is large.

    >>> number(0.0123456), number(0.0001), number(12.34567), number(None)
    ('0.012', '<0.001', '12.3', '-')
    """
    if value is None or not math.isfinite(value):
        return NONE
    if 0 < value < 10**-digits / 2:
        return f"<{10**-digits:.{digits}f}"
    return f"{value:,.{max(digits - 2, 1) if abs(value) >= 10 else digits}f}"


def percent(share: float | None) -> str:
    """A share of 1 in hundredths; only what is all is 100 %, and only nothing is 0 %.

    >>> percent(0.41 / 100), percent(1.0), percent(0.9999), percent(0.5), percent(float("nan"))
    ('0.4 %', '100 %', '99.99 %', '50.0 %', '-')
    """
    if share is None or not math.isfinite(share):
        return NONE
    if share in (0, 1):
        return f"{share:.0%}".replace("%", " %")
    if 0.001 <= share <= 0.999:
        return f"{100 * share:.1f} %"
    return f"{min(max(100 * share, 0.01), 99.99):.2f} %"


def span(found: Span | None, tell: Callable[[float | None], str] = number) -> str:
    """A figure and its interval.

    >>> span({"value": 0.125, "low": 0.1, "high": 0.15}), span({"value": 0.5, "low": 0.4, "high": 0.6}, percent)
    ('0.125 (.100-.150)', '50.0 % (40.0-60.0)')
    """
    if found is None or not known(found["value"]):
        return NONE
    if not (known(found["low"]) and known(found["high"])):
        return tell(found["value"])
    low, high = (_short(tell(found[end])) for end in ("low", "high"))
    return f"{tell(found['value'])} ({low}-{high})"


def _short(told: str) -> str:
    return re.sub(r"^0\.", ".", told).removesuffix(" %")


def seconds(value: float | None) -> str:
    """
    >>> seconds(0.034), seconds(12.4), seconds(300)
    ('0.03 s', '12.4 s', '5.0 min')
    """
    if value is None or not math.isfinite(value):
        return NONE
    return f"{value / 60:.1f} min" if value >= 100 else f"{value:.{1 if value >= 10 else 2}f} s"


def counted(count: int, one: str, more: str = "") -> str:
    return f"{count:,} {one if count == 1 else more or one + 's'}"


def within(found: Distance) -> bool:
    """Whether a distance is no larger than what training music shows, by chance alone."""
    return known(found["distance"]["value"]) and found["distance"]["value"] <= found["floor"]["high"]


def _any_rhythm(novelty: Novelty, bars: int) -> float | None:
    return novelty["rhythm_free"][bars - 1] if len(novelty["rhythm_free"]) >= bars else None


def curve_at(novelty: Novelty, bars: int) -> Span | None:
    return novelty["curve"][bars - 1] if len(novelty["curve"]) >= bars else None


# --- statistical accuracy ---------------------------------------------------------------------------------------------


def _accuracy(verdict: Verdict) -> Axis:
    models = verdict["judgements"]
    rows, notes = _held_out(models)
    rows += _distances(models)
    if any(within(distance) for model in models for distance in model["distances"]):
        notes.append(f"{WITHIN} no farther from held-out music than training music is by chance")
    found = [model["discrimination"] for model in models]
    rows.append(Row("judge's AUC", "0.5", tuple(span(one["auc"], _two) for one in found), HOW["judge"]))
    notes += [f"{model['model']} is given away by: {tells(model['discrimination'])}" for model in models
              if model["discrimination"]["tells"]]  # fmt: skip
    return Axis("Statistical accuracy: is it like real music?", rows, notes)


def _two(value: float | None) -> str:
    return number(value, 2)


def _held_out(models: Sequence[Judgement]) -> tuple[list[Row], list[str]]:
    """How well held-out music is foretold: by each as it sees the music, and where all of a kind see the same."""
    figures = [model["held_out"] for model in models]
    rows = [
        Row("held-out nats/quarter", NONE, tuple(_nats(one, "nats_per_quarter") for one in figures), HOW["held-out"]),
        Row("the same, like with like", NONE, tuple(map(_comparable, figures)), HOW["comparable"]),
    ]
    notes = [_view(model["model"], model["held_out"]) for model in models if model["held_out"]["kind"] != "none"]
    if {"exact", "pseudo"} <= {one["kind"] for one in figures}:
        notes.append("a pseudo-likelihood is another measure than a likelihood: compare it with its like only")
    return rows, notes


def _nats(found: HeldOut, name: Literal["nats_per_quarter", "common"]) -> str:
    return number(found[name]) + (" pseudo" if known(found[name]) and found["kind"] == "pseudo" else "")


def _comparable(found: HeldOut) -> str:
    return _nats(found, "common") if known(found["common"]) or found["kind"] == "none" else "not comparable"


def _view(model: str, found: HeldOut) -> str:
    told = f"{model} sees {found['view']} in {found['pieces'] + found['unknown']:,} held-out pieces"
    unknown = f"; {found['unknown']:,} that it gives no probability are left out" if found["unknown"] else ""
    common = f"; compared with its like on {found['common_pieces']:,}" if found["common_pieces"] else ""
    return told + unknown + common


def _distances(models: Sequence[Judgement]) -> Iterator[Row]:
    for name in dict.fromkeys(distance["name"] for model in models for distance in model["distances"]):
        found = [next((one for one in model["distances"] if one["name"] == name), None) for model in models]
        there = [one for one in found if one is not None]
        cells = tuple(NONE if one is None else span(one["distance"]) + WITHIN * within(one) for one in found)
        floors = dict.fromkeys(number(one["floor"]["value"]) for one in there)
        how = f"{there[0]['title']}. {HOW['distance']}"
        yield Row(statistic(name), " or ".join(floors), cells, how)


def statistic(name: str) -> str:
    """What a statistic is called where there is no room for its title."""
    return STATISTICS.get(name, name.replace("_", " "))


def tells(found: Discrimination) -> str:
    """The traits that give music away, in words."""
    return "; ".join(
        f"{tell['trait']}: {number(tell['composed'], 2)}, real music {number(tell['real'], 2)} "
        f"(AUC of this alone {number(tell['auc'], 2)})"
        for tell in found["tells"][:TELLS]
    )


# --- flexibility ------------------------------------------------------------------------------------------------------


def _flexibility(verdict: Verdict) -> Axis:
    models = verdict["judgements"]
    rows: list[Row] = []
    jobs = list(dict.fromkeys(one["job"] for model in models for one in model["flexibility"]))
    for job in jobs:
        found = [next((one for one in model["flexibility"] if one["job"] == job), None) for model in models]
        for label, how, tell in JOB_ROWS:
            cells = tuple(NONE if one is None else tell(one) for one in found)
            rows.append(Row(f"{job}: {label}" if len(jobs) > 1 else label, NONE, cells, HOW[how]))
    notes = [
        f"{model['model']}, {one['job']}: {failure}"
        for model in models
        for one in model["flexibility"]
        for failure in one["failures"][:FAILURES]
    ]
    return Axis("Flexibility: what can it be asked?", rows, notes)


def _price(found: Flexibility) -> str:
    return number(found["price"], 2) + (PRICES.get(found["price_kind"], "") if known(found["price"]) else "")


def _satisfied(found: Flexibility) -> str:
    kept = f"{found['satisfied']} of {found['completed']}"
    return kept if found["satisfied"] == found["completed"] else f"{kept}: broken"


JOB_ROWS: tuple[tuple[str, str, Callable[[Flexibility], str]], ...] = (
    ("completed", "completed", lambda found: f"{found['completed']} of {found['asked']}"),
    ("all wishes hold", "satisfied", _satisfied),
    ("time (slowest)", "time", lambda found: f"{seconds(found['seconds'])} ({seconds(found['slowest'])})"),
    ("price, nats", "price", _price),
)


# --- generalisation ---------------------------------------------------------------------------------------------------


def _novelty(verdict: Verdict) -> Axis:
    real, models = verdict["reference"]["novelty"], [model["novelty"] for model in verdict["judgements"]]
    rows = [
        Row(
            f"new {bars}-bar passages",
            percent((curve_at(real, bars) or {"value": math.nan})["value"]),
            tuple(span(curve_at(model, bars), percent) for model in models),
            HOW["novelty"],
        )
        for bars in BARS
    ]

    def row(label: str, how: str, tell: Callable[[Novelty], str]) -> Row:
        return Row(label, tell(real), tuple(map(tell, models)), HOW[how])

    rows += [
        row("new 4 bars, any rhythm", "any rhythm", lambda found: percent(_any_rhythm(found, 4))),
        row("longest copy, notes", "longest", lambda found: number(found["longest_notes"], 1)),
        row("longest copy, bars", "longest", lambda found: number(found["longest_bars"], 1)),
        row("longest of all, bars", "most", lambda found: number(found["most_bars"], 1)),
        row("near-duplicates", "near", lambda found: percent(found["near_duplicates"])),
    ]
    return Axis("Generalisation: is it copying?", rows, [])


# --- choirs and tunes -------------------------------------------------------------------------------------------------


def _voice_leading(verdict: Verdict) -> Axis:
    real = verdict["reference"]["voice_leading"] or {}
    found = [model["voice_leading"] or {} for model in verdict["judgements"]]
    kinds = dict.fromkeys(kind for one in (real, *found) for kind in one)
    rows = [
        Row(kind, number(real.get(kind), 2), tuple(number(one.get(kind), 2) for one in found), HOW["rules"])
        for kind in kinds
    ]
    return Axis("Voice leading: mistakes in 1,000 moves of two voices", rows, [])


def _tunes(verdict: Verdict) -> Axis:
    real, found = verdict["reference"]["tunes"], [model["tunes"] for model in verdict["judgements"]]
    there = [one for one in (real, *found) if one is not None]
    if not there:
        return Axis("Tunes", [], [])
    oracles = " and ".join(dict.fromkeys(one["oracle"] for one in there))
    rows = [Row(label, *_tune_cells(real, found, tell), HOW[how]) for label, how, tell in TUNE_ROWS]
    return Axis("Tunes", rows, [f"malformed: as read by {oracles}", UNASKED])


def _tune_cells(
    real: Tunes | None, found: Sequence[Tunes | None], tell: Callable[[Tunes], str]
) -> tuple[str, tuple[str, ...]]:
    return NONE if real is None else tell(real), tuple(NONE if one is None else tell(one) for one in found)


def commonest(shares: dict[str, float]) -> str:
    """The most frequent value, and its share."""
    if not shares:
        return NONE
    name = max(shares, key=lambda value: shares[value])
    return f"{name} {shares[name]:.0%}".replace("%", " %")


TUNE_ROWS: tuple[tuple[str, str, Callable[[Tunes], str]], ...] = (
    ("malformed", "malformed", lambda found: percent(found["malformed"])),
    ("all bars add up", "add up", lambda found: percent(found["bars_add_up"])),
    ("form recognised", "form", lambda found: percent(found["recognised"])),
    ("commonest form", "form", lambda found: commonest(found["form"])),
    ("commonest phrases", "phrases", lambda found: commonest(found["phrases"])),
    ("a phrase returns", "returns", lambda found: percent(found["returns"])),
    ("end on the tonic", "tonic", lambda found: percent(found["ends_on_tonic"])),
    ("playable on a whistle", "whistle", lambda found: percent(found["whistle"])),
    ("playable on a fiddle", "fiddle", lambda found: percent(found["fiddle"])),
)
