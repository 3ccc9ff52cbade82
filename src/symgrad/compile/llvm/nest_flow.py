"""Loops and branches around nests and calls: a function of the table around, with a table of its own per body.

    i32 @<name>(ptr table)

0, or bits of: 1 a computed place was outside its array, LIMIT, INTERRUPTED: a signal's handler raised an exception,
which is set. Loops look for signals once in a while, so that they can be interrupted, and let other Python threads run.
"""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.compile.nest import OWN, UNUSED, Passes

LIMIT, INTERRUPTED = 2, 4
OFTEN = 1e6
"""Operations between looks for signals, about."""
DECLARATIONS = (
    "declare i32 @PyGILState_Ensure()",
    "declare void @PyGILState_Release(i32)",
    "declare i32 @PyErr_CheckSignals()",
    "declare ptr @PyEval_SaveThread()",
    "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)",
    "declare void @PyEval_RestoreThread(ptr)",
)
SIGNALS = """define internal i32 @signals() noinline {
 %state = call i32 @PyGILState_Ensure()
 %thread = call ptr @PyEval_SaveThread()
 call void @PyEval_RestoreThread(ptr %thread)
 %raised = call i32 @PyErr_CheckSignals()
 call void @PyGILState_Release(i32 %state)
 %is = icmp ne i32 %raised, 0
 %bits = select i1 %is, i32 4, i32 0
 ret i32 %bits
}"""


def function(step: Passes, name: str, bodies: Sequence[str], work: float) -> str:
    """The function of `step`; `bodies` are the functions of its bodies, each of about `work` operations together."""
    return _Function(step, name, bodies, work).text()


