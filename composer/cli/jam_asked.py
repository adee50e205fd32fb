"""What is asked of a jam, live or offline."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from composer.errors import UsageError
from composer.live.answering import Settings
from composer.live.controls import Control
from composer.live.grid import Steady
from composer.live.improviser import changed
from composer.live.record import Record, Session
from composer.score import Score
from composer.theory import TICKS_PER_QUARTER, Meter

LONGEST_BAR = 16 * TICKS_PER_QUARTER  # ticks: sixteen of them are answered in some seconds


def _settings_of_log(settings: Mapping[str, Any]) -> Settings:
    """The settings of a recorded session; raises :class:`UsageError` for what makes no sense in one."""
    plain = {name: settings.get(name) for name in ("bars", "chords", "left_hand", "seed")}
    kinds = {"bars": int | None, "chords": str, "left_hand": bool, "seed": int}
    wrong = next((name for name, kind in kinds.items() if not isinstance(plain[name], kind)), None)
    if wrong is not None:
        raise UsageError(f"the log's setting {wrong} is {plain[wrong]!r}, which makes no sense")
    meter = settings.get("meter")
    found = replace(Settings(**plain), meter=None if meter is None else Meter.parse(str(meter)))  # type: ignore[arg-type]
    for name in ("mode", "key", "temperature", "density", "tempo"):
        value = settings.get(name)
        if value is not None and not isinstance(value, str | int | float):
            raise UsageError(f"the log's setting {name} is {value!r}, which makes no sense")
        if value is not None:
            found = changed(found, Control(name, value))
    return found


@dataclass(frozen=True)
class Asked:
    """``tempo`` is auto, clock, or a number that ``settings`` has; ``silence`` in seconds, ``memory`` in calls."""

    model: str
    settings: Settings
    tempo: str
    silence: float
    end: int
    panic: int | None
    memory: float
    output: Path | None
    save_model: Path | None
    as_json: bool

    def grid(self, origin: float) -> Steady | None:
        """A fixed tempo as a grid whose first bar begins at ``origin``, seconds."""
        tempo = self.settings.tempo
        return None if tempo is None else Steady(self.settings.meter or Meter(4, 4), origin, 60 / tempo)

    def as_written(self, page: Score) -> Asked:
        """Key, meter and tempo of a page, where no others are asked for."""
        settings, tempo = self.settings, page.tempos[0].quarters_per_minute
        key, meter = settings.key or page.key, settings.meter or page.meter
        settings = replace(settings, key=key, meter=meter, tempo=settings.tempo or tempo)
        return replace(self, settings=settings, tempo=f"{settings.tempo:g}")

    @classmethod
    def of_log(cls, session: Session, output: Path | None, save_model: Path | None, as_json: bool) -> Asked:
        """What was asked of a recorded session; raises :class:`UsageError`."""
        found = session.settings
        limits = (found.get("silence"), found.get("end"), found.get("memory"))
        silence, end, memory = (
            value if isinstance(value, int | float) and abs(value) < math.inf else -1 for value in limits
        )
        panic = found.get("panic") if isinstance(found.get("panic"), int) else None
        tempo = str(found.get("tempo") or "auto") if found.get("shared") else "auto"
        try:
            settings = _settings_of_log(found)
            return cls(session.model, settings, tempo, silence, int(end), panic, memory, output, save_model, as_json)
        except UsageError as error:
            raise UsageError(f"the session's settings make no sense ({error}); it cannot be played again") from None

    def __post_init__(self) -> None:
        meter = self.settings.meter
        if meter is not None and meter.bar > LONGEST_BAR:
            raise UsageError(f"a meter of {meter}: its bars are longer than the 16 quarters that an answer's may have")
        if not 0.2 <= self.silence <= 10:
            raise UsageError(f"a silence of {self.silence:g} s: take 0.2 to 10")
        if not 0 <= self.memory <= 1000:
            raise UsageError(f"a memory of {self.memory:g} calls: take 0 to 1000")
        if not 0 <= self.end <= 119:
            raise UsageError(f"--end-cc {self.end}: control changes have the numbers 0 to 119")
        if self.save_model is not None and (self.save_model.is_dir() or not self.save_model.parent.is_dir()):
            raise UsageError(f"--save-model {self.save_model}: give the name of a file, in a folder that there is")

    def record(self, start: float, digest: str, shared: bool) -> Record:
        """A record of a session that begins at ``start``, seconds; whether player and engine ``shared`` a pulse."""
        named = {name: str(value) if isinstance(value, Meter) else value for name, value in vars(self.settings).items()}
        named["key"] = None if self.settings.key is None else str(self.settings.key)
        return Record(
            start=start,
            settings=named
            | {"silence": self.silence, "end": self.end, "panic": self.panic, "memory": self.memory, "shared": shared},
            model=self.model,
            digest=digest,
            seed=self.settings.seed,
            tempo=self.settings.tempo or 120.0,
            meter=self.settings.meter,
        )
