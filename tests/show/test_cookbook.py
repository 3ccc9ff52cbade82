"""Derivatives as printed in K. B. Petersen and M. S. Pedersen, "The Matrix Cookbook" (2012), sections 2.1 to 2.6.

The numbers in front are those of its equations. Where our form differs, it is an equal one: (A + A^T) x for A x +
A^T x, products in another order. Values are checked against central differences of the function.
"""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symgrad as sg

N = 3
A, B, C, D, S, W, X = (sp.MatrixSymbol(name, N, N) for name in "ABCDSWX")
a, b, c, d, s, x = (sp.MatrixSymbol(name, N, 1) for name in "abcdsx")
R = sp.MatrixSymbol("R", 4, 2)
G = sp.MatrixSymbol("G", 4, 4)
Q = sp.MatrixSymbol("Q", 2, 2)
tr, det, log = sp.Trace, sp.Determinant, sp.log
INVERSE = r"\left(R^{T} G R\right)^{-1}"

# equation: (function, variable, the derivative as we print it)
BOOK = {
    "49 det X": (det(X), X, r"\det\left(X\right) X^{-T}"),
    "51 det(A X B)": (
        det(A * X * B),
        X,
        r"\det\left(A X B\right) A^{T} \left(A X B\right)^{-T} B^{T}",
    ),
    "53 det(X'GX), X not square": (
        det(R.T * G * R),
        R,
        rf"\begin{{aligned}}x_{{0}} &= {INVERSE} \\ & \det\left(R^{{T}} G R\right) "
        r"\left(G^{T} R x_{0}^{T} + G R x_{0}\right)\end{aligned}",
    ),
    "55 log det(X'X)": (log(det(R.T * R)), R, r"2 R \left(R^{T} R\right)^{-1}"),
    "57 log |det X|": (log(sp.Abs(det(X))), X, "X^{-T}"),
    "57 log det X": (log(det(X)), X, "X^{-T}"),
    "61 a'X^-1 b": (a.T * X.I * b, X, "-X^{-T} a b^{T} X^{-T}"),
    "62 det(X^-1)": (det(X.I), X, r"-\frac{X^{-T}}{\det\left(X\right)}"),
    "63 tr(A X^-1 B)": (tr(A * X.I * B), X, "-X^{-T} A^{T} B^{T} X^{-T}"),
    "64 tr((X + A)^-1)": (tr((X + A).I), X, r"-\left(\left(A + X\right)^{-2}\right)^{T}"),
    "69 x'a": (x.T * a, x, "a"),
    "70 a'Xb": (a.T * X * b, X, "a b^{T}"),
    "71 a'X'b": (a.T * X.T * b, X, "b a^{T}"),
    "72 a'Xa": (a.T * X * a, X, "a a^{T}"),
    "76 b'X'Xc": (b.T * X.T * X * c, X, r"X \left(b c^{T} + c b^{T}\right)"),
    "78 (Bx + b)'C(Dx + d)": (
        (B * x + b).T * C * (D * x + d),
        x,
        r"D^{T} C^{T} \left(B x + b\right) + B^{T} C \left(D x + d\right)",
    ),
    "79 X'BX": (X.T * B * X, X, r"I \otimes X^{T} B + \left(X^{T} B^{T} \otimes I\right) \mathbf{K}"),
    "81 x'Bx": (x.T * B * x, x, r"\left(B + B^{T}\right) x"),
    "82 b'X'DXc": (b.T * X.T * D * X * c, X, "D^{T} X b c^{T} + D X c b^{T}"),
    "83 (Xb + c)'D(Xb + c)": (
        (X * b + c).T * D * (X * b + c),
        X,
        r"\left(D + D^{T}\right) \left(X b + c\right) b^{T}",
    ),
    "84 (x - As)'W(x - As) by s": (
        (x - A * s).T * W * (x - A * s),
        s,
        r"-A^{T} \left(W + W^{T}\right) \left(x - A s\right)",
    ),
    "85 (x - s)'W(x - s) by x": ((x - s).T * W * (x - s), x, r"\left(W + W^{T}\right) \left(x - s\right)"),
    "88 (x - As)'W(x - As) by A": (
        (x - A * s).T * W * (x - A * s),
        A,
        r"-\left(W + W^{T}\right) \left(x - A s\right) s^{T}",
    ),
    "91 a'X^3 b": (
        a.T * X**3 * b,
        X,
        r"a b^{T} \left(X^{2}\right)^{T} + X^{T} a b^{T} X^{T} + \left(X^{2}\right)^{T} a b^{T}",
    ),
    "97 x'Ax + b'x": (x.T * A * x + b.T * x, x, r"\left(A + A^{T}\right) x + b"),
    "99 tr X": (tr(X), X, "I"),
    "100 tr(XA)": (tr(X * A), X, "A^{T}"),
    "101 tr(AXB)": (tr(A * X * B), X, "A^{T} B^{T}"),
    "102 tr(AX'B)": (tr(A * X.T * B), X, "B A"),
    "103 tr(X'A)": (tr(X.T * A), X, "A"),
    "104 tr(AX')": (tr(A * X.T), X, "A"),
    "106 tr(X^2)": (tr(X**2), X, "2 X^{T}"),
    "107 tr(X^2 B)": (tr(X**2 * B), X, r"\left(B X + X B\right)^{T}"),
    "108 tr(X'BX)": (tr(X.T * B * X), X, r"\left(B + B^{T}\right) X"),
    "109 tr(BXX')": (tr(B * X * X.T), X, r"\left(B + B^{T}\right) X"),
    "111 tr(XBX')": (tr(X * B * X.T), X, r"X \left(B + B^{T}\right)"),
    "114 tr(AXBX)": (tr(A * X * B * X), X, r"\left(A X B + B X A\right)^{T}"),
    "115 tr(X'X)": (tr(X.T * X), X, "2 X"),
    "116 tr(B'X'CXB)": (tr(B.T * X.T * C * X * B), X, r"\left(C + C^{T}\right) X B B^{T}"),
    "117 tr(X'BXC)": (tr(X.T * B * X * C), X, "B^{T} X C^{T} + B X C"),
    "118 tr(AXBX'C)": (tr(A * X * B * X.T * C), X, "C A X B + A^{T} C^{T} X B^{T}"),
    "119 tr((AXB + C)(AXB + C)')": (
        tr((A * X * B + C) * (A * X * B + C).T),
        X,
        r"2 A^{T} \left(A X B + C\right) B^{T}",
    ),
    "121 tr(X^4)": (tr(X**4), X, r"4 \left(X^{3}\right)^{T}"),
    "122 tr(AX^3)": (tr(A * X**3), X, r"\left(A X^{2} + X \left(A X + X A\right)\right)^{T}"),
    "125 tr((X'GX)^-1 Q)": (
        tr((R.T * G * R).I * Q),
        R,
        rf"\begin{{aligned}}x_{{0}} &= {INVERSE} Q {INVERSE} \\ & "
        r"-\left(G^{T} R x_{0}^{T} + G R x_{0}\right)\end{aligned}",
    ),
    "131 x'x": (x.T * x, x, "2 x"),
    "132 Frobenius norm": (tr(X * X.T), X, "2 X"),
    "tr(F'F) - 3": (tr(X.T * X) - 3, X, "2 X"),
    "(XB)'(XB)": (tr((X * B).T * (X * B)), X, "2 X B B^{T}"),
}


