"""The cheapest way to accumulate a Jacobian, by counting operations before anything is built.

The count follows the structure: every node's set of inputs it depends on (forward), or of outputs that
depend on it (reverse), as a bit mask; each product with a derivative that is not 1 or -1 and each sum counts
one. What later sharing saves is not seen, so modes whose counts are close are both built and counted exactly.
"""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.derive.accumulate import Entries, forward, reverse
from symgrad.derive.elimination import eliminate
from symgrad.errors import ArgumentError
from symgrad.graph import Graph

MODES = {"forward": forward, "reverse": reverse, "mixed": eliminate}
CLOSE = 1.05
"""Estimates within this factor of the least are built and counted exactly."""
MIXED_FROM = 6.0
"""Elimination is tried where the better sweep costs more than this many times the function."""
MIXED_UP_TO = 20_000
"""... and the function has no more nodes than this."""

_UNIT = ("add", "subtract", "negative", "mask", "where")


def accumulate(
    graph: Graph, roots: Sequence[int], wrt: Sequence[int], mode: str = "auto"
) -> tuple[Graph, Entries, str]:
    """The Jacobian entries in a copy of `graph`, and a line saying what was chosen and why."""
    if mode not in MODES and mode != "auto":
        raise ArgumentError(f"mode={mode!r}; it is 'auto', {', '.join(map(repr, MODES))}")
    if mode != "auto":
        g = graph.copy()
        return g, MODES[mode](g, roots, wrt), f"{mode} accumulation, as asked for"
    estimate = estimates(graph, roots, wrt)
    least = min(estimate.values())
    size = sum(1 for needed in graph.reach(roots) if needed)
    tried = [m for m, c in estimate.items() if c <= CLOSE * least]
    if least > MIXED_FROM * size and size <= MIXED_UP_TO:
        tried.append("mixed")
    best = None
    counted = dict(estimate)
    for m in tried:
        g = graph.copy()
        entries = MODES[m](g, roots, wrt)
        counted[m] = cost = g.operations(entries.values())
        if best is None or cost < best[0]:
            best = (cost, m, g, entries)
    assert best is not None
    cost, m, g, entries = best
    others = ", ".join(f"{n} {c}{'' if n in tried else ' by estimate'}" for n, c in counted.items())
    return g, entries, f"{m} accumulation ({others} operations before simplification)"


def estimates(graph: Graph, roots: Sequence[int], wrt: Sequence[int]) -> dict[str, int]:
    """Products and sums that forward and reverse accumulation take."""
    live = graph.reach(roots)
    ops, args = graph.ops, graph.args
    below = {w: 1 << k for k, w in enumerate(wrt)}
    forward_cost = 0
    for i, needed in enumerate(live):
        if not needed or i in below:
            continue
        seen = 0
        for a in args[i]:
            row = below.get(a)
            if row:
                if ops[i].name not in _UNIT:
                    forward_cost += row.bit_count()
                if seen:
                    forward_cost += (seen & row).bit_count()
                seen |= row
        if seen:
            below[i] = seen
    above: dict[int, int] = {}
    for r, root in enumerate(roots):
        above[root] = above.get(root, 0) | 1 << r
    ends = set(wrt)
    reverse_cost = 0
    for i in range(len(live) - 1, -1, -1):
        column = above.get(i)
        if not column or i in ends or i not in below:
            continue
        n = column.bit_count()
        for a in args[i]:
            if a in below:
                if ops[i].name not in _UNIT:
                    reverse_cost += n
                old = above.get(a, 0)
                if old:
                    reverse_cost += (old & column).bit_count()
                above[a] = old | column
    return {"forward": forward_cost, "reverse": reverse_cost}
