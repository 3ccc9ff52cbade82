"""Every operation on arrays shows itself: as Python source that runs, as balanced LaTeX; so do its derivatives."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad import Function
from symgrad.graph import Graph, Node, Type
from symgrad.ops.literal import constant_array
from symgrad.show.places_python import literal
from symgrad.show.python import identifier
from tests.ops.arrays import Case, scalar
from tests.ops.test_array_rules import CASES, EVERY


def function(case: Case) -> Function:
    g, inputs, y = case.graph()
    return Function(g, [i.id for i in inputs], [y.id])


def compiled(f: Function) -> Any:
    scope: dict[str, Any] = {}
    exec(f.python(), scope)  # our own text, as a user would run it
    return scope[identifier(f.name)]


def agree(f: Function, values: list[Any]) -> None:
    got, want = compiled(f)(*values), f(*values)
    for mine, theirs in zip(*(x if isinstance(x, tuple) else (x,) for x in (got, want)), strict=True):
        assert np.shape(mine) == np.shape(theirs)
        np.testing.assert_allclose(mine, theirs, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("name", EVERY)
def test_python_source_runs_and_agrees(name: str) -> None:
    agree(function(EVERY[name]), EVERY[name].arguments())


@pytest.mark.parametrize("name", CASES)
def test_python_source_of_gradients_and_jacobians(name: str) -> None:
    case = CASES[name]
    wrt = [f"x{k}" for k in case.active]
    agree(sg.grad(function(scalar(case)), wrt=wrt), case.arguments())
    agree(sg.jacobian(function(case), wrt=wrt), case.arguments())


@pytest.mark.parametrize("name", EVERY)
def test_latex_is_balanced_and_names_its_arguments(name: str) -> None:
    f = function(EVERY[name])
    text = f.latex()
    assert text.count("{") == text.count("}")
    assert len(re.findall(r"\\left\b", text)) == len(re.findall(r"\\right\b", text))
    for k in range(len(f.names)):
        assert f"x_{{{k}}}" in text


@pytest.mark.parametrize(
    "array",
    [
        np.arange(4),
        np.array([3, 0, 2]),
        np.array([[0.1, -np.inf], [np.nan, 1e300]]),
        np.array([True, False]),
        np.array([0.1, 0.25], np.float32),
        np.array([[1, 2], [3, 4]]),
    ],
)
def test_constant_arrays(array: np.ndarray) -> None:
    g = Graph()
    x = Node(g, g.input("x", Type("float64", (2,))))
    f = Function(g, [x.id], [constant_array(g, array)])
    value = compiled(f)(np.zeros(2))
    assert value.dtype == array.dtype
    np.testing.assert_array_equal(value, array)
    assert ("arange" in literal(array)) == (array.dtype == int and array.ndim == 1 and array[0] == 0)


def test_an_input_may_be_called_like_a_function_of_the_source() -> None:
    g = Graph()
    a, b = (Node(g, g.input(n, Type("float64", (3,)))) for n in ("linear_recurrence", "np"))
    from symgrad.ops.reduce import linear_recurrence

    agree(Function(g, [a.id, b.id], [linear_recurrence(a, b).id]), [np.arange(3.0), np.ones(3)])
