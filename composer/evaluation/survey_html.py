"""A survey as one HTML page: every file, what is wrong, and plots. It needs nothing from anywhere else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from composer.corpora.base import Corpus
from composer.evaluation.html import figure, text
from composer.evaluation.survey import Kind, Survey, counted, file_of, files, length_groups, own_reason
from composer.evaluation.survey_text import HEADINGS, OCTAVE, alike, cells, lasting

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 75em; padding: 0 1em; color: #222; }
h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin-top: 2em; }
table { border-collapse: collapse; font-size: 13px; } caption { text-align: left; color: #666; padding: .3em 0; }
th, td { text-align: left; padding: .2em .7em .2em 0; vertical-align: top; border-bottom: 1px solid #e4e4e4; }
th { border-color: #888; } td.out { color: #a02020; } td.told { color: #8a5a00; }
td:first-child { overflow-wrap: anywhere; min-width: 10em; }
figure { display: inline-block; margin: 0 2em 1em 0; vertical-align: top; } figcaption { font-weight: 600; }
svg text { font: 11px system-ui, sans-serif; fill: #333; } svg rect { fill: #4a78a8; }
.scroll { overflow-x: auto; }
"""
MOST_BARS = 16  # of a plot with names
NAMED = 90  # units for the names beside bars that lie
LYING = (300, 17)  # units: the longest bar, and the distance from one to the next
STANDING = (11, 130)  # units: the distance, and the highest bar
BIN = 3  # semitones between the names of intervals


def page(corpus: Corpus, found: Survey) -> bytes:
    """The page as UTF-8; names and reasons come from files and are escaped."""
    return "".join(_page(corpus, found)).encode("utf-8", "replace")


def _page(corpus: Corpus, found: Survey) -> Iterator[str]:
    title = f"{text(found.name)}: {counted(found.files, 'file')}, {counted(found.pieces, 'piece')}"
    yield f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
    yield f"<style>{STYLE}</style></head>\n<body>\n<h1>{title}</h1>\n"
    yield f"<p>{_totals(found)}</p>\n{_plots(found)}"
    yield '<h2>Files</h2>\n<div class="scroll"><table>\n'
    yield "<caption>Off grid: how far onsets lie from sixteenths and eighth triplets, mean/most.</caption>\n"
    yield _row("th", [*HEADINGS, "remarks"])
    for file, _ in files(corpus):
        if file.pieces:
            remarks = text("; ".join(file.remarks))
            yield _row("td", cells(file)).replace("</tr>", f'<td class="told">{remarks}</td></tr>')
        else:
            reason = text(own_reason(file.rejected[0].reason, file.name))
            yield f'<tr><td>{text(file.name)}</td><td class="out" colspan="{len(HEADINGS)}">{reason}</td></tr>\n'
    yield "</table></div>\n"
    yield _kinds(f"Left out: {found.rejected:,}", found.reasons)
    if corpus.rejected:
        rows = ((entry.id, own_reason(entry.reason, file_of(entry.id))) for entry in corpus.rejected)
        yield _table("Each that was left out", ("piece", "why"), rows)
    yield from _bad_bars(corpus, found)
    yield _kinds("Read, but not as it stands", found.ignored)
    if found.kin:
        yield _table(
            f"Near-duplicates: {alike(found)}",
            ("pieces", "which"),
            ((str(len(group)), ", ".join(group)) for group in found.kin.values()),
        )
    if found.skipped:
        rows = ((suffix or "without suffix", f"{count:,}") for suffix, count in found.skipped.items())
        yield _table("Files that are no music", ("suffix", "files"), rows)
    yield "</body></html>\n"


def _totals(found: Survey) -> str:
    notes, bars, seconds = (found.totals[name] for name in ("notes", "bars", "seconds"))
    music = f"{counted(notes, 'note')}, {counted(bars, 'bar')}, {lasting(seconds)}"
    return f"{found.accepted:,} files with music, {found.rejected:,} pieces left out. {music}."


def _row(cell: str, values: Iterable[str]) -> str:
    return f"<tr>{''.join(f'<{cell}>{text(value)}</{cell}>' for value in values)}</tr>\n"


def _table(title: str, heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    body = "".join(_row("td", row) for row in rows)
    return f'<h2>{text(title)}</h2>\n<div class="scroll"><table>\n{_row("th", heads)}{body}</table></div>\n'


def _kinds(title: str, kinds: Mapping[str, Kind]) -> str:
    if not kinds:
        return ""
    ordered = sorted(kinds.items(), key=lambda item: -item[1].count)
    rows = ((what, f"{k.count:,}", f"{k.files:,}", "; ".join(k.examples)) for what, k in ordered)
    return _table(title, ("what", "times", "files", "such as"), rows)


def _bad_bars(corpus: Corpus, found: Survey) -> Iterator[str]:
    if not found.bad_bars_count:
        return
    rows = ((piece.id, bar["place"], bar["text"]) for piece in corpus for bar in piece.facts.get("bad_bars", ()))
    yield _table(f"Bars that do not add up: {found.bad_bars_count:,}", ("piece", "place", "what"), rows)


# --- plots ------------------------------------------------------------------------------------------------------------


def _plots(found: Survey) -> str:
    lengths = {name: found.lengths[name] for name in length_groups() if found.lengths[name]}
    drawn = [
        lying("Keys", dict(found.keys.most_common(MOST_BARS))),
        lying("Meters", dict(found.meters.most_common(MOST_BARS))),
        lying("Lengths in bars", lengths),
    ]
    if found.pitches:
        span = range(min(found.pitches), max(found.pitches) + 1)
        names = {pitch: f"C{pitch // OCTAVE - 1}" for pitch in span if pitch % OCTAVE == 0}
        drawn.append(standing("Pitches", {pitch: found.pitches[pitch] for pitch in span}, names))
    if found.intervals:
        span = range(-2 * OCTAVE, 2 * OCTAVE + 1)
        names = {step: f"{step:+d}" if step else "0" for step in span if step % BIN == 0}
        drawn.append(standing("Intervals in semitones", {step: found.intervals[step] for step in span}, names))
    return "".join(drawn)


def lying(title: str, counts: Mapping[str, int]) -> str:
    """Bars that lie, with a name and a number each, as a figure; nothing for no counts."""
    if not counts:
        return ""
    long, step = LYING
    longest = max(counts.values())
    bars = "".join(
        f'<text x="{NAMED - 6}" y="{step * k + 12}" text-anchor="end">{text(name)}</text>'
        f'<rect x="{NAMED}" y="{step * k + 2}" width="{long * count / longest:.1f}" height="{step - 4}"/>'
        f'<text x="{NAMED + 5 + long * count / longest:.1f}" y="{step * k + 12}">{count:,}</text>'
        for k, (name, count) in enumerate(counts.items())
    )
    return figure(title, NAMED + long + 60, step * len(counts) + 2, bars)


def standing(title: str, counts: Mapping[int, int], names: Mapping[int, str]) -> str:
    """Bars that stand, with names under some, as a figure."""
    step, high = STANDING
    highest = max([*counts.values(), 1])
    bars = "".join(
        f'<rect x="{12 + step * k}" y="{high - high * count / highest + 2:.1f}" width="{step - 2}" '
        f'height="{high * count / highest:.1f}"><title>{value}: {count:,}</title></rect>'
        + (f'<text x="{12 + step * k + step / 2 - 1}" y="{high + 16}" text-anchor="middle">{names[value]}</text>'
           if value in names else "")
        for k, (value, count) in enumerate(counts.items())
    )  # fmt: skip
    return figure(title, step * len(counts) + 24, high + 22, bars)
