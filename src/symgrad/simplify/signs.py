"""Negations that cost nothing: the last pass before a program is made.

Normal forms float minus signs outwards, which makes equal things equal but leaves a negation in front of
many results. Here -(c*x) becomes (-c)*x, and -(a*b) becomes (-a)*b where several products want the same
-a. The result is no longer in normal form: it is for machines, not for further derivation.
"""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.graph import CONST, REGISTER, Graph
from symgrad.simplify.flat import ADD, MULTIPLY, NEGATIVE, SUBTRACT, Flat

DIVIDE = REGISTER["divide"]


def settle_signs(graph: Graph, roots: Sequence[int]) -> tuple[Graph, list[int]]:
    """`roots` rewritten in a new graph with fewer negations, and their new ids."""
    flat = Flat(graph, roots)
    live = flat.live
    ops, args = graph.ops, graph.args
    negations = [i for i, needed in enumerate(live) if needed and ops[i] is NEGATIVE]
    if not negations:
        return graph, list(roots)
    flipped = _flippable(flat, negations, set(roots))
    moved = _moves(flat, [v for v in negations if args[v][0] not in flipped])
    out = Graph()
    new: dict[int, int] = {}
    for i, needed in enumerate(live):
        if not needed:
            continue
        op = ops[i]
        if op is CONST:
            new[i] = out.const(*graph.attrs[i])
            continue
        if i in flipped:
            c, x = flat.scaled(i)
            new[i] = out.add(MULTIPLY, _ordered(out.const(-c, graph.types[i].dtype), new[x]))
            continue
        if op is NEGATIVE:
            t = args[i][0]
            if t in flipped:
                new[i] = new[t]
                continue
            if i in moved:
                a = moved[i]
                first, second = args[t]
                minus = out.add(NEGATIVE, (new[a],)) if ops[a] is not CONST else _minus(graph, out, a)
                if ops[t] is DIVIDE:
                    pair = (minus, new[second]) if a == first else (new[first], minus)
                    new[i] = out.add(DIVIDE, pair)
                else:
                    new[i] = out.add(MULTIPLY, _ordered(minus, new[second if a == first else first]))
                continue
        if flipped and (op is ADD or op is SUBTRACT):
            a, b = args[i]
            if op is ADD and (a in flipped) and (b not in flipped):
                a, b = b, a
            if b in flipped:
                new[i] = out.add(SUBTRACT if op is ADD else ADD, (new[a], new[b]))
                continue
        new[i] = out.add(op, tuple([new[a] for a in args[i]]), graph.attrs[i], graph.types[i])
    return out, [new[r] for r in roots]


def _ordered(a: int, b: int) -> tuple[int, int]:
    return (a, b) if a < b else (b, a)


def _minus(graph: Graph, out: Graph, a: int) -> int:
    value, dtype = graph.attrs[a]
    if isinstance(value, str):
        return out.add(NEGATIVE, (out.const(value, dtype),))
    return out.const(-value, dtype)


def _flippable(flat: Flat, negations: list[int], outputs: set[int]) -> set[int]:
    """Multiples c*x whose every user either negates them or can add instead of subtract."""
    g = flat.graph
    wanted = {
        g.args[v][0]
        for v in negations
        if g.ops[g.args[v][0]] is MULTIPLY and flat.multiple(g.args[v][0]) and g.args[v][0] not in outputs
    }
    if not wanted:
        return wanted
    for i, needed in enumerate(flat.live):
        if not needed or g.ops[i] is NEGATIVE:
            continue
        hit = [a for a in g.args[i] if a in wanted]
        if not hit:
            continue
        op = g.ops[i]
        if op is ADD and len(hit) == 1:
            continue
        if op is SUBTRACT and hit == [g.args[i][1]]:
            continue
        wanted.difference_update(hit)
    return wanted


def _moves(flat: Flat, negations: list[int]) -> dict[int, int]:
    """For -(a*b), which factor takes the sign: one that many want, or whose negation exists or is free."""
    g, uses = flat.graph, flat.uses
    existing = {g.args[v][0] for v in negations}
    wants: dict[int, list[int]] = {}
    for v in negations:
        t = g.args[v][0]
        if uses[t] == 1 and (g.ops[t] is MULTIPLY or g.ops[t] is DIVIDE):
            for a in g.args[t]:
                wants.setdefault(a, []).append(v)
    moved: dict[int, int] = {}
    for a, vs in sorted(wants.items(), key=lambda item: -len(item[1])):
        left = [v for v in vs if v not in moved]
        if len(left) > 1 or (left and (a in existing or g.ops[a] is CONST)):
            for v in left:
                moved[v] = a
    return moved
