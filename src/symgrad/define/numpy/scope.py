"""The functions that are being traced, one within the other, and what the inner ones take from those around them.

An inner function may use traced arrays of the function around it (`u = lambda t: net(params, t)` within a loss).
They become inputs of the inner graph; where the inner function is called, the outer arrays stand for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from symgrad.graph import INPUT, Graph


@dataclass
class Scope:
    """One function that is being traced."""

    graph: Graph
    outer: Scope | None
    taken: dict[tuple[int, int], tuple[str, Any, int]] = field(default_factory=dict)
    """(graph, node) of an outer array -> the name of its input here, the array, the input."""

    def surrounds(self, graph: Graph) -> bool:
        """Whether `graph` is that of a function around this one."""
        scope = self.outer
        while scope is not None and scope.graph is not graph:
            scope = scope.outer
        return scope is not None

    def take(self, array: Any) -> int:
        """The input here that an outer array stands for."""
        key = (id(array.graph), array.id)
        found = self.taken.get(key)
        if found is None:
            g = self.graph
            names = {a[0] for op, a in zip(g.ops, g.attrs, strict=True) if op is INPUT}
            name = next(n for k in range(len(names) + 1) if (n := f"outer{k}") not in names)
            self.taken[key] = found = (name, array, g.input(name, array.graph.types[array.id]))
        return found[2]


_current: ContextVar[Scope | None] = ContextVar("symgrad_scope", default=None)


def innermost() -> Scope | None:
    """The function that is being traced; None where none is."""
    return _current.get()


@contextmanager
def entered(graph: Graph) -> Iterator[Scope]:
    """While its function is called with traced arrays."""
    scope = Scope(graph, _current.get())
    before = _current.set(scope)
    try:
        yield scope
    finally:
        _current.reset(before)
