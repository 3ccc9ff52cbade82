"""Loops and arrays: batches of arrays, of bounds, of nothing, and places outside, on the reference and natively."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.errors import FormulaError
from symgrad.graph import REGISTER, Graph, Type
from symgrad.graph.verify import verify

x = sp.Symbol("x")
i, j, n = sp.symbols("i j n", integer=True)
a = sp.IndexedBase("a")
ROWS = np.arange(15.0).reshape(3, 5)


@pytest.fixture(params=["reference", "native"])
def function(request: pytest.FixtureRequest) -> Any:
    def make(*given: Any) -> sg.Function:
        f = sg.function(*given)
        return f if request.param == "reference" else f.compile()

    return make


def test_every_point_of_a_batch_has_its_own_array(function: Any) -> None:
    f = function([x, n, a], sp.Sum(x * a[i], (i, 0, n - 1)))
    np.testing.assert_array_equal(f(2.0, 5, ROWS), 2 * ROWS.sum(axis=1))
    np.testing.assert_array_equal(f(np.arange(3.0), 5, ROWS), np.arange(3) * ROWS.sum(axis=1))
    np.testing.assert_array_equal(f(np.arange(2.0)[:, None], 5, ROWS), np.arange(2)[:, None] * ROWS.sum(axis=1))
    np.testing.assert_array_equal(f(np.ones(3), np.array([1, 2, 3]), ROWS), [0, 5 + 6, 10 + 11 + 12])
    two = function([x, n, a], sp.Sum(x * a[i, j], (i, 0, n - 1), (j, 0, n)))
    tables = np.arange(24.0).reshape(4, 2, 3)
    np.testing.assert_array_equal(two(1.0, 2, tables), tables.sum(axis=(1, 2)))
    at = function([x, a], a[x] + a[1])
    np.testing.assert_array_equal(at(np.arange(3.0), ROWS), ROWS[range(3), range(3)] + ROWS[:, 1])


def test_bounds_that_differ_read_only_what_their_passes_read(function: Any) -> None:
    f = function([x, n, a], sp.Sum(x * a[n - i], (i, 0, n)))
    got = f(np.array([[1.0], [2.0]]), np.array([0, 4, -1]), ROWS[0])
    np.testing.assert_array_equal(got, [[0, 10, 0], [0, 20, 0]])
    p = function([x, n], sp.Product(x + i, (i, 1, n)))
    np.testing.assert_array_equal(p(1.0, np.array([3, 0, 1])), [24, 1, 2])


def test_no_points(function: Any) -> None:
    f = function([x, n, a], sp.Sum(x * a[i], (i, 0, n - 1)))
    nothing = np.empty(0)
    for args in ((nothing, 2, ROWS[0]), (1.0, nothing, ROWS[0]), (1.0, 2, ROWS[:0]), (nothing, nothing, ROWS[0])):
        assert f(*args).shape == (0,)
    assert f(np.ones((2, 1)), nothing, ROWS[0]).shape == (2, 0)
    assert f(1.0, 0, nothing) == 0.0


def test_fixed_places_outside_an_array(function: Any) -> None:
    f = function([x, a], x + a[7])
    assert f(1.0, np.arange(8.0)) == 8.0
    for args in ((1.0, ROWS[0]), (1.0, np.empty(0)), (np.ones(3), ROWS), (np.ones(9), ROWS[0])):
        with pytest.raises(sg.ArgumentError, match=r"index 7 is outside axis 0 of an array of shape \((5|0),\)"):
            f(*args)


def test_fixed_places_are_inside_fixed_lengths() -> None:
    g = Graph()
    v = g.input("v", Type("float64", (3,)))
    g.add(REGISTER["element"], (v,), ((2,),))
    with pytest.raises(TypeError, match="outside"):
        g.add(REGISTER["element"], (v,), ((3,),))
    outside = g.add(REGISTER["element"], (v,), ((3,),), Type("float64"))
    with pytest.raises(FormulaError, match="outside"):
        verify(g, [v], [outside])
