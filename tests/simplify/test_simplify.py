"""Simplification keeps every value and never makes a program longer."""

from __future__ import annotations

import math
from typing import Any

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad import Function
from symgrad.graph import REGISTER, Graph
from symgrad.simplify import factor, program, rewrites, settle_signs, share_pairs, simplify, stabilise
from tests.formulas import POINTS, functions
from tests.precise import at, close

EXAMPLES = settings(max_examples=25, deadline=None, derandomize=True)
PASSES = {
    "factor": factor,
    "share_pairs": share_pairs,
    "settle_signs": settle_signs,
    "stabilise": stabilise,
    "simplify": simplify,
    "program": program,
    "all": lambda g, roots: program(*simplify(g, roots)),
}
STABLE = ("stabilise", "simplify", "all")
"""Passes that may pay for stability: 1 - sigmoid(u) becomes sigmoid(-u), with a negation.

A program takes x**(3/2) apart, which is cheaper than one call of pow, but three operations.
"""
x, y, z, a, b, c = sp.symbols("x y z a b c")


@st.composite
def polynomials(draw: Any) -> Function:
    """Sums of products with common factors, quotients, repeated terms: what the simplifier is about."""
    g = Graph()
    names = [g.input(n, sg.function([x], x).graph.types[0]) for n in "xyz"]
    pool = list(names)
    ops = [REGISTER[n] for n in ("add", "subtract", "multiply", "multiply", "divide", "negative")]
    for _ in range(draw(st.integers(3, 18))):
        op = ops[draw(st.integers(0, len(ops) - 1))]
        picks = [pool[draw(st.integers(0, len(pool) - 1))] for _ in range(op.arity or 0)]
        if draw(st.booleans()) and draw(st.booleans()):
            picks[-1] = g.const(draw(st.sampled_from((1, 2, 3, -2))), "float64")
        pool.append(g.build(op, tuple(picks)))
    packed = g.add(REGISTER["stack"], tuple(pool[-3:]), ((3,),))
    return Function(g, names, [packed])


def after(f: Function, how: str) -> Function:
    graph, outputs = PASSES[how](f.graph, f.outputs)
    return Function(graph, f.inputs_in(graph), outputs, simple=True)


def same_values(f: Function, g: Function, point: list[float]) -> None:
    for v, w in zip(at(f, point), at(g, point), strict=True):
        if mp.isfinite(v):  # what is finite stays; inf and nan may swap, or become finite
            assert close(v, w, 35)


@pytest.mark.parametrize("how", PASSES)
@EXAMPLES
@given(f=polynomials(), point=POINTS)
def test_values_of_rational_functions_stay(how: str, f: Function, point: list[float]) -> None:
    same_values(f, after(f, how), point)


@pytest.mark.parametrize("how", PASSES)
@EXAMPLES
@given(f=functions(kinks=True, outputs=2), point=POINTS)
def test_values_stay(how: str, f: Function, point: list[float]) -> None:
    point = point[: len(f.names)]
    assume(all(mp.isfinite(v) for v in at(f, point)))
    same_values(f, after(f, how), point)


@pytest.mark.parametrize("how", PASSES)
@EXAMPLES
@given(f=functions(kinks=True, outputs=2), point=POINTS)
def test_values_of_derivatives_stay(how: str, f: Function, point: list[float]) -> None:
    point = point[: len(f.names)]
    jacobian = sg.jacobian(f, wrt=list(range(len(point))))
    assume(all(mp.isfinite(v) for v in at(jacobian, point)))
    same_values(jacobian, after(jacobian, how), point)


@pytest.mark.parametrize("how", PASSES)
@EXAMPLES
@given(f=polynomials())
def test_operations_never_grow(how: str, f: Function) -> None:
    assert count(after(f, how)) <= count(f)


@pytest.mark.parametrize("how", PASSES)
@EXAMPLES
@given(f=functions(kinks=True, outputs=2))
def test_operations_of_other_formulas_never_grow(how: str, f: Function) -> None:
    jacobian = sg.jacobian(f, wrt=list(range(len(f.names))))
    for g in (f, jacobian):
        stability = 2 * len(rewrites(g.graph, g.outputs)) if how in STABLE else 0
        powers = 3 * sum(op.name == "power" for op in g.graph.ops) if how in ("program", "all") else 0
        assert count(after(g, how)) <= count(g) + stability + powers


