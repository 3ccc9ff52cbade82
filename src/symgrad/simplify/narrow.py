"""What is the same along an axis is worked out once: exp(x) of an x that repeats a vector repeats exp of the vector."""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.graph import CONST, Graph
from symgrad.ops.einsum import Labels, contract
from symgrad.ops.repeated import SPREAD, repeated

_ELEMENTS = ("elementwise", "constant")


def narrow(graph: Graph, roots: Sequence[int]) -> tuple[Graph, list[int]]:
    """`roots` with elementwise operations on the axes that matter, in a new graph; the same one where all do."""
    live = graph.reach(roots)
    if not any(n and _candidate(graph, i) and _axes(graph, i) is not None for i, n in enumerate(live)):
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


def _axes(g: Graph, i: int) -> Labels | None:
    """The axes of the elementwise node `i` along which some argument differs; None: all of them."""
    held = {x for a in g.args[i] for x in repeated(g, a)[1]}
    rank = len(g.types[i].shape)
    return None if len(held) == rank else tuple(x for x in range(rank) if x in held)


def _narrowed(g: Graph, i: int) -> int:
    """Node `i` where its arguments differ, repeated along the other axes."""
    own = _axes(g, i) if _candidate(g, i) else None
    if own is None:
        return i
    labels = tuple(range(len(g.types[i].shape)))
    sizes = dict(enumerate(g.types[i].lengths))
    args = [contract(g, [repeated(g, a)], own, sizes) for a in g.args[i]]
    return contract(g, [(g.build(g.ops[i], tuple(args), g.attrs[i]), own)], labels, sizes)
