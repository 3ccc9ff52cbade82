"""Linear algebra of a least-squares end: the covariance, and which parameters the data do not determine."""

from __future__ import annotations

from typing import Any

import numpy as np


class Information:
    """(J^T J)^-1 of a Jacobian, through the singular values of J with columns of length one.

    Attributes:
        inverse: shape (p, p); rows and columns of undetermined parameters are inf on the diagonal, nan off it.
        undetermined: positions of parameters that can move without changing any residual.
        condition: of the Jacobian with columns of length one.
    """

    def __init__(self, jacobian: Any) -> None:
        n, p = jacobian.shape
        length = np.linalg.norm(jacobian, axis=0)
        scaled = jacobian / np.where(length > 0, length, 1.0)
        _, s, vt = np.linalg.svd(scaled, full_matrices=False)
        s = np.concatenate([s, np.zeros(p - len(s))]) if len(s) < p else s
        floor = max(n, p) * np.finfo(float).eps * (s[0])
        self.condition = float(s[0] / s[-1]) if s[-1] > 0 else float("inf")
        null = [k for k in range(len(vt)) if s[k] <= floor]
        loose = {int(j) for k in null for j in np.flatnonzero(np.abs(vt[k]) > 1e-3)}
        self.undetermined = tuple(sorted(loose | {int(j) for j in np.flatnonzero(length == 0)}))
        kept = [k for k in range(len(vt)) if k not in null]
        half = (vt[kept] / s[kept, None]) / np.where(length > 0, length, 1.0)
        self.inverse = half.T @ half
        for j in self.undetermined:
            self.inverse[j, :] = self.inverse[:, j] = np.nan
            self.inverse[j, j] = np.inf

def definite(matrix: Any) -> Any:
    """The inverse of a symmetric positive definite matrix of any scaling; None if it is not definite."""
    diagonal = np.diag(matrix)
    if not np.all(diagonal > 0):
        return None
    unit = 1 / np.sqrt(diagonal)
    w, v = np.linalg.eigh(matrix * np.outer(unit, unit))
    if w[0] <= len(w) * np.finfo(float).eps * w[-1]:
        return None
    return (v / w) @ v.T * np.outer(unit, unit)
