"""The NumPy back end: the reference that every other back end is tested against. Plain, not fast.

A node of shape s evaluates to an array of shape batch + s, so scalar graphs take batches by broadcasting.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.dialects.numpy import lowering
from symgrad.graph import CONST, INPUT, NAMED, Graph, Node, Type


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
                self._steps.append((i, _call(op), graph.args[i], attrs))

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
    return np.dtype(dtype).type(
        value if isinstance(value, bool) else float(value) if dtype != "int64" else int(value)
    )
