"""A function as a module of LLVM IR: straight-line code in functions of about `CHUNK` operations.

Code generation takes more than linear time on long functions, so they are split; what one part leaves for
another stands in slots of a workspace, which are used again. `one` evaluates one point, `batch` many: a
vector of points at once where the function has scalars only, else one after the other.

    i32 @one(ptr in, ptr lengths, ptr out)
        in[k]: the data of input k, C order; out[k]: of output k. lengths: of every axis of every array input,
        one after the other. 1 where an index was outside its array, else 0.
    i32 @batch(ptr in, ptr in_steps, ptr lengths, ptr out, ptr out_steps, ptr work, i64 first, i64 last)
        the points first, ..., last - 1. Steps from point to point in bytes, 0 for the same value at all.
        Vectorised: out and out_steps have one item per cell (scalar) of the outputs, else one per output.
        work: `Kernel.work` bytes, aligned to 64, for this call alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from symgrad.compile.llvm.body import FOLD, GATHER, STACK, Array, Value, Values, refuse_arrays
from symgrad.compile.llvm.vector_math import functions
from symgrad.compile.llvm.writer import REALS, Module, Writer, has
from symgrad.compile.lower import lower
from symgrad.errors import UnsupportedError
from symgrad.graph import CONST, INPUT, Graph, Type

CHUNK = 2500
ON_STACK = 65536  # bytes of workspace that a call for one point takes from the stack
SIZES = {"float64": 8, "float32": 4, "int64": 8, "bool": 1}


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
    width: int
    work: int
    vectorised: bool


def prepare(graph: Graph, inputs: Sequence[int], outputs: Sequence[int]) -> Program:
    """The program of a graph. UnsupportedError, naming the operation, for what this back end has not."""
    dtypes = {t.dtype for t in (*(graph.types[i] for i in inputs), *(graph.types[o] for o in outputs))}
    dtypes -= {"bool", "int64"}
    if len(dtypes) > 1:
        raise UnsupportedError("the native back end runs one dtype of floats at a time, this function mixes two")
    refuse_arrays(graph, outputs)
    lowered, roots = lower(graph, outputs, has, "native")
    places = tuple([lowered.input(*graph.attrs[i]) for i in inputs])
    return Program(lowered, places, tuple(roots), dtypes.pop() if dtypes else "float64")


class _Layout:
    """Where the inputs, the outputs and what crosses from part to part stand."""

    def __init__(self, program: Program) -> None:
        g = program.graph
        self.program = program
        self.input_at = {i: k for k, i in enumerate(program.inputs)}
        self.lengths_at: dict[int, int] = {}
        count = 0
        for i in program.inputs:
            self.lengths_at[i] = count
            count += len(g.types[i].shape)
        self.cells_of: dict[int, list[tuple[int, int, int]]] = {}  # node -> (cell, output, place in it)
        cell = 0
        for o, node in enumerate(program.outputs):
            for k, c in enumerate(g.args[node] if g.ops[node] is STACK else (node,)):
                self.cells_of.setdefault(c, []).append((cell, o, k))
                cell += 1
        self.cell_count = cell
        stacks = {o for o in program.outputs if g.ops[o] is STACK}
        live = g.reach(set(self.cells_of))
        order = [i for i, n in enumerate(live) if n and g.ops[i] not in (CONST, INPUT, STACK)]
        self.parts = [order[k : k + CHUNK] for k in range(0, len(order), CHUNK)] or [[]]
        self._assign(g, stacks)

    def _assign(self, g: Graph, stacks: set[int]) -> None:
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


def _scalars_read(g: Graph, i: int) -> list[int]:
    """The scalar nodes that node `i` reads, those packed into arrays too."""
    out = []
    for a in g.args[i]:
        out += g.args[a] if g.ops[a] is STACK else [a]
    return out


def kernel(program: Program, width: int, fused: bool) -> Kernel:
    """The module of `program`. width: lanes of the target's vectors; fused: whether it has a multiply-add."""
    layout = _Layout(program)
    module = Module(program.dtype, fused)
    vectorised = program.vectorises
    texts = [*_parts(layout, module, 1, "one"), _one(layout)]
    if vectorised:
        texts += [*_parts(layout, module, width, "vector"), _vector_batch(layout, width, program.dtype)]
    else:
        texts.append(_point_by_point(layout))
    maths = functions(sorted(module.maths), fused)
    declared = {line[line.index("@") : line.index("(")]: line for line in module.declarations if "(" in line}
    declared |= {line.split(" ")[0]: line for line in module.declarations if "(" not in line}
    declared |= {"@malloc": "declare ptr @malloc(i64)", "@free": "declare void @free(ptr)"}
    text = "\n".join([*(declared | maths).values(), *texts]) + "\n"
    return Kernel(text, width, _work(layout, width) if vectorised else 0, vectorised)


