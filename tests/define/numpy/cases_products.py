"""Calls of products, convolutions and polynomials."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.define.numpy.agreement import Case, S, case

_RNG = np.random.default_rng(0)
A = _RNG.standard_normal((2, 3, 4))
V = _RNG.standard_normal(4)
W = _RNG.standard_normal(3)
M = _RNG.standard_normal((3, 4))
SQUARE = _RNG.standard_normal((3, 3))
F = M.astype(np.float32)
INT = _RNG.integers(-4, 5, (3, 4))
BOOL = M > 0
EMPTY = np.zeros((0, 4))
SCALAR = np.float64(1.3)

CASES: list[Case] = []


def _add(f: Any, *args: Any, **keywords: Any) -> None:
    CASES.append(case(f, *args, **keywords))


def _einsum() -> None:
    for text, *operands in (
        ("ij,j->i", M, V),
        ("ij,j", M, V),
        ("ij->ji", M),
        ("ji", M),
        ("ba", M),
        ("ij->", M),
        ("ii->i", SQUARE),
        ("ii", SQUARE),
        ("ii->", SQUARE),
        ("i,j->ij", V, W),
        ("i,i->i", V, V),
        ("ij,kj->ik", M, M),
        ("aij,ij->a", A, M),
        ("...ij,...j->...i", A, V),
        ("...ij,...jk->...ik", A, A.swapaxes(1, 2)),
        ("...j,j", A, V),
        ("i...->...", A),
        ("...->...", A),
        ("...i->i...", A),
        ("ij,jk,kl->il", SQUARE, SQUARE, M),
        ("ij,jk,kl,lm", SQUARE, SQUARE, M, M.T),
        ("i,->i", V, SCALAR),
        (",ij", SCALAR, M),
        (" i j , j -> i ", M, V),
        ("ij,ij->", INT, INT),
        ("ij,ij->", INT, M),
        ("ij,ij->", F, F),
        ("ij,j->i", EMPTY, V),
        ("ji,j->i", EMPTY, np.zeros(0)),
        ("ij,jk->ik", M, W[:, None] * V),
        ("ij,jk->ik", M, np.ones((1, 2))),
        ("ij,i->ij", M, np.ones(1)),
        ("iij->ij", _RNG.standard_normal((2, 2, 3))),
        ("iij,j", _RNG.standard_normal((2, 2, 3)), W),
        ("ij,j->k", M, V),
        ("ij,j->ii", M, V),
        ("ijk,j->i", M, V),
        ("ij->i,j", M),
        ("ij,j->i", M),
        ("Aa,a->A", M, V),
    ):
        CASES.append(case(np.einsum, text, *operands))
    _add(np.einsum, "ij,j->i", M, S(np.arange(4.0)))
    _add(np.einsum, "ij,j->i", M, V, optimize=True)
    _add(np.einsum, M, [0, 1], V, [1], [0])
    _add(np.einsum, M, [0, 1], V, [1])
    _add(np.einsum, M, [1, 0])
    _add(np.einsum, A, [..., 0], V, [0], [...])


def _products() -> None:
    for a, b in ((V, V), (M, V), (M, M.T), (A, V), (A, M.T), (V, M.T), (SCALAR, M), (M, SCALAR), (INT, V), (F, F.T),
                 (M, W), (EMPTY, V), (A, A), (BOOL, BOOL.T), (V, 2.0)):  # fmt: skip
        _add(np.dot, a, b)
        _add(np.inner, a, b)
        _add(np.outer, a, b)
        _add(np.kron, a, b)
        _add(np.vdot, a, b)
        _add(np.tensordot, a, b, 1)
        _add(np.tensordot, a, b, 0)
    _add(np.outer, M, V)
    _add(np.kron, SQUARE, A)
    _add(np.vdot, M, M)
    _add(np.tensordot, A, M)
    _add(np.tensordot, A, A, ([0, 1], [0, 1]))
    _add(np.tensordot, A, M, axes=(1, 0))
    _add(np.tensordot, A, M, axes=([2, 1], [1, 0]))
    _add(np.tensordot, A, M, axes=([-1], [-1]))
    _add(np.tensordot, A, M, axes=([0], [0]))
    _add(np.tensordot, INT, M, axes=([0, 1], [0, 1]))
    for x in (SQUARE, M, A, INT, BOOL, F):
        _add(np.trace, x)
        _add(np.trace, x, 1)
        _add(np.trace, x, offset=-2)
    _add(np.trace, A, 0, 2, 1)
    _add(np.trace, A, axis1=-1, axis2=0)
    _add(np.trace, V)
    triple = _RNG.standard_normal((5, 3))
    _add(np.cross, W, W[::-1].copy())
    _add(np.cross, triple, W)
    _add(np.cross, triple, triple * W)
    _add(np.cross, triple.T.copy(), triple.T * 2, axis=0)
    _add(np.cross, triple.T.copy(), W, axisa=0)
    _add(np.cross, triple, W, axisc=0)
    _add(np.cross, V, V)
    _add(np.cross, np.array([1, 2, 3]), W)
    _add(np.cov, M)
    _add(np.cov, M, rowvar=False)
    _add(np.cov, V)
    _add(np.cov, V, V**2)
    _add(np.cov, M, M * 2, ddof=0)
    _add(np.cov, M, bias=True)
    _add(np.cov, M, aweights=S(np.array([1.0, 2.0, 1.0, 0.5])).value)
    _add(np.cov, M, fweights=S(np.array([1, 2, 1, 3])).value)
    _add(np.cov, INT)
    _add(np.corrcoef, M)
    _add(np.corrcoef, V, V**2)
    _add(np.corrcoef, M, rowvar=False)


def _convolutions() -> None:
    long = _RNG.standard_normal(7)
    for mode in ("full", "same", "valid"):
        for f in (np.convolve, np.correlate):
            for a, b in ((long, V), (V, long), (V, W), (V, V), (long, np.array([2.0])), (np.array([1, 2, 3]), W),
                         (np.array([1, 2, 3]), np.array([0, 1])), (V.astype(np.float32), V)):  # fmt: skip
                _add(f, a, b, mode)
    _add(np.convolve, V, S(np.array([1.0, 2.0])))
    _add(np.convolve, S(np.array([1.0, 2.0])), V)
    _add(np.convolve, V, np.zeros(0))
    _add(np.correlate, V, W)
    _add(np.convolve, M, V)
    _add(np.convolve, SCALAR, V)


def _polynomials() -> None:
    for x in (SCALAR, V, M, INT, F):
        _add(np.polyval, W, x)
        _add(np.polyval, S([1, 2, 3]), x)
        _add(np.polyval, S(np.array([1.0, 2.0])), x)
    _add(np.polyval, V.astype(np.float32), np.float32(2))
    _add(np.polyval, np.zeros(0), V)
    _add(np.polyder, V)
    _add(np.polyder, V, 2)
    _add(np.polyder, V, 5)
    _add(np.polyder, V, 0)
    _add(np.polyder, np.array([1, 2, 3]))
    _add(np.polyint, V)
    _add(np.polyint, V, 2)
    _add(np.polyint, V, 2, [1.0, 2.0])
    _add(np.polyint, V, k=3.0)
    _add(np.polymul, V, W)
    _add(np.polymul, V, [1.0, 2.0])
    _add(np.polyadd, V, W)
    _add(np.polyadd, W, V)
    _add(np.polysub, W, V)
    _add(np.vander, V)
    _add(np.vander, V, 2)
    _add(np.vander, V, 3, increasing=True)
    _add(np.vander, np.array([1, 2, 3]))
    _add(np.vander, M)
    _add(np.poly, V)


_einsum()
_products()
_convolutions()
_polynomials()
