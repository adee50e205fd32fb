"""Where phrases come to rest."""

from dataclasses import replace

import numpy as np
import pytest

from composer.errors import UsageError
from composer.harmonizing import phrase_ends
from composer.io.abc import loads
from composer.score import Annotation, Part, Score
from composer.theory import TICKS_PER_QUARTER as Q


def tune(bars: int, long: list[int], pickup: int = 0, **options) -> Score:
    """Quarters, but for a half note where each bar of ``long`` begins its last three beats."""
    end = pickup + 4 * Q * bars
    joined = [pickup + 4 * Q * (bar - 1) + 2 * Q for bar in long]
    onset = np.array([tick for tick in range(0, end, Q) if tick not in joined])
    duration = np.diff(np.append(onset, end))
    return Score.of([Part.of(onset, np.full(len(onset), 67), duration)], meter="4/4", pickup=pickup, **options)


def test_by_itself_on_long_notes_that_end_four_bars() -> None:
    assert phrase_ends(tune(8, [4, 6, 8])) == (13 * Q, 29 * Q)
    assert phrase_ends(tune(8, [4], pickup=Q)) == (14 * Q, 32 * Q)  # and at the end


def test_fermatas_are_all_the_cadences_there_are() -> None:
    assert phrase_ends(tune(8, [4], fermatas=[Q])) == ()
    assert phrase_ends(tune(4, [4], fermatas=[Q]), "4") == (13 * Q,)


def test_breaths_and_double_bars() -> None:
    score = tune(8, [], sections=[12 * Q])
    breath = replace(score.parts[0], annotations=(Annotation("decoration", 5 * Q, "breath"),))
    assert phrase_ends(replace(score, parts=(breath,))) == (5 * Q, 11 * Q, 31 * Q)


def test_repeats_and_their_endings_close_phrases_and_pickups_do_not() -> None:
    score = loads(b"X:1\nM:2/4\nL:1/8\nK:C\nG|:c2 e2|d2 c2|1 B3 G:|2 c4||", "x")
    assert [score.place(tick) for tick in phrase_ends(score)] == ["bar 3, beat 1", "bar 4, beat 1"]


def test_every_so_many_bars_on_the_longest_note_of_the_last() -> None:
    assert phrase_ends(tune(5, [2]), "2") == (5 * Q, 15 * Q)
    assert phrase_ends(tune(4, []), "none") == ()
    for wrong in ("0", "often", "-4", "4.5"):
        with pytest.raises(UsageError, match="--phrases"):
            phrase_ends(tune(4, []), wrong)
