"""The tables of "The Matrix Cookbook" (K. B. Petersen and M. S. Pedersen, 2012) for functions of NumPy arrays.

The derivative has the values of the book's form and of central differences, takes no more operations than that form,
and its source runs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symgrad as sg
from tests.show.cookbook_first import FIRST
from tests.show.cookbook_further import FURTHER

SHAPES: dict[str, tuple[int, ...]] = {"R": (4, 2), "G": (4, 4), "Q": (2, 2), "T": (4, 3), "U": (4, 2), "V": (3, 2)}
SHAPES |= dict.fromkeys("ABCDWXS", (3, 3)) | dict.fromkeys("abcdsxmwy", (3,)) | {"t": ()}

BOOK = FIRST | FURTHER
MORE = {"51 det AXB": 2, "58 det X^k": 2.5, "67 eigenvalue": 1.5}
"""Where the book uses what is only true of square or of unit matrices, the operations may be that many times its."""


def arguments(function: Any) -> list[Any]:
    """Values of the function's arguments, by their names."""
    rng = np.random.default_rng(17)
    code = function.__code__
    found: list[Any] = []
    for name in code.co_varnames[: code.co_argcount]:
        shape = SHAPES[name]
        v = rng.normal(size=shape) + (2 * np.eye(*shape) if len(shape) == 2 and shape[0] == shape[1] else 0)
        found.append(v @ v.T + np.eye(3) if name == "S" else v if shape else 0.7)
    return found


def differences(function: Any, x: Any, rest: list[Any]) -> np.ndarray:
    """Central differences of sixth order by the first argument: the result's axes, then the variable's."""
    x = np.asarray(x)
    out = np.empty(np.shape(function(x, *rest)) + x.shape)
    h = 2e-3
    for index in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[index] = h
        weights = ((1, 3 / 4), (2, -3 / 20), (3, 1 / 60))
        total = sum(w * (function(x + n * step, *rest) - function(x - n * step, *rest)) for n, w in weights)
        out[(..., *index)] = total / h
    return out


def derivative(function: Any, values: list[Any]) -> sg.Function:
    f = sg.function(function)
    return (sg.jacobian(f) if np.ndim(function(*values)) else sg.grad(f)).specialise(*values)


@pytest.mark.parametrize("name", BOOK)
def test_the_formula(name):
    function, text, _ = BOOK[name]
    assert derivative(function, arguments(function)).latex() == text


@pytest.mark.parametrize("name", BOOK)
def test_the_values(name):
    function, _, form = BOOK[name]
    x, *rest = values = arguments(function)
    got = derivative(function, values)(*values)
    if name.startswith("67"):  # eigvalsh reads one triangle
        np.testing.assert_allclose(got, form(*values), rtol=1e-9, atol=1e-11)
        return
    np.testing.assert_allclose(got, differences(function, x, rest), rtol=1e-8, atol=1e-8)
    if form is not None:
        np.testing.assert_allclose(got, form(*values), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", [name for name, row in BOOK.items() if row[2] is not None])
def test_no_more_operations_than_the_book(name):
    function, _, form = BOOK[name]
    values = arguments(function)
    theirs = sg.function(form).specialise(*values).count_ops()
    assert derivative(function, values).count_ops() <= MORE.get(name, 1) * theirs


@pytest.mark.parametrize("name", BOOK)
def test_the_source_runs(name):
    function, _, _ = BOOK[name]
    values = arguments(function)
    own = derivative(function, values)
    scope: dict[str, Any] = {}
    exec(own.python(), scope)  # our own text, as a user would run it
    got = scope[next(n for n in reversed(scope))](*values)
    np.testing.assert_allclose(got, own(*values), rtol=1e-10, atol=1e-12)
