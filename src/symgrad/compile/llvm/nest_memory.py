"""Reading and writing elements in a nest: scalars, vectors of neighbours, vectors of elements apart."""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.compile.llvm.body import broadcast
from symgrad.compile.llvm.writer import REALS, SIZES, Writer

_SHORT = {"double": "f64", "float": "f32", "i64": "i64", "i8": "i8"}


def memory_type(dtype: str) -> str:
    """LLVM's type of an element in memory."""
    return {"bool": "i8", "int64": "i64"}.get(dtype) or REALS[dtype]


class Memory:
    """Loads and stores of the function that `writer` (scalars) and `wide` (vectors) write."""

    def __init__(self, writer: Writer, wide: Writer) -> None:
        self.writer = writer
        self.wide = wide

    def place(self, pointer: str, dtype: str, index: str, stride: int = 1) -> str:
        """The address `index * stride` elements on."""
        w = self.writer
        if index == "0" or stride == 0:
            return pointer
        if not index.startswith("%"):
            index, stride = str(int(index) * stride), 1
        if stride != 1:
            index = w.emit(f"mul i64 {index}, {stride}")
        return w.emit(f"getelementptr {memory_type(dtype)}, ptr {pointer}, i64 {index}")

    def load(self, pointer: str, dtype: str, body: str) -> str:
        """One element, as the body's dtype."""
        t = memory_type(dtype)
        return self._taken(self.writer, self.writer.emit(f"load {t}, ptr {pointer}, align {SIZES[dtype]}"), dtype, body)

    def store(self, pointer: str, dtype: str, body: str, value: str) -> None:
        """One element."""
        w = self.writer
        value = self._given(w, value, dtype, body)
        w.lines.append(f" store {memory_type(dtype)} {value}, ptr {pointer}, align {SIZES[dtype]}")

    def load_row(self, pointer: str, dtype: str, body: str, mask: str | None) -> str:
        """Neighbours, one per lane; where `mask` is unset nothing is read."""
        w = self.wide
        t = memory_type(dtype)
        v = f"<{w.width} x {t}>"
        if mask is None:
            return self._taken(w, w.emit(f"load {v}, ptr {pointer}, align {SIZES[dtype]}"), dtype, body)
        name = f"@llvm.masked.load.v{w.width}{_SHORT[t]}.p0"
        truth = f"<{w.width} x i1>"
        w.module.declarations.add(f"declare {v} {name}(ptr, i32, {truth}, {v})")
        call = f"call {v} {name}(ptr {pointer}, i32 {SIZES[dtype]}, {truth} {mask}, {v} zeroinitializer)"
        return self._taken(w, w.emit(call), dtype, body)

    def store_row(self, pointer: str, dtype: str, body: str, value: str, mask: str | None) -> None:
        """Neighbours, one per lane; where `mask` is unset nothing is written."""
        w = self.wide
        t = memory_type(dtype)
        v = f"<{w.width} x {t}>"
        value = self._given(w, value, dtype, body)
        if mask is None:
            w.lines.append(f" store {v} {value}, ptr {pointer}, align {SIZES[dtype]}")
            return
        name = f"@llvm.masked.store.v{w.width}{_SHORT[t]}.p0"
        truth = f"<{w.width} x i1>"
        w.module.declarations.add(f"declare void {name}({v}, ptr, i32, {truth})")
        w.lines.append(f" call void {name}({v} {value}, ptr {pointer}, i32 {SIZES[dtype]}, {truth} {mask})")

    def addresses(self, pointer: str, dtype: str, lanes: str) -> str:
        """An address per lane: `lanes` is a vector of elements on from `pointer`."""
        w = self.wide
        return w.emit(f"getelementptr {memory_type(dtype)}, ptr {pointer}, <{w.width} x i64> {lanes}")

    def gather(self, pointers: str, dtype: str, body: str, mask: str | None) -> str:
        w = self.wide
        t = memory_type(dtype)
        v, truth = f"<{w.width} x {t}>", f"<{w.width} x i1>"
        name = f"@llvm.masked.gather.v{w.width}{_SHORT[t]}.v{w.width}p0"
        w.module.declarations.add(f"declare {v} {name}(<{w.width} x ptr>, i32, {truth}, {v})")
        where = mask or "splat (i1 true)"
        call = (
            f"call {v} {name}(<{w.width} x ptr> {pointers}, i32 {SIZES[dtype]}, {truth} {where}, {v} zeroinitializer)"
        )
        return self._taken(w, w.emit(call), dtype, body)

    def scatter(self, pointers: str, dtype: str, body: str, value: str, mask: str | None) -> None:
        w = self.wide
        t = memory_type(dtype)
        v, truth = f"<{w.width} x {t}>", f"<{w.width} x i1>"
        value = self._given(w, value, dtype, body)
        name = f"@llvm.masked.scatter.v{w.width}{_SHORT[t]}.v{w.width}p0"
        w.module.declarations.add(f"declare void {name}({v}, <{w.width} x ptr>, i32, {truth})")
        where = mask or "splat (i1 true)"
        w.lines.append(
            f" call void {name}({v} {value}, <{w.width} x ptr> {pointers}, i32 {SIZES[dtype]}, {truth} {where})"
        )

    def _taken(self, w: Writer, value: str, dtype: str, body: str) -> str:
        """From memory's dtype to the body's."""
        if dtype == body and dtype != "bool":
            return value
        if dtype == "bool":
            return w.emit(f"icmp ne {_spelled(w, 'i8')} {value}, {'0' if w.width == 1 else 'zeroinitializer'}")
        how = "fpext" if dtype == "float32" else "fptrunc"
        return w.emit(f"{how} {_spelled(w, REALS[dtype])} {value} to {w.real}")

    def _given(self, w: Writer, value: str, dtype: str, body: str) -> str:
        """From the body's dtype to memory's."""
        if dtype == body and dtype != "bool":
            return value
        if dtype == "bool":
            return w.emit(f"zext {w.spelled['i1']} {value} to {_spelled(w, 'i8')}")
        how = "fptrunc" if dtype == "float32" else "fpext"
        return w.emit(f"{how} {w.real} {value} to {_spelled(w, REALS[dtype])}")


