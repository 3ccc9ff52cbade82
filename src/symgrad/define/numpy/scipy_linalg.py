"""What scipy.linalg means. SciPy need not be loaded."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.define.numpy import linalg
from symgrad.define.numpy.broadcast import floating
from symgrad.define.numpy.linalg import built, cutoff, matrices, solved, square, together, turned
from symgrad.define.numpy.named import NAMED_REFUSED, implements_named
from symgrad.define.numpy.tracer import Array, graph_of, refuse

_PREFIX = "scipy.linalg."
_BY_EIGENVALUES = "for a symmetric A write w, v = np.linalg.eigh(A) and (v * f(w)) @ v.T"
_BY_SOLVE = "write scipy.linalg.solve(a, b), or cho_factor and cho_solve for a positive definite one"
_NOT_FIXED = "how many columns it has depends on numbers: write np.linalg.svd and choose the columns"
NAMED_REFUSED.update(
    {
        _PREFIX + name: hint
        for hint, names in (
            (_BY_EIGENVALUES, "sqrtm logm funm signm fractional_matrix_power cosm sinm tanm"),
            (_BY_SOLVE, "lu lu_factor lu_solve ldl"),
            (_NOT_FIXED, "null_space orth"),
            ("eigenvalues may be complex; write scipy.linalg.eigh for a symmetric matrix", "eig eigvals schur"),
        )
        for name in names.split()
    }
)


def _named(*names: str) -> Any:
    return implements_named(*[_PREFIX + n for n in names])


@_named("solve")
def solve(
    a: Any, b: Any, lower: bool = False, *_: Any, assume_a: Any = None, transposed: bool = False, **__: Any
) -> Any:
    if transposed:
        a, lower = turned(a), not lower
    kind = assume_a or ""
    if kind in ("upper triangular", "lower triangular"):
        return _triangular(a, b, (kind == "lower triangular") != transposed)
    return linalg.solve(a, b)


def _triangular(a: Any, b: Any, lower: bool) -> Any:
    return solved(a, b, lambda a, b: built("triangular_solve", a, b, lower=bool(lower)))


@_named("solve_triangular")
def solve_triangular(
    a: Any, b: Any, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False, *_: Any, **__: Any
) -> Any:
    if unit_diagonal:
        n = np.shape(a)[-1]
        a = (np.tril(a, -1) if lower else np.triu(a, 1)) + np.eye(n, dtype=a.dtype)
    if trans in (1, 2, "T", "C"):
        return _triangular(turned(a), b, not lower)
    return _triangular(a, b, lower)


@_named("cho_factor")
def cho_factor(a: Any, lower: bool = False, *_: Any, **__: Any) -> Any:
    """The factor, its other triangle zero (SciPy leaves anything there)."""
    return cholesky(a, lower), lower


@_named("cho_solve")
def cho_solve(c_and_lower: Any, b: Any, *_: Any, **__: Any) -> Any:
    c, lower = c_and_lower
    below = c if lower else turned(c)
    return _triangular(turned(below), _triangular(below, b, True), False)


@_named("cholesky")
def cholesky(a: Any, lower: bool = False, *_: Any, **__: Any) -> Any:
    return linalg.cholesky(a, upper=not lower)


@_named("inv")
def inv(a: Any, *_: Any, **__: Any) -> Any:
    return linalg.inv(a)


@_named("det")
def det(a: Any, *_: Any, **__: Any) -> Any:
    return linalg.det(a)


@_named("eigh")
def eigh(
    a: Any, b: Any = None, *, eigvals_only: bool = False, type: int = 1, subset_by_index: Any = None, **more: Any
) -> Any:
    """Of a pair, by Cholesky's factor L of b: L^-1 a L^-T has the same eigenvalues."""
    if more.get("subset_by_value") is not None or type != 1:
        refuse("scipy.linalg.eigh with subset_by_value= or type=: choose from all eigenvalues of a v = w b v")
    factor: Any = None
    if b is not None:
        a, b = together(a, b)
        factor = linalg.cholesky(b)
        half = _triangular(factor, (a + turned(a)) / 2, True)
        a = _triangular(factor, turned(half), True)
    a = square(a)
    first, last = (0, a.shape[-1] - 1) if subset_by_index is None else subset_by_index
    w = built("eigh", a, take=0)[..., first : last + 1]
    if eigvals_only:
        return w
    v: Any = built("eigh", a, take=1)
    if factor is not None:
        v = _triangular(turned(factor), v, False)
    return w, v[..., first : last + 1]


@_named("eigvalsh")
def eigvalsh(a: Any, b: Any = None, **more: Any) -> Any:
    return eigh(a, b, eigvals_only=True, **more)


@_named("svd")
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, *_: Any, **__: Any) -> Any:
    found = linalg.svd(a, full_matrices, compute_uv)
    return tuple(found) if compute_uv else found


@_named("svdvals")
def svdvals(a: Any, *_: Any, **__: Any) -> Any:
    return linalg.svdvals(a)


@_named("qr")
def qr(
    a: Any, overwrite_a: bool = False, lwork: Any = None, mode: str = "full", pivoting: bool = False, *_: Any, **__: Any
) -> Any:
    if pivoting:
        refuse("scipy.linalg.qr with pivoting=: the order of columns depends on numbers; give them in a fixed order")
    if mode == "r":
        return (linalg.qr(a, "r"),)
    if mode not in ("full", "economic"):
        raise ValueError(f"mode {mode!r}: write 'economic' or 'r'")
    if mode == "full" and a.shape[-2] > a.shape[-1]:
        refuse(f"scipy.linalg.qr of a matrix of shape {a.shape}: write mode='economic'; further columns are arbitrary")
    return tuple(linalg.qr(a))


