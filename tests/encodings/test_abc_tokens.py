"""ABC tokens: what the flat view says, that it says everything, and that ties keep to the constraints."""

import contextlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from composer import corpora
from composer.encodings.abc_tokens import AbcTokens
from composer.errors import ComposerError, ReadError, Unsupported, UsageError
from composer.inference.sequence import Sequence
from composer.io.abc import loads
from composer.pipeline import Composer
from composer.score import Part, Repeat, Score
from composer.sketch import Cells as Tables
from composer.sketch import Constraint, Hole, Range, Sketch
from composer.theory import TICKS_PER_QUARTER as Q
from composer.theory import Key
from passing import nats
from strategies import scores

FIXTURES = Path(__file__).parent.parent.parent / "corpora" / "fixtures"
TONIC, ABSOLUTE = AbcTokens(), AbcTokens(relative=False)
each = pytest.mark.parametrize("view", [TONIC, ABSOLUTE], ids=["relative", "absolute"])

JIG = b"""X:1
M:6/8
L:1/8
K:Ddor
A | d2e f2g | (3abc' a ^c=cB- | B3- B2 e |1 dAF D2 :|2 D3 z3 ||
|: f>ed c/B/AG | F,,2 d''3 c :|
"""


def view_of(text: bytes) -> Score:
    return loads(text, "jig.abc")


# --- what it reads like -----------------------------------------------------------------------------------------------


def test_a_jig_reads_like_folk_rnn() -> None:
    assert TONIC.text(TONIC.tokens(view_of(JIG))) == (
        "M:6/8 K:Cdor |: G | c 2 d e 2 f | (3 g a b g =B _B A - | A 5 d |1 c G E C 2 :| |2 C 3 z 3 "
        "|: e 3/2 d /2 c B /2 A /2 G F | E, , 2 c' ' 3 B :|"
    )


def test_in_its_own_key_it_names_the_tonic() -> None:
    assert ABSOLUTE.text(ABSOLUTE.tokens(view_of(JIG))).startswith("M:6/8 K:Ddor |: A | d 2 e f 2 g |")


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([8, 8, 8], "(3 C C C"),
        ([16, 16, 16], "(3 C 2 C 2 C 2"),
        ([16, 8, 4, 4, 4], "(3:2:2 C 2 C (3 C /2 C /2 C /2"),
        ([8], "(3:2:1 C (3:2:1 z 2"),  # what is left of the triplet is a rest
        ([60], "C 5"),
        ([66], "C 11/2"),
        ([75], "C 6 - C /4"),
    ],
)
def test_lengths_and_triplets(steps: list[int], said: str) -> None:
    onset = np.cumsum([0, *steps[:-1]]) * TONIC.grid
    end = max(sum(steps), 24) * TONIC.grid
    score = Score.of([Part.of(onset, [60] * len(steps), np.array(steps) * TONIC.grid)], barlines=[0, end])
    text = TONIC.text(TONIC.tokens(score))
    assert text.replace("(3:2:2 C z 2", "(3:2:1 C (3:2:1 z 2") == f"M:4/4 K:Cmaj {said} |]"


def test_an_accidental_holds_through_its_bar() -> None:
    score = view_of(b"X:1\nM:4/4\nL:1/4\nK:G\nG^GG=G | GG^GG |]\n")
    assert ABSOLUTE.text(ABSOLUTE.tokens(score)) == "M:4/4 K:Gmaj G 2 ^G 2 ^G 2 =G 2 | G 2 G 2 ^G 2 ^G 2 |]"


def test_transposed_tunes_are_the_same_tokens_up_to_the_next_c() -> None:
    """The octave is counted from the C below the tonic."""
    tune = view_of(JIG)
    said = TONIC.tokens(tune).tolist()
    assert all(TONIC.tokens(tune.transpose(by)).tolist() == said for by in range(-2, 10))
    assert TONIC.tokens(tune.transpose(10)).tolist() != said
    assert ABSOLUTE.tokens(tune.transpose(2)).tolist() != ABSOLUTE.tokens(tune).tolist()


# --- that it says everything ------------------------------------------------------------------------------------------


