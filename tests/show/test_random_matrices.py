"""Random expressions of matrices: the source of the derivative means the derivative, its LaTeX is well formed."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg

RNG = np.random.default_rng(31)
VALUES = [np.eye(3) + 0.3 * RNG.normal(size=(3, 3)) for _ in range(3)] + [RNG.normal(size=3) for _ in range(2)]

ONE = {
    "transpose": lambda p: p.T,
    "inverse": lambda p: np.linalg.inv(np.eye(3) + 0.05 * p),
    "sin": np.sin,
    "tanh": np.tanh,
    "half": lambda p: 0.5 * p,
    "minus": lambda p: -p,
    "square": lambda p: p**2,
    "columns": lambda p: p - np.mean(p, axis=0),
    "unit": lambda p: p / np.linalg.norm(p),
}
TWO = {
    "matmul": lambda p, q: p @ q,
    "add": lambda p, q: p + q,
    "subtract": lambda p, q: p - q,
    "multiply": lambda p, q: p * q,
    "traces": lambda p, q: np.trace(p) * q,
    "diagonal": lambda p, q: np.diag(p)[:, None] * q,
}
ENDS = {
    "trace": lambda p, u, v: np.trace(p),
    "sum": lambda p, u, v: np.sum(p**2),
    "form": lambda p, u, v: u @ p @ v,
    "norm": lambda p, u, v: np.linalg.norm(p @ u),
    "log det": lambda p, u, v: np.linalg.slogdet(2 * np.eye(3) + p @ p.T)[1],
    "log sum exp": lambda p, u, v: np.log(np.sum(np.exp(p @ v))),
}
STEPS = st.lists(st.tuples(st.sampled_from([*ONE, *TWO]), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=5)


def built(steps: list[tuple[str, int, int]], end: str) -> Any:
    def function(A: Any, B: Any, C: Any, u: Any, v: Any) -> Any:
        known = [A, B, C]
        for name, i, j in steps:
            p, q = known[i % len(known)], known[j % len(known)]
            known.append(ONE[name](p) if name in ONE else TWO[name](p, q))
        return ENDS[end](known[-1], u, v)

    return function


def ran(own: sg.Function) -> Any:
    scope: dict[str, Any] = {}
    exec(own.python(), scope)  # our own text, as a user would run it
    return scope[next(name for name in reversed(scope))](*VALUES)


def well_formed(text: str) -> bool:
    pairs = ((r"\left", r"\right"), ("{", "}"), (r"\begin", r"\end"))
    return all(text.count(one) - text.count(r"\leftarrow") * (one == r"\left") == text.count(o) for one, o in pairs)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(STEPS, st.sampled_from(list(ENDS)))
def test_gradients(steps, end):
    f = sg.function(built(steps, end))
    own = sg.grad(f).specialise(*VALUES)
    got = own(*VALUES)
    np.testing.assert_allclose(ran(own), got, rtol=1e-8, atol=1e-9)
    direction = np.linspace(-1, 1, 9).reshape(3, 3)
    h = 1e-5
    slope = (f(VALUES[0] + h * direction, *VALUES[1:]) - f(VALUES[0] - h * direction, *VALUES[1:])) / (2 * h)
    np.testing.assert_allclose(np.sum(got * direction), slope, rtol=1e-4, atol=1e-5)
    assert well_formed(own.latex())


@settings(max_examples=25, deadline=None, derandomize=True)
@given(STEPS, st.sampled_from(list(ENDS)))
def test_hessians(steps, end):
    own = sg.hessian(sg.function(built(steps, end))).specialise(*VALUES)
    got = own(*VALUES)
    np.testing.assert_allclose(ran(own), got, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(got, np.transpose(got, (2, 3, 0, 1)), rtol=1e-7, atol=1e-8)
    assert well_formed(own.latex())
