"""Matrix formulas: LaTeX as a textbook has it, SymPy's matrix expressions back, source that runs."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from tests.derive.test_arrays import AT, CASES, VARIABLES, A, B, N, R, b, t, x


def both(formula: sp.Basic) -> tuple[list[str], list[sg.Function]]:
    """The names of the variables in it, the function, and its derivatives by the first of them."""
    used = [n for n, s in VARIABLES.items() if formula.has(s)]
    f = sg.function([VARIABLES[n] for n in used], formula)
    scalar = f.graph.types[f.outputs[0]].shape in ((), (1, 1))
    more = [sg.grad(f, wrt=used[0]), sg.hessian(f, wrt=used[0])] if scalar else [sg.jacobian(f, wrt=used[0])]
    return used, [f, *more]


@pytest.mark.parametrize("name", CASES)
def test_the_source_runs_and_gives_the_same(name):
    used, functions = both(CASES[name][0])
    given = [AT[n] for n in used]
    for f in functions:
        space: dict[str, object] = {}
        exec(f.python(), space)
        got = space[next(n for n in reversed(space))](*given)
        np.testing.assert_allclose(np.reshape(got, np.shape(f(*given))), f(*given), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_sympy_gets_matrix_expressions_back(name):
    used, functions = both(CASES[name][0])
    given = [AT[n] for n in used]
    for f in functions:
        if max(len(f.graph.types[o].shape) for o in f.outputs) > 2:
            with pytest.raises(sg.UnsupportedError, match="no form as a SymPy matrix"):
                f.sympy()
            continue
        again = sg.function([VARIABLES[n] for n in used], f.sympy())
        np.testing.assert_allclose(np.ravel(again(*given)), np.ravel(f(*given)), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_latex_is_balanced_and_has_no_double_index(name):
    for f in both(CASES[name][0])[1]:
        text = f.latex()
        assert text.count("{") == text.count("}")
        assert text.count(r"\left") == text.count(r"\right")
        for k, c in enumerate(text):
            if c in "_^" and text[k + 1] == "{":
                depth, end = 1, k + 2
                while depth:
                    depth += {"{": 1, "}": -1}.get(text[end], 0)
                    end += 1
                assert text[end : end + 1] != c, text[k : end + 10]


X, y, w, u = sp.MatrixSymbol("X", 9, 4), sp.MatrixSymbol("y", 9, 1), sp.MatrixSymbol("w", 4, 1), sp.Symbol("u")
LOGISTIC = sg.function(
    [w, X, y],
    sp.OneMatrix(1, 9) * sp.HadamardProduct(y, X * w).applyfunc(sp.Lambda(u, sp.log(1 + sp.exp(-u)))),
)
LOGISTIC_HESSIAN = (
    r"\begin{aligned}x_{0} &= \sigma_{\circ}\left(y \circ X w\right) \\ & "
    r"X^{T} \operatorname{diag}\left(y^{\circ 2} \circ x_{0} \circ \left(\mathbf{1} - x_{0}\right)\right) X"
    r"\end{aligned}"
)
LATEX = {
    "logistic regression": (sg.hessian(LOGISTIC, wrt=w), LOGISTIC_HESSIAN),
    "x'Ax": (sg.grad(sg.function([x, A], x.T * A * x), wrt=x), r"\left(A + A^{T}\right) x"),
    "logdet": (sg.grad(sg.function(A, sp.log(sp.Determinant(A)))), r"A^{-T}"),
    "exp tr": (sg.grad(sg.function(A, sp.exp(sp.Trace(A)))), r"e^{\operatorname{tr}\left(A\right)} I"),
    "squares": (sg.grad(sg.function([x, A, b], (A * x - b).T * (A * x - b)), wrt=x), r"2 A^{T} \left(A x - b\right)"),
    "normal": (sg.hessian(sg.function([x, A, b], (A * x - b).T * (A * x - b)), wrt=x), r"2 A^{T} A"),
    "outer": (sg.grad(sg.function([A, x, b], b.T * A * x), wrt=A), r"b x^{T}"),
    "solve": (sg.function([A, x, b], b.T * A.I * x), r"b^{T} A^{-1} x"),
    "trace": (sg.function([A, B], sp.Trace(A * B)), r"\operatorname{tr}\left(A B\right)"),
    "hadamard": (sg.function([A, B], sp.HadamardProduct(A, B) * x), r"\left(A \circ B\right) x"),
    "elements": (sg.function([A, x], (A * x).applyfunc(sp.sin)), r"\sin_{\circ}\left(A x\right)"),
    "powers": (sg.function(A, sp.HadamardPower(A, 3)), r"A^{\circ 3}"),
    "half": (sg.function([A, t], t / 2 * A), r"\frac{t}{2} A"),
    "plus": (sg.function([R], R + sp.OneMatrix(2, N)), r"R + \mathbf{1}"),
    "hessian of logdet": (
        sg.hessian(sg.function(A, sp.log(sp.Determinant(A)))),
        r"-\left(A^{-1} \otimes A^{-T}\right) \mathbf{K}",
    ),
    "identities": (sg.hessian(sg.function(A, sp.Trace(A * A.T))), r"2 I \otimes I"),
}


@pytest.mark.parametrize("name", LATEX)
def test_latex(name):
    f, text = LATEX[name]
    assert f.latex() == text


def test_sympy():
    squares = sg.function([x, A, b], (A * x - b).T * (A * x - b))
    assert sg.hessian(squares, wrt=x).sympy() == 2 * A.T * A
    assert sg.grad(sg.function(A, sp.log(sp.Determinant(A)))).sympy() == A.T.I
    assert sg.grad(sg.function([x, A], x.T * A * x), wrt=A).sympy() == x * x.T
    product = sg.hvp(sg.function(A, sp.Trace(A.T * A)))
    assert product.sympy() == 2 * sp.MatrixSymbol("d_A", N, N)


def test_python():
    squares = sg.function([x, A, b], (A * x - b).T * (A * x - b))
    assert "return 2*(A.T @ (A @ x - b))" in sg.grad(squares, wrt=x).python()
    assert "return np.exp(np.trace(A))*np.eye(3)" in sg.grad(sg.function(A, sp.exp(sp.Trace(A)))).python()
    assert "return 1 + A**2" in sg.function(A, sp.HadamardPower(A, 2) + sp.OneMatrix(N, N)).python()
