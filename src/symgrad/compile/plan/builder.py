"""Builds the body of a loop nest: elements of array nodes, written out in terms of what lies in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from symgrad.compile.nest import Access, Nest, Store, load_input
from symgrad.compile.plan.kinds import at, readings
from symgrad.compile.plan.views import Index, View, access, along, same_place
from symgrad.graph import CONST, REGISTER, Graph, Type
from symgrad.graph.type import FLOATS

Indices = tuple[Index, ...]
Point = tuple[int, Indices]
"""A node of the array graph and which element of it."""

MULTIPLY, MASK, AND = REGISTER["multiply"], REGISTER["mask"], REGISTER["logical_and"]


class Builder:
    """A nest over the index space of `sizes`, whose floats are of `dtype`.

    where: the view of a node that lies in memory, None for one that is written out here.
    """

    def __init__(self, g: Graph, sizes: Sequence[int], dtype: str, where: Callable[[int], View | None]) -> None:
        self.g, self.sizes, self.dtype, self.where = g, tuple(sizes), dtype, where
        self.body = Graph()
        self.loads: list[Access] = []
        self.stores: list[Store] = []
        self.own: dict[Point, int] = {}
        """Elements that this nest itself computes although they also lie in memory."""
        self.read: dict[int, set[Indices]] = {}
        """Per node in memory that is loaded, at which indices."""
        self._known: dict[Point, int] = {}
        self._places: dict[Access, int] = {}

    @property
    def identity(self) -> Indices:
        """The loop indices, one per axis."""
        return tuple(along(k) for k in range(len(self.sizes)))

    def value(self, node: int, index: Indices) -> int:
        """The body's node for an element of the array node."""
        known = self._known
        stack: list[Point] = [(node, index)]
        while stack:
            point = stack[-1]
            if point in known:
                stack.pop()
                continue
            needs = self._needs(point)
            missing = [p for p in needs if p not in known]
            if missing:
                stack += missing
                continue
            stack.pop()
            known[point] = self._write(point, needs)
        return known[node, index]

    def product(self, points: Sequence[Point]) -> int:
        """The body's node for a product of elements."""
        for point in points:
            self.value(*point)
        return self._product(points, [self._known[p] for p in points])

    def load(self, view: View, index: Indices) -> int:
        """The body's node for an element in memory."""
        a = access(view, index, len(self.sizes))
        if a not in self._places:
            self._places[a] = len(self.loads)
            self.loads.append(a)
        return load_input(self.body, self._places[a], self._dtype(view.dtype))

    def store(self, value: int, view: View, index: Indices, how: str = "set", keep: bool = False) -> None:
        self.stores.append(Store(value, access(view, index, len(self.sizes)), how, keep))

    def nest(self) -> Nest:
        return Nest(self.sizes, tuple(self.loads), self.body, tuple(self.stores))

    def _dtype(self, dtype: str) -> str:
        return self.dtype if dtype in FLOATS else dtype

    def _needs(self, point: Point) -> list[Point]:
        """The elements that this one is written out of; for a `take`, first its place, then the element there."""
        i, index = point
        g = self.g
        if point in self.own or g.ops[i] is CONST or self.where(i) is not None or g.ops[i].name in ("delta", "basis"):
            return []
        args = g.args[i]
        if g.ops[i].name == "take":
            x, place = args
            rank, more = len(g.types[x].shape), len(g.types[place].shape)
            axis = rank + g.attrs[i][0]
            p: Point = (place, index[axis : axis + more])
            if p not in self._known:
                return [p]
            found = Index((), 0, ((self._known[p], 1, g.types[x].lengths[axis]),))
            return [p, (x, (*index[:axis], found, *index[axis + more :]))]
        if g.ops[i].name == "take_along":
            x, place = args
            if (place, index) not in self._known:
                return [(place, index)]
            found = Index((), 0, ((self._known[place, index], 1, g.types[x].lengths[-1]),))
            return [(place, index), (x, (*index[:-1], found))]
        read = readings(g, i)
        assert read is not None  # the planner puts the argument into memory
        return [(a, at(r, index)) for a, r in zip(args, read, strict=True)]

    def _write(self, point: Point, needs: list[Point]) -> int:
        i, index = point
        g, body = self.g, self.body
        if point in self.own:
            return self.own[point]
        op = g.ops[i]
        if op is CONST:
            value, dtype = g.attrs[i]
            return body.const(value, self._dtype(dtype))
        view = self.where(i)
        if view is not None:
            self.read.setdefault(i, set()).add(index)
            return self.load(view, index)
        if op.name == "delta":
            return self._choice(same_place(body, *index), g.attrs[i][-1])
        if op.name == "basis":
            return self._choice(same_place(body, index[0], Index((), g.attrs[i][1])), g.attrs[i][-1])
        values = [self._known[p] for p in needs]
        if op.name == "einsum":
            return self._product(needs, values)
        if op.name in ("broadcast", "reshape", "element", "slice", "flip", "take", "take_along"):
            return values[-1]
        attrs = g.attrs[i]
        if op.name == "cast" and attrs[0] in FLOATS:
            if body.types[values[0]].dtype in FLOATS:
                return values[0]
            attrs = (self.dtype,)
        return body.build(op, tuple(values), attrs)

    def _choice(self, same: bool | int, dtype: str) -> int:
        """1 where `same`, else 0."""
        body, dtype = self.body, self._dtype(dtype)
        if isinstance(same, bool):
            return body.const(int(same), dtype)
        return body.build(MASK, (same, body.const(1, dtype)))

    def _product(self, needs: Sequence[Point], values: list[int]) -> int:
        """Factors that depend on few axes first; zeros of identities are structural."""
        g, body = self.g, self.body
        condition: int | None = None
        factors: list[tuple[int, int]] = []
        for (a, index), value in zip(needs, values, strict=True):
            if g.ops[a].name in ("delta", "basis"):
                other = index[1] if g.ops[a].name == "delta" else Index((), g.attrs[a][1])
                same = same_place(body, index[0], other)
                if same is False:
                    return body.const(0, self.dtype)
                if same is not True:
                    condition = same if condition is None else body.build(AND, (condition, same))
            else:
                factors.append((len({k for ix in index for k, _ in ix.axes}), value))
        factors.sort(key=lambda f: f[0])
        total: int | None = None
        for _, value in factors:
            total = value if total is None else body.build(MULTIPLY, (total, value))
        if total is None:
            total = body.const(1, self.dtype)
        return total if condition is None else body.build(MASK, (condition, total))


def float_of(types: Sequence[Type]) -> str | None:
    """The widest dtype of floats among types, None where there is none."""
    found = [t.dtype for t in types if t.dtype in FLOATS]
    return max(found, default=None)


__all__ = ["Builder", "Indices", "Point", "float_of"]
