"""A choir for somebody's melody: what a file gives, what is to be composed, how good it is, whether it came back."""

from composer.harmonizing.alternatives import Alternative, alternatives
from composer.harmonizing.asked import sketch_of
from composer.harmonizing.given import choir_of, detached, fitted, in_key, transposed, with_voice
from composer.harmonizing.phrases import phrase_ends
from composer.harmonizing.returned import check_returned, check_writable

__all__ = [
    "Alternative",
    "alternatives",
    "check_returned",
    "check_writable",
    "choir_of",
    "detached",
    "fitted",
    "in_key",
    "phrase_ends",
    "sketch_of",
    "transposed",
    "with_voice",
]
