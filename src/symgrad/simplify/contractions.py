"""Products of arrays in a cheaper order, sums of arrays with like terms merged.

Products that only products use are opened into those, and the whole is contracted anew in the cheapest order:
(A A A) v becomes A (A (A v)), and the transposes of products vanish. The result is kept where it takes fewer
operations, or as many with fewer axes or nodes. Values change by rounding only.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import count

from symgrad.graph import CONST, REGISTER, Graph
from symgrad.graph.node import spread
from symgrad.ops.einsum import Labels, Part, contract, einsum, parse
from symgrad.ops.tensors import multiple, times
from symgrad.simplify.distribute import taken_out

ADD, SUBTRACT, NEGATIVE = REGISTER["add"], REGISTER["subtract"], REGISTER["negative"]
SUMS = (ADD, SUBTRACT, NEGATIVE)

LONGEST = 24
"""Factors of a product that is contracted anew: the search for pairs grows as their cube."""

Open = tuple[list[Part], Labels, dict[int, int]]
"""The factors of a product that is not built, its own labels, the sizes of all labels."""


def recontract(graph: Graph, roots: Sequence[int]) -> tuple[Graph, list[int]]:
    """`roots` with products of arrays in a cheaper order, in a new graph; the same graph where there is none."""
    if einsum not in graph.ops:
        return graph, list(roots)
    best, least = (graph, list(roots)), _cost(graph, roots)
    common = False
    for shared, outside in ((False, False), (True, False), (False, True), (True, True)):
        rebuild = _Rebuild(graph, roots, shared, outside)
        if (shared and not rebuild.has_shared()) or (outside and not common):
            continue
        found = rebuild.run()
        common |= rebuild.common
        cost = _cost(*found)
        if cost < least:
            best, least = found, cost
    return best


def _cost(g: Graph, roots: Sequence[int]) -> tuple[int, int, int]:
    live = g.reach(roots)
    return g.operations(roots), sum(len(t.shape) for t, n in zip(g.types, live, strict=True) if n), sum(live)


class _Rebuild:
    """`shared`: products that several products use are opened, too, and shared again where they come out equal.

    `outside`: what several products of a sum are multiplied with is taken out; `common`: whether there is such.
    """

    def __init__(self, graph: Graph, roots: Sequence[int], shared: bool, outside: bool) -> None:
        self.graph, self.roots, self.shared, self.outside = graph, list(roots), shared, outside
        self.common = False
        self.out = Graph()
        self.new: dict[int, int] = {}
        self.open: dict[int, Open] = {}
        self.fresh = count(1)
        self.live = graph.reach(roots)
        self.users: dict[int, list[int]] = {r: [-1] for r in roots}
        for i, needed in enumerate(self.live):
            if needed:
                for a in graph.args[i]:
                    self.users.setdefault(a, []).append(i)

    def run(self) -> tuple[Graph, list[int]]:
        g, out, new = self.graph, self.out, self.new
        for i, needed in enumerate(self.live):
            if not needed:
                continue
            op = g.ops[i]
            if op is CONST:
                new[i] = out.const(*g.attrs[i])
            elif op is einsum:
                found = self._product(i)
                if self._inside(i) and len(found[0]) < LONGEST:
                    self.open[i] = found
                else:
                    parts, labels, sizes = found
                    new[i] = contract(out, parts, labels, sizes)
            elif op is NEGATIVE and self._inside(i) and g.args[i][0] in self.open:
                parts, labels, sizes = self.open[g.args[i][0]]
                self.open[i] = [*parts, (out.const(-1, g.types[i].dtype), ())], labels, sizes
            elif op in SUMS and g.types[i].shape and len(g.args[i]) == 2:
                new[i] = self._sum(i)
            else:
                new[i] = out.build(op, tuple([self._built(a) for a in g.args[i]]), g.attrs[i])
        return out, [self._built(r) for r in self.roots]

    def _inside(self, i: int) -> bool:
        """Whether only one product, or the negative of one, uses node `i`."""
        users = self.users[i]
        if (len(users) != 1 and not self.shared) or not self.graph.types[i].shape:
            return False
        return all(self._is_product(u) for u in users)

    def _is_product(self, i: int) -> bool:
        """Whether node `i` is a product, or the negative of what only one product uses."""
        if i < 0:
            return False
        op, users = self.graph.ops[i], self.users[i]
        return op is einsum or (
            op is NEGATIVE and len(users) == 1 and users[0] >= 0 and self.graph.ops[users[0]] is einsum
        )

    def has_shared(self) -> bool:
        """Whether several products use the same product."""
        ops = self.graph.ops
        return any(
            len(u) > 1 and ops[i] is einsum and self.graph.types[i].shape and all(map(self._is_product, u))
            for i, u in self.users.items()
        )

    def _built(self, i: int) -> int:
        if i not in self.new:
            parts, labels, sizes = self.open[i]
            self.new[i] = contract(self.out, parts, labels, sizes)
        return self.new[i]

    def _product(self, i: int) -> Open:
        """All factors of the einsum at node `i`, through those that are not built."""
        g, fresh = self.graph, self.fresh
        inner, out = parse(g.attrs[i][0])
        own: dict[int, int] = {}
        sizes: dict[int, int] = {}
        parts: list[Part] = []
        for a, labels in zip(g.args[i], inner, strict=True):
            for x, n in zip(labels, g.types[a].shape, strict=True):
                if x not in own:
                    own[x] = next(fresh)
                    sizes[own[x]] = n or 0
            mine = tuple(own[x] for x in labels)
            if a in self.open and a not in self.new:
                more, result, known = self.open[a]
                rename = dict(zip(result, mine, strict=True))
                for x, n in known.items():
                    if x not in rename:
                        rename[x] = next(fresh)
                        sizes[rename[x]] = n
                parts += [(p, tuple(rename[x] for x in ls)) for p, ls in more]
            else:
                parts.append((self._built(a), mine))
        return self._numbers_joined(parts), tuple(own[x] for x in out), sizes

    def _numbers_joined(self, parts: list[Part]) -> list[Part]:
        """A number in front of a sum of multiples, or of a number over an array, joined with the numbers there."""
        out = self.out
        numbers = [k for k, (p, labels) in enumerate(parts) if not labels and out.ops[p] is CONST]
        for n, (p, labels) in enumerate(parts):
            if len(numbers) != 1 or not labels:
                continue
            (k,) = numbers
            number, rest = parts[k][0], [part for m, part in enumerate(parts) if m not in (k, n)]
            if out.ops[p].name == "divide" and out.ops[out.args[p][0]].name == "broadcast":
                above, below = out.args[p]
                c = out.args[above][0]
                if not out.types[c].shape and out.ops[c] is CONST and out.value(c) != 1:
                    one = spread(out, out.const(1, out.types[p].dtype), out.types[p].lengths)
                    scalar = out.build(REGISTER["multiply"], (number, c))
                    return [(scalar, ()), (out.build(REGISTER["divide"], (one, below)), labels), *rest]
            elif out.ops[p] in SUMS:
                total = self._multiplied(p, number)
                if total is not None:
                    return [(total, labels), *rest]
        return parts

    def _multiplied(self, i: int, number: int) -> int | None:
        """The sum at node `i` of the new graph times a number, where each term has a number anyway."""
        out = self.out
        total: int | None = None
        leaves: list[tuple[bool, int]] = []
        stack = [(False, i)]
        while stack:
            minus, j = stack.pop()
            op, args = out.ops[j], out.args[j]
            if op is ADD or op is SUBTRACT:
                stack += [(minus ^ (op is SUBTRACT), args[1]), (minus, args[0])]
            elif op is einsum and out.attrs[j][0].startswith(",") and out.ops[args[0]] is not CONST:
                leaves.append((minus, j))
            else:
                return None
        for minus, j in sorted(leaves):
            term = times(out, number, j)
            if total is None:
                total = out.build(NEGATIVE, (term,)) if minus else term
            else:
                total = out.build(SUBTRACT if minus else ADD, (total, term))
        return total

    def _sum(self, i: int) -> int:
        """The terms of the sum at node `i`, like ones merged."""
        g, out = self.graph, self.out
        total: dict[int, int | float | Fraction] = {}
        stack = [(1, i)]
        while stack:
            sign, j = stack.pop()
            op, args = g.ops[j], g.args[j]
            if op in SUMS and (j == i or len(self.users[j]) == 1):
                if len(args) == 2:
                    stack.append((-sign if op is SUBTRACT else sign, args[1]))
                stack.append((-sign if op is NEGATIVE else sign, args[0]))
                continue
            k = self._built(j)
            if out.ops[k] is NEGATIVE:
                sign, k = -sign, out.args[k][0]
            c, x = multiple(out, k)
            total[x] = total.get(x, 0) + sign * c
        result: int | None = None
        dtype = g.types[i].dtype
        while True:
            found = taken_out(out, total)
            self.common |= found is not None
            if found is None or not self.outside:
                break
            total = found
        terms = sorted(total.items(), key=lambda t: t[1] < 0)  # a positive one in front
        for x, c in terms:
            if c == 0:
                continue
            size = x if abs(c) == 1 else times(out, out.const(abs(c), dtype), x)
            if result is None:
                result = out.build(NEGATIVE, (size,)) if c < 0 else size
            else:
                result = out.build(SUBTRACT if c < 0 else ADD, (result, size))
        if result is None:
            return spread(out, out.const(0, dtype), g.types[i].shape)
        return result
