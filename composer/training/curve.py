"""A picture of how a training went."""

from __future__ import annotations

import io
from collections.abc import Sequence

from composer.training.course import Row


def dumps(curve: Sequence[Row], title: str = "") -> bytes:
    """The learning curve as a PNG: loss and validation in nats a step of time, and the rate."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        from matplotlib.figure import Figure

        figure = Figure(figsize=(8, 4.5), dpi=144, layout="constrained")
        axes = figure.subplots()
        steps = [row.step for row in curve]
        best = min(curve, key=lambda row: row.validation)
        axes.plot(steps, [row.loss for row in curve], label="training", color="tab:gray")
        axes.plot(steps, [row.validation for row in curve], label="validation", color="tab:blue")
        axes.plot(best.step, best.validation, "o", color="tab:blue", label=f"best: {best.validation:.4f}")
        axes.set(xlabel="step", ylabel="nats a step of time", title=title)
        axes.grid(alpha=0.3)
        rates = axes.twinx()
        rates.plot(steps, [row.rate for row in curve], color="tab:orange", linestyle=":", label="rate (right)")
        rates.set_ylim(bottom=0)
        lines = [*axes.get_lines(), *rates.get_lines()]
        axes.legend(lines, [str(line.get_label()) for line in lines], loc="upper right")
        file = io.BytesIO()
        figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()
