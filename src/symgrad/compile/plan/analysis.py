"""Which nodes of a graph get memory of their own, and which are written out where they are used."""

from __future__ import annotations

import math
from collections.abc import Sequence

from symgrad.compile.plan.builder import float_of
from symgrad.compile.plan.kinds import (
    LEAF,
    LIBRARY,
    MAP,
    PRODUCT,
    REDUCE,
    REGION,
    SQUARES,
    VIEW,
    kind,
    label_sizes,
    readings,
    weight,
)
from symgrad.graph import CONST, Graph
from symgrad.ops.subscripts import parse

CHEAP, CHEAPER = 2.0, 16.0
"""Operations up to which an element is computed anew rather than kept; and where keeping means main memory."""
LIGHT = 6.0
"""Operations that are done again rather than kept in main memory, if as much is read for them as would be kept."""
CACHED = 1 << 17
"""Elements that stay in a cache."""

Number = float
Term = tuple[Number, int, tuple[int, ...]]
"""A number times a node, through transposes: nodes, the outermost first."""


class Analysis:
    """What the planner knows about the live nodes of a graph.

    Attributes:
        kinds: of each node, as `kinds.kind` says.
        memory: nodes that get memory of their own.
        terms: for nodes in memory whose value is put together there from several parts: the parts.
    """

    def __init__(self, g: Graph, outputs: Sequence[int]) -> None:
        self.g, self.outputs = g, list(dict.fromkeys(outputs))
        self.live = g.reach(outputs)
        self.kinds = [kind(g, i) if self.live[i] else "" for i in range(len(g))]
        self.uses: list[list[int]] = [[] for _ in g.ops]
        """Who reads a node, through views of it; -1 for the result."""
        self.forced: set[int] = set()
        self.memory: set[int] = set()
        self.terms: dict[int, list[Term]] = {}
        self.absorbed: set[int] = set()
        """Nodes that are computed right into the sum that they are a term of."""
        self._floats = self._float_dtypes()
        self._users()
        self._sums()
        self._choose()

    def is_leaf(self, i: int) -> bool:
        """Whether it lies in memory before the program begins (numbers are written into the code)."""
        return self.kinds[i] == LEAF and self.g.ops[i] is not CONST

    def base(self, i: int) -> int:
        """What a view is a view of."""
        while self.kinds[i] == VIEW and i not in self.memory:
            i = self.g.args[i][0]
        return i

    def float_dtype(self, i: int) -> str:
        """The dtype of floats that node `i` is computed in."""
        return self._floats[i] or "float64"

    def invertible(self, i: int) -> bool:
        """Whether a VIEW holds every element of its argument once."""
        name = self.g.ops[i].name
        if name == "einsum":
            parts, out = parse(self.g.attrs[i][0])
            return sorted(parts[0]) == sorted(out)
        return name == "reshape"

    def points(self, i: int) -> int:
        """The size of the index space that node `i` is computed over."""
        g = self.g
        if self.kinds[i] == REDUCE and g.ops[i].name == "einsum":
            return math.prod(label_sizes(g, i).values())
        return math.prod(g.types[g.args[i][0] if self.kinds[i] in (REDUCE, REGION) and g.args[i] else i].lengths)

    def order(self) -> list[int]:
        """The live nodes: first numbers that are made of numbers alone, so that no pass over arrays waits for one."""
        g = self.g
        first = [not t.shape for t in g.types]
        for i, args in enumerate(g.args):
            first[i] = first[i] and all(first[a] for a in args)
        live = [i for i, needed in enumerate(self.live) if needed]
        return [i for i in live if first[i]] + [i for i in live if not first[i]]

    def _float_dtypes(self) -> list[str | None]:
        g = self.g
        found: list[str | None] = [None] * len(g)
        for i, needed in enumerate(self.live):
            if needed:
                found[i] = float_of([g.types[i]])
                if found[i] is None and self.kinds[i] in (MAP, VIEW, REDUCE):
                    found[i] = max((d for a in g.args[i] if (d := found[a])), default=None)
        return found

    def _users(self) -> None:
        """Fills `uses` and `forced`: memory that calls of libraries read, and results."""
        g, uses, forced = self.g, self.uses, self.forced
        for o in self.outputs:
            uses[o].append(-1)
            forced.add(o)
        for i in range(len(g) - 1, -1, -1):
            if not self.live[i]:
                continue
            k, args = self.kinds[i], g.args[i]
            if k == VIEW:
                uses[args[0]] += uses[i]
                if readings(g, i) is None or (i in forced and (i not in self.outputs or self.invertible(i))):
                    forced.add(args[0])
            elif k != LEAF:
                for a in dict.fromkeys(args):
                    uses[a].append(i)
                    if k in (LIBRARY, PRODUCT, SQUARES):
                        forced.add(a)

    def _sums(self) -> None:
        """Sums in memory whose terms are products for BLAS or mostly zeros."""
        for i in range(len(self.g) - 1, -1, -1):
            if self.live[i] and i in self.forced and i not in self.absorbed and self.kinds[i] == MAP:
                found = self._flat(i)
                if any(self.is_partial(t) for _, t, _ in found):
                    self.terms[i] = found
                    self.absorbed |= {
                        t for _, t, _ in found if self.is_partial(t) and self.kinds[t] in (PRODUCT, REGION)
                    }

    def _flat(self, i: int) -> list[Term]:
        """Node `i` as a sum: through sums and multiples that nothing else uses."""
        g = self.g
        found: list[Term] = []
        stack: list[Term] = [(1.0, i, ())]
        while stack:
            c, j, path = stack.pop()
            name, args = g.ops[j].name, g.args[j]
            alone = j == i or (len(self.uses[j]) == 1 and j not in self.forced)
            factor, inner = _multiple(g, j)
            if alone and name in ("add", "subtract") and g.types[j].dtype in ("float32", "float64"):
                stack += [(-c if name == "subtract" else c, args[1], path), (c, args[0], path)]
            elif alone and name == "negative":
                stack.append((-c, args[0], path))
            elif alone and inner != j and len(self.uses[inner]) == 1:
                turned = parse(g.attrs[j][0])[0][1] != parse(g.attrs[j][0])[1]
                stack.append((c * factor, inner, (*path, j) if turned else path))
            elif alone and self._is_turned(j):
                stack.append((c, args[0], (*path, j)))
            else:
                found.append((c, j, path))
        return found

    def _is_turned(self, i: int) -> bool:
        """Whether a sum is put together behind node `i` as well as in front of it."""
        name = self.g.ops[i].name
        return self.kinds[i] == VIEW and (
            (name == "einsum" and self.invertible(i)) or (name == "reshape" and self.splits(i))
        )

    def splits(self, i: int) -> bool:
        """Whether node `i` is a `scatter_add` whose new axis is seen as two, and nothing else uses that."""
        g, (a,) = self.g, self.g.args[i]
        if g.ops[a].name != "scatter_add" or len(self.uses[a]) != 1:
            return False
        own, new = g.types[a].lengths, g.types[i].lengths
        at = len(own) + g.attrs[a][0]
        return len(new) == len(own) + 1 and new[:at] == own[:at] and new[at + 2 :] == own[at + 1 :]

    def is_partial(self, i: int) -> bool:
        """Whether a term is added to a sum in memory by steps of its own."""
        g, name = self.g, self.g.ops[i].name
        if name in ("delta", "basis"):
            return True
        if self.kinds[i] == MAP and name == "einsum":
            return any(g.ops[a].name in ("delta", "basis") for a in g.args[i])
        if self.kinds[i] == PRODUCT or name in ("pad", "scatter_add", "put_along"):
            return len(self.uses[i]) == 1
        return False

    def _choose(self) -> None:
        """Fills `memory`."""
        g = self.g
        cost = [0.0] * len(g)
        for i, needed in enumerate(self.live):
            k = self.kinds[i]
            if not needed or k == LEAF:
                continue
            if k == VIEW:
                number = i in self.forced and g.ops[self.base(i)] is CONST
                if number or (i in self.outputs and not self.invertible(i)):
                    self.memory.add(i)
                cost[i] = cost[g.args[i][0]]
            elif k != MAP:
                if i not in self.absorbed:
                    self.memory.add(i)
            else:
                cost[i] = weight(g, i) + sum(cost[a] for a in dict.fromkeys(g.args[i]))
                if i in self.forced or self._is_kept(i, cost[i]):
                    self.memory.add(i)
                    cost[i] = 0.0

    def _is_kept(self, i: int, cost: float) -> bool:
        users = [u for u in dict.fromkeys(self.uses[i]) if u >= 0]
        own = self._floats[i]
        if any(own is not None and self._floats[u] not in (None, own) for u in users):
            return True
        if cost <= CHEAP:
            return False
        size = math.prod(self.g.types[i].lengths)
        if any(self.points(u) > size for u in users):
            return True
        if len(users) < 2:
            return False
        most = size if cost <= CHEAPER else 0
        if cost <= LIGHT:
            most += size // 16
        return size <= CACHED or self._behind(i) >= most

    def _behind(self, i: int) -> int:
        """Elements in memory that node `i` is written out of."""
        read, stack, seen = 0, list(self.g.args[i]), set[int]()
        while stack:
            j = stack.pop()
            if j in seen:
                continue
            seen.add(j)
            if j in self.memory or self.kinds[j] == LEAF:
                read += math.prod(self.g.types[j].lengths)
            else:
                stack += self.g.args[j]
        return read


def _multiple(g: Graph, i: int) -> tuple[Number, int]:
    """(c, x) where node `i` is c*x with a number c and an array x, or a transpose of x."""
    if g.ops[i].name == "einsum" and len(g.args[i]) == 2 and g.ops[g.args[i][0]] is CONST:
        parts, out = parse(g.attrs[i][0])
        value = g.attrs[g.args[i][0]][0]
        if sorted(parts[1]) == sorted(out) and not parts[0] and not isinstance(value, (str, bool)):
            return float(value), g.args[i][1]
    return 1.0, i


__all__ = ["Analysis", "Term"]
