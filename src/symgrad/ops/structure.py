"""Operations that only move data."""

from __future__ import annotations

import itertools
import math
from typing import Any

from symgrad.errors import UnsupportedError
from symgrad.graph import Graph, Node, Type, promote
from symgrad.ops.declare import linear
from symgrad.ops.einsum import Part, basis, contract

Shape = tuple[int, ...]


def _stack_type(types: list[Type], shape: Shape) -> Type:
    if math.prod(shape) != len(types) or any(t.shape for t in types):
        raise TypeError(f"stack: {len(types)} scalars do not fill shape {shape}")
    return Type(promote([t.dtype for t in types] or ["float64"]), shape)


def _element_type(types: list[Type], index: tuple[int, ...]) -> Type:
    if len(index) != len(types[0].shape):
        raise TypeError(f"element: index {index} does not fit shape {types[0].shape}")
    if any(n is not None and k >= n for k, n in zip(index, types[0].shape, strict=True)):
        raise TypeError(f"element: index {index} is outside shape {types[0].shape}")
    return Type(types[0].dtype)


def _element(g: Graph, args: tuple[int, ...], attrs: tuple[Any, ...]) -> int | None:
    (a,), (index,) = args, attrs
    if g.ops[a] is stack:
        at = 0
        for k, n in zip(index, g.types[a].lengths, strict=True):
            at = at * n + k
        return g.args[a][at]
    return None


def _at(ct: Node, shape: Shape, index: tuple[int, ...]) -> Node:
    """The entries of `ct` at `index` of its last axes."""
    g = ct.graph
    if len(ct.shape) == len(shape):
        return element(ct, index=index)
    lead = tuple(range(len(ct.shape) - len(shape)))
    own = tuple(range(len(lead), len(ct.shape)))
    return Node(g, contract(g, [(ct.id, lead + own), *_basis(g, own, shape, index, ct.type.dtype)], lead))


def _basis(g: Graph, labels: Shape, shape: Shape, index: tuple[int, ...], dtype: str) -> list[Part]:
    """The tensor that is 1 at `index`, as unit vectors."""
    if None in shape:
        raise UnsupportedError("the derivative by an array of unknown size; list its elements as symbols")
    return [(g.add(basis, (), (n, k, dtype)), (x,)) for x, n, k in zip(labels, shape, index, strict=True)]


def _unstack(ct: Node, *nodes: Node, shape: Shape) -> list[Node]:
    return [_at(ct, shape, index) for index in itertools.product(*map(range, shape))]


def _put(ct: Node, x: Node, y: Node, index: tuple[int, ...]) -> list[Node]:
    """Zero but at `index`."""
    g = ct.graph
    lead = tuple(range(len(ct.shape)))
    own = tuple(range(len(lead), len(lead) + len(index)))
    return [Node(g, contract(g, [(ct.id, lead), *_basis(g, own, x.type.lengths, index, ct.type.dtype)], lead + own))]


stack = linear(
    "stack",
    None,
    _stack_type,
    _unstack,
    attrs=("shape",),
    cost=0.0,
    doc="scalars packed into an array of `shape`, C order",
)
element = linear(
    "element",
    1,
    _element_type,
    _put,
    attrs=("index",),
    normal=_element,
    cost=0.0,
    doc="the element of an array at a fixed index",
)
