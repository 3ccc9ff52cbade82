"""Which nodes are seen to be nowhere negative."""

from __future__ import annotations

from collections import Counter

from symgrad.graph import CONST, Graph
from symgrad.ops.subscripts import parse

AT_LEAST_0 = frozenset({"exp", "sigmoid", "abs", "sqrt", "softplus", "cosh", "hypot"})
MONOTONE = frozenset(
    {"broadcast", "reshape", "slice", "flip", "take", "element", "amax", "amin", "prod", "scatter_add"}
)
"""Not negative where the first argument is not."""
ALL = frozenset({"add", "multiply", "divide", "maximum", "minimum", "concatenate", "stack"})
"""Not negative where no argument is."""
LARGEST = 100
"""Nodes that are looked at."""


def not_negative(g: Graph, i: int) -> bool:
    """Whether node `i` is seen to be nowhere below 0 (NaN aside)."""
    todo, seen = [i], {i}
    while todo:
        more = needed(g, todo.pop())
        if more is None or len(seen) > LARGEST:
            return False
        todo += [j for j in more if j not in seen]
        seen.update(more)
    return True


def needed(g: Graph, i: int) -> list[int] | None:
    """The nodes that must not be negative for node `i` not to be; None where it may be all the same."""
    op, args = g.ops[i], g.args[i]
    if op is CONST:
        value = g.attrs[i][0]
        return [] if not isinstance(value, str) and value >= 0 else None
    if op.name in AT_LEAST_0 or op.name in ("delta", "basis"):
        return []
    if op.name == "integer_power":
        return [] if g.attrs[i][0] % 2 == 0 else [args[0]]
    if op.name == "literal":
        return [] if g.types[i].dtype != "bool" and not (g.attrs[i][0].value < 0).any() else None
    if op.name in MONOTONE:
        return [args[0]]
    if op.name in ALL:
        return list(args)
    if op.name == "mask":
        return [args[1]]
    if op.name == "where":
        return list(args[1:])
    if op.name == "einsum":  # sums of products: squares among them need nothing
        count = Counter(zip(args, parse(g.attrs[i][0])[0], strict=True))
        return [j for (j, _), n in count.items() if n % 2]
    return None
