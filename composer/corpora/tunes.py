"""The tunes of one ABC file as pieces of a corpus."""

from __future__ import annotations

from composer.corpora.base import Reading, Rejected
from composer.io.abc import tunes


def read_tunes(data: bytes, name: str, file: str) -> Reading:
    """Every tune of a file, its id ``name:X``; a second tune numbered 7 is ``name:7.2``. ``file`` is for messages."""
    reading = Reading([], [])
    seen: dict[str, int] = {}
    for tune in tunes(data, file):
        number = tune.number.lstrip("0") or "0"
        seen[number] = seen.get(number, 0) + 1
        id = f"{name}:{number}" if seen[number] == 1 else f"{name}:{number}.{seen[number]}"
        if tune.score is None:
            reading.rejected.append(Rejected(id, str(tune.error)))
        else:
            reading.scores.append((id, tune.score))
            reading.notices[id] = tune.notices
    if not seen:
        reading.rejected.append(Rejected(name, f"{file}: holds no ABC tune; one begins with X:1 and has a K: field"))
    return reading