def _parts(layout: _Layout, module: Module, width: int, prefix: str) -> list[str]:
    """`void @<prefix>.<p>(ptr in, ptr lengths, ptr out, ptr slots)` for every part."""
    return [_part(layout, module, width, prefix, p) for p in range(len(layout.parts))]


def _part(layout: _Layout, module: Module, width: int, prefix: str, p: int) -> str:
    g = layout.program.graph
    w = Writer(module, width)
    cell = max(8, SIZES[module.dtype]) * width

    def slot(i: int) -> str:
        return w.emit(f"getelementptr i8, ptr %slots, i64 {64 + layout.slot[i] * cell}")

    def pointer(table: str, k: int) -> str:
        return w.emit(f"load ptr, ptr {w.emit(f'getelementptr ptr, ptr {table}, i64 {k}')}")

    def outside(i: int) -> Value:
        type = g.types[i]
        if g.ops[i] is not INPUT:
            return w.emit(f"load {w.type(type.dtype)}, ptr {slot(i)}")
        place = pointer("%in", layout.input_at[i])
        if not type.shape:
            if type.dtype == "bool":
                return w.emit(f"icmp ne i8 {w.emit(f'load i8, ptr {place}')}, 0")
            align = SIZES[type.dtype]
            return w.emit(f"load {w.type(type.dtype)}, ptr {place}, align {align}")
        lengths = []
        for axis, n in enumerate(type.shape):
            if n is None:
                at = w.emit(f"getelementptr i64, ptr %lengths, i64 {layout.lengths_at[i] + axis}")
                lengths.append(w.emit(f"load i64, ptr {at}"))
            else:
                lengths.append(str(n))
        return Array(place, tuple(lengths), type.dtype)

    values = Values(w, g, "%slots", outside)

    def deliver(i: int) -> None:
        for c, o, k in layout.cells_of.get(i, ()):
            value, dtype = values.scalar(i), g.types[i].dtype
            t = w.type(dtype)
            if dtype == "bool":
                t = "i8" if width == 1 else f"<{width} x i8>"
                value = w.emit(f"zext {w.spelled['i1']} {value} to {t}")
            at = pointer("%out", c if width > 1 else o)
            if width == 1 and k:
                at = w.emit(f"getelementptr {'i8' if dtype == 'bool' else w.element(dtype)}, ptr {at}, i64 {k}")
            w.lines.append(f" store {t} {value}, ptr {at}, align {SIZES[dtype]}")

    values.expect(layout.parts[p])
    for i in layout.parts[p]:
        values.compute(i)
        if i in layout.slot:
            w.lines.append(f" store {w.type(g.types[i].dtype)} {values.scalar(i)}, ptr {slot(i)}")
        deliver(i)
    if p == len(layout.parts) - 1:
        for i in layout.cells_of:
            if g.ops[i] is CONST or g.ops[i] is INPUT:
                deliver(i)
    head = f"define internal void @{prefix}.{p}(ptr %in, ptr %lengths, ptr noalias %out, ptr noalias %slots) nounwind"
    return "\n".join([head + " {", "entry:", *w.slots, *w.lines, " ret void", "}"])


def _one(layout: _Layout) -> str:
    size = 64 + 8 * layout.slots
    on_stack = size <= ON_STACK
    calls = "\n".join(
        f" call void @one.{p}(ptr %in, ptr %lengths, ptr %out, ptr %slots)" for p in range(len(layout.parts))
    )
    return f"""define i32 @one(ptr %in, ptr %lengths, ptr %out) nounwind {{
 %slots = {f"alloca [{size} x i8], align 64" if on_stack else f"call ptr @malloc(i64 {size})"}
 store i64 0, ptr %slots
{calls}
 %status = load i32, ptr %slots
{"" if on_stack else " call void @free(ptr %slots)"}
 ret i32 %status
}}"""


def _work(layout: _Layout, width: int) -> int:
    """Bytes of workspace of the vectorised batch: pointers, staged inputs and cells, slots."""
    rows = len(layout.program.inputs) + layout.cell_count
    return 64 + 8 * width * (rows + layout.slots) + 8 * rows + 64


