"""The generic check of one operation's rules: its partial derivatives of any order against 40 digits."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import mpmath as mp
import numpy as np

from symgrad.compile.numpy import Reference
from symgrad.derive.accumulate import forward
from symgrad.graph import Graph, Op, Type
from symgrad.ops.declare import Unknown
from tests.ops.sampling import points
from tests.ops.truth import TRUTH

DIGITS = 40
MORE_DIGITS = {"softplus": 120, "sigmoid": 80, "tanh": 80}
"""Functions that leave a constant or a straight line only far behind the 40th digit."""
EPS = {"float64": 2.0**-52, "float32": 2.0**-23}


def passive(op: Op) -> list[int]:
    """Arguments nobody differentiates by: truth values, discrete ones, those whose rule refuses."""
    out = []
    for k, (rule, part) in enumerate(zip(op.rule, op.domain, strict=True)):
        discrete = isinstance(part, tuple) and not all(isinstance(v, float) for v in part)
        if rule is None or discrete or isinstance(rule, Unknown):
            out.append(k)
    return out


class Partials(NamedTuple):
    """The derivatives of one operation up to some order, as nodes; `orders` per derivative, e.g. (1, 1)."""

    graph: Graph
    inputs: list[int]
    nodes: dict[tuple[int, ...], int]


def derive(op: Op, attrs: dict[str, Any], dtype: str, order: int, fixed: dict[int, Any] | None = None) -> Partials:
    """Its value and partial derivatives up to `order`; arguments in `fixed` are constants of the graph."""
    g = Graph()
    fixed = fixed or {}
    args = []
    inputs = []
    for k, part in enumerate(op.domain):
        if k in fixed:
            args.append(g.const(fixed[k], dtype))
            continue
        boolean = isinstance(part, tuple) and isinstance(part[0], bool)
        args.append(g.input(f"x{k}", Type("bool" if boolean else dtype)))
        inputs.append(args[-1])
    root = g.add(op, tuple(args), tuple(attrs[a] for a in op.attrs))
    idle = passive(op)
    active = [k for k in range(len(args)) if k not in idle and k not in fixed]
    zero = tuple(0 for _ in args)
    nodes = {zero: root}
    level = {zero: root}
    for _ in range(order):
        places = list(level)
        entries = forward(g, [level[p] for p in places], [args[k] for k in active])
        level = {}
        for (r, c), node in entries.items():
            orders = list(places[r])
            orders[active[c]] += 1
            level.setdefault(tuple(orders), node)
        nodes |= level
    return Partials(g, inputs, nodes)


def evaluate(p: Partials, values: Sequence[Sequence[Any]], dtype: str) -> dict[tuple[int, ...], np.ndarray]:
    """The derivatives at `values` (one row per point, one column per input of the graph)."""
    columns = [np.array([row[k] for row in values], dtype=p.graph.types[i].dtype) for k, i in enumerate(p.inputs)]
    out = Reference(p.graph, p.inputs, list(p.nodes.values()))(columns)
    for node in p.nodes.values():
        assert p.graph.types[node].dtype == dtype
    return {k: np.broadcast_to(v, (len(values),)) for k, v in zip(p.nodes, out, strict=True)}


def truth(op: Op, attrs: dict[str, Any], point: Sequence[Any], orders: tuple[int, ...]) -> Any:
    """One partial derivative by numerical differentiation at high precision; None where it is not real."""
    f = TRUTH[op.name]
    free = [k for k, n in enumerate(orders) if n]
    exact = [v if isinstance(v, bool) else mp.mpf(v) for v in point]
    with mp.workdps(MORE_DIGITS.get(op.name, DIGITS)):
        if not free:
            value = f(*exact, **attrs)
        else:

            def g(*moving: Any) -> Any:
                args = list(exact)
                for k, v in zip(free, moving, strict=True):
                    args[k] = v
                return f(*args, **attrs)

            at = tuple(exact[k] for k in free)
            n = tuple(orders[k] for k in free)
            value = mp.diff(g, at, n) if len(free) > 1 else mp.diff(g, at[0], n[0])
        if isinstance(value, mp.mpc):
            if abs(value.imag) > abs(value.real) * mp.mpf(10) ** -20:
                return None
            value = value.real
        if free and abs(value) < 1e-25 and not any(point[k] for k in free):
            return mp.mpf(0)  # what numerical differentiation leaves of a zero at the origin
        return value if mp.isfinite(value) else None


def scale(got: dict[tuple[int, ...], np.ndarray], orders: tuple[int, ...], point: Sequence[Any], k: int) -> float:
    """|D| and how much D moves with its arguments: sum |x dD/dx|. An error is measured in ulps of this."""
    total = abs(float(got[orders][k]))
    for j, x in enumerate(point):
        up = tuple(n + (i == j) for i, n in enumerate(orders))
        if up in got and math.isfinite(float(got[up][k])):
            total += abs(float(x) * float(got[up][k]))
    return total


def worst(
    op: Op,
    attrs: dict[str, Any],
    order: int,
    count: int,
    fixed: bool = False,
    seed: int = 0,
) -> dict[tuple[int, ...], tuple[float, Any]]:
    """For each derivative up to `order`, the worst error in float64, in ulps of its scale, and where.

    Where the truth is not a real number, the value must not be one either. With `fixed`, the passive
    arguments are constants of the graph.
    """
    out: dict[tuple[int, ...], tuple[float, Any]] = {}
    samples = points(op, count, seed)
    idle = passive(op)
    groups = [[s] for s in samples] if fixed and idle else [samples]
    kept = 0
    for group in groups:
        constants = {k: group[0][k] for k in idle} if fixed else {}
        p = derive(op, attrs, "float64", order + 1, constants)
        rows = [[v for k, v in enumerate(s) if k not in constants] for s in group]
        got = evaluate(p, rows, "float64")
        wanted = set(got) | set(_all_orders(op, order, constants))
        for orders in sorted(wanted, key=lambda o: (sum(o), o)):
            if sum(orders) > order:
                continue
            for k, point in enumerate(group):
                t = truth(op, attrs, point, orders)
                value = float(got[orders][k]) if orders in got else 0.0
                if t is None:
                    if sum(orders) == 0:
                        assert not math.isfinite(value), (op.name, attrs, point, value)
                    continue
                kept += 1
                error = math.inf
                if orders not in got:  # structurally zero; numerical differentiation leaves some dust
                    error = 0.0 if abs(t) < 1e-20 else math.inf
                elif math.isfinite(value):
                    size = scale(got, orders, point, k)
                    difference = float(abs(mp.mpf(value) - t))
                    error = difference / max(size, float(abs(t)), 1e-300) / EPS["float64"]
                if not error <= out.get(orders, (-1.0, None))[0]:
                    out[orders] = (error, point)
    assert kept >= count // 3, f"{op.name}: the domain holds too few real points"
    return out


def _all_orders(op: Op, order: int, fixed: dict[int, Any]) -> list[tuple[int, ...]]:
    """Every partial derivative up to `order`, structurally zero ones too."""
    idle = passive(op)
    ranges = [range(order + 1) if k not in idle else range(1) for k in range(len(op.domain))]
    return [o for o in itertools.product(*ranges) if sum(o) <= order]
