"""Instruments: what they can play, and the names that come near."""

import numpy as np
import pytest

from composer.errors import UsageError
from composer.sketch import REST, Sketch
from composer.sketch.instruments import INSTRUMENTS, instrument_named
from composer.theory import parse_pitch


@pytest.mark.parametrize("instrument", INSTRUMENTS, ids=lambda instrument: instrument.name)
def test_every_instrument_is_found_and_plays_its_compass(instrument) -> None:
    for name in (instrument.name, *instrument.also):
        assert instrument_named(f" {name.upper()}") is instrument
    score = Sketch.blank(bars=1).score
    mask = instrument.wish().mask(np.zeros(1, dtype=np.int32), score)
    allowed = np.flatnonzero(mask.start[0][:REST])
    low, high = map(parse_pitch, instrument.compass.split(":"))
    assert (allowed.min(), allowed.max()) == (low, high)
    assert mask.start[0, REST]
    assert instrument.name in str(instrument.wish())


def test_highland_pipes_have_nine_notes() -> None:
    wish = instrument_named("highland pipes").wish(voice=0)
    allowed = np.flatnonzero(wish.mask(np.zeros(1, dtype=np.int32), Sketch.blank(bars=1).score).start[0][:REST])
    assert allowed.tolist() == [67, 69, 71, 73, 74, 76, 78, 79, 81]
    assert wish.voice == 0


def test_names_are_those_of_one_instrument() -> None:
    names = [name.casefold() for instrument in INSTRUMENTS for name in (instrument.name, *instrument.also)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("name", "near"), [("fidle", "fiddle"), ("D-whistle", "D whistle"), ("kazooo", "D whistle, C whis")]
)
def test_unknown_instruments_say_which_are_near(name: str, near: str) -> None:
    with pytest.raises(UsageError, match=near) as caught:
        instrument_named(name)
    assert "\n" not in str(caught.value)
