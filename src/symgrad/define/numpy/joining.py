"""Arrays put together, taken apart, repeated and turned."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from symgrad.define.numpy.broadcast import array_dtype, axes_of, broadcast_to
from symgrad.define.numpy.tracer import Array, graph_of, has_traced, implements, is_traced, node, refuse
from symgrad.graph import REGISTER


@implements(np.concatenate)
def concatenate(arrays: Any, /, axis: Any = 0, out: Any = None, *, dtype: Any = None, casting: Any = None) -> Array:
    parts = list(arrays)
    if axis is None:
        parts, axis = [np.ravel(p) for p in parts], 0
    (at,) = axes_of(axis, np.ndim(parts[0]))
    g = graph_of(*parts)
    if any(np.ndim(p) != np.ndim(parts[0]) for p in parts):
        raise ValueError(f"arrays to join have {', '.join(str(np.ndim(p)) for p in parts)} axes")
    wanted = array_dtype(parts) if dtype is None else dtype
    nodes = tuple(node(g, p, wanted) for p in parts)
    return Array(g, g.build(REGISTER["concatenate"], nodes, (at - np.ndim(parts[0]),)))


@implements(np.stack)
def stack(arrays: Any, axis: int = 0, out: Any = None, *, dtype: Any = None, casting: Any = None) -> Any:
    parts = list(arrays)
    if len({np.shape(p) for p in parts}) != 1:
        raise ValueError(f"arrays to stack have shapes {', '.join(str(np.shape(p)) for p in parts)}")
    if not np.ndim(parts[0]) and dtype is None:
        g = graph_of(*parts)
        wanted = array_dtype(parts)
        return Array(g, g.build(REGISTER["stack"], tuple(node(g, p, wanted) for p in parts), ((len(parts),),)))
    return np.concatenate([np.expand_dims(p, axis) for p in parts], axis=axis, dtype=dtype)


def _atleast(rank: int) -> Any:
    def one(x: Any) -> Any:
        n = np.ndim(x)
        if n >= rank:
            return x
        if rank == 1 or n == 0:
            return np.reshape(x, (1,) * rank)
        if rank == 2:
            return np.expand_dims(x, 0)
        return np.reshape(x, (1, *np.shape(x), 1) if n == 1 else (*np.shape(x), 1))

    def meaning(*arrays: Any) -> Any:
        found = [one(a) for a in arrays]
        return found[0] if len(found) == 1 else tuple(found)

    return meaning


implements(np.atleast_1d)(_atleast(1))
implements(np.atleast_2d)(_atleast(2))
implements(np.atleast_3d)(_atleast(3))


@implements(np.vstack)
def vstack(tup: Any, *, dtype: Any = None, casting: Any = None) -> Any:
    return np.concatenate([_atleast(2)(p) for p in tup], axis=0)


@implements(np.hstack)
def hstack(tup: Any, *, dtype: Any = None, casting: Any = None) -> Any:
    parts = [_atleast(1)(p) for p in tup]
    return np.concatenate(parts, axis=0 if np.ndim(parts[0]) == 1 else 1)


@implements(np.dstack)
def dstack(tup: Any) -> Any:
    return np.concatenate([_atleast(3)(p) for p in tup], axis=2)


@implements(np.column_stack)
def column_stack(tup: Any) -> Any:
    return np.concatenate([np.reshape(p, (-1, 1)) if np.ndim(p) < 2 else p for p in tup], axis=1)


@implements(np.append)
def append(arr: Any, values: Any, axis: Any = None) -> Any:
    if axis is None:
        return np.concatenate([np.ravel(arr), np.ravel(values)])
    return np.concatenate([arr, values], axis=axis)


@implements(np.block)
def block(arrays: Any) -> Any:
    def depth(a: Any) -> int:
        return 1 + depth(a[0]) if isinstance(a, list) else 0

    def rank_of(a: Any) -> int:
        return max(map(rank_of, a)) if isinstance(a, list) else np.ndim(a)

    deep = depth(arrays)
    rank = max(deep, rank_of(arrays))

    def joined(a: Any, level: int) -> Any:
        if not isinstance(a, list):
            return np.reshape(a, (1,) * (rank - np.ndim(a)) + np.shape(a))
        return np.concatenate([joined(part, level + 1) for part in a], axis=rank - deep + level)

    return joined(arrays, 0)


@implements(np.flip)
def flip(m: Any, axis: Any = None) -> Array:
    axes = axes_of(axis, m.ndim)
    if not axes:
        return m[...]
    places = tuple(k - m.ndim for k in axes)
    return Array(m.graph, m.graph.build(REGISTER["flip"], (m.id,), (places,)), view_of=m, by=("flip", axes))


@implements(np.fliplr)
def fliplr(m: Any) -> Any:
    return np.flip(m, 1)


@implements(np.flipud)
def flipud(m: Any) -> Any:
    return np.flip(m, 0)


@implements(np.rot90)
def rot90(m: Any, k: int = 1, axes: Any = (0, 1)) -> Any:
    p, q = (a % m.ndim for a in axes)
    k %= 4
    if k == 0:
        return m.copy()
    if k == 2:
        return np.flip(m, (p, q))
    return np.swapaxes(np.flip(m, q), p, q) if k == 1 else np.flip(np.swapaxes(m, p, q), q)


@implements(np.roll)
def roll(a: Any, shift: Any, axis: Any = None) -> Any:
    if axis is None:
        return np.reshape(roll(np.ravel(a), shift, 0), np.shape(a))
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    shifts = shift if isinstance(shift, (tuple, list)) else (shift,) * len(axes)
    for s, k in zip(shifts, axes, strict=True):
        (at,) = axes_of(k, a.ndim)
        n = a.shape[at]
        s = int(s) % n if n else 0
        if s:
            lead = (slice(None),) * at
            a = np.concatenate([a[(*lead, slice(n - s, None))], a[(*lead, slice(None, n - s))]], axis=at)
    return a.copy()


@implements(np.rollaxis)
def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    axis, start = axis % a.ndim, start + a.ndim if start < 0 else start
    return np.moveaxis(a, axis, start - 1 if axis < start else start)


@implements(np.tile)
def tile(A: Any, reps: Any) -> Any:
    reps = tuple(reps) if isinstance(reps, (tuple, list, np.ndarray)) else (reps,)
    rank = max(A.ndim, len(reps))
    reps = (1,) * (rank - len(reps)) + tuple(int(r) for r in reps)
    own = (1,) * (rank - A.ndim) + A.shape
    apart = np.reshape(A, [n for m in own for n in (1, m)])
    full = np.broadcast_to(apart, [n for r, m in zip(reps, own, strict=True) for n in (r, m)])
    return np.reshape(full, [r * m for r, m in zip(reps, own, strict=True)])


@implements(np.repeat)
def repeat(a: Any, repeats: Any, axis: Any = None) -> Any:
    if is_traced(repeats):
        refuse("np.repeat with traced counts: the result's length must be known")
    if axis is None:
        a, axis = np.ravel(a), 0
    (at,) = axes_of(axis, a.ndim)
    return np.take(a, np.repeat(np.arange(a.shape[at]), repeats), axis=at)


def _parts(ary: Any, places: Sequence[int], axis: int) -> list[Any]:
    (at,) = axes_of(axis, ary.ndim)
    lead, bounds = (slice(None),) * at, [0, *places, ary.shape[at]]
    return [ary[(*lead, slice(a, b))] for a, b in pairwise(bounds)]


@implements(np.array_split)
def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    if not isinstance(indices_or_sections, (int, np.integer)):
        return _parts(ary, [int(k) for k in indices_or_sections], axis)
    n, sections = ary.shape[axis], int(indices_or_sections)
    sizes = [n // sections + (k < n % sections) for k in range(sections)]
    return _parts(ary, [int(k) for k in np.cumsum(sizes)[:-1]], axis)


@implements(np.split)
def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    if isinstance(indices_or_sections, (int, np.integer)) and ary.shape[axis] % indices_or_sections:
        raise ValueError("array split does not result in an equal division")
    return array_split(ary, indices_or_sections, axis)


@implements(np.hsplit)
def hsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    return split(ary, indices_or_sections, 0 if ary.ndim == 1 else 1)


@implements(np.vsplit)
def vsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    return split(ary, indices_or_sections, 0)


@implements(np.dsplit)
def dsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    return split(ary, indices_or_sections, 2)


@implements(np.unstack)
def unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    return tuple(np.moveaxis(x, axis, 0))


@implements(np.broadcast_arrays)
def broadcast_arrays(*args: Any, subok: bool = False) -> tuple[Any, ...]:
    g = graph_of(*args)
    shape = np.broadcast_shapes(*[np.shape(a) for a in args])
    return tuple(Array(g, broadcast_to(g, node(g, a), shape)) for a in args)


@implements(np.meshgrid)
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[Any, ...]:
    rank = len(xi)
    found = []
    for k, x in enumerate(xi):
        at = 1 - k if indexing == "xy" and k < 2 and rank > 1 else k
        found.append(np.reshape(x, [-1 if j == at else 1 for j in range(rank)]))
    return tuple(found) if sparse else broadcast_arrays(*found)


@implements(np.pad)
def pad(array: Any, pad_width: Any, mode: Any = "constant", **keywords: Any) -> Any:
    widths = _widths(pad_width, array.ndim)
    if mode == "constant":
        values = keywords.pop("constant_values", 0)
        if is_traced(values) or np.any(np.asarray(values) != 0):
            sides = np.broadcast_to(values, (array.ndim, 2))
            return _rearranged(
                array, sides, lambda own, new: np.pad(own, widths, constant_values=new.reshape(array.ndim, 2))
            )
        low, high = (tuple(int(w[k]) for w in widths) for k in (0, 1))
        zero = (0,) * array.ndim
        return Array(array.graph, array.graph.build(REGISTER["pad"], (array.id,), (low, high, zero)))
    if mode not in ("edge", "reflect", "symmetric", "wrap") or keywords.get("reflect_type", "even") != "even":
        odd = " and reflect_type='odd'" if "reflect_type" in keywords else ""
        refuse(f"np.pad with mode={mode!r}{odd}: constant, edge, reflect, symmetric and wrap can be traced")
    for at, (low, high) in enumerate(widths):  # the same elements again: NumPy says which
        places = np.pad(np.arange(array.shape[at]), (low, high), mode=mode, **keywords)
        array = np.take(array, places, axis=at)
    return array


def _widths(pad_width: Any, rank: int) -> Any:
    if not isinstance(pad_width, dict):
        return np.broadcast_to(np.asarray(pad_width), (rank, 2)).tolist()
    found = [[0, 0] for _ in range(rank)]
    for axis, width in pad_width.items():
        (at,) = axes_of(axis, rank)
        found[at] = np.broadcast_to(np.asarray(width), (2,)).tolist()
    return found


def _rearranged(a: Any, more: Any, function: Any) -> Any:
    """`function(a, more)` of a function that only moves elements: NumPy moves their places."""
    n = np.size(a)
    places = function(np.arange(n).reshape(np.shape(a)), n + np.arange(np.size(more)).reshape(np.shape(more)))
    values = np.concatenate([np.ravel(a), np.asarray(np.ravel(more)) if not is_traced(more) else np.ravel(more)])
    return np.take(values.astype(a.dtype), places)


@implements(np.insert)
def insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    if has_traced(obj):
        refuse("np.insert at traced places: write np.where or np.concatenate")
    return _rearranged(arr, values, lambda own, new: np.insert(own, obj, new, axis))


@implements(np.delete)
def delete(arr: Any, obj: Any, axis: Any = None) -> Any:
    if has_traced(obj):
        refuse("np.delete at traced places: write np.take of the places to keep, as an array of NumPy")
    if axis is None:
        arr, axis = np.ravel(arr), 0
    return np.take(arr, np.delete(np.arange(arr.shape[axis]), obj), axis=axis)


@implements(np.resize)
def resize(a: Any, new_shape: Any) -> Any:
    size = int(np.prod(new_shape))
    return np.reshape(np.take(np.ravel(a), np.resize(np.arange(a.size), size)), new_shape)
