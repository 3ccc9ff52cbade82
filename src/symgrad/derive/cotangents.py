"""Reverse: the cotangent of every node, given those of some outputs, from the one rule of its operation.

The cotangent of node v has the axes of what is derived in front, then those of v: seeded with identities, a
sweep gives the tensor dy/dv, whose identities are summed away where it is built (`ops.einsum`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from symgrad.derive.accumulate import Algebra
from symgrad.derive.local import MINUS_ONE, ONE, Partials
from symgrad.graph import REGISTER, Graph, Node
from symgrad.graph.node import spread
from symgrad.ops.einsum import contract


def cotangents(g: Graph, seeds: Mapping[int, int], wrt: Sequence[int]) -> list[int | None]:
    """The cotangent of each node of `wrt`, given those of the nodes in `seeds`; None is a structural zero.

    A seed has the shape of its node after any leading axes, the same for all; so have the results. New nodes
    are made in `g`.
    """
    depends = [False] * len(g)
    for w in wrt:
        depends[w] = True
    for i, args in enumerate(g.args[:]):
        if not depends[i]:
            depends[i] = any(depends[a] for a in args)
    sweep = _Sweep(g, list(seeds), depends)
    known: dict[int, int] = {i: ct for i, ct in seeds.items() if depends[i]}
    ends = set(wrt)
    for i in range(len(depends) - 1, -1, -1):
        if i in ends or i not in known:
            continue
        for a, t in sweep.contributions(i, known.pop(i)):
            known[a] = sweep.alg.sum(known[a], t) if a in known else t
    return [known.get(w) for w in wrt]


class _Sweep:
    def __init__(self, g: Graph, roots: Sequence[int], depends: Sequence[bool]) -> None:
        self.g = g
        self.depends = depends
        self.alg = Algebra(g, roots)
        self.local = Partials(g, depends.__getitem__)

    def contributions(self, i: int, ct: int) -> list[tuple[int, int]]:
        """(argument, cotangent) for every active argument of node `i`."""
        g, depends = self.g, self.depends
        op, args = g.ops[i], g.args[i]
        if op.kind in ("linear", "multilinear"):
            attrs = dict(zip(op.attrs, g.attrs[i], strict=True))
            parts = op.rule(Node(g, ct), *(Node(g, a) for a in args), Node(g, i), **attrs)
            return [(a, t.id) for a, t in zip(args, parts, strict=True) if t is not None and depends[a]]
        if op.kind == "tangent":
            found = ((a, self._transposed(i, k, ct)) for k, a in enumerate(args) if depends[a])
            return [(a, t) for a, t in found if t is not None]
        return [(a, self._product(p, ct)) for a, p in self.local.of(i)]

    def _transposed(self, i: int, k: int, ct: int) -> int | None:
        """The tangent rule by argument `k`, transposed: a sweep back through the nodes that it builds."""
        g = self.g
        op, args = g.ops[i], g.args[i]
        nodes = [Node(g, a) for a in args]
        if k in op.transposes:
            return op.transposes[k](Node(g, ct), *nodes, Node(g, i)).id
        t = g.input(f"%{i}.{k}", g.types[args[k]])
        attrs = dict(zip(op.attrs, g.attrs[i], strict=True))
        given = [Node(g, t) if j == k else None for j in range(len(args))]
        result = op.rule(given, *nodes, Node(g, i), **attrs)
        return None if result is None else cotangents(g, {result.id: ct}, [t])[0]

    def _product(self, p: int, ct: int) -> int:
        """The partial derivative `p` of an elementwise operation times `ct`."""
        g = self.g
        if p in (ONE, MINUS_ONE):
            return self.alg.product(p, ct)
        shape, full = g.types[p].shape, g.types[ct].shape
        if shape == full:
            return self.alg.product(p, ct)
        labels = tuple(range(len(full)))
        own = labels[len(full) - len(shape) :]
        if g.ops[p].name == "mask":  # stays a structural zero, whatever it is multiplied with
            condition, value = g.args[p]
            inner = contract(g, [(value, own), (ct, labels)], labels)
            return g.build(REGISTER["mask"], (spread(g, condition, full), inner))
        return contract(g, [(p, own), (ct, labels)], labels)
