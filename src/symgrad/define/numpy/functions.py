"""What the basic functions of NumPy mean: sums, products, shapes, choices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.define.numpy.broadcast import (
    array_dtype,
    axes_of,
    broadcast_to,
    elementwise,
    numeric,
    reshaped,
    result_dtype,
    summed,
    transposed,
    with_ones,
)
from symgrad.define.numpy.tracer import UFUNCS, Array, cast, graph_of, implements, node, refuse, shapes
from symgrad.define.numpy.views import reshaped_view
from symgrad.graph import REGISTER
from symgrad.ops.einsum import contract
from symgrad.ops.subscripts import Labels

_NO_VALUE = np._NoValue  # type: ignore[attr-defined]  what NumPy passes for an argument that was left out


def given(value: Any, default: Any = None) -> Any:
    """`value`, or `default` where NumPy was not given one."""
    return default if value is _NO_VALUE else value


@implements(np.sum)
def sum_(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = 0,
    where: Any = True,
) -> Array:
    x: Any = numeric(a)
    if dtype is not None:
        x = cast(x, dtype)
    where = given(where, True)
    if where is not True:
        x = np.where(where, x, 0)
    g, rank = x.graph, x.ndim
    axes = axes_of(axis, rank)
    i = summed(g, x.id, axes)
    if given(keepdims, False):
        i = with_ones(g, i, axes, rank)
    result = Array(g, i)
    initial = given(initial, 0)
    return result if initial is None or (not isinstance(initial, Array) and initial == 0) else result + initial


@implements(np.transpose, np.permute_dims)
def transpose(a: Any, axes: Any = None) -> Array:
    order = tuple(range(a.ndim))[::-1] if axes is None else tuple(int(k) % a.ndim for k in axes)
    if sorted(order) != list(range(a.ndim)):
        raise ValueError(f"axes {axes} of an array with {a.ndim}")
    return Array(a.graph, transposed(a.graph, a.id, order), view_of=a, by=("transpose", order))


@implements(np.matrix_transpose)
def matrix_transpose(x: Any) -> Array:
    return np.swapaxes(x, -1, -2)  # type: ignore[return-value]


@implements(np.swapaxes)
def swapaxes(a: Any, axis1: int, axis2: int) -> Array:
    order = list(range(a.ndim))
    (p,), (q,) = axes_of(axis1, a.ndim), axes_of(axis2, a.ndim)
    order[p], order[q] = order[q], order[p]
    return transpose(a, order)


@implements(np.moveaxis)
def moveaxis(a: Any, source: Any, destination: Any) -> Array:
    source = [source] if isinstance(source, int) else list(source)
    destination = [destination] if isinstance(destination, int) else list(destination)
    if len(source) != len(destination) or len({d % a.ndim for d in destination}) < len(destination):
        raise ValueError(f"axes {source} can't move to {destination}")
    source, destination = ([axes_of(k, a.ndim)[0] for k in axes] for axes in (source, destination))
    order = [k for k in range(a.ndim) if k not in source]
    for d, s in sorted(zip(destination, source, strict=True)):
        order.insert(d, s)
    return transpose(a, order)


@implements(np.reshape)
def reshape(a: Any, /, shape: Any = None, order: str = "C", *, newshape: Any = None, copy: Any = None) -> Array:
    shape = newshape if shape is None else shape
    wanted = [int(n) for n in shape] if isinstance(shape, (tuple, list)) else [int(shape)]
    if wanted.count(-1) == 1:
        rest = math.prod(n for n in wanted if n != -1)
        if rest == 0 or a.size % rest:
            raise ValueError(f"an array of shape {a.shape} can't be reshaped to {tuple(wanted)}")
        wanted[wanted.index(-1)] = a.size // rest
    if math.prod(wanted) != a.size:
        raise ValueError(f"an array of shape {a.shape} can't be reshaped to {tuple(wanted)}")
    if order == "F":
        return transpose(reshape(transpose(a), wanted[::-1]))
    if order != "C":
        raise ValueError(f"order {order!r} depends on where the numbers lie in memory: write 'C' or 'F'")
    return reshaped_view(a, reshaped(a.graph, a.id, wanted), wanted)


@implements(np.ravel)
def ravel(a: Any, order: str = "C") -> Array:
    return reshape(a, a.size, order=order)


@implements(np.expand_dims)
def expand_dims(a: Any, axis: Any) -> Array:
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    rank = a.ndim + len(axes)
    at = axes_of(tuple(axes), rank)
    return Array(a.graph, with_ones(a.graph, a.id, at, rank), view_of=a, by=("expand_dims", at))


@implements(np.squeeze)
def squeeze(a: Any, axis: Any = None) -> Array:
    axes = tuple(k for k, n in enumerate(a.shape) if n == 1) if axis is None else axes_of(axis, a.ndim)
    if any(a.shape[k] != 1 for k in axes):
        raise ValueError(f"axis {axis} of an array of shape {a.shape} is not of length 1")
    kept = [n for k, n in enumerate(a.shape) if k not in axes]
    return Array(a.graph, reshaped(a.graph, a.id, kept), view_of=a, by=("squeeze", axes))


@implements(np.broadcast_to)
def broadcast_to_(array: Any, shape: Any, subok: bool = False) -> Array:
    shape = (shape,) if isinstance(shape, int) else shape
    i = broadcast_to(array.graph, array.id, shape)
    return Array(array.graph, i, view_of=array, by=("broadcast_to", tuple(shape)))


@implements(np.where)
def where(condition: Any, x: Any = None, y: Any = None) -> Array:
    if x is None or y is None:
        refuse("np.where(condition) alone: how many places it finds is not known while the function is traced")
    g = graph_of(condition, x, y)
    dtype = result_dtype([x, y])
    return elementwise(REGISTER["where"], (condition, x, y), ("bool", dtype, dtype), g)


@implements(np.shape)
def shape(a: Any) -> tuple[int, ...]:
    return a.shape


@implements(np.ndim)
def ndim(a: Any) -> int:
    return a.ndim


@implements(np.size)
def size(a: Any, axis: Any = None) -> int:
    return a.size if axis is None else math.prod(a.shape[k] for k in axes_of(axis, a.ndim))


@implements(np.astype)
def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Array:
    return x.astype(dtype)


@implements(np.copy)
def copy(a: Any, order: str = "K", subok: bool = False) -> Array:
    return a.copy()


def _filled(a: Any, value: Any, dtype: Any, shape: Any) -> Array:
    wanted = a.shape if shape is None else ((shape,) if isinstance(shape, int) else tuple(shape))
    i = node(a.graph, value, a.dtype if dtype is None else dtype)
    return Array(a.graph, broadcast_to(a.graph, i, wanted))


@implements(np.zeros_like, np.empty_like)
def zeros_like(a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, **_: Any) -> Array:
    return _filled(a, 0, dtype, shape)


@implements(np.ones_like)
def ones_like(a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, **_: Any) -> Array:
    return _filled(a, 1, dtype, shape)


@implements(np.full_like)
def full_like(
    a: Any, fill_value: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, **_: Any
) -> Array:
    return _filled(a, fill_value, dtype, shape)


def product(parts: Sequence[tuple[Any, Labels]], out: Labels, what: str) -> Array:
    """The contraction of arrays with these labels, dtypes brought together."""
    values = [v for v, _ in parts]
    g = graph_of(*values)
    dtype = array_dtype(values)
    sizes: dict[int, int] = {}
    for own, (_, labels) in zip(shapes(values), parts, strict=True):
        for x, n in zip(labels, own, strict=True):
            if sizes.setdefault(x, n) != n:
                listed = " and ".join(str(s) for s in shapes(values))
                raise ValueError(f"{what} of shapes {listed}: an axis of length {sizes[x]} meets one of length {n}")
    return Array(g, contract(g, [(node(g, v, dtype), labels) for v, labels in parts], out))


def _matmul(a: Any, b: Any) -> Any:
    p, q = np.ndim(a), np.ndim(b)
    if not p or not q:
        raise ValueError("matmul of a scalar: write a * b")
    (m, n) = (np.shape(a)[-1], np.shape(b)[-2 if q > 1 else 0])
    if m != n:
        raise ValueError(f"matmul of shapes {np.shape(a)} and {np.shape(b)}: {m} columns meet {n} rows")
    batch = np.broadcast_shapes(np.shape(a)[:-2], np.shape(b)[:-2])
    g = graph_of(a, b)
    if batch:
        a = a if p < 2 else Array(g, broadcast_to(g, node(g, a), batch + np.shape(a)[-2:]))
        b = b if q < 2 else Array(g, broadcast_to(g, node(g, b), batch + np.shape(b)[-2:]))
    lead = tuple(range(len(batch)))
    row, column, inner = len(lead), len(lead) + 1, len(lead) + 2
    left = (*lead, row, inner) if p > 1 else (inner,)
    right = (*lead, inner, column) if q > 1 else (inner,)
    out = lead + ((row,) if p > 1 else ()) + ((column,) if q > 1 else ())
    return product([(a, left), (b, right)], out, "matmul")


UFUNCS[np.matmul] = _matmul


@implements(np.dot)
def dot(a: Any, b: Any, out: Any = None) -> Any:
    p, q = np.ndim(a), np.ndim(b)
    if not p or not q:
        a, b = (v.copy() if isinstance(v, Array) else np.asarray(v) for v in (a, b))
        return np.multiply(a, b)
    inner = p + q
    left = (*range(p - 1), inner)
    right = list(range(p, p + q))
    right[-2 if q > 1 else 0] = inner
    return product(
        [(a, left), (b, tuple(right))], tuple(range(p - 1)) + tuple(x for x in right if x != inner), "np.dot"
    )
