"""What there is to say of a piece without looking at its score again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from composer.errors import Notice
from composer.score import Score


def facts(score: Score, notices: Sequence[Notice]) -> dict[str, Any]:
    """Facts about a piece, in JSON's types."""
    return {
        "notes": sum(len(part) for part in score.parts),
        "parts": len(score.parts),
        "notices": [list(notice) for notice in notices],
    }