def same_music(heard: Score, meant: Score, lower: int) -> bool:
    mine, theirs = heard.parts[0], meant.parts[0]
    return (
        mine.onset.tolist() == theirs.onset.tolist()
        and mine.duration.tolist() == theirs.duration.tolist()
        and mine.pitch.tolist() == (theirs.pitch - lower).tolist()
        and heard.barlines.tolist() == meant.barlines.tolist()
        and (heard.repeats, heard.sections, heard.meters) == (meant.repeats, meant.sections, meant.meters)
        and heard.key.mode == meant.key.mode
    )


@each
@given(score=scores())
def test_tokens_alone_give_the_tune_back(view: AbcTokens, score: Score) -> None:
    """Of scores in one key and meter whose bars fall on the grid."""
    normal = view.normalize(score).score
    lower = score.key.tonic_class if view.relative else 0
    assume(len(score.keys) == len(score.meters) == 1 and not (score.barlines % view.grid).any())
    assume((normal.parts[0].pitch >= lower).all())
    tokens = view.tokens(score)
    again = view.score_of(tokens)
    assert same_music(again, normal, lower)
    assert view.tokens(again).tolist() == tokens.tolist()
    assert view.parse(view.text(tokens)).tolist() == tokens.tolist()


@each
@given(tokens=st.data())
def test_any_tokens_are_read_or_refused(view: AbcTokens, tokens: st.DataObject) -> None:
    numbers = tokens.draw(st.lists(st.integers(0, len(view.vocabulary) - 1), max_size=40))
    with contextlib.suppress(ComposerError):
        tune = view.score_of(numbers)
        assert view.encode(tune) == view.encode(view.normalize(tune).score)


