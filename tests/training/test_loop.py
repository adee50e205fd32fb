"""The loop: what it leaves, how it stops, and that nothing is lost when it is stopped."""

import io
import json
import math
import os
import signal
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

import toy_net
from composer.errors import ComposerError, Diverged, ReadError, UsageError
from composer.training import Course, Run, Trained, Windows, curve, loop, train
from composer.training.checkpoint import Checkpoint
from toy_net import COURSE, Net, net, run

FILE = "checkpoint.safetensors"


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Stopped(Exception):
    pass


def same(one: tuple[Net, Trained], other: tuple[Net, Trained]) -> bool:
    weights = zip(one[0].state_dict().values(), other[0].state_dict().values(), strict=True)
    rows = [[row[:4] for row in trained.curve] for _, trained in (one, other)]
    return all(torch.equal(a, b) for a, b in weights) and rows[0] == rows[1]


def program(folder: Path, *, processes: int = 0, **asked: object) -> subprocess.Popen[str]:
    """The toy's training in a process of its own, or in several under torchrun."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    command = [
        sys.executable,
        *(torchrun if processes else []),
        toy_net.__file__,
        json.dumps({"folder": str(folder)} | asked),
    ]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def test_it_learns_and_leaves_the_best_averaged_weights() -> None:
    learner, trained = run(COURSE)
    assert [row.step for row in trained.curve] == [10, 20, 30, 40, 50, 60]
    assert trained.curve[0].validation - trained.best_validation > 0.5
    assert toy_net.validation(learner)() == pytest.approx(trained.best_validation, abs=1e-6)
    assert trained.best_validation == min(row.validation for row in trained.curve)
    assert not learner.training
    assert (trained.seconds > 0, trained.frames_per_second > 0, trained.machine["processes"]) == (True, True, 1)


def test_the_best_weights_are_kept_when_later_ones_are_worse() -> None:
    figures = iter([3.0, 1.0, 2.0, 2.5, 2.0, 1.5])
    seen = []
    learner = net()

    def validation() -> float:
        seen.append(learner.top.weight.detach().clone())
        return next(figures)

    trained = train(learner, toy_net.windows(COURSE), validation, COURSE, Run(device="cpu"))
    assert (trained.best_step, trained.best_validation) == (20, 1.0)
    assert torch.equal(learner.top.weight, seen[1])


def test_patience_ends_it_early() -> None:
    figures = iter([3.0, 2.0, 2.5, 2.4, 2.3, 1.0])
    course = replace(COURSE, patience=3)
    trained = train(net(), toy_net.windows(course), lambda: next(figures), course, Run(device="cpu"))
    assert ([row.step for row in trained.curve][-1], trained.best_step) == (50, 20)


def test_the_rate_warms_up_and_falls_to_nothing() -> None:
    rates = [Course(steps=100, rate=1.0).rate_at(step) for step in range(1, 101)]
    assert rates[0] == pytest.approx(0.1)
    assert (int(np.argmax(rates)), rates[9], rates[-1]) == (9, 1.0, 0.0)
    assert all(a > b for a, b in pairwise(rates[9:]))


def test_it_says_where_it_is() -> None:
    told = []
    run(COURSE, report=told.append)
    ends = [status for status in told if status.validated]
    assert [status.step for status in ends] == [10, 20, 30, 40, 50, 60]
    assert all(status.steps == 60 and status.loss > 0 and status.windows_per_second > 0 for status in told)
    assert (ends[-1].seconds_left, ends[0].best) == (0, ends[0].validation)


@pytest.mark.parametrize("at", [10, 33, 60])
def test_what_was_stopped_goes_on_to_the_same_numbers(tmp_path: Path, monkeypatch, at: int) -> None:
    whole = run(COURSE)
    monkeypatch.setattr(loop, "KEPT", 0.0)
    monkeypatch.setattr(loop, "REPORTED", 0.0)

    def stop(status) -> None:
        if status.step == at:
            raise Stopped

    with pytest.raises(Stopped):
        run(COURSE, folder=tmp_path, report=stop)
    steps = []
    again = run(COURSE, folder=tmp_path, report=lambda status: steps.append(status.step))
    assert same(whole, again)
    assert steps == list(range(at + 1, 61))
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_kill_9_and_going_on_gives_the_same_numbers(tmp_path: Path) -> None:
    with program(tmp_path / "killed", sleep=0.2) as process:
        while process.stdout.readline().strip() != "30":
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert load_file(tmp_path / "killed" / FILE)
    for folder in ("killed", "whole"):
        with program(tmp_path / folder) as process:
            steps = process.stdout.read().split()
        assert process.returncode == 0
        assert steps[0] == ("40" if folder == "killed" else "10")
    killed, whole = (load_file(tmp_path / folder / FILE) for folder in ("killed", "whole"))
    assert killed.keys() == whole.keys()
    assert all(torch.equal(killed[name], whole[name]) for name in whole)


def test_two_processes_find_the_gradients_of_one(tmp_path: Path) -> None:
    """After one step the first moment is a tenth of the gradient, as nothing was clipped."""
    change = {"course": {"steps": 1, "clip": 1e9, "batch": 5}, "net": {"dropout": 0.0}}
    with program(tmp_path / "one", **change) as process:
        assert process.wait() == 0
    with program(tmp_path / "two", processes=2, **change) as process:
        out, err = process.communicate()
        assert process.returncode == 0, err
    assert out.split() == ["1"]  # the first process alone talks
    one, two = (load_file(tmp_path / folder / FILE) for folder in ("one", "two"))
    assert one.keys() == two.keys()
    assert max(float(one[name].abs().max()) for name in one if name.startswith("first/")) > 1e-3
    for name in one:
        assert torch.allclose(one[name], two[name], rtol=1e-5, atol=1e-7), name


@pytest.mark.skipif(sys.platform != "linux", reason="where a process lists its threads")
def test_no_thread_of_the_group_outlives_the_training(tmp_path: Path) -> None:
    """One that did could abort Python at its end."""
    with program(tmp_path, processes=2, threads=True, course={"steps": 1, "batch": 5}) as process:
        out, err = process.communicate()
    assert process.returncode == 0, err
    assert "gloo" not in out


@pytest.mark.slow
def test_two_processes_learn_what_one_learns_and_go_on_alone(tmp_path: Path) -> None:
    change = {"net": {"dropout": 0.0}}
    with program(tmp_path, processes=2, sleep=0.1, **change) as process:
        while process.stdout.readline().strip() != "30":
            assert process.poll() is None
        process.terminate()
        process.communicate()
    with program(tmp_path, **change) as process:
        assert process.stdout.read().split()[-1] == "60"
    one = run(COURSE, net(dropout=0.0))
    two = load_file(tmp_path / FILE)
    for name, value in one[0].state_dict().items():
        assert torch.allclose(two[f"best/{name}"], value, atol=1e-3)


class Breaking(Net):
    """Gives no number at one step."""

    at, calls = 25, 0

    def nats(self, batch):
        self.calls += self.training
        nats = super().nats(batch)
        return nats * math.nan if self.training and self.calls == self.at else nats


@pytest.mark.parametrize("folder", [True, False])
def test_a_loss_that_is_no_number_stops_it_and_keeps_what_was_good(tmp_path: Path, folder: bool) -> None:
    torch.manual_seed(0)
    learner = Breaking()
    good = {}

    def look(status) -> None:
        if status.validated:
            good.update({name: value.clone() for name, value in learner.state_dict().items()})

    with pytest.raises(Diverged, match="step 25") as told:
        run(COURSE, learner, report=look, **({"folder": tmp_path} if folder else {}))
    assert ("\n" in str(told.value), str(tmp_path) in str(told.value)) == (False, folder)
    if folder:
        kept = load_file(tmp_path / FILE)
        assert all(torch.isfinite(value).all() for value in kept.values())
        assert all(torch.equal(kept[f"weights/{name}"], value) for name, value in good.items())


def test_weights_that_are_no_numbers_are_not_kept(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(loop, "KEPT", 0.0)
    with pytest.raises(Diverged, match=r"weights after step 1 .*nothing was kept.*rate=0.003"):
        run(replace(COURSE, rate=1e39), folder=tmp_path)
    assert not list(tmp_path.iterdir())


def test_too_little_memory_is_no_other_error() -> None:
    class Vast(Net):
        def nats(self, batch):
            return super().nats(batch) + torch.zeros(2**50)

    with pytest.raises(MemoryError):
        run(COURSE, Vast())


def test_a_gradient_or_a_validation_that_is_no_number_stops_it() -> None:
    class Steep(Net):
        def nats(self, batch):
            return super().nats(batch) + (self.top.bias * 0).abs().sqrt().sum()  # infinitely steep at 0

    with pytest.raises(Diverged, match="gradient of step 1 "):
        run(COURSE, Steep())
    with pytest.raises(Diverged, match="validation after step 10"):
        train(net(), toy_net.windows(COURSE), lambda: math.nan, COURSE, Run(device="cpu"))


def test_a_folder_of_another_training_is_refused_with_what_differs(tmp_path: Path) -> None:
    short = replace(COURSE, steps=10)
    run(short, folder=tmp_path)
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(UsageError, match=r"course rate is 0\.02, not 0\.03.*seed is 5, not 6"):
        run(replace(short, rate=0.03, seed=6), folder=tmp_path)
    with pytest.raises(UsageError, match="another training: net"):
        run(short, net(hidden=9), folder=tmp_path)
    with pytest.raises(UsageError, match="another training: net"):
        run(short, net(dropout=0.1), folder=tmp_path)
    other = Windows.of(toy_net.sequences(seed=9), length=short.window, batch=short.batch, seed=short.seed)
    learner = net()
    with pytest.raises(UsageError, match="another training: data"):
        train(learner, other, toy_net.validation(learner), short, Run(tmp_path, "cpu"))
    assert (tmp_path / FILE).read_bytes() == before


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("checkpoint")
    run(replace(COURSE, steps=10), folder=folder)
    return (folder / FILE).read_bytes()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_checkpoints_are_one_line(checkpoint: bytes, tmp_path: Path, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(checkpoint) - 1))
    cut = data.draw(st.booleans())
    flipped = checkpoint[place] ^ data.draw(st.integers(1, 255))
    (tmp_path / FILE).write_bytes(checkpoint[:place] + (b"" if cut else bytes([flipped]) + checkpoint[place + 1 :]))
    with pytest.raises(ComposerError) as told:
        run(replace(COURSE, steps=10), folder=tmp_path)
    assert "\n" not in str(told.value)
    assert str(tmp_path) in str(told.value)


def test_a_pickle_or_a_made_up_checkpoint_is_one_line(checkpoint: bytes, tmp_path: Path) -> None:
    stream = io.BytesIO()
    torch.save({"weights": torch.zeros(3)}, stream)
    (tmp_path / FILE).write_bytes(stream.getvalue())
    with pytest.raises(ReadError, match="not a whole checkpoint"):
        run(COURSE, folder=tmp_path)
    save_file({"weights/top.bias": torch.zeros(3)}, tmp_path / FILE)
    with pytest.raises(ReadError, match="not a whole checkpoint"):
        run(COURSE, folder=tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"step": 99},
        {"step": "x"},
        {"step": None},
        {"curve": [1]},
        {"curve": [["a"] * 5]},
        {"recent": 5},
        {"updates": {}},
    ],
)
def test_a_checkpoint_whose_numbers_were_made_up_is_one_line(checkpoint: bytes, tmp_path: Path, change) -> None:
    course = replace(COURSE, steps=10)
    (tmp_path / FILE).write_bytes(checkpoint)
    identity = json.loads(load_header(checkpoint)["checkpoint"])["identity"]
    found = Checkpoint.read(tmp_path, identity)
    found.state.update(change)
    found.write(tmp_path)
    with pytest.raises(ReadError, match="does not belong to this training"):
        run(course, folder=tmp_path)


def load_header(data: bytes) -> dict[str, str]:
    return json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]


def test_what_is_not_there_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for device in ("cuda:7", "nonsense", "meta"):
        with pytest.raises(UsageError, match=f"--device {device}"):
            run(COURSE, device=device)
    with pytest.raises(UsageError, match="--precision"):
        run(COURSE, precision="half")
    few = ({"steps": 0}, {"rate": -1.0}, {"clip": math.nan}, {"average": 1.0}, {"batch": 0})
    many = ({"steps": 10**23}, {"batch": 10**9}, {"window": 10**9}, {"rate": math.inf}, {"seed": 2**64})
    for wrong in (*few, *many):
        with pytest.raises(UsageError):
            replace(COURSE, **wrong)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(UsageError, match="tensorboard"):
        run(COURSE, folder=tmp_path, tensorboard=True)


def test_products_in_bfloat16_learn_too() -> None:
    exact, half = run(COURSE), run(COURSE, precision="bfloat16")
    assert not same(exact, half)
    assert half[1].best_validation == pytest.approx(exact[1].best_validation, abs=0.05)


def test_the_curve_is_a_picture() -> None:
    _, trained = run(replace(COURSE, steps=20))
    data = curve.dumps(trained.curve, "toy")
    assert data.startswith(b"\x89PNG")
    assert data == curve.dumps(trained.curve, "toy")
