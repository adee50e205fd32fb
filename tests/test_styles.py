"""Laws of the dance styles: a performance is the same music, leant on and swung."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from composer.errors import UsageError
from composer.score import DEFAULT_VELOCITY, Annotation, Part, Repeat, Score
from composer.styles import EIGHTH, STYLES, perform, style_named
from composer.theory import TICKS_PER_QUARTER as Q
from strategies import scores

STRAIGHT = [name for name, style in STYLES.items() if style.swing == 0.5]
SWUNG = [name for name, style in STYLES.items() if style.swing != 0.5]
HORNPIPE_SECOND = round(0.62 * Q)  # where the second of two eighths falls


def eighths(count: int, style: str, **frame: object) -> Score:
    """``count`` eighths from tick 0, marked as a dance."""
    part = Part.of(np.arange(count) * EIGHTH, [62] * count, [EIGHTH] * count)
    return Score.of([part], meter=[STYLES[style].meter], **frame).with_metadata(rhythm=style)  # type: ignore[arg-type]


@st.composite
def dances(draw: st.DrawFn, names: list[str]) -> Score:
    """A random score whose first meter has a style's bars."""
    score = draw(scores())
    fitting = [name for name in names if STYLES[name].meter.bar == score.meter.bar]
    assume(fitting)
    return score.with_metadata(rhythm=draw(st.sampled_from(fitting)))


@given(dances(list(STYLES)))
def test_a_performance_has_the_same_notes_in_order_and_the_same_length(score: Score) -> None:
    heard, played = score.unfold(), perform(score)
    assert played.end == heard.end
    assert played.barlines.tolist() == heard.barlines.tolist()
    for before, after in zip(heard.parts, played.parts, strict=True):
        assert after.pitch.tolist() == before.pitch.tolist()
        assert (np.diff(after.onset) >= 0).all()
        assert (after.duration >= 1).all()
        assert [mark.text for mark in after.annotations] == [mark.text for mark in before.annotations]


@given(dances(STRAIGHT))
def test_straight_styles_move_nothing(score: Score) -> None:
    heard, played = score.unfold(), perform(score)
    for before, after in zip(heard.parts, played.parts, strict=True):
        assert after.onset.tolist() == before.onset.tolist()
        assert after.duration.tolist() == before.duration.tolist()


@given(dances(SWUNG))
def test_swing_moves_no_note_by_more_than_its_share_of_a_quarter(score: Score) -> None:
    heard, played = score.unfold(), perform(score)
    share = STYLES[score.metadata["rhythm"]].swing - 0.5
    for before, after in zip(heard.parts, played.parts, strict=True):
        assert np.abs(after.onset - before.onset).max(initial=0) <= share * Q + 1


@given(dances(list(STYLES)))
def test_dynamics_that_somebody_chose_stay(score: Score) -> None:
    heard, played = score.unfold(), perform(score)
    for before, after in zip(heard.parts, played.parts, strict=True):
        chosen = before.velocity != DEFAULT_VELOCITY
        assert after.velocity[chosen].tolist() == before.velocity[chosen].tolist()


@given(scores())
def test_without_a_known_dance_a_performance_is_what_is_heard(score: Score) -> None:
    assert perform(score) == score.unfold()
    assert perform(score.with_metadata(rhythm="gavotte")).parts == score.unfold().parts


