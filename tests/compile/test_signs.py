"""Products that BLAS computes half of: what is seen to have no negative element, and x^T diag(p) x as y^T y."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.compile.plan.planner import plan
from symgrad.compile.plan.signs import not_negative
from symgrad.compile.plan.steps import Gemm, Plan
from symgrad.run.program import Program

RNG = np.random.default_rng(4)
X = RNG.standard_normal((150, 220))
V = RNG.standard_normal(150)

SEEN: dict[str, Callable[[Any], Any]] = {
    "a square": lambda v: v * v,
    "an even power": lambda v: np.sin(v) ** 4,
    "a product of squares": lambda v: v * np.cos(v) * v * np.cos(v),
    "exp": lambda v: np.exp(v) + 2,
    "sigmoid": lambda v: 1 / (1 + np.exp(-v)),
    "quotients and roots": lambda v: np.sqrt(v * v + 1) / np.exp(v),
    "where": lambda v: np.where(v > 0, np.abs(v), np.exp(v)),
    "the larger": lambda v: np.maximum(v * v, np.exp(v)),
    "numbers": lambda v: np.abs(v) * np.arange(150, dtype=v.dtype),
}
NOT_SEEN: dict[str, Callable[[Any], Any]] = {
    "itself": lambda v: v,
    "a difference": lambda v: np.exp(v) - 1,
    "an odd power": lambda v: v**3,
    "a factor": lambda v: v * np.exp(v),
    "a negative number": lambda v: np.exp(v) * (np.arange(150, dtype=v.dtype) - 3),
    "one branch": lambda v: np.where(v > 0, v * v, v),
}


def _plan(weights: Callable[[Any], Any], v: Any = V, x: Any = X) -> tuple[sg.Function, Plan]:
    f = sg.function(lambda x, v: x.T @ (weights(v)[:, None] * x)).specialise(x, v)
    return f, plan(*f.program)


def _halves(p: Plan) -> list[Gemm]:
    return [s for s in p.steps if isinstance(s, Gemm) and s.half]


@pytest.mark.parametrize("native", [False, True], ids=["interpreted", "native"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", [*SEEN, *NOT_SEEN])
def test_products_with_weights(name: str, dtype: str, native: bool) -> None:
    x, v = X.astype(dtype), V.astype(dtype)
    weights = (SEEN | NOT_SEEN)[name]
    f, p = _plan(weights, v, x)
    assert bool(_halves(p)) == (name in SEEN)
    given = dict(zip(f.names, (x, v), strict=True))
    (got,) = Program(p, native=native)([given[n] for n in f.names])
    wanted = X.T @ (weights(V)[:, None] * X)
    scale = np.max(np.abs(wanted))
    np.testing.assert_allclose(got, wanted, rtol=0, atol=scale * (1e-12 if dtype == "float64" else 1e-4))
    np.testing.assert_array_equal(got, got.T)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("scale", [1.0, -2.5])
def test_a_product_with_itself(order: Any, scale: float) -> None:
    x = np.array(X, order=order)
    for f, wanted in ((lambda x: scale * (x.T @ x), scale * X.T @ X), (lambda x: scale * (x @ x.T), scale * X @ X.T)):
        h = sg.function(f).specialise(x)
        h.compile()
        np.testing.assert_allclose(h(x), wanted, rtol=1e-12, atol=1e-12)


def test_half_of_logistic_regressions_hessian() -> None:
    y = np.sign(V)

    def loss(w: Any, x: Any, y: Any) -> Any:
        return np.sum(np.logaddexp(0, -y * (x @ w)))

    h = sg.hessian(loss).specialise(X[0], X, y)
    (half,) = _halves(plan(*h.program))
    assert (half.a.rows, half.a.columns) == (220, 150)
    s = 1 / (1 + np.exp(-X @ X[0]))
    h.compile()
    np.testing.assert_allclose(h(X[0], X, y), X.T @ ((s * (1 - s))[:, None] * X), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", [*SEEN, *NOT_SEEN])
def test_what_is_seen_is_so(name: str) -> None:
    f = sg.function((SEEN | NOT_SEEN)[name]).specialise(V)
    (root,) = f.outputs
    seen = not_negative(f.graph, [(root, (0,))])
    assert seen == (name in SEEN)
    assert not seen or np.all(f(V) >= 0)


def test_a_weight_that_is_infinite_or_not_a_number_stays() -> None:
    v = V.copy()
    v[3], v[4] = 800.0, np.nan  # exp overflows
    f, p = _plan(lambda v: np.exp(v), v)
    assert _halves(p)
    f.compile()
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(np.isnan(f(X, v)), np.isnan(X.T @ (np.exp(v)[:, None] * X)))
