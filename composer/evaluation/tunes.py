"""Whether tunes are well made: what a fiddler sees at a glance, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from composer.errors import UsageError
from composer.evaluation.abc_check import oracle, readings, written
from composer.evaluation.forms import form_heard, phrases_written
from composer.evaluation.judgement import Tunes
from composer.evaluation.lines import DEGREES
from composer.score import Score
from composer.sketch.instruments import instrument_named
from composer.sketch.pitch import Range
from composer.theory import Ints

SHOWN = 12  # forms; the rest are "other"


def well_made(scores: Sequence[Score]) -> Tunes:
    """What is right and wrong with tunes, as shares of them; see :mod:`composer.evaluation.abc_check` for what is
    malformed, and :mod:`composer.evaluation.forms` for what is a form.

    ``form`` is of what is heard, ``phrases`` of the page, where signs of repetition do not count; ``returns`` is the
    share of pages on which a phrase comes back, if only varied. Final notes are counted from the tonic of the key that
    is written last. A tune can be played on the whistle if its compass, in some key, is no wider than the whistle's,
    on the fiddle if every note lies in first position. Raises :class:`UsageError` if there are no tunes.
    """
    if not scores:
        raise UsageError("there are no tunes to judge")
    read = readings(scores, [written(score) for score in scores])
    forms = [form_heard(score) for score in scores]
    phrases = [phrases_written(score) for score in scores]
    finals = [_final(score) for score in scores]
    return Tunes(
        tunes=len(scores),
        malformed=_share(tune.malformed for tune in read),
        oracle=oracle(),
        bars_add_up=_share(tune.bars_add_up for tune in read),
        form=_shares(forms),
        recognised=_share(form != "none" for form in forms),
        phrases=_shares(phrases),
        returns=_share(len({*name} - {"'"}) < len(name) for name in phrases),
        ends_on_tonic=_share(degree == DEGREES[0] for degree in finals),
        final_degrees={degree: finals.count(degree) / len(finals) for degree in DEGREES if degree in finals},
        whistle=_share(_in_some_key(score, "D whistle") for score in scores),
        fiddle=_share(_as_written(score, "fiddle") for score in scores),
    )


def _share(flags: Iterable[bool]) -> float:
    values = list(flags)
    return sum(values) / len(values)


def _shares(names: Sequence[str]) -> dict[str, float]:
    """The share of each name, most frequent first; the rare ones together."""
    counts = Counter(names).most_common()
    shares = {name: count / len(names) for name, count in counts[:SHOWN]}
    rest = sum(count for _, count in counts[SHOWN:]) / len(names)
    return shares | ({"other": rest} if rest else {})


def _final(score: Score) -> str:
    """The degree of the last note; empty for silence."""
    pitches = _pitches(score)
    key = max(score.keys, key=lambda key: key.onset)
    return DEGREES[(int(pitches[-1]) - 7 * key.tonic) % 12] if len(pitches) else ""


def _pitches(score: Score) -> Ints:
    return score.parts[0].pitch


def _compass(instrument: str) -> Range:
    return Range.parse(instrument_named(instrument).compass)


def _in_some_key(score: Score, instrument: str) -> bool:
    compass, pitches = _compass(instrument), _pitches(score)
    return not len(pitches) or int(pitches.max() - pitches.min()) <= compass.high - compass.low


def _as_written(score: Score, instrument: str) -> bool:
    compass, pitches = _compass(instrument), _pitches(score)
    return bool(((pitches >= compass.low) & (pitches <= compass.high)).all())
