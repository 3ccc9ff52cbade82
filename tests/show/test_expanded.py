"""Formulas of numbers are multiplied out where that reads shorter, and have the same values."""

from __future__ import annotations

import random

import pytest
import sympy as sp

import symgrad as sg
from symgrad import Function
from symgrad.show.expanded import multiplied_out

x, y, z = sp.symbols("x y z")

SHOWN = {
    "README": (
        sg.hessian(sg.function([x, y], sp.exp(x * y) / y)),
        r"\begin{bmatrix}y e^{x y} & x e^{x y} \\ x e^{x y} & "
        r"\frac{e^{x y} \left(x^{2} y^{2} - 2 x y + 2\right)}{y^{3}}\end{bmatrix}",
    ),
    "circle": (
        sg.hessian(sg.function([x, y], (x**2 + y**2 - 1) ** 2)),
        r"\begin{bmatrix}12 x^{2} + 4 y^{2} - 4 & 8 x y \\ 8 x y & 4 x^{2} + 12 y^{2} - 4\end{bmatrix}",
    ),
    "Rosenbrock": (
        sg.hessian(sg.function([x, y], (1 - x) ** 2 + 100 * (y - x**2) ** 2)),
        r"\begin{bmatrix}1200 x^{2} - 400 y + 2 & -400 x \\ -400 x & 200\end{bmatrix}",
    ),
    "a power stays": (sg.grad(sg.function([x, y], (x + y) ** 3)), None),
    "factors stay": (sg.grad(sg.function([x], x * (x + y) * (x - z))), None),
}


@pytest.mark.parametrize("name", [n for n, (_, text) in SHOWN.items() if text])
def test_latex(name: str) -> None:
    f, text = SHOWN[name]
    assert f.latex() == text


def test_what_is_short_in_its_factors_stays() -> None:
    assert sg.function([x, y], (x + y) ** 3).latex() == r"\left(x + y\right)^{3}"
    assert sg.function([x, y, z], (x + y) * (x - z)).latex() == r"\left(x - z\right) \left(x + y\right)"
    assert r"\left(1 - \sigma\left(x\right)\right)" in sg.grad(sg.function([x], 1 / (1 + sp.exp(-x)))).latex()


def formula(rng: random.Random) -> sp.Expr:
    parts = [x, y, z, sp.Integer(2), sp.Rational(1, 3), x + y, x * z]
    for _ in range(8):
        a, b = rng.choice(parts), rng.choice(parts)
        parts.append(
            rng.choice([a + b, a - b, a * b, a / (b**2 + 1), a**2, sp.exp(-a * b / 9), sp.sqrt(a**2 + 1), a / x])
        )
    return parts[-1] * parts[-2] + parts[-3]


@pytest.mark.parametrize("seed", range(60))
def test_values_are_the_same(seed: int) -> None:
    rng = random.Random(seed)
    f = sg.grad(sg.function([x, y, z], formula(rng)))
    graph, outputs = multiplied_out(f.graph, f.outputs)
    inputs = [graph.input(*f.graph.attrs[i]) for i in f.inputs]
    g = Function(graph, inputs, outputs, tree=f.tree)
    for _ in range(3):
        point = [rng.uniform(0.5, 2.0) for _ in range(3)]
        assert g(*point) == pytest.approx(f(*point), rel=1e-9, abs=1e-9)
