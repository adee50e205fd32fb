"""Commands that say what there is to learn from, and what is in it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from composer.cli.terminal import KEPT, Json, progressing, report
from composer.errors import ReadError, UsageError

app = typer.Typer(help="What there is to learn from: the corpora, their licences, counts and splits.")


@app.callback(invoke_without_command=True)
def corpora(context: typer.Context, as_json: Json = False) -> None:
    """List the corpora."""
    if context.invoked_subcommand is not None:
        return
    from composer.corpora import cards

    rows = [card.summary() for card in cards()]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        typer.echo(f"{row['name']:<10} {row['title']}\n{'':<10} {row['licence']}")


@app.command(epilog="composer corpora show folk")
def show(
    name: Annotated[str, typer.Argument(help="chorales, folk, essen, or a folder of your own files.")],
    as_json: Json = False,
) -> None:
    """Load a corpus and say what is in it: pieces, split, and every file that was left out, with the reason."""
    from composer.corpora import load

    with progressing(f"reading {name}", KEPT) as progress:
        music = load(name, progress=progress)
    summary = music.summary()
    if as_json:
        typer.echo(json.dumps(summary, indent=2))
        return
    for field, value in summary.items():
        if field != "rejected":
            typer.echo(f"{field:>12}  {value}")
    for piece, reason in summary["rejected"]:
        typer.echo(f"{'left out':>12}  {piece}: {reason}")


@app.command(epilog="composer corpora inspect my-tunes --html report.html")
def inspect(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Files and folders of yours, or a corpus.")],
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the whole report as one HTML page, with plots.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Look at your files: what each holds, which cannot be used and why, what was not read as it stands.

    Shows copies and near copies, bars that do not add up, and histograms. Exits with 1 if nothing can be used.
    """
    if html is not None and html.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"--html {html}: the page's name ends in .html")
    from composer.corpora import load
    from composer.evaluation.survey import as_json as written
    from composer.evaluation.survey import survey
    from composer.evaluation.survey_text import show as show_survey

    with progressing(f"reading {paths[0]}", KEPT) as progress:
        try:
            music = load(paths[0] if len(paths) == 1 else paths, progress=progress)
        except UsageError as error:
            if all(map(os.path.exists, paths)):  # the request makes sense, only there is no music
                raise ReadError(str(error)) from None
            raise
    found = survey(music)
    if html is not None:
        from composer.evaluation.survey_html import page
        from composer.io import write_bytes

        write_bytes(page(music, found), html)
        report([str(html)], "")
    if as_json:
        for text in written(music, found):
            typer.echo(text, nl=False)
    else:
        show_survey(found)
    if not found.pieces:
        sys.exit(1)
