"""A choir for somebody's own melody: what a file gives, what is to be composed, how good it is, whether it came back."""

from composer.harmonizing.alternatives import Alternative, alternatives, log_score
from composer.harmonizing.given import LOWER, choir_of, fitted, in_key, transposed, with_voice
from composer.harmonizing.phrases import phrase_ends
from composer.harmonizing.returned import check_returned

__all__ = [
    "LOWER",
    "Alternative",
    "alternatives",
    "check_returned",
    "choir_of",
    "fitted",
    "in_key",
    "log_score",
    "phrase_ends",
    "transposed",
    "with_voice",
]
