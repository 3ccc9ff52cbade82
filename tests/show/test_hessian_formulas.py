"""Second and third derivatives as a textbook has them: the formula, its values, its source, and that it can be set."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

import symgrad as sg

RNG = np.random.default_rng(23)


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape) + (2 * np.eye(*shape) if len(shape) == 2 and shape[0] == shape[1] else 0)


class Case(NamedTuple):
    function: Any
    by: Any
    arguments: tuple[Any, ...]
    latex: str
    order: int = 2


n, d, k = 6, 3, 2
x, a, b = normal(d), normal(d), normal(n)
A, X, P = normal(n, d), normal(d, d), normal(d, d) + 2 * np.eye(d)
S = r"\operatorname{softmax}\left(x\right)"
NORM = r"\left\|x - a\right\|"
CASES = {
    "ridge": Case(
        lambda x, A, b, t: np.sum((A @ x - b) ** 2) + t * np.sum(x**2), 0, (x, A, b, 0.3), r"2 A^{T} A + 2 t I"
    ),
    "Poisson regression": Case(
        lambda w, A, y: np.sum(np.exp(A @ w) - y * (A @ w)),
        0,
        (x, A, b),
        r"A^{T} \operatorname{diag}\left(e^{\circ A w}\right) A",
    ),
    "norm": Case(
        lambda x, a: np.linalg.norm(x - a),
        0,
        (x, a),
        rf"\frac{{I}}{{{NORM}}} - \frac{{\left(x - a\right) \left(x - a\right)^{{T}}}}{{{NORM}^{{3}}}}",
    ),
    "log det": Case(lambda X: np.linalg.slogdet(X)[1], 0, (P,), r"-\left(X^{-1} \otimes X^{-T}\right) \mathbf{K}"),
    "tr AXBX'": Case(
        lambda X, A, B: np.trace(A @ X @ B @ X.T), 0, (X, P, normal(d, d)), r"B^{T} \otimes A + B \otimes A^{T}"
    ),
    "tr X'AX": Case(lambda X, A: np.trace(X.T @ A @ X), 0, (X, P), r"I \otimes \left(A + A^{T}\right)"),
    "quadratic": Case(lambda x, A: x @ A @ x, 0, (x, P), "A + A^{T}"),
    "log sum exp": Case(
        lambda x: np.log(np.sum(np.exp(x))),
        0,
        (x,),
        rf"\begin{{aligned}}x_{{0}} &= {S} \\ & \operatorname{{diag}}\left(x_{{0}}\right) - "
        r"x_{0} x_{0}^{T}\end{aligned}",
    ),
    "log cosh of a layer": Case(
        lambda x, A, b: np.sum(np.log(np.cosh(A @ x - b))),
        0,
        (x, A, b),
        r"A^{T} \operatorname{diag}\left(\mathbf{1} - \tanh_{\circ}\left(A x - b\right)^{\circ 2}\right) A",
    ),
    "tanh layer": Case(lambda x, A, b: np.sum(np.tanh(A @ x - b) ** 2), 0, (x, A, b), ""),
    "elements": Case(
        lambda X: np.sum(np.sin(X)),
        0,
        (X,),
        r"-\operatorname{diag}\left(\operatorname{vec}\left(\sin_{\circ}\left(X\right)\right)\right)",
    ),
    "Gaussian by its mean": Case(
        lambda m, S, x: -(x - m) @ np.linalg.inv(S) @ (x - m) / 2,
        0,
        (x, P, a),
        r"-\frac{1}{2} \left(S^{-1} + S^{-T}\right)",
    ),
    "squared Frobenius norm": Case(lambda X, A: np.linalg.norm(A @ X) ** 2, 0, (X, P), r"2 I \otimes A^{T} A"),
    "x^4, third": Case(lambda x: np.sum(x**4), 0, (x,), r"\left[24 x_{i} \delta_{ij} \delta_{ik}\right]_{ijk}", 3),
    "norm, third": Case(
        lambda x, a: np.linalg.norm(x - a),
        0,
        (x, a),
        rf"\left[\frac{{3}}{{{NORM}^{{5}}}} \left(x - a\right)_{{i}} \left(x - a\right)_{{j}} \left(x - a\right)_{{k}} "
        + " ".join(
            rf"- \frac{{1}}{{{NORM}^{{3}}}} \left(x - a\right)_{{{p}}} \delta_{{{q}}}"
            for p, q in (("k", "ij"), ("i", "jk"), ("j", "ik"))
        )
        + r"\right]_{ijk}",
        3,
    ),
    "quadratic, third": Case(lambda x, A: x @ A @ x, 0, (x, P), "0", 3),
    "least squares, third": Case(lambda x, A, b: np.sum((A @ x - b) ** 2), 0, (x, A, b), "0", 3),
}
PARAMETERS = {"layer": {"w": x, "b": 0.3}}


def derived(case: Case) -> sg.Function:
    f = sg.function(case.function)
    if case.order == 2:
        return sg.hessian(f, wrt=case.by).specialise(*case.arguments)
    return sg.derivative(f, wrt=case.by, order=case.order).specialise(*case.arguments)


def ran(own: sg.Function, arguments: tuple[Any, ...]) -> Any:
    scope: dict[str, Any] = {}
    exec(own.python(), scope)  # our own text, as a user would run it
    return scope[next(name for name in reversed(scope))](*arguments)


@pytest.mark.parametrize("name", CASES)
def test_the_formula(name):
    case = CASES[name]
    if case.latex:
        assert derived(case).latex() == case.latex


@pytest.mark.parametrize("name", CASES)
def test_the_values_and_the_source(name):
    case = CASES[name]
    own = derived(case)
    got = own(*case.arguments)
    f = sg.function(case.function)
    before = sg.grad(f, wrt=case.by) if case.order == 2 else sg.hessian(f, wrt=case.by)
    variable = case.arguments[0]
    want = np.empty(np.shape(got))
    h = 1e-3
    for index in np.ndindex(variable.shape):
        step = np.zeros(variable.shape)
        step[index] = h
        rest = case.arguments[1:]
        ahead, behind = (before(variable + n * step, *rest) - before(variable - n * step, *rest) for n in (1, 2))
        want[(..., *index)] = (8 * ahead - behind) / (12 * h)
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(ran(own, case.arguments), got, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_the_formula_can_be_set(name):
    text = derived(CASES[name]).latex()
    assert text.count(r"\left") == text.count(r"\right")
    if r"\begin" in text:
        return  # matplotlib has no environments
    mathtext = pytest.importorskip("matplotlib.mathtext")
    mathtext.MathTextParser("path").parse(f"${text}$")


def test_the_parts_of_nested_parameters_have_their_names():
    def loss(params, X, y):
        layer = params["layer"]
        return np.mean((X @ layer["w"] + layer["b"] - y) ** 2)

    gradient = sg.grad(sg.function(loss))
    got = gradient(PARAMETERS, A, b)
    residual = A @ x + 0.3 - b
    np.testing.assert_allclose(got["layer"]["w"], 2 / n * A.T @ residual, rtol=1e-12)
    np.testing.assert_allclose(got["layer"]["b"], 2 / n * np.sum(residual), rtol=1e-12)
    text = gradient.latex()
    assert "w" in text
    assert "b" in text


def test_log_cosh_does_not_overflow_in_its_derivatives():
    f = sg.function(lambda x: np.sum(np.log(np.cosh(x))))
    far = np.array([-800.0, 0.5, 800.0])
    np.testing.assert_allclose(sg.grad(f)(far), np.tanh(far), rtol=1e-14)
    np.testing.assert_allclose(sg.hessian(f)(far), np.diag(1 - np.tanh(far) ** 2), atol=1e-15)


def test_a_solution_that_is_needed_twice_has_a_name() -> None:
    f = sg.function(lambda M: np.sum(np.sin(np.linalg.solve(M @ M.T + np.eye(3), M))))
    assert sg.grad(f).latex(np.eye(3)) == (
        r"\begin{aligned}x_{0} &= \left(M M^{T} + I\right)^{-1} M \\ x_{1} &= \left(M M^{T} + I\right)^{-1} "
        r"\cos_{\circ}\left(x_{0}\right) \\ & x_{1} - \left(x_{1} x_{0}^{T} + x_{0} x_{1}^{T}\right) M\end{aligned}"
    )
