"""The benchmark's problems build and are the mathematics they claim to be."""

from __future__ import annotations

import math

import numpy as np
import problems
import pytest
import srepr
import store
import sympy as sp
from scipy.special import sph_harm_y


def values(problem: problems.Problem, point: np.ndarray) -> np.ndarray:
    """The expressions at one point, by SymPy's own evaluation."""
    f = sp.lambdify(problem.inputs, problem.expressions, "math", cse=True)
    return np.array(f(*point), float)


@pytest.mark.parametrize(
    ("name", "shape"),
    [("gait2d", (18, 42)), ("eom6", (6, 12)), ("pollu", (20, 20)), ("rosenbrock-10", (10, 10))],
)
def test_shapes_and_finite_values(name: str, shape: tuple[int, int]) -> None:
    try:
        problem = problems.load(name)
    except problems.Absent as reason:
        pytest.skip(str(reason))
    assert problem.shape == shape
    points = problem.points(3)
    assert points.shape == (3, len(problem.inputs))
    for point in points:
        assert np.isfinite(values(problem, point)).all()


def test_pendulum_keeps_its_energy_balance() -> None:
    """At rest the residual is minus the force: the cart's, and gravity's torque on each link."""
    n = 3
    problem = problems.load(f"pendulum-{n}")
    assert problem.shape == (n + 1, 3 * (n + 1))
    place = {s.name: k for k, s in enumerate(problem.inputs)}
    point = problem.points(1)[0]
    point[n + 1 : 3 * (n + 1)] = 0  # speeds and accelerations
    residual = values(problem, point)
    at = {name: point[k] for name, k in place.items()}
    assert residual[0] == pytest.approx(-at["F"])
    for k in range(1, n + 1):
        above = sum(at[f"m{j}"] for j in range(k, n + 1))
        torque = at["g"] * at[f"l{k - 1}"] * above * math.sin(at[f"q{k}"])
        assert residual[k] == pytest.approx(-torque)


def test_harmonics_agree_with_scipy_on_the_sphere() -> None:
    problem = problems.load("harmonics-5")
    point = np.array([0.3, -0.5, 0.7])
    point /= np.linalg.norm(point)
    got = values(problem, point)
    theta, phi = math.acos(point[2]), math.atan2(point[1], point[0])
    expected = []
    for degree in range(5):
        for m in range(-degree, degree + 1):
            y = sph_harm_y(degree, abs(m), theta, phi) * (-1) ** m
            expected.append(math.sqrt(2) * (y.imag if m < 0 else y.real) if m else y.real)
    assert got == pytest.approx(np.array(expected), rel=1e-12)


def test_rosenbrock_has_its_minimum_at_ones() -> None:
    problem = problems.load("rosenbrock-4")
    assert values(problem, np.ones(4)) == pytest.approx([0.0])
    assert values(problem, np.array([-1.2, 1.0, 1.0, 1.0])) == pytest.approx([100 * 0.44**2 + 2.2**2])


def test_pollu_keeps_its_atoms() -> None:
    """Nitrogen is only moved between NO2 NO PAN HNO3 NO3 and twice N2O5 (species 1 2 13 15 19 and 20)."""
    problem = problems.load("pollu")
    point = problem.points(1)[0]
    rates = values(problem, point)
    sulphur = rates[16] + rates[17]
    nitrogen = rates[[0, 1, 12, 14, 18]].sum() + 2 * rates[19]
    assert abs(sulphur) < 1e-9 * abs(rates).max()
    assert abs(nitrogen) < 1e-9 * abs(rates).max()


def test_srepr_is_read_without_running_it() -> None:
    x = sp.Symbol("x", real=True)
    q = sp.Function("q", real=True)(x)
    expression = 2 * sp.sin(q) ** 2 - sp.Rational(1, 3) * sp.exp(-abs(x))
    text = "MutableDenseMatrix([[Add(Mul(Integer(2), Pow(sin(Function('q')(Symbol('x'))), Integer(2))), "
    text += "Mul(Integer(-1), Rational(1, 3), exp(Mul(Integer(-1), Abs(Symbol('x'))))))], [Symbol('x')]])"
    assert srepr.read(text) == [expression, x]


@pytest.mark.parametrize("text", ["open('f')", "Add(Symbol('x')", "Symbol('x'))", "a + b"])
def test_what_is_no_srepr_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        srepr.read(text)


def test_stored_expressions_come_back() -> None:
    a, b = sp.symbols("a b", real=True)
    expressions = [a**2 * sp.sin(b) - sp.Rational(2, 3) * a, sp.cos(a * b) + 1]
    assert store.load(store.dump(expressions)) == expressions


def test_unknown_names_are_refused() -> None:
    with pytest.raises(KeyError, match="the problems are"):
        problems.load("kane-x")
