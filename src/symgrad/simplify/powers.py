"""Half-integer powers as machines like them: x**(n + 1/2) is x**n * sqrt(x), with no call of pow; and so are powers
of roots, sqrt(x)**3.

Only in a program: as a formula x**(3/2) has the derivative 3/2 sqrt(x), which is 0 at x = 0, where that of the
product would be 0/0.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from symgrad.graph import CONST, Graph, Node
from symgrad.ops.arith import integer_power
from symgrad.ops.elementary import HALF, power, sqrt

LARGEST = 8


def split_powers(graph: Graph, roots: Sequence[int]) -> tuple[Graph, list[int]]:
    """`roots` with half-integer powers split, in a new graph (the same one where there are none)."""
    live = graph.reach(roots)
    found = {i: n for i, needed in enumerate(live) if needed and (n := _whole_part(graph, i)) is not None}
    if not found:
        return graph, list(roots)
    out = Graph()
    new: dict[int, int] = {}
    for i, needed in enumerate(live):
        if not needed:
            continue
        op, args = graph.ops[i], graph.args[i]
        if i in found:
            x = Node(out, new[args[0] if op is power else graph.args[args[0]][0]])
            up = x ** abs(found[i]) * sqrt(x)
            new[i] = (up if found[i] > 0 else 1 / up).id
        elif op is CONST:
            new[i] = out.const(*graph.attrs[i])
        else:
            new[i] = out.build(op, tuple([new[a] for a in args]), graph.attrs[i])
    return out, [new[r] for r in roots]


def _whole_part(graph: Graph, i: int) -> int | None:
    """n where node `i` is x**(n + 1/2), or -n where it is x**-(n + 1/2)."""
    if graph.ops[i] is integer_power and graph.ops[graph.args[i][0]] is sqrt:
        (m,) = graph.attrs[i]
        return m // 2 if m % 2 and 1 < m <= 2 * LARGEST else None
    if graph.ops[i] is not power:
        return None
    y = graph.value(graph.args[i][1])
    if not isinstance(y, Fraction) or y.denominator != 2 or abs(y) > LARGEST:
        return None
    n = int(abs(y) - HALF)
    return n if y > 0 else -n


__all__ = ["split_powers"]
