"""Solvers of equations, by SciPy: what an `implicit` node does when it is called.

SciPy's solvers are given exact Jacobians and Hessians. What they find is brought to full precision by Newton's
method, whose last step says how far off it may be.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.errors import ConvergenceError
from symgrad.graph.body import Body
from symgrad.ops.implicit import JACOBIAN, RESIDUAL, VALUE

NEWTON = 8
"""Steps at most that follow the solver."""
CLOSE = 1e-6
"""Relative size of Newton's last step up to which a solution is one."""
LARGE = 300
"""Unknowns from which on minimization goes by conjugate gradients."""
EXACT = 1e-10
"""What solvers are asked for; Newton's method does the rest."""

Evaluate = Callable[[Any], list[Any]]


def solver(body: Body, name: str, reference: Callable[..., Any]) -> Callable[..., Any]:
    """x of an `implicit` node as a function of its arguments, with the axes of a batch in front.

    reference: evaluates the body's outputs. ConvergenceError where no solution is found.
    """
    outputs = reference(body.graph, body.inputs, body.outputs)
    types = [body.graph.types[i] for i in body.inputs]
    dtype = types[0].dtype

    def call(*args: Any) -> Any:
        wide = [
            np.asarray(a, "float64") if t.dtype == "float32" else np.asarray(a)
            for a, t in zip(args, types, strict=True)
        ]
        leads = [a.shape[: a.ndim - len(t.shape)] for a, t in zip(wide, types, strict=True)]
        lead = np.broadcast_shapes(*leads)
        if not lead:
            return _solved(outputs, wide, name).astype(dtype)
        wide = [np.broadcast_to(a, lead + t.lengths) for a, t in zip(wide, types, strict=True)]
        found = np.empty(wide[0].shape)
        for at in np.ndindex(*lead):
            found[at] = _solved(outputs, [a[at] for a in wide], name)
        return found.astype(dtype)

    return call


def _solved(outputs: Any, args: list[Any], name: str) -> Any:
    start, *params = args
    known: dict[bytes, list[Any]] = {}

    def at(x: Any) -> list[Any]:
        """Every output there; SciPy asks for them one by one."""
        x = np.ascontiguousarray(x, "float64")
        key = x.tobytes()
        if key not in known:
            known.clear()
            known[key] = [np.asarray(v, "float64") for v in outputs([x, *params])]
        return known[key]

    start = np.array(start, "float64")
    if not start.size:
        return start
    if not all(np.all(np.isfinite(v)) for v in at(start)):
        raise ConvergenceError(f"sg.{name}: the function or its derivative is not finite at x0 = {_shown(start)}")
    with np.errstate(all="ignore"):
        x, said = _FIND[name](at, start)
        x, step = _newton(at, x)
    where = f"sg.{name} began at {_shown(start)} and ended at {_shown(x)}"
    if not math.isfinite(step):
        raise ConvergenceError(
            f"{where}, where the Jacobian is singular or not finite, so there is no isolated solution ({said}); "
            "give another x0, or another equation"
        )
    if step > CLOSE:
        left = np.max(np.abs(at(x)[RESIDUAL]))
        raise ConvergenceError(
            f"{where}, which is no solution: the equation is off by {left:.3g} ({said}); give another x0"
        )
    if name == "minimize" and not _is_positive(at(x)[JACOBIAN]):
        raise ConvergenceError(f"{where}, which is no minimum: the Hessian is not positive definite; give another x0")
    return x


def _newton(at: Evaluate, x: Any) -> tuple[Any, float]:
    """(the solution, relative size of the last step); infinite where the Jacobian is singular."""
    size = math.inf
    for _ in range(NEWTON):
        values = at(x)
        try:
            step = np.linalg.solve(values[JACOBIAN], values[RESIDUAL])
        except np.linalg.LinAlgError:
            return x, math.inf
        new = float(np.max(np.abs(step)) / max(1.0, float(np.max(np.abs(x)))))
        if not math.isfinite(new):
            return x, math.inf
        if new >= size / 2:  # no nearer any more: rounding, or too far off
            return x, min(new, size)
        x, size = x - step, new
        if size == 0:
            break
    return x, size


def _root(at: Evaluate, start: Any) -> tuple[Any, str]:
    from scipy.optimize import root

    found = root(
        lambda x: at(x)[RESIDUAL], start, jac=lambda x: at(x)[JACOBIAN], method="hybr", options={"xtol": EXACT}
    )
    if not found.success:  # from elsewhere, by least squares
        other = root(lambda x: at(x)[RESIDUAL], start, jac=lambda x: at(x)[JACOBIAN], method="lm")
        if np.linalg.norm(other.fun) < np.linalg.norm(found.fun):
            found = other
    return found.x, " ".join(found.message.split()).rstrip(".")


def _minimum(at: Evaluate, start: Any) -> tuple[Any, str]:
    from scipy.optimize import minimize

    found = minimize(
        lambda x: float(at(x)[VALUE]),
        start,
        jac=lambda x: at(x)[RESIDUAL],
        hess=lambda x: at(x)[JACOBIAN],
        method="trust-exact" if len(start) <= LARGE else "trust-krylov",
        options={"gtol": EXACT * max(1.0, float(np.max(np.abs(at(start)[RESIDUAL]))))},
    )
    return found.x, " ".join(found.message.split()).rstrip(".")


def _fixed_point(at: Evaluate, start: Any) -> tuple[Any, str]:
    from scipy.optimize import fixed_point

    try:
        x: Any = fixed_point(lambda x: at(x)[RESIDUAL] + x, start, xtol=EXACT, maxiter=200)
        if np.all(np.isfinite(x)):
            return x, "the iteration came to rest"
    except RuntimeError:
        pass
    return _root(at, start)


_FIND = {"root": _root, "minimize": _minimum, "fixed_point": _fixed_point}


def _is_positive(matrix: Any) -> bool:
    try:
        np.linalg.cholesky((matrix + matrix.T) / 2)
    except np.linalg.LinAlgError:
        return False
    return True


def _shown(x: Any) -> str:
    return np.array2string(x, precision=4, threshold=6, max_line_width=10**6)
