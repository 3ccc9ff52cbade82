"""Nothing leaks out of the branch that is not taken, at any order; conventions at kinks (docs/conventions.md)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad import Function

x, y, z = sp.symbols("x y z", real=True)


def nested(f: Function, order: int) -> Function:
    for _ in range(order):
        f = sg.grad(f, wrt=0)
    return f


def everywhere(e: Any, at: float, values: list[float]) -> None:
    """The derivatives of order 0, 1, ... at a point, by nesting, by Taylor propagation and in every mode."""
    f = sg.function([x], e)
    for order, want in enumerate(values):
        assert nested(f, order)(at) == pytest.approx(want, rel=1e-14), order
        assert sg.derivative(f, order=order)(at) == pytest.approx(want, rel=1e-14), order
    for mode in ("forward", "reverse", "mixed"):
        first = sg.grad(f, mode=mode)
        assert first(at) == pytest.approx(values[1], rel=1e-14), mode
        assert sg.grad(first, mode=mode)(at) == pytest.approx(values[2], rel=1e-14), mode


INF = sp.oo
CASES = [
    (sp.Piecewise((x, x < 1), (sp.sqrt(x), True)), 0.0, [0, 1, 0, 0]),
    (sp.Piecewise((x, x < 1), (sp.sqrt(x), True)), 4.0, [2, 0.25, -1 / 32, 3 / 256]),
    (sp.Piecewise((x, x < 1), (sp.sqrt(x), True)), -3.0, [-3, 1, 0, 0]),
    (sp.Piecewise((sp.log(x), x > 0), (x**2, True)), 0.0, [0, 0, 2, 0]),
    (sp.Piecewise((sp.sin(x) / x, sp.Ne(x, 0)), (1, True)), 0.0, [1, 0, 0, 0]),
    (sp.Piecewise((1 / x, x > 1), (x**3, x > -1), (sp.sqrt(-x), True)), 0.0, [0, 0, 0, 6]),
    (sp.Piecewise((1 / x, x > 1), (x**3, x > -1), (sp.sqrt(-x), True)), -4.0, [2, -0.25, -1 / 32, -3 / 256]),
    # a factor that is infinite, and one that is NaN, in the branch not taken
    (sp.Piecewise((x**2, x <= 0), (x * sp.log(x), True)), 0.0, [0, 0, 2, 0]),
    (sp.Piecewise((3 * x, x < 2), (sp.acosh(x) * sp.sqrt(x - 2), True)), 1.0, [3, 3, 0, 0]),
    # nested, one inside the other
    (
        sp.Piecewise((sp.Piecewise((x, x < 0), (sp.sqrt(x) * x, True)), x < 1), (sp.log(x), True)),
        -2.0,
        [-2, 1, 0, 0],
    ),
    # a choice of exponent's argument: exp overflows where it is not taken
    (sp.Piecewise((sp.exp(-1 / x**2), sp.Ne(x, 0)), (0, True)), 0.0, [0, 0, 0, 0]),
    # one part in two branches, neither of them taken: its own slope is infinite there
    (
        sp.Piecewise((sp.sqrt(x), x > 1), (x, True)) + sp.Piecewise((sp.sqrt(x) ** 3, x > 2), (x**2, True)),
        0.0,
        [0, 1, 2, 0],
    ),
    (
        sp.Piecewise((sp.log(x), x > 1), (0, True)) * sp.Piecewise((sp.log(x), x > 2), (1, True)) + x**3,
        0.0,
        [0, 0, 0, 6],
    ),
    # a square root of what vanishes because no branch is taken
    (sp.sqrt(sp.Piecewise((x - 1, x > 1), (0, True)) + sp.Piecewise((x - 2, x > 2), (0, True))) + x, 0.0, [0, 1, 0, 0]),
    (
        sp.Piecewise((sp.Max(x, 0) * sp.sqrt(-sp.Max(x, 0)), sp.Max(x, 0) < 0), (sp.Max(x, 0), True)) ** 2,
        2.0,
        [4, 4, 2, 0],
    ),
    (x**2 * sp.Piecewise((1, x < 1), (sp.sqrt(x - 1), True)), 0.5, [0.25, 1, 2, 0]),
]


@pytest.mark.parametrize(("e", "at", "values"), CASES)
def test_three_orders(e: Any, at: float, values: list[float]) -> None:
    everywhere(e, at, values)


def test_a_batch_takes_each_branch_by_itself() -> None:
    f = sg.function([x], sp.Piecewise((x, x < 1), (sp.sqrt(x), True)))
    at = np.array([-1.0, 0.0, 1.0, 4.0])
    assert sg.grad(f)(at).tolist() == [1.0, 1.0, 0.5, 0.25]
    assert sg.grad(sg.grad(f))(at).tolist() == [0.0, 0.0, -0.25, -1 / 32]


def test_two_variables() -> None:
    e = sp.Piecewise((x * y, x < y), (sp.sqrt(x - y), True))
    f = sg.function([x, y], e)
    assert sg.grad(f)(1.0, 2.0) == (2.0, 1.0)
    assert sg.hessian(f)(1.0, 2.0).tolist() == [[0.0, 1.0], [1.0, 0.0]]
    assert sg.grad(f)(5.0, 1.0) == (0.25, -0.25)
    assert np.allclose(sg.hessian(f)(5.0, 1.0), np.array([[-1, 1], [1, -1]]) / 32, rtol=1e-14)


def test_one_part_in_branches_of_two_variables() -> None:
    root = sp.sqrt(x * y)
    f = sg.function([x, y], sp.Piecewise((root, x > 1), (y, True)) * sp.Piecewise((root, y > 1), (x, True)))
    for mode in ("forward", "reverse", "mixed"):
        first = sg.grad(f, mode=mode)
        assert first(0.0, 0.0) == (0.0, 0.0), mode
        assert first(0.5, 0.0) == (0.0, 0.5), mode
        assert sg.hessian(f, mode=mode)(0.5, 0.0).tolist() == [[0.0, 1.0], [1.0, 0.0]], mode
        assert sg.jacobian(sg.hessian(f, mode=mode), mode=mode)(0.0, 0.5).tolist() == [[[0.0, 0.0]] * 2] * 2, mode
    assert sg.grad(f)(4.0, 4.0) == (4.0, 4.0)


def test_softplus() -> None:
    f = sg.function([x], sp.log(1 + sp.exp(x)))
    assert f(800.0) == 800.0
    assert f(-800.0) == 0.0
    assert sg.grad(f)(100.0) == 1.0
    assert sg.grad(f)(-745.0) == pytest.approx(math.exp(-745.0))
    assert sg.grad(sg.grad(f))(100.0) == pytest.approx(math.exp(-100.0), rel=1e-13)
    assert nested(f, 3)(-100.0) == pytest.approx(math.exp(-100.0), rel=1e-13)


# At a kink the derivative is the mean of both sides.
KINKS = [
    (sp.Abs(x), 0.0, 0.0),
    (sp.Max(x, 0), 0.0, 0.5),
    (sp.Min(x, 0), 0.0, 0.5),
    (sp.Max(x, 2 * x), 0.0, 1.5),
    (sp.Max(x, -x, evaluate=False), 0.0, 0.0),
    (sp.sqrt(x**2, evaluate=False), -3.0, -1.0),
    (sp.Max(x, 0) ** 2, 0.0, 0.0),
    (sp.Abs(x) ** 3, 0.0, 0.0),
    (sp.sign(x) * x**2, 0.0, 0.0),
    (sp.Heaviside(x) * x, 0.0, 0.5),
    (sp.floor(x) * x, 2.5, 2.0),
    (sp.Mod(x, 2) ** 2, 3.5, 3.0),
]


@pytest.mark.parametrize(("e", "at", "slope"), KINKS)
def test_kinks(e: Any, at: float, slope: float) -> None:
    f = sg.function([x], e)
    assert sg.grad(f)(at) == slope
    assert sg.derivative(f)(at) == slope


def test_square_root_at_zero_is_infinitely_steep() -> None:
    f = sg.function([x], sp.sqrt(x))
    assert f(0.0) == 0.0
    assert sg.grad(f)(0.0) == math.inf
    assert math.isnan(f(-1.0))


def test_maximum_of_vectors_of_equal_entries() -> None:
    f = sg.function([x, y], sp.Max(x, y))
    assert sg.grad(f)(2.0, 2.0) == (0.5, 0.5)
    assert sg.grad(f)(3.0, 2.0) == (1.0, 0.0)
    third = sg.function([x, y, z], sp.Max(x, y, z))
    assert sum(sg.grad(third)(1.0, 1.0, 1.0)) == pytest.approx(1.0)


@pytest.mark.parametrize("power", [2, 3, sp.Rational(3, 2), sp.Rational(5, 2)])
def test_powers_at_zero(power: Any) -> None:
    f = sg.function([x], x**power)
    assert sg.grad(f)(0.0) == 0.0
    second = {2: 2.0, 3: 0.0, sp.Rational(3, 2): math.inf, sp.Rational(5, 2): 0.0}[power]
    assert sg.grad(sg.grad(f))(0.0) == second


def test_a_symbolic_power_at_zero() -> None:
    f = sg.function([x, y], x**y)
    assert sg.grad(f)(0.0, 2.0) == (0.0, 0.0)
    assert sg.grad(f)(0.0, 1.0) == (1.0, 0.0)
    assert sg.grad(f)(2.0, 3.0) == (12.0, pytest.approx(8 * math.log(2)))
    dx, dy = sg.grad(f)(-2.0, 3.0)
    assert dx == 12.0
    assert math.isnan(dy)
