"""What can be heard in notes: pure functions on arrays and scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from composer.theory import MODES, Key

# Krumhansl & Kessler (1982): how well each pitch class, counted from the tonic, fits a major and a minor key
PROFILES = {
    "major": (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    "minor": (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}


def find_key(pitch: ArrayLike, duration: ArrayLike) -> Key:
    """The major or minor key whose profile correlates best with how long each pitch class sounds.

    The algorithm of Krumhansl and Schmuckler. ``pitch`` (N,) are MIDI numbers, ``duration`` (N,) lengths in any unit.
    Of two names for a key, the one with fewer accidentals is given (F# rather than Gb); C major where all pitch
    classes sound equally long, or none.

    >>> str(find_key([62, 64, 66, 67, 69, 71, 73, 74], [2, 1, 1, 1, 2, 1, 1, 2]))
    'D major'
    """
    weights = np.bincount(np.asarray(pitch, dtype=np.int64) % 12, np.asarray(duration, dtype=np.float64), minlength=12)
    if np.ptp(weights) == 0:
        return Key(0)
    names = [(mode, tonic) for mode in PROFILES for tonic in range(12)]
    profiles = [np.roll(PROFILES[mode], tonic) for mode, tonic in names]
    mode, tonic = names[int(np.argmax(np.corrcoef(weights, profiles)[0, 1:]))]
    return plain_key(tonic, mode)


def plain_key(tonic_class: int, mode: str) -> Key:
    """The key on a pitch class, named with the fewest accidentals: F# major, but B rather than Cb.

    >>> str(plain_key(1, "minor"))
    'C# minor'
    """
    signature = (7 * tonic_class - MODES[mode] + 5) % 12 - 5
    return Key(signature + MODES[mode], mode)
