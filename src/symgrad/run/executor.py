"""Runs a graph on arguments: checks them, and picks what evaluates: the NumPy reference at once, machine code
as soon as it pays.

When a function's calls have taken about as long as compiling takes, machine code is made in the background,
in two steps for long functions (quickly, then well); a large batch waits for it. Until it is there the
reference answers. What the native back end has not stays with the reference.
"""

from __future__ import annotations

import math
import os
import threading
import weakref
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from symgrad.compile.numpy import Reference
from symgrad.errors import ArgumentError, TraceError, UnsupportedError
from symgrad.graph import Graph
from symgrad.graph.tree import Tree
from symgrad.run import fork, tiers
from symgrad.run.arguments import as_array, bind
from symgrad.run.limits import refuse_beyond
from symgrad.run.results import bare, finisher, nester

if TYPE_CHECKING:
    from symgrad.compile.plan.steps import Plan
    from symgrad.run.program import Program

_WAIT = 50_000  # points of a batch that take the reference longer than compiling takes
_SETUP, _PER_OPERATION = 0.01, 2e-5  # seconds of calls that compiling is worth, as it takes about that itself
_MODEST = 10_000_000  # bytes of results that every machine has
_LARGE = 4_000_000  # elements of all arrays: the reference holds many of them at once
_LONG = 300  # operations from which on a quick step comes before the good one


_alive: weakref.WeakSet[Executor] = weakref.WeakSet()


