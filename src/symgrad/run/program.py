"""A planned program at work: buffers, an arena, machine code for the nests, BLAS and NumPy for the rest."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from itertools import pairwise
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from symgrad.compile.nest import Nest, interpret
from symgrad.compile.plan.code import code, is_code
from symgrad.compile.plan.steps import (
    CONSTANT,
    INPUT,
    RESULT,
    TEMPORARY,
    Flow,
    Gemm,
    Library,
    Matmul,
    Matrix,
    Mirror,
    Plan,
    Step,
    describe,
    writes,
)
from symgrad.compile.plan.views import View
from symgrad.graph import Type
from symgrad.run.flow import Runner
from symgrad.run.recycled import LARGE, Results

if TYPE_CHECKING:
    from symgrad.compile.llvm.nest_entry import Frame
    from symgrad.run.nest import Nests

HEAP = 1 << 24
"""Bytes of an arena up to which a call gets one of its own from the C library."""
LONG = 100_000
"""Multiplications by BLAS from which on a call lets other Python threads run."""
KEPT = 1 << 28
"""Bytes of an arena up to which it is kept between calls."""
BLOCK = 128


class Program:
    """`plan` as a callable: arrays of the planned types in, new arrays out.

    tree: how the results nest, for `callable`; none is made without it. native: whether nests and calls of BLAS are
    machine code, else they are interpreted by NumPy (slow: for tests). given: what `callable` makes takes memory to
    work in as one more argument, a float64 array of `room` elements. repeated: to be timed, each step is code of
    its own, and runs so many times. Calls of several threads at once are fine: each has an arena of its own.
    """

    def __init__(
        self,
        plan: Plan,
        native: bool = True,
        tree: Any = None,
        repeated: Sequence[int] = (),
        given: bool = False,
    ) -> None:
        self.plan = plan
        self._given = given
        self._whole: Nests | None = None
        self.buffers = plan.buffers
        self._arenas: list[Any] = []
        self._memory = Results()
        self._lock = threading.Lock()
        self._size = len(plan.buffers)
        self._constants: list[tuple[int, Any]] = []
        for k, b in enumerate(plan.buffers):
            if b.kind == CONSTANT:
                self._constants.append((k, np.ascontiguousarray(b.data).reshape(-1)))
        self._places = [(k, b) for k, b in enumerate(plan.buffers) if b.kind == TEMPORARY and b.at >= 0]
        self._results = [(v.buffer, plan.buffers[v.buffer], v.shape) for v in plan.results]
        self._code: list[Callable[[list[Any], Any], None]] = []
        self._gather(native, tree, repeated)

    def __call__(self, arrays: Sequence[Any]) -> list[Any]:
        """The results at these inputs. ArgumentError where a computed place is outside its array."""
        memory, table, results, arena = self._prepared(arrays)
        with np.errstate(all="ignore"):
            self.run(memory, table)
        self._keep(arena)
        return results

    def run(self, memory: list[Any], table: Any) -> None:
        """The steps, on these buffers at these addresses."""
        for run in self._code:
            run(memory, table)

    def timed(self, arrays: Sequence[Any], budget: float, passes: int) -> list[float]:
        """Seconds of each step (of a program with `repeated`): tenth percentiles of passes that fit into `budget`."""
        samples: list[list[float]] = []
        end = perf_counter() + budget
        while len(samples) < 3 or (len(samples) < passes and perf_counter() < end):
            memory, table, _, arena = self._prepared(arrays)
            marks = [perf_counter()]
            with np.errstate(all="ignore"):
                for run in self._code:
                    run(memory, table)
                    marks.append(perf_counter())
            self._keep(arena)
            samples.append([b - a for a, b in pairwise(marks)])
        return [float(np.percentile(column, 10)) for column in zip(*samples, strict=True)]

    def _prepared(self, arrays: Sequence[Any]) -> tuple[list[Any], Any, list[Any], Any]:
        """(each buffer's memory, its address, the results, the arena) for a call."""
        memory: list[Any] = [None] * self._size
        table = np.zeros(self._size, np.uintp)
        for k, x in zip(self.plan.inputs, arrays, strict=True):
            if not (x.flags.c_contiguous and x.flags.aligned):
                x = np.array(x, order="C")
            memory[k] = x.reshape(-1)
            table[k] = _address(x)
        for k, x in self._constants:
            memory[k] = x
            table[k] = _address(x)
        arena = self._arena()
        if arena is not None:
            base = _address(arena)
            for k, b in self._places:
                memory[k] = arena[b.at : b.at + b.bytes].view(b.dtype)
                table[k] = base + b.at
        results = []
        for k, b, shape in self._results:
            x = np.zeros(b.count, b.dtype) if b.zeroed else self._memory.empty(k, b.count, b.dtype)
            memory[k] = x
            table[k] = _address(x)
            results.append(x.reshape(shape))
        return memory, table, results, arena

    def _keep(self, arena: Any) -> None:
        """For the next call."""
        if arena is not None and len(arena) <= KEPT:
            with self._lock:
                self._arenas.append(arena)

    def _arena(self) -> Any:
        if not self._places:
            return None
        with self._lock:
            if self._arenas:
                return self._arenas.pop()
        raw = np.empty(self.plan.arena + 64, np.uint8)
        start = -_address(raw) % 64
        return raw[start : start + self.plan.arena]

    @property
    def room(self) -> int:
        """float64 numbers that a call works in."""
        return -(-self.plan.arena // 8)

    def callable(self, slow: Callable[[Sequence[Any], dict[str, Any]], Any], name: str) -> Any:
        """A built-in function of arrays in C order; `slow` gets what it does not take.

        None where a step is no machine code, or is shared out to threads, or where memory is worth keeping.
        """
        if self._whole is None:
            return None
        return self._whole.callable(slow, name, [x for _, x in self._constants])

    def _gather(self, native: bool, tree: Any, repeated: Sequence[int]) -> None:
        """Runs of steps that are machine code become one call each; all steps, if they are, a built-in function."""
        plan = self.plan
        line: list[Any] = []

        def close() -> None:
            if line:
                from symgrad.run.nest import Nests

                whole = len(line) == len(plan.steps) and tree is not None
                large = any(b.bytes >= LARGE and not b.zeroed for _, b, _ in self._results)
                if whole and (self._given or (plan.arena <= HEAP and not large)):
                    nests = self._whole = Nests(list(line), _frame(plan, tree, self._given))
                else:
                    nests = Nests(list(line))
                self._code.append(lambda memory, table: nests(table))
                line.clear()

        for k, step in enumerate(plan.steps):
            times = repeated[k] if repeated else 1
            if native and is_code(step):
                line += [code(step)] * times
            else:
                close()
                self._code.append(_python(step, native))
            if repeated:
                close()
        close()

    def explain(self, full: bool = False) -> str:
        """Memory, and what is run; `full`: every step."""
        plan = self.plan
        names = [describe(s) for s in plan.steps]
        head = f"{len(names)} step{'s'[: len(names) != 1]}; {plan.memory}"
        return "\n".join([head, *(f"  {n}" for n in names)]) if full else head


def _frame(plan: Plan, tree: Any, given: bool) -> Frame:
    """What the buffers are in a call of the whole program."""
    from symgrad.compile.llvm.nest_entry import Frame, Slot

    shapes = dict(zip(plan.inputs, plan.shapes, strict=True)) | {v.buffer: v.shape for v in plan.results}
    kinds = {INPUT: "input", RESULT: "result", CONSTANT: "constant", TEMPORARY: "work"}
    changed = {k for s in plan.steps for k in writes(s)}
    slots = [
        Slot(
            "unused" if b.kind == TEMPORARY and b.at < 0 else kinds[b.kind],
            Type(b.dtype, shapes.get(k, (b.count,))),
            max(b.at, 0),
            b.zeroed,
            b.kind == INPUT and k in changed,
        )
        for k, b in enumerate(plan.buffers)
    ]
    products = sum(s.a.rows * s.a.columns * s.b.columns for s in plan.steps if isinstance(s, Gemm))
    results = tuple(v.buffer for v in plan.results)
    return Frame(tuple(slots), tuple(plan.inputs), results, tree, plan.arena, products > LONG, given)


def _python(step: Step, native: bool) -> Callable[[list[Any], Any], None]:
    """A step as a function of the buffers."""
    if isinstance(step, Nest):
        return lambda memory, table: interpret(step, memory)
    if isinstance(step, Gemm):
        return lambda memory, table: _gemm(step, memory)
    if isinstance(step, Matmul):
        return lambda memory, table: np.matmul(_seen(step.a, memory), _seen(step.b, memory), out=_seen(step.c, memory))
    if isinstance(step, Mirror):
        return lambda memory, table: _mirror(_seen(step.a, memory))
    if isinstance(step, Flow):
        return Runner(step, [Program(b, native) for b in step.bodies])
    return lambda memory, table: _library(step, memory)


def _library(step: Library, memory: list[Any]) -> None:
    arguments = [_seen(a, memory) if isinstance(a, View) else a for a in step.arguments]
    for a in arguments:
        if isinstance(a, np.ndarray):
            a.flags.writeable = False
    value = step.call(*arguments)
    for out, x in zip(step.out, [value[k] for k in step.takes] if step.takes else [value], strict=True):
        _seen(out, memory)[...] = x


def _mirror(a: Any) -> None:
    """By blocks, which stay in the cache."""
    n = len(a)
    for i in range(0, n, BLOCK):
        own = a[i : i + BLOCK, i : i + BLOCK]
        rows, columns = np.tril_indices(len(own), -1)
        own[rows, columns] = own[columns, rows]
        for j in range(i + BLOCK, n, BLOCK):
            a[j : j + BLOCK, i : i + BLOCK] = a[i : i + BLOCK, j : j + BLOCK].T


def _gemm(step: Gemm, memory: list[Any]) -> None:
    a, b, c = (_matrix(m, memory) for m in (step.a, step.b, step.c))
    value = step.alpha * (a @ b)
    c[...] = value + step.beta * c if step.beta else value


def _matrix(m: Matrix, memory: list[Any]) -> Any:
    return _strided(memory[m.buffer], m.offset, (m.rows, m.columns), (m.down, m.right))


def _seen(v: View, memory: list[Any]) -> Any:
    return _strided(memory[v.buffer], v.offset, v.shape, v.strides)


def _strided(flat: Any, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> Any:
    item = flat.itemsize
    if not flat.size or 0 in shape:
        return np.empty(shape, flat.dtype)
    return np.ndarray(shape, flat.dtype, flat, offset * item, [s * item for s in strides])


def _address(a: Any) -> int:
    return a.__array_interface__["data"][0]
