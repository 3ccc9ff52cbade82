"""A function as a module of LLVM IR: straight-line code in functions of at most `CHUNK` operations.

Code generation takes more than linear time on long functions, so they are split; what one part leaves for
another stands in slots of a workspace, which are used again. `one` evaluates one point, `batch` many: a
vector of points at once where the function has scalars only, else one after the other.

    i32 @one(ptr in, ptr arrays, ptr lengths, ptr out)
        in: the scalar inputs, 8 bytes each; arrays: pointers to the array inputs' data, C order; lengths: of
        every axis of every array input, one after the other; out: the outputs, each at `Kernel.offsets`, C order.
        1 where an index was outside its array, else 0.
    i32 @batch(ptr in, ptr in_steps, ptr lengths, ptr out, ptr out_steps, ptr work, i64 first, i64 last)
        the points first, ..., last - 1. in: a pointer per input; out: a pointer per cell, a scalar of the
        outputs that is no constant (those the caller writes). Steps from point to point in bytes, 0 for the
        same value at all.
        work: `Kernel.work` bytes, aligned to 64, for this call alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from symgrad.compile.llvm.batch import by_point, by_vector
from symgrad.compile.llvm.body import FOLD, GATHER, STACK, Array, Value, Values, refuse_arrays
from symgrad.compile.llvm.vector_math import functions
from symgrad.compile.llvm.writer import SIZES, Module, Writer, has
from symgrad.compile.lower import lower
from symgrad.errors import UnsupportedError
from symgrad.graph import CONST, INPUT, Graph, Type

CHUNK = 400
STORE = 4  # operations that a result counts as: LLVM's scheduler compares every store with every other
ON_STACK = 65536  # bytes of workspace that a call for one point takes from the stack


# a batch's results never overlap its arguments: loads and stores need not wait for one another
_INPUT, _OUTPUT = "!alias.scope !3, !noalias !4", "!alias.scope !4, !noalias !3"
_SCOPES = "!0 = distinct !{!0}\n!1 = distinct !{!1, !0}\n!2 = distinct !{!2, !0}\n!3 = !{!1}\n!4 = !{!2}"


Delivery = tuple[int, int, int]
"""A node, its cell, its place in `out`."""


@dataclass(frozen=True)
class Program:
    """What is compiled: operations that the back end has, one dtype of floats, inputs and outputs."""

    graph: Graph
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    dtype: str

    @property
    def in_types(self) -> list[Type]:
        return [self.graph.types[i] for i in self.inputs]

    @property
    def out_types(self) -> list[Type]:
        return [self.graph.types[o] for o in self.outputs]

    @property
    def cells(self) -> list[int]:
        """The nodes of every scalar of the outputs, in order."""
        g = self.graph
        return [c for o in self.outputs for c in (g.args[o] if g.ops[o] is STACK else (o,))]

    @property
    def vectorises(self) -> bool:
        """Whether points can share a vector: floats in, no loops, no integers."""
        g = self.graph
        live = g.reach(self.outputs)
        return all(not g.types[i].shape and g.types[i].dtype == self.dtype for i in self.inputs) and not any(
            n and (g.ops[i] is FOLD or g.ops[i] is GATHER or g.types[i].dtype == "int64") for i, n in enumerate(live)
        )


@dataclass(frozen=True)
class Kernel:
    """IR text and what a caller must know."""

    text: str
    width: int  # points that share a vector in `batch`
    work: int
    offsets: tuple[int, ...]  # of each output in `out`, bytes
    size: int  # of `out`, bytes
    constants: dict[int, int]  # cells that `batch` leaves to its caller, counted over all outputs -> constant node


def prepare(graph: Graph, inputs: Sequence[int], outputs: Sequence[int]) -> Program:
    """The program of a graph. UnsupportedError, naming the operation, for what this back end has not."""
    dtypes = {t.dtype for t in (*(graph.types[i] for i in inputs), *(graph.types[o] for o in outputs))}
    dtypes -= {"bool", "int64"}
    if len(dtypes) > 1:
        raise UnsupportedError("the native back end runs one dtype of floats at a time, this function mixes two")
    refuse_arrays(graph, outputs)
    for o in outputs:
        if graph.ops[o] is INPUT and graph.types[o].shape:
            raise UnsupportedError(f"{graph.attrs[o][0]}, an array, is given back as it is")
    lowered, roots = lower(graph, outputs, has, "native")
    places = tuple([lowered.input(*graph.attrs[i]) for i in inputs])
    return Program(lowered, places, tuple(roots), dtypes.pop() if dtypes else "float64")


class Layout:
    """Where the inputs, the outputs and what crosses from part to part stand."""

    def __init__(self, program: Program) -> None:
        g = program.graph
        self.program = program
        types = program.in_types
        self.scalars = [k for k, t in enumerate(types) if not t.shape]
        self.arrays = [k for k, t in enumerate(types) if t.shape]
        place = {k: n for part in (self.scalars, self.arrays) for n, k in enumerate(part)}
        self.input_at = {i: place[k] for k, i in enumerate(program.inputs)}
        self.lengths_at: dict[int, int] = {}
        count = 0
        for i in program.inputs:
            self.lengths_at[i] = count
            count += len(g.types[i].shape)
        self.cells_of: dict[int, list[tuple[int, int]]] = {}  # node -> its cells and their places in `out`
        self.cells: list[tuple[int, int]] = []  # place in `out` and size of every cell that is computed
        self.constants: dict[int, int] = {}  # cells, counted over all outputs, that are constant nodes
        self.zeros = 0  # cells that are the constant 0, which `one` clears all at once
        self.offsets: list[int] = []
        fixed: list[Delivery] = []
        copies: list[Delivery] = []
        at = flat = 0
        for node in program.outputs:
            self.offsets.append(at)
            for c in g.args[node] if g.ops[node] is STACK else (node,):
                size = SIZES[g.types[c].dtype]
                if g.ops[c] is CONST:
                    self.constants[flat] = c
                    if _is_zero(g.attrs[c][0]):
                        self.zeros += 1
                    else:
                        fixed.append((c, -1, at))
                else:
                    if g.ops[c] is INPUT:
                        copies.append((c, len(self.cells), at))
                    else:
                        self.cells_of.setdefault(c, []).append((len(self.cells), at))
                    self.cells.append((at, size))
                at += size
                flat += 1
            at += -at % 8
        self.size = at
        self.copies, self.fixed = _few(copies), _few(fixed)
        live = g.reach(set(self.cells_of))
        order = [i for i, n in enumerate(live) if n and g.ops[i] not in (CONST, INPUT, STACK)]
        self.parts: list[list[int]] = [[]]
        room = CHUNK
        for i in order:
            if room <= 0:
                self.parts.append([])
                room = CHUNK
            self.parts[-1].append(i)
            room -= 1 + STORE * len(self.cells_of.get(i, ()))
        self._assign(g)

    @property
    def steps(self) -> int:
        """Parts that a point takes; those of the constants come after them, in `one` alone."""
        return len(self.parts) + len(self.copies)

    def _assign(self, g: Graph) -> None:
        """Slots for values that a later part reads; free again after the last one that does."""
        part_of = {i: p for p, part in enumerate(self.parts) for i in part}
        last: dict[int, int] = {}
        for p, part in enumerate(self.parts):
            for i in part:
                for a in _scalars_read(g, i):
                    if part_of.get(a, p) < p:
                        last[a] = p
        ending: list[list[int]] = [[] for _ in self.parts]
        for i, p in last.items():
            ending[p].append(i)
        self.slot: dict[int, int] = {}
        free: list[int] = []
        self.slots = 0
        for p, part in enumerate(self.parts):
            for i in part:
                if i in last:
                    if free:
                        self.slot[i] = free.pop()
                    else:
                        self.slot[i] = self.slots
                        self.slots += 1
            free += [self.slot[i] for i in ending[p]]


def _few(deliveries: Sequence[Delivery]) -> list[Sequence[Delivery]]:
    return [deliveries[k : k + CHUNK // STORE] for k in range(0, len(deliveries), CHUNK // STORE)]


def _is_zero(value: Any) -> bool:
    """Whether its bits are all 0, in every dtype."""
    return not isinstance(value, str) and value == 0 and math.copysign(1.0, value) > 0


def _scalars_read(g: Graph, i: int) -> list[int]:
    """The scalar nodes that node `i` reads, those packed into arrays too."""
    out = []
    for a in g.args[i]:
        out += g.args[a] if g.ops[a] is STACK else [a]
    return out


def kernel(program: Program, width: int, fused: bool, with_batch: bool = True) -> Kernel:
    """The module of `program`. width: lanes of the target's vectors; fused: whether it has a multiply-add."""
    layout = Layout(program)
    module = Module(program.dtype, fused)
    if not program.vectorises or not with_batch:
        width = 1
    parts = _parts(layout, module, 1, "one")
    if width > 1:
        parts += _parts(layout, module, width, "vector")
    maths = functions(sorted(module.maths), fused)
    declared = {line[line.index("@") : line.index("(")]: line for line in module.declarations if "(" in line}
    declared |= {line.split(" ")[0]: line for line in module.declarations if "(" not in line}
    declared |= {"@malloc": "declare ptr @malloc(i64)", "@free": "declare void @free(ptr)"}
    texts = [_SCOPES, *(declared | maths).values(), *parts, _one(layout)]
    work = 0
    if with_batch:
        driver = by_vector(layout, width) if width > 1 else by_point(layout)
        texts.append(driver.text)
        work = driver.work
    return Kernel("\n".join(texts) + "\n", width, work, tuple(layout.offsets), layout.size, layout.constants)


