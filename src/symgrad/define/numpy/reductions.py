"""Reductions and running sums of NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.define.numpy.broadcast import axes_of, floating, numeric, reshaped, transposed, with_ones
from symgrad.define.numpy.functions import given
from symgrad.define.numpy.tracer import Array, cast, implements
from symgrad.graph import REGISTER


def merged(x: Array, axes: tuple[int, ...]) -> int:
    """The node of `x` with these axes as one last axis."""
    g, rank = x.graph, x.ndim
    rest = [k for k in range(rank) if k not in axes]
    i = transposed(g, x.id, [*rest, *axes])
    return reshaped(g, i, [*(x.shape[k] for k in rest), math.prod(x.shape[k] for k in axes)])


def reduced(name: str, x: Array, axis: Any, keepdims: Any) -> Array:
    """The operation over these axes."""
    axes = axes_of(axis, x.ndim)
    if not axes:
        return x.copy()
    g = x.graph
    i = g.build(REGISTER[name], (merged(x, axes),))
    return Array(g, with_ones(g, i, axes, x.ndim) if given(keepdims, False) else i)


def along(name: str, x: Array, axis: Any, *more: int, **attrs: Any) -> Array:
    """The operation along one axis, of a result of the same shape; without an axis, of the flattened array."""
    if axis is None:
        x, axis = np.ravel(x), 0  # type: ignore[assignment]
    (at,) = axes_of(axis, x.ndim)
    g, rank = x.graph, x.ndim
    order = [k for k in range(rank) if k != at] + [at]
    op = REGISTER[name]
    i = g.build(op, (transposed(g, x.id, order), *more), tuple(attrs[a] for a in op.attrs))
    return Array(g, transposed(g, i, [order.index(k) for k in range(rank)]))


def chosen(a: Any, where: Any, neutral: Any) -> Any:
    """`a` where the condition holds, elsewhere what changes nothing; broadcast together."""
    where = given(where, True)
    return a if where is True else np.where(where, a, np.asarray(neutral, a.dtype))


def counted(a: Any, axis: Any, where: Any, keepdims: bool = False) -> Any:
    """How many elements are reduced: a number, or an array where a condition chooses them."""
    where = given(where, True)
    if where is True:
        return math.prod(a.shape[k] for k in axes_of(axis, a.ndim))
    return np.sum(np.broadcast_to(where, a.shape), axis=axis, keepdims=keepdims)


def _extreme(name: str, binary: Any, shown: str) -> Callable[..., Any]:
    def meaning(
        a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None, where: Any = True
    ) -> Any:
        initial = given(initial)
        if given(where, True) is not True:
            if initial is None:
                raise ValueError(f"{shown} with where= needs initial=")
            a = np.where(where, a, np.asarray(initial).astype(a.dtype))
        if a.dtype.kind == "b":
            return cast(meaning(cast(a, "int64"), axis, out, keepdims, initial), "bool")
        if initial is None and not math.prod(a.shape[k] for k in axes_of(axis, a.ndim)):
            raise ValueError("zero-size array to reduction operation which has no identity")
        if not math.prod(a.shape[k] for k in axes_of(axis, a.ndim)):
            return np.full_like(np.sum(a, axis=axis, keepdims=given(keepdims, False)), initial)
        result = reduced(name, a, axis, keepdims)
        return result if initial is None else binary(result, initial)

    return meaning


implements(np.max, np.amax)(_extreme("amax", np.maximum, "np.max"))
implements(np.min, np.amin)(_extreme("amin", np.minimum, "np.min"))


@implements(np.prod)
def prod(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = 1,
    where: Any = True,
) -> Any:
    x = chosen(numeric(a) if dtype is None else cast(a, dtype), where, 1)
    result = reduced("prod", x, axis, keepdims)
    initial = given(initial, 1)
    return result if not isinstance(initial, Array) and initial == 1 else result * initial


@implements(np.any)
def any_(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = True) -> Any:
    return np.sum(cast(chosen(cast(a, "bool"), where, False), "int64"), axis=axis, keepdims=given(keepdims, False)) > 0  # type: ignore[call-overload]


@implements(np.all)
def all_(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = True) -> Any:
    wrong = cast(chosen(~cast(a, "bool"), where, False), "int64")
    return np.sum(wrong, axis=axis, keepdims=given(keepdims, False)) == 0  # type: ignore[call-overload]


@implements(np.count_nonzero)
def count_nonzero(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return np.sum(cast(a, "bool"), axis=axis, keepdims=keepdims)  # type: ignore[call-overload]


@implements(np.mean)
def mean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = True
) -> Array:
    x = floating(a) if dtype is None else cast(a, dtype)
    keepdims = given(keepdims, False)
    total = np.sum(chosen(x, where, 0), axis=axis, keepdims=keepdims)
    return _over(total, counted(x, axis, where, keepdims))


def _over(total: Any, count: Any) -> Any:
    """A sum divided by a number of elements, in the sum's dtype."""
    return total / (cast(count, total.dtype) if isinstance(count, Array) else count)


