"""Random matrix expressions: values, gradients, Hessians in every way we have, against differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad.graph.verify import verify

N, M = 3, 2
A, B = sp.MatrixSymbol("A", N, N), sp.MatrixSymbol("B", N, N)
R, x = sp.MatrixSymbol("R", N, M), sp.MatrixSymbol("x", N, 1)
s, d = sp.symbols("s d")
VARIABLES = (A, B, R, x, s)
LEAVES = {(N, N): [A, B, sp.Identity(N), A.T], (N, M): [R], (M, N): [R.T], (N, 1): [x], (1, N): [x.T]}
FUNCTIONS = [
    sp.sin(d),
    sp.tanh(d),
    sp.exp(d / 4),
    sp.sqrt(1 + d**2),
    d**3 / 9,
    sp.log(1 + sp.exp(d)),
    sp.Piecewise((d, d < 1), (sp.sqrt(sp.Max(d, sp.Rational(1, 10))), True)),
    1 / (2 + sp.cos(d)),
    s * d**2 + 1,
]


def matrix(draw: Any, shape: tuple[int, int], depth: int) -> Any:
    """A random expression of this shape."""
    rows, columns = shape
    if depth == 0:
        leaves = LEAVES.get(shape, [])
        if leaves and draw(st.integers(0, 4)):
            return draw(st.sampled_from(leaves))
        return sp.OneMatrix(rows, columns) * draw(st.sampled_from([1, s, sp.Rational(1, 2)]))
    kind = draw(st.sampled_from(["add", "product", "product", "hadamard", "apply", "transpose", "scale", "inverse"]))
    if kind == "add":
        sign = draw(st.sampled_from([1, -1, 2]))
        return matrix(draw, shape, depth - 1) + sign * matrix(draw, shape, depth - 1)
    if kind == "product":
        inner = draw(st.sampled_from([N, M, 1]))
        return matrix(draw, (rows, inner), depth - 1) * matrix(draw, (inner, columns), depth - 1)
    if kind == "hadamard":
        return sp.HadamardProduct(matrix(draw, shape, depth - 1), matrix(draw, shape, depth - 1))
    if kind == "apply":
        inner = matrix(draw, shape, depth - 1)
        function = sp.Lambda(d, draw(st.sampled_from(FUNCTIONS)))
        return inner if inner.is_Identity else inner.applyfunc(function)  # SymPy compares that with numbers
    if kind == "transpose":
        return matrix(draw, (columns, rows), depth - 1).T
    if kind == "scale":
        return scalar(draw, depth - 1) * matrix(draw, shape, depth - 1)
    inverse = sp.Inverse(matrix(draw, (rows, rows), depth - 1).applyfunc(sp.tanh) + 4 * sp.Identity(rows))
    return inverse * matrix(draw, shape, depth - 1)


def scalar(draw: Any, depth: int) -> Any:
    kind = draw(st.sampled_from(["trace", "det", "logdet", "element"]))
    inner = matrix(draw, (N, N), depth)
    regular = inner.applyfunc(sp.tanh) + 4 * sp.Identity(N)
    if kind == "trace":
        return sp.Trace(inner)
    if kind == "det":
        return sp.Determinant(regular) / 50
    if kind == "logdet":
        return sp.log(sp.Determinant(regular))
    return sp.tanh(A[0, 1]) + x[2, 0]


VALUES = [v / 2 for v in map(np.random.default_rng(11).normal, [0] * 4, [1] * 4, [(N, N), (N, N), (N, M), (N, 1)])]
VALUES.append(np.float64(0.4))
DIRECTIONS = list(map(np.random.default_rng(12).normal, [0] * 5, [1] * 5, [(N, N), (N, N), (N, M), (N, 1), ()]))


def differences(f: sg.Function, h: float = 1e-3) -> Any:
    """The derivative along the direction, by sixth-order central differences."""
    weights = {1: 3 / 4, 2: -3 / 20, 3: 1 / 60}

    def at(step: float) -> Any:
        values = f(*(v + step * t for v, t in zip(VALUES, DIRECTIONS, strict=True)))
        return values if isinstance(values, tuple) else (values,)

    total = None
    for n, w in weights.items():
        part = [np.asarray(w * (np.asarray(u) - v) / h) for u, v in zip(at(n * h), at(-n * h), strict=True)]
        total = part if total is None else [a + b for a, b in zip(total, part, strict=True)]
    return total


def close(got: Any, want: Any, tolerance: float) -> None:
    for g, w in zip(got, want, strict=True):
        g, w = np.ravel(g), np.ravel(w)
        np.testing.assert_allclose(g, w, rtol=tolerance, atol=tolerance * (1 + np.abs(w).max()))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data())
def test_every_way_agrees(data):
    draw = data.draw
    formula = scalar(draw, 2) if draw(st.booleans()) else sp.Trace(matrix(draw, (N, N), 3))
    f = sg.function(VARIABLES, formula)
    scale = abs(f(*VALUES))
    if not scale < 1e4:
        return
    gradient = sg.grad(f)
    product = sg.hvp(f)
    for made in (f, gradient, product, sg.jvp(f), sg.vjp(f)):
        verify(made.graph, made.inputs, made.outputs)
        verify(*made.program)
    _, tangent = sg.jvp(f)(*VALUES, *DIRECTIONS)
    along = differences(f)
    close([tangent], along, 1e-7)
    backward = gradient(*VALUES)
    total = sum(np.vdot(g, t) for g, t in zip(backward, DIRECTIONS, strict=True))
    assert total == pytest.approx(tangent, rel=1e-9, abs=1e-9 * (1 + scale))
    close(sg.vjp(f)(*VALUES, 1.0)[1], backward, 1e-10)
    hv = product(*VALUES, *DIRECTIONS)
    close(hv, differences(gradient), 1e-6)
    blocks = sg.hessian(f)(*VALUES)
    for row, got in zip(blocks, hv, strict=True):
        flat = [np.reshape(h, (np.size(got), -1)) @ np.ravel(t) for h, t in zip(row, DIRECTIONS, strict=True)]
        close([got], [sum(flat)], 1e-9)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.data())
def test_jacobians_of_matrices(data):
    shape = data.draw(st.sampled_from([(N, N), (N, M), (N, 1), (1, M), (1, 1)]))
    f = sg.function(VARIABLES, matrix(data.draw, shape, 2))
    if not np.abs(f(*VALUES)).max() < 1e4:
        return
    _, tangent = sg.jvp(f)(*VALUES, *DIRECTIONS)
    close([tangent], differences(f), 1e-7)
    jacobian = sg.jacobian(f)
    verify(jacobian.graph, jacobian.inputs, jacobian.outputs)
    size = shape[0] * shape[1]
    parts = [np.reshape(j, (size, -1)) @ np.ravel(t) for j, t in zip(jacobian(*VALUES), DIRECTIONS, strict=True)]
    close([tangent], [sum(parts)], 1e-9)
    space: dict[str, Any] = {}
    exec(f.python(), space)
    close([space["f"](*VALUES)], [f(*VALUES)], 1e-10)
