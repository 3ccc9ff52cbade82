"""SymPy's matrix expressions against NumPy; what has no numerical meaning is refused by name."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import sympy as sp
from sympy.matrices.expressions.diagonal import DiagMatrix, DiagonalMatrix, DiagonalOf
from sympy.matrices.expressions.dotproduct import DotProduct

import symgrad as sg
from symgrad.graph.verify import verify

A, B = sp.MatrixSymbol("A", 3, 3), sp.MatrixSymbol("B", 3, 3)
R, C = sp.MatrixSymbol("R", 2, 3), sp.MatrixSymbol("C", 3, 4)
x, y = sp.MatrixSymbol("x", 3, 1), sp.MatrixSymbol("y", 3, 1)
s = sp.Symbol("s")
k = sp.Symbol("k", integer=True)
n = sp.Symbol("n")
rng = np.random.default_rng(7)
VALUES = {
    A: rng.normal(size=(3, 3)) + 3 * np.eye(3),
    B: rng.normal(size=(3, 3)) + 3 * np.eye(3),
    R: rng.normal(size=(2, 3)),
    C: rng.normal(size=(3, 4)),
    x: rng.normal(size=(3, 1)),
    y: rng.normal(size=(3, 1)),
    s: 0.6,
}
inv, det = np.linalg.inv, np.linalg.det

CASES = [
    (A + B, lambda a, b: a + b),
    (A - B, lambda a, b: a - b),
    (-A, lambda a: -a),
    (2 * A - B / 3, lambda a, b: 2 * a - b / 3),
    (s * A - s**2 * A * B, lambda a, b, s: s * a - s**2 * a @ b),
    (R * A * C, lambda a, r, c: r @ a @ c),
    ((R * C).T, lambda r, c: (r @ c).T),
    (sp.Adjoint(A) * B, lambda a, b: a.T @ b),
    (A.I, inv),
    ((A * B).I, lambda a, b: inv(a @ b)),
    (A.I * B, lambda a, b: inv(a) @ b),
    (R * A.I, lambda a, r: r @ inv(a)),
    (A.I * B.I, lambda a, b: inv(a) @ inv(b)),
    (A.T.I * x, lambda a, x: inv(a).T @ x),
    (A**4, lambda a: np.linalg.matrix_power(a, 4)),
    (A**-3, lambda a: np.linalg.matrix_power(inv(a), 3)),
    (sp.MatPow(A, 0), lambda a: np.eye(3)),
    (sp.Trace(A * B), lambda a, b: np.trace(a @ b)),
    (sp.Determinant(A) * sp.Trace(B), lambda a, b: det(a) * np.trace(b)),
    (sp.log(sp.Determinant(A)), lambda a: np.log(det(a))),
    (sp.log(sp.Abs(sp.Determinant(A))), lambda a: np.log(abs(det(a)))),
    (sp.HadamardProduct(A, B, A), lambda a, b: a * b * a),
    (sp.HadamardPower(A, 2), lambda a: a**2),
    (sp.HadamardPower(sp.HadamardProduct(A, A), s), lambda a, s: (a * a) ** s),
    (sp.HadamardPower(A, -1), lambda a: 1 / a),
    (A + sp.Identity(3) * s, lambda a, s: a + s * np.eye(3)),
    (R + sp.OneMatrix(2, 3), lambda r: r + 1),
    (R * sp.OneMatrix(3, 2), lambda r: r @ np.ones((3, 2))),
    (sp.ZeroMatrix(3, 3) + A, lambda a: a),
    (A.applyfunc(sp.sin), np.sin),
    (A.applyfunc(sp.Lambda(n, s * n**2 + 1)), lambda a, s: s * a**2 + 1),
    (A.applyfunc(sp.Lambda(n, sp.Piecewise((n, n < 3), (sp.exp(-n), True)))), lambda a: np.where(a < 3, a, np.exp(-a))),
    (A.applyfunc(sp.Lambda(n, sp.Integer(2))) * x, lambda a, x: 2 * np.ones((3, 3)) @ x),
    (A[0, 1] * B[2, 0] + s, lambda a, b, s: a[0, 1] * b[2, 0] + s),
    (x[1, 0] ** 2, lambda x: x[1, 0] ** 2),
    (DotProduct(x, y), lambda x, y: np.vdot(x, y)),
    (DotProduct(x, y.T), lambda x, y: np.vdot(x, y)),
    (DiagonalOf(A), lambda a: np.diag(a)[:, None]),
    (DiagMatrix(x), lambda x: np.diag(x[:, 0])),
    (DiagonalMatrix(A), lambda a: np.diag(np.diag(a))),
    (sp.KroneckerProduct(R, A), lambda a, r: np.kron(r, a)),
    (sp.Matrix([[1, 2, 3], [0, s, 1]]) * A, lambda a, s: np.array([[1, 2, 3], [0, s, 1]]) @ a),
    (sp.Matrix([sp.Trace(A), s]), lambda a, s: np.array([[np.trace(a)], [s]])),
    (sp.Sum(A[k, k] ** 2, (k, 0, 2)), lambda a: np.sum(np.diag(a) ** 2)),
    (sp.sin(sp.Trace(A)) * A * x, lambda a, x: np.sin(np.trace(a)) * a @ x),
    ((x.T * A * y) * sp.Trace(A), lambda a, x, y: x.T @ a @ y * np.trace(a)),
]


@pytest.mark.parametrize(("formula", "numpy"), CASES, ids=[str(c[0]).replace("\n", "") for c in CASES])
def test_matrix_expressions(formula, numpy):
    used = [v for v in VALUES if formula.has(v)]
    f = sg.function(used, formula)
    verify(f.graph, f.inputs, f.outputs)
    given = [VALUES[v] for v in used]
    got, want = f(*given), numpy(*given)
    assert np.shape(got) == np.shape(want)
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-13)
    again = pickle.loads(pickle.dumps(f))
    np.testing.assert_array_equal(again(*given), got)
    assert again.symbols == f.symbols


def test_shapes_are_shown():
    assert repr(sg.function([R, x, s], s * R * x)).startswith("Function(f: R[2,3], x[3,1], s -> [2,1];")


def test_left_out_matrices_are_parameters():
    f = sg.function(x, x.T * A * x)
    assert f.names == ("x", "A")
    assert f.parameters == ("A",)
    assert sg.grad(f)(VALUES[x], VALUES[A]).shape == (3, 1)


def test_a_tuple_holds_several_matrices():
    product, trace = sg.function([A, x], (A * x, sp.Trace(A)))(VALUES[A], VALUES[x])
    assert product.shape == (3, 1)
    assert trace == pytest.approx(np.trace(VALUES[A]))


def test_products_are_multiplied_from_the_cheap_end():
    a, v = sp.MatrixSymbol("a", 100, 100), sp.MatrixSymbol("v", 100, 1)
    assert sg.function([a, v], a * a * a * v).count_ops() < 4 * 2 * 100**2
    assert sg.function([a, v], v.T * a * a * a).count_ops() < 4 * 2 * 100**2
    assert sg.function(a, sp.Trace(a * a)).count_ops() < 3 * 100**2


def test_an_inverse_that_is_multiplied_is_solved_with():
    for formula in (A.I * x, R * A.I, R * A.I * x):
        used = [v for v in VALUES if formula.has(v)]
        names = {op.name for op in sg.function(used, formula).graph.ops}
        assert "solve" in names
        assert "inv" not in {op.name for op in sg.function(used, formula).program[0].ops}


m = sp.Symbol("m", integer=True)


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        (sp.MatrixSymbol("S", m, 3), "symbolic size"),
        (sp.Trace(sp.MatrixSymbol("S", m, m)), "symbolic size m x m"),
        (A**s, "whole powers"),
        (sp.BlockMatrix([[A, B]]), "BlockMatrix"),
        (A[0:2, 0:2], "MatrixSlice"),
        ([A * x, s], "matrix in a list"),
        (sp.Permanent(A), "Permanent"),
        (sp.FunctionMatrix(3, 3, sp.Lambda((k, m), k + m)), "FunctionMatrix"),
    ],
)
def test_refused(formula, message):
    with pytest.raises(sg.SymgradError, match=message):
        sg.function([A, B, x, s], formula)


def test_bad_arguments_are_named():
    f = sg.function([A, x], A * x)
    with pytest.raises(sg.ArgumentError, match=r"x must have shape \(3, 1\), got shape \(3,\)"):
        f(VALUES[A], np.ones(3))
    with pytest.raises(sg.DtypeError, match="A must be real"):
        f(1j * VALUES[A], VALUES[x])
    with pytest.raises(sg.ArgumentError, match="missing: x"):
        f(VALUES[A])


def test_long_products_take_no_long_search():
    a = sp.MatrixSymbol("a", 2, 2)
    others = [sp.MatrixSymbol(f"m{k}", 2, 2) for k in range(3)]
    expression = sp.MatMul(*[others[k % 3] for k in range(200)], a)
    f = sg.function([a, *others], expression)
    values = [np.eye(2) * 0.9 + 0.01 * k for k in range(4)]
    want = np.linalg.matrix_power(values[1] @ values[2] @ values[3], 66) @ values[1] @ values[2] @ values[0]
    np.testing.assert_allclose(f(*values), want, rtol=1e-10)


def test_what_the_c_back_end_has_not_is_named(tmp_path):
    f = sg.function([A, x], x.T * A.inv() * x)
    with pytest.raises(sg.UnsupportedError, match="C code has no solve"):
        f.c(tmp_path / "f.c")
    f = sg.function([A, x], x.T * A * x)
    f.c(tmp_path / "f.c")
    assert "double" in (tmp_path / "f.c").read_text()
    f.compile()
    assert "a program of" in f.explain()
    assert f.picture(tmp_path / "f.svg").exists()
