"""That foils are music of the same notes in another order, and that js_fakes are read as what they are."""

import io
import pickle
import zipfile
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from composer.errors import ReadError
from composer.evaluation.foils import JS_FAKES, read_js_fakes, shuffled_bars, without_restrikes
from composer.score import Part, Repeat, Score
from composer.theory import TICKS_PER_QUARTER as Q


def row(first: int, notes: int) -> Part:
    """Quarters, each a semitone higher."""
    steps = np.arange(notes)
    return Part.of(steps * Q, first + steps, np.full(notes, Q))


def tune(bars: int = 12, pickup: int = Q) -> Score:
    """A tune in 3/4 with a pickup, a note on each quarter, each on its own pitch."""
    notes = bars * 3 + pickup // Q
    lines = sorted({0, *range(pickup, pickup + 3 * Q * bars + 1, 3 * Q)})
    return Score.of([row(48, notes)], meter="3/4", key="G major", barlines=lines)


def notes(score: Score) -> Counter[tuple[int, int, int]]:
    """Part, pitch and duration of every note, how often."""
    return Counter((number, note.pitch, note.duration) for number, part in enumerate(score.parts) for note in part)


def bars(score: Score) -> list[tuple[int, ...]]:
    lines = score.barlines.tolist()
    onset, pitch = score.parts[0].onset, score.parts[0].pitch
    return [tuple(pitch[(onset >= a) & (onset < b)].tolist()) for a, b in pairwise(lines)]


def test_the_same_bars_stand_in_another_order() -> None:
    score = tune()
    foil = shuffled_bars(score, np.random.default_rng(1))
    assert notes(foil) == notes(score)
    assert foil.barlines.tolist() == score.barlines.tolist()
    assert sorted(bars(foil)) == sorted(bars(score))
    assert bars(foil) != bars(score)


def test_the_pickup_and_the_last_bar_stay() -> None:
    for seed in range(20):
        foil = bars(shuffled_bars(tune(), np.random.default_rng(seed)))
        assert (foil[0], foil[-1]) == (bars(tune())[0], bars(tune())[-1])


def test_every_bar_between_may_go_anywhere() -> None:
    firsts = {bars(shuffled_bars(tune(5), np.random.default_rng(seed)))[1] for seed in range(60)}
    assert firsts == set(bars(tune(5))[1:-1])


def test_all_voices_go_together() -> None:
    score = tune(pickup=0)
    low = row(36, len(score.parts[0]))
    foil = shuffled_bars(Score.of([*score.parts, low], meter="3/4", barlines=score.barlines), np.random.default_rng(1))
    assert (foil.parts[0].pitch - foil.parts[1].pitch).tolist() == [12] * len(low)
    assert (np.diff(foil.parts[0].pitch) != 1).any()


def test_bars_that_a_note_is_held_across_stay_together() -> None:
    soprano = row(60, 32)
    bass = Part.of([3 * Q, 15 * Q], [40, 41], [2 * Q, 6 * Q])
    score = Score.of([soprano, bass])
    for seed in range(10):
        foil = shuffled_bars(score, np.random.default_rng(seed))
        assert notes(foil) == notes(score)
        starts = {note.pitch: note.onset for note in foil.parts[0]}
        assert all(starts[64 + n] - starts[60 + n] == 4 * Q for n in (0, 12, 16))


def test_repeats_and_sections_are_not_kept() -> None:
    score = tune(pickup=0)
    score = Score.of(score.parts, meter="3/4", barlines=score.barlines, repeats=[Repeat(0, 12 * Q)], sections=[24 * Q])
    foil = shuffled_bars(score, np.random.default_rng(1))
    assert (foil.repeats, foil.sections, foil.bars) == ((), (), 12)


def test_short_bars_in_the_middle_stay() -> None:
    lines = [0, 12 * Q, 24 * Q, 32 * Q, 36 * Q, 48 * Q, 60 * Q]
    score = Score.of([row(60, 60)], meter="12/4", barlines=lines)
    for seed in range(10):
        assert shuffled_bars(score, np.random.default_rng(seed)).barlines.tolist() == lines


def test_what_cannot_be_shuffled_stays_as_it_is() -> None:
    for score in (Score.of([Part.of()]), Score.of([Part.of([0], [60], [12 * Q])])):
        foil = shuffled_bars(score, np.random.default_rng(1))
        assert (foil.parts, foil.barlines.tolist()) == (score.parts, score.barlines.tolist())


