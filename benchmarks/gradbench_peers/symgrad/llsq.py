"""llsq: least squares of a polynomial on equidistant points, by Horner's scheme."""

from __future__ import annotations

from typing import Any

import numpy as np

import symgrad as sg
from gradbench_peers import Answer, inputs
from gradbench_peers.symgrad import compiled


def objective(x: Any, i: Any) -> Any:
    t = -1 + 2 * i / (len(i) - 1)
    value = 0.0
    for c in x[::-1]:
        value = value * t + c
    return np.sum((np.sign(t) - value) ** 2) / 2


ANSWERS = {
    "primal": Answer(inputs.llsq, compiled(sg.function(objective)), float),
    "gradient": Answer(inputs.llsq, compiled(sg.grad(objective, wrt="x")), inputs.lists),
}
