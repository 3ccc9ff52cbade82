"""Shapes: more leading axes, other axes over the same elements."""

from __future__ import annotations

import math

from symgrad.graph import Graph, Node, Type
from symgrad.ops.declare import linear
from symgrad.ops.einsum import contract, transpose

Shape = tuple[int, ...]


def _broadcast_type(types: list[Type], shape: Shape) -> Type:
    own = types[0].shape
    if len(own) > len(shape) or tuple(shape[len(shape) - len(own) :]) != own:
        raise TypeError(f"broadcast: shape {own} is not the end of {shape}")
    return Type(types[0].dtype, shape)


def _broadcast(g: Graph, args: tuple[int, ...], attrs: tuple[Shape]) -> int | None:
    (a,), (shape,) = args, attrs
    if g.types[a].shape == shape:
        return a
    if g.ops[a] is broadcast:
        return g.build(broadcast, g.args[a], attrs)
    if g.ops[a].name == "negative":
        return g.build(g.ops[a], (g.build(broadcast, g.args[a], attrs),))
    return None


def _broadcast_rule(ct: Node, x: Node, y: Node, shape: Shape) -> list[Node]:
    rank, lead, own = len(ct.shape), len(ct.shape) - len(shape), len(x.shape)
    labels = tuple(range(rank))
    return [Node(ct.graph, contract(ct.graph, [(ct.id, labels)], labels[:lead] + labels[rank - own :]))]


def _reshape_type(types: list[Type], shape: Shape) -> Type:
    own = types[0].shape
    if None in own or math.prod(types[0].lengths) != math.prod(shape):
        raise TypeError(f"reshape: {own} has not the elements of {shape}")
    return Type(types[0].dtype, shape)


def _reshape(g: Graph, args: tuple[int, ...], attrs: tuple[Shape]) -> int | None:
    (a,), (shape,) = args, attrs
    if g.types[a].shape == shape:
        return a
    if g.ops[a] is reshape:
        return g.build(reshape, g.args[a], attrs)
    if g.ops[a] is broadcast and not g.types[g.args[a][0]].shape:  # the same number everywhere
        return g.build(broadcast, g.args[a], attrs)
    own = g.types[a].lengths
    if [n for n in own if n != 1] == [n for n in shape if n != 1] and g.types[a].dtype != "bool":
        return _with_ones(g, a, own, shape)
    half = len(shape) // 2
    if g.ops[a].name == "delta" and shape[:half] == shape[half:]:  # over several indices: an identity for each
        each = [(g.add(g.ops[a], (), (n, g.types[a].dtype)), (k, half + k)) for k, n in enumerate(shape[:half])]
        return contract(g, each, tuple(range(2 * half)))
    return None


def _with_ones(g: Graph, a: int, own: Shape, shape: Shape) -> int:
    """Axes of length 1 come and go as labels of an einsum, which algebra sees through."""
    long = iter([k for k, n in enumerate(shape) if n != 1])
    labels = tuple(next(long) if n != 1 else len(shape) + k for k, n in enumerate(own))
    return contract(g, [(a, labels)], tuple(range(len(shape))), dict(enumerate(shape)))


broadcast = linear(
    "broadcast",
    1,
    _broadcast_type,
    _broadcast_rule,
    attrs=("shape",),
    normal=_broadcast,
    cost=0.0,
    doc="the same values along further leading axes",
)
reshape = linear(
    "reshape",
    1,
    _reshape_type,
    lambda ct, x, y, shape: [reshape(ct, shape=(*ct.shape[: len(ct.shape) - len(shape)], *x.shape))],
    attrs=("shape",),
    normal=_reshape,
    cost=0.0,
    doc="the same elements, in C order, along other axes",
)

__all__ = ["broadcast", "reshape", "transpose"]
