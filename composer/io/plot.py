"""A picture of what is heard: ``dumps(score)`` gives the piano roll as a PNG.

Bars run from left to right and pitches upwards; every part has its colour, and soft notes are paler. Drums stand in a
panel of their own, one row for each drum. The same score gives the same bytes.
"""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from composer.errors import UsageError
from composer.score import MAX_TICKS, Part, Score
from composer.theory import TICKS_PER_QUARTER, pitch_name
from composer.titles import one_line

MAX_EVENTS = 300_000  # notes and bars that are heard; half a minute of drawing
DPI = 144
WIDTH = (8.0, 24.0)  # inches
INCHES_PER_BAR = 0.5
ROW = 0.11  # inches for a semitone, as far as the panel's height allows
HEIGHT = (2.4, 8.0)  # inches of the pitch panel
DRUM_ROW = 0.2
LABELS_PER_INCH = 2.0
MAX_LINES = 400  # bar lines drawn
MAX_LEGEND = 20  # parts named
BLACK_KEYS = (1, 3, 6, 8, 10)
GAP = TICKS_PER_QUARTER // 16  # left free after a note, so that repeated notes stay apart
PALEST = 0.3  # the opacity of velocity 0


def dumps(score: Score) -> bytes:
    """The piano roll of what is heard, as a PNG.

    Raises :class:`UsageError` if more than 300,000 notes and bars are heard.
    """
    import matplotlib

    _check_size(score)
    heard = score.unfold()
    # a reader's matplotlibrc must not change the picture, and a title may hold letters the font lacks
    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)
        figure = _figure(heard)
        file = io.BytesIO()
        figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


def _check_size(score: Score) -> None:
    """Count what unfolding would give before it does."""
    onsets = np.sort(np.concatenate([score.barlines, *(part.onset for part in score.parts)]))
    events = ticks = 0
    for start, end in score.heard_segments:
        events += int(np.searchsorted(onsets, end) - np.searchsorted(onsets, start))
        ticks += end - start
    if events > MAX_EVENTS or ticks > MAX_TICKS:
        raise UsageError(
            f"{events:,} notes and bars are heard, too many for one picture (at most {MAX_EVENTS:,}): cut a region"
        )


def _figure(heard: Score) -> Any:
    from matplotlib.figure import Figure

    pitched = [part for part in heard.parts if not part.drums]
    drums = [part for part in heard.parts if part.drums and len(part)]
    rows = drum_rows(drums)
    low, high = pitch_range(pitched)
    width = float(np.clip(INCHES_PER_BAR * heard.bars, *WIDTH))
    heights = [float(np.clip(ROW * (high - low + 1), *HEIGHT))] if pitched or not drums else []
    heights += [DRUM_ROW * max(len(rows), 2)] if drums else []
    figure = Figure(figsize=(width, sum(heights) + 1.4), dpi=DPI, layout="constrained", facecolor="white")
    panels = figure.subplots(len(heights), sharex=True, squeeze=False, height_ratios=heights)[:, 0].tolist()
    colours = _colours(heard)
    if len(heights) > len(drums[:1]):
        _draw_keyboard(panels[0], heard, low, high)
        _draw_notes(panels[0], heard, [(part, part.pitch, colours[id(part)]) for part in pitched], width)
    if drums:
        _draw_drums(panels[-1], rows)
        found = [(part, np.searchsorted(rows, part.pitch), colours[id(part)]) for part in drums]
        _draw_notes(panels[-1], heard, found, width)
    for panel in panels:
        _draw_bars(panel, heard, width)
    panels[-1].set_xlabel("bar")
    figure.suptitle(one_line(heard.title, 100) or "Untitled", parse_math=False, fontsize=13)
    _draw_legend(figure, heard, colours)
    return figure


