"""A sketch: a score with holes, and what is wanted in them. Composing is completing a sketch.

>>> sketch = Sketch.blank(bars=32, meter="6/8", key="D dorian", form="AABB")
>>> sketch.score.bars, len(sketch.score.repeats)
(16, 2)
"""

from composer.sketch.cadence import EndsOnTonic, StartsOnTonic
from composer.sketch.cells import REST, SYMBOLS, Automaton, Cells, Constraint, Moves, Preference
from composer.sketch.pitch import Diatonic, Pin, Range
from composer.sketch.sketch import Hole, Sketch

__all__ = [
    "REST",
    "SYMBOLS",
    "Automaton",
    "Cells",
    "Constraint",
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
