"""What was played in a session: the phrases of late, and a composer that has heard them, old ones faintly."""

from __future__ import annotations

from dataclasses import dataclass, replace

from composer.errors import Unsupported, UsageError
from composer.generators.base import Online
from composer.inference.sequence import Sequence
from composer.pipeline import Composer

USUAL = 8.0  # phrases
MOST = 64  # phrases that are kept
FADED = 6  # half-lives after which a phrase is forgotten: it would weigh 1/64
MEASURED = ("validation", "test")  # what was measured of the model as it was trained


@dataclass(frozen=True)
class Memory:
    """The last phrases, oldest first, as the composer's encoding sees them.

    A phrase weighs 1 when it was just heard, and half as much ``half_life`` phrases later; 0: nothing is learned. At
    most :data:`MOST` are kept, none longer than :data:`FADED` half-lives.
    """

    half_life: float = USUAL
    phrases: tuple[Sequence, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.half_life <= 1_000:
            raise UsageError(f"a memory of {self.half_life:g} phrases: take 0 (learn nothing) to 1000")

    def heard(self, phrase: Sequence) -> Memory:
        """The memory after one more phrase."""
        kept = min(MOST, round(self.half_life * FADED))
        if not kept or not len(phrase):
            return self
        return replace(self, phrases=(*self.phrases, phrase)[-kept:])

    @property
    def weights(self) -> list[float]:
        """What each phrase weighs."""
        return [0.5 ** (age / self.half_life) for age in reversed(range(len(self.phrases)))]

    def refusal(self, composer: Composer) -> str | None:
        """Why this composer learns nothing while it plays, or None."""
        if isinstance(composer.generator, Online):
            return None
        return f"{composer.name or 'this model'} learns nothing while it plays: {composer.generator.name} cannot"

    def model(self, composer: Composer) -> Composer:
        """The composer as it would be had it also heard these phrases; unchanged if there are none, or it cannot learn.

        Always of the composer as it was loaded: what is forgotten leaves no trace. Raises
        :class:`composer.errors.ComposerError` for phrases of another encoding.
        """
        if not self.phrases or not isinstance(composer.generator, Online):
            return composer
        generator = composer.generator.adapted(self.phrases, self.weights)
        loaded = f"{composer.name or generator.name} {composer.digest}".strip()
        phrases = "1 phrase" if len(self.phrases) == 1 else f"{len(self.phrases)} phrases"
        heard = {
            "model": loaded,
            "phrases": len(self.phrases),
            "events": sum(map(len, self.phrases)),
            "half_life": self.half_life,
        }
        info = {key: value for key, value in composer.info.items() if key not in MEASURED} | {"adapted": heard}
        return replace(composer, generator=generator, name=f"{loaded}, adapted to {phrases}", info=info, digest="")

    def saved(self, composer: Composer) -> bytes:
        """A model file of what :meth:`model` gives, whose ``info`` says what was heard.

        Raises :class:`UsageError` if nothing was heard, :class:`Unsupported` if the composer cannot learn.
        """
        refusal = self.refusal(composer)
        if refusal is not None:
            raise Unsupported(refusal)
        if not self.phrases:
            raise UsageError("nothing was heard and learned, so there is no model to save; play a phrase first")
        model = self.model(composer)
        return model.dumps(model.info)
