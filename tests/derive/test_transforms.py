"""grad, jacobian, hessian, derivative: forms, nesting, wrt=, structure and errors."""

from __future__ import annotations

import math
from typing import Any

import mpmath as mp
import numpy as np
import pytest
import scipy.sparse
import sympy as sp

import symgrad as sg
from symgrad.errors import ArgumentError, SymgradError, UnsupportedError

x, y, z, t = sp.symbols("x y z t")
p = sp.Symbol("p")
E = sp.exp(x * y) * sp.sin(z) + p * x**2 / y
AT = (0.3, 1.7, -0.4, 2.0)


def value(e: Any, point: tuple[float, ...] = AT) -> float:
    return float(e.subs(dict(zip((x, y, z, p), (sp.Float(v, 40) for v in point), strict=True))).evalf(25))


def test_grad() -> None:
    f = sg.function([x, y, z], E)
    assert sg.grad(f)(*AT) == pytest.approx([value(E.diff(s)) for s in (x, y, z)], rel=1e-14)


def test_a_function_of_one_variable_has_a_bare_gradient() -> None:
    f = sg.function([x], x**3)
    assert sg.grad(f)(2.0) == 12.0
    assert sg.value_and_grad(f)(2.0) == (8.0, 12.0)


def test_jacobian_of_a_vector_and_of_matrices() -> None:
    entries = [x * y, sp.sin(z), x + p]
    want = [[float(e.diff(s).subs({x: 0.3, y: 1.7, z: -0.4})) for s in (x, y, z)] for e in entries]
    for form, shape in [
        (entries, (3, 3)),
        (sp.Matrix(entries), (3, 3)),
        (sp.Matrix([entries]), (3, 3)),
        (sp.Matrix([entries, entries]), (2, 3, 3)),
    ]:
        got = sg.jacobian(sg.function([x, y, z], form))(*AT)
        assert got.shape == shape
        assert np.allclose(got.reshape(-1, 3)[:3], want, rtol=1e-14)
    two = sg.jacobian(sg.function([x, y], (x * y, [x, y**2])))(2.0, 3.0)
    assert two[0].tolist() == [3.0, 2.0]
    assert two[1].tolist() == [[1.0, 0.0], [0.0, 6.0]]


def test_jacobian_matches_sympy() -> None:
    m = sp.Matrix([E, E**2, x / z])
    f = sg.function([x, y, z], m)
    assert (sg.jacobian(f).sympy() - m.jacobian([x, y, z])).applyfunc(sp.simplify).is_zero_matrix


def test_hessian_is_symmetric_and_equals_nested_jacobians() -> None:
    f = sg.function([x, y, z], E)
    h = sg.hessian(f)(*AT)
    assert (h == h.T).all()
    want = [[value(E.diff(a, b)) for b in (x, y, z)] for a in (x, y, z)]
    assert np.allclose(h, want, rtol=1e-13)
    assert np.allclose(sg.jacobian(sg.jacobian(f))(*AT), want, rtol=1e-13)
    gradient = sg.grad(f)
    assert np.allclose(np.array(sg.jacobian(gradient)(*AT)), want, rtol=1e-13)


def test_third_derivatives_nest() -> None:
    f = sg.function([x, y], sp.sin(x * y**2))
    third = sg.jacobian(sg.hessian(f))(0.3, 1.2)
    assert third.shape == (2, 2, 2)
    for i, a in enumerate((x, y)):
        for j, b in enumerate((x, y)):
            for k, c in enumerate((x, y)):
                want = sp.sin(x * y**2).diff(a, b, c).subs({x: 0.3, y: 1.2})
                assert third[i, j, k] == pytest.approx(float(want), rel=1e-12)


def test_grad_of_grad_by_one_variable() -> None:
    f = sg.function([x, y], x**3 * y**2)
    mixed = sg.grad(sg.grad(f, wrt="x"), wrt="y")
    assert mixed(2.0, 3.0) == 72.0
    assert sg.grad(sg.grad(sg.grad(f, wrt="x"), wrt="x"), wrt="x")(2.0, 3.0) == 54.0


@pytest.mark.parametrize("order", range(6))
def test_derivative_equals_nested_grad(order: int) -> None:
    e = sp.exp(sp.sin(x)) / (1 + x**2) * sp.sqrt(x + 3)
    f = sg.function([x], e)
    nested = f
    for _ in range(order):
        nested = sg.grad(nested)
    exact = sp.diff(e, x, order) if order else e
    want = float(exact.subs(x, sp.Float(0.7, 60)).evalf(30))
    assert sg.derivative(f, order=order)(0.7) == pytest.approx(want, rel=1e-12)
    assert nested(0.7) == pytest.approx(want, rel=1e-12)


def test_derivative_keeps_the_form_of_the_result() -> None:
    f = sg.function([t], (t**3, [t, t**2], sp.Matrix([[t**4, 1], [0, sp.sin(t)]])))
    scalar, vector, matrix = sg.derivative(f, order=2)(2.0)
    assert scalar == 12.0
    assert vector.tolist() == [0.0, 2.0]
    assert matrix.tolist() == [[48.0, 0.0], [0.0, -math.sin(2.0)]]


