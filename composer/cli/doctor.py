"""The command that says whether a jam can run here, and what to install."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from composer.cli.terminal import Json

COLOURS = {"ok": "green", "warn": "yellow", "missing": "red"}


def doctor(
    backend: Annotated[str, typer.Option(help="auto, alsa, jack, coremidi or winmm.")] = "auto",
    as_json: Json = False,
) -> None:
    """Look at Python, MIDI ports, their round trip, time and sound, and say what to do about what is missing.

    Exits with 0 if a jam with MIDI ports can run, else with 1. Takes a few seconds.
    """
    from composer.live.doctor import can_jam, examine

    findings = []
    for finding in examine(backend):
        findings.append(finding)
        if not as_json:
            verdict = typer.style(f"{finding.verdict:<8}", fg=COLOURS[finding.verdict])
            typer.echo(f"{verdict}{finding.name:<14} {finding.text}")
            if finding.remedy:
                typer.echo(f"{'':<23}{finding.remedy}")
    ready = can_jam(findings)
    if as_json:
        typer.echo(json.dumps({"can_jam": ready, "findings": [asdict(finding) for finding in findings]}, indent=2))
    elif ready:
        found = all(finding.verdict == "ok" for finding in findings if finding.name in ("ports in", "ports out"))
        typer.echo(f"A jam can run: composer jam{'' if found else ' --virtual'}")
    else:
        typer.echo("A jam with MIDI ports cannot run yet; composer jam --file CALLS.mid needs none")
    if not ready:
        sys.exit(1)
