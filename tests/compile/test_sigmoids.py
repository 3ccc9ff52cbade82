"""A sigmoid and its complement share an exponential, also within loops, and stay exact."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
from scipy import special

import symgrad as sg
from symgrad.compile.lower import lower


def names(f: Any) -> list[str]:
    """The operations of a function's program, lowered."""
    graph, _, outputs = f.program
    lowered, roots = lower(graph, outputs, lambda op: True, "native")
    return [op.name for op, needed in zip(lowered.ops, lowered.reach(roots), strict=True) if needed]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_slope_is_exact_everywhere(dtype: str) -> None:
    x = np.array([0.0, -0.0, 1e-9, 0.3, -0.3, 2.5, -2.5, 40.0, -40.0, 80.0, -80.0, 700.0, -700.0], dtype)
    slope = sg.grad(lambda x: np.sum(special.expit(x))).specialise(x)
    assert names(slope).count("exp") == 1
    assert "sigmoid" not in names(slope)
    with mpmath.workdps(40):
        wanted = [float(1 / (2 + mpmath.exp(v) + mpmath.exp(-v))) for v in map(float, x)]
    tolerance = {"float64": 1e-15, "float32": 5e-7}[dtype]
    tiny = float(np.finfo(dtype).tiny)
    np.testing.assert_allclose(slope.compile()(x), wanted, rtol=tolerance, atol=tiny)
    np.testing.assert_allclose(slope(x), wanted, rtol=tolerance, atol=tiny)


def test_both_of_a_pair() -> None:
    x = np.array([-800.0, -30.0, -1.0, 0.0, 1.0, 30.0, 800.0, np.inf, -np.inf, np.nan])
    f = sg.function(lambda x: (special.expit(x), special.expit(-x))).specialise(x)
    for found, wanted in zip(f.compile()(x), (special.expit(x), special.expit(-x)), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-15)


def test_one_alone_stays() -> None:
    f = sg.function(lambda x: special.expit(-x) + special.expit(2 * x)).specialise(np.ones(3))
    assert names(f).count("sigmoid") == 2


def test_in_the_body_of_a_loop() -> None:
    def f(w: Any, x: Any) -> Any:
        return sg.scan(lambda h, u: (special.expit(w * h + u), None), 0.5, x)[0]

    x = np.linspace(-1, 1, 7)
    slope = sg.grad(f).specialise(0.7, x)

    def written(w: complex) -> complex:
        h: complex = 0.5
        for u in x:
            h = 1 / (1 + np.exp(-(w * h + u)))
        return h

    assert slope.compile()(0.7, x) == pytest.approx(written(0.7 + 1e-30j).imag / 1e-30, rel=1e-13)