def pitch_range(parts: list[Part]) -> tuple[int, int]:
    """The pitches shown: those that sound and two more on either side, at least an octave."""
    sounding = [part for part in parts if len(part)]
    low = min((int(part.pitch.min()) for part in sounding), default=60)
    high = max((int(part.pitch.max()) for part in sounding), default=72)
    spare = max(2, (13 - (high - low)) // 2)
    return max(low - spare, 0), min(high + spare, 127)


def drum_rows(parts: list[Part]) -> NDArray[np.int32]:
    """The drums struck, as rising MIDI pitches."""
    return np.unique(np.concatenate([part.pitch for part in parts])) if parts else np.zeros(0, np.int32)


def _colours(heard: Score) -> dict[int, tuple[float, float, float]]:
    """A colour for each part, by the part's identity."""
    from matplotlib import colormaps

    palette = colormaps["tab10" if len(heard.parts) <= 10 else "tab20"]
    return {id(part): palette(number % palette.N)[:3] for number, part in enumerate(heard.parts)}


def _draw_notes(panel: Any, heard: Score, found: list[tuple[Part, NDArray[Any], Any]], width: float) -> None:
    """Rectangles, never narrower than a pixel, in the part's colour, as opaque as they are loud."""
    from matplotlib.collections import PolyCollection

    pixel = heard.end / (width * DPI * 0.8)
    for part, row, colour in found:
        if not len(part):
            continue
        left = part.onset.astype(float)
        right = left + np.maximum(part.duration - np.minimum(GAP, part.duration // 8), pixel)
        bottom, top = row - 0.42, row + 0.42
        corners: Any = np.stack([left, bottom, left, top, right, top, right, bottom], axis=1).reshape(-1, 4, 2)
        rgba = np.empty((len(part), 4))
        rgba[:, :3] = colour
        rgba[:, 3] = PALEST + (1 - PALEST) * part.velocity / 127
        panel.add_collection(PolyCollection(corners, facecolors=rgba, linewidths=0, zorder=3), autolim=False)


def _draw_keyboard(panel: Any, heard: Score, low: int, high: int) -> None:
    """Grey rows for the black keys, and names: of the scale in a narrow range, of the tonic in a wide one."""
    for pitch in range(low, high + 1):
        if pitch % 12 in BLACK_KEYS:
            panel.axhspan(pitch - 0.5, pitch + 0.5, color="0.95", linewidth=0, zorder=0)
    wanted = heard.key.scale if high - low <= 30 else {heard.key.tonic_class}
    pitches = [pitch for pitch in range(low, high + 1) if pitch % 12 in wanted]
    names = [pitch_name(p, int(s)) for p, s in zip(pitches, heard.key.spell(pitches), strict=True)]
    panel.set_yticks(pitches, names, fontsize=8)
    panel.set_ylim(low - 0.5, high + 0.5)


def _draw_drums(panel: Any, rows: NDArray[np.int32]) -> None:
    from pretty_midi import note_number_to_drum_name

    names = [note_number_to_drum_name(int(pitch)) or f"drum {pitch}" for pitch in rows]
    panel.set_yticks(range(len(rows)), names, fontsize=8)
    panel.set_ylim(-0.5, max(len(rows), 2) - 0.5)


def _draw_bars(panel: Any, heard: Score, width: float) -> None:
    """Bar lines, thicker between sections, and as many bar numbers as there is room for."""
    first = 1 if heard.pickup else 0
    starts = heard.barlines[first:-1]
    step = 1
    while len(starts) / step > LABELS_PER_INCH * width:
        step *= 2
    labelled = range(0, len(starts), step)
    panel.set_xticks([int(starts[k]) for k in labelled], [str(k + 1) for k in labelled], fontsize=8)
    lines = heard.barlines if len(heard.barlines) <= MAX_LINES else starts[::step]
    panel.vlines(lines, 0, 1, transform=panel.get_xaxis_transform(), colors="0.8", linewidths=0.6, zorder=1)
    if len(heard.section_starts) <= MAX_LINES:
        panel.vlines(
            heard.section_starts[1:], 0, 1, transform=panel.get_xaxis_transform(), colors="0.4", linewidths=1, zorder=2
        )
    panel.set_xlim(0, heard.end)
    panel.tick_params(length=2)


def _draw_legend(figure: Any, heard: Score, colours: dict[int, tuple[float, float, float]]) -> None:
    from matplotlib.patches import Patch

    if len(heard.parts) < 2:
        return
    # matplotlib hides labels that begin with an underscore
    labels = [one_line(part.name, 30).lstrip("_") or f"part {n}" for n, part in enumerate(heard.parts, 1)]
    handles = [Patch(color=colours[id(part)]) for part in heard.parts][:MAX_LEGEND]
    if len(labels) > MAX_LEGEND:
        handles.append(Patch(alpha=0))
        labels[MAX_LEGEND:] = [f"and {len(labels) - MAX_LEGEND} more"]
    legend = figure.legend(handles, labels, loc="outside right upper", fontsize=8, frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)
