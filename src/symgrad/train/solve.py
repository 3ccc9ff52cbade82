"""Nonlinear least squares by SciPy's solvers, fed with exact derivatives.

No single solver gets everywhere: Levenberg and Marquardt's may walk out onto a plateau, a trust region may stop in
a long valley. So several roads are walked, each to its end, and the lowest end wins; two roads that come to the same
place settle it early. That a solver stops says little: an end counts as a minimum only if Newton's method with exact
second derivatives, started there, contracts to it (`finish`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.train.linear import Information, definite
from symgrad.train.model import Rows

TOLERANCE = 1e-15
EVALUATIONS = 3000
"""The most that one road may take."""
SAME = 1e-8
"""Ends whose cost differs by less than this fraction, or parameters by less, are one place."""
STILL = 1e-9
"""A Newton step below this fraction of a parameter (or of its standard error) is rounding."""
IDLE = 1e6
"""A standard error this many times the parameter (and its start): the parameter does not act here, a plateau."""
FINISHING = 12


@dataclass
class End:
    """Where a road ended.

    Attributes:
        solver: the road.
        at: the parameters, shape (p,).
        cost: half the sum of squares there; inf where the model is not finite.
        evaluations: of the residuals, on this road.
        minimum: whether it is one.
        why: if it is none, what speaks against it.
    """

    solver: str
    at: Any
    cost: float
    evaluations: int
    minimum: bool = False
    why: str = ""


def cost(rows: Rows, at: Any) -> float:
    """Half the sum of squared residuals, inf where it is not finite."""
    if not np.all(np.isfinite(at)):
        return float("inf")
    r = rows.values(at)
    with np.errstate(over="ignore", invalid="ignore"):
        c = 0.5 * float(r @ r)
    return c if np.isfinite(c) else float("inf")


def least_squares(
    values: Callable[[Any], Any], jacobian: Callable[[Any], Any], start: Any, method: str, bounds: Any = None
) -> Any:
    """The end of one of SciPy's least-squares methods ("lm", "trf", "dogbox"), scaled by the Jacobian."""
    from scipy.optimize import least_squares as run

    return run(
        values,
        start,
        jac=jacobian,
        method=method,
        x_scale="jac",
        ftol=TOLERANCE,
        xtol=TOLERANCE,
        gtol=TOLERANCE,
        max_nfev=EVALUATIONS,
        **({} if bounds is None else {"bounds": bounds}),
    ).x


def newton(rows: Rows, start: Any) -> Any:
    """The end of SciPy's trust-region Newton method on the cost, with the exact Hessian, variables scaled."""
    from scipy.optimize import minimize

    length = np.linalg.norm(rows.jacobian(start), axis=0)
    unit = 1.0 / np.where(length > 0, length, 1.0)
    size = float(np.sqrt(2 * cost(rows, start))) or 1.0

    def gradient(z: Any) -> Any:
        at = start + unit * z
        return (rows.jacobian(at).T @ rows.values(at)) * unit / size**2

    return start + unit * minimize(
        lambda z: cost(rows, start + unit * z) / size**2,
        np.zeros(len(start)),
        jac=gradient,
        hess=lambda z: hessian(rows, start + unit * z) * np.outer(unit, unit) / size**2,
        method="trust-exact",
        options={
            "gtol": 1e-12,
            "maxiter": EVALUATIONS // 3,
            "initial_trust_radius": 0.1 * size,
            "max_trust_radius": 1e6 * size,
        },
    ).x


def hessian(rows: Rows, at: Any) -> Any:
    """The exact Hessian of the cost, shape (p, p): J^T J and the residuals' own curvature."""
    j = rows.jacobian(at)
    return j.T @ j + rows.curvature(at, rows.values(at))


def projected(rows: Rows, linear: tuple[int, ...], start: Any, method: str) -> Any:
    """Variable projection: SciPy sees the nonlinear parameters alone, the linear ones follow by least squares.

    Golub and Pereyra, SIAM J. Numer. Anal. 10 (1973) 413. With r = r0 + F b, b(a) = -pinv(F) r0, the derivative of
    b by a nonlinear parameter a_k is -(F^T F)^-1 (F^T A_k + F_k^T r), A_k the derivative of r at fixed b; F_k^T r
    are mixed second derivatives of the cost, which the exact curvature holds.
    """
    rest = [k for k in range(len(start)) if k not in linear]
    held = list(linear)
    full = np.array(start, dtype=float)

    def complete(a: Any) -> tuple[Any, Any, Any, Any]:
        full[rest] = a
        full[held] = 0.0
        base = rows.values(full)
        f = rows.jacobian(full)[:, held]
        length = np.linalg.norm(f, axis=0)
        if not (np.all(np.isfinite(base)) and np.all(np.isfinite(length))):
            return None, base, f, None
        unit = 1.0 / np.where(length > 0, length, 1.0)
        u, s, vt = np.linalg.svd(f * unit, full_matrices=False)
        kept = s > len(f) * np.finfo(float).eps * s[0]
        inverse = (vt[kept].T / s[kept]) @ u[:, kept].T
        b = -unit * (inverse @ base)
        full[held] = b
        gram = unit[:, None] * ((vt[kept].T / s[kept] ** 2) @ vt[kept]) * unit
        return b, base + f @ b, f, gram

    def values(a: Any) -> Any:
        b, r, _, _ = complete(a)
        return np.full(rows.rows, np.inf) if b is None else r

    def jacobian(a: Any) -> Any:
        b, r, f, gram = complete(a)
        if b is None:
            return np.full((rows.rows, len(rest)), np.nan)
        at = full.copy()
        direct = rows.jacobian(at)[:, rest]
        mixed = rows.curvature(at, r)[np.ix_(held, rest)]
        return direct - f @ (gram @ (f.T @ direct + mixed))

    if rest:
        end = least_squares(values, jacobian, np.array(start)[rest], method)
    else:
        end = np.zeros(0)
    complete(end)
    return full.copy()


