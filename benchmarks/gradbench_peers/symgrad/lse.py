"""lse: the logarithm of a sum of exponentials, shifted by the largest."""

from __future__ import annotations

from typing import Any

import numpy as np

import symgrad as sg
from gradbench_peers import Answer, inputs
from gradbench_peers.symgrad import compiled


def logsumexp(x: Any) -> Any:
    largest = np.max(x)
    return largest + np.log(np.sum(np.exp(x - largest)))


ANSWERS = {
    "primal": Answer(inputs.array("x"), compiled(sg.function(logsumexp)), float),
    "gradient": Answer(inputs.array("x"), compiled(sg.grad(logsumexp)), inputs.lists),
}