class Executor:
    """The outputs of a graph as a callable of its inputs.

    `ready` is given what replaces `values` and a call, as soon as there is machine code. `inline` takes the calls
    whose arguments are traced arrays, which have no numbers.
    """

    def __init__(
        self,
        graph: Graph,
        inputs: Sequence[int],
        outputs: Sequence[int],
        tree: Tree,
        name: str,
        ready: Callable[[Any, Any], None],
        inline: Callable[[Sequence[Any]], list[Any]] | None = None,
    ) -> None:
        self.name = name
        self._tree = bare(tree)
        self._nest = nester(self._tree)
        self._finish = finisher(tree)
        self.graph, self.inputs, self.outputs = graph, list(inputs), list(outputs)
        self.names = [graph.attrs[i][0] for i in inputs]
        self.types = [graph.types[i] for i in inputs]
        self.out_types = [graph.types[o] for o in outputs]
        self.native: Any = None
        self.program: Program | None = None
        """What runs arrays, in place of `native`."""
        self.refusal = "" if os.environ.get("SYMGRAD_BACKEND") != "numpy" else "SYMGRAD_BACKEND=numpy"
        self._spent = 0.0  # seconds that the reference took
        self._asked = False  # for machine code
        self._ready = ready
        self._inline = inline
        self._lock = threading.Lock()
        _alive.add(self)

    @cached_property
    def reference(self) -> Reference:
        return Reference(self.graph, self.inputs, self.outputs)

    def __call__(self, args: Sequence[Any], named: dict[str, Any]) -> Any:
        result = self.values(args, named)
        return result if self._finish is None else self._finish(result)

    def values(self, args: Sequence[Any], named: dict[str, Any]) -> Any:
        """As a call, but the values of a sparse matrix stand for it."""
        try:
            arrays = self.arrays(args, named)
        except TraceError:
            if self._inline is None:
                raise
            return self._nest(self._inline(bind(self.name, self.names, args, named)))
        return self._nest(self._evaluate(arrays, None))

    def arrays(self, args: Sequence[Any], named: dict[str, Any]) -> list[Any]:
        """The arguments of a call, checked: one array per input."""
        values = bind(self.name, self.names, args, named)
        return [as_array(self.name, n, v, t) for n, v, t in zip(self.names, values, self.types, strict=True)]

    def map(self, points: Any, out: Any = None) -> Any:
        """One evaluation per row of `points`."""
        if any(t.shape for t in self.types):
            raise ArgumentError(f"{self.name}.map takes functions of scalar inputs only; call it with arrays instead")
        columns = np.asarray(points)
        if columns.ndim != 2 or columns.shape[1] != len(self.names):
            raise ArgumentError(
                f"{self.name}.map needs points of shape (n, {len(self.names)}), one column per input "
                f"({', '.join(self.names)}); got shape {columns.shape}"
            )
        native = self.native
        if native is not None and native.kernel.work and len(columns) and native.takes_rows(columns):
            if out is not None:
                self._check(out, columns.shape[:1])
            leaves = native.rows(columns, out)
            if leaves is not None:
                result = self._nest(self._full(leaves, columns.shape[:1]))
                return result if self._finish is None else self._finish(result)
        arrays = [
            as_array(self.name, n, columns[:, k], t)
            for k, (n, t) in enumerate(zip(self.names, self.types, strict=True))
        ]
        result = self._nest(self._evaluate(arrays, out, (len(columns),)))
        return result if self._finish is None else self._finish(result)

    def compile(self) -> str:
        """Machine code now. Returns why there is none, or an empty text."""
        with self._lock:
            if not self.refusal and self.program is None and (self.native is None or self.native.kernel.work == 0):
                self._build(quick=False)
        return self.refusal

    def explain(self, steps: bool = False) -> str:
        """What evaluates at this moment, and why; `steps`: with every step of a program of arrays."""
        if self.refusal:
            return f"runs on NumPy: {self.refusal}"
        if self.program is not None:
            return f"runs as a program of {self.program.explain(steps)}"
        native = self.native
        if native is None:
            later = (
                "runs on NumPy until it is compiled: by f.compile(), or in the background once its calls cost as much"
            )
            return later + (f"; compiled, it takes {self.plan.memory}" if self._is_of_arrays else "")
        how = "from the cache" if native.from_cache else "compiled here"
        points = native.kernel.width
        batch = f"batches {points} points at a time" if points > 1 else "batches point by point"
        return f"runs as native code ({native.program.dtype}, {native.code.size / 1000:.0f} kB, {how}; {batch})"

    def _evaluate(self, arrays: list[Any], out: Any, shape: tuple[int, ...] = ()) -> list[Any]:
        if arrays:
            shape = self._batch_shape(
                [a.shape[: a.ndim - len(t.shape)] for a, t in zip(arrays, self.types, strict=True)]
            )
        if out is not None:
            self._check(out, shape)
        points = math.prod(shape)
        if self._result_bytes * points > _MODEST:
            refuse_beyond(self.name, self._result_bytes * points, "its results")
        if points >= _WAIT or (self._large and not shape):
            self.compile()
        native = self.native
        leaves = None
        if self.program is not None and not shape:
            leaves = self.program(arrays)
            if out is not None:
                out[...] = leaves[0]
                leaves = [out]
        elif native is not None and native.kernel.work and points:
            leaves = native.batch(arrays, shape, out)
        if leaves is None:
            start = perf_counter()
            leaves = self.reference(arrays)
            self._spent += perf_counter() - start
            if not self._asked and self._spent > _SETUP + _PER_OPERATION * len(self.graph):
                self._asked = True
                tiers.later(partial(_improve, weakref.ref(self)))
            if out is not None:
                out[...] = leaves[0]
                leaves = [out]
        return self._full(leaves, shape)

    def _full(self, leaves: Sequence[Any], shape: tuple[int, ...]) -> list[Any]:
        """Every output with the batch in front; a single number as Python's."""
        results = []
        given: set[int] = set()
        for value, type in zip(leaves, self.out_types, strict=True):
            full = shape + value.shape[value.ndim - len(type.shape) :]
            if value.shape != full:  # the same at every point
                value = np.broadcast_to(value, full).copy()
            elif id(value) in given:
                value = value.copy()  # one node's values twice
            given.add(id(value))
            results.append(value if value.ndim else value[()].item())
        return results

    def _batch_shape(self, shapes: list[tuple[int, ...]]) -> tuple[int, ...]:
        try:
            return np.broadcast_shapes(*shapes)
        except ValueError:
            given = {s: n for n, s in reversed(list(zip(self.names, shapes, strict=True))) if s}
            listed = ", ".join(f"{n} has {s}" for s, n in reversed(given.items()))
            raise ArgumentError(f"{self.name}: the arguments' batches do not broadcast together: {listed}") from None

    def _check(self, out: Any, shape: tuple[int, ...]) -> None:
        if len(self.out_types) != 1:
            raise ArgumentError(
                f"{self.name}.map: out= needs a function with one output, this has {len(self.out_types)}"
            )
        dtype, own = self.out_types[0]
        want = (*shape, *own)
        if not isinstance(out, np.ndarray) or out.shape != want or out.dtype != dtype or not out.flags.writeable:
            got = f"{out.dtype} of shape {out.shape}" if isinstance(out, np.ndarray) else type(out).__name__
            raise ArgumentError(f"{self.name}.map: out= must be a writable {dtype} array of shape {want}, got {got}")

    @cached_property
    def plan(self) -> Plan:
        """The program of a function of arrays: what it takes of memory is known before it is compiled or run."""
        from symgrad.compile.plan.planner import plan

        return plan(self.graph, self.inputs, self.outputs)

    @cached_property
    def _is_of_arrays(self) -> bool:
        """Whether there are arrays, all of known lengths, or loops that are run as those of arrays are."""
        live = self.graph.reach(self.outputs)
        shapes = [t.shape for t, needed in zip(self.graph.types, live, strict=True) if needed]
        loops = any(op.kind == "flow" for op, needed in zip(self.graph.ops, live, strict=True) if needed)
        return (loops or any(shapes)) and not any(None in s for s in shapes)

    @cached_property
    def _result_bytes(self) -> int:
        """Of all outputs, at one point."""
        return sum(np.dtype(t.dtype).itemsize * math.prod(n or 0 for n in t.shape) for t in self.out_types)

    @cached_property
    def _large(self) -> bool:
        """Whether the arrays of the reference take so much memory that compiling is worth its while at once."""
        types = [t for t, needed in zip(self.graph.types, self.graph.reach(self.outputs), strict=True) if needed]
        return sum(math.prod(n or 0 for n in t.shape) for t in types) >= _LARGE

    def _build(self, quick: bool) -> None:
        """Make machine code; what the back end has not is remembered."""
        try:
            with fork.importing:
                from symgrad.compile.llvm.kernel import prepare
                from symgrad.run.native import Native
                from symgrad.run.program import Program

            if self._is_of_arrays:
                try:
                    program = prepare(self.graph, self.inputs, self.outputs)
                except UnsupportedError:
                    refuse_beyond(self.name, self.plan.peak_bytes, "its results and what they are made of")
                    self.program = Program(self.plan, tree=self._tree)
                    self._hand_over(self.program.callable(self.values, self.name))
                    return
            program = prepare(self.graph, self.inputs, self.outputs)
            self.native = Native(program, self._tree, quick)
        except UnsupportedError as e:
            self.refusal = str(e)
            return
        except ImportError as e:
            self.refusal = f"there is no machine code without llvmlite, which can't be imported ({e})"
            return
        self._hand_over(self.native.callable(self.values, self.name))

    def _hand_over(self, call: Any) -> None:
        """From here on `call` takes the calls, if there is one; it is not kept here: it keeps this object."""
        if call is not None:
            self._ready(call, call if self._finish is None else _Finished(call, self._finish))

    def improve(self) -> None:
        """The background's work."""
        with self._lock:
            if self.refusal or self.native is not None or self.program is not None:
                return
            if self.graph.operations(self.outputs) > _LONG:
                self._build(quick=True)
            if not self.refusal and self.program is None:
                self._build(quick=False)


def _after_fork() -> None:
    """The child has neither the thread that held a lock nor the one that was asked for machine code."""
    for executor in list(_alive):
        executor._lock = threading.Lock()
        executor._asked = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _improve(executor: weakref.ref[Executor]) -> None:
    own = executor()
    if own is None:
        return
    try:
        own.improve()
    except Exception as e:  # whatever it is, nobody waits for it here: the reference goes on, `explain` tells
        own.refusal = f"compiling failed: {type(e).__name__}: {e}"


class _Finished:
    """Machine code whose results include sparse matrices: the code gives their values."""

    def __init__(self, call: Any, finish: Callable[[Any], Any]) -> None:
        self.call, self.finish = call, finish

    def __call__(self, /, *args: Any, **named: Any) -> Any:
        return self.finish(self.call(*args, **named))
