"""A composer is an encoding and a generator, trained for a job; it alone reads and writes model files.

A model file is one safetensors file: the generator's arrays, and JSON metadata that names both. Nothing in it is ever
executed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from composer import __version__
from composer.conflict import explained
from composer.copies import Copied, Limits, Piece, Sources
from composer.encodings.base import Encoding
from composer.errors import Infeasible, ReadError, Unsupported, UsageError
from composer.generators.base import Foreseeing, Generator, Neural, Progress, Stepwise, Weighted
from composer.inference.sequence import Sequence
from composer.registry import ENCODINGS, GENERATORS, resolve
from composer.score import Part, Score
from composer.shipped import model_names, shipped
from composer.sketch import Forbid, MaxCopy, Sketch

if TYPE_CHECKING:
    from composer.training.course import Run

FORMAT = "composer model 1"
MAX_MODEL = 2**30  # bytes
BENCHMARK = "benchmark"  # the ``use``, in a model's info, of one that is measured and never composes
TRIES = 100  # draws of a completion whose copied bars might break a wish where they begin or end
BATCH = 32  # drawn at once, when one was not enough
FEW = 20  # draws within rules between voices, which take long


@dataclass(frozen=True)
class Composer:
    """Completes sketches. ``info`` says what it was trained on; ``digest`` names the model file's content; ``sources``
    are the pieces it learned from, None if it is untrained, learned from more than 16 million events, or is of a time
    before sources were kept.
    """

    encoding: Encoding
    generator: Generator
    name: str = ""
    info: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""
    sources: Sources | None = None

    @classmethod
    def untrained(
        cls,
        encoding: str,
        generator: str,
        *,
        encoding_options: Mapping[str, Any] | None = None,
        generator_options: Mapping[str, Any] | None = None,
    ) -> Self:
        """An encoding and a generator by their registered names; raises :class:`UsageError`."""
        return cls(
            _registered("encoding", ENCODINGS, encoding)(**(encoding_options or {})),
            _registered("generator", GENERATORS, generator)(**(generator_options or {})),
        )

    def fit(
        self,
        scores: Iterable[Score],
        *,
        validation: Iterable[Score] = (),
        progress: Progress | None = None,
        run: Run | None = None,
    ) -> Self:
        """Train the generator on scores; returns the composer that also knows its sources.

        A ``run`` says on which device and in which folder a generator is trained that is trained by gradient.
        """
        pieces, sequences = [], []
        for score in scores:
            pieces.append(Piece.of(self.encoding, score))
            sequences.append(self.encoding.encode(score))
        held_out = [self.encoding.encode(score) for score in validation]
        if isinstance(self.generator, Neural):
            self.generator.fit(sequences, validation=held_out, progress=progress, run=run)
        else:
            self.generator.fit(sequences, validation=held_out, progress=progress)
        return replace(self, sources=Sources.of(self.encoding, pieces, sequences))

    def copied(self, score: Score) -> Copied | None:
        """The longest run that a score shares with the training corpus in any key; None if it shares nothing.

        Raises :class:`Unsupported` if the model does not know its sources.
        """
        return self.known_sources.copied(self.encoding, score)

    @property
    def known_sources(self) -> Sources:
        """The sources; raises :class:`Unsupported` if the model does not know them."""
        if self.sources is None:
            raise Unsupported(
                f"{self.name or 'this model'} has no index of its corpus, and cannot tell copies: train it again"
            )
        return self.sources

    def refusal(self, sketch: Sketch) -> str | None:
        """Why this model cannot complete the sketch, or None."""
        if self.info.get("use") == BENCHMARK:
            return "it was trained on a public benchmark, which is for measuring only"
        return self.encoding.refusal(sketch)

    def supports(self, sketch: Sketch) -> bool:
        return self.refusal(sketch) is None

    @property
    def usual_temperature(self) -> float:
        """The temperature at which commands compose where nobody says another."""
        return self.generator.usual_temperature

    def complete(self, sketch: Sketch, *, seed: int = 0, temperature: float = 1.0) -> Score:
        """The whole score, given notes included; the same seed gives the same notes.

        Raises :class:`Infeasible` if nothing can satisfy the sketch, :class:`Unsupported` if this model cannot.
        """
        return self.completions(sketch, 1, seed=seed, temperature=temperature)[0]

    def completions(self, sketch: Sketch, n: int, *, seed: int = 0, temperature: float = 1.0) -> list[Score]:
        """``n`` completions; see :meth:`complete`. Metadata of each says how it was made."""
        self._refuse(sketch)
        if not 1 <= n <= 10_000:
            raise UsageError(f"{n} completions: ask for 1 to 10000")
        if not 0.05 <= temperature <= 20:
            raise UsageError(
                f"a temperature of {temperature:g}: take one from 0.05 to 20, 1 is as varied as the corpus"
            )
        if seed < 0:
            raise UsageError(f"{seed} is not a seed; take a whole number from 0 on")
        composed = self._composed(sketch, n, temperature, np.random.default_rng(seed))
        words = str(sketch)
        made = [(f"{seed}" if number == 1 else f"{seed}, number {number}") for number in range(1, n + 1)]
        return [
            self._finished(sketch, score, {"seed": name, "temperature": f"{temperature:g}", "sketch": words})
            for name, score in zip(made, composed, strict=True)
        ]

    def marginals(self, sketch: Sketch, *, temperature: float = 1.0) -> NDArray[np.float64]:
        """What could go where: (voices, steps, 130), of each cell of the written score, ``encoding.grid`` ticks long,
        the probability that each pitch, or a rest (128), starts in it, and that what was there before is held (129).

        Exact, but for what a sketch says across the edges of copied bars, of copies of the corpus, and of what voices
        may not do to each other. Raises :class:`Infeasible`, and :class:`Unsupported` for models that cannot foresee.
        """
        self._refuse(sketch)
        if not isinstance(self.generator, Foreseeing):
            raise Unsupported(f"{self.generator.name} cannot say what could go where")
        folded = sketch.folded()
        with self._explaining(sketch, folded):
            chances = list(self.generator.marginals(self.encoding.compile(folded), temperature))
        return sketch.unfolded_cells(self.encoding.cell_chances(chances, folded.score), self.encoding.grid)

    def _refuse(self, sketch: Sketch) -> None:
        reason = self.refusal(sketch)
        if reason is not None:
            others = ", ".join(_supporting(sketch)) or "none that is installed"
            raise Unsupported(
                f"{self.name or 'this model'} cannot complete this sketch: {reason}; models that can: {others}"
            )

    def _composed(self, sketch: Sketch, n: int, temperature: float, rng: np.random.Generator) -> list[Score]:
        """``n`` scores with composed notes. Where bars are copies, what an automaton says of their edges is kept by
        drawing again, exactly, up to :data:`TRIES` times for each; so are rules between voices that the encoding does
        not see, off its grid.
        """
        limits = self.known_sources.limits(self.encoding, sketch) if _limited(sketch) else None
        slow = any(isinstance(wish, Forbid) for wish in sketch.constraints)
        kept: list[Score] = []
        tried, batch = 0, n
        draw = self._drawing(sketch, limits, temperature, rng)
        while tried < (FEW if slow else TRIES) * n:
            scores = [sketch.unfolded(score) for score in draw(batch)]
            broken = [sketch.broken(score, self.encoding.grid) for score in scores]
            if limits is not None:
                broken = [wish or limits.broken(sketch, score) for wish, score in zip(broken, scores, strict=True)]
            broken = [wish or _forbidden(sketch, score) for wish, score in zip(broken, scores, strict=True)]
            kept += [score for score, wish in zip(scores, broken, strict=True) if wish is None]
            if len(kept) >= n:
                return kept[:n]
            tried, batch = tried + batch, n if slow else max(n, BATCH)
        wish = next(wish for wish in broken if wish is not None)
        if isinstance(wish, Forbid):
            raise Infeasible(f"{tried} draws broke one of the rules ({wish!s}) off the model's grid; forbid less")
        raise Infeasible(f"{tried} draws broke {wish!s} where copied bars begin or end; ask for another form")

    def _drawing(
        self, sketch: Sketch, limits: Limits | None, temperature: float, rng: np.random.Generator
    ) -> Callable[[int], list[Score]]:
        """What draws completions of the folded sketch; within limits, their metadata say how they were drawn."""
        folded = sketch.folded()
        frame = folded.score.frame()
        with self._explaining(sketch, folded):
            source = self._source(folded, limits, temperature, rng)

        def draw(n: int) -> list[Score]:
            sequences, made = source(n)
            return [self.encoding.decode(sequence, frame).with_metadata(**made) for sequence in sequences]

        return draw

    def _source(
        self, folded: Sketch, limits: Limits | None, temperature: float, rng: np.random.Generator
    ) -> Callable[[int], tuple[list[Sequence], dict[str, str]]]:
        """What draws so many sequences, and says how: as ``guard`` within limits, as ``drawn`` if weighted."""
        constraints, generator = self.encoding.compile(folded), self.generator
        if limits is None and constraints.between and isinstance(generator, Stepwise):
            limits = Limits(self.encoding, [], [])
        if limits is not None:
            return limits.drawing(generator, constraints, folded, temperature, rng)
        if isinstance(generator, Stepwise):
            walk = generator.walk(constraints, temperature)
            return lambda n: ([walk.draw(rng) for _ in range(n)], {})
        generator.check(constraints)
        if isinstance(generator, Weighted):
            return lambda n: _said(generator.drawn(constraints, n=n, temperature=temperature, rng=rng))
        return lambda n: (generator.sample(constraints, n=n, temperature=temperature, rng=rng), {})

    @contextmanager
    def _explaining(self, sketch: Sketch, folded: Sketch) -> Iterator[None]:
        """Tell of what cannot be satisfied which wishes exclude each other."""
        try:
            yield
        except Infeasible as error:
            raise Infeasible(self._why(sketch, folded) or f"{error} ({sketch})") from None

    def _why(self, whole: Sketch, folded: Sketch) -> str | None:
        """Which wishes exclude each other; None if it is not they that nothing passes."""

        def place(step: int) -> str:
            return whole.score.place(whole.written(step * self.encoding.grid))

        def check(sketch: Sketch) -> None:
            self.generator.check(self.encoding.compile(sketch))

        return explained(folded, check, place, self.encoding.grid)

    def _finished(self, sketch: Sketch, composed: Score, asked: Mapping[str, str]) -> Score:
        """The composed notes in the holes, everything else as given, and a note of how it was made."""
        parts = _completed(sketch, composed)
        made = {
            "model": f"{self.name or self.generator.name} {self.digest}".strip(),
            "corpus": str(self.info.get("corpus", "")),
            **asked,
            "software": f"composer {__version__}",
            "guard": composed.metadata.get("guard", ""),
            "drawn": composed.metadata.get("drawn", ""),
        }
        score = replace(sketch.score, parts=parts, fermatas=_fermatas(sketch, parts))
        made["copied"] = self._told(sketch, score)
        return score.with_metadata(**{key: value for key, value in made.items() if value})

    def _told(self, sketch: Sketch, score: Score) -> str:
        """What a completion shares with the corpus, in words; of its composed events, not of those that were given."""
        if self.sources is None:
            return ""
        return f"longest run shared with the corpus: {self.sources.copied(self.encoding, score, sketch) or 'nothing'}"

    # --- files ----------------------------------------------------------------------------------------------------

    def dumps(self, info: Mapping[str, Any]) -> bytes:
        """The model as the bytes of a safetensors file; ``info`` is what a model card should say of it."""
        from safetensors.numpy import save

        arrays, metadata = self.generator.arrays()
        if self.sources is not None:
            arrays = arrays | {f"sources.{name}": array for name, array in self.sources.arrays().items()}
        header = {
            "format": FORMAT,
            "encoding": {"name": self.encoding.name, "options": asdict(self.encoding)},  # type: ignore[call-overload]
            "generator": {"name": self.generator.name, "metadata": metadata},
            "info": dict(info),
        }
        return bytes(save(arrays, metadata={"composer": json.dumps(header, sort_keys=True)}))

    @classmethod
    def load(cls, name: str | Path) -> Self:
        """A model by name (``folk-markov``) or path; raises :class:`ReadError` or :class:`UsageError`."""
        path = Path(name)
        if path.suffix != ".safetensors" and not os.path.isfile(path):
            found = shipped("models", f"{name}.safetensors")
            if found is None:
                names = ", ".join(model_names()) or "none"
                raise UsageError(f"{name}: there is no model of this name; the models are {names}, or give a file")
            path = found
        try:
            if path.stat().st_size > MAX_MODEL:
                raise ReadError(f"{path}: is larger than {MAX_MODEL // 2**20} MB, too large for a model")
            data = path.read_bytes()
        except OSError as error:
            raise ReadError(f"{path}: cannot be read ({error.strerror or error})") from None
        return cls.loads(data, path.stem, str(path))

    @classmethod
    def loads(cls, data: bytes, name: str, source: str) -> Self:
        """A model from the bytes of its file; raises :class:`ReadError` that names ``source``."""
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            arrays = load(data)
            header = _header(data)
            options = header["encoding"]["options"]
            encoding = _registered("encoding", ENCODINGS, header["encoding"]["name"])(**options)
            generator = _registered("generator", GENERATORS, header["generator"]["name"]).from_arrays(
                arrays, header["generator"]["metadata"]
            )
            info = dict(header["info"])
            known = {name[8:]: array for name, array in arrays.items() if name.startswith("sources.")}
            sources = Sources.from_arrays(known) if known else None
            if generator.width_ != encoding.width:
                raise ReadError(
                    f"its generator writes {generator.width_} integers an event, its encoding {encoding.width}"
                )
            if sources is not None and not sources.fit(encoding):
                raise ReadError("its sources are those of another encoding")
        except (SafetensorError, KeyError, TypeError, ValueError, RecursionError, UsageError, ReadError) as error:
            raise ReadError(f"{source}: is not a composer model, or is damaged ({_first_line(error)})") from None
        return cls(encoding, generator, name, info, hashlib.sha256(data).hexdigest()[:12], sources)


def _said(drawn: tuple[list[Sequence], str]) -> tuple[list[Sequence], dict[str, str]]:
    sequences, way = drawn
    return sequences, {"drawn": way} if way else {}


def _limited(sketch: Sketch) -> bool:
    return any(isinstance(wish, MaxCopy) for wish in sketch.constraints)


def _forbidden(sketch: Sketch, composed: Score) -> Forbid | None:
    """A rule between voices that the whole score breaks."""
    wishes = [wish for wish in sketch.constraints if isinstance(wish, Forbid)]
    score = replace(sketch.score, parts=_completed(sketch, composed)) if wishes else composed
    return next((wish for wish in wishes if wish.broken(score, sketch.free)), None)


def _registered(kind: str, registry: Mapping[str, str], name: str) -> Any:
    if name not in registry:
        raise UsageError(f"{name!r} is not a registered {kind}; there are {', '.join(registry)}")
    return resolve(registry[name])


def _header(data: bytes) -> dict[str, Any]:
    """The JSON metadata of a safetensors file whose arrays have been read, and so whose length is sound."""
    length = int.from_bytes(data[:8], "little")
    metadata = json.loads(data[8 : 8 + length]).get("__metadata__", {})
    header = json.loads(metadata["composer"])
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ReadError(f"its metadata are not those of a {FORMAT}")
    return header


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _supporting(sketch: Sketch) -> list[str]:
    return [name for name in model_names() if Composer.load(name).supports(sketch)]


def _fermatas(sketch: Sketch, parts: tuple[Part, ...]) -> tuple[int, ...]:
    """The fermatas of a page, where the first voice was composed at the beginning of what it holds there."""
    ticks = np.array(sketch.score.fermatas, dtype=np.int64)
    if not len(ticks) or not len(parts[0].onset):
        return sketch.score.fermatas
    note = np.maximum(np.searchsorted(parts[0].onset, ticks, "right") - 1, 0)
    held = (parts[0].onset[note] <= ticks) & (ticks < parts[0].offset[note]) & sketch.free(0, ticks)
    return tuple(np.unique(np.where(held, parts[0].onset[note], ticks)).tolist())


def _completed(sketch: Sketch, composed: Score) -> tuple[Part, ...]:
    """The composed notes in the holes, everything else as given."""
    return tuple(
        _merged(given, made, sketch.free(voice, made.onset))
        for voice, (given, made) in enumerate(zip(sketch.score.parts, composed.parts, strict=True))
    )


def _merged(given: Part, made: Part, free: NDArray[np.bool_]) -> Part:
    """The given part, note for note, and of the made one the ``free`` notes that are not given."""
    inside = free & ~np.isin(made.onset, given.onset)
    columns = [np.concatenate([a, b[inside]]) for a, b in zip(given.columns, made.columns, strict=True)]
    return Part.of(*columns, name=given.name, program=given.program, drums=given.drums, annotations=given.annotations)
