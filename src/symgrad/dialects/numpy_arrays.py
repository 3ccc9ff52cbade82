"""Array operations in NumPy. Every array has the axes of a batch in front of its own; the batches broadcast."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from symgrad.ops.subscripts import Labels, parse, sums

Shape = tuple[int, ...]


def einsum(*arrays: Any, subscripts: str, zeros: tuple[int, ...] = ()) -> Any:
    """`zeros`: the operands that are identities or unit vectors. Their zeros are structural: inf times them is 0."""
    return _plan(subscripts, zeros)(*arrays)


@lru_cache(maxsize=4096)
def _plan(subscripts: str, zeros: tuple[int, ...]) -> Callable[..., Any]:
    """What evaluates an einsum in normal form: views, one product of elements, or one matrix product."""
    parts, out = parse(subscripts)
    if all(len(set(p)) == len(p) for p in parts):
        if not sums(parts, out):
            return _ordered(parts[0], out) if len(parts) == 1 else _product(parts, out, zeros)
        if len(parts) == 2 and all(x in out or x in parts[1 - k] for k in (0, 1) for x in parts[k]):
            return _matmul(parts[0], parts[1], out)
    left, right = subscripts.split("->")
    text = ",".join("..." + part for part in left.split(",")) + "->..." + right
    return lambda *arrays: np.einsum(text, *arrays, optimize=len(arrays) > 2)


def _ordered(labels: Labels, wanted: Labels) -> Callable[[Any], Any]:
    """The array with its own axes in the order `wanted`."""
    axes = tuple(labels.index(x) for x in wanted)
    rank = len(labels)
    if axes == tuple(range(rank)):
        return lambda x: x
    if axes == (1, 0):
        return lambda x: x.swapaxes(-1, -2)
    own = tuple(a - rank for a in axes)
    return lambda x: x.transpose(*range(x.ndim - rank), *(x.ndim + a for a in own))


def _product(parts: Sequence[Labels], out: Labels, zeros: tuple[int, ...]) -> Callable[..., Any]:
    """Operands spread over the axes of the result; small ones are multiplied first."""
    steps = []
    for labels in parts:
        order = _ordered(labels, tuple(x for x in out if x in labels))
        index = (..., *(slice(None) if x in labels else None for x in out))
        steps.append((order, index))

    def product(factors: list[Any]) -> Any:
        factors.sort(key=np.size)
        total = factors[0]
        for x in factors[1:]:
            total = total * x
        return total

    def call(*arrays: Any) -> Any:
        spread = [order(np.asarray(x))[index] for x, (order, index) in zip(arrays, steps, strict=True)]
        if not zeros:
            return product(spread)
        dtype = spread[0].dtype
        where = product([spread[k] != 0 for k in zeros])
        rest = [x for k, x in enumerate(spread) if k not in zeros]
        return np.where(where, product(rest) if rest else dtype.type(1), dtype.type(0))

    return call


def _matmul(a: Labels, b: Labels, out: Labels) -> Callable[..., Any]:
    """Shared axes that stay are a batch, shared axes that do not are summed over, by numpy.matmul."""
    batch = tuple(x for x in out if x in a and x in b)
    shared = tuple(x for x in a if x in b and x not in out)
    rows = tuple(x for x in out if x in a and x not in batch)
    columns = tuple(x for x in out if x in b and x not in batch)
    if not rows and columns:
        turned = _matmul(b, a, out)
        return lambda x, y: turned(y, x)
    left = _ordered(a, batch + rows + shared)
    right = _ordered(b, batch + shared + columns)
    finish = _ordered(batch + rows + columns, out)
    r, c, s = len(rows), len(columns), len(shared)
    if r == 1 and c == 1 and s == 1:
        return lambda x, y: finish(np.matmul(left(x), right(y)))

    def call(x: Any, y: Any) -> Any:
        x, y = left(x), right(y)
        own, other = x.shape[x.ndim - r - s :], y.shape[y.ndim - s - c :]
        n = math.prod(own[r:])
        x = x.reshape((*x.shape[: x.ndim - r - s], math.prod(own[:r]), n))
        y = y.reshape((*y.shape[: y.ndim - s - c], n, math.prod(other[s:])))
        z = np.matmul(x, y)
        return finish(z.reshape((*z.shape[:-2], *own[:r], *other[s:])))

    return call


def basis(n: int, k: int, dtype: str) -> Any:
    e = np.zeros(n, dtype)
    e[k] = 1
    return e


def broadcast(x: Any, shape: Shape, rank: int) -> Any:
    x = np.asarray(x)
    batch = x.shape[: x.ndim - rank]
    return np.broadcast_to(x.reshape(batch + (1,) * (len(shape) - rank) + x.shape[x.ndim - rank :]), batch + shape)


def reshape(x: Any, shape: Shape, rank: int) -> Any:
    return np.reshape(x, x.shape[: x.ndim - rank] + shape)


RANKED = frozenset({"broadcast", "reshape", "solve", "triangular_solve"})
"""Operations whose lowering takes `rank`, the number of axes of the last argument without those of a batch."""


def rank_of(name: str, shapes: Sequence[Sequence[Any]]) -> int:
    """That number, given the arguments' shapes; the batch of a matrix is one of its equations', too."""
    own = len(shapes[-1])
    return own - (len(shapes[0]) - 2) if name in ("solve", "triangular_solve") else own
