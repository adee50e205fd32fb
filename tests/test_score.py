"""Scores: invariants, places, unfolding, regions, transposition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from composer.errors import InvalidScore, UsageError
from composer.score import Annotation, Ending, Note, Part, Repeat, Score, frozen
from composer.theory import TICKS_PER_QUARTER as Q
from composer.theory import ChordSymbol, Key, Meter, Tempo
from strategies import scores


def bars(count: int, **extra: object) -> Score:
    """``count`` bars of 4/4 with one whole note each, pitches rising from C4."""
    part = Part.of(np.arange(count) * 4 * Q, 60 + np.arange(count), np.full(count, 4 * Q))
    return Score.of([part], **extra)  # type: ignore[arg-type]


def heard(score: Score) -> list[int]:
    return score.unfold().parts[0].pitch.tolist()


def test_columns_are_sorted_and_read_only() -> None:
    part = Part.of([Q, 0, 0], [60, 67, 64], [Q, Q, Q])
    assert part.onset.tolist() == [0, 0, Q]
    assert part.pitch.tolist() == [64, 67, 60]
    with pytest.raises(ValueError, match="read-only"):
        part.pitch[0] = 1


def test_scores_are_values() -> None:
    assert bars(3) == bars(3)
    assert hash(bars(3)) == hash(bars(3))
    assert bars(3) != bars(4)
    with pytest.raises(TypeError):
        bars(3).metadata["title"] = "x"  # type: ignore[index]


@pytest.mark.parametrize(
    ("note", "words"),
    [
        (Note(-1, 60, Q), "part 1 .*before the score"),
        (Note(2 * Q, 60, 0), "bar 1, beat 3.*no length"),
        (Note(4 * Q, 128, Q), "bar 2, beat 1.*outside 0 to 127"),
        (Note(0, 60, Q, 0), "velocity"),
        (Note(0, 60, Q, 80, 1), "spelled as another"),
        (Note(7 * Q, 60, 9 * Q), "bar 2, beat 4.*after the last bar line"),
    ],
)
def test_violations_name_part_bar_and_beat(note: Note, words: str) -> None:
    with pytest.raises(InvalidScore, match=words):
        Score.of([Part.from_notes([note])], barlines=[0, 4 * Q, 8 * Q])


def test_repeats_must_lie_on_bar_lines_in_order() -> None:
    with pytest.raises(InvalidScore, match="bar 1, beat 2"):
        bars(4, repeats=[Repeat(Q, 4 * Q)])
    with pytest.raises(InvalidScore):
        bars(4, repeats=[Repeat(0, 8 * Q), Repeat(4 * Q, 12 * Q)])
    with pytest.raises(InvalidScore):
        Repeat(8, 4)


def test_unfolding_repeats_and_endings() -> None:
    bar = 4 * Q
    endings = (Ending(bar, 2 * bar, (1,)), Ending(2 * bar, 3 * bar, (2,)))
    score = bars(5, repeats=[Repeat(0, 3 * bar, 2, endings), Repeat(3 * bar, 4 * bar)])
    assert heard(score) == [60, 61, 60, 62, 63, 63, 64]
    assert score.unfold().bars == 7
    assert score.unfold().unfold() == score.unfold()


def test_three_passes_with_two_endings() -> None:
    bar = 4 * Q
    endings = (Ending(bar, 2 * bar, (1, 2)), Ending(2 * bar, 3 * bar, (3,)))
    assert heard(bars(3, repeats=[Repeat(0, 3 * bar, 3, endings)])) == [60, 61, 60, 61, 60, 62]


def test_ties_over_a_first_ending_are_cut_only_where_the_music_jumps() -> None:
    bar = 4 * Q
    part = Part.of([0, 2 * bar], [60, 62], [bar + Q, bar])  # the first note reaches into the first ending
    endings = (Ending(bar, 2 * bar, (1,)), Ending(2 * bar, 3 * bar, (2,)))
    score = Score.of([part], barlines=[0, bar, 2 * bar, 3 * bar], repeats=[Repeat(0, 3 * bar, 2, endings)])
    assert score.unfold().parts[0].duration.tolist() == [bar + Q, bar, bar]


def test_unfolding_carries_keys_tempos_and_marks() -> None:
    bar = 4 * Q
    score = bars(
        3,
        key=[Key(0), Key(1, onset=bar)],
        tempo=[Tempo(100), Tempo(60, onset=2 * bar)],
        repeats=[Repeat(0, 2 * bar)],
        chords=[ChordSymbol.parse("G", bar)],
        fermatas=[bar],
    )
    unfolded = score.unfold()
    assert [(key.tonic, key.onset) for key in unfolded.keys] == [(0, 0), (1, bar), (0, 2 * bar), (1, 3 * bar)]
    assert [(tempo.bpm, tempo.onset) for tempo in unfolded.tempos] == [(100, 0), (60, 4 * bar)]
    assert [chord.onset for chord in unfolded.chords] == [bar, 3 * bar]
    assert unfolded.fermatas == (bar, 3 * bar)


def test_bars_count_from_the_pickup() -> None:
    score = Score.of([Part.of([0], [60], [9 * Q])], pickup=Q)
    assert (score.bars, score.pickup) == (2, Q)
    assert score.place(0) == "bar 0, beat 4"
    assert score.place(Q) == "bar 1, beat 1"
    assert score.place(5 * Q) == "bar 2, beat 1"


def test_regions_are_cut_from_what_is_heard() -> None:
    score = bars(4, repeats=[Repeat(0, 8 * Q)])  # heard: 60 61 60 61 62 63
    assert score.region("bars 3-5").parts[0].pitch.tolist() == [60, 61, 62]
    assert score.region("bar 6").bars == 1
    for wrong in ("bars 6-7", "bars 0-1", "bars 3-2", "5", ""):
        with pytest.raises(UsageError):
            score.region(wrong)


def test_meter_changes_cut_a_bar_short() -> None:
    score = Score.of([Part.of([0], [60], [10 * Q])], meter=[Meter(4, 4), Meter(3, 4, 6 * Q)])
    assert (np.diff(score.barlines) / Q).tolist() == [4, 2, 3, 3]


def test_seconds_follow_the_tempo_map() -> None:
    score = bars(2, tempo=[Tempo(60), Tempo(120, onset=4 * Q)])
    assert score.seconds([0, 2 * Q, 4 * Q, 6 * Q]).tolist() == [0, 2, 4, 5]


def test_transposing_respells_and_moves_marks() -> None:
    grace = Annotation("grace", 0, "D5 C#5")
    score = Score.of([Part.of([0], [62], [Q], annotations=[grace])], key="D", chords=[ChordSymbol.parse("A7")])
    moved = score.transpose(-4)
    assert (str(moved.key), str(moved.chords[0])) == ("Bb major", "F7")
    assert moved.parts[0].annotations[0].text == "Bb4 A4"


@given(scores(), st.integers(-11, 11))
def test_transposing_there_and_back_keeps_pitches_and_keys(score: Score, semitones: int) -> None:
    pitches = [part.pitch for part in score.parts if not part.drums]
    if all(((p + semitones >= 0) & (p + semitones <= 127)).all() for p in pitches):
        back = score.transpose(semitones).transpose(-semitones)
        assert [part.pitch.tolist() for part in back.parts] == [part.pitch.tolist() for part in score.parts]
        assert [key.tonic_class for key in back.keys] == [key.tonic_class for key in score.keys]


@given(scores())
def test_unfolding_adds_up(score: Score) -> None:
    spans = score.heard_segments
    unfolded = score.unfold()
    assert unfolded.end == sum(end - start for start, end in spans)
    count = sum(int(((p.onset >= a) & (p.onset < b)).sum()) for a, b in spans for p in score.parts)
    assert sum(len(part) for part in unfolded.parts) == count


@given(scores())
def test_regions_put_together_again_are_the_whole(score: Score) -> None:
    unfolded = score.unfold()
    first = 0 if unfolded.pickup else 1
    whole = unfolded.region(f"bars {first}-{unfolded.bars}")
    assert [len(part) for part in whole.parts] == [len(part) for part in unfolded.parts]
    assert whole.end == unfolded.end


def test_frozen_arrays_are_copies() -> None:
    values = np.array([1, 2])
    column = frozen(values)
    values[0] = 9
    assert column.tolist() == [1, 2]


def test_a_repeat_moves_with_its_endings() -> None:
    repeat = Repeat(0, 12, 3, (Ending(4, 8, (1, 2)), Ending(8, 12, (3,))))
    assert repeat.moved(5) == Repeat(5, 17, 3, (Ending(9, 13, (1, 2)), Ending(13, 17, (3,))))
    assert repeat.moved(5).moved(-5) == repeat
    assert Repeat(0, 4, 2).moved(4) == Repeat(4, 8, 2)


BAR = 4 * Q


def spans(*numbers: int) -> list[tuple[int, int]]:
    return [(number * BAR, (number + 1) * BAR) for number in numbers]


@pytest.mark.parametrize(
    ("order", "written", "repeats"),
    [
        ([0, 1], [60, 61], []),
        ([1, 0, 1], [61, 60, 61], []),
        ([0, 0, 1], [60, 61], [Repeat(0, BAR)]),
        ([0, 1, 1, 1, 0], [60, 61, 60], [Repeat(BAR, 2 * BAR, 3)]),
        ([0] * 99, [60], [Repeat(0, BAR, 99)]),
        ([0] * 100, [60] * 100, []),
    ],
)
def test_rearranging(order: list[int], written: list[int], repeats: list[Repeat]) -> None:
    found = bars(2).rearranged(spans(*order))
    assert found.parts[0].pitch.tolist() == written
    assert found.repeats == tuple(repeats)
    assert heard(found) == [60 + number for number in order]


def test_rearranging_keeps_repeats_inside_a_span() -> None:
    endings = (Ending(2 * BAR, 3 * BAR, (1,)), Ending(3 * BAR, 4 * BAR, (2,)))
    score = bars(4, repeats=[Repeat(BAR, 4 * BAR, 2, endings)])
    found = score.rearranged([(BAR, 4 * BAR), (0, BAR), (BAR, 4 * BAR)])
    assert found.repeats == (score.repeats[0].moved(-BAR), score.repeats[0].moved(3 * BAR))
    assert heard(found) == [61, 62, 61, 63, 60, 61, 62, 61, 63]
    twice = score.rearranged([(BAR, 4 * BAR)] * 2)  # a repeat of a repeat is written out
    assert len(twice.repeats) == 2
    assert heard(twice) == [61, 62, 61, 63] * 2


def test_rearranging_moves_keys_and_marks_and_drops_repeats_it_cuts() -> None:
    score = bars(3, key=[Key(0), Key(1, onset=BAR)], fermatas=[BAR], repeats=[Repeat(0, 2 * BAR)])
    found = score.rearranged(spans(1, 0))
    assert [(key.tonic, key.onset) for key in found.keys] == [(1, 0), (0, BAR)]
    assert (found.fermatas, found.repeats, found.sections) == ((0,), (), (BAR,))


@given(scores())
def test_rearranging_into_the_order_that_stands_changes_nothing_that_is_heard(score: Score) -> None:
    found = score.rearranged([(0, score.end)])
    assert found.repeats == score.repeats
    assert found.unfold().parts == score.unfold().parts


@pytest.mark.parametrize(
    ("lengths", "numbers"),
    [
        ([4, 4, 4], [1, 2, 3]),
        ([1, 4, 4], [0, 1, 2]),
        ([1, 4, 3, 1, 4, 3], [0, 1, 2, 2, 3, 4]),
        ([1, 3, 1, 3], [0, 1, 1, 2]),
        ([4, 2, 2, 2, 2, 4], [1, 2, 2, 3, 3, 4]),
        ([4, 3, 4, 2, 4], [1, 2, 3, 4, 5]),
    ],
)
def test_bars_are_numbered_as_people_do(lengths: list[int], numbers: list[int]) -> None:
    score = Score.of([], barlines=np.cumsum([0, *lengths]) * Q)
    assert score.bar_numbers.tolist() == numbers
    assert score.bars == numbers[-1]


def test_a_pickup_to_a_later_part_is_the_end_of_the_bar_before() -> None:
    score = Score.of([], barlines=np.cumsum([0, 1, 4, 3, 1, 4, 3]) * Q, repeats=[Repeat(0, 8 * Q)])
    assert score.place(7 * Q) == "bar 2, beat 3"
    assert score.place(8 * Q) == "bar 2, beat 4"
    assert score.bar_span(2, 2) == (5 * Q, 8 * Q)
    assert score.bar_span(2, 3) == (5 * Q, 13 * Q)
    assert (score.bars, score.unfold().bars) == (4, 6)
    with pytest.raises(UsageError, match="bar 5 lies outside the 4 written bars"):
        score.bar_span(5, 5)
