"""The upper half of a matrix copied below the diagonal, by machine code."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from symgrad.compile.nest import Mirrored
from symgrad.run.nest import Nests


def view(around: Any, n: int, layout: str) -> Any:
    return {
        "rows": around[:n, :n],
        "columns": around[:n, :n].T,
        "part": around[2 : n + 2, 3 : n + 3],
        "apart": around[1 : 2 * n + 1 : 2, : 2 * n : 2],
    }[layout]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8, 11, 16, 31, 33, 64, 70])
@pytest.mark.parametrize("layout", ["rows", "columns", "part", "apart"])
def test_mirror(n: int, layout: str, dtype: str) -> None:
    around = np.random.default_rng(0).normal(size=(2 * n + 3, 2 * n + 5)).astype(dtype)
    places = view(np.arange(around.size).reshape(around.shape), n, layout)
    wanted = around.copy()
    lower = np.tril_indices(n, -1)
    wanted.ravel()[places[lower]] = wanted.ravel()[places.T[lower]]
    strides = [s // places.itemsize for s in places.strides]
    code = Nests([Mirrored(0, dtype, int(places[0, 0]), n, *strides)])
    code(np.array([around.__array_interface__["data"][0]], np.uintp))
    np.testing.assert_array_equal(around, wanted)
