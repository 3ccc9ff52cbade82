"""Machine code of a function: from the cache or compiled, called for one point or for a batch."""

from __future__ import annotations

import ctypes
import math
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import symgrad.compile.llvm
import symgrad.dialects.llvm
from symgrad.compile.llvm.entry import entry
from symgrad.compile.llvm.kernel import Kernel, Program, kernel
from symgrad.compile.numpy import constant
from symgrad.graph.digest import digest
from symgrad.run import cache as disk
from symgrad.run import llvmlite as llvm
from symgrad.run.calls import builtin, layout_is_known

_LONG = 20000  # operations from which on a call lets other Python threads run
_THREAD_WORK = 2_000_000  # operations times points that are worth a thread: about 0.3 ms
_POINTS = 64  # a thread's share is a multiple


class Native:
    """`program` as machine code. `quick`: for one point only, compiled some 7 times faster, half as fast."""

    def __init__(self, program: Program, tree: Any, quick: bool) -> None:
        target = llvm.host()
        self.program = program
        k = kernel(program, _width(target, program.dtype), target.has_fma, with_batch=not quick)
        self.kernel: Kernel = k
        self.operations = program.graph.operations(program.outputs)
        self._types = program.in_types
        self._out_types = program.out_types
        nests = layout_is_known() and None not in [n for t in self._out_types for n in t.shape]
        text = k.text
        if nests:
            has_loop = any(op.kind == "control" for op in program.graph.ops)
            long = self.operations > _LONG or has_loop
            text += entry(self._types, self._out_types, k.offsets, k.size, tree, long)
        found = disk.key(
            digest(program.graph, program.inputs, program.outputs),
            repr((tree, nests, quick, k.width)),
            target.key,
            _back_end(),
        )
        code = disk.read(found)
        self.from_cache = code is not None
        if code is None:
            code = llvm.emit_object(text, target, 0 if quick else 1)
            disk.write(found, code)
        self.code = llvm.load([code])
        self._nests = nests
        self._constants, self._computed = self._cells()
        if not quick:
            pointer, integer = ctypes.c_void_p, ctypes.c_int64
            kind = ctypes.CFUNCTYPE(ctypes.c_int, *[pointer] * 6, integer, integer)
            self._batch = kind(self.code.address("batch"))

    def callable(self, slow: Callable[[Sequence[Any], dict[str, Any]], Any], name: str) -> Any:
        """A built-in function for one point, which keeps the code alive; `slow` gets what it does not take.

        None where the lengths of a result are known only in a call.
        """
        return builtin(self.code, slow, name) if self._nests else None

    def batch(self, arrays: Sequence[Any], shape: tuple[int, ...], out: Any = None) -> list[Any] | None:
        """The outputs for a batch of this shape; None where an index was outside its array.

        arrays: of shape batch + the input's shape, batches broadcastable, right dtypes. out: an array for the
        only output, shape `shape` + its own.
        """
        points = math.prod(shape)
        keep, starts, steps, lengths = [], [], [], []
        for a, type in zip(arrays, self._types, strict=True):
            rank = len(type.shape)
            if a.ndim == rank:
                a = np.ascontiguousarray(a) if rank else a
                steps.append(0)
            else:
                if a.shape[: a.ndim - rank] != shape:
                    a = np.broadcast_to(a, shape + a.shape[a.ndim - rank :])
                a = a.reshape((points, *a.shape[a.ndim - rank :]))  # a view where there is one
                if rank and not a[:1].flags.c_contiguous:
                    a = np.ascontiguousarray(a)
                steps.append(a.strides[0])
            if not a.flags.aligned or (out is not None and np.may_share_memory(a, out)):
                a = a.copy()
                steps[-1] = a.strides[0] if steps[-1] else 0
            keep.append(a)
            starts.append(_address(a))
            lengths += a.shape[a.ndim - rank :] if rank else ()
        return self._start(np.array(starts, np.uintp), np.array(steps), np.array(lengths, np.int64), shape, out, keep)

    def rows(self, points: Any, out: Any = None) -> list[Any] | None:
        """The outputs for every row of `points`, an aligned array of this program's dtype, one column per input."""
        if out is not None and np.may_share_memory(points, out):
            points = points.copy()
        count = len(self._types)
        starts = (_address(points) + np.arange(count) * points.strides[1]).astype(np.uintp)
        steps = np.full(count, points.strides[0])
        return self._start(starts, steps, np.zeros(0, np.int64), points.shape[:1], out, points)

    def takes_rows(self, points: Any) -> bool:
        """Whether `rows` does: all inputs are scalars of this program's dtype, and so are the points."""
        dtype = self.program.dtype
        return points.dtype == dtype and points.flags.aligned and all(t == (dtype, ()) for t in self._types)

    def _start(
        self, starts: Any, steps: Any, lengths: Any, shape: tuple[int, ...], out: Any, keep: Any
    ) -> list[Any] | None:
        """`keep`: the memory of the arguments."""
        points = math.prod(shape)
        places, strides, results = self._results(shape, points, out)
        steps = steps.astype(np.int64)
        tables = (starts, steps, lengths, places, strides)
        return None if self._run(points, tables, (keep, results)) else results

    def _results(self, shape: tuple[int, ...], points: int, out: Any) -> tuple[Any, Any, list[Any]]:
        """Address and step of every cell, and the arrays they are in.

        Cells stand apart in memory, their points side by side: the results are views with the batch in front.
        """
        places, strides, results = [], [], []
        for type, (fixed, values) in zip(self._out_types, self._constants, strict=True):
            own = tuple(n for n in type.shape if n is not None)
            cells, dtype = math.prod(own), np.dtype(type.dtype)
            if out is None:
                row = points
                if cells > 1:
                    whole = 64 // dtype.itemsize  # elements of a cache line
                    row += -row % whole
                    if row * dtype.itemsize % 512 == 0:
                        row += whole  # columns a power of two apart would share a few cache lines
                memory = _aligned(cells * row, dtype).reshape((cells, row))[:, :points]
                memory[fixed] = values[:, None]
                memory = memory.reshape((*own, *shape))
                result = memory.transpose(*range(len(own), memory.ndim), *range(len(own)))
                places.append(_address(memory) + np.arange(cells) * (row * dtype.itemsize))
                strides.append(np.full(cells, dtype.itemsize))
            else:
                result = out
                if len(fixed):
                    out[(..., *(np.unravel_index(fixed, own) if own else ()))] = values
                inner = np.zeros(own, np.int64)
                for axis, n in enumerate(own):
                    step = out.strides[len(shape) + axis]
                    inner += (np.arange(n) * step).reshape([-1 if k == axis else 1 for k in range(len(own))])
                places.append(_address(out) + inner.ravel())
                strides.append(np.full(cells, out.strides[0]))
            results.append(result)
        if not results:
            return np.zeros(0, np.uintp), np.zeros(0, np.int64), results
        computed = self._computed
        return (
            np.concatenate(places)[computed].astype(np.uintp),
            np.concatenate(strides)[computed].astype(np.int64),
            results,
        )

    def _cells(self) -> tuple[list[tuple[Any, Any]], Any]:
        """Per output, its constant cells and their values; and which of all cells are computed."""
        graph, known = self.program.graph, self.kernel.constants
        fixed, start = [], 0
        for type in self._out_types:
            count = math.prod(n for n in type.shape if n is not None)
            own = [k for k in range(start, start + count) if k in known]
            values = np.array([constant(*graph.attrs[known[k]]) for k in own], type.dtype)
            fixed.append((np.array(own, np.int64) - start, values))
            start += count
        return fixed, np.array([k for k in range(start) if k not in known], np.int64)

    def _run(self, points: int, tables: Sequence[Any], keep: Any) -> int:
        size = self.kernel.work + 64
        addresses = [_address(t) for t in tables]

        # each holds the memory it works on: this call may be over before (after Ctrl-C)
        def part(first: int, last: int, keep: Any = (tables, keep)) -> int:
            work = _aligned(size, np.dtype(np.uint8))
            return self._batch(*addresses, _address(work), first, last)

        count = min(threads(), int(points * max(self.operations, 1) / _THREAD_WORK), points // _POINTS)
        if count < 2:
            return part(0, points)
        share = -(-points // (count * _POINTS)) * _POINTS
        ranges = [(k, min(k + share, points)) for k in range(0, points, share)]
        jobs: list[Any] = []
        with suppress(RuntimeError):  # no threads while the interpreter shuts down
            jobs.extend(_pool(os.getpid()).submit(part, *r) for r in ranges[1:])  # those that started stay listed
        here = [part(*r) for r in (ranges[0], *ranges[1 + len(jobs) :])]
        return max([*here, *[j.result() for j in jobs]])


def _aligned(count: int, dtype: Any) -> Any:
    """An empty array that starts at a cache line: vectors never lie across two."""
    raw = np.empty(count * dtype.itemsize + 64, np.uint8)
    start = -_address(raw) % 64
    return raw[start : start + count * dtype.itemsize].view(dtype)


def threads() -> int:
    """How many threads a large batch takes: $SYMGRAD_NUM_THREADS, else the processors this process may use."""
    text = os.environ.get("SYMGRAD_NUM_THREADS", "")
    if text.isdigit() and int(text) > 0:
        return int(text)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _pool(process: int) -> Any:
    """The threads of this process (a forked child has its own)."""
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(max(threads(), 1), "symgrad batch")


def _width(target: llvm.Target, dtype: str) -> int:
    """Points in a vector."""
    return max(target.vector_width, 4) * (2 if dtype == "float32" else 1)


def _address(a: Any) -> int:
    return a.__array_interface__["data"][0]


@cache
def _back_end() -> str:
    """What tells one state of this back end from another: its files."""
    files = [Path(str(symgrad.dialects.llvm.__file__)), *Path(symgrad.compile.llvm.__path__[0]).glob("*.py")]
    return repr([(f.name, s.st_size, s.st_mtime_ns) for f in sorted(files) for s in [f.stat()]])
