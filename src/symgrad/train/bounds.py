"""Fits whose parameters have bounds: a bounded road first, then the bounds that hold become constants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from symgrad.errors import ArgumentError, DtypeError
from symgrad.train.model import Model
from symgrad.train.newton import End
from symgrad.train.objective import objective_of
from symgrad.train.solve import Solver

NEAR = 1e-3
"""A parameter closer to a bound than this (relative) and pushed against it is held there."""


def limits(model: Model, bounds: Any) -> tuple[Any, Any]:
    """Low and high by parameter, shape (p,) each; the start must lie between them."""
    if not isinstance(bounds, Mapping):
        raise DtypeError('bounds must map parameters to pairs: bounds={"b1": (0, None)}')
    low, high = np.full(len(model.params), -np.inf), np.full(len(model.params), np.inf)
    for key, pair in bounds.items():
        name = str(key)
        if name not in model.params:
            raise ArgumentError(f"bounds name {name!r}, which is no parameter ({', '.join(model.params)})")
        try:
            a, b = pair
            a, b = -np.inf if a is None else float(a), np.inf if b is None else float(b)
        except (TypeError, ValueError):
            raise DtypeError(f"bounds[{name!r}] must be a pair (low, high), got {pair!r:.40}") from None
        k = model.params.index(name)
        if not a < b:
            raise ArgumentError(f"bounds[{name!r}]: low must be below high, got ({a:g}, {b:g}); a constant is data")
        if not a <= model.start[k] <= b:
            raise ArgumentError(f"start[{name!r}] = {model.start[k]:g} lies outside its bounds ({a:g}, {b:g})")
        low[k], high[k] = a, b
    return low, high


def solve_bounded(model: Model, low: Any, high: Any, solver: str) -> tuple[Model, list[End], dict[str, float]]:
    """The model without the parameters held at a bound, its ends, the best first, and the held values by name."""
    objective = objective_of(model)
    inside = np.clip(model.start, *_inner(low, high))
    ends = Solver(objective, inside, (low, high)).solve(solver)
    at = ends[0].at
    held: dict[str, float] = {}
    while True:
        gradient = objective.gradient(at)
        for k, name in enumerate(model.params):
            if name in held:
                continue
            for bound, outwards in ((low[k], gradient[k] > 0), (high[k], gradient[k] < 0)):
                near = NEAR * max(abs(bound), abs(model.start[k]), 1e-12)
                if np.isfinite(bound) and (at[k] == bound or (outwards and abs(at[k] - bound) <= near)):
                    held[name] = float(bound)
        rest = [k for k, name in enumerate(model.params) if name not in held]
        if not rest:
            corner = np.array([held[n] for n in model.params])
            end = End(ends[0].solver, corner, objective.value(corner), ends[0].evaluations)
            return model, [_checked(model, end, corner, held, low, high)], held
        part = model.without(held, at[rest]) if held else model
        found = Solver(objective_of(part), at[rest]).walk("lm" if part.kind == "least squares" else "newton", at[rest])
        full = at.copy()
        full[rest] = found.at
        for k, name in enumerate(model.params):
            if name in held:
                full[k] = held[name]
        outside = [k for k in rest if not low[k] <= full[k] <= high[k]]
        if found.minimum and not outside:
            found.solver = ends[0].solver
            found.evaluations += ends[0].evaluations
            return part, [_checked(model, found, full, held, low, high)], held
        if not found.minimum or not outside:
            ends[0].why = found.why or "no minimum within the bounds was confirmed"
            ends[0].at = ends[0].at[rest]
            return part, ends, held
        for k in outside:
            held[model.params[k]] = float(low[k] if full[k] < low[k] else high[k])
            at[k] = held[model.params[k]]


def _checked(model: Model, end: End, full: Any, held: dict[str, float], low: Any, high: Any) -> End:
    """`end` as a minimum if no held parameter would rather leave its bound."""
    gradient = objective_of(model).gradient(full)
    inwards = [
        name
        for k, name in enumerate(model.params)
        if name in held and (gradient[k] < 0 if held[name] == low[k] else gradient[k] > 0)
    ]
    end.minimum = not inwards
    if inwards:
        end.why = f"{', '.join(inwards)} would leave its bound again"
    return end


def _inner(low: Any, high: Any) -> tuple[Any, Any]:
    """Bounds drawn in a little: SciPy's trust-region method starts strictly inside."""
    with np.errstate(invalid="ignore"):
        width = np.where(np.isfinite(high - low), high - low, 1.0)
    return low + 1e-10 * width, high - 1e-10 * width
