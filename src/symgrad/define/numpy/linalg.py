"""What numpy.linalg means. Leading axes are a batch, as there.

Of matrices that are to be symmetric (`cholesky`, `eigh`) the symmetric part is used, where NumPy reads one triangle.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.define.numpy.broadcast import broadcast_to, floating, result_dtype
from symgrad.define.numpy.functions import given, product
from symgrad.define.numpy.messages import REFUSED
from symgrad.define.numpy.tracer import Array, graph_of, implements, node, refuse
from symgrad.graph import REGISTER

SlogdetResult: Any = type(np.linalg.slogdet(np.eye(1)))
EighResult: Any = type(np.linalg.eigh(np.eye(1)))
SVDResult: Any = type(np.linalg.svd(np.eye(1)))
QRResult: Any = type(np.linalg.qr(np.eye(1)))

REFUSED[np.linalg.eig] = REFUSED[np.linalg.eigvals] = (
    "eigenvalues of a matrix that is not symmetric may be complex; write np.linalg.eigh for a symmetric one"
)

_FULL = "singular vectors beyond the smaller side are not determined by the matrix: write full_matrices=False"
_ALL = "columns of Q beyond those of the matrix are not determined by it: write mode='reduced'"


def built(name: str, *arrays: Array, **attrs: Any) -> Array:
    """The operation of this name."""
    op, g = REGISTER[name], arrays[0].graph
    return Array(g, g.build(op, tuple([a.id for a in arrays]), tuple([attrs[k] for k in op.attrs])))


def together(*values: Any) -> list[Array]:
    """Values as traced arrays of one floating dtype."""
    g, dtype = graph_of(*values), result_dtype([v if isinstance(v, Array) else np.asarray(v) for v in values])
    dtype = dtype if dtype.startswith("float") else "float64"
    return [Array(g, node(g, v, dtype)) for v in values]


def matrices(a: Any) -> Array:
    """`a` in floating point; ValueError where it is no matrix."""
    if a.ndim < 2:
        raise ValueError(f"an array of shape {a.shape} is no matrix")
    return floating(a)


def square(a: Any) -> Array:
    """`a` in floating point; ValueError where it is no square matrix."""
    a = matrices(a)
    if a.shape[-1] != a.shape[-2]:
        raise ValueError(f"a matrix of shape {a.shape} is not square")
    return a


def spread(a: Array, shape: Sequence[int]) -> Array:
    return Array(a.graph, broadcast_to(a.graph, a.id, shape))


def turned(a: Any) -> Any:
    return np.swapaxes(a, -1, -2)


def solved(a: Any, b: Any, how: Callable[[Array, Array], Array]) -> Any:
    """`how(a, b)` for right sides with their equations behind the batch; a vector `b` is one right side for all."""
    a, b = together(a, b)
    square(a)
    batch, n = a.shape[:-2], a.shape[-1]
    if not b.ndim or b.shape[-2 if b.ndim > 1 else 0] != n:
        raise ValueError(f"a right side of shape {b.shape} for a matrix of shape {a.shape}")
    if b.ndim == 1:
        return how(a, spread(b, (*batch, n)))
    if not batch:  # one matrix: all right sides at once
        found: Any = how(a, np.moveaxis(b, -2, 0))  # type: ignore[arg-type]
        return np.moveaxis(found, 0, -2)
    whole = np.broadcast_shapes(batch, b.shape[:-2])
    return how(spread(a, (*whole, n, n)), spread(b, (*whole, *b.shape[-2:])))


@implements(np.linalg.solve)
def solve(a: Any, b: Any) -> Any:
    return solved(a, b, lambda a, b: built("solve", a, b))


@implements(np.linalg.inv)
def inv(a: Any) -> Array:
    return built("inv", square(a))


@implements(np.linalg.det)
def det(a: Any) -> Array:
    return built("det", square(a))


@implements(np.linalg.slogdet)
def slogdet(a: Any) -> Any:
    a = square(a)
    return SlogdetResult(built("det_sign", a), built("logabsdet", a))


@implements(np.linalg.cholesky)
def cholesky(a: Any, /, *, upper: bool = False) -> Any:
    lower = built("cholesky", square(a))
    return turned(lower) if upper else lower


@implements(np.linalg.eigh)
def eigh(a: Any, UPLO: str = "L") -> Any:
    a = _symmetric(a, UPLO)
    return EighResult(built("eigh", a, take=0), built("eigh", a, take=1))


@implements(np.linalg.eigvalsh)
def eigvalsh(a: Any, UPLO: str = "L") -> Array:
    return built("eigh", _symmetric(a, UPLO), take=0)


def _symmetric(a: Any, side: str) -> Array:
    if side.upper() not in ("L", "U"):
        raise ValueError("UPLO argument must be 'L' or 'U'")
    return square(a)


@implements(np.linalg.svd)
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    if not compute_uv:
        return svdvals(a)
    a = matrices(a)
    if full_matrices and a.shape[-1] != a.shape[-2]:
        refuse(f"np.linalg.svd of a matrix of shape {a.shape}: {_FULL}")
    return SVDResult(*[built("svd", a, take=k) for k in range(3)])


@implements(np.linalg.svdvals)
def svdvals(x: Any, /) -> Array:
    return built("svd", matrices(x), take=1)


@implements(np.linalg.qr)
def qr(a: Any, mode: str = "reduced") -> Any:
    a = matrices(a)
    if mode == "r":
        return built("qr", a, take=1)
    if mode == "complete" and a.shape[-2] > a.shape[-1]:
        refuse(f"np.linalg.qr of a matrix of shape {a.shape}: {_ALL}")
    if mode not in ("reduced", "complete"):
        raise ValueError(f"mode {mode!r}: write 'reduced' or 'r'")
    return QRResult(built("qr", a, take=0), built("qr", a, take=1))


def cutoff(a: Array, relative: Any = None) -> float:
    """What counts as zero among singular values, relative to the largest."""
    if relative is None:
        return float(np.finfo(a.dtype).eps) * max(a.shape[-2:])
    if isinstance(relative, Array) or np.ndim(relative):
        refuse("a cutoff of singular values that is traced or an array: give a number")
    return max(float(relative), 0.0)


@implements(np.linalg.pinv)
def pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Array:
    a = matrices(a)
    rtol = given(rtol)
    relative = 1e-15 if rcond is None and rtol is None else rcond if rtol is None else rtol
    return built("pinv", a, rcond=cutoff(a, relative))


@implements(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    a, b = together(a, b)
    if a.ndim != 2 or b.ndim not in (1, 2) or len(a) != len(b):
        raise ValueError(f"a right side of shape {b.shape} for a matrix of shape {a.shape}")
    x: Any = built("pinv", a, rcond=cutoff(a, rcond)) @ b  # type: ignore[operator]
    left = np.reshape(b - a @ x, (len(b), -1))
    m, n = a.shape
    residuals = np.sum(left * left, axis=0) if m > n else np.zeros(0, a.dtype)
    s = svdvals(a)
    return x, residuals, _rank(s, cutoff(a, rcond)), s


def _rank(s: Any, relative: Any) -> Any:
    if not s.shape[-1]:
        return np.zeros(s.shape[:-1], int)
    return np.count_nonzero(s > relative * s[..., :1], axis=-1)


@implements(np.linalg.matrix_rank)
def matrix_rank(A: Any, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Any:
    if A.ndim < 2:
        return np.any(np.not_equal(A, 0)).astype("int64")
    s: Any = svdvals(A)
    if tol is not None:
        return np.count_nonzero(s > np.expand_dims(tol, -1), axis=-1)
    return _rank(s, cutoff(floating(A)) if rtol is None else np.expand_dims(rtol, -1))


@implements(np.linalg.cond)
def cond(x: Any, p: Any = None) -> Any:
    if p in (None, 2, -2):
        s: Any = svdvals(x)
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    return norm(x, p, axis=(-2, -1)) * norm(inv(x), p, axis=(-2, -1))


@implements(np.linalg.matrix_power)
def matrix_power(a: Any, n: int) -> Any:
    a = square(a)
    if n < 0:
        a, n = inv(a), -n
    if n == 0:
        return spread(together(a, np.eye(a.shape[-1], dtype=a.dtype))[1], a.shape)
    result: Any = None
    while n:
        if n & 1:
            result = a if result is None else result @ a  # type: ignore[operator]
        n >>= 1
        a = a @ a if n else a  # type: ignore[operator]
    return result


@implements(np.linalg.multi_dot)
def multi_dot(arrays: Any, *, out: Any = None) -> Any:
    values = list(arrays)
    if len(values) < 2:
        raise ValueError("multi_dot of at least two arrays")
    if any(np.ndim(v) != 2 for v in values[1:-1]) or any(np.ndim(v) not in (1, 2) for v in (values[0], values[-1])):
        raise ValueError("multi_dot of matrices; the first and the last may be vectors")
    last = len(values)
    parts: list[tuple[Any, tuple[int, ...]]] = [(v, (k, k + 1)) for k, v in enumerate(values)]
    wanted: tuple[int, ...] = (0, last)
    if np.ndim(values[0]) == 1:
        parts[0], wanted = (values[0], (1,)), wanted[1:]
    if np.ndim(values[-1]) == 1:
        parts[-1], wanted = (values[-1], (last - 1,)), wanted[:-1]
    return product(parts, wanted, "np.linalg.multi_dot")


@implements(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    if axes is not None:
        kept = [k for k in range(np.ndim(a)) if k not in [x % np.ndim(a) for x in axes]]
        a = np.transpose(a, kept + [x % np.ndim(a) for x in axes])
    rest = np.shape(a)[np.ndim(b) :]
    return np.reshape(solve(np.reshape(a, (np.size(b), -1)), np.ravel(b)), rest)


@implements(np.linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> Any:
    if ind <= 0:
        raise ValueError("Invalid ind argument.")
    front, behind = a.shape[:ind], a.shape[ind:]
    return np.reshape(inv(np.reshape(a, (int(np.prod(front)), -1))), behind + front)


@implements(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    x = floating(x)
    axes = tuple(range(x.ndim)) if axis is None else tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    axes = tuple(int(k) % max(x.ndim, 1) for k in axes)
    if ord is None and (axis is None or len(axes) < 3):
        return _root(x, axes, keepdims)
    if len(axes) == 1:
        return _of_vectors(x, ord, axes[0], keepdims)
    if len(axes) == 2 and axes[0] != axes[1]:
        return _of_matrices(x, ord, axes, keepdims)
    raise ValueError("Improper number of dimensions to norm.")


def _root(x: Array, axes: tuple[int, ...], keepdims: bool) -> Any:
    """The root of the sum of squares."""
    labels = tuple(range(x.ndim))
    whole = product([(x, labels), (x, labels)], tuple(k for k in labels if k not in axes), "norm")
    root: Any = np.sqrt(whole)  # type: ignore[call-overload]
    return np.expand_dims(root, tuple(axes)) if keepdims and axes else root


def _of_vectors(x: Any, ord: Any, axis: int, keepdims: bool) -> Any:
    if isinstance(ord, (str, Array)):
        raise ValueError(f"Invalid norm order {ord!r} for vectors")
    if ord == 2:
        return _root(x, (axis,), keepdims)
    size = np.abs(x)
    if abs(ord) == np.inf:
        return (np.max if ord > 0 else np.min)(size, axis=axis, keepdims=keepdims)
    if ord == 0:
        return np.sum(np.not_equal(x, 0).astype(x.dtype), axis=axis, keepdims=keepdims)
    if ord == 1:
        return np.sum(size, axis=axis, keepdims=keepdims)
    power = int(ord) if float(ord).is_integer() else float(ord)
    return np.sum(size**power, axis=axis, keepdims=keepdims) ** (1 / ord)


def _of_matrices(x: Any, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    if ord in ("fro", "f"):
        return _root(x, axes, keepdims)
    inner = np.moveaxis(x, axes, (-2, -1))
    if ord in (2, -2, "nuc"):
        s = svdvals(inner)
        found = np.sum(s, axis=-1) if ord == "nuc" else (np.max if ord == 2 else np.min)(s, axis=-1)
    elif ord in (1, -1, np.inf, -np.inf):
        sums = np.sum(np.abs(inner), axis=-2 if abs(ord) == 1 else -1)
        found = (np.max if ord > 0 else np.min)(sums, axis=-1)
    else:
        raise ValueError(f"Invalid norm order {ord!r} for matrices")
    return np.expand_dims(found, axes) if keepdims else found


@implements(np.linalg.vector_norm)
def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, (tuple, list)) else (axis,)
    axes = tuple(int(k) % x.ndim for k in axes)
    kept = [k for k in range(x.ndim) if k not in axes]
    flat = np.reshape(np.transpose(x, [*kept, *axes]), [*[x.shape[k] for k in kept], -1])
    found = norm(flat, ord, axis=-1)
    return np.expand_dims(found, axes) if keepdims else found


@implements(np.linalg.matrix_norm)
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    return norm(x, ord, axis=(-2, -1), keepdims=keepdims)


@implements(np.linalg.trace)
def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    return np.trace(x, offset, axis1=-2, axis2=-1, dtype=dtype)


@implements(np.linalg.diagonal)
def diagonal(x: Any, /, *, offset: int = 0) -> Any:
    return np.diagonal(x, offset, axis1=-2, axis2=-1)


@implements(np.linalg.matrix_transpose)
def matrix_transpose(x: Any, /) -> Any:
    return turned(x)


def _same(own: Any, other: Any) -> None:
    @implements(own)
    def meaning(*args: Any, **keywords: Any) -> Any:
        return other(*args, **keywords)


_same(np.linalg.matmul, np.matmul)
_same(np.linalg.outer, np.outer)
_same(np.linalg.cross, np.cross)
_same(np.linalg.tensordot, np.tensordot)
_same(np.linalg.vecdot, np.vecdot)
