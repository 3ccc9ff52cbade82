"""The NumPy back end: the reference that every other back end is tested against. Plain, not fast.

A node of shape s evaluates to an array of shape batch + s, so scalar graphs take batches by broadcasting.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from operator import itemgetter
from typing import Any

import numpy as np

from symgrad.compile.flow import flow
from symgrad.compile.implicit import solver
from symgrad.dialects import numpy_places
from symgrad.dialects.numpy import lowering
from symgrad.dialects.numpy_arrays import RANKED, rank_of
from symgrad.dialects.numpy_linalg import PARTS
from symgrad.graph import CONST, INPUT, NAMED, Graph, Node, Type
from symgrad.ops.control import parts, terms

PASSES = 4096
"""Passes of a sum that are evaluated at once."""


class Reference:
    """`outputs` of `graph` as a NumPy program."""

    def __init__(self, graph: Graph, inputs: Sequence[int], outputs: Sequence[int]) -> None:
        self.dtypes = [graph.types[o].dtype for o in outputs]
        live = graph.reach(outputs)
        self._steps: list[tuple[int, Any, tuple[int, ...], dict[str, Any]]] = []
        self._consts: list[tuple[int, Any]] = []
        self._inputs = list(inputs)
        self._outputs = list(outputs)
        self._size = len(graph)
        whole: dict[Any, int] = {}  # where all results of a loop or decomposition stand: nodes may take one each
        for i, op in enumerate(graph.ops):
            if not live[i] or op is INPUT:
                continue
            if op is CONST:
                self._consts.append((i, constant(*graph.attrs[i])))
            elif op.attrs[-1:] == ("take",):
                *rest, take = graph.attrs[i]
                key = op, graph.args[i], *rest
                if key not in whole:
                    whole[key] = self._size
                    self._steps.append((self._size, node_call(graph, i), graph.args[i], {}))
                    self._size += 1
                self._steps.append((i, itemgetter(take), (whole[key],), {}))
            elif op.name == "implicit":
                self._steps.append((i, node_call(graph, i), graph.args[i], {}))
            else:
                self._steps.append((i, _call(op), graph.args[i], _attributes(graph, i)))

    def __call__(self, values: Sequence[Any]) -> list[Any]:
        """The outputs at these inputs (arrays of shape batch + the input's shape, batches broadcastable)."""
        v: list[Any] = [None] * self._size
        for i, c in self._consts:
            v[i] = c
        for i, x in zip(self._inputs, values, strict=True):
            v[i] = x
        with np.errstate(all="ignore"):
            for i, fn, args, attrs in self._steps:
                v[i] = fn(*[v[a] for a in args], **attrs)
        results: list[Any] = []
        owners: set[int] = set()
        for o, d in zip(self._outputs, self.dtypes, strict=True):
            own = _own(np.asarray(v[o], d), values)
            if own.ndim and id(own if own.base is None else own.base) in owners:
                own = own.copy()  # another result has these numbers
            owners.add(id(own if own.base is None else own.base))
            results.append(own)
        return results


def _own(result: Any, inputs: Sequence[Any]) -> Any:
    """A result that is no view of an input, and may be written to."""
    if not result.ndim:
        return result
    writable = result.flags.writeable
    if writable and result.base is None and not any(result is x for x in inputs):
        return result
    shared = not writable or any(np.may_share_memory(result, x) for x in inputs)
    return result.copy() if shared else result


def _loop(graph: Graph, i: int) -> Any:
    """The fold at node `i` as a Python loop that gives all its carries; sums are taken over many passes at once."""
    body, _, firsts, _ = parts(graph, i)
    own, m = body.graph, len(firsts)
    gathered = terms(body)
    signs = [-1 if own.ops[o].name == "subtract" else 1 for o in body.outputs]
    step = Reference(own, body.inputs, body.outputs if gathered is None else gathered)
    ranks = [len(own.types[c].shape) for c in body.inputs[1:]]
    elements = [max(1, math.prod(own.types[o].lengths)) for o in body.outputs]

    def run(lo: Any, hi: Any, *rest: Any) -> list[Any]:
        if not all(np.size(b) and np.min(b) == np.max(b) for b in (lo, hi)):
            return apart(lo, hi, *rest)
        carries, captured = list(rest[:m]), rest[m:]
        first, last = int(np.min(lo)), int(np.max(hi))
        if gathered is not None:
            return sums(first, last, carries, captured)
        for k in range(first, last + 1):
            carries = step([np.int64(k), *carries, *captured])
        return carries

    def apart(*values: Any) -> list[Any]:
        """Bounds that differ: the points of equal bounds together, each reads only what its own passes do."""
        tails = [np.shape(v)[np.ndim(v) - rank :] for v, rank in zip(values, (0, 0, *ranks), strict=True)]
        batch = np.broadcast_shapes(*[np.shape(v)[: np.ndim(v) - len(t)] for v, t in zip(values, tails, strict=True)])
        points = math.prod(batch)
        lo, hi, *rest = (np.broadcast_to(v, batch + t).reshape(points, *t) for v, t in zip(values, tails, strict=True))
        bounds, which = np.unique(np.stack([lo, hi], axis=1), axis=0, return_inverse=True)
        totals = [np.empty(c.shape, own.types[o].dtype) for c, o in zip(rest, body.outputs, strict=False)]
        for k, (first, last) in enumerate(bounds):
            at = which.ravel() == k
            for total, value in zip(totals, run(first, last, *[v[at] for v in rest]), strict=True):
                total[at] = value
        return [total.reshape(batch + total.shape[1:]) for total in totals]

    def sums(first: int, last: int, carries: list[Any], captured: Sequence[Any]) -> list[Any]:
        batch = max((np.ndim(c) - rank for c, rank in zip(captured, ranks[m:], strict=True)), default=0)
        totals = list(carries)
        passes = max(1, PASSES // max(elements, default=1))
        for start in range(first, last + 1, passes):
            index = np.arange(start, min(start + passes, last + 1)).reshape(-1, *[1] * batch)
            for k, values in enumerate(step([index, *carries, *captured])):
                lead = values.ndim - ranks[k]
                shape = np.broadcast_shapes(values.shape[:lead], index.shape) + values.shape[lead:]
                totals[k] = totals[k] + signs[k] * np.sum(np.broadcast_to(values, shape), axis=0)
        return totals

    return run


def node_call(graph: Graph, i: int) -> Any:
    """Node `i` as a function of its arguments' values; all results of a loop or decomposition that it takes one of."""
    op = graph.ops[i]
    if op.kind == "flow":
        return flow(graph, i, Reference)
    if op.attrs[-1:] == ("take",):
        return _loop(graph, i) if op.name == "fold" else PARTS[op.name]
    if op.name == "implicit":
        body, name = graph.attrs[i]
        return solver(body, name, Reference)
    return partial(_call(graph.ops[i]), **_attributes(graph, i))


def _attributes(graph: Graph, i: int) -> dict[str, Any]:
    """What the lowering of node `i` takes besides the arguments."""
    op = graph.ops[i]
    attrs = dict(zip(op.attrs, graph.attrs[i], strict=True))
    if op.name == "einsum":
        names = [graph.ops[a].name for a in graph.args[i]]
        attrs["zeros"] = tuple(k for k, n in enumerate(names) if n in ("delta", "basis"))
    if op.name in RANKED:
        attrs["rank"] = rank_of(op.name, [graph.types[a].shape for a in graph.args[i]])
    if op.name in numpy_places.RANKED:
        attrs["ranks"] = tuple(len(graph.types[a].shape) for a in graph.args[i])
    return attrs


def _call(op: Any) -> Any:
    """The lowering of `op`, or its fallback run as a small program of its own."""
    fn = lowering(op)
    if fn is not None:
        return fn

    def through_fallback(*values: Any, **attrs: Any) -> Any:
        g = Graph()
        inputs = [g.input(f"x{k}", Type(str(np.asarray(v).dtype))) for k, v in enumerate(values)]
        out = op.fallback(*(Node(g, i) for i in inputs), **attrs).id
        return Reference(g, inputs, [out])(values)[0]

    return through_fallback


def constant(value: Any, dtype: str) -> Any:
    """A constant of the graph as a NumPy scalar."""
    if isinstance(value, str):
        value = NAMED[value]
    with np.errstate(over="ignore"):  # beyond float32 is infinite
        return np.dtype(dtype).type(
            value if isinstance(value, bool) else float(value) if dtype != "int64" else int(value)
        )
