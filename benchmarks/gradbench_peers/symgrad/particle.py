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


def potential(x: Any, y: Any, w: Any) -> Any:
    """Of two charges, at (10, 10 - w) and (10, 0)."""
    return sum(1 / np.sqrt((x - 10) ** 2 + (y - height) ** 2) for height in (10 - w, 0))


def lowest(start: Any, outer: str, inner: str) -> Any:
    """The w, found by descent from `start`, whose path meets the axis nearest to the origin."""
    slope = sg.grad(potential, wrt=("x", "y"), mode=inner)

    def miss(w: Any) -> Any:
        """The squared distance from the origin where the path, in Euler's steps, crosses the axis."""

        def step(state: Any) -> Any:
            x, y, u, v = state
            a, b = slope(x, y, w)
            return x + STEP * u, y + STEP * v, u - STEP * a, v - STEP * b

        def above(state: Any) -> Any:
            _, y, _, v = state
            return y + STEP * v > 0

        x, y, u, v = sg.while_loop(above, step, (0.0, 8.0, 0.75, 0.0))
        return (x - y / v * u) ** 2

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
