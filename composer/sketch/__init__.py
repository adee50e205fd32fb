"""A sketch: a score with holes, and what is wanted in them. Composing is completing a sketch.

>>> sketch = Sketch.blank(bars=32, meter="6/8", key="D dorian", form="AABB")
>>> sketch.score.bars, len(sketch.score.repeats)
(16, 2)
"""

from composer.sketch.cadence import EndsOnTonic, StartsOnTonic
from composer.sketch.cells import REST, SYMBOLS, Automaton, Cells, Constraint, Moves, Preference
from composer.sketch.copies import Breaths, Copy
from composer.sketch.pitch import Diatonic, Pin, Range
from composer.sketch.regions import Hole
from composer.sketch.sketch import Sketch

__all__ = [
    "REST",
    "SYMBOLS",
    "Automaton",
    "Breaths",
    "Cells",
    "Constraint",
    "Copy",
    "Diatonic",
    "EndsOnTonic",
    "Hole",
    "Moves",
    "Pin",
    "Preference",
    "Range",
    "Sketch",
    "StartsOnTonic",
]
