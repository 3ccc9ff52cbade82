"""A name for what a graph computes: the same in every process, for nothing but an equal graph."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from symgrad.graph.body import Body
from symgrad.graph.graph import Graph


def digest(graph: Graph, inputs: Sequence[int], outputs: Sequence[int]) -> str:
    """SHA-256 (hex) of the whole graph, its inputs and its outputs."""
    attrs = [
        tuple([digest(v.graph, v.inputs, v.outputs) if isinstance(v, Body) else v for v in a]) if len(a) == 2 else a
        for a in graph.attrs
    ]
    text = repr(([op.name for op in graph.ops], graph.args, attrs, tuple(inputs), tuple(outputs)))
    return hashlib.sha256(text.encode()).hexdigest()
