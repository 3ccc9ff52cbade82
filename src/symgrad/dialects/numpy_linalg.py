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
    if a.ndim == 2 and a.size:
        flat = np.moveaxis(right, -2, 0)  # one matrix: all right sides stand side by side
        try:
            x = solve_triangular(a, flat.reshape(len(flat), -1), lower=lower, check_finite=False)
        except np.linalg.LinAlgError:
            x = np.full_like(flat, np.nan)
        x = np.moveaxis(x.reshape(flat.shape), 0, -2)
    elif lower:  # many small matrices: elimination in reverse order finds an upper triangle, and has nothing to do
        x = _solve(np.tril(a)[..., ::-1, ::-1], right[..., ::-1, :])[..., ::-1, :]
    else:
        x = _solve(np.triu(a), right)
    return x.reshape((*x.shape[:-2], *inner))


def _or_nan(fn: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """NaN for the matrices of a batch that `fn` refuses; `fn` gives an array or several."""

    def call(a: Any) -> Any:
        try:
            return fn(a)
        except np.linalg.LinAlgError:
            if a.ndim > 2:
                found = [call(one) for one in a]
                return tuple(map(np.stack, zip(*found, strict=True))) if type(found[0]) is tuple else np.stack(found)
        like = fn(np.eye(*a.shape, dtype=a.dtype))
        return tuple(np.full_like(x, np.nan) for x in like) if type(like) is tuple else np.full_like(like, np.nan)

    return call


def _symmetric(a: Any) -> Any:
    return (a + np.swapaxes(a, -1, -2)) / 2


cholesky = _or_nan(lambda a: np.linalg.cholesky(_symmetric(a)))
eigh = _or_nan(lambda a: tuple(np.linalg.eigh(_symmetric(a))))
svd = _or_nan(lambda a: tuple(np.linalg.svd(a, full_matrices=False)))
qr = _or_nan(lambda a: tuple(np.linalg.qr(a)))


def pinv(a: Any, rcond: float) -> Any:
    return _or_nan(lambda a: np.linalg.pinv(a, rcond))(a)


def logabsdet(a: Any) -> Any:
    return np.linalg.slogdet(a)[1]


def logdet(a: Any) -> Any:
    sign, value = np.linalg.slogdet(a)
    return np.where(sign < 0, np.nan, value)


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
    "pinv": pinv,
    "expm": expm,
    "expm_frechet": expm_frechet,
    **{name: _part(name) for name in PARTS},
}
