"""The beat in moments: tempo, phase, meter and places, straight and bent."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import ArrayLike

from composer.live.bars import Strikes
from composer.live.pulse import Pulse, find_pulse
from composer.theory import TICKS_PER_QUARTER as Q
from composer.theory import Meter

TWINKLE = [60, 60, 67, 67, 69, 69, 67, 65, 65, 64, 64, 62, 62, 60]
TWINKLE_AT = [0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14]
JIG = [62, 66, 69, 74, 69, 66, 67, 71, 67, 66, 69, 66, 62, 66, 69, 74, 69, 66, 64, 67, 64, 62, 62]
JIG_AT = [*(k / 2 for k in range(21)), 10.5, 12]
WALTZ = [67, 72, 72, 71, 74, 74, 72, 76, 76, 74, 71, 67, 72]
WALTZ_AT = [*range(12), 12]


def pulse(places: ArrayLike, pitches: list[int], pace: float = 0.5, line: int = 1, **told: object) -> Pulse:
    """Places in quarters, played at one tempo from second 7 on, every ``line`` quarters louder."""
    at = np.asarray(places, dtype=np.float64)
    loud = 70.0 + 25 * (at % line == 0)
    return find_pulse(Strikes(7 + at * pace, np.array(pitches), loud), **told)  # type: ignore[arg-type]


@pytest.mark.parametrize("quarter", [0.45, 0.5, 0.6, 0.7])
def test_steady_quarters(quarter: float) -> None:
    found = pulse(TWINKLE_AT, TWINKLE, quarter)
    assert str(found.meter) == "4/4"
    assert found.quarter == pytest.approx(quarter, rel=0.005)
    assert found.origin == pytest.approx(7, abs=0.005)
    assert found.places.tolist() == [place * Q for place in TWINKLE_AT]


def test_a_jig_in_threes() -> None:
    found = pulse(JIG_AT, JIG, 0.36, 3)
    assert str(found.meter) == "6/8"
    assert found.quarter == pytest.approx(0.36, rel=0.01)
    assert found.places.tolist() == [int(place * Q) for place in JIG_AT]


@pytest.mark.parametrize(("meter", "line"), [("3/4", 3), ("4/4", 4), ("2/4", 2)])
def test_a_meter_that_is_told_puts_loud_notes_on_bar_lines(meter: str, line: int) -> None:
    at = np.arange(24)
    found = pulse(at, [60 + k % line for k in range(24)], line=line, meter=Meter.parse(meter), quarter=0.5)
    assert found.meter == Meter.parse(meter)
    assert found.places.tolist() == (at * Q).tolist()


def test_a_waltz_is_heard_in_three() -> None:
    at = np.arange(24)
    pitches = [60, 67, 67, 64, 69, 69] * 4
    assert str(pulse(at, pitches, 0.4, line=3).meter) == "3/4"


@pytest.mark.parametrize("bend", [0.05, 0.1])
def test_a_bending_tempo_keeps_its_places(bend: float) -> None:
    at = np.array([*np.arange(0, 30, 0.5), 30])
    fine = np.arange(0, 31, 0.01)
    pace = 0.5 * np.exp(bend * np.sin(fine / 16 * 2 * np.pi))
    clock = np.interp(at, fine, np.cumsum(pace) * 0.01)
    pitches = np.array([60 + [0, 4, 7, 4, 5, 7, 9, 7][k % 8] for k in range(len(at))])
    found = find_pulse(Strikes(clock, pitches, 80.0 + 20 * (at % 4 == 0)), meter=Meter(4, 4))
    assert (found.places - found.places[0]).tolist() == (at * Q).astype(int).tolist()
    assert found.quarter == pytest.approx(float(np.interp(30, fine, pace)), rel=0.05)
    assert np.abs(found.expected - clock).max() < 0.03


@pytest.mark.parametrize("seed", range(3))
def test_jitter_moves_no_places(seed: int) -> None:
    at = np.arange(0, 16, 0.5)
    noise = np.random.default_rng(seed).normal(0, 0.012, len(at))
    pitches = np.array([60 + [0, 4, 7, 4, 5, 7, 9, 7][k % 8] for k in range(len(at))])
    found = find_pulse(Strikes(np.sort(3 + at * 0.5 + noise), pitches, 80.0 + 20 * (at % 4 == 0)), meter=Meter(4, 4))
    assert (found.places - found.places[0]).tolist() == (at * Q).astype(int).tolist()
    assert found.quarter == pytest.approx(0.5, rel=0.03)


def test_triplets_and_sixteenths_never_share_a_beat() -> None:
    at = [0, 1, 1 + 1 / 3, 1 + 2 / 3, 2, 2.5, 3, 3.25, 3.5, 3.75, 4, 5, 6, 7, 8]
    found = pulse(at, [60, 62, 64, 65, 67, 65, 64, 65, 64, 62, 60, 67, 65, 64, 60], 0.6, 4, meter=Meter(4, 4))
    assert found.places.tolist() == np.rint(np.array(at) * Q).astype(int).tolist()


def test_the_middle_of_tempi_is_preferred() -> None:
    """A steady click says nothing of what it counts: it is felt near 100 to 120 a minute."""
    for gap in (0.5, 0.6):
        assert pulse(np.arange(8), [60, 62, 64, 65, 67, 65, 64, 62], gap).quarter == pytest.approx(gap, rel=0.01)
    assert pulse(np.arange(16), [60, 62, 64, 65] * 4, 0.15).quarter == pytest.approx(0.6, rel=0.55)