class _Function:
    def __init__(self, step: Passes, name: str, bodies: Sequence[str], work: float) -> None:
        self.step, self.name, self.bodies = step, name, bodies
        self.lines: list[str] = []
        self.count = 0
        every = max(1, min(1 << 16, int(OFTEN / max(work, 1.0))))
        self.mask = (1 << (every.bit_length() - 1)) - 1

    def text(self) -> str:
        for k, table in enumerate(self.step.tables):
            self.lines.append(f" %own{k} = alloca [{max(len(table), 1)} x ptr], align 16")
            if self.step.own[k]:
                self.lines.append(f" %memory{k} = alloca [{self.step.own[k]} x i8], align 64")
        self._keep()
        for k in range(len(self.step.tables)):
            self._enter(k)
        {"scan": self._scan, "while_loop": self._while, "cond": self._cond}[self.step.kind]()
        return "\n".join([f"define internal i32 @{self.name}(ptr %table) {{", "entry:", *self.lines, "}"])

    def new(self, text: str) -> str:
        self.count += 1
        self.lines.append(f" %v{self.count} = {text}")
        return f"%v{self.count}"

    def _around(self, buffer: int, offset: int) -> str:
        """The address of a byte of a buffer of the table around."""
        at = self.new(f"getelementptr ptr, ptr %table, i64 {buffer}")
        base = self.new(f"load ptr, ptr {at}")
        return self.new(f"getelementptr i8, ptr {base}, i64 {offset}") if offset else base

    def _keep(self) -> None:
        """Copies of little memory, which LLVM holds in registers: nothing else points to them."""
        self.kept: dict[tuple[int, int], str] = {}
        for n, (_, _, size, _) in enumerate(self.step.kept):
            self.lines.append(f" %kept{n} = alloca [{size} x i8], align 16")
        for n, (buffer, offset, size, _) in enumerate(self.step.kept):
            self.kept[buffer, offset] = f"%kept{n}"
            self._copy(f"%kept{n}", self._around(buffer, offset), size)

    def _give(self) -> None:
        """What was changed in the copies, back where it lies."""
        for n, (buffer, offset, size, changed) in enumerate(self.step.kept):
            if changed:
                self._copy(self._around(buffer, offset), f"%kept{n}", size)

    def _copy(self, to: str, source: str, size: int) -> None:
        self.lines.append(f" call void @llvm.memcpy.p0.p0.i64(ptr {to}, ptr {source}, i64 {size}, i1 false)")

    def _place(self, k: int, buffer: int, offset: int) -> str:
        """The address of a slot of body `k`."""
        if buffer == OWN:
            return self.new(f"getelementptr i8, ptr %memory{k}, i64 {offset}")
        return self.kept.get((buffer, offset)) or self._around(buffer, offset)

    def _enter(self, k: int) -> None:
        """The body's table, but for what moves from pass to pass."""
        self.moving: list[tuple[str, str, int]] = []
        for n, (buffer, offset, stride) in enumerate(self.step.tables[k]):
            if buffer == UNUSED:
                continue
            base = self._around(buffer, offset) if stride else self._place(k, buffer, offset)
            place = self.new(f"getelementptr ptr, ptr %own{k}, i64 {n}")
            if stride:
                self.moving.append((place, base, stride))
            else:
                self.lines.append(f" store ptr {base}, ptr {place}")

    def _number(self, type: str) -> str:
        assert self.step.number is not None
        return self.new(f"load {type}, ptr {self._around(*self.step.number)}")

    def _scan(self) -> None:
        step = self.step
        passes = str(step.length)
        if step.number is not None:
            n = self._number("i64")
            low = self.new(f"call i64 @llvm.smax.i64(i64 {n}, i64 0)")
            passes = self.new(f"call i64 @llvm.smin.i64(i64 {low}, i64 {step.length})")
        self.lines += [
            " br label %head",
            "head:",
            " %t = phi i64 [ 0, %entry ], [ %next, %on ]",
            " %goes = icmp slt i64 %t, " + passes,
            " br i1 %goes, label %pass, label %done",
            "pass:",
        ]
        at = "%t"
        if step.reverse:
            last = self.new(f"sub i64 {passes}, 1")
            at = self.new(f"sub i64 {last}, %t")
        for place, base, stride in self.moving:
            further = self.new(f"mul i64 {at}, {stride}")
            self.lines.append(f" store ptr {self.new(f'getelementptr i8, ptr {base}, i64 {further}')}, ptr {place}")
        self._run(0)
        self.lines.append("done:")
        self._give()
        self.lines += [" ret i32 0", "fail:", " ret i32 %bits", "interrupted:", " ret i32 %signal"]

    def _run(self, k: int) -> None:
        """One pass of body `k`, and on; the pass is number %t."""
        self.lines += [
            f" %bits = call i32 @{self.bodies[k]}(ptr %own{k})",
            " %bad = icmp ne i32 %bits, 0",
            " br i1 %bad, label %fail, label %well",
            "well:",
            " %next = add i64 %t, 1",
            f" %part = and i64 %next, {self.mask}",
            " %look = icmp eq i64 %part, 0",
            " br i1 %look, label %looks, label %on",
            "looks:",
            " %signal = call i32 @signals()",
            " %raised = icmp ne i32 %signal, 0",
            " br i1 %raised, label %interrupted, label %on",
            "on:",
            " br label %head",
        ]

    def _while(self) -> None:
        step = self.step
        self.lines += [
            " br label %head",
            "head:",
            " %t = phi i64 [ 0, %entry ], [ %next, %on ]",
            f" %asked = call i32 @{self.bodies[0]}(ptr %own0)",
            " %wrong = icmp ne i32 %asked, 0",
            " br i1 %wrong, label %astray, label %ask",
            "ask:",
        ]
        place = self.new(f"getelementptr ptr, ptr %own0, i64 {step.test}")
        holds = self.new(f"load i8, ptr {self.new(f'load ptr, ptr {place}')}")
        self.lines += [
            f" %goes = icmp ne i8 {holds}, 0",
            " br i1 %goes, label %more, label %done",
            "more:",
            f" %end = icmp eq i64 %t, {step.length}",
            " br i1 %end, label %limit, label %pass",
            "pass:",
        ]
        self._run(1)
        self.lines.append("done:")
        self._give()
        assert step.number is not None
        self.lines.append(f" store i64 %t, ptr {self._around(*step.number)}")
        self.lines += [" ret i32 0", "limit:", f" ret i32 {LIMIT}", "astray:", " ret i32 %asked"]
        self.lines += ["fail:", " ret i32 %bits", "interrupted:", " ret i32 %signal"]

    def _cond(self) -> None:
        holds = self._number("i8")
        self.lines += [
            f" %yes = icmp ne i8 {holds}, 0",
            " br i1 %yes, label %first, label %second",
            "first:",
            f" %a = call i32 @{self.bodies[1]}(ptr %own1)",
            " ret i32 %a",
            "second:",
            f" %b = call i32 @{self.bodies[0]}(ptr %own0)",
            " ret i32 %b",
        ]
