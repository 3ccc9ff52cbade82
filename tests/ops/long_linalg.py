"""Linear algebra in long double, written out: what the operations are tested against. One matrix at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = Any


def every(fn: Callable[..., Array]) -> Callable[..., Array]:
    """`fn` of each matrix of a batch (and of its right side)."""

    def call(a: Array, *rest: Array) -> Array:
        if a.ndim == 2:
            return fn(a, *rest)
        return np.stack([call(one, *more) for one, *more in zip(a, *rest, strict=True)])

    return call


def eliminated(a: Array, b: Array) -> tuple[Array, Array]:
    """(a^-1 b, det a) by elimination with pivots."""
    a, x, det = a.copy(), b.copy(), np.longdouble(1)
    n = len(a)
    for k in range(n):
        p = k + int(np.argmax(np.abs(a[k:, k])))
        if p != k:
            a[[k, p]], x[[k, p]] = a[[p, k]], x[[p, k]]
            det = -det
        det = det * a[k, k]
        for i in range(k + 1, n):
            f = a[i, k] / a[k, k]
            a[i] -= f * a[k]
            x[i] -= f * x[k]
    return upper_solved(a, x), det


def upper_solved(a: Array, b: Array) -> Array:
    x = b.copy()
    for k in range(len(a) - 1, -1, -1):
        x[k] = (b[k] - np.tensordot(a[k, k + 1 :], x[k + 1 :], 1)) / a[k, k]
    return x


@every
def solve(a: Array, b: Array) -> Array:
    return eliminated(a, b)[0]


@every
def inv(a: Array) -> Array:
    return eliminated(a, np.eye(len(a), dtype=a.dtype))[0]


@every
def det(a: Array) -> Array:
    return eliminated(a, a[:, :0])[1]


@every
def solve_upper(a: Array, b: Array) -> Array:
    return upper_solved(a, b)


@every
def solve_lower(a: Array, b: Array) -> Array:
    return upper_solved(a[::-1, ::-1], b[::-1])[::-1]


@every
def cholesky(a: Array) -> Array:
    a = (a + a.T) / 2
    y = np.zeros_like(a)
    for j in range(len(a)):
        y[j, j] = np.sqrt(a[j, j] - y[j, :j] @ y[j, :j])
        for i in range(j + 1, len(a)):
            y[i, j] = (a[i, j] - y[i, :j] @ y[j, :j]) / y[j, j]
    return y


def jacobi(a: Array) -> tuple[Array, Array]:
    """Eigenvalues in ascending order, and vectors, of the symmetric part: Jacobi's rotations."""
    a = (a + a.T) / 2
    n = len(a)
    v = np.eye(n, dtype=a.dtype)
    for _ in range(12):
        for p in range(n):
            for q in range(p + 1, n):
                if abs(a[p, q]) < 1e-30:
                    continue
                theta = (a[q, q] - a[p, p]) / (2 * a[p, q])
                t = (1 if theta >= 0 else -1) / (abs(theta) + np.sqrt(theta * theta + 1))
                c = 1 / np.sqrt(t * t + 1)
                turn = np.array([[c, t * c], [-t * c, c]])
                a[:, [p, q]] = a[:, [p, q]] @ turn
                a[[p, q]] = turn.T @ a[[p, q]]
                v[:, [p, q]] = v[:, [p, q]] @ turn
    order = np.argsort(np.diag(a))
    return np.diag(a)[order], v[:, order]


@every
def eigenvalues(a: Array) -> Array:
    return jacobi(a)[0]


def projectors(v: Array) -> Array:
    """v_ik v_jk, axes ijk: what does not depend on the signs of the columns."""
    return np.einsum("...ik,...jk->...ijk", v, v)


@every
def eigenprojectors(a: Array) -> Array:
    return projectors(jacobi(a)[1])


def one_sided(a: Array) -> tuple[Array, Array, Array]:
    """The reduced U, s, V^T, by Hestenes' rotations of columns."""
    if a.shape[0] < a.shape[1]:
        u, s, vt = one_sided(a.T)
        return vt.T, s, u.T
    u, n = a.copy(), a.shape[1]
    v = np.eye(n, dtype=a.dtype)
    for _ in range(12):
        for p in range(n):
            for q in range(p + 1, n):
                g = u[:, p] @ u[:, q]
                if abs(g) < 1e-30:
                    continue
                theta = (u[:, q] @ u[:, q] - u[:, p] @ u[:, p]) / (2 * g)
                t = (1 if theta >= 0 else -1) / (abs(theta) + np.sqrt(theta * theta + 1))
                c = 1 / np.sqrt(t * t + 1)
                turn = np.array([[c, t * c], [-t * c, c]])
                u[:, [p, q]] = u[:, [p, q]] @ turn
                v[:, [p, q]] = v[:, [p, q]] @ turn
    s = np.sqrt(np.sum(u * u, axis=0))
    order = np.argsort(-s)
    return (u / s)[:, order], s[order], v[:, order].T


@every
def singular_values(a: Array) -> Array:
    return one_sided(a)[1]


@every
def left_projectors(a: Array) -> Array:
    return projectors(one_sided(a)[0])


@every
def right_projectors(a: Array) -> Array:
    return projectors(one_sided(a)[2].T)


@every
def polar(a: Array) -> Array:
    u, _, vt = one_sided(a)
    return u @ vt


@every
def pinv(a: Array) -> Array:
    """Of full rank."""
    if a.shape[0] < a.shape[1]:
        return eliminated(a @ a.T, a)[0].T
    return eliminated(a.T @ a, a.T)[0]


def reflected(a: Array) -> tuple[Array, Array]:
    """The reduced Q and R by Householder's reflections, with LAPACK's signs."""
    m, n = a.shape
    k = min(m, n)
    r, q = a.copy(), np.eye(m, dtype=a.dtype)
    for j in range(k if m > n else k - 1):
        x = r[j:, j]
        w = x.copy()
        w[0] += np.copysign(np.sqrt(x @ x), x[0])
        w = w / np.sqrt(w @ w)
        r[j:] -= 2 * np.outer(w, w @ r[j:])
        q[:, j:] -= 2 * np.outer(q[:, j:] @ w, w)
    return q[:, :k], np.triu(r[:k])


@every
def qr_q(a: Array) -> Array:
    return reflected(a)[0]


@every
def qr_r(a: Array) -> Array:
    return reflected(a)[1]


@every
def expm(a: Array) -> Array:
    """Taylor's series of a / 2^8, squared 8 times."""
    term = total = np.eye(len(a), dtype=a.dtype)
    for k in range(1, 20):
        term = term @ a / (256 * k)
        total = total + term
    for _ in range(8):
        total = total @ total
    return total


@every
def expm_frechet(a: Array, e: Array) -> Array:
    n = len(a)
    return expm(np.block([[a, e], [np.zeros_like(a), a]]))[:n, n:]
