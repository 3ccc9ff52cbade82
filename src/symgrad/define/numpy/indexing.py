"""Reading from and writing to a traced array: slices, integers, None, Ellipsis, integer and boolean arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from symgrad.define.numpy.broadcast import broadcast_to, reshaped, transposed
from symgrad.define.numpy.tracer import Array, cast, is_traced, node, refuse
from symgrad.graph import REGISTER, Graph
from symgrad.ops.einsum import contract


def read(x: Array, key: Any) -> Array:
    """x[key], as NumPy's."""
    items = _expanded(x, key)
    g, i = x.graph, x.id
    i, items = _scalars_first(g, i, items)
    if items is None:
        is_view = key is Ellipsis or (isinstance(key, tuple) and any(k is Ellipsis for k in key))
        return Array(g, i, view_of=x, by=("getitem", key)) if is_view else Array(g, i)
    i = _sliced(g, i, items)
    advanced = [k for k, item in enumerate(items) if _is_array(item)]
    if not advanced:
        return Array(g, i, view_of=x, by=("getitem", key))
    return Array(g, _advanced(g, i, items))


def write(x: Array, key: Any, value: Any) -> Array:
    """A copy of `x` with x[key] = value; where a place is named twice, the last value stays, as in NumPy."""
    if any(is_traced(item) for item in (key if isinstance(key, tuple) else (key,))):
        return _write_where(x, key, value)
    g = x.graph
    places = np.full(x.shape, -1)
    found = places[key]
    count = found.size
    places[key] = np.arange(count).reshape(found.shape)
    return _filled(x, places, broadcast_to(g, node(g, value, x.dtype), found.shape))


def placed(x: Array, places: Any, value: int) -> Array:
    """A copy of `x` with the elements of node `value` at these places in C order, all of them different."""
    inverse = np.full(x.size, -1)
    inverse[places.ravel()] = np.arange(places.size)
    order = np.argsort([-s for s in places.strides], kind="stable")
    if places.size == x.size and np.array_equal(places.transpose(order).ravel(), np.arange(x.size)):
        return Array(x.graph, reshaped(x.graph, transposed(x.graph, value, order.tolist()), x.shape))
    return _filled(x, inverse.reshape(x.shape), value)


def _filled(x: Array, places: Any, value: int) -> Array:
    """`x` with the element of node `value` that is named at each place, -1 for none."""
    g = x.graph
    count = math.prod(g.types[value].lengths)
    if not count:
        return x.copy()
    flat = reshaped(g, value, (count,))
    if np.all(places >= 0) and count == places.size and np.array_equal(places.ravel(), np.arange(count)):
        return Array(g, reshaped(g, flat, x.shape))
    values = _taken(g, flat, node(g, np.maximum(places, 0)), -1)
    return np.where(places >= 0, Array(g, values), x)  # type: ignore[return-value]


def _write_where(x: Array, key: Any, value: Any) -> Array:
    """x[key] = value, of a traced condition of x's own shape, or of whole numbers among which are traced ones."""
    if is_traced(key) and key.dtype.kind == "b" and key.shape == x.shape and np.ndim(value) == 0:
        return cast(np.where(key, value, x), x.dtype)  # type: ignore[arg-type]
    items = _expanded(x, key)
    traced = [k for k, item in enumerate(items) if is_traced(item)]
    if any(items[k].shape for k in traced) or any(item is None or isinstance(item, np.ndarray) for item in items):
        refuse(
            "writing at an array of traced places: write np.where(condition, value, x), one place x[i] at a time, or "
            "add with np.bincount(places, weights, minlength=n)"
        )
    around = tuple(slice(None) if k in traced else item for k, item in enumerate(items))
    part = x[around]
    axes = [sum(not _is_int(item) for item in items[:k]) for k in traced]
    g = x.graph
    here: Any = True
    for k, axis in zip(traced, axes, strict=True):
        every = Array(g, node(g, np.arange(x.shape[k])))
        own: Any = every == read(every, items[k])  # the place within the array, or an error when it runs
        here = here & own.reshape([-1 if a == axis else 1 for a in range(part.ndim)])
    shape = [n for a, n in enumerate(part.shape) if a not in axes]
    given = Array(g, broadcast_to(g, node(g, value, x.dtype), shape))
    one = given.reshape([1 if a in axes else n for a, n in enumerate(part.shape)])
    new = cast(np.where(here, one, part), x.dtype)  # type: ignore[arg-type]
    return write(x, around, new)