def count(f: Function) -> int:
    return f.graph.operations(f.outputs)


def f64(e: Any) -> Function:
    return sg.function(sorted(e.free_symbols, key=str), e)


@pytest.mark.parametrize(
    ("e", "most"),
    [
        (a * b + a * c, 2),
        (a * x + b * x + c * x, 3),
        (2 * (x + y) + 3 * (x + y), 2),
        (x + 2 * x + 3 * x, 1),
        (a / x + b / x, 2),
        (x**2 * y + x**2 * z, 3),
        (a * b * c + a * b * x, 3),
        (-(a * b) - a * c, 3),
        (x - y + y - x, 0),
    ],
)
def test_sums_are_factored(e: Any, most: int) -> None:
    unevaluated = e if most else sp.Add(x, -y, y, -x, evaluate=False)
    f = sg.function([a, b, c, x, y, z], unevaluated)
    graph, outputs = simplify(f.graph, f.outputs)
    assert graph.operations(outputs) <= most


@pytest.mark.parametrize(
    ("e", "want"),
    [
        (x**-2, -2 / x**3),
        (sp.sqrt(x**2 + y**2), x / sp.sqrt(x**2 + y**2)),
        (sp.log(x) / x, (1 - sp.log(x)) / x**2),
        (x**3 / x**2 * y, y),
    ],
)
def test_divisors_cancel(e: Any, want: Any) -> None:
    g = sg.grad(sg.function([x, y], e), wrt=x)
    expected = sg.function([x, y], want)
    assert g.count_ops() <= expected.count_ops()
    assert g(0.7, 1.2) == pytest.approx(expected(0.7, 1.2), rel=1e-15)


def test_common_pairs_are_shared() -> None:
    f = sg.function([a, b, c, x, y], [a * b * c, a * x * b, a + b - c, b + x + a])
    assert f.count_ops() == 6


def test_sharing_is_kept() -> None:
    """A chain of shared squares stays as long as it is: nothing is multiplied out."""
    e: Any = x
    for _ in range(30):
        e = (e + 1) * e
    f = sg.function([x], e)
    assert f.count_ops() <= 60
    assert sg.grad(f).count_ops() <= 200


def test_what_shares_nothing_stays() -> None:
    f = sg.function([x, y], sp.sin(x) + sp.cos(y) * x)
    graph, outputs = simplify(f.graph, f.outputs)
    assert graph.operations(outputs) == 4


def test_zero_times_infinity_is_not_folded() -> None:
    f = sg.function([x], sp.Mul(0, x, evaluate=False))
    assert math.isnan(f(math.inf))
    assert f(2.0) == 0.0


def test_a_divisor_stands_beside_a_number() -> None:
    """2/d beside sums: a divisor is no node to be opened."""
    f = sg.function([x], sp.exp(sp.sin(sp.sqrt(4 * x**2 + 1))))
    second = sg.derivative(f, order=2)(0.0166015625)
    assert second == pytest.approx(4.9968105409374170643, rel=1e-14)


# --- stable forms ----------------------------------------------------------------------------------------------------

