"""What a call takes: no more than `explain` says before, and for a sum over pairs of points less than two results."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symgrad as sg


def _by_norm(x: Any) -> Any:
    i, j = np.triu_indices(len(x), 1)
    return np.sum(np.linalg.norm(x[i] - x[j], axis=1))


def _by_two_places(x: Any) -> Any:
    d = x[:, None, :] - x[None, :, :]
    i, j = np.triu_indices(len(x), 1)
    return np.sum(np.sqrt(np.sum(d[i, j] ** 2, axis=-1)))


def _by_triangle(x: Any) -> Any:
    d = x[:, None, :] - x[None, :, :]
    return np.sum(np.triu(np.sqrt(np.sum(d * d, axis=-1) + np.eye(len(x))), 1))


def _by_mask(x: Any) -> Any:
    d = x[:, None, :] - x[None, :, :]
    other = ~np.eye(len(x), dtype=bool)
    return np.sum(np.sqrt(np.where(other, np.sum(d * d, axis=-1), 1.0)) * other) / 2


FORMS: dict[str, Callable[[Any], Any]] = {
    "norms": _by_norm,
    "differences at pairs of places": _by_two_places,
    "upper triangle": _by_triangle,
    "mask": _by_mask,
}


def _block(x: Any, i: int, j: int) -> Any:
    """d²/dx_i dx_j of the sum of distances, by hand."""
    if i != j:
        r = np.linalg.norm(x[i] - x[j])
        u = (x[i] - x[j]) / r
        return (np.outer(u, u) - np.eye(3)) / r
    return -sum((_block(x, i, k) for k in range(len(x)) if k != i), np.zeros((3, 3)))


def _peak(name: str, n: int) -> tuple[Any, int, Any]:
    """(the Hessian of n points, most memory of the call in bytes, the plan)."""
    x = np.random.default_rng(0).standard_normal((n, 3))
    h = sg.hessian(FORMS[name]).specialise(x)
    h.compile()
    program = h.executor.program
    assert program is not None
    tracemalloc.start()
    try:
        result = h(x)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    for i, j in ((0, 0), (1, n - 1), (n - 1, 1), (n // 2, 3)):
        np.testing.assert_allclose(result[i, :, j, :], _block(x, i, j), rtol=1e-8, atol=1e-10)
    return result, peak, program.plan


@pytest.mark.parametrize("name", FORMS)
def test_sums_of_distances(name: str) -> None:
    result, peak, plan = _peak(name, 400)
    assert result.nbytes <= peak <= 1.02 * plan.peak_bytes + 10_000
    assert plan.peak_bytes < 2 * result.nbytes


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMS)
def test_sums_of_distances_of_many_points(name: str) -> None:
    result, peak, plan = _peak(name, 2483)
    assert result.nbytes == 8 * (3 * 2483) ** 2
    assert peak <= 1.02 * plan.peak_bytes
    assert plan.peak_bytes < 2 * result.nbytes
