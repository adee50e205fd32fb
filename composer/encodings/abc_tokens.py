"""One voice as ABC writes it: bars, ties over them, and a flat view in a fixed vocabulary of folk-rnn's kind.

An event is a pitch and a length inside one bar. Bars, repeats and endings are the frame's, known before the notes, so
they are no events: every event takes time, and constraints over cells stay exact. :meth:`AbcTokens.tokens` is the flat
view, for models that write the form too: the same events, with meter, key, bar lines, repeats, endings, tuplets and
ties as tokens of their own. :meth:`AbcTokens.score_of` reads it without a frame.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from composer.encodings.abc_page import TIED, read, written
from composer.encodings.abc_vocabulary import vocabulary
from composer.encodings.compile import (
    PITCH_OFFSET,
    REST_SYMBOL,
    in_symbols,
    metric_context,
    place_of,
    run_costs,
    step_ticks,
    tonics,
)
from composer.encodings.machines import Tied, lengths, readings, run_machine
from composer.encodings.melody import BEAT, LONGEST, Melody, writable
from composer.encodings.voices import monophonic
from composer.errors import Unsupported, UsageError
from composer.inference.masks import RunCosts, RunMasks
from composer.inference.sequence import Events, Sequence
from composer.score import Part, Score
from composer.sketch import REST, Sketch
from composer.theory import Ints


@dataclass(frozen=True)
class AbcTokens(Melody):
    """Events ``(symbol, duration)`` without gaps: symbol 0 is a rest, else 12 + the pitch counted from the tonic's
    pitch class (from C if not ``relative``), 140 more if the note goes on from the event before; durations in steps of
    a 24th of a quarter (32nds and triplet 16ths). Events break at bar lines, and a note goes on only after itself: a
    tie from another pitch begins a note. It leaves out what :class:`composer.encodings.melody.Melody` does.

    >>> view = AbcTokens()
    >>> tune = Score.of([Part.of([0, 15120, 20160], [62, 65, 69], [15120, 5040, 20160])], meter="6/8", key="D dorian")
    >>> view.text(view.tokens(tune))
    'M:6/8 K:Cdor C 3 E G 2 - | G 2 z 4 |]'
    """

    name: ClassVar[str] = "abc_tokens"

    def _notes(self, score: Score) -> Sequence:
        onset, pitch, offset = monophonic(score, 0, self.grid)
        end = score.end // self.grid
        cuts = np.concatenate([onset, offset, self._breaks(score), [0, end]])
        edges = np.unique(cuts[cuts <= end])
        steps = edges[:-1].astype(np.int32)
        ticks = steps * self.grid
        note = np.searchsorted(onset, steps, "right") - 1
        symbols = np.full(len(steps), REST_SYMBOL)
        sounding = note >= 0
        sounding[sounding] = steps[sounding] < offset[note[sounding]]
        tied = steps[sounding] > onset[note[sounding]]
        tonic = tonics(score, ticks, self.relative)[sounding]
        symbols[sounding] = pitch[note[sounding]] + PITCH_OFFSET - tonic + TIED * tied
        events = np.stack([symbols, np.diff(edges)], axis=1).astype(np.int32)
        return Sequence(events, steps)

    def decode(self, sequence: Sequence, frame: Score) -> Score:
        symbol, duration = sequence.events.T
        sounding = symbol % TIED != REST_SYMBOL
        ticks = sequence.steps * self.grid
        pitch = np.where(sounding, symbol % TIED - PITCH_OFFSET + tonics(frame, ticks, self.relative), -1)
        goes_on = sounding & (symbol >= TIED) & (np.append(-1, pitch[:-1]) == pitch)
        first = np.flatnonzero(sounding & ~goes_on)
        length = np.where(sounding, duration, 0).cumsum()
        lengths = np.diff(np.append(length[first] - duration[first], length[-1:]))
        voice = frame.parts[0] if frame.parts else Part.of()
        part = Part.of(ticks[first], pitch[first], lengths * self.grid, name=voice.name, program=voice.program)
        return replace(frame, parts=(frame.spell(part),))

    def compile(self, sketch: Sketch) -> RunMasks:
        """A machine remembers which note sounds at a bar line, so that none but it goes on there. Outside the holes,
        where notes stay as they are given, one that goes on may as well begin anew, for models that know few ties.
        """
        ticks = step_ticks(sketch.score, self.grid)
        start, hold = sketch.cells(0, ticks)
        breaks = self._breaks(sketch.score)
        tied = np.zeros_like(start)
        tied[breaks] = hold[breaks]
        tied[:, REST] = False
        given = breaks[~sketch.free(0, breaks * self.grid)]
        start[given] |= hold[given]
        hold[breaks] = False
        tonic = tonics(sketch.score, ticks, self.relative)
        starts, ties, holds = (in_symbols(table, tonic) for table in (start, tied, hold))
        context = metric_context(sketch.score, ticks, self.grid, sketch.cadences)
        lasting = writable()[context["position"] % BEAT]
        parts = [Tied(len(ticks), breaks), *readings(sketch, 0, ticks), *lengths(sketch, 0, ticks)]
        machine = run_machine(parts, tonic, TIED)
        costs = run_costs(sketch, 0, ticks, tonic, self.grid, 0)
        if costs is not None:  # a tied piece begins by being held; whole notes' lengths are the machine's
            first = np.concatenate([costs.start, np.diff(costs.held, axis=0)], axis=1)
            costs = RunCosts(first, np.tile(costs.held, 2), np.zeros((len(ticks), LONGEST + 1)))
        both = np.concatenate([starts, ties], axis=1), np.concatenate([holds, holds], axis=1)
        return RunMasks(*both, lasting, lasting, context, place_of(sketch.score, self.grid), costs, machine)

    def _heard(self, events: Events) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        return events[:, 0] % TIED, events[:, 0] >= TIED

    def _symbols(self, symbols: NDArray[np.int32], goes_on: NDArray[np.bool_]) -> NDArray[np.int32]:
        return np.asarray(symbols + TIED * goes_on)

    def _breaks(self, score: Score) -> NDArray[np.int64]:
        """Steps inside the score at which events break: bar lines, and every eight quarters of longer bars."""
        lines = -(-score.barlines.astype(np.int64) // self.grid)
        inside = [np.arange(a, b, LONGEST) for a, b in pairwise(lines.tolist()) if b - a > LONGEST]
        breaks = np.unique(np.concatenate([lines, *inside]))
        return breaks[(breaks > 0) & (breaks < score.end // self.grid)]

    # --- the flat view --------------------------------------------------------------------------------------------

    @cached_property
    def vocabulary(self) -> tuple[str, ...]:
        """Every token of the flat view; a token's number is its place here."""
        return vocabulary(relative=self.relative)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.vocabulary)}

    def tokens(self, score: Score) -> Ints:
        """(N,) the written tune as tokens, meter and key first; if ``relative``, on the tonic C.

        Raises :class:`Unsupported` for a meter, or a repeat of many passes, that has no token.
        """
        found = list(written(score, self.encode(score), self.grid, relative=self.relative))
        missing = next((word for word in found if word not in self._numbers), None)
        if missing is not None:
            raise Unsupported(f"{missing} has no token in {self.name}; encode tunes without it")
        return np.array([self._numbers[word] for word in found], dtype=np.int32)

    def text(self, tokens: ArrayLike) -> str:
        """Tokens for people, separated by spaces: ``M:6/8 K:Cdor |: c 2 d ...``."""
        return " ".join(self._words(tokens))

    def parse(self, text: str) -> Ints:
        """(N,) the tokens of a text, the inverse of :meth:`text`; raises :class:`UsageError` for an unknown one."""
        try:
            return np.array([self._numbers[word] for word in text.split()], dtype=np.int32)
        except KeyError as unknown:
            raise UsageError(f"{unknown} is not in the vocabulary of {self.name}") from None

    def score_of(self, tokens: ArrayLike) -> Score:
        """The tune that tokens say by themselves, as a model wrote them; out of place ones are passed over.

        Of a score in one key and meter, with bar lines on the grid, ``tokens`` gives back all notes, bars, repeats and
        endings that :meth:`normalize` keeps; if ``relative``, transposed down to C. Raises :class:`UsageError` for
        numbers outside the vocabulary, :class:`ReadError` if there is no music in them or it leaves MIDI's range.
        """
        return read(self._words(tokens))

    def _words(self, tokens: ArrayLike) -> list[str]:
        numbers = np.asarray(tokens, dtype=np.int64)
        if numbers.ndim != 1 or ((numbers < 0) | (numbers >= len(self.vocabulary))).any():
            raise UsageError(f"tokens are a row of numbers from 0 to {len(self.vocabulary) - 1}")
        return [self.vocabulary[number] for number in numbers.tolist()]
