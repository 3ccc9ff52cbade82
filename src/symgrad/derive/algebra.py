"""Sums and products of derivatives that keep structural zeros.

`mask(c, x)` is zero where c does not hold, whatever factor it meets: products are built inside it. A sum of masks
under different conditions is no mask; where none of them holds it is the number 0, and a factor that is infinite
or NaN there (it belongs to branches that are not taken) would spoil it. So such a sum carries a guard: the
condition under which it can differ from zero. The guard becomes a mask only if a factor that may not be finite
comes along.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from symgrad.derive.local import MINUS_ONE, ONE
from symgrad.graph import CONST, FLOATS, INPUT, REGISTER, Graph, promote

ADD, MULTIPLY, NEGATIVE = REGISTER["add"], REGISTER["multiply"], REGISTER["negative"]
SUBTRACT, MASK, WHERE = REGISTER["subtract"], REGISTER["mask"], REGISTER["where"]
AND, OR = REGISTER["logical_and"], REGISTER["logical_or"]
FINITE = ("const", "input", "sign", "heaviside", "floor", "ceil")

Guard = frozenset[frozenset[int]]
"""Conditions, any group of which holds as a whole wherever the derivative can differ from zero."""
ALWAYS: Guard = frozenset((frozenset(),))
LONGEST = 8
"""Guards of more groups than this become a mask at once."""


class Algebra:
    """Sums and products of derivatives in `graph`; a derivative is a node's id, ONE or MINUS_ONE.

    `roots` are the functions derived: a derivative that is 1 becomes a constant of their dtype.
    """

    def __init__(self, graph: Graph, roots: Sequence[int]) -> None:
        self.graph = graph
        floats = [t.dtype for t in (graph.types[r] for r in roots) if t.dtype in FLOATS]
        self.dtype = promote(floats) if floats else "float64"
        self.guards: dict[int, Guard] = {}

    def product(self, p: int, d: int) -> int:
        if p == ONE:
            return d
        if d == ONE:
            return p
        if p == MINUS_ONE:
            return self.negative(d)
        if d == MINUS_ONE:
            return self.negative(p)
        if not self.guards:
            return self.graph.build(MULTIPLY, (p, d))
        guard = self._both(self._guard(p), self._guard(d))
        p, d = self._against(p, d), self._against(d, p)
        return self._guarded(self.graph.build(MULTIPLY, (p, d)), guard)

    def negative(self, d: int) -> int:
        if d == ONE:
            return MINUS_ONE
        if d == MINUS_ONE:
            return ONE
        new = self.graph.build(NEGATIVE, (d,))
        return self._guarded(new, self._guard(d)) if self.guards else new

    def sum(self, a: int, b: int) -> int:
        a, b = self.node(a), self.node(b)
        g = self.graph
        new = g.build(ADD, (a, b))
        if (g.ops[a] is MASK or a in self.guards) and (g.ops[b] is MASK or b in self.guards):
            return self._guarded(new, self._guard(a) | self._guard(b))
        return new

    def node(self, d: int) -> int:
        """The derivative as a node."""
        if d >= 0:
            return d
        return self.graph.const(1 if d == ONE else -1, self.dtype)

    def _inside(self, d: int) -> tuple[list[int], int]:
        """The conditions of the masks around `d`, and what is inside them."""
        g = self.graph
        conditions = []
        while d >= 0 and g.ops[d] is MASK:
            c, d = g.args[d]
            conditions.append(c)
        return conditions, d

    def _guard(self, d: int) -> Guard:
        conditions, inner = self._inside(d)
        return frozenset(group.union(conditions) for group in self.guards.get(inner, ALWAYS))

    def _both(self, p: Guard, d: Guard) -> Guard:
        if p == ALWAYS:
            return d
        if d == ALWAYS:
            return p
        return frozenset(a | b for a in p for b in d) if len(p) * len(d) <= LONGEST else p

    def _guarded(self, d: int, guard: Guard) -> int:
        """`d`, with its guard noted as far as its own masks do not say it."""
        conditions, inner = self._inside(d)
        groups = {group.difference(conditions) for group in guard}
        if frozenset() in groups or self.graph.ops[inner] in (CONST, INPUT):
            return d
        groups = {a for a in groups if not any(b < a for b in groups)}
        if len(groups) > LONGEST:
            return self._wrap(conditions, self._masked(inner, frozenset(groups)))
        self.guards.setdefault(inner, frozenset(groups))
        return d

    def _against(self, d: int, other: int) -> int:
        """`d` as a factor of `other`: its guard becomes a mask where `other` may be no finite number."""
        conditions, inner = self._inside(d)
        guard = self.guards.get(inner)
        if guard is None or self._finite(other):
            return d
        return self._wrap(conditions, self._masked(inner, guard))

    def _finite(self, d: int) -> bool:
        g = self.graph
        _, inner = self._inside(d)
        if g.ops[inner] is WHERE:
            return all(g.ops[a] is CONST for a in g.args[inner][1:])
        return g.ops[inner].name in FINITE

    def _masked(self, d: int, guard: Guard) -> int:
        g = self.graph
        groups = [reduce(lambda a, b: g.build(AND, (a, b)), sorted(group)) for group in sorted(guard, key=sorted)]
        return g.build(MASK, (reduce(lambda a, b: g.build(OR, (a, b)), groups), d))

    def _wrap(self, conditions: list[int], d: int) -> int:
        for c in reversed(conditions):
            d = self.graph.build(MASK, (c, d))
        return d


__all__ = ["Algebra"]
