"""Contractions of two arrays as calls of BLAS: which axes become rows and columns, and what must be copied.

A contraction has four kinds of labels: of a batch (in both operands and the result), rows (of the first operand
and the result), columns (of the second and the result) and those summed over. Axes of one kind are joined where
they lie one behind the other; an operand for which they don't is copied.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import product

from symgrad.compile.plan.steps import Gemm, Matmul, Matrix, Mirror, Step
from symgrad.compile.plan.views import Shape, View
from symgrad.graph import Graph
from symgrad.ops.einsum import Part
from symgrad.ops.subscripts import Labels, parse, sums

HALF = 192
"""Rows from which on of a symmetric product only what is above the diagonal is computed, block by block."""
BLOCKS = 8
UNROLLED = 8
"""Products of a batch up to here are calls one by one."""

Copy = Callable[[View], View]
"""Puts a copy of a view's elements, in C order, into memory of its own."""


def permuted(v: View, labels: Labels, wanted: Labels) -> View:
    """The axes, called `labels`, in the order `wanted`."""
    order = [labels.index(x) for x in wanted]
    return v.with_axes(tuple(v.shape[k] for k in order), tuple(v.strides[k] for k in order))


def joined(v: View, groups: Sequence[int]) -> View | None:
    """Runs of axes, `groups` long, as one axis each; None where they do not lie one behind the other."""
    shape, start = [], 0
    for n in groups:
        shape.append(math.prod(v.shape[start : start + n]))
        start += n
    return v.reshaped(tuple(shape))


def _by_memory(labels: Labels, v: View, own: Labels) -> Labels:
    """Labels in the order in which they lie in memory."""
    return tuple(sorted(labels, key=lambda x: -abs(v.strides[own.index(x)])))


def contraction(
    a: tuple[View, Labels],
    b: tuple[View, Labels],
    c: tuple[View, Labels],
    alpha: float,
    beta: float,
    mirrored: dict[int, int] | None,
    copied: Copy,
    scratch: Callable[[Shape], View],
    move: Callable[[View, View, float, float], None],
    emit: Callable[[Step], None],
) -> None:
    """Emits the steps of c = alpha * (sum of a b) + beta * c.

    mirrored: see `symmetric`. copied: see `Copy`; scratch: memory of this shape; move(from, to, factor, add): emits
    to = factor * from + add * to.
    """
    (av, la), (bv, lb), (cv, lc) = a, b, c
    batch = tuple(x for x in lc if x in la and x in lb)
    shared = tuple(x for x in la if x in lb and x not in lc)
    rows = tuple(x for x in lc if x in la and x not in batch)
    columns = tuple(x for x in lc if x in lb and x not in batch)
    if 0 in cv.shape:
        return
    best: tuple[int, View | None, tuple[Labels, Labels, Labels]] | None = None
    for m, k, n in product(
        dict.fromkeys([rows, _by_memory(rows, av, la)]),
        dict.fromkeys([_by_memory(shared, av, la), _by_memory(shared, bv, lb)]),
        dict.fromkeys([columns, _by_memory(columns, bv, lb)]),
    ):
        if mirrored is not None:
            n = tuple(mirrored[x] for x in m)
        x = _operand(permuted(av, la, batch + m + k), len(batch), len(m))
        y = _operand(permuted(bv, lb, batch + k + n), len(batch), len(k))
        z = _operand(permuted(cv, lc, batch + m + n), len(batch), len(m))
        cost = (av.size if x is None else 0) + (bv.size if y is None else 0) + (cv.size if z is None else 0)
        if best is None or cost < best[0]:
            best = cost, z, (m, k, n)
    assert best is not None
    _, z, (m, k, n) = best
    left, right = permuted(av, la, batch + m + k), permuted(bv, lb, batch + k + n)
    x = _operand(left, len(batch), len(m)) or _operand(copied(left), len(batch), len(m))
    y = _operand(right, len(batch), len(k)) or _operand(copied(right), len(batch), len(k))
    through = None
    target = permuted(cv, lc, batch + m + n)
    if z is None or (math.prod(target.shape[: len(batch)]) > UNROLLED and (alpha, beta) != (1, 0)):
        through = scratch(target.shape)
        z = _operand(through, len(batch), len(m))
    assert x is not None
    assert y is not None
    assert z is not None
    if through is None:
        _calls(x, y, z, alpha, beta, mirrored is not None, emit)
    else:
        _calls(x, y, z, 1.0, 0.0, False, emit)
        move(through, target, alpha, beta)


