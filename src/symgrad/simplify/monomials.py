"""Numbers that arrays are multiplied with, as one product of powers each: (d (1/d)/d)/d is 1/d^2.

Every number is read as coefficient * base^n * ..., half-integer powers of square roots among them, through nodes that
others use, too; sums of like products merge. What merges to nothing is zero by structure, and so is what it is
multiplied with. Scalars are few operations beside the arrays: the result is kept where it takes no more of them.
Values change by rounding only, for finite arguments.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from symgrad.graph import CONST, REGISTER, Graph
from symgrad.graph.node import spread
from symgrad.ops.einsum import contract, parse
from symgrad.ops.repeated import repeated

ADD, SUBTRACT, NEGATIVE = (REGISTER[n] for n in ("add", "subtract", "negative"))
MULTIPLY, DIVIDE, POWER, SQRT = (REGISTER[n] for n in ("multiply", "divide", "integer_power", "sqrt"))
NUMBERS = frozenset((ADD, SUBTRACT, NEGATIVE, MULTIPLY, DIVIDE, POWER, SQRT))
MOST = 2000
"""Nodes of graphs that are looked at."""
TERMS = 12
"""Terms of a sum that is looked through."""
HIGHEST = 16
"""Larger powers stay as they are."""

Number = int | float | Fraction
Powers = tuple[tuple[int, Fraction], ...]
"""Bases and their exponents, ordered."""
Sum = dict[Powers, Number]


def gather_powers(graph: Graph, roots: Sequence[int]) -> tuple[Graph, list[int]]:
    """`roots` with the numbers in front of arrays gathered, in a new graph; the same one where that costs more."""
    numbers = sum(not t.shape and op in NUMBERS for t, op in zip(graph.types, graph.ops, strict=True))
    if not numbers or len(graph) > MOST or not any(t.shape for t in graph.types):
        return graph, list(roots)
    gathering = _Gathering(graph, roots)
    if gathering.out.operations(gathering.roots) <= graph.operations(roots):
        return gathering.out, gathering.roots
    return graph, list(roots)


class _Gathering:
    def __init__(self, graph: Graph, roots: Sequence[int]) -> None:
        self.graph, self.out = graph, Graph()
        self.new: dict[int, int] = {}
        self.sums: dict[int, Sum] = {}
        """Of the numbers seen so far, over nodes of the new graph."""
        for i, needed in enumerate(graph.reach(roots)):
            if not needed:
                continue
            op, attrs, t = graph.ops[i], graph.attrs[i], graph.types[i]
            if op is CONST:
                self.new[i] = self.out.const(*attrs)
                value = attrs[0]
                if (
                    not t.shape
                    and value.__class__ in (int, float, Fraction)
                    and value == value
                    and 0 < abs(value) < 1e300
                ):
                    self.sums[i] = {(): value}
                continue
            args = graph.args[i]
            if not t.shape and t.dtype[0] == "f" and op in NUMBERS:
                found = self._sum(i)
                if found is not None:
                    self.sums[i] = found
                    self.new[i] = self._built(found, t.dtype)
                    continue
            if op.name == "einsum" and any(a in self.sums and not self.sums[a] for a in args):
                self.new[i] = spread(self.out, self.out.const(0, t.dtype), t.lengths)
                if not t.shape:
                    self.sums[i] = {}
                continue
            self.new[i] = self.out.build(op, tuple([self.new[a] for a in args]), attrs)
            if op.name == "einsum" and t.dtype[0] == "f" and _of_deviations(self.out, self.new[i]):
                self.new[i] = spread(self.out, self.out.const(0, t.dtype), t.lengths)
                if not t.shape:
                    self.sums[i] = {}
        self.roots = [self.new[r] for r in roots]

    def _sum(self, i: int) -> Sum | None:
        """The number at node `i` as a sum of products; None: as one factor of its own."""
        g = self.graph
        op, args = g.ops[i], g.args[i]
        parts = [self._known(a) for a in args]
        if op is ADD or op is SUBTRACT:
            a, b = parts
            if len(a) + len(b) > TERMS:
                return None
            total = dict(a)
            for key, c in b.items():
                total[key] = total.get(key, 0) + (c if op is ADD else -c)
            return {key: c for key, c in total.items() if c != 0}
        if op is NEGATIVE:
            return {key: -c for key, c in parts[0].items()}
        if any(not p for p in parts):
            return {} if op is MULTIPLY or (op is DIVIDE and parts[1]) else None
        (key, c), *others = (self._one(p, g.types[i].dtype) for p in parts)
        if op is POWER:
            n = g.attrs[i][0]
            return None if abs(n) > HIGHEST else {_times((), key, Fraction(n)): c**n}
        if op is SQRT:
            whole = len(key) == 1 and c == 1 and key[0][1] == 1
            return {((key[0][0], Fraction(1, 2)),): 1} if whole else None
        ((other, d),) = others
        if op is MULTIPLY:
            return {_times(key, other, Fraction(1)): c * d}
        quotient = c / d if isinstance(c, float) or isinstance(d, float) else Fraction(c) / d
        return {_times(key, other, Fraction(-1)): quotient}

    def _known(self, a: int) -> Sum:
        return self.sums[a] if a in self.sums else {((self.new[a], Fraction(1)),): 1}

    def _one(self, found: Sum, dtype: str) -> tuple[Powers, Number]:
        """A product: of one factor, where it is a sum."""
        if len(found) == 1:
            return next(iter(found.items()))
        return ((self._built(found, dtype), Fraction(1)),), 1

    def _built(self, found: Sum, dtype: str) -> int:
        """The sum, a positive term in front."""
        out = self.out
        total: int | None = None
        for key, c in sorted(found.items(), key=lambda t: t[1] < 0):
            value = self._product(key, abs(c), dtype)
            if total is None:
                total = out.build(NEGATIVE, (value,)) if c < 0 else value
            else:
                total = out.build(SUBTRACT if c < 0 else ADD, (total, value))
        return out.const(0, dtype) if total is None else total

    def _product(self, key: Powers, c: Number, dtype: str) -> int:
        out = self.out
        above = below = None
        for base, n in key:
            power = self._power(base, abs(n))
            if n > 0:
                above = power if above is None else out.build(MULTIPLY, (above, power))
            else:
                below = power if below is None else out.build(MULTIPLY, (below, power))
        if above is None or c != 1:
            number = out.const(int(c) if isinstance(c, Fraction) and c.denominator == 1 else c, dtype)
            above = number if above is None else out.build(MULTIPLY, (number, above))
        return above if below is None else out.build(DIVIDE, (above, below))

    def _power(self, base: int, n: Fraction) -> int:
        if n.denominator == 2:
            base, n = self.out.build(SQRT, (base,)), 2 * n
        return base if n == 1 else self.out.build(POWER, (base,), (int(n),))


def _of_deviations(g: Graph, i: int) -> bool:
    """Whether node `i` sums deviations from a mean along the axes that the mean is of: x - mean(x)."""
    if g.ops[i].name != "einsum" or len(g.args[i]) != 1 or g.ops[g.args[i][0]] is not SUBTRACT:
        return False
    (labels,), kept = parse(g.attrs[i][0])
    x, mean = g.args[g.args[i][0]]
    m, axes = repeated(g, mean)
    if len(set(labels)) < len(labels) or tuple(labels[k] for k in axes) != kept or len(kept) == len(labels):
        return False
    lengths = dict(zip(labels, g.types[x].lengths, strict=True))
    n = math.prod(length for label, length in lengths.items() if label not in kept)
    part = g.const(Fraction(1, n), g.types[i].dtype) if n else -1
    return n > 1 and contract(g, [(part, ()), (x, labels)], kept) == m


def _times(a: Powers, b: Powers, n: Fraction) -> Powers:
    """a * b^n."""
    total = dict(a)
    for base, m in b:
        total[base] = total.get(base, Fraction(0)) + m * n
    return tuple(sorted((base, m) for base, m in total.items() if m != 0))
