"""What goes into the cache comes out equal: notes, form, marks and metadata."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from composer.corpora.columns import NOTE_COLUMNS, pack, unpack
from composer.score import Annotation, Ending, Part, Repeat, Score
from composer.theory import ChordSymbol, Key, Meter, Tempo

BAR = 40_320


def full_score() -> Score:
    """A score that uses every field."""
    melody = Part.of(
        [0, 10_080, BAR],
        [62, 127, 0],
        [10_080, 5_040, BAR],
        [1, 127, 80],
        name="Flöte",
        program=73,
        annotations=[
            Annotation("grace", 0, "D5 C#5"),
            Annotation("slur", 0, end=10_080),
            Annotation("lyric", BAR, "\u266d \U0001d11e"),
        ],
    )
    return Score.of(
        [melody, Part.of(name="empty"), Part.of([0], [36], [240], drums=True)],
        barlines=[0, 10_080, BAR, 2 * BAR, 3 * BAR],
        meter=[Meter(4, 4), Meter(3, 8, BAR)],
        key=[Key.parse("E dorian"), Key.parse("F#m", 2 * BAR)],
        tempo=[Tempo(99.5, 15_120), Tempo(60, onset=10_080)],
        repeats=[Repeat(10_080, 3 * BAR, 2, (Ending(BAR, 2 * BAR, (1,)), Ending(2 * BAR, 3 * BAR, (2,))))],
        sections=[BAR],
        chords=[ChordSymbol.parse("Bbmaj7/D", 10_080)],
        fermatas=[BAR],
        metadata={"title": "Ä", "rhythm": "jig"},
    )


scores = st.builds(
    lambda rows: Score.of([Part.of(*(np.array(column) for column in zip(*rows, strict=True)))] if rows else []),
    st.lists(
        st.tuples(st.integers(0, 9**6), st.integers(0, 127), st.integers(1, 9**6), st.integers(1, 127)), max_size=12
    ),
)


def test_every_field_survives() -> None:
    score = full_score()
    columns = pack([Score.of([]), score, score.transpose(0), Score.of([Part.of()])])
    assert unpack(columns, 1) == score
    assert unpack(columns, 0) == Score.of([])
    assert unpack(columns, 3) == Score.of([Part.of()])
    assert unpack(columns, 1).metadata == {"title": "Ä", "rhythm": "jig"}


@given(st.lists(scores, max_size=5))
def test_scores_survive(originals: list[Score]) -> None:
    columns = pack(originals)
    assert [unpack(columns, index) for index in range(len(originals))] == originals


def test_notes_are_small() -> None:
    """Eleven bytes a note, so that a large corpus stays small and loads fast."""
    columns = pack([full_score()])
    assert sum(columns[name].itemsize for name in NOTE_COLUMNS) == 11
    assert all(len(columns[name]) == 4 for name in NOTE_COLUMNS)


def test_scores_from_columns_cannot_be_changed() -> None:
    score = unpack(pack([full_score()]), 0)
    assert not any(column.flags.writeable for part in score.parts for column in part.columns)
