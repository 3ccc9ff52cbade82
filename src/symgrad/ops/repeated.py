"""Arrays that are the same along some of their axes."""

from __future__ import annotations

from symgrad.graph import Graph
from symgrad.ops.contraction import factors
from symgrad.ops.subscripts import Labels

SPREAD = ("broadcast", "einsum")
"""What such arrays are made by."""


def repeated(g: Graph, i: int) -> tuple[int, Labels]:
    """What node `i` repeats, and along which of its axes that lies; node `i` itself, along all of them."""
    labels = tuple(range(len(g.types[i].shape)))
    if g.ops[i].name in SPREAD:
        parts, own, _ = factors(g, i)
        if len(parts) == 1 and len(set(parts[0][1])) == len(parts[0][1]) and own == labels:
            return parts[0]
    return i, labels
