"""A tune as a row of ABC's words, and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from composer.encodings import abc_vocabulary as words
from composer.encodings.compile import PITCH_SYMBOLS, REST_SYMBOL
from composer.inference.sequence import Sequence
from composer.notation.abc_reader import TuneReader
from composer.notation.abc_table import ACCIDENTAL_SIGNS
from composer.score import Score
from composer.theory import Key

TIED = PITCH_SYMBOLS  # added to the symbol of a note that goes on from the event before


def read(tokens: Iterable[str]) -> Score:
    """The tune that words say; one that means nothing where it stands is passed over.

    Raises :class:`ReadError` if they hold no music.
    """
    header, body, before = {"M": "4/4", "K": "C"}, [""], ""
    pitches, lengths = {*words.LETTERS, words.LOWER, words.HIGHER}, {*words.LENGTHS.values()}
    for word in tokens:
        if word[0] in header and word[1:2] == ":":
            if len(body) == 1:
                header[word[0]] = word[2:]
            else:
                body.append(f" [{word}]")
        elif word in (words.LOWER, words.HIGHER):
            body.append(word if before in pitches else "")
        elif word in lengths:
            body.append(word if before in pitches or before == words.REST else "")
        else:
            body.append(word if word == words.TIE else f" {word}")
        before = word.lstrip("^_=")
    reader = TuneReader()
    for number, line in enumerate(("L:1/8", f"M:{header['M']}", f"K:{header['K']}", "".join(body)), 1):
        reader.line(line, number)
    return reader.score()


class _Atom(NamedTuple):
    """A note or rest with one length token."""

    before: tuple[str, ...]  # signs and fields
    name: tuple[str, ...]
    length: str
    steps: int
    triplet: bool  # its length token says three halves of it
    tied: bool


def written(score: Score, sequence: Sequence, grid: int, *, relative: bool) -> Iterator[str]:
    """A score's events, of ``grid`` ticks a step, as words; if ``relative``, on the tonic C."""
    page = _Page(score, grid, relative)
    yield from page.header()
    atoms = list(page.atoms(sequence))
    tuplets = _tuplets(atoms)
    for number, atom in enumerate(atoms):
        yield from atom.before
        if number in tuplets:
            yield tuplets[number]
        yield from (*atom.name, *filter(None, [atom.length]), *[words.TIE] * atom.tied)


class _Page:
    """A score on its way to words."""

    def __init__(self, score: Score, grid: int, relative: bool) -> None:
        self.score, self.grid, self.relative = score, grid, relative
        self.altered: dict[str, int] = {}  # letters, by accidentals in this bar

    def header(self) -> tuple[str, str]:
        return f"M:{self.score.meter}", words.key_word(self._key(self.score.key))

    def atoms(self, sequence: Sequence) -> Iterator[_Atom]:
        """Every event as one atom or several, tied; the last has only the signs at the end."""
        fields, at = self._fields(), 0
        following = np.append(sequence.events[1:, 0] >= TIED, False)[: len(sequence)]
        onsets = [-(-key.onset // self.grid) for key in self.score.keys]
        keys = [self._key(self.score.keys[k]) for k in np.searchsorted(onsets, sequence.steps, "right") - 1]
        rows = zip(sequence.steps.tolist(), keys, *sequence.events.T.tolist(), following.tolist(), strict=True)
        for step, key, symbol, duration, tied in rows:
            before: list[str] = []
            while at < len(fields) and fields[at][0] <= step:
                before += fields[at][1]
                at += 1
            if any(word in words.SIGNS for word in before):
                self.altered = {}
            triplet = duration % 3 != 0  # no 32nds
            sizes = list(words.lengths(duration if triplet else duration * 2 // 3))
            for count, (size, length) in enumerate(sizes, 1):
                name = self._name(symbol % TIED, key)
                more = symbol != REST_SYMBOL and (count < len(sizes) or tied)
                yield _Atom(tuple(before), name, length, size if triplet else size * 3 // 2, triplet, more)
                before = []
        yield _Atom(tuple(word for _, found in fields[at:] for word in found), (), "", 0, False, False)

    def _fields(self) -> list[tuple[int, list[str]]]:
        """Steps, and the signs of bar lines or the changes of meter and key that stand there, in order of time."""
        score, grid = self.score, self.grid
        fields = [(-(-tick // grid), 0, signs) for tick, signs in _signs(score)]
        fields += [(-(-meter.onset // grid), 1, [f"M:{meter}"]) for meter in score.meters[1:]]
        fields += [(-(-key.onset // grid), 2, [words.key_word(self._key(key))]) for key in score.keys[1:]]
        return [(step, found) for step, _, found in sorted(fields)]

    def _key(self, key: Key) -> Key:
        return Key(0, key.mode) if self.relative else replace(key, onset=0)

    def _name(self, symbol: int, key: Key) -> tuple[str, ...]:
        """A pitch as tokens, with an accidental wherever key and bar do not say the pitch, or the key does not."""
        if symbol == REST_SYMBOL:
            return (words.REST,)
        name = words.names(key)[symbol]
        if name.alteration == name.usual == self.altered.get(name.step, name.usual):
            return name.words
        self.altered[name.step] = name.alteration
        return (ACCIDENTAL_SIGNS[name.alteration] + name.words[0], *name.words[1:])


def _signs(score: Score) -> Iterator[tuple[int, list[str]]]:
    """Every bar line with its tokens."""
    opens = {repeat.start for repeat in score.repeats}
    ends: dict[int, int] = {}
    endings: dict[int, str] = {}
    for repeat in score.repeats:
        if not repeat.endings:
            ends[repeat.end] = repeat.times - 1
        for ending in repeat.endings:
            endings[ending.start] = "|" + ",".join(map(str, ending.passes))
            if max(ending.passes, default=0) < repeat.times:
                ends[ending.end] = repeat.times - 1
    double = {*score.sections, *(repeat.end for repeat in score.repeats)}
    for tick in score.barlines.tolist():
        signs = [":" * ends[tick] + "|"] if tick in ends else []
        signs += ["|:"] if tick in opens else []
        signs += [endings[tick]] if tick in endings else []
        if not signs and tick:
            signs = ["|]" if tick == score.end else "||" if tick in double else "|"]
        yield tick, signs


def _tuplets(atoms: list[_Atom]) -> dict[int, str]:
    """For the first note of every triplet its token: it closes as soon as it adds up to 32nds, or has no further."""
    found: dict[int, str] = {}
    number = 0
    while number < len(atoms):
        first, total = number, 0
        while number < len(atoms) and atoms[number].triplet and number - first < max(words.TUPLETS):
            if number > first and (atoms[number].before or total % 3 == 0):
                break
            total += atoms[number].steps
            number += 1
        if number > first:
            found[first] = words.TUPLETS[number - first]
        number = max(number, first + 1)
    return found
