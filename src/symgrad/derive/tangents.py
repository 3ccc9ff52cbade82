"""Forward: the tangent of every node along given directions of the inputs, from the one rule of its operation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from symgrad.derive.accumulate import Algebra
from symgrad.derive.flow import flow_tangent, zero_like
from symgrad.derive.local import Partials
from symgrad.derive.loops import fold_tangent, of_numbers
from symgrad.graph import Graph, Node


def tangents(g: Graph, roots: Sequence[int], seeds: Mapping[int, int]) -> list[int | None]:
    """The tangent of each root, given those of some nodes; a tangent has the shape of its node.

    None is a structural zero. New nodes are made in `g`.
    """
    alg = Algebra(g, roots)
    known: dict[int, int] = dict(seeds)
    local = Partials(g, known.__contains__)
    for i, needed in enumerate(g.reach(roots)):
        if not needed or i in known or not any(a in known for a in g.args[i]):
            continue
        if g.ops[i].kind == "control" and not of_numbers(g, i, [a for a in g.args[i] if a in known]):
            t = fold_tangent(g, i, known)
            if t is not None:
                known[i] = t
            continue
        if g.ops[i].kind == "flow":
            t = flow_tangent(g, i, known, tangents)
            if t is not None:
                known[i] = t
            continue
        how = _RULES.get(g.ops[i].kind)
        if how is not None:
            t = how(g, i, known)
            if t is not None:
                known[i] = t
            continue
        total: int | None = None
        for a, p in local.of(i):
            t = alg.product(p, known[a])
            total = t if total is None else alg.sum(total, t)
        if total is not None:
            known[i] = total
    return [known.get(r) for r in roots]


def _linear(g: Graph, i: int, known: Mapping[int, int]) -> int:
    """The operation itself, of the tangents."""
    args = tuple([known[a] if a in known else zero_like(g, a) for a in g.args[i]])
    return g.build(g.ops[i], args, g.attrs[i])


def _multilinear(g: Graph, i: int, known: Mapping[int, int]) -> int | None:
    """Per argument, the operation with that argument replaced by its tangent."""
    total: Node | None = None
    args = g.args[i]
    for k, a in enumerate(args):
        if a in known:
            t = Node(g, g.build(g.ops[i], (*args[:k], known[a], *args[k + 1 :]), g.attrs[i]))
            total = t if total is None else total + t
    return None if total is None else total.id


def _tangent(g: Graph, i: int, known: Mapping[int, int]) -> int | None:
    """The operation's own rule."""
    op, args = g.ops[i], g.args[i]
    given = [Node(g, known[a]) if a in known else None for a in args]
    attrs = dict(zip(op.attrs, g.attrs[i], strict=True))
    t = op.rule(given, *(Node(g, a) for a in args), Node(g, i), **attrs)
    return None if t is None else t.id


_RULES = {"linear": _linear, "multilinear": _multilinear, "tangent": _tangent}

__all__ = ["tangents", "zero_like"]
