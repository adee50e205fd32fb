"""A sketch: a score with holes, and what is wanted in them. Composing is completing a sketch.

>>> sketch = Sketch.blank(bars=32, meter="6/8", key="D dorian", form="AABB")
>>> sketch.score.bars, len(sketch.score.repeats)
(16, 2)
"""

from composer.sketch.cadence import EndsOn, EndsOnTonic, Fermatas, HalfCadence, StartsOnTonic
from composer.sketch.cells import REST, SYMBOLS, Apart, Automaton, Cells, Constraint, Moves, Preference
from composer.sketch.chords import Chords
from composer.sketch.contour import Contour, Leap, Melody
from composer.sketch.copies import Breaths, Copy
from composer.sketch.copying import MaxCopy
from composer.sketch.during import During, during
from composer.sketch.forbid import Forbid
from composer.sketch.pitch import Among, Diatonic, Pin, Range, Scale
from composer.sketch.regions import Hole
from composer.sketch.rhythm import Density, Longest, Rhythm, Shortest, Unsyncopated
from composer.sketch.sketch import Sketch
from composer.sketch.wishes import WISHES, Wish, wanted, wished

__all__ = [
    "REST",
    "SYMBOLS",
    "WISHES",
    "Among",
    "Apart",
    "Automaton",
    "Breaths",
    "Cells",
    "Chords",
    "Constraint",
    "Contour",
    "Copy",
    "Density",
    "Diatonic",
    "During",
    "EndsOn",
    "EndsOnTonic",
    "Fermatas",
    "Forbid",
    "HalfCadence",
    "Hole",
    "Leap",
    "Longest",
    "MaxCopy",
    "Melody",
    "Moves",
    "Pin",
    "Preference",
    "Range",
    "Rhythm",
    "Scale",
    "Shortest",
    "Sketch",
    "StartsOnTonic",
    "Unsyncopated",
    "Wish",
    "during",
    "wanted",
    "wished",
]
