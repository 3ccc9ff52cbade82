"""A graph evaluated at many digits, by the definitions the rules are tested against."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import mpmath as mp

from symgrad import Function
from symgrad.graph import CONST, INPUT, Graph
from tests.ops.truth import TRUTH

DIGITS = 60
NAMED = {"pi": mp.pi, "E": mp.e, "EulerGamma": mp.euler, "Catalan": mp.catalan, "GoldenRatio": mp.phi}
RELATIONS: dict[str, Any] = {
    "less": lambda x, y: x < y,
    "less_equal": lambda x, y: x <= y,
    "greater": lambda x, y: x > y,
    "greater_equal": lambda x, y: x >= y,
    "equal": lambda x, y: x == y,
    "not_equal": lambda x, y: x != y,
    "logical_and": lambda x, y: x and y,
    "logical_or": lambda x, y: x or y,
    "logical_xor": lambda x, y: x != y,
    "logical_not": lambda x: not x,
}


def number(value: Any) -> Any:
    """A constant of the graph at the working precision."""
    if isinstance(value, str):
        return +NAMED[value]
    if isinstance(value, Fraction):
        return mp.mpf(value.numerator) / value.denominator
    return value if isinstance(value, bool) else mp.mpf(value)


def values(graph: Graph, outputs: Sequence[int], point: dict[str, Any]) -> list[Any]:
    """The scalar outputs at a point (by input name); a value that is no real number is NaN."""
    v: dict[int, Any] = {}
    for i, needed in enumerate(graph.reach(outputs)):
        if not needed:
            continue
        op = graph.ops[i]
        args = [v[a] for a in graph.args[i]]
        attrs = dict(zip(op.attrs, graph.attrs[i], strict=True))
        if op is CONST:
            v[i] = number(attrs["value"])
        elif op is INPUT:
            v[i] = point[attrs["name"]]
        elif op.name == "stack":
            v[i] = args
        elif op.name in RELATIONS:
            v[i] = RELATIONS[op.name](*args)
        else:
            try:
                value = TRUTH[op.name](*args, **attrs)
                v[i] = mp.nan if isinstance(value, mp.mpc) and value.imag else mp.re(value)
            except (ZeroDivisionError, ValueError):
                v[i] = mp.nan
    return [v[o] for o in outputs]


def at(f: Function, point: Sequence[Any], digits: int = DIGITS) -> list[Any]:
    """All outputs of `f` (packed scalars one after the other), at its own inputs."""
    with mp.workdps(digits):
        exact = {n: mp.mpf(x) for n, x in zip(f.names, point, strict=True)}
        out: list[Any] = []
        for value in values(f.graph, f.outputs, exact):
            out += value if isinstance(value, list) else [value]
        return out


def slope(f: Function, point: Sequence[Any], orders: Sequence[int], output: int = 0) -> Any:
    """A partial derivative of one output by numerical differentiation at many digits."""
    free = [k for k, n in enumerate(orders) if n]

    def moved(*moving: Any) -> Any:
        place = [mp.mpf(x) for x in point]
        for k, x in zip(free, moving, strict=True):
            place[k] = x
        return at(f, place, mp.mp.dps)[output]

    with mp.workdps(DIGITS):
        x = tuple(mp.mpf(point[k]) for k in free)
        n = tuple(orders[k] for k in free)
        return mp.diff(moved, x, n) if len(free) > 1 else mp.diff(moved, x[0], n[0])


def close(a: Any, b: Any, digits: int = 25) -> bool:
    return abs(a - b) <= mp.mpf(10) ** -digits * (1 + abs(a) + abs(b))
