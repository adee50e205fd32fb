"""What a sketch forbids voices, no completion does: harmonisations, holes among given notes, copied bars."""

from dataclasses import replace

import numpy as np
import pytest

from composer.errors import Infeasible, Unsupported
from composer.generators.markov import Markov
from composer.pipeline import Composer
from composer.score import Part, Score
from composer.sketch import Forbid, Hole, Sketch
from composer.theory import TICKS_PER_QUARTER as Q
from composer.voice_leading import KINDS, RULES, Mistake, mistakes

TUNE = [67, 67, 66, 64, 62, 66, 67, 69, 71, 69, 67, 67]
ALL = ", ".join(RULES)


@pytest.fixture(scope="module")
def chorales() -> Composer:
    return Composer.load("chorales-markov")


@pytest.fixture(scope="module")
def duets() -> Composer:
    """Two voices that step about, and know nothing of each other."""
    rng = np.random.default_rng(0)
    steps = rng.choice([-2, -1, 0, 1, 2], (40, 2, 16)).cumsum(axis=2).clip(-4, 4)
    scale = np.array([60, 62, 64, 65, 67, 69, 71, 72, 74])
    scores = [Score.of([line(scale[upper + 4]), line(scale[lower + 4] - 7)]) for upper, lower in steps]
    options = {"order": 6, "features": ("position",), "nearest": 1, "serial": True}
    return Composer.untrained("voices", "markov", encoding_options={"voices": 2}, generator_options=options).fit(scores)


def line(pitches: np.ndarray | list[int], unit: int = Q) -> Part:
    return Part.of(np.arange(len(pitches)) * unit, pitches, np.full(len(pitches), unit))


def kinds(score: Score) -> set[str]:
    return {mistake.kind for mistake in mistakes(score)}


def test_twenty_harmonisations_have_no_parallels_and_no_crossings(chorales: Composer) -> None:
    melody = Score.of([line(TUNE)], key="G", fermatas=[11 * Q])
    forbidden = {"parallel fifths", "parallel octaves", "crossing"}
    kept = chorales.completions(Sketch.harmonizing(melody, forbid="parallels, crossings"), 20, seed=1)
    assert not set().union(*map(kinds, kept)) & forbidden
    assert all(score.parts[0].pitch.tolist() == TUNE for score in kept)
    assert all("rejection" in score.metadata["guard"] or "particles" in score.metadata["guard"] for score in kept)
    assert set().union(*map(kinds, chorales.completions(Sketch.harmonizing(melody), 5, seed=1))) & forbidden


def test_every_rule_at_once(chorales: Composer) -> None:
    melody = Score.of([line(TUNE)], key="G", fermatas=[11 * Q])
    kept = chorales.completions(Sketch.harmonizing(melody, forbid=ALL), 3, seed=2)
    assert set().union(*map(kinds, kept)) <= {"range", "unresolved seventh"}
    assert set(KINDS) - {"range", "unresolved seventh"} == {law.kind for laws in RULES.values() for law in laws}


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_alone(duets: Composer, rule: str) -> None:
    free = duets.completions(Sketch.blank(bars=4, voices=2), 30, seed=3)
    kept = duets.completions(Sketch.blank(bars=4, voices=2, forbid=rule), 30, seed=3)
    told = {law.kind for law in RULES[rule]}
    assert not set().union(*map(kinds, kept)) & told
    if rule not in ("augmented", "spacing", "leading-tones"):
        assert set().union(*map(kinds, free)) & told