def _parts(layout: Layout, module: Module, width: int, prefix: str) -> list[str]:
    """`void @<prefix>.<p>(in, arrays, lengths, out, slots)` for every part; for vectors see `by_vector`."""
    more = [*layout.copies, *(layout.fixed if width == 1 else [])]
    return [_part(layout, module, width, prefix, p, more) for p in range(len(layout.parts) + len(more))]


def _part(layout: Layout, module: Module, width: int, prefix: str, p: int, more: Sequence[Sequence[Delivery]]) -> str:
    g = layout.program.graph
    w = Writer(module, width)

    def place(base: str, offset: int) -> str:
        return w.emit(f"getelementptr i8, ptr {base}, i64 {offset}") if offset else base

    def column(table: str, k: int) -> str:
        return w.emit(f"getelementptr i8, ptr {w.emit(f'load ptr, ptr {place(table, 8 * k)}')}, i64 %shift")

    def outside(i: int) -> Value:
        type = g.types[i]
        t = w.type(type.dtype)
        if g.ops[i] is not INPUT:
            return w.emit(f"load {t}, ptr {place('%slots', 64 + 8 * width * layout.slot[i])}, align 8")
        k = layout.input_at[i]
        if type.shape:
            data = w.emit(f"load ptr, ptr {place('%arrays', 8 * k)}")
            return Array(data, _lengths(w, type, layout.lengths_at[i]), type.dtype)
        if width > 1:
            return w.emit(f"load {t}, ptr {column('%in', k)}, align {SIZES[type.dtype]}, {_INPUT}")
        at = place("%in", 8 * k)
        if type.dtype == "bool":
            return w.emit(f"icmp ne i8 {w.emit(f'load i8, ptr {at}')}, 0")
        return w.emit(f"load {t}, ptr {at}, align 8")

    values = Values(w, g, "%slots", outside)

    def deliver(i: int, cell: int, offset: int) -> None:
        value, dtype = values.scalar(i), g.types[i].dtype
        t = w.type(dtype)
        if dtype == "bool":
            t = "i8" if width == 1 else f"<{width} x i8>"
            value = w.emit(f"zext {w.spelled['i1']} {value} to {t}")
        at = f"{column('%out', cell)}" if width > 1 else place("%out", offset)
        about = f", {_OUTPUT}" if width > 1 else ""
        w.lines.append(f" store {t} {value}, ptr {at}, align {SIZES[dtype]}{about}")

    own = layout.parts[p] if p < len(layout.parts) else []
    values.expect(own)
    for i in own:
        values.compute(i)
        if i in layout.slot:
            at = place("%slots", 64 + 8 * width * layout.slot[i])
            w.lines.append(f" store {w.type(g.types[i].dtype)} {values.scalar(i)}, ptr {at}, align 8")
        for cell, offset in layout.cells_of.get(i, ()):
            deliver(i, cell, offset)
    for delivery in more[p - len(layout.parts)] if p >= len(layout.parts) else ():
        deliver(*delivery)
    arguments = (
        "ptr noalias readonly %in, ptr noalias readonly %arrays, ptr noalias readonly %lengths, "
        "ptr noalias %out, ptr noalias %slots"
        if width == 1
        else "ptr noalias readonly %in, ptr noalias readonly %out, ptr noalias %slots, i64 %shift"
    )
    head = f"define internal void @{prefix}.{p}({arguments}) nounwind"
    return "\n".join([head + " {", "entry:", *w.slots, *w.lines, " ret void", "}"])


