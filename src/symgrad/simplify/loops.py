"""Sums over the same range become one loop: what their terms share is worked out once per pass."""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.graph import CONST, REGISTER, Graph
from symgrad.graph.body import Body
from symgrad.ops.control import parts, terms
from symgrad.simplify.pairs import share_pairs
from symgrad.simplify.signs import settle_signs

FOLD = REGISTER["fold"]


def join_sums(graph: Graph, roots: Sequence[int]) -> tuple[Graph, list[int]]:
    """Sums of equal bounds that do not need one another become the carries of one fold."""
    live = graph.reach(roots)
    folds = [i for i, needed in enumerate(live) if needed and graph.ops[i] is FOLD]
    if not folds:
        return graph, list(roots)
    layer: list[int] = []  # how many folds stand behind a node
    for op, args in zip(graph.ops, graph.args, strict=True):
        layer.append(max((layer[a] for a in args), default=0) + (op is FOLD))
    groups: dict[tuple[int, ...], list[int]] = {}
    for i in folds:
        body, _, _, _ = parts(graph, i)
        alone = () if terms(body) is not None else (i,)
        groups.setdefault((*graph.args[i][:2], layer[i], *alone), []).append(i)
    group_of = {i: members for members in groups.values() for i in members}
    out = Graph()
    new: dict[int, int] = {}
    made: dict[int, tuple[Body, tuple[int, ...], dict[int, int]]] = {}
    for i in sorted((i for i, needed in enumerate(live) if needed), key=lambda i: (layer[i], i)):
        op = graph.ops[i]
        if op is CONST:
            new[i] = out.const(*graph.attrs[i])
        elif op is FOLD:
            members = group_of[i]
            if members[0] not in made:
                made[members[0]] = _joined(graph, members, new)
            body, args, place = made[members[0]]
            new[i] = out.add(FOLD, args, (body, place[i]), graph.types[i])
        else:
            new[i] = out.add(op, tuple([new[a] for a in graph.args[i]]), graph.attrs[i], graph.types[i])
    return out, [new[r] for r in roots]


def _joined(graph: Graph, members: Sequence[int], new: dict[int, int]) -> tuple[Body, tuple[int, ...], dict[int, int]]:
    """The body of all members, the arguments of their fold, and which carry is whose."""
    own = Graph()
    first, *_ = (parts(graph, i)[0] for i in members)
    index = own.input("%index", first.graph.types[first.inputs[0]])
    carried: list[int] = []
    starts: list[int] = []
    outputs: list[int] = []
    inputs_of: dict[int, int] = {}  # a captured value -> its input in the joined body
    place: dict[int, int] = {}
    for i in members:
        body, take, firsts, captured = parts(graph, i)
        m = body.carries
        seen = {body.inputs[0]: index}
        for k, b in enumerate(body.inputs[1 : 1 + m]):
            seen[b] = own.input(f"%carry{len(carried)}", body.graph.types[b])
            carried.append(seen[b])
            starts.append(new[firsts[k]])
        for b, c in zip(body.inputs[1 + m :], captured, strict=True):
            if new[c] not in inputs_of:
                inputs_of[new[c]] = own.input(f"%value{len(inputs_of)}", body.graph.types[b])
            seen[b] = inputs_of[new[c]]
        place[i] = len(outputs) + take
        body.graph.into(own, body.outputs, seen)
        outputs += [seen[o] for o in body.outputs]
    inputs = [index, *carried, *inputs_of.values()]
    gathers = terms(Body.of(own, inputs, outputs))
    lean, results = settle_signs(*share_pairs(*join_sums(own, outputs if gathers is None else gathers)))
    at = [lean.input(*own.attrs[k]) for k in inputs]
    if gathers is not None:  # the sums themselves stay as they are: back ends know them by their form
        results = [
            lean.add(own.ops[o], (c, t), (), own.types[o])
            for o, c, t in zip(outputs, at[1 : 1 + len(carried)], results, strict=True)
        ]
    lo, hi = graph.args[members[0]][:2]
    return Body.of(lean, at, results), (new[lo], new[hi], *starts, *inputs_of), place
