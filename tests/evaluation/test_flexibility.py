"""The suites, and that what does not obey is caught."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
from sketch.said import WALTZ, C, E, G
from world import World, wishing

from composer.encodings.melody import Melody
from composer.errors import Infeasible, UsageError
from composer.evaluation import suites
from composer.evaluation.flexibility import flexibility, free_quarters, mass, price, unasked
from composer.evaluation.suites import Case
from composer.generators.markov import Markov
from composer.pipeline import Composer
from composer.score import Part, Score
from composer.sketch import Sketch
from composer.sketch.wishes import from_text
from composer.theory import TICKS_PER_QUARTER as Q

SCALE = np.array([62, 64, 66, 67, 69, 71, 73, 74, 76, 78])


def tune(seed: int, bars: int = 10) -> Score:
    """Steps and small leaps in D major, in quarters and eighths."""
    rng = np.random.default_rng(seed)
    onset = np.flatnonzero(rng.random(bars * 8) < 0.6) * E
    onset = np.union1d(onset, np.arange(bars) * 4 * Q)
    walk = np.abs((np.cumsum(rng.integers(-2, 3, size=len(onset))) + 40) % 18 - 9)
    return Score.of([Part.of(onset, SCALE[walk], np.diff(np.append(onset, bars * 4 * Q)))], meter="4/4", key="D")


def chorale(seed: int, bars: int = 6) -> Score:
    """Four voices in quarters, in C major."""
    rng = np.random.default_rng(seed)
    parts = []
    for low in (64, 57, 52, 43):
        pitch = np.array([p for p in range(low, low + 12) if p % 12 in (0, 2, 4, 5, 7, 9, 11)])
        parts.append(
            Part.of(np.arange(bars * 4) * Q, pitch[rng.integers(len(pitch), size=bars * 4)], np.full(bars * 4, Q))
        )
    return Score.of(parts, meter="4/4", key="C")


@cache
def tunes() -> list[Score]:
    return [tune(seed) for seed in range(24)]


def every_suite() -> dict[str, list[Case]]:
    choirs = [chorale(seed) for seed in range(6)]
    return {
        "tune": suites.tune(),
        "vary": suites.vary(tunes()),
        "harmonize": suites.harmonize(choirs),
        "vary choirs": suites.vary(choirs),
    }


def test_a_suite_has_200_sketches_of_every_kind_and_is_always_the_same() -> None:
    first, again = every_suite(), every_suite()
    assert first == again
    for job, cases in first.items():
        kinds = Counter(case.kind for case in cases)
        assert sum(kinds.values()) == {"vary": 150, "vary choirs": 50}.get(job, 200)
        assert {"pins", "ranges", "chords", "cadences", "rhythm"} <= set(kinds)
        assert ("forms" in kinds) == (job != "harmonize")
        assert max(kinds.values()) - min(kinds.values()) <= 1
        assert len({case.asked for case in cases}) > len(cases) / 2
        assert all(1 <= free_quarters(case.sketch) <= 40 for case in cases)


def test_sketches_ask_for_what_their_kind_says() -> None:
    for case in suites.tune():
        words = {"pins": "pins=", "ranges": "range=", "chords": "chords=", "forms": "A"}
        assert words.get(case.kind, "") in case.asked
        assert len(case.sketch.copies) > 0 or case.kind != "forms" or case.asked.split(";")[0] in ("AABB", "AAB")


def test_pieces_that_are_too_short_are_refused() -> None:
    with pytest.raises(UsageError, match="whole bars"):
        suites.vary([tune(1, bars=2)])


@dataclass(frozen=True)
class Spoiling(Composer):
    """A composer that does not give back what it wrote."""

    spoil: Callable[[Score], Score] = lambda score: score

    def complete(self, sketch: Sketch, *, seed: int = 0, temperature: float = 1.0) -> Score:
        return self.spoil(super().complete(sketch, seed=seed, temperature=temperature))


@cache
def trained() -> Composer:
    return Composer.untrained("melody", "markov", generator_options={"order": 2}).fit(tunes())


def spoiling(spoil: Callable[[Score], Score]) -> Spoiling:
    return Spoiling(trained().encoding, trained().generator, spoil=spoil)


def higher(number: int) -> Callable[[Score], Score]:
    """One note two octaves up."""

    def spoil(score: Score) -> Score:
        part = score.parts[0]
        pitch = part.pitch + 24 * (np.arange(len(part)) == number % len(part))
        return replace(score, parts=(Part.of(part.onset, pitch, part.duration),))

    return spoil


def fallen_silent(first: int, end: int) -> Callable[[Score], Score]:
    """Without the notes of some quarters."""

    def spoil(score: Score) -> Score:
        part = score.parts[0]
        return replace(score, parts=(part.select((part.onset < first * Q) | (part.onset >= end * Q)),))

    return spoil


TINY = dict.fromkeys(("hidden", "width"), 8) | dict.fromkeys(("layers", "depth"), 1) | {"reach": 6, "below": 6}
TINY |= {"steps": 2, "every": 2, "batch": 2, "window": 16, "rate": 0.03}
PINS = "1.1=D4 1.2=D5 1.3=E4 1.4=F#5 2.1=D4 2.2=C#5 2.3=E4 2.4=E5 3.1=D4 3.2=D5 3.3=E4 3.4=F#5 4.1=D4 4.2=E5"
PAGE = {"bars": 4, "key": "D"}
SPOILED = {
    "a given note": (Sketch.of(tune(3), "bars 3-4"), higher(0), "given note"),
    "a range": (Sketch.blank(**PAGE, range="D4:F#5"), higher(2), "range D4:F#5"),
    "a pin": (Sketch.blank(**PAGE, pins="2.1=A4"), fallen_silent(4, 5), "pin 2.1=A4"),
    "chords": (Sketch.blank(**PAGE, chords="D | A | G | D"), fallen_silent(4, 8), "chords D | A | G | D"),
    "a form": (Sketch.blank(bars=6, key="D", form="ABA"), higher(-1), "form: bar 5"),
    "an ending": (Sketch.blank(**PAGE, ends_on_tonic=True), fallen_silent(12, 16), "ends on the tonic"),
    "a rhythm": (Sketch.blank(**PAGE, rhythm="1/4"), fallen_silent(5, 6), "rhythm"),
    "a leap": (Sketch.blank(**PAGE, leap="5th"), higher(2), "leap 5th"),
}


@pytest.mark.parametrize("what", SPOILED)
def test_what_does_not_obey_is_counted_and_named(what: str) -> None:
    sketch, spoil, words = SPOILED[what]
    cases = [Case("other", "nothing", Sketch.blank(**PAGE)), Case("some", what, sketch)]
    kept = flexibility(trained(), "job", cases)
    assert (kept["asked"], kept["completed"], kept["satisfied"], kept["failures"]) == (2, 2, 2, [])
    found = flexibility(spoiling(spoil), "job", cases[1:])
    assert (found["asked"], found["completed"], found["satisfied"]) == (1, 1, 0)
    assert found["failures"][0].startswith(f"1, some: {what}: does not keep ")
    assert words in found["failures"][0]


def test_what_cannot_be_completed_is_told_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("composer.pipeline.model_names", list)  # of which others would be looked for
    asked = {
        "impossible": Sketch.blank(**PAGE, range="D4:E4", pins="1.1=A4"),
        "unsupported": Sketch.blank(**PAGE, voices=4),
        "easy": Sketch.blank(**PAGE),
    }
    heard: list[float] = []
    cases = [Case(kind, kind, sketch) for kind, sketch in asked.items()]
    found = flexibility(trained(), "job", cases, progress=heard.append)
    assert (found["asked"], found["completed"], found["satisfied"]) == (3, 1, 1)
    assert found["kinds"] == {"impossible": [1, 0], "unsupported": [1, 0], "easy": [1, 1]}
    assert [line.split(":")[0] for line in found["failures"]] == ["1, impossible", "2, unsupported"]
    assert "pin 1.1=A4" in found["failures"][0]
    assert heard == [1 / 3, 2 / 3, 1.0]


# --- the price ----------------------------------------------------------------------------------------------------


@cache
def world() -> World:
    rng, view, pieces = np.random.default_rng(0), Melody(), []
    for _ in range(30):
        edges = np.union1d([0], np.flatnonzero(rng.random(6) < 0.6))
        pitch = rng.choice([C, 62, G], size=len(edges))
        pieces.append(replace(WALTZ, parts=(Part.of(edges * E, pitch, np.diff(np.append(edges, 6)) * E),)))
    return World(view, Markov(3).fit([view.encode(piece) for piece in pieces]), WALTZ)


def test_the_price_is_minus_the_log_probability_of_the_wishes() -> None:
    here = world()
    composer = Composer(here.encoding, here.model)
    for text, allowed in (("range=C4:D4", (C, 62)), ("avoid=D4", (C, G))):
        sketch = wishing(WALTZ, from_text(text, WALTZ))
        kept = [
            all(symbol == 0 or symbol - 12 in allowed for symbol in sequence.events[:, 0])
            for sequence in here.sequences
        ]
        free = here.free()
        cost = np.logaddexp.reduce(free) - np.logaddexp.reduce(free[np.array(kept)])
        assert cost > 0.1
        assert mass(composer, unasked(sketch), 0) - mass(composer, sketch, 0) == pytest.approx(cost, abs=1e-9)
        told = price(composer, sketch, sketch.score, 0)
        assert told == (pytest.approx(cost), 3.0)


def test_nothing_asked_costs_nothing() -> None:
    sketches = [Sketch.blank(**PAGE), Sketch.blank(bars=6, key="D", form="ABA"), Sketch.of(tune(5), "bars 2-3")]
    found = flexibility(trained(), "job", [Case("free", "nothing", sketch) for sketch in sketches])
    assert found["price"] == pytest.approx(0, abs=1e-12)
    assert found["price_kind"] == "exact"


def test_more_wishes_cost_more() -> None:
    def cost(**wishes: str) -> float:
        sketch = Sketch.blank(**PAGE, **wishes)
        told = price(trained(), sketch, sketch.score, 0)
        assert told is not None
        return told.nats / told.quarters

    assert 0 < cost(range="D4:D5") < cost(range="D4:A4") < cost(range="D4:A4", pins="2.1=E4 3.1=A4")


def test_the_price_of_what_is_kept_by_drawing_again_is_not_told() -> None:
    sketch = Sketch.blank(bars=6, key="D", form="ABA", leap="5th")
    assert price(trained(), sketch, sketch.score, 0) is None


def test_a_pseudo_likelihood_tells_what_completions_have_more_nats() -> None:
    small = {"iterations": 4, "sweeps": 2}
    composer = Composer.untrained("voices", "maxent", encoding_options={"voices": 1}, generator_options=small)
    composer = composer.fit(tunes())
    cases = [Case("pins", str(seed), Sketch.blank(**PAGE, pins=PINS)) for seed in range(6)]
    found = flexibility(composer, "job", cases)
    assert found["price_kind"] == "pseudo"
    assert found["price"] is not None
    assert found["price"] > 0.2


def test_an_infeasible_suite_has_no_price() -> None:
    found = flexibility(trained(), "job", [Case("none", "none", Sketch.blank(**PAGE, only="C2"))])
    assert (found["completed"], found["price"], found["price_kind"]) == (0, None, "none")
    with pytest.raises(Infeasible):
        trained().complete(Sketch.blank(**PAGE, only="C2"))


def test_the_price_of_a_network_is_estimated() -> None:
    composer = Composer.untrained(
        "voices", "biaxial", encoding_options={"voices": 1}, generator_options=TINY | {"particles": 8}
    )
    composer = composer.fit([tune(seed, bars=2) for seed in range(3)])

    def cost(**wishes: str) -> float:
        sketch = Sketch.blank(bars=1, key="D", **wishes)
        told = price(composer, sketch, sketch.score, 0)
        assert told is not None
        return told.nats

    found = flexibility(composer, "job", [Case("free", "nothing", Sketch.blank(bars=1, key="D"))])
    assert found["price_kind"] == "estimated"
    assert found["price"] == pytest.approx(0)
    assert 0.5 < cost(pins="1.1=D4") < cost(pins="1.1=D4 1.2=C#5 1.3=D4 1.4=C#5")
