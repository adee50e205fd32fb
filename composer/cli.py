"""The command line: parse, call, print.

Errors are one line; the exit code is 2 for a wrong request, 1 for a failure.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from composer.errors import ComposerError, ReadError, UsageError

if TYPE_CHECKING:
    from composer.score import Score
    from composer.sketch import Sketch

app = typer.Typer(
    help="Compose folk tunes, harmonise melodies, play them. Composing is completing a sketch: say what you want, "
    "and a model fills in the rest.",
    epilog="Start with: composer tune --style jig --key 'D dorian' --seed 7",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
corpora_app = typer.Typer(help="What there is to learn from: the corpora, their licences, counts and splits.")
app.add_typer(corpora_app, name="corpora")

Outputs = Annotated[
    list[Path] | None,
    typer.Option(
        "--output",
        "-o",
        metavar="PATH",
        help="A file, whose suffix is its format (.abc .mid .musicxml .mxl .svg .png .roll.png .wav), or a folder, "
        "which gets every format. Repeatable.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object for a program to read.")]
Soundfont = Annotated[str | None, typer.Option(metavar="SF2", help="A General MIDI soundfont for .wav and sound.")]
FOLDER_FORMATS = (".abc", ".mid", ".musicxml", ".svg", ".png", ".roll.png", ".wav")


@app.command(epilog="composer tune --style jig --key Ador --range D4:B5 --pin 1.1=A4 -n 3 -o tune.abc -o tune.mid")
def tune(
    style: Annotated[
        str | None,
        typer.Option(help="jig, reel, hornpipe, slip-jig, polka, waltz, march or air: meter, tempo, form and lilt."),
    ] = None,
    key: Annotated[str, typer.Option(help="Tonic and mode: 'D dorian', Ador, G, F#m. Notes belong to the key.")] = "D",
    meter: Annotated[str | None, typer.Option(help="2/4 3/4 4/4 6/8 9/8 ... (4/4, or the style's).")] = None,
    bars: Annotated[
        int | None, typer.Option(help="Bars heard: 32 of AABB are 16 written (32, or the style's).")
    ] = None,
    form: Annotated[str | None, typer.Option(help="Parts as letters: AABB, AB, AABBCC (AABB, or the style's).")] = None,
    endings: Annotated[bool, typer.Option("--endings", help="First and second endings for repeated parts.")] = False,
    tempo: Annotated[float | None, typer.Option(help="Beats a minute; in 6/8 a beat is three eighths.")] = None,
    pitch_range: Annotated[str, typer.Option("--range", help="Lowest and highest note.")] = "D4:B5",
    pin: Annotated[
        list[str] | None,
        typer.Option(metavar="BAR.BEAT=NOTE", help="A note that must begin there: 1.1=D4. Repeatable."),
    ] = None,
    starts_on_tonic: Annotated[bool, typer.Option(help="Begin on the tonic.")] = False,
    ends_on_tonic: Annotated[bool, typer.Option(help="End on the tonic.")] = True,
    title: Annotated[str | None, typer.Option(help="The tune's title.")] = None,
    model: Annotated[str, typer.Option(help="A shipped model's name, or a model file.")] = "folk-markov",
    seed: Annotated[
        int | None, typer.Option(min=0, help="The same seed gives the same notes; a new one if left out.")
    ] = None,
    n: Annotated[int, typer.Option("-n", min=1, max=10_000, help="How many tunes.")] = 1,
    temperature: Annotated[
        float, typer.Option(help="1 is as varied as the corpus; below plainer, above wilder.")
    ] = 0.7,
    output: Outputs = None,
    soundfont: Soundfont = None,
    as_json: Json = False,
) -> None:
    """Compose a tune: prints it as ABC, writes it where you say."""
    from composer.sketch import Sketch

    options: dict[str, Any] = {
        "bars": bars,
        "meter": meter,
        "key": key,
        "form": form,
        "endings": endings,
        "range": pitch_range,
        "starts_on_tonic": starts_on_tonic,
        "ends_on_tonic": ends_on_tonic,
        "pins": _pins(pin or []),
        "tempo": _tempo(tempo, meter, style),
    }
    if style:
        sketch = Sketch.styled(style, **options)
    else:
        defaults = {"bars": 32, "meter": "4/4", "form": "AABB", "tempo": 100.0}
        sketch = Sketch.blank(**{**options, **{k: v for k, v in defaults.items() if options[k] is None}})
    _compose(
        sketch,
        model,
        seed,
        n,
        temperature,
        title or f"{(style or 'tune').title()} in {sketch.score.key}",
        output or [],
        soundfont,
        as_json,
    )


def _compose(
    sketch: Sketch, model: str, seed: int | None, n: int, temperature: float, title: str, outputs: list[Path],
    soundfont: str | None, as_json: bool,
) -> None:  # fmt: skip
    from secrets import randbelow

    from composer.pipeline import Composer

    seed = randbelow(2**31) if seed is None else seed
    targets = _targets(outputs, n, title, seed)
    with _working("composing"):
        scores = Composer.load(model).completions(sketch, n, seed=seed, temperature=temperature)
    scores = [_titled(score, title, number, n) for number, score in enumerate(scores, 1)]
    written = _write_all(scores, targets, soundfont)
    from composer.io.abc import dumps

    texts = [dumps(score).decode() for score in scores]
    if as_json:
        rows = [
            {"title": score.title, "abc": text, "files": files, "made": dict(score.metadata)}
            for score, text, files in zip(scores, texts, written, strict=True)
        ]
        typer.echo(json.dumps({"seed": seed, "tunes": rows}, indent=2))
        return
    typer.echo("\n".join(texts).rstrip())
    _report([path for files in written for path in files], f"seed {seed}")


@app.command(epilog="composer render tune.abc -o tune.png -o tune.wav")
def render(
    file: Annotated[Path, typer.Argument(help="A MIDI, ABC or MusicXML file.")],
    output: Outputs = None,
    grid: Annotated[str | None, typer.Option(help="Quantise MIDI to this grid, such as 1/16 or 1/16+1/8t.")] = None,
    sustain: Annotated[bool, typer.Option("--sustain", help="Let MIDI's sustain pedal lengthen notes.")] = False,
    soundfont: Soundfont = None,
    as_json: Json = False,
) -> None:
    """Turn a file into scores, pictures and sound: any format in, any out."""
    from composer.io import read

    if not output:
        raise UsageError("say where to write: -o score.png, or -o FOLDER for every format")
    score = read(file, **_midi_options(file, grid, sustain))
    written = _write_all([score], [_paths(output, file.stem, "")], soundfont)[0]
    if as_json:
        typer.echo(json.dumps({"bars": score.bars, "key": str(score.key), "meter": str(score.meter), "files": written}))
        return
    _report(written, score.metadata.get("quantization", ""))


@app.command(epilog="composer play tune.abc --port 'My Keyboard'")
def play(
    file: Annotated[Path, typer.Argument(help="A MIDI, ABC or MusicXML file.")],
    port: Annotated[
        str | None, typer.Option(help="Part of a MIDI port's name; without it, sound by fluidsynth.")
    ] = None,
    backend: Annotated[str, typer.Option(help="auto, alsa, jack, coremidi or winmm.")] = "auto",
    soundfont: Soundfont = None,
) -> None:
    """Play a file on a MIDI port, or through fluidsynth. However it is stopped, no note hangs."""
    from composer.io import read
    from composer.live.player import play as perform

    score = read(file)
    for ending in ("SIGTERM", "SIGHUP"):  # a closed terminal, too, lets the player switch its notes off
        if hasattr(signal, ending):
            signal.signal(getattr(signal, ending), lambda number, _: sys.exit(128 + number))
    with _progress(f"playing {file.name}") as progress:
        perform(score, port=port, backend=backend, soundfont=soundfont, progress=progress)


@app.command(epilog="composer train folk -o my-folk.safetensors --set order=6")
def train(
    corpus: Annotated[str, typer.Argument(help="chorales, folk, essen, or a folder of your own files.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The model file to write.")],
    generator: Annotated[str, typer.Option(help="markov")] = "markov",
    encoding: Annotated[
        str | None, typer.Option(help="melody, abc_tokens, voices or pianoroll (melody, or voices for chorales).")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A hyperparameter of the generator: order=6. Repeatable."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Train a model on a corpus, measure it on held-out music, write it to one file."""
    from composer.corpora import load
    from composer.evaluation.survey import survey
    from composer.evaluation.survey_text import show as show_survey
    from composer.recipes import train as fit

    if output.suffix != ".safetensors":
        raise UsageError(f"{output}: a model file ends in .safetensors")
    with _progress(f"reading {corpus}") as progress:
        music = load(corpus, progress=progress)
    with _progress("training") as progress:
        report = fit(music, output, generator=generator, encoding=encoding, settings=settings or [], progress=progress)
    found = survey(music)
    if as_json:
        typer.echo(json.dumps(report | {"corpus_summary": found.summary()}))
        return
    for name, value in report.items():
        typer.echo(f"{name:>24}  {value}")
    show_survey(found, err=True, short=True)


