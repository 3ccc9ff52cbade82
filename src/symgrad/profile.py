"""Where the time of a call goes: each kernel with its time, operations, bytes, and share of what the machine can do."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from symgrad.compile.nest import Access, Nest
from symgrad.compile.plan.code import is_code
from symgrad.compile.plan.steps import (
    ITEM,
    Flow,
    Gemm,
    Library,
    Matmul,
    Mirror,
    Plan,
    Step,
    describe,
    shown,
)
from symgrad.compile.plan.views import View
from symgrad.errors import UnsupportedError
from symgrad.run.inplace import InPlace
from symgrad.run.program import Program

BUDGET = 0.3
"""Seconds that a profile may take, beyond one pass."""
SHORT, MANY = 5e-5, 25
"""Seconds below which a step runs many times in a row."""
PASSES = 200
"""Most passes over the steps; the median of a step's times counts."""


class Kernel(NamedTuple):
    """One step of a program: seconds per pass, operations, and bytes that it reads and writes (each once)."""

    name: str
    seconds: float
    operations: float
    bytes: float


class Machine(NamedTuple):
    """What one core of this machine does at best, measured: operations of a matrix product, bytes of a copy."""

    operations: float
    bytes: float


@dataclass(frozen=True)
class Profile:
    """Where the time of a call goes. `print(profile)` shows a table, `profile.plot()` draws it.

    Attributes:
        kernels: in the order in which they run, each timed by itself.
        seconds: of a whole call, in which kernels run one behind the other without Python in between.
        machine: the peaks that shares refer to. Data that stays in the caches can move faster than its peak.
    """

    name: str
    kernels: tuple[Kernel, ...]
    seconds: float
    machine: Machine

    def share(self, kernel: Kernel) -> tuple[float, str]:
        """(share of the machine's peak, which peak bounds: "operations" or "memory")."""
        if not kernel.seconds:
            return 0.0, "-"
        work = kernel.operations / kernel.seconds / self.machine.operations
        moved = kernel.bytes / kernel.seconds / self.machine.bytes
        return (work, "operations") if work >= moved else (moved, "memory")

    def __str__(self) -> str:
        total = sum(k.seconds for k in self.kernels) or 1.0
        rows = [("kernel", "time", "of all", "operations", "bytes", "of peak", "")]
        for k in self.kernels:
            share, bound = self.share(k)
            rows.append(
                (
                    k.name,
                    _time(k.seconds),
                    f"{k.seconds / total:.0%}",
                    f"{k.operations:.3g}",
                    shown(int(k.bytes)),
                    f"{share:.0%}",
                    bound,
                )
            )
        widths = [max(len(r[c]) for r in rows) for c in range(7)]
        head = (
            f"{self.name}: {_time(self.seconds)} a call; the machine: {self.machine.operations / 1e9:.3g} "
            f"operations/ns, {self.machine.bytes / 1e9:.3g} GB/s"
        )
        lines = [
            "  ".join(t.ljust(w) if c in (0, 6) else t.rjust(w) for c, (t, w) in enumerate(zip(r, widths, strict=True)))
            for r in rows
        ]
        return "\n".join([head, *(line.rstrip() for line in lines)])

    def plot(self) -> Any:
        """A Figure with a bar per kernel, as long as its time, marked with its share of the machine's peak.

        It is not shown; `.savefig(path)` saves it. Raises UnsupportedError without matplotlib.
        """
        try:
            from matplotlib.backends.backend_agg import FigureCanvasAgg
            from matplotlib.figure import Figure
        except ImportError:
            raise UnsupportedError("plot needs matplotlib: pip install 'symgrad[plot]'") from None
        figure = Figure(figsize=(8, 1.2 + 0.35 * len(self.kernels)), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        shares = [self.share(k) for k in self.kernels]
        colors = ["C0" if bound == "operations" else "C1" for _, bound in shares]
        rows = range(len(self.kernels))
        bars = axes.barh(rows, [1e6 * k.seconds for k in self.kernels], color=colors)
        axes.bar_label(bars, [f"{share:.0%} of peak" for share, _ in shares], padding=3, fontsize=8)
        axes.set_yticks(rows, [k.name for k in self.kernels], fontsize=8, parse_math=False)
        axes.invert_yaxis()
        axes.margins(x=0.2)
        axes.set_xlabel("µs (blue: bound by operations, orange: by memory)")
        axes.set_title(f"{self.name}: {_time(self.seconds)} a call", parse_math=False)
        return figure


def profile(f: Any, args: Sequence[Any], named: dict[str, Any]) -> Profile:
    """Run a Function with these arguments, kernel by kernel. It is compiled first."""
    f.compile()
    executor = f.executor
    call = _seconds(lambda: f(*args, **named))
    if executor.program is None:
        how = "NumPy" if executor.native is None else "machine code"
        types = (*executor.types, *executor.out_types)
        moved = float(sum(ITEM[t.dtype] * math.prod(n or 1 for n in t.shape) for t in types))
        own = Kernel(f"{how}, all at once", call, float(f.count_ops()), moved)
        return Profile(f.name, (own,), call, machine("float64"))
    return of_plan(f.name, executor.program.plan, executor.arrays(args, named), call)


def of_plan(name: str, plan: Plan, arrays: list[Any], seconds: float) -> Profile:
    """The profile of a plan on these arrays, some of which it may change; a whole call takes `seconds`."""
    times = _times(plan, arrays)
    kernels = tuple(Kernel(describe(s), t, *work(s)) for s, t in zip(plan.steps, times, strict=True))
    return Profile(name, kernels, seconds, machine(_dtype(plan)))


def in_place(step: InPlace, arrays: list[Any]) -> Profile:
    """Run a step in place, kernel by kernel. It changes the arrays. UnsupportedError where it has no machine code."""
    if step.program is None:
        raise UnsupportedError(f"{step.name}: {step.refusal}")
    room = step.workspace()
    return of_plan(step.name, step.program.plan, arrays, _seconds(lambda: step.call(*arrays, room)))


def _times(plan: Plan, arrays: list[Any]) -> list[float]:
    """Seconds of each step. Short ones run many times in one call, so that the call itself does not count."""
    once = Program(plan, repeated=[1] * len(plan.steps)).timed(arrays, BUDGET, PASSES)
    often = [MANY if t < SHORT and _settles(s) else 1 for s, t in zip(plan.steps, once, strict=True)]
    many = Program(plan, repeated=often).timed(arrays, BUDGET, PASSES)
    return [t if n == 1 else max(m - t, 1e-9) / (n - 1) for t, m, n in zip(once, many, often, strict=True)]


def _settles(step: Step) -> bool:
    """Whether machine code does the same when it runs again: it adds to nothing. A scan goes on from its last carries,
    through as many passes; a loop with a condition would be at its end."""
    if isinstance(step, Flow):
        return step.name != "while_loop" and is_code(step)
    if isinstance(step, Nest):
        return not any(s.keep for s in step.stores)
    return isinstance(step, Mirror) or (isinstance(step, Gemm) and not step.beta)


def _dtype(plan: Plan) -> str:
    return "float32" if any(b.dtype == "float32" for b in plan.buffers) else "float64"


def work(step: Step) -> tuple[float, float]:
    """(operations, bytes read and written) of a step, each element of memory counted once."""
    if isinstance(step, Nest):
        accesses = [*step.loads, *(s.access for s in step.stores)]
        summed = sum(s.how != "set" for s in step.stores)
        operations = step.points * (step.body.operations(step.roots) + summed)
        return float(operations), float(sum(_touched(a, step) for a in accesses))
    if isinstance(step, Gemm):
        m, k, n = step.a.rows, step.a.columns, step.b.columns
        return 2.0 * m * k * n, float(ITEM[step.dtype] * (m * k + k * n + m * n * (2 if step.beta else 1)))
    if isinstance(step, Matmul):
        *batch, m, k = step.a.shape
        n = step.b.shape[-1]
        moved = m * k * ITEM[step.a.dtype] + k * n * ITEM[step.b.dtype] + m * n * ITEM[step.c.dtype]
        return 2.0 * math.prod(batch) * m * k * n, float(math.prod(batch) * moved)
    if isinstance(step, Mirror):
        return 0.0, float(ITEM[step.a.dtype] * math.prod(step.a.shape))
    if isinstance(step, Flow):  # a loop that says how long it is, or one pass of another
        passes = step.length if step.name == "scan" and step.number is None else 1
        own = [work(s) for body in step.bodies for s in body.steps]
        return passes * sum(o for o, _ in own), passes * sum(b for _, b in own)
    assert isinstance(step, Library)
    views = [v for v in (*step.arguments, *step.out) if isinstance(v, View)]
    return float(step.operations), float(sum(ITEM[v.dtype] * math.prod(v.shape) for v in views))


def _touched(access: Access, nest: Nest) -> int:
    """Bytes behind an access: a stride of 0 reads the same element again; a computed place another one each time."""
    if access.at:
        return ITEM[access.dtype] * nest.points
    kept = [n for n, c in zip(nest.sizes, access.strides, strict=True) if c]
    return ITEM[access.dtype] * math.prod(kept)


@cache
def machine(dtype: str) -> Machine:
    """What one core does, measured once per process (0.1 s)."""
    a = np.ones((384, 384), dtype)
    products = min(_once(lambda: a @ a) for _ in range(5))
    big, other = np.ones(1 << 22), np.ones(1 << 22)
    copy = min(_once(lambda: np.copyto(other, big)) for _ in range(5))
    return Machine(2 * 384**3 / products, 2 * big.nbytes / copy)


def _once(call: Callable[[], Any]) -> float:
    start = perf_counter()
    call()
    return perf_counter() - start


def _seconds(call: Callable[[], Any]) -> float:
    """The median time of a call."""
    first = _once(call)
    inner = max(1, int(BUDGET / PASSES / max(first, 1e-7)))  # what is short is called several times in a row
    count = max(3, min(PASSES, int(BUDGET / (inner * max(first, 1e-7)))))

    def several() -> None:
        for _ in range(inner):
            call()

    return float(np.median([_once(several) for _ in range(count)])) / inner


def _time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"
