"""What a file gives: the melody and the other voices, in a key and where singers can sing them.

Each step takes a score and returns it with what was done, in words.
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from composer.analysis import find_key
from composer.errors import UsageError
from composer.score import Part, Score, frozen
from composer.sketch.pitch import Range
from composer.sketch.regions import voices_of
from composer.sketch.sketch import CHOIR_RANGES, VOICE_NAMES
from composer.theory import MODES, Key, pitch_name

CHOIR = VOICE_NAMES[4]
LOWER = CHOIR[1:]
OUTERMOST = Range.parse("G3:C6")  # beyond which no soprano is asked to sing
STEPS = {"1": 0, "2": 2, "3": 4, "4": 5, "5": 7, "6": 9, "7": 11, "8": 12}  # semitones of major and perfect intervals
PERFECT = "1458"


def choir_of(score: Score, part: str | None = None, top: bool = False) -> tuple[Score, list[str]]:
    """The score in four parts, melody first; the parts that it does not give are empty.

    Four parts, highest first, are taken as they are; of others, ``part`` (a number from 1, or a name) chooses the
    melody; of notes at once in it, ``top`` takes the highest. Raises :class:`UsageError`, with bar and beat, where
    there is no single line, and no way to choose one.
    """
    pitched = [k for k, voice in enumerate(score.parts) if not voice.drums]
    sounding = [k for k in pitched if len(score.parts[k])]
    if not sounding:
        raise UsageError("there are no notes to harmonise")
    if part is None and len(pitched) == len(CHOIR) and _ordered(score, sounding):
        voices = [_line(score, k, False) for k in pitched]
        names = [voice.name or name for voice, name in zip(voices, CHOIR, strict=True)]
        parts = [replace(voice, name=name) for voice, name in zip(voices, names, strict=True)]
        return replace(score, parts=tuple(parts)), []
    chosen = sounding[0] if part is None else _chosen(score, part)
    if part is None and len(sounding) > 1:
        known = ", ".join(f"{k + 1} {score.parts[k].name}".strip() for k in sounding)
        raise UsageError(f"there are {len(sounding)} parts, and no choir of four: say which is the melody, --part {known}")
    line = _line(score, chosen, top)
    cut = len(score.parts[chosen]) - len(line)
    words = [f"{cut} lower notes were left out"] if cut else []
    words += ["the other parts were left out"] if len(sounding) > 1 else []
    parts = [replace(line, name=CHOIR[0], program=line.program), *(Part.of(name=name) for name in LOWER)]
    return replace(score, parts=tuple(parts)), words


def _ordered(score: Score, sounding: list[int]) -> bool:
    """Whether parts lie one below another, as voices of a choir do; the names of a choir say so, too."""
    if {part.name.strip().title() for part in score.parts} >= set(CHOIR):
        return True
    heights = [float(np.mean(score.parts[k].pitch)) for k in sounding]
    return heights == sorted(heights, reverse=True)


def _chosen(score: Score, part: str) -> int:
    found = voices_of(score, part)
    if len(found) != 1:
        raise UsageError(f"--part {part}: a melody is one part")
    voice = score.parts[found[0]]
    if voice.drums or not len(voice):
        raise UsageError(f"--part {part}: has no notes that can be sung")
    return found[0]


def _line(score: Score, number: int, top: bool) -> Part:
    """A part of which no two notes sound at once; raises :class:`UsageError`."""
    part = score.parts[number]
    if top:
        part = _top(part)
    overlap = part.offset[:-1] > part.onset[1:]
    if not overlap.any():
        return part
    first = int(np.argmax(overlap))
    low, high = (pitch_name(int(part.pitch[k]), int(part.spelling[k])) for k in (first, first + 1))
    name = f"part {number + 1}{part.name and f' ({part.name})'}"
    raise UsageError(
        f"{name}, {score.place(int(part.onset[first + 1]))}: {low} and {high} sound at once, and a melody has one note at "
        "a time; --top takes the highest, --part another part"
    )


def _top(part: Part) -> Part:
    """Of notes that sound at once the highest; one that is held under a higher one ends there."""
    columns = [(note.onset, note.pitch, note.duration) for note in part]
    kept = [
        not any(a <= onset < a + length and higher > pitch for a, higher, length in _near(columns, k))
        for k, (onset, pitch, _) in enumerate(columns)
    ]
    line = part.select(np.array(kept, dtype=bool))
    once = np.append(line.onset[1:] != line.onset[:-1], True)
    line = line.select(once)
    following = np.append(line.onset[1:], np.iinfo(np.int32).max)
    return replace(line, duration=frozen(np.minimum(line.duration, following - line.onset)))


def _near(columns: list[tuple[int, int, int]], k: int) -> list[tuple[int, int, int]]:
    """The notes about the k-th, among which those that sound with it are."""
    return columns[max(k - 64, 0) : k + 64]


def in_key(score: Score, wanted: str | None, said: str) -> tuple[Score, list[str]]:
    """The score in the key that is ``wanted``, or in the one that its notes are in, where the file has ``said`` none
    ("") or left the mode open ("signature"); a file that says both ("key") is believed.
    """
    if wanted is not None:
        return _keyed(score, Key.parse(wanted)), []
    if said == "key" or len(score.keys) > 1:
        return score, []
    pitch = np.concatenate([part.pitch for part in score.parts if not part.drums] or [np.empty(0)])
    duration = np.concatenate([part.duration for part in score.parts if not part.drums] or [np.empty(0)])
    found = find_key(pitch, duration)
    if said == "signature":
        relative = Key(score.key.signature + MODES["minor"], "minor")
        if found.tonic_class != relative.tonic_class or found.mode != "minor" or score.key == relative:
            return score, []
        return _keyed(score, relative), [f"the signature leaves the mode open: taken as {relative} (--key says another)"]
    return _keyed(score, found), [f"the file says no key: taken as {found} (--key says another)"]


def _keyed(score: Score, key: Key) -> Score:
    return replace(score, keys=(key,)).respelled() if key != score.key or len(score.keys) > 1 else score


def semitones_of(text: str) -> int:
    """Read ``-3``, ``2``, ``M2`` or ``-P5`` (major, minor, perfect, augmented, diminished); raises UsageError.

    >>> semitones_of("-m3"), semitones_of("P8"), semitones_of("5")
    (-3, 12, 5)
    """
    if re.fullmatch(r"[+-]?\d{1,2}", text.strip()):
        return int(text)
    match = re.fullmatch(r"([+-]?)([mMPAd])([1-8])", text.strip())
    shift = {"m": -1, "M": 0, "P": 0, "A": 1, "d": -1 if match and match[3] in PERFECT else -2}
    if match is None or (match[2] in "mM") == (match[3] in PERFECT) and match[2] not in "Ad":
        raise UsageError(f"--transpose {text}: write semitones, such as -3, or an interval, such as m3, -M2 or P4")
    size = STEPS[match[3]] + shift[match[2]]
    return -size if match[1] == "-" else size


def transposed(score: Score, interval: str) -> tuple[Score, list[str]]:
    """All of it higher or lower, keys and chords too; raises :class:`UsageError`."""
    moved = score.transpose(semitones_of(interval))
    return moved, [f"transposed by {interval}, from {score.key} to {moved.key}"]


def fitted(score: Score, octaves: bool = True) -> tuple[Score, list[str]]:
    """The melody in the octave where a soprano has least to reach; raises :class:`UsageError`, with bar and beat, for
    a note that no soprano reaches, there or, without ``octaves``, where it stands.
    """
    melody, comfort = score.parts[0], Range.parse(CHOIR_RANGES[0])
    words: list[str] = []
    if octaves and len(melody):
        strain = {
            12 * k: int((melody.duration * _beyond(melody, 12 * k, comfort)).astype(np.int64).sum()) for k in range(-5, 6)
        }
        shift = min(strain, key=lambda semitones: (strain[semitones], abs(semitones)))
        if shift and strain[shift] < strain[0]:
            melody = replace(melody, pitch=frozen(melody.pitch + shift))
            number = f"{abs(shift) // 12} octaves" if abs(shift) > 12 else "an octave"
            words.append(f"the melody was moved {'up' if shift > 0 else 'down'} by {number}, to where a soprano sings")
    outside = _beyond(melody, 0, OUTERMOST) > 0
    if outside.any():
        k = int(np.argmax(outside))
        name = pitch_name(int(melody.pitch[k]), int(melody.spelling[k]))
        raise UsageError(
            f"{score.place(int(melody.onset[k]))}: {name} lies beyond every soprano, who sings {str(OUTERMOST)[6:]}; "
            "--transpose moves the melody"
        )
    if (_beyond(melody, 0, comfort) > 0).any():
        low, high = (pitch_name(int(p), int(Key(0).spell(p))) for p in (melody.pitch.min(), melody.pitch.max()))
        words.append(f"the melody goes from {low} to {high}, and a soprano likes {CHOIR_RANGES[0]}: --transpose helps")
    return replace(score, parts=(melody, *score.parts[1:])), words


def _beyond(part: Part, shift: int, span: Range) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """(N,) semitones by which each note, moved by ``shift``, lies outside a range."""
    pitch = part.pitch.astype(np.int64) + shift
    return np.asarray(np.maximum(np.maximum(span.low - pitch, pitch - span.high), 0))


def with_voice(score: Score, name: str, given: Score) -> Score:
    """The choir with the melody of another score in the voice of this name; raises :class:`UsageError`."""
    found = voices_of(score, name)
    sounding = [k for k, part in enumerate(given.parts) if len(part) and not part.drums]
    if len(found) != 1 or found[0] == 0:
        raise UsageError(f"--voice {name}: give one of the lower voices, {', '.join(LOWER).lower()}")
    if len(sounding) != 1:
        raise UsageError(f"--voice {name}: its file has {len(sounding)} parts with notes, and a voice is one")
    line = replace(_line(given, sounding[0], False), name=score.parts[found[0]].name, annotations=())
    if int(line.offset[-1]) > score.end:
        raise UsageError(f"--voice {name}: its file is longer than the melody, which ends after bar {score.bars}")
    parts = list(score.parts)
    parts[found[0]] = line
    return replace(score, parts=tuple(parts))