def _expanded(x: Array, key: Any) -> list[Any]:
    """One item per axis of x, and Nones: Ellipsis written out, truth values as places."""
    given = list(key) if isinstance(key, tuple) else [key]
    items: list[Any] = []
    for item in given:
        if isinstance(item, (np.ndarray, list, bool, np.bool_)):
            if isinstance(item, list) and not any(map(is_traced, item)):
                item = np.asarray(item, dtype=np.int64) if not item else np.asarray(item)
            if isinstance(item, list):
                item = np.stack(item)  # type: ignore[arg-type]
            array: Any = item if is_traced(item) else np.asarray(item)
            if not is_traced(array) and array.dtype.kind == "b":
                at = sum(_width(k) for k in items if k is not Ellipsis)
                if Ellipsis not in items and array.shape != x.shape[at : at + array.ndim]:
                    raise IndexError(f"truth values of shape {array.shape} for an array of shape {x.shape}")
                items.extend(np.nonzero(array))
                continue
            items.append(array)
        else:
            items.append(item)
    for item in items:
        if is_traced(item):
            if item.dtype.kind == "b":
                refuse(
                    "x[condition]: how many elements it has is not known while the function is traced; "
                    "write np.where(condition, x, 0)"
                )
            if item.dtype.kind != "i":
                raise IndexError("places must be integers")
        elif isinstance(item, np.ndarray) and item.dtype.kind not in "iu":
            raise IndexError("places must be integers or truth values")
    used = sum(_width(k) for k in items if k is not Ellipsis)
    if used > x.ndim:
        raise IndexError(f"{used} places for an array with {x.ndim} axes")
    count = sum(k is Ellipsis for k in items)
    if count > 1:
        raise IndexError("an index can have one Ellipsis")
    rest = [slice(None)] * (x.ndim - used)
    if not count:
        return items + rest
    at = next(n for n, k in enumerate(items) if k is Ellipsis)
    return items[:at] + rest + items[at + 1 :]


def _width(item: Any) -> int:
    return 0 if item is None else 1


def _is_array(item: Any) -> bool:
    return is_traced(item) or isinstance(item, np.ndarray)


def _is_int(item: Any) -> bool:
    return isinstance(item, (int, np.integer)) and not isinstance(item, (bool, np.bool_))


def _place(k: Any, n: int) -> int:
    if not -n <= k < n:
        raise IndexError(f"index {k} is outside an axis of length {n}")
    return int(k) % n


def _scalars_first(g: Graph, i: int, items: list[Any]) -> tuple[int, Any]:
    """One element, where all items are integers."""
    shape = g.types[i].lengths
    if items and all(map(_is_int, items)):
        index = tuple(_place(k, n) for k, n in zip(items, shape, strict=True))
        return g.build(REGISTER["element"], (i,), (index,)), None
    return i, items