@corpora_app.callback(invoke_without_command=True)
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


@corpora_app.command(epilog="composer corpora show folk")
def show(
    name: Annotated[str, typer.Argument(help="chorales, folk, essen, or a folder of your own files.")],
    as_json: Json = False,
) -> None:
    """Load a corpus and say what is in it: pieces, split, and every file that was left out, with the reason."""
    from composer.corpora import load

    with _progress(f"reading {name}") as progress:
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


@corpora_app.command(epilog="composer corpora inspect my-tunes --html report.html")
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
    from composer.corpora import load
    from composer.evaluation.survey import as_json as written
    from composer.evaluation.survey import survey
    from composer.evaluation.survey_text import show as show_survey

    with _progress(f"reading {paths[0]}") as progress:
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
        _report([str(html)], "")
    if as_json:
        for text in written(music, found):
            typer.echo(text, nl=False)
    else:
        show_survey(found)
    if not found.pieces:
        sys.exit(1)


# --- helpers of the commands --------------------------------------------------------------------------------


def _pins(pins: list[str]) -> dict[str, str]:
    pairs = [pin.partition("=") for pin in pins]
    wrong = next((pin for pin, (_, sign, _) in zip(pins, pairs, strict=True) if not sign), None)
    if wrong is not None:
        raise UsageError(f"--pin {wrong}: write BAR.BEAT=NOTE, such as 1.1=D4")
    return {place: note for place, _, note in pairs}


