"""Which matrices are seen to be symmetric, from how they are made."""

from __future__ import annotations

from symgrad.graph import REGISTER, Graph
from symgrad.ops.subscripts import Labels, parse, sums

ADD, SUBTRACT, NEGATIVE = REGISTER["add"], REGISTER["subtract"], REGISTER["negative"]


def symmetric(g: Graph, i: int) -> bool:
    """Whether node `i` is its own transpose: x^T x, A + A^T, identities, sums, multiples, inverses of such."""
    stack = [i]
    while stack:
        j = stack.pop()
        op, args = g.ops[j], g.args[j]
        if op is ADD and (_across(g, *args) or _across(g, *args[::-1])):
            continue
        if op is ADD or op is SUBTRACT or op is NEGATIVE or op.name == "inv":
            stack += args
        elif op.name == "einsum":
            parts, out = parse(g.attrs[j][0])
            if len(out) != 2:
                return False
            if len(args) == 2 and not parts[0] and parts[1] == out:
                stack.append(args[1])
                continue
            if len(args) != 2 or not gram(g, (args[0], parts[0]), (args[1], parts[1])):
                return False
        elif op.name != "delta":
            return False
    return len(g.types[i].shape) == 2


def _across(g: Graph, a: int, b: int) -> bool:
    """Whether node `b` is the transpose of the matrix `a`."""
    if g.ops[b].name != "einsum" or g.args[b] != (a,):
        return False
    (part,), out = parse(g.attrs[b][0])
    return len(out) == 2 and part == out[::-1]


def gram(g: Graph, a: tuple[int, Labels], b: tuple[int, Labels]) -> bool:
    """Whether the product of two matrices, summed over the label that they share, is x^T x or x^T diag(p) x."""
    for (x, own), (y, other) in ((a, b), (b, a)):
        shared = [k for k in own if k in other]
        if len(own) != 2 or len(other) != 2 or len(shared) != 1:
            return False
        at, there = own.index(shared[0]), other.index(shared[0])
        if x == y and at == there:
            return True
        if g.ops[y].name != "einsum" or len(g.args[y]) != 2:
            continue
        parts, out = parse(g.attrs[y][0])
        for n in (0, 1):
            vector = parts[1 - n]
            if g.args[y][n] == x and vector == (out[there],) and not sums(parts, out):
                return parts[n].index(vector[0]) == at
    return False
