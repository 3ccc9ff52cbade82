"""The elements that a nest's accesses mean at one place of its code: addresses, loads, stores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from symgrad.compile.llvm.body import Values
from symgrad.compile.llvm.nest_memory import Memory, combine, lanes
from symgrad.compile.llvm.nest_order import Order, adds_to_memory
from symgrad.compile.llvm.nest_tiles import Tile, apart, together, transposed
from symgrad.compile.llvm.writer import Writer
from symgrad.compile.nest import Access, input_of
from symgrad.graph import INPUT

Tiles = dict[int, list[str]]
"""Where a tile starts -> its vectors."""
Waiting = dict[int, dict[int, str]]
"""Where a tile starts -> its vectors so far, by position."""


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
    whole: frozenset[int] = frozenset()  # axes within a whole tile
    tile: dict[int, int] = field(default_factory=dict)  # the place in its tile, of unrolled axes
    outer: list[str] = field(default_factory=list)  # the pointers where the vectors begin
    tiles: dict[int, list[Tiles]] = field(default_factory=dict)  # loaded: access -> per copy
    waiting: dict[int, list[Waiting]] = field(default_factory=dict)  # to be stored: access -> per copy


class Elements:
    """Writes the loads and stores of `order`'s nest. level: of every node, loops that it changes with."""

    def __init__(self, order: Order, w: Writer, wide: Writer, level: dict[int, int]) -> None:
        self.order, self.nest, self.graph = order, order.nest, order.nest.body
        self.w, self.wide, self.level = w, wide, level
        self.memory = Memory(w, wide)
        self.accesses: list[Access] = [*self.nest.loads, *(s.access for s in self.nest.stores)]
        self.axis = None if order.vector is None else order.loops[order.vector].axis
        self.read: dict[int, str] = {}
        """The loads that the body uses, and what it takes them for."""
        for i in level:
            if self.graph.ops[i] is INPUT:
                kind, k = input_of(self.graph, i)
                if kind == "x":
                    self.read[k] = self.graph.types[i].dtype
        self.status = ""

    def is_wide(self, i: int) -> bool:
        """Whether node `i` differs from lane to lane."""
        return self.axis in self.order.dependence[i]

    def base(self, scope: Scope) -> None:
        """Where every access begins."""
        w = self.w
        self.status = w.reserve("i32")
        w.lines.append(f" store i32 0, ptr {self.status}")
        buffers = {a.buffer: "" for a in self.accesses}
        for k in buffers:
            buffers[k] = w.emit(f"load ptr, ptr {w.emit(f'getelementptr ptr, ptr %table, i64 {k}')}")
        scope.pointers = [self.memory.place(buffers[a.buffer], a.dtype, str(a.offset)) for a in self.accesses]

    # --- tiles -------------------------------------------------------------------------------------------------

    def open(self, scope: Scope) -> None:
        """At the beginning of whole vectors: load the tiles, make room for those to be stored."""
        scope.outer = list(scope.pointers)
        for k in range(len(self.accesses)):
            tile = self._tile(k, scope)
            if tile is None:
                continue
            if k in self.read:
                scope.tiles[k] = [{} for _ in scope.copies]
                if not tile.extra:  # else where they are wanted: they are many
                    for u in range(len(scope.copies)):
                        self._loaded(k, tile, scope, u, self.read[k])
            elif k >= len(self.nest.loads):
                scope.tiles[k] = [{} for _ in scope.copies]
                scope.waiting[k] = [{} for _ in scope.copies]

    def close(self, scope: Scope) -> None:
        """At the end of whole vectors: what waited goes to memory."""
        for k, copies in scope.waiting.items():
            tile, a = self._tile(k, scope), self.accesses[k]
            assert tile is not None
            body = self.graph.types[self.nest.stores[k - len(self.nest.loads)].value].dtype
            for u, waiting in enumerate(copies):
                for start, found in waiting.items():
                    vectors = [found[j] for j in range(tile.count)]
                    turned = (together if tile.packed else transposed)(self.wide, body, vectors)
                    for n, vector in enumerate(turned):
                        self.memory.store_row(self._row(k, tile, scope, u, start, n), a.dtype, body, vector, None)

    def _tile(self, k: int, scope: Scope) -> Tile | None:
        tile = self.order.tiles[k]
        return tile if tile is not None and (tile.packed or tile.axes[0][0] in scope.whole) else None

    def _loaded(self, k: int, tile: Tile, scope: Scope, u: int, body: str) -> list[str]:
        """The vectors of the tile that the scope is in, loaded the first time."""
        start, known, dtype = tile.start(scope.tile), scope.tiles[k][u], self.accesses[k].dtype
        if start not in known:
            places = [self._row(k, tile, scope, u, start, n) for n in range(tile.count)]
            rows = [self.memory.load_row(place, dtype, body, None) for place in places]
            known[start] = (apart if tile.packed else transposed)(self.wide, body, rows)
        return known[start]

    def _row(self, k: int, tile: Tile, scope: Scope, u: int, start: int, n: int) -> str:
        """Where vector `n` of a tile lies in memory."""
        a, width = self.accesses[k], self.wide.width
        assert self.axis is not None
        step = a.strides[self.axis]
        if tile.packed:
            return self.memory.place(scope.outer[k], a.dtype, str(u * width * step + start + n * width))
        first = self.memory.place(scope.outer[k], a.dtype, scope.ranges[tile.axes[0][0]][0])
        return self.memory.place(first, a.dtype, str((u * width + n) * step + start))

    # --- loads and stores --------------------------------------------------------------------------------------

    def load(self, i: int, k: int, scope: Scope) -> None:
        """Input `i` of the body from access `k`."""
        a = self.accesses[k]
        self.settle(k, scope, self.level[i])
        body = self.graph.types[i].dtype
        if not self.is_wide(i):
            scope.scalar.known[i] = self.memory.load(scope.pointers[k], a.dtype, body)
            return
        tile = self.order.tiles[k]
        if tile is not None and k in scope.tiles:
            for u, values in enumerate(scope.copies):
                values.known[i] = self._loaded(k, tile, scope, u, body)[tile.position(scope.tile)]
            return
        for u, values in enumerate(scope.copies):
            pointer, apart = self._lanes(k, scope, u)
            if apart is None:
                values.known[i] = self.memory.load_row(pointer, a.dtype, body, scope.mask)
            else:
                pointers = self.memory.addresses(pointer, a.dtype, apart)
                values.known[i] = self.memory.gather(pointers, a.dtype, body, scope.mask)

    def write(self, n: int, scope: Scope, values: Sequence[str]) -> None:
        """Set the elements of store `n`, or combine with what they hold."""
        if not scope.copies:
            self.write_scalar(n, scope, values[0])
            return
        s, k = self.nest.stores[n], len(self.nest.loads) + n
        a, body = s.access, self.graph.types[s.value].dtype
        tile = self.order.tiles[k]
        m, mask, updates = self.memory, scope.mask, adds_to_memory(self.order, s)
        if tile is not None and k in scope.waiting:
            start, j = tile.start(scope.tile), tile.position(scope.tile)
            for u, value in enumerate(values):
                found = scope.waiting[k][u].setdefault(start, {})
                if updates:
                    old = found[j] if j in found else self._loaded(k, tile, scope, u, body)[j]
                    value = combine(self.wide, s.how, body, old, value)
                found[j] = value
            return
        for u, value in enumerate(values):
            pointer, apart = self._lanes(k, scope, u)
            if apart is None:
                if updates:
                    value = combine(self.wide, s.how, body, m.load_row(pointer, a.dtype, body, mask), value)
                m.store_row(pointer, a.dtype, body, value, mask)
            else:
                pointers = m.addresses(pointer, a.dtype, apart)
                if updates:
                    value = combine(self.wide, s.how, body, m.gather(pointers, a.dtype, body, mask), value)
                m.scatter(pointers, a.dtype, body, value, mask)

    def write_scalar(self, n: int, scope: Scope, value: str) -> None:
        """One element of store `n`."""
        s, k = self.nest.stores[n], len(self.nest.loads) + n
        body = self.graph.types[s.value].dtype
        if adds_to_memory(self.order, s):
            old = self.memory.load(scope.pointers[k], s.access.dtype, body)
            value = combine(self.w, s.how, body, old, value)
        self.memory.store(scope.pointers[k], s.access.dtype, body, value)

    # --- addresses ---------------------------------------------------------------------------------------------

    def _lanes(self, k: int, scope: Scope, u: int) -> tuple[str, str | None]:
        """Where copy `u` of an access lies: (first lane's address, None), or (an address, elements on per lane)."""
        a, w = self.accesses[k], self.wide
        assert self.axis is not None
        stride = a.strides[self.axis]
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
            whole = w.emit(f"bitcast {w.spelled['i1']} {checked} to i{w.width}")
            self._report(w.emit(f"icmp eq i{w.width} {whole}, -1"))
            index = w.emit(f"select {w.spelled['i1']} {inside}, {t} {index}, {t} {w.constant(0, 'int64')}")
            shift = w.emit(f"mul {t} {index}, {w.constant(place.stride, 'int64')}") if place.stride != 1 else index
            if apart is None and stride == 1:
                apart = lanes(w)
            apart = shift if apart is None else w.emit(f"add {t} {apart}, {shift}")
        return pointer, apart

    def settle(self, k: int, scope: Scope, p: int) -> None:
        """Scalar places that are known inside `p` loops go into the access's pointer."""
        w = self.w
        for n, place in enumerate(self.accesses[k].at):
            if (k, n) in scope.placed or self.level.get(place.node, 0) > p or self.is_wide(place.node):
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
