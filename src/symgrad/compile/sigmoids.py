"""A logistic function and its complement, as machines like them: sigmoid(u) and sigmoid(-u) of one exponential.

With e = exp(-|u|) and r = 1 / (1 + e), one of them is r and the other e r: nothing cancels and nothing overflows. The
derivative of a sigmoid is the product of both.
"""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.graph import CONST, REGISTER, Graph, Node

SIGMOID, NEGATIVE = REGISTER["sigmoid"], REGISTER["negative"]
WHERE, ABS, EXP, GREATER_EQUAL = (REGISTER[n] for n in ("where", "abs", "exp", "greater_equal"))


def share_sigmoids(graph: Graph, roots: Sequence[int]) -> tuple[Graph, list[int]]:
    """`roots` with such pairs from one exponential, in a new graph (the same one where there are none)."""
    live = graph.reach(roots)
    of = {graph.args[i][0]: i for i, needed in enumerate(live) if needed and graph.ops[i] is SIGMOID}
    pairs = {i: u for u, i in of.items() if graph.ops[u] is NEGATIVE and graph.args[u][0] in of}
    first = {graph.args[u][0] for u in pairs.values()}
    if not pairs:
        return graph, list(roots)
    out = Graph()
    new: dict[int, int] = {}
    for i, needed in enumerate(live):
        if not needed:
            continue
        op, args = graph.ops[i], graph.args[i]
        if op is CONST:
            new[i] = out.const(*graph.attrs[i])
        elif i in pairs:
            u = Node(out, new[graph.args[pairs[i]][0]])
            near, far = _halves(u)
            new[i] = WHERE(_is_up(u), far, near).id
        elif op is SIGMOID and args[0] in first:
            u = Node(out, new[args[0]])
            near, far = _halves(u)
            new[i] = WHERE(_is_up(u), near, far).id
        else:
            new[i] = out.build(op, tuple([new[a] for a in args]), graph.attrs[i])
    return out, [new[r] for r in roots]


def _halves(u: Node) -> tuple[Node, Node]:
    """The larger and the smaller one of the pair."""
    e = EXP(-ABS(u))
    near = 1 / (1 + e)
    return near, e * near


def _is_up(u: Node) -> Node:
    return GREATER_EQUAL(u, 0)
