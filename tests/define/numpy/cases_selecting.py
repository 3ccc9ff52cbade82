"""Calls of functions that choose, order and look up elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.define.numpy.agreement import Case, S, case

_RNG = np.random.default_rng(0)
A = _RNG.standard_normal((2, 3, 4))
V = _RNG.standard_normal(5)
W = _RNG.standard_normal(3)
M = _RNG.standard_normal((3, 4))
SQUARE = _RNG.standard_normal((3, 3))
F = M.astype(np.float32)
INT = _RNG.integers(-4, 5, (3, 4))
BOOL = M > 0
EMPTY = np.zeros((2, 0, 3))
SCALAR = np.float64(1.3)
HOLES = np.where(M > 0.6, np.nan, M)
WILD = np.array([np.nan, np.inf, -np.inf, 1.5, -0.0])
PLACES = np.array([2, 0, 1])

CASES: list[Case] = []


def _add(f: Any, *args: Any, **keywords: Any) -> None:
    CASES.append(case(f, *args, **keywords))


def _taking() -> None:
    for places in (1, -1, [0, 2], S(np.array([[0, 1], [2, 2]])), PLACES, S(np.zeros(0, int)), 5, [-3]):
        _add(np.take, M, places)
        _add(np.take, M, places, axis=0)
        _add(np.take, M, places, axis=1)
        _add(np.take, M, places, -1)
    for mode in ("clip", "wrap"):
        _add(np.take, M, S(np.array([-5, 1, 9])), axis=1, mode=mode)
        _add(np.take, M, np.array([-5, 1, 9]), axis=1, mode=mode)
    _add(np.take, M, S(np.int64(2)), axis=0)
    order = np.argsort(M, axis=1)
    for axis in (0, 1, -1):
        _add(np.take_along_axis, M, np.argsort(M, axis=axis), axis)
        _add(np.take_along_axis, M, S(np.argsort(M, axis=axis)), axis)
    _add(np.take_along_axis, M, S(np.array([[0], [2], [-1]])), axis=1)
    _add(np.take_along_axis, M, S(np.array([[1, 2, 3]])), axis=1)
    _add(np.take_along_axis, M, S(np.array([0, 5, 3])), None)
    _add(np.take_along_axis, M, order, axis=None)
    _add(np.take_along_axis, M, S(np.array([1, 2])), 0)
    _add(np.take_along_axis, S(np.arange(12.0).reshape(3, 4)), order, 1)
    _add(np.compress, [True, False, True], M, axis=0)
    _add(np.compress, [True, False, True], M)
    _add(np.compress, [0, 1], M, 1)
    _add(np.extract, S(M > 0), M)
    _add(np.extract, S([1, 0, 0, 1]), M)
    _add(np.select, [M > 0, M < -0.5], [M, M**2], 7.0)
    _add(np.select, [S(M > 0).value, M < -0.5], [M, M**2])
    _add(np.select, [M > 0, M > 0.5], [1, M])
    _add(np.select, [V > 0], [V], default=0)
    _add(np.choose, S(np.array([2, 0, 1, 1])), [M[0], M[1], M[2]])
    _add(np.choose, S(np.array([2, 0, 1, 5])), [M[0], M[1], M[2]])
    _add(np.choose, np.array([2, 0, 1, 5]), [M[0], M[1], M[2]], mode="clip")
    _add(np.choose, np.array([2, 0, -1, 5]), [M[0], M[1], M[2]], mode="wrap")
    _add(np.choose, S(np.array([[0], [1]])), [M[0], 5.0])


def _ordering() -> None:
    for x in (A, V, M, INT, F, BOOL, HOLES, SCALAR, EMPTY):
        for f in (np.sort, np.argsort):
            _add(f, x)
            _add(f, x, 0)
            _add(f, x, axis=None)
    _add(np.sort, A, axis=1, kind="stable")
    _add(np.sort, A, 3)
    _add(np.argsort, np.array([2.0, 1.0, 2.0, 1.0]), stable=True)
    _add(np.lexsort, (np.array([1, 1, 0, 0]), np.array([3.0, 2.0, 1.0, 0.0])))
    _add(np.lexsort, (V, V[::-1].copy()))
    _add(np.lexsort, M)
    _add(np.lexsort, (M, INT), axis=0)
    table = np.sort(V)
    for side in ("left", "right"):
        _add(np.searchsorted, table, W, side=side)
        _add(np.searchsorted, S(table), W, side)
        _add(np.searchsorted, table, M)
        _add(np.searchsorted, table, S(0.3), side)
        _add(np.searchsorted, table, table, side)
        _add(np.searchsorted, S(np.arange(5)), W * 5, side)
    _add(np.searchsorted, V, W, sorter=np.argsort(V))
    for right in (False, True):
        _add(np.digitize, W, S(np.array([-0.5, 0.0, 0.5])), right)
        _add(np.digitize, W, S(np.array([0.5, 0.0, -0.5])), right)
    for x in (S(np.linspace(-3, 3, 12)), V, SCALAR, table, M):
        _add(np.interp, x, S(np.array([-1.0, 0.0, 0.5, 2.0])), np.array([1.0, 3.0, -1.0, 0.5]))
        _add(np.interp, x, np.array([-1.0, 0.0, 0.5, 2.0]), np.array([1.0, 3.0, -1.0, 0.5]))
        _add(np.interp, x, S([-1.0, 2.0]), S([3, 4]), left=-9.0, right=9.0)
    _add(np.interp, V, [0.0], [2.0])
    _add(np.interp, V, S(np.array([-1.0, 0.0, 0.5, 2.0])), S(np.array([1.0, 3.0, -1.0, 0.5])), period=2.5)
    _add(np.interp, INT, S(np.array([-1.0, 0.0, 0.5, 2.0])), S(np.array([1.0, 3.0, -1.0, 0.5])))


def _clipping() -> None:
    for x in (M, INT, F, SCALAR, WILD, EMPTY):
        _add(np.clip, x, -0.5, 0.5)
        _add(np.clip, x, None, 0.5)
        _add(np.clip, x, -1, None)
        _add(np.clip, x, -1, 1)
        _add(np.clip, x, 1.0, -1.0)
        _add(np.clip, x, min=0)
        _add(np.nan_to_num, x)
        _add(np.round, x)
        _add(np.round, x, 1)
        _add(np.around, x, 2)
        _add(np.fix, x)
        _add(np.isclose, x, x)
        _add(np.isclose, x, 0.5, equal_nan=True)
        _add(np.allclose, x, x)
        _add(np.array_equal, x, x)
        _add(np.array_equiv, x, x)
        _add(np.isposinf, x)
        _add(np.isneginf, x)
        _add(np.isreal, x)
        _add(np.iscomplex, x)
        _add(np.sinc, x)
        _add(np.i0, x)
        _add(np.angle, x)
        _add(np.real_if_close, x)
    _add(np.clip, M, M[0], M[0] + 0.3)
    _add(np.clip, M, None, None)
    _add(np.clip, M)
    _add(np.round, np.array([0.5, 1.5, 2.5, -0.5, 1.25, 1.35], np.float32), 1)
    _add(np.round, INT * 17, -1)
    _add(np.round, M * 100, -1)
    _add(np.nan_to_num, WILD, nan=1.0, posinf=5.0, neginf=-5.0)
    _add(np.nan_to_num, WILD.astype(np.float32))
    _add(np.isclose, WILD, WILD[::-1].copy())
    _add(np.allclose, M, M + 1e-9)
    _add(np.array_equal, M, V)
    _add(np.array_equal, WILD, WILD, equal_nan=True)
    _add(np.array_equiv, M, M[:1])
    _add(np.unwrap, np.cumsum(np.array([0.1, 3.0, 2.5, 3.1, -6.0])))
    _add(np.unwrap, np.cumsum(M * 4, axis=0), axis=0)
    _add(np.heaviside, M, 0.5)
    for a in (M, INT, F, BOOL):
        for b in (M[0], 2, 2.5, True):
            _add(np.where, BOOL, a, b)
            _add(np.where, S(BOOL), b, a)
    _add(np.where, BOOL[:, :1], M, V[:4])
    _add(np.where, M, M, 0.0)
    _add(np.where, BOOL, M, W)
    _add(np.where, BOOL, EMPTY, 1.0)


def _diagonals() -> None:
    for x in (SQUARE, M, M.T.copy(), A, INT, BOOL):
        for k in (0, 1, -1, 3, -5):
            _add(np.diagonal, x, k)
            _add(np.tril, x, k)
            _add(np.triu, x, k)
            _add(np.diag, x, k)
    _add(np.diagonal, A, 0, 1, 2)
    _add(np.diagonal, A, 1, -1, 0)
    _add(np.diagonal, A, 0, 1, 1)
    _add(np.diagonal, V)
    for k in (0, 2, -1):
        for x in (V, np.array([1, 2]), V.astype(np.float32), np.zeros(0)):
            _add(np.diag, x, k)
            _add(np.diagflat, x, k)
    _add(np.diagflat, M)
    _add(np.tril, V)
    _add(np.triu, V, 1)


def _counting() -> None:
    places = np.array([0, 2, 2, 1, 0])
    _add(np.bincount, S(places), V)
    _add(np.bincount, S(places), V, 5)
    _add(np.bincount, S(places), weights=V, minlength=2)
    _add(np.bincount, places, V, minlength=3)
    _add(np.bincount, places, minlength=3)
    _add(np.bincount, S(places), np.array([1, 2, 3, 4, 5]))
    _add(np.bincount, S(places), V[:3])
    _add(np.bincount, places, V.astype(np.float32), minlength=4)


_taking()
_ordering()
_clipping()
_diagonals()
_counting()
