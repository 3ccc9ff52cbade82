"""Small array programs as one built-in function: arguments read, work done and results made in machine code.

What such a program needs besides its arguments lies on the stack, or in the code itself: so a call takes about a
microsecond. A program is small where no step is worth several threads and none is a call of NumPy.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.compile.llvm.entry import HEAP, entry
from symgrad.compile.llvm.nest import program
from symgrad.compile.nest import Call, Nest
from symgrad.compile.plan.steps import CONSTANT, INPUT, RESULT, TEMPORARY, Plan
from symgrad.graph import Type
from symgrad.run import cache as disk
from symgrad.run import llvmlite as llvm
from symgrad.run.calls import builtin, layout_is_known

LONG = 20_000
"""Operations from which on a call lets other Python threads run."""
FEW = 64
"""Steps of a small program."""


class Small:
    """`steps` of a plan, and the function that calls them."""

    def __init__(self, plan: Plan, steps: Sequence[Nest | Call], types: Sequence[Type], tree: Any) -> None:
        target = llvm.host()
        found = program(steps, max(target.vector_width, 4), target.has_fma, math.inf)
        out_types = [Type(v.dtype, v.shape) for v in plan.results]
        offsets, size = _offsets([plan.buffers[v.buffer].bytes for v in plan.results])
        work = sum(n.body.operations(n.roots) * n.points for n in steps if isinstance(n, Nest))
        long = work > LONG or any(isinstance(s, Call) for s in steps)
        text = _joined(
            found.text + _one(plan, types, offsets), entry(list(types), out_types, offsets, size, tree, long)
        )
        key = disk.key(text, target.key)
        code = disk.read(key)
        if code is None:
            code = llvm.emit_object(text, target, 1)
            disk.write(key, code)
        self.code = llvm.load([code])
        run = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(self.code.address("run"))
        self.run: Callable[[Any], int] = lambda table: run(table.ctypes.data)

    def callable(self, slow: Callable[[Sequence[Any], dict[str, Any]], Any], name: str) -> Any:
        """A built-in function; `slow` gets the arguments that it does not take."""
        return builtin(self.code, slow, name)


def is_small(plan: Plan, steps: Sequence[Any]) -> bool:
    """Whether a plan of these steps can be one built-in function."""
    results = [plan.buffers[v.buffer] for v in plan.results]
    constants = sum(b.bytes for b in plan.buffers if b.kind == CONSTANT)
    direct = len(results) == 1 and bool(plan.results[0].shape)
    return (
        layout_is_known()
        and len(steps) <= FEW
        and all(isinstance(s, (Nest, Call)) for s in steps)
        and not any(b.zeroed for b in results)
        and plan.arena <= HEAP
        and constants <= HEAP
        and (direct or sum(b.bytes for b in results) <= HEAP)
    )


def _offsets(sizes: Sequence[int]) -> tuple[tuple[int, ...], int]:
    """Where results of these sizes stand one after the other, and how long that is; bytes."""
    found, at = [], 0
    for n in sizes:
        found.append(at)
        at += n + -n % 64
    return tuple(found), at


def _one(plan: Plan, types: Sequence[Type], offsets: Sequence[int]) -> str:
    """`@one` as `compile.llvm.kernel` describes it: the table of buffers, and the steps."""
    lines = [f" %table = alloca [{len(plan.buffers) + 1} x ptr]"]
    constants = []
    if plan.arena:
        lines.append(f" %arena = alloca [{plan.arena} x i8], align 64")
    places: dict[int, str] = {}
    scalars = arrays = 0
    for k, t in zip(plan.inputs, types, strict=True):
        if t.shape:
            lines += [f" %p{k} = getelementptr ptr, ptr %arrays, i64 {arrays}", f" %b{k} = load ptr, ptr %p{k}"]
            arrays += 1
        else:
            lines.append(f" %b{k} = getelementptr i64, ptr %in, i64 {scalars}")
            scalars += 1
        places[k] = f"%b{k}"
    for v, at in zip(plan.results, offsets, strict=True):
        lines.append(f" %b{v.buffer} = getelementptr i8, ptr %out, i64 {at}")
        places[v.buffer] = f"%b{v.buffer}"
    for k, b in enumerate(plan.buffers):
        if b.kind == TEMPORARY and b.at >= 0:
            lines.append(f" %b{k} = getelementptr i8, ptr %arena, i64 {b.at}")
            places[k] = f"%b{k}"
        elif b.kind == CONSTANT:
            data = "".join(f"\\{x:02X}" for x in np.ascontiguousarray(b.data).tobytes())
            constants.append(f'@constant.{k} = internal constant [{b.bytes} x i8] c"{data}", align 64')
            places[k] = f"@constant.{k}"
        assert b.kind in (INPUT, RESULT, TEMPORARY, CONSTANT)
    for k, place in places.items():
        lines.append(f" %t{k} = getelementptr ptr, ptr %table, i64 {k}")
        lines.append(f" store ptr {place}, ptr %t{k}")
    lines.append(" %status = call i32 @run(ptr %table)")
    head = "define i32 @one(ptr %in, ptr %arrays, ptr %lengths, ptr %out) nounwind {"
    return "\n".join([*constants, head, *lines, " ret i32 %status", "}"]) + "\n"


def _joined(*texts: str) -> str:
    """Modules as one: what is declared is declared once."""
    seen: set[str] = set()
    lines = []
    for line in "\n".join(texts).splitlines():
        if line.startswith("declare "):
            name = line[line.index("@") : line.index("(")]
            if name in seen:
                continue
            seen.add(name)
        lines.append(line)
    return "\n".join(lines) + "\n"
