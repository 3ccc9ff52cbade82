"""Parts, places, reductions and scans in NumPy: on the last axes of arrays that may have a batch in front."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.errors import ArgumentError

Places = tuple[int, ...]


def slice_(x: Any, start: Places, stop: Places, step: Places) -> Any:
    return x[(..., *map(slice, start, stop, step))]


def pad(x: Any, low: Places, high: Places, interior: Places) -> Any:
    lead = x.ndim - len(low)
    shape = list(x.shape[:lead])
    place: list[Any] = [...]
    for n, a, b, k in zip(x.shape[lead:], low, high, interior, strict=True):
        shape.append(a + b + n + max(0, n - 1) * k)
        place.append(slice(a, a + max(0, n - 1) * (k + 1) + 1 if n else a, k + 1))
    out = np.zeros(shape, x.dtype)
    out[tuple(place)] = x
    return out


def flip(x: Any, axes: Places) -> Any:
    return np.flip(x, axes)


def concatenate(*parts: Any, axis: int) -> Any:
    rank = max(p.ndim for p in parts)
    if any(p.shape[: p.ndim + axis] != parts[0].shape[: parts[0].ndim + axis] for p in parts):  # batches differ
        batch = np.broadcast_shapes(*[p.shape[: p.ndim + axis] for p in parts])
        parts = tuple([np.broadcast_to(p, batch + p.shape[p.ndim + axis :]) for p in parts])
        rank = parts[0].ndim
    return np.concatenate(parts, axis=rank + axis)


def _inside(places: Any, n: int) -> None:
    """NumPy would count negative places from the end; here they are outside."""
    if np.size(places) and (np.min(places) < 0 or np.max(places) >= n):
        bad = int(np.min(places)) if np.min(places) < 0 else int(np.max(places))
        raise ArgumentError(f"index {bad} is outside an axis of length {n}")


Ranks = tuple[int, ...]
"""Of each argument, the number of axes without those of a batch."""


def _shared(k: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The decorated function takes an argument k that is the same for all points of a batch.

    Where it is not, the function is called for one point after the other.
    """

    def decorate(fn: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, ranks: Ranks, **attrs: Any) -> Any:
            arrays = [np.asarray(a) for a in args]
            if arrays[k].ndim == ranks[k]:
                return fn(*arrays, **attrs)
            own = [a.shape[a.ndim - r :] for a, r in zip(arrays, ranks, strict=True)]
            batch = np.broadcast_shapes(*[a.shape[: a.ndim - r] for a, r in zip(arrays, ranks, strict=True)])
            points = math.prod(batch)
            full = [np.broadcast_to(a, batch + o).reshape(points, *o) for a, o in zip(arrays, own, strict=True)]
            rows = [fn(*[a[b] for a in full], **attrs) for b in range(points)]
            if not rows:
                nothing = fn(*[np.zeros(o, a.dtype) for a, o in zip(arrays, own, strict=True)], **attrs)
                return np.zeros(batch + nothing.shape, nothing.dtype)
            return np.stack(rows).reshape(batch + rows[0].shape)

        return call

    return decorate


@_shared(1)
def take(x: Any, i: Any, axis: int) -> Any:
    _inside(i, x.shape[axis])
    return np.take(x, i, axis=axis)


@_shared(1)
def scatter_add(x: Any, i: Any, axis: int, n: int) -> Any:
    _inside(i, n)
    after = -1 - axis
    i = np.asarray(i)
    lead = x.ndim - after - i.ndim
    moved = x.reshape((*x.shape[:lead], i.size, *x.shape[x.ndim - after :]))
    out = np.zeros((*x.shape[:lead], n, *x.shape[x.ndim - after :]), x.dtype)
    if lead == 0 and after == 0 and x.dtype == np.float64 and i.size:
        return np.bincount(i.ravel(), weights=moved, minlength=n)
    places: Any = (*[slice(None)] * lead, i.ravel())
    np.add.at(out, places, moved)
    return out


