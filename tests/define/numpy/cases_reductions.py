"""Calls of reductions and running sums."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.define.numpy.agreement import Case, S, case

_RNG = np.random.default_rng(0)
A = _RNG.standard_normal((2, 3, 4))
V = _RNG.standard_normal(5)
M = _RNG.standard_normal((3, 4))
EMPTY = np.zeros((2, 0, 3))
ONE = np.array([[0.7]])
F = M.astype(np.float32)
INT = _RNG.integers(-4, 5, (3, 4))
BOOL = M > 0
MANY = np.array([[True, False, True, True], [True, True, True, True], [False, True, True, False]])
HOLES = np.where(M > 0.6, np.nan, M)
TIES = np.array([[1.0, 3.0, 3.0, 1.0], [2.0, 2.0, 2.0, 2.0]])
SCALAR = np.float64(1.3)
ALL = (A, V, M, ONE, F, INT, BOOL, SCALAR, TIES)

CASES: list[Case] = []


def _add(f: Any, *args: Any, **keywords: Any) -> None:
    CASES.append(case(f, *args, **keywords))


def _reductions() -> None:
    for f in (np.sum, np.prod, np.max, np.min, np.mean, np.std, np.var, np.ptp, np.any, np.all, np.average, np.median,
              np.nansum, np.nanprod, np.nanmax, np.nanmin, np.nanmean, np.nanvar, np.nanstd, np.count_nonzero,
              np.nanmedian, np.amax, np.amin):  # fmt: skip
        for x in ALL:
            if (x is BOOL and f is np.ptp) or (x is TIES and "median" in f.__name__):
                continue
            _add(f, x)
        for axis in (0, -1, 1, (0, 2), (0, -1), ()):
            if f not in (np.median, np.average, np.nanmedian) or axis != ():
                _add(f, A, axis=axis)
        _add(f, A, axis=3)
        _add(f, A, axis=(0, 0))
        _add(f, A, axis=1, keepdims=True)
        _add(f, A, keepdims=True)
        _add(f, HOLES, axis=0)
        _add(f, M, 1)
        if f not in (np.median, np.average, np.nanmedian):
            _add(f, EMPTY, axis=0)
            _add(f, EMPTY, axis=1)
            _add(f, EMPTY)
    for f in (np.sum, np.prod, np.mean, np.std, np.var, np.nansum):
        _add(f, INT, dtype=np.float64)
        _add(f, M, dtype=np.float32)
        _add(f, F, dtype=np.float64)
    for f in (np.sum, np.prod, np.mean, np.any, np.all, np.std, np.var):
        _add(f, M, where=MANY, axis=1)
        _add(f, M, where=S(np.array([True, False, True, True])).value)
    for f in (np.max, np.min):
        _add(f, M, initial=0.0)
        _add(f, EMPTY, axis=1, initial=-1.0)
        _add(f, M, where=M > 0, initial=0.5, axis=0)
        _add(f, INT, initial=2)
    for f in (np.sum, np.prod):
        _add(f, M, initial=2.0, axis=0)
        _add(f, M, where=M > 0, initial=2.0, axis=0)
        _add(f, INT, initial=3)
    for f in (np.std, np.var, np.nanstd, np.nanvar):
        _add(f, M, ddof=1)
        _add(f, M, axis=0, ddof=1, keepdims=True)
    _add(np.var, M, mean=M.mean(), axis=None)
    _add(np.var, M, axis=1, correction=1)
    _add(np.average, M, weights=M**2)
    _add(np.average, M, 1, np.array([1.0, 2.0, 3.0, 4.0]))
    _add(np.average, M, 0, np.array([1.0, 2.0, 3.0]), keepdims=True)
    _add(np.average, M, 0, np.array([1.0, 2.0, 3.0]), True)
    _add(np.average, INT, 0, np.array([1, 2, 3]), True)
    _add(np.average, M, axis=1, returned=True)
    _add(np.average, M, 0, np.array([1.0, 2.0]))


def _places() -> None:
    for f in (np.argmax, np.argmin):
        for x in ALL:
            _add(f, x)
        for axis in (0, 1, -1):
            _add(f, A, axis=axis)
            _add(f, A, axis=axis, keepdims=True)
        _add(f, A, keepdims=True)
        _add(f, EMPTY, axis=1)
        _add(f, EMPTY, axis=0)
        _add(f, HOLES, axis=1)
    for f in (np.quantile, np.percentile, np.nanquantile, np.nanpercentile):
        k = 100.0 if "perc" in f.__name__ else 1.0
        _add(f, V, 0.3 * k)
        _add(f, M, S(np.array([0.0, 0.25, 1.0]) * k), axis=1)
        if "nan" not in f.__name__:  # of NumPy with several axes of q in another order of axes
            _add(f, A, S(np.array([[0.1, 0.5], [0.7, 0.9]]) * k), axis=(0, 2), keepdims=True)
        _add(f, F, 0.3 * k, axis=0)
        _add(f, INT, 0.3 * k, axis=0)
        _add(f, M, [0.2 * k, 0.4 * k], axis=0)
        _add(f, V, 1.3 * k)
        _add(f, HOLES, 0.5 * k, axis=0)
    for method in ("lower", "higher", "nearest", "midpoint", "hazen", "weibull", "median_unbiased"):
        _add(np.quantile, M, S(np.array([0.0, 0.3, 1.0])), axis=1, method=method)


def _running() -> None:
    for f in (np.cumsum, np.cumprod, np.nancumsum, np.nancumprod):
        for x in ALL:
            _add(f, x)
        for axis in (0, 1, -1):
            _add(f, A, axis=axis)
        _add(f, EMPTY, axis=1)
        _add(f, EMPTY)
        _add(f, HOLES, axis=0)
        _add(f, INT, dtype=np.float64)
        _add(f, A, axis=3)
    for f in (np.cumulative_sum, np.cumulative_prod):
        _add(f, V)
        _add(f, A)
        _add(f, A, axis=1)
        _add(f, A, axis=-1, include_initial=True)
        _add(f, INT, axis=0, include_initial=True)
    for x in ALL:
        _add(np.diff, x)
    _add(np.diff, A, 2, axis=1)
    _add(np.diff, A, axis=0, prepend=0.0)
    _add(np.diff, V, 1, -1, 0.0, 5.0)
    _add(np.diff, V, prepend=np.array([1.0, 2.0]))
    _add(np.diff, V, 0)
    _add(np.diff, V, 7)
    _add(np.diff, V, -1)
    _add(np.diff, INT, prepend=2.5)
    _add(np.ediff1d, M)
    _add(np.ediff1d, V, to_end=9.0, to_begin=[1.0, 2.0])
    _add(np.ediff1d, INT)
    _add(np.ediff1d, np.zeros(0))
    _add(np.trapezoid, V)
    _add(np.trapezoid, A, axis=1, dx=0.5)
    _add(np.trapezoid, A, np.sort(_RNG.uniform(size=4)))
    _add(np.trapezoid, A, np.sort(_RNG.uniform(size=3)), axis=1)
    _add(np.trapezoid, M, np.sort(_RNG.uniform(size=(3, 4))), axis=0)
    _add(np.trapezoid, INT)
    _add(np.trapezoid, np.array([1.0]))
    _add(np.gradient, V)
    _add(np.gradient, M)
    _add(np.gradient, M, 0.5)
    _add(np.gradient, M, 0.5, 2.0)
    _add(np.gradient, M, axis=1)
    _add(np.gradient, A, axis=(0, 2))
    _add(np.gradient, V, S(np.array([0.0, 0.5, 1.5, 1.7, 3.0])))
    _add(np.gradient, V, np.array([0.0, 0.5, 1.5, 1.7, 3.0]))
    _add(np.gradient, V, edge_order=2)
    _add(np.gradient, V, S(np.array([0.0, 0.5, 1.5, 1.7, 3.0])), edge_order=2)
    _add(np.gradient, M, S(np.array([0.0, 0.5, 1.5])), 2.0)
    _add(np.gradient, INT)
    _add(np.gradient, F)
    _add(np.gradient, np.array([1.0]))


_reductions()
_places()
_running()
