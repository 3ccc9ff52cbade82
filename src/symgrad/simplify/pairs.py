"""Common sub-expressions that the order of a sum or a product hides.

a*b*c and a*d*b share a*b, a + b - c and b + d + a share a + b. Sums and products are seen flat; the pair of
elements that stands in most of them becomes a node of its own, again and again (greedy pair extraction,
as in Hosangadi, Fallah and Kastner, "Optimizing polynomial expressions by algebraic factorization and
common subexpression elimination", IEEE TCAD 25, 2006). Values change by rounding only.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from typing import Any

from symgrad.graph import CONST, Graph
from symgrad.simplify.flat import ADD, MULTIPLY, NEGATIVE, SUBTRACT, Flat

LONGEST = 64
"""Longer sums and products are left alone: the pairs in one grow as the square of its length."""

Group = dict[int, int]
"""Element -> sign (+1 or -1; always +1 in a product)."""


def share_pairs(graph: Graph, roots: Sequence[int]) -> tuple[Graph, list[int]]:
    """`roots` rewritten in a new graph with common pairs shared, and their new ids."""
    flat = Flat(graph, roots)
    groups = _groups(flat)
    base = len(graph)
    made: dict[int, tuple[bool, int, int, int]] = {}  # pair element -> (is sum, first, second, relative sign)
    for is_sum in (False, True):
        _extract([g for s, g in groups.values() if s is is_sum], is_sum, base + len(made), made)
    return _rebuild(flat, roots, groups, made) if made else (graph, list(roots))


def _groups(flat: Flat) -> dict[int, tuple[bool, Group]]:
    """The flat sums and products, by the node at their top."""
    g = flat.graph
    ops, args, uses, live, types = g.ops, g.args, flat.uses, flat.live, g.types
    inside = set()
    for i, needed in enumerate(live):
        if needed:
            op = ops[i]
            if op is ADD or op is SUBTRACT:
                inside.update(a for a in args[i] if uses[a] == 1 and (ops[a] is ADD or ops[a] is SUBTRACT))
            elif op is MULTIPLY:
                inside.update(a for a in args[i] if uses[a] == 1 and ops[a] is MULTIPLY)
    out: dict[int, tuple[bool, Group]] = {}
    for i, needed in enumerate(live):
        op = ops[i]
        if not needed or i in inside or types[i].shape or not (op is ADD or op is SUBTRACT or op is MULTIPLY):
            continue
        is_sum = op is not MULTIPLY
        group: Group = {}
        whole = True
        stack = [(1, i)]
        while stack:
            sign, j = stack.pop()
            op = ops[j]
            if (j == i or uses[j] == 1) and (op is ADD or op is SUBTRACT if is_sum else op is MULTIPLY):
                a, b = args[j]
                stack.append((-sign if op is SUBTRACT else sign, b))
                stack.append((sign, a))
            elif j in group:
                whole = False
                break
            else:
                group[j] = sign
        if whole and len(group) <= LONGEST:
            out[i] = (is_sum, group)
    return out


def _extract(groups: list[Group], is_sum: bool, fresh: int, made: dict[int, Any]) -> None:
    """Take the most common pair out of all groups until none stands twice."""
    count: dict[int, int] = {}
    for group in groups:
        for e in group:
            count[e] = count.get(e, 0) + 1
    holders: dict[tuple[int, int, int], set[int]] = {}
    for n, group in enumerate(groups):
        common = sorted(e for e in group if count[e] > 1)
        for k, b in enumerate(common):
            sb = group[b]
            for a in common[:k]:
                key = (a, b, group[a] * sb)
                if key in holders:
                    holders[key].add(n)
                else:
                    holders[key] = {n}
    heap = [(-len(h), key) for key, h in holders.items() if len(h) > 1]
    heapify(heap)
    while heap:
        size, key = heappop(heap)
        rows = holders[key]
        if len(rows) < 2:
            continue
        if -size != len(rows):
            heappush(heap, (-len(rows), key))
            continue
        a, b, relative = key
        made[fresh] = (is_sum, a, b, relative)
        touched: dict[tuple[int, int, int], set[int]] = {}
        for n in sorted(rows):
            group = groups[n]
            sa, sb = group.pop(a), group.pop(b)
            for e, s in group.items():
                for other, so in ((a, sa), (b, sb)):
                    pair = holders.get((other, e, s * so) if other < e else (e, other, s * so))
                    if pair is not None:
                        pair.discard(n)
                touched.setdefault((e, fresh, s * sa), set()).add(n)
            group[fresh] = sa
        for pair_key, members in touched.items():
            if len(members) > 1:
                heappush(heap, (-len(members), pair_key))
            holders[pair_key] = members
        rows.clear()
        fresh += 1


def _rebuild(
    flat: Flat, roots: Sequence[int], groups: dict[int, tuple[bool, Group]], made: dict[int, Any]
) -> tuple[Graph, list[int]]:
    g, out = flat.graph, Graph()
    new: dict[int, int] = {}
    stack = list(roots)
    while stack:
        j = stack[-1]
        if j in new:
            stack.pop()
            continue
        pair = made.get(j)
        group = groups.get(j) if pair is None else None
        needs: Any = pair[1:3] if pair is not None else g.args[j] if group is None else group[1]
        missing = [a for a in needs if a not in new]
        if missing:
            stack.extend(missing)
            continue
        stack.pop()
        if pair is not None:
            is_sum, a, b, relative = pair
            op = (ADD if relative > 0 else SUBTRACT) if is_sum else MULTIPLY
            new[j] = out.build(op, (new[a], new[b]))
        elif group is not None:
            new[j] = _chain(out, group[0], [(s, new[e]) for e, s in group[1].items()])
        elif g.ops[j] is CONST:
            new[j] = out.const(*g.attrs[j])
        else:
            new[j] = out.build(g.ops[j], tuple([new[a] for a in g.args[j]]), g.attrs[j])
    return out, [new[r] for r in roots]


def _chain(out: Graph, is_sum: bool, parts: list[tuple[int, int]]) -> int:
    """A flat sum or product as nodes, the positive terms first."""
    parts.sort(key=lambda p: (-p[0], p[1]))
    sign, acc = parts[0]
    if not is_sum:
        for _, e in parts[1:]:
            acc = out.build(MULTIPLY, (acc, e))
        return acc
    for s, e in parts[1:]:
        acc = out.build(ADD if s == sign else SUBTRACT, (acc, e))
    return acc if sign > 0 else out.build(NEGATIVE, (acc,))
