"""Where the elements of a value lie, and which of them a point of a loop nest reads.

A `View` is flat memory seen as an array: an offset and a stride per axis, in elements. Transposes, slices,
diagonals, broadcasts and most reshapes of a view are views, and cost nothing. An `Index` says which place along
one axis a point of an index space means: a sum of multiples of the loop indices, of places that the body of the
nest computes, and a constant. So that all of these are also possible on values that are nowhere in memory.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from symgrad.compile.nest import Access, Place, index_input
from symgrad.graph import REGISTER, Graph

Shape = tuple[int, ...]


class View(NamedTuple):
    """An array of `shape` in buffer number `buffer`, of this dtype."""

    buffer: int
    dtype: str
    shape: Shape
    strides: Shape
    offset: int = 0

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def with_axes(self, shape: Shape, strides: Shape, offset: int | None = None) -> View:
        """The same memory by other axes."""
        return self._replace(shape=shape, strides=strides, offset=self.offset if offset is None else offset)

    def reshaped(self, shape: Shape) -> View | None:
        """The same elements in C order along other axes; None where no strides say that."""
        strides = restride(self.shape, self.strides, shape)
        return None if strides is None else self.with_axes(shape, strides)

    def is_at(self, other: View) -> bool:
        """Whether the elements are the same memory."""
        same = self[:3] == other[:3] and self.offset == other.offset
        return same and all(n == 1 or s == t for n, s, t in zip(self.shape, self.strides, other.strides, strict=True))

    @property
    def is_dense(self) -> bool:
        """Whether the elements lie in C order without gaps."""
        want = contiguous(self.shape)
        pairs = zip(self.shape, self.strides, want, strict=True)
        return self.size <= 1 or all(n == 1 or s == w for n, s, w in pairs)


def contiguous(shape: Sequence[int]) -> Shape:
    """The strides of C order."""
    strides, step = [], 1
    for n in reversed(shape):
        strides.append(step)
        step *= n
    return tuple(reversed(strides))


def restride(shape: Shape, strides: Shape, new: Shape) -> Shape | None:
    """The strides of the same elements along the axes `new`, or None. Axes are cut and joined from the right."""
    if math.prod(shape) == 0:
        return contiguous(new)
    old = [(n, s) for n, s in zip(shape, strides, strict=True) if n != 1]
    found = []
    for n in reversed(new):
        if n == 1:
            found.append(0)
            continue
        length, step = old.pop()
        while length % n:  # joined with the axis before
            if not old:
                return None
            more, wide = old.pop()
            if wide != step * length:
                return None
            length *= more
        found.append(step)
        if length > n:
            old.append((length // n, step * n))
    return tuple(reversed(found))


class Index(NamedTuple):
    """const + sum of coefficient * loop index + sum of coefficient * place.

    axes: (axis of the nest, coefficient) by axis. places: (node of the body, coefficient, length it must be below).
    """

    axes: tuple[tuple[int, int], ...] = ()
    const: int = 0
    places: tuple[tuple[int, int, int], ...] = ()

    def scaled(self, step: int, start: int) -> Index:
        """start + step * self."""
        if step == 0:
            return Index((), start)
        return Index(
            tuple((a, c * step) for a, c in self.axes),
            self.const * step + start,
            tuple((p, c * step, n) for p, c, n in self.places),
        )

    @property
    def axis(self) -> int | None:
        """The loop axis that this is, where it is nothing else."""
        return self.axes[0][0] if len(self.axes) == 1 and self[1:] == (0, ()) and self.axes[0][1] == 1 else None


def along(axis: int) -> Index:
    """The loop index of an axis."""
    return Index(((axis, 1),))


def access(view: View, index: Sequence[Index], rank: int) -> Access:
    """The element of `view` at an index per axis, in a nest of `rank` axes."""
    strides, offset, places = [0] * rank, view.offset, []
    for step, n, i in zip(view.strides, view.shape, index, strict=True):
        if n == 1 and not i.places:
            continue  # the only place there is
        offset += step * i.const
        for a, c in i.axes:
            strides[a] += step * c
        places += [Place(p, step * c, length) for p, c, length in i.places]
    return Access(view.buffer, view.dtype, tuple(strides), offset, tuple(places))


def index_node(body: Graph, i: Index) -> int:
    """The index as an int64 node of the body."""
    add, multiply = REGISTER["add"], REGISTER["multiply"]
    terms = [(index_input(body, a), c) for a, c in i.axes] + [(p, c) for p, c, _ in i.places]
    total: int | None = None
    for node, c in terms:
        part = node if c == 1 else body.add(multiply, (node, body.const(c, "int64")))
        total = part if total is None else body.add(add, (total, part))
    if total is None:
        return body.const(i.const, "int64")
    return body.add(add, (total, body.const(i.const, "int64"))) if i.const else total


def same_place(body: Graph, a: Index, b: Index) -> Any:
    """Whether two indices are equal: True, False, or a bool node of the body."""
    if a[0] == b[0] and [p[:2] for p in a.places] == [p[:2] for p in b.places]:
        return a.const == b.const
    return body.add(REGISTER["equal"], (index_node(body, a), index_node(body, b)))
