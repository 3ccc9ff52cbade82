"""Nonlinear least squares by SciPy's solvers, fed with exact derivatives.

No single solver gets everywhere: Levenberg and Marquardt's may walk out onto a plateau, a trust region may stop
in a long valley. So several roads are walked, each to its end, and the lowest end wins; two roads that come to the
same place settle it early. A road's end counts as arrived only if it is a minimum: see `Attempt.arrived`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.train.model import Rows

TOLERANCE = 1e-15


@dataclass
class Attempt:
    """One road's end.

    Attributes:
        solver: its name.
        at: the parameters, shape (p,).
        cost: half the sum of squares there; inf where the model is not finite.
        evaluations: of the residuals.
        arrived: whether the end is a minimum.
        why: what the solver said.
    """

    solver: str
    at: Any
    cost: float
    evaluations: int
    arrived: bool = False
    why: str = ""


def cost(rows: Rows, at: Any) -> float:
    """Half the sum of squared residuals, inf where it is not finite."""
    r = rows.values(at)
    with np.errstate(over="ignore", invalid="ignore"):
        c = 0.5 * float(r @ r)
    return c if np.isfinite(c) else float("inf")


def least_squares(rows: Rows, start: Any, method: str, bounds: Any = None, limit: int = 2000) -> Attempt:
    """One of SciPy's least-squares methods ("lm", "trf", "dogbox"), scaled by the Jacobian."""
    from scipy.optimize import least_squares as run

    before = rows.evaluations
    options = {} if bounds is None else {"bounds": bounds}
    with np.errstate(all="ignore"):
        try:
            end = run(
                rows.values,
                start,
                jac=rows.jacobian,
                method=method,
                x_scale="jac",
                ftol=TOLERANCE,
                xtol=TOLERANCE,
                gtol=TOLERANCE,
                max_nfev=limit,
                **options,
            )
        except (ValueError, np.linalg.LinAlgError) as error:
            return Attempt(method, np.array(start), float("inf"), rows.evaluations - before, why=str(error))
    return Attempt(method, end.x, cost(rows, end.x), rows.evaluations - before, end.status > 0, end.message)


def solve(rows: Rows, start: Any, methods: Sequence[str], bounds: Any = None) -> list[Attempt]:
    """The ends of all roads walked, the best first."""
    ends = [least_squares(rows, start, m, bounds) for m in methods]
    return sorted(ends, key=lambda e: (e.cost, not e.arrived))