def _tempo(bpm: float | None, meter: str | None, style: str | None) -> Any:
    """The asked tempo in the beats of the meter."""
    if bpm is None:
        return None
    from composer.errors import InvalidScore
    from composer.styles import style_named
    from composer.theory import Meter, Tempo

    try:
        if style and meter is None:
            return Tempo(bpm, style_named(style).tempo.beat)
        return Tempo(bpm, Meter.parse(meter or "4/4").beat)
    except InvalidScore as error:
        raise UsageError(str(error)) from None


def _midi_options(file: Path, grid: str | None, sustain: bool) -> dict[str, Any]:
    options = {name: value for name, value in (("grid", grid), ("sustain", sustain)) if value}
    if options and file.suffix.lower() not in (".mid", ".midi"):
        raise UsageError(f"{file}: --grid and --sustain are for MIDI files")
    return options


def _titled(score: Score, title: str, number: int, n: int) -> Score:
    return score.with_metadata(title=title if n == 1 else f"{title}, no. {number}")


def _targets(outputs: list[Path], n: int, title: str, seed: int) -> list[list[Path]]:
    """For each of ``n`` tunes the files to write; several tunes are numbered."""
    stem = (
        "-".join("".join(c if c.isalnum() else " " for c in title.lower().replace("#", " sharp")).split()) + f"-{seed}"
    )
    width = len(str(n))
    return [_paths(outputs, stem, "" if n == 1 else f"-{number:0{width}}") for number in range(1, n + 1)]


def _paths(outputs: list[Path], stem: str, suffix: str) -> list[Path]:
    from composer.io import suffix_of

    paths: list[Path] = []
    for output in outputs:
        if output.is_dir() or not output.suffix:
            paths += [output / f"{stem}{suffix}{form}" for form in FOLDER_FORMATS]
        else:
            form = suffix_of(output)
            paths.append(output.with_name(output.name[: -len(form)] + suffix + form))
    return paths


def _write_all(scores: list[Score], targets: list[list[Path]], soundfont: str | None) -> list[list[str]]:
    """Write every score to its files; folders that were named are made."""
    from composer.errors import WriteError

    written: list[list[str]] = []
    total = max(sum(len(paths) for paths in targets), 1)
    with _progress("writing") as progress:
        for score, paths in zip(scores, targets, strict=True):
            written.append([])
            for path in paths:
                try:
                    path.parent.mkdir(parents=True, exist_ok=True)
                except OSError as error:
                    raise WriteError(f"{path.parent}: cannot be made ({error.strerror})") from None
                options = {"soundfont": soundfont} if soundfont and path.suffix.lower() == ".wav" else {}
                written[-1].append(str(score.write(path, **options)))
                progress(sum(len(files) for files in written) / total)
    return written


def _report(files: list[str], note: str) -> None:
    for file in files:
        typer.echo(f"wrote {file}", err=True)
    if note:
        typer.echo(note, err=True)


@contextmanager
def _progress(text: str) -> Iterator[Callable[[float], None]]:
    """A bar on the terminal for work that reports its share done; nothing where nobody watches."""
    if not sys.stderr.isatty():
        yield lambda share: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(text, total=1.0)
        yield lambda share: bar.update(task, completed=share)


@contextmanager
def _working(text: str) -> Iterator[None]:
    """A spinner for work that cannot say how far it is."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(text):
        yield


def _warn(message: Warning | str, *_: object, **__: object) -> None:
    typer.echo(f"composer: {message}", err=True)


def main() -> None:
    """The ``composer`` command."""
    warnings.showwarning = _warn
    try:
        app()
    except ComposerError as error:
        typer.echo(f"composer: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        typer.echo("composer: stopped", err=True)
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output has gone
        sys.stderr.close()
        sys.exit(1)


if __name__ == "__main__":
    main()
