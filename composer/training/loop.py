"""The loop."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from composer.errors import ComposerError, Diverged, ReadError, UsageError
from composer.training.checkpoint import FILE, Checkpoint, Tensors
from composer.training.course import Course, Learner, Row, Run, Status, Trained
from composer.training.ranks import Ranks
from composer.training.windows import Windows

SMOOTHED = 50  # steps whose mean loss is reported
UNSEEN = 20  # steps on a GPU whose numbers are not yet looked at: looking would stop it
REPORTED = 0.25  # seconds between reports
KEPT = 60.0  # seconds between checkpoints
WORTH = 30_000  # weights of a net for which a CPU's bfloat16 pays


class _Whole(nn.Module):
    """What is called to learn: DistributedDataParallel hooks into ``forward`` alone."""

    def __init__(self, learner: Learner) -> None:
        super().__init__()
        self.learner = cast(nn.Module, learner)

    def forward(self, batch: Tensors) -> torch.Tensor:
        found: torch.Tensor = self.learner.nats(batch)  # type: ignore[operator]
        return found


class Training:
    """One training, from its beginning or its last checkpoint to its end."""

    def __init__(
        self, learner: Learner, windows: Windows, validation: Callable[[], float], course: Course, run: Run
    ) -> None:
        self.ranks = Ranks.join(run.device)
        if course.batch < self.ranks.world:
            raise UsageError(f"a batch of {course.batch} for {self.ranks.world} processes: give each a window")
        self.windows, self.validation, self.course, self.settings = windows, validation, course, run
        self.module = cast(nn.Module, learner).to(self.ranks.device)
        self.parameters = dict(self.module.named_parameters())
        self.half = _half(run.precision, self.ranks.device, sum(value.numel() for value in self.parameters.values()))
        self.optimiser = torch.optim.AdamW(
            self.parameters.values(), lr=course.rate, weight_decay=course.weight_decay, fused=True
        )
        self.average = (
            {name: value.detach().clone() for name, value in self.parameters.items()} if course.average else {}
        )
        self.best: Tensors = {}
        self.curve: list[Row] = []
        self.step, self.loss, self.seconds = 0, 0.0, 0.0  # loss: the sum since the last row; seconds: of earlier runs
        self.unseen: list[torch.Tensor] = []  # loss and length of the gradient of steps not yet looked at
        self.recent: deque[float] = deque(maxlen=SMOOTHED)

    def run(self) -> Trained:
        try:
            self._resume()
            with self._board() as board:
                self._learn(board)
            self.module.load_state_dict(self.best)
            best = self._best_row
            speed = self.frames / self.learning if self.learning else math.nan
            seconds = self.seconds + time.perf_counter() - self.started
            return Trained(tuple(self.curve), best.step, best.validation, seconds, speed, self.ranks.machine)
        except RuntimeError as error:  # torch has no class of its own for a CPU's memory
            if "alloc" not in str(error):
                raise
            raise MemoryError(str(error)) from None
        finally:
            self.module.eval()
            self.ranks.leave()

    def _learn(self, board: Any) -> None:
        course = self.course
        whole: nn.Module = _Whole(cast(Learner, self.module))
        if self.ranks.world > 1:
            whole = DistributedDataParallel(whole, find_unused_parameters=True)
        self.started = self.reported = self.kept = time.perf_counter()
        self.begun, self.frames, self.learning = self.step, 0, 0.0
        self.module.train()
        while self.step < course.steps and not self._out_of_patience():
            before = time.perf_counter()
            self._update(whole, self.step + 1)
            self.step += 1
            ends = self.step % course.every == 0 or self.step == course.steps
            if ends or self.ranks.device.type != "cuda" or len(self.unseen) >= UNSEEN:
                self._look()
            now = time.perf_counter()
            self.learning += now - before
            if ends:
                self._validate(board)
            if self.ranks.rank == 0:
                self._tell(now, ends)

    def _update(self, whole: nn.Module, step: int) -> None:
        """One step of learning: 1 is the first."""
        course, device, ranks = self.course, self.ranks.device, self.ranks
        torch.manual_seed(
            int(np.random.SeedSequence((course.seed, step, ranks.rank)).generate_state(1, np.uint64)[0] >> 1)
        )
        arrays = self.windows.at(step, ranks.rank, ranks.world)
        frames = self.windows.frames_at(step)
        batch = {name: torch.from_numpy(array).to(device, non_blocking=True) for name, array in arrays.items()}
        with torch.autocast(device.type, torch.bfloat16, enabled=self.half):
            loss = whole(batch).float().sum() / frames
        self.optimiser.zero_grad(set_to_none=True)
        (loss * ranks.world).backward()  # what several processes find is averaged
        norm = nn.utils.clip_grad_norm_(self.parameters.values(), course.clip)
        self.unseen.append(torch.stack([ranks.total(loss.detach()), norm.detach()]))
        self.frames += frames
        if device.type != "cuda":
            self._check(step, *self.unseen[-1].tolist())
        self.optimiser.param_groups[0]["lr"] = course.rate_at(step)
        self.optimiser.step()
        if self.average:
            decay = min(course.average, step / (step + 10))
            with torch.no_grad():
                torch._foreach_lerp_(list(self.average.values()), list(self.parameters.values()), 1 - decay)

    def _look(self) -> None:
        """At the numbers of the last steps."""
        first = self.step - len(self.unseen) + 1
        for step, (loss, norm) in enumerate(torch.stack(self.unseen).tolist(), first):
            self._check(step, loss, norm)
            self.loss += loss
            self.recent.append(loss)
        self.unseen = []

    def _check(self, step: int, loss: float, norm: float) -> None:
        what = next((name for name, x in (("loss", loss), ("gradient", norm)) if not math.isfinite(x)), None)
        if what is not None:
            self._diverged(f"the {what} of step {step} is not a finite number")

    def _diverged(self, what: str) -> None:
        folder = self.settings.folder
        kept = f"{folder} keeps what was good" if folder and self.saved else "nothing was kept yet"
        lower = min(self.course.rate / 3, Course.rate)
        raise Diverged(f"training stopped: {what} ({kept}); try a lower rate, as in --set rate={lower:.1g}")

    def _validate(self, board: Any) -> None:
        since = self.step - (self.curve[-1].step if self.curve else 0)
        row = Row(self.step, self.loss / since, math.nan, self.course.rate_at(self.step), 0.0)
        with self._averaged():
            found: Any = None
            if self.ranks.rank == 0:
                found = self._validated()
            found = self.ranks.told(found)
            if not math.isfinite(found):
                self._diverged(f"the validation after step {self.step} is not a finite number")
            seconds = self.seconds + time.perf_counter() - self.started
            self.curve.append(row._replace(validation=found, seconds=seconds))
            if self._best_row is self.curve[-1]:
                self.best = {name: value.detach().clone() for name, value in self.module.state_dict().items()}
        self.loss = 0.0
        if board is not None:
            for name, value in self.curve[-1]._asdict().items():
                board.add_scalar(name, value, self.step)
            board.flush()

    def _validated(self) -> float | ComposerError:
        self.module.eval()
        try:
            with torch.no_grad():
                return float(self.validation())
        except ComposerError as error:
            return error
        finally:
            self.module.train()

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """The averaged weights in the place of the last ones, for a while."""
        values = list(self.parameters.values())
        own = [value.detach().clone() for value in values] if self.average else []
        with torch.no_grad():
            for value, average in zip(values, self.average.values(), strict=False):
                value.copy_(average)
            try:
                yield
            finally:
                for value, mine in zip(values, own, strict=False):
                    value.copy_(mine)

    @property
    def _best_row(self) -> Row:
        return min(self.curve, key=lambda row: row.validation)

    def _out_of_patience(self) -> bool:
        patience = self.course.patience
        return (
            bool(patience and self.curve) and self.curve[-1].step - self._best_row.step >= patience * self.course.every
        )

    def _tell(self, now: float, ends: bool) -> None:
        run = self.settings
        if run.folder and (ends or now - self.kept > KEPT):
            self._save()
            self.kept = now
        if run.report and (ends or now - self.reported > REPORTED):
            run.report(self._status(now, ends))
            self.reported = now

    def _status(self, now: float, ends: bool) -> Status:
        course, done = self.course, self.step - self.begun
        last, best = (self.curve[-1].validation, self._best_row.validation) if self.curve else (math.nan, math.nan)
        loss = sum(self.recent) / len(self.recent) if self.recent else math.nan
        left = (now - self.started) / done * (course.steps - self.step)
        speed = 1 / self.learning
        return Status(
            self.step, course.steps, loss, last, best, done * course.batch * speed, self.frames * speed, left, ends
        )

    @contextmanager
    def _board(self) -> Iterator[Any]:
        """What TensorBoard reads, if it was asked for, from the first process."""
        run = self.settings
        if not run.tensorboard or self.ranks.rank:
            yield None
            return
        if run.folder is None:
            raise UsageError("TensorBoard reads from a folder: give --folder")
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise UsageError("TensorBoard is missing: pip install 'composer-engine[tensorboard]'") from None
        with SummaryWriter(str(run.folder / "tensorboard"), purge_step=self.step + 1) as board:
            yield board

    # --- checkpoints ----------------------------------------------------------------------------------------------

    @property
    def _identity(self) -> dict[str, Any]:
        shapes = {name: list(value.shape) for name, value in self.module.state_dict().items()}
        return {
            "course": asdict(self.course),
            "net": {"layers": str(self.module), "weights": shapes},
            "data": {"steps of time": self.windows.frames, "content": self.windows.digest},
        }

    def _save(self) -> None:
        if self.unseen:
            self._look()
        if not all(bool(torch.isfinite(value).all()) for value in self.parameters.values()):
            self._diverged(f"the weights after step {self.step} are not finite numbers")
        moments = {name: self.optimiser.state[value] for name, value in self.parameters.items()}
        groups = {
            "weights": self.module.state_dict(),
            "average": self.average,
            "best": self.best,
            "first": {name: moment["exp_avg"] for name, moment in moments.items() if moment},
            "second": {name: moment["exp_avg_sq"] for name, moment in moments.items() if moment},
        }
        tensors = {f"{group}/{name}": value for group, found in groups.items() for name, value in found.items()}
        seconds = self.seconds + time.perf_counter() - self.started
        state = {
            "step": self.step,
            "loss": self.loss,
            "recent": [*self.recent],
            "curve": self.curve,
            "seconds": seconds,
            "half": self.half,
            "updates": {name: int(moment["step"]) for name, moment in moments.items() if moment},
        }
        assert self.settings.folder is not None
        Checkpoint(tensors, state, self._identity).write(self.settings.folder)
        self.saved = True

    def _resume(self) -> None:
        """Go on from the checkpoint in the folder, if there is one."""
        self.saved = False
        found: Any = None
        if self.settings.folder and self.ranks.rank == 0:
            try:
                found = Checkpoint.read(self.settings.folder, self._identity)
            except ComposerError as error:
                found = error
        found = self.ranks.told(found)
        if found is None:
            return
        try:
            self._restore(found)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            place = f"{self.settings.folder}/{FILE}"
            raise ReadError(f"{place}: does not belong to this training ({error}); remove it to start again") from None

    def _restore(self, found: Checkpoint) -> None:
        groups: dict[str, Tensors] = {name: {} for name in ("weights", "average", "best", "first", "second")}
        for place, value in found.tensors.items():
            group, _, name = place.partition("/")
            groups[group][name] = value.to(self.ranks.device)
        self.module.load_state_dict(groups["weights"])
        own = self.module.state_dict()
        for name, value in (item for group in groups.values() for item in group.items()):
            if value.shape != own[name].shape or not bool(torch.isfinite(value).all()):
                raise ValueError(f"{name} has another shape, or is not finite")
        state = found.state
        self.step, self.loss, self.seconds = int(state["step"]), float(state["loss"]), float(state["seconds"])
        self.curve = [Row(int(step), *map(float, figures)) for step, *figures in state["curve"]]
        self.recent.extend(map(float, state["recent"]))
        self.average = {name: groups["average"][name] for name in self.average}
        self.best = groups["best"]
        if not 0 < self.step <= self.course.steps or (self.curve and self.best.keys() != own.keys()):
            raise ValueError("it is not of one time")
        if self.settings.precision == "auto":  # as it was begun, though this may be another machine
            self.half = bool(state["half"])
        updates = state["updates"]
        moments = {
            number: {
                "step": torch.tensor(float(updates[name])),
                "exp_avg": groups["first"][name],
                "exp_avg_sq": groups["second"][name],
            }
            for number, name in enumerate(self.parameters)
            if name in groups["first"]  # a weight that nothing has moved yet has none
        }
        self.optimiser.load_state_dict(self.optimiser.state_dict() | {"state": moments})
        self.saved = True


def _half(precision: str, device: torch.device, weights: int) -> bool:
    """Whether products are taken in bfloat16; raises :class:`UsageError` for another precision."""
    if precision not in ("auto", "float32", "bfloat16"):
        raise UsageError(f"--precision {precision}: take auto, float32 or bfloat16")
    if precision != "auto":
        return precision == "bfloat16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # with these instructions a biaxial net of 50,000 to 600,000 weights is 1.4 to 2.4 times as fast; without, and for
    # a much smaller net, products in bfloat16 are slower
    quick = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return bool(device.type == "cpu" and quick and weights >= WORTH)