def take_along(x: Any, i: Any) -> Any:
    _inside(i, x.shape[-1])
    batch = np.broadcast_shapes(x.shape[:-1], i.shape[:-1])
    return np.take_along_axis(
        np.broadcast_to(x, batch + x.shape[-1:]), np.broadcast_to(i, batch + i.shape[-1:]), axis=-1
    )


def put_along(x: Any, i: Any, n: int) -> Any:
    _inside(i, n)
    batch = np.broadcast_shapes(x.shape[:-1], i.shape[:-1])
    rows = math.prod(batch)
    values = np.broadcast_to(x, batch + x.shape[-1:]).reshape(rows, x.shape[-1])
    places = np.broadcast_to(i, batch + i.shape[-1:]).reshape(rows, i.shape[-1])
    out = np.zeros((rows, n), x.dtype)
    np.add.at(out, (np.arange(rows)[:, None], places), values)
    return out.reshape(*batch, n)


def last(fn: Callable[..., Any], **more: Any) -> Callable[..., Any]:
    """A function of NumPy along the last axis."""
    return lambda x: fn(x, axis=-1, **more)


def logsumexp(x: Any) -> Any:
    if not x.shape[-1]:
        return np.full(x.shape[:-1], -np.inf, x.dtype)
    top = np.max(x, axis=-1, keepdims=True)
    top = np.where(np.isfinite(top), top, np.zeros((), x.dtype))
    return np.log(np.sum(np.exp(x - top), axis=-1)) + top[..., 0]


def linear_recurrence(a: Any, b: Any) -> Any:
    a, b = np.broadcast_arrays(a, b)
    out = np.empty(b.shape, b.dtype)
    out[..., :1] = b[..., :1]
    for k in range(1, b.shape[-1]):
        out[..., k] = a[..., k] * out[..., k - 1] + b[..., k]
    return out


def arg_so_far(extreme: Any, better: Any) -> Callable[[Any], Any]:
    """The place of the extreme element so far; the first of equal ones, NaN before all."""

    def call(x: Any) -> Any:
        n = x.shape[-1]
        if not n:
            return np.zeros(x.shape, np.int64)
        found = extreme.accumulate(x, axis=-1)
        new = np.ones(x.shape, bool)
        new[..., 1:] = better(x[..., 1:], found[..., :-1]) | (np.isnan(x[..., 1:]) & ~np.isnan(found[..., :-1]))
        return np.maximum.accumulate(np.where(new, np.arange(n), 0), axis=-1)

    return call


@_shared(0)
def searchsorted(a: Any, v: Any, side: str) -> Any:
    return np.searchsorted(a, v, side=side)  # type: ignore[call-overload]


def dft(x: Any, sign: int) -> Any:
    z = np.ascontiguousarray(x[..., 0]) + 1j * x[..., 1]
    n = z.shape[-1]
    if not n:
        return x
    y = np.fft.fft(z, axis=-1) if sign < 0 else np.fft.ifft(z, axis=-1) * n
    return np.stack([y.real, y.imag], axis=-1).astype(x.dtype)


RANKED = frozenset({"take", "scatter_add", "searchsorted"})
"""Operations whose lowering takes `ranks`."""

LOWERED: dict[str, Callable[..., Any]] = {
    "slice": slice_,
    "pad": pad,
    "flip": flip,
    "concatenate": concatenate,
    "take": take,
    "scatter_add": scatter_add,
    "take_along": take_along,
    "put_along": put_along,
    "amax": last(np.max),
    "amin": last(np.min),
    "prod": last(np.prod),
    "logsumexp": logsumexp,
    "cumsum": last(np.cumsum),
    "cumprod": last(np.cumprod),
    "linear_recurrence": linear_recurrence,
    "argmax": last(np.argmax),
    "argmin": last(np.argmin),
    "argsort": last(np.argsort, kind="stable"),
    "argcummax": arg_so_far(np.maximum, np.greater),
    "argcummin": arg_so_far(np.minimum, np.less),
    "searchsorted": searchsorted,
    "dft": dft,
}
