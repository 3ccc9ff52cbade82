"""Rewrites of graphs carried over to the graphs within them: the bodies of loops and branches."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from symgrad.graph import CONST, Graph
from symgrad.graph.body import Body

Rewrite = Callable[[Graph, Sequence[int]], tuple[Graph, list[int]]]


def rewritten(body: Body, rewrite: Rewrite) -> Body:
    """The body after `rewrite`, in normal form."""
    own, outputs = rewrite(body.graph, body.outputs)
    own = own.copy()
    return Body(own, [own.input(*body.graph.attrs[i]) for i in body.inputs], outputs)


def in_bodies(graph: Graph, roots: Sequence[int], rewrite: Rewrite) -> tuple[Graph, list[int]]:
    """`roots` with the bodies of loops and branches rewritten, in a new graph (the same one where there are none)."""
    live = graph.reach(roots)
    if not any(needed and op.kind == "flow" for needed, op in zip(live, graph.ops, strict=True)):
        return graph, list(roots)
    out = Graph()
    new: dict[int, int] = {}
    made: dict[Body, Body] = {}
    for i, needed in enumerate(live):
        if not needed:
            continue
        op, attrs = graph.ops[i], graph.attrs[i]
        if op is CONST:
            new[i] = out.const(*attrs)
            continue
        if op.kind == "flow":
            for a in attrs:
                if isinstance(a, Body) and a not in made:
                    made[a] = rewritten(a, rewrite)
            attrs = tuple([made[a] if isinstance(a, Body) else a for a in attrs])
        new[i] = out.add(op, tuple([new[a] for a in graph.args[i]]), attrs)
    return out, [new[r] for r in roots]
