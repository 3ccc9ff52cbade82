"""Gradient descent as particle and saddle prescribe it, with a step length that grows and shrinks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import symgrad as sg

SMALL = 1e-5
"""A gradient or a step no longer than this ends the descent."""


class State(NamedTuple):
    """Where the descent is; `good` counts the steps down since the step length last changed."""

    x: Any
    value: Any
    gradient: Any
    rate: Any
    good: Any
    done: Any


def norm(v: Any) -> Any:
    return np.sqrt(np.sum(v**2))


def argmin(f: Callable[[Any], Any], gradient: Callable[[Any], Any], start: Any) -> Any:
    """Down from `start`, doubling the step length after ten good steps, halving it after a bad one."""

    def step(s: State) -> State:
        x = s.x - s.rate * s.gradient

        def attempt() -> State:
            value = f(x)
            return sg.cond(
                value < s.value,
                lambda: State(x, value, gradient(x), s.rate, s.good + 1, s.done),
                lambda: s._replace(rate=s.rate / 2, good=0),
            )

        arrived = norm(s.gradient) <= SMALL
        faster = s.good == 10
        return sg.cond(
            arrived | ~faster & (norm(s.x - x) <= SMALL),
            lambda: s._replace(done=True),
            lambda: sg.cond(faster, lambda: s._replace(rate=2 * s.rate, good=0), attempt),
        )

    first = State(start, f(start), gradient(start), 1e-5, 0, False)
    return sg.while_loop(lambda s: ~s.done, step, first).x


def argmax(f: Callable[[Any], Any], gradient: Callable[[Any], Any], start: Any) -> Any:
    return argmin(lambda x: -f(x), lambda x: -gradient(x), start)
