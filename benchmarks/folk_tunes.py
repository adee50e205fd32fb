"""Ten thousand tunes of each folk model, from blank pages, beside all real tunes that were held out.

Of every page, like one of the training split but with nothing wished, 20 tunes are composed, with the page's number as
their seed. They are kept as ABC, 500 tunes a file: a second run goes on where the first stopped.

    python benchmarks/folk_tunes.py --folder tunes --models folk-markov folk-maxent
    python benchmarks/folk_tunes.py --folder tunes --json          # what is there, judged
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from composer import Composer
from composer.corpora import Corpus, load
from composer.encodings.melody import Melody
from composer.evaluation.judgement import Tunes
from composer.evaluation.pages import blank_pages
from composer.evaluation.tunes import well_made
from composer.io.abc import dumps, tunes
from composer.score import Score

MODELS = ("folk-markov", "folk-maxent")
EACH = 20  # tunes of a page
PAGES = 25  # of a file
SEED = 8


def pieces(corpus: Corpus, split: str) -> list[Score]:
    """The tunes of a split as all models are judged: one voice, as it is written."""
    views = (Melody().normalize(piece.score).score for piece in corpus if piece.split == split)
    return [score for score in views if len(score.parts[0])]


def compose(name: str, training: list[Score], count: int, folder: Path) -> None:
    """Write the files of a model that are missing, and say how long each took."""
    model, target = Composer.load(name), folder / name
    target.mkdir(parents=True, exist_ok=True)
    pages = blank_pages(training, count // EACH, SEED)
    for first in range(0, len(pages), PAGES):
        path = target / f"{first // PAGES:04}.abc"
        if path.exists():
            continue
        started = time.process_time()
        book = []
        for page in range(first, min(first + PAGES, len(pages))):
            for score in model.completions(pages[page], EACH, seed=page):
                book.append(dumps(score).replace(b"X:1", b"X:%d" % (page * EACH + len(book) % EACH + 1), 1))
        took = (time.process_time() - started) / len(book)
        path.with_suffix(".part").write_bytes(b"\n".join(book))
        path.with_suffix(".part").rename(path)
        print(f"{path}: {len(book)} tunes, {1000 * took:.0f} ms of processor time each", flush=True)


def composed(folder: Path) -> Iterator[Score]:
    """All tunes in the files of a model."""
    for path in sorted(folder.glob("*.abc")):
        for tune in tunes(path.read_bytes(), path.name):
            if tune.score is None:
                raise SystemExit(f"{path}, tune {tune.number}: {tune.error}")
            yield tune.score


def table(found: dict[str, Tunes]) -> str:
    """What was found, a column for each."""
    rows: list[tuple[str, Any]] = [
        ("tunes", lambda t: f"{t['tunes']:,}"),
        ("malformed", lambda t: f"{t['malformed']:.2%}"),
        ("bars add up", lambda t: f"{t['bars_add_up']:.2%}"),
        ("form as heard: recognised", lambda t: f"{t['recognised']:.1%}"),
        ("form as heard: AABB, parts of 8 bars", lambda t: f"{t['form'].get('AABB', 0):.1%}"),
        ("a phrase of the page returns", lambda t: f"{t['returns']:.1%}"),
        ("ends on the tonic", lambda t: f"{t['ends_on_tonic']:.1%}"),
        ("final degrees", lambda t: ", ".join(f"{d} {s:.0%}" for d, s in t["final_degrees"].items() if s >= 0.01)),
        ("whistle, in some key", lambda t: f"{t['whistle']:.1%}"),
        ("fiddle, first position", lambda t: f"{t['fiddle']:.1%}"),
    ]
    lines = [f"| | {' | '.join(found)} |", "|---" * (len(found) + 1) + "|"]
    return "\n".join([*lines, *(f"| {name} | {' | '.join(map(say, found.values()))} |" for name, say in rows)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="*", default=MODELS)
    parser.add_argument("--tunes", type=int, default=10_000)
    parser.add_argument("--folder", type=Path, required=True, help="where the tunes are, or go")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    corpus = load("folk")
    training, held_out = pieces(corpus, "train"), pieces(corpus, "test")
    for name in options.models:
        compose(name, training, options.tunes, options.folder)
    found = {"held-out tunes": well_made(held_out)}
    for name in options.models:
        found[name] = well_made(list(composed(options.folder / name)))
    print(json.dumps(found, indent=1) if options.json else table(found))


if __name__ == "__main__":
    main()
