"""Update rules, each written once as the formula it is.

A rule sees, for one trained parameter, the parameter p, its gradient g, its own slots (zero at first) and the
number t of the step (1, 2, ...), all as nodes; it returns the new parameter and the new slots. What depends on t
alone is computed in float64, and rounded to the dtype of p where it meets it. A learning rate is a number, or a
function of the number of steps taken before (0, 1, ...).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from symgrad.ops.elementary import power, sqrt
from symgrad.ops.index import cast
from symgrad.train.schedule import Rate, rate_at, told


class Optimizer(NamedTuple):
    """An update rule with its numbers: what `train_step` takes."""

    name: str
    slots: tuple[str, ...]
    update: Callable[..., tuple[Any, ...]]
    """update(p, g, t, *slots) -> (new p, *new slots)"""


def sgd(learning_rate: Rate = 0.01) -> Optimizer:
    """Gradient descent: p - rate * g."""

    def update(p: Any, g: Any, t: Any) -> tuple[Any, ...]:
        return (p - rate_at(learning_rate, t, p.type.dtype) * g,)

    return Optimizer(f"sgd({told(learning_rate)})", (), update)


def momentum(learning_rate: Rate = 0.01, decay: float = 0.9) -> Optimizer:
    """Heavy-ball momentum (Polyak 1964), as torch.optim.SGD(momentum=...) has it: v = decay v + g, p - rate v."""

    def update(p: Any, g: Any, t: Any, v: Any) -> tuple[Any, ...]:
        v = decay * v + g
        return p - rate_at(learning_rate, t, p.type.dtype) * v, v

    return Optimizer(f"momentum({told(learning_rate)}, {decay})", ("velocity",), update)


def adam(learning_rate: Rate = 0.001, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8) -> Optimizer:
    """Adam (Kingma and Ba, ICLR 2015, algorithm 1)."""

    def update(p: Any, g: Any, t: Any, m: Any, v: Any) -> tuple[Any, ...]:
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        mean = m / cast(1 - power(beta1, t), dtype=p.type.dtype)
        spread = v / cast(1 - power(beta2, t), dtype=p.type.dtype)
        return p - rate_at(learning_rate, t, p.type.dtype) * mean / (sqrt(spread) + epsilon), m, v

    return Optimizer(f"adam({told(learning_rate)}, {beta1}, {beta2}, {epsilon})", ("mean", "spread"), update)
