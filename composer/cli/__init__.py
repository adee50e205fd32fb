"""The command line: parse, call, print.

Errors are one line; the exit code is 2 for a wrong request, 1 for a failure.
"""

from __future__ import annotations

import os
import sys
import warnings

import typer

from composer.cli.copying import copying
from composer.cli.corpora import app as corpora_app
from composer.cli.doctor import doctor
from composer.cli.evaluate import evaluate
from composer.cli.files import play, render
from composer.cli.harmonize import harmonize
from composer.cli.jam import jam
from composer.cli.sketching import complete, continue_, vary
from composer.cli.train import train
from composer.cli.tune import tune
from composer.errors import ComposerError, brief

app = typer.Typer(
    help="Compose folk tunes, harmonise melodies, play them. Composing is completing a sketch: say what you want, "
    "and a model fills in the rest.",
    epilog="Start with: composer tune --style jig --key 'D dorian' --seed 7",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(epilog="composer tune --style jig --key Ador --range D4:B5 --pin 1.1=A4 -n 3 -o tune.abc -o tune.mid")(tune)
app.command(epilog="composer complete sketch.toml -n 3 -o tune.abc; composer complete --schema")(complete)
app.command(epilog="composer vary tune.abc --bars 5-8 -n 3; composer vary chorale.musicxml --voice alto")(vary)
app.command("continue", epilog="composer continue tune.abc --bars 8 -o longer.abc")(continue_)
app.command(epilog="composer harmonize tune.abc -n 5 --seed 1 -o choir.musicxml -o choir.mid")(harmonize)
app.command(epilog="composer jam; composer jam --file calls.mid; composer jam --tempo 100 --metronome --mode vary")(jam)
app.command(epilog="composer copying tune.abc; composer copying tune.mid --corpus folk -o copied.html")(copying)
app.command(epilog="composer render tune.abc -o tune.png -o tune.wav")(render)
app.command(epilog="composer play tune.abc --port 'My Keyboard'")(play)
app.command(epilog="composer doctor --backend jack")(doctor)
app.command(epilog="composer train markov --corpus folk -o my-folk.safetensors --set order=6")(train)
app.command(
    epilog="composer evaluate --benchmark boulanger-lewandowski --data DIR; "
    "composer evaluate --benchmark boulanger-lewandowski --dataset JSB_Chorales --json"
)(evaluate)
app.add_typer(corpora_app, name="corpora")

LONGEST_MESSAGE = 2_000  # characters


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    typer.echo(f"composer: {message}", err=True)


def _open_streams() -> None:
    """What was closed by who started us leads nowhere: else the next file that is opened would take its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115


def main() -> None:
    """The ``composer`` command."""
    _open_streams()
    warnings.showwarning = _show_warning
    try:
        app()
    except ComposerError as error:
        typer.echo(f"composer: {brief(str(error), LONGEST_MESSAGE)}", err=True)
        sys.exit(error.exit_code)
    except MemoryError:
        typer.echo("composer: there is not enough memory for this; ask for less", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        typer.echo("composer: stopped", err=True)
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output has gone
        sys.stderr.close()
        sys.exit(1)
