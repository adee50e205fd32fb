"""What constraints make of a whole sequence: read event by event, without any generator."""

import numpy as np

from composer.inference.sequence import Constraints, Sequence


def nats(constraints: Constraints, sequence: Sequence, *, serial: bool = False) -> float:
    """What preferences add to the logarithm of its probability; -inf if it is not allowed or does not fill the end."""
    total, place, states = 0.0, 0, np.zeros(1, dtype=np.int64)
    for step, event in zip(sequence.steps.tolist(), sequence.events, strict=True):
        if step != place:
            return -np.inf
        for part in range(len(event)) if serial else [None]:
            chosen = event[None] if part is None else event[None, [part]]
            allowed = (
                constraints.allows(step, chosen) if part is None else constraints.allows_part(step, part, chosen[:, 0])
            )
            if not allowed.all():
                return -np.inf
            more = constraints.nats(step, chosen, part)
            total += 0.0 if more is None else float(more[0])
            if constraints.machine is not None:
                after, cost = constraints.machine.follow(step, states, chosen, part)
                total += 0.0 if cost is None else float(cost[0, 0])
                states = after[:, 0]
                if states[0] < 0:
                    return -np.inf
        place += int(constraints.advance(event[None])[0])
    if place != constraints.end:
        return -np.inf
    return total if constraints.machine is None else total + float(constraints.machine.at_end(states)[0])
