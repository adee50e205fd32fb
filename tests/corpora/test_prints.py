"""Fingerprints are equal for the same notes in any key, and for nothing else."""

import dataclasses

import numpy as np

from composer.corpora.prints import PRINT, fingerprint
from composer.score import Part, Score

RIGHT = Part.of([0, 10, 20, 20], [60, 64, 67, 72], [10, 10, 20, 20])
LEFT = Part.of([0, 20], [48, 43], [20, 20])
BEAT = Part.of([0, 10], [36, 38], [5, 5], drums=True)
PIECE = Score.of([RIGHT, LEFT, BEAT])


def moved(part: Part, *, pitch: int = 0, onset: int = 0) -> Part:
    return Part.of(part.onset + onset, part.pitch + pitch, part.duration, drums=part.drums)


def test_keys_names_programs_loudness_and_the_order_of_parts_do_not_matter() -> None:
    higher = [moved(RIGHT, pitch=5), moved(LEFT, pitch=5), BEAT]
    loud = dataclasses.replace(RIGHT, velocity=np.full(4, 100, np.int32), name="Piano", program=7)
    joined = Part.of(*(np.concatenate(columns) for columns in zip(RIGHT.columns, LEFT.columns, strict=True)))
    same = [
        Score.of(higher),
        Score.of([loud, LEFT, BEAT], tempo=70, metadata={"title": "x"}),
        Score.of([LEFT, BEAT, RIGHT]),
        Score.of([joined, BEAT]),
        Score.of([moved(part, onset=40) for part in (RIGHT, LEFT, BEAT)]),
    ]
    assert {fingerprint(score) for score in same} == {fingerprint(PIECE)}
    assert len(fingerprint(PIECE)) == PRINT


def test_every_note_matters() -> None:
    others = [
        Score.of([RIGHT, LEFT]),
        Score.of([RIGHT.select(np.arange(4) != 2), LEFT, BEAT]),
        Score.of([moved(RIGHT, pitch=12), LEFT, BEAT]),
        Score.of([RIGHT, LEFT, moved(BEAT, pitch=1)]),
        Score.of([RIGHT, LEFT, moved(BEAT, onset=1)]),
        Score.of([RIGHT, Part.of([0, 20], [48, 43], [20, 19]), BEAT]),
        Score.of([RIGHT, LEFT, dataclasses.replace(BEAT, drums=False)]),
        Score.of([BEAT]),
        Score.of([Part.of()]),
    ]
    prints = {fingerprint(score) for score in [PIECE, *others]}
    assert len(prints) == 1 + len(others)
