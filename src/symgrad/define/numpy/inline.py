"""Functions that are called within a function that is being traced become a part of its graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.define.numpy.broadcast import broadcast_to, reshaped
from symgrad.define.numpy.place import located
from symgrad.define.numpy.tracer import Array, graph_of, is_traced, node
from symgrad.errors import ArgumentError, DtypeError
from symgrad.graph import Graph, Type


def inlined(graph: Graph, inputs: Sequence[int], outputs: Sequence[int], values: Sequence[Any]) -> list[Array]:
    """The outputs of another graph at these values, some of them traced, as a part of their graph."""
    g = graph_of(*values)
    seen = {i: node(g, v, graph.types[i].dtype) for i, v in zip(inputs, values, strict=True)}
    graph.into(g, outputs, seen)
    return [Array(g, seen[o]) for o in outputs]


def called(
    name: str,
    graph: Graph,
    inputs: Sequence[int],
    outputs: Sequence[int],
    values: Sequence[Any],
    batched: Callable[..., list[tuple[int, bool]]],
) -> list[Array]:
    """As `inlined`, of values of which each may have the axes of a batch in front, as a call of a Function takes them.

    `batched` rewrites a graph for a batch. ArgumentError for shapes that are not those of the inputs, DtypeError for
    what would lose precision.
    """
    g = graph_of(*values)
    batches = [_batch(name, graph.attrs[i][0], graph.types[i], v) for i, v in zip(inputs, values, strict=True)]
    batch = np.broadcast_shapes(*batches)
    if not batch:
        return inlined(graph, inputs, outputs, values)
    n = math.prod(batch)
    given = {}
    for i, v, own in zip(inputs, values, batches, strict=True):
        x = node(g, v, graph.types[i].dtype)
        if own:
            inner = g.types[x].lengths[len(own) :]
            x = reshaped(g, broadcast_to(g, x, (*batch, *inner)), (n, *inner))
        given[i] = x, bool(own)
    found = []
    for (x, is_batched), o in zip(batched(graph, outputs, g, given, n), outputs, strict=True):
        full = (*batch, *graph.types[o].lengths)
        found.append(Array(g, reshaped(g, x, full) if is_batched else broadcast_to(g, x, full)))
    return found


def _batch(function: str, name: str, type: Type, value: Any) -> tuple[int, ...]:
    """The axes of `value` that come before those of the input."""
    own, rank = np.shape(value) if not is_traced(value) else value.shape, len(type.shape)
    inner = own[len(own) - rank :] if len(own) >= rank else None
    if inner is None or any(want not in (None, have) for want, have in zip(type.shape, inner, strict=True)):
        wanted = "(" + ", ".join("any" if k is None else str(k) for k in type.shape) + ")"
        raise ArgumentError(located(f"{function}: {name} must have shape {wanted}, got shape {own}"))
    if is_traced(value):
        dtype, kinds = np.dtype(type.dtype), value.dtype.kind
        if not np.can_cast(value.dtype, dtype, "safe") and not (kinds in "bi" and dtype.kind == "f"):
            raise DtypeError(
                located(
                    f"{function}: {name} is {dtype}, got a traced array of {value.dtype}, which would lose precision; "
                    f"write {name}.astype({dtype.name!r})"
                )
            )
    return own[: len(own) - rank]
