"""What a file gives: voices, key, octave."""

from dataclasses import replace

import numpy as np
import pytest

from composer.errors import UsageError
from composer.harmonizing.given import choir_of, detached, fitted, in_key, semitones_of, transposed, with_voice
from composer.score import Part, Score
from composer.theory import TICKS_PER_QUARTER as Q


def part(*pitches: int, name: str = "", drums: bool = False) -> Part:
    found = Part.of(np.arange(len(pitches)) * Q, pitches, np.full(len(pitches), Q), name=name)
    return replace(found, drums=drums)


def score(*parts: Part, key: str = "C major") -> Score:
    return Score.of(parts, meter="4/4", key=key)


def pitches(found: Score) -> list[list[int]]:
    return [part.pitch.tolist() for part in found.parts]


def test_a_melody_alone_is_the_soprano() -> None:
    choir, words = choir_of(score(part(60, 62, name="Fiddle"), part(36, drums=True)))
    assert (pitches(choir), words) == ([[60, 62], [], [], []], [])
    assert [voice.name for voice in choir.parts] == ["Soprano", "Alto", "Tenor", "Bass"]


def test_names_say_where_voices_stand() -> None:
    choir, _ = choir_of(score(part(48, name="BASS"), part(72, name="soprano ")))
    assert pitches(choir) == [[72], [], [], [48]]
    voices = [part(72 - k, name=name) for k, name in enumerate(("Soprano", "Alto", "Tenor", "Bass"))]
    choir, words = choir_of(score(*voices, part(60, 64, name="Piano")))
    assert (pitches(choir), words) == ([[72], [71], [70], [69]], ["the other parts were left out"])


def test_four_parts_from_high_to_low_are_a_choir() -> None:
    assert pitches(choir_of(score(part(72), part(67), part(60), part(48)))[0]) == [[72], [67], [60], [48]]
    assert pitches(choir_of(score(part(72), part(), part(60), part()))[0]) == [[72], [], [60], []]
    with pytest.raises(UsageError, match=r"--part"):
        choir_of(score(part(48), part(60), part(67), part(72)))


def test_of_notes_at_once_the_top_ones_are_taken() -> None:
    held = Part.of([0, Q, Q, 3 * Q], [60, 64, 67, 62], [2 * Q, 2 * Q, Q, Q])
    with pytest.raises(UsageError, match="bar 1, beat 2: C4 and E4"):
        choir_of(score(held))
    choir, words = choir_of(score(held), top=True)
    top = choir.parts[0]
    assert list(zip(top.onset // Q, top.pitch, top.duration // Q, strict=True)) == [(0, 60, 1), (1, 67, 1), (3, 62, 1)]
    assert words == ["lower notes were left out: 1"]


def test_a_top_note_may_be_held_over_however_many_others() -> None:
    drone = Part.of([0, *range(0, 100 * Q, Q)], [84, *[60] * 100], [100 * Q, *[Q] * 100])
    choir, words = choir_of(score(drone), top=True)
    assert choir.parts[0].pitch.tolist() == [84]
    assert words == ["lower notes were left out: 100"]


def test_notes_played_legato_are_cut() -> None:
    played = Part.of([0, Q, 2 * Q], [60, 62, 64], [Q + 900, Q, Q])
    assert choir_of(detached(score(played))[0])[0].parts[0].duration.tolist() == [Q, Q, Q]
    assert detached(score(played))[1] == ["notes that reach into the next ones were cut: 1"]
    chord = Part.of([0, 0], [60, 64], [Q, Q])
    assert detached(score(chord))[0].parts[0] == chord


def test_the_key_is_the_files_unless_it_says_none() -> None:
    minor = score(part(69, 71, 72, 74, 76, 68, 69, 69))
    assert str(in_key(minor, None, "")[0].key) == "A minor"
    assert str(in_key(minor, None, "signature")[0].key) == "A minor"
    kept, words = in_key(minor, None, "key")
    assert (str(kept.key), words) == ("C major", [])
    assert str(in_key(minor, "D dorian", "key")[0].key) == "D dorian"
    sharp = score(part(62, 64, 66, 67, 69, 71, 73, 74, 66, 73, 62))
    kept, [word] = in_key(sharp, None, "key")
    assert (str(kept.key), "--key 'D major'" in word) == ("C major", True)
    named, _ = in_key(sharp, "D", "key")
    assert named.parts[0].spelling[2] == 6  # F sharp


def test_the_octave_with_least_to_reach_is_taken() -> None:
    assert fitted(choir_of(score(part(48, 55)))[0])[0].parts[0].pitch.tolist() == [60, 67]
    assert fitted(choir_of(score(part(88, 91)))[0])[1] == [
        "the melody was moved down by an octave, to where a soprano sings"
    ]
    stays, words = fitted(choir_of(score(part(59, 72)))[0])
    assert (stays.parts[0].pitch.tolist(), len(words)) == ([59, 72], 1)


def test_what_no_voice_reaches_is_named() -> None:
    with pytest.raises(
        UsageError, match="bar 1, beat 2: C3 lies beyond every soprano; the lowest note is G3, the highest D6"
    ):
        fitted(choir_of(score(part(60, 48)))[0], octaves=False)
    with pytest.raises(UsageError, match="bar 1, beat 1: C1 lies beyond every bass"):
        fitted(choir_of(score(part(72, name="Soprano"), part(24, name="Bass")))[0])


@pytest.mark.parametrize(("text", "semitones"), [("-2", -2), ("+3", 3), ("m3", 3), ("M3", 4), ("-P4", -5), ("P8", 12)])
def test_intervals(text: str, semitones: int) -> None:
    assert semitones_of(text) == semitones


@pytest.mark.parametrize("text", ["", "P3", "m5", "third", "M9", "1000", "--2"])
def test_no_intervals(text: str) -> None:
    with pytest.raises(UsageError, match="--transpose"):
        semitones_of(text)


def test_all_of_it_is_transposed() -> None:
    moved, _ = transposed(choir_of(score(part(72, name="Soprano"), part(48, name="Bass")))[0], "m3")
    assert (pitches(moved), str(moved.key)) == ([[75], [], [], [51]], "Eb major")


def test_a_voice_from_another_file() -> None:
    choir = choir_of(score(part(72, 74)))[0]
    assert pitches(with_voice(choir, "bass", score(part(48, 50)))) == [[72, 74], [], [], [48, 50]]
    for name, given, words in (
        ("soprano", score(part(48)), "lower voices"),
        ("bass", score(part(48), part(50)), "2 parts"),
        ("alto", score(part(*[60] * 9)), "longer"),
    ):
        with pytest.raises(UsageError, match=words):
            with_voice(choir, name, given)
