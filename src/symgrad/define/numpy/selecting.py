"""Choosing, ordering and looking up elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.define.numpy.broadcast import axes_of, broadcast_to, result_dtype, transposed
from symgrad.define.numpy.functions import given
from symgrad.define.numpy.indexing import diagonal_places
from symgrad.define.numpy.reductions import along, merged
from symgrad.define.numpy.tracer import Array, cast, graph_of, has_traced, implements, is_traced, node, refuse, widen
from symgrad.graph import REGISTER


@implements(np.take)
def take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Any:
    if axis is None:
        a, axis = np.ravel(a), 0
    (at,) = axes_of(axis, np.ndim(a))
    n = np.shape(a)[at]
    if mode == "clip":
        indices = np.clip(indices, 0, n - 1)
    elif mode == "wrap":
        indices = np.mod(indices, n)
    if not is_traced(a):
        g = indices.graph
        a = Array(g, node(g, a))
    key = indices if is_traced(indices) else np.asarray(indices)
    if not is_traced(key) and not key.ndim:
        key = int(key)
    return a[(slice(None),) * at + (key,)]


def _rows(x: Any, places: Any, axis: int) -> tuple[Array, Array, list[int]]:
    """Both with the axis last, and the order of axes that brings it back."""
    g = graph_of(x, places)
    x, places = Array(g, node(g, x)), Array(g, node(g, places, "int64"))
    if x.ndim != places.ndim:
        raise ValueError("places must have as many axes as the array")
    (at,) = axes_of(axis, x.ndim)
    order = [k for k in range(x.ndim) if k != at] + [at]
    lead = np.broadcast_shapes(*[[v.shape[k] for k in order[:-1]] for v in (x, places)])
    moved = []
    for v in (x, places):
        i = transposed(g, v.id, order)
        moved.append(Array(g, broadcast_to(g, i, (*lead, v.shape[at]))))
    return moved[0], moved[1], [order.index(k) for k in range(x.ndim)]


@implements(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> Any:
    if axis is None:
        arr, axis = np.ravel(arr), 0
    x, places, back = _rows(arr, indices, axis)
    n = x.shape[-1]
    g = x.graph
    own = np.where(places < 0, places + n, places)
    i = g.build(REGISTER["take_along"], (x.id, node(g, own)))
    return Array(g, transposed(g, i, back))


def _place(name: str) -> Callable[..., Any]:
    def meaning(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
        if axis is None:
            line: Any = np.ravel(a)
            found = _of_last(name, line)
            return np.reshape(found, (1,) * a.ndim) if given(keepdims, False) else found
        (at,) = axes_of(axis, a.ndim)
        found = Array(a.graph, a.graph.build(REGISTER[name], (merged(_ordered(a), (at,)),)))
        return np.expand_dims(found, at) if given(keepdims, False) else found

    return meaning


def _ordered(a: Array) -> Array:
    """Truth values as numbers."""
    return cast(a, "int64") if a.dtype.kind == "b" else a


def _of_last(name: str, a: Array) -> Array:
    return Array(a.graph, a.graph.build(REGISTER[name], (_ordered(a).id,)))


implements(np.argmax)(_place("argmax"))
implements(np.argmin)(_place("argmin"))


@implements(np.argsort)
def argsort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    if not a.ndim and axis in (0, -1):
        return np.zeros_like(a, dtype=np.int64, shape=(1,))
    return along("argsort", _ordered(a), axis)


@implements(np.sort)
def sort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    if axis is None:
        a, axis = np.ravel(a), -1
    return np.take_along_axis(a, argsort(a, axis), axis)


@implements(np.partition)
def partition(a: Any, kth: Any, axis: Any = -1, kind: str = "introselect", order: Any = None) -> Any:
    return sort(a, axis)


@implements(np.argpartition)
def argpartition(a: Any, kth: Any, axis: Any = -1, kind: str = "introselect", order: Any = None) -> Any:
    return argsort(a, axis)


@implements(np.lexsort)
def lexsort(keys: Any, axis: int = -1) -> Any:
    keys = list(keys)
    order = argsort(keys[0], axis)
    for k in keys[1:]:
        order = np.take_along_axis(order, argsort(np.take_along_axis(k, order, axis), axis), axis)
    return order


@implements(np.searchsorted)
def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    g = graph_of(a, v)
    if sorter is not None:
        a = np.take(a, sorter)
    dtype = np.result_type(*[x.dtype if is_traced(x) else np.asarray(x).dtype for x in (a, v)])
    values = Array(g, node(g, v, dtype))
    return Array(g, g.build(REGISTER["searchsorted"], (node(g, a, dtype), values.id), (side,)))


@implements(np.digitize)
def digitize(x: Any, bins: Any, right: bool = False) -> Any:
    if is_traced(bins):
        refuse("np.digitize with traced bins: write np.searchsorted(bins, x)")
    steps, side = np.diff(bins), "left" if right else "right"
    if np.all(steps >= 0):
        return np.searchsorted(np.asarray(bins), x, side=side)  # type: ignore[call-overload]
    if not np.all(steps <= 0):
        raise ValueError("bins must rise or fall throughout")
    return np.size(bins) - np.searchsorted(np.asarray(bins)[::-1], x, side="left" if side == "left" else "right")


@implements(np.interp)
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    g = graph_of(x, xp, fp)
    x, xp, fp = (Array(g, node(g, v, "float64")) for v in (x, xp, fp))
    if xp.ndim != 1 or xp.shape != fp.shape or not xp.size:
        raise ValueError(f"points of shape {xp.shape} and values of shape {fp.shape}: as many, along one axis")
    if period is not None:
        period = np.abs(period)
        x, xp = np.mod(x, period), np.mod(xp, period)
        order = np.argsort(xp)
        xp, fp = np.take(xp, order), np.take(fp, order)
        xp = np.concatenate([xp[-1:] - period, xp, xp[:1] + period])
        fp = np.concatenate([fp[-1:], fp, fp[:1]])
        left = right = None
    n = xp.shape[0]
    if n == 1:
        middle = np.broadcast_to(fp[0], x.shape)
    else:
        at = np.clip(np.searchsorted(xp, x, side="right"), 1, n - 1)
        x0, x1, f0, f1 = np.take(xp, at - 1), np.take(xp, at), np.take(fp, at - 1), np.take(fp, at)
        middle = f0 + (f1 - f0) / (x1 - x0) * (x - x0)
    low = fp[0] if left is None else left
    high = fp[n - 1] if right is None else right
    return np.where(np.less(x, xp[0]), low, np.where(np.greater(x, xp[n - 1]), high, middle))


@implements(np.clip)
def clip(
    a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, *, min: Any = None, max: Any = None, **_: Any
) -> Any:
    low = given(a_min) if given(a_min) is not None else given(min)
    high = given(a_max) if given(a_max) is not None else given(max)
    widen(a)
    a = a.copy() if is_traced(a) else np.asarray(a)  # as an array, whatever it was
    dtype = result_dtype([v for v in (a, low, high) if v is not None])
    a = a.astype(dtype)
    if low is not None:
        a = np.maximum(a, low)
    return a if high is None else np.minimum(a, high)


@implements(np.select)
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    result = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        result = np.where(condition, choice, result)
    return result


@implements(np.choose)
def choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Any:
    n = len(choices)
    if is_traced(a) and mode == "raise":
        refuse("np.choose of traced places: add mode='clip' or 'wrap'")
    a = np.clip(a, 0, n - 1) if mode == "clip" else np.mod(a, n) if mode == "wrap" else a
    if not is_traced(a) and np.any((np.asarray(a) < 0) | (np.asarray(a) >= n)):
        raise ValueError(f"a place outside the {n} choices")
    result = choices[0]
    for k in range(1, n):
        result = np.where(np.equal(a, k), choices[k], result)
    return result


@implements(np.compress)
def compress(condition: Any, a: Any, axis: Any = None, out: Any = None) -> Any:
    if has_traced(condition):
        refuse("np.compress with a traced condition: how many elements are left is not known; write np.where")
    return np.take(a, np.flatnonzero(condition), axis=axis)


@implements(np.extract)
def extract(condition: Any, arr: Any) -> Any:
    return compress(np.ravel(condition), np.ravel(arr))


@implements(np.diagonal)
def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    (p,), (q,) = axes_of(axis1, a.ndim), axes_of(axis2, a.ndim)
    if p == q:
        raise ValueError("axis1 and axis2 cannot be the same")
    rows, columns = a.shape[p], a.shape[q]
    if offset == 0 and rows == columns:
        return Array(a.graph, diagonal_places(a.graph, a.id, p, q), view_of=a, by=("diagonal", 0, p, q))
    k = max(0, min(rows + min(offset, 0), columns - max(offset, 0)))
    moved = np.moveaxis(a, (p, q), (-2, -1))
    found = moved[..., np.arange(k) - min(offset, 0), np.arange(k) + max(offset, 0)]
    return Array(a.graph, found.id, view_of=a, by=("diagonal", offset, p, q))


@implements(np.diag)
def diag(v: Any, k: int = 0) -> Any:
    if v.ndim == 2:
        return diagonal(v, k)
    if v.ndim != 1:
        raise ValueError("Input must be 1- or 2-d.")
    n = v.shape[0] + abs(k)
    square = v[:, None] * np.eye(v.shape[0], dtype=v.dtype)
    widths = ((max(0, -k), max(0, k)), (max(0, k), max(0, -k)))
    return np.pad(square, widths) if n > v.shape[0] else square


@implements(np.diagflat)
def diagflat(v: Any, k: int = 0) -> Any:
    return diag(np.ravel(v), k)


def _triangle(which: Any) -> Callable[..., Any]:
    def meaning(m: Any, k: int = 0) -> Any:
        inside = which(np.ones(m.shape[-2:] if m.ndim > 1 else (m.shape[0],) * 2, bool), k)
        return np.where(inside, m, np.zeros((), m.dtype))

    return meaning


implements(np.tril)(_triangle(np.tril))
implements(np.triu)(_triangle(np.triu))


@implements(np.bincount)
def bincount(x: Any, /, weights: Any = None, minlength: int = 0) -> Any:
    if is_traced(x):
        if not minlength:
            refuse("np.bincount of traced places: add minlength=n; places from n on are an error")
        n = minlength
    else:
        x = np.asarray(x)
        n = max(int(x.max()) + 1 if x.size else 0, minlength)
    g = graph_of(x, weights)
    if weights is None:
        values = node(g, np.ones(np.shape(x), np.int64))
    else:
        values = node(g, weights, "float64")
    return Array(g, g.build(REGISTER["scatter_add"], (values, node(g, x, "int64")), (-1, n)))
