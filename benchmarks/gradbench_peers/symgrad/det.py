"""det: a determinant by expansion along the first row, each minor once."""

from __future__ import annotations

from functools import cache
from typing import Any

import symgrad as sg
from gradbench_peers import Answer, inputs
from gradbench_peers.symgrad import compiled


def determinant(A: Any) -> Any:
    @cache
    def minor(row: int, columns: tuple[int, ...]) -> Any:
        if len(columns) == 1:
            return A[row, columns[0]]
        rest = [columns[:k] + columns[k + 1 :] for k in range(len(columns))]
        return sum((-1) ** k * A[row, c] * minor(row + 1, rest[k]) for k, c in enumerate(columns))

    return minor(0, tuple(range(len(A))))


ANSWERS = {
    "primal": Answer(inputs.det, compiled(sg.function(determinant)), float),
    "gradient": Answer(inputs.det, compiled(sg.grad(determinant)), lambda g: g.ravel().tolist()),
}
