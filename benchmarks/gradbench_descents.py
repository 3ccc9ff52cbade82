"""particle and saddle at 40 digits, with derivatives by hand: what their descents arrive at.

The suite compares with 1e-4 of 1, and so accepts zeros for the saddle, whose numbers are 8e-6.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import mpmath

DIGITS = 40
Rule = Callable[[list[Any]], tuple[Any, list[Any]]]
"""A point's value and gradient."""


def norm(v: Sequence[Any]) -> Any:
    return mpmath.sqrt(sum(x * x for x in v))


def descent(f: Rule, start: Sequence[Any]) -> list[Any]:
    """The suite's: double the rate after ten steps down, halve it after one that is not."""
    x, rate, good = [mpmath.mpf(v) for v in start], mpmath.mpf(1e-5), 0
    value, gradient = f(x)
    while norm(gradient) > mpmath.mpf(1e-5):
        if good == 10:
            rate, good = 2 * rate, 0
            continue
        new = [a - rate * g for a, g in zip(x, gradient, strict=True)]
        if norm([a - b for a, b in zip(x, new, strict=True)]) <= mpmath.mpf(1e-5):
            break
        at = f(new)
        if at[0] < value:
            x, (value, gradient), good = new, at, good + 1
        else:
            rate, good = rate / 2, 0
    return x


def particle(given: Any, derivative: bool) -> float:
    """The height w; the same whether derivatives are asked for, as the path is found with them."""
    return _particle(given["w"])


def saddle(given: Any, derivative: bool) -> list[float]:
    """x and y in one list."""
    return _saddle(*given["start"])


@cache
def _particle(start: float) -> float:
    with mpmath.workdps(DIGITS):
        return float(descent(lambda w: _miss(w[0]), [start])[0])


def _miss(w: Any) -> tuple[Any, list[Any]]:
    """The squared distance, and its derivative by w, carried along the path."""
    step = mpmath.mpf(0.1)
    x, v = [mpmath.mpf(0), mpmath.mpf(8)], [mpmath.mpf(0.75), mpmath.mpf(0)]
    dx, dv = [mpmath.mpf(0)] * 2, [mpmath.mpf(0)] * 2
    while x[1] + step * v[1] > 0:
        force, change = [mpmath.mpf(0)] * 2, [mpmath.mpf(0)] * 2
        for height, moves in ((10 - w, -1), (mpmath.mpf(0), 0)):
            apart, changes = [x[0] - 10, x[1] - height], [dx[0], dx[1] - moves]
            r = norm(apart)
            along = 3 * (apart[0] * changes[0] + apart[1] * changes[1]) / r**5
            for k in range(2):
                force[k] += apart[k] / r**3
                change[k] += changes[k] / r**3 - along * apart[k]
        x, v = [a + step * b for a, b in zip(x, v, strict=True)], [a + step * b for a, b in zip(v, force, strict=True)]
        dx = [a + step * b for a, b in zip(dx, dv, strict=True)]
        dv = [a + step * b for a, b in zip(dv, change, strict=True)]
    where = x[0] - x[1] * v[0] / v[1]
    moved = dx[0] - (dx[1] * v[0] + x[1] * dv[0]) / v[1] + x[1] * v[0] * dv[1] / v[1] ** 2
    return where**2, [2 * where * moved]


@cache
def _saddle(*start: float) -> list[float]:
    with mpmath.workdps(DIGITS):
        # what is added for x changes no decision of the search for y, so that one search does for all x
        y = descent(lambda y: (sum(b * b for b in y), [2 * b for b in y]), start)
        low = sum(b * b for b in y)
        x = descent(lambda x: (sum(a * a for a in x) - low, [2 * a for a in x]), start)
        return [float(v) for v in (*x, *y)]
