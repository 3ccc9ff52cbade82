"""LaTeX as a person would write it."""

from __future__ import annotations

from typing import Any

import pytest
import sympy as sp

import symgrad as sg
from symgrad.show.latex import symbol

x, y, z, a, b, t = sp.symbols("x y z a b t")
b1, b2, b3, sigma = sp.symbols("b1 b2 b3 sigma")
q = sp.Function("q")(t)

FORMULAS: list[tuple[Any, str]] = [
    (x**2 + y**2, r"x^{2} + y^{2}"),
    (x**3 - 2 * x + sp.Rational(1, 3), r"x^{3} - 2 x + \frac{1}{3}"),
    (2 * x - 3 * y + 4, r"2 x - 3 y + 4"),
    (1 - x**2, r"1 - x^{2}"),
    (x**2 + b2 * x + b3, r"x^{2} + b_{2} x + b_{3}"),
    (b1 + b3 * sp.exp(x) + b2 * sp.exp(-x), r"b_{1} + b_{2} e^{-x} + b_{3} e^{x}"),
    (b1 * (1 - sp.exp(-b2 * x)), r"b_{1} \left(1 - e^{-b_{2} x}\right)"),
    (b1 * sp.exp(-((x - b2) ** 2) / (2 * b3**2)), r"b_{1} e^{-\frac{\left(x - b_{2}\right)^{2}}{2 b_{3}^{2}}}"),
    (1 / (1 + sp.exp(-x)), r"\frac{1}{1 + e^{-x}}"),
    (sp.log(1 + sp.exp(x)), r"\log\left(1 + e^{x}\right)"),
    (x / (y * z), r"\frac{x}{y z}"),
    (-x / y, r"-\frac{x}{y}"),
    (x / 2, r"\frac{x}{2}"),
    ((a + b) ** 2 / (a - b), r"\frac{\left(a + b\right)^{2}}{a - b}"),
    (sp.sqrt(x**2 + y**2), r"\sqrt{x^{2} + y^{2}}"),
    (x ** sp.Rational(3, 2) * y, r"x^{3/2} y"),
    (x ** sp.Rational(-1, 3), r"\frac{1}{x^{1/3}}"),
    (x**y, r"x^{y}"),
    (2**x, r"2^{x}"),
    (sp.sin(x) ** 2 * sp.cos(y), r"\cos\left(y\right) \sin^{2}\left(x\right)"),
    (1 + sp.cos(x), r"1 + \cos\left(x\right)"),
    (sp.exp(-(x**2) / 2) / sp.sqrt(2 * sp.pi), r"\frac{\sqrt{2} e^{-\frac{x^{2}}{2}}}{2 \sqrt{\pi}}"),
    (sp.Abs(x) ** 3, r"\left|x\right|^{3}"),
    (sp.Max(x, y, 0), r"\max\left(x, y, 0\right)"),
    (sp.Heaviside(x), r"\theta\left(x\right)"),
    (
        sp.Piecewise((1, x < 0), (2, x < 1), (x, True)),
        r"\begin{cases}1 & \text{if } x < 0 \\ 2 & \text{if } x < 1 \\ x & \text{otherwise}\end{cases}",
    ),
    (sp.Piecewise((x, x > 0)), r"\begin{cases}x & \text{if } x > 0\end{cases}"),
    (sp.And(x > 0, sp.Or(y < 1, z > 2)), r"\left(y < 1 \vee z > 2\right) \wedge x > 0"),
    (1.5e-7 * x, r"1.5 \cdot 10^{-7} x"),
    (3 * 2**x, r"3 \cdot 2^{x}"),
    (sp.besselj(2, x) + sp.gamma(x), r"\Gamma\left(x\right) + J_{2}\left(x\right)"),
    (sp.polygamma(1, x), r"\psi^{(1)}\left(x\right)"),
    (sp.binomial(x, y), r"\binom{x}{y}"),
    (-sp.sin(q) * q.diff(t) ** 2, r"-\dot{q}\left(t\right)^{2} \sin\left(q\left(t\right)\right)"),
    (sp.Matrix([[x, 1], [0, y]]), r"\begin{bmatrix}x & 1 \\ 0 & y\end{bmatrix}"),
    ((x, [y, z]), r"\left( x, \ \begin{bmatrix}y \\ z\end{bmatrix}\right)"),
]