def test_tenth_derivative_of_seven_nested_sines() -> None:
    e: Any = x
    for _ in range(7):
        e = sp.sin(e)
    tenth = sg.derivative(sg.function([x], e), order=10)

    def seven(v: Any) -> Any:
        for _ in range(7):
            v = mp.sin(v)
        return v

    for at in (0.3, 1.1, -2.0):
        with mp.workdps(60):
            want = mp.diff(seven, mp.mpf(at), 10)
        assert tenth(at) == pytest.approx(float(want), rel=1e-11)
    assert tenth.count_ops() < 4000
    assert "Taylor propagation" in tenth.explain()


# --- wrt= ------------------------------------------------------------------------------------------------------------


def test_forms_of_wrt() -> None:
    f = sg.function([x, y, z], E)
    dx, dy, dz = sg.grad(f)(*AT)
    dp = value(E.diff(p))
    assert sg.grad(f, wrt=x)(*AT) == sg.grad(f, wrt="x")(*AT) == sg.grad(f, wrt=0)(*AT) == dx
    assert sg.grad(f, wrt=-1)(*AT) == pytest.approx(dp, rel=1e-15)
    assert sg.grad(f, wrt=[y])(*AT) == (dy,)
    assert sg.grad(f, wrt=(z, "x", 1))(*AT) == (dz, dx, dy)
    assert sg.grad(f, wrt=p)(*AT) == pytest.approx(dp, rel=1e-15)
    assert sg.hessian(f, wrt=[x, p])(*AT)[0, 1] == pytest.approx(value(E.diff(x, p)), rel=1e-14)
    assert sg.jacobian(f, wrt=[y, x])(*AT).tolist() == pytest.approx([dy, dx])
    assert sg.derivative(f, wrt="y", order=2)(*AT) == pytest.approx(value(E.diff(y, 2)), rel=1e-13)


def test_derivatives_keep_inputs_and_parameters() -> None:
    f = sg.function([x, y, z], E)
    g = sg.grad(f)
    assert g.names == f.names
    assert g.parameters == ("p",)
    assert sg.grad(f)(x=0.3, y=1.7, z=-0.4, p=2.0) == g(*AT)


@pytest.mark.parametrize(
    ("wrt", "message"),
    [
        ("w", "wrt=w: not an input of f; it has x, y, z, p"),
        (7, "wrt=7: f has 4 inputs"),
        (sp.Symbol("nowhere"), "not an input of f"),
        (["x", 0], "twice"),
        ([x, x], "twice"),
        (1.5, "not an input"),
        (True, "not an input"),
    ],
)
def test_wrong_wrt(wrt: Any, message: str) -> None:
    f = sg.function([x, y, z], E)
    for transform in (sg.grad, sg.jacobian, sg.hessian, sg.derivative):
        with pytest.raises(ArgumentError, match=message):
            transform(f, wrt=wrt)


def test_errors() -> None:
    f = sg.function([x, y], [x, y])
    with pytest.raises(ArgumentError, match="grad needs a scalar function"):
        sg.grad(f)
    with pytest.raises(ArgumentError, match="hessian needs a scalar function"):
        sg.hessian(f)
    with pytest.raises(ArgumentError, match="derivative needs one variable"):
        sg.derivative(f)
    for order in (-1, 1.5, True, None):
        with pytest.raises(ArgumentError, match="0 or more"):
            sg.derivative(f, wrt=x, order=order)
    with pytest.raises(ArgumentError, match="mode='sideways'"):
        sg.jacobian(f, mode="sideways")
    with pytest.raises(ArgumentError, match="no variables"):
        sg.grad(sg.function([], p**2))
    with pytest.raises(UnsupportedError, match="no closed form; hold"):
        sg.grad(sg.function([x, y], sp.zeta(x, y)), wrt=x)
    assert sg.grad(sg.function([x, y], sp.zeta(x, y)), wrt=y)(2.5, 0.7) < 0
    for bad in (3.0, None, "x**2"):
        with pytest.raises(SymgradError, match=r"no Function; make one with sg\.function"):
            sg.grad(bad)


# --- structure -------------------------------------------------------------------------------------------------------


def test_sparse_jacobian_has_only_true_nonzeros() -> None:
    v = sp.symbols("v0:6")
    rows = [v[k + 1] - v[k] ** 2 for k in range(5)] + [v[0] - v[0], sp.Integer(3), v[5] * (v[1] - v[1])]
    f = sg.function(list(v), rows)
    j = sg.jacobian(f, sparse=True)
    assert j.pattern is not None
    assert j.pattern.shape == (8, 6)
    assert j.pattern.indptr == (0, 2, 4, 6, 8, 10, 10, 10, 10)
    assert j.pattern.indices == (0, 1, 1, 2, 2, 3, 3, 4, 4, 5)
    at = np.arange(6) + 0.5
    got = j(*at)
    assert isinstance(got, scipy.sparse.csr_array)
    assert np.array_equal(got.toarray(), sg.jacobian(f)(*at))