@_named("polar")
def polar(a: Any, side: str = "right") -> Any:
    u, s, vt = linalg.svd(a, full_matrices=False)
    p = (turned(vt) * s[..., None, :]) @ vt if side == "right" else (u * s[..., None, :]) @ turned(u)
    return u @ vt, p


@_named("orthogonal_procrustes")
def orthogonal_procrustes(A: Any, B: Any, check_finite: bool = True) -> Any:
    u, s, vt = linalg.svd(np.transpose(A) @ B, full_matrices=False)
    return u @ vt, np.sum(s, axis=-1)


@_named("expm")
def expm(A: Any) -> Array:
    return built("expm", square(A))


@_named("expm_frechet")
def expm_frechet(A: Any, E: Any, method: Any = None, compute_expm: bool = True, check_finite: bool = True) -> Any:
    a, e = together(A, E)
    found = built("expm_frechet", square(a), square(e))
    return (expm(a), found) if compute_expm else found


@_named("coshm")
def coshm(A: Any) -> Any:
    return (expm(A) + expm(-A)) / 2  # type: ignore[operator]


@_named("sinhm")
def sinhm(A: Any) -> Any:
    return (expm(A) - expm(-A)) / 2  # type: ignore[operator]


@_named("tanhm")
def tanhm(A: Any) -> Any:
    return linalg.solve(coshm(A), sinhm(A))


@_named("lstsq")
def lstsq(a: Any, b: Any, cond: Any = None, *_: Any, **__: Any) -> Any:
    return linalg.lstsq(a, b, np.finfo(np.result_type(a.dtype, np.float32)).eps if cond is None else cond)


@_named("pinv", "pinvh")
def pinv(a: Any, atol: Any = None, rtol: Any = None, *_: Any, return_rank: bool = False, **__: Any) -> Any:
    if atol:
        refuse("scipy.linalg.pinv with atol=: give rtol, relative to the largest singular value")
    a = matrices(a)
    found = built("pinv", a, rcond=cutoff(a, rtol))
    return (found, linalg.matrix_rank(a, rtol=rtol)) if return_rank else found


@_named("norm")
def norm(a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False, check_finite: bool = True) -> Any:
    return linalg.norm(a, ord, axis, keepdims)


@_named("block_diag")
def block_diag(*arrs: Any) -> Any:
    parts = together(*arrs)
    blocks: list[Any] = [np.reshape(p, (1,) * (2 - p.ndim) + p.shape) for p in parts]
    width, at, rows = sum(b.shape[1] for b in blocks), 0, []
    for b in blocks:
        rows.append(np.pad(b, [(0, 0), (at, width - at - b.shape[1])]))
        at += b.shape[1]
    return np.concatenate(rows)


def _line(x: Any) -> Any:
    return np.ravel(x)


@_named("toeplitz")
def toeplitz(c: Any, r: Any = None) -> Any:
    c = _line(c)
    r = c if r is None else _line(r)
    m, n = len(c), len(r)
    down = np.arange(m)[:, None] - np.arange(n)
    return np.take(np.concatenate([c[::-1], r[1:]]), m - 1 - down)


@_named("hankel")
def hankel(c: Any, r: Any = None) -> Any:
    c = _line(c)
    r = np.zeros_like(c) if r is None else _line(r)
    return np.take(np.concatenate([c, r[1:]]), np.arange(len(c))[:, None] + np.arange(len(r)))


@_named("circulant")
def circulant(c: Any) -> Any:
    n = np.shape(c)[-1]
    return np.take(c, (np.arange(n)[:, None] - np.arange(n)) % n, axis=-1)


def _toeplitz_of(c_or_cr: Any) -> Any:
    return toeplitz(*c_or_cr) if isinstance(c_or_cr, tuple) else toeplitz(c_or_cr)


@_named("solve_toeplitz")
def solve_toeplitz(c_or_cr: Any, b: Any, check_finite: bool = True) -> Any:
    return _either(_toeplitz_of(c_or_cr), b)


@_named("matmul_toeplitz")
def matmul_toeplitz(c_or_cr: Any, x: Any, *_: Any, **__: Any) -> Any:
    return np.matmul(_toeplitz_of(c_or_cr), x)


@_named("solve_circulant")
def solve_circulant(c: Any, b: Any, *_: Any, **__: Any) -> Any:
    return _either(circulant(c), b)


def _either(a: Any, b: Any) -> Any:
    """The solution, where only one of both may be traced."""
    a, b = together(a, b)
    return linalg.solve(a, b)


@_named("khatri_rao")
def khatri_rao(a: Any, b: Any) -> Any:
    graph_of(a, b)
    whole: Any = np.einsum("ij,kj->ikj", a, b)
    return np.reshape(whole, (-1, np.shape(a)[1]))


@_named("eigh_tridiagonal")
def eigh_tridiagonal(d: Any, e: Any, eigvals_only: bool = False, *_: Any, select: str = "a", **__: Any) -> Any:
    if select != "a":
        refuse("scipy.linalg.eigh_tridiagonal with select=: choose from all eigenvalues")
    d, e = floating(together(d, e)[0]), together(d, e)[1]
    return eigh(np.diag(d) + np.diag(e, 1) + np.diag(e, -1), eigvals_only=eigvals_only)
