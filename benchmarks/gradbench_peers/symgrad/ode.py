"""ode: Runge and Kutta's steps for a chain of equations, y'_0 = x_0 and y'_i = x_i y_(i-1)."""

from __future__ import annotations

from typing import Any

import numpy as np

import symgrad as sg
from gradbench_peers import Answer, inputs
from gradbench_peers.symgrad import compiled


def slope(x: Any, y: Any) -> Any:
    return np.concatenate([x[:1], x[1:] * y[:-1]])


def solution(x: Any, steps: int) -> Any:
    h = 2 / steps

    def step(_: Any, y: Any) -> Any:
        k1 = slope(x, y)
        k2 = slope(x, y + h / 2 * k1)
        k3 = slope(x, y + h / 2 * k2)
        k4 = slope(x, y + h * k3)
        return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

    return sg.fori_loop(0, steps, step, np.zeros_like(x))


def last(x: Any, steps: int) -> Any:
    return solution(x, steps)[-1]


ANSWERS = {
    "primal": Answer(inputs.ode, compiled(sg.function(solution, static=("steps",))), inputs.lists),
    "gradient": Answer(inputs.ode, compiled(sg.grad(sg.function(last, static=("steps",)), wrt="x")), inputs.lists),
}
