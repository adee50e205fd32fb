"""Symbolic music composition: composing is completing a sketch.

>>> import composer
>>> composer.Key.parse("D dorian").signature
0
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from composer.io import read
    from composer.pipeline import Composer
    from composer.score import Note, Part, Score
    from composer.sketch import Sketch
    from composer.theory import ChordSymbol, Key, Meter, Tempo

__all__ = ["ChordSymbol", "Composer", "Key", "Meter", "Note", "Part", "Score", "Sketch", "Tempo", "read"]
__version__ = "0.1.0"

_HOME = {
    "Composer": "composer.pipeline",
    "Sketch": "composer.sketch",
    "read": "composer.io",
    **dict.fromkeys(("Note", "Part", "Score"), "composer.score"),
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'composer' has no attribute {name!r}")
    return getattr(import_module(_HOME.get(name, "composer.score")), name)
