"""Mutate real files: every reader gives what it reads, or one error line, in bounded time.

What the ABC reader gives is written again, too.

python benchmarks/fuzz.py --seconds 45 --seed 1                  # every reader in turn
python benchmarks/fuzz.py --only abc --inputs 100000 --seed 1
"""

import argparse
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile

from composer.encodings.melody import Melody
from composer.errors import ComposerError
from composer.io import abc, midi, musicxml
from composer.io.sketch import read_sketch
from composer.pipeline import Composer
from composer.score import Part, Score
from composer.theory import TICKS_PER_QUARTER as Q

ROOT = Path(__file__).parent.parent
WORDS = (
    b"z999999999",
    b"(9:9:9",
    b":|",
    b"|:",
    b"[K:",
    b"&",
    b"P:A",
    b"\nw:a-b_",
    b"(&",
    b"Z999|",
    b"999999999",
    b"<!ENTITY a 'b'>",
    b"\xff" * 8,
    b"\0" * 16,
    b"nan",
    b"1979-05-27",
)
SKETCHES = (
    """style = "jig"\nkey = "E dorian"\nform = "A A' B A'"\npickup = "1/8"\nends_on_tonic = true\nhalf_cadence = [4, 8]
pins = { "1.1" = "E4", "2.2.5" = "B4" }\nfermatas = "8.1"\nmax_copy = "2 bars"\nphrases = 4\nvoices = 1\ntempo = 96
[[wish]]\nbars = "7-8"\ncontour = "arch"\n[[prefer]]\nbars = 3\nleap = "5th"\nweight = 2.0\n""",
    """bars = 8\nmeter = "3/4"\ninstrument = "D whistle"\nscale = "D mixolydian"\nchords = "D | G A7/E - | V7"
rhythm = "1/8 1/8 z1/4 1/4"\navoid = ["C#5", "F"]\nwish = ["bars 2: melody=D4 E4", "density=1-6", "syncopation=false"]
prefer = ["bars 1-4 voice 1: shortest=1/8 weight 3", "longest=1/2"]\nonly = "D E F# G A B C"\n""",
)


def read_abc(data: bytes) -> None:
    """Every tune of a book read and, where that can be done, written."""
    for tune in abc.tunes(data, "f"):
        if tune.score is not None:
            abc.dumps(tune.score)


def read_toml(data: bytes) -> None:
    """A sketch file read and, for a melody, compiled."""
    with NamedTemporaryFile(suffix=".toml") as file:
        Path(file.name).write_bytes(data)
        sketch = read_sketch(file.name)
    if Melody().refusal(sketch) is None:
        Melody().compile(sketch.folded())


def seeds() -> dict[str, tuple[Callable[[bytes], object], list[bytes]]]:
    """For every reader: how it is called, and files that it reads."""
    tiny = Score.of([Part.of([0, Q], [60, 64], [Q, 3 * Q])])
    folders = (ROOT / "corpora" / "fixtures", ROOT / "tests" / "data" / "abc")
    tunes = [path.read_bytes() for folder in folders for path in sorted(folder.glob("*.abc"))]
    files = [path.read_bytes() for path in sorted((ROOT / "tests" / "data" / "midi").glob("*.mid"))]
    model = Composer.untrained("melody", "markov").fit([tiny]).dumps({})
    return {
        "midi": (lambda data: midi.loads(data, "f"), [*files, midi.dumps(tiny)]),
        "abc": (read_abc, tunes),
        "musicxml": (lambda data: musicxml.loads(data, "f"), [musicxml.dumps(tiny)]),
        "mxl": (lambda data: musicxml.loads(data, "f"), [musicxml.dumps(tiny, suffix=".mxl")]),
        "sketch": (read_toml, [text.encode() for text in SKETCHES]),
        "model": (lambda data: Composer.loads(data, "f", "f"), [model]),
    }


def mutated(data: bytes, dice: random.Random) -> bytes:
    """A file with a few bytes changed, cut, doubled, or replaced by what hurts."""
    out = bytearray(data)
    for _ in range(dice.randint(1, 6)):
        at = dice.randrange(len(out) + 1)
        kind = dice.randrange(6)
        if kind == 0 and at < len(out):
            out[at] = dice.randrange(256)
        elif kind == 1:
            del out[at : at + dice.randint(1, 64)]
        elif kind == 2:
            out[at:at] = out[at : at + dice.randint(1, 64)]
        elif kind == 3:
            out[at:at] = dice.choice(WORDS)
        elif kind == 4 and dice.random() < 0.2:
            del out[at:]
        elif at < len(out):
            out[at] ^= 1 << dice.randrange(8)
    return bytes(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, help="how long; 60 if no inputs are asked for")
    parser.add_argument("--inputs", type=int, default=10**9, help="how many for each reader")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", help="one reader: midi, abc, musicxml, mxl, sketch or model")
    options = parser.parse_args()
    dice = random.Random(options.seed)
    readers = {name: found for name, found in seeds().items() if options.only in (None, name)}
    counts: Counter[tuple[str, str]] = Counter()
    slowest: dict[str, float] = {}
    seconds = options.seconds or (60.0 if options.inputs == 10**9 else float("inf"))
    end = time.monotonic() + seconds
    for _ in range(options.inputs):
        if time.monotonic() > end:
            break
        for name, (read, files) in readers.items():
            data = mutated(dice.choice(files), dice)
            started = time.perf_counter()
            try:
                read(data)
                counts[name, "read"] += 1
            except ComposerError as error:
                counts[name, "refused" if "\n" not in str(error) else "refused in several lines"] += 1
            except BaseException:
                Path("fuzz-found.bin").write_bytes(data)
                print(f"{name}: the input is in fuzz-found.bin")
                raise
            slowest[name] = max(slowest.get(name, 0.0), time.perf_counter() - started)
    print("| reader | inputs | read | refused | slowest s |\n|---|---|---|---|---|")
    for name in readers:
        read, refused = counts[name, "read"], counts[name, "refused"]
        print(f"| {name} | {read + refused} | {read} | {refused} | {slowest[name]:.3f} |")


if __name__ == "__main__":
    main()
