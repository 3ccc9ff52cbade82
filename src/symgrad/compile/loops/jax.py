"""Loops and branches of a graph as JAX's own: lax.scan, lax.fori_loop, lax.while_loop, lax.cond.

JAX differentiates what comes out where it can itself: scans of a known length and branches in both modes, loops whose
length only a call knows in forward mode. Derivatives that symgrad made are forward code, and go anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import jax.numpy as jnp
from jax import lax
from jax.core import Tracer

from symgrad.compile.flow import endless
from symgrad.compile.framework import Number, Plan, evaluate, plan_of
from symgrad.errors import ConvergenceError
from symgrad.graph import Graph, Op, Type
from symgrad.graph.body import Body
from symgrad.ops.flow import scan_at


class Tracing(Protocol):
    """Evaluates steps, and knows what the dtypes of the graph are here."""

    def dtype(self, name: str) -> Any: ...
    def full(self, value: Any, type: Type) -> Any: ...
    def call(self, op: Op, args: list[Any], attrs: dict[str, Any], types: list[Type], result: Type) -> Any: ...
    def gate(self, condition: Any, x: Any) -> Any: ...
    def loop(self, body: Body, lo: Any, hi: Any, firsts: list[Any], captured: list[Any]) -> Sequence[Any]: ...
    def flow(self, g: Graph, i: int, args: list[Any]) -> Sequence[Any]: ...


def flow(g: Graph, i: int, args: list[Any], target: Tracing, has: Callable[[Op], bool]) -> Sequence[Any]:
    """All results of the loop or branch at node `i`."""
    return _CALLS[g.ops[i].name](g, i, args, target, has)


def _array(x: Any, type: Type, target: Tracing) -> Any:
    """Just of its type: what does not depend on an input may come without its axes, or as a Python number."""
    if isinstance(x, Number):
        return target.full(x, type)
    x = jnp.asarray(x, target.dtype(type.dtype))
    return x if x.shape == type.lengths else jnp.broadcast_to(x, type.lengths)


class _Step:
    """A body, to be called with its inputs; its outputs are arrays of their types."""

    def __init__(self, body: Body, target: Tracing, has: Callable[[Op], bool]) -> None:
        self.plan: Plan = plan_of(body, has, "JAX")
        self.types = [body.graph.types[o] for o in body.outputs]
        self.inputs = [body.graph.types[i] for i in body.inputs]
        self.target = target

    def __call__(self, *values: Any) -> list[Any]:
        found = evaluate(self.plan, values, self.target)
        return [_array(x, t, self.target) for x, t in zip(found, self.types, strict=True)]


def _scan(g: Graph, i: int, args: list[Any], target: Tracing, has: Callable[[Op], bool]) -> Sequence[Any]:
    s = scan_at(g, i)
    step, m = _Step(s.body, target, has), s.carries
    cut = m + s.sliced
    count = args[0] if s.counted else None
    values = args[s.counted :]
    types = [g.types[a] for a in g.args[i][s.counted :]]
    firsts, slices = ([_array(values[k], types[k], target) for k in part] for part in (range(m), range(m, cut)))
    held = values[cut:]
    if count is None:

        def one(carries: list[Any], parts: list[Any]) -> tuple[list[Any], list[Any]]:
            found = step(*carries, *parts, *held)
            return found[:m], found[m:]

        carries, stacks = lax.scan(one, firsts, slices, length=s.length, reverse=s.reverse)
        return [*carries, *stacks]

    known = isinstance(count, Number)
    passes = max(0, min(int(count), s.length)) if known else jnp.clip(count, 0, s.length)

    def following(n: Any, state: tuple[list[Any], list[Any]]) -> tuple[list[Any], list[Any]]:
        k = passes - 1 - n if s.reverse else n
        carries, stacks = state
        found = step(*carries, *(x[k] for x in slices), *held)
        return found[:m], [y.at[k].set(part) for y, part in zip(stacks, found[m:], strict=True)]

    empty = [jnp.zeros((s.length, *t.lengths), target.dtype(t.dtype)) for t in step.types[m:]]
    carries, stacks = lax.fori_loop(0, passes, following, (firsts, empty))
    good = count >= 0  # else that of a loop that would have gone on
    return [*carries, *stacks] if known else [_marked(good, x) for x in (*carries, *stacks)]


def _marked(good: Any, x: Any) -> Any:
    """x, or NaN (of whole numbers -1): traced code can't raise."""
    if x.dtype == bool:
        return x
    return jnp.where(good, x, math.nan if jnp.issubdtype(x.dtype, jnp.floating) else -1)


def _while(g: Graph, i: int, args: list[Any], target: Tracing, has: Callable[[Op], bool]) -> Sequence[Any]:
    condition, body, limit, *_ = g.attrs[i]
    test, step = _Step(condition, target, has), _Step(body, target, has)
    m = len(body.outputs)
    firsts = [_array(x, t, target) for x, t in zip(args[:m], step.types, strict=True)]
    held = args[m:]

    def goes_on(state: tuple[Any, list[Any]]) -> Any:
        trips, carries = state
        return (trips < limit) & test(*carries, *held)[0]

    def following(state: tuple[Any, list[Any]]) -> tuple[Any, list[Any]]:
        trips, carries = state
        return trips + 1, step(*carries, *held)

    trips, carries = lax.while_loop(goes_on, following, (target.full(0, Type("int64")), firsts))
    good = (trips < limit) | ~test(*carries, *held)[0]
    if not isinstance(good, Tracer) and not bool(good):
        raise ConvergenceError(endless(limit))
    return [_marked(good, x) for x in (*carries, trips)]


def _cond(g: Graph, i: int, args: list[Any], target: Tracing, has: Callable[[Op], bool]) -> Sequence[Any]:
    yes, no, _ = g.attrs[i]
    predicate, *captured = args
    if isinstance(predicate, Number):
        return _Step(yes if predicate else no, target, has)(*captured)
    return lax.cond(predicate, _Step(yes, target, has), _Step(no, target, has), *captured)


_CALLS = {"scan": _scan, "while_loop": _while, "cond": _cond}
