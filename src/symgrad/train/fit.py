"""sg.fit: parameters of a formula from data, by least squares or maximum likelihood."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from symgrad.errors import ArgumentError
from symgrad.train.result import FitResult, Road

if TYPE_CHECKING:
    from symgrad.train.model import Model
    from symgrad.train.newton import End


def fit(
    model: Any,
    data: Any,
    start: Any,
    *,
    sigma: Any = None,
    weights: Any = None,
    absolute_sigma: bool = False,
    bounds: Any = None,
    solver: str = "auto",
    refine: bool | None = None,
    progress: bool | None = None,
) -> FitResult:
    """Fit a formula to data.

    Args:
        model: `sp.Eq(y, formula)`: nonlinear least squares of left side minus right side; the left side may be any
            expression of the data, such as `sp.log(y)`. Or a bare expression: the negative log-likelihood of one
            row, whose sum is minimized.
        data: a column of numbers per name: a dict of arrays or lists, a data frame, a structured array. A single
            number is a constant. Columns the model does not use are not looked at.
        start: where to begin, a number for every parameter; every other symbol of the model is a data column.
        sigma: the standard deviation of every row's left side (an array, a number, or a column's name): residuals
            are divided by it.
        weights: in place of sigma, factors of the squared residuals (of the row's log-likelihood).
        absolute_sigma: whether sigma is known as such; otherwise only its ratios count, and the standard errors are
            scaled by the residuals, as without sigma.
        bounds: by parameter, (low, high), None for an open side.
        solver: "auto", or one road: "lm", "trf", "dogbox", "newton", "projected lm", "projected trf" (where
            parameters enter linearly); for a likelihood "newton", "bfgs", "newton-cg", "nelder-mead".
        refine: whether the minimum is worked out to 50 digits at the end. None: where float64 would lose digits
            and it takes no more than a few seconds.
        progress: whether to show a progress bar; None: after a second, where stderr is a terminal.

    Returns:
        A FitResult. Where no minimum is found it says so (`success`, `message`) and holds the lowest place found.

    Raises:
        ArgumentError: data with NaN, inf, no rows or unequal lengths, a symbol without data or start, fewer rows
            than parameters, a start at which the model is not finite.
        DtypeError: data that are no real numbers.
        UnsupportedError: a part of the formula without numerical meaning.

    Example:
        >>> import sympy as sp, symgrad as sg
        >>> x, y, a, k = sp.symbols("x y a k")
        >>> result = sg.fit(sp.Eq(y, a * sp.exp(k * x)), {"x": [0, 1, 2, 3], "y": [1, 2, 4, 8]}, {"a": 2, "k": 0.1})
        >>> round(result["a"], 9), round(result["k"], 9)
        (1.0, 0.693147181)
    """
    from symgrad.train.bounds import limits, solve_bounded
    from symgrad.train.model import Model
    from symgrad.train.objective import objective_of
    from symgrad.train.progress import Progress
    from symgrad.train.solve import Solver

    if absolute_sigma and sigma is None and weights is None:
        raise ArgumentError("absolute_sigma=True needs sigma (or weights)")

    m = Model(model, data, start, sigma, weights)
    if m.kind == "least squares" and m.table.rows < len(m.params):
        raise ArgumentError(f"{len(m.params)} parameters need at least as many rows of data; there are {m.table.rows}")
    m.check_start()
    m.rows.progress = Progress(progress)
    try:
        if bounds is None:
            part, held = m, {}
            ends = Solver(objective_of(m), m.start).solve(solver)
        else:
            part, ends, held = solve_bounded(m, *limits(m, bounds), solver)
        with np.errstate(all="ignore"):
            return _result(m, part, ends, held, absolute_sigma, refine)
    finally:
        m.rows.progress.close()


def _result(
    full: Model, m: Model, ends: list[End], held: dict[str, float], absolute: bool, refined: bool | None
) -> FitResult:
    """The result from the best of `ends` of model `m`, which is `full` with some parameters held at bounds."""
    from symgrad.train import refine
    from symgrad.train.objective import objective_of

    best = ends[0]
    at, objective = best.at, objective_of(m)
    all_held = len(held) == len(full.params)
    if not np.isfinite(best.value):
        at = m.start
    notes = []
    last = None
    if best.minimum and refined is not False and m.kind == "least squares" and not all_held:
        last = refine.refine(m.rows, at, bool(refined))
        if last is not None:
            at = last.at
            notes.append(f"worked out to {refine.DIGITS} digits")
        elif refined:
            notes.append("not refined: the formula can't be evaluated to many digits there")
    value = objective.value(at)
    rss = None if m.kind == "likelihood" else 2 * value if last is None else last.rss
    p = len(full.params) - len(held)
    dof = full.table.rows - p
    inverse = objective.information(at).inverse if last is None else last.inverse
    if rss is not None and not absolute:
        inverse = inverse * (rss / dof if dof else np.nan)
        if not dof:
            notes.append("as many parameters as rows, so no standard errors")
    free = [k for k, n in enumerate(full.params) if n not in held]
    covariance = np.full((len(full.params), len(full.params)), np.nan)
    values = np.array([held.get(n, np.nan) for n in full.params])
    if not all_held:
        covariance[np.ix_(free, free)] = inverse
        values[free] = at
    if held:
        notes.append("at a bound: " + ", ".join(held))
    residuals = None
    if rss is not None:
        residuals = full.raw.values(values) if last is None or full.raw is not full.rows else last.residuals
    with np.errstate(invalid="ignore"):
        stderr = np.sqrt(np.diag(covariance))
    if best.minimum:
        told = "a minimum, confirmed by exact second derivatives"
        if len(ends) > 1:
            told += f"; {sum(e.minimum and e.lowest for e in ends)} of {len(ends)} roads led here"
        if any(e.minimum and not e.lowest for e in ends):
            notes.append("there are other, higher minima")
    elif not np.isfinite(best.value):
        told = f"the model's sum is not finite wherever a solver looked ({best.why}); start from other values"
    else:
        told = best.why if "determine" in best.why else f"no minimum found; where it is lowest: {best.why}"
    return FitResult(
        params=dict(zip(full.params, map(float, values), strict=True)),
        stderr=dict(zip(full.params, map(float, stderr), strict=True)),
        covariance=covariance,
        success=best.minimum,
        message="; ".join([told, *notes]),
        dof=dof,
        rss=rss,
        nll=value if rss is None else None,
        residuals=residuals,
        solver=best.solver,
        iterations=best.evaluations,
        evaluations=m.rows.evaluations if m is full else m.rows.evaluations + full.rows.evaluations,
        roads=tuple(_road(e, m, held, full) for e in ends),
        _model=full,
    )


def _road(end: End, m: Model, held: dict[str, float], full: Model) -> Road:
    at = dict(zip(m.params, map(float, end.at), strict=False)) | held
    value = 2 * end.value if full.kind == "least squares" else end.value
    return Road(end.solver, value, end.evaluations, end.minimum, end.why, {n: at[n] for n in full.params})
