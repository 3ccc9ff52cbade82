"""Nests as machine code: compiled or from the cache, run on tables of buffers, long ones by several threads.

    code = Nests(steps)
    code(addresses)          # of the buffers, which are memory of the dtypes and extents that the steps say

All strides are known when a nest is compiled. So arrays that come in another layout than was planned are copied
first, or get nests of their own.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

import numpy as np

from symgrad.compile.flow import endless
from symgrad.compile.llvm.nest import Part, program
from symgrad.compile.llvm.nest_entry import Frame, frame_entry
from symgrad.compile.llvm.nest_flow import LIMIT
from symgrad.compile.nest import Nest, Passes, Step, Store, identity
from symgrad.errors import ArgumentError, ConvergenceError
from symgrad.run import cache as disk
from symgrad.run import llvmlite as llvm
from symgrad.run.calls import builtin, layout_is_known
from symgrad.run.native import _pool, threads

RELEASE = 100_000  # operations and accesses from which on a call lets other Python threads run
OPTIMISED = 1_000_000
"""Characters of the code of a program with loops up to which LLVM optimises across its functions."""
UFUNCS = {"add": np.add, "multiply": np.multiply, "max": np.maximum, "min": np.minimum}


class Nests:
    """`steps` as machine code.

    Attributes:
        parts: what a call runs, one after the other.
        from_cache: whether the code was found on disk.
        code: keeps the machine code alive; `code.address("run")` is `i32 (ptr table)`, in one thread.
    """

    def __init__(self, steps: Sequence[Step], frame: Frame | None = None) -> None:
        target = llvm.host()
        self.steps = tuple(steps)
        self.program = program(steps, max(target.vector_width, 4), target.has_fma)
        self.parts = self.program.parts
        text = self.program.text
        self._direct = frame is not None and layout_is_known() and all(p.order is None for p in self.parts)
        if frame is not None and self._direct:
            entry = frame_entry(frame._replace(long=frame.long or self.program.work > RELEASE))
            declared = {line for line in text.splitlines() if line.startswith("declare ")}
            text += "\n".join(line for line in entry.splitlines() if line not in declared) + "\n"
        # a pass of a loop is often short: what is called in it is put in its place, and numbers stay in registers
        passes = "O2" if self.program.flow and len(text) <= OPTIMISED else None
        found = disk.key(f"; {passes}\n{text}" if passes else text, target.key)
        code = disk.read(found)
        self.from_cache = code is not None
        if code is None:
            code = llvm.emit_object(text, target, 1, passes)
            disk.write(found, code)
        self.code = llvm.load([code])
        self.address = self.code.address
        self._kept: list[Any] = []
        pointer, integer = ctypes.c_void_p, ctypes.c_int64
        # a loop may end with an exception that is set: ctypes looks for one where it keeps the interpreter's lock
        make = ctypes.PYFUNCTYPE if self.program.flow else ctypes.CFUNCTYPE
        simple = make(ctypes.c_int, pointer)
        ranged = ctypes.CFUNCTYPE(ctypes.c_int, pointer, integer, integer)
        self._functions = [(simple if p.order is None else ranged)(self.code.address(p.name)) for p in self.parts]
        self._begins = [simple(self.code.address(p.begin)) if p.begin else None for p in self.parts]

    def callable(
        self, slow: Callable[[Sequence[Any], dict[str, Any]], Any], name: str, constants: Sequence[Any] = ()
    ) -> Any:
        """A built-in function of the frame's inputs, which keeps the code alive; `slow` gets what it does not take.

        constants: C-contiguous arrays, one per slot of that kind, in order. None where there is no frame, or where
        a nest is long: threads are shared out by a call of this object.
        """
        if not self._direct:
            return None
        if constants:
            table = (ctypes.c_void_p * len(constants)).from_address(self.code.address("constants"))
            table[:] = [c.ctypes.data for c in constants]
            self._kept = list(constants)
        return builtin(self, slow, name)

    def __call__(self, addresses: Any) -> None:
        """Run on the buffers at `addresses` (a C-contiguous array of uintp). ArgumentError for a place outside."""
        table = addresses.ctypes.data
        bad = 0
        for part, function, begin in zip(self.parts, self._functions, self._begins, strict=True):
            if part.order is None:
                bad |= function(table)
            else:
                bad |= self._shared(part, function, begin, addresses)
        if bad & LIMIT:
            limits = {s.length for step in self.steps for s in loops(step) if s.kind == "while_loop"}
            raise ConvergenceError(endless(limits.pop() if len(limits) == 1 else None))
        if bad:
            raise ArgumentError("an index is outside its array")

    def _shared(self, part: Part, function: Any, begin: Any, addresses: Any) -> int:
        """A long nest, by all threads."""
        order = part.order
        assert order is not None
        assert order.split is not None
        n = order.nest.sizes[order.split]
        step = order.step
        count = min(threads(), n // step)
        share = -(-n // (max(count, 1) * step)) * step
        ranges = [(k, min(k + share, n)) for k in range(0, n, share)]
        tables = [addresses] * len(ranges)
        own = [_scratch(part, addresses) for _ in ranges[1:]] if part.reduced else []
        if own:
            tables = [addresses, *(table for table, _ in own)]
        bad = 0
        for table in tables if own else tables[:1]:
            bad |= begin(table.ctypes.data) if begin else 0

        def run(k: int) -> int:
            return function(tables[k].ctypes.data, *ranges[k])

        jobs: list[Future[int]] = []
        with suppress(RuntimeError):  # no threads while the interpreter shuts down
            jobs.extend(_pool(os.getpid()).submit(run, k) for k in range(1, len(ranges)))
        for k in (0, *range(1 + len(jobs), len(ranges))):
            bad |= run(k)
        for job in jobs:
            bad |= job.result()
        for table in tables[1:] if own else ():
            for s in order.nest.stores:
                combine, kept = UFUNCS[s.how], _results(s, order.nest, addresses)
                with np.errstate(all="ignore"):
                    combine(kept, _results(s, order.nest, table), out=kept)
        return bad


def loops(step: Step) -> list[Passes]:
    """The loops and branches that a step is, or has within."""
    if not isinstance(step, Passes):
        return []
    return [step, *(inner for body in step.bodies for s in body for inner in loops(s))]


def _scratch(part: Part, addresses: Any) -> tuple[Any, Any]:
    """A table for one more thread of a nest whose stores are all reduced: (the table, the memory it adds)."""
    assert part.order is not None
    nest = part.order.nest
    table, memory = addresses.copy(), []
    for s in nest.stores:
        a = s.access
        ends = [(n - 1) * c for n, c in zip(nest.sizes, a.strides, strict=True)]
        first, last = a.offset + sum(e for e in ends if e < 0), a.offset + sum(e for e in ends if e > 0)
        own = np.full(last - first + 1, identity(s.how, a.dtype), a.dtype)
        table[a.buffer] = own.ctypes.data - first * own.itemsize
        memory.append(own)
    return table, memory


def _results(s: Store, nest: Nest, addresses: Any) -> Any:
    """What store `s` writes to, as an array of the axes that it keeps."""
    a = s.access
    size = np.dtype(a.dtype).itemsize
    kept = [(n, c) for n, c in zip(nest.sizes, a.strides, strict=True) if c]
    start = int(addresses[a.buffer]) + a.offset * size
    low = sum(min(c, 0) * (n - 1) for n, c in kept)
    count = sum(abs(c) * (n - 1) for n, c in kept) + 1
    memory: Any = (ctypes.c_char * (count * size)).from_address(start + low * size)
    shape, strides = [n for n, _ in kept], [c * size for _, c in kept]
    return np.ndarray(shape, a.dtype, memory, -low * size, strides)
