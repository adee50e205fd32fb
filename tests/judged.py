"""A report such as the judge makes, with figures that are all different, and examples that were really composed."""

from __future__ import annotations

from functools import cache
from itertools import count

from composer import Composer, Sketch
from composer.evaluation.judgement import (
    Discrimination,
    Distance,
    Example,
    Flexibility,
    HeldOut,
    Judgement,
    Match,
    Novelty,
    Reference,
    Report,
    Span,
    Tunes,
    Verdict,
)
from composer.io import abc

STATISTICS = ("pitch classes", "intervals", "durations", "onsets in the bar", "phrase ends", "form", "likeness of bars")
KINDS = ("pins", "ranges", "chords", "cadences", "forms", "rhythm")
MATCH = Match(notes=18, bars=1.94, first="bar 3", last="bar 5", corpus="folk", title="The Hermit of Killarney",
              source_first="bar 6", source_last="bar 8", whole=False)  # fmt: skip


CHORALE = """X:1
T:Four voices
M:4/4
L:1/4
V:1 name="Soprano"
V:2 name="Alto"
V:3 name="Tenor"
V:4 name="Bass" clef=bass
K:G
V:1
G A B c | d c B A | G4 |]
V:2
D D D E/F/ | G E G F | D4 |]
V:3
B, A, G, G,/A,/ | B, C D C | B,4 |]
V:4
G, F, G, C | B,, C D D, | G,,4 |]
"""


@cache
def composed(seed: int) -> str:
    """A tune of eight bars, as ABC."""
    sketch = Sketch.blank(bars=8, meter="4/4", key="G")
    return abc.dumps(Composer.load("folk-markov").complete(sketch, seed=seed)).decode()


def about(value: float, by: float = 0.01) -> Span:
    return Span(value=value, low=value - by, high=value + by)


def distance(name: str, far: float) -> Distance:
    values = {"1": 0.3, "2": 0.1, "3": 0.2, "5": 0.25, "b7": 0.15}
    moved = {value: share + far * (0.1 if k % 2 else -0.1) for k, (value, share) in enumerate(values.items())}
    return Distance(
        name=name, title=f"What there is of {name}", distance=about(far), floor=about(0.04), real=values, composed=moved
    )


def discrimination(auc: float) -> Discrimination:
    tells = [
        {"trait": "long notes", "auc": 0.813, "real": 0.31, "composed": 0.22},
        {"trait": "wide leaps", "auc": 0.704, "real": 1.5, "composed": 2.25},
    ]
    return Discrimination(auc=about(auc, 0.03), real=300, composed=500, tells=tells)  # type: ignore[typeddict-item]


def novelty(four: float, near: float) -> Novelty:
    values = [max(0.0, four - 0.9 + 0.3 * n) if n < 4 else 1 - (1 - four) / (n - 3) for n in range(1, 9)]
    return Novelty(pieces=500, curve=[about(value, 0.004) for value in values], longest_notes=17.5, longest_bars=2.4,
                   most_bars=15.2, near_duplicates=near, rhythm_free=[value / 2 for value in values])  # fmt: skip


def flexibility(job: str, completed: int, satisfied: int, kind: str) -> Flexibility:
    kinds = {name: [30, 30 - k] for k, name in enumerate(KINDS)}
    return Flexibility(job=job, asked=200, completed=completed, satisfied=satisfied, seconds=0.41, slowest=3.25,
                       price=0.37, price_kind=kind, kinds=kinds, failures=["sketch 7: no tune ends so"])  # fmt: skip


def tunes(malformed: float) -> Tunes:
    return Tunes(tunes=500, malformed=malformed, oracle="abc2midi", bars_add_up=1.0, form={"AABB": 0.613, "none": 0.2},
                 recognised=0.8, phrases={"aba'c": 0.114}, returns=0.855, ends_on_tonic=0.717,
                 final_degrees={"1": 0.717, "5": 0.2}, whistle=0.922, fiddle=0.954)  # fmt: skip


def judgement(model: str, number: int, choir: bool) -> Judgement:
    corpus, _, generator = model.partition("-")
    job = "chorales" if choir else "tunes"
    exact = generator != "maxent"
    return Judgement(
        model=model,
        generator=generator,
        encoding="voices" if choir else "melody",
        digest=f"{number:012d}",
        samples=100 if choir else 500,
        seed=0,
        held_out=HeldOut(kind="exact" if exact else "pseudo", encoding="Melody()",
                         nats_per_quarter=1.234 + number / 10, pieces=420 - number,
                         unknown=3 * number, view="1,200 of 1,234 notes (leaves out grace notes)",
                         common=1.111 + number / 10 if exact else None, common_pieces=390 if exact else 0),
        distances=[distance(name, 0.03 + 0.02 * k * (number + 1)) for k, name in enumerate(STATISTICS)],
        discrimination=discrimination(0.62 + 0.1 * number),
        flexibility=[flexibility(job, 200 - number, 200 - number, "exact" if exact else "pseudo")],
        novelty=novelty(0.981 - 0.05 * number, 0.004 * number),
        voice_leading={"parallel fifths": 1.25 + number, "crossing": 20.5} if choir else None,
        tunes=None if choir else tunes(0.0041 * number),
        examples=[Example(title=f"{corpus} example {k + 1}", abc=CHORALE if choir else composed(k),
                          copied=MATCH if k else None) for k in range(2)],
        seconds={"composing": 12.5, "novelty": 3.25, "discriminator": 8.0},
    )  # fmt: skip


def verdict(corpus: str) -> Verdict:
    choir = corpus == "chorales"
    reference = Reference(
        corpus=corpus,
        training=3400,
        held_out=425,
        split="test and validation",
        novelty=novelty(0.975, 0.012),
        voice_leading={"parallel fifths": 0.95, "crossing": 21.5} if choir else None,
        tunes=None if choir else tunes(0.002),
        foils={"shuffled bars": discrimination(0.97), "js_fakes": discrimination(0.951)},
        missing=[],
        counts=True,
    )
    names = (f"{corpus}-{generator}" for generator in ("markov", "maxent", "biaxial"))
    return Verdict(reference=reference, judgements=[judgement(name, k, choir) for k, name in zip(count(), names)])


def report() -> Report:
    """Two corpora, three models each; the same examples every time, and new dicts that a test may change."""
    return Report(software="composer 0.1.0", machine="2 cores", seconds=412.5,
                  verdicts=[verdict("folk"), verdict("chorales")])  # fmt: skip
