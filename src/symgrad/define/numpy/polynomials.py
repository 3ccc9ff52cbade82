"""Convolutions, and polynomials by their coefficients."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.define.numpy.messages import REFUSED
from symgrad.define.numpy.tracer import implements, is_traced, refuse


def _one_dimensional(*arrays: Any) -> None:
    if any(np.ndim(a) > 1 for a in arrays):
        raise ValueError(f"arrays of shapes {', '.join(str(np.shape(a)) for a in arrays)}: they have one axis")


def _windows(v: Any, m: int, n: int) -> Any:
    """Rows of `m` elements of v (padded with zeros), each starting one further on: shape (n, m)."""
    return np.take(v, np.arange(n)[:, None] + np.arange(m)[None, :])


@implements(np.convolve)
def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    _one_dimensional(a, v)
    if np.size(v) > np.size(a):
        a, v = v, a
    n, m = np.size(a), np.size(v)
    if not m:
        raise ValueError("convolution with nothing")
    padded = np.pad(np.ravel(a), (m - 1, m - 1))
    full = _windows(padded, m, n + m - 1) @ np.flip(np.ravel(v))
    first = {"full": 0, "same": (m - 1) // 2, "valid": m - 1}[mode]
    count = {"full": n + m - 1, "same": n, "valid": n - m + 1}[mode]
    return full[first : first + count]


@implements(np.correlate)
def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    _one_dimensional(a, v)
    n, m = np.size(a), np.size(v)
    if m > n:
        return np.flip(correlate(v, a, mode))
    full = convolve(a, np.flip(v), "full")
    first = {"full": 0, "same": (m - 1) // 2, "valid": m - 1}[mode]
    count = {"full": n + m - 1, "same": n, "valid": n - m + 1}[mode]
    return full[first : first + count]


def _coefficients(p: Any) -> Any:
    return np.atleast_1d(p if is_traced(p) else np.asarray(p))


@implements(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    p, x = (v if is_traced(v) else np.asarray(v) for v in (p, x))
    total: Any = np.zeros_like(x)
    for k in range(np.shape(p)[0]):
        total = total * x + p[k]
    return total


@implements(np.polyder)
def polyder(p: Any, m: int = 1) -> Any:
    if m < 0:
        raise ValueError("the order of a derivative is positive")
    for _ in range(m):
        n = np.shape(p)[0]
        p = p[: n - 1] * np.arange(n - 1, 0, -1)
    return p


@implements(np.polyint)
def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    if m < 0:
        raise ValueError("the order of an integral is positive")
    constants = np.zeros(m) if k is None else _coefficients(k)
    if np.size(constants) == 1 and m > 1:
        constants = np.broadcast_to(constants, (m,))
    if np.size(constants) < m:
        raise ValueError("k must be a number or one for each integration")
    p = _coefficients(p)
    for step in range(m):
        n = np.shape(p)[0]
        p = np.concatenate([np.true_divide(p, np.arange(n, 0, -1)), constants[step : step + 1]])
    return p


@implements(np.polymul)
def polymul(a1: Any, a2: Any) -> Any:
    return np.convolve(_coefficients(a1), _coefficients(a2))


def _sum(first: Any, second: Any, sign: int) -> Any:
    first, second = _coefficients(first), _coefficients(second)
    n = max(np.size(first), np.size(second))
    p, q = (np.concatenate([np.zeros(n - np.size(v), v.dtype), v]) for v in (first, second))
    return p + q if sign > 0 else p - q


@implements(np.polyadd)
def polyadd(a1: Any, a2: Any) -> Any:
    return _sum(a1, a2, 1)


@implements(np.polysub)
def polysub(a1: Any, a2: Any) -> Any:
    return _sum(a1, a2, -1)


@implements(np.poly)
def poly(seq_of_zeros: Any) -> Any:
    zeros = _coefficients(seq_of_zeros)
    if zeros.ndim != 1:
        refuse("np.poly of a matrix: give its eigenvalues")
    found: Any = np.ones_like(zeros, shape=(1,)) if is_traced(zeros) else np.ones(1)
    for k in range(np.shape(zeros)[0]):
        found = np.convolve(found, np.stack([np.ones((), zeros.dtype), -zeros[k]]))
    return found


@implements(np.vander)
def vander(x: Any, N: Any = None, increasing: bool = False) -> Any:
    if np.ndim(x) != 1:
        raise ValueError("x must be one-dimensional")
    n = np.size(x) if N is None else N
    powers = np.stack([np.power(x, k) for k in range(n)], axis=1)
    return powers if increasing else np.flip(powers, 1)


REFUSED.update(
    {
        np.polyfit: "write np.linalg.lstsq(np.vander(x, degree + 1), y)[0]",
        np.roots: "its zeros are eigenvalues of a matrix that is not symmetric",
        np.polydiv: "write the division out",
    }
)
