"""The steps of sum_n x[n,a] x[n,b] v[n,c], which `plan.packed` has found: pairs a <= b are done once.

q[n,(a,b)] = x[n,a] x[n,b] for blocks of rows a and all b from the block on, some n at a time, so that q stays in
the cache; r = v^T q by BLAS, added up over n; and r is put where its elements belong, (a,b) and (b,a). Where v does
not change if its first columns are exchanged with its last ones, v and r have pairs of these as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgrad.compile.plan.packed import exchangeable
from symgrad.compile.plan.products import as_matrix, joined, permuted
from symgrad.compile.plan.steps import CONSTANT, INPUT, ITEM, TEMPORARY, Buffer, Flow, Gemm, Matrix, Plan, Slot
from symgrad.compile.plan.views import Index, View, along, contiguous
from symgrad.graph import REGISTER
from symgrad.ops.subscripts import parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from symgrad.compile.nest import Nest
    from symgrad.compile.plan.builder import Builder
    from symgrad.compile.plan.planner import Planner
    from symgrad.compile.plan.steps import Step

BLOCKS = 8
"""Blocks of rows of q: in those on the diagonal both halves are computed."""
CHUNK = 128
"""Rows of q at a time."""


def squares(p: Planner, i: int, view: View) -> None:
    """Appends the steps of node `i`, an einsum of three operands, into `view`."""
    _Squares(p, i, view).run()


class _Squares:
    def __init__(self, p: Planner, i: int, view: View) -> None:
        self.p, self.i = p, i
        g = p.g
        (first, second, weights), out = parse(g.attrs[i][0])
        a, _, v = g.args[i]
        shared = tuple(x for x, y in zip(first, second, strict=True) if x == y)
        left = tuple(x for x in first if x not in shared)
        pairs = dict(zip(first, second, strict=True))
        right = tuple(pairs[x] for x in left)
        columns = tuple(x for x in out if x in weights)
        self.x = self._matrix(permuted(p.views[a], first, (*shared, *left)), len(shared))
        self.v = self._matrix(permuted(p.views[v], weights, (*shared, *columns)), len(shared))
        half = len(columns) // 2
        own = tuple(weights.index(x) for x in columns)
        self.even = len(columns) == 2 * half and exchangeable(g, v, own[:half], own[half:])
        self.target = permuted(view, out, (*left, *right, *columns))
        self.groups = [len(left), len(right), *([half, half] if self.even else [len(columns)])]

    def _matrix(self, v: View, rows: int) -> View:
        """With two axes, rows without gaps."""
        found = joined(v, [rows, len(v.shape) - rows])
        if found is None or not as_matrix(found, ()).by_rows:
            found = joined(self.p.copied(v), [rows, len(v.shape) - rows])
        assert found is not None
        return found

    def run(self) -> None:
        p = self.p
        n, wide = self.x.shape
        whole = None
        target = joined(self.target, self.groups)
        if target is None:
            whole = p.new(TEMPORARY, self.target.dtype, self.target.shape)
            target = joined(whole, self.groups)
            assert target is not None
        if self.even:
            self._pack(target.shape[-1])
        size = -(-wide // BLOCKS)
        size += -size % 4
        blocks = [(at, min(size, wide - at)) for at in range(0, wide, size)]
        columns = self.v.shape[1]
        total = sum(rows * (wide - at) for at, rows in blocks)
        r = p.new(TEMPORARY, self.x.dtype, (columns * total,))
        q = p.new(TEMPORARY, self.x.dtype, (min(n, 2 * CHUNK) * max(rows * (wide - at) for at, rows in blocks),))
        count = max(n // CHUNK - 1, 0) if n >= 2 * CHUNK else 0
        begun = n - count * CHUNK
        p.steps += self._products(blocks, (self.x, self.v, q, r), begun, 0.0)
        if count:
            p.steps.append(self._loop(blocks, q, r, begun, count))
        at = 0
        for start, rows in blocks:
            shape = (columns, rows, wide - start)
            part = r.with_axes(shape, contiguous(shape), at * columns)
            self._placed(part, target, start)
            at += rows * (wide - start)
        if whole is not None:
            p.steps.append(p.copy_nest(whole, self.target))

    def _pack(self, m: int) -> None:
        """v's columns (i, j) with i <= j, and the column of each pair."""
        p, n = self.p, self.x.shape[0]
        rows, columns = np.triu_indices(m)
        places = np.zeros((m, m), np.int64)
        places[rows, columns] = places[columns, rows] = np.arange(len(rows))
        wanted = p.new(CONSTANT, "int64", (len(rows),), rows * m + columns)
        self.places = p.new(CONSTANT, "int64", (m * m,), places.reshape(-1))
        target = p.new(TEMPORARY, self.v.dtype, (n, len(rows)))
        b = p.builder(target.shape, self.i)
        place = b.load(wanted, (along(1),))
        b.store(b.load(self.v, (along(0), Index((), 0, ((place, 1, m * m),)))), target, b.identity)
        p.steps.append(b.nest())
        self.v = target

    def _products(self, blocks: list[tuple[int, int]], views: Sequence[View], n: int, beta: float) -> list[Step]:
        """r = v^T q + beta * r for n rows of x and v; `views`: x, v, q and r."""
        x, v, q, r = views
        wide, columns = x.shape[1], v.shape[1]
        steps: list[Step] = []
        done = 0
        for at, rows in blocks:
            steps.append(self._made(x, q, at, rows, n))
            count = rows * (wide - at)
            left = Matrix(v.buffer, v.offset, n, columns, v.strides[0], 1).turned
            right = Matrix(q.buffer, q.offset, n, count, count, 1)
            result = Matrix(r.buffer, r.offset + done * columns, columns, count, count, 1)
            steps.append(Gemm(x.dtype, left, right, result, 1.0, beta))
            done += count
        return steps

    def _made(self, x: View, q: View, at: int, rows: int, n: int) -> Nest:
        """q = the block's products."""
        shape = (n, rows, x.shape[1] - at)
        b = self.p.builder(shape, self.i)
        down, right = x.strides
        own = [x.with_axes(shape, s, x.offset + at * right) for s in ((down, right, 0), (down, 0, right))]
        value = b.body.build(REGISTER["multiply"], tuple(b.load(o, b.identity) for o in own))
        b.store(value, q.with_axes(shape, contiguous(shape)), b.identity)
        return b.nest()

    def _loop(self, blocks: list[tuple[int, int]], q: View, r: View, begun: int, count: int) -> Flow:
        """The rows from `begun` on, `count` times so many: a body whose buffers are those of the plan around."""
        used = (self.x, self.v, q, r)
        buffers = [Buffer(INPUT, v.dtype, self.p.buffers[v.buffer].count) for v in used]
        slots = []
        for k, view in enumerate(used):
            row = view.strides[0] * ITEM[view.dtype] if k < 2 else 0
            slots.append(Slot(view.buffer, begun * row, CHUNK * row))
        inside = [view._replace(buffer=k) for k, view in enumerate(used)]
        steps = self._products(blocks, inside, CHUNK, 1.0)
        body = Plan(buffers, steps, list(range(len(used))), [(b.count,) for b in buffers], [])
        return Flow("scan", (body,), (tuple(slots),), frozenset({q.buffer, r.buffer}), count)

    def _placed(self, part: View, target: View, at: int) -> None:
        """The results of a block, (columns, rows, all from `at` on), where they belong, on both sides."""
        _, rows, all_ = part.shape
        for low, high in ((0, rows), (rows, all_)):
            if low == high:
                continue
            b = self.p.builder((rows, high - low, *target.shape[2:]), self.i)
            left, right, *more = b.identity
            value = self._read(b, part, low)
            lower, upper = Index(left.axes, at), Index(right.axes, at + low)
            b.store(value, target, (lower, upper, *more))
            if low:
                b.store(value, target, (upper, lower, *more))
            self.p.steps.append(b.nest())

    def _read(self, b: Builder, part: View, low: int) -> int:
        left, right, *more = b.identity
        column = more[0]
        if self.even:
            m = b.sizes[-1]
            place = b.load(self.places, (Index(((2, m), (3, 1))),))
            column = Index((), 0, ((place, 1, part.shape[0]),))
        return b.load(part, (column, left, Index(right.axes, low)))


__all__ = ["squares"]
