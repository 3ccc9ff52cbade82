"""Which sub-expressions of a formula get a name of their own."""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.graph import CONST, INPUT, Graph
from symgrad.ops.subscripts import parse, sums

SMALL = 40
"""A formula of at most this many operations, written out in full, needs no names."""
LONG = 30
"""An expression of more operations than this is cut by naming its parts."""
ARRAY = 3
"""An array of this many operations that stands twice has a name in every formula."""
SHORT = 8
"""Among arrays, a quotient of numbers of at most this many operations has no name: it is written where it stands."""

_QUOTIENTS = ("multiply", "divide", "integer_power", "sqrt")
_TRIVIAL = ("const", "input", "negative", "stack", "element", "delta", "basis", "broadcast")


class Naming:
    """Names for nodes of `graph`, as seen from `roots`: `names[i]` for those that have one, in order.

    For a `reader`, products of more than two axes have none: they are written by their indices, in one piece with
    what they stand in. For a machine, whatever array is worked out once has a name. `taken` are names in use, to
    which these are added.
    """

    def __init__(self, graph: Graph, roots: Sequence[int], reader: bool, taken: set[str]) -> None:
        self.live = graph.reach(roots)
        uses = [0] * len(graph)
        size = [0] * len(graph)  # operations if written out in full
        for i, needed in enumerate(self.live):
            if needed:
                for a in graph.args[i]:
                    uses[a] += 1
                size[i] = min(10**9, int(graph.ops[i].cost > 0) + sum(size[a] for a in graph.args[i]))
        taken |= {graph.attrs[i][0] for i, op in enumerate(graph.ops) if op is INPUT}
        self.names: dict[int, str] = {}
        small = sum(size[r] for r in roots) <= SMALL
        least = ARRAY if reader else 1
        fresh = 0
        outputs = set(roots)
        arrays = reader and any(n and t.shape for n, t in zip(self.live, graph.types, strict=True))
        for i, needed in enumerate(self.live):
            op = graph.ops[i]
            if needed and op.kind == "flow":  # a variable of its loop
                size[i] = 0
            if not needed or op.name in _TRIVIAL or op is CONST or op.kind == "flow":
                continue
            inline = int(op.cost > 0) + sum(size[a] for a in graph.args[i])
            if graph.types[i].shape and op.name == "einsum" and (_moves(graph, i) or (reader and _outer(graph, i))):
                size[i] = inline
                continue
            shared = uses[i] > 1 or (i in outputs and uses[i] > 0)
            if small:
                rank = len(graph.types[i].shape)
                named = shared and rank > 0 and (rank < 3 or not reader) and inline >= least
            else:
                named = (shared and inline > 0) or (inline > LONG and uses[i] > 0)
            if arrays and not graph.types[i].shape and op.name in _QUOTIENTS and inline <= SHORT:
                named = False
            if named:
                while f"x{fresh}" in taken:
                    fresh += 1
                self.names[i] = f"x{fresh}"
                taken.add(self.names[i])
                fresh += 1
                inline = 0
            size[i] = inline


def _moves(graph: Graph, i: int) -> bool:
    """Whether the einsum at node `i` only moves axes."""
    return len(graph.args[i]) == 1 and not sums(*parse(graph.attrs[i][0]))


def _outer(graph: Graph, i: int) -> bool:
    """Whether the einsum at node `i` is a product of more than two axes."""
    return len(graph.types[i].shape) > 2 and not sums(*parse(graph.attrs[i][0]))
