"""Long sums in machine code keep the digits of float32, as NumPy's pairwise sums do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symgrad as sg

N = 3_000_001
SUMS: dict[str, Callable[[Any, Any], Any]] = {
    "elements": lambda x, w: np.sum(x * 1.5),
    "products": lambda x, w: np.sum(x * x),
    "functions": lambda x, w: np.sum(np.exp(x / 2e5)),
    "mean": lambda x, w: np.mean(x),
    "rows": lambda x, w: np.sum((x[: N // 10 * 10].reshape(-1, 10) * w) ** 2),
    "short columns": lambda x, w: np.sum(np.exp(x[: N // 10 * 10].reshape(-1, 10) / 2e5), axis=0),
    "steps": lambda x, w: np.sum(x[::2] * 1.5),
    "by a slow function": lambda x, w: np.sum(sg_digamma(x[:300_000])),
    "slope": lambda x, w: sg.grad(lambda a: np.sum(np.sin(a * x / 1e5)))(1.0),
}


def sg_digamma(x: Any) -> Any:
    from scipy.special import digamma

    return digamma(x)


@pytest.mark.parametrize("name", SUMS)
def test_long_sums_of_float32(name: str) -> None:
    rng = np.random.default_rng(3)
    x = (1e5 + 10 * rng.random(N)).astype(np.float32)  # of one sign, and far from 0: errors add up
    w = np.linspace(1, 2, 10, dtype=np.float32)
    f = SUMS[name]
    found = sg.function(f).specialise(x, w).compile()(x, w)
    exact = f(x.astype(np.float64), w.astype(np.float64))
    assert np.max(np.abs(found - exact) / np.abs(exact)) < 6e-7


def test_the_mean_square_of_deviations() -> None:
    x = np.random.default_rng(4).random(N).astype(np.float32)
    assert np.isclose(sg.function(np.var).specialise(x).compile()(x), np.var(x.astype(float)), rtol=1e-6)
