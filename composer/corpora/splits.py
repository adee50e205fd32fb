"""Which pieces are variants of one tune, and which side of the split a tune falls on.

Two pieces are linked if their melodies share enough runs of intervals (a transposed copy, another setting of a tune, a
hymn harmonised again) or if they bear the same title. Links chain, so a group is everything that can be reached; a
whole group falls on one side, by a hash of its smallest id. Nothing is random.

Repeated notes are left out of the runs, because variants differ most in how they fill a long note. Below a fifth of
common runs, what two folk tunes or two chorales share is the common stock of scales and cadences; with a tenth,
one group would swallow a third of Bach's chorales.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from composer.corpora.base import plain
from composer.score import Score

RULE = (
    "80 / 10 / 10 % by the SHA-256 of the smallest id of a group of variants; variants share a fifth of the shorter "
    "melody's runs of eight intervals, and at least eight of them, or a title"
)
SHARES = (("train", 0.8), ("validation", 0.1), ("test", 0.1))

RUN = 8  # intervals, so nine notes
SHARE = 0.2  # of the shorter melody's runs
ENOUGH = 8  # runs: seventeen notes in a row
COMMON = 50  # a run in more melodies than this says nothing of kinship
WIDEST = 15  # semitones; wider leaps count as this one
TITLE = 8  # letters; shorter titles ("A Jig") name a kind of tune, as do those of more than NAMESAKES pieces
NAMESAKES = 8

Ids = NDArray[np.int64]


def split_of(id: str) -> str:
    """The split of a group whose smallest id this is: 80, 10 and 10 % by its SHA-256."""
    place = int.from_bytes(hashlib.sha256(id.encode("utf-8", "surrogateescape")).digest()[:8], "big") / 2**64
    for name, share in SHARES:
        if place < share:
            return name
        place -= share
    return SHARES[-1][0]


def variants(scores: Sequence[Score]) -> list[int]:
    """For each score the index of the first one of its group: itself, if it is the first or alone."""
    intervals = [moves(melody(score)) for score in scores]
    links = [_copies(intervals), _namesakes([score.title for score in scores]), _kin(intervals)]
    groups: list[int] = _connected(len(scores), np.concatenate(links)).tolist()
    return groups


def melody(score: Score) -> Ids:
    """(N,) the pitches of the top line: of the first part that has notes and is no drums, the highest at each onset."""
    part = next((part for part in score.parts if len(part) and not part.drums), None)
    if part is None:
        return np.zeros(0, dtype=np.int64)
    top = np.append(part.onset[1:] != part.onset[:-1], True)  # sorted by onset, then pitch
    return np.asarray(part.pitch[top], dtype=np.int64)


def moves(pitches: Ids) -> Ids:
    """The intervals between notes that are not repetitions: the same in every key."""
    steps = np.diff(pitches)
    return np.asarray(np.clip(steps[steps != 0], -WIDEST, WIDEST))


def _copies(melodies: Sequence[Ids]) -> Ids:
    """(L, 2) links between melodies that are equal, but for those without a run."""
    first: dict[bytes, int] = {}
    rows = [(first.setdefault(m.tobytes(), index), index) for index, m in enumerate(melodies) if len(m) >= RUN]
    return np.array(rows, dtype=np.int64).reshape(-1, 2)


def _namesakes(titles: Sequence[str]) -> Ids:
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


def _kin(melodies: Sequence[Ids]) -> Ids:
    """(L, 2) links between melodies that share enough runs, of which equal ones are looked at once."""
    distinct = {m.tobytes(): index for index, m in reversed(list(enumerate(melodies)))}
    runs = {index: _runs(melodies[index]) for index in sorted(distinct.values())}
    piece = np.repeat(np.array(list(runs), dtype=np.int64), [len(r) for r in runs.values()])
    run = np.concatenate([np.zeros(0, dtype=np.int64), *runs.values()])
    total = len(melodies)
    size = np.bincount(piece, minlength=total)  # (pieces,)
    order = np.lexsort((piece, run))
    piece, run = piece[order], run[order]
    _, which, count = np.unique(run, return_inverse=True, return_counts=True)
    telling = count[which] <= COMMON
    piece, run = piece[telling], run[telling]
    pairs = [np.zeros(0, dtype=np.int64)]
    for gap in range(1, COMMON):  # entries of one run stand together: compare each with its next, second next, ...
        same = run[gap:] == run[:-gap]
        if not same.any():
            break
        pairs.append(piece[:-gap][same] * total + piece[gap:][same])
    pair, shared = np.unique(np.concatenate(pairs), return_counts=True)
    links = np.stack(np.divmod(pair, total), axis=1) if total else np.zeros((0, 2), dtype=np.int64)
    shorter = size[links].min(axis=1)
    return np.asarray(links[(shared >= SHARE * shorter) & (shared >= np.minimum(ENOUGH, shorter))])


def _runs(intervals: Ids) -> Ids:
    """The distinct runs of :data:`RUN` intervals, each as one integer."""
    if len(intervals) < RUN:
        return np.zeros(0, dtype=np.int64)
    base = 2 * WIDEST + 1
    windows = np.lib.stride_tricks.sliding_window_view(intervals + WIDEST, RUN)
    return np.unique(windows @ (base ** np.arange(RUN, dtype=np.int64)))


def _connected(total: int, links: Ids) -> Ids:
    """(total,) the smallest index that each can be reached from over the links (L, 2)."""
    label = np.arange(total)
    while True:
        lowest = label[links].min(axis=1)
        closer = label.copy()
        np.minimum.at(closer, links[:, 0], lowest)
        np.minimum.at(closer, links[:, 1], lowest)
        closer = closer[closer]
        if (closer == label).all():
            return np.asarray(label)
        label = closer
