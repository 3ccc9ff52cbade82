"""What a fit found: numbers by name, a table to read, a picture, predictions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from symgrad.function import Function
    from symgrad.train.model import Model


class Road(NamedTuple):
    """How one solver ended: where, how low, after how many evaluations, and if that is no minimum, why not."""

    solver: str
    value: float
    evaluations: int
    minimum: bool
    why: str
    params: dict[str, float]


@dataclass(repr=False)
class FitResult:
    """Made by `sg.fit`.

    Attributes:
        params: the fitted parameters by name, in the order of `start`.
        stderr: their standard errors by name; inf for one that the data do not determine.
        covariance: of the parameters in that order, shape (p, p).
        success: whether a minimum was reached at which every parameter is determined.
        message: what happened, in a sentence.
        dof: rows minus parameters.
        rss: the (weighted) sum of squared residuals; None for a likelihood.
        nll: the negative log-likelihood; None for least squares.
        residuals: left side minus right side by row, shape (n,); None for a likelihood.
        solver: the road that led here.
        iterations: evaluations of the residuals on that road.
        evaluations: on all roads together.
        roads: how every solver that was tried ended, the best first.
    """

    params: dict[str, float]
    stderr: dict[str, float]
    covariance: Any
    success: bool
    message: str
    dof: int
    rss: float | None
    nll: float | None
    residuals: Any
    solver: str
    iterations: int
    evaluations: int
    roads: tuple[Road, ...]
    _model: Model = field(repr=False)

    @property
    def function(self) -> Function:
        """The model as a Function of parameters and data: the equation's right side, or the log-likelihood."""
        return (self._model.predicted or self._model.raw).function

    @property
    def gradient(self) -> Function:
        """The model's derivatives by the parameters, a Function too."""
        return self._model.gradient

    @property
    def residual_std(self) -> float | None:
        """sqrt(rss / dof), None for a likelihood, nan without degrees of freedom."""
        if self.rss is None:
            return None
        return float(np.sqrt(self.rss / self.dof)) if self.dof else float("nan")

    def predict(self, data: Any) -> Any:
        """The right side of the equation at new data (columns or single numbers by name), shape (rows,)."""
        return self._model.predict(list(self.params.values()), data)

    def report(self, roads: bool = False) -> str:
        """The result as a table to read; with `roads`, how every solver that was tried ended."""
        from symgrad.train.report import report, walked

        return report(self) + ("\n\n" + walked(self) if roads else "")

    def plot(self) -> Any:
        """A matplotlib Figure: data, fitted curve and residuals; predicted against observed for more predictors."""
        from symgrad.train.plot import plot

        return plot(self)

    def __str__(self) -> str:
        return self.report()

    def __repr__(self) -> str:
        from symgrad.train.report import brief

        return brief(self)

    def _repr_html_(self) -> str:
        from symgrad.train.report import html

        return html(self)

    def __getitem__(self, name: str) -> float:
        return self.params[name]
