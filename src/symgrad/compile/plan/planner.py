"""From a graph to a plan: every node in memory becomes steps, in the order of the graph.

Loop nests over the same index space become one where they share what they read and neither waits for the other.
Sums are put together in the memory of the result: products by BLAS first, then all that is dense in one nest,
then what is zero but on a diagonal or in a region. Where the result of a call is a transpose or a reshape of
what is computed, that is computed in the memory of the result.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from symgrad.compile.plan import kinds, memory
from symgrad.compile.plan.analysis import Analysis
from symgrad.compile.plan.boxes import boxes, is_pad, seen
from symgrad.compile.plan.builder import Builder, Indices, Point
from symgrad.compile.plan.calls import library
from symgrad.compile.plan.expand import expanded
from symgrad.compile.plan.flow import flow
from symgrad.compile.plan.kinds import HOW, LIBRARY, MAP, PRODUCT, REDUCE, REGION, SQUARES, VIEW
from symgrad.compile.plan.pieces import diagonal, regions, scaled, thickness
from symgrad.compile.plan.placing import forward, inverse, place_parts
from symgrad.compile.plan.products import contraction, symmetric
from symgrad.compile.plan.squares import squares
from symgrad.compile.plan.steps import CONSTANT, INPUT, RESULT, TEMPORARY, Buffer, Plan, Step
from symgrad.compile.plan.updates import Updates
from symgrad.compile.plan.views import Shape, View, along, contiguous
from symgrad.graph import REGISTER, Graph
from symgrad.ops.subscripts import parse

ADD = REGISTER["add"]
STORES, NODES = 8, 300
"""Up to here a nest takes in another one."""
BACK = 100
"""Steps back that a nest is looked for."""
WIDE = 24
"""A diagonal of more than this part of the elements is added in a pass over all of them: cache lines are read whole."""
LARGE = 1 << 16
"""Bytes from which on a result that begins as zeros gets them from the system."""


def plan(
    g: Graph,
    inputs: Sequence[int],
    outputs: Sequence[int],
    changed: Mapping[int, int] | None = None,
    fresh: bool = True,
) -> Plan:
    """The plan of `outputs`, of concrete shapes. A result per output, each in a buffer of its own; but those at the
    positions `changed` are the new values of the inputs at these positions (`updates`). `fresh`: whether memory of
    results may be asked for as zeros; else it is what it is."""
    lean, roots = expanded(g, outputs)
    return Planner(lean, [lean.input(*g.attrs[i]) for i in inputs], roots, changed or {}, fresh).run()


class Planner:
    def __init__(
        self, g: Graph, inputs: Sequence[int], outputs: Sequence[int], changed: Mapping[int, int], fresh: bool = True
    ) -> None:
        self.fresh = fresh
        self.g, self.inputs, self.outputs = g, list(inputs), list(outputs)
        self.updates = Updates(inputs, outputs, changed)
        self.known = Analysis(g, outputs)
        self.buffers: list[Buffer] = []
        self.views: dict[int, View] = {}
        """Of every node that is in memory, or a view of one."""
        self.places: dict[int, View] = {}
        """Of views of what is not in memory: where they are to lie if they are written out."""
        self.done: set[int] = set()
        self.steps: list[Step | _Group] = []
        self.finished: dict[int, int] = {}
        """Per node in memory, the position in `steps` from which on it is there."""

    def run(self) -> Plan:
        g, known = self.g, self.known
        given = []
        for i in self.inputs:
            view = self.new(INPUT, g.types[i].dtype, g.types[i].lengths)
            self.views[i] = view
            self.finished[i] = -1
            given.append(view.buffer)
        results = {o: self.result(o) for o in known.outputs}
        place_parts(self)
        for i in known.order():
            self.visit(i)
        for o in known.outputs:
            if known.kinds[o] == kinds.LEAF:
                self.write(o, results[o], -1)
        steps = [s.builder.nest() if isinstance(s, _Group) else s for s in self.steps]
        every = []
        for k, o in enumerate(self.outputs):
            kind, own = self.updates.kind_at(k), results[o].buffer
            if self.buffers[own].kind != kind or any(v.buffer == own for v in every):  # one node twice
                copy = self.new(kind, g.types[o].dtype, g.types[o].lengths)
                steps.append(self.copy_nest(results[o], copy))
                results[o] = copy
            every.append(results[o])
        found = Plan(self.buffers, steps, given, [g.types[i].lengths for i in self.inputs], every)
        return memory.arranged(self.updates.settled(found, every, self.copy_nest))

    def new(self, kind: str, dtype: str, shape: Shape, data: Any = None) -> View:
        """A buffer of its own, seen as an array in C order."""
        self.buffers.append(Buffer(kind, dtype, math.prod(shape), data))
        return View(len(self.buffers) - 1, dtype, shape, contiguous(shape))

    def result(self, o: int) -> View:
        """The buffer of an output, given to the node that is computed there: behind transposes and reshapes."""
        g, known = self.g, self.known
        view = whole = self.new(self.updates.kind(o), g.types[o].dtype, g.types[o].lengths)
        if known.kinds[o] == kinds.LEAF:
            return whole
        i = o
        while known.kinds[i] == VIEW and i not in known.memory and known.invertible(i):
            inner = inverse(g, i, view)
            if inner is None:
                break
            view, i = inner, g.args[i][0]
        if i in known.memory and i not in self.views and (i == o or i not in known.outputs):
            self.views[i] = view
        else:
            known.memory.add(o)
            self.views[o] = whole
        return whole

    def visit(self, i: int) -> None:
        g, known = self.g, self.known
        kind = known.kinds[i]
        if i in known.memory:
            if i not in self.views:
                self.views[i] = self.new(TEMPORARY, g.types[i].dtype, g.types[i].lengths)
            self.compute(i, kind)
            self.done.add(i)
        elif kind == kinds.LEAF:
            if known.is_leaf(i):
                if g.ops[i].name == "literal":
                    self.views[i] = self.new(CONSTANT, g.types[i].dtype, g.types[i].lengths, g.attrs[i][0].value)
                self.finished[i] = -1
                self.done.add(i)
        elif kind == VIEW and g.args[i][0] in self.views:
            a = g.args[i][0]
            view = forward(g, i, self.views[a])
            if view is None:
                own = g.types[a].lengths
                place = self.places[i].reshaped(own) if i in self.places else None
                dense = place or self.new(TEMPORARY, g.types[i].dtype, own)
                self.write(a, dense, i)
                view = dense.reshaped(g.types[i].lengths)
                assert view is not None
            else:
                self.finished[i] = self.finished[a]
            self.views[i] = view
            self.done.add(i)

    def compute(self, i: int, kind: str) -> None:
        view = self.views[i]
        if 0 in view.shape:
            self.finished[i] = len(self.steps) - 1
        elif i in self.known.terms:
            self.sum(i)
        elif kind == VIEW and kinds.readings(self.g, i) is None:  # a result: in C order
            (a,) = self.g.args[i]
            inner = view.reshaped(self.g.types[a].lengths)
            if inner is not None:
                self.write(a, inner, i)
                return
            dense = self.new(TEMPORARY, view.dtype, view.shape)
            inner = dense.reshaped(self.g.types[a].lengths)
            assert inner is not None
            self.write(a, inner, i)
            self.steps.append(self.copy_nest(dense, view))
            self.finished[i] = len(self.steps) - 1
        elif kind in (MAP, VIEW):
            self.write(i, view, i)
        elif kind == REDUCE:
            self.reduce(i, view)
        elif kind == PRODUCT:
            self.product(i, view, 1.0, 0.0)
            self.finished[i] = len(self.steps) - 1
        elif kind == SQUARES:
            squares(self, i, view)
            self.finished[i] = len(self.steps) - 1
        elif kind == REGION:
            self.region(i, view, 1.0, fresh=True)
            self.finished[i] = len(self.steps) - 1
        else:
            assert kind == LIBRARY
            if i not in self.finished:
                (flow if self.g.ops[i].kind == "flow" else library)(self, i)

    # Nests

    def builder(self, sizes: Sequence[int], i: int) -> Builder:
        return Builder(self.g, sizes, self.known.float_dtype(i), self.where)

    def where(self, i: int) -> View | None:
        return self.views[i] if i in self.done else None

    def write(self, i: int, view: View, owner: int) -> None:
        """Every element of node `i` into `view`, which is then the memory of `owner`."""
        group = self.group(i, view.shape, owner)
        b = group.builder
        value = b.value(i, b.identity)
        b.store(value, view, b.identity)
        if owner == i:
            b.own[i, b.identity] = value
            group.set.add(i)

    def reduce(self, i: int, view: View) -> None:
        g = self.g
        name, args = g.ops[i].name, g.args[i]
        if name in HOW:
            sizes = g.types[args[0]].lengths
            group = self.group(i, sizes, i)
            b = group.builder
            b.store(b.value(args[0], b.identity), view, b.identity[:-1], HOW[name])
            return
        sizes, points, index = self.summed(i)
        group = self.group(i, sizes, i)
        b = group.builder
        b.store(b.product(points), view, index, "add")

    def summed(self, i: int) -> tuple[list[int], list[Point], Indices]:
        """The index space of the sum at node `i`, the factors in it, and where it is added to."""
        g = self.g
        parts, out = parse(g.attrs[i][0])
        length = kinds.label_sizes(g, i)
        largest = sorted(parts, key=lambda p: -math.prod(length[x] for x in p))
        order = list(dict.fromkeys(x for p in largest for x in p))
        points = [(a, tuple(along(order.index(x)) for x in p)) for a, p in zip(g.args[i], parts, strict=True)]
        return [length[x] for x in order], points, tuple(along(order.index(x)) for x in out)

    def group(self, i: int, sizes: Sequence[int], owner: int) -> _Group:
        """The nest that `owner`, computed from node `i`, becomes a part of: one that is there, or a new one."""
        trial = _Group(self.builder(sizes, i))
        read = self.dependencies(i, trial.builder)
        for at in range(len(self.steps) - 1, max(len(self.steps) - BACK, 0) - 1, -1):
            group = self.steps[at]
            if isinstance(group, _Group) and self.joins(group, at, trial.builder, read):
                group.builder.where = self.where
                self.finished[owner] = at
                return group
        self.steps.append(trial)
        self.finished[owner] = len(self.steps) - 1
        return trial

    def dependencies(self, i: int, b: Builder) -> dict[int, set[Indices]]:
        """What lies in memory and is read to compute node `i`, and where."""
        g = self.g
        trial = Builder(g, b.sizes, b.dtype, self.where)
        if self.known.kinds[i] == REDUCE and g.ops[i].name == "einsum":
            trial.product(self.summed(i)[1])
        elif self.known.kinds[i] == REDUCE:
            trial.value(g.args[i][0], trial.identity)
        else:
            trial.value(i, trial.identity)
        return trial.read

    def joins(self, group: _Group, at: int, b: Builder, read: dict[int, set[Indices]]) -> bool:
        own = group.builder
        if own.sizes != b.sizes or own.dtype != b.dtype or len(own.stores) >= STORES or len(own.body) > NODES:
            return False
        shares = not b.sizes
        for i, where in read.items():
            if i in group.set:
                if where != {b.identity}:
                    return False
                shares = True
            elif self.finished[i] >= at:
                return False
            else:
                shares = shares or i in own.read
        return shares

    def copy_nest(self, source: View, target: View, factor: float = 1.0, add: float = 0.0) -> Any:
        """target = factor * source + add * target."""
        b = self.builder(source.shape, self.outputs[0])
        if source.dtype in ("float32", "float64"):
            b.dtype = source.dtype
        value = scaled(b, b.load(source, b.identity), factor)
        if add:
            value = b.body.build(ADD, (scaled(b, b.load(target, b.identity), add), value))
        b.store(value, target, b.identity)
        return b.nest()

    # Sums put together in memory

    def sum(self, i: int) -> None:
        view, known = self.views[i], self.known
        terms = known.terms[i]
        begun = self.updates.beginning(i, view, terms)
        terms = [t for t in terms if t is not begun]
        start = begun[0] if begun else 0.0
        products = [t for t in terms if known.kinds[t[1]] == PRODUCT and known.is_partial(t[1])]
        pieces = [t for t in terms if known.kinds[t[1]] != PRODUCT and known.is_partial(t[1])]
        rest = [t for t in terms if t not in products and t not in pieces]
        if rest:  # what is all over the result is done in the same pass
            wide = [t for t in pieces if known.kinds[t[1]] == MAP and WIDE * thickness(self.g, t[1]) >= view.size]
            rest, pieces = rest + wide, [t for t in pieces if t not in wide]
        products.sort(key=lambda t: not self.is_symmetric(t[1]))
        for k, (c, t, path) in enumerate(products):
            self.product(t, self.behind(view, path), c, 1.0 if k else start)
        pads = [t for t in pieces if is_pad(self.g, t[1])]
        base = None if not products and not begun else 1.0 if products else start
        cut = boxes(self, i, view, rest, pads, base) if len(pads) + len(rest) > 1 and pads else None
        if cut is not None:
            self.steps += cut
            pieces = [t for t in pieces if t not in pads]
        elif rest:
            b = self.builder(view.shape, i)
            total = None if base is None else scaled(b, b.load(view, b.identity), base)
            for c, t, path in rest:
                value = scaled(b, b.value(t, seen(self.g, path, b.identity)), c)
                total = value if total is None else b.body.build(ADD, (total, value))
            assert total is not None
            b.store(total, view, b.identity)
            self.steps.append(b.nest())
        elif not products and not begun:
            self.zero(view)
        elif not products and start != 1:
            self.steps.append(self.copy_nest(view, view, start))
        for c, t, path in pieces:
            if known.kinds[t] == REGION:
                self.added(t, self.behind(view, path), c)
            else:
                self.steps.append(diagonal(self, t, self.behind(view, path), c))
        self.finished[i] = len(self.steps) - 1

    def behind(self, view: View, path: Sequence[int]) -> View:
        """Where a term lies that is seen through transposes, if what is seen is to lie at `view`."""
        for j in path:
            if self.g.ops[j].name == "reshape" and self.known.splits(j):
                return view  # with an axis more, for two places
            inner = inverse(self.g, j, view)
            assert inner is not None
            view = inner
        return view

    def zero(self, view: View) -> None:
        buffer = self.buffers[view.buffer]
        if self.fresh and buffer.kind == RESULT and buffer.bytes >= LARGE and buffer.count == view.size:
            buffer.zeroed = True
            return
        b = Builder(self.g, view.shape, view.dtype, self.where)
        b.store(b.body.const(0, view.dtype), view, b.identity)
        self.steps.append(b.nest())

    def added(self, i: int, view: View, factor: float) -> None:
        """Adds factor * node `i`, a REGION; of a `scatter_add` the new axis may be two in `view`."""
        axis = next((k for k, (n, m) in enumerate(zip(view.shape, self.g.types[i].lengths, strict=False)) if n != m), 0)
        if len(view.shape) > len(self.g.types[i].shape) and view.strides[axis] % view.shape[axis + 1]:
            whole = self.new(TEMPORARY, view.dtype, self.g.types[i].lengths)
            self.region(i, whole, 1.0, fresh=True)
            split = whole.reshaped(view.shape)
            assert split is not None
            self.steps.append(self.copy_nest(split, view, factor, add=1.0))
            return
        self.region(i, view, factor, fresh=False)

    def region(self, i: int, view: View, factor: float, fresh: bool) -> None:
        if fresh and self.g.ops[i].name in ("pad", "scatter_add", "put_along"):
            self.zero(view)
        self.steps += regions(self, i, view, factor, fresh)

    # Calls

    def product(self, i: int, view: View, alpha: float, beta: float) -> None:
        g = self.g
        (a, b), (parts, out) = g.args[i], parse(g.attrs[i][0])
        contraction(
            (self.views[a], parts[0]),
            (self.views[b], parts[1]),
            (view, out),
            alpha,
            beta,
            symmetric(g, (a, b), parts, out),
            self.copied,
            lambda shape: self.new(TEMPORARY, view.dtype, shape),
            lambda x, y, factor, add: self.steps.append(self.copy_nest(x, y, factor, add)),
            self.steps.append,
        )

    def is_symmetric(self, i: int) -> bool:
        g = self.g
        parts, out = parse(g.attrs[i][0])
        return symmetric(g, g.args[i], parts, out) is not None

    def copied(self, v: View) -> View:
        target = self.new(TEMPORARY, v.dtype, v.shape)
        self.steps.append(self.copy_nest(v, target))
        return target


class _Group:
    """A nest that may still grow. `set`: nodes that it puts into memory, each at the point of its index."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self.set: set[int] = set()
