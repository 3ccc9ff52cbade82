"""Sums and products seen flat: the terms of a sum, the factors of a product, through nodes used only there."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from symgrad.graph import CONST, REGISTER, Graph
from symgrad.ops.arith import reciprocal_of

ADD, SUBTRACT = REGISTER["add"], REGISTER["subtract"]
NEGATIVE, MULTIPLY = REGISTER["negative"], REGISTER["multiply"]
DIVIDE, POWER = REGISTER["divide"], REGISTER["integer_power"]
SUMS = (ADD, SUBTRACT, NEGATIVE)
LARGEST_POWER = 4
"""Powers up to this one are seen as repeated factors."""

Number = int | float | Fraction
_NUMBERS = (int, float, Fraction)
Term = tuple[Number, tuple[int, ...]]
"""A coefficient and factors: what a sum is made of."""


class Flat:
    """The flat view of `graph` as seen from `roots`."""

    def __init__(self, graph: Graph, roots: Sequence[int]) -> None:
        self.graph = graph
        live = graph.reach(roots)
        uses = [0] * len(live)
        args = graph.args
        for i, needed in enumerate(live):
            if needed:
                for a in args[i]:
                    uses[a] += 1
        for r in roots:
            uses[r] += 2  # an output stays a node of its own
        self.uses = uses
        self.live = live

    def terms(self, i: int) -> list[tuple[int, int]]:
        """(sign, node) of the sum at node `i`, which is an add, subtract or negative."""
        g, uses = self.graph, self.uses
        ops, args = g.ops, g.args
        out = []
        stack = [(1, i)]
        while stack:
            sign, j = stack.pop()
            if uses[j] == 1 or j == i:
                op = ops[j]
                if op is ADD:
                    a, b = args[j]
                    stack.append((sign, b))
                    stack.append((sign, a))
                    continue
                if op is SUBTRACT:
                    a, b = args[j]
                    stack.append((-sign, b))
                    stack.append((sign, a))
                    continue
                if op is NEGATIVE:
                    stack.append((-sign, args[j][0]))
                    continue
            out.append((sign, j))
        return out

    def factors(self, i: int) -> tuple[Number, list[int]]:
        """Constant coefficient and factors of the product or quotient at node `i` (any node).

        A factor is a node, or ~node (negative) for one that divides. Products are opened where nothing else
        uses them; a shared multiple c*x only where its constant meets another.
        """
        g, uses = self.graph, self.uses
        ops, args, attrs = g.ops, g.args, g.attrs
        coefficient: Number = 1
        out: list[int] = []
        shared: list[int] = []
        stack = [i]
        while stack:
            j = stack.pop()
            below = j < 0
            if below:
                j = ~j
            op = ops[j]
            mine = uses[j] == 1 or j == i
            if op is MULTIPLY:
                if mine:
                    a, b = args[j]
                    stack += (~a, ~b) if below else (a, b)
                    continue
                if not below and self.multiple(j):
                    shared.append(j)
                    continue
            elif op is DIVIDE:
                if mine:
                    a, b = args[j]
                    stack += (~a, b) if below else (a, ~b)
                    continue
                if not below and self.multiple(j):
                    shared.append(j)
                    continue
            elif op is CONST:
                c = attrs[j][0]
                if c.__class__ in _NUMBERS and not (below and c == 0):
                    if below:
                        coefficient = coefficient / c if c.__class__ is float else coefficient * Fraction(1, c)
                    else:
                        coefficient *= c
                    continue
            elif op is NEGATIVE:
                coefficient = -coefficient
                stack.append(~args[j][0] if below else args[j][0])
                continue
            elif op is POWER and attrs[j][0] <= LARGEST_POWER and mine:
                (x,) = args[j]
                one = reciprocal_of(g, x)
                if one is not None:
                    x, below = one, not below
                out += [~x if below else x] * attrs[j][0]
                continue
            out.append(~j if below else j)
        if shared:
            if len(shared) == 1 and abs(coefficient) == 1:
                out.extend(shared)
            else:
                for j in shared:
                    c, x = self.scaled(j)
                    coefficient *= c
                    out.append(x)
        return coefficient, self._cancelled(out)

    def _cancelled(self, factors: list[int]) -> list[int]:
        """What is left when a factor meets itself as a divisor: x/x is 1 (at x = 0 too), x/x**4 is 1/x**3."""
        if not factors or min(factors) >= 0 or max(factors) < 0:
            return factors
        g = self.graph
        opened: list[int] = []
        for f in factors:  # shared powers of what stands on the other side
            p = max(f, ~f)
            if g.ops[p] is POWER and g.attrs[p][0] <= LARGEST_POWER:
                x = g.args[p][0]
                if (~x if f >= 0 else x) in factors:
                    opened += [x if f >= 0 else ~x] * g.attrs[p][0]
                    continue
            opened.append(f)
        left: list[int] = []
        for f in opened:
            if ~f in left:
                left.remove(~f)
            else:
                left.append(f)
        return left

    def multiple(self, j: int) -> bool:
        """Whether the product or quotient at node `j` is a number times something, or a number but 1 over it."""
        g = self.graph
        a, b = g.args[j]
        if g.ops[a] is CONST and g.attrs[a][0].__class__ in _NUMBERS:
            return g.ops[j] is MULTIPLY or g.attrs[a][0] != 1
        return g.ops[j] is MULTIPLY and g.ops[b] is CONST and g.attrs[b][0].__class__ in _NUMBERS

    def scaled(self, j: int) -> tuple[Number, int]:
        """(c, x) of a multiple c*x, (c, ~x) of c/x."""
        g = self.graph
        a, b = g.args[j]
        if g.ops[j] is DIVIDE:
            return g.attrs[a][0], ~b
        if g.ops[a] is CONST and g.attrs[a][0].__class__ in _NUMBERS:
            return g.attrs[a][0], b
        return g.attrs[b][0], a
