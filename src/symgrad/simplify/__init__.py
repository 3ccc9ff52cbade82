"""Rewrites that keep the value (up to rounding) and lower the number of operations.

`simplify` is for formulas: what it gives is in normal form, reads well and may be derived again. `program`
goes on from there for a machine: what it gives is only to be run.
"""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.graph import Graph
from symgrad.simplify.bodies import in_bodies
from symgrad.simplify.contractions import recontract
from symgrad.simplify.factor import factor
from symgrad.simplify.flow import lean_loops
from symgrad.simplify.loops import join_sums
from symgrad.simplify.monomials import gather_powers
from symgrad.simplify.narrow import narrow
from symgrad.simplify.pairs import share_pairs
from symgrad.simplify.powers import split_powers
from symgrad.simplify.signs import settle_signs
from symgrad.simplify.softmax import normalise, notes
from symgrad.simplify.stable import rewrites as stable
from symgrad.simplify.stable import stabilise

SMALL = 1000
"""Graphs of at most this many nodes are factored again while that helps: what has become equal, merges."""
AGAIN = 3


def simplify(graph: Graph, roots: Sequence[int]) -> tuple[Graph, list[int]]:
    """Stable operations, like terms merged, common factors taken out, arrays multiplied in a cheap order."""
    graph, roots = lean_loops(graph, roots, simplify)
    graph, new = factor(*stabilise(*normalise(*narrow(graph, roots))))
    for _ in range(AGAIN):
        if len(graph) > SMALL or all(
            t.shape or op.kind == "leaf" for t, op in zip(graph.types, graph.ops, strict=True)
        ):
            break
        once_more, ids = factor(graph, new)
        if once_more.operations(ids) >= graph.operations(new):
            break
        graph, new = once_more, ids
    graph, new = gather_powers(*recontract(*gather_powers(graph, new)))
    graph.memo.clear()  # it was for the passes: the graph may be kept for long
    return graph, new


def rewrites(graph: Graph, roots: Sequence[int]) -> list[str]:
    """One line per kind of rewrite that makes a formula stabler."""
    graph, roots = narrow(graph, roots)
    return notes(graph, roots) + stable(*normalise(graph, roots))


def program(graph: Graph, roots: Sequence[int]) -> tuple[Graph, list[int]]:
    """Half-integer powers split, common pairs shared, sums joined and signs settled, in a new graph; in bodies of loops
    as well."""
    graph, roots = in_bodies(graph, roots, program)
    return settle_signs(*join_sums(*share_pairs(*split_powers(graph, roots))))


__all__ = [
    "factor",
    "join_sums",
    "program",
    "recontract",
    "rewrites",
    "settle_signs",
    "share_pairs",
    "simplify",
    "split_powers",
    "stabilise",
]
