"""Vectors along one axis from memory that lies along another one: rows loaded whole, then turned in registers.

Two shapes of it. *Packed*: the vectorised axis steps over a few elements that are all wanted (points of three
coordinates): so many vectors of neighbours are loaded, and taken apart. *Rows*: the vectorised axis steps from
row to row of an array whose neighbours lie along a long axis (a transposed matrix): a square of `width` rows is
loaded and transposed. Stores are the same backwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from symgrad.compile.llvm.writer import Writer
from symgrad.compile.nest import Access

PACKED = 16  # elements that the vectorised axis steps over, at most


@dataclass(frozen=True)
class Tile:
    """How an access takes part.

    Attributes:
        axes: (axis, stride) that say which vector of the `count` an element is in.
        extra: (axis, stride) of other unrolled axes: there is a tile for each place along these.
    """

    packed: bool
    count: int
    axes: tuple[tuple[int, int], ...]
    extra: tuple[tuple[int, int], ...] = ()

    @property
    def shuffles(self) -> int:
        """Instructions that turn it, about."""
        return self.count * (self.count - 1 if self.packed else self.count.bit_length() - 1)

    def position(self, at: dict[int, int]) -> int:
        """The vector of the element whose unrolled axes are `at` these places."""
        return sum(at[axis] * stride for axis, stride in self.axes)

    def start(self, at: dict[int, int]) -> int:
        """Elements from the first of its tiles to the one it is in."""
        return sum(at[axis] * stride for axis, stride in self.extra)


def packed_axes(a: Access, sizes: Sequence[int], v: int) -> tuple[int, ...]:
    """The axes whose elements lie between neighbours of axis `v`, without gaps; () where they are not such."""
    step = a.strides[v]
    if not 2 <= step <= PACKED or a.at or a.dtype == "bool":
        return ()
    found: list[int] = []
    reach = 1
    while reach < step:
        axis = next((k for k, c in enumerate(a.strides) if k != v and c == reach and sizes[k] > 1), None)
        if axis is None or axis in found:
            return ()
        found.append(axis)
        reach *= sizes[axis]
    return tuple(found) if reach == step else ()


def row_axis(a: Access, sizes: Sequence[int], v: int, width: int) -> int | None:
    """The long axis along which the access's neighbours lie, where `v` is not that axis."""
    if a.at or a.dtype == "bool" or a.strides[v] in (0, 1):
        return None
    return next((k for k, c in enumerate(a.strides) if k != v and c == 1 and sizes[k] >= width), None)


def _shuffle(w: Writer, t: str, a: str, b: str, lanes: Sequence[int]) -> str:
    mask = ", ".join(f"i32 {n}" if n >= 0 else "i32 poison" for n in lanes)
    return w.emit(f"shufflevector {t} {a}, {t} {b}, <{len(lanes)} x i32> <{mask}>")


def transposed(w: Writer, dtype: str, rows: Sequence[str]) -> list[str]:
    """A square of vectors turned: lane j of vector i goes to lane i of vector j, by halves, quarters, ..."""
    n, t = w.width, w.type(dtype)
    out = list(rows)
    d = n // 2
    while d:
        for i in range(n):
            if not i & d:
                a, b = out[i], out[i + d]
                out[i] = _shuffle(w, t, a, b, [k if not k & d else n + k - d for k in range(n)])
                out[i + d] = _shuffle(w, t, a, b, [k + d if not k & d else n + k for k in range(n)])
        d //= 2
    return out


def apart(w: Writer, dtype: str, vectors: Sequence[str]) -> list[str]:
    """Vectors of neighbours as one vector per place of a pack: vector j has every count-th element from j on."""
    n, t, count = w.width, w.type(dtype), len(vectors)
    return [_picked(w, t, vectors, [divmod(k * count + j, n) for k in range(n)]) for j in range(count)]


def together(w: Writer, dtype: str, vectors: Sequence[str]) -> list[str]:
    """`apart`, backwards."""
    n, t, count = w.width, w.type(dtype), len(vectors)
    return [_picked(w, t, vectors, [(e % count, e // count) for e in range(c * n, c * n + n)]) for c in range(count)]


def _picked(w: Writer, t: str, vectors: Sequence[str], places: Sequence[tuple[int, int]]) -> str:
    """The vector of lanes (vector, lane)."""
    n = w.width
    used = sorted({v for v, _ in places})
    first, *rest = used
    result, known = vectors[first], [lane if v == first else -1 for v, lane in places]
    if not rest:
        return _shuffle(w, t, result, "poison", known)
    have = {first}
    for v in rest:
        lanes = []
        for k, (vector, lane) in enumerate(places):
            lanes.append(n + lane if vector == v else known[k] if vector in have else -1)
        result = _shuffle(w, t, result, vectors[v], lanes)
        have.add(v)
        known = [k if vector in have else -1 for k, (vector, _) in enumerate(places)]
    return result
