"""Reverse: the cotangent of every node, given those of some outputs, from the one rule of its operation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from symgrad.derive.accumulate import Algebra
from symgrad.derive.local import Partials
from symgrad.graph import Graph, Node


def cotangents(g: Graph, seeds: Mapping[int, int], wrt: Sequence[int]) -> list[int | None]:
    """The cotangent of each node of `wrt`, given those of the nodes in `seeds`; None is a structural zero.

    A cotangent has the shape of its node. New nodes are made in `g`.
    """
    alg = Algebra(g, list(seeds))
    depends = [False] * len(g)
    for w in wrt:
        depends[w] = True
    for i, args in enumerate(g.args[:]):
        if not depends[i]:
            depends[i] = any(depends[a] for a in args)
    local = Partials(g, depends.__getitem__)
    known: dict[int, int] = {i: ct for i, ct in seeds.items() if depends[i]}
    ends = set(wrt)

    def enter(a: int, t: int) -> None:
        known[a] = alg.sum(known[a], t) if a in known else t

    for i in range(len(depends) - 1, -1, -1):
        ct = known.get(i)
        if ct is None or i in ends:
            continue
        del known[i]
        op = g.ops[i]
        if op.kind in ("linear", "multilinear"):
            attrs = dict(zip(op.attrs, g.attrs[i], strict=True))
            args = g.args[i]
            parts = op.rule(Node(g, ct), *(Node(g, a) for a in args), Node(g, i), **attrs)
            for a, t in zip(args, parts, strict=True):
                if t is not None and depends[a]:
                    enter(a, t.id)
            continue
        for a, p in local.of(i):
            enter(a, alg.product(p, ct))
    return [known.get(w) for w in wrt]
