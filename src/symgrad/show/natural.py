"""A graph made ready for a reader: operations that a formula does not have are written out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from symgrad.graph import CONST, REGISTER, Graph, Node, Op
from symgrad.graph.node import spread

Form = Callable[[Op], Callable[..., Any] | None]
"""How an operation is written with simpler ones; None: it stays."""

PLAIN = {"expm1", "log1p", "softplus", "logaddexp", "cosm1", "one_minus_square", "xlogy", "xlog1py", "exp2"}
PLAIN |= {"power_slope", "power_log", "hypot", "unit", "ndtr", "log_ndtr", "erfcx", "gammaln", "betaln"}
"""Operations that are there for accuracy: a reader sees what they mean."""

TURNED = {"less": "greater", "less_equal": "greater_equal", "greater": "less", "greater_equal": "less_equal"}
OPPOSITE = {"less": "greater_equal", "less_equal": "greater", "greater": "less_equal", "greater_equal": "less"}
OPPOSITE |= {"equal": "not_equal", "not_equal": "equal"}


def meaning(op: Op) -> Callable[..., Any] | None:
    return op.means if op.name in PLAIN else None


def rewritten(graph: Graph, roots: Sequence[int], form: Form, read: bool = False) -> tuple[Graph, list[int]]:
    """`roots` with every operation that has a `form` expanded by it, again and again until none has.

    Constants stand on the right of relations. With `read`, for a reader rather than a machine, the negation of a
    relation is the opposite relation (of NaN they differ), and beside sigmoid(x), sigmoid(-x) is 1 - sigmoid(x).
    """
    roots = list(roots)
    if read:
        graph, roots = _complements(graph, roots)
    while True:
        out = Graph()
        new: dict[int, int] = {}
        changed = False
        for i, needed in enumerate(graph.reach(roots)):
            if not needed:
                continue
            op = graph.ops[i]
            args = tuple([new[a] for a in graph.args[i]])
            if op is CONST:
                new[i] = out.const(*graph.attrs[i])
                continue
            expanded = form(op)
            if expanded is not None:
                attrs = dict(zip(op.attrs, graph.attrs[i], strict=True))
                new[i] = expanded(*(Node(out, a) for a in args), **attrs).id
                changed = True
            elif op.name in OPPOSITE and out.ops[args[0]] is CONST and out.ops[args[1]] is not CONST:
                new[i] = out.add(REGISTER[TURNED.get(op.name, op.name)], args[::-1])
            elif read and op.name == "logical_not" and out.ops[args[0]].name in OPPOSITE:
                new[i] = out.add(REGISTER[OPPOSITE[out.ops[args[0]].name]], out.args[args[0]])
            else:
                new[i] = out.add(op, args, graph.attrs[i], graph.types[i])
        graph, roots = out, [new[r] for r in roots]
        if not changed:
            return graph, roots


def _complements(graph: Graph, roots: Sequence[int]) -> tuple[Graph, list[int]]:
    """1 - sigmoid(x) for sigmoid(-x), which is computed without that difference, where sigmoid(x) is there too."""
    sigmoid, negative = REGISTER["sigmoid"], REGISTER["negative"]
    live = graph.reach(roots)
    found = {graph.args[i][0]: i for i, op in enumerate(graph.ops) if live[i] and op is sigmoid}
    pairs = {i: x for a, i in found.items() if graph.ops[a] is negative and (x := graph.args[a][0]) in found}
    if not pairs:
        return graph, list(roots)
    out = Graph()
    new: dict[int, int] = {}
    for i, needed in enumerate(live):
        if needed and i in pairs:
            s = out.add(sigmoid, (new[pairs[i]],))
            type = out.types[s]
            one = spread(out, out.const(1, type.dtype), type.shape)
            new[i] = out.add(REGISTER["subtract"], (one, s))
        elif needed and graph.ops[i] is CONST:
            new[i] = out.const(*graph.attrs[i])
        elif needed:
            new[i] = out.add(graph.ops[i], tuple([new[a] for a in graph.args[i]]), graph.attrs[i], graph.types[i])
    return out, [new[r] for r in roots]
