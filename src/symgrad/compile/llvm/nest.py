"""Nests and calls, one after the other, as a module of LLVM IR.

    i32 @run(ptr table)                                   all steps, in order, in this thread
    i32 @steps.<k>(ptr table)                             the steps of part k
    i32 @nest.<k>(ptr table, i64 first, i64 last)         the nest that is part k, for [first, last) of its split axis
    i32 @begin.<k>(ptr table)                             what comes before that: results that sums are added to

table: a pointer to each buffer. The result is 0, or 1 where a computed place was outside its array (or what
`nest_flow` says): then what the buffers that are stored to hold is undefined. Each part is to follow the one before;
a long nest is a part of its own, so that its caller can share it out to threads.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from symgrad.compile.llvm import nest_flow, nest_mirror
from symgrad.compile.llvm.ir import literal
from symgrad.compile.llvm.nest_loops import Loops
from symgrad.compile.llvm.nest_order import Order, adds_to_memory, arrange, weight
from symgrad.compile.llvm.vector_math import functions
from symgrad.compile.llvm.writer import Module, has
from symgrad.compile.lower import lower
from symgrad.compile.nest import Access, Call, Mirrored, Nest, Place, Step, Store, identity, load_input
from symgrad.errors import ArgumentError, UnsupportedError
from symgrad.graph import Graph, Op

WORK = 5_000_000  # operations and accesses from which on a nest is a part of its own: about 0.3 ms
CALL = 1000.0  # what a call of BLAS is taken for
TRIPS = 1000  # passes that a loop is thought to have at most, where work is estimated
_REFUSED = frozenset({"fold", "stack", "gather", "element"})


@dataclass(frozen=True)
class Part:
    """One function of the module, for threads to share where `order` is not None.

    Attributes:
        name: of the function; `begin`: of the one to be called once before, if any.
        order: of a nest that is a part of its own.
        reduced: whether the split axis is reduced by all of its stores: then each thread needs results of its own.
        work: operations and accesses.
    """

    name: str
    begin: str | None = None
    order: Order | None = None
    reduced: bool = False
    work: float = 0.0


@dataclass(frozen=True)
class Program:
    """IR text, the parts it has, the operations and accesses of all nests, and whether it has loops around them."""

    text: str
    parts: tuple[Part, ...]
    work: float
    flow: bool


class _Shared:
    """What the functions of the module need, collected."""

    def __init__(self, fused: bool) -> None:
        self.fused = fused
        self.maths: set[tuple[str, int, str]] = set()
        self.declarations: set[str] = set()
        self.texts: list[str] = []
        self.flow = False
        """Whether there are loops or branches."""

    def loops(self, nest: Nest, vector_width: int, name: str, order: Order | None = None, linkage: str = "") -> Order:
        """Write the function of a nest; `order` where it is known."""
        module = Module(nest.dtype, self.fused)
        order = order or replace(arrange(nest, vector_width * (2 if nest.dtype == "float32" else 1)), split=None)
        lines = Loops(order, module).write()
        # what lives across calls of the maths is spilled: half a cache line off, each access would touch two lines
        aligned = " alignstack(64)" if module.maths else ""
        head = f"define {linkage}i32 @{name}(ptr %table, i64 %first, i64 %last) nounwind{aligned} {{"
        self.texts.append("\n".join([head, "entry:", *lines, "}"]))
        self.maths |= module.maths
        self.declarations |= module.declarations
        return order


def program(steps: Sequence[Step], vector_width: int, fused: bool, work: float = WORK) -> Program:
    """The module of `steps`. vector_width: float64 lanes of the target; fused: whether it has a multiply-add.

    work: from which size on a nest is a part of its own; infinite: never. UnsupportedError, naming the operation,
    for a body that this back end can't compile.
    """
    shared = _Shared(fused)
    parts: list[Part] = []
    line: list[str] = []  # calls of the part being collected
    all_calls: list[str] = []
    total = 0.0

    def close() -> None:
        if line:
            name = f"steps.{len(parts)}"
            shared.texts.append(_sequence(name, line))
            parts.append(Part(name))
            line.clear()

    for k, step in enumerate(steps):
        if not isinstance(step, Nest):
            calls, own = _within(step, str(k), vector_width, shared)
            total += own
            line += calls
            all_calls += calls
            continue
        nest = lowered(step)
        calls, part = _nest(nest, k, vector_width, shared, work)
        all_calls += calls
        total += part.work
        if part.order is not None and part.order.split is not None:
            close()
            parts.append(part)
        else:
            line += calls
    close()
    shared.texts.append(_sequence("run", all_calls))
    if shared.flow:
        shared.texts.insert(0, nest_flow.SIGNALS)
    maths = functions(sorted(shared.maths), fused)
    declared = {d[d.index("@") : d.index("(")] if "(" in d else d.split(" ")[0]: d for d in sorted(shared.declarations)}
    return Program(
        "\n".join([*[text for _, text in sorted((declared | maths).items())], *shared.texts]) + "\n",
        tuple(parts),
        total,
        shared.flow,
    )


def _within(step: Step, k: str, vector_width: int, shared: _Shared) -> tuple[list[str], float]:
    """The functions of a step in one thread, of names that end in `k`: the calls that run it, and its work."""
    if isinstance(step, Call):
        shared.texts.append(_call(step, f"call.{k}", shared))
        return [f"@call.{k}(ptr %table)"], CALL
    if isinstance(step, Mirrored):
        shared.texts.append(nest_mirror.function(step, f"mirror.{k}", vector_width))
        return [f"@mirror.{k}(ptr %table)"], float(step.size**2)
    if isinstance(step, Nest):
        calls, part = _nest(lowered(step), k, vector_width, shared, math.inf)
        return calls, part.work
    bodies, work = [], 0.0
    for b, steps in enumerate(step.bodies):
        inner: list[str] = []
        for n, s in enumerate(steps):
            calls, own = _within(s, f"{k}.{b}.{n}", vector_width, shared)
            inner += calls
            work += own
        bodies.append(f"body.{k}.{b}")
        shared.texts.append(_sequence(bodies[-1], inner, "internal "))
    shared.declarations |= set(nest_flow.DECLARATIONS)
    shared.flow = True
    shared.texts.append(nest_flow.function(step, f"flow.{k}", bodies, work))
    return [f"@flow.{k}(ptr %table)"], work * min(step.length, TRIPS) if step.length else work


def lowered(nest: Nest) -> Nest:
    """`nest` with a body of operations that this back end has."""
    nest.check()
    roots = nest.roots
    body, new = lower(nest.body, roots, has, "native")
    for i, needed in enumerate(body.reach(new)):
        if needed and body.ops[i].name in _REFUSED:
            raise UnsupportedError(f"a nest's body is a straight line of scalars; it has a {body.ops[i].name}")
    to = dict(zip(roots, new, strict=True))

    def access(a: Access) -> Access:
        return replace(a, at=tuple(Place(to[p.node], p.stride, p.length) for p in a.at))

    stores = tuple(replace(s, value=to[s.value], access=access(s.access)) for s in nest.stores)
    return Nest(nest.sizes, tuple(access(a) for a in nest.loads), body, stores)


@cache
def takes(op: Op, attrs: tuple[Any, ...], dtypes: tuple[str, ...]) -> bool:
    """Whether a nest's body can have this operation on scalars of these dtypes."""
    g = Graph()
    loads = tuple(Access(k, dtype, (1,)) for k, dtype in enumerate(dtypes))
    try:
        value = g.add(op, tuple(load_input(g, k, dtype) for k, dtype in enumerate(dtypes)), attrs)
        nest = Nest((1,), loads, g, (Store(value, Access(len(loads), g.types[value].dtype, (1,))),))
        program([nest], 2, True)
    except (UnsupportedError, ArgumentError, TypeError, KeyError):
        return False
    return True


