"""sg.fit: parameters of a formula from data, by least squares or maximum likelihood."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.train.result import FitResult


def fit(model: Any, data: Any, start: Any) -> FitResult:
    """Fit a formula to data.

    Args:
        model: `sp.Eq(y, formula)`: nonlinear least squares of left side minus right side. The left side may be any
            expression of the data, such as `sp.log(y)`.
        data: a column of numbers per name: a dict of arrays or lists, a data frame. A single number is a constant.
        start: where to begin, a number for every parameter.

    Example:
        >>> import sympy as sp, symgrad as sg
        >>> x, y, a, k = sp.symbols("x y a k")
        >>> result = sg.fit(sp.Eq(y, a * sp.exp(k * x)), {"x": [0, 1, 2, 3], "y": [1, 2, 4, 8]}, {"a": 2, "k": 0.1})
        >>> round(result["a"], 9), round(result["k"], 9)
        (1.0, 0.693147181)
    """
    from symgrad.train.linear import Information
    from symgrad.train.model import Model
    from symgrad.train.solve import solve

    m = Model(model, data, start)
    ends = solve(m.rows, m.start)
    best = ends[0]
    r = m.rows.values(best.at)
    rss = float(r @ r)
    dof = m.table.rows - len(m.params)
    covariance = Information(m.rows.jacobian(best.at)).inverse * (rss / dof if dof else np.nan)
    stderr = np.sqrt(np.diag(covariance))
    return FitResult(
        params=dict(zip(m.params, map(float, best.at), strict=True)),
        stderr=dict(zip(m.params, map(float, stderr), strict=True)),
        covariance=covariance,
        success=best.minimum,
        message=best.why,
        dof=dof,
        rss=rss,
        nll=None,
        residuals=r,
        solver=best.solver,
        iterations=best.evaluations,
        evaluations=m.rows.evaluations,
        _model=m,
    )
