"""The loop over the points of a batch: stage the inputs of a block, compute, deliver its cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from symgrad.compile.llvm.writer import SIZES

_NEVER = -(2**63)  # no step of an array: what is always staged


class Driver(NamedTuple):
    text: str
    work: int  # bytes


def by_point(layout: Any) -> Driver:
    """`@batch` as `kernel` describes it, one point after the other by the parts `@one.<p>`."""
    program = layout.program
    types = program.in_types
    scalars, arrays, cells = layout.scalars, layout.arrays, layout.cells
    slots = 64 + 8 * layout.slots
    stage_in = slots + -slots % 64
    stage_out = stage_in + 8 * len(scalars)
    pointers = stage_out + layout.size
    calls = "\n".join(
        f" call void @one.{p}(ptr %stagein, ptr %arrays, ptr %lengths, ptr %stageout, ptr %work)"
        for p in range(layout.steps)
    )
    text = f"""
{_table("scalar.input", scalars)}
{_table("scalar.size", [SIZES[types[k].dtype] for k in scalars])}
{_table("array.input", arrays)}
{_table("cell.place", [at for at, _ in cells])}
{_table("cell.size", [size for _, size in cells])}
define i32 @batch(ptr %in, ptr %insteps, ptr %lengths, ptr %out, ptr %outsteps, ptr %work, i64 %b0, i64 %b1) nounwind {{
entry:
 store i64 0, ptr %work
 %stagein = getelementptr i8, ptr %work, i64 {stage_in}
 %stageout = getelementptr i8, ptr %work, i64 {stage_out}
 %arrays = getelementptr i8, ptr %work, i64 {pointers}
 br label %block
block:
 %b = phi i64 [%b0, %entry], [%b.next, %c.done]
 %go = icmp slt i64 %b, %b1
 br i1 %go, label %begin, label %end
begin:
 br label %a
{_for("a", len(arrays), "begin")}
{_load("%a.input", "@array.input", "%a.k")}
{_at("a", "%in", "%insteps", "%a.input")}
 %a.to = getelementptr ptr, ptr %arrays, i64 %a.k
 store ptr %a.here, ptr %a.to
 br label %a.next
{_next("a")}
 br label %s
{_for("s", len(scalars), "a.done")}
{_load("%s.input", "@scalar.input", "%s.k")}
{_at("s", "%in", "%insteps", "%s.input")}
{_load("%s.size", "@scalar.size", "%s.k")}
 %s.place = mul i64 %s.k, 8
 %s.to = getelementptr i8, ptr %stagein, i64 %s.place
{_copy("s", sorted({SIZES[types[k].dtype] for k in scalars}), "%s.here", "%s.to")}
{_next("s")}
 br label %run
run:
{calls}
 br label %c
{_for("c", len(cells), "run")}
{_at("c", "%out", "%outsteps", "%c.k")}
{_load("%c.size", "@cell.size", "%c.k")}
{_load("%c.place", "@cell.place", "%c.k")}
 %c.from = getelementptr i8, ptr %stageout, i64 %c.place
{_copy("c", sorted({size for _, size in cells}), "%c.from", "%c.here")}
{_next("c")}
 %b.next = add i64 %b, 1
 br label %block
end:
 %status = load i32, ptr %work
 ret i32 %status
}}"""
    return Driver(text, pointers + 8 * len(arrays) + 64)


def by_vector(layout: Any, width: int) -> Driver:
    """`@batch` for blocks of `width` points by the parts `@vector.<p>(ptr in, ptr out, ptr slots, i64 shift)`.

    Input k of a block stands at in[k] + shift, cell c goes to out[c] + shift. Where points are neighbours in
    memory these are the caller's own tables; what is not (or a block that is not full) is staged.
    """
    real = SIZES[layout.program.dtype]
    kind = f"i{8 * real}"
    inputs, cells = len(layout.scalars), len(layout.cells)
    slots = 64 + 8 * width * layout.slots
    row = 8 * width
    stage_in = slots + -slots % 64
    stage_out = stage_in + row * inputs
    table_in = stage_out + row * cells
    table_out = table_in + 8 * inputs
    calls = "\n".join(
        f" call void @vector.{p}(ptr %tin, ptr %tout, ptr %work, i64 %shift)" for p in range(layout.steps)
    )
    text = f"""
{_table("cell.size", [size for _, size in layout.cells])}
{_table("cell.dense", [real if size == real else _NEVER for _, size in layout.cells])}
define i32 @batch(ptr %in, ptr %insteps, ptr %lengths, ptr %out, ptr %outsteps, ptr %work, i64 %b0, i64 %b1) nounwind {{
entry:
 %stagein = getelementptr i8, ptr %work, i64 {stage_in}
 %stageout = getelementptr i8, ptr %work, i64 {stage_out}
 %tin = getelementptr i8, ptr %work, i64 {table_in}
 %tout = getelementptr i8, ptr %work, i64 {table_out}
 br label %p
{_for("p", inputs, "entry", odd=True)}
{_list("p", "%in", "%insteps", "%tin", str(real))}
{_next("p")}
 br label %q
{_for("q", cells, "p.done", odd=True)}
{_load("%q.want", "@cell.dense", "%q.k")}
{_list("q", "%out", "%outsteps", "%tout", "%q.want")}
{_next("q")}
 br label %block
block:
 %b = phi i64 [%b0, %q.done], [%b.next, %u.done]
 %go = icmp slt i64 %b, %b1
 br i1 %go, label %begin, label %end
begin:
 %left = sub i64 %b1, %b
 %short = icmp slt i64 %left, {width}
 %lanes = select i1 %short, i64 %left, i64 {width}
 %most = sub i64 %left, 1
 %shift = mul i64 %b, {real}
 %back = sub i64 0, %shift
 %stages.in = or i1 %p.odd, %short
 %stages.out = or i1 %q.odd, %short
 %s.count = select i1 %stages.in, i64 {inputs}, i64 0
 %c.count = select i1 %stages.out, i64 {cells}, i64 0
 %first = icmp eq i64 %b, %b0
 br label %s
{_for("s", "%s.count", "begin")}
{_at("s", "%in", "%insteps", "%s.k")}
{_unless_dense("s", str(real))}
 %s.place = mul i64 %s.k, {row}
 %s.to = getelementptr i8, ptr %stagein, i64 %s.place
 %s.entry = getelementptr i8, ptr %s.to, i64 %back
 %s.entry.at = getelementptr ptr, ptr %tin, i64 %s.k
 store ptr %s.entry, ptr %s.entry.at
 %s.same = icmp eq i64 %s.step, 0
 %s.again = xor i1 %first, true
 %s.done1 = and i1 %s.same, %s.again
 br i1 %s.done1, label %s.next, label %s.lane
s.lane:
 %s.l = phi i64 [0, %s.stage], [%s.l2, %s.lane]
 %s.least = icmp slt i64 %s.l, %most
 %s.m = select i1 %s.least, i64 %s.l, i64 %most
 %s.a = mul i64 %s.m, %s.step
 %s.x.at = getelementptr i8, ptr %s.here, i64 %s.a
 %s.x = load {kind}, ptr %s.x.at, align {real}
 %s.y.at = getelementptr {kind}, ptr %s.to, i64 %s.l
 store {kind} %s.x, ptr %s.y.at, align {real}
 %s.l2 = add i64 %s.l, 1
 %s.more = icmp slt i64 %s.l2, {width}
 br i1 %s.more, label %s.lane, label %s.next
{_next("s")}
 br label %c
{_for("c", "%c.count", "s.done")}
{_load("%c.step", "%outsteps", "%c.k")}
{_load("%c.want", "@cell.dense", "%c.k")}
{_unless_dense("c", "%c.want")}
 %c.place = mul i64 %c.k, {row}
 %c.from = getelementptr i8, ptr %stageout, i64 %c.place
 %c.entry = getelementptr i8, ptr %c.from, i64 %back
 %c.entry.at = getelementptr ptr, ptr %tout, i64 %c.k
 store ptr %c.entry, ptr %c.entry.at
 br label %c.next
{_next("c")}
{calls}
 br label %u
{_for("u", "%c.count", "c.done")}
{_at("u", "%out", "%outsteps", "%u.k")}
{_load("%u.want", "@cell.dense", "%u.k")}
{_unless_dense("u", "%u.want")}
{_load("%u.size", "@cell.size", "%u.k")}
 %u.place = mul i64 %u.k, {row}
 %u.from = getelementptr i8, ptr %stageout, i64 %u.place
 %u.byte = icmp eq i64 %u.size, 1
 br label %u.lane
u.lane:
 %u.l = phi i64 [0, %u.stage], [%u.l2, %u.after]
 %u.a = mul i64 %u.l, %u.size
 %u.x.at = getelementptr i8, ptr %u.from, i64 %u.a
 %u.c = mul i64 %u.l, %u.step
 %u.y.at = getelementptr i8, ptr %u.here, i64 %u.c
 br i1 %u.byte, label %u.bytes, label %u.reals
u.bytes:
 %u.x1 = load i8, ptr %u.x.at
 store i8 %u.x1, ptr %u.y.at
 br label %u.after
u.reals:
 %u.x8 = load {kind}, ptr %u.x.at, align {real}
 store {kind} %u.x8, ptr %u.y.at, align {real}
 br label %u.after
u.after:
 %u.l2 = add i64 %u.l, 1
 %u.more = icmp slt i64 %u.l2, %lanes
 br i1 %u.more, label %u.lane, label %u.next
{_next("u")}
 %b.next = add i64 %b, {width}
 br label %block
end:
 ret i32 0
}}"""
    return Driver(text, table_out + 8 * cells + 64)


def _table(name: str, values: Sequence[int]) -> str:
    items = ", ".join(f"i64 {v}" for v in values)
    return f"@{name} = internal constant [{len(values)} x i64] {f'[{items}]' if values else 'zeroinitializer'}"


def _load(name: str, table: str, k: str, type: str = "i64") -> str:
    return f""" {name}.at = getelementptr {type}, ptr {table}, i64 {k}
 {name} = load {type}, ptr {name}.at"""


def _for(name: str, count: int | str, before: str, odd: bool = False) -> str:
    """The head of a loop. `odd`: it finds out whether any pass sets `%<name>.odd2`."""
    found = f"\n %{name}.odd = phi i1 [false, %{before}], [%{name}.odd2, %{name}.next]" if odd else ""
    return f"""{name}:
 %{name}.k = phi i64 [0, %{before}], [%{name}.k2, %{name}.next]{found}
 %{name}.go = icmp slt i64 %{name}.k, {count}
 br i1 %{name}.go, label %{name}.body, label %{name}.done
{name}.body:"""


def _next(name: str) -> str:
    return f"""{name}.next:
 %{name}.k2 = add i64 %{name}.k, 1
 br label %{name}
{name}.done:"""


def _at(name: str, table: str, steps: str, k: str) -> str:
    """`%<name>.here`: where item `k` of `table` has this block's first point; `%<name>.step`."""
    return f"""{_load(f"%{name}.base", table, k, "ptr")}
{_load(f"%{name}.step", steps, k)}
 %{name}.shift = mul i64 %b, %{name}.step
 %{name}.here = getelementptr i8, ptr %{name}.base, i64 %{name}.shift"""