def test_sparse_hessian_of_rosenbrock_is_tridiagonal() -> None:
    v = sp.symbols("v0:9")
    e = sum(100 * (v[k + 1] - v[k] ** 2) ** 2 + (1 - v[k]) ** 2 for k in range(8))
    f = sg.function(list(v), e)
    h = sg.hessian(f, sparse=True)
    assert h.pattern is not None
    assert len(h.pattern.indices) == 9 + 2 * 8
    at = np.linspace(-1, 1, 9)
    assert np.array_equal(h(*at).toarray(), sg.hessian(f)(*at))


def test_an_empty_sparse_jacobian() -> None:
    j = sg.jacobian(sg.function([x, y], [sp.Integer(1), sp.floor(x)]), sparse=True)
    got = j(1.0, 2.0)
    assert got.shape == (2, 2)
    assert got.nnz == 0


def test_a_sparse_jacobian_is_derived_as_the_matrix_it_is() -> None:
    f = sg.function([x, y], [x**2 * y, x, y**3])
    sparse, dense = sg.jacobian(f, sparse=True), sg.jacobian(f)
    assert np.array_equal(sg.jacobian(sparse)(3.0, 2.0), sg.jacobian(dense)(3.0, 2.0))


def test_derivatives_of_conditions_are_numbers() -> None:
    assert repr(sg.grad(sg.function([x], x > 0))(3.0)) == "0.0"
    assert sg.jacobian(sg.function([x], [sp.Gt(x, 0)]))(3.0).dtype == np.float64


def test_what_cancels_between_paths_is_no_nonzero() -> None:
    u = sp.sin(x)
    f = sg.function([x, y], [sp.Add(x * (y + 2), -x * y, -x, -x, evaluate=False), (u + y) ** 2 - u**2 - 2 * u * y])
    j = sg.jacobian(f, sparse=True)
    assert j.pattern is not None
    assert j.pattern.indptr[1] == 0
    assert np.allclose(j(0.3, 0.7).toarray(), [[0, 0], [0, 1.4]], atol=1e-15)


def test_what_cancels_structurally_is_no_nonzero() -> None:
    f = sg.function([x, y], [x + y - x, sp.Heaviside(x) + y])
    j = sg.jacobian(f, sparse=True)
    assert j.pattern is not None
    assert j.pattern.indices == (1, 1)


def test_float32_stays_float32() -> None:
    f = sg.function([x, y], [x * y, x, sp.Integer(1), sp.Max(x, y)], dtype="float32")
    j = sg.jacobian(f)
    at = (np.float32(1.5), np.float32(2.0))
    assert j(*at).dtype == np.float32
    assert j(*at).tolist() == [[2.0, 1.5], [1.0, 0.0], [0.0, 0.0], [0.0, 1.0]]
    scalar = sg.function([x, y], x**2 * y + 3, dtype="float32")
    batch = np.ones(3, np.float32)
    for out in (*sg.grad(scalar)(batch, batch), sg.value_and_grad(scalar)(batch, batch)[0]):
        assert out.dtype == np.float32
    assert sg.hessian(scalar)(*at).dtype == np.float32
    assert sg.derivative(scalar, wrt="y", order=2)(batch, batch).dtype == np.float32
    assert sg.jacobian(f, sparse=True)(*at).dtype == np.float32


def test_explain_says_what_was_chosen_and_why() -> None:
    v = sp.symbols("v0:20")
    many_in = sg.grad(sg.function(list(v), sp.exp(sum(sp.sin(s) for s in v))))
    assert "reverse accumulation (forward" in many_in.explain()
    many_out = sg.jacobian(sg.function([x], [sp.sin(k * sp.exp(x)) for k in range(1, 20)]))
    assert "forward accumulation (forward" in many_out.explain()
    assert "operations before simplification" in many_out.explain()


def test_transforms_of_a_python_function_are_made_once() -> None:
    traced = []

    @sg.function
    def f(x, y):
        traced.append(1)
        return np.sum(np.sin(x) * y)

    x = np.ones(3)
    for transform in (sg.grad, sg.value_and_grad, sg.jacobian, sg.hessian, sg.jvp, sg.vjp, sg.hvp, sg.vmap):
        assert transform(f) is transform(f)
    assert sg.grad(f, "y") is sg.grad(f, 1)
    assert sg.grad(f, "y") is not sg.grad(f)
    assert sg.grad(f, ["x"]) is not sg.grad(f, "x")
    assert sg.hessian(f, structure="auto") is not sg.hessian(f)
    assert sg.derivative(f, order=2) is not sg.derivative(f, order=3)
    assert sg.vmap(f, in_axes=(0, None)) is not sg.vmap(f)
    for _ in range(3):
        sg.grad(f)(x, x)
    assert len(traced) == 1
