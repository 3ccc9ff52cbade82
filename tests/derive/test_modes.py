"""Forward, reverse and mixed accumulation agree with each other and with numerical differentiation at 60 digits."""

from __future__ import annotations

import mpmath as mp
import pytest
import sympy as sp
from hypothesis import assume, given, settings

import symgrad as sg
from symgrad import Function
from tests.formulas import POINTS, functions
from tests.precise import at, close, slope, values

MODES = ("auto", "forward", "reverse", "mixed")
EXAMPLES = settings(max_examples=40, deadline=None, derandomize=True)


def off_the_kinks(f: Function, point: list[float]) -> bool:
    """Whether no comparison, maximum or absolute value of `f` is decided by less than 1e-6."""
    g = f.graph
    close_calls = [i for i, op in enumerate(g.ops) if op.name in ("less", "maximum", "abs", "sign", "less_equal")]
    exact = dict(zip(f.names, map(mp.mpf, point), strict=True))
    for i in close_calls:
        pair = values(g, g.args[i], exact)
        gap = pair[0] - (pair[1] if len(pair) == 2 else 0)
        if not abs(gap) > 1e-6:
            return False
    return True


def finite(f: Function, point: list[float]) -> bool:
    return all(mp.isfinite(v) and abs(v) < 1e6 for v in at(f, point))


@EXAMPLES
@given(functions(kinks=True, outputs=2), POINTS)
def test_jacobians(f: Function, point: list[float]) -> None:
    point = point[: len(f.names)]
    assume(finite(f, point) and off_the_kinks(f, point))
    n = len(point)
    truth = [slope(f, point, [int(j == k) for j in range(n)], r) for r in range(2) for k in range(n)]
    for mode in MODES:
        jacobian = sg.jacobian(f, wrt=range_of(f), mode=mode)
        got = at(jacobian, point)
        assert all(close(a, b) for a, b in zip(got, truth, strict=True)), mode


@EXAMPLES
@given(functions(kinks=True, most=9), POINTS)
def test_hessians(f: Function, point: list[float]) -> None:
    point = point[: len(f.names)]
    assume(finite(f, point) and off_the_kinks(f, point))
    n = len(point)
    truth = [slope(f, point, [int(j == r) + int(j == c) for j in range(n)]) for r in range(n) for c in range(n)]
    for mode in MODES:
        assert all(close(a, b) for a, b in zip(at(sg.hessian(f, mode=mode), point), truth, strict=True)), mode
        nested = sg.jacobian(sg.jacobian(f, mode=mode), mode=mode)
        assert all(close(a, b) for a, b in zip(at(nested, point), truth, strict=True)), mode


@EXAMPLES
@given(functions(kinks=True, inputs=1, most=8), POINTS)
def test_taylor_propagation_equals_nested_gradients(f: Function, point: list[float]) -> None:
    point = point[:1]
    assume(finite(f, point) and off_the_kinks(f, point))
    nested = f
    for order in range(1, 5):
        nested = sg.grad(nested)
        by_taylor = sg.derivative(f, order=order)
        assert close(at(nested, point)[0], at(by_taylor, point)[0])
        if order == 3:
            assert close(at(nested, point)[0], slope(f, point, [3]))


@EXAMPLES
@given(functions(kinks=True, outputs=3, most=10), POINTS)
def test_sparse_equals_dense_and_holds_no_structural_zero(f: Function, point: list[float]) -> None:
    point = point[: len(f.names)]
    dense, sparse = sg.jacobian(f, wrt=range_of(f)), sg.jacobian(f, wrt=range_of(f), sparse=True)
    want = at(dense, point)
    got = at(sparse, point)
    pattern = sparse.pattern
    assert pattern is not None
    n = len(point)
    full = [mp.mpf(0)] * (3 * n)
    for r in range(3):
        for k in range(pattern.indptr[r], pattern.indptr[r + 1]):
            full[r * n + pattern.indices[k]] = got[k]
    for a, b in zip(full, want, strict=True):
        assert (mp.isnan(a) and mp.isnan(b)) or close(a, b)
    (stack,) = sparse.outputs
    assert not any(sparse.graph.value(i) == 0 for i in sparse.graph.args[stack])


@pytest.mark.parametrize("mode", MODES)
def test_modes_are_reported(mode: str) -> None:
    x, y = sp.symbols("x y")
    f = sg.function([x, y], sp.sin(x * y) * y)
    lines = sg.grad(f, mode=mode).explain()
    assert ("accumulation, as asked for" in lines) == (mode != "auto")
    assert "accumulation" in lines


def range_of(f: Function) -> list[int]:
    return list(range(len(f.names)))