def test_given_notes_are_not_judged_among_themselves(duets: Composer) -> None:
    upper, lower = [67, 69, 67, 65] * 4, [60, 62, 60, 58] * 4
    page = Score.of([line(upper), line(lower)])
    sketch = Sketch.of(page, "bars 2 of voice 2", forbid="parallels")
    for score in duets.completions(sketch, 10, seed=4):
        wrong = [mistake.tick // Q for mistake in mistakes(score) if mistake.kind.startswith("parallel")]
        assert wrong
        assert not {4, 5, 6, 7, 8} & set(wrong)  # the edge of the hole is judged, too
        assert score.parts[1].pitch[:4].tolist() == lower[:4]


def test_a_given_crossing_behind_a_hole_is_let_be(duets: Composer) -> None:
    page = Score.of([line([67] * 4 + [60] * 4), line([60] * 4 + [64] * 4)])
    kept = duets.complete(Sketch.of(page, "bars 1", forbid="crossings"), seed=8)
    assert [(m.kind, m.tick) for m in mistakes(kept) if m.kind == "crossing"] == [("crossing", 4 * Q)]


def test_what_is_given_off_the_grid_is_verified(duets: Composer) -> None:
    """Triplets above: what the encoding rounds is judged as it stands."""
    triplets = line([67, 69, 71] * 8, Q // 3)
    page = Score.of([triplets, Part.of()], barlines=[0, 4 * Q, 8 * Q])
    sketch = replace(
        Sketch(page, (Hole(1, 0, page.end),)), constraints=(Forbid(("parallels", "crossings", "overlaps")),)
    )
    for score in duets.completions(sketch, 5, seed=5):
        assert score.parts[0] == triplets
        assert not kinds(score) & {"parallel fifths", "parallel octaves", "crossing", "overlap"}


def test_copied_bars_are_judged_where_they_stand(duets: Composer) -> None:
    sketch = Sketch.blank(bars=6, form="A B A", voices=2, forbid="parallels, crossings, overlaps")
    for score in duets.completions(sketch, 10, seed=6):
        assert not kinds(score) & {"parallel fifths", "parallel octaves", "crossing", "overlap"}


def test_copies_and_mistakes_are_forbidden_together(duets: Composer) -> None:
    rng = np.random.default_rng(1)
    pairs = [Score.of([line(rng.choice([67, 69, 71], 8)), line(rng.choice([60, 62, 64], 8))]) for _ in range(8)]
    composer = replace(duets, generator=Markov(order=16, features=("position",), nearest=1, serial=True)).fit(pairs)
    free = composer.completions(Sketch.blank(bars=2, voices=2), 20, seed=9)
    assert max(copied.notes for score in free if (copied := composer.copied(score))) > 3
    sketch = Sketch.blank(bars=2, voices=2, forbid="parallels", max_copy="3 notes")
    for score in composer.completions(sketch, 5, seed=9):
        assert not kinds(score) & {"parallel fifths", "parallel octaves"}
        copied = composer.copied(score)
        assert copied is None or copied.notes <= 3


def test_where_no_way_is_left_it_says_so(duets: Composer) -> None:
    sketch = Sketch.of(Score.of([Part.of(), line([65] * 4)]), "bars 1 of voice 1", forbid="crossings", only="C4 D4")
    with pytest.raises(Infeasible, match="break no rule between voices; forbid less") as error:
        duets.complete(sketch)
    assert "\n" not in str(error.value)


def test_generators_that_cannot_are_told(duets: Composer) -> None:
    pairs = [duets.encoding.encode(Score.of([line([67, 69]), line([60, 60])]))]
    opened = replace(duets, generator=Markov(base="unigram", features=()).fit(pairs))
    with pytest.raises(Unsupported, match="forbid needs a closed one"):
        opened.complete(Sketch.blank(bars=1, voices=2, forbid="crossings"))


def test_one_voice_takes_no_augmented_step() -> None:
    tunes = [Score.of([line([57, 65, 68, 69, 65, 64, 68, 69])], key="A minor")] * 2
    composer = Composer.untrained("melody", "markov", generator_options={"order": 2}).fit(tunes)
    wishes = {"bars": 2, "key": "A minor", "scale": "A harmonic minor"}
    free = composer.completions(Sketch.blank(**wishes), 20, seed=7)
    kept = composer.completions(Sketch.blank(**wishes, forbid="augmented"), 20, seed=7)
    assert "augmented step" in set().union(*map(kinds, free))
    assert "augmented step" not in set().union(*map(kinds, kept))


def test_a_mistake_is_a_mistake() -> None:
    """The verification itself: it must fail on what it is there for."""
    wrong = Score.of([line([67, 69]), line([60, 62])])
    assert mistakes(wrong) == [Mistake("parallel fifths", Q, (0, 1))]
    assert Forbid.parse("parallels").broken(wrong, Sketch(wrong, (Hole(1, 0, wrong.end),)).free)
    assert Forbid.parse("parallels").broken(wrong, Sketch(wrong, (Hole(0, 0, Q),)).free)
    assert not Forbid.parse("parallels").broken(wrong, Sketch(wrong, (Hole(0, 2 * Q, wrong.end),)).free)
    assert not Forbid.parse("crossings").broken(wrong, Sketch(wrong, (Hole(1, 0, wrong.end),)).free)
