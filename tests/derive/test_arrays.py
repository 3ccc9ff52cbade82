"""Derivatives by matrices: against mpmath at 50 digits, against known formulas, forward against reverse."""

from __future__ import annotations

from typing import Any

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad.graph.verify import verify

N = 3
A, B, S = (sp.MatrixSymbol(n, N, N) for n in "ABS")
x, b = (sp.MatrixSymbol(n, N, 1) for n in "xb")
R = sp.MatrixSymbol("R", 2, N)
t = sp.Symbol("t")


def sample(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Random, and regular where square."""
    values = np.random.default_rng([seed, *shape]).normal(size=shape)
    return values + 3 * np.eye(shape[0]) if len(shape) == 2 and shape[0] == shape[1] else values


def trace(m: Any) -> Any:
    return mp.fsum(m[k, k] for k in range(m.rows))


def mapped(f: Any, m: Any) -> Any:
    return m.apply(f)


# name: (formula, the same in mpmath of (A, B, x, b, R, t))
CASES: dict[str, tuple[Any, Any]] = {
    "log det": (sp.log(sp.Determinant(A)), lambda A, B, x, b, R, t: mp.log(mp.det(A))),
    "log |det|": (sp.log(sp.Abs(sp.Determinant(-A))), lambda A, B, x, b, R, t: mp.log(abs(mp.det(A)))),
    "det": (sp.Determinant(A * B), lambda A, B, x, b, R, t: mp.det(A * B)),
    "det of inverse": (sp.Determinant(A.I.T), lambda A, B, x, b, R, t: 1 / mp.det(A)),
    "exp trace": (sp.exp(sp.Trace(A)), lambda A, B, x, b, R, t: mp.exp(trace(A))),
    "x'Ax": (x.T * A * x, lambda A, B, x, b, R, t: x.T * A * x),
    "ABA'": (sp.Trace(A * B * A.T), lambda A, B, x, b, R, t: trace(A * B * A.T)),
    "least squares": ((A * x - b).T * (A * x - b), lambda A, B, x, b, R, t: (A * x - b).T * (A * x - b)),
    "b'A^-1 x": (b.T * A.I * x, lambda A, B, x, b, R, t: b.T * A**-1 * x),
    "inverse": (A.I, lambda A, B, x, b, R, t: A**-1),
    "solve": (A.I * x, lambda A, B, x, b, R, t: A**-1 * x),
    "solve on the right": (R * A.I, lambda A, B, x, b, R, t: R * A**-1),
    "power": (A**3, lambda A, B, x, b, R, t: A * A * A),
    "negative power": (sp.Trace(A**-2), lambda A, B, x, b, R, t: trace(A**-1 * A**-1)),
    "hadamard": (
        sp.Trace(sp.HadamardProduct(A, B, A.T) * A),
        lambda A, B, x, b, R, t: trace(
            mp.matrix([[A[i, j] * B[i, j] * A[j, i] for j in range(N)] for i in range(N)]) * A
        ),
    ),
    "hadamard power": (sp.HadamardPower(A, 3) * x, lambda A, B, x, b, R, t: mapped(lambda v: v**3, A) * x),
    "elementwise": (
        (t * A * x + b).applyfunc(sp.Lambda(t, sp.sin(t) * sp.exp(-t))),
        lambda A, B, x, b, R, t: mapped(lambda v: mp.sin(v) * mp.exp(-v), t * A * x + b),
    ),
    "scalar factor": (t**2 * sp.Trace(A) * A, lambda A, B, x, b, R, t: t**2 * trace(A) * A),
    "ridge": (
        sp.log(sp.Determinant(A.T * A + t * sp.Identity(N))) + sp.Trace(R.T * R * t**2),
        lambda A, B, x, b, R, t: mp.log(mp.det(A.T * A + t * mp.eye(N))) + t**2 * trace(R.T * R),
    ),
    "elements": (A[0, 1] * sp.sin(A[2, 2]) * x[1, 0], lambda A, B, x, b, R, t: A[0, 1] * mp.sin(A[2, 2]) * x[1, 0]),
    "vector of elements": (
        sp.Matrix([A[0, 1] * t, sp.Trace(A), x[0, 0] ** 2]),
        lambda A, B, x, b, R, t: mp.matrix([A[0, 1] * t, trace(A), x[0, 0] ** 2]),
    ),
    "numbers": (
        sp.Matrix([[1, 2, t], [0, t, 1], [3, 1, 1]]) * A,
        lambda A, B, x, b, R, t: mp.matrix([[1, 2, t], [0, t, 1], [3, 1, 1]]) * A,
    ),
}
VARIABLES = {"A": A, "B": B, "x": x, "b": b, "R": R, "t": t}
AT = {"A": sample((N, N)), "B": sample((N, N), 1), "x": sample((N, 1)), "b": sample((N, 1), 1), "R": sample((2, N))}
AT["t"] = 0.7


def differences(f: Any, name: str, at: dict[str, Any], h: Any) -> Any:
    """The derivative of an mpmath function by one variable, as a nested array of shape value + variable."""

    def value(moved: Any) -> np.ndarray:
        out = f(**{n: _exact(v) if n != name else moved for n, v in at.items()})
        if not isinstance(out, mp.matrix):
            return np.array(out, dtype=object)
        return np.array([[out[i, j] for j in range(out.cols)] for i in range(out.rows)], dtype=object)

    base = np.asarray(at[name], dtype=object)
    columns = []
    for index in np.ndindex(base.shape):
        step = np.zeros(base.shape, dtype=object)
        step[index] = h
        up, down = (_exact(base + s * step) for s in (1, -1))
        columns.append(np.asarray((value(up) - value(down)) / (2 * h), dtype=object))
    return np.stack(columns, axis=-1).reshape(columns[0].shape + base.shape)


def _exact(v: Any) -> Any:
    v = np.asarray(v, dtype=object)
    return mp.mpf(v.item()) if not v.shape else mp.matrix([[mp.mpf(e) for e in row] for row in v])


def close(got: Any, want: Any, rtol: float, about: str) -> None:
    """Equal but for axes of length 1, whose places have a test of their own."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.size == want.size, about
    np.testing.assert_allclose(got, want.reshape(got.shape), rtol=rtol, atol=rtol, err_msg=about)


@pytest.mark.parametrize("name", CASES)
def test_first_and_second_derivatives(name):
    formula, truth = CASES[name]
    used = [n for n, s in VARIABLES.items() if formula.has(s)]
    f = sg.function([VARIABLES[n] for n in used], formula)
    at = {n: AT[n] for n in VARIABLES}
    given = [AT[n] for n in used]
    tiny = mp.mpf(10) ** -25
    with mp.workdps(60):
        exact = truth(**{n: _exact(v) for n, v in at.items()})
        close(f(*given), np.array(exact.tolist() if isinstance(exact, mp.matrix) else exact, dtype=float), 1e-13, name)
        for n in used:
            first = sg.jacobian(f, wrt=n)
            verify(first.graph, first.inputs, first.outputs)
            close(first(*given), differences(truth, n, at, tiny).astype(float), 1e-12, f"d {name} / d {n}")
            forward = sg.jacobian(f, wrt=n, mode="forward")
            verify(forward.graph, forward.inputs, forward.outputs)
            assert np.shape(forward(*given)) == np.shape(first(*given))
            np.testing.assert_allclose(forward(*given), first(*given), rtol=1e-12, atol=1e-12)
            second = sg.jacobian(first, wrt=n)
            verify(second.graph, second.inputs, second.outputs)

            def gradient(n: str = n, **v: Any) -> Any:
                inner = {k: np.array(m.tolist()) if isinstance(m, mp.matrix) else m for k, m in v.items()}
                return mp.matrix([list(differences(truth, n, inner, tiny).ravel())])

            want = differences(gradient, n, at, mp.mpf(10) ** -12).astype(float)
            close(second(*given), want, 1e-11, f"d2 {name} / d {n}2")


def test_what_sympy_gets_silently_wrong():
    a = AT["A"]
    eye = np.eye(N)
    np.testing.assert_allclose(sg.grad(sg.function(A, sp.log(sp.Determinant(A))))(a), np.linalg.inv(a).T, rtol=1e-13)
    np.testing.assert_allclose(sg.grad(sg.function(A, sp.exp(sp.Trace(A))))(a), np.exp(np.trace(a)) * eye, rtol=1e-14)


def test_known_gradients_and_hessians():
    a, m, v, w = AT["A"], AT["B"], AT["x"], AT["b"]
    quadratic = sg.function([x, A], x.T * A * x)
    np.testing.assert_allclose(sg.grad(quadratic, wrt=x)(v, a), (a + a.T) @ v, rtol=1e-13)
    np.testing.assert_allclose(sg.grad(quadratic, wrt=A)(v, a), v @ v.T, rtol=1e-13)
    np.testing.assert_allclose(sg.hessian(quadratic, wrt=x)(v, a), a + a.T, rtol=1e-13)
    squares = sg.function([x, A, b], (A * x - b).T * (A * x - b))
    np.testing.assert_allclose(sg.grad(squares, wrt=x)(v, a, w), 2 * a.T @ (a @ v - w), rtol=1e-13)
    hessian = sg.hessian(squares, wrt=x)
    np.testing.assert_allclose(hessian(v, a, w), 2 * a.T @ a, rtol=1e-13)
    assert hessian.graph.reach(hessian.outputs).count(True) == 4  # A, 2, A^T A and their product: no more
    sandwich = sg.function([A, B], sp.Trace(A * B * A.T))
    np.testing.assert_allclose(sg.grad(sandwich, wrt=A)(a, m), a @ (m + m.T), rtol=1e-13)
    inverse = np.linalg.inv(a)
    got = sg.hessian(sg.function(A, sp.log(sp.Determinant(A))))(a)
    np.testing.assert_allclose(got, -np.einsum("jk,li->ijkl", inverse, inverse), rtol=1e-12)


def test_shapes():
    """A gradient has its variable's shape; vectors lose their axis of length 1 in Jacobians; scalars share an axis."""
    f = sg.function([A, x, t], t * x.T * A * x)
    assert [g.shape if np.ndim(g) else () for g in sg.grad(f)(AT["A"], AT["x"], 0.5)] == [(N, N), (N, 1), ()]
    value, gradient = sg.value_and_grad(f, wrt="x")(AT["A"], AT["x"], 0.5)
    assert value.shape == (1, 1)
    assert gradient.shape == (N, 1)
    blocks = sg.hessian(f)(AT["A"], AT["x"], 0.5)
    shapes = [[np.shape(h) for h in row] for row in blocks]
    assert shapes == [[(N, N, N, N), (N, N, N), (N, N)], [(N, N, N), (N, N), (N,)], [(N, N), (N,), ()]]
    np.testing.assert_allclose(blocks[1][0], np.moveaxis(blocks[0][1], -1, 0), rtol=1e-14)
    g = sg.function([R, x, t], t * R * x)
    assert [j.shape for j in sg.jacobian(g)(AT["R"], AT["x"], 0.5)] == [(2, 2, N), (2, N), (2,)]
    assert sg.jacobian(g, wrt="x")(AT["R"], AT["x"], 0.5).shape == (2, N)
    assert sg.jacobian(g, wrt=["t"])(AT["R"], AT["x"], 0.5).shape == (2, 1)
    assert sg.jacobian(sg.function([R, x], (R * x, R)), wrt="x")(AT["R"], AT["x"])[1].shape == (2, N, N)


def test_scalars_behind_matrices():
    s = sp.Symbol("s")
    f = sg.function([s, t, A, B], sp.Determinant(s * A + t * B))
    a, m = AT["A"], AT["B"]

    def value(p: float, q: float) -> float:
        return float(np.linalg.det(p * a + q * m))

    gradient = sg.grad(f, wrt=[s, t])(0.7, 0.4, a, m)
    want = [sp.diff(sp.Matrix(a * s + m * t).det(), v).subs({s: 0.7, t: 0.4}) for v in (s, t)]
    np.testing.assert_allclose(gradient, np.array(want, dtype=float), rtol=1e-12)
    hessian = sg.hessian(f, wrt=[s, t])(0.7, 0.4, a, m)
    want = sp.hessian(sp.Matrix(a * s + m * t).det(), [s, t]).subs({s: 0.7, t: 0.4})
    np.testing.assert_allclose(hessian, np.array(want, dtype=float), rtol=1e-11)
    third = sg.derivative(f, wrt=t, order=3)(0.7, 0.4, a, m)
    assert third == pytest.approx(6 * np.linalg.det(m), rel=1e-12)
    assert value(0.7, 0.4) == pytest.approx(f(0.7, 0.4, a, m), rel=1e-14)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(n=st.integers(1, 4), m=st.integers(1, 4), k=st.integers(1, 3), seed=st.integers(0, 99))
def test_forward_and_reverse_agree_for_all_shapes(n, m, k, seed):
    """w (J v) = (w J) v, H v by hvp and by the Hessian: vectors, rows, 1 x 1 matrices included."""
    X, Y, W = sp.MatrixSymbol("X", n, m), sp.MatrixSymbol("Y", m, k), sp.MatrixSymbol("W", n, n)
    rng = np.random.default_rng(seed)
    v, w = rng.normal(size=(n, m)), rng.normal(size=(m, k))
    z = rng.normal(size=(n, n)) + 4 * np.eye(n)
    f = sg.function([X, Y, W], (W.I * (X * Y).applyfunc(sp.sin), sp.HadamardProduct(X, X)))
    dv, dw, dz = rng.normal(size=v.shape), rng.normal(size=w.shape), rng.normal(size=z.shape)
    value, tangent = sg.jvp(f)(v, w, z, dv, dw, dz)
    weights = [rng.normal(size=p.shape) for p in value]
    _, gradient = sg.vjp(f)(v, w, z, *weights)
    left = sum(np.vdot(a, c) for a, c in zip(weights, tangent, strict=True))
    right = sum(np.vdot(a, c) for a, c in zip(gradient, (dv, dw, dz), strict=True))
    assert left == pytest.approx(right, rel=1e-10, abs=1e-10)
    scalar = sg.function([X, Y, W], sp.Trace(X * Y * Y.T * X.T * W) + sp.log(sp.Determinant(W.T * W)))
    blocks = sg.hessian(scalar, wrt=["X", "W"])(v, w, z)
    hv = sg.hvp(scalar, wrt=["X", "W"])(v, w, z, dv, dz)
    for row, got in zip(blocks, hv, strict=True):
        total = sum(np.ravel(h.reshape(got.size, -1) @ d.ravel()) for h, d in zip(row, (dv, dz), strict=True))
        np.testing.assert_allclose(got.ravel(), total, rtol=1e-9, atol=1e-9)


def test_the_cost_of_a_product_with_the_hessian_is_that_of_a_few_gradients():
    n = 40
    X, m = sp.MatrixSymbol("X", n, n), sp.MatrixSymbol("M", n, n)
    f = sg.function([X, m], sp.Trace((X * m * X.T).applyfunc(sp.sin)))
    assert sg.hvp(f, wrt=X).count_ops() < 5 * sg.grad(f, wrt=X).count_ops()


def test_third_order_of_log_det_by_a_direction():
    f = sg.function(A, sp.log(sp.Determinant(A)))
    d = AT["B"]
    third = sg.jvp(sg.jvp(sg.jvp(f), wrt="A"), wrt="A")
    got = third(AT["A"], d, d, d)[1][1][1]
    p = np.linalg.inv(AT["A"]) @ d
    assert got == pytest.approx(2 * np.trace(p @ p @ p), rel=1e-12)


def test_batches_stand_in_front():
    rng = np.random.default_rng(5)
    a, v = rng.normal(size=(7, N, N)) + 3 * np.eye(N), rng.normal(size=(7, N, 1))
    for formula in (A.I * x, sp.Trace(A) * A * x, A.applyfunc(sp.exp) * x, sp.log(sp.Determinant(A.T * A)) * x):
        f = sg.function([A, x], formula)
        for g in (f, sg.jacobian(f, wrt=A), sg.jacobian(sg.jacobian(f, wrt=x), wrt=A)):
            got = g(a, v)
            for k in range(7):
                np.testing.assert_allclose(got[k], g(a[k], v[k]), rtol=1e-12, atol=1e-12)
            np.testing.assert_allclose(g(a, v[0])[3], g(a[3], v[0]), rtol=1e-12, atol=1e-12)


def test_a_singular_matrix_in_a_batch_is_nan_alone():
    a = np.stack([np.eye(N), np.zeros((N, N))])
    for formula in (A.I, A.I * x):
        got = sg.function([A, x], formula)(a, AT["x"])
        assert np.isfinite(got[0]).all()
        assert np.isnan(got[1]).all()
    assert sg.function(A, sp.Determinant(A))(a).tolist() == [1.0, 0.0]
    assert sg.function(A, sp.log(sp.Determinant(A)))(a).tolist() == [0.0, -np.inf]
    assert np.isnan(sg.function(A, sp.log(sp.Determinant(A)))(np.diag([1.0, -1.0, 1.0])))
    assert sg.function(A, sp.log(sp.Abs(sp.Determinant(A))))(np.diag([1.0, -2.0, 1.0])) == pytest.approx(np.log(2))


def test_log_det_does_not_overflow():
    n = 200
    X = sp.MatrixSymbol("X", n, n)
    f = sg.function(X, sp.log(sp.Determinant(X)))
    assert f(1e3 * np.eye(n)) == pytest.approx(n * np.log(1e3))
    np.testing.assert_allclose(sg.grad(f)(1e3 * np.eye(n)), 1e-3 * np.eye(n))


def test_no_nan_comes_out_of_the_branch_not_taken():
    f = sg.function(A, sp.Trace(A.applyfunc(sp.Lambda(t, sp.Piecewise((t, t < 1), (sp.sqrt(t), True))))))
    zero = np.zeros((N, N))
    np.testing.assert_array_equal(sg.grad(f)(zero), np.eye(N))
    np.testing.assert_array_equal(sg.hessian(f)(zero), np.zeros((N,) * 4))
    np.testing.assert_array_equal(sg.hvp(f)(zero, np.ones((N, N))), zero)


def test_zeros_of_structure_stay_zero_where_a_slope_is_infinite():
    f = sg.function(A, sp.Trace(A.applyfunc(sp.sqrt)))
    zero = np.zeros((N, N))
    np.testing.assert_array_equal(sg.grad(f)(zero), np.diag([np.inf] * N))
    hessian = sg.hessian(f)(zero)
    assert not np.isnan(hessian).any()
    assert np.count_nonzero(hessian) == N
    element = sg.function(A, sp.sqrt(A[0, 1]) * A[2, 2])
    assert np.count_nonzero(sg.grad(element)(np.eye(N))) == 1


def test_float32_stays_float32():
    f = sg.function([A, x], (A.I * x).applyfunc(sp.cos), dtype="float32")
    given = AT["A"].astype(np.float32), AT["x"].astype(np.float32)
    for g in (f, sg.jacobian(f, wrt=A), sg.jacobian(sg.jacobian(f, wrt=A), wrt=x)):
        verify(g.graph, g.inputs, g.outputs)
        assert g(*given).dtype == np.float32


@pytest.mark.parametrize("formula", [A, A.T, A + 0 * A, sp.OneMatrix(N, N) + sp.ZeroMatrix(N, N)], ids=str)
def test_results_are_the_callers_own(formula):
    a = AT["A"].copy()
    for f in (sg.function(A, formula), sg.hessian(sg.function(A, sp.Trace(A)))):
        first = f(a)
        before = first.copy()
        first[...] = 7.0
        np.testing.assert_array_equal(a, AT["A"])
        np.testing.assert_array_equal(f(a), before)


def test_what_arrays_do_not_have_is_refused():
    f = sg.function([A, x], A * x)
    with pytest.raises(sg.ArgumentError, match='accumulated "forward" or in "reverse"'):
        sg.jacobian(f, mode="taylor")
    with pytest.raises(sg.ArgumentError, match="scalar function"):
        sg.grad(f)
    with pytest.raises(sg.ArgumentError, match=r"A must have shape \(3, 3\)"):
        f(np.ones((2, 2)), AT["x"])


@pytest.mark.parametrize("name", CASES)
def test_every_formula_takes_batches(name):
    """Of its first variable, the others the same at every point."""
    formula, _ = CASES[name]
    used = [n for n, s in VARIABLES.items() if formula.has(s)]
    f = sg.function([VARIABLES[n] for n in used], formula)
    first, *others = (np.asarray(AT[n]) for n in used)
    batch = np.stack([first * (1 + k / 10) for k in range(3)])
    for g in (f, sg.jacobian(f), sg.jacobian(sg.jacobian(f, wrt=used[0]), wrt=used[-1])):
        got = g(batch, *others)
        for k in range(3):
            one = g(batch[k], *others)
            for a, c in zip(got, one, strict=True) if isinstance(one, tuple) else [(got, one)]:
                np.testing.assert_allclose(a[k], c, rtol=1e-11, atol=1e-12)
