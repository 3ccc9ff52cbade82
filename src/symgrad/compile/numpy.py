"""The NumPy back end: the reference that every other back end is tested against. Plain, not fast.

A node of shape s evaluates to an array of shape batch + s, so scalar graphs take batches by broadcasting.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.dialects.numpy import RANKED, lowering
from symgrad.graph import CONST, INPUT, NAMED, Graph, Node, Type
from symgrad.ops.control import accumulates, parts

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
        for i, op in enumerate(graph.ops):
            if not live[i] or op is INPUT:
                continue
            if op is CONST:
                self._consts.append((i, constant(*graph.attrs[i])))
            else:
                attrs = dict(zip(op.attrs, graph.attrs[i], strict=True))
                if op.name in RANKED:
                    attrs["rank"] = len(graph.types[graph.args[i][-1]].shape)
                call = _fold(graph, i) if op.name == "fold" else _call(op)
                self._steps.append((i, call, graph.args[i], {} if op.name == "fold" else attrs))

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
        return [np.asarray(v[o], d) for o, d in zip(self._outputs, self.dtypes, strict=True)]


def _fold(graph: Graph, i: int) -> Any:
    """The fold at node `i` as a Python loop; a sum is taken over all passes at once."""
    body, take, firsts, _ = parts(graph, i)
    m = len(firsts)
    gathered = accumulates(body, take)
    term = gathered[1] if gathered is not None and gathered[0] == "add" else None
    step = Reference(body.graph, body.inputs, body.outputs if term is None else [term])

    def run(lo: Any, hi: Any, *rest: Any) -> Any:
        carries, captured = list(rest[:m]), rest[m:]
        first, last = int(np.min(lo)), int(np.max(hi))
        same = np.min(lo) == np.max(lo) and np.min(hi) == np.max(hi)
        if term is not None and same:
            batch = max((np.ndim(c) - len(t) for c, t in zip(captured, shapes, strict=True)), default=0)
            total = carries[0]
            for start in range(first, last + 1, PASSES):
                index = np.arange(start, min(start + PASSES, last + 1)).reshape(-1, *[1] * batch)
                values = step([index, carries[0], *captured])[0]
                ones = np.broadcast_to(values, np.broadcast_shapes(values.shape, index.shape))
                total = total + np.sum(ones, axis=0)
            return total
        for k in range(first, last + 1):
            new = step([np.int64(k), *carries, *captured])
            if term is not None:
                new = [carries[0] + new[0]]
            inside = True if same else (lo <= k) & (k <= hi)
            carries = new if same else [np.where(inside, n, c) for n, c in zip(new, carries, strict=True)]
        return carries[take]

    shapes = [body.graph.types[c].shape for c in body.inputs[1 + m :]]
    return run


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
    return np.dtype(dtype).type(value if isinstance(value, bool) else float(value) if dtype != "int64" else int(value))
