"""Which arrays are seen to have no negative element, and what that is good for: x^T diag(p) x as y^T y.

BLAS computes half of y^T y by itself; with weights in between it would need the whole product. Where the weights
are seen to be at least 0, as those of a logistic or a Poisson regression are, y is sqrt(p) x.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from symgrad.compile.plan.products import HALF, label_factors, symmetric
from symgrad.graph import REGISTER, Graph
from symgrad.graph.type import FLOATS
from symgrad.ops.contraction import Part, contract
from symgrad.ops.signs import needed
from symgrad.ops.subscripts import Labels, parse, subscripts

LARGEST = 200
"""Nodes that are looked at."""


def not_negative(g: Graph, parts: Sequence[Part]) -> bool:
    """Whether the product of tensors is seen to be nowhere below 0 (NaN aside)."""
    todo, seen = [list(parts)], 0
    while todo:
        seen += 1
        if seen > LARGEST:
            return False
        single = [j for (j, p), n in _factors(g, todo.pop()).items() if n % 2]
        for j in single:
            more = needed(g, j)
            if more is None:
                return False
            todo += [[(k, tuple(range(len(g.types[k].shape))))] for k in more]
    return True


def _factors(g: Graph, parts: Sequence[Part]) -> Counter[Part]:
    """The factors of a product of tensors, through products element by element."""
    found: Counter[Part] = Counter()
    for j, labels in parts:
        found += label_factors(g, j, labels)
    return found


def _gram(g: Graph, i: int) -> tuple[list[Part], Labels, Labels] | None:
    """The factors of y and its labels, and how they stand on the right, where node `i` is y^T y."""
    if g.types[i].dtype not in FLOATS:
        return None
    (a, b), ((la, lb), out) = g.args[i], parse(g.attrs[i][0])
    pairs = symmetric(g, (a, b), (la, lb), out)
    if a == b or pairs is None:
        return None
    shared = {x for x in la if x in lb}
    left, right = label_factors(g, a, la), label_factors(g, b, lb)
    weights = [p for p in (*left.elements(), *right.elements()) if set(p[1]) <= shared]
    same = [p for p in left.elements() if not set(p[1]) <= shared]
    if not weights or not not_negative(g, weights):
        return None
    size = math.prod(n for x, n in zip(la, g.types[a].lengths, strict=True) if x in shared)
    if any(math.prod(g.types[j].lengths) > size for j, _ in weights):
        return None
    labels = tuple(dict.fromkeys(x for _, p in weights for x in p))
    weight = contract(g, weights, labels)
    root = g.build(REGISTER["sqrt"], (weight,))
    return [*same, (root, labels)], la, lb


def is_large(g: Graph, i: int) -> bool:
    """Whether node `i` is a product of two arrays that may be worth being y^T y."""
    return g.ops[i].name == "einsum" and len(g.args[i]) == 2 and math.prod(g.types[i].lengths) >= HALF * HALF


def as_gram(g: Graph, i: int) -> int:
    """Node `i` as y^T y, itself where it is not seen to be such."""
    found = _gram(g, i)
    if found is None:
        return i
    parts, left, right = found
    y = contract(g, parts, left)
    _, out = parse(g.attrs[i][0])
    return g.add(REGISTER["einsum"], (y, y), (subscripts([left, right], out),), g.types[i])  # not opened again