def _spelled(w: Writer, t: str) -> str:
    return t if w.width == 1 else f"<{w.width} x {t}>"


def combine(w: Writer, how: str, dtype: str, a: str, b: str) -> str:
    """`a` and `b` reduced by `how`; in the dtype of the body. NaN stays NaN in max and min."""
    t = w.type(dtype)
    if dtype == "bool":
        return w.emit(f"{'and' if how in ('min', 'multiply') else 'or'} {t} {a}, {b}")
    if dtype == "int64":
        if how in ("add", "multiply"):
            return w.emit(f"{'add' if how == 'add' else 'mul'} {t} {a}, {b}")
        better = w.emit(f"icmp {'sgt' if how == 'max' else 'slt'} {t} {a}, {b}")
        return w.emit(f"select {w.spelled['i1']} {better}, {t} {a}, {t} {b}")
    if how in ("add", "multiply"):
        flags = "contract " if w.module.fused else ""
        return w.emit(f"{'fadd' if how == 'add' else 'fmul'} {flags}{t} {a}, {b}")
    better = w.emit(f"fcmp {'ogt' if how == 'max' else 'olt'} {t} {a}, {b}")
    odd = w.emit(f"fcmp uno {t} {a}, {a}")
    first = w.emit(f"or {w.spelled['i1']} {better}, {odd}")
    return w.emit(f"select {w.spelled['i1']} {first}, {t} {a}, {t} {b}")


def across(wide: Writer, how: str, dtype: str, value: str) -> str:
    """All lanes of a vector reduced to one scalar, by halves."""
    t = wide.type(dtype)
    n = wide.width
    half = n // 2
    while half:
        lanes = ", ".join(f"i32 {(k + half) % n}" for k in range(n))
        turned = wide.emit(f"shufflevector {t} {value}, {t} poison, <{n} x i32> <{lanes}>")
        value = combine(wide, how, dtype, value, turned)
        half //= 2
    return wide.emit(f"extractelement {t} {value}, i32 0")


def total(w: Writer, how: str, dtype: str, values: Sequence[str]) -> str:
    """Several values reduced to one, in pairs."""
    while len(values) > 1:
        pairs = [combine(w, how, dtype, a, b) for a, b in zip(values[::2], values[1::2], strict=False)]
        values = [*pairs, *values[len(pairs) * 2 :]]
    return values[0]


def lanes(w: Writer, step: int = 1) -> str:
    """The vector 0, step, 2*step, ..."""
    return "<" + ", ".join(f"i64 {k * step}" for k in range(w.width)) + ">"


def spread(w: Writer, x: str, dtype: str) -> str:
    """A scalar in every lane."""
    return x if w.width == 1 else broadcast(w, x, dtype)


def lane_index(wide: Writer, first: str, u: int) -> str:
    """The index along the vectorised axis of each lane of copy `u`, where the first lane's is `first`."""
    steps = "<" + ", ".join(f"i64 {k + u * wide.width}" for k in range(wide.width)) + ">"
    if first == "0":
        return steps
    return wide.emit(f"add {wide.spelled['i64']} {spread(wide, first, 'int64')}, {steps}")


def mask_below(w: Writer, wide: Writer, index: str, high: str) -> str:
    """The lanes from `index` on that are below `high`."""
    if index.isdigit() and high.isdigit():
        truths = ["true" if int(index) + k < int(high) else "false" for k in range(wide.width)]
        return "<" + ", ".join(f"i1 {truth}" for truth in truths) + ">"
    left = w.emit(f"sub i64 {high}, {index}")
    return wide.emit(f"icmp slt {wide.spelled['i64']} {lanes(wide)}, {spread(wide, left, 'int64')}")


def plus(w: Writer, a: str, b: int | str) -> str:
    """a + b of int64, worked out where both are numbers."""
    if a == "0":
        return str(b)
    if a.isdigit() and str(b).isdigit():
        return str(int(a) + int(b))
    return w.emit(f"add i64 {a}, {b}")
