"""A graph made ready for a reader: operations that a formula does not have are written out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.graph import CONST, REGISTER, Graph, Node, Op
from symgrad.graph.node import spread
from symgrad.ops.literal import constant_array
from symgrad.ops.repeated import repeated
from symgrad.ops.subscripts import parse, sums
from symgrad.show.constants import is_transpose

Form = Callable[[Op], Callable[..., Any] | None]
"""How an operation is written with simpler ones; None: it stays."""

PLAIN = {"expm1", "log1p", "softplus", "logaddexp", "cosm1", "one_minus_square", "xlogy", "xlog1py", "exp2"}
PLAIN |= {"power_slope", "power_log", "hypot", "unit", "ndtr", "log_ndtr", "erfcx", "gammaln", "betaln"}
"""Operations that are there for accuracy: a reader sees what they mean."""

TURNED = {"less": "greater", "less_equal": "greater_equal", "greater": "less", "greater_equal": "less_equal"}
OPPOSITE = {"less": "greater_equal", "less_equal": "greater", "greater": "less_equal", "greater_equal": "less"}
OPPOSITE |= {"equal": "not_equal", "not_equal": "equal"}


AT = ("take", "take_along", "scatter_add", "put_along")
"""Operations whose second argument are places, negative ones from the end."""


ROWS = {"take_along": "take", "put_along": "scatter_add"}
"""Operations with places of each row's own, and those with the same in all."""


def meaning(op: Op) -> Callable[..., Any] | None:
    """For a reader: what is there for accuracy or speed means something simpler."""
    return _solved if op.name == "triangular_solve" else op.means if op.name in PLAIN else None


def _solved(a: Node, b: Node, lower: bool) -> Node:
    """L^-1 b for the triangle of the matrix that is read; a factor of a decomposition is one itself."""
    g = a.graph
    matrix, across = a.id, False
    if is_transpose(g, matrix):
        (matrix,), across = g.args[matrix], True
    lower ^= across
    known = g.ops[matrix].name
    if not (known == "cholesky" and lower) and not (known == "qr" and not lower) and len(a.shape) == 2:
        n = a.type.lengths[-1]
        kept = np.tri(n, dtype=bool) if lower else np.tri(n, dtype=bool).T
        matrix = g.build(REGISTER["mask"], (constant_array(g, kept), matrix))
        a = Node(g, g.build(REGISTER["einsum"], (matrix,), ("ij->ji",)) if across else matrix)
    return Node(g, g.build(REGISTER["solve"], (a.id, b.id)))


def _is_number(g: Graph, i: int) -> bool:
    """Whether node `i` is a constant, or one everywhere."""
    return g.ops[i] is CONST or (g.ops[i].name == "broadcast" and g.ops[g.args[i][0]] is CONST)


def _is_zero(g: Graph, i: int) -> bool:
    return bool(g.types[i].shape) and g.value(repeated(g, i)[0]) == 0


def _from_the_end(g: Graph, i: int) -> int:
    """The places that node `i` counts from the beginning where they are negative: where(k < 0, k + n, k) is k."""
    x, _ = repeated(g, i)
    if g.ops[x].name != "where" or (x != i and g.args[i] != (x,)):
        return i
    condition, moved, k = g.args[x]
    below = g.args[condition][1] if g.ops[condition].name == "less" and g.args[condition][0] == k else None
    if below is None or not _is_zero(g, below) or g.ops[moved].name != "add" or k not in g.args[moved]:
        return i
    return k if x == i else g.add(g.ops[i], (k,), g.attrs[i], g.types[i])


def _the_same_in_rows(g: Graph, i: int) -> int | None:
    """The vector that is each row of node `i`, of more than one axis."""
    x, axes = repeated(g, i)
    rank = len(g.types[i].shape)
    return x if x != i and rank > 1 and axes == (rank - 1,) else None


def _unmasked(g: Graph, condition: int, x: int) -> int:
    """What mask(condition, x) needs of x, a product: a factor that is hidden by the same condition, as it is."""
    parts, out = ([(), ()], ()) if g.ops[x].name == "multiply" else (None, None)
    if g.ops[x].name == "einsum":
        parts, out = parse(g.attrs[x][0])
    if parts is None or out is None or sums(parts, out):
        return x
    args = [
        g.args[a][1] if p == out and g.ops[a].name == "mask" and g.args[a][0] == condition else a
        for a, p in zip(g.args[x], parts, strict=True)
    ]
    return g.build(g.ops[x], tuple(args), g.attrs[x])


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
            elif op.name in AT:
                places, attrs = _from_the_end(out, args[1]), graph.attrs[i]
                row = _the_same_in_rows(out, places) if read and op.name in ROWS else None
                if row is not None:
                    op, places, attrs = REGISTER[ROWS[op.name]], row, (-1, *attrs)
                new[i] = out.add(op, (args[0], places), attrs, graph.types[i])
            elif op.name in OPPOSITE and _is_number(out, args[0]) and not _is_number(out, args[1]):
                new[i] = out.add(REGISTER[TURNED.get(op.name, op.name)], args[::-1])
            elif read and (op.name == "mask" or (op.name == "where" and _is_zero(out, args[2]))):
                new[i] = out.add(REGISTER["mask"], (args[0], _unmasked(out, *args[:2])), (), graph.types[i])
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
