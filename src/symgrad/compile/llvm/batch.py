"""The loop over the points of a batch: stage the inputs of a block, compute, deliver its cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from symgrad.compile.llvm.writer import SIZES


class Driver(NamedTuple):
    text: str
    work: int  # bytes


def batch(layout: Any, width: int, prefix: str) -> Driver:
    """`@batch` as `kernel` describes it, in blocks of `width` points, for the parts `@<prefix>.<p>`."""
    program = layout.program
    types = program.in_types
    scalars, arrays, cells = layout.scalars, layout.arrays, layout.cells
    slots = 64 + 8 * width * layout.slots
    stage_in = slots + -slots % 64
    stage_out = stage_in + 8 * width * len(scalars)
    pointers = stage_out + width * layout.size
    work = pointers + 8 * len(arrays) + 64
    calls = "\n".join(
        f" call void @{prefix}.{p}(ptr %stagein, ptr %arrays, ptr %lengths, ptr %stageout, ptr %work)"
        for p in range(len(layout.parts))
    )
    sizes = sorted({SIZES[types[k].dtype] for k in scalars})
    out_sizes = sorted({size for _, size in cells})
    text = f"""
{_table("scalar.input", "i64", scalars)}
{_table("scalar.size", "i64", [SIZES[types[k].dtype] for k in scalars])}
{_table("array.input", "i64", arrays)}
{_table("cell.place", "i64", [at * width for at, _ in cells])}
{_table("cell.size", "i64", [size for _, size in cells])}
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
 %left = sub i64 %b1, %b
 %whole = icmp sge i64 %left, {width}
 %lanes = select i1 %whole, i64 {width}, i64 %left
 %most = sub i64 %left, 1
 br label %a
{_for("a", len(arrays), "begin")}
 %a.which = getelementptr i64, ptr @array.input, i64 %a.k
 %a.input = load i64, ptr %a.which
{_at("a", "%in", "%insteps", "%a.input")}
 %a.to = getelementptr ptr, ptr %arrays, i64 %a.k
 store ptr %a.here, ptr %a.to
{_next("a")}
 br label %s
{_for("s", len(scalars), "a.done")}
 %s.which = getelementptr i64, ptr @scalar.input, i64 %s.k
 %s.input = load i64, ptr %s.which
{_at("s", "%in", "%insteps", "%s.input")}
 %s.size.at = getelementptr i64, ptr @scalar.size, i64 %s.k
 %s.size = load i64, ptr %s.size.at
 %s.place = mul i64 %s.k, {8 * width}
 %s.to = getelementptr i8, ptr %stagein, i64 %s.place
{_copy("s", sizes, width, "%s.here", "%s.step", "%s.to", "%s.size", str(width), True)}
{_next("s")}
 br label %run
run:
{calls}
 br label %c
{_for("c", len(cells), "run")}
{_at("c", "%out", "%outsteps", "%c.k")}
 %c.size.at = getelementptr i64, ptr @cell.size, i64 %c.k
 %c.size = load i64, ptr %c.size.at
 %c.place.at = getelementptr i64, ptr @cell.place, i64 %c.k
 %c.place = load i64, ptr %c.place.at
 %c.from = getelementptr i8, ptr %stageout, i64 %c.place
{_copy("c", out_sizes, width, "%c.from", "%c.size", "%c.here", "%c.step", "%lanes", False)}
{_next("c")}
 %b.next = add i64 %b, {width}
 br label %block
end:
 %status = load i32, ptr %work
 ret i32 %status
}}"""
    return Driver(text, work)


def _table(name: str, type: str, values: Sequence[int]) -> str:
    items = ", ".join(f"{type} {v}" for v in values)
    return f"@{name} = internal constant [{len(values)} x {type}] {f'[{items}]' if values else 'zeroinitializer'}"


def _for(name: str, count: int, before: str) -> str:
    return f"""{name}:
 %{name}.k = phi i64 [0, %{before}], [%{name}.k2, %{name}.next]
 %{name}.go = icmp slt i64 %{name}.k, {count}
 br i1 %{name}.go, label %{name}.body, label %{name}.done
{name}.body:"""


def _next(name: str) -> str:
    return f""" br label %{name}.next
{name}.next:
 %{name}.k2 = add i64 %{name}.k, 1
 br label %{name}
{name}.done:"""


def _at(name: str, table: str, steps: str, k: str) -> str:
    """`%<name>.here`: where item `k` of `table` has this block's first point; `%<name>.step`."""
    return f""" %{name}.base.at = getelementptr ptr, ptr {table}, i64 {k}
 %{name}.base = load ptr, ptr %{name}.base.at
 %{name}.step.at = getelementptr i64, ptr {steps}, i64 {k}
 %{name}.step = load i64, ptr %{name}.step.at
 %{name}.shift = mul i64 %b, %{name}.step
 %{name}.here = getelementptr i8, ptr %{name}.base, i64 %{name}.shift"""


def _copy(
    name: str, sizes: Sequence[int], width: int, source: str, step: str, target: str, to: str, lanes: str, last: bool
) -> str:
    """Copy a block's values, whatever their size; neighbours all at once.

    `step`, `to`: bytes from point to point. `last`: lanes beyond the last point repeat it.
    """
    lines = []
    cases = " ".join(f"i64 {n}, label %{name}.{n}" for n in sizes)
    lines.append(f" switch i64 %{name}.size, label %{name}.next [{cases}]")
    for n in sizes:
        t = f"i{8 * n}"
        p = f"{name}.{n}"
        vector = f"<{width} x {t}>"
        lines.append(f"""{p}:
 %{p}.from = icmp eq i64 {step}, {n}
 %{p}.to = icmp eq i64 {to}, {n}
 %{p}.dense = and i1 %{p}.from, %{p}.to
 %{p}.direct = and i1 %{p}.dense, %whole
 br i1 %{p}.direct, label %{p}.all, label %{p}.lane
{p}.all:
 %{p}.v = load {vector}, ptr {source}, align {n}
 store {vector} %{p}.v, ptr {target}, align {n}
 br label %{name}.next
{p}.lane:
 %{p}.l = phi i64 [0, %{p}], [%{p}.l2, %{p}.lane]
 %{p}.least = icmp slt i64 %{p}.l, %most
 %{p}.m = select i1 %{p}.least, i64 %{p}.l, i64 %most
 %{p}.a = mul i64 %{p}.{"m" if last else "l"}, {step}
 %{p}.x.at = getelementptr i8, ptr {source}, i64 %{p}.a
 %{p}.x = load {t}, ptr %{p}.x.at, align {n}
 %{p}.c = mul i64 %{p}.l, {to}
 %{p}.y.at = getelementptr i8, ptr {target}, i64 %{p}.c
 store {t} %{p}.x, ptr %{p}.y.at, align {n}
 %{p}.l2 = add i64 %{p}.l, 1
 %{p}.more = icmp slt i64 %{p}.l2, {lanes}
 br i1 %{p}.more, label %{p}.lane, label %{name}.next""")
    return "\n".join([*lines, f"{name}.copied:"])  # a block for `_next` to end; nothing comes there
