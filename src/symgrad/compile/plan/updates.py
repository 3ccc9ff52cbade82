"""Outputs that are the new values of inputs: parameters and what an optimiser keeps, changed where they lie.

Each such output is planned in a buffer of its own. That becomes the input's memory where nothing reads the old value
after the first step that writes the new one; else the new value is copied there when everything else is done. Steps
that only make new values come last, so that the gradient has read the old ones by then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from symgrad.compile.nest import Nest
from symgrad.compile.plan.memory import renumbered
from symgrad.compile.plan.steps import INPUT, RESULT, TEMPORARY, Plan, Step, reads, writes
from symgrad.compile.plan.views import View

UPDATE = "update"
"""The kind of such a buffer, until it is known where it lies."""

Copy = Callable[[View, View], Nest]


class Updates:
    """New values: `changed` has the position of the input for that of the output; results come first."""

    def __init__(self, inputs: Sequence[int], outputs: Sequence[int], changed: Mapping[int, int]) -> None:
        self.changed = dict(changed)
        assert all(k in self.changed for k in range(len(outputs) - len(self.changed), len(outputs)))
        self._input_of = {outputs[o]: inputs[i] for o, i in reversed(self.changed.items())}
        self._plain = {o for k, o in enumerate(outputs) if k not in self.changed}
        self.begun: dict[int, float] = {}
        """Buffers of sums that begin as a multiple of the old value, and which."""

    def kind(self, output: int) -> str:
        """The kind of buffer that this output node gets."""
        return UPDATE if output in self._input_of and output not in self._plain else RESULT

    def kind_at(self, position: int) -> str:
        """The kind of buffer that the output at this position gets, if it is to be one of its own."""
        return UPDATE if position in self.changed else RESULT

    def beginning(self, node: int, view: View, terms: Sequence[tuple[float, int, tuple[int, ...]]]) -> Any:
        """The term of a sum that is there before it is put together, being a multiple of the old value; or None."""
        old = self._input_of.get(node)
        if old is None or self.kind(node) is not UPDATE:
            return None
        term = next((t for t in terms if t[1] == old and not t[2]), None)
        if term is not None:
            self.begun[view.buffer] = term[0]
        return term

    def settled(self, plan: Plan, every: Sequence[View], copy: Copy) -> Plan:
        """The plan with new values in the memory of the inputs, and no results but the others.

        every: where each output lies.
        """
        if not self.changed:
            return plan
        pairs = [(every[o], plan.inputs[i]) for o, i in self.changed.items()]
        steps = _last({v.buffer for v, _ in pairs}, plan.steps)
        into: dict[int, int] = {}
        before: dict[int, list[Step]] = {}
        after: list[Step] = []
        for view, old in pairs:
            new = view.buffer
            if new == old:
                continue
            first = next((k for k, s in enumerate(steps) if new in writes(s) | reads(s)), len(steps))
            if _may_share(steps, first, new, old):
                into[new] = old
                continue
            plan.buffers[new].kind = TEMPORARY
            own = view._replace(buffer=old)
            if new in self.begun:
                before.setdefault(first, []).append(copy(own, view))
            after.append(copy(view, own))
        kept = [s for k, step in enumerate(steps) for s in (*before.get(k, ()), step)] + after
        plan.steps = [renumbered(s, lambda k: into.get(k, k)) for s in kept]
        for new in into:
            plan.buffers[new].kind = TEMPORARY  # nothing uses it
        plan.results = [v for k, v in enumerate(every) if k not in self.changed]
        assert all(plan.buffers[k].kind == INPUT for k in into.values())
        return plan


def _last(new: set[int], steps: Sequence[Step]) -> list[Step]:
    """The steps in an order in which those that only make new values come last."""
    late: list[Step] = []
    early: list[Step] = []
    needed: set[int] = set()
    for s in reversed(steps):
        if writes(s) <= new and not writes(s) & needed:
            late.append(s)
        else:
            early.append(s)
            needed |= reads(s) | writes(s)
    return early[::-1] + late[::-1]


def _may_share(steps: Sequence[Step], first: int, new: int, old: int) -> bool:
    """Whether buffer `new`, touched from step `first` on, may lie where `old` does."""
    if any(old in reads(s) for s in steps[first + 1 :]):
        return False
    if first == len(steps) or old not in reads(steps[first]):
        return True
    step = steps[first]
    if not isinstance(step, Nest):
        return False
    stores = [s for s in step.stores if s.access.buffer == new]
    loads = [a for a in step.loads if a.buffer == old]
    return (
        len(stores) == 1
        and stores[0].how == "set"
        and not stores[0].access.at
        and all(a == replace(stores[0].access, buffer=old) for a in loads)
    )