def _vector_batch(layout: _Layout, width: int, dtype: str) -> str:
    """The loop over blocks of points. A column of neighbours is used in place, others are staged."""
    n_in, n_cells = len(layout.program.inputs), layout.cell_count
    real, size = REALS[dtype], SIZES[dtype]
    row = 8 * width
    staged = 64 + row * layout.slots
    staged_out = staged + row * n_in
    table = staged_out + row * n_cells
    bools = [k for c, cells in layout.cells_of.items() if layout.program.graph.types[c].dtype == "bool"
             for k, _, _ in cells]  # fmt: skip
    mask = ", ".join("i8 1" if k in set(bools) else f"i8 {size}" for k in range(n_cells))
    calls = "\n".join(
        f" call void @vector.{p}(ptr %pin, ptr null, ptr %pout, ptr %work)" for p in range(len(layout.parts))
    )
    return f"""@sizes = internal constant [{n_cells} x i8] [{mask}]
define i32 @batch(ptr %in, ptr %insteps, ptr %lengths, ptr %out, ptr %outsteps, ptr %work, i64 %b0, i64 %b1) nounwind {{
entry:
 %stagein = getelementptr i8, ptr %work, i64 {staged}
 %stageout = getelementptr i8, ptr %work, i64 {staged_out}
 %pin = getelementptr i8, ptr %work, i64 {table}
 %pout = getelementptr ptr, ptr %pin, i64 {n_in}
 br label %block
block:
 %b = phi i64 [%b0, %entry], [%b2, %next]
 %go = icmp slt i64 %b, %b1
 br i1 %go, label %begin, label %end
begin:
 %left = sub i64 %b1, %b
 %whole = icmp sge i64 %left, {width}
 %most = sub i64 %left, 1
 br label %in.head
in.head:
 %k = phi i64 [0, %begin], [%k2, %in.next]
 %in.go = icmp slt i64 %k, {n_in}
 br i1 %in.go, label %in.body, label %run
in.body:
 %in.at = getelementptr ptr, ptr %in, i64 %k
 %base = load ptr, ptr %in.at
 %step.at = getelementptr i64, ptr %insteps, i64 %k
 %step = load i64, ptr %step.at
 %shift = mul i64 %b, %step
 %here = getelementptr i8, ptr %base, i64 %shift
 %dense = icmp eq i64 %step, {size}
 %direct = and i1 %dense, %whole
 %pin.at = getelementptr ptr, ptr %pin, i64 %k
 br i1 %direct, label %in.direct, label %in.stage
in.direct:
 store ptr %here, ptr %pin.at
 br label %in.next
in.stage:
 %stage.k = mul i64 %k, {row}
 %stage = getelementptr i8, ptr %stagein, i64 %stage.k
 store ptr %stage, ptr %pin.at
 br label %lane
lane:
 %l = phi i64 [0, %in.stage], [%l2, %lane]
 %l.least = icmp slt i64 %l, %most
 %l.in = select i1 %l.least, i64 %l, i64 %most
 %l.shift = mul i64 %l.in, %step
 %l.from = getelementptr i8, ptr %here, i64 %l.shift
 %x = load {real}, ptr %l.from, align {size}
 %l.to = getelementptr {real}, ptr %stage, i64 %l
 store {real} %x, ptr %l.to
 %l2 = add i64 %l, 1
 %l.go = icmp slt i64 %l2, {width}
 br i1 %l.go, label %lane, label %in.next
in.next:
 %k2 = add i64 %k, 1
 br label %in.head
run:
 br label %out.head
out.head:
 %c = phi i64 [0, %run], [%c2, %out.body]
 %out.go = icmp slt i64 %c, {n_cells}
 br i1 %out.go, label %out.body, label %compute
out.body:
 %out.at = getelementptr ptr, ptr %out, i64 %c
 %obase = load ptr, ptr %out.at
 %ostep.at = getelementptr i64, ptr %outsteps, i64 %c
 %ostep = load i64, ptr %ostep.at
 %size.at = getelementptr i8, ptr @sizes, i64 %c
 %size8 = load i8, ptr %size.at
 %size = zext i8 %size8 to i64
 %oshift = mul i64 %b, %ostep
 %ohere = getelementptr i8, ptr %obase, i64 %oshift
 %odense = icmp eq i64 %ostep, %size
 %odirect = and i1 %odense, %whole
 %ostage.k = mul i64 %c, {row}
 %ostage = getelementptr i8, ptr %stageout, i64 %ostage.k
 %opick = select i1 %odirect, ptr %ohere, ptr %ostage
 %pout.at = getelementptr ptr, ptr %pout, i64 %c
 store ptr %opick, ptr %pout.at
 %c2 = add i64 %c, 1
 br label %out.head
compute:
{calls}
 br label %un.head
un.head:
 %u = phi i64 [0, %compute], [%u2, %un.next]
 %un.go = icmp slt i64 %u, {n_cells}
 br i1 %un.go, label %un.body, label %next
un.body:
 %u.at = getelementptr ptr, ptr %pout, i64 %u
 %u.from = load ptr, ptr %u.at
 %ustage.k = mul i64 %u, {row}
 %ustage = getelementptr i8, ptr %stageout, i64 %ustage.k
 %u.staged = icmp eq ptr %u.from, %ustage
 br i1 %u.staged, label %un.copy, label %un.next
un.copy:
 %uo.at = getelementptr ptr, ptr %out, i64 %u
 %ubase = load ptr, ptr %uo.at
 %us.at = getelementptr i64, ptr %outsteps, i64 %u
 %ustep = load i64, ptr %us.at
 %uz.at = getelementptr i8, ptr @sizes, i64 %u
 %uz8 = load i8, ptr %uz.at
 %uz = zext i8 %uz8 to i64
 %ushort = icmp slt i64 %left, {width}
 %count = select i1 %ushort, i64 %left, i64 {width}
 br label %un.lane
un.lane:
 %m = phi i64 [0, %un.copy], [%m2, %un.after]
 %m.row = add i64 %b, %m
 %m.to.k = mul i64 %m.row, %ustep
 %m.to = getelementptr i8, ptr %ubase, i64 %m.to.k
 %m.from.k = mul i64 %m, %uz
 %m.from = getelementptr i8, ptr %ustage, i64 %m.from.k
 %m.byte = icmp eq i64 %uz, 1
 br i1 %m.byte, label %un.byte, label %un.real
un.byte:
 %m.b = load i8, ptr %m.from
 store i8 %m.b, ptr %m.to
 br label %un.after
un.real:
 %m.x = load {real}, ptr %m.from, align {size}
 store {real} %m.x, ptr %m.to, align {size}
 br label %un.after
un.after:
 %m2 = add i64 %m, 1
 %m.go = icmp slt i64 %m2, %count
 br i1 %m.go, label %un.lane, label %un.next
un.next:
 %u2 = add i64 %u, 1
 br label %un.head
next:
 %b2 = add i64 %b, {width}
 br label %block
end:
 ret i32 0
}}"""


