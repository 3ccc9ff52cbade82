"""Numbers in front of arrays become one product of powers each; what merges to nothing is gone, with its arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad.compile.numpy import Reference
from symgrad.graph import REGISTER, Graph, Type
from symgrad.simplify.monomials import gather_powers

RNG = np.random.default_rng(5)
X = RNG.normal(size=(3, 3)) + 2 * np.eye(3)
V = np.array([1.0, -3.0])


def built(operations: list[tuple[str, int, int]]) -> tuple[Graph, list[int], int]:
    """A vector times a number, made from two numbers by these operations, each on earlier numbers."""
    g = Graph()
    inputs = [g.input("v", Type("float64", (2,))), g.input("s", Type("float64")), g.input("t", Type("float64"))]
    numbers = [*inputs[1:], g.const(2, "float64")]
    for name, a, b in operations:
        x, y = numbers[a % len(numbers)], numbers[b % len(numbers)]
        one = name in ("sqrt", "negative", "integer_power")
        attrs = (2 + b % 2,) if name == "integer_power" else ()
        numbers.append(g.build(REGISTER[name], (x,) if one else (x, y), attrs))
    return g, inputs, g.build(REGISTER["einsum"], (numbers[-1], inputs[0]), (",i->i",))


def value(g: Graph, root: int, s: float, t: float) -> Any:
    given = {"v": V, "s": s, "t": t}
    inputs = [i for i, op in enumerate(g.ops) if op.name == "input"]
    with np.errstate(all="ignore"):
        return Reference(g, inputs, [root])([given[g.attrs[i][0]] for i in inputs])[0]


NAMES = st.sampled_from(["multiply", "divide", "add", "subtract", "sqrt", "integer_power", "negative"])
STEPS = st.lists(st.tuples(NAMES, st.integers(0, 9), st.integers(0, 9)), min_size=2, max_size=9)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(STEPS)
def test_values_stay_and_operations_do_not_grow(operations):
    g, _, root = built(operations)
    new, (other,) = gather_powers(g, [root])
    assert new.operations([other]) <= g.operations([root])
    before = value(g, root, 1.7, 0.6)
    assume(np.all(np.isfinite(before)) and np.all(np.abs(before) < 1e6))
    np.testing.assert_allclose(value(new, other, 1.7, 0.6), before, rtol=1e-9, atol=1e-9)


TEXTS = {
    "1/(s s)": ([("divide", 2, 0), ("divide", 3, 0)], r"\frac{2 v}{s^{2}}"),
    "s (1/s)": ([("divide", 2, 0), ("multiply", 3, 0)], "2 v"),
    "roots": ([("sqrt", 0, 0), ("divide", 3, 0), ("divide", 4, 0)], r"\frac{v}{s^{3/2}}"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_one_product_of_powers(name):
    operations, text = TEXTS[name]
    g, _, root = built(operations)
    new, (other,) = gather_powers(g, [root])
    from symgrad.show.latex import latex

    assert latex(new, [other], 0) == text


def test_what_merges_to_nothing_takes_its_arrays_along():
    f = sg.hessian(sg.function(lambda X: np.linalg.norm(X) ** 2))
    np.testing.assert_allclose(f(X), 2 * np.einsum("ik,jl->ijkl", np.eye(3), np.eye(3)))
    assert f.latex() == r"2 I \otimes I"
    assert np.all(np.isfinite(f(np.zeros((3, 3)))))


def test_a_zero_of_the_user_stays():
    g = Graph()
    v, s, t = (g.input(n, Type("float64", shape)) for n, shape in (("v", (2,)), ("s", ()), ("t", ())))
    zero = g.build(REGISTER["multiply"], (g.const(0, "float64"), s))
    scaled = g.build(REGISTER["multiply"], (g.build(REGISTER["divide"], (zero, t)), t))
    root = g.build(REGISTER["einsum"], (scaled, v), (",i->i",))
    new, (other,) = gather_powers(g, [root])
    assert np.all(np.isnan(value(new, other, np.inf, 2.0)))
    assert not np.any(value(new, other, 1.0, 2.0))


def test_numbers_stand_at_the_smaller_array():
    f = sg.hessian(sg.function(np.linalg.det))
    n = 3**4
    assert f.specialise(X).count_ops() <= 4 * n + 60
    inverse = np.linalg.inv(X)
    want = np.einsum("ji,lk->ijkl", inverse, inverse) - np.einsum("jk,li->ijkl", inverse, inverse)
    np.testing.assert_allclose(f(X), np.linalg.det(X) * want, rtol=1e-10)


def test_deviations_from_a_mean_add_up_to_nothing():
    x = RNG.normal(size=7) + 100
    gradient = sg.grad(sg.function(lambda x: np.var(x)))
    np.testing.assert_allclose(gradient(x), 2 / 7 * (x - x.mean()), rtol=1e-12)
    assert gradient.latex() == r"\frac{2}{7} \left(x - \frac{\mathbf{1}^{T} x}{7} \mathbf{1}\right)"
    hessian = sg.hessian(sg.function(lambda x: np.var(x)))
    np.testing.assert_allclose(hessian(x), 2 / 7 * (np.eye(7) - 1 / 7), rtol=1e-12, atol=1e-15)
    columns = sg.grad(sg.function(lambda X: np.sum((X - X.mean(axis=0)) ** 2)))
    np.testing.assert_allclose(columns(X), 2 * (X - X.mean(axis=0)), rtol=1e-12)


def test_other_differences_are_added_up():
    f = sg.function(lambda x, m: np.sum(x - m) * np.sum(x - np.mean(x[:2])))
    x = RNG.normal(size=5)
    np.testing.assert_allclose(f(x, 0.25), np.sum(x - 0.25) * np.sum(x - np.mean(x[:2])), rtol=1e-12)
    rows = sg.function(lambda X: np.sum(np.sum(X - X.mean(axis=0), axis=1) ** 3))
    np.testing.assert_allclose(rows(X), np.sum(np.sum(X - X.mean(axis=0), axis=1) ** 3), rtol=1e-12)
    np.testing.assert_allclose(sg.grad(rows)(X).sum(axis=0), 0, atol=1e-12)