@pytest.mark.parametrize("name", [name for name in STYLES if name != "polka"])
def test_the_downbeat_is_the_loudest_note_of_every_bar(name: str) -> None:
    bar = STYLES[name].meter.bar
    played = perform(eighths(4 * bar // EIGHTH, name)).parts[0]
    loudest = played.onset[played.velocity == played.velocity.max()]
    assert loudest.tolist() == [0, bar, 2 * bar, 3 * bar]


def test_a_polka_leans_on_the_off_beat() -> None:
    played = perform(eighths(8, "polka")).parts[0]
    loudest = played.onset[played.velocity == played.velocity.max()]
    assert loudest.tolist() == [EIGHTH, 3 * EIGHTH, 5 * EIGHTH, 7 * EIGHTH]


@pytest.mark.parametrize("pickup", [EIGHTH, 2 * EIGHTH, 3 * EIGHTH])
def test_after_a_pickup_accents_and_swing_count_from_the_bar(pickup: int) -> None:
    """A hornpipe that opens with one eighth swings on the same beats as one that opens on the beat."""
    played = perform(eighths(pickup // EIGHTH + 8, "hornpipe", pickup=pickup)).parts[0]
    plain = perform(eighths(8, "hornpipe")).parts[0]
    first_bar = played.select(played.onset >= pickup)
    assert (first_bar.onset - pickup).tolist() == plain.onset.tolist()
    assert first_bar.velocity.tolist() == plain.velocity.tolist()
    upbeat = played.select(played.onset < pickup)
    ends_at = STYLES["hornpipe"].meter.bar
    assert (upbeat.onset + ends_at - pickup).tolist() == plain.onset[-len(upbeat) :].tolist()
    assert upbeat.velocity.tolist() == plain.velocity[-len(upbeat) :].tolist()


def test_a_repeated_part_with_its_own_pickup_swings_the_same_each_time() -> None:
    """Eight eighths in a short bar and its pickup: unfolded, the pickup stands in the middle of the score."""
    lines = [0, EIGHTH, 9 * EIGHTH, 16 * EIGHTH]
    score = eighths(16, "hornpipe", barlines=lines, repeats=[Repeat(0, 16 * EIGHTH)])
    played = perform(score).parts[0]
    first, second = played.select(np.arange(16)), played.select(np.arange(16, 32))
    assert (second.onset - 16 * EIGHTH).tolist() == first.onset.tolist()
    assert second.velocity.tolist() == first.velocity.tolist()
    assert int(second.onset[1]) == 17 * EIGHTH  # the downbeat after the pickup is not late


def test_a_hornpipe_plays_two_eighths_long_and_short() -> None:
    played = perform(eighths(4, "hornpipe")).parts[0]
    assert played.onset.tolist() == [0, HORNPIPE_SECOND, Q, Q + HORNPIPE_SECOND]
    assert played.offset.tolist() == [HORNPIPE_SECOND, Q, Q + HORNPIPE_SECOND, 2 * Q]


def test_a_score_that_ends_inside_a_beat_keeps_its_end() -> None:
    played = perform(eighths(15, "hornpipe", barlines=[0, 8 * EIGHTH, 15 * EIGHTH]))
    assert int(played.parts[0].offset.max()) == played.end == 15 * EIGHTH


def test_marks_go_with_the_notes_they_stand_on() -> None:
    part = Part.of([0, EIGHTH, Q], [62, 64, 65], [EIGHTH] * 3, annotations=[Annotation("slur", EIGHTH, end=Q)])
    played = perform(Score.of([part]).with_metadata(rhythm="hornpipe")).parts[0]
    assert played.annotations == (Annotation("slur", HORNPIPE_SECOND, end=Q),)


def test_names_of_styles_are_forgiving_and_errors_list_them() -> None:
    assert style_named(" Slip Jig ").name == "slip-jig"
    with pytest.raises(UsageError, match=r"'gavotte' is not a style; the styles are jig, .*, air"):
        style_named("gavotte")


def test_graces_take_their_time_from_the_note_they_adorn() -> None:
    marks = [Annotation("grace", 0, "D5 C#5"), Annotation("grace", Q, "E5"), Annotation("grace", 2 * Q, "no pitch")]
    part = Part.of([0, Q, 2 * Q], [72, 74, 76], [Q, Q // 16, Q], annotations=marks)
    played = perform(Score.of([part])).parts[0]
    assert [(n.onset, n.pitch, n.duration) for n in played] == [
        (0, 74, Q // 8),
        (Q // 8, 73, Q // 8),
        (Q // 4, 72, Q * 3 // 4),
        (Q, 76, Q // 32),
        (Q + Q // 32, 74, Q // 32),
        (2 * Q, 76, Q),
    ]
    assert [mark.text for mark in played.annotations] == []


def test_a_grace_on_a_rest_is_not_played() -> None:
    part = Part.of([Q], [72], [Q], annotations=[Annotation("grace", 0, "D5")])
    assert len(perform(Score.of([part])).parts[0]) == 1
