"""A file's bytes as a score, and what was not read as it stands."""

from __future__ import annotations

from inspect import signature
from typing import Any

from composer.errors import Notice, ReadError
from composer.io import suffix_of
from composer.registry import FORMATS, resolve
from composer.score import Score


def parse(data: bytes, name: str) -> tuple[Score, list[Notice]]:
    """The score in a file of this name; raises :class:`ReadError`."""
    module = resolve(FORMATS[suffix_of(name)])
    if not hasattr(module, "loads"):
        raise ReadError(f"{name}: can be written but not read")
    notices: list[Notice] = []
    options: dict[str, Any] = {"notices": notices} if "notices" in signature(module.loads).parameters else {}
    return module.loads(data, name, **options), notices
