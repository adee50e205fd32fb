"""What a file gives: the melody and the other voices, in a key and where singers can sing them.

Each step takes a score and returns it with what was done, in words.
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from composer.analysis import find_key
from composer.errors import InvalidScore, UsageError
from composer.score import Part, Score, frozen
from composer.sketch.pitch import Range
from composer.sketch.regions import voices_of
from composer.theory import MODES, TICKS_PER_QUARTER, Key, pitch_name
from composer.voice_leading import CHOIR, CHOIR_RANGES

LOWER = CHOIR[1:]
RANGES = [Range.parse(text) for text in CHOIR_RANGES]
REACH = 5  # semitones beyond its range that a voice is asked for, if the file asks
STEPS = (0, 2, 4, 5, 7, 9, 11, 12)  # semitones of major and perfect intervals, from the unison
LEGATO = TICKS_PER_QUARTER // 4
DOUBT = 0.1  # of the sounding time that would be in another key, and is not in the file's


def detached(score: Score) -> tuple[Score, list[str]]:
    """The score with notes cut that reach a little into the next ones of their part, as when a keyboard is played."""
    parts, count = [], 0
    for part in score.parts:
        following = np.append(part.onset[1:], score.end)
        into = (part.onset < following) & (part.offset > following) & (part.offset - following <= LEGATO)
        count += int(into.sum())
        parts.append(replace(part, duration=frozen(np.where(into, following - part.onset, part.duration))))
    words = [f"notes that reach into the next ones were cut: {count}"] if count else []
    return replace(score, parts=tuple(parts)), words


def choir_of(score: Score, part: str | None = None, top: bool = False) -> tuple[Score, list[str]]:
    """The score in four parts, melody first; the parts that it does not give are empty.

    Parts that have names of a choir stand where these say, four others as they are, if the higher ones come first. Else
    ``part`` (a number from 1, or a name) chooses the melody where there are several; of notes at once, ``top`` takes
    the highest. Raises :class:`UsageError`, with bar and beat, where there is no single line, and no way to choose one.
    """
    pitched = [k for k, voice in enumerate(score.parts) if not voice.drums]
    sounding = [k for k in pitched if len(score.parts[k])]
    if not sounding:
        drums = any(len(part) for part in score.parts)
        raise UsageError(f"there are no notes to harmonise{', only drums' if drums else ''}; give a file with a melody")
    words = []
    places = _places(score, pitched, sounding) if part is None else {}
    if not places:
        chosen = sounding[0] if part is None else _chosen(score, part)
        if part is None and len(sounding) > 1:
            known = ", ".join(f"{k + 1} {score.parts[k].name}".strip() for k in sounding)
            raise UsageError(f"has {len(sounding)} parts, and is no choir: --part says which is the melody, of {known}")
        places = {0: chosen}
    words += ["the other parts were left out"] if set(sounding) - set(places.values()) else []
    lines = {voice: _line(score, number, top) for voice, number in places.items()}
    cut = sum(len(score.parts[number]) - len(lines[voice]) for voice, number in places.items())
    words += [f"lower notes were left out: {cut}"] if cut else []
    parts = [replace(lines.get(voice, Part.of()), name=name) for voice, name in enumerate(CHOIR)]
    return replace(score, parts=tuple(parts)), words


def _places(score: Score, pitched: list[int], sounding: list[int]) -> dict[int, int]:
    """The part of each voice of a choir; none if the score is no choir."""
    names = [score.parts[k].name.strip().title() for k in pitched]
    known = [name for name in names if name in CHOIR]
    if len(set(known)) == len(known) and (len(known) == len(CHOIR) or 1 < len(known) == len(pitched)):
        return {CHOIR.index(name): k for name, k in zip(names, pitched, strict=True) if name in CHOIR}
    heights = [float(np.mean(score.parts[k].pitch)) for k in sounding]
    return dict(enumerate(pitched)) if len(pitched) == len(CHOIR) and heights == sorted(heights)[::-1] else {}


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
        f"{score.place(int(part.onset[first + 1]))}: {low} and {high} sound at once in {name}, and a voice has one "
        "note at a time; --top takes the highest ones, --part another part"
    )


def _top(part: Part) -> Part:
    """Of notes that sound at once the highest; one that is held under a higher one ends there."""
    ends, kept = np.zeros(128, dtype=np.int64), np.ones(len(part), dtype=bool)  # of each pitch; of each note
    for k, note in enumerate(part):
        kept[k] = not (ends[note.pitch + 1 :] > note.onset).any()
        ends[note.pitch] = max(ends[note.pitch], note.onset + note.duration)
    line = part.select(kept)
    once = np.append(line.onset[1:] != line.onset[:-1], True)
    line = line.select(once)
    following = np.append(line.onset[1:], np.iinfo(np.int32).max)
    return replace(line, duration=frozen(np.minimum(line.duration, following - line.onset)))


def in_key(score: Score, wanted: str | None, said: str) -> tuple[Score, list[str]]:
    """The score in the key that is ``wanted``, or in the one that its notes are in, where the file has ``said`` none
    ("") or left the mode open ("signature"); a file that says both ("key") is believed.
    """
    if wanted is not None:
        return _keyed(score, Key.parse(wanted)), []
    if len(score.keys) > 1:
        return score, []
    parts = [part for part in score.parts if not part.drums]
    pitch, duration = (np.concatenate(columns) for columns in zip(*((p.pitch, p.duration) for p in parts), strict=True))
    found = find_key(pitch, duration)
    if not said:
        return _keyed(score, found), [f"the file says no key: taken as {found}; --key says another"]
    relative = Key(score.key.signature + MODES["minor"], "minor")
    if said == "signature" and found.mode == "minor" and found.tonic_class == relative.tonic_class:
        return _keyed(score, relative), [f"the file leaves the mode open: taken as {relative}; --key says another"]
    inside = [duration[np.isin(pitch % 12, list(key.scale))].sum() / duration.sum() for key in (score.key, found)]
    if inside[1] - inside[0] > DOUBT:
        return score, [f"the file says {score.key}, its notes rather {found}: --key '{found}' takes that"]
    return score, []


def _keyed(score: Score, key: Key) -> Score:
    """The score in one key, its notes spelled so."""
    return score if score.keys == (key,) else replace(score, keys=(key,)).respelled()


def semitones_of(text: str) -> int:
    """Read ``-3``, ``2``, ``M2`` or ``-P5`` (minor, major, perfect); raises :class:`UsageError`.

    >>> semitones_of("-m3"), semitones_of("P8"), semitones_of("5")
    (-3, 12, 5)
    """
    match = re.fullmatch(r"([+-]?)(\d{1,2}|m[2367]|M[2367]|P[1458])", text.strip())
    if match is None:
        raise UsageError(f"--transpose {text}: write semitones, such as -3, or an interval, such as m3, -M2 or P4")
    name = match[2]
    size = int(name) if name.isdigit() else STEPS[int(name[1]) - 1] - (name[0] == "m")
    return -size if match[1] == "-" else size


def transposed(score: Score, interval: str) -> tuple[Score, list[str]]:
    """All of it higher or lower, keys and chords too; raises :class:`UsageError`."""
    try:
        moved = score.transpose(semitones_of(interval))
    except InvalidScore:
        raise UsageError(f"--transpose {interval}: leaves no note that can be sung; take a smaller interval") from None
    return moved, [f"transposed by {interval}, from {score.key} to {moved.key}"]


def fitted(score: Score, octaves: bool = True) -> tuple[Score, list[str]]:
    """The melody in the octave where a soprano has least to reach, or without ``octaves`` where it stands.

    Raises :class:`UsageError`, with bar and beat, for a note of the melody that no soprano reaches, and for one of
    another voice that nobody does.
    """
    melody, comfort = score.parts[0], RANGES[0]
    words: list[str] = []
    if octaves and len(melody):
        strain = {12 * k: int((melody.duration * _beyond(melody, comfort, 12 * k)).sum()) for k in range(-6, 7)}
        shift = min(strain, key=lambda semitones: (strain[semitones], abs(semitones)))
        if strain[shift] < strain[0]:
            melody = replace(melody, pitch=frozen(melody.pitch + shift))
            number = "an octave" if abs(shift) == 12 else f"{abs(shift) // 12} octaves"
            words.append(f"the melody was moved {'up' if shift > 0 else 'down'} by {number}, to where a soprano sings")
    score = replace(score, parts=(melody, *score.parts[1:]))
    anybody = Range(min(span.low for span in RANGES), max(span.high for span in RANGES))
    for part, span in zip(score.parts, (comfort, anybody, anybody, anybody), strict=True):
        outside = _beyond(part, span) > REACH
        if outside.any():
            k = int(np.argmax(outside))
            name = pitch_name(int(part.pitch[k]), int(part.spelling[k]))
            raise UsageError(
                f"{score.place(int(part.onset[k]))}: {name} lies beyond every {part.name.lower()}; the lowest note is "
                f"{_named(span.low - REACH)}, the highest {_named(span.high + REACH)}; --transpose moves the music"
            )
    if _beyond(melody, comfort).any():
        low, high = (pitch_name(int(melody.pitch[k]), int(melody.spelling[k])) for k in _extremes(melody))
        words.append(f"the melody goes from {low} to {high}; sopranos like {CHOIR_RANGES[0]}: --transpose helps")
    return score, words


def _extremes(part: Part) -> tuple[int, int]:
    return int(np.argmin(part.pitch)), int(np.argmax(part.pitch))


def _named(pitch: int) -> str:
    return pitch_name(pitch, int(Key(0).spell(pitch)))


def _beyond(part: Part, span: Range, shift: int = 0) -> NDArray[np.int64]:
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
    line = replace(_line(given, sounding[0], False), name=score.parts[found[0]].name)
    if int(line.offset[-1]) > score.end:
        raise UsageError(f"--voice {name}: its file is longer than the melody, which ends after bar {score.bars}")
    parts = list(score.parts)
    parts[found[0]] = line
    return replace(score, parts=tuple(parts))
