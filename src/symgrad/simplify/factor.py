"""Local algebra: sums written with fewer operations.

Each sum is flattened through nodes that nothing else uses into terms (coefficient, factors). Like terms
merge, a constant times a sum is multiplied out where that merges terms, and the factor that most terms
share is taken out, again and again: a*b + a*c -> a*(b + c). Shared sub-expressions are never taken apart, so sharing
survives. Values change by rounding only, for finite arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symgrad.graph import CONST, INPUT, Graph
from symgrad.simplify.flat import ADD, DIVIDE, MULTIPLY, NEGATIVE, SUBTRACT, SUMS, Flat

DEEPEST = 40
"""Factors taken out of one another at most."""


def factor(graph: Graph, roots: Sequence[int]) -> tuple[Graph, list[int]]:
    """`roots` rewritten in a new graph (whose inputs keep name and type), and their new ids.

    Taking out greedily may, rarely, undo more sharing than it finds: then nothing is rewritten.
    """
    out, new = _Factor(graph, roots).run(roots)
    if out.operations(new) > graph.operations(roots):
        out = Graph()
        seen = graph.into(out, roots)
        new = [seen[r] for r in roots]
    return out, new


class _Factor:
    def __init__(self, graph: Graph, roots: Sequence[int]) -> None:
        self.graph = graph
        self.flat = Flat(graph, roots)
        self.out = Graph()
        self.new: dict[int, int] = {}

    def run(self, roots: Sequence[int]) -> tuple[Graph, list[int]]:
        g, new, out = self.graph, self.new, self.out
        plans: dict[int, Any] = {}
        stack = list(roots)
        while stack:
            j = stack[-1]
            if j in new:
                stack.pop()
                continue
            plan = plans.get(j)
            if plan is None:
                plan = plans[j] = self._plan(j)
            missing = [a for a in plan[1] if a not in new]
            if missing:
                stack.extend(missing)
                continue
            stack.pop()
            kind = plan[0]
            if kind == "sum":
                terms = [(c, [new[f] if f >= 0 else ~new[~f] for f in fs]) for c, fs in plan[2]]
                new[j] = self._sum(terms, g.types[j].dtype)
            elif kind == "product":
                c, fs = plan[2]
                new[j] = self._product(c, [new[f] if f >= 0 else ~new[~f] for f in fs], g.types[j].dtype)
            elif g.ops[j] is CONST:
                new[j] = out.const(*g.attrs[j])
            elif g.ops[j] is INPUT:
                new[j] = out.add(INPUT, (), g.attrs[j], g.types[j])
            else:
                new[j] = out.build(g.ops[j], tuple([new[a] for a in plan[1]]), g.attrs[j])
        return out, [new[r] for r in roots]

    def _plan(self, j: int) -> Any:
        """How node `j` is rebuilt: (kind, nodes needed first, details)."""
        g = self.graph
        op = g.ops[j]
        if g.types[j].shape or g.types[j].dtype[0] != "f":
            return "same", g.args[j]
        if op in SUMS:
            terms = self._terms(j)
            return "sum", [max(f, ~f) for _, fs in terms for f in fs], terms
        if op is MULTIPLY or op is DIVIDE:
            product = self.flat.factors(j)
            return "product", [max(f, ~f) for f in product[1]], product
        return "same", g.args[j]

    def _terms(self, j: int) -> list[tuple[Any, list[int]]]:
        """The terms of the sum at `j`, a constant times a sum multiplied out where terms then merge."""
        flat = self.flat
        ops, uses = self.graph.ops, flat.uses
        terms: list[tuple[Any, list[int]]] = []
        scaled: list[tuple[Any, int]] = []
        shared: list[tuple[int, int]] = []
        for sign, t in flat.terms(j):
            if uses[t] != 1 and ops[t] is not CONST:
                if ops[t] is MULTIPLY and flat.multiple(t):
                    shared.append((sign, t))
                else:
                    terms.append((sign, [t]))
                continue
            c, fs = flat.factors(t)
            if len(fs) == 1 and c != 1 and fs[0] >= 0 and uses[fs[0]] == 1 and ops[fs[0]] in SUMS:
                scaled.append((sign * c, fs[0]))
            else:
                terms.append((sign * c, fs))
        if shared:
            keys = {fs[0] for _, fs in terms if len(fs) == 1}
            for sign, t in shared:
                c, x = flat.scaled(t)
                terms.append((sign * c, [x]) if x in keys else (sign, [t]))
        if scaled:
            keys = {tuple(sorted(fs)) for _, fs in terms}
            opened = [(c, i, self._terms_once(i)) for c, i in scaled]
            for n, (_, _, inner) in enumerate(opened):
                others = set().union(*(o[3] for m, o in enumerate(_keyed(opened)) if m != n))
                if any(k in keys or k in others for k in _keys(inner)):
                    c = opened[n][0]
                    terms.extend((c * d, fs) for d, fs in inner)
                else:
                    terms.append((opened[n][0], [opened[n][1]]))
        return terms

    def _terms_once(self, i: int) -> list[tuple[Any, list[int]]]:
        flat, ops = self.flat, self.graph.ops
        out = []
        for sign, t in flat.terms(i):
            c, fs = flat.factors(t) if flat.uses[t] == 1 or ops[t] is CONST else (1, [t])
            out.append((sign * c, fs))
        return out

    def _product(self, coefficient: Any, factors: list[int], dtype: str) -> int:
        out = self.out
        factors.sort()
        above = self._chain_of([f for f in factors if f >= 0])
        below = self._chain_of([~f for f in reversed(factors) if f < 0])
        if above is None:
            if below is None:
                return out.const(coefficient, dtype)
            return out.build(DIVIDE, (out.const(coefficient, dtype), below))
        if coefficient == -1:
            above = out.build(NEGATIVE, (above,))
        elif coefficient != 1:
            above = out.build(MULTIPLY, (out.const(coefficient, dtype), above))
        return above if below is None else out.build(DIVIDE, (above, below))

    def _chain_of(self, factors: list[int]) -> int | None:
        if not factors:
            return None
        acc = factors[0]
        for f in factors[1:]:
            acc = self.out.build(MULTIPLY, (acc, f))
        return acc

    def _sum(self, terms: list[tuple[Any, list[int]]], dtype: str, depth: int = 0) -> int:
        """The sum of terms over nodes of the new graph."""
        merged: dict[tuple[int, ...], Any] = {}
        for c, fs in terms:
            key = tuple(sorted(fs))
            merged[key] = merged[key] + c if key in merged else c
        live = [(c, key) for key, c in merged.items() if c != 0]
        if not live:
            return self.out.const(0, dtype)
        parts: list[tuple[bool, int]] = []
        if len(live) > 1 and depth < DEEPEST:
            live, parts = self._take_out(live, dtype, depth)
        for c, key in live:
            value = self._product(abs(c), list(key), dtype)
            parts.append((c < 0, value))
        return self._chain(parts)

    def _take_out(self, live: list[Any], dtype: str, depth: int) -> tuple[list[Any], list[tuple[bool, int]]]:
        """Take shared factors out, the most shared first; (terms left, sums made)."""
        holders: dict[Any, set[int]] = {}
        for n, (c, key) in enumerate(live):
            for f in set(key):
                holders.setdefault(f, set()).add(n)
            if key and abs(c) != 1:
                holders.setdefault(("c", abs(c)), set()).add(n)
        many = [f for f, h in holders.items() if len(h) > 1]
        parts = []
        gone: set[int] = set()
        while many:
            best = max(many, key=lambda f: (len(holders[f]), f.__class__ is int, f if f.__class__ is int else 0))
            rows = holders[best]
            if len(rows) < 2:
                break
            group = [live[n] for n in sorted(rows)]
            gone |= rows
            for n in list(rows):
                for f in set(live[n][1]):
                    holders[f].discard(n)
                if live[n][1] and abs(live[n][0]) != 1:
                    holders["c", abs(live[n][0])].discard(n)
            many = [f for f in many if len(holders[f]) > 1]
            common, scale, inner = _common(group)
            value = self._product(scale, common, dtype)
            parts.append(self._signed(value, self._sum(inner, dtype, depth + 1)))
        return [t for n, t in enumerate(live) if n not in gone], parts

    def _signed(self, a: int, b: int) -> tuple[bool, int]:
        value = self.out.build(MULTIPLY, (a, b))
        if self.out.ops[value] is NEGATIVE:
            return True, self.out.args[value][0]
        return False, value

    def _chain(self, parts: list[tuple[bool, int]]) -> int:
        """Add up, the positive parts first."""
        out = self.out
        parts.sort()
        minus, acc = parts[0]
        if minus:
            for _, value in parts[1:]:
                acc = out.build(ADD, (acc, value))
            return out.build(NEGATIVE, (acc,))
        for minus, value in parts[1:]:
            acc = out.build(SUBTRACT if minus else ADD, (acc, value))
        return acc


def _rank(f: Any) -> tuple[int, int]:
    """Among factors that equally many terms share: a divisor first, then a node, then a constant."""
    if f.__class__ is int:
        return (1, f) if f >= 0 else (2, ~f)
    return (0, 0)


def _common(group: list[Any]) -> tuple[list[int], Any, list[Any]]:
    """What all terms of a group share: factors, the size of the coefficient, and what is left of the terms."""
    first = list(group[0][1])
    size = abs(group[0][0])
    for c, key in group[1:]:
        left = list(key)
        both = []
        for f in first:
            if f in left:
                left.remove(f)
                both.append(f)
        first = both
        if abs(c) != size:
            size = 1
    inner = []
    for c, key in group:
        rest = list(key)
        for f in first:
            rest.remove(f)
        inner.append(((1 if c > 0 else -1) if size != 1 else c, rest))
    return first, size, inner


def _keys(terms: list[tuple[Any, list[int]]]) -> list[tuple[int, ...]]:
    return [tuple(sorted(fs)) for _, fs in terms]


def _keyed(opened: list[Any]) -> list[Any]:
    return [(*o, set(_keys(o[2]))) for o in opened]