def _list(name: str, table: str, steps: str, to: str, dense: str) -> str:
    """Copy the table, and see whether all its items are columns of neighbours."""
    return f"""{_load(f"%{name}.item", table, f"%{name}.k", "ptr")}
 %{name}.to = getelementptr ptr, ptr {to}, i64 %{name}.k
 store ptr %{name}.item, ptr %{name}.to
{_load(f"%{name}.step", steps, f"%{name}.k")}
 %{name}.strange = icmp ne i64 %{name}.step, {dense}
 %{name}.odd2 = or i1 %{name}.odd, %{name}.strange
 br label %{name}.next"""


def _unless_dense(name: str, dense: str) -> str:
    """On to the next item where this one is used in place."""
    return f""" %{name}.dense = icmp eq i64 %{name}.step, {dense}
 %{name}.full = xor i1 %short, true
 %{name}.leave = and i1 %{name}.dense, %{name}.full
 br i1 %{name}.leave, label %{name}.next, label %{name}.stage
{name}.stage:"""


def _copy(name: str, sizes: Sequence[int], source: str, target: str) -> str:
    """Copy one value of `%<name>.size` bytes."""
    cases = " ".join(f"i64 {n}, label %{name}.{n}" for n in sizes)
    lines = [f" switch i64 %{name}.size, label %{name}.next [{cases}]"]
    for n in sizes:
        lines += [
            f"{name}.{n}:",
            f" %{name}.{n}.x = load i{8 * n}, ptr {source}, align {n}",
            f" store i{8 * n} %{name}.{n}.x, ptr {target}, align {n}",
            f" br label %{name}.next",
        ]
    return "\n".join(lines)
