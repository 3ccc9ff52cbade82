"""What a planned program is made of, besides loop nests."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from symgrad.compile.nest import Nest
from symgrad.compile.plan.views import View

INPUT, RESULT, CONSTANT, TEMPORARY = "input", "result", "constant", "temporary"

ITEM = {"bool": 1, "int64": 8, "float32": 4, "float64": 8}
"""Bytes of an element."""


@dataclass
class Buffer:
    """Flat memory. `at`: its place in the arena, bytes, for a temporary one; `zeroed`: it starts as zeros."""

    kind: str
    dtype: str
    count: int
    data: Any = None
    zeroed: bool = False
    at: int = -1

    @property
    def bytes(self) -> int:
        return self.count * ITEM[self.dtype]


class Matrix(NamedTuple):
    """rows x columns elements in a buffer, from `offset` on, by two strides (all in elements)."""

    buffer: int
    offset: int
    rows: int
    columns: int
    down: int
    right: int

    @property
    def turned(self) -> Matrix:
        """Its transpose."""
        return Matrix(self.buffer, self.offset, self.columns, self.rows, self.right, self.down)

    @property
    def by_rows(self) -> bool:
        """Whether rows lie without gaps, one behind the other."""
        return (self.right == 1 or self.columns == 1) and (self.rows == 1 or self.down >= max(1, self.columns))

    @property
    def for_blas(self) -> bool:
        return self.by_rows or self.turned.by_rows


@dataclass(frozen=True)
class Gemm:
    """c = alpha a b + beta c, one call of BLAS. `half`: b is a^T, and nothing below the diagonal is done."""

    dtype: str
    a: Matrix
    b: Matrix
    c: Matrix
    alpha: float
    beta: float
    half: bool = False


@dataclass(frozen=True)
class Matmul:
    """c = a b for batches of matrices, by numpy.matmul."""

    a: View
    b: View
    c: View


@dataclass(frozen=True)
class Mirror:
    """What is above the diagonal of a square matrix copied below."""

    a: View


@dataclass(frozen=True)
class Library:
    """out = call(*arguments): an operation of the NumPy back end. An argument is a view, or a number itself.

    takes: which of the arrays that `call` gives goes to each of `out`; empty: it gives just one.
    bytes: about what it takes for itself. operations: about what it does.
    """

    name: str
    call: Callable[..., Any]
    arguments: tuple[Any, ...]
    out: tuple[View, ...]
    takes: tuple[int, ...]
    bytes: int
    operations: float = 0.0


class Slot(NamedTuple):
    """Where a buffer of a body lies: in a buffer of the plan around it, from byte `offset` on; each pass goes `stride`
    bytes on. `buffer` is -1 where it is not used."""

    buffer: int
    offset: int = 0
    stride: int = 0


@dataclass(frozen=True)
class Flow:
    """A loop or a branch. Its bodies are plans, whose buffers lie in those of the plan around: a slot for each.

    name: "scan", one body; "while_loop", the condition and the body; "cond", the branches for False and True.
    length: passes, or the most there may be; reverse: the last pass is at slot offsets of 0.
    number: where the number of passes is read (a scan's, if it is not `length`) or written (a while loop's), or the
    predicate is read. test: the buffer of a condition's body that has its result. written: buffers it writes to.
    """

    name: str
    bodies: tuple[Plan, ...]
    tables: tuple[tuple[Slot, ...], ...]
    written: frozenset[int]
    length: int = 0
    reverse: bool = False
    number: Slot | None = None
    test: int = -1

    @property
    def bytes(self) -> int:
        """What calls of libraries within take for themselves."""
        return max((b.work_bytes for b in self.bodies), default=0)

    @property
    def touched(self) -> set[int]:
        """The buffers around that bodies read or write."""
        slots = [s for table in self.tables for s in table] + ([] if self.number is None else [self.number])
        return {s.buffer for s in slots if s.buffer >= 0}


Step = Nest | Gemm | Matmul | Mirror | Library | Flow


@dataclass
class Plan:
    """A program: steps over buffers.

    Attributes:
        inputs: the buffer of each input; shapes: theirs. results: the view of each result, into a buffer of its own.
        arena: bytes for all temporary buffers. peak_bytes: most memory that a call takes besides its inputs.
    """

    buffers: list[Buffer]
    steps: list[Step]
    inputs: list[int]
    shapes: list[tuple[int, ...]]
    results: list[View]
    arena: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def result_bytes(self) -> int:
        return sum(b.bytes for b in self.buffers if b.kind == RESULT)

    @property
    def work_bytes(self) -> int:
        """Most memory that a call of a library takes for itself."""
        return max((s.bytes for s in self.steps if isinstance(s, (Library, Flow))), default=0)

    @property
    def peak_bytes(self) -> int:
        return self.arena + self.result_bytes + self.work_bytes

    @property
    def memory(self) -> str:
        """What a call takes, as a text."""
        return f"{shown(self.result_bytes)} for results, {shown(self.peak_bytes)} at the peak"


def shown(bytes: int) -> str:
    """Bytes as a text."""
    for unit, step in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if bytes >= step:
            return f"{bytes / step:.3g} {unit}"
    return f"{bytes} bytes"


def reads(step: Step) -> set[int]:
    """The buffers that a step reads."""
    if isinstance(step, Nest):
        return {a.buffer for a in step.loads} | {s.access.buffer for s in step.stores if s.keep}
    if isinstance(step, Gemm):
        return {step.a.buffer, step.b.buffer} | ({step.c.buffer} if step.beta else set())
    if isinstance(step, Matmul):
        return {step.a.buffer, step.b.buffer}
    if isinstance(step, Mirror):
        return {step.a.buffer}
    if isinstance(step, Flow):
        return step.touched
    return {a.buffer for a in step.arguments if isinstance(a, View)}


def writes(step: Step) -> set[int]:
    """The buffers that a step writes to."""
    if isinstance(step, Nest):
        return {s.access.buffer for s in step.stores}
    if isinstance(step, (Gemm, Matmul)):
        return {step.c.buffer}
    if isinstance(step, Mirror):
        return {step.a.buffer}
    if isinstance(step, Flow):
        return set(step.written)
    return {v.buffer for v in step.out}


def describe(step: Step) -> str:
    """One line about a step."""
    if isinstance(step, Nest):
        sizes = " x ".join(map(str, step.sizes)) or "1"
        ops = step.body.operations(step.roots)
        return f"loops {sizes}: {ops} ops, {len(step.loads)} read, {len(step.stores)} written"
    if isinstance(step, Gemm):
        if step.half:
            return f"syrk {step.a.rows} x {step.a.columns}"
        kind = "gemv" if 1 in (step.c.rows, step.c.columns) else "gemm"
        return f"{kind} {step.a.rows} x {step.a.columns} x {step.b.columns}" + (", added" if step.beta else "")
    if isinstance(step, Matmul):
        *batch, m, k = step.a.shape
        return f"matmul {math.prod(batch)} of {m} x {k} x {step.b.shape[-1]}"
    if isinstance(step, Mirror):
        return f"mirrored {step.a.shape[0]} x {step.a.shape[1]}"
    if isinstance(step, Flow):
        inner = sum(len(b.steps) for b in step.bodies)
        each = f"{inner} step{'s'[: inner != 1]}"
        if step.name == "cond":
            return f"one of two branches, {each}"
        many = "while its condition holds, at most" if step.name == "while_loop" else "at most" if step.number else ""
        return f"loop of {many} {step.length} passes of {each}".replace("  ", " ")
    return f"{step.name} by NumPy"
