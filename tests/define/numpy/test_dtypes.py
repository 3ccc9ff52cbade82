"""dtypes of results are NumPy's: Python's numbers adapt to the arrays they meet, NumPy's own do not."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import symgrad as sg

VALUES: dict[str, Any] = {
    "int": 3,
    "float": 0.1,
    "bool": True,
    "np.float32": np.float32(1.5),
    "np.float64": np.float64(0.1),
    "np.int64": np.int64(2),
    "int64": np.array([1, 2, 3]),
    "float32": np.array([1.0, 2.0, 3.0], np.float32),
    "float64": np.array([0.1, 2.0, 3.0]),
    "truths": np.array([True, False, True]),
    "float32 without axes": np.array(1.5, np.float32),
}
OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "floor_divide": operator.floordiv,
    "mod": operator.mod,
    "power": operator.pow,
    "np.power": np.power,
    "np.multiply": np.multiply,
    "np.maximum": np.maximum,
    "np.where": lambda a, b: np.where(np.array([True, False, True]), a, b),
    "np.arctan2": np.arctan2,
    "np.hypot": np.hypot,
    "np.logaddexp": np.logaddexp,
    "np.float_power": np.float_power,
    "np.clip": lambda a, b: np.clip(a, 0, b),
    "np.stack": lambda a, b: np.stack([a + 0 * b, b + 0 * a]),
    "np.concatenate": lambda a, b: np.concatenate([np.atleast_1d(a), np.atleast_1d(b)]),
    "np.array": lambda a, b: np.array([a + 0 * b, b + 0 * a]),
    "np.dot": np.dot,
    "np.einsum": lambda a, b: np.einsum("...,...->...", a, b),
    "numbers first": lambda a, b: (2 * a + 1 - a / 3) * b,
    "a function of the number": lambda a, b: np.exp(-a) * b,
    "comparison": operator.lt,
    "sum of the number": lambda a, b: np.sum(a) * b,
    "square": lambda a, b: a**2 * b,
}


def _first(f: Callable[[Any, Any], Any], a: Any, b: Any) -> Any:
    return f(a, b)


def _second(f: Callable[[Any, Any], Any], b: Any, a: Any) -> Any:
    return f(a, b)


@pytest.mark.parametrize("name", OPERATIONS)
def test_dtypes_and_values_are_numpy_s(name: str) -> None:
    f = OPERATIONS[name]
    for (p, a), (q, b) in itertools.product(VALUES.items(), VALUES.items()):
        try:
            with np.errstate(all="ignore"):
                wanted = np.asarray(f(a, b))
        except (TypeError, ValueError, ZeroDivisionError):
            continue  # a - b of truth values and their like
        if wanted.dtype.name in ("int8", "float16") or (p == q == "int" and name == "np.array"):
            continue  # dtypes that are not ours
        if name == "square" and p == "truths":
            continue  # int8 on the way
        calls: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
            (f, (a, b)),
            (partial(_second, f, b), (a,)),
            (partial(_first, f, a), (b,)),
        ]
        for g, arguments in calls:
            if any(type(x) in (bool, np.bool_) for x in arguments):
                continue  # a part of the definition
            found = sg.function(g)(*arguments)
            about = f"{name} of {p} and {q}"
            if isinstance(found, np.ndarray) and wanted.ndim:
                assert found.dtype == wanted.dtype, about
            tolerance = 1e-6 if np.float32 in (np.asarray(a).dtype, np.asarray(b).dtype) else 1e-14
            assert np.allclose(np.asarray(found, float), wanted.astype(float), rtol=tolerance, equal_nan=True), about


X = np.array([1.0, 2.0], np.float32)


def test_a_python_float_keeps_its_digits_beside_float32() -> None:
    scale, values, number = sg.function(lambda a, x: (a * np.arange(3), a * x, 2 * a))(0.1, X)
    assert scale.tolist() == (0.1 * np.arange(3)).tolist()
    assert values.dtype == np.float32
    assert number == 0.2


def test_all_float32_where_numpy_has_nothing_else() -> None:
    f = sg.function(lambda a, x: np.sum((1 + a / 2) * x) ** 2)
    graph = f.specialise(0.1, X).graph
    assert {t.dtype for t in graph.types} == {"float32"}
    assert isinstance(sg.grad(f)(0.1, X), float)
    assert sg.grad(f, wrt="x")(0.1, X).dtype == np.float32


def test_a_default_adapts_as_a_number_does() -> None:
    assert sg.function(lambda x, n=3, a=0.5: n * x + a)(X).dtype == np.float32


def test_transforms_take_numbers_as_numpy_does() -> None:
    def f(x: Any, a: Any) -> Any:
        return np.sum(np.sin(a) * np.asarray([1.0, 2.0]) * x**2)

    exact = 2 * np.sin(0.1) * np.array([1.0, 4.0])
    assert np.allclose(sg.grad(f)(X, 0.1), exact, rtol=1e-6)
    assert np.isclose(sg.grad(f, wrt="a")(X, 0.1), np.cos(0.1) * 9, rtol=1e-14)
    assert np.allclose(sg.jvp(f, wrt="x")(X, 0.1, X)[1], exact @ X, rtol=1e-6)
    mapped = sg.vmap(lambda x, a: a * x, in_axes=(0, None))
    assert mapped(X, 0.1).dtype == np.float32
    assert sg.vmap(lambda x, a: x * np.exp(a), in_axes=(0, None))(X, 0.1).dtype == np.float64


def test_functions_within_functions_take_numbers_as_numpy_does() -> None:
    scaled = sg.function(lambda a, x: a * x)
    exactly = sg.function(lambda a: np.exp(a))
    assert sg.function(lambda a, x: scaled(a, x))(0.1, X).dtype == np.float32
    assert sg.function(lambda a, x: exactly(a) + 0 * x)(0.1, X)[0] == np.exp(0.1)