def symmetric(g: Graph, args: Sequence[int], parts: Sequence[Labels], out: Labels) -> dict[int, int] | None:
    """Row label -> the column label that it may be exchanged with, where the contraction does not change by that.

    Seen of x^T x and x^T diag(p) x, where x may itself be a product of several arrays, and have several axes.
    """
    (a, b), (la, lb) = args, parts
    shared = {x for x in la if x in lb}
    if len(la) != len(lb) or any(x in out for x in shared):
        return None
    pairs: dict[int, int] = {}
    for x, y in zip(la, lb, strict=True):
        if (x in shared or y in shared) and x != y:
            return None
        pairs[x] = y
    left = _factors(g, a, tuple(pairs[x] for x in la), shared)
    right = _factors(g, b, lb, shared)
    return {x: y for x, y in pairs.items() if x not in shared} if left == right else None


def _factors(g: Graph, i: int, labels: Labels, shared: set[int]) -> Counter[Part]:
    """The factors of a node, but for those that have labels of `shared` only."""
    found = label_factors(g, i, labels)
    return Counter({p: n for p, n in found.items() if any(x not in shared for x in p[1])})


def label_factors(g: Graph, i: int, labels: Labels) -> Counter[Part]:
    """The factors of a node that is a product element by element, with their labels."""
    found: Counter[Part] = Counter()
    stack = [(i, labels)]
    while stack:
        j, own = stack.pop()
        name = g.ops[j].name
        if name == "multiply":
            stack += [(a, own) for a in g.args[j]]
        elif name == "einsum" and not sums(*parse(g.attrs[j][0])):
            inner, out = parse(g.attrs[j][0])
            to = dict(zip(out, own, strict=True))
            stack += [(a, tuple(to[x] for x in p)) for a, p in zip(g.args[j], inner, strict=True)]
        else:
            found[j, own] += 1
    return found


def _operand(v: View, batch: int, rows: int) -> View | None:
    """Batch axes, and two of a matrix that BLAS takes; None where that needs a copy."""
    found = joined(v, [1] * batch + [rows, len(v.shape) - batch - rows])
    if found is None or not as_matrix(found, (0,) * batch).for_blas:
        return None
    return found


def as_matrix(v: View, index: Shape) -> Matrix:
    """One matrix of a batch."""
    offset = v.offset + sum(k * s for k, s in zip(index, v.strides, strict=False))
    rows, columns = v.shape[-2:]
    return Matrix(v.buffer, offset, rows, columns, v.strides[-2], v.strides[-1])


def _calls(x: View, y: View, z: View, alpha: float, beta: float, symmetric: bool, emit: Callable[[Step], None]) -> None:
    batch = z.shape[:-2]
    if math.prod(batch) > UNROLLED:
        emit(Matmul(x, y, z))
        return
    for index in product(*map(range, batch)):
        a, b, c = (as_matrix(v, index) for v in (x, y, z))
        if symmetric and not batch and beta == 0 and c.rows >= HALF:
            if b == a.turned and c.down != c.right:
                emit(Gemm(z.dtype, a, b, c, alpha, 0.0, half=True))
            else:
                _half(z.dtype, a, b, c, alpha, emit)
            emit(Mirror(z))
        else:
            emit(Gemm(z.dtype, a, b, c, alpha, beta))


def _half(dtype: str, a: Matrix, b: Matrix, c: Matrix, alpha: float, emit: Callable[[Step], None]) -> None:
    """The blocks on and above the diagonal: rows of blocks."""
    size = -(-c.rows // BLOCKS)
    size += -size % 8
    for start in range(0, c.rows, size):
        rows = min(size, c.rows - start)
        left = a._replace(offset=a.offset + start * a.down, rows=rows)
        right = b._replace(offset=b.offset + start * b.right, columns=b.columns - start)
        at = c.offset + start * (c.down + c.right)
        emit(Gemm(dtype, left, right, c._replace(offset=at, rows=rows, columns=c.columns - start), alpha, 0.0))
