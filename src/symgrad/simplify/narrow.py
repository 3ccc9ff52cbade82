"""What is the same along an axis is worked out once: exp(x) of an x that repeats a vector repeats exp of the vector."""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.graph import CONST, Graph
from symgrad.ops.einsum import contract
from symgrad.ops.repeated import SPREAD, repeated

_ELEMENTS = ("elementwise", "constant")


def narrow(graph: Graph, roots: Sequence[int]) -> tuple[Graph, list[int]]:
    """`roots` with elementwise operations on the axes that matter, in a new graph; the same one where all do."""
    live = graph.reach(roots)
    if not any(n and _candidate(graph, i) for i, n in enumerate(live)):
        return graph, list(roots)
    out = Graph()
    new: dict[int, int] = {}
    for i, needed in enumerate(live):
        if needed:
            args = tuple([new[a] for a in graph.args[i]])
            op = graph.ops[i]
            new[i] = out.const(*graph.attrs[i]) if op is CONST else _narrowed(out, out.build(op, args, graph.attrs[i]))
    return out, [new[r] for r in roots]


def _candidate(g: Graph, i: int) -> bool:
    """Whether all arguments of the elementwise node `i` may repeat something."""
    op = g.ops[i]
    return op.kind in _ELEMENTS and bool(g.types[i].shape) and all(g.ops[a].name in SPREAD for a in g.args[i])


def _narrowed(g: Graph, i: int) -> int:
    """Node `i` where its arguments differ, repeated along the other axes."""
    if not _candidate(g, i):
        return i
    labels = tuple(range(len(g.types[i].shape)))
    sizes = dict(enumerate(g.types[i].lengths))
    parts = [repeated(g, a) for a in g.args[i]]
    own = tuple(x for x in labels if any(x in part for _, part in parts))
    if own == labels:
        return i
    args = [contract(g, [(x, part)], own, sizes) for x, part in parts]
    return contract(g, [(g.build(g.ops[i], tuple(args), g.attrs[i]), own)], labels, sizes)
