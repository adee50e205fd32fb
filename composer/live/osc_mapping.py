"""What an OSC value asks for, and a file that says which of Wekinator's outputs ask for what::

[[output]]
number = 1                # the first of /wek/outputs
control = "temperature"
from = [0.0, 1.0]         # what Wekinator sends; 0 to 1 if not said
to = [0.5, 2.0]           # what it becomes

[[output]]
number = 2
control = "mode"
from = [1, 2]             # a classifier's classes
to = ["continue", "contrast"]

[[output]]
number = 3
control = "end"           # when the output rises past the middle of ``from``
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from composer.errors import ReadError, UsageError, brief
from composer.io import read_bytes
from composer.live.controls import MODES, RANGES, Control
from composer.theory import Key

WORDS = ("mode", "key")
MOMENTS = ("tap", "end", "panic")
CONTROLS = (*RANGES, *WORDS, *MOMENTS)

MOST = 128  # outputs
LARGEST_FILE = 2**16
FIELDS = ("number", "control", "from", "to")


def control(name: str, arguments: Sequence[Any]) -> Control | None:
    """What an OSC message's arguments ask of a control; None for a button that is let go (0 after 1).

    A number outside the control's range is taken to its end. Raises :class:`ValueError` for what makes no sense.

    >>> control("temperature", [100.0]), control("key", ["Ador"]), control("tap", [])
    (Control(name='temperature', value=20.0), Control(name='key', value='A dorian'), Control(name='tap', value=0.0))
    """
    if name in MOMENTS:
        if len(arguments) > 1 or (arguments and not isinstance(arguments[0], int | float)):
            raise ValueError(f"{name} takes no value")
        return Control(name) if not arguments or arguments[0] else None
    if len(arguments) != 1:
        raise ValueError(f"{name} takes one value")
    return Control(name, _number(name, arguments[0]) if name in RANGES else _word(name, arguments[0]))


def _number(name: str, value: Any) -> float:
    low, high = RANGES[name]
    return min(max(finite(value), low), high)


def finite(value: Any) -> float:
    """A number as it is; raises :class:`ValueError` for all else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is not a number")
    return float(value)


def _word(name: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > 40:
        raise ValueError(f"{name} takes a word")
    if name == "mode":
        if value.lower() not in MODES:
            raise ValueError(f"{value!r} is not a mode; choose {', '.join(MODES)}")
        return value.lower()
    try:
        return "auto" if value.lower() == "auto" else str(Key.parse(value))
    except UsageError as error:
        raise ValueError(str(error)) from None


class Output(NamedTuple):
    """One of Wekinator's outputs (from 1), and what its values from ``low`` to ``high`` become.

    ``to`` is two numbers, or words among which the range is divided; empty for a control that just happens.
    """

    number: int
    control: str
    low: float = 0.0
    high: float = 1.0
    to: tuple[float, ...] | tuple[str, ...] = ()

    def wish(self, value: float) -> Control | None:
        """What a value asks for; None below the middle of the range for a control that just happens."""
        share = min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)
        if self.control in MOMENTS:
            return Control(self.control) if share > 0.5 else None
        if self.control in WORDS:
            return Control(self.control, self.to[min(int(share * len(self.to) + 1e-6), len(self.to) - 1)])
        first, last = map(float, self.to)
        return Control(self.control, first + share * (last - first))


class Outputs:
    """What changes from one message of Wekinator's to the next; it sends all its values all the time."""

    def __init__(self, mapping: Sequence[Output]) -> None:
        self._mapping = mapping
        self._before: dict[Output, Control | None] = {}

    def controls(self, values: Sequence[Any]) -> list[Control]:
        """Raises :class:`ValueError` if a value is not a number; outputs that are not there ask for nothing."""
        numbers = [finite(value) for value in values[:MOST]]
        found = []
        for output in self._mapping:
            if output.number > len(numbers):
                continue
            wish = output.wish(numbers[output.number - 1])
            if wish is not None and wish != self._before.get(output):
                found.append(wish)
            self._before[output] = wish
        return found


def read_mapping(path: str | Path) -> tuple[Output, ...]:
    """The outputs that a TOML file maps; raises :class:`ReadError` that names the line and the field."""
    data = read_bytes(path)
    if len(data) > LARGEST_FILE:
        raise ReadError(f"{path}: is larger than {LARGEST_FILE // 2**10} KB, too large for a mapping of outputs")
    try:
        text = data.decode()
        entries = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ReadError(f"{path}: is not TOML ({brief(str(error), 100)})") from None
    tables = entries.pop("output", None)
    if entries:
        raise ReadError(f"{path}: {brief(repr(next(iter(entries))), 40)} is not known; write [[output]] tables")
    if not isinstance(tables, list) or not 0 < len(tables) <= MOST or not all(isinstance(t, dict) for t in tables):
        raise ReadError(f"{path}: write 1 to {MOST} [[output]] tables, each with number, control, from and to")
    lines = [number for number, line in enumerate(text.splitlines(), 1) if line.strip().startswith("[[")]
    outputs = []
    for place, table in enumerate(tables):
        try:
            outputs.append(_output(table))
        except ValueError as error:
            where = f"line {lines[place]}" if len(lines) == len(tables) else f"output {place + 1}"
            raise ReadError(f"{path}: {where}: {brief(str(error), 200)}") from None
    return tuple(outputs)


def _output(table: dict[str, Any]) -> Output:
    odd = next((name for name in table if name not in FIELDS), None)
    if odd is not None:
        raise ValueError(f"{odd!r} is not a field; the fields are {', '.join(FIELDS)}")
    number, name = table.get("number"), table.get("control")
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= MOST:
        raise ValueError(f"'number' must say which output, 1 to {MOST}")
    if name not in CONTROLS:
        raise ValueError(f"'control' must be one of {', '.join(CONTROLS)}")
    low, high = _pair("from", table.get("from", [0.0, 1.0]))
    if low == high:
        raise ValueError("'from' must be two different numbers")
    return Output(number, name, low, high, _target(name, table.get("to")))


def _target(name: str, to: Any) -> tuple[float, ...] | tuple[str, ...]:
    if name in MOMENTS:
        if to is not None:
            raise ValueError(f"'to' has no meaning for {name}, which just happens; leave it out")
        return ()
    if name in RANGES:
        low, high = RANGES[name]
        pair = _pair("to", RANGES[name] if to is None else to)
        if not all(low <= value <= high for value in pair):
            raise ValueError(f"'to' must lie within {low:g} and {high:g} for {name}")
        return pair
    words = MODES if name == "mode" and to is None else to
    if not isinstance(words, list | tuple) or not 1 < len(words) <= MOST:
        raise ValueError(f"'to' must be a list of two words or more for {name}")
    try:
        return tuple(_word(name, word) for word in words)
    except ValueError as error:
        raise ValueError(f"'to': {error}") from None


def _pair(field: str, values: Any) -> tuple[float, float]:
    try:
        low, high = (finite(value) for value in values)
    except (TypeError, ValueError):
        raise ValueError(f"{field!r} must be two numbers, as in {field} = [0.0, 1.0]") from None
    return low, high
