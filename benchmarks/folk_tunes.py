"""Ten thousand tunes of each folk model, from blank pages, beside all real tunes that were held out.

Of every page, like one of the training split but with nothing wished, 20 tunes are composed, with the page's number as
their seed. They are kept as ABC, 500 tunes a file: a second run goes on where the first stopped.

    python benchmarks/folk_tunes.py --folder tunes --compose       # 10 to 20 minutes a model
    python benchmarks/folk_tunes.py --folder tunes                 # what is there, judged
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from composer import Composer
from composer.corpora import Corpus, load
from composer.encodings.melody import Melody
from composer.evaluation.judgement import Novelty, Tunes
from composer.evaluation.library import Library
from composer.evaluation.lines import bar_codes, line
from composer.evaluation.novelty import novelty
from composer.evaluation.pages import blank_pages, plain
from composer.evaluation.tunes import well_made
from composer.io.abc import dumps, tunes
from composer.score import Score

MODELS = ("folk-markov", "folk-maxent", "folk-biaxial")
EACH = 20  # tunes of a page
PAGES = 25  # of a file
SEED = 8


class Found(NamedTuple):
    """What is said of some tunes; the shares are of those of eight bars or more."""

    tunes: Tunes
    novelty: Novelty
    rounds: float  # that go round: under a third of their bars differ
    rests: float  # that rest for more than a fifth of their time


def pieces(corpus: Corpus, split: str) -> tuple[list[Score], list[str]]:
    """The tunes of a split as all models are judged, one voice, as it is written; and their groups of variants."""
    views = ((Melody().normalize(piece.score).score, piece.group) for piece in corpus if piece.split == split)
    kept = [(score, group) for score, group in views if len(score.parts[0])]
    return [score for score, _ in kept], [group for _, group in kept]


def compose(name: str, training: list[Score], count: int, folder: Path, temperature: float) -> None:
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
            for score in model.completions(pages[page], EACH, seed=page, temperature=temperature):
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


def judged(scores: list[Score], library: Library, groups: ArrayLike) -> Found:
    """Tunes, and how new their pages are beside the training split; those of one group are drawn together."""
    pages = list(map(plain, scores))
    heard = [(page, line(page)) for page in pages if page.bars >= 8]
    codes = [bar_codes(page, notes) for page, notes in heard]
    rounds = np.mean([3 * len(set(bars)) < len(bars) for bars in codes])
    rests = np.mean([notes.duration.sum() < 0.8 * page.end for page, notes in heard])
    return Found(well_made(scores), novelty(pages, library, groups=groups), float(rounds), float(rests))


def table(found: dict[str, Found]) -> str:
    """What was found, a column for each."""
    rows: list[tuple[str, Callable[[Tunes], str]]] = [
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
    lines += [f"| {name} | {' | '.join(say(one.tunes) for one in found.values())} |" for name, say in rows]
    for name, shares in (
        ("under a third of its bars differ", [one.rounds for one in found.values()]),
        ("rests for over a fifth of its time", [one.rests for one in found.values()]),
    ):
        lines.append(f"| {name} | {' | '.join(f'{share:.1%}' for share in shares)} |")
    for n in range(min(len(one.novelty["curve"]) for one in found.values())):
        spans = [one.novelty["curve"][n] for one in found.values()]
        cells = [f"{span['value']:.1%} ({span['low']:.1%} to {span['high']:.1%})" for span in spans]
        lines.append(f"| new windows of {n + 1} bars | {' | '.join(cells)} |")
    near = [f"{one.novelty['near_duplicates']:.2%}" for one in found.values()]
    lines.append(f"| near duplicates | {' | '.join(near)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="*", default=MODELS)
    parser.add_argument("--tunes", type=int, default=10_000)
    parser.add_argument("--folder", type=Path, required=True, help="where the tunes are, or go")
    parser.add_argument("--compose", action="store_true", help="compose what is missing, and do not judge")
    parser.add_argument("--temperature", type=float, default=1.0, help="a folder for each")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    corpus = load("folk")
    (training, _), (held_out, variants) = pieces(corpus, "train"), pieces(corpus, "test")
    if options.compose:
        for name in options.models:
            compose(name, training, options.tunes, options.folder, options.temperature)
        return
    ids = [str(number) for number in range(len(training))]
    library = Library.of("folk", ids, ids, training)
    found = {"held-out tunes": judged(held_out, library, variants)}
    for name in options.models:
        scores = list(composed(options.folder / name))
        found[name] = judged(scores, library, np.arange(len(scores)) // EACH)
    print(json.dumps({n: one._asdict() for n, one in found.items()}, indent=1) if options.json else table(found))


if __name__ == "__main__":
    main()