def test_notes_that_are_struck_again_become_one() -> None:
    part = Part.of(np.array([0, 1, 2, 4, 5]) * Q, [60, 60, 62, 62, 60], np.array([1, 1, 1, 1, 2]) * Q, name="Alto")
    (merged,) = without_restrikes(Score.of([part])).parts
    assert [(n.onset // Q, n.pitch, n.duration // Q) for n in merged] == [
        (0, 60, 2),
        (2, 62, 1),
        (4, 62, 1),
        (5, 60, 2),
    ]
    assert merged.name == "Alto"
    assert not len(without_restrikes(Score.of([Part.of()])).parts[0])


def fakes(folder: Path, tables: list[NDArray[np.float64]], member: str = "pitches.npy") -> Path:
    found = np.empty(len(tables), dtype=object)
    for number, table in enumerate(tables):
        found[number] = table
    held = io.BytesIO()
    np.lib.format.write_array(held, found, version=(1, 0), allow_pickle=True)
    with zipfile.ZipFile(folder / JS_FAKES, "w") as archive:
        archive.writestr(member, held.getvalue())
    return folder


def table(rows: int = 24) -> NDArray[np.float64]:
    found = np.tile([67.0, 64.0, 60.0, 48.0], (rows, 1))
    found[8:, 0] = 72
    found[4:8, 3] = -1
    return found


def test_js_fakes_are_choirs_on_sixteenths(tmp_path: Path) -> None:
    first, second = read_js_fakes(fakes(tmp_path, [table(), table(16) + 2]))
    assert [part.name for part in first.parts] == ["Soprano", "Alto", "Tenor", "Bass"]
    assert [(n.onset // (Q // 4), n.pitch, n.duration // (Q // 4)) for n in first.parts[0]] == [(0, 67, 8), (8, 72, 16)]
    assert [(n.onset // (Q // 4), n.duration // (Q // 4)) for n in first.parts[3]] == [(0, 4), (8, 16)]
    assert (str(first.key), str(first.meter), first.barlines.tolist()) == ("C major", "4/4", [0, 4 * Q, 6 * Q])
    assert second.parts[0].pitch[0] == 69


def test_a_missing_file_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=rf"{JS_FAKES}: cannot be read \(No such file"):
        read_js_fakes(tmp_path)


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    path = fakes(tmp_path, [table()]) / JS_FAKES
    whole = path.read_bytes()
    for data in (b"", b"PK", whole[:200], b"x" * 1000, whole.replace(b"\x00\x00\x50\x40", b"\x00\x00\xf8\x7f")):
        path.write_bytes(data)
        with pytest.raises(ReadError, match=r"is not the file of js_fakes, or is damaged"):
            read_js_fakes(tmp_path)
    for wrong in (table() + 0.5, table() + 100, np.zeros((3, 3))):
        with pytest.raises(ReadError, match="is not the file of js_fakes"):
            read_js_fakes(fakes(tmp_path, [wrong]))
    with pytest.raises(ReadError, match="is not the file of js_fakes"):
        read_js_fakes(fakes(tmp_path, [table()], "chords.npy"))


def flawed(at: int, value: int) -> bytes:
    """A packed file with a wrong byte so far into its head and its directory's entry, and into what is packed."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("pitches.npy", bytes(1000))
    data = bytearray(held.getvalue())
    data[at] = data[data.index(b"PK\1\2") + at + 2] = value
    return bytes(data)


def test_no_damage_is_a_surprise(tmp_path: Path) -> None:
    encrypted, unknown, newer, spoilt = flawed(6, 1), flawed(8, 9), flawed(4, 200), bytearray(flawed(4, 20))
    spoilt[30 + len("pitches.npy")] = 0xFF
    for data in (encrypted, unknown, newer, bytes(spoilt)):
        (tmp_path / JS_FAKES).write_bytes(data)
        with pytest.raises(ReadError, match="is not the file of js_fakes, or is damaged"):
            read_js_fakes(tmp_path)
    for head in (b"(((((", b"  a\n b\n"):
        with zipfile.ZipFile(tmp_path / JS_FAKES, "w") as archive:
            archive.writestr("pitches.npy", b"\x93NUMPY\1\0" + len(head).to_bytes(2, "little") + head)
        with pytest.raises(ReadError, match="is not the file of js_fakes, or is damaged"):
            read_js_fakes(tmp_path)


def test_more_than_a_machine_composed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="it holds 1,001 tables"):
        read_js_fakes(fakes(tmp_path, [table(9 + number) for number in range(1001)]))
    with pytest.raises(ReadError, match="something else than pitches"):
        read_js_fakes(fakes(tmp_path, [table(16_001)]))


def test_a_pickle_is_never_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (Path(tmp_path / "sprung"),)  # type: ignore[return-value]

    trap = np.empty(1, dtype=object)
    trap[0] = Trap()
    with pytest.raises(ReadError, match="is not the file of js_fakes"):
        read_js_fakes(fakes(tmp_path, [trap[0]]))
    assert not (tmp_path / "sprung").exists()
    pickle.loads(pickle.dumps(Trap()))
    assert (tmp_path / "sprung").exists()


def test_files_that_unpack_to_too_much_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / JS_FAKES, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("pitches.npy", b"\x00" * 2**25)
    with pytest.raises(ReadError, match="unpacks to too much"):
        read_js_fakes(tmp_path)
