"""What is minimized: a sum over rows, with exact gradient and Hessian, and what its curvature says of the errors."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from symgrad.train.linear import Information, curvature_information, definite, gram
from symgrad.train.model import Model
from symgrad.train.rows import Rows


class Objective(Protocol):
    """A function of the parameters to minimize."""

    rows: Rows

    def value(self, at: Any) -> float: ...
    def gradient(self, at: Any) -> Any: ...
    def hessian(self, at: Any) -> Any: ...
    def lengths(self, at: Any) -> Any:
        """Per parameter, the inverse of a natural step."""
        ...

    def size(self, at: Any) -> float:
        """A natural unit of the square root of the value."""
        ...

    def grain(self, at: Any) -> float:
        """Changes of the value below this are rounding."""
        ...

    def information(self, at: Any) -> Information:
        """The inverse of the Fisher information, before any scaling, and what it leaves undetermined."""
        ...

    def step(self, at: Any, information: Information) -> Any:
        """Newton's step, None where the Hessian is not positive definite."""
        ...

    def errors(self, at: Any, information: Information) -> Any:
        """Standard errors as they stand at `at`, from the information there."""
        ...


class Squares:
    """Half the sum of squared residuals."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows

    def value(self, at: Any) -> float:
        if not np.all(np.isfinite(at)):
            return float("inf")
        r = self.rows.values(at)
        c = 0.5 * float(np.sum(r * r))
        return c if np.isfinite(c) else float("inf")

    def gradient(self, at: Any) -> Any:
        return self.rows.jacobian(at).T @ self.rows.values(at)

    def hessian(self, at: Any) -> Any:
        return gram(self.rows.jacobian(at)) + self.rows.curvature(at, self.rows.values(at))

    def lengths(self, at: Any) -> Any:
        j = self.rows.jacobian(at)
        return np.sqrt(np.asarray((j * j).sum(axis=0)).ravel())

    def size(self, at: Any) -> float:
        return float(np.sqrt(2 * self.value(at))) or 1.0

    def grain(self, at: Any) -> float:
        return 1e-12 * self.value(at)

    def information(self, at: Any) -> Information:
        j = self.rows.jacobian(at)
        return curvature_information(gram(j)) if self.rows.sparse else Information(j, self.rows.values(at))

    def step(self, at: Any, information: Information) -> Any:
        """In the basis in which J^T J is 1: that keeps the digits which the normal equations lose."""
        if information.moment is None:
            return newton_step(self.hessian(at), self.gradient(at))
        outer = information.basis
        own = np.eye(outer.shape[1]) + outer.T @ self.rows.curvature(at, self.rows.values(at)) @ outer
        inner = newton_step(own, information.moment)
        return None if inner is None else outer @ inner

    def errors(self, at: Any, information: Information) -> Any:
        free = max(self.rows.rows - len(at), 1)
        return np.sqrt(np.diag(information.inverse) * 2 * self.value(at) / free)


class Likelihood:
    """A negative log-likelihood, the sum of its rows."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows

    def value(self, at: Any) -> float:
        if not np.all(np.isfinite(at)):
            return float("inf")
        c = float(np.sum(self.rows.values(at)))
        return c if np.isfinite(c) else float("inf")

    def gradient(self, at: Any) -> Any:
        return np.asarray(self.rows.jacobian(at).sum(axis=0)).ravel()

    def hessian(self, at: Any) -> Any:
        return self.rows.curvature(at, np.ones(self.rows.rows))

    def lengths(self, at: Any) -> Any:
        return np.sqrt(np.abs(np.diag(self.hessian(at))))

    def size(self, at: Any) -> float:
        return 1.0

    def grain(self, at: Any) -> float:
        return 1e-12 * float(np.sum(np.abs(self.rows.values(at))))

    def information(self, at: Any) -> Information:
        return curvature_information(self.hessian(at))

    def step(self, at: Any, information: Information) -> Any:
        return newton_step(self.hessian(at), self.gradient(at))

    def errors(self, at: Any, information: Information) -> Any:
        return np.sqrt(np.diag(information.inverse))


def newton_step(hessian: Any, gradient: Any) -> Any:
    """-H^-1 g, None where H is not positive definite."""
    basis = definite(hessian)
    return None if basis is None else -(basis @ (basis.T @ gradient))


def objective_of(model: Model) -> Squares | Likelihood:
    """What a fit of this model minimizes."""
    return Squares(model.rows) if model.kind == "least squares" else Likelihood(model.rows)
