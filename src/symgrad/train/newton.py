"""Newton's method with exact second derivatives: as a road of its own, and as the judge of every road's end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.train.objective import Objective

STILL = 1e-9
"""A Newton step below this fraction of a parameter, or of its standard error, may be rounding."""
SMALL = 1e-6
"""... and so may one below this fraction of the standard error, where the Jacobian is badly conditioned, if the
standard error is no more than `KNOWN` times the parameter."""
KNOWN = 100.0
EPS = 1e-13
"""A step below this fraction of the start is rounding too: the parameter may be zero."""
IDLE = 1e6
"""A standard error this many times the parameter and its start: the parameter does not act here, a plateau. Where
both are zero, that its effect is so many times less than it was at the start."""
STEPS = 12


@dataclass
class End:
    """Where a road ended.

    Attributes:
        solver: the road.
        at: the parameters, shape (p,).
        value: of the objective there; inf where it is not finite.
        evaluations: of the rows, on this road.
        minimum: whether it is one.
        why: if it is none, what speaks against it.
        lowest: whether no other road of the same fit ended lower.
    """

    solver: str
    at: Any
    value: float
    evaluations: int = 0
    minimum: bool = False
    why: str = ""
    lowest: bool = True


def newton(objective: Objective, start: Any, limit: int) -> Any:
    """The end of SciPy's trust-region Newton method, variables scaled by their effect at the start.

    `limit` is the most iterations it may take.
    """
    from scipy.optimize import minimize

    length = objective.lengths(start)
    size = objective.size(start)
    unit = size / np.where(length > 0, length, 1.0)

    def value(z: Any) -> float:
        return objective.value(start + unit * z) / size**2

    found = minimize(
        value,
        np.zeros(len(start)),
        jac=lambda z: objective.gradient(start + unit * z) * unit / size**2,
        hess=lambda z: objective.hessian(start + unit * z) * np.outer(unit, unit) / size**2,
        method="trust-exact",
        options={"gtol": 1e-12, "maxiter": limit, "initial_trust_radius": 0.1, "max_trust_radius": 1e6},
    )
    return start + unit * found.x


def finish(objective: Objective, end: End, start: Any) -> None:
    """Newton steps to the very bottom, in place. Sets `end.minimum`, or says in `end.why` what is wrong.

    A minimum is where the Hessian is positive definite, every parameter has an effect, and Newton's steps shrink
    to rounding. On a plateau that only approaches a value, such as exp(-b*x) for large b, they do not: there the
    step stays 1/x for ever, however small gradient and curvature become.
    """
    names = objective.rows.params
    if not np.isfinite(end.value):
        end.why = end.why or "the model is not finite there"
        return
    last = np.inf
    acts = np.ones(len(start), bool)
    begin = objective.lengths(start) if np.any(start == 0) else 0.0
    for _ in range(STEPS):
        g, h = objective.gradient(end.at), objective.hessian(end.at)
        if not (np.all(np.isfinite(g)) and np.all(np.isfinite(h))):
            end.why = "derivatives are not finite there"
            return
        information = objective.information(end.at)
        if information.undetermined:
            end.why = undetermined_message([names[k] for k in information.undetermined])
            return
        step = objective.step(end.at, information)
        if step is None:
            end.why = "it does not curve upwards in every direction there"
            return
        error = objective.errors(end.at, information)
        acts = error <= IDLE * np.maximum(np.abs(end.at), np.abs(start))
        acts |= (start == 0) & (np.sqrt(np.diag(information.inverse)) * begin <= IDLE)
        size = np.abs(step)
        known = error <= KNOWN * np.abs(end.at)
        still = (size <= STILL * np.abs(end.at)) | (size <= EPS * np.abs(start))
        still |= (acts & (size <= STILL * error)) | (known & (size <= SMALL * error))
        lower = objective.value(end.at + step)
        better = lower <= end.value + objective.grain(end.at)
        if better:
            end.at, end.value = end.at + step, min(lower, end.value)
        length = float(np.linalg.norm(step / np.where(end.at != 0, np.abs(end.at), 1.0)))
        end.minimum = end.minimum or bool(np.all(still))
        if (end.minimum and length >= 0.5 * last) or not better:
            break
        last = length
    if not end.minimum:
        idle = [n for n, a in zip(names, acts, strict=True) if not a]
        end.why = "Newton's method does not settle there" + (f"; {_list(idle)} without effect" if idle else "")


def undetermined_message(names: list[str]) -> str:
    """What to say of parameters that can move without changing the fit."""
    if len(names) == 1:
        return f"the data do not determine {names[0]}: it has no effect on the fit"
    return f"the data do not determine {_list(names)}: they can change together without changing the fit"


def _list(names: list[str]) -> str:
    return ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else names[0]
