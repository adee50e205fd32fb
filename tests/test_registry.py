"""Every line of every registry resolves to what it promises."""

import subprocess
import sys

import pytest

from composer import registry
from composer.registry import CORPORA, ENCODINGS, FORMATS, GENERATORS, resolve


@pytest.mark.parametrize("suffix", FORMATS)
def test_formats_read_or_write(suffix: str) -> None:
    module = resolve(FORMATS[suffix])
    assert hasattr(module, "loads") or hasattr(module, "dumps")


@pytest.mark.parametrize("entries", [ENCODINGS, GENERATORS], ids=["encodings", "generators"])
def test_classes_carry_their_registered_name(entries: dict[str, str]) -> None:
    assert {name: resolve(path).name for name, path in entries.items()} == {name: name for name in entries}


def test_corpora_resolve() -> None:
    assert all(resolve(path) for path in CORPORA.values())


def test_the_public_surface() -> None:
    import composer

    assert [name for name in composer.__all__ if getattr(composer, name) is None] == []
    with pytest.raises(AttributeError):
        _ = composer.nonsense


def test_heavy_libraries_are_imported_only_where_they_are_used() -> None:
    """A Markov tune as ABC and MIDI needs neither torch nor music21 nor matplotlib."""
    program = (
        "import sys, composer, tempfile, pathlib;"
        "tune = composer.Composer.load('folk-markov').complete(composer.Sketch.styled('jig', key='D'), seed=1);"
        "folder = pathlib.Path(tempfile.mkdtemp());"
        "tune.write(folder / 'tune.abc'); tune.write(folder / 'tune.mid');"
        "print(sorted({'torch', 'music21', 'matplotlib', 'pretty_midi', 'verovio'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_registries_are_plain_dicts_of_import_paths() -> None:
    for entries in (registry.FORMATS, registry.ENCODINGS, registry.GENERATORS, registry.CORPORA):
        assert all(path.startswith("composer.") for path in entries.values())
