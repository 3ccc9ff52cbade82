"""The loops of a nest as LLVM instructions. What changes with outer loops only is worked out there.

A reduction's accumulators live in registers through the innermost loops that it reduces, one vector per copy;
outside of these it adds to memory. Sums are cascaded: passes of the innermost loop add to accumulators that begin
anew in each pass of the loop around it, and those are added in turn. With chunks of chunks, n terms are about
`CASCADE` * log(n) / log(`CASCADE`) additions deep instead of n.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product

from symgrad.compile.llvm.body import Values
from symgrad.compile.llvm.nest_elements import Elements, Scope
from symgrad.compile.llvm.nest_memory import across, combine, lane_index, mask_below, plus, spread, total
from symgrad.compile.llvm.nest_order import Order, begin, schedule
from symgrad.compile.llvm.writer import Module, Writer
from symgrad.compile.nest import Store, identity, input_of
from symgrad.graph import CONST, INPUT

Sums = dict[tuple[int, tuple[int, ...]], list[str]]
"""Accumulators by store, and by the places along unrolled axes that it does not reduce."""


class Loops:
    """Writes the loops of `order` into a function with `ptr %table, i64 %first, i64 %last`."""

    def __init__(self, order: Order, module: Module) -> None:
        self.order = order
        self.nest = order.nest
        self.graph = order.nest.body
        self.split = order.split
        self.w = Writer(module, 1)
        self.wide = self.w.widened(order.width)
        self.loops = order.loops
        self.vector = order.vector
        self.begins = [begin(order.loops, s, self.nest.sizes) for s in self.nest.stores]
        self.moving = [
            [loop.axis for loop in order.loops[b:] if s.access.strides[loop.axis]]
            for s, b in zip(self.nest.stores, self.begins, strict=True)
        ]
        self.at_level: list[list[int]] = [[] for _ in range(len(self.loops) + 1)]
        self.level: dict[int, int] = {}
        at = {loop.axis: p + 1 for p, loop in enumerate(self.loops) if not loop.chunk}
        for i in schedule(self.nest):
            if self.graph.ops[i] is not CONST:
                self.level[i] = max((at[a] for a in order.dependence[i]), default=0)
                self.at_level[self.level[i]].append(i)
        self.set_level = [
            max([at[a] for a, c in enumerate(s.access.strides) if c]
                + [self.level.get(i, 0) for i in (s.value, *(p.node for p in s.access.at))], default=0)
            for s in self.nest.stores
        ]  # fmt: skip
        self.elements = Elements(order, self.w, self.wide, self.level)

    def write(self) -> list[str]:
        """The instructions, stack slots first."""
        start = Scope(Values(self.w, self.graph, "", _nowhere))
        self.elements.base(start)
        self.status = start.scalar.status = self.elements.status
        self._level(0, start, {})
        result = self.w.emit(f"load i32, ptr {self.status}")
        return [*self.w.slots, *self.w.lines, f" ret i32 {result}"]

    # --- one level: what changes with the loops entered so far -------------------------------------------------

    def _level(self, p: int, scope: Scope, sums: Sums) -> Sums:
        self._compute(p, scope)
        inner = dict(sums)
        starting = [k for k, b in enumerate(self.begins) if b == p and p < len(self.loops)]
        for k in starting:
            for place in product(*(range(self.nest.sizes[axis]) for axis in self.moving[k])):
                inner[k, place] = self._identities(k, scope)
        for k, s in enumerate(self.nest.stores):
            if s.how == "set" and self.set_level[k] == p:
                self.elements.write(k, scope, self._values(s.value, scope))
        if p < len(self.loops):
            inner = self._loop(p, scope, inner)
        else:
            for k, s in enumerate(self.nest.stores):
                if s.how != "set":
                    self._leaf(k, s, scope, inner)
        for k, place in [key for key in inner if key[0] in starting]:
            self._finish(k, self._at(k, place, scope), inner.pop((k, place)))
        return inner

    def _at(self, k: int, place: tuple[int, ...], scope: Scope) -> Scope:
        """The scope, at this place along the unrolled axes that store `k` moves along."""
        if not place:
            return scope
        a, n = self.nest.stores[k].access, len(self.nest.loads) + k
        own = replace(
            scope, tile=scope.tile | dict(zip(self.moving[k], place, strict=True)), pointers=list(scope.pointers)
        )
        shift = sum(a.strides[axis] * j for axis, j in zip(self.moving[k], place, strict=True))
        own.pointers[n] = self.elements.memory.place(scope.pointers[n], a.dtype, str(shift))
        return own

    def _leaf(self, k: int, s: Store, scope: Scope, sums: Sums) -> None:
        """One term of a reduction."""
        values = self._values(s.value, scope)
        if self.begins[k] == len(self.loops):
            self._finish(k, scope, values)
            return
        dtype = self.graph.types[s.value].dtype
        w = self.wide if scope.copies else self.w
        key = k, tuple([scope.tile[axis] for axis in self.moving[k]])
        nothing = w.constant(identity(s.how, dtype), dtype)
        old, new = sums[key], list(sums[key])
        for u, value in enumerate(values):
            new[u] = value if old[u] == nothing else combine(w, s.how, dtype, old[u], value)
            if scope.mask is not None and self._shares_lanes(k):
                new[u] = self._select(scope.mask, dtype, new[u], old[u])
        sums[key] = new

    def _shares_lanes(self, k: int) -> bool:
        """Whether the register accumulators of store `k` sum over the vectorised axis."""
        return self.vector is not None and self.begins[k] <= self.vector

    def _finish(self, k: int, scope: Scope, values: list[str]) -> None:
        """A whole (partial) result, to memory."""
        s = self.nest.stores[k]
        dtype = self.graph.types[s.value].dtype
        v = None if self.vector is None else self.loops[self.vector].axis
        if not scope.copies:
            if v is not None:
                values = [across(self.wide, s.how, dtype, total(self.wide, s.how, dtype, values))]
        elif v is not None and not s.access.strides[v]:
            if scope.mask is not None:
                nothing = self.wide.constant(identity(s.how, dtype), dtype)
                values = [self._select(scope.mask, dtype, x, nothing) for x in values]
            value = across(self.wide, s.how, dtype, total(self.wide, s.how, dtype, values))
            self.elements.write_scalar(k, scope, value)
            return
        self.elements.write(k, scope, values)

    def _select(self, mask: str, dtype: str, a: str, b: str) -> str:
        t = self.wide.type(dtype)
        return self.wide.emit(f"select {self.wide.spelled['i1']} {mask}, {t} {a}, {t} {b}")

    def _identities(self, k: int, scope: Scope) -> list[str]:
        s = self.nest.stores[k]
        dtype = self.graph.types[s.value].dtype
        if self.vector is None:
            return [self.w.constant(identity(s.how, dtype), dtype)]
        count = len(scope.copies) if scope.copies else self.order.copies
        return [self.wide.constant(identity(s.how, dtype), dtype)] * count

    def _values(self, node: int, scope: Scope) -> list[str]:
        """The node's value, in every copy."""
        return [c.scalar(node) for c in scope.copies] if scope.copies else [scope.scalar.scalar(node)]

    # --- nodes -------------------------------------------------------------------------------------------------

    def _compute(self, p: int, scope: Scope) -> None:
        g = self.graph
        nodes = self.at_level[p]
        for values in (scope.scalar, *scope.copies):
            values.expect([i for i in nodes if g.ops[i] is not INPUT])
        for i in nodes:
            wide = self.elements.is_wide(i)
            if g.ops[i] is INPUT:
                kind, k = input_of(g, i)
                if kind == "i":
                    self._index(i, self.order.index[k], scope, wide)
                else:
                    self.elements.load(i, k, scope)
            elif wide:
                for values in scope.copies:
                    values.compute(i)
            else:
                scope.scalar.compute(i)
        for k in range(len(self.elements.accesses)):
            self.elements.settle(k, scope, p)

    def _index(self, i: int, axis: int | None, scope: Scope, wide: bool) -> None:
        if axis is None:
            scope.scalar.known[i] = "0"
        elif not wide:
            scope.scalar.known[i] = scope.index[axis]
        else:
            for u, values in enumerate(scope.copies):
                values.known[i] = lane_index(self.wide, scope.index[axis], u)

    # --- loops -------------------------------------------------------------------------------------------------

    def _loop(self, p: int, scope: Scope, sums: Sums) -> Sums:
        loop = self.loops[p]
        n = self.nest.sizes[loop.axis]
        low, high = scope.ranges.get(loop.axis) or (("%first", "%last") if loop.axis == self.split else ("0", str(n)))
        if loop.chunk:
            return self._chunks(p, scope, sums, low, high)
        if loop.unroll or loop.axis in scope.whole:
            for j in range(self.order.width if loop.axis in scope.whole else n):
                own = self._entered(p, scope, plus(self.w, low, j))
                own.tile[loop.axis] = j
                sums = self._level(p + 1, own, sums)
            return sums
        if p == self.vector:
            return self._vectors(p, scope, sums, low, high)
        cascades = self._cascades(p)

        def body(index: str, inner: Sums) -> Sums:
            return self._cascade(cascades, inner, lambda s: self._level(p + 1, self._entered(p, scope, index), s))

        return self._while(low, high, "1", sums, body)

    def _cascades(self, p: int) -> list[int]:
        """Stores whose sums begin anew in each pass of loop `p`."""
        if not (self.loops[p].chunk or (self.vector is not None and p < self.vector)):
            return []
        stores = self.nest.stores
        return [
            k
            for k, b in enumerate(self.begins)
            if b <= p and stores[k].how == "add" and self.graph.types[stores[k].value].dtype != "int64"
        ]

    def _cascade(self, which: Sequence[int], sums: Sums, run: Callable[[Sums], Sums]) -> Sums:
        fresh = {key: ([self._zero(key[0])] * len(v) if key[0] in which else v) for key, v in sums.items()}
        done = run(fresh)
        w = self.wide if self.vector is not None else self.w
        for key in sums:
            if key[0] in which:
                dtype = self._dtype(self.nest.stores[key[0]].value)
                done[key] = [combine(w, "add", dtype, a, b) for a, b in zip(sums[key], done[key], strict=True)]
        return done

    def _zero(self, k: int) -> str:
        w = self.wide if self.vector is not None else self.w
        return w.constant(0, self.graph.types[self.nest.stores[k].value].dtype)

    def _chunks(self, p: int, scope: Scope, sums: Sums, low: str, high: str) -> Sums:
        """Chunks of an axis, the last of them shorter; for tiles, those that are whole and then the rest."""
        loop, w = self.loops[p], self.w
        cascades = self._cascades(p)

        def chunk(index: str, end: str, whole: bool, inner: Sums) -> Sums:
            own = self._within(scope)
            own.ranges = scope.ranges | {loop.axis: (index, end)}
            own.whole = scope.whole | {loop.axis} if whole else scope.whole
            return self._cascade(cascades, inner, lambda s: self._level(p + 1, own, s))

        def body(index: str, inner: Sums) -> Sums:
            end = plus(w, index, loop.chunk)
            if not high.isdigit() or int(high) % loop.chunk or low != "0":
                more = w.emit(f"icmp slt i64 {end}, {high}")
                end = w.emit(f"select i1 {more}, i64 {end}, i64 {high}")
            return chunk(index, end, False, inner)

        if not loop.tile:
            return self._while(low, high, str(loop.chunk), sums, body)
        whole, left = self._whole(low, high, loop.chunk)
        if whole != "0":
            sums = self._while(low, whole, str(loop.chunk), sums, lambda i, inner: chunk(i, "", True, inner))
        return self._while(whole, high, str(loop.chunk), sums, lambda i, s: chunk(i, high, False, s)) if left else sums

    def _whole(self, low: str, high: str, block: int) -> tuple[str, int]:
        """Where the last whole block from `low` on ends, and how much may be left."""
        if low == "0" and high.isdigit():
            return str(int(high) // block * block), int(high) % block
        count = self.w.emit(f"sub i64 {high}, {low}")
        return self.w.emit(f"add i64 {low}, {self.w.emit(f'and i64 {count}, {-block}')}"), block - 1

    def _vectors(self, p: int, scope: Scope, sums: Sums, low: str, high: str) -> Sums:
        """Whole blocks of vectors, then vectors one by one, the last of them masked."""
        wide, copies = self.wide, self.order.copies
        block = copies * wide.width
        before = Values(wide, self.graph, self.status, lambda i: spread(wide, scope.scalar.scalar(i), self._dtype(i)))
        for i in self._steady():
            _ = before[i]
        known = low == "0" and high.isdigit()
        whole, left = self._whole(low, high, block)

        def vectors(count: int, masked: bool) -> Callable[[str, Sums], Sums]:
            def body(index: str, inner: Sums) -> Sums:
                mask = mask_below(self.w, wide, index, high) if masked else None
                own = self._entered(p, scope, index)
                own.mask, own.tiles, own.waiting = mask, {}, {}
                own.copies = [self._inside(own, before) for _ in range(count)]
                if mask is not None:
                    return self._level(p + 1, own, inner)
                self.elements.open(own)
                inner = self._level(p + 1, own, inner)
                self.elements.close(own)
                return inner

            return body

        if not known or whole != "0":
            sums = self._while(low, whole, str(block), sums, vectors(copies, masked=False))
        if left:
            sums = self._while(
                whole, high, str(wide.width), sums, vectors(1, masked=not known or left % wide.width > 0)
            )
        return sums

    def _steady(self) -> list[int]:
        """What the vectorised nodes read that is the same in all lanes, known before their loop."""
        g, p = self.graph, self.vector
        assert p is not None
        needed = set()
        for i in self.level:
            if self.elements.is_wide(i):
                needed |= {a for a in g.args[i] if self.level.get(a, p + 1) <= p}
        for s in self.nest.stores:
            if self.level.get(s.value, p + 1) <= p:
                needed.add(s.value)
        return sorted(needed)

    def _dtype(self, i: int) -> str:
        return self.graph.types[i].dtype

    def _inside(self, own: Scope, before: Values) -> Values:
        """The values of one copy: what is no vector yet is spread."""
        p = self.vector
        assert p is not None
        wide = self.wide

        def outside(i: int) -> str:
            if self.level.get(i, 0) <= p:
                return before.scalar(i)
            return spread(wide, own.scalar.scalar(i), self._dtype(i))

        return Values(wide, self.graph, self.status, outside)

    def _forked(self, values: Values) -> Values:
        return Values(values.writer, self.graph, self.status, values.__getitem__)

    def _within(self, scope: Scope) -> Scope:
        """The scope, for what a loop adds to it."""
        own = replace(scope, scalar=self._forked(scope.scalar), pointers=list(scope.pointers), tile=dict(scope.tile))
        own.copies = [self._deeper(own, c) for c in scope.copies]
        return own

    def _entered(self, p: int, scope: Scope, index: str) -> Scope:
        """Inside loop `p`, at `index`."""
        axis, e = self.loops[p].axis, self.elements
        own = self._within(scope)
        own.index = scope.index | {axis: index}
        for k, a in enumerate(e.accesses):
            own.pointers[k] = e.memory.place(scope.pointers[k], a.dtype, index, a.strides[axis])
        return own

    def _deeper(self, own: Scope, copy: Values) -> Values:
        """A copy's values inside a further loop."""

        def outside(i: int) -> str:
            if self.elements.is_wide(i) or self.level.get(i, 0) <= (self.vector or 0):
                return copy.scalar(i)
            return spread(self.wide, own.scalar.scalar(i), self._dtype(i))

        return Values(self.wide, self.graph, self.status, outside)

    def _while(self, low: str, high: str, step: str, sums: Sums, body: Callable[[str, Sums], Sums]) -> Sums:
        """`body` at low, low + step, ... below high; what it makes of the accumulators."""
        w = self.w
        known = low.isdigit() and high.isdigit()
        if known and int(low) >= int(high):
            return sums
        if known and int(low) + int(step) >= int(high):
            return body(low, sums)
        flat = [(k, u) for k, values in sums.items() for u in range(len(values))]
        types = {k: self._sum_type(k) for k in sums}
        inner, done = w.label("loop"), w.label("done")
        entered = w.block
        if known:
            w.lines.append(f" br label %{inner}")
        else:
            some = w.emit(f"icmp slt i64 {low}, {high}")
            w.lines.append(f" br i1 {some}, label %{inner}, label %{done}")
        w.start(inner)
        index, after = w.fresh(), w.fresh()
        names = {key: w.fresh() for key in flat}
        place = len(w.lines)
        new = body(index, {k: [names[k, u] for u in range(len(v))] for k, v in sums.items()})
        w.lines.append(f" {after} = add nsw i64 {index}, {step}")
        more = w.emit(f"icmp slt i64 {after}, {high}")
        w.lines.append(f" br i1 {more}, label %{inner}, label %{done}")
        latch = w.block
        w.lines[place:place] = [
            f" {index} = phi i64 [{low}, %{entered}], [{after}, %{latch}]",
            *(f" {names[k, u]} = phi {types[k]} [{sums[k][u]}, %{entered}], [{new[k][u]}, %{latch}]" for k, u in flat),
        ]
        w.start(done)
        if known:
            return new
        return {
            k: [
                w.emit(f"phi {types[k]} [{old}, %{entered}], [{x}, %{latch}]") for old, x in zip(v, new[k], strict=True)
            ]
            for k, v in sums.items()
        }

    def _sum_type(self, key: tuple[int, tuple[int, ...]]) -> str:
        dtype = self._dtype(self.nest.stores[key[0]].value)
        return (self.w if self.vector is None else self.wide).type(dtype)


def _nowhere(i: int) -> str:
    raise AssertionError(f"node {i} is used before it is computed")
