"""Where temporary buffers lie: stores that nobody reads are left out, what is changed in place shares memory, and
the rest is placed in one arena, so that buffers that are not needed at once overlap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from symgrad.compile.nest import Access, Nest, load_input
from symgrad.compile.plan.steps import INPUT, RESULT, TEMPORARY, Flow, Gemm, Matmul, Mirror, Plan, Step, reads, writes
from symgrad.compile.plan.views import View
from symgrad.graph import Graph

LINE = 64
"""Bytes of a cache line: where buffers begin."""


def arranged(plan: Plan) -> Plan:
    """The plan with a place for every temporary buffer."""
    plan.steps = _without_waste(plan)
    _in_place(plan)
    _place(plan)
    return plan


def _without_waste(plan: Plan) -> list[Step]:
    """The steps without stores to temporary buffers that nothing reads."""
    needed = {k for k, b in enumerate(plan.buffers) if b.kind in (RESULT, INPUT)}  # inputs are changed in place
    kept: list[Step] = []
    for step in reversed(plan.steps):
        if not writes(step) & needed:
            continue
        if isinstance(step, Nest):
            stores = tuple(s for s in step.stores if s.access.buffer in needed)
            step = _pruned(replace(step, stores=stores))
        kept.append(step)
        needed |= reads(step)
    return kept[::-1]


def _pruned(nest: Nest) -> Nest:
    """Without loads that are not used."""
    body = nest.body
    live = body.reach(nest.roots)
    names = {body.attrs[i][0] for i, n in enumerate(live) if n and body.ops[i].name == "input"}
    if all(f"x{k}" in names for k in range(len(nest.loads))):
        return nest
    kept = [k for k in range(len(nest.loads)) if f"x{k}" in names]
    return _renamed(nest, kept)


def _renamed(nest: Nest, kept: list[int]) -> Nest:
    """With these loads only, numbered anew."""
    old, new = nest.body, Graph()
    seen = {}
    for n, k in enumerate(kept):
        i = next(i for i, a in enumerate(old.attrs) if old.ops[i].name == "input" and a[0] == f"x{k}")
        seen[i] = load_input(new, n, old.types[i].dtype)
    live = old.reach(nest.roots)
    for i, needed in enumerate(live):
        if needed and i not in seen:
            op = old.ops[i]
            seen[i] = (
                new.const(*old.attrs[i])
                if op.name == "const"
                else new.add(op, tuple([seen[a] for a in old.args[i]]), old.attrs[i], old.types[i])
            )

    def moved(a: Access) -> Access:
        return replace(a, at=tuple(p._replace(node=seen[p.node]) for p in a.at))

    loads = tuple(moved(nest.loads[k]) for k in kept)
    stores = tuple(replace(s, value=seen[s.value], access=moved(s.access)) for s in nest.stores)
    return Nest(nest.sizes, loads, new, stores)


def _in_place(plan: Plan) -> None:
    """A temporary buffer whose last use is a nest that reads it exactly where it stores becomes what it stores to."""
    first, last = _lives(plan)
    into: dict[int, int] = {}
    """Buffers that are gone, and what stands for them."""

    def now(k: int) -> int:
        while k in into:
            k = into[k]
        return k

    for at, step in enumerate(plan.steps):
        if not isinstance(step, Nest):
            continue
        loads = [replace(a, buffer=now(a.buffer)) for a in step.loads]
        for s in step.stores:
            new = s.access.buffer
            if plan.buffers[new].kind == INPUT:
                continue
            if s.how != "set" or s.keep or s.access.at or first[new] != at or plan.buffers[new].zeroed:
                continue
            if sum(t.access.buffer == new for t in step.stores) > 1:
                continue
            for old in {a.buffer for a in loads}:
                if (
                    plan.buffers[old].kind == TEMPORARY
                    and last[old] == at
                    and plan.buffers[old].count == plan.buffers[new].count
                    and all(a == replace(s.access, buffer=old) for a in loads if a.buffer == old)
                ):
                    into[old] = new
                    first[new] = first[old]
                    break
    if into:
        plan.steps = [renumbered(t, now) for t in plan.steps]


def renumbered(step: Step, now: Callable[[int], int]) -> Step:
    """With other numbers of buffers."""

    def view(v: View) -> View:
        return v._replace(buffer=now(v.buffer))

    def access(a: Access) -> Access:
        return replace(a, buffer=now(a.buffer))

    if isinstance(step, Nest):
        stores = tuple(replace(s, access=access(s.access)) for s in step.stores)
        return Nest(step.sizes, tuple(access(a) for a in step.loads), step.body, stores)
    if isinstance(step, Gemm):
        a, b, c = (m._replace(buffer=now(m.buffer)) for m in (step.a, step.b, step.c))
        return replace(step, a=a, b=b, c=c)
    if isinstance(step, Matmul):
        return Matmul(view(step.a), view(step.b), view(step.c))
    if isinstance(step, Mirror):
        return Mirror(view(step.a))
    if isinstance(step, Flow):
        number = None if step.number is None else step.number._replace(buffer=now(step.number.buffer))
        tables = tuple(
            tuple(s if s.buffer < 0 else s._replace(buffer=now(s.buffer)) for s in table) for table in step.tables
        )
        return replace(step, tables=tables, number=number, written=frozenset(map(now, step.written)))
    arguments = tuple(view(a) if isinstance(a, View) else a for a in step.arguments)
    return replace(step, arguments=arguments, out=tuple(map(view, step.out)))


def _lives(plan: Plan) -> tuple[dict[int, int], dict[int, int]]:
    """The first and the last step that each buffer is needed for."""
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for at, step in enumerate(plan.steps):
        for k in reads(step) | writes(step):
            first.setdefault(k, at)
            last[k] = at
    return first, last


def _place(plan: Plan) -> None:
    """Offsets in the arena: the largest buffers first, each in the lowest gap that is free while it lives."""
    first, last = _lives(plan)
    placed: list[tuple[int, int, int, int]] = []  # from, to, first, last
    mine = [(b.bytes, k) for k, b in enumerate(plan.buffers) if b.kind == TEMPORARY and k in first]
    for size, k in sorted(mine, key=lambda x: (-x[0], x[1])):
        size += -size % LINE
        start = 0
        for low, high in sorted((p[0], p[1]) for p in placed if p[2] <= last[k] and first[k] <= p[3]):
            if low < start + size and start < high:
                start = high
        plan.buffers[k].at = start
        placed.append((start, start + size, first[k], last[k]))
    plan.arena = max((high for _, high, _, _ in placed), default=0)
