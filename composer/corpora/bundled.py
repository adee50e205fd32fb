"""The folder of music inside music21's package, found without importing music21."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from composer.errors import ReadError


def music21_corpus(folder: str, pattern: str) -> list[Path]:
    """The files of a folder of music21's corpus, sorted; raises :class:`ReadError` if they are not there."""
    spec = find_spec("music21")
    places = list(spec.submodule_search_locations or ()) if spec else []
    if not places:
        raise ReadError("this corpus comes with music21, which is not installed: pip install music21")
    place = Path(places[0]) / "corpus" / folder
    files = sorted(path for path in place.glob(pattern) if path.is_file())
    if not files:
        raise ReadError(f"{place}: has no {pattern} files; this music21 came without its corpus: install it again")
    return files
