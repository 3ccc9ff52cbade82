"""sg.train: epochs of training steps over shuffled minibatches, with what one wants around them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from symgrad.defining import take_as_function
from symgrad.errors import ArgumentError, ConvergenceError
from symgrad.function import Function
from symgrad.train import checkpoint as files
from symgrad.train.optimizers import Optimizer
from symgrad.train.plot import curve
from symgrad.train.progress import Progress
from symgrad.train.state import State
from symgrad.train.update import TrainStep


@dataclass
class Training:
    """What `sg.train` reached.

    Attributes:
        params: nested as they were given; with validation data, those of the epoch with the lowest loss there.
        losses: by epoch, the mean loss of its steps; validation_losses: the loss on the validation data after it.
        steps: taken in all. best_epoch: from 1, of `params`.
        stopped: why no more epochs were run.
        state: where training was at the end, to be trained on by `step`.
    """

    params: Any
    losses: list[float] = field(default_factory=list)
    validation_losses: list[float] = field(default_factory=list)
    best_epoch: int = 0
    stopped: str = ""
    state: Any = None
    step: Any = None

    @property
    def epochs(self) -> int:
        """Run in all, resumed ones included."""
        return len(self.losses)

    @property
    def steps(self) -> int:
        """Taken in all."""
        return self.state.steps

    def plot(self) -> Any:
        """A matplotlib Figure of the loss by epochs; `.savefig(path)` saves it."""
        return curve(self)

    def __repr__(self) -> str:
        ends = f"loss {self.losses[-1]:.6g}" if self.losses else "no epoch"
        if self.validation_losses:
            ends += f", validation {self.validation_losses[self.best_epoch - 1]:.6g} after epoch {self.best_epoch}"
        return f"Training({self.epochs} epochs, {self.steps} steps, {ends}; {self.stopped})"


def train(
    loss: Any,
    params: Any,
    data: Any,
    optimizer: Optimizer | None = None,
    *,
    epochs: int = 10,
    batch_size: int | None = 32,
    seed: int = 0,
    shuffle: bool = True,
    validation: Any = None,
    patience: int | None = None,
    checkpoint: str | Path | None = None,
    progress: bool | None = None,
    after_epoch: Callable[[Training], Any] | None = None,
) -> Training:
    """Train `params` on `data` by minibatches: each step is one compiled function that changes them in place.

    Args:
        loss: a Python function `loss(params, *batch)`: the mean over a batch, as a number. Or a `TrainStep`.
        params: where to begin: an array or a pytree of arrays; they are copied. Where a TrainStep trains several
            arguments, a tuple of them, or a dict by their names.
        data: an array, or a tuple of arrays whose first axes are equally long: one entry per example.
        optimizer: `sg.sgd(...)`, `sg.momentum(...)`, `sg.adam(...)`; it is the step's own where `loss` is a TrainStep.
        epochs: passes over the data, those before a resumption included.
        batch_size: examples of a step; the last of an epoch may have fewer. None: all.
        seed: of the shuffling: epoch k has the same order in every run with this seed.
        validation: as `data`; the loss on it is worked out after each epoch, and the parameters with the lowest one
            are returned.
        patience: stop when the validation loss has not become lower for so many epochs.
        checkpoint: a file, written after every epoch. Where it is there already, training goes on from it, and ends
            with the same bits as without the interruption. It must be of the same data, with as much validation data.
        progress: whether to show a progress bar; None: after a second, where stderr is a terminal.
        after_epoch: called with what is reached; where it returns True, training ends.

    Raises:
        ArgumentError: arrays of different lengths, or a checkpoint of another model, optimizer, seed or data.
        ConvergenceError: the loss of an epoch is no finite number.

    Example:
        >>> import numpy as np, symgrad as sg
        >>> def loss(w, x, y):
        ...     return np.mean((x @ w - y) ** 2)
        >>> x = np.random.default_rng(0).normal(size=(200, 3))
        >>> result = sg.train(loss, np.zeros(3), (x, x @ [1.0, 2.0, 3.0]), sg.sgd(0.1), epochs=20)
        >>> np.round(result.params, 3)
        array([1., 2., 3.])
    """
    if isinstance(loss, TrainStep):
        step = loss
    elif optimizer is not None:
        step = TrainStep(loss, optimizer)
    else:
        raise ArgumentError("sg.train needs an optimizer, such as sg.adam(1e-3)")
    columns, n = _columns(data, "data")
    held_out, held_out_n = _columns(validation, "validation") if validation is not None else (None, 0)
    if patience is not None and held_out is None:
        raise ArgumentError("patience= stops by the loss on validation data; give validation=(...)")
    if batch_size is not None and batch_size < 1:
        raise ArgumentError(f"batch_size={batch_size}: 1 or more, or None for all examples")
    if isinstance(step.loss, Function):
        raise ArgumentError("sg.train takes a Python function loss(params, *batch); of a Function, use sg.train_step")
    size = min(batch_size or n, n)
    run = _Run(
        step, step.begin(params), take_as_function(step.loss), columns, held_out, size, seed if shuffle else None
    )
    about = {"optimizer": step.optimizer.name, "batch_size": size, "seed": run.seed, "examples": n}
    about["validation examples"] = held_out_n
    path = None if checkpoint is None else Path(checkpoint)
    if path is not None and path.exists():
        run.resume(path, about)
    total = epochs * -(-n // size)
    bar = Progress(progress, "train", "steps", total)
    try:
        while not (run.training.stopped or _ended(run.training, epochs, patience)):
            run.epoch(bar)
            if after_epoch is not None and after_epoch(run.training) is True:
                run.training.stopped = "after_epoch said so"
            if path is not None:
                run.save(path, about)
    finally:
        bar.close()
    return run.training


def _ended(t: Training, epochs: int, patience: int | None) -> bool:
    """Whether to stop, and says why."""
    if patience is not None and t.epochs - t.best_epoch >= patience and t.epochs:
        best = t.validation_losses[t.best_epoch - 1]
        t.stopped = f"the validation loss has not become lower for {patience} epochs"
        if math.isnan(best):
            t.stopped += ": it is NaN from the first epoch on"
    elif t.epochs >= epochs:
        t.stopped = "all epochs are run"
    return bool(t.stopped)


def _as_bound(loss: float) -> float:
    """NaN is worse than any number."""
    return math.inf if math.isnan(loss) else loss


class _Run:
    """Training under way."""

    def __init__(
        self,
        step: TrainStep,
        state: State,
        loss: Any,
        columns: Sequence[Any],
        held_out: Sequence[Any] | None,
        size: int,
        seed: int | None,
    ) -> None:
        self.step, self.state, self.loss = step, state, loss
        self.columns, self.held_out, self.size, self.seed = columns, held_out, size, seed
        self.n = len(columns[0])
        self.buffers = [np.empty((size, *c.shape[1:]), c.dtype) for c in columns]
        """What a batch is gathered in, again and again."""
        self.best = step.begin(state.params) if held_out is not None else state
        if held_out is not None:  # the same code from the first epoch on: the same bits
            args, named = step.arguments(state, held_out)
            loss.specialise(*args, **named).compile()
        self.training = Training(self.best.params, state=state, step=step)

    def epoch(self, bar: Progress) -> None:
        """One pass over the data. ConvergenceError where the loss is no finite number."""
        t, state = self.training, self.state
        order = None
        if self.seed is not None:
            order = np.random.default_rng([self.seed, t.epochs]).permutation(self.n)
        total = 0.0
        for start in range(0, self.n, self.size):
            end = min(start + self.size, self.n)
            value = self.step(state, *self._batch(start, end, order))
            total += value * (end - start)
            bar.tick(lambda value=value: value)
        mean = total / self.n
        if not math.isfinite(mean):
            raise ConvergenceError(
                f"the loss is {mean} in epoch {t.epochs + 1} ({self.step.optimizer.name}): lower the learning rate, "
                "or look for NaN in the data, and for a logarithm or a root of what may be 0"
            )
        t.losses.append(mean)
        if self.held_out is None:
            t.best_epoch = t.epochs
            return
        args, named = self.step.arguments(state, self.held_out)
        value = float(self.loss(*args, **named))
        if not t.validation_losses or not _as_bound(value) >= _as_bound(t.validation_losses[t.best_epoch - 1]):
            t.best_epoch = t.epochs
            self.best.copy_from(state.arrays)
        t.validation_losses.append(value)

    def _batch(self, start: int, end: int, order: Any) -> list[Any]:
        if order is None:
            return [c[start:end] for c in self.columns]
        chosen = order[start:end]
        batch = [b[: end - start] for b in self.buffers]
        for c, b in zip(self.columns, batch, strict=True):
            np.take(c, chosen, axis=0, out=b, mode="clip")  # the other modes make a copy
        return batch

    def save(self, path: Path, about: dict[str, Any]) -> None:
        t = self.training
        found = {f"now_{n}": a for n, a in self.state.arrays.items()}
        found |= {f"best_{n}": a for n, a in self.best.arrays.items()}
        reached = {"losses": t.losses, "validation_losses": t.validation_losses, "best_epoch": t.best_epoch}
        files.write(path, found, {"of": about, "reached": reached})

    def resume(self, path: Path, about: dict[str, Any]) -> None:
        arrays, found = files.read(path)
        try:
            different = [k for k in about if found["of"].get(k) != about[k]]
            if not different:
                self.state.copy_from({n[4:]: a for n, a in arrays.items() if n.startswith("now_")})
                self.best.copy_from({n[5:]: a for n, a in arrays.items() if n.startswith("best_")})
                for name, value in found["reached"].items():
                    setattr(self.training, name, value)
                return
            told = ", ".join(f"{k} {found['of'].get(k)}, and this is {about[k]}" for k in different)
        except (KeyError, ValueError) as e:
            told = str(e)
        raise ArgumentError(f"{path} is of another training ({told}); remove it, or give another path")


def _columns(data: Any, what: str) -> tuple[list[Any], int]:
    """Arrays whose first axes are equally long, in C order, and that length."""
    given = list(data) if isinstance(data, (tuple, list)) else [data]
    arrays = [np.asarray(a, order="C") for a in given]
    if not arrays or any(a.ndim == 0 for a in arrays):
        raise ArgumentError(f"{what}: arrays with one entry per example, one or a tuple of them")
    lengths = [len(a) for a in arrays]
    if len(set(lengths)) > 1 or lengths[0] == 0:
        raise ArgumentError(f"{what}: the arrays have different numbers of examples, or none: {lengths}")
    return arrays, lengths[0]
