"""NumPy's broadcasting, dtypes and axes as nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.define.numpy.dtypes import python_number
from symgrad.define.numpy.tracer import Array, cast, has_traced, node, own_dtype, shapes
from symgrad.graph import FLOATS, REGISTER, Graph
from symgrad.graph.node import spread
from symgrad.ops.einsum import contract


def broadcast_to(g: Graph, i: int, shape: Sequence[int]) -> int:
    """Node `i` stretched to `shape`: axes of length 1 repeated, leading axes added."""
    own, wanted = g.types[i].lengths, tuple(int(n) for n in shape)
    if own == wanted:
        return i
    if np.broadcast_shapes(own, wanted) != wanted:
        raise ValueError(f"an array of shape {own} can't be broadcast to {wanted}")
    lead = len(wanted) - len(own)
    stretched = [k for k, n in enumerate(own) if n == 1 and wanted[lead + k] != 1]
    if not stretched:
        return spread(g, i, wanted)
    if g.types[i].dtype == "bool":  # no sums over truth values
        kept = tuple(n for k, n in enumerate(own) if k not in stretched)
        i = g.build(REGISTER["reshape"], (i,), (kept,))
        labels: tuple[int, ...] = tuple(lead + k for k in range(len(own)) if k not in stretched)
    else:
        labels = tuple(lead + k if k not in stretched else -1 - k for k in range(len(own)))
    return contract(g, [(i, labels)], tuple(range(len(wanted))), dict(enumerate(wanted)))


def elementwise(op: Any, values: Sequence[Any], dtypes: Sequence[Any], g: Graph, **attrs: Any) -> Array:
    """The operation on values brought to these dtypes and one shape."""
    shape = np.broadcast_shapes(*shapes(values))
    ids = [broadcast_to(g, node(g, v, d), shape) for v, d in zip(values, dtypes, strict=True)]
    return Array(g, _built(g, op, ids, tuple(attrs[a] for a in op.attrs)))


def alike(values: Sequence[Any]) -> bool:
    """Whether these are traced arrays of one graph, shape and floating-point dtype: nothing is to be converted."""
    first = values[0]
    if first.__class__ is not Array:
        return False
    g, t = first.graph, first.graph.types[first.id]
    return t.dtype in FLOATS and all(
        v.__class__ is Array and not v.weak and v.graph is g and g.types[v.id] == t for v in values
    )


def of_alike(op: Any, values: Sequence[Array]) -> Array:
    """`elementwise` of such."""
    g = values[0].graph
    return Array(g, _built(g, op, [v.id for v in values], ()))


def _built(g: Graph, op: Any, ids: Sequence[int], attrs: tuple[Any, ...]) -> int:
    """The node; of the same numbers everywhere, worked out once."""
    shape = g.types[ids[0]].shape
    inner = [g.args[i][0] if g.ops[i].name == "broadcast" else None for i in ids]
    if shape and all(a is not None and not g.types[a].shape for a in inner):
        return spread(g, g.build(op, tuple(a for a in inner if a is not None), attrs), shape)
    return g.build(op, tuple(ids), attrs)


def result_dtype(values: Sequence[Any]) -> str:
    """NumPy's promotion of arrays and numbers."""
    return own_dtype(np.result_type(*[t for v in values for t in dtypes_of(v)]))


def array_dtype(values: Sequence[Any]) -> str:
    """NumPy's promotion where numbers count as arrays without axes."""
    return result_dtype([list(values)])


def dtypes_of(value: Any) -> list[Any]:
    """What NumPy promotes: a number by itself adapts to arrays, one in a list does not."""
    if isinstance(value, Array):
        return [value.weak() if value.weak else value.dtype]
    if not isinstance(value, (list, tuple)):
        number = python_number(value)
        return [number(value) if number else value]
    if not has_traced(value):
        return [np.asarray(value).dtype]
    return [np.asarray(t).dtype if isinstance(t, (bool, int, float)) else t for v in value for t in dtypes_of(v)]


def floating(x: Array) -> Array:
    """`x` as floating-point numbers: integers and truth values as float64."""
    return x if x.dtype.kind == "f" else cast(x, "float64")


def numeric(x: Array) -> Array:
    """`x`, truth values as integers."""
    return cast(x, "int64") if x.dtype.kind == "b" else x


def axes_of(axis: Any, rank: int) -> tuple[int, ...]:
    """NumPy's `axis` (None, an int or several) as sorted positions from 0."""
    if axis is None:
        return tuple(range(rank))
    given = axis if isinstance(axis, (tuple, list)) else (axis,)
    found = []
    for a in given:
        if not -rank <= a < rank:
            raise np.exceptions.AxisError(int(a), rank)
        found.append(int(a) % rank)
    if len(set(found)) != len(found):
        raise ValueError("duplicate value in 'axis'")
    return tuple(sorted(found))


def transposed(g: Graph, i: int, order: Sequence[int]) -> int:
    """Node `i` with its axes in this order."""
    if tuple(order) == tuple(range(len(order))):
        return i
    return contract(g, [(i, tuple(range(len(order))))], tuple(order))


def reshaped(g: Graph, i: int, shape: Sequence[int]) -> int:
    """Node `i` along other axes, in C order."""
    return g.build(REGISTER["reshape"], (i,), (tuple(int(n) for n in shape),))


def with_ones(g: Graph, i: int, axes: Sequence[int], rank: int) -> int:
    """Node `i` with axes of length 1 at the positions `axes` of a result with `rank` axes (`keepdims`)."""
    own = iter(g.types[i].lengths)
    return reshaped(g, i, [1 if k in axes else next(own) for k in range(rank)])


def summed(g: Graph, i: int, axes: Sequence[int]) -> int:
    """Node `i` summed over these axes."""
    labels = tuple(range(len(g.types[i].shape)))
    return contract(g, [(i, labels)], tuple(x for x in labels if x not in axes))
