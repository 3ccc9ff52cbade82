"""Products of arrays in a cheaper order, sums of arrays with like terms merged.

Products that only products use are opened into those, and the whole is contracted anew in the cheapest order:
(A A A) v becomes A (A (A v)), and the transposes of products vanish. The result is kept where it takes fewer
operations, or as many with fewer axes or nodes. Values change by rounding only.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import count, pairwise

from symgrad.graph import CONST, REGISTER, Graph
from symgrad.graph.node import spread
from symgrad.ops.einsum import Labels, Part, contract, einsum, parse
from symgrad.ops.tensors import multiple, times
from symgrad.simplify.distribute import Splits, taken_out

ADD, SUBTRACT, NEGATIVE = REGISTER["add"], REGISTER["subtract"], REGISTER["negative"]
SUMS = (ADD, SUBTRACT, NEGATIVE)

LONGEST = 24
"""Factors of a product that is contracted anew: the search for pairs grows as their cube."""

LARGE = 500
"""Of graphs of more nodes, shared products are opened and common factors taken out together only if both help alone."""

Open = tuple[list[Part], Labels, dict[int, int]]
"""The factors of a product that is not built, its own labels, the sizes of all labels."""


def recontract(graph: Graph, roots: Sequence[int]) -> tuple[Graph, list[int]]:
    """`roots` with products of arrays in a cheaper order, in a new graph; the same graph where there is none."""
    if einsum not in graph.ops:
        return graph, list(roots)
    best, least = (graph, list(roots)), _cost(graph, roots)
    common, helped = False, 0
    for shared, outside in ((False, False), (True, False), (False, True), (True, True)):
        rebuild = _Rebuild(graph, roots, shared, outside)
        if (shared and not rebuild.has_shared()) or (outside and not common):
            continue
        if shared and outside and helped < 2 and len(graph) > LARGE:
            continue
        found = rebuild.run()
        common |= rebuild.common
        cost = _cost(*found)
        if cost < least:
            best, least = found, cost
            helped += shared or outside
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
        self.same: set[int] = set()
        """Nodes that come out as they were, with all that they are made from: no need to look for a normal form."""
        self.splits: dict[int, Splits] = {}
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
                self.same.add(i)
            elif op is einsum:
                if not self._inside(i) and self._copied(i):
                    continue
                found = self._product(i)
                if self._inside(i) and len(found[0]) < LONGEST:
                    self.open[i] = found
                else:
                    parts, labels, sizes = found
                    new[i] = contract(out, parts, labels, sizes)
            elif op is NEGATIVE and self._inside(i) and g.args[i][0] in self.open:
                parts, labels, sizes = self.open[g.args[i][0]]
                self.open[i] = [*parts, (out.const(-1, g.types[i].dtype), ())], labels, sizes
            elif op in SUMS and g.types[i].shape:
                if not self._within_sum(i):
                    new[i] = self._added(i)
            else:
                args = tuple([self._built(a) for a in g.args[i]])
                new[i] = out.build(op, args, g.attrs[i])
                self._note(i, args)
        return out, [self._built(r) for r in self.roots]

    def _note(self, i: int, args: tuple[int, ...]) -> None:
        """Whether node `i` has come out as it was, of `args`."""
        k, out = self.new[i], self.out
        if out.ops[k] is self.graph.ops[i] and out.args[k] == args and self.same.issuperset(self.graph.args[i]):
            self.same.add(i)

    def _copied(self, i: int) -> bool:
        """Copy the product at node `i` where nothing in it has changed, not even the order of its factors."""
        g, out, new = self.graph, self.out, self.new
        args = g.args[i]
        if not self.same.issuperset(args):
            return False
        found = tuple([new[a] for a in args])
        if any((a < b) != (new[a] < new[b]) for a, b in pairwise(args)):
            return False
        if g.ops[args[0]] is CONST and any(g.ops[a] in SUMS or g.ops[a].name == "divide" for a in args):
            return False
        new[i] = out.add(einsum, found, g.attrs[i], g.types[i])
        self.same.add(i)
        return True

    def _within_sum(self, i: int) -> bool:
        """Whether only a sum uses the sum at node `i`, which is a part of that."""
        users = self.users[i]
        return len(users) == 1 and users[0] >= 0 and self.graph.ops[users[0]] in SUMS

    def _added(self, i: int) -> int:
        """The sum, or negative, at node `i`."""
        args = self.graph.args[i]
        return self._sum(i) if len(args) == 2 else self.out.build(NEGATIVE, (self._built(args[0]),))

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
            if i in self.open:
                parts, labels, sizes = self.open[i]
                self.new[i] = contract(self.out, parts, labels, sizes)
            else:
                self.new[i] = self._added(i)
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
                stack += [(minus, args[0]), (minus ^ (op is SUBTRACT), args[1])]
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
        built: dict[int, tuple[int | float | Fraction, int]] = {}
        """Of a term, a multiple that is there."""
        opened, leaves, same = [], 0, True
        stack = [(1, i)]
        while stack:
            sign, j = stack.pop()
            op, args = g.ops[j], g.args[j]
            if op in SUMS and (j == i or len(self.users[j]) == 1):
                opened.append(j)
                if len(args) == 2:
                    stack.append((-sign if op is SUBTRACT else sign, args[1]))
                stack.append((-sign if op is NEGATIVE else sign, args[0]))
                continue
            k = self._built(j)
            leaves += 1
            same = same and j in self.same and op is not NEGATIVE
            if out.ops[k] is NEGATIVE:
                sign, k = -sign, out.args[k][0]
            c, x = multiple(out, k)
            built.setdefault(x, (c, k))
            total[x] = total.get(x, 0) + sign * c
        dtype = g.types[i].dtype
        found = taken_out(out, total, self.splits)
        self.common |= found is not None
        if (
            same
            and len(total) == leaves
            and not (found and self.outside)
            and all(g.ops[j] is not NEGATIVE for j in opened)
        ):
            return self._as_it_was(opened)
        while found is not None and self.outside:
            total = found
            found = taken_out(out, total, self.splits)
        result: int | None = None
        terms = sorted(total.items(), key=lambda t: t[1] < 0)  # a positive one in front
        for x, c in terms:
            if c == 0:
                continue
            if built.get(x, (0, 0))[0] == abs(c):
                size = built[x][1]
            else:
                size = x if abs(c) == 1 else times(out, out.const(abs(c), dtype), x)
            if result is None:
                result = out.build(NEGATIVE, (size,)) if c < 0 else size
            else:
                result = out.build(SUBTRACT if c < 0 else ADD, (result, size))
        if result is None:
            return spread(out, out.const(0, dtype), g.types[i].shape)
        return result

    def _as_it_was(self, opened: list[int]) -> int:
        """A sum whose nodes are `opened`, the last of them the sum itself: as it was."""
        g, new = self.graph, self.new
        opened.sort()
        for j in opened:
            args = tuple([new[a] for a in g.args[j]])
            new[j] = self.out.build(g.ops[j], args)
            self._note(j, args)
        return new[opened[-1]]
