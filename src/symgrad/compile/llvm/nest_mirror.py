"""What is above the diagonal of a square matrix copied below it, a square of registers at a time.

    i32 @<name>(ptr table)

A square of `width` vectors is loaded, transposed, and stored on the other side; of one on the diagonal the upper half
stays. What the squares leave over, and a matrix without neighbours in memory, is copied one by one.
"""

from __future__ import annotations

from collections.abc import Callable

from symgrad.compile.llvm.nest_memory import memory_type
from symgrad.compile.llvm.nest_tiles import transposed
from symgrad.compile.llvm.writer import SIZES, Module, Writer
from symgrad.compile.nest import Mirrored


def function(step: Mirrored, name: str, width: int) -> str:
    """The function's text. width: float64 lanes of the target."""
    width *= 2 if step.dtype == "float32" else 1
    w = Writer(Module(step.dtype, False), width)
    _Function(step, w).write()
    return "\n".join([f"define internal i32 @{name}(ptr %table) nounwind {{", "entry:", *w.lines, "}"])


class _Function:
    def __init__(self, step: Mirrored, w: Writer) -> None:
        self.step, self.w = step, w
        self.type = memory_type(step.dtype)
        self.vector = f"<{w.width} x {self.type}>"
        self.by_rows = step.right == 1
        self.long = step.down if self.by_rows else step.right
        """From vector to vector."""

    def write(self) -> None:
        step, w = self.step, self.w
        place = w.emit(f"getelementptr ptr, ptr %table, i64 {step.buffer}")
        base = w.emit(f"load ptr, ptr {place}")
        self.base = w.emit(f"getelementptr {self.type}, ptr {base}, i64 {step.offset}")
        whole = step.size - step.size % w.width if 1 in (step.down, step.right) else 0
        if whole:
            self._loop("0", str(whole), w.width, self._squares)
        if whole < step.size:
            self._loop(str(whole), str(step.size), 1, self._row)
        w.lines.append(" ret i32 0")

    def _loop(self, low: str, high: str, by: int, body: Callable[[str], None]) -> None:
        """`body` of each index from `low` on that is below `high`, `by` apart."""
        w = self.w
        head, inside, after = w.label("head"), w.label("in"), w.label("after")
        i, following = w.fresh(), w.fresh()
        before = w.block
        w.lines.append(f" br label %{head}")
        w.start(head)
        at = len(w.lines)
        goes = w.emit(f"icmp slt i64 {i}, {high}")
        w.lines.append(f" br i1 {goes}, label %{inside}, label %{after}")
        w.start(inside)
        body(i)
        w.lines.append(f" {following} = add i64 {i}, {by}")
        w.lines.append(f" br label %{head}")
        w.lines.insert(at, f" {i} = phi i64 [ {low}, %{before} ], [ {following}, %{w.block} ]")
        w.start(after)

    def _squares(self, i: str) -> None:
        """The squares of the rows from `i` on, the one on the diagonal last."""
        self._loop("0", i, self.w.width, lambda j: self._square(i, j))
        rows = self._load(i, i)
        turned = transposed(self.w, self.step.dtype, rows)
        n = self.w.width
        for r, (own, other) in enumerate(zip(rows, turned, strict=True)):
            kept = range(r, n) if self.by_rows else range(r + 1)
            lanes = ", ".join(f"i32 {c if c in kept else n + c}" for c in range(n))
            mixed = self.w.emit(f"shufflevector {self.vector} {own}, {self.vector} {other}, <{n} x i32> <{lanes}>")
            self._store(i, i, r, mixed)

    def _square(self, i: str, j: str) -> None:
        """From rows j, columns i to rows i, columns j."""
        above, below = ((j, i), (i, j)) if self.by_rows else ((i, j), (j, i))
        for r, row in enumerate(transposed(self.w, self.step.dtype, self._load(*above))):
            self._store(*below, r, row)

    def _address(self, first: str, second: str, r: int) -> str:
        """Of vector `first` + r, element `second`."""
        w = self.w
        row = w.emit(f"mul i64 {first}, {self.long}")
        at = w.emit(f"add i64 {row}, {second}")
        return w.emit(f"getelementptr {self.type}, ptr {self.base}, i64 {w.emit(f'add i64 {at}, {r * self.long}')}")

    def _load(self, first: str, second: str) -> list[str]:
        align = SIZES[self.step.dtype]
        return [
            self.w.emit(f"load {self.vector}, ptr {self._address(first, second, r)}, align {align}")
            for r in range(self.w.width)
        ]

    def _store(self, first: str, second: str, r: int, value: str) -> None:
        address = self._address(first, second, r)
        self.w.lines.append(f" store {self.vector} {value}, ptr {address}, align {SIZES[self.step.dtype]}")

    def _row(self, i: str) -> None:
        self._loop("0", i, 1, lambda j: self._one(i, j))

    def _one(self, i: str, j: str) -> None:
        w, step = self.w, self.step
        found = w.emit(f"load {self.type}, ptr {self._place(j, i)}, align {SIZES[step.dtype]}")
        w.lines.append(f" store {self.type} {found}, ptr {self._place(i, j)}, align {SIZES[step.dtype]}")

    def _place(self, row: str, column: str) -> str:
        w, step = self.w, self.step
        down, right = w.emit(f"mul i64 {row}, {step.down}"), w.emit(f"mul i64 {column}, {step.right}")
        return w.emit(f"getelementptr {self.type}, ptr {self.base}, i64 {w.emit(f'add i64 {down}, {right}')}")