def _sliced(g: Graph, i: int, items: list[Any]) -> int:
    """Slices and integers carried out, None entered; arrays left to later as whole axes."""
    shape = g.types[i].lengths
    start, stop, step, flipped = [], [], [], []
    axis = 0
    for item in items:
        if item is None:
            continue
        n = shape[axis]
        if _is_array(item):
            bounds = (0, n, 1)
        elif isinstance(item, slice):
            if any(is_traced(part) for part in (item.start, item.stop, item.step)):
                refuse("a slice with traced bounds: its length must be known; index with np.arange(n) + start")
            bounds = item.indices(n)
        elif _is_int(item):
            k = _place(item, n)
            bounds = (k, k + 1, 1)
        else:
            raise IndexError(f"{item!r:.40} is no place in an array")
        a, b, s = bounds
        count = len(range(a, b, s))
        if s < 0:
            a, b, s = (a + (count - 1) * s, a + 1, -s) if count else (0, 0, 1)
            flipped.append(axis - len(shape))
        elif not count:
            a, b, s = 0, 0, 1
        else:
            b = a + (count - 1) * s + 1
        start.append(a)
        stop.append(b)
        step.append(s)
        axis += 1
    if any((a, b, s) != (0, n, 1) for a, b, s, n in zip(start, stop, step, shape, strict=True)):
        i = g.build(REGISTER["slice"], (i,), (tuple(start), tuple(stop), tuple(step)))
    if flipped:
        i = g.build(REGISTER["flip"], (i,), (tuple(flipped),))
    own = iter(g.types[i].lengths)
    wanted = []
    for item in items:
        if item is None:
            wanted.append(1)
            continue
        n = next(own)
        if not _is_int(item):
            wanted.append(n)
    return reshaped(g, i, wanted)


def _advanced(g: Graph, i: int, items: list[Any]) -> int:
    """Integer arrays, broadcast together; their axes stand where they stood, or in front if they were apart."""
    kept = [item for item in items if not _is_int(item)]
    at = [k for k, item in enumerate(kept) if _is_array(item)]
    shape = g.types[i].lengths
    together = np.broadcast_shapes(*[kept[k].shape for k in at])
    order = [k for k in range(len(shape)) if k not in at]
    mixed = any(_is_int(item) for item in items)
    apart = at != list(range(at[0], at[0] + len(at))) or (mixed and _apart(items))
    first = 0 if apart else at[0]
    order[first:first] = at
    i = transposed(g, i, order)
    sizes = [shape[k] for k in at]
    places = _flat_places(g, [kept[k] for k in at], sizes, together)
    moved = [shape[k] for k in order]
    merged = [*moved[:first], math.prod(sizes), *moved[first + len(at) :]]
    i = reshaped(g, i, merged)
    return _taken(g, i, places, first - len(merged))


def _apart(items: list[Any]) -> bool:
    """Whether integers and arrays (which NumPy treats alike) are separated by a slice or None."""
    at = [k for k, item in enumerate(items) if _is_array(item) or _is_int(item)]
    return at != list(range(at[0], at[0] + len(at)))


def _flat_places(g: Graph, places: list[Any], sizes: list[int], together: tuple[int, ...]) -> int:
    """The node of places in the axes `sizes` taken as one; places from the end count from the front."""
    if not any(map(is_traced, places)):
        found = []
        for p, n in zip(places, sizes, strict=True):
            if p.size and (p.min() < -n or p.max() >= n):
                bad = p.min() if p.min() < -n else p.max()
                raise IndexError(f"index {bad} is outside an axis of length {n}")
            found.append(np.broadcast_to(np.where(p < 0, p + n, p), together))
        flat = np.ravel_multi_index(tuple(found), tuple(sizes)) if math.prod(together) else np.zeros(together)
        return node(g, np.asarray(flat).astype(np.int64))
    total: Any = None
    inside: Any = True
    for p, n in zip(places, sizes, strict=True):
        own: Any = np.where(p < 0, p + n, p)
        inside = inside & (own >= 0) & (own < n)
        total = own if total is None else total * n + own
    if len(places) > 1:  # what is outside of one axis would be a place within all of them
        total = np.where(inside, total, -1)
    return broadcast_to(g, node(g, total), together)


def _taken(g: Graph, i: int, places: int, axis: int) -> int:
    return g.build(REGISTER["take"], (i, places), (axis,))


def diagonal_places(g: Graph, i: int, axis1: int, axis2: int) -> int:
    """The diagonal of two axes of equal length, as a last axis."""
    rank = len(g.types[i].shape)
    labels = [rank if k in (axis1, axis2) else k for k in range(rank)]
    return contract(g, [(i, tuple(labels))], (*(k for k in range(rank) if k not in (axis1, axis2)), rank))
