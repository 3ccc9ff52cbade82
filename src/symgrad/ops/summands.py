"""What a sum of arrays is made of: its terms, and whether identities are among them."""

from __future__ import annotations

from collections.abc import Container

from symgrad.graph import REGISTER, Graph

ADD, SUBTRACT, NEGATIVE = REGISTER["add"], REGISTER["subtract"], REGISTER["negative"]


def summands(g: Graph, i: int, most: int | None = None) -> list[tuple[bool, int]] | None:
    """(negative, node) of the terms of the sum at node `i`; None where it is no sum, or one of more than `most`."""
    return signed_terms(g, i, most=most) if g.ops[i] in (ADD, SUBTRACT) else None


def signed_terms(
    g: Graph, i: int, whole: Container[int] = frozenset(), most: int | None = None
) -> list[tuple[bool, int]] | None:
    """(negative, node) of what node `i` adds up, itself where it is no sum; None where that is more than `most`.

    Sums among the terms that are in `whole` stay as they are.
    """
    found = []
    stack = [(False, i)]
    while stack:
        negative, j = stack.pop()
        op, args = g.ops[j], g.args[j]
        if j in whole and j != i:
            found.append((negative, j))
        elif op is ADD or op is SUBTRACT:
            stack += [(negative ^ (op is SUBTRACT), args[1]), (negative, args[0])]
            if most is not None and len(stack) + len(found) > most:
                return None
        elif op is NEGATIVE:
            stack.append((not negative, args[0]))
        else:
            found.append((negative, j))
    return found


def has_identity(g: Graph, i: int) -> bool:
    """Whether one of the terms of the sum at node `i` is an identity, or a product with one."""
    known = g.memo.setdefault("identities", {})
    stack = [i]
    while stack:
        j = stack[-1]
        op, args = g.ops[j], g.args[j]
        if j in known:
            stack.pop()
        elif op is ADD or op is SUBTRACT or op is NEGATIVE:
            missing = [a for a in args if a not in known]
            stack += missing
            if not missing:
                known[j] = any(known[a] for a in args)
        else:
            known[j] = is_identity(g, j) or (op.name == "einsum" and any(is_identity(g, a) for a in args))
    return known[i]


def is_identity(g: Graph, i: int) -> bool:
    """Whether it is an identity, or rows of one."""
    return g.ops[i].name == "delta" or (g.ops[i].name == "take" and g.ops[g.args[i][0]].name == "delta")