STABLE_FORMS = [
    (sp.log(1 + x), "log1p", -1e-18, -1e-18),
    (sp.log(1 - x), "log1p", 1e-18, -1e-18),
    (sp.log(1 + x + x**2), "log1p", 1e-18, 1e-18),
    (sp.exp(x) - 1, "expm1", 1e-18, 1e-18),
    (1 - sp.exp(-x), "expm1", 1e-18, 1e-18),
    (sp.log(1 + sp.exp(x)), "softplus", 800.0, 800.0),
    (sp.log(1 + sp.exp(-x)), "softplus", -800.0, 800.0),
    (sp.log(sp.exp(x) + sp.exp(1000 - x)), "logaddexp", 800.0, 800.0),
    (sp.log(1 + sp.exp(x) + sp.exp(2 * x)), "logaddexp", 800.0, 1600.0),
    (sp.log(sp.exp(x)), "log(exp(u)) as u", 800.0, 800.0),
    (1 / (1 + sp.exp(-x)), "sigmoid", -700.0, 9.859676543759770e-305),
    (sp.exp(x) / (1 + sp.exp(x)), "sigmoid", 800.0, 1.0),
    (sp.exp(x) / (1 + sp.exp(x)) ** 2, "sigmoid", 700.0, 9.859676543759770e-305),
    (3 / (1 + sp.exp(x)) ** 2, "sigmoid", 800.0, 0.0),
    (sp.exp(x) / (sp.exp(x) + sp.exp(2 * x)), "sigmoid", -800.0, 1.0),
    (sp.log(1 / (1 + sp.exp(-x))), "softplus", -800.0, -800.0),
    (sp.log(1 - 1 / (1 + sp.exp(-x))), "softplus", 800.0, -800.0),
]


@pytest.mark.parametrize(("e", "name", "at", "value"), STABLE_FORMS, ids=lambda v: str(v)[:30])
def test_stable_forms(e: Any, name: str, at: float, value: float) -> None:
    f = sg.function([x], e)
    assert f(at) == pytest.approx(value, rel=1e-14, abs=0)
    assert any(name in line for line in f.rewrites)
    assert "stable form: " in f.explain()
    assert sp.simplify(f.sympy() - e) == 0  # the formula shows as it was written
    gradient = sg.grad(f)
    assert set(f.rewrites) <= set(gradient.explain().splitlines())
    want = sp.diff(e, x)
    for v in (-1.5, 0.25, 2.0):
        assert gradient(v) == pytest.approx(float(want.subs(x, sp.Float(v, 40))), rel=1e-13)
    assert math.isfinite(gradient(at))
    assert math.isfinite(sg.grad(gradient)(at))


@pytest.mark.parametrize(
    "e", [sp.log(2 + x), sp.log(x), sp.exp(x) + 1, sp.exp(x) - 2, 1 / (2 + sp.exp(x)), 1 - x, sp.log(3 * x), sp.exp(x)]
)
def test_other_formulas_stay(e: Any) -> None:
    f = sg.function([x], e)
    assert f.rewrites == []
    assert "stable form" not in f.explain()


def test_the_value_beside_the_gradient_is_stable_too() -> None:
    f = sg.function([x], sp.log(1 + sp.exp(x)))
    assert sg.value_and_grad(f)(800.0) == (800.0, 1.0)
    assert sg.value_and_grad(f)(-800.0) == (0.0, 0.0)
    assert sg.grad(f)(100.0) == 1.0
    assert np.all(np.isfinite([sg.derivative(f, order=k)(v) for k in range(5) for v in (-800.0, 0.0, 100.0, 800.0)]))


def test_rewrites_are_counted() -> None:
    f = sg.function([x, y], sp.log(1 + x) * sp.log(1 + y))
    assert f.rewrites == ["stable form: log(1 + u) as log1p(u), 2 times"]


def test_half_integer_powers_take_no_pow() -> None:
    e = x ** sp.Rational(5, 2) + x ** sp.Rational(3, 2) - x ** sp.Rational(-3, 2)
    f = sg.function([x], e)
    graph, _, outputs = f.program
    used = {graph.ops[i].name for i, needed in enumerate(graph.reach(outputs)) if needed}
    assert "power" not in used
    assert f(2.5) == pytest.approx(2.5**2.5 + 2.5**1.5 - 2.5**-1.5, rel=1e-15)
    assert math.isnan(f(-1.0))
    assert sg.function([x], x ** sp.Rational(1, 3))(8.0) == 2.0


def test_passes_keep_unused_inputs_out_and_shared_outputs_apart() -> None:
    f = sg.function([x, y], [x + y, x + y, (x + y) ** 2, x])
    assert f(1.0, 2.0).tolist() == [3.0, 3.0, 9.0, 1.0]
    assert f.count_ops() == 2
