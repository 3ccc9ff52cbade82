"""Calls of ufuncs: every one over shapes and dtypes, and the arguments at which they are known to be hard."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.define.numpy.agreement import Case, S, case

_RNG = np.random.default_rng(0)
WHOLE = (np.array([-3, 0, 2, 7]), np.array([True, False]), np.int64(5))


def _floats(shape: tuple[int, ...], low: float = 0.15, high: float = 0.85) -> Any:
    return np.asarray(_RNG.uniform(low, high, shape))


def _unary(u: Any) -> Iterator[Case]:
    shift = 1.0 if u.__name__ == "arccosh" else 0.0
    for shape in ((), (0,), (1,), (2, 3), (2, 0, 3)):
        yield case(u, _floats(shape) + shift)
    if u.__name__ not in ("arcsin", "arccos", "arctanh", "arccosh"):
        yield case(u, np.array([-2.5, -1.5, -0.5, -0.2, 0.0, 0.5, 1.5, 2.5, 3.7, 8.0]))
    yield case(u, np.array([np.inf, -np.inf, np.nan, 0.0, 1.0, -1.0]))
    yield case(u, np.array([0.3, 0.7], np.float32) + np.float32(shift))
    for w in WHOLE:
        if u is not np.reciprocal or np.all(w):  # 1/0 of integers is another number on each machine
            yield case(u, w)


def _binary(u: Any) -> Iterator[Case]:
    a, b = _floats((2, 3)), _floats((2, 3)) + 0.3
    yield case(u, a, b)
    yield case(u, a, b[0])
    yield case(u, a[:, :1], b[0])
    yield case(u, a[:1], 2.0)
    yield case(u, 2, a)
    yield case(u, a, 2)
    yield case(u, np.float64(0.5), np.float64(0.7))
    yield case(u, np.float32([0.3, 0.6]), np.float32([0.5, 0.2]))
    yield case(u, np.float32([0.3, 0.6]), 0.4)
    yield case(u, np.float32([0.3, 0.6]), S(np.array([0.4, 0.5])))
    yield case(u, np.array([3, 5, -7, 8]), np.array([2, -3, 3, 5]))
    yield case(u, np.array([3, 5, 7]), 2)
    yield case(u, np.array([True, False]), np.array([True, True]))
    yield case(u, np.array([True, False]), np.array([0.5, 2.5]))
    yield case(u, np.array([3, 5]), np.array([0.5, 2.5]))
    yield case(u, np.zeros((0, 3)), b[0])
    yield case(u, a, np.ones(4))
    yield case(u, np.array([-2.5, 3.5, -0.7, 5.0]), np.array([1.5, -2.0, 0.25, 2.5]))
    yield case(u, np.array([np.nan, np.inf, -np.inf, 1.0]), np.array([1.0, 2.0, np.nan, np.inf]))


BITS = (np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert)
"""Of truth values alone; of integers they are refused."""


def cases_of(u: Any) -> list[Case]:
    """Calls of this ufunc."""
    if u is np.matmul:
        return list(_matmul())
    if u in (np.vecdot, np.matvec, np.vecmat):
        return list(_vectors(u))
    found = list(_unary(u) if u.nin == 1 else _binary(u))
    if u in BITS:
        return [
            c for c in found if not any(isinstance(a, np.ndarray | np.int64) and a.dtype.kind == "i" for a in c.args)
        ]
    return found


def _vectors(u: Any) -> Iterator[Case]:
    shapes = {np.vecdot: ((2, 3), (4, 2, 3)), np.matvec: ((4, 2, 3), (3,)), np.vecmat: ((5, 2), (5, 2, 3))}
    s, t = shapes[u]
    yield case(u, _floats(s), _floats(t))
    yield case(u, _floats(s).astype(np.float32), _floats(t))


def _matmul() -> Iterator[Case]:
    for s, t in (
        [(3,), (3,)],
        [(2, 3), (3,)],
        [(3,), (3, 4)],
        [(2, 3), (3, 4)],
        [(5, 2, 3), (3, 4)],
        [(5, 2, 3), (5, 3, 4)],
        [(5, 1, 2, 3), (4, 3, 2)],
        [(3,), (5, 3, 4)],
        [(5, 2, 3), (3,)],
        [(2, 0), (0, 3)],
        [(0, 3), (3, 2)],
        [(2, 3), (2, 3)],
        [(1, 2, 3), (5, 3, 4)],
        [(), (3,)],
    ):
        yield case(np.matmul, _floats(s), _floats(t))
    yield case(np.matmul, np.array([[1, 2], [3, 4]]), np.array([5, 6]))
    yield case(np.matmul, np.array([[1, 2], [3, 4]]), np.array([0.5, 6]))
    yield case(np.matmul, np.eye(2, dtype=np.float32), np.array([0.5, 6], np.float32))
    yield case(np.matmul, np.array([[True, False], [True, True]]), np.array([True, False]))