def work_of(nest: Nest) -> float:
    """Vector operations, and what accesses cost of such: 0.06 ns or so each."""
    return nest.points * (weight(nest) + 2.0 * len(nest.loads) + sum(3.0 for s in nest.stores if s.how == "set"))


def _nest(nest: Nest, k: int | str, vector_width: int, shared: _Shared, limit: float) -> tuple[list[str], Part]:
    """The functions of one nest: the calls that run it, and the part that it would be."""
    accesses = [*nest.loads, *(s.access for s in nest.stores)]
    if nest.points and any(p.length < 1 for a in accesses for p in a.at):
        shared.texts.append(f"define i32 @nest.{k}(ptr %table) {{\n ret i32 1\n}}")  # no place is inside
        return [f"@nest.{k}(ptr %table)"], Part(f"nest.{k}")
    order = None
    if nest.points:
        order = arrange(nest, vector_width * (2 if nest.dtype == "float32" else 1))
        if work_of(nest) < limit:
            order = replace(order, split=None)
    begin = [
        _start(s, nest)
        for s, merged in zip(nest.stores, order.nest.stores if order else nest.stores, strict=True)
        if s.how != "set" and not s.keep and (order is None or adds_to_memory(order, merged))
    ]
    begin = [f for f in begin if f.points]
    calls = []
    for n, f in enumerate(begin):
        name = f"fill.{k}.{n}"
        own = shared.loops(f, vector_width, name)
        calls.append(f"@{name}(ptr %table, i64 0, i64 {_length(own)})")
    if begin:
        shared.texts.append(_sequence(f"begin.{k}", calls))
        calls = [f"@begin.{k}(ptr %table)"]
    if order is not None:
        shared.loops(nest, vector_width, f"nest.{k}", order, "" if isinstance(k, int) else "internal ")
        calls.append(f"@nest.{k}(ptr %table, i64 0, i64 {_length(order)})")
    reduced = order is not None and order.split is not None and order.split_reduced
    return calls, Part(f"nest.{k}", f"begin.{k}" if begin else None, order, reduced, work_of(nest))


