"""Calls of functions that make arrays of traced values, and that write to them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.define.numpy.agreement import Case, S, case

_RNG = np.random.default_rng(0)
A = _RNG.standard_normal((2, 3, 4))
V = _RNG.standard_normal(5)
M = _RNG.standard_normal((3, 4))
SQUARE = _RNG.standard_normal((3, 3))
CUBE = _RNG.standard_normal((3, 3, 3))
F = M.astype(np.float32)
INT = _RNG.integers(-4, 5, (3, 4))
ONE = np.float64(1.3)
TWO = np.float64(2.9)

CASES: list[Case] = []


def _add(f: Any, *args: Any, **keywords: Any) -> None:
    CASES.append(case(f, *args, **keywords))


def piecewise(x: Any, *pieces: Any, **keywords: Any) -> Any:
    return np.piecewise(x, [x < -0.5, x > 0.5], list(pieces), **keywords)


def fill_diagonal(a: Any, value: Any) -> Any:
    b = a.copy()
    np.fill_diagonal(b, value)
    return b


def full_like(a: Any, value: Any) -> Any:
    """NumPy asks the first argument alone, so it is looked up, too."""
    return np.full_like(a, value)


def total(*parts: Any) -> Any:
    """A list of traced values, which NumPy does not ask."""
    return np.sum(list(parts)), np.linalg.norm(list(parts)), np.max(list(parts), axis=0), np.mean([parts, parts], 1)


def looked_up(name: str) -> Any:
    """np.<name> as it is found when the function runs: what asks no argument is known by its name."""

    def f(*args: Any, **keywords: Any) -> Any:
        return getattr(np, name)(*args, **keywords)

    f.__name__ = name
    return f


def _arrays() -> None:
    for name in ("array", "asarray", "asanyarray", "ascontiguousarray", "asfortranarray"):
        f = looked_up(name)
        for x in (V, M, F, INT, [ONE, TWO], [[ONE, TWO], [TWO, ONE]], [V, V + 1], (ONE, TWO), [[V], [V]]):
            _add(f, x)
        _add(f, INT, np.float64)
        _add(f, [ONE, TWO], dtype=np.float32)
    array, full = looked_up("array"), looked_up("full")
    _add(array, V, ndmin=3)
    _add(array, [F[0], F[1]])
    _add(full, 3, ONE)
    _add(full, (2, 4), INT[0])
    _add(full, (2, 3, 4), M, np.float32)
    _add(full, (), ONE)
    _add(total, ONE, TWO, ONE * 3)
    _add(total, V, V**2)
    _add(full_like, S(M), ONE)
    _add(full_like, S(INT), V[:4] * 10)


def _ranges() -> None:
    for f in (np.linspace, np.geomspace, np.logspace):
        for num in (0, 1, 2, 5):
            for endpoint in (True, False):
                _add(f, ONE, TWO, num, endpoint=endpoint)
                _add(f, 0.5, TWO, num, endpoint)
        _add(f, ONE, 7.0)
        _add(f, V**2 + 0.1, np.float64(3.0), 4)
        _add(f, np.exp(M), np.exp(M[0]), 3, axis=1)
        _add(f, np.float32(1.5), np.float32(4.0), 4)
        _add(f, np.float64(2.0), 9.0, 4, dtype=np.float32)
    _add(np.linspace, ONE, TWO, 5, retstep=True)
    _add(np.linspace, ONE, TWO, 5, retstep=True, endpoint=False)
    _add(np.linspace, np.int64(1), np.int64(4), 7)
    _add(np.linspace, 4, -ONE, 7)
    _add(np.geomspace, -ONE, -TWO, 4)
    _add(np.logspace, ONE, TWO, 4, base=2.0)
    _add(np.logspace, ONE, TWO, 4, base=np.float64(3.5))


def _places() -> None:
    for f in (np.diag_indices_from, np.tril_indices_from, np.triu_indices_from):
        _add(f, SQUARE)
        _add(f, M)
        _add(f, V)
    _add(np.tril_indices_from, M, 1)
    _add(np.triu_indices_from, M, -1)
    _add(np.isin, INT, np.array([1, 2]))
    _add(np.isin, INT, [0, -3], invert=True)
    _add(np.isin, S(3), INT)
    _add(np.isin, V, V[1:3])
    for a in (SQUARE, M, M.T, CUBE, V):
        _add(fill_diagonal, a, 7.0)
        _add(fill_diagonal, a, ONE)
    _add(fill_diagonal, SQUARE, V[:3])
    for x in (V, M, ONE):
        _add(piecewise, x, np.sin, np.exp)
        _add(piecewise, x, np.sin, np.exp, 3.0)
        _add(piecewise, x, -1.0, lambda t: t * t, np.cos)
    _add(piecewise, V, np.sin)
    _add(piecewise, V, lambda t, k: t * k, lambda t, k: t + k, k=3.0)
    _add(piecewise, INT, -1, 1, lambda t: t * 2)


_arrays()
_ranges()
_places()
