"""The biaxial network: both axes, by what its docstrings promise."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch

from composer.generators.biaxial_layers import Recall, Relative, Scan, Shape
from composer.generators.biaxial_net import Net, State

STEPS = 12
KINDS = {
    "roll": {},
    "articulated": {"articulated": True},
    "lines": {"lines": 3, "polyphonic": False, "articulated": True},
    "degrees": {"tonic": 5},
    "steered": {"steered": True, "periods": (3, 4)},
    "original": {"time": "lstm", "along": "lstm", "decays": (), "recalls": ()},
}


def net(pitches: int, **options: object) -> Net:
    torch.manual_seed(0)
    made = Net(Shape(pitches=pitches, labels=(4,), hidden=16, width=16, **options)).eval()  # type: ignore[arg-type]
    for weights in made.parameters():
        torch.nn.init.normal_(weights, 0, 0.3)
    return made


def music(made: Net, lowest: int, highest: int, seed: int = 0) -> torch.Tensor:
    """(2, STEPS, P, V) frames with notes between two rows."""
    rng, shape = np.random.default_rng(seed), made.shape
    frames = np.zeros((2, STEPS, shape.pitches, shape.lines), dtype=np.uint8)
    for piece, step, line in itertools.product(range(2), range(STEPS), range(shape.lines)):
        notes = rng.integers(lowest, highest, 1 if shape.lines > 1 else 3)
        frames[piece, step, notes, line] = rng.integers(1, 3 if shape.articulated else 2)
    return torch.from_numpy(frames)


def known() -> tuple[torch.Tensor, torch.Tensor]:
    """Labels (2, STEPS, 1), and where the pieces begin (2, STEPS)."""
    labels = (torch.arange(STEPS) % 4)[None, :, None].repeat(2, 1, 1)
    begins = torch.zeros(2, STEPS, dtype=torch.bool)
    begins[:, 0] = True
    return labels, begins


def before(frames: torch.Tensor) -> torch.Tensor:
    return torch.cat([torch.zeros_like(frames[:, :1]), frames[:, :-1]], dim=1)


def logits(made: Net, frames: torch.Tensor) -> torch.Tensor:
    """(STEPS, 2, P, V, 2)"""
    tops, _ = made.listen(before(frames), *known())
    return made.logits(*(x.transpose(0, 1) for x in (tops, before(frames), frames)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_at_a_time_is_the_same_as_all_at_once(kind: str) -> None:
    made = net(30, **KINDS[kind])
    frames, (labels, begins) = music(made, 8, 20), known()
    tops, _ = made.listen(before(frames), labels, begins)
    state: State | None = None
    for t in range(STEPS):
        step = slice(t, t + 1)
        top, state = made.listen(before(frames)[:, step], labels[:, step], begins[:, step], state)
        torch.testing.assert_close(top[:, 0], tops[:, t], atol=1e-4, rtol=1e-4)


def test_a_piece_in_two_windows_costs_the_same() -> None:
    made = net(30, lines=2, polyphonic=False, articulated=True)
    frames, (labels, begins) = music(made, 8, 20), known()
    whole, _ = made.nats(frames, labels, begins)
    first, state = made.nats(frames[:, :7], labels[:, :7], begins[:, :7])
    second, _ = made.nats(frames[:, 7:], labels[:, 7:], begins[:, 7:], state, frames[:, 6])
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", ["roll", "articulated", "lines"])
def test_transposing_the_input_transposes_the_output(kind: str) -> None:
    """All rows but those that cross the border: the net has no other places."""
    made = net(88, **KINDS[kind])
    frames = music(made, 36, 50)
    here, there = logits(made, frames)[1:], logits(made, frames.roll(3, dims=2))[1:]
    torch.testing.assert_close(here[:, :, :-3], there[:, :, 3:], atol=1e-4, rtol=1e-4)


def test_only_the_first_frame_has_a_register() -> None:
    made = net(88)
    frames = music(made, 36, 50)
    here, there = logits(made, frames)[0], logits(made, frames.roll(3, dims=2))[0]
    assert not torch.allclose(here[:, :-3], there[:, 3:], atol=1e-2)


def test_degrees_are_told_apart() -> None:
    made = net(88, tonic=5)
    frames = music(made, 36, 50)
    here, there, octave = (logits(made, frames.roll(by, dims=2))[1:] for by in (0, 3, 12))
    assert not torch.allclose(here[:, :, :-3], there[:, :, 3:], atol=1e-2)
    torch.testing.assert_close(here[:, :, :-12], octave[:, :, 12:], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_pitch_depends_on_what_comes_before_it_alone(kind: str) -> None:
    made = net(20, **KINDS[kind])
    frames = music(made, 2, 18)
    found = logits(made, frames)
    lines = made.shape.lines
    for pitch, line in itertools.product((3, 9, 15), range(lines)):
        changed = frames.clone()
        changed[:, -1, pitch, line] = 1 - (changed[:, -1, pitch, line] > 0).to(torch.uint8)
        other = logits(made, changed)
        upto = pitch * lines + line + 1
        torch.testing.assert_close(other[-1].flatten(1, 2)[:, :upto], found[-1].flatten(1, 2)[:, :upto])
        assert not torch.allclose(other[-1].flatten(1, 2)[:, upto:], found[-1].flatten(1, 2)[:, upto:], atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_the_future_is_not_heard(kind: str) -> None:
    made = net(20, **KINDS[kind])
    frames = music(made, 2, 18)
    other = torch.cat([frames[:, :6], music(made, 2, 18, seed=1)[:, 6:]], dim=1)
    torch.testing.assert_close(logits(made, frames)[:6], logits(made, other)[:6])


@pytest.mark.parametrize("kind", ["roll", "lines"])
def test_all_frames_have_probability_one(kind: str) -> None:
    """Every frame of four pitches that may come after one, enumerated."""
    made = net(4, **(KINDS[kind] | {"lines": 2 if kind == "lines" else 1}))
    pitches, lines = 4, made.shape.lines
    first = torch.zeros(pitches, lines, dtype=torch.uint8)
    first[1, 0] = 2 if made.shape.articulated else 1
    values = range(3 if made.shape.articulated else 2)
    total = 0.0
    for cells in itertools.product(values, repeat=pitches * lines):
        frame = torch.tensor(cells, dtype=torch.uint8).view(pitches, lines)
        held = frame == 1
        if made.shape.articulated and bool((held & (first == 0)).any()):
            continue  # what did not sound is not held
        if lines > 1 and bool(((frame > 0).sum(0) > 1).any()):
            continue
        frames = torch.stack([first, frame])[None]
        nats, _ = made.nats(frames, torch.zeros(1, 2, 1, dtype=torch.long), torch.tensor([[True, False]]))
        total += float(torch.exp(-nats[0, 1].detach()))
    assert total == pytest.approx(1, abs=1e-5)


def test_the_scan_and_its_gradient_are_those_of_its_formula() -> None:
    torch.manual_seed(0)
    rows, start = torch.randn(6, 5, 9, requires_grad=True), torch.randn(5, 3, requires_grad=True)
    cell, outs = start, []
    for f, z, o in (row.chunk(3, -1) for row in rows):
        cell = torch.sigmoid(f) * cell + (1 - torch.sigmoid(f)) * z
        outs.append(cell * torch.nn.functional.silu(o))
    weights = torch.randn(6, 5, 3)
    found, last = Scan.apply(rows, start)  # type: ignore[no-untyped-call]
    torch.testing.assert_close(found, torch.stack(outs))
    torch.testing.assert_close(last, cell)
    wanted = torch.autograd.grad((torch.stack(outs) * weights).sum() + cell.square().sum(), (rows, start))
    got = torch.autograd.grad((found * weights).sum() + last.square().sum(), (rows, start))
    torch.testing.assert_close(got, wanted)


def test_what_followed_is_recalled() -> None:
    """After a phrase was heard, its beginning recalls how it went on."""
    recall = Recall((0.8,), (2,))
    phrase = torch.eye(8)[torch.tensor([0, 3, 5, 7, 2, 6])]
    heard = torch.cat([phrase, phrase[:4]])[:, None, :, None]  # (T, 1, P, 1)
    with torch.no_grad():
        found, surely, *_ = recall(heard, torch.zeros(1, 0, 8, 1), torch.zeros(1, 1, 0))
    assert int(found[-1, 0, :, 0].argmax()) == 2
    assert surely[-1, 0, 0] > 0.5 > surely[2, 0, 0]


def test_a_label_that_training_never_shows_says_nothing() -> None:
    """The last of each feature is that of what is unknown."""
    weights = Net(Shape(12, 1, labels=(4, 3), steered=True)).state_dict()
    for feature in (0, 1):
        *known, unknown = weights[f"labels.{feature}.weight"]
        assert all(row.any() for row in known)
        assert not unknown.any()
        assert not weights[f"steers.{feature}.weight"].any()


def test_a_distance_that_is_liked_is_recalled() -> None:
    recall = Recall((0.8,), (3, 4))
    heard = torch.eye(8)[:, None, :, None]  # (T, 1, P, 1): nothing is like anything
    with torch.no_grad():
        recall.distance[1][0, 0] = 50.0  # four steps
        found, *_ = recall(heard, torch.zeros(1, 0, 8, 1), torch.zeros(1, 1, 0))
    assert found[4:, 0, :, 0].argmax(-1).tolist() == [1, 2, 3, 4]  # what came after that


def test_where_to_recall_from_is_steered() -> None:
    """The same distances are liked at all steps, and heeded at some; at others nothing is recalled."""
    recall = Recall((0.8,), (3, 4))
    heard = torch.eye(8)[:, None, :, None]  # (T, 1, P, 1): nothing is like anything
    steer = torch.zeros(8, 1, 1, recall.steerable)
    steer[4:6, ..., 3] = 50.0  # the distance of four steps
    steer[6:, ..., 1] = 50.0  # nothing
    with torch.no_grad():
        recall.distance[1][0, 0] = 1.0
        found, surely, *_ = recall(heard, torch.zeros(1, 0, 8, 1), torch.zeros(1, 1, 0), steer)
    assert found[4:6, 0, :, 0].argmax(-1).tolist() == [1, 2]
    assert (surely[4:6] > 0.99).all()
    assert (surely[6:] < 0.01).all()


def test_how_surely_by_likeness_is_steered() -> None:
    recall = Recall((0.8,), ())
    heard = torch.eye(8)[torch.tensor([0, 3, 5, 7, 0, 3])][:, None, :, None]
    steer = torch.zeros(6, 1, 1, recall.steerable)
    steer[-1, ..., 0] = -50.0
    with torch.no_grad():
        recall.nothing.zero_()
        plain, *_ = recall(heard, torch.zeros(1, 0, 8, 1), torch.zeros(1, 1, 0))
        found, *_ = recall(heard, torch.zeros(1, 0, 8, 1), torch.zeros(1, 1, 0), steer)
    torch.testing.assert_close(found[:-1], plain[:-1])
    assert plain[-1, 0, 5, 0] > 0.5  # as it went before
    torch.testing.assert_close(found[-1, 0, [3, 5, 7], 0], torch.tensor([2.0, 1, 1]) / 6)  # all alike


def test_each_label_steers_its_own_way_to_recall() -> None:
    """Here the second of two is kept, by the label 3 alone, from recalling nothing."""
    made = net(30, steered=True, recalls=(0.5, 0.8), periods=(3,))
    frames, (labels, _) = music(made, 8, 20), known()
    with torch.no_grad():
        for table in made.steers:
            table.weight.zero_()
        made.recall.nothing.fill_(50.0)
        made.steers[0].weight[3].view(2, made.recall.steerable)[1, 1] = -10.0  # times STEERED
        x = (before(frames).transpose(0, 1) > 0).float().amax(-1, keepdim=True)
        state = torch.zeros(2, 0, 30, 1), torch.zeros(2, 2, 0)
        _, surely, *_ = made.recall(x, *state, made._steer(labels.transpose(0, 1)))
    steered = labels[0, :, 0] == 3
    assert (surely[steered][1:, :, 1] > 0.99).all()
    assert (surely[~steered][1:] < 0.01).all()
    assert (surely[..., 0] < 0.01).all()


def test_what_steers_nothing_changes_nothing() -> None:
    steered = net(30, steered=True, periods=(3, 4))
    with torch.no_grad():
        steered.steers[0].weight.zero_()
    plain = Net(dataclasses.replace(steered.shape, steered=False)).eval()
    plain.load_state_dict({name: value for name, value in steered.state_dict().items() if "steers" not in name})
    frames = music(plain, 8, 20)
    torch.testing.assert_close(logits(steered, frames), logits(plain, frames), atol=1e-4, rtol=1e-4)
    with torch.no_grad():
        steered.steers[0].weight.fill_(0.3)
    assert not torch.allclose(logits(steered, frames), logits(plain, frames), atol=1e-2)


@pytest.mark.parametrize("above", [5, -1])
def test_relative_sees_intervals_and_classes(above: int) -> None:
    torch.manual_seed(0)
    near = Relative(2, 3, 4, above)
    x = torch.rand(30, 2)
    found = near(x)
    for pitch, other in itertools.product(range(30), range(30)):
        interval = other - pitch
        changed = x.clone()
        changed[other, 1] += 1
        seen = near(changed)[pitch] - found[pitch]
        expected = torch.zeros(3)
        if above >= 0 or interval < 0:
            expected = expected + near.octaves[1, interval % 12]
            if -4 <= interval <= above:
                expected = expected + near.near[1, interval + 4]
        torch.testing.assert_close(seen, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("along", ["window", "lstm"])
@pytest.mark.parametrize("below", [0, 5, 60])
def test_from_a_pitch_on_it_says_the_same(along: str, below: int) -> None:
    torch.manual_seed(0)
    made = Net(Shape(40, 2, articulated=True, along=along, hidden=8, width=8, below=below)).eval()
    with torch.no_grad():
        for weights in made.parameters():
            weights.copy_(torch.randn(weights.shape) * 0.3)
        tops, before, now = torch.randn(3, 40, 8), torch.rand(3, 40, 2) < 0.1, torch.rand(3, 40, 2) < 0.1
        whole = made.logits(tops, before, now)
        for start in (0, 13, 39):
            assert made.logits(tops, before, now, start).numpy() == pytest.approx(whole[:, start:].numpy(), abs=1e-4)