def variance(a: Any, axis: Any, dtype: Any, ddof: Any, keepdims: Any, where: Any, centre: Any) -> tuple[Any, Any, Any]:
    """(distances from the mean, number of elements less ddof, the variance)."""
    x = floating(a) if dtype is None else cast(a, dtype)
    keepdims = given(keepdims, False)
    if centre is None:
        centre = mean(x, axis, None, None, True, where=where)
    apart = chosen(x - centre, where, 0)
    count = counted(x, axis, where, keepdims) - ddof
    if isinstance(count, Array):
        count = np.maximum(count, 0)
    return apart, count, _over(np.sum(apart**2, axis=axis, keepdims=keepdims), count)


def _freedom(ddof: Any, correction: Any) -> Any:
    return ddof if given(correction) is None else correction


@implements(np.var)
def var(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    *,
    where: Any = True,
    mean: Any = None,
    correction: Any = None,
) -> Any:
    return variance(a, axis, dtype, _freedom(ddof, correction), keepdims, where, given(mean))[2]


@implements(np.std)
def std(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    *,
    where: Any = True,
    mean: Any = None,
    correction: Any = None,
) -> Any:
    apart, count, value = variance(a, axis, dtype, _freedom(ddof, correction), keepdims, where, given(mean))
    if given(where, True) is True and given(mean) is None and count == 1 == counted(apart, axis, True):
        return np.sum(np.abs(apart), axis=axis, keepdims=given(keepdims, False))  # 0, and so is its derivative
    return np.sqrt(value)


@implements(np.ptp)
def ptp(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    keepdims = given(keepdims, False)
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)


@implements(np.average)
def average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: Any = False) -> Any:
    keepdims = given(keepdims, False)
    if weights is None:
        result = np.mean(a, axis=axis, keepdims=keepdims)
        scale = np.zeros_like(result) + np.size(a) / np.size(result) if returned else None
        return (result, scale) if returned else result
    if np.shape(weights) != np.shape(a):
        if axis is None or np.ndim(weights) != 1:
            raise TypeError("weights of another shape than a need one axis")
        (at,) = axes_of(axis, np.ndim(a))
        weights = np.reshape(weights, [-1 if k == at else 1 for k in range(np.ndim(a))])
        weights = np.broadcast_to(weights, np.shape(a))
    wide = np.result_type(a.dtype, weights.dtype, *(["float64"] if a.dtype.kind in "ib" else []))
    scale = np.sum(weights, axis=axis, keepdims=keepdims, dtype=wide)
    result = np.sum(np.multiply(a, weights), axis=axis, keepdims=keepdims, dtype=wide) / scale
    return (result, scale) if returned else result


@implements(np.cumsum)
def cumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return along("cumsum", numeric(a) if dtype is None else cast(a, dtype), axis)


@implements(np.cumprod)
def cumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return along("cumprod", numeric(a) if dtype is None else cast(a, dtype), axis)


def _so_far(name: str) -> Callable[..., Any]:
    def meaning(x: Any, axis: Any = 0, **_: Any) -> Any:
        places: Any = along(name, x, axis)
        return np.take_along_axis(x, places, axis)

    return meaning


def accumulated(ufunc: Any) -> Callable[..., Any] | None:
    """What `ufunc.accumulate` means."""
    return {
        np.add: np.cumsum,
        np.multiply: np.cumprod,
        np.maximum: _so_far("argcummax"),
        np.minimum: _so_far("argcummin"),
    }.get(ufunc)


@implements(np.cumulative_sum)
def cumulative_sum(
    x: Any, /, *, axis: Any = None, dtype: Any = None, out: Any = None, include_initial: bool = False
) -> Any:
    _one_axis(x, axis)
    y = np.cumsum(x, axis=axis, dtype=dtype)
    return _with_initial(y, axis, 0) if include_initial else y


@implements(np.cumulative_prod)
def cumulative_prod(
    x: Any, /, *, axis: Any = None, dtype: Any = None, out: Any = None, include_initial: bool = False
) -> Any:
    _one_axis(x, axis)
    y = np.cumprod(x, axis=axis, dtype=dtype)
    return _with_initial(y, axis, 1) if include_initial else y


def _one_axis(x: Any, axis: Any) -> None:
    if axis is None and x.ndim > 1:
        raise ValueError("an array with several axes needs axis=")


def _with_initial(y: Any, axis: Any, value: int) -> Any:
    at = 0 if axis is None else axis % y.ndim
    first = np.full_like(y, value, shape=[1 if k == at else n for k, n in enumerate(y.shape)])
    return np.concatenate([first, y], axis=at)
