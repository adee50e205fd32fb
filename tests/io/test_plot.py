import io
import time

import numpy as np
import pytest

from composer.errors import UsageError
from composer.io import plot
from composer.score import Part, Repeat, Score

BEAT = 10_080


def line(pitches, **options) -> Part:
    return Part.of(np.arange(len(pitches)) * BEAT, pitches, [BEAT] * len(pitches), **options)


def pixels(score: Score) -> np.ndarray:
    """Colours by row, column and channel, 0 to 1; the picture is opaque."""
    from matplotlib.image import imread

    image = imread(io.BytesIO(plot.dumps(score)))
    if image.shape[2] == 4:
        assert (image[:, :, 3] == 1).all()
    return image[:, :, :3]


def saturation(image: np.ndarray) -> np.ndarray:
    return image.max(axis=2) - image.min(axis=2)


def coloured(image: np.ndarray) -> np.ndarray:
    """Where notes are: everything else is grey."""
    return saturation(image) > 0.05


def test_the_picture_is_framed_in_white_and_large_enough():
    image = pixels(Score.of([line([60, 62, 64])]))
    assert image.shape[1] == 8 * plot.DPI
    assert image.shape[0] > 2.4 * plot.DPI
    assert image[[0, -1]].min() == image[:, [0, -1]].min() == 1


def test_more_bars_make_it_wider_up_to_a_limit():
    widths = [pixels(Score.of([line([60] * 4 * bars)])).shape[1] for bars in (4, 30, 100)]
    assert widths == [8 * plot.DPI, 15 * plot.DPI, 24 * plot.DPI]


def test_notes_are_coloured_where_they_sound():
    ink = coloured(pixels(Score.of([Part.of([0, 3 * BEAT], [60, 72], [BEAT, BEAT])])))
    rows, columns = np.nonzero(ink)
    middle = (columns.min() + columns.max()) / 2
    first, last = rows[columns < middle], rows[columns > middle]
    assert first.min() > last.max()  # the second note is higher
    assert not ink[:, int(middle)].any()  # and there is silence between


def test_the_length_of_a_note_is_its_width():
    widths = []
    for beats in (1, 2):
        ink = coloured(pixels(Score.of([Part.of([0], [60], [beats * BEAT])])))
        columns = np.flatnonzero(ink.any(axis=0))
        widths.append(columns[-1] - columns[0])
    assert widths[1] == pytest.approx(2 * widths[0], rel=0.06)


def test_a_score_without_notes_has_axes_and_no_colour():
    for score in (Score.of([]), Score.of([Part.of()]), Score.of([Part.of(drums=True)])):
        image = pixels(score)
        assert not coloured(image).any()
        assert image.min() < 0.2


def test_loud_notes_are_stronger():
    strengths = [saturation(pixels(Score.of([line([60] * 4, velocity=v)]))).max() for v in (1, 64, 127)]
    assert strengths == sorted(strengths)
    assert strengths[0] > 0.05
    assert strengths[2] > strengths[0] + 0.3


def test_each_part_has_a_colour_and_a_name():
    one = Score.of([line([60], name="Flute", velocity=127)])
    two = Score.of([*one.parts, line([72], name="_$x$ Oboe", velocity=127)])

    def colours(score: Score) -> set[tuple[int, ...]]:
        image = pixels(score)
        found, counts = np.unique((image[coloured(image)] * 255).round(), axis=0, return_counts=True)
        return {tuple(row) for row in found[counts > 300]}

    assert len(colours(one)) == 1
    assert len(colours(two)) == 2
    renamed = Score.of([two.parts[0], line([72], name="Horn", velocity=127)])
    assert plot.dumps(two) != plot.dumps(renamed)


def test_many_parts_fit():
    assert coloured(pixels(Score.of([line([40 + k], name=f"part {k}") for k in range(40)]))).any()