def _lengths(w: Writer, type: Type, at: int) -> tuple[str, ...]:
    """An array's lengths: numbers where they are fixed, else what the call says."""
    out = []
    for axis, n in enumerate(type.shape):
        if n is None:
            place = w.emit(f"getelementptr i64, ptr %lengths, i64 {at + axis}")
            out.append(w.emit(f"load i64, ptr {place}"))
        else:
            out.append(str(n))
    return tuple(out)


def _one(layout: Layout) -> str:
    size = 64 + 8 * layout.slots
    on_stack = size <= ON_STACK
    calls = "\n".join(
        f" call void @one.{p}(ptr %in, ptr %arrays, ptr %lengths, ptr %out, ptr %slots)"
        for p in range(layout.steps + len(layout.fixed))
    )
    clear = f" call void @llvm.memset.p0.i64(ptr %out, i8 0, i64 {layout.size}, i1 false)\n" if layout.zeros else ""
    return f"""declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
define i32 @one(ptr %in, ptr %arrays, ptr %lengths, ptr %out) nounwind {{
 %slots = {f"alloca [{size} x i8], align 64" if on_stack else f"call ptr @malloc(i64 {size})"}
 store i64 0, ptr %slots
{clear}{calls}
 %status = load i32, ptr %slots
{"" if on_stack else " call void @free(ptr %slots)"}
 ret i32 %status
}}"""
