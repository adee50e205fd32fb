"""What is asked of a jam, live or offline."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from composer.live.answering import Settings
from composer.live.grid import Steady
from composer.live.record import Record
from composer.theory import Meter


@dataclass(frozen=True)
class Asked:
    """``tempo`` is auto, clock, or a number that ``settings`` has; ``silence`` in seconds, ``memory`` in calls."""

    model: str
    settings: Settings
    tempo: str
    silence: float
    end: int
    memory: float
    output: Path | None
    save_model: Path | None
    as_json: bool

    def grid(self, origin: float) -> Steady | None:
        """A fixed tempo as a grid whose first bar begins at ``origin``, seconds."""
        tempo = self.settings.tempo
        return None if tempo is None else Steady(self.settings.meter or Meter(4, 4), origin, 60 / tempo)

    def record(self, start: float, digest: str) -> Record:
        """A record of a session that begins at ``start``, seconds."""
        named = {name: str(value) if isinstance(value, Meter) else value for name, value in vars(self.settings).items()}
        named["key"] = None if self.settings.key is None else str(self.settings.key)
        return Record(
            start=start,
            settings=named | {"silence": self.silence, "memory": self.memory},
            model=self.model,
            digest=digest,
            seed=self.settings.seed,
            tempo=self.settings.tempo or 120.0,
            meter=self.settings.meter,
        )
