"""Reading elements of arrays at computed places, and changes of dtype."""

from __future__ import annotations

from typing import Any

from symgrad.errors import UnsupportedError
from symgrad.graph import Graph, Node, Type
from symgrad.ops.declare import elementwise, multilinear
from symgrad.ops.take import scatter_add


def _gather_type(types: list[Type]) -> Type:
    array, *places = types
    if len(places) != len(array.shape) or any(p.dtype != "int64" or p.shape for p in places):
        raise TypeError(f"gather: {len(places)} places for an array of shape {array.shape}")
    return Type(array.dtype)


def _cast(g: Graph, args: tuple[int, ...], attrs: tuple[Any, ...]) -> int | None:
    (a,) = args
    if g.types[a].dtype == attrs[0]:
        return a
    value = g.value(a)
    if value is not None and not isinstance(value, str) and (attrs[0] != "int64" or value == int(value)):
        return g.const(int(value) if attrs[0] == "int64" else value, attrs[0])
    return None


def of_unknown_length(array: Node) -> UnsupportedError:
    """The refusal to differentiate by an array whose length only a call knows."""
    name = array.graph.attrs[array.id][0] if array.op.name == "input" else "x"
    return UnsupportedError(
        f"the derivative by the whole of {name}, whose length only a call knows; "
        f"give it a shape of numbers, as IndexedBase({name!r}, shape=(10,))"
    )


def _gather_rule(ct: Node, array: Node, *nodes: Node) -> list[Node | None]:
    """The cotangent at the places it was read from: one axis after the other, so that each place is checked."""
    if None in array.shape:
        raise of_unknown_length(array)
    places = nodes[:-1]
    for k in range(1, len(places) + 1):
        ct = scatter_add(ct, places[-k], axis=-k, n=array.shape[-k])
    return [ct, *(None for _ in places)]


gather = multilinear(
    "gather",
    None,
    _gather_type,
    _gather_rule,
    cost=0.0,
    doc="the element of an array (first argument) at int64 places, counted from 0",
)
cast = elementwise(
    "cast",
    lambda x, y, dtype: None if x.type.dtype in ("bool", "int64") or dtype in ("bool", "int64") else 1,
    attrs=("dtype",),
    normal=_cast,
    typing=lambda types, dtype: Type(dtype, types[0].shape),
    cost=0.0,
    doc="the same number in another dtype",
)
