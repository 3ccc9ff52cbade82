"""particle: the charge's height with which a particle, moved by the gradient of a potential, arrives at the origin."""

from __future__ import annotations

from typing import Any

import numpy as np

import symgrad as sg
from gradbench_peers import Answer, inputs
from gradbench_peers.symgrad import compiled
from gradbench_peers.symgrad.descent import argmin

STEP = 0.1
FORWARD, REVERSE = "forward", "reverse"


def potential(x: Any, w: Any) -> Any:
    """Of two charges, at (10, 10 - w) and (10, 0)."""
    return 1 / np.hypot(x[0] - 10, x[1] - (10 - w)) + 1 / np.hypot(x[0] - 10, x[1])


def lowest(start: Any, outer: str, inner: str) -> Any:
    """The w, found by descent from `start`, whose path meets the axis nearest to the origin."""
    slope = sg.grad(potential, wrt="x", mode=inner)

    def miss(w: Any) -> Any:
        """The squared distance from the origin where the path, in Euler's steps, crosses the axis."""

        def step(state: Any) -> Any:
            x, v = state
            return x + STEP * v, v - STEP * slope(x, w)

        def above(state: Any) -> Any:
            x, v = state
            return x[1] + STEP * v[1] > 0

        x, v = sg.while_loop(above, step, (np.array([0.0, 8.0]), np.array([0.75, 0.0])))
        return (x[0] - x[1] / v[1] * v[0]) ** 2

    return argmin(miss, sg.grad(miss, mode=outer), start)


def variant(outer: str, inner: str) -> Answer:
    """The descent's derivative in mode `outer`, that of the potential in mode `inner`."""
    return Answer(inputs.number("w"), compiled(sg.function(lambda w: lowest(w, outer, inner))), float)


ANSWERS = {
    "ff": variant(FORWARD, FORWARD),
    "fr": variant(FORWARD, REVERSE),
    "rf": variant(REVERSE, FORWARD),
    "rr": variant(REVERSE, REVERSE),
}
