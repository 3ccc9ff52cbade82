"""Linear algebra in NumPy and SciPy, on matrices that may have a batch in front."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np


def _regular(fn: Callable[..., Any]) -> Callable[..., Any]:
    """NaN for the matrices of a batch that are singular; NumPy refuses the batch."""

    def call(a: Any, *rest: Any) -> Any:
        try:
            return fn(a, *rest)
        except np.linalg.LinAlgError:
            singular = np.linalg.matrix_rank(a) < a.shape[-1]
            if not np.any(singular):
                raise
        safe = np.where(singular[..., None, None], np.eye(a.shape[-1], dtype=a.dtype), a)
        values = fn(safe, *rest)
        return np.where(singular[..., None, None], np.nan, values)

    return call


inv = _regular(np.linalg.inv)
_solve = _regular(np.linalg.solve)


def _columns(b: Any, rank: int) -> tuple[Any, Any]:
    """`b` of shape batch + (n, ...), `rank` axes of its own, as matrices; and its own shape."""
    inner = b.shape[b.ndim - rank :]
    return b.reshape((*b.shape[: b.ndim - rank], inner[0], math.prod(inner[1:]))), inner


def solve(a: Any, b: Any, rank: int) -> Any:
    right, inner = _columns(b, rank)
    x = _solve(a, right)
    return x.reshape((*x.shape[:-2], *inner))


def triangular_solve(a: Any, b: Any, rank: int, lower: bool) -> Any:
    from scipy.linalg import solve_triangular

    right, inner = _columns(b, rank)
    batch = np.broadcast_shapes(a.shape[:-2], right.shape[:-2])
    if a.ndim == 2 and right.ndim > 2:  # one matrix for many right sides
        flat = np.moveaxis(right, -2, 0)
        x = solve_triangular(a, flat.reshape(len(flat), -1), lower=lower, check_finite=False)
        x = np.moveaxis(x.reshape(flat.shape), 0, -2)
    else:
        a = np.broadcast_to(a, batch + a.shape[-2:])
        right = np.broadcast_to(right, batch + right.shape[-2:])
        x = np.empty(right.shape, np.result_type(a, right))
        for k in np.ndindex(batch):
            try:
                x[k] = solve_triangular(a[k], right[k], lower=lower, check_finite=False)
            except np.linalg.LinAlgError:
                x[k] = np.nan
    return x.reshape((*x.shape[:-2], *inner))


def cholesky(a: Any) -> Any:
    """NaN for matrices that are not positive definite."""
    a = (a + np.swapaxes(a, -1, -2)) / 2
    try:
        return np.linalg.cholesky(a)
    except np.linalg.LinAlgError:
        out = np.full(a.shape, np.nan, a.dtype)
        for k in np.ndindex(a.shape[:-2]):
            try:
                out[k] = np.linalg.cholesky(a[k])
            except np.linalg.LinAlgError:
                continue
        return out


def logabsdet(a: Any) -> Any:
    return np.linalg.slogdet(a)[1]


def logdet(a: Any) -> Any:
    sign, value = np.linalg.slogdet(a)
    return np.where(sign < 0, np.nan, value)


def eigh(a: Any) -> tuple[Any, ...]:
    return tuple(np.linalg.eigh((a + np.swapaxes(a, -1, -2)) / 2))


def svd(a: Any) -> tuple[Any, ...]:
    return tuple(np.linalg.svd(a, full_matrices=False))


def qr(a: Any) -> tuple[Any, ...]:
    return tuple(np.linalg.qr(a))


def expm(a: Any) -> Any:
    from scipy.linalg import expm

    return expm(a) if a.size else a


def expm_frechet(a: Any, e: Any) -> Any:
    """The upper right block of the exponential of [[a, e], [0, a]]."""
    a, e = np.broadcast_arrays(a, e)
    n = a.shape[-1]
    whole = np.zeros((*a.shape[:-2], 2 * n, 2 * n), a.dtype)
    whole[..., :n, :n] = whole[..., n:, n:] = a
    whole[..., :n, n:] = e
    return expm(whole)[..., :n, n:]


PARTS: dict[str, Callable[[Any], tuple[Any, ...]]] = {"eigh": eigh, "svd": svd, "qr": qr}
"""Decompositions, with all their parts; an operation takes one (its attribute `take`)."""


def _part(name: str) -> Callable[..., Any]:
    return lambda a, take: PARTS[name](a)[take]


LOWERED: dict[str, Callable[..., Any]] = {
    "inv": inv,
    "solve": solve,
    "triangular_solve": triangular_solve,
    "det": np.linalg.det,
    "logdet": logdet,
    "logabsdet": logabsdet,
    "det_sign": lambda a: np.linalg.slogdet(a)[0],
    "cholesky": cholesky,
    "expm": expm,
    "expm_frechet": expm_frechet,
    **{name: _part(name) for name in PARTS},
}
