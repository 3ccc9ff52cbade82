"""Differences of neighbours, and what is built of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.define.numpy.broadcast import axes_of, floating
from symgrad.define.numpy.functions import given
from symgrad.define.numpy.tracer import implements


@implements(np.diff)
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    if n < 0:
        raise ValueError(f"order must be non-negative but got {n}")
    if n == 0:
        return a
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


@implements(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Second-order differences inside, of order `edge_order` at the ends, as numpy.gradient."""
    f = floating(f)
    axes = axes_of(axis, f.ndim)
    steps = list(varargs) * len(axes) if len(varargs) == 1 else list(varargs) or [1.0] * len(axes)
    if len(steps) != len(axes):
        raise TypeError("one distance for all axes, or one for each")
    if edge_order not in (1, 2):
        raise ValueError("edge_order must be 1 or 2")
    if any(f.shape[at] < edge_order + 1 for at in axes):
        raise ValueError(f"along each axis at least {edge_order + 1} elements are needed")
    found = [_slope(f, at, h, edge_order) for at, h in zip(axes, steps, strict=True)]
    return found[0] if len(found) == 1 else tuple(found)


def _slope(f: Any, at: int, h: Any, edge_order: int) -> Any:
    n = f.shape[at]
    if np.ndim(h) == 0:
        before = after = h
        ends = (h, h), (h, h)
    else:
        if np.shape(h) != (n,):
            raise ValueError("coordinates must be as many as elements")
        d = np.diff(h)
        wide = [-1 if k == at else 1 for k in range(f.ndim)]
        before, after = np.reshape(d[:-1], wide), np.reshape(d[1:], wide)
        ends = (d[0], d[min(1, n - 2)]), (d[-1], d[-min(2, n - 1)])
    lead = (slice(None),) * at

    def part(a: int | None, b: int | None) -> Any:
        return f[(*lead, slice(a, b))]

    if np.ndim(h) == 0:
        inside = (part(2, None) - part(None, -2)) / (2.0 * h)
    else:
        inside = (
            -after / (before * (before + after)) * part(None, -2)
            + (after - before) / (before * after) * part(1, -1)
            + before / (after * (before + after)) * part(2, None)
        )
    (p, q), (r, s) = ends
    if edge_order == 1:
        first, last = (part(1, 2) - part(0, 1)) / p, (part(n - 1, n) - part(n - 2, n - 1)) / r
    else:
        first = _one_sided(p, q, part(0, 1), part(1, 2), part(2, 3))
        last = -_one_sided(r, s, part(n - 1, n), part(n - 2, n - 1), part(n - 3, n - 2))
    return np.concatenate([first, inside, last], axis=at)


def _one_sided(p: Any, q: Any, x: Any, y: Any, z: Any) -> Any:
    """The slope at x of the parabola through x, y (p further) and z (q beyond y)."""
    return -(2 * p + q) / (p * (p + q)) * x + (p + q) / (p * q) * y - p / (q * (p + q)) * z
