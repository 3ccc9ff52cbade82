"""Loops and branches of a plan, pass by pass from Python: where a body calls a library, or for tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from symgrad.compile.flow import endless
from symgrad.compile.plan.steps import Flow, Slot
from symgrad.errors import ConvergenceError

if TYPE_CHECKING:
    from symgrad.run.program import Program


class Runner:
    """`step` as a function of the buffers around it: each buffer's memory, and its address."""

    def __init__(self, step: Flow, programs: Sequence[Program]) -> None:
        self.step = step
        self.bodies = [_Body(p, table) for p, table in zip(programs, step.tables, strict=True)]

    def __call__(self, memory: list[Any], table: Any) -> None:
        step = self.step
        bodies = [b.entered(memory) for b in self.bodies]
        if step.name == "cond":
            assert step.number is not None
            bodies[int(_number(step.number, memory, "bool"))].run(0)
        elif step.name == "scan":
            passes = step.length
            if step.number is not None:
                passes = max(0, min(passes, int(_number(step.number, memory, "int64"))))
            for k in range(passes - 1, -1, -1) if step.reverse else range(passes):
                bodies[0].run(k)
        else:
            self._while(bodies, memory)

    def _while(self, bodies: Sequence[_Entered], memory: list[Any]) -> None:
        step, trips = self.step, 0
        assert step.number is not None
        condition, body = bodies
        while True:
            condition.run(0)
            if not condition.memory[step.test][0]:
                break
            if trips == step.length:
                raise ConvergenceError(endless(step.length))
            body.run(0)
            trips += 1
        memory[step.number.buffer].view(np.uint8)[step.number.offset :][:8].view(np.int64)[0] = trips


class _Body:
    def __init__(self, program: Program, table: Sequence[Slot]) -> None:
        self.program, self.table = program, table

    def entered(self, memory: list[Any]) -> _Entered:
        return _Entered(self, memory)


class _Entered:
    """A body in the middle of a call."""

    def __init__(self, body: _Body, around: list[Any]) -> None:
        self.body = body
        self.around = around
        self.memory: list[Any] = [None] * len(body.table)
        self.addresses = np.zeros(max(len(body.table), 1), np.uintp)
        self.moving = [k for k, s in enumerate(body.table) if s.stride]
        for k in range(len(body.table)):
            self._place(k, 0)

    def _place(self, k: int, at: int) -> None:
        s, b = self.body.table[k], self.body.program.buffers[k]
        if s.buffer < 0:
            return
        start = s.offset + at * s.stride
        flat = self.around[s.buffer].view(np.uint8)[start : start + b.bytes].view(b.dtype)
        self.memory[k] = flat
        self.addresses[k] = flat.__array_interface__["data"][0]

    def run(self, at: int) -> None:
        for k in self.moving:
            self._place(k, at)
        self.body.program.run(self.memory, self.addresses)


def _number(s: Slot, memory: list[Any], dtype: str) -> Any:
    size = np.dtype(dtype).itemsize
    return memory[s.buffer].view(np.uint8)[s.offset : s.offset + size].view(dtype)[0]