def test_words_out_of_place_are_passed_over() -> None:
    tune = TONIC.score_of(TONIC.parse("3/2 , |: C 2 3 D - 2 | 2 (3 E ' F :|"))
    assert (str(tune.meter), str(tune.key)) == ("4/4", "C major")
    assert [(note.pitch, note.duration) for note in tune.parts[0]] == [
        (60, Q),
        (62, Q // 2),
        (76, Q // 3),
        (65, Q // 3),
    ]
    assert tune.repeats == (Repeat(0, tune.end),)


def test_the_vocabulary_is_fixed() -> None:
    assert (len(TONIC.vocabulary), len(ABSOLUTE.vocabulary)) == (190, 344)
    for view in (TONIC, ABSOLUTE):
        assert len(set(view.vocabulary)) == len(view.vocabulary)
        assert not any(" " in word or not word for word in view.vocabulary)
    assert set(TONIC.vocabulary) <= set(ABSOLUTE.vocabulary)
    assert TONIC.vocabulary[:1] + TONIC.vocabulary[-1:] == ("M:2/2", "-")


@each
def test_fixture_tunes_have_tokens_for_everything(view: AbcTokens) -> None:
    corpus = corpora.load(FIXTURES)
    tunes = [*corpus.train, *corpus.validation, *corpus.test]
    assert len(tunes) > 5
    for tune in tunes:
        normal = view.normalize(tune).score
        assert same_music(view.score_of(view.tokens(tune)), normal, tune.key.tonic_class if view.relative else 0)


def test_what_has_no_token_is_named() -> None:
    with pytest.raises(Unsupported, match="M:13/16 has no token"):
        TONIC.tokens(Score.of([], meter="13/16"))
    with pytest.raises(Unsupported, match=r":::\| has no token"):
        TONIC.tokens(Score.of([], barlines=[0, 4 * Q], repeats=[Repeat(0, 4 * Q, 4)]))
    with pytest.raises(UsageError, match="'H' is not in the vocabulary"):
        TONIC.parse("C H")
    with pytest.raises(UsageError, match="0 to 189"):
        TONIC.score_of([190])
    with pytest.raises(ReadError, match="notes"):
        TONIC.score_of([])


# --- ties -------------------------------------------------------------------------------------------------------------


def held(pitch: int, meter: str, quarters: int) -> Score:
    return Score.of([Part.of([0], [pitch], [quarters * Q])], meter=meter)


def test_events_break_at_bar_lines_and_in_long_bars() -> None:
    assert TONIC.encode(held(62, "3/4", 7)).events.tolist() == [[74, 72], [214, 72], [214, 24], [0, 48]]
    assert TONIC.encode(held(62, "20/4", 20)).events.tolist() == [[74, 192], [214, 192], [214, 96]]


def test_a_tie_from_another_pitch_begins_a_note() -> None:
    frame = Score.of([Part.of()], barlines=[0, 4 * Q, 8 * Q, 12 * Q, 16 * Q])
    events = np.array([[72 + 140, 96], [74 + 140, 96], [74 + 140, 96], [0, 48], [74 + 140, 48]], dtype=np.int32)
    steps = np.array([0, 96, 192, 288, 336], dtype=np.int32)
    notes = TONIC.decode(Sequence(events, steps), frame).parts[0]
    assert [(note.onset, note.pitch, note.duration) for note in notes] == [
        (0, 60, 4 * Q),
        (4 * Q, 62, 8 * Q),
        (14 * Q, 62, 2 * Q),
    ]


class OnlyHeld(Constraint):
    """Nothing begins in the second bar."""

    def mask(self, ticks: np.ndarray, score: Score) -> Tables:
        start = np.repeat((ticks < 4 * Q)[:, None], 129, axis=1)
        return Tables(start, np.ones((1, 129), dtype=bool))

    def __str__(self) -> str:
        return "only held"


@pytest.mark.parametrize(("before", "possible"), [(72, True), (71, False)])
def test_only_the_note_that_sounds_is_tied(before: int, possible: bool) -> None:
    """Though nothing may begin in the second bar."""
    frame = Score.of([Part.of()], barlines=[0, 4 * Q, 8 * Q])
    sketch = Sketch(frame, (Hole(0, 0, 8 * Q),), (OnlyHeld(), NoRest(), Range(59, 60)))
    masks = TONIC.compile(sketch)
    events = np.array([[before, 96], [72 + 140, 96]], dtype=np.int32)
    assert np.isfinite(nats(masks, Sequence(events, np.array([0, 96], dtype=np.int32)))) == possible
    assert not masks.allows(96, np.array([[72, 96], [140, 96], [0, 96]])).any()
    assert not masks.allows(48, np.array([[72, 96]])).any()


def test_a_tie_over_a_change_of_tonic_keeps_its_pitch() -> None:
    frame = Score.of([Part.of()], barlines=[0, 4 * Q, 8 * Q], key=[Key.parse("C"), Key.parse("D", 4 * Q)])
    masks = TONIC.compile(Sketch(frame, (Hole(0, 0, 8 * Q),), (OnlyHeld(), NoRest(), Range(60, 60))))
    assert masks.allows(96, np.array([[72 - 2 + 140, 96], [72 + 140, 96]])).tolist() == [True, False]
    score = replace(frame, parts=(Part.of([0], [60], [8 * Q]),))
    assert TONIC.encode(score).events.tolist() == [[72, 96], [210, 96]]
    assert TONIC.normalize(score).score == score.respelled()


class NoRest(Constraint):
    def mask(self, ticks: np.ndarray, score: Score) -> Tables:
        table = np.arange(129)[None, :] < 128
        return Tables(table, table)

    def __str__(self) -> str:
        return "no rest"


# --- as a model -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def composer() -> Composer:
    tunes = [view_of(JIG), view_of(b"X:1\nM:6/8\nL:1/8\nK:Em\nG2F G2B|B2A E3|e2f gfe-|e3 B2A|GFE F2E|E6|]\n")]
    return Composer.untrained("abc_tokens", "markov").fit(tunes)


def test_a_tune_keeps_its_wishes(composer: Composer) -> None:
    sketch = Sketch.blank(bars=8, meter="6/8", key="E minor", form="AA", range="B3:C6", ends_on_tonic=True)
    for seed in range(20):
        tune = composer.complete(sketch, seed=seed)
        notes = list(tune.parts[0])
        assert all(59 <= note.pitch <= 84 and note.pitch % 12 in tune.key.scale | {1, 3} for note in notes)
        assert notes[-1].pitch % 12 == 4
        assert notes[-1].onset + notes[-1].duration == tune.end
        assert tune.repeats == sketch.score.repeats


def test_notes_given_over_bar_lines_stay(composer: Composer) -> None:
    """Though training had no such tie, and the tune could not be written with its events."""
    tune = view_of(b"X:1\nM:6/8\nL:1/8\nK:Em\nG2F G2B-|B2A E3|E6|E6|]\n")
    varied = composer.complete(Sketch.of(tune, "bars 3-4"), seed=1)
    assert [n[:3] for n in varied.parts[0]][:5] == [n[:3] for n in tune.parts[0]][:5]
    assert len(varied.parts[0]) > 5
