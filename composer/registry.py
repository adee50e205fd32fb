"""The registries: plain dicts of lazy import paths, one line for each format, encoding, generator and corpus.

This is the one sanctioned way to call a higher layer from a lower one: the path is resolved when it is used, so
``composer --help`` imports none of these modules. The conformance tests run over every entry.
"""

from importlib import import_module
from typing import Any

MIDI = (".mid", ".midi")
MUSICXML = (".musicxml", ".xml", ".mxl")
FORMATS = {
    ".mid": "composer.io.midi",
    ".midi": "composer.io.midi",
    ".abc": "composer.io.abc",
    ".musicxml": "composer.io.musicxml",
    ".xml": "composer.io.musicxml",
    ".mxl": "composer.io.musicxml",
    ".krn": "composer.io.kern",
    ".svg": "composer.io.engraving",
    ".png": "composer.io.engraving",
    ".roll.png": "composer.io.plot",
    ".wav": "composer.io.audio",
}

ENCODINGS = {
    "melody": "composer.encodings.melody:Melody",
    "voices": "composer.encodings.voices:Voices",
    "pianoroll": "composer.encodings.pianoroll:PianoRoll",
    "abc_tokens": "composer.encodings.abc_tokens:AbcTokens",
}

GENERATORS = {
    "markov": "composer.generators.markov:Markov",
    "maxent": "composer.generators.maxent:Maxent",
    "biaxial": "composer.generators.biaxial:Biaxial",
}

CORPORA = {
    "chorales": "composer.corpora.chorales:Chorales",
    "folk": "composer.corpora.folk:Folk",
    "essen": "composer.corpora.folk:Essen",
}


def resolve(path: str) -> Any:
    """The module ``package.module``, or the attribute ``package.module:name``.

    >>> resolve("composer.theory:TICKS_PER_QUARTER")
    10080
    """
    module, _, name = path.partition(":")
    found = import_module(module)
    return getattr(found, name) if name else found
