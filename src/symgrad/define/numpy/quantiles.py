"""Quantiles: elements in order, and points between them."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.define.numpy.broadcast import axes_of, floating
from symgrad.define.numpy.functions import given
from symgrad.define.numpy.reductions import merged
from symgrad.define.numpy.tracer import Array, implements, is_traced, refuse


def _sorted_rows(a: Any, axis: Any) -> tuple[Any, tuple[int, ...]]:
    """The elements to choose from in order along a last axis (NaN last), and the axes that they come from."""
    x = floating(a)
    axes = axes_of(axis, x.ndim)
    rows = Array(x.graph, merged(x, axes))
    if not rows.shape[-1]:
        raise IndexError("a quantile of no elements")
    return np.sort(rows, axis=-1), axes  # type: ignore[type-var]


def _checked(a: Any, q: Any, weights: Any, method: str) -> Any:
    if weights is not None or is_traced(q) or not is_traced(a):
        refuse("np.quantile with weights= or of a traced q: sort and index instead")
    return np.asarray(q, dtype=np.float64)


def _nested(result: Any, q: Any, a: Any, axes: tuple[int, ...], keepdims: Any) -> Any:
    if given(keepdims, False):
        return np.reshape(result, q.shape + tuple(1 if k in axes else m for k, m in enumerate(a.shape)))
    return result


@implements(np.median)
def median(a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: Any = False) -> Any:
    return quantile(a, 0.5, axis=axis, keepdims=given(keepdims, False))


@implements(np.percentile)
def percentile(a: Any, q: Any, *args: Any, **keywords: Any) -> Any:
    return quantile(a, np.true_divide(q, 100), *args, **keywords)


@implements(np.quantile)
def quantile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: Any = False,
    *,
    weights: Any = None,
    **_: Any,
) -> Any:
    q = _checked(a, q, weights, method)
    rows, axes = _sorted_rows(a, axis)
    n = rows.shape[-1]
    place = np.asarray(np.quantile(np.arange(n, dtype=float), q, method=method))  # type: ignore[call-overload]
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, n - 1)
    weight = np.reshape((place - low).astype(rows.dtype), low.shape + (1,) * (rows.ndim - 1))
    first, second = (
        np.reshape(np.moveaxis(rows[..., np.ravel(k)], -1, 0), low.shape + rows.shape[:-1]) for k in (low, high)
    )
    result = first + (second - first) * weight if np.any(weight) else first
    unknown = np.isnan(rows[..., n - 1])  # NaN is last
    return _nested(np.where(unknown, np.asarray(np.nan, rows.dtype), result), q, a, axes, keepdims)


def quantile_of_known(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: Any = False,
    *,
    weights: Any = None,
    **_: Any,
) -> Any:
    """The quantile of what is no NaN, by linear interpolation; NaN of nothing."""
    if method != "linear":
        refuse("np.nanquantile with a method other than 'linear': sort and index instead")
    q = _checked(a, q, weights, method)
    np.quantile(np.zeros(1), q)  # says what is wrong with q
    rows, axes = _sorted_rows(a, axis)
    count = np.sum(~np.isnan(rows), axis=-1)
    place = np.multiply(np.reshape(q, q.shape + (1,) * count.ndim), np.maximum(count - 1, 0))
    low = np.floor(place)
    high = np.minimum(low + 1, np.maximum(count - 1, 0))
    shape = (*place.shape, rows.shape[-1])
    spread = np.broadcast_to(rows, shape)
    first, second = (
        np.take_along_axis(spread, np.expand_dims(k.astype(np.int64), -1), -1)[..., 0] for k in (low, high)
    )
    weight = (place - low).astype(rows.dtype)
    return _nested(first + (second - first) * weight, q, a, axes, keepdims)
