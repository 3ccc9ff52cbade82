"""Loops and branches in Python: what nodes of kind "flow" do in the NumPy back end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.errors import ConvergenceError
from symgrad.graph import Graph, Type
from symgrad.graph.body import Body
from symgrad.ops.flow import scan_at

Make = Callable[[Graph, Sequence[int], Sequence[int]], Callable[[Sequence[Any]], list[Any]]]
"""What evaluates outputs of a graph at its inputs."""


def flow(g: Graph, i: int, make: Make) -> Callable[..., list[Any]]:
    """All results of the loop or branch at node `i` as a function of its arguments, with a batch's axes in front."""
    ranks = [len(g.types[a].shape) for a in g.args[i]]
    call = _CALLS[g.ops[i].name](g, i, make)

    def run(*values: Any) -> list[Any]:
        shapes = [np.shape(v)[: np.ndim(v) - r] for v, r in zip(values, ranks, strict=True)]
        if not any(shapes):
            return call(values)
        lead = np.broadcast_shapes(*shapes)  # each point by itself
        full = [np.broadcast_to(v, lead + np.shape(v)[np.ndim(v) - r :]) for v, r in zip(values, ranks, strict=True)]
        points = [call([v[at] for v in full]) for at in np.ndindex(*lead)]
        return [np.reshape(np.stack(column), lead + np.shape(column[0])) for column in zip(*points, strict=True)]

    return run


def _scan(g: Graph, i: int, make: Make) -> Callable[[Sequence[Any]], list[Any]]:
    s = scan_at(g, i)
    body, m = s.body, s.carries
    step = _evaluates(body, make)
    cut = m + s.sliced
    stacked = [body.graph.types[o] for o in body.outputs[m:]]

    def call(values: Sequence[Any]) -> list[Any]:
        passes = s.length
        if s.counted:
            passes, values = max(0, min(int(values[0]), s.length)), values[1:]
        carries, slices, held = list(values[:m]), values[m:cut], values[cut:]
        stacks = [np.zeros((s.length, *t.lengths), t.dtype) for t in stacked]
        for k in range(passes - 1, -1, -1) if s.reverse else range(passes):
            results = step([*carries, *(x[k] for x in slices), *held])
            carries = results[:m]
            for stack, y in zip(stacks, results[m:], strict=True):
                stack[k] = y
        return [*carries, *stacks]

    return call


def _while(g: Graph, i: int, make: Make) -> Callable[[Sequence[Any]], list[Any]]:
    condition, body, limit, *_ = g.attrs[i]
    goes_on, step = _evaluates(condition, make), _evaluates(body, make)
    m = len(body.outputs)

    def call(values: Sequence[Any]) -> list[Any]:
        carries, held = list(values[:m]), values[m:]
        trips = 0
        while goes_on([*carries, *held])[0]:
            if trips == limit:
                raise ConvergenceError(endless(limit))
            carries = step([*carries, *held])
            trips += 1
        return [*carries, np.int64(trips)]

    return call


def endless(limit: int | None) -> str:
    """What a loop says that would go on."""
    many = "as many passes as its limit= allows" if limit is None else f"{limit} passes"
    return f"sg.while_loop: the condition still holds after {many}; if it is to go on, give a larger limit="


def _cond(g: Graph, i: int, make: Make) -> Callable[[Sequence[Any]], list[Any]]:
    yes, no, _ = g.attrs[i]
    sides = _evaluates(no, make), _evaluates(yes, make)
    return lambda values: sides[bool(values[0])](list(values[1:]))


def _evaluates(body: Body, make: Make) -> Callable[[Sequence[Any]], list[Any]]:
    """The body's outputs, each of just its type: what does not depend on an input may come without its axes."""
    call = make(body.graph, body.inputs, body.outputs)
    types: list[Type] = [body.graph.types[o] for o in body.outputs]

    def run(values: Sequence[Any]) -> list[Any]:
        found = call(values)
        return [x if x.shape == t.shape else np.broadcast_to(x, t.lengths) for x, t in zip(found, types, strict=True)]

    return run


_CALLS = {"scan": _scan, "while_loop": _while, "cond": _cond}
