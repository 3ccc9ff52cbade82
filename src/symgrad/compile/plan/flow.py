"""Loops and branches in a plan: their bodies become plans of their own, whose buffers lie in those around them.

Carries are changed where they lie, in the buffer of the loop's result. A slice is the row of an array, a stacked
result is written row by row. What a body works in is one buffer for all passes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgrad.compile.numpy import constant
from symgrad.compile.plan.calls import siblings
from symgrad.compile.plan.steps import CONSTANT, INPUT, ITEM, RESULT, TEMPORARY, Flow, Plan, Slot
from symgrad.compile.plan.views import View
from symgrad.graph import CONST
from symgrad.graph.body import Body
from symgrad.ops.flow import cond, scan, scan_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from symgrad.compile.plan.planner import Planner


def flow(p: Planner, i: int) -> None:
    """Adds the step of node `i` of kind "flow", which all its siblings share."""
    made = _Maker(p, i)
    op = p.g.ops[i]
    made.cond() if op is cond else made.scan() if op is scan else made.while_loop()


class _Maker:
    def __init__(self, p: Planner, i: int) -> None:
        self.p, self.g, self.i = p, p.g, i
        self.nodes = {p.g.attrs[j][-1]: j for j in siblings(p, i)}
        self.targets: dict[int, View] = {}
        """Of each result, where it is computed: in C order."""
        self.written: set[int] = set()

    def target(self, take: int, type: tuple[str, tuple[int, ...]]) -> View:
        """Where result `take` is computed: where its node is to lie, if that is in C order."""
        p, j = self.p, self.nodes.get(take)
        if j is not None and j not in p.views:
            p.views[j] = p.new(TEMPORARY, *type)
        view = None if j is None else p.views[j]
        if view is None or not view.is_dense:
            view = p.new(TEMPORARY, *type)
        self.targets[take] = view
        self.written.add(view.buffer)
        return view

    def finish(self, step: Flow) -> None:
        p = self.p
        p.steps.append(step)
        for take, j in self.nodes.items():
            if self.targets[take] != p.views[j]:
                p.steps.append(p.copy_nest(self.targets[take], p.views[j]))
            p.finished[j] = len(p.steps) - 1

    def read(self, a: int) -> View:
        """Argument `a` in C order."""
        p, g = self.p, self.g
        if g.ops[a] is CONST:
            return p.new(CONSTANT, g.types[a].dtype, (), np.array([constant(*g.attrs[a])]))
        view = p.views[a]
        return view if view.is_dense else p.copied(view)

    def table(self, body: Body, plan: Plan, inputs: Sequence[Slot], results: Sequence[Slot]) -> tuple[Slot, ...]:
        """A slot for each of the plan's buffers."""
        p = self.p
        at = dict(zip(plan.inputs, inputs, strict=True)) | {
            v.buffer: s for v, s in zip(plan.results, results, strict=True)
        }
        work = p.new(TEMPORARY, "float64", (-(-plan.arena // 8),)).buffer if plan.arena else -1
        if work >= 0:
            self.written.add(work)
        slots = []
        for k, b in enumerate(plan.buffers):
            if b.kind == CONSTANT:
                slots.append(Slot(p.new(CONSTANT, b.dtype, (b.count,), b.data).buffer))
            elif b.kind == TEMPORARY:
                slots.append(Slot(work, b.at) if b.at >= 0 else Slot(-1))
            else:
                assert b.kind in (INPUT, RESULT)
                slots.append(at[k])
        return tuple(slots)

    def begin(self, view: View, first: int) -> None:
        """The first value of a carry, where it lies."""
        if 0 in view.shape:
            return
        b = self.p.builder(view.shape, first)
        b.store(b.value(first, b.identity), view, b.identity)
        self.p.steps.append(b.nest())

    def scan(self) -> None:
        from symgrad.compile.plan.planner import plan

        g = self.g
        s = scan_at(g, self.i)
        body, m = s.body, s.carries
        types = body.graph.types
        stacked = [k for k in range(m, len(body.outputs)) if k in self.nodes]
        outputs = [*(body.outputs[k] for k in stacked), *body.outputs[:m]]
        inner = plan(body.graph, body.inputs, outputs, {len(stacked) + k: k for k in range(m)}, fresh=False)
        number = None if s.count is None else _slot(self.read(s.count))
        slices = [_row(self.read(x)) for x in s.slices]
        held = [_slot(self.read(a)) for a in s.captured]
        carries = []
        for k in range(m):
            t = types[body.outputs[k]]
            view = self.target(k, (t.dtype, t.lengths))
            self.begin(view, s.firsts[k])
            carries.append(_slot(view))
        ys = []
        for k in stacked:
            t = types[body.outputs[k]]
            ys.append(_row(self.target(k, (t.dtype, (s.length, *t.lengths)))))
        table = self.table(body, inner, [*carries, *slices, *held], ys)
        self.finish(Flow("scan", (inner,), (table,), frozenset(self.written), s.length, s.reverse, number))

    def while_loop(self) -> None:
        from symgrad.compile.plan.planner import plan

        p, g = self.p, self.g
        condition, body, limit, *_ = g.attrs[self.i]
        args, m = g.args[self.i], len(body.outputs)
        types = body.graph.types
        inner = plan(body.graph, body.inputs, body.outputs, {k: k for k in range(m)}, fresh=False)
        asked = plan(condition.graph, condition.inputs, condition.outputs, fresh=False)
        held = [_slot(self.read(a)) for a in args[m:]]
        carries = []
        for k in range(m):
            t = types[body.outputs[k]]
            view = self.target(k, (t.dtype, t.lengths))
            self.begin(view, args[k])
            carries.append(_slot(view))
        number = _slot(self.target(m, ("int64", ())))
        test = p.new(TEMPORARY, "bool", ())
        self.written.add(test.buffer)
        tables = (
            self.table(condition, asked, [*carries, *held], [_slot(test)]),
            self.table(body, inner, [*carries, *held], []),
        )
        at = asked.results[0].buffer
        self.finish(Flow("while_loop", (asked, inner), tables, frozenset(self.written), limit, False, number, at))

    def cond(self) -> None:
        from symgrad.compile.plan.planner import plan

        g = self.g
        yes, no, _ = g.attrs[self.i]
        predicate, *captured = g.args[self.i]
        number = _slot(self.read(predicate))
        held = [_slot(self.read(a)) for a in captured]
        takes = sorted(self.nodes)
        results = []
        for k in takes:
            t = yes.graph.types[yes.outputs[k]]
            results.append(_slot(self.target(k, (t.dtype, t.lengths))))
        plans = [plan(b.graph, b.inputs, [b.outputs[k] for k in takes], fresh=False) for b in (no, yes)]
        tables = tuple(self.table(b, own, held, results) for b, own in zip((no, yes), plans, strict=True))
        self.finish(Flow("cond", tuple(plans), tables, frozenset(self.written), number=number))


def _slot(v: View) -> Slot:
    return Slot(v.buffer, v.offset * ITEM[v.dtype])


def _row(v: View) -> Slot:
    """The first row of an array, and how far it is to the next one."""
    row = 1
    for n in v.shape[1:]:
        row *= n
    return Slot(v.buffer, v.offset * ITEM[v.dtype], row * ITEM[v.dtype])
