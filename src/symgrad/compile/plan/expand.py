"""Operations on arrays in terms of what loop nests do, where that is faster than a call of NumPy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from symgrad.compile.plan.kinds import label_sizes
from symgrad.compile.plan.packed import packed
from symgrad.compile.plan.signs import as_gram, is_large
from symgrad.graph import CONST, REGISTER, Graph, Node
from symgrad.graph.node import spread
from symgrad.ops.contraction import Part, contract
from symgrad.ops.repeated import repeated
from symgrad.ops.subscripts import parse

WORTH = 8
"""Multiplications per element of an array from which on it is converted for BLAS."""


def expanded(graph: Graph, outputs: Sequence[int]) -> tuple[Graph, list[int]]:
    """`outputs` in a new graph without such operations; the same graph where there are none."""
    graph, outputs = packed(graph, outputs)
    live = graph.reach(outputs)
    large = [n and is_large(graph, i) for i, n in enumerate(live)]
    mixed = [n and _is_mixed(graph, i) for i, n in enumerate(live)]
    expands = [n and op.name == "logsumexp" for op, n in zip(graph.ops, live, strict=True)]
    if not any(large) and not any(mixed) and not any(expands):
        return graph, list(outputs)
    out = Graph()
    new: dict[int, int] = {}
    sums: dict[int, _Sum] = {}
    for i, needed in enumerate(live):
        if not needed:
            continue
        op = graph.ops[i]
        args = tuple([new[a] for a in graph.args[i]])
        if op is CONST:
            new[i] = out.const(*graph.attrs[i])
        elif op.name == "logsumexp" and graph.types[args[0]].lengths[-1:] != (0,):
            value, found = _logsumexp(Node(out, args[0]))
            new[i], sums[value.id] = value.id, found
        elif op.name == "exp" and (share := _share(out, args[0], sums)) is not None:
            new[i] = share
        else:
            if mixed[i]:
                args = tuple([_as(out, a, graph.types[i].dtype) for a in args])
            new[i] = out.add(op, args, graph.attrs[i], graph.types[i])
            if large[i]:
                new[i] = as_gram(out, new[i])
    return out, [new[o] for o in outputs]


def _is_mixed(g: Graph, i: int) -> bool:
    """Whether node `i` is a product of a float32 and a float64 array for which BLAS is worth a copy of the first."""
    if g.ops[i].name != "einsum" or len(g.args[i]) != 2:
        return False
    if {g.types[a].dtype for a in g.args[i]} != {"float32", "float64"}:
        return False
    points = math.prod(label_sizes(g, i).values())
    return all(points >= WORTH * math.prod(g.types[a].lengths) for a in g.args[i])


def _as(g: Graph, i: int, dtype: str) -> int:
    return i if g.types[i].dtype == dtype else g.build(REGISTER["cast"], (i,), (dtype,))


class _Sum(NamedTuple):
    """What a logsumexp is the logarithm of: of the powers exp(x - top), the sum along the last axis."""

    x: int
    powers: int
    total: int


def _logsumexp(x: Node) -> tuple[Node, _Sum]:
    """Shifted by the largest element, where that is a number."""
    g = x.graph
    top = REGISTER["amax"](x)
    zero = Node(g, spread(g, g.const(0, x.type.dtype), top.type.shape))
    finite = REGISTER["equal"](top - top, zero)
    top = REGISTER["where"](finite, top, zero)
    labels = tuple(range(len(x.shape)))
    along = Node(g, contract(g, [(top.id, labels[:-1])], labels, {labels[-1]: x.type.lengths[-1]}))
    powers = REGISTER["exp"](x - along)
    total = contract(g, [(powers.id, labels)], labels[:-1])
    return REGISTER["log"](Node(g, total)) + top, _Sum(x.id, powers.id, total)


def _share(g: Graph, i: int, sums: dict[int, _Sum]) -> int | None:
    """exp of node `i`, x - logsumexp(x), as a share of the sum: the powers of that are there already."""
    if g.ops[i].name != "subtract":
        return None
    x, shift = g.args[i]
    value, axes = repeated(g, shift)
    found = sums.get(value)
    if found is None:
        return None
    labels = tuple(range(len(g.types[x].shape)))
    (own, mine), (other, its) = _turned(g, x), _turned(g, found.x)
    if own != other:
        return None
    place = dict(zip(its, mine, strict=True))  # an axis of what was summed -> the same one of x
    order = tuple(place[k] for k in labels)
    if axes != order[:-1]:
        return None
    inverse = (1 / Node(g, found.total)).id
    return contract(g, [(found.powers, order), (inverse, order[:-1])], labels)


def _turned(g: Graph, i: int) -> Part:
    """What node `i` is a transpose of, and which axis of node `i` each of its axes is; itself where it is none."""
    if g.ops[i].name == "einsum" and len(g.args[i]) == 1:
        (part,), out = parse(g.attrs[i][0])
        if sorted(part) == sorted(out):
            return g.args[i][0], tuple(out.index(x) for x in part)
    return i, tuple(range(len(g.types[i].shape)))
