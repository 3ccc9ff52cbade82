"""Relations and booleans; they yield bool and have no derivative."""

from __future__ import annotations

import math
from typing import Any

from symgrad.graph import CONST, Graph, Op
from symgrad.ops.declare import boolean, constant

BOTH = (False, True)


def _relation(truth: Any) -> Any:
    """Fold a relation between numbers."""

    def fold(g: Graph, args: tuple[int, ...], _: Any) -> int | None:
        a, b = args
        if g.ops[a] is CONST and g.ops[b] is CONST:
            x, y = g.attrs[a][0], g.attrs[b][0]
            if not isinstance(x, str) and not isinstance(y, str):
                return g.const(bool(truth(x, y)), "bool")
        return None

    return fold


def _flip(g: Graph, args: tuple[int, ...], _: Any) -> int | None:
    (a,) = args
    if g.ops[a] is logical_not:
        return g.args[a][0]
    if g.ops[a] is CONST:
        return g.const(not g.attrs[a][0], "bool")
    return None


def _absorb(decides: bool) -> Any:
    """Fold `and` (decides = False) and `or` (decides = True)."""

    def fold(g: Graph, args: tuple[int, ...], _: Any) -> int | None:
        a, b = sorted(args)
        if a == b:
            return a
        for x, other in ((a, b), (b, a)):
            if g.ops[x] is CONST:
                return x if g.attrs[x][0] == decides else other
        op = logical_or if decides else logical_and
        return g.add(op, (a, b)) if (a, b) != args else None

    return fold


less = constant("less", 2, boolean, normal=_relation(lambda x, y: x < y))
less_equal = constant("less_equal", 2, boolean, normal=_relation(lambda x, y: x <= y))
greater = constant("greater", 2, boolean, normal=_relation(lambda x, y: x > y))
greater_equal = constant("greater_equal", 2, boolean, normal=_relation(lambda x, y: x >= y))
equal = constant("equal", 2, boolean, normal=_relation(lambda x, y: x == y), facts="commutative")
not_equal = constant("not_equal", 2, boolean, normal=_relation(lambda x, y: x != y), facts="commutative")
logical_and: Op = constant("logical_and", 2, boolean, (BOTH, BOTH), normal=_absorb(False))
logical_or: Op = constant("logical_or", 2, boolean, (BOTH, BOTH), normal=_absorb(True))
logical_xor = constant("logical_xor", 2, boolean, (BOTH, BOTH), facts="commutative")
logical_not: Op = constant("logical_not", 1, boolean, (BOTH,), normal=_flip)
isnan = constant("isnan", 1, boolean, defined=lambda x: not_equal(x, x))
isfinite = constant("isfinite", 1, boolean, defined=lambda x: abs(x) < math.inf)
isinf = constant("isinf", 1, boolean, defined=lambda x: equal(abs(x), math.inf))
