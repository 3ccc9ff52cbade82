"""Functions that give an argument back as it is compile like others, and never give back the caller's own array."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg

X = sp.MatrixSymbol("X", 2, 2)
x = sp.Symbol("x")
A = np.arange(4.0).reshape(2, 2)


@pytest.mark.parametrize(
    ("f", "values", "expected"),
    [
        (sg.function(lambda a: a), (A,), A),
        (sg.function(lambda a: (a, a)), (A,), (A, A)),
        (sg.function(lambda p: p), ({"a": A, "b": 2.0},), {"a": A, "b": 2.0}),
        (sg.function(lambda a, b: (b, a @ b)), (A, A), (A, A @ A)),
        (sg.function([X], X), (A,), A),
        (sg.function([X, x], (X, x)), (A, 3.0), (A, 3.0)),
        (sg.function([x], x), (3.0,), 3.0),
        (sg.grad(lambda a: np.sum(a * a) / 2), (A,), A),
    ],
)
def test_arguments_as_results(f: Any, values: tuple[Any, ...], expected: Any) -> None:
    for call in (f, f.compile(*values) if isinstance(f, sg.PythonFunction) else f.compile()):
        result = call(*values)
        np.testing.assert_equal(result, expected)
        parts = result.values() if isinstance(result, dict) else result if isinstance(result, tuple) else (result,)
        arrays = [p for p in parts if isinstance(p, np.ndarray)]
        for k, array in enumerate(arrays):
            assert not any(np.may_share_memory(array, v) for v in values if isinstance(v, np.ndarray))
            assert not any(np.may_share_memory(array, other) for other in arrays[:k])


def test_batches_of_it() -> None:
    f = sg.function([X], X).compile()
    many = np.arange(12.0).reshape(3, 2, 2)
    np.testing.assert_array_equal(f(many), many)
