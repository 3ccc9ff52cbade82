"""The loops of a nest as LLVM instructions. What changes with outer loops only is worked out there.

A reduction's accumulators live in registers through the innermost loops that it reduces, one vector per copy;
outside of these it adds to memory. Sums are cascaded: passes of the innermost loop add to accumulators that begin
anew in each pass of the loop around it, and those are added in turn. So n terms are at most about
`CASCADE` + n / (lanes * CASCADE) additions deep instead of n.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from symgrad.compile.llvm.body import Values
from symgrad.compile.llvm.nest_memory import Memory, across, combine, lanes, spread, total
from symgrad.compile.llvm.nest_order import Order, schedule
from symgrad.compile.llvm.writer import Module, Writer
from symgrad.compile.nest import Access, Store, identity, input_of
from symgrad.graph import CONST, INPUT

Sums = dict[int, list[str]]
"""Accumulators by store."""


@dataclass
class Scope:
    """What is known at one place of the code."""

    scalar: Values
    copies: list[Values] = field(default_factory=list)  # inside the vectorised loop: one per vector
    pointers: list[str] = field(default_factory=list)  # per access, where the loops so far have brought it
    index: dict[int, str] = field(default_factory=dict)  # per axis
    ranges: dict[int, tuple[str, str]] = field(default_factory=dict)  # of axes that run in chunks
    placed: frozenset[tuple[int, int]] = frozenset()  # (access, place) that its pointer has
    mask: str | None = None


class Loops:
    """Writes the loops of `order` into a function with `ptr %table, i64 %first, i64 %last`."""

    def __init__(self, order: Order, module: Module) -> None:
        self.order = order
        self.nest = order.nest
        self.graph = order.nest.body
        self.split = order.split
        self.w = Writer(module, 1)
        self.wide = self.w.widened(order.width)
        self.memory = Memory(self.w, self.wide)
        self.loops = order.loops
        self.vector = order.vector
        self.accesses: list[Access] = [*self.nest.loads, *(s.access for s in self.nest.stores)]
        self.begins = [begin(order, s) for s in self.nest.stores]
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

    def write(self) -> list[str]:
        """The instructions, stack slots first."""
        w = self.w
        status = w.reserve("i32")
        w.lines.append(f" store i32 0, ptr {status}")
        self.status = status
        buffers = {a.buffer: "" for a in self.accesses}
        for k in buffers:
            buffers[k] = w.emit(f"load ptr, ptr {w.emit(f'getelementptr ptr, ptr %table, i64 {k}')}")
        pointers = [self.memory.place(buffers[a.buffer], a.dtype, str(a.offset)) for a in self.accesses]
        self._level(0, Scope(Values(w, self.graph, status, _nowhere), pointers=pointers), {})
        result = w.emit(f"load i32, ptr {status}")
        return [*w.slots, *w.lines, f" ret i32 {result}"]

    # --- one level: what changes with the loops entered so far -------------------------------------------------

    def _level(self, p: int, scope: Scope, sums: Sums) -> Sums:
        self._compute(p, scope)
        inner = dict(sums)
        starting = [k for k, b in enumerate(self.begins) if b == p and p < len(self.loops)]
        for k in starting:
            inner[k] = self._identities(k, scope)
        for k, s in enumerate(self.nest.stores):
            if s.how == "set" and self.set_level[k] == p:
                self._write(k, scope, self._values(s.value, scope))
        if p < len(self.loops):
            inner = self._loop(p, scope, inner)
        else:
            for k, s in enumerate(self.nest.stores):
                if s.how != "set":
                    self._leaf(k, s, scope, inner)
        for k in starting:
            self._finish(k, scope, inner.pop(k))
        return inner

    def _leaf(self, k: int, s: Store, scope: Scope, sums: Sums) -> None:
        """One term of a reduction."""
        values = self._values(s.value, scope)
        if self.begins[k] == len(self.loops):
            self._finish(k, scope, values)
            return
        dtype = self.graph.types[s.value].dtype
        w = self.wide if scope.copies else self.w
        old, new = sums[k], list(sums[k])
        for u, value in enumerate(values):
            new[u] = combine(w, s.how, dtype, old[u], value)
            if scope.mask is not None and self._shares_lanes(k):
                new[u] = self._select(scope.mask, dtype, new[u], old[u])
        sums[k] = new

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
            self._write_scalar(k, scope, value)
            return
        self._write(k, scope, values)

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
            wide = self._is_wide(i)
            if g.ops[i] is INPUT:
                kind, k = input_of(g, i)
                if kind == "i":
                    self._index(i, self.order.index[k], scope, wide)
                else:
                    self._load(i, k, scope, wide)
            elif wide:
                for values in scope.copies:
                    values.compute(i)
            else:
                scope.scalar.compute(i)
        for k in range(len(self.accesses)):
            self._settle_places(k, scope, p)

    def _is_wide(self, i: int) -> bool:
        return self.vector is not None and self.loops[self.vector].axis in self.order.dependence[i]

    def _index(self, i: int, axis: int | None, scope: Scope, wide: bool) -> None:
        if axis is None:
            scope.scalar.known[i] = "0"
        elif not wide:
            scope.scalar.known[i] = scope.index[axis]
        else:
            for u, values in enumerate(scope.copies):
                values.known[i] = self._lane_index(scope.index[axis], u)

    def _lane_index(self, first: str, u: int) -> str:
        """The index along the vectorised axis of each lane of copy `u`."""
        w = self.wide
        steps = "<" + ", ".join(f"i64 {k + u * w.width}" for k in range(w.width)) + ">"
        if first == "0":
            return steps
        return w.emit(f"add {w.spelled['i64']} {spread(w, first, 'int64')}, {steps}")

    def _load(self, i: int, k: int, scope: Scope, wide: bool) -> None:
        a = self.accesses[k]
        self._settle_places(k, scope, self.level[i])
        body = self.graph.types[i].dtype
        if not wide:
            scope.scalar.known[i] = self.memory.load(scope.pointers[k], a.dtype, body)
            return
        for u, values in enumerate(scope.copies):
            pointer, apart = self._vector_place(k, scope, u)
            if apart is None:
                values.known[i] = self.memory.load_row(pointer, a.dtype, body, scope.mask)
            else:
                pointers = self.memory.addresses(pointer, a.dtype, apart)
                values.known[i] = self.memory.gather(pointers, a.dtype, body, scope.mask)

    # --- memory ------------------------------------------------------------------------------------------------

    def _vector_place(self, k: int, scope: Scope, u: int) -> tuple[str, str | None]:
        """Where copy `u` of an access lies: (first lane's address, None), or (an address, elements on per lane)."""
        a, w = self.accesses[k], self.wide
        assert self.vector is not None
        stride = a.strides[self.loops[self.vector].axis]
        pointer = self.memory.place(scope.pointers[k], a.dtype, str(u * w.width * stride))
        apart = lanes(w, stride) if stride not in (0, 1) else None
        t = w.spelled["i64"]
        for n, place in enumerate(a.at):
            if (k, n) in scope.placed:
                continue
            index = scope.copies[u].scalar(place.node)
            inside = w.emit(f"icmp ult {t} {index}, {w.constant(place.length, 'int64')}")
            checked = inside
            if scope.mask is not None:
                outside = w.emit(f"xor {w.spelled['i1']} {scope.mask}, {w.constant(True, 'bool')}")
                checked = w.emit(f"or {w.spelled['i1']} {inside}, {outside}")
            whole = w.emit(f"bitcast {w.spelled['i1']} {checked} to i{w.width}") if w.width > 1 else checked
            self._report(w.emit(f"icmp eq i{w.width} {whole}, {-1 if w.width > 1 else 'true'}"))
            index = w.emit(f"select {w.spelled['i1']} {inside}, {t} {index}, {t} {w.constant(0, 'int64')}")
            shift = w.emit(f"mul {t} {index}, {w.constant(place.stride, 'int64')}") if place.stride != 1 else index
            if apart is None and stride == 1:
                apart = lanes(w)
            apart = shift if apart is None else w.emit(f"add {t} {apart}, {shift}")
        return pointer, apart

    def _settle_places(self, k: int, scope: Scope, p: int) -> None:
        """Scalar places known by now go into the access's pointer."""
        w = self.w
        for n, place in enumerate(self.accesses[k].at):
            if (k, n) in scope.placed or self.level.get(place.node, 0) > p or self._is_wide(place.node):
                continue
            index = scope.scalar.scalar(place.node)
            inside = w.emit(f"icmp ult i64 {index}, {place.length}")
            self._report(inside)
            index = w.emit(f"select i1 {inside}, i64 {index}, i64 0")
            scope.pointers[k] = self.memory.place(scope.pointers[k], self.accesses[k].dtype, index, place.stride)
            scope.placed |= {(k, n)}

    def _report(self, inside: str) -> None:
        w = self.w
        old = w.emit(f"load i32, ptr {self.status}")
        w.lines.append(f" store i32 {w.emit(f'select i1 {inside}, i32 {old}, i32 1')}, ptr {self.status}")

    def _write(self, k: int, scope: Scope, values: Sequence[str]) -> None:
        """Set the elements of store `k`, or combine with what they hold."""
        if not scope.copies:
            self._write_scalar(k, scope, values[0])
            return
        s, n = self.nest.stores[k], len(self.nest.loads) + k
        a, body = s.access, self.graph.types[s.value].dtype
        m, mask = self.memory, scope.mask
        for u, value in enumerate(values):
            pointer, apart = self._vector_place(n, scope, u)
            if apart is None:
                if self.updates(k):
                    value = combine(self.wide, s.how, body, m.load_row(pointer, a.dtype, body, mask), value)
                m.store_row(pointer, a.dtype, body, value, mask)
            else:
                pointers = m.addresses(pointer, a.dtype, apart)
                if self.updates(k):
                    value = combine(self.wide, s.how, body, m.gather(pointers, a.dtype, body, mask), value)
                m.scatter(pointers, a.dtype, body, value, mask)

    def _write_scalar(self, k: int, scope: Scope, value: str) -> None:
        s, n = self.nest.stores[k], len(self.nest.loads) + k
        body = self.graph.types[s.value].dtype
        if self.updates(k):
            old = self.memory.load(scope.pointers[n], s.access.dtype, body)
            value = combine(self.w, s.how, body, old, value)
        self.memory.store(scope.pointers[n], s.access.dtype, body, value)

    def updates(self, k: int) -> bool:
        """Whether store `k` adds to memory: it keeps what is there, or comes to its elements more than once."""
        return adds_to_memory(self.order, self.nest.stores[k])

    # --- loops -------------------------------------------------------------------------------------------------

    def _loop(self, p: int, scope: Scope, sums: Sums) -> Sums:
        loop = self.loops[p]
        n = self.nest.sizes[loop.axis]
        low, high = scope.ranges.get(loop.axis) or (("%first", "%last") if loop.axis == self.split else ("0", str(n)))
        if loop.chunk:
            return self._chunks(p, scope, sums, low, high)
        if loop.unroll:
            for j in range(n):
                sums = self._level(p + 1, self._entered(p, scope, str(j)), sums)
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
        fresh = {k: ([self._zero(k)] * len(v) if k in which else v) for k, v in sums.items()}
        done = run(fresh)
        w = self.wide if self.vector is not None else self.w
        for k in which:
            dtype = self.graph.types[self.nest.stores[k].value].dtype
            done[k] = [combine(w, "add", dtype, a, b) for a, b in zip(sums[k], done[k], strict=True)]
        return done

    def _zero(self, k: int) -> str:
        w = self.wide if self.vector is not None else self.w
        return w.constant(0, self.graph.types[self.nest.stores[k].value].dtype)

    def _chunks(self, p: int, scope: Scope, sums: Sums, low: str, high: str) -> Sums:
        loop, w = self.loops[p], self.w
        cascades = self._cascades(p)

        def body(index: str, inner: Sums) -> Sums:
            end = _plus(w, index, loop.chunk)
            if not high.isdigit() or int(high) % loop.chunk or low != "0":
                more = w.emit(f"icmp slt i64 {end}, {high}")
                end = w.emit(f"select i1 {more}, i64 {end}, i64 {high}")
            ranges = scope.ranges | {loop.axis: (index, end)}
            own = Scope(
                self._forked(scope.scalar),
                [self._forked(c) for c in scope.copies],
                list(scope.pointers),
                dict(scope.index),
                ranges,
                scope.placed,
                scope.mask,
            )
            return self._cascade(cascades, inner, lambda s: self._level(p + 1, own, s))

        return self._while(low, high, str(loop.chunk), sums, body)

    def _vectors(self, p: int, scope: Scope, sums: Sums, low: str, high: str) -> Sums:
        """Whole blocks of vectors, then vectors one by one, the last of them masked."""
        w, wide, copies = self.w, self.wide, self.order.copies
        block = copies * wide.width
        before = Values(wide, self.graph, self.status, lambda i: spread(wide, scope.scalar.scalar(i), self._dtype(i)))
        for i in self._steady():
            _ = before[i]
        known = low == "0" and high.isdigit()
        if known:
            whole, left = str(int(high) // block * block), int(high) % block
        else:
            count = w.emit(f"sub i64 {high}, {low}")
            whole = _plus(w, low, w.emit(f"and i64 {count}, {-block}"))
            left = block - 1

        def vectors(count: int, masked: bool) -> Callable[[str, Sums], Sums]:
            def body(index: str, inner: Sums) -> Sums:
                mask = self._mask(index, high) if masked else None
                own = self._entered(p, scope, index)
                own.mask = mask
                own.copies = [self._inside(own, before) for _ in range(count)]
                return self._level(p + 1, own, inner)

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
            if self._is_wide(i):
                needed |= {a for a in g.args[i] if self.level.get(a, p + 1) <= p}
        for s in self.nest.stores:
            if self.level.get(s.value, p + 1) <= p:
                needed.add(s.value)
        return sorted(needed)

    def _dtype(self, i: int) -> str:
        return self.graph.types[i].dtype

    def _mask(self, index: str, high: str) -> str:
        """The lanes from `index` on that are below `high`."""
        w = self.wide
        if index.isdigit() and high.isdigit():
            return (
                "<" + ", ".join(f"i1 {'true' if int(index) + k < int(high) else 'false'}" for k in range(w.width)) + ">"
            )
        left = self.w.emit(f"sub i64 {high}, {index}")
        return w.emit(f"icmp slt {w.spelled['i64']} {lanes(w)}, {spread(w, left, 'int64')}")

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

    def _entered(self, p: int, scope: Scope, index: str) -> Scope:
        """Inside loop `p`, at `index`."""
        axis = self.loops[p].axis
        pointers = [
            self.memory.place(at, a.dtype, index, a.strides[axis])
            for at, a in zip(scope.pointers, self.accesses, strict=True)
        ]
        own = Scope(self._forked(scope.scalar), [], pointers, scope.index | {axis: index}, scope.ranges)
        own.placed, own.mask = scope.placed, scope.mask
        own.copies = [self._deeper(own, c) for c in scope.copies]
        return own

    def _deeper(self, own: Scope, copy: Values) -> Values:
        """A copy's values inside a further loop."""

        def outside(i: int) -> str:
            if self._is_wide(i) or self.level.get(i, 0) <= (self.vector or 0):
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

    def _sum_type(self, k: int) -> str:
        dtype = self._dtype(self.nest.stores[k].value)
        return (self.w if self.vector is None else self.wide).type(dtype)


def begin(order: Order, s: Store) -> int:
    """The loop from which inwards store `s` reduces all: there its accumulators live in registers."""
    p = len(order.loops)
    if s.how != "set" and not s.access.at:
        while p and not s.access.strides[order.loops[p - 1].axis]:
            p -= 1
    return p


def adds_to_memory(order: Order, s: Store) -> bool:
    """Whether what a store puts is combined with what is there."""
    if s.how == "set":
        return False
    return s.keep or any(not s.access.strides[loop.axis] for loop in order.loops[: begin(order, s)])


def _plus(w: Writer, a: str, b: int | str) -> str:
    if a == "0":
        return str(b)
    if a.isdigit() and str(b).isdigit():
        return str(int(a) + int(b))
    return w.emit(f"add i64 {a}, {b}")


def _nowhere(i: int) -> str:
    raise AssertionError(f"node {i} is used before it is computed")
