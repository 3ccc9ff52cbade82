"""Reductions and running sums of NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.define.numpy.broadcast import axes_of, floating, numeric, reshaped, transposed, with_ones
from symgrad.define.numpy.functions import given
from symgrad.define.numpy.tracer import Array, cast, implements, refuse
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


def _plain(where: Any, name: str) -> None:
    if given(where, True) is not True:
        refuse(f"{name} with where=: write {name}(np.where(condition, x, neutral))")


def _extreme(name: str, binary: Any, shown: str) -> Callable[..., Any]:
    def meaning(
        a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None, where: Any = True
    ) -> Any:
        _plain(where, shown)
        initial = given(initial)
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
    _plain(where, "np.prod")
    x = numeric(a) if dtype is None else cast(a, dtype)
    result = reduced("prod", x, axis, keepdims)
    initial = given(initial, 1)
    return result if not isinstance(initial, Array) and initial == 1 else result * initial


@implements(np.any)
def any_(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = True) -> Any:
    _plain(where, "np.any")
    return np.sum(cast(cast(a, "bool"), "int64"), axis=axis, keepdims=given(keepdims, False)) > 0  # type: ignore[call-overload]


@implements(np.all)
def all_(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = True) -> Any:
    _plain(where, "np.all")
    wrong = cast(~cast(a, "bool"), "int64")
    return np.sum(wrong, axis=axis, keepdims=given(keepdims, False)) == 0  # type: ignore[call-overload]


@implements(np.count_nonzero)
def count_nonzero(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return np.sum(cast(a, "bool"), axis=axis, keepdims=keepdims)  # type: ignore[call-overload]


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
    _plain(where, "np.var")
    x = floating(a) if dtype is None else cast(a, dtype)
    given_mean = given(mean)
    centre = np.mean(x, axis=axis, keepdims=True) if given_mean is None else given_mean
    n = math.prod(x.shape[k] for k in axes_of(axis, x.ndim)) - given(
        correction, ddof if correction is None else correction
    )
    return np.sum((x - centre) ** 2, axis=axis, keepdims=given(keepdims, False)) / n  # type: ignore[call-overload]


@implements(np.std)
def std(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = False, **more: Any
) -> Any:
    return np.sqrt(var(a, axis, dtype, out, ddof, keepdims, **more))


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
    scale = np.sum(weights, axis=axis, keepdims=keepdims)
    result = np.sum(np.multiply(a, weights), axis=axis, keepdims=keepdims) / scale
    return (result, scale) if returned else result


def _without_nan(fn: Any, neutral: float) -> Callable[..., Any]:
    def meaning(a: Any, *args: Any, **keywords: Any) -> Any:
        return fn(np.where(np.isnan(a), neutral, a) if a.dtype.kind == "f" else a, *args, **keywords)

    return meaning


implements(np.nansum)(_without_nan(np.sum, 0))
implements(np.nanprod)(_without_nan(np.prod, 1))
implements(np.nancumsum)(_without_nan(np.cumsum, 0))
implements(np.nancumprod)(_without_nan(np.cumprod, 1))


def _nan_extreme(fn: Any, neutral: float) -> Callable[..., Any]:
    def meaning(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, **more: Any) -> Any:
        if a.dtype.kind != "f":
            return fn(a, axis=axis, keepdims=given(keepdims, False))
        value = fn(np.where(np.isnan(a), neutral, a), axis=axis, keepdims=given(keepdims, False))
        return np.where(np.all(np.isnan(a), axis=axis, keepdims=given(keepdims, False)), np.nan, value)

    return meaning


implements(np.nanmax)(_nan_extreme(np.max, -np.inf))
implements(np.nanmin)(_nan_extreme(np.min, np.inf))


@implements(np.nanmean)
def nanmean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = True
) -> Any:
    _plain(where, "np.nanmean")
    x, keepdims = floating(a), given(keepdims, False)
    return np.nansum(x, axis=axis, keepdims=keepdims) / np.sum(~np.isnan(x), axis=axis, keepdims=keepdims)


@implements(np.nanvar)
def nanvar(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    *,
    where: Any = True,
) -> Any:
    _plain(where, "np.nanvar")
    x, keepdims = floating(a), given(keepdims, False)
    apart = np.where(np.isnan(x), 0, x - np.nanmean(x, axis=axis, keepdims=True))
    return np.sum(apart**2, axis=axis, keepdims=keepdims) / (
        np.sum(~np.isnan(x), axis=axis, keepdims=keepdims) - given(ddof, 0)
    )


@implements(np.nanstd)
def nanstd(a: Any, *args: Any, **keywords: Any) -> Any:
    return np.sqrt(nanvar(a, *args, **keywords))


@implements(np.cumsum)
def cumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return along("cumsum", numeric(a) if dtype is None else cast(a, dtype), axis)


@implements(np.cumprod)
def cumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return along("cumprod", numeric(a) if dtype is None else cast(a, dtype), axis)


def _so_far(name: str) -> Callable[..., Any]:
    def meaning(x: Any, axis: Any = 0, **_: Any) -> Any:
        places = along(name, x, axis)
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


@implements(np.diff)
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    (at,) = axes_of(axis, np.ndim(a))
    parts = [given(prepend), a, given(append)]
    if parts[0] is not None or parts[2] is not None:
        own = [1 if k == at else m for k, m in enumerate(np.shape(a))]
        parts = [np.broadcast_to(p, own) if p is not None and np.ndim(p) == 0 else p for p in parts]
        a = np.concatenate([p for p in parts if p is not None], axis=at)
    lead = (slice(None),) * at
    for _ in range(n):
        after, before = a[(*lead, slice(1, None))], a[(*lead, slice(None, -1))]
        a = (after != before) if a.dtype.kind == "b" else after - before
    return a


@implements(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    parts = [to_begin, np.diff(np.ravel(ary)), to_end]
    return np.concatenate([np.ravel(p) for p in parts if p is not None])


@implements(np.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    (at,) = axes_of(axis, np.ndim(y))
    lead = (slice(None),) * at
    if x is None:
        step: Any = dx
    else:
        step = np.diff(x, axis=at if np.ndim(x) == np.ndim(y) else -1)
        if np.ndim(x) != np.ndim(y):
            step = np.reshape(step, [-1 if k == at else 1 for k in range(np.ndim(y))])
    pairs = np.add(y[(*lead, slice(1, None))], y[(*lead, slice(None, -1))])
    return np.sum(step * pairs / 2.0, axis=at)


@implements(np.cumulative_sum)
def cumulative_sum(
    x: Any, /, *, axis: Any = None, dtype: Any = None, out: Any = None, include_initial: bool = False
) -> Any:
    y = np.cumsum(x, axis=axis, dtype=dtype)
    return _with_initial(y, axis, 0) if include_initial else y


@implements(np.cumulative_prod)
def cumulative_prod(
    x: Any, /, *, axis: Any = None, dtype: Any = None, out: Any = None, include_initial: bool = False
) -> Any:
    y = np.cumprod(x, axis=axis, dtype=dtype)
    return _with_initial(y, axis, 1) if include_initial else y


def _with_initial(y: Any, axis: Any, value: int) -> Any:
    at = 0 if axis is None else axis % y.ndim
    first = np.full_like(y, value, shape=[1 if k == at else n for k, n in enumerate(y.shape)])
    return np.concatenate([first, y], axis=at)


@implements(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    if edge_order != 1 or any(np.ndim(v) for v in varargs):
        refuse("np.gradient with edge_order=2 or coordinates: write the differences out")
    axes = axes_of(axis, f.ndim)
    steps = list(varargs) * len(axes) if len(varargs) == 1 else list(varargs) or [1.0] * len(axes)
    found = []
    for at, h in zip(axes, steps, strict=True):
        lead = (slice(None),) * at

        def part(a: Any, b: Any, lead: tuple[Any, ...] = lead) -> Any:
            return f[(*lead, slice(a, b))]

        ends = part(1, 2) - part(0, 1), part(-1, None) - part(-2, -1)
        inner = (part(2, None) - part(None, -2)) / 2.0
        found.append(np.concatenate([ends[0], inner, ends[1]], axis=at) / h)
    return found[0] if len(found) == 1 else tuple(found)
