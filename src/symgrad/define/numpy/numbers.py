"""Rounding, comparing and telling numbers apart."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.define.numpy.broadcast import axes_of, dtypes_of, elementwise, floating
from symgrad.define.numpy.tracer import Array, implements
from symgrad.graph import REGISTER


@implements(np.nan_to_num)
def nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    if x.dtype.kind != "f":
        return x.copy() if copy else x
    limits = np.finfo(x.dtype)
    high = limits.max if posinf is None else posinf
    low = limits.min if neginf is None else neginf
    new = np.where(np.isnan(x), np.asarray(nan, x.dtype), x)
    new = np.where(new == np.inf, np.asarray(high, x.dtype), new)
    new = np.where(new == -np.inf, np.asarray(low, x.dtype), new)
    if copy:
        return new
    x[...] = new
    return x


@implements(np.round, np.around)
def round_(a: Any, decimals: int = 0, out: Any = None) -> Any:
    if a.dtype.kind != "f" and decimals >= 0:
        return a.copy()
    scale = 10.0 ** abs(decimals)
    if decimals > 0:
        return np.rint(a * scale) / scale
    return np.rint(a) if decimals == 0 else (np.rint(a / scale) * scale).astype(a.dtype)


@implements(np.fix)
def fix(x: Any, out: Any = None) -> Any:
    return np.trunc(x)


@implements(np.isclose)
def isclose(a: Any, b: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Any:
    near = np.less_equal(np.abs(np.subtract(a, b)), atol + rtol * np.abs(b)) & np.isfinite(b) | np.equal(a, b)
    return near | (np.isnan(a) & np.isnan(b)) if equal_nan else near


@implements(np.allclose)
def allclose(a: Any, b: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Any:
    return np.all(isclose(a, b, rtol, atol, equal_nan))


@implements(np.array_equal)
def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Any:
    if np.shape(a1) != np.shape(a2):
        return False
    same = np.equal(a1, a2)
    return np.all(same | (np.isnan(a1) & np.isnan(a2)) if equal_nan else same)


@implements(np.result_type)
def result_type(*arrays_and_dtypes: Any) -> Any:
    return np.result_type(*[t for v in arrays_and_dtypes for t in dtypes_of(v)])


@implements(np.iscomplexobj)
def iscomplexobj(x: Any) -> bool:
    return False


@implements(np.isrealobj)
def isrealobj(x: Any) -> bool:
    return True


@implements(np.real)
def real(val: Any) -> Any:
    return val


@implements(np.imag)
def imag(val: Any) -> Any:
    return np.zeros_like(val)


@implements(np.array_equiv)
def array_equiv(a1: Any, a2: Any) -> Any:
    try:
        np.broadcast_shapes(np.shape(a1), np.shape(a2))
    except ValueError:
        return False
    return np.all(np.equal(a1, a2))


@implements(np.isposinf)
def isposinf(x: Any, out: Any = None) -> Any:
    return np.isinf(x) & np.greater(x, 0)


@implements(np.isneginf)
def isneginf(x: Any, out: Any = None) -> Any:
    return np.isinf(x) & np.less(x, 0)


@implements(np.isreal)
def isreal(x: Any) -> Any:
    return np.ones_like(x, dtype=bool)


@implements(np.iscomplex)
def iscomplex(x: Any) -> Any:
    return np.zeros_like(x, dtype=bool)


@implements(np.real_if_close)
def real_if_close(a: Any, tol: float = 100) -> Any:
    return a


@implements(np.sinc)
def sinc(x: Any) -> Any:
    y = floating(x) * np.pi
    return Array(y.graph, y.graph.build(REGISTER["sinc"], (y.id,)))


@implements(np.i0)
def i0(x: Any) -> Any:
    x = floating(x)
    return elementwise(REGISTER["iv"], (0.0, x), (x.dtype, x.dtype), x.graph)


@implements(np.angle)
def angle(z: Any, deg: bool = False) -> Any:
    z = floating(z)
    half = np.asarray(180.0 if deg else np.pi, z.dtype)
    return np.where(np.isnan(z), z, np.where(np.signbit(z), half, 0 * half))


@implements(np.unwrap)
def unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: Any = 2 * np.pi) -> Any:
    p = floating(p)
    (at,) = axes_of(axis, p.ndim)
    half = period / 2
    steps = np.diff(p, axis=at)
    folded = np.mod(steps + half, period) - half
    folded = np.where(np.equal(folded, -half) & np.greater(steps, 0), half, folded)
    small = np.less(np.abs(steps), half if discont is None else np.maximum(discont, half))
    moved = np.cumsum(np.where(small, 0.0, folded - steps), axis=at)
    lead = (slice(None),) * at
    return np.concatenate([p[(*lead, slice(0, 1))], p[(*lead, slice(1, None))] + moved], axis=at)
