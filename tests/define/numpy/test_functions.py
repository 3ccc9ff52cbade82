"""Every function in the tables: values as NumPy's, derivatives as differences of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symgrad
from symgrad.define.numpy.messages import REFUSED
from symgrad.define.numpy.tracer import FUNCTIONS
from tests.define.numpy import cases_making, cases_products, cases_reductions, cases_selecting, cases_shapes
from tests.define.numpy.agreement import Case, disagreement, slope_disagreement

CASES: dict[Any, list[Case]] = {}
for c in (
    *cases_making.CASES,
    *cases_products.CASES,
    *cases_reductions.CASES,
    *cases_selecting.CASES,
    *cases_shapes.CASES,
):
    CASES.setdefault(c.function, []).append(c)
NAMED = sorted(CASES, key=lambda f: str(f.__name__))
ELSEWHERE = ("linalg", "fft")
"""Modules whose functions have tests of their own."""


def test_every_function_is_called() -> None:
    own = {f for f in FUNCTIONS if not any(m in str(f.__module__) for m in ELSEWHERE)}
    assert {f.__name__ for f in own - set(CASES)} == {
        "result_type",
        "partition",
        "argpartition",
        "fill_diagonal",  # within a function that copies
        "piecewise",  # with conditions of the argument
    }
    assert not set(FUNCTIONS) & set(REFUSED)


@pytest.mark.parametrize("function", NAMED, ids=lambda f: f.__name__)
def test_values(function: Any) -> None:
    assert [d for c in CASES[function] if (d := disagreement(c))] == []


@pytest.mark.parametrize("function", NAMED, ids=lambda f: f.__name__)
def test_slopes(function: Any) -> None:
    rng = np.random.default_rng(1)
    assert [d for c in CASES[function] if (d := slope_disagreement(c, rng))] == []


def test_dtypes_are_known_while_a_function_is_traced() -> None:
    seen = []

    def f(x: Any) -> Any:
        seen.append(np.result_type(x, np.float64))
        return x.astype(seen[-1])

    assert symgrad.function(f)(np.ones(2, np.float32)).dtype == np.float64
    assert seen == [np.dtype("float64")]


@pytest.mark.parametrize("kth", [0, 2, -1, (1, 3)])
@pytest.mark.parametrize("axis", [0, -1, None])
def test_partitions_have_their_property(kth: Any, axis: Any) -> None:
    """NumPy leaves the order within the parts open; here they are sorted."""
    x = np.random.default_rng(0).standard_normal((5, 4))
    parted = symgrad.function(lambda x: np.partition(x, kth, axis=axis))(x)
    places = symgrad.function(lambda x: np.argpartition(x, kth, axis=axis))(x)
    k = np.atleast_1d(kth)
    wanted = np.partition(x, kth, axis=axis)
    assert parted.shape == wanted.shape
    over = -1 if axis is None else axis
    assert np.array_equal(np.take(parted, k, over), np.take(wanted, k, over))
    assert np.array_equal(np.take_along_axis(x.ravel() if axis is None else x, places, over), parted)
    assert np.array_equal(np.sort(parted, over), np.sort(wanted, over))
