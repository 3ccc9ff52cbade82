"""Evaluation to many digits agrees with mpmath's own, and with the reference in float64."""

import math

import mpmath
import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.compile.mpmath import Digits
from symgrad.dialects.mpmath import FORMULAS, RENAMED, SAME, lowering
from symgrad.errors import UnsupportedError
from symgrad.graph import REGISTER

x, y = sp.symbols("x y", positive=True)
FORMULAE = [
    sp.sin(x) * sp.exp(-y) + sp.log(x),
    sp.Piecewise((x**2, x < 1), (sp.sqrt(y), True)),
    sp.Rational(1, 3) * x + sp.pi * y + sp.E,
    sp.Float(0.1) * x + y,
    x**y + x**-3 + sp.Abs(x - y),
    sp.Max(x, y) + sp.Min(x, 2) + sp.sign(x - y) + sp.floor(x) + sp.ceiling(y),
    sp.atan2(x, y) + sp.atan(x) + sp.asinh(y) + sp.tanh(x) + sp.sinh(x) + sp.acosh(x + 1),
    sp.gamma(x) + sp.loggamma(y) + sp.digamma(x) + sp.polygamma(2, y) + sp.erf(x) + sp.erfc(y),
    sp.besselj(0, x) + sp.bessely(1, y) + sp.besseli(0.5, x) + sp.besselk(1, y),
    sp.Ei(x) + sp.lowergamma(x, y) + sp.uppergamma(x, y) + sp.zeta(x + 2) + sp.LambertW(x),
    sp.elliptic_k(x / 9) + sp.elliptic_e(y / 9) + sp.airyai(x) + sp.Si(y),
    sp.Heaviside(x - y) + sp.Mod(y, x),
]
POINTS = {"x": [0.7, 1.9, 2.5], "y": [1.3, 0.4, 3.0]}


def digits_of(f, digits=40):
    return Digits(f.graph, f.inputs, f.outputs, digits)


@pytest.mark.parametrize("formula", FORMULAE, ids=[str(f)[:40] for f in FORMULAE])
def test_values_at_many_digits(formula):
    f = sg.function([x, y], formula)
    d = digits_of(f)
    (got,) = d([[d.exact(v) for v in POINTS["x"]], [d.exact(v) for v in POINTS["y"]]])
    truth = sp.lambdify((x, y), formula.xreplace({sp.Float(0.1): sp.Rational(1, 10)}), "mpmath")
    with mpmath.workdps(60):
        for value, a, b in zip(got, POINTS["x"], POINTS["y"], strict=True):
            want = truth(mpmath.mpf(repr(a)), mpmath.mpf(repr(b)))
            assert abs(mpmath.mpf(value) - want) < abs(want) * mpmath.mpf(10) ** -35
    np.testing.assert_allclose([float(v) for v in got], f(np.array(POINTS["x"]), np.array(POINTS["y"])), rtol=1e-12)


def test_floats_are_the_decimals_they_were_written_as():
    d = digits_of(sg.function([x], x))
    assert d.exact(0.1) * 10 == 1


def test_the_global_precision_is_left_alone():
    before = mpmath.mp.dps
    d = digits_of(sg.function([x], sp.exp(x)), 77)
    d([d.exact(1.0)])
    assert mpmath.mp.dps == before


def test_what_is_not_real_or_finite_raises():
    d = digits_of(sg.function([x], sp.log(x)))
    with pytest.raises(ArithmeticError, match="not a finite real number"):
        d([d.exact(-1.0)])
    with pytest.raises((ArithmeticError, ValueError)):
        d([d.exact(0.0)])


def test_loops_are_refused():
    i = sp.Symbol("i", integer=True)
    n = sp.Symbol("n", integer=True)
    f = sg.function([x, n], sp.Sum(x**i, (i, 0, n)))
    with pytest.raises(UnsupportedError, match="mpmath has no"):
        digits_of(f)


def test_every_row_of_the_table_is_an_operation():
    for name in (*SAME, *RENAMED, *FORMULAS):
        assert name in REGISTER
        assert lowering(name) is not None


def test_a_number_stays_a_number():
    f = sg.function([x, y], sp.exp(x) * y)
    d = digits_of(f)
    (got,) = d([d.exact(1.0), [d.exact(2.0), d.exact(3.0)]])
    assert [float(v) for v in got] == pytest.approx([2 * math.e, 3 * math.e])
