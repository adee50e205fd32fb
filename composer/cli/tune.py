"""The command that composes a tune from nothing but wishes."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from composer.cli.completing import (
    Asked,
    Chords,
    For,
    MaxCopy,
    Model,
    Number,
    Preferences,
    Scale,
    Seed,
    Temperature,
    Wishes,
    complete_and_write,
)
from composer.cli.terminal import Json, Outputs, Soundfont


def tune(
    style: Annotated[
        str | None,
        typer.Option(help="jig, reel, hornpipe, slip-jig, polka, waltz, march or air: meter, tempo, form and lilt."),
    ] = None,
    key: Annotated[
        str,
        typer.Option(
            help="Tonic and mode: 'D dorian', Ador, G, F#m. Notes belong to the key, "
            "in minor also the raised 6th and 7th."
        ),
    ] = "D",
    meter: Annotated[str | None, typer.Option(help="2/4 3/4 4/4 6/8 9/8 ... (4/4, or the style's).")] = None,
    bars: Annotated[
        int | None, typer.Option(help="Bars heard: 32 of AABB are 16 written (32, or the style's).")
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(help="Parts as letters: AABB, ABAC, \"A A' B A'\" (A' opens as A does) (AABB, or the style's)."),
    ] = None,
    endings: Annotated[bool, typer.Option("--endings", help="First and second endings for repeated parts.")] = False,
    pickup: Annotated[str | None, typer.Option(help="An upbeat to every part, such as 1/8.")] = None,
    phrases: Annotated[
        int | None, typer.Option(help="Bars in a phrase; no note is held from one into the next.")
    ] = None,
    tempo: Annotated[float | None, typer.Option(help="Beats a minute; in 6/8 a beat is three eighths.")] = None,
    pitch_range: Annotated[
        str | None, typer.Option("--range", help="Lowest and highest note (D4:B5, or the instrument's).")
    ] = None,
    instrument: For = None,
    scale: Scale = None,
    chords: Chords = None,
    pin: Annotated[
        list[str] | None,
        typer.Option(metavar="BAR.BEAT=NOTE", help="A note that must begin there: 1.1=D4. Repeatable."),
    ] = None,
    starts_on_tonic: Annotated[bool, typer.Option(help="Begin on the tonic.")] = False,
    ends_on_tonic: Annotated[
        bool | None, typer.Option("--ends-on-tonic/--no-ends-on-tonic", help="End on the tonic (the usual).")
    ] = None,
    max_copy: MaxCopy = None,
    wish: Wishes = None,
    prefer: Preferences = None,
    title: Annotated[str | None, typer.Option(help="The tune's title.")] = None,
    model: Model = None,
    seed: Seed = None,
    n: Number = 1,
    temperature: Temperature = None,
    output: Outputs = None,
    soundfont: Soundfont = None,
    as_json: Json = False,
) -> None:
    """Compose a tune: prints it as ABC, writes it where you say."""
    from composer.sketch import Sketch
    from composer.sketch.regions import said
    from composer.styles import tempo_of

    named = said({"range": pitch_range, "instrument": instrument, "wish": wish})
    options: dict[str, Any] = {
        "bars": bars,
        "meter": meter,
        "key": key,
        "form": form,
        "endings": endings,
        "pickup": pickup,
        "phrases": phrases,
        "range": pitch_range if named & {"range", "instrument", "only"} else "D4:B5",
        "instrument": instrument,
        "scale": scale,
        "chords": chords,
        "starts_on_tonic": starts_on_tonic,
        "ends_on_tonic": "ends_on" not in named if ends_on_tonic is None else ends_on_tonic,
        "pins": pin,
        "max_copy": max_copy,
        "wish": wish,
        "prefer": prefer,
        "tempo": None if tempo is None else tempo_of(tempo, meter, style),
    }
    if style:
        sketch = Sketch.styled(style, **options)
    else:
        defaults = {"bars": 32, "meter": "4/4", "form": "AABB", "tempo": tempo_of(100.0, meter, None)}
        sketch = Sketch.blank(**{**options, **{k: v for k, v in defaults.items() if options[k] is None}})
    asked = Asked(model, seed, n, temperature, output or [], soundfont, as_json)
    complete_and_write(sketch, asked, title or f"{(style or 'tune').title()} in {sketch.score.key}")