def _length(order: Order) -> int:
    return order.nest.sizes[order.split] if order.split is not None else 0


def _start(s: Store, nest: Nest) -> Nest:
    """Setting a reduction's results to what it begins with."""
    g = Graph()
    value = g.const(identity(s.how, s.access.dtype), s.access.dtype)
    kept = tuple(n if c else 1 for n, c in zip(nest.sizes, s.access.strides, strict=True))
    return Nest(kept, (), g, (Store(value, s.access),))


def _sequence(name: str, calls: Sequence[str], linkage: str = "") -> str:
    """A function of calls that each say 0 or what is wrong."""
    lines = [f" %s{n} = call i32 {call}" for n, call in enumerate(calls)]
    lines += [f" %t{n} = or i32 {f'%t{n - 1}' if n else '0'}, %s{n}" for n in range(len(calls))]
    result = f"%t{len(calls) - 1}" if calls else "0"
    return "\n".join([f"define {linkage}i32 @{name}(ptr %table) nounwind {{", *lines, f" ret i32 {result}", "}"])


def _call(call: Call, name: str, shared: _Shared) -> str:
    """A call of a C function that takes addresses."""
    lines, passed = [], []
    for n, (kind, *what) in enumerate(call.arguments):
        at = f"%a{n}"
        if kind == "buffer":
            buffer, offset = what
            lines += [f" {at}.t = getelementptr ptr, ptr %table, i64 {buffer}", f" {at}.p = load ptr, ptr {at}.t"]
            lines.append(f" {at} = getelementptr i8, ptr {at}.p, i64 {offset}")
        else:
            type = {"int": "i32", "real": "double", "single": "float", "char": "i8"}[kind]
            text = str(ord(what[0])) if kind == "char" else literal(what[0], type)
            lines += [f" {at} = alloca {type}", f" store {type} {text}, ptr {at}"]
        passed.append(f"ptr {at}")
    f = f'@"{call.symbol}"'
    shared.declarations.add(f"declare void {f}({', '.join(['ptr'] * len(passed))})")
    lines.append(f" call void {f}({', '.join(passed)})")
    return "\n".join([f"define internal i32 @{name}(ptr %table) {{", *lines, " ret i32 0", "}"])