def finish(rows: Rows, end: End, start: Any) -> None:
    """Newton steps with the exact Hessian to the very bottom, in place; says whether the end is a minimum."""
    if not np.isfinite(end.cost):
        end.why = end.why or "the model is not finite there"
        return
    step = None
    for _ in range(FINISHING):
        r, j = rows.values(end.at), rows.jacobian(end.at)
        h = j.T @ j + rows.curvature(end.at, r)
        if not (np.all(np.isfinite(j)) and np.all(np.isfinite(h))):
            end.why = "derivatives are not finite there"
            return
        info = Information(j)
        if info.undetermined:
            names = ", ".join(rows.params[k] for k in info.undetermined)
            end.why = f"the data do not determine {names} there"
            return
        inverse = definite(h)
        if inverse is None:
            end.why = "the sum of squares does not curve upwards in every direction there"
            return
        before, step = step, -(inverse @ (j.T @ r))
        free = max(len(r) - len(end.at), 1)
        error = np.sqrt(np.diag(info.inverse) * 2 * end.cost / free)
        acts = error <= IDLE * np.maximum(np.abs(end.at), np.abs(start))
        still = (np.abs(step) <= STILL * np.abs(end.at)) | (acts & (np.abs(step) <= STILL * error))
        lower = cost(rows, end.at + step)
        if lower <= end.cost * (1 + 1e-12):
            end.at, end.cost = end.at + step, min(lower, end.cost)
        if np.all(still):
            end.minimum = True
            if before is None or np.linalg.norm(step / _size(end.at)) >= 0.5 * np.linalg.norm(before / _size(end.at)):
                return
        elif lower > end.cost * (1 + 1e-12):
            break
    if not end.minimum:
        idle = [n for n, a in zip(rows.params, acts, strict=True) if not a]
        what = f"; {', '.join(idle)} does not act there" if idle else ""
        end.why = "Newton's method does not settle there" + what


def _size(at: Any) -> Any:
    return np.where(at != 0, np.abs(at), 1.0)


def walk(rows: Rows, road: str, start: Any, linear: tuple[int, ...], bounds: Any = None) -> End:
    """One road from `start` to its end, finished."""
    before = rows.evaluations
    with np.errstate(all="ignore"):
        try:
            if road == "newton":
                at = newton(rows, start)
            elif road.startswith("projected "):
                at = projected(rows, linear, start, road.removeprefix("projected "))
            else:
                at = least_squares(rows.values, rows.jacobian, start, road, bounds)
            end = End(road, at, cost(rows, at), 0)
        except (ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
            end = End(road, np.array(start), float("inf"), 0, why=str(error))
        if bounds is None:
            finish(rows, end, start)
    end.evaluations = rows.evaluations - before
    return end


def agree(a: End, b: End) -> bool:
    """Whether two roads came to one minimum."""
    return a.minimum and b.minimum and abs(a.cost - b.cost) <= SAME * max(a.cost, b.cost)


def solve(rows: Rows, start: Any) -> list[End]:
    """The ends of all roads walked, the best first."""
    linear = rows.linear()
    roads = (["projected lm"] if linear else []) + ["lm", "trf", "newton"] + (["projected trf"] if linear else [])
    ends: list[End] = []
    for road in [*roads, "dogbox"]:
        ends.append(walk(rows, road, start, linear))
        if len(ends) == 2 and agree(*ends):
            return ranked(ends, start)
    best = ranked(ends, start)[0]
    if not best.minimum and np.isfinite(best.cost):
        for road in roads:
            ends.append(walk(rows, road, best.at, linear))
            ends[-1].solver = f"{best.solver}, then {road}"
            if ends[-1].minimum:
                break
    return ranked(ends, start)


def ranked(ends: list[End], start: Any) -> list[End]:
    """The lowest first; among equally low ones minima first, then the one nearest to the start."""
    low = min(e.cost for e in ends)

    def key(e: End) -> tuple[bool, bool, float]:
        lowest = e.cost <= low * (1 + SAME) if np.isfinite(low) else True
        away = float(np.linalg.norm((e.at - start) / _size(start)))
        return (not lowest, not e.minimum, away if lowest else e.cost)

    return sorted(ends, key=key)
