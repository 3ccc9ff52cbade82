"""Linear algebra at a fit's end: the inverse information, and which parameters the data do not determine."""

from __future__ import annotations

from typing import Any

import numpy as np

EPS = np.finfo(float).eps
ROUNDING = 64
"""A singular value below this many roundings, per parameter, is none."""
TAKES_PART = 1e-3
"""A parameter takes part in an undetermined direction if its share of it is more than this."""


class Information:
    """The inverse of A^T A, through the singular values of A with columns of length one.

    Attributes:
        inverse: shape (p, p); an undetermined parameter has inf on the diagonal and nan beside it.
        basis: B with A B orthonormal, so that inverse = B B^T; only as many columns as directions are determined.
        moment: B^T A^T r, where r is given: found without forming A^T r, which loses digits.
        undetermined: positions of parameters that can move without changing anything.
        condition: of A with columns of length one.
    """

    def __init__(self, a: Any, r: Any = None) -> None:
        p = a.shape[1]
        length = np.linalg.norm(a, axis=0)
        unit = 1 / np.where(length > 0, length, 1.0)
        both = a * unit if r is None else np.column_stack([a * unit, r])
        triangle: Any = np.linalg.qr(both, mode="r")
        u, s, vt = np.linalg.svd(triangle[:p, :p])
        self.moment = None if r is None else (u.T @ triangle[:p, p])[s > ROUNDING * p * EPS * s[0]]
        self._finish(s, vt, unit, ROUNDING * p * EPS * s[0], length == 0)

    def _finish(self, s: Any, vt: Any, unit: Any, floor: float, absent: Any) -> None:
        self.condition = float(s[0] / s[-1]) if s[-1] > 0 else float("inf")
        null = s <= floor
        loose = np.any(np.abs(vt[null]) > TAKES_PART, axis=0) | absent
        self.undetermined = tuple(int(k) for k in np.flatnonzero(loose))
        self.basis = ((vt[~null] / s[~null, None]) * unit).T
        self.inverse = self.basis @ self.basis.T
        for k in self.undetermined:
            self.inverse[k, :] = self.inverse[:, k] = np.nan
            self.inverse[k, k] = np.inf


def curvature_information(hessian: Any) -> Information:
    """The same of a Hessian in place of A^T A; directions that do not curve upwards are undetermined."""
    diagonal = np.diag(hessian)
    unit = 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    w, v = np.linalg.eigh(hessian * np.outer(unit, unit))
    w, v = w[::-1], v[:, ::-1]
    out = Information.__new__(Information)
    out.moment = None
    floor = len(w) * EPS * max(w[0], 1.0)
    out._finish(np.sqrt(np.maximum(w, 0.0)), v.T, unit, float(np.sqrt(floor)), diagonal <= 0)
    return out


def definite(matrix: Any) -> Any:
    """B with B^T M B = 1, so that the inverse is B B^T; None if M is not positive definite, whatever its scaling."""
    diagonal = np.diag(matrix)
    if not np.all(diagonal > 0):
        return None
    unit = 1 / np.sqrt(diagonal)
    w, v = np.linalg.eigh(matrix * np.outer(unit, unit))
    if w[0] <= len(w) * EPS * w[-1]:
        return None
    return unit[:, None] * v / np.sqrt(w)


def gram(a: Any) -> Any:
    """A^T A, an array, of an array or a sparse matrix."""
    square = a.T @ a
    return square.toarray() if hasattr(square, "toarray") else square
