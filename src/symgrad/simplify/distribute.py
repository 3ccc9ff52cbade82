"""What several products of a sum are multiplied with, taken out: B X + B^T X is (B + B^T) X, one product less.

Only where what is added is no larger than the result: B x + B^T x stays, as B + B^T has more elements than both.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction

from symgrad.graph import REGISTER, Graph
from symgrad.ops.einsum import Labels, Part, contract, parse

Number = int | float | Fraction
Others = tuple[tuple[Part, ...], Labels]
"""The other factors, the labels of what is added."""
Key = tuple[Number, Others]
"""The size of the coefficient, and `Others`."""
Splits = dict[Others, Part]
"""A product as one factor and the others, in every way there is."""


def taken_out(g: Graph, total: Mapping[int, Number], known: dict[int, Splits]) -> dict[int, Number] | None:
    """The terms of a sum (node -> coefficient) with those put together that share the most; None: there are none.

    `known` holds the splits of products of `g` that were met before.
    """
    products = [x for x, c in total.items() if c and g.ops[x].name == "einsum"]
    users: dict[int, int] = {}
    for x in products:
        for a in set(g.args[x]):
            users[a] = users.get(a, 0) + 1
    groups: dict[Key, dict[int, Part]] = {}
    for x in products:
        if all(users[a] == 1 for a in g.args[x]):
            continue
        if x not in known:
            known[x] = _splits(g, x)
        for others, part in known[x].items():
            groups.setdefault((abs(total[x]), others), {})[x] = part
    groups = {key: group for key, group in groups.items() if len(group) > 1}
    if not groups:
        return None
    key = max(groups, key=lambda k: len(groups[k]))
    c, (others, labels) = key
    members = groups[key]
    rank = len(g.types[next(iter(members))].shape)
    result = dict(total)
    minus = all(total[x] < 0 for x in members)
    inner: int | None = None
    for x in sorted(members, key=lambda x: total[x] < 0):
        operand, own = members[x]
        term = contract(g, [(operand, own)], labels)
        below = (total[x] < 0) ^ minus
        if inner is None:
            inner = term
        else:
            inner = g.build(REGISTER["subtract" if below else "add"], (inner, term))
        del result[x]
    assert inner is not None
    joined = contract(g, [*others, (inner, labels)], tuple(range(rank)))
    result[joined] = result.get(joined, 0) + (-c if minus else c)
    return result


def _splits(g: Graph, x: int) -> Splits:
    """The product at node `x` as one factor and the others, for each factor that is no larger than the product."""
    parts, out = parse(g.attrs[x][0])
    args = g.args[x]
    largest = math.prod(g.types[x].lengths)
    found: Splits = {}
    for k, (a, own) in enumerate(zip(args, parts, strict=True)):
        rest = sorted((b, p) for n, (b, p) in enumerate(zip(args, parts, strict=True)) if n != k)
        if not own or len(set(own)) < len(own) or not any(p for _, p in rest):
            continue
        if math.prod(g.types[a].lengths) > largest:
            continue
        names = {label: n for n, label in enumerate(out)}
        for _, p in rest:
            for label in p:
                names.setdefault(label, len(names))
        if any(label not in names for label in own):
            continue
        others = tuple((b, tuple(names[label] for label in p)) for b, p in rest)
        mine = tuple(names[label] for label in own)
        found.setdefault((others, tuple(sorted(mine))), (a, mine))
    return found
