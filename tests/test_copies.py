"""What composers remember of what they learned from: copies are told, and forbidden where a sketch asks."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from composer.copies import EXACT, Copied, Piece, Sources
from composer.encodings.base import Encoding
from composer.errors import Infeasible, ReadError, Unsupported
from composer.pipeline import Composer
from composer.registry import ENCODINGS, resolve
from composer.score import Part, Score
from composer.sketch import Sketch
from composer.theory import TICKS_PER_QUARTER as Q

BAR = 4 * Q
SCALE = np.array([60, 62, 64, 65, 67, 69, 71, 72])


def line(pitches: list[int], *, title: str = "", pickup: int = 0, key: str = "C") -> Score:
    """Quarters, one part."""
    part = Part.of(np.arange(len(pitches)) * Q, pitches, np.full(len(pitches), Q))
    return Score.of([part], pickup=pickup, key=key).with_metadata(title=title)


def wandering(seed: int, bars: int = 8) -> Score:
    """A line that steps and leaps about the scale of C."""
    walk = np.random.default_rng(seed).choice([-2, -1, 1, 2], bars * 4).cumsum()
    return line([int(p) for p in SCALE[np.abs(walk % 14 - 7)]], title=f"Walk {seed}")


@pytest.fixture(scope="module")
def composer() -> Composer:
    return Composer.untrained("melody", "markov", generator_options={"order": 6}).fit(map(wandering, range(12)))


@pytest.mark.parametrize("name", ENCODINGS)
def test_the_longest_run_is_told_with_its_place(name: str) -> None:
    encoding: Encoding = resolve(ENCODINGS[name])()
    first = line([60, 60, 60, 60, 60], title="Still")
    second = line([67, 60, 64, 62, 65, 63, 61, 68, 66], title=" The\nBlackbird. ", pickup=Q)
    pieces = [Piece.of(encoding, score) for score in (first, second)]
    sources = Sources.of(encoding, pieces, [encoding.encode(first), encoding.encode(second)])
    assert sources is not None
    query = line([70, 64, 68, 66, 69, 67, 65, 72, 40, 43, 45], key="D")
    copied = sources.copied(encoding, query)
    assert copied == Copied(7, 7 / 4, "The Blackbird", 1, False)
    assert str(copied) == "7 notes, 1.75 bars, The Blackbird, bar 1"
    whole = sources.copied(encoding, first.transpose(2))
    assert whole is not None
    assert (whole.whole, whole.title) == (True, "Still")
    loaded = Sources.from_arrays(sources.arrays())
    assert loaded.copied(encoding, query) == copied


def test_too_much_to_keep_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("composer.copies.MAX_EVENTS", 12)
    assert Composer.untrained("melody", "markov").fit([line([60] * 12)]).sources is not None
    assert Composer.untrained("melody", "markov").fit([line([60] * 16)]).sources is None


def test_nothing_shared_is_nothing(composer: Composer) -> None:
    part = Part.of(np.arange(4) * 3 * Q, [60, 71, 49, 66], np.full(4, 3 * Q))
    assert composer.copied(Score.of([part])) is None


def test_every_completion_tells_what_its_composed_notes_share(composer: Composer) -> None:
    tune = composer.complete(Sketch.blank(bars=8, range="C4:C5"), seed=1)
    assert tune.metadata["copied"] == f"longest run shared with the corpus: {composer.copied(tune)}"
    varied = composer.complete(Sketch.of(wandering(3), "bars 7-8"), seed=1)
    given = composer.copied(varied)
    assert given is not None
    assert (given.title, given.notes >= 24, given.whole) == ("Walk 3", True, False)
    assert str(given) not in varied.metadata["copied"]


@pytest.mark.parametrize(("most", "ways"), [(EXACT, ("exact",)), (0, ("rejection", "32 particles"))])
@pytest.mark.parametrize(("wish", "notes", "bars"), [("5 notes", 5, 99), ("1 bar", 99, 1)])
def test_max_copy_holds_in_every_completion(
    composer: Composer, wish: str, notes: int, bars: int, most: int, ways: tuple[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("composer.copies.EXACT", most)
    free = composer.completions(Sketch.blank(bars=8, range="C4:C5"), 20, seed=2)
    copied = [composer.copied(score) for score in free]
    assert sum(c is not None and (c.notes > notes or c.bars > bars) for c in copied) > 5
    kept = composer.completions(Sketch.blank(bars=8, range="C4:C5", max_copy=wish), 8, seed=2)
    for score in kept:
        found = composer.copied(score)
        assert found is None or (found.notes <= notes and found.bars <= bars)
        assert score.metadata["guard"].startswith(ways)


@pytest.fixture(scope="module")
def columns() -> Composer:
    """Draws whole sequences, and so copies are sifted out."""
    options = {"iterations": 10, "sweeps": 4}
    made = Composer.untrained("voices", "maxent", encoding_options={"voices": 1}, generator_options=options)
    return made.fit(map(wandering, range(12)))


def test_max_copy_holds_where_whole_sequences_are_drawn(columns: Composer) -> None:
    sketch = {"bars": 4, "range": "C4:C5"}
    free = [columns.copied(score) for score in columns.completions(Sketch.blank(**sketch), 20, seed=2)]
    assert sum(c is not None and c.notes > 5 for c in free) > 3
    for score in columns.completions(Sketch.blank(**sketch, max_copy="5 notes"), 8, seed=2):
        found = columns.copied(score)
        assert found is None or found.notes <= 5
        assert score.metadata["guard"].startswith("rejection, which accepts ")
    limited = Sketch.blank(**sketch, max_copy="5 notes")
    assert columns.complete(limited, seed=4) == columns.complete(limited, seed=4)


def test_copies_that_cannot_be_sifted_out_are_infeasible_in_one_line(columns: Composer) -> None:
    sketch = Sketch.of(wandering(3), "bars 2", rhythm="1/4", max_copy="1 note", only="C4 D4")
    with pytest.raises(Infeasible, match=r"^\d+ of \d+ draws copy no more of the corpus than allowed") as error:
        columns.complete(sketch, seed=1)
    assert "\n" not in str(error.value)


def test_max_copy_holds_over_the_edges_of_repeated_bars(composer: Composer) -> None:
    sketch = Sketch.blank(bars=12, form="A B A", range="C4:C5", max_copy="6 notes")
    for score in composer.completions(sketch, 5, seed=3):
        found = composer.copied(score)
        assert found is None or found.notes <= 6


def test_the_command_line_tells_it(composer: Composer, run, tmp_path: Path) -> None:
    (tmp_path / "walks.safetensors").write_bytes(composer.dumps({}))
    asked = ("--model", "walks.safetensors", "--bars", 8, "--range", "C4:C5", "--key", "C", "--seed", 1)
    said = run("tune", *asked, "--form", "A").err.splitlines()
    assert said[0] == "seed 1"
    assert said[1].startswith("longest run shared with the corpus: ")
    said = run("tune", *asked, "--form", "A", "--max-copy", "6 notes").err.splitlines()
    assert said[2] == "copy guard: exact"
    assert len(said) == 3


def test_what_is_given_may_be_a_copy(composer: Composer) -> None:
    tune = wandering(5)
    sketch = Sketch.of(tune, "bars 5-6")
    limited = replace(sketch, constraints=Sketch.blank(max_copy="6 notes").constraints[-1:])
    score = composer.complete(limited, seed=1)
    before, after = (s.parts[0].select(s.parts[0].onset < 4 * BAR) for s in (tune, score))
    assert before == after
    guard = composer.known_sources.guard(composer.encoding, tune, 6, "notes")
    sequence = composer.encoding.encode(score)
    moves, ticks = composer.encoding.moves(sequence.events), sequence.steps * composer.encoding.grid
    broken = guard.broken(moves)
    assert broken[ticks < 4 * BAR].any()
    runs = [end - 6 for end in np.flatnonzero(broken)]
    assert not any((ticks[start : start + 7] >= 4 * BAR).any() and ticks[start] < 6 * BAR for start in runs)


def test_a_model_without_sources_says_so_in_one_line(composer: Composer) -> None:
    old = replace(composer, sources=None, name="old")
    loaded = Composer.loads(old.dumps({}), "old", "old.safetensors")
    assert loaded.sources is None
    assert "copied" not in loaded.complete(Sketch.blank(bars=2), seed=1).metadata
    line = r"^old has no index of its corpus, and cannot tell copies: train it again$"
    for ask in (lambda: loaded.copied(wandering(1)), lambda: loaded.complete(Sketch.blank(max_copy="1 bar"))):
        with pytest.raises(Unsupported, match=line):
            ask()


def test_sources_of_another_encoding_are_refused(composer: Composer) -> None:
    other = Composer.untrained("voices", "markov").fit([wandering(1)])
    mixed = replace(composer, sources=other.sources)
    with pytest.raises(ReadError, match="those of another encoding"):
        Composer.loads(mixed.dumps({}), "x", "x")


@pytest.mark.parametrize("name", ["titles", "bars", "counts", "pickups", "ids"])
def test_missing_and_cut_sources_are_read_errors(composer: Composer, name: str) -> None:
    arrays = composer.known_sources.arrays()
    for damaged in ({k: v for k, v in arrays.items() if k != name}, {**arrays, name: arrays[name][: len(arrays) // 2]}):
        with pytest.raises(ReadError, match=r"sources|copy index"):
            Sources.from_arrays(damaged)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_sources_are_read_errors_or_work(composer: Composer, data: st.DataObject) -> None:
    """Any number of any array may be another: copies are told and forbidden, or the file is refused."""
    arrays = {name: array.copy() for name, array in composer.known_sources.arrays().items()}
    for _ in range(data.draw(st.integers(1, 3))):
        array = arrays[data.draw(st.sampled_from(sorted(arrays)))]
        limits = np.iinfo(array.dtype)
        place, value = data.draw(st.integers(0, array.size - 1)), data.draw(st.integers(limits.min, limits.max))
        array.flat[place] = value
    try:
        sources = Sources.from_arrays(arrays)
    except ReadError:
        return
    tune = wandering(3)
    assert "\n" not in str(sources.copied(composer.encoding, tune))
    moves = composer.encoding.moves(composer.encoding.encode(tune).events)
    for unit in ("notes", "bars"):
        sources.guard(composer.encoding, tune, 1, unit).after(moves[:10])


def test_titles_of_damaged_files_stay_on_one_line(composer: Composer) -> None:
    arrays = composer.known_sources.arrays()
    titles = arrays["titles"].copy()
    titles[:3] = (27, 255, 13)
    loaded = Sources.from_arrays({**arrays, "titles": titles})
    assert all(title.isprintable() for title in loaded.titles)
    assert all(a != b for a, b in pairwise(loaded.titles))


def test_open_alphabets_cannot_be_kept_from_copying() -> None:
    rolls = [Score.of([Part.of([0, Q], [60, 64], [Q, Q])], barlines=[0, 2 * Q], meter="2/4")]
    composer = Composer.untrained("pianoroll", "markov", generator_options={"base": "unigram"}).fit(rolls)
    with pytest.raises(Unsupported, match="alphabet is open"):
        composer.complete(Sketch.blank(bars=1, meter="2/4", max_copy="4 notes"))
