"""Metrics say of the same music what they said before; `python tests/evaluation/regenerate.py` writes what they say."""

import json
from typing import Any

import pytest
from evaluation.regenerate import FAMILIES, GOLDEN, rounded


def leaves(value: Any, path: str = "") -> dict[str, Any]:
    """Every single value by where it stands."""
    if isinstance(value, dict | list) and value:
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        return {name: leaf for key, each in entries for name, leaf in leaves(each, f"{path}/{key}").items()}
    return {path: value}


@pytest.mark.parametrize("family", FAMILIES)
def test_golden_values(family: str) -> None:
    said = leaves(rounded(FAMILIES[family]()))
    expected = leaves(json.loads(GOLDEN.read_text(encoding="utf-8"))[family])
    assert list(said) == list(expected)
    assert said == pytest.approx(expected, abs=1e-6)


def test_no_golden_value_is_left_over() -> None:
    assert set(json.loads(GOLDEN.read_text(encoding="utf-8"))) == set(FAMILIES)
