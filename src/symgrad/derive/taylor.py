"""Higher derivatives by one variable: Taylor coefficients propagated through the graph.

With z_k the k-th Taylor coefficient of node z along the variable, every elementwise operation obeys
z' = sum over its arguments of (dz/du) u', hence k z_k = sum_u sum_{j=1..k} j u_j p_{k-j} where p = dz/du is
itself a node, from the operation's one declared rule. Sums, products and quotients have their own shorter
forms (Griewank and Walther, "Evaluating Derivatives", chapter 13). Cost grows as the square of the order,
where nesting first derivatives grows exponentially.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from symgrad.derive.algebra import Algebra
from symgrad.derive.local import MINUS_ONE, ONE, Partials
from symgrad.graph import REGISTER, Graph

ADD, SUBTRACT, NEGATIVE = REGISTER["add"], REGISTER["subtract"], REGISTER["negative"]
MULTIPLY, DIVIDE, POWER = REGISTER["multiply"], REGISTER["divide"], REGISTER["integer_power"]
WHERE, MASK, NOT = REGISTER["where"], REGISTER["mask"], REGISTER["logical_not"]

Coefficient = int | None
"""A node, or None for a structural zero."""


def derivatives(g: Graph, roots: Sequence[int], variable: int, order: int) -> list[list[Coefficient]]:
    """For each scalar root, its derivatives of order 0 to `order` by `variable`, as nodes of `g`."""
    t = _Taylor(g, variable)
    out: list[list[Coefficient]] = []
    for root in roots:
        row: list[Coefficient] = [root]
        for k in range(1, order + 1):
            c = t.coefficient(root, k)
            row.append(None if c is None else t.times_number(c, math.factorial(k)))
        out.append(row)
    return out


class _Taylor:
    def __init__(self, g: Graph, variable: int) -> None:
        self.g = g
        self.variable = variable
        self.local = Partials(g, self.depends)
        self.algebra = Algebra(g, [variable])
        self._known: dict[tuple[int, int], Coefficient] = {}
        self._depends: dict[int, bool] = {variable: True}

    def depends(self, i: int) -> bool:
        """Whether node `i` depends on the variable."""
        known = self._depends
        stack = [i]
        while stack:
            j = stack[-1]
            if j in known:
                stack.pop()
                continue
            args = self.g.args[j]
            missing = [a for a in args if a not in known]
            if missing:
                stack.extend(missing)
            else:
                known[j] = any(known[a] for a in args)
                stack.pop()
        return known[i]

    def coefficient(self, i: int, k: int) -> Coefficient:
        """The k-th Taylor coefficient of node `i`; what it needs is worked out first, with no recursion."""
        known = self._known
        stack = [(i, k)]
        while stack:
            j, n = stack[-1]
            if (j, n) in known:
                stack.pop()
                continue
            if n == 0:
                known[j, n] = j
            elif not self.depends(j):
                known[j, n] = None
            elif j == self.variable:
                known[j, n] = self.g.const(1, self.g.types[j].dtype) if n == 1 else None
            else:
                missing = [q for q in self._needs(j, n) if q not in known]
                if missing:
                    stack.extend(missing)
                    continue
                known[j, n] = self._work_out(j, n)
            stack.pop()
        return known[i, k]

    def _needs(self, i: int, k: int) -> list[tuple[int, int]]:
        g = self.g
        op, args = g.ops[i], g.args[i]
        if op in (ADD, SUBTRACT, NEGATIVE):
            return [(a, k) for a in args]
        if op is WHERE or op is MASK:
            return [(a, k) for a in args[1:]]
        if op is MULTIPLY:
            return [(a, j) for a in args for j in range(k + 1)]
        if op is DIVIDE:
            return [(args[0], k), *((args[1], j) for j in range(k + 1)), *((i, j) for j in range(k))]
        if op is POWER:
            a, b = self._halves(i)
            return [(x, j) for x in (a, b) for j in range(k + 1)]
        needs = []
        for a, p in self.local.of(i):
            needs += [(a, j) for j in range(1, k + 1)]
            if p >= 0:
                needs += [(p, j) for j in range(k)]
        return needs

    def _halves(self, i: int) -> tuple[int, int]:
        """x**n as a product of two powers, which share what they can."""
        g = self.g
        (x,), (n,) = g.args[i], g.attrs[i]
        half = n // 2
        low = g.build(POWER, (x,), (half,))
        return low, low if n % 2 == 0 else g.build(POWER, (x,), (n - half,))

    def _work_out(self, i: int, k: int) -> Coefficient:
        g, known = self.g, self._known
        op, args = g.ops[i], g.args[i]
        if op is ADD or op is SUBTRACT:
            return self._sum(known[args[0], k], known[args[1], k], op is SUBTRACT)
        if op is NEGATIVE:
            c = known[args[0], k]
            return None if c is None else g.build(NEGATIVE, (c,))
        if op is WHERE:
            x, y = known[args[1], k], known[args[2], k]
            if x is not None and y is not None:
                return g.build(WHERE, (args[0], x, y))
            if x is not None:
                return g.build(MASK, (args[0], x))
            return None if y is None else g.build(MASK, (g.build(NOT, (args[0],)), y))
        if op is MASK:
            c = known[args[1], k]
            return None if c is None else g.build(MASK, (args[0], c))
        if op is MULTIPLY:
            return self._convolve(args[0], args[1], k)
        if op is POWER:
            return self._convolve(*self._halves(i), k)
        if op is DIVIDE:
            above = known[args[0], k]
            for j in range(1, k + 1):
                above = self._sum(above, self._product(known[args[1], j], known[i, k - j]), True)
            return None if above is None else self._divided(above, args[1])
        total: Coefficient = None
        for a, p in self.local.of(i):
            part: Coefficient = None
            if p in (ONE, MINUS_ONE):
                c = known[a, k]
                total = self._sum(total, c, p == MINUS_ONE)
                continue
            for j in range(1, k + 1):
                u = known[a, j]
                if u is not None:
                    part = self._sum(part, self._product(self.times_number(u, j), known[p, k - j]))
            if part is not None:
                total = self._sum(total, self.times_number(part, Fraction(1, k)))
        return total

    def _divided(self, above: int, below: int) -> int:
        """A quotient that keeps the structural zeros of `above`, as products do."""
        one = self.g.const(1, self.g.types[above].dtype)
        return self.algebra.product(above, self.g.build(DIVIDE, (one, below)))

    def _convolve(self, a: int, b: int, k: int) -> Coefficient:
        known = self._known
        total: Coefficient = None
        if a == b:  # twice the lower half, and the square in the middle
            for j in range((k + 1) // 2):
                total = self._sum(total, self._product(known[a, j], known[a, k - j]))
            if total is not None:
                total = self.times_number(total, 2)
            if k % 2 == 0:
                total = self._sum(total, self._product(known[a, k // 2], known[a, k // 2]))
            return total
        for j in range(k + 1):
            total = self._sum(total, self._product(known[a, j], known[b, k - j]))
        return total

    def _sum(self, a: Coefficient, b: Coefficient, minus: bool = False) -> Coefficient:
        if b is None:
            return a
        if minus:
            b = self.algebra.negative(b)
        return b if a is None else self.algebra.sum(a, b)

    def _product(self, a: Coefficient, b: Coefficient) -> Coefficient:
        return None if a is None or b is None else self.algebra.product(a, b)

    def times_number(self, a: int, n: int | Fraction) -> int:
        return self.algebra.product(self.g.const(n, self.g.types[a].dtype), a)
