"""Test pseudo-NLL of the maximum-entropy generator on quarter frames of the JSB chorales, in nats per note.

FILE is jsb-chorales-quarter.json as published (229 / 76 / 77 chorales; frames of at most four pitches). Each frame's
pitches stand from the highest down; what is missing is silent. Cells have no holds: the conditional probability of each
note given all others, in the mean over all notes of all frames. The penalty is chosen on the validation split. Beside
it: 0.892, a family after Hadjeres et al. with 15 neighbours and L1. No randomness: there is no seed.

    python benchmarks/pseudo_nll.py FILE            # the chosen penalty
    python benchmarks/pseudo_nll.py FILE --choose   # every penalty that was tried, on validation alone
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from composer.evaluation.likelihood import pseudo_nats
from composer.generators.maxent import Maxent
from composer.inference.sequence import Sequence

SILENCE = -1
TRIED = [{"l2": l2} for l2 in (1e-5, 3e-5, 1e-4, 3e-4)] + [{"l1": l1, "l2": 0.0} for l1 in (3e-5, 1e-4)]
CHOSEN = {"l2": 1e-4}


def sequence(frames: list[list[int]]) -> Sequence:
    events = np.full((len(frames), 4), SILENCE, dtype=np.int32)
    for step, frame in enumerate(frames):
        pitches = sorted(frame, reverse=True)
        events[step, : len(pitches)] = pitches
    steps = np.arange(len(frames), dtype=np.int32)
    return Sequence(events, steps, {"beat": steps % 4})


def model(**penalties: float) -> Maxent:
    return Maxent(hold=None, silence=SILENCE, fields=("beat",), rhythms=(), harmony="", lags=(1, 2), **penalties)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--choose", action="store_true")
    options = parser.parse_args()
    data = json.loads(options.file.read_text())
    train, validation, test = ([sequence(piece) for piece in data[split]] for split in ("train", "valid", "test"))
    print("| penalty | training objective | converged | validation | test | s |\n|---|---|---|---|---|---|")
    for penalties in TRIED if options.choose else [CHOSEN]:
        started = time.process_time()
        fitted = model(**penalties).fit(train)
        seconds, found = time.process_time() - started, fitted.fitted_
        held_out = f"{pseudo_nats(fitted, validation):.4f} | "
        held_out += "-" if options.choose else f"{pseudo_nats(fitted, test):.4f}"
        name = ", ".join(f"{name} {value:g}" for name, value in penalties.items())
        after = f"{found.converged} after {found.iterations}"
        print(f"| {name} | {found.objective:.4f} | {after} | {held_out} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
