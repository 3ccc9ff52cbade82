"""Which sub-expressions of a formula get a name of their own."""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.graph import CONST, INPUT, Graph

SMALL = 40
"""A formula of at most this many operations, written out in full, needs no names."""
LONG = 30
"""An expression of more operations than this is cut by naming its parts."""

_TRIVIAL = ("const", "input", "negative", "stack", "element", "delta", "basis", "broadcast")


class Naming:
    """Names for nodes of `graph`, as seen from `roots`: `names[i]` for those that have one, in order."""

    def __init__(self, graph: Graph, roots: Sequence[int]) -> None:
        self.live = graph.reach(roots)
        uses = [0] * len(graph)
        size = [0] * len(graph)  # operations if written out in full
        for i, needed in enumerate(self.live):
            if needed:
                for a in graph.args[i]:
                    uses[a] += 1
                size[i] = min(10**9, int(graph.ops[i].cost > 0) + sum(size[a] for a in graph.args[i]))
        taken = {graph.attrs[i][0] for i, op in enumerate(graph.ops) if op is INPUT}
        self.names: dict[int, str] = {}
        if sum(size[r] for r in roots) <= SMALL:
            return
        fresh = 0
        outputs = set(roots)
        for i, needed in enumerate(self.live):
            op = graph.ops[i]
            if not needed or op.name in _TRIVIAL or op is CONST:
                continue
            inline = int(op.cost > 0) + sum(size[a] for a in graph.args[i])
            shared = uses[i] > 1 or (i in outputs and uses[i] > 0)
            if (shared and inline > 0) or (inline > LONG and uses[i] > 0):
                while f"x{fresh}" in taken:
                    fresh += 1
                self.names[i] = f"x{fresh}"
                fresh += 1
                inline = 0
            size[i] = inline
