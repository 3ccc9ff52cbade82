"""Runs a graph on arguments: binds them, checks them, picks the back end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.compile.numpy import Reference
from symgrad.errors import ArgumentError
from symgrad.graph import Graph
from symgrad.run.arguments import as_array, bind


class Executor:
    """The outputs of a graph as a callable of its inputs."""

    def __init__(self, graph: Graph, inputs: Sequence[int], outputs: Sequence[int], name: str) -> None:
        self.name = name
        self.names = [graph.attrs[i][0] for i in inputs]
        self.types = [graph.types[i] for i in inputs]
        self.out_types = [graph.types[o] for o in outputs]
        self._scalar = all(not t.shape for t in self.types)
        self._reference = Reference(graph, inputs, outputs)

    def __call__(self, args: Sequence[Any], named: dict[str, Any]) -> list[Any]:
        values = bind(self.name, self.names, args, named)
        arrays = [as_array(self.name, n, v, t) for n, v, t in zip(self.names, values, self.types, strict=True)]
        return self._run(arrays)

    def map(self, points: Any, out: Any = None) -> list[Any]:
        """One evaluation per row of `points`."""
        if not self._scalar:
            raise ArgumentError(f"{self.name}.map takes functions of scalar inputs only; call it with arrays instead")
        columns = np.asarray(points)
        if columns.ndim != 2 or columns.shape[1] != len(self.names):
            raise ArgumentError(
                f"{self.name}.map needs points of shape (n, {len(self.names)}), one column per input "
                f"({', '.join(self.names)}); got shape {columns.shape}"
            )
        results = self._run(
            [
                as_array(self.name, n, columns[:, k], t)
                for k, (n, t) in enumerate(zip(self.names, self.types, strict=True))
            ]
        )
        if out is None:
            return results
        if len(results) != 1:
            raise ArgumentError(f"{self.name}.map: out= needs a function with one output, this one has {len(results)}")
        out[...] = results[0]
        return [out]

    def _run(self, arrays: list[Any]) -> list[Any]:
        batch = np.broadcast_shapes(
            *[a.shape[: a.ndim - len(t.shape)] for a, t in zip(arrays, self.types, strict=True)]
        )
        results = []
        for value, type in zip(self._reference(arrays), self.out_types, strict=True):
            full = np.broadcast_to(value, batch + tuple(type.shape)) if value.shape != batch + type.shape else value
            results.append(full if full.ndim else full[()].item())
        return results
