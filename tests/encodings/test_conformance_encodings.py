"""The law of encodings, for every registered one: decode(encode(s), frame(s)) == normalize(s)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from composer.encodings.base import Encoding
from composer.registry import ENCODINGS, resolve
from composer.score import Part, Score
from composer.sketch import Diatonic, EndsOnTonic, Hole, Pin, Range, Sketch, StartsOnTonic
from composer.theory import TICKS_PER_QUARTER as Q
from passing import nats
from strategies import scores

ALL = [resolve(path)() for path in ENCODINGS.values()]
VARIANTS = [
    *ALL,
    resolve(ENCODINGS["melody"])(relative=False),
    resolve(ENCODINGS["voices"])(voices=2, relative=False),
    resolve(ENCODINGS["pianoroll"])(lowest=0, pitches=128),
    resolve(ENCODINGS["abc_tokens"])(relative=False),
    *(resolve(ENCODINGS[name])(per_quarter=steps) for name in ("voices", "pianoroll") for steps in (1, 2, 12)),
]

each = pytest.mark.parametrize("encoding", VARIANTS, ids=repr)
# Where a score is drawn, which takes longer than all that is done with it, each encoding is asked in the same test.


@given(score=scores())
def test_the_law(score: Score) -> None:
    for encoding in VARIANTS:
        normal = encoding.normalize(score)
        sequence = encoding.encode(score)
        assert encoding.decode(sequence, score.frame()) == normal.score
        assert encoding.encode(normal.score) == sequence


@given(score=scores())
def test_normalizing_is_idempotent_and_names_every_loss(score: Score) -> None:
    for encoding in VARIANTS:
        normal = encoding.normalize(score)
        again = encoding.normalize(normal.score)
        assert again.score == normal.score
        assert not again.losses
        if not normal.losses:
            names = [(part.name, part.program) for part in score.parts]
            assert [p.columns[0].tolist() for p in normal.score.parts] == [
                p.columns[0].tolist() for p in score.parts
            ] or (len(names) != len(normal.score.parts))


@given(score=scores())
def test_sequences_run_from_start_to_end_with_context(score: Score) -> None:
    for encoding in VARIANTS:
        sequence = encoding.encode(score)
        assert sequence.events.dtype == sequence.steps.dtype == np.int32
        assert sequence.events.shape[0] == len(sequence.steps)
        assert (np.diff(sequence.steps) > 0).all()
        assert all(column.shape == sequence.steps.shape for column in sequence.context.values())
        assert ((sequence.steps >= 0) & (sequence.steps * encoding.grid < score.end)).all()


@given(score=scores())
def test_melodies_have_no_gaps(score: Score) -> None:
    melody = resolve(ENCODINGS["melody"])()
    sequence = melody.encode(score)
    ends = sequence.steps + sequence.events[:, 1]
    assert sequence.steps[:1].sum() == 0
    assert (sequence.steps[1:] == ends[:-1]).all()
    assert len(sequence) == 0 or ends[-1] == score.end // melody.grid


def a_score(voices: int) -> Score:
    """A bar line crossing note, a rest, and as many voices as asked."""
    parts = [Part.of([0, 2 * Q, 3 * Q], [60 - 5 * v, 62 - 5 * v, 64 - 5 * v], [Q, Q, 3 * Q]) for v in range(voices)]
    return Score.of(parts, key="C major", barlines=[0, 4 * Q, 8 * Q])


def voices_of(encoding: Encoding) -> int:
    return getattr(encoding, "voices", 1)


@each
def test_what_is_given_is_what_is_allowed(encoding: Encoding) -> None:
    """The constraints of a fully given score allow its own events, step by step, and no other column."""
    score = encoding.normalize(a_score(voices_of(encoding))).score
    constraints = encoding.compile(Sketch(score, ()))
    sequence = encoding.encode(score)
    for step, event in zip(sequence.steps.tolist(), sequence.events, strict=True):
        assert constraints.allows(step, event[None]).all()
        changed = event.copy()
        changed[0] += 1
        assert not constraints.allows(step, changed[None]).any()


@each
@given(data=st.data())
def test_compiled_constraints_say_what_the_cells_say(encoding: Encoding, data: st.DataObject) -> None:
    """An encoded score is allowed exactly if it keeps each constraint, checked on its notes."""
    blank = a_score(voices_of(encoding)).frame()
    pitches = st.integers(48, 76)
    low, high = sorted([data.draw(pitches), data.draw(pitches)])
    notes = data.draw(st.lists(pitches, min_size=4, max_size=4))
    part = Part.of(np.arange(4) * 2 * Q, notes, [2 * Q] * 4)
    score = Score.of([part] * len(blank.parts), barlines=blank.barlines)
    tonic = {0}
    kept = {
        Range(low, high): all(low <= p <= high for p in notes),
        Diatonic(): all(p % 12 in score.key.scale for p in notes),
        StartsOnTonic(): notes[0] % 12 in tonic,
        EndsOnTonic(): notes[3] % 12 in tonic,
        Pin(2 * Q, notes[1], voice=None): True,
        Pin(2 * Q, notes[1] + 1, voice=None): False,
    }
    sequence = encoding.encode(score)
    holes = tuple(Hole(v, 0, blank.end) for v in range(len(blank.parts)))
    for constraint, expected in kept.items():
        compiled = encoding.compile(Sketch(blank, holes, (constraint,)))
        assert (nats(compiled, sequence) == 0.0) == expected, constraint


@each
def test_refusals_say_why(encoding: Encoding) -> None:
    assert encoding.refusal(Sketch(a_score(voices_of(encoding)), ())) is None
    assert "voices" in (encoding.refusal(Sketch(a_score(voices_of(encoding) + 1), ())) or "")


def test_a_piano_roll_counts_the_notes_it_leaves_out() -> None:
    low, high = Part.of([0, Q], [10, 60], [Q, Q]), Part.of([0, Q], [64, 65], [Q, Q])
    losses = resolve(ENCODINGS["pianoroll"])().normalize(Score.of([low, high])).losses
    assert losses == (
        "1 notes (chords, or too short for the grid)",
        "overlaps and times off the grid",
        "who plays what",
    )


tunes = st.lists(st.sampled_from([0, 60, 62, 64]), min_size=4, max_size=4)


@each
@given(pitches=tunes, semitones=st.integers(-3, 3))
def test_transposed_copies_move_the_same(encoding: Encoding, pitches: list[int], semitones: int) -> None:
    tune = a_tune([67, *pitches])
    moves = [encoding.moves(encoding.encode(score).events) for score in (tune, tune.transpose(semitones))]
    assert moves[0].tolist() == moves[1].tolist()
    assert set(moves[0][:, 1].tolist()) <= {0, 1}
    assert (moves[0][:, 2] > 0).all()


@each
@given(first=tunes, second=tunes)
def test_other_notes_move_otherwise(encoding: Encoding, first: list[int], second: list[int]) -> None:
    """Two tunes that begin with the same note move the same only if they are the same."""
    events = [encoding.encode(a_tune([67, *pitches])).events for pitches in (first, second)]
    moves = [encoding.moves(e) for e in events]
    assert (moves[0].tolist() == moves[1].tolist()) == (events[0].tolist() == events[1].tolist())


def a_tune(pitches: list[int]) -> Score:
    """Quarters at these pitches, 0 a rest, and a last note tied over the bar line."""
    sounding = np.flatnonzero(pitches)
    part = Part.of(sounding * Q, np.array(pitches)[sounding], np.where(sounding == 3, 2 * Q, Q))
    return Score.of([part], barlines=[0, 4 * Q, 8 * Q])


@given(score=scores(), more=scores())
def test_what_follows_moves_as_it_will_when_it_is_there(score: Score, more: Score) -> None:
    for encoding in VARIANTS:
        before, events = encoding.encode(score).events, encoding.encode(more).events[:8]
        expected = [encoding.moves(np.concatenate([before, event[None]]))[-1] for event in events]
        assert encoding.following(before, events).tolist() == [move.tolist() for move in expected]


@pytest.mark.parametrize("name", ["melody", "abc_tokens"])
def test_moves_of_one_voice_can_be_played_from_any_pitch(name: str) -> None:
    encoding = resolve(ENCODINGS[name])()
    score = Score.of(
        [Part.of([Q, 3 * Q, 6 * Q, 7 * Q], [60, 67, 67, 62], [Q, 2 * Q, Q, Q])], barlines=[0, 4 * Q, 8 * Q]
    )
    events = encoding.encode(score).events[1:]
    moves = encoding.moves(events)
    assert (encoding.played(moves, int(events[0, 0])) == events).all()
    higher = encoding.played(moves, int(events[0, 0]) + 5)
    assert (encoding.moves(higher) == moves).all()
    assert (higher[:, 0] != events[:, 0]).any()
