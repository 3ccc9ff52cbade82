"""The roads to a minimum: SciPy's solvers, each fed with exact derivatives and scaled variables."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from symgrad.train.objective import Objective
from symgrad.train.rows import Rows

TOLERANCE = 1e-15


def least_squares(
    values: Callable[[Any], Any],
    jacobian: Any,
    start: Any,
    method: str,
    limit: int,
    bounds: Any = None,
) -> Any:
    """The end of one of SciPy's least-squares methods ("lm", "trf", "dogbox"), scaled by the Jacobian.

    `limit` is the most evaluations it may take.
    """
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
        max_nfev=limit,
        **({} if bounds is None else {"bounds": bounds}),
    ).x


def projected(rows: Rows, linear: tuple[int, ...], start: Any, method: str, limit: int) -> Any:
    """Variable projection: SciPy sees the nonlinear parameters alone, the linear ones follow by least squares.

    Golub and Pereyra, SIAM J. Numer. Anal. 10 (1973) 413. With r = r0 + F b and b(a) = -pinv(F) r0, the derivative
    of b by a nonlinear parameter a_k is -(F^T F)^-1 (F^T A_k + F_k^T r), where A_k is the derivative of r at fixed
    b, and F_k^T r are mixed second derivatives of the cost, entries of its exact curvature.
    """
    held, rest = list(linear), [k for k in range(len(start)) if k not in linear]

    @lru_cache(1)
    def at_point(key: bytes) -> tuple[Any, Any, Any, Any] | None:
        full = np.array(start, dtype=float)
        full[rest] = np.frombuffer(key)
        full[held] = 0.0
        base, f = rows.values(full), rows.jacobian(full)[:, held]
        length = np.linalg.norm(f, axis=0)
        if not (np.all(np.isfinite(base)) and np.all(np.isfinite(length))):
            return None
        unit = 1.0 / np.where(length > 0, length, 1.0)
        q, triangle = np.linalg.qr(f * unit)
        u, s, vt = np.linalg.svd(triangle)
        kept = s > len(f) * np.finfo(float).eps * s[0]
        right = unit[:, None] * (vt[kept].T / s[kept])
        full[held] = -right @ (u[:, kept].T @ (q.T @ base))
        return full, base + f @ full[held], f, right @ right.T

    def complete(a: Any) -> tuple[Any, Any, Any, Any] | None:
        return at_point(np.asarray(a, float).tobytes())

    def values(a: Any) -> Any:
        found = complete(a)
        return np.full(rows.rows, np.inf) if found is None else found[1]

    def jacobian(a: Any) -> Any:
        found = complete(a)
        if found is None:
            return np.full((rows.rows, len(rest)), np.nan)
        full, r, f, inverse = found
        direct = rows.jacobian(full)[:, rest]
        mixed = rows.curvature(full, r)[np.ix_(held, rest)]
        return direct - f @ (inverse @ (f.T @ direct + mixed))

    end = least_squares(values, jacobian, np.array(start)[rest], method, limit) if rest else np.zeros(0)
    found = complete(end)
    if found is None:
        raise ArithmeticError("the model is not finite where the linear parameters are 0")
    return found[0]


def scaled_minimize(objective: Objective, start: Any, method: str, limit: int, bounds: Any = None) -> Any:
    """The end of one of SciPy's methods for smooth functions, on variables scaled by their effect at the start."""
    from scipy.optimize import minimize

    length = objective.lengths(start)
    unit = 1.0 / np.where(length > 0, length, 1.0)
    options: dict[str, Any] = {"maxiter": limit // 3}
    extra: dict[str, Any] = {}
    if method != "nelder-mead":
        extra["jac"] = lambda z: np.nan_to_num(objective.gradient(start + unit * z) * unit)
    if method == "newton-cg":
        extra["hess"] = lambda z: objective.hessian(start + unit * z) * np.outer(unit, unit)
    if method == "bfgs":
        options["gtol"] = 1e-9
    if bounds is not None:
        extra["bounds"] = np.array([(low, high) for low, high in zip(*bounds, strict=True)]) - start[:, None]
        extra["bounds"] /= unit[:, None]
        options |= {"ftol": 1e-15, "gtol": 1e-10}
    z = minimize(
        lambda z: objective.value(start + unit * z), np.zeros(len(start)), method=method, options=options, **extra
    ).x
    at = start + unit * z
    return at if bounds is None else np.clip(at, *bounds)
