"""What a person, a control surface or another program may ask of a jam while it runs."""

from __future__ import annotations

from typing import NamedTuple


class Control(NamedTuple):
    """A wish beside the notes. Names and values:

    ``temperature``, ``density`` notes a beat, 0 for as it comes, and ``tempo`` quarters a minute, each within its
    :data:`RANGES`; ``mode`` a name of :data:`MODES`, ``key`` a key or ``auto``; ``tap`` (a beat, now), ``end`` (the
    phrase is over), ``hush`` (the answer stops), ``panic``, and ``quit``, which ends the jam.
    """

    name: str
    value: float | str = 0.0


RANGES = {"temperature": (0.05, 20.0), "density": (0.0, 16.0), "tempo": (20.0, 400.0)}
MODES = ("continue", "vary", "contrast", "accompany")
