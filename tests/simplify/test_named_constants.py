"""Named constants are no numbers to fold: 2*E stays a product (and is not 'EE')."""

from __future__ import annotations

import math

import pytest

import symgrad as sg
from symgrad.define.text import from_text
from symgrad.function import Function

FORMULAS = [
    "(E + E)*-x",
    "x**(2*E)",
    "x**(E/10)",
    "x**(0*E)",
    "log(x)**(E*3)",
    "E*x + 2*E*x - pi*x*3",
    "(2*E)*(3*pi)*x/(E*2)",
    "-(E*2)*x - (E*2)*y",
    "x*E - y*E + 2*E*(x - y)",
    "(x + pi)**E*2*pi",
    "E**2*x + E**3*x",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_values_and_derivatives(text: str) -> None:
    formula = from_text(text, ["x"])
    f = Function(formula.graph, formula.inputs, [formula.output])
    rest = [0.7] * (len(f.names) - 1)
    names = {"E": math.e, "pi": math.pi, "log": math.log, "y": 0.7}

    def expected(x: float) -> float:
        return eval(text, names, {"x": x})  # our own text

    assert f(1.3, *rest) == pytest.approx(expected(1.3), rel=1e-13)
    h = 1e-4
    slope = (8 * (expected(1.3 + h) - expected(1.3 - h)) - expected(1.3 + 2 * h) + expected(1.3 - 2 * h)) / (12 * h)
    g = sg.grad(f, "x")
    assert g(1.3, *rest) == pytest.approx(slope, rel=1e-9, abs=1e-9)
    h2 = sg.hessian(f, "x")
    for shown in (g, h2):
        assert shown.python()
        assert shown.latex()
        assert shown.sympy() is not None
