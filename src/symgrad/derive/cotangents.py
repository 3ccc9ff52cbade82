"""Reverse: the cotangent of every node, given those of some outputs, from the one rule of its operation.

The cotangent of node v has the axes of what is derived in front, then those of v: seeded with identities, a
sweep gives the tensor dy/dv, whose identities are summed away where it is built (`ops.contraction`).

Elementwise operations multiply each element alone, whatever axes stand in front. So a cotangent with such axes
is held as a sum of products p * base, where p has the shape of v only: a chain of elementwise operations costs
no more than v has elements, and comes out as one factor, as in X^T diag(p) X.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from symgrad.derive.accumulate import Algebra, dependent
from symgrad.derive.flow import flow_cotangents
from symgrad.derive.local import MINUS_ONE, ONE, Partials
from symgrad.derive.loops import fold_cotangents, of_numbers
from symgrad.graph import Graph, Node
from symgrad.graph.node import spread
from symgrad.ops.contraction import contract
from symgrad.ops.flow import siblings
from symgrad.ops.masks import masked
from symgrad.ops.subscripts import parse
from symgrad.ops.summands import is_identity

Terms = dict[int, int]
"""base -> factor: a node of the shape of v, or ONE or MINUS_ONE."""

MOST = 4
"""Terms of a cotangent that are kept apart."""


def cotangents(g: Graph, seeds: Mapping[int, int], wrt: Sequence[int]) -> list[int | None]:
    """The cotangent of each node of `wrt`, given those of the nodes in `seeds`; None is a structural zero.

    A seed has the shape of its node after any leading axes, the same for all; so have the results. New nodes
    are made in `g`.
    """
    depends = dependent(g, wrt)
    ends = set(wrt)
    sweep = _Sweep(g, seeds, depends, ends)
    for i in range(len(depends) - 1, min(wrt, default=0) - 1, -1):
        if i not in ends:
            sweep.step(i)
    return [sweep.total(w) for w in wrt]


class _Sweep:
    def __init__(self, g: Graph, seeds: Mapping[int, int], depends: Sequence[bool], ends: set[int]) -> None:
        self.g = g
        self.depends = depends
        self.alg = Algebra(g, list(seeds))
        self.local = Partials(g, depends.__getitem__)
        self.leading = any(len(g.types[ct].shape) > len(g.types[i].shape) for i, ct in seeds.items())
        self.known: dict[int, Terms] = {i: {ct: ONE} for i, ct in seeds.items() if depends[i]}
        self.loops: dict[Any, list[int]] = {}
        """The nodes of each loop or branch: what they hand down, they do together, at the first of them."""
        for i in range(min(ends, default=0), len(depends)):
            if g.ops[i].kind == "flow" and i not in ends:
                self.loops.setdefault(siblings(g, i), []).append(i)

    def step(self, i: int) -> None:
        """What node `i` hands down to its arguments."""
        if self.g.ops[i].kind == "flow":
            self._flow(i)
            return
        terms = self.known.get(i)
        if terms is None:
            return
        g, depends = self.g, self.depends
        if len(terms) > MOST:
            terms = self.known[i] = self._gathered(terms)
        op, args = g.ops[i], g.args[i]
        if op.kind in ("linear", "multilinear"):
            partials = self._scaling(i)
            if partials is not None:
                self._scaled(terms, partials)
                return
            ct = self.total(i)
            assert ct is not None
            attrs = dict(zip(op.attrs, g.attrs[i], strict=True))
            parts = op.rule(Node(g, ct), *(Node(g, a) for a in args), Node(g, i), **attrs)
            for a, t in zip(args, parts, strict=True):
                if t is not None and depends[a]:
                    self._enter(a, t.id, ONE)
        elif op.kind == "tangent":
            ct = self.total(i)
            assert ct is not None
            for k, a in enumerate(args):
                if depends[a]:
                    t = self._transposed(i, k, ct)
                    if t is not None:
                        self._enter(a, t, ONE)
        elif op.kind == "control" and not of_numbers(g, i, [a for a in args if depends[a]]):
            ct = self.total(i)
            assert ct is not None
            for a, t in fold_cotangents(g, i, ct, list(dict.fromkeys(a for a in args if depends[a]))):
                self._enter(a, t, ONE)
        else:
            self._scaled(terms, self.local.of(i))

    def _gathered(self, terms: Terms) -> Terms:
        """Many terms as fewer: one array for all but those that hold identities, whose products stay diagonal.

        Else, as each linear operation on a long path adds a base, the products would be as the square of its length.
        """
        kept: Terms = {}
        total: int | None = None
        for base, factor in terms.items():
            if any(is_identity(self.g, a) for a in (base, *self.g.args[base])):
                kept[base] = factor
            else:
                t = self._multiplied(factor, base)
                total = t if total is None else self.alg.sum(total, t)
        return kept if total is None else {**kept, total: ONE}

    def _scaled(self, terms: Terms, partials: Sequence[tuple[int, int]]) -> None:
        """The cotangent `terms` of a node handed to its arguments, each times its partial."""
        for a, p in partials:
            for base, factor in terms.items():
                if self.leading:
                    self._enter(a, base, self.alg.product(p, factor))
                else:
                    self._enter(a, self.alg.product(p, base), ONE)

    def _scaling(self, i: int) -> list[tuple[int, int]] | None:
        """As `Partials.of`, of an einsum that multiplies each element alone, as 0.1*x does; else None.

        Only where there are leading axes: their products need not be built.
        """
        g = self.g
        if not self.leading or g.ops[i].name != "einsum":
            return None
        args, (labels, out) = g.args[i], parse(g.attrs[i][0])
        sizes = dict(zip(out, g.types[i].lengths, strict=True))
        found: list[tuple[int, int]] = []
        for k, (a, own) in enumerate(zip(args, labels, strict=True)):
            if self.depends[a]:
                if own != out:
                    return None
                others = [(b, p) for n, (b, p) in enumerate(zip(args, labels, strict=True)) if n != k]
                found.append((a, contract(g, others, out, sizes)))
        return found

    def _flow(self, i: int) -> None:
        members = self.loops[siblings(self.g, i)]
        if i != members[0]:
            return
        seeds = {j: ct for j in members if (ct := self.total(j)) is not None}
        if seeds:
            wrt = [a for a in self.g.args[i] if self.depends[a]]
            for a, t in flow_cotangents(self.g, seeds, wrt, cotangents):
                self._enter(a, t, ONE)

    def total(self, i: int) -> int | None:
        """The cotangent of node `i` as a node."""
        found: int | None = None
        for base, factor in self.known.get(i, {}).items():
            t = self._multiplied(factor, base)
            found = t if found is None else self.alg.sum(found, t)
        return found

    def _enter(self, a: int, base: int, factor: int) -> None:
        terms = self.known.setdefault(a, {})
        if not self.leading and terms:
            ((old, _),) = terms.items()
            self.known[a] = {self.alg.sum(old, base): ONE}
            return
        known = terms.get(base)
        terms[base] = factor if known is None else self.alg.sum(self._whole(known, a), self._whole(factor, a))

    def _whole(self, factor: int, a: int) -> int:
        """A factor as an array of the shape of node `a`."""
        return spread(self.g, self.alg.node(factor), self.g.types[a].shape)

    def _multiplied(self, p: int, ct: int) -> int:
        """The factor `p` times `ct`, whose last axes are those of `p`."""
        g = self.g
        if p in (ONE, MINUS_ONE):
            return self.alg.product(p, ct)
        shape, full = g.types[p].shape, g.types[ct].shape
        labels = tuple(range(len(full)))
        own = labels[len(full) - len(shape) :]
        if g.ops[p].name == "mask":  # stays a structural zero, whatever it is multiplied with
            condition, value = g.args[p]
            inner = contract(g, [(value, own), (ct, labels)], labels)
            return masked(g, condition, inner)
        return contract(g, [(p, own), (ct, labels)], labels)

    def _transposed(self, i: int, k: int, ct: int) -> int | None:
        """The tangent rule by argument `k`, transposed: a sweep back through the nodes that it builds."""
        g = self.g
        op, args = g.ops[i], g.args[i]
        nodes = [Node(g, a) for a in args]
        attrs = dict(zip(op.attrs, g.attrs[i], strict=True))
        if k in op.transposes:
            return op.transposes[k](Node(g, ct), *nodes, Node(g, i), **attrs).id
        t = g.input(f"%{i}.{k}", g.types[args[k]])
        given = [Node(g, t) if j == k else None for j in range(len(args))]
        result = op.rule(given, *nodes, Node(g, i), **attrs)
        return None if result is None else cotangents(g, {result.id: ct}, [t])[0]
