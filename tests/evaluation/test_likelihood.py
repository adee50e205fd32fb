"""Likelihood pools events over all pieces: the mean of the pieces' means is another figure."""

import math

import numpy as np
import pytest

from composer.evaluation.judgement import HeldOut
from composer.evaluation.likelihood import Foretold, compare, foretold, held_out, likelihood
from composer.generators.factorised import Factorised
from composer.generators.markov import Markov
from composer.inference.sequence import Sequence
from composer.pipeline import Composer
from composer.score import Part, Score


def roll(events: np.ndarray) -> Sequence:
    return Sequence(events.astype(np.int32), np.arange(len(events), dtype=np.int32))


def test_events_are_pooled_and_summed_over_an_events_integers() -> None:
    """Independent notes, worked out by hand: half a count for each value, whatever came before."""
    train = np.array([[0, 1], [0, 1], [1, 0]])
    notes = Factorised.count_up([train.astype(np.int32)], previous=False)
    on = (np.array([1, 2]) + 0.5) / 4
    long, short = roll(np.tile([1, 1], (9, 1))), roll(np.array([[0, 0]]))
    expected = -(9 * np.log(on).sum() + np.log(1 - on).sum()) / 10
    found = likelihood(notes, [long, short])
    assert found.nats_per_event == pytest.approx(expected, abs=1e-12)
    assert (found.events, found.unknown) == (10, 0)


def test_unknown_events_are_counted_and_left_out() -> None:
    notes = Factorised.count_up([np.array([[0], [1]], dtype=np.int32)], previous=False)
    found = likelihood(notes, [roll(np.array([[0], [5], [1]]))])
    assert (found.events, found.unknown) == (3, 1)
    assert found.nats_per_event == pytest.approx(np.log(2))


# --- beside other encodings -------------------------------------------------------------------------------------------


def tunes() -> list[Score]:
    """On the grid of 16ths, but for the last, which has triplets."""
    even = [Score.of([Part.of([0, 10080, 20160], [60 + k, 62, 64], [10080, 10080, 20160])]) for k in range(3)]
    return [*even, Score.of([Part.of([0, 3360, 6720, 10080], [60, 62, 64, 65], [3360, 3360, 3360, 30240])])]


def figures(*encodings: str) -> dict[str, HeldOut]:
    scores, found, pieces = tunes(), {}, {}
    for name in encodings:
        options = {"voices": 1} if name == "voices" else {}
        made = Composer.untrained(name, "markov", encoding_options=options, generator_options={"features": ()})
        composer = made.fit(scores)
        pieces[name] = foretold(composer.encoding, composer.generator, scores)
        found[name] = held_out(composer.encoding, composer.generator, scores, pieces[name])
    compare(found, pieces)
    return found


def test_nats_a_quarter_are_pooled_over_time() -> None:
    """A model of one event, which is certain, costs nothing; one of two equally frequent ones costs log 2 each."""
    scores = [Score.of([Part.of([0, 10080], pitches, [10080, 30240])]) for pitches in ([60, 60], [62, 62])]
    composer = Composer.untrained("melody", "markov", generator_options={"order": 1, "features": ()}).fit(scores)
    pieces = foretold(composer.encoding, composer.generator, scores)
    figure = held_out(composer.encoding, composer.generator, scores, pieces)
    expected = -sum(composer.generator.log_prob(composer.encoding.encode(score)).sum() for score in scores) / 8
    assert figure["nats_per_quarter"] == pytest.approx(expected)
    assert (figure["kind"], figure["pieces"], figure["unknown"]) == ("exact", 2, 0)


def test_only_pieces_of_which_all_keep_the_same_are_compared() -> None:
    found = figures("melody", "voices")
    assert {figure["common_pieces"] for figure in found.values()} == {3}
    assert found["melody"]["nats_per_quarter"] != found["melody"]["common"]
    assert (found["melody"]["view"], "off the grid in 1" in found["voices"]["view"]) == ("13 of 13 notes", True)
    alone = figures("voices")
    assert alone["voices"]["common"] == alone["voices"]["nats_per_quarter"]


@pytest.mark.parametrize("kind", ["exact", "pseudo"])
def test_pseudo_likelihoods_are_of_the_cells_of_one_encoding(kind: str) -> None:
    found: dict[str, HeldOut] = {}
    for name, encoding in (("a", "Voices(8)"), ("b", "Voices(8)"), ("c", "Voices(4)")):
        figure: HeldOut = held_out(Composer.untrained("melody", "markov").encoding, Markov(), [], [])
        found[name] = {**figure, "kind": kind, "encoding": encoding}
    compare(found, {name: [Foretold("same", nats, 4.0)] for name, nats in (("a", 4.0), ("b", 8.0), ("c", np.inf))})
    shared = kind == "pseudo"  # else c, which knows nothing of the piece, takes it out for all
    assert [found[name]["common"] for name in "abc"] == ([1.0, 2.0, None] if shared else [None] * 3)


def test_an_event_that_is_unknown_takes_its_piece_out() -> None:
    scores = tunes()
    composer = Composer.untrained("melody", "markov", generator_options={"features": ()}).fit(scores[:2])
    pieces = foretold(composer.encoding, composer.generator, scores)
    figure = held_out(composer.encoding, composer.generator, scores, pieces)
    assert (figure["pieces"], figure["unknown"]) == (3, 1)
    assert math.isfinite(figure["nats_per_quarter"] or math.nan)