@pytest.mark.parametrize("title", ["A tune", "cost $5 \\alpha_{", "日本 \x00\n two lines", "long " * 100])
def test_the_title_is_ink_at_the_top(title):
    dark = [
        (pixels(Score.of([line([60])], metadata={"title": text}))[:40].min(axis=2) < 0.5).sum() for text in (".", title)
    ]
    assert dark[1] > dark[0] + 50


def test_what_is_heard_is_shown():
    part = line([60, 64, 67, 72])
    folded = Score.of([part], repeats=[Repeat(0, 4 * BEAT, 3)])
    assert plot.dumps(folded) == plot.dumps(folded.unfold())
    assert plot.dumps(folded) != plot.dumps(Score.of([part]))


def test_there_is_a_line_for_each_bar():
    image = pixels(Score.of([line([60] * 16)]))
    height = image.shape[0]
    column = np.median(image[height // 3 : height // 2].min(axis=2), axis=0)
    lines = np.flatnonzero((column < 0.9) & (np.roll(column, 1) >= 0.9))
    gaps = np.diff(lines)
    assert len(lines) == 5
    assert gaps == pytest.approx(np.full(4, gaps.mean()), abs=2.5)


def test_drums_have_a_panel_of_their_own():
    kit = Part.of(np.arange(8) * BEAT, [36, 42, 38, 42] * 2, [BEAT // 2] * 8, drums=True, name="Kit")
    lead = line([60] * 8, name="Lead")
    alone, both = pixels(Score.of([kit])), pixels(Score.of([lead, kit]))
    ink = coloured(alone).any(axis=1)
    assert np.count_nonzero(np.diff(ink.astype(int)) == 1) == 3  # three rows: bass drum, snare, hi-hat
    assert both.shape[0] > pixels(Score.of([lead])).shape[0]
    assert plot.drum_rows([kit]).tolist() == [36, 38, 42]


def test_drums_without_a_name_in_general_midi_are_drawn():
    assert coloured(pixels(Score.of([Part.of([0], [5], [BEAT], drums=True)]))).any()


def test_the_range_is_at_least_an_octave_and_stays_within_midi():
    assert plot.pitch_range([line([60])]) == (54, 66)
    assert plot.pitch_range([line([0]), line([127])]) == (0, 127)
    assert plot.pitch_range([]) == (58, 74)


def test_the_same_score_gives_the_same_bytes_without_a_date(monkeypatch):
    import matplotlib

    score = Score.of([line([60, 62, 64])], metadata={"title": "T"})
    first = plot.dumps(score)
    monkeypatch.setitem(matplotlib.rcParams, "axes.facecolor", "red")
    assert plot.dumps(score) == first
    assert matplotlib.rcParams["axes.facecolor"] == "red"
    assert b"tEXt" not in first
    assert b"tIME" not in first


def test_a_hundred_thousand_notes_are_drawn_in_seconds():
    rng, count = np.random.default_rng(0), 100_000
    onsets = rng.integers(0, BEAT * 10_000, count)
    score = Score.of([Part.of(onsets, rng.integers(0, 128, count), rng.integers(1, 20_000, count))])
    started = time.perf_counter()
    assert coloured(pixels(score)).mean() > 0.1
    assert time.perf_counter() - started < 20


def test_a_note_in_a_long_silence_is_seen():
    assert coloured(pixels(Score.of([Part.of([0, 40_000 * BEAT], [60, 72], [100, 100])]))).sum() >= 10


def test_too_much_is_refused_before_it_is_unfolded():
    part = Part.of(np.arange(8000) * BEAT, [60] * 8000, [BEAT] * 8000)
    score = Score.of([part], repeats=[Repeat(0, 8000 * BEAT, 99)])
    with pytest.raises(UsageError, match=r"too many for one picture.*cut a region"):
        plot.dumps(score)
    long = Score.of([Part.of([0], [60], [2**30])], barlines=[0, 2**30], repeats=[Repeat(0, 2**30, 99)])
    with pytest.raises(UsageError, match="cut a region"):
        plot.dumps(long)
