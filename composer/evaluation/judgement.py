"""What the judge says, as plain dicts that JSON can hold; names stay as they are from version to version.

Shares are 0 to 1. ``low`` and ``high`` are the ends of a 95 % interval, bootstrapped over pieces.
"""

from __future__ import annotations

from typing import TypedDict


class Span(TypedDict):
    """A figure, and its interval."""

    value: float
    low: float
    high: float


class HeldOut(TypedDict):
    """How well held-out music is foretold. Figures of different kinds, and of other pieces, are not comparable."""

    kind: str  # "exact", "pseudo", or "none"
    encoding: str  # with its options
    nats_per_quarter: float | None  # over all pieces, as the model sees them; None where it cannot be said
    pieces: int
    unknown: int  # pieces with an event that gets no probability at all, left out
    view: str  # what the encoding keeps of this music, in words
    common: float | None  # nats a quarter on the pieces of which all models it is compared with keep the same notes
    common_pieces: int


class Distance(TypedDict):
    """How far composed music is from held-out music in one statistic; the noise floor is how far training music is."""

    name: str
    title: str
    distance: Span
    floor: Span
    real: dict[str, float]  # shares by value, in the order to show; of the values that matter most
    composed: dict[str, float]


class Tell(TypedDict):
    """A trait that gives composed music away: alone, it tells the two apart with this AUC (0.5 to 1)."""

    trait: str
    auc: float
    real: float  # means
    composed: float


class Discrimination(TypedDict):
    """How well a classifier tells held-out music from other music, on pieces it has not seen; 0.5 is not at all."""

    auc: Span
    real: int  # pieces
    composed: int
    tells: list[Tell]  # those that tell most first


class Flexibility(TypedDict):
    """What became of a fixed suite of sketches."""

    job: str
    asked: int
    completed: int
    satisfied: int  # of the completed; must be all
    seconds: float  # a sketch, the median
    slowest: float
    price: float | None  # nats a quarter that obeying costs; None where the model cannot say
    price_kind: str  # "exact": minus the log probability of the wishes; "estimated": the same, by Monte Carlo, on
    #                  average too high; "pseudo": how many nats more completions have than what the model writes
    #                  freely, by pseudo-likelihood; "none"
    kinds: dict[str, list[int]]  # by kind of wish: asked, completed
    failures: list[str]  # the first, with the reason


class Match(TypedDict):
    """The longest run of notes that a part of a piece shares with another piece, in any transposition."""

    notes: int
    bars: float  # of the piece that was asked about
    first: str  # where it stands there: "bar 5"
    last: str
    corpus: str
    title: str
    source_first: str  # where it stands in the corpus
    source_last: str
    whole: bool  # all notes of the part


class Novelty(TypedDict):
    """What is new, beside a corpus."""

    pieces: int
    curve: list[Span]  # for n = 1, 2, ... 8: the share of windows of n bars that do not stand in the corpus; shorter
    #                    where no piece has so many bars
    longest_notes: float  # the median longest run
    longest_bars: float
    most_bars: float
    near_duplicates: float  # share of pieces of whose notes 60 % lie in runs of 8 or more shared with one piece
    rhythm_free: list[float]  # the curve's values when rhythm does not count


class Tunes(TypedDict):
    """Whether tunes are well made."""

    tunes: int
    malformed: float
    oracle: str  # what read them: "abc2midi", or "composer" where that program is not installed
    bars_add_up: float
    form: dict[str, float]  # share of tunes by form as heard, most frequent first: "AABB" of parts of 8 bars, "aabb" of
    #                         phrases of 4; "none" where nothing returns
    recognised: float
    phrases: dict[str, float]  # of pages, repeats played once: phrases of 4 bars, "aba'c"
    returns: float  # share of pages on which a phrase returns, if only varied
    ends_on_tonic: float
    final_degrees: dict[str, float]
    whistle: float  # playable on a whistle in D, in some transposition
    fiddle: float  # in first position, as written


class Example(TypedDict):
    """A composed piece to look at and to hear."""

    title: str
    abc: str
    copied: Match | None


class Judgement(TypedDict):
    """What is said of one model."""

    model: str
    generator: str
    encoding: str
    digest: str
    samples: int
    seed: int
    held_out: HeldOut
    distances: list[Distance]
    discrimination: Discrimination
    flexibility: list[Flexibility]
    novelty: Novelty
    voice_leading: dict[str, float] | None  # mistakes in 1,000 pairs of voices that move at once, by kind; of choirs
    tunes: Tunes | None  # of single voices
    examples: list[Example]
    seconds: dict[str, float]  # that each part took


class Reference(TypedDict):
    """The same, as far as it can be said, of the held-out music itself, and of foils that a judge must catch."""

    corpus: str
    training: int
    held_out: int
    split: str  # which pieces were held out, in words
    novelty: Novelty
    voice_leading: dict[str, float] | None
    tunes: Tunes | None
    foils: dict[str, Discrimination]
    missing: list[str]  # foils that were not at hand, in words
    counts: bool  # whether every foil was caught at AUC 0.9 or more, and none is missing


class Verdict(TypedDict):
    """A corpus, and every model that was trained on it."""

    reference: Reference
    judgements: list[Judgement]


class Report(TypedDict):
    """What ``composer evaluate`` says."""

    software: str
    machine: str
    seconds: float
    verdicts: list[Verdict]
