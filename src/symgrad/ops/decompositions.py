"""Decompositions of matrices (leading axes are a batch), triangular systems and the matrix exponential.

Rules: M. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic differentiation"
(2008); N. Higham, "Functions of Matrices" (2008), section 3.2, for the exponential; G. Golub and V. Pereyra, "The
differentiation of pseudo-inverses" (1973). A decomposition of several parts is one operation per part, whose attribute
`take` says which; back ends decompose once for all of them.

Where eigenvalues or singular values are equal (to rounding), a single vector has no derivative: the terms that would
divide by their difference are 0. What depends on such vectors through their span alone, and on equal values alike, has
its right first derivative; second derivatives lack what the difference of such functions' slopes would contribute.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from symgrad.graph import Graph, Node, Op, Type, promote
from symgrad.graph.node import spread
from symgrad.ops.arith import where
from symgrad.ops.compare import less_equal
from symgrad.ops.declare import tangent
from symgrad.ops.einsum import contract
from symgrad.ops.linalg import applied, equations_first, matrix_labels, solve_factor, times, turned
from symgrad.ops.literal import constant_array
from symgrad.ops.reduce import amax
from symgrad.ops.slicing import concatenate, slice_

Tangents = Sequence[Node | None]


def _square(types: list[Type]) -> Type:
    t = types[0]
    if len(t.shape) < 2 or t.lengths[-1] != t.lengths[-2]:
        raise TypeError(f"a square matrix is needed, got shape {t.shape}")
    return t


def _cubic(factor: float) -> Callable[..., float]:
    def work(types: list[Type], *_: object) -> float:
        *lead, m, n = types[0].lengths
        return factor * math.prod(lead) * m * n * min(m, n)

    return work


def elements(a: Node, b: Node) -> Node:
    """The product element by element, with a constant matrix (2 axes) on either side."""
    rank = max(len(a.shape), len(b.shape))
    labels = tuple(range(rank))
    out = [(x.id, labels[rank - len(x.shape) :]) for x in (a, b)]
    return Node(a.graph, contract(a.graph, out, labels))


def _pattern(like: Node, pattern: np.ndarray) -> Node:
    g = like.graph
    return Node(g, constant_array(g, pattern.astype(like.type.dtype)))


def _lower(x: Node, diagonal: float, below: float = 1.0) -> Node:
    """The elements below the diagonal of a square matrix, and `diagonal` times those on it."""
    n = x.type.lengths[-1]
    return elements(x, _pattern(x, below * np.tril(np.ones((n, n)), -1) + diagonal * np.eye(n)))


def _symmetric_part(x: Node) -> Node:
    half = x.graph.const(0.5, x.type.dtype)
    return Node(x.graph, half) * (x + turned(x))


def _columns_scaled(x: Node, v: Node) -> Node:
    """x diag(v)."""
    lead, row, column = matrix_labels(x)
    return Node(
        x.graph, contract(x.graph, [(x.id, (*lead, row, column)), (v.id, (*lead, column))], (*lead, row, column))
    )


def _diagonal(x: Node) -> Node:
    lead, row, _ = matrix_labels(x)
    return Node(x.graph, contract(x.graph, [(x.id, (*lead, row, row))], (*lead, row)))


def _largest(v: Node) -> Node:
    """Of |v|, along the last axis."""
    return amax(abs(v))


def _reciprocal(x: Node, scale: Node) -> Node:
    """1/x, and 0 where x is 0 to rounding: `scale`, per matrix, is the size of what x was worked out from."""
    g, lengths = x.graph, x.type.lengths
    lead = tuple(range(len(scale.shape)))
    rounding = float(np.finfo(x.type.dtype).eps) * max(lengths[-1], 1)
    tiny = Node(g, contract(g, [((scale * rounding).id, lead)], tuple(range(len(lengths))), dict(enumerate(lengths))))
    zero = less_equal(abs(x), tiny)
    return where(zero, 0, 1 / where(zero, 1, x))


def _pairs(v: Node, sign: int) -> Node:
    """1/(v_j + v_i) or 1/(v_j - v_i), axes ij, and 0 where that divides by zero."""
    g, rank = v.graph, len(v.shape)
    lead, i, j = tuple(range(rank - 1)), rank - 1, rank
    n = v.type.lengths[-1]
    if n == 0:
        return Node(g, spread(g, g.const(0, v.type.dtype), (*v.type.lengths, n)))
    sizes = {**dict(enumerate(v.type.lengths)), i: n, j: n}
    down = Node(g, contract(g, [(v.id, (*lead, i))], (*lead, i, j), sizes))
    across = Node(g, contract(g, [(v.id, (*lead, j))], (*lead, i, j), sizes))
    return _reciprocal(across + down if sign > 0 else across - down, _largest(v))


def _given(tangents: Tangents) -> Node:
    (t,) = tangents
    assert t is not None
    return t


def _cholesky_tangent(tangents: Tangents, a: Node, y: Node) -> Node:
    """L phi(L^-1 dA L^-T), phi keeping what is below the diagonal and half of the diagonal."""
    inner = triangular_solve(y, _symmetric_part(_given(tangents)), lower=True)
    inner = turned(triangular_solve(y, turned(inner), lower=True))
    return times(y, _lower(inner, 0.5))


def _triangular_type(types: list[Type], lower: bool) -> Type:
    a, b = types
    _square([a])
    lead = len(a.shape) - 2
    if b.shape[: lead + 1] != a.shape[:-1]:
        raise TypeError(f"triangular_solve: a right side of shape {b.shape} for a matrix of shape {a.shape}")
    return Type(promote([a.dtype, b.dtype]), b.shape)


def _triangular_tangent(tangents: Tangents, a: Node, b: Node, x: Node, lower: bool) -> Node:
    da, db = tangents
    right = db
    if da is not None:
        n = a.type.lengths[-1]
        used = np.tril(np.ones((n, n))) if lower else np.triu(np.ones((n, n)))
        moved = applied(elements(da, _pattern(a, used)), x)
        right = -moved if right is None else right - moved
    assert right is not None
    return triangular_solve(a, right, lower=lower)


def _eigh_type(types: list[Type], take: int) -> Type:
    t = _square(types)
    return t if take else Type(t.dtype, t.shape[:-1])


def _eigh_tangent(tangents: Tangents, a: Node, y: Node, take: int) -> Node:
    """dw = diag(V^T dA V), dV = V (F o V^T dA V) with F_ij = 1/(w_j - w_i)."""
    v = y if take else eigh(a, take=1)
    inner = times(times(turned(v), _symmetric_part(_given(tangents))), v)
    if not take:
        return _diagonal(inner)
    return times(v, _pairs(eigh(a, take=0), -1) * inner)


def _svd_type(types: list[Type], take: int) -> Type:
    t = types[0]
    if len(t.shape) < 2:
        raise TypeError(f"svd of shape {t.shape}")
    *lead, m, n = t.lengths
    k = min(m, n)
    return Type(t.dtype, (*lead, *((m, k), (k,), (k, n))[take]))


def _svd_tangent(tangents: Tangents, a: Node, y: Node, take: int) -> Node:
    da = _given(tangents)
    u, s, vt = (y if k == take else svd(a, take=k) for k in range(3))
    v = turned(vt)
    inner = times(times(turned(u), da), v)
    if take == 1:
        return _diagonal(inner)
    # U^T dU and V^T dV are antisymmetric: their sum and difference divide by s_j - s_i and by s_j + s_i
    both = _pairs(s, -1) * (inner + turned(inner))
    apart = _pairs(s, 1) * (inner - turned(inner))
    half = Node(a.graph, a.graph.const(0.5, a.type.dtype))
    *_, m, n = a.type.lengths
    inverse = _reciprocal(s, _largest(s)) if min(m, n) else s
    if take == 0:
        moved = half * times(u, both + apart)
        if m <= n:
            return moved
        image = times(da, v)  # what is left of it lies outside of the span of U
        return moved + _columns_scaled(image - times(u, times(turned(u), image)), inverse)
    moved = half * times(v, both - apart)
    if n > m:
        image = times(turned(da), u)
        moved = moved + _columns_scaled(image - times(v, times(vt, image)), inverse)
    return turned(moved)


def _qr_type(types: list[Type], take: int) -> Type:
    t = types[0]
    if len(t.shape) < 2:
        raise TypeError(f"qr of shape {t.shape}")
    *lead, m, n = t.lengths
    k = min(m, n)
    return Type(t.dtype, (*lead, *((m, k), (k, n))[take]))


def _qr_tangent(tangents: Tangents, a: Node, y: Node, take: int) -> Node:
    """dQ = Q (W - Q^T X) + X and dR = (Q^T X - W) R with X = dA R^-1 and W antisymmetric.

    Of a wide matrix the square part in front gives Q; what stands behind it in R is Q^T A.
    """
    *_, m, n = a.type.lengths
    da = _given(tangents)
    q, r = (y if k == take else qr(a, take=k) for k in range(2))
    square, front = (_columns(r, 0, m), _columns(da, 0, m)) if m < n else (r, da)
    x = turned(triangular_solve(turned(square), turned(front), lower=True))
    inner = times(turned(q), x)
    below = _lower(inner, 0.0)
    w = below - turned(below)
    if take == 0:
        return times(q, w - inner) + x
    moved = times(inner - w, square)
    if m < n:  # Q^T dQ = W
        behind = times(turned(q), _columns(da, m, n)) - times(w, _columns(r, m, n))
        moved = concatenate(moved, behind, axis=-1)
    return moved


def _columns(x: Node, start: int, stop: int) -> Node:
    return slice_(x, start=(0, start), stop=(x.type.lengths[-2], stop), step=(1, 1))


def _frechet_type(types: list[Type]) -> Type:
    if types[0] != types[1]:
        raise TypeError(f"expm_frechet of {types[0]} and {types[1]}: two arrays of one type")
    return _square(types)


def blocks(a: Node, b: Node, c: Node, d: Node) -> Node:
    """The matrix [[a, b], [c, d]]."""
    return concatenate(concatenate(a, b, axis=-1), concatenate(c, d, axis=-1), axis=-2)


def _frechet_tangent(tangents: Tangents, a: Node, e: Node, y: Node) -> Node:
    """By a in direction D, a block of the derivative of [[a, e], [0, a]] in direction [[D, 0], [0, D]]."""
    da, de = tangents
    total = None if de is None else expm_frechet(a, de)
    if da is not None:
        n = a.type.lengths[-1]
        zero = Node(a.graph, spread(a.graph, a.graph.const(0, a.type.dtype), a.shape))
        both = expm_frechet(blocks(a, e, zero, a), blocks(da, zero, zero, da))
        part = slice_(both, start=(0, n), stop=(n, 2 * n), step=(1, 1))
        total = part if total is None else total + part
    assert total is not None
    return total


def _frechet(g: Graph, args: tuple[int, ...], _: object) -> int | None:
    """In the direction of the identity, which commutes with everything: the exponential itself."""
    return g.build(expm, args[:1]) if g.ops[args[1]].name == "delta" else None


def _frechet_transposed(ct: Node, a: Node, e: Node, y: Node) -> Node:
    across = turned(a)
    return expm_frechet(Node(a.graph, spread(a.graph, across.id, ct.shape)), ct)


def _pinv_type(types: list[Type], rcond: float) -> Type:
    (t,) = types
    if len(t.shape) < 2:
        raise TypeError(f"pinv of shape {t.shape}")
    return Type(t.dtype, (*t.shape[:-2], t.shape[-1], t.shape[-2]))


def _pinv_tangent(tangents: Tangents, a: Node, y: Node, rcond: float) -> Node:
    """Where the rank stays the same: -P dA P + P P^T dA^T (1 - A P) + (1 - P A) dA^T P^T P."""
    da, across = _given(tangents), turned(y)
    up = turned(da)
    left, right = times(times(y, across), up), times(up, times(across, y))
    inside = times(times(y, da), y)
    return left - times(times(left, a), y) + right - times(y, times(a, right)) - inside


def _triangular(g: Graph, args: tuple[int, ...], attrs: tuple[bool, ...]) -> int | None:
    a, b = args
    if g.ops[a].name == "delta":
        return b
    if g.ops[b].name == "negative":
        return g.build(g.ops[b], (g.build(triangular_solve, (a, g.args[b][0]), attrs),))
    if len(g.types[a].shape) > 2:
        return None
    return solve_factor(g, a, b, lambda right: g.build(triangular_solve, (a, right), attrs))


def _of_diagonal(g: Graph, args: tuple[int, ...], _: object) -> int | None:
    return args[0] if g.ops[args[0]].name == "delta" else None


triangular_solve = tangent(
    "triangular_solve",
    2,
    _triangular_type,
    _triangular_tangent,
    attrs=("lower",),
    normal=_triangular,
    transposes={
        1: lambda ct, a, b, x, lower: equations_first(
            ct, a, x, lambda right: triangular_solve(turned(a), right, lower=not lower)
        )
    },
    work=lambda types, lower: types[0].lengths[-1] * math.prod(types[1].lengths),
    doc="x with a x = b for the lower (or upper) triangle of a; b of shape (n, ...) after the batch",
)
cholesky: Op = tangent(
    "cholesky",
    1,
    _square,
    _cholesky_tangent,
    normal=_of_diagonal,
    work=_cubic(1 / 3),
    doc="lower triangular L with L L^T = a, for symmetric positive definite a; NaN where a is not",
)
eigh: Op = tangent(
    "eigh",
    1,
    _eigh_type,
    _eigh_tangent,
    attrs=("take",),
    work=_cubic(9),
    doc="take 0: eigenvalues in ascending order, 1: eigenvectors as columns, of the symmetric part of a",
)
svd: Op = tangent(
    "svd",
    1,
    _svd_type,
    _svd_tangent,
    attrs=("take",),
    work=_cubic(20),
    doc="take 0: U, 1: singular values in descending order, 2: V^T, the reduced ones",
)
pinv: Op = tangent(
    "pinv",
    1,
    _pinv_type,
    _pinv_tangent,
    attrs=("rcond",),
    work=_cubic(20),
    doc="the pseudo-inverse; singular values up to rcond times the largest count as zero",
)
qr: Op = tangent(
    "qr", 1, _qr_type, _qr_tangent, attrs=("take",), work=_cubic(4), doc="take 0: Q, 1: R, the reduced ones"
)
expm_frechet: Op = tangent(
    "expm_frechet",
    2,
    _frechet_type,
    _frechet_tangent,
    transposes={1: _frechet_transposed},
    normal=_frechet,
    work=_cubic(100),
    doc="the derivative of the matrix exponential at a in the direction e",
)
expm: Op = tangent(
    "expm",
    1,
    _square,
    lambda tangents, a, y: expm_frechet(a, _given(tangents)),
    work=_cubic(30),
    doc="the exponential of a matrix",
)
