"""A report as one HTML page, with plots and examples to see and to hear. It needs nothing from anywhere else."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence

from composer.evaluation.html import text
from composer.evaluation.judgement import Judgement, Report, Verdict
from composer.evaluation.report.examples import PLAYER, Engraver, example
from composer.evaluation.report.plots import colour, histograms, plots
from composer.evaluation.report.rows import HOW, Axis, axes, judge, seconds
from composer.evaluation.report.summary import composed, summary

STYLE = """
:root { color-scheme: light dark; --ink: #222; --paper: #fff; --faint: #666; --rule: #ddd; --band: #d5d5d5;
  --real: #777; --m0: #0072b2; --m1: #d55e00; --m2: #009e73; --m3: #cc79a7; --m4: #b8860b; --m5: #56b4e9; }
@media screen and (prefers-color-scheme: dark) { :root { --ink: #ddd; --paper: #181818; --faint: #aaa; --rule: #3a3a3a;
  --band: #484848; --real: #aaa; --m0: #58a6e0; --m1: #f08a4b; --m2: #3fc79d; --m3: #e39bc4; --m4: #d9b343; } }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 75em; padding: 0 1em; color: var(--ink);
  background: var(--paper); overflow-wrap: anywhere; }
h1 { font-size: 1.5em; } h2 { font-size: 1.3em; margin-top: 2em; border-bottom: 1px solid var(--rule); }
h3 { font-size: 1.1em; margin: 1.8em 0 .4em; } h4 { margin: 1.4em 0 .4em; } h5 { font-size: 1em; margin: .8em 0 .2em; }
.comes { font-size: 1.05em; max-width: 50em; } .warned { border-left: 4px solid var(--m1); padding-left: .7em; }
nav a { margin-right: 1.5em; }
.scroll { overflow-x: auto; } .note, .how { color: var(--faint); font-size: 13px; margin: .2em 0; max-width: 70em; }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
th, td { text-align: left; padding: .25em 1em .25em 0; vertical-align: top; border-bottom: 1px solid var(--rule);
  white-space: nowrap; }
tbody th { font-weight: normal; } td.within { font-weight: 600; }
figure { display: inline-block; margin: 0 1.5em 1.2em 0; vertical-align: top; max-width: 100%;
  break-inside: avoid; }
figcaption { font-weight: 600; } figure svg { max-width: 100%; height: auto; }
figure text { font: 11px system-ui, sans-serif; fill: var(--ink); }
figure .rule { stroke: var(--rule); fill: none; } figure .band { fill: var(--band); stroke: none; }
figure .line { stroke: var(--c); stroke-width: 2; fill: none; } figure circle, figure rect { fill: var(--c); }
.real { --c: var(--real); } .m0 { --c: var(--m0); } .m1 { --c: var(--m1); } .m2 { --c: var(--m2); }
.m3 { --c: var(--m3); } .m4 { --c: var(--m4); } .m5 { --c: var(--m5); }
.legend { padding: 0; } .legend li { display: inline-block; margin-right: 1.5em; }
.legend i { display: inline-block; width: .8em; height: .8em; margin-right: .4em; background: var(--c); }
.example { max-width: 860px; break-inside: avoid; }
.score svg { width: 100%; height: auto; color: var(--ink); fill: var(--ink); }
.score svg svg { width: auto; } button { font: inherit; padding: .2em 1.2em; cursor: pointer; }
pre { white-space: pre-wrap; font-size: 12px; } dt { font-weight: 600; } dd { margin: 0 0 .5em 1.5em; }
@media print { button, nav, details { display: none; } .legend i, figure { print-color-adjust: exact; } }
"""
CALM = "default-src 'none'; style-src 'unsafe-inline'; font-src data:; base-uri 'none'; form-action 'none'"


def page(report: Report) -> str:
    """The page. Names, titles and music may come from anywhere: they are escaped, and no script but the player runs."""
    engrave = Engraver()
    body = "".join(_body(report, engrave))
    digest = base64.b64encode(hashlib.sha256(PLAYER.encode()).digest()).decode()
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{CALM}; script-src \'sha256-{digest}\'">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>Which model should I use?</title>\n'
        f"<style>{STYLE}{engrave.font}</style></head>\n<body>\n{body}<script>{PLAYER}</script>\n</body></html>\n"
    )


def _body(report: Report, engrave: Engraver) -> Iterator[str]:
    yield "<header><h1>Which model should I use, is it any good, and is it copying?</h1>\n"
    yield f"<p>{text(report['software'])}, {text(report['machine'])}, {seconds(report['seconds'])}.</p>\n<nav>"
    for k, verdict in enumerate(report["verdicts"]):
        yield f'<a href="#c{k}">{text(verdict["reference"]["corpus"])}</a> '
    yield '<a href="#how">How to read this</a></nav></header>\n<main>\n'
    if not report["verdicts"]:
        yield "<p>There is no model to judge.</p>\n"
    for k, verdict in enumerate(report["verdicts"]):
        yield from _verdict(verdict, k, engrave)
    yield from _how(report)
    yield "</main>\n"


def _verdict(verdict: Verdict, number: int, engrave: Engraver) -> Iterator[str]:
    reference, models = verdict["reference"], verdict["judgements"]
    yield f'<section><h2 id="c{number}">{text(reference["corpus"])}</h2>\n<div class="comes">\n'
    yield from (f"<p>{text(sentence)}</p>\n" for sentence in summary(verdict))
    yield f"</div>\n<p{'' if reference['counts'] else ' class=warned'}>{text(judge(reference))}</p>\n"
    pieces = f"{reference['training']:,} pieces to learn from, {reference['held_out']:,} held out"
    yield f"<p>{pieces} ({text(reference['split'])} split). {text(composed(models))}</p>\n"
    for axis in axes(verdict):
        yield from _table(axis, models)
    yield "<h3>Plots</h3>\n"
    yield _legend(models)
    yield from plots(verdict)
    yield "<h3>What is composed, beside what is real</h3>\n"
    yield from histograms(models)
    if any(model["examples"] for model in models):
        yield "<h3>Examples</h3>\n"
    for model in models:
        if model["examples"]:
            yield f"<h4>{text(model['model'])}</h4>\n"
        for one in model["examples"]:
            yield from example(one, engrave)
    yield "</section>\n"


def _table(axis: Axis, models: Sequence[Judgement]) -> Iterator[str]:
    heads = "".join(f'<th scope="col">{text(model["model"])}</th>' for model in models)
    yield f'<h3>{text(axis.title)}</h3>\n<div class="scroll" tabindex="0"><table>\n'
    yield f'<thead><tr><td></td><th scope="col">real music</th>{heads}</tr></thead>\n<tbody>\n'
    for row in axis.rows:
        cells = "".join(f"<td{' class=within' * cell.endswith('*')}>{text(cell)}</td>" for cell in row.cells)
        head = f'<th scope="row" title="{text(row.how)}">{text(row.label)}</th>'
        yield f"<tr>{head}<td>{text(row.real)}</td>{cells}</tr>\n"
    yield "</tbody></table></div>\n"
    yield from (f'<p class="note">{text(note)}</p>\n' for note in axis.notes)


def _legend(models: Sequence[Judgement]) -> str:
    names = [("real", "real music"), *((colour(k), model["model"]) for k, model in enumerate(models))]
    items = "".join(f'<li class="{name}"><i></i>{text(who)}</li>' for name, who in names)
    return f'<ul class="legend">{items}</ul>\n'


def _how(report: Report) -> Iterator[str]:
    """Every kind of row once, and how to read it; what holds of all distances stands before the first."""
    rows = {row.label: row.how for verdict in report["verdicts"] for axis in axes(verdict) for row in axis.rows}
    labels: dict[str, list[str]] = {}
    for label, how in rows.items():
        labels.setdefault(how, []).append(label)
    yield '<section><h2 id="how">How to read this</h2>\n'
    yield (
        "<p>Models are judged by what they compose from blank sketches, of which only meter, key and length are given. "
        "Real music is the music of the corpus that no model learned from. In brackets is the interval in which the "
        "figure lies in 95 of 100 draws of pieces. In plots, the grey band is what chance alone can do.</p>\n<dl>\n"
    )
    distances = [how for how in labels if how.endswith(HOW["distance"])]
    for how, names in labels.items():
        if how in distances[:1]:
            yield f"<dt>distances, as follow</dt><dd>{text(HOW['distance'])}</dd>\n"
        yield f"<dt>{text(', '.join(names))}</dt><dd>{text(how.removesuffix(HOW['distance']))}</dd>\n"
    yield "</dl></section>\n"