def at(f: sg.Function) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(17)
    found = {}
    for name, i in zip(f.names, f.inputs, strict=True):
        shape = f.graph.types[i].lengths
        found[name] = rng.normal(size=shape) + (2 * np.eye(*shape) if shape[0] == shape[1] else 0)
    return found


def differences(f: sg.Function, name: str, values: dict[str, np.ndarray]) -> np.ndarray:
    """Central differences of sixth order: the value's axes, then the variable's."""
    weights = {1: 3 / 4, 2: -3 / 20, 3: 1 / 60}
    h = 2e-3
    x = values[name]
    out = np.empty(np.shape(f(**values)) + x.shape)
    for index in np.ndindex(x.shape):
        total = 0.0
        for n, w in weights.items():
            step = np.zeros(x.shape)
            step[index] = n * h
            total = total + w * (f(**values | {name: x + step}) - f(**values | {name: x - step})) / h
        out[(..., *index)] = total
    return out


@pytest.mark.parametrize("equation", BOOK)
def test_the_book(equation):
    formula, variable, text = BOOK[equation]
    used = sorted(formula.atoms(sp.MatrixSymbol), key=str)
    f = sg.function(used, formula)
    scalar = f.graph.types[f.outputs[0]].shape in ((), (1, 1))
    derivative = sg.grad(f, wrt=variable) if scalar else sg.jacobian(f, wrt=variable)
    assert derivative.latex() == text
    values = at(f)
    got = derivative(**values)
    np.testing.assert_allclose(got, differences(f, str(variable), values).reshape(got.shape), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("equation", [name for name, row in BOOK.items() if not name.startswith("79")])
def test_sympy_gets_the_derivative_as_an_expression_of_matrices(equation):
    formula, variable, _ = BOOK[equation]
    used = sorted(formula.atoms(sp.MatrixSymbol), key=str)
    derivative = sg.grad(sg.function(used, formula), wrt=variable)
    expression = derivative.sympy()
    assert not expression.atoms(sp.matrices.expressions.matexpr.MatrixElement)
    again = sg.function(used, expression)
    values = at(derivative)
    np.testing.assert_allclose(np.ravel(again(**values)), np.ravel(derivative(**values)), rtol=1e-10, atol=1e-11)


SILENT = {
    "log det": (log(det(X)), r"X^{-T}", X.T.I),
    "log |det|": (log(sp.Abs(det(X))), r"X^{-T}", X.T.I),
    "exp tr": (sp.exp(tr(X)), r"e^{\operatorname{tr}\left(X\right)} I", sp.exp(tr(X)) * sp.Identity(N)),
    "sin tr": (
        sp.sin(tr(A * X)),
        r"\cos\left(\operatorname{tr}\left(A X\right)\right) A^{T}",
        sp.cos(tr(A * X)) * A.T,
    ),
    "tr^2": (tr(X) ** 2, r"2 \operatorname{tr}\left(X\right) I", 2 * tr(X) * sp.Identity(N)),
    "tr tr": (
        tr(X) * tr(A * X),
        r"\operatorname{tr}\left(A X\right) I + \operatorname{tr}\left(X\right) A^{T}",
        tr(A * X) * sp.Identity(N) + tr(X) * A.T,
    ),
    "sqrt tr": (sp.sqrt(tr(X.T * X)), r"\frac{X}{\left\|X\right\|_{F}}", tr(X.T * X) ** sp.Rational(-1, 2) * X),
    "log tr": (log(tr(X)), r"\frac{I}{\operatorname{tr}\left(X\right)}", sp.Identity(N) / tr(X)),
    "det^2": (det(X) ** 2, r"2 \det\left(X\right)^{2} X^{-T}", 2 * det(X) ** 2 * X.T.I),
    "log det (X'X + A)": (
        log(det(X.T * X + A)),
        r"\begin{aligned}x_{0} &= \left(X^{T} X + A\right)^{-1} \\ & X \left(x_{0} + x_{0}^{T}\right)\end{aligned}",
        None,
    ),
}


@pytest.mark.parametrize("name", SILENT)
def test_where_sympy_itself_gives_zero_or_no_answer(name):
    """For most of these, SymPy 1.14's own diff(X) is 0 without a word, an unevaluated derivative or an error."""
    formula, text, expression = SILENT[name]
    used = sorted(formula.atoms(sp.MatrixSymbol), key=str)
    f = sg.function(used, formula)
    derivative = sg.grad(f, wrt=X)
    values = at(f)
    np.testing.assert_allclose(derivative(**values), differences(f, "X", values), rtol=1e-8, atol=1e-8)
    again = sg.function(used, derivative.sympy())
    np.testing.assert_allclose(again(**values), derivative(**values), rtol=1e-12, atol=1e-12)
    if expression is not None:
        book = sg.function(used, expression)
        np.testing.assert_allclose(book(**values), derivative(**values), rtol=1e-10, atol=1e-11)
    assert derivative.latex() == text
