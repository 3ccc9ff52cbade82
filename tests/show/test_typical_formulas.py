"""Derivatives of functions as people write them, as a textbook would print them."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import sympy as sp

import symgrad as sg

x4, x6, p4, q4 = np.arange(1.0, 5), np.arange(6.0), np.full(4, 0.2), np.full(4, 0.3)
A4, L4 = np.eye(4), np.tri(4)
PLACES = np.array([0, 2, 1])
WINDOWS = np.array([[0, 1], [1, 2], [2, 3]])
TABLE = np.sin(np.arange(30.0)).reshape(5, 6)

GRADIENTS = {
    "differences": (
        lambda x: np.sum((x[1:] - x[:-1]) ** 2),
        (x4,),
        r"\begin{bmatrix}0 \\ 2 \left(x_{1:4} - x_{0:3}\right)\end{bmatrix} - "
        r"\begin{bmatrix}2 \left(x_{1:4} - x_{0:3}\right) \\ 0\end{bmatrix}",
    ),
    "every second": (lambda x: np.sum(x[::2] ** 3), (x4,), None),
    "columns": (
        lambda A: np.sum(np.concatenate([A, A @ A], axis=1)[:, 1:3] ** 2),
        (A4,),
        None,
    ),
    "gathered": (
        lambda x: np.sum(x[PLACES] ** 2),
        (x4,),
        r"\operatorname{scatter}_{\left[0, 2, 1\right]}\left(2 x_{\left[0, 2, 1\right]}\right)",
    ),
    "windows": (
        lambda x: np.sum(x[WINDOWS] ** 3),
        (x4,),
        r"\begin{aligned}C &\in \mathbb{Z}^{3 \times 2} \\ & "
        r"\operatorname{scatter}_{C}\left(3 x_{C}^{\circ 2}\right)\end{aligned}",
    ),
    "sorted": (
        lambda x: np.sum(np.sort(x) * x),
        (x4,),
        r"\operatorname{scatter}_{\operatorname{argsort}\left(x\right)}\left(x\right) + "
        r"x_{\operatorname{argsort}\left(x\right)}",
    ),
    "reversed": (lambda x: x @ x[::-1], (x4,), r"2 \operatorname{flip}\left(x\right)"),
    "lower triangle": (lambda A: np.sum(np.tril(A) ** 2), (A4,), r"\operatorname{tril}\left(2 A\right)"),
    "above the diagonal": (lambda A: np.sum(np.triu(A, 1) ** 2), (A4,), r"\operatorname{triu}_{1}\left(2 A\right)"),
    "triangular solve": (
        lambda b, L: np.sum(scipy.linalg.solve_triangular(L, b, lower=True) ** 2),
        (x4, L4),
        r"2 \operatorname{tril}\left(L\right)^{-T} \operatorname{tril}\left(L\right)^{-1} b",
    ),
    "pseudoinverse": (lambda b, A: np.sum(np.linalg.pinv(A) @ b), (x4, A4), r"\left(A^{+}\right)^{T} \mathbf{1}"),
    "relative entropy": (
        lambda p, q: np.sum(p * np.log(p / q)),
        (p4, q4),
        r"\mathbf{1} + \log_{\circ}\left(p \oslash q\right)",
    ),
    "largest": (
        lambda x: np.max(x),
        (x4,),
        r"\frac{\left[x = \max\left(x\right)\right]}{\mathbf{1}^{T} \left[x = \max\left(x\right)\right]}",
    ),
    "Huber": (
        lambda r: np.sum(np.where(np.abs(r) < 1, r**2 / 2, np.abs(r) - 0.5)),
        (x4,),
        r"\begin{cases}r & \text{if } \left|r\right| < 1 \\ \operatorname{sgn}\left(r\right) & "
        r"\text{otherwise}\end{cases}",
    ),
    "root": (lambda x: np.sum(np.sqrt(x)), (x4,), r"\frac{1}{2} \mathbf{1} \oslash x^{\circ \frac{1}{2}}"),
    "Kronecker product": (
        lambda A, B: np.sum(np.kron(A, B)),
        (A4, A4),
        r"\left(\mathbf{1}^{T} B \mathbf{1}\right) \mathbf{1}",
    ),
    "distances": (
        lambda X: np.sum(np.sum((X[:, None] - X[None]) ** 2, -1) ** 3),
        (np.arange(12.0).reshape(4, 3),),
        None,
    ),
    "kernel": (
        lambda t, X: np.sum(np.exp(t * np.sum((X[:, None] - X[None]) ** 2, -1))),
        (0.5, np.arange(12.0).reshape(4, 3)),
        r"\begin{aligned}x_{0} &= \left[\sum_{k} \left(X_{ik} - X_{jk}\right)^{2}\right]_{ij} \\ & "
        r"\operatorname{tr}\left(\left(e^{\circ t x_{0}}\right)^{T} x_{0}\right)\end{aligned}",
    ),
    "large constant": (
        lambda w: np.sum((TABLE @ w) ** 2),
        (x6,),
        r"\begin{aligned}C &\in \mathbb{R}^{5 \times 6} \\ & 2 C^{T} C w\end{aligned}",
    ),
}


@pytest.mark.parametrize("name", [n for n, (_, _, text) in GRADIENTS.items() if text])
def test_gradients(name: str) -> None:
    f, arguments, text = GRADIENTS[name]
    assert sg.grad(f).latex(*arguments) == text


@pytest.mark.parametrize("name", list(GRADIENTS))
def test_no_internal_names_are_shown(name: str) -> None:
    """No names of our operations, no attributes of theirs, no tuples, no two indices side by side."""
    f, arguments, _ = GRADIENTS[name]
    for text in (sg.grad(f).latex(*arguments), sg.hessian(f).latex(*arguments)):
        for odd in (r"\operatorname{slice}", r"\operatorname{take}", "True", "False", r"\_", "(1,)", ",)", "}_{i}_"):
            assert odd not in text


def test_a_name_with_an_index_is_indexed_in_brackets() -> None:
    f = sg.grad(lambda x_1: x_1[0] ** 2 * np.exp(x_1[1]))
    assert f.latex(x4) == (
        r"2 e^{\left(x_{1}\right)_{1}} \left(x_{1}\right)_{0} e_{0} + "
        r"e^{\left(x_{1}\right)_{1}} \left(x_{1}\right)_{0}^{2} e_{1}"
    )
    v = sp.MatrixSymbol("v_a", 3, 1)
    assert sg.function([v], v[1, 0] ** 2).latex() == r"\left(v_{a}\right)_{1, 0}^{2}"
    i, n = sp.symbols("i n", integer=True)
    a = sp.IndexedBase("a_2")
    assert sg.function([a, n], sp.Sum(a[i], (i, 0, n))).latex() == r"\sum_{i=0}^{n} \left(a_{2}\right)_{i}"


def test_constants_have_names_that_nothing_else_has() -> None:
    other = np.cos(np.arange(36.0)).reshape(6, 6)
    text = sg.grad(lambda C, w: np.sum((TABLE @ (C * (other @ w))) ** 2)).latex(x6, x6)
    assert text.startswith(r"\begin{aligned}C_{1} &\in \mathbb{R}")
    assert r"C_{2} &\in \mathbb{R}" in text


def test_the_second_derivative_of_the_exponential_has_both_forms() -> None:
    A = np.sin(np.arange(9.0)).reshape(3, 3) / 2
    f = sg.hessian(lambda A: np.trace(scipy.linalg.expm(A))).specialise(A)
    assert r"L_{\exp}" in f.latex()
    source = f.python()
    assert "from scipy import linalg" in source
    scope: dict = {}
    exec(source, scope)  # our own text, as a user would run it
    np.testing.assert_allclose(scope["hessian_lambda"](A), f(A), rtol=1e-11)
