"""The last digits: residuals and Jacobian to many digits at the end of a fit, and Newton steps with them.

In float64 a residual is known to about 1e-16 of the value it is the difference of. Where the fit is very good
(residuals of 1e-13) or the Jacobian badly conditioned, that leaves few digits to parameters and standard errors.
The data are read as the decimals they were written as (`Digits.exact`), so that a table typed with 10 digits counts
as exact. The matrix of the Newton steps needs no such care: it only sets how fast they converge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.compile.mpmath import Digits
from symgrad.errors import UnsupportedError
from symgrad.train.linear import Information
from symgrad.train.rows import Rows

DIGITS = 50
SAMPLE = 24
"""Rows at which the rounding of the residuals is measured."""
ENOUGH = 1e-11
"""Relative error of parameters and standard errors below which nothing is refined."""
LARGE = 400_000
"""Operations of one evaluation beyond which refining is left undone unless asked for: a few seconds."""
STEPS = 8


@dataclass
class Refined:
    """The minimum to many digits, rounded to float64.

    Attributes:
        at: the parameters, shape (p,).
        rss: the sum of squared residuals.
        residuals: shape (rows,).
        inverse: (J^T J)^-1, shape (p, p).
    """

    at: Any
    rss: float
    residuals: Any
    inverse: Any


def program(rows: Rows) -> Digits:
    """(residual, derivatives) of one row to `DIGITS` digits. Raises UnsupportedError where mpmath can't."""
    f, g = rows.function, rows.first
    graph = f.graph.copy()
    entries = g.graph.args[g.outputs[0]]
    seen = g.graph.into(graph, entries)
    inputs = [graph.input(n, t) for n, t in zip(f.names, (f.graph.types[i] for i in f.inputs), strict=True)]
    return Digits(graph, inputs, [*f.outputs, *(seen[e] for e in entries)], DIGITS)


def evaluate(digits: Digits, rows: Rows, at: Any, count: int | None = None) -> tuple[list[Any], list[list[Any]]]:
    """Residuals and columns of the Jacobian at mpmath parameters, of the first `count` rows."""
    n = rows.rows if count is None else count
    columns = [[digits.exact(x) for x in c[:n]] for c in rows.columns]
    out = [v if isinstance(v, list) else [v] * n for v in digits([*at, *columns])]
    return out[0], out[1:]


def worthwhile(rows: Rows, digits: Digits, at: Any) -> bool:
    """Whether rounding in float64 spoils digits, measured on some rows."""
    n = min(rows.rows, SAMPLE)
    r, _ = evaluate(digits, rows, [digits.context.mpf(float(v)) for v in at], n)
    exact = np.array([float(v) for v in r])
    near = rows.values(at)
    typical = float(np.sqrt(near @ near / len(near)))
    noise = float(np.linalg.norm(near[:n] - exact) / np.sqrt(n))
    return noise * Information(rows.jacobian(at)).condition > ENOUGH * typical


def refine(rows: Rows, at: Any, always: bool = False) -> Refined | None:
    """Newton steps from a minimum found in float64; None where they would change nothing or can't be had.

    `always`: whatever it takes. Vectors of parameters are left as they are.
    """
    if rows.grouped:
        return None
    try:
        digits = program(rows)
        if not always and (digits.size * rows.rows > LARGE or not worthwhile(rows, digits, at)):
            return None
        return _steps(rows, digits, at)
    except (UnsupportedError, ArithmeticError, ValueError):
        return None


def _steps(rows: Rows, digits: Digits, start: Any) -> Refined | None:
    c = digits.context
    p = len(start)
    at = [c.mpf(float(v)) for v in start]
    bend = rows.curvature(start, rows.values(start))
    last = None
    for _ in range(STEPS):
        r, j = evaluate(digits, rows, at)
        square = c.matrix(p, p)
        for a in range(p):
            for b in range(a + 1):
                square[a, b] = square[b, a] = c.fdot(j[a], j[b])
        slope = c.matrix([-c.fdot(column, r) for column in j])
        full = c.matrix(p, p)
        for a in range(p):
            for b in range(p):
                full[a, b] = square[a, b] + c.mpf(float(bend[a, b]))
        step = c.lu_solve(full, slope)
        size = max(abs(step[k]) / (abs(at[k]) or 1) for k in range(p))
        if size < c.mpf(10) ** -20:
            inverse = square**-1
            return Refined(
                np.array([float(v) for v in at]),
                float(c.fdot(r, r)),
                np.array([float(v) for v in r]),
                np.array([[float(inverse[a, b]) for b in range(p)] for a in range(p)]),
            )
        if last is not None and size > last / 2:
            return None
        last = size
        at = [v + step[k] for k, v in enumerate(at)]
    return None
