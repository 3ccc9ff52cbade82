"""Arrays made of traced values: np.array, ranges between traced ends, pieces, places by the shape alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.define.numpy.broadcast import floating
from symgrad.define.numpy.named import implements_named
from symgrad.define.numpy.tracer import Array, cast, graph_of, implements, is_traced, node, refuse


@implements_named("numpy.array")
def array(object: Any, dtype: Any = None, *, copy: Any = True, ndmin: int = 0, **_: Any) -> Any:
    """Lists of traced values and numbers are stacked."""
    if is_traced(object) and not copy and not ndmin and dtype in (None, object.dtype):
        return object
    g = graph_of(object)
    found = Array(g, node(g, object))
    if dtype is not None:
        found = cast(found, dtype)
    return np.reshape(found, (1,) * max(0, ndmin - found.ndim) + found.shape).copy()


@implements_named("numpy.asarray", "numpy.asanyarray", "numpy.ascontiguousarray", "numpy.asfortranarray")
def asarray(a: Any, dtype: Any = None, *_: Any, **__: Any) -> Any:
    return array(a, dtype, copy=False)


@implements_named("numpy.full")
def full(shape: Any, fill_value: Any, dtype: Any = None, *_: Any, **__: Any) -> Any:
    return np.broadcast_to(array(fill_value, dtype), shape).copy()


@implements(np.linspace)
def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
    **_: Any,
) -> Any:
    start, stop = _both(start, stop)
    steps = num - 1 if endpoint else num
    apart = stop - start
    step = apart / steps if steps > 0 else apart * np.nan
    k = np.reshape(np.arange(num, dtype=start.dtype), (-1,) + (1,) * apart.ndim)
    values = start + k * step if steps > 0 else start + k * apart
    if endpoint and num > 1:
        values = np.concatenate([values[:-1], np.broadcast_to(stop, apart.shape)[None]])
    values = np.moveaxis(values, 0, axis)
    values = values if dtype is None else values.astype(dtype)
    return (values, step) if retstep else values


def _both(start: Any, stop: Any) -> tuple[Any, Any]:
    """As floating-point arrays of one dtype."""
    g = graph_of(start, stop)
    a, b = (floating(Array(g, node(g, v))) if not isinstance(v, (int, float)) else v for v in (start, stop))
    dtype = np.result_type(*[v.dtype if isinstance(v, Array) else float(v) for v in (a, b)])
    return tuple(Array(g, node(g, v, dtype)) for v in (a, b))  # type: ignore[return-value]


@implements(np.logspace)
def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, dtype: Any = None, axis: int = 0
) -> Any:
    if np.ndim(base):
        refuse("np.logspace with several bases: write base ** np.linspace(...)")
    exponents = linspace(start, stop, num, endpoint, axis=axis) if is_traced(start) or is_traced(stop) else None
    if exponents is None:
        exponents = np.linspace(start, stop, num, endpoint, axis=axis)
    values = np.power(base, exponents)
    return values if dtype is None else values.astype(dtype)


@implements(np.geomspace)
def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Any:
    """Ends of one sign."""
    start, stop = (cast(v, "float64") for v in _both(start, stop))
    sign = np.sign(start)
    exponents = linspace(np.log(np.abs(start)), np.log(stop * sign), num, endpoint)
    values = sign * np.exp(exponents)
    if num > 0:
        first, last = (np.broadcast_to(v, values.shape[1:])[None] for v in (start, stop))
        ends = [first, *([values[1:-1], last] if endpoint and num > 1 else [values[1:]])]
        values = np.concatenate(ends)
    values = np.moveaxis(values, 0, axis)
    return values if dtype is None else values.astype(dtype)


@implements(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **keywords: Any) -> Any:
    """Each function of the whole array; the last condition that holds chooses."""
    conditions = condlist if isinstance(condlist, (list, tuple)) and np.ndim(condlist[0]) == np.ndim(x) else [condlist]
    pieces = list(funclist)
    if len(pieces) not in (len(conditions), len(conditions) + 1):
        raise ValueError(f"{len(pieces)} functions for {len(conditions)} conditions: as many, or one more")
    values: list[Any] = [f(x, *args, **keywords) if callable(f) else f for f in pieces]
    result: Any = values[-1] if len(pieces) > len(conditions) else 0
    for condition, value in zip(conditions, values, strict=False):
        result = np.where(condition, value, result)
    return np.asarray(result, dtype=np.result_type(x)) if not is_traced(result) else cast(result, x.dtype)  # type: ignore[arg-type]


@implements(np.isin)
def isin(
    element: Any, test_elements: Any, assume_unique: bool = False, invert: bool = False, *, kind: Any = None
) -> Any:
    found = np.any(np.equal(np.expand_dims(element, -1), np.ravel(test_elements)), axis=-1)
    return ~found if invert else found


@implements(np.fill_diagonal)
def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    if not is_traced(a):
        refuse("np.fill_diagonal of a NumPy array with a traced value: write np.where(np.eye(n, dtype=bool), v, a)")
    if wrap or a.ndim < 2 or (a.ndim > 2 and len(set(a.shape)) > 1):
        refuse(f"np.fill_diagonal of shape {a.shape}: a matrix, or several axes of one length, without wrap=")
    k = np.arange(min(a.shape))
    a[(k,) * a.ndim] = val


@implements(np.diag_indices_from)
def diag_indices_from(arr: Any) -> Any:
    if arr.ndim < 2 or len(set(arr.shape)) > 1:
        raise ValueError("at least two axes, all of one length")
    return np.diag_indices(arr.shape[0], arr.ndim)


@implements(np.tril_indices_from)
def tril_indices_from(arr: Any, k: int = 0) -> Any:
    return np.tril_indices(arr.shape[-2], k, arr.shape[-1])


@implements(np.triu_indices_from)
def triu_indices_from(arr: Any, k: int = 0) -> Any:
    return np.triu_indices(arr.shape[-2], k, arr.shape[-1])
