"""A sub-graph as an attribute of a node: the body of a loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symgrad.graph.graph import CONST, Graph


class Body:
    """`outputs` of `graph` in terms of its `inputs`, frozen: equal bodies are equal values and hash alike.

    A fold's body has inputs (index, carries..., captured values...) and one output per carry.
    """

    __slots__ = ("_hash", "_key", "graph", "inputs", "outputs")

    def __init__(self, graph: Graph, inputs: Sequence[int], outputs: Sequence[int]) -> None:
        # Rebuilt with numbered inputs, so that neither names nor leftovers tell equal bodies apart.
        own = Graph()
        seen = {i: own.input(f"%{k}", graph.types[i]) for k, i in enumerate(inputs)}
        self.inputs = tuple(seen[i] for i in inputs)
        graph.into(own, outputs, seen)
        self.graph = own
        self.outputs = tuple(seen[o] for o in outputs)
        self._freeze()

    @classmethod
    def of(cls, graph: Graph, inputs: Sequence[int], outputs: Sequence[int]) -> Body:
        """A body of just this graph, not rebuilt: for graphs that are not in normal form (`compile.lower`)."""
        body = cls.__new__(cls)
        body.graph, body.inputs, body.outputs = graph, tuple(inputs), tuple(outputs)
        body._freeze()
        return body

    def _freeze(self) -> None:
        own = self.graph
        attrs = tuple((repr(a[0]), a[1]) if op is CONST else a for op, a in zip(own.ops, own.attrs, strict=True))
        self._key: Any = (tuple(op.name for op in own.ops), tuple(own.args), attrs, self.outputs)
        self._hash = hash(self._key)

    @property
    def carries(self) -> int:
        """Number of values carried from one pass to the next."""
        return len(self.outputs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Body) and self._hash == other._hash and self._key == other._key

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"Body({len(self.graph)} nodes)"
