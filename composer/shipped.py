"""What comes with the package: corpus cards and models, in a source checkout and in an installed wheel alike."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

Kind = Literal["corpora", "models"]

MODEL_SUFFIX = ".safetensors"


def folders(kind: Kind) -> list[Path]:
    """Where things of this kind lie, in order of preference; only folders that exist.

    The user's own models come first, so that a model trained under a shipped name replaces it.
    """
    from platformdirs import user_data_path

    package = Path(__file__).resolve().parent
    own = [user_data_path("composer", appauthor=False) / kind] if kind == "models" else []
    data = package / "data"  # of an installed wheel; beside that lies site-packages, where a "models" is anybody's
    places = [*own, (data if data.is_dir() else package.parent) / kind]
    return [place for place in places if place.is_dir()]


def shipped(kind: Kind, name: str) -> Path | None:
    """The file ``name`` of this kind, or None: ``shipped("corpora", "folk.toml")``.

    A name is one file name: what holds a separator is never looked up.
    """
    if Path(name).name != name:
        return None
    return next((place / name for place in folders(kind) if os.path.isfile(place / name)), None)


def model_names() -> list[str]:
    """The models that can be loaded by name."""
    return sorted({path.stem for place in folders("models") for path in place.glob(f"*{MODEL_SUFFIX}")})
