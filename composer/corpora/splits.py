"""Which pieces are variants of one tune, and which side of the split a tune falls on.

Two pieces are linked if their melodies share enough runs of intervals (a transposed copy, another setting of a tune, a
hymn harmonised again) or if they bear the same title. Links chain, so a group is everything that can be reached; a
whole group falls on one side, by a hash of its smallest id. Nothing is random.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from composer.corpora.base import plain
from composer.corpora.kin import RUN, WIDEST, Ids, Moves, near_links
from composer.score import Part, Score

RULE = (
    "80 / 10 / 10 % by the SHA-256 of the smallest id of a group of variants; variants share a fifth of the shorter "
    "melody's runs of eight intervals, and at least eight of them, or a title"
)
SHARES = (("train", 0.8), ("validation", 0.1), ("test", 0.1))

TITLE = 8  # letters; shorter titles ("A Jig") name a kind of tune, as do those of more than NAMESAKES pieces
NAMESAKES = 8


def split_of(id: str) -> str:
    """The split of a group whose smallest id this is: 80, 10 and 10 % by its SHA-256."""
    place = int.from_bytes(hashlib.sha256(id.encode("utf-8", "surrogateescape")).digest()[:8], "big") / 2**64
    for name, share in SHARES:
        if place < share:
            return name
        place -= share
    return SHARES[-1][0]


def melody_links(lines: Sequence[Moves]) -> Ids:
    """(L, 2) links between melodies that are copies of each other or share enough runs."""
    first: dict[bytes, int] = {}
    same = [first.setdefault(hashlib.sha256(line.tobytes()).digest(), index) for index, line in enumerate(lines)]
    copies = [(one, index) for index, one in enumerate(same) if one != index and len(lines[index]) >= RUN]
    distinct = [index for index, one in enumerate(same) if one == index]
    near = np.array(distinct, dtype=np.int64)[near_links([lines[index] for index in distinct])]
    return np.concatenate([np.array(copies, dtype=np.int64).reshape(-1, 2), near.reshape(-1, 2)])


def melody(score: Score) -> Ids:
    """(N,) the pitches of the top line: of the first part that has notes and is no drums, the highest at each onset."""
    part = next((part for part in score.parts if len(part) and not part.drums), None)
    if part is None:
        return np.zeros(0, dtype=np.int64)
    return top_line(part)


def top_line(part: Part) -> Ids:
    """(N,) the highest pitch at each onset of a part that has notes."""
    top = np.append(part.onset[1:] != part.onset[:-1], True)  # sorted by onset, then pitch
    return np.asarray(part.pitch[top], dtype=np.int64)


def moves(pitches: Ids) -> Moves:
    """The intervals between notes that are not repetitions: the same in every key."""
    steps = np.diff(pitches)
    return np.asarray(np.clip(steps[steps != 0], -WIDEST, WIDEST), dtype=np.int8)


def title_links(titles: Sequence[str]) -> Ids:
    """(L, 2) links between pieces of one name, as in "The Boyne Hunt", "BOYNE HUNT -- Reel" and "Boyne Hunt, The"."""
    bearers: dict[str, list[int]] = defaultdict(list)
    for index, title in enumerate(titles):
        name = plain(re.split(r"--|[(/]", title)[0])
        bearers[" ".join(word for word in name.split() if word != "the")].append(index)
    rows = [
        (group[0], other)
        for name, group in bearers.items()
        if len(name) >= TITLE and len(group) <= NAMESAKES
        for other in group[1:]
    ]
    return np.array(rows, dtype=np.int64).reshape(-1, 2)