GRADIENTS: list[tuple[Any, Any, str]] = [
    (x**2 + y**2, None, r"\left( 2 x, \ 2 y\right)"),
    (x**-2, None, r"-\frac{2}{x^{3}}"),
    (sp.log(x) / x, None, r"\frac{1 - \log\left(x\right)}{x^{2}}"),
    (sp.sqrt(x**2 + y**2), x, r"\frac{x}{\sqrt{x^{2} + y^{2}}}"),
    (x / (y * z), y, r"-\frac{x}{y^{2} z}"),
    (sp.log(1 + sp.exp(x)), None, r"\sigma\left(x\right)"),
    (sp.log(1 + sp.exp(sigma)), None, r"\operatorname{sigmoid}\left(\sigma\right)"),
    (b1 * (1 - sp.exp(-b2 * x)), b1, r"1 - e^{-b_{2} x}"),
    (b1 * (1 - sp.exp(-b2 * x)), b2, r"b_{1} x e^{-b_{2} x}"),
    (sp.atan2(y, x), x, r"-\frac{y}{x^{2} + y^{2}}"),
    (sp.tan(x), None, r"1 + \tan^{2}\left(x\right)"),
    (x ** sp.Rational(1, 3), None, r"\frac{1}{3 x^{2/3}}"),
    (2**x, None, r"2^{x} \log\left(2\right)"),
    (b1 * x**b2, b2, r"b_{1} x^{b_{2}} \log\left(x\right)"),
    (x**y, x, r"y x^{y - 1}"),
    (
        sp.Piecewise((x, x < 1), (sp.sqrt(x), True)),
        None,
        r"\begin{cases}1 & \text{if } x < 1 \\ \frac{1}{2 \sqrt{x}} & \text{otherwise}\end{cases}",
    ),
]


def made(e: Any) -> sg.Function:
    parts = e if isinstance(e, tuple) else (e,)
    parts = [sp.Matrix(p) if isinstance(p, list) else p for p in parts]
    if parts[0].has(q):
        return sg.function([q, q.diff(t)], e)
    return sg.function(sorted(set().union(*(p.free_symbols for p in parts)), key=str), e)


@pytest.mark.parametrize(("e", "text"), FORMULAS, ids=lambda v: str(v)[:30])
def test_formulas(e: Any, text: str) -> None:
    assert made(e).latex() == text


@pytest.mark.parametrize(("e", "wrt", "text"), GRADIENTS, ids=lambda v: str(v)[:30])
def test_gradients(e: Any, wrt: Any, text: str) -> None:
    assert sg.grad(made(e), wrt=wrt).latex() == text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x", "x"),
        ("beta", r"\beta"),
        ("beta1", r"\beta_{1}"),
        ("b_12", "b_{12}"),
        ("x_max", r"x_{\mathrm{max}}"),
        ("rate", r"\mathrm{rate}"),
        ("q1(t)", r"q_{1}\left(t\right)"),
        ("Derivative(q(t), t)", r"\dot{q}\left(t\right)"),
        ("Derivative(q1(t), t)", r"\dot{q}_{1}\left(t\right)"),
        ("Derivative(theta(t), (t, 2))", r"\ddot{\theta}\left(t\right)"),
        ("Derivative(f(x), x)", r"\frac{d}{d x} f\left(x\right)"),
        ("Derivative(f(x), (x, 3))", r"\frac{d^{3}}{d x^{3}} f\left(x\right)"),
        ("odd name", r"\mathrm{odd name}"),
    ],
)
def test_names(name: str, text: str) -> None:
    assert symbol(name) == text


def test_named_parts_stand_in_for_what_they_name() -> None:
    f = sg.grad(made(b1 * sp.exp(-((x - b2) ** 2) / (2 * b3**2))))
    assert f.latex() == (
        r"\begin{aligned}x_{0} &= x - b_{2} \\ x_{1} &= b_{3}^{2} \\ x_{2} &= \frac{x_{0}^{2}}{2 x_{1}} \\ "
        r"x_{3} &= e^{-x_{2}} \\ x_{4} &= b_{1} x_{3} \\ x_{5} &= \frac{x_{0} x_{4}}{x_{1}} \\ "
        r"& \left( x_{3}, \ x_{5}, \ \frac{2 x_{2} x_{4}}{b_{3}}, \ -x_{5}\right)\end{aligned}"
    )
