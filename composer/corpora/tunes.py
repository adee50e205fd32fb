"""The tunes of one ABC file as pieces of a corpus."""

from __future__ import annotations

from pathlib import Path

from composer.corpora.base import Reading, Rejected
from composer.errors import ReadError
from composer.io import read_bytes
from composer.io.abc import tunes
from composer.score import Score


def read_tunes(path: Path, name: str, file: str) -> Reading:
    """Every tune of a file, its id ``name:X``; a second tune numbered 7 is ``name:7.2``. ``file`` is for messages."""
    from composer.corpora.facts import facts

    scores: list[tuple[str, Score]] = []
    told = {}
    rejected: list[Rejected] = []
    seen: dict[str, int] = {}
    try:
        data = read_bytes(path)
    except ReadError as error:
        return Reading([], [Rejected(name, str(error))])
    for tune in tunes(data, file):
        number = tune.number.lstrip("0") or "0"
        seen[number] = seen.get(number, 0) + 1
        id = f"{name}:{number}" if seen[number] == 1 else f"{name}:{number}.{seen[number]}"
        if tune.score is None:
            rejected.append(Rejected(id, str(tune.error)))
        else:
            scores.append((id, tune.score))
            told[id] = facts(tune.score, tune.notices)
    if not seen:
        rejected.append(Rejected(name, f"{file}: holds no ABC tune; one begins with X:1 and has a K: field"))
    return Reading(scores, rejected, told)
