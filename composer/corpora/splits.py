"""Which pieces are variants of one tune, and which side of the split a tune falls on.

Two pieces are linked if their melodies share enough runs of intervals: a transposed copy, another setting of the same
tune, the same hymn harmonised again. Links chain, so a group is everything that can be reached; a whole group falls on
one side, by a hash of its first piece's id. Nothing is random, and adding pieces moves none but their own relatives.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from composer.score import Score

SHARES = (("train", 0.8), ("validation", 0.1), ("test", 0.1))


def split_of(id: str) -> str:
    """The split of a group whose first piece has this id: 80, 10 and 10 % by the SHA-256 of the id."""
    place = int.from_bytes(hashlib.sha256(id.encode("utf-8", "surrogateescape")).digest()[:8], "big") / 2**64
    for name, share in SHARES:
        if place < share:
            return name
        place -= share
    return SHARES[-1][0]


def melody(score: Score) -> NDArray[np.int64]:
    """(N,) the pitches of the top line: of the first part that has notes and is no drums, the highest at each onset."""
    part = next((part for part in score.parts if len(part) and not part.drums), None)
    if part is None:
        return np.zeros(0, dtype=np.int64)
    top = np.append(part.onset[1:] != part.onset[:-1], True)  # sorted by onset, then pitch
    return part.pitch[top].astype(np.int64)