def _point_by_point(layout: _Layout) -> str:
    """The loop over points of a function that has loops or arrays."""
    n_in, n_out = len(layout.program.inputs), len(layout.program.outputs)

    def shift(table: str, steps: str, to: str, n: int, here: str, after: str) -> str:
        return f"""{here}:
 %{here}.k = phi i64 [0, %{after}], [%{here}.k2, %{here}.body]
 %{here}.go = icmp slt i64 %{here}.k, {n}
 br i1 %{here}.go, label %{here}.body, label %{here}.end
{here}.body:
 %{here}.a = getelementptr ptr, ptr {table}, i64 %{here}.k
 %{here}.p = load ptr, ptr %{here}.a
 %{here}.s = getelementptr i64, ptr {steps}, i64 %{here}.k
 %{here}.step = load i64, ptr %{here}.s
 %{here}.shift = mul i64 %b, %{here}.step
 %{here}.q = getelementptr i8, ptr %{here}.p, i64 %{here}.shift
 %{here}.t = getelementptr ptr, ptr {to}, i64 %{here}.k
 store ptr %{here}.q, ptr %{here}.t
 %{here}.k2 = add i64 %{here}.k, 1
 br label %{here}
{here}.end:"""

    return f"""
define i32 @batch(ptr %in, ptr %insteps, ptr %lengths, ptr %out, ptr %outsteps, ptr %work, i64 %b0, i64 %b1) nounwind {{
entry:
 %pin = alloca [{n_in + 1} x ptr]
 %pout = alloca [{n_out + 1} x ptr]
 br label %point
point:
 %b = phi i64 [%b0, %entry], [%b2, %next]
 %all = phi i32 [0, %entry], [%all2, %next]
 %go = icmp slt i64 %b, %b1
 br i1 %go, label %begin, label %end
begin:
 br label %ins
{shift("%in", "%insteps", "%pin", n_in, "ins", "begin")}
 br label %outs
{shift("%out", "%outsteps", "%pout", n_out, "outs", "ins.end")}
 %status = call i32 @one(ptr %pin, ptr %lengths, ptr %pout)
 %all2 = or i32 %all, %status
 br label %next
next:
 %b2 = add i64 %b, 1
 br label %point
end:
 ret i32 %all
}}"""
