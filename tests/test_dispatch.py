"""Calls with arguments like earlier ones give what the first call gave, and take the short way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

import symgrad as sg


class Pair(NamedTuple):
    a: Any
    b: Any


@dataclass
class Layer:
    w: Any
    name: str = "dense"


def short(f: Any) -> int:
    """How many calls are known."""
    return len(f._known.plain) + len(f._known._nested)


X = np.array([1.0, 2.0, 3.0])
CASES: list[tuple[Any, tuple[Any, ...], dict[str, Any], Any]] = [
    (lambda x: np.sum(x), (X,), {}, 6.0),
    (lambda x, y: x * y, (X, 2.0), {}, 2 * X),
    (lambda x, y=3.0: x * y, (X,), {}, 3 * X),
    (lambda x, y=3.0: x * y, (), {"y": 2.0, "x": X}, 2 * X),
    (lambda y, x: x - y, (), {"x": X, "y": 1.0}, X - 1),
    (lambda *xs: xs[0] - xs[1], (X, 1.0), {}, X - 1),
    (lambda p: p["b"] - p["a"], ({"b": X, "a": 1.0},), {}, X - 1),
    (lambda p, x: p.a * x + p.b, (Pair(2.0, 1.0), X), {}, 2 * X + 1),
    (lambda layer: 2 * layer.w, (Layer(X),), {}, 2 * X),
    (lambda x, up=True: x if up else -x, (X, False), {}, -X),
    (lambda x: (np.sum(x), {"twice": 2 * x}), (X,), {}, (6.0, {"twice": 2 * X})),
    (lambda x: [np.sum(x)], (X,), {}, [6.0]),
]


def equal(a: Any, b: Any) -> None:
    if isinstance(b, dict):
        assert list(a) == list(b)
        for k in b:
            equal(a[k], b[k])
    elif isinstance(b, (tuple, list)):
        assert type(a) is type(b)
        for x, y in zip(a, b, strict=True):
            equal(x, y)
    else:
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("case", range(len(CASES)))
def test_a_second_call_takes_the_short_way(case: int) -> None:
    plain, args, named, wanted = CASES[case]
    f = sg.function(plain)
    equal(f(*args, **named), wanted)
    assert short(f) == 1
    equal(f(*args, **named), wanted)
    assert short(f) == 1


def test_static_values_are_told_apart() -> None:
    f = sg.function(lambda x, n: x**n, static="n")
    for n in (2, 3, 2, True):
        equal(f(X, n), X ** int(n))
    assert short(f) == 3


def test_numbers_that_vary_are_not_kept() -> None:
    f = sg.function(lambda x, k: x * k)
    for k in range(20):
        equal(f(X, k), X * k)
    assert short(f) == 0


def test_other_shapes_and_dtypes_are_other_calls() -> None:
    f = sg.function(lambda p: p["w"] * 2)
    for w in (X, X.astype("float32"), X[:2], 1.0):
        found = f({"w": w})
        equal(found, w * 2)
        assert np.asarray(found).dtype == np.asarray(w).dtype


def test_shown_is_the_latest_call() -> None:
    f = sg.function(lambda p: p["w"] * 2)
    f({"w": X})
    f({"w": np.ones((2, 2))})
    f({"w": X})
    assert "[3]" in repr(f)
