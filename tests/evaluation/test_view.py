"""What a model can learn from a corpus, by the encoding through which it sees it."""

from composer.encodings.melody import Melody
from composer.evaluation.view import sounding, view
from composer.score import Part, Score
from composer.theory import TICKS_PER_QUARTER as Q

TUNE = Part.of([0, Q, 2 * Q, 3 * Q], [60, 62, 64, 65], [Q] * 4)


def test_notes_and_what_is_left_out_are_counted() -> None:
    drums = Part.of([0, Q], [35, 38], [Q, Q], drums=True)
    seen = view(Melody(), [Score.of([TUNE]), Score.of([TUNE, drums]), Score.of([drums])])
    assert (seen.notes, seen.kept) == (12, 8)
    assert any(seen.left_out.values())


def test_losses_that_differ_in_a_number_are_one() -> None:
    chords = [Score.of([Part.of([0] * n, range(60, 60 + n), [Q] * n)]) for n in (2, 3, 4)]
    assert [count for loss, count in view(Melody(), chords).left_out.items() if loss.startswith("notes")] == [3]


def test_scores_that_are_silent_are_named() -> None:
    drums = Part.of([0, Q], [35, 38], [Q, Q], drums=True)
    scores = [Score.of([drums]), Score.of([TUNE])]
    assert view(Melody(), scores).silent == {0}
    assert list(sounding(Melody(), scores)) == scores[1:]
