"""The loops of a nest in the order in which they run: which axis is vectorised, what is inside it, what is split.

Axes that lie one behind the other in every array become one. One axis is shared out to the lanes of vectors
(`vector`); the loops after it run inside, on vectors: small axes unrolled, and reduced ones, whose results then
stay in registers. A long reduced axis inside is cut into chunks that run outside the vectors, so that rows are
read as streams and sums stay short: loops (chunks of r, vector axis, r within the chunk).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from symgrad.compile.llvm.nest_tiles import PACKED, Tile, packed_axes, row_axis
from symgrad.compile.llvm.vector_math import FUNCTIONS
from symgrad.compile.nest import Access, Nest, Store, input_of
from symgrad.dialects.llvm import LOOPS, SCIPY
from symgrad.graph import INPUT

CHUNK = 64  # of a reduced axis whose passes add to a row of results
CASCADE = 128  # passes of a sum, between which its accumulators are added to others
CASCADE_SINGLE = 32  # the same of float32, whose digits are few
SMALL = 8  # an axis up to here is unrolled inside the vectors
INSTANCES = 16  # accumulators of one store side by side, at most
UNROLLED = 64  # instances of the body side by side, at most
_SHORT = frozenset({"abs", "floor", "ceil", "trunc", "rint", "copysign", "sign", "maximum", "minimum", "heaviside"})
LONG = 16  # an axis from here on can be split between threads
NODES = 300  # operations of them, at most


@dataclass(frozen=True)
class Loop:
    """One loop over an axis, or over chunks of it.

    Attributes:
        axis: into the nest's sizes.
        chunk: elements of a chunk; 0 for a loop over elements (of the chunk that an outer loop is at, if any).
        tile: whether whole chunks are unrolled inside the vectors.
    """

    axis: int
    chunk: int = 0
    unroll: bool = False
    tile: bool = False


@dataclass(frozen=True)
class Order:
    """A nest with its axes merged, and its loops from the outermost inwards.

    Attributes:
        nest: the accesses' strides belong to `sizes`; its body is the original one.
        index: original axis -> axis here, for those the body asks for; None where its index is always 0.
        vector: position in `loops` of the vectorised loop; None: scalars.
        copies: vectors side by side.
        split: the axis that threads share, None where they can't.
        dependence: per node of the body, the axes it changes along.
        tiles: per access (loads, then stores), how its vectors are loaded or stored several at once.
    """

    nest: Nest
    loops: tuple[Loop, ...]
    index: dict[int, int | None]
    vector: int | None
    width: int
    copies: int
    split: int | None
    dependence: tuple[frozenset[int], ...]
    tiles: tuple[Tile | None, ...]

    @property
    def split_reduced(self) -> bool:
        """Whether the stores reduce the split axis (then all of them do)."""
        return self.split is not None and reduces(self.nest, self.split)

    @property
    def step(self) -> int:
        """A thread's share of the split axis is a multiple of this."""
        v = self.vector
        if v is not None and self.loops[v].axis == self.split:
            return self.width * self.copies
        return self.width if any(loop.tile and loop.axis == self.split for loop in self.loops) else 1


def dependences(nest: Nest, index: dict[int, int | None]) -> tuple[frozenset[int], ...]:
    """Per node of the body, the axes (of `nest.sizes`) it changes along."""
    g = nest.body
    none: frozenset[int] = frozenset()
    found: list[frozenset[int]] = [none] * len(g)
    for i in schedule(nest):
        if g.ops[i] is INPUT:
            kind, k = input_of(g, i)
            if kind == "i":
                axis = index[k]
                found[i] = none if axis is None else frozenset([axis])
            else:
                a = nest.loads[k]
                found[i] = frozenset(n for n, c in enumerate(a.strides) if c).union(*(found[p.node] for p in a.at))
        else:
            found[i] = none.union(*(found[a] for a in g.args[i]))
    return tuple(found)


def schedule(nest: Nest) -> list[int]:
    """The nodes the nest needs, each after what it reads; a load reads its places."""
    g = nest.body
    done: set[int] = set()
    out: list[int] = []
    todo = [*reversed(nest.roots)]
    while todo:
        i = todo[-1]
        if i in done:
            todo.pop()
            continue
        needs: Sequence[int] = g.args[i]
        if g.ops[i] is INPUT:
            kind, k = input_of(g, i)
            needs = [p.node for p in nest.loads[k].at] if kind == "x" else ()
        missing = [a for a in needs if a not in done]
        if missing:
            todo += reversed(missing)
        else:
            done.add(i)
            out.append(todo.pop())
    return out


def _accesses(nest: Nest) -> list[Access]:
    return [*nest.loads, *(s.access for s in nest.stores)]


def _with_axes(nest: Nest, sizes: Sequence[int], pick: Sequence[int]) -> Nest:
    """The axes `pick` of `nest`, with these sizes."""

    def of(a: Access) -> Access:
        return replace(a, strides=tuple(a.strides[k] for k in pick))

    stores = tuple(replace(s, access=of(s.access)) for s in nest.stores)
    return Nest(tuple(sizes), tuple(of(a) for a in nest.loads), nest.body, stores)


def merged(nest: Nest) -> tuple[Nest, dict[int, int | None]]:
    """`nest` with as few axes as there can be, and where the indices that the body reads are now."""
    g = nest.body
    used = {k for i in schedule(nest) if g.ops[i] is INPUT for kind, k in [input_of(g, i)] if kind == "i"}
    sizes = list(nest.sizes)
    strides = [a.strides for a in _accesses(nest)]
    weight = [sum(abs(s[k]) for s in strides) for k in range(len(sizes))]
    axes = sorted((k for k, n in enumerate(sizes) if n != 1), key=lambda k: (-weight[k], k))
    changed = True
    while changed:
        changed = False
        for a in axes:
            for b in axes:
                if a != b and not {a, b} & used and all(s[a] == s[b] * sizes[b] for s in strides):
                    sizes[b] *= sizes[a]
                    axes.remove(a)
                    changed = True
                    break
            if changed:
                break
    index = {k: axes.index(k) if k in axes else None for k in used}
    return _with_axes(nest, [sizes[k] for k in axes], axes), index


def reduces(nest: Nest, axis: int) -> bool:
    """Whether some store reduces the axis; one into computed places goes to memory at every point."""
    return any(s.how != "set" and not s.access.strides[axis] and not s.access.at for s in nest.stores)


class _Candidate(NamedTuple):
    """Loops around and inside vectors along an axis; `body`: how often its operations stand there, on average."""

    axis: int
    loops: list[Loop]
    vector: int
    body: float
    tiles: tuple[Tile | None, ...]


def arrange(nest: Nest, width: int) -> Order:
    """The order of `nest`'s loops for vectors of `width` lanes."""
    nest, index = merged(nest)
    dependence = dependences(nest, index)
    conflicts = [frozenset().union(*(dependence[p.node] for p in s.access.at)) for s in nest.stores if s.access.at]
    work = weight(nest)
    free = [v for v in range(len(nest.sizes)) if width > 1 and not any(v in c for c in conflicts)]
    costs = [
        (_cost(c, nest, width, work, dependence), c) for v in free for c in [_candidate(nest, v, width, dependence)]
    ]
    best, found = min(costs, key=lambda x: x[0], default=(math.inf, None))
    if found is None or best > nest.points * (work + len(_accesses(nest))):
        loops = _scalar_loops(nest, dependence)
        tiles: tuple[Tile | None, ...] = (None,) * len(_accesses(nest))
        return Order(nest, loops, index, None, 1, 1, _split(nest, loops), dependence, tiles)
    v, given, vector, body, tiles = found
    tiled = width if any(loop.tile for loop in given) else 1
    inside = work * body * tiled + sum(tile.shuffles for tile in tiles if tile is not None)
    most = 4 if inside <= 8 else 2 if inside <= 20 else 1
    copies = max(1, min(most, nest.sizes[v] // width))
    chunks = _cascade(nest, v, width * copies)
    given[vector:vector] = chunks
    vector += len(chunks)
    return Order(nest, tuple(given), index, vector, width, copies, _split(nest, given), dependence, tiles)


def _cascade(nest: Nest, axis: int, block: int = 0) -> list[Loop]:
    """Chunks of an axis that is summed over, and chunks of chunks: `block` elements in each pass of the vectors.

    0: rows or scalars, whose sums are added up one by one; they are cut for float32 alone, where it is worth the time.
    """
    sums = [s for s in nest.stores if s.how == "add" and not s.access.strides[axis] and not s.access.at]
    single = any(nest.body.types[s.value].dtype == "float32" for s in sums)
    passes = CASCADE_SINGLE if single else CASCADE
    found: list[Loop] = []
    chunk = (block or 1) * passes
    while sums and (block or single) and nest.sizes[axis] > 2 * chunk:
        found.insert(0, Loop(axis, chunk=chunk))
        chunk *= passes
    return found


def _candidate(nest: Nest, v: int, width: int, dependence: Sequence[frozenset[int]]) -> _Candidate:
    loops, body = _loops(nest, v, width, dependence)
    vector = next(p for p, loop in enumerate(loops) if loop.axis == v)
    owners = [*[None] * len(nest.loads), *nest.stores]
    both = zip(_accesses(nest), owners, strict=True)
    return _Candidate(v, loops, vector, body, tuple(_tile(a, s, nest.sizes, v, width, loops, vector) for a, s in both))


def _cost(c: _Candidate, nest: Nest, width: int, work: float, dependence: Sequence[frozenset[int]]) -> float:
    """Of a candidate, in vector operations."""
    v, loops, vector, _, tiles = c
    n, sizes = nest.sizes[v], nest.sizes
    inner = [loop.axis for loop in loops[vector + 1 :]]
    vectors = nest.points / n * -(-n // width)
    total = work
    owners = [*[None] * len(nest.loads), *nest.stores]
    for a, s, tile in zip(_accesses(nest), owners, tiles, strict=True):
        depends = {k for k, stride in enumerate(a.strides) if stride}.union(*(dependence[p.node] for p in a.at))
        if any(v in dependence[p.node] for p in a.at):
            cost = 2.0 * width
        elif tile is not None:
            t = tile.axes[0][0]
            apart = 0.0 if tile.packed else sizes[t] % width / sizes[t]
            cost = (1 + tile.shuffles / tile.count) * (1 - apart) + 2 * width * apart
        else:
            cost = {0: 0.0, 1: 1.0}.get(a.strides[v], 2.0 * width)
        if s is not None and s.how != "set" and (s.keep or begin(loops, s, sizes) > vector + 1):
            cost *= 2  # may be read, too
        total += cost / math.prod(sizes[k] for k in inner if k not in depends)
    ends = 6 * nest.points / math.prod([n, *(sizes[k] for k in inner)])
    for s in nest.stores:
        if s.how != "set" and not s.access.strides[v]:
            whole = begin(loops, s, sizes) <= vector
            ends += 12 * (
                math.prod(m for m, stride in zip(sizes, s.access.strides, strict=True) if stride) if whole else vectors
            )
    return vectors * total + ends


def weight(nest: Nest) -> float:
    """What the body costs, in vector operations per point; 0.06 ns or so each."""
    total = 1.0
    for i in schedule(nest):
        name = nest.body.ops[i].name
        if name in SCIPY or name in LOOPS:
            total += 1000
        elif name in FUNCTIONS:
            total += 20 if name not in _SHORT else 3
        elif name in ("divide", "sqrt"):
            total += 4
        elif nest.body.ops[i].cost:
            total += 1
    return total


def _weights(nest: Nest, dependence: Sequence[frozenset[int]]) -> list[int]:
    """Per axis, how far its elements are apart, in all arrays together; at computed places, as far as can be."""
    far = [sum(abs(a.strides[k]) for a in _accesses(nest)) for k in range(len(nest.sizes))]
    for a in _accesses(nest):
        for p in a.at:
            for k in dependence[p.node]:
                far[k] += abs(p.stride) * p.length
    return far


def _scalar_loops(nest: Nest, dependence: Sequence[frozenset[int]]) -> tuple[Loop, ...]:
    far = _weights(nest, dependence)
    axes = sorted(range(len(nest.sizes)), key=lambda k: (reduces(nest, k), -far[k], k))
    return tuple(loop for k in axes for loop in (*_cascade(nest, k), Loop(k)))


def _loops(nest: Nest, v: int, width: int, dependence: Sequence[frozenset[int]]) -> tuple[list[Loop], float]:
    """The loops around and inside the vectors along `v`, and how many instances of the body stand inside."""
    sizes, far = nest.sizes, _weights(nest, dependence)
    axes = sorted((k for k in range(len(sizes)) if k != v), key=lambda k: (-far[k], k))
    reduced = [k for k in axes if reduces(nest, k)]
    streams = not reduces(nest, v)
    packs = {k for a in _accesses(nest) for k in packed_axes(a, sizes, v)}
    nodes = [dependence[i] for i in schedule(nest)]
    nodes += [frozenset(k for k, c in enumerate(s.access.strides) if c) for s in nest.stores]

    def written(inside: Sequence[int]) -> int:
        """Operations inside, each as often as it differs."""
        return sum(math.prod(sizes[k] for k in inside if k in d) for d in nodes)

    inside: list[int] = []
    instances = 1
    for k in sorted(axes, key=lambda k: (k not in packs, far[k], -k)):
        wanted = k in packs or far[k] < far[v] or (k in reduced and streams)
        more = instances * sizes[k]
        most = PACKED if k in packs else SMALL
        if wanted and sizes[k] <= most and more <= UNROLLED and written([*inside, k]) <= NODES:
            inside.append(k)
            instances = more
    inside = [k for k in axes if k in inside]
    rest = [k for k in axes if k not in inside]
    last = [k for k in rest if k in reduced]
    small = [Loop(k, unroll=True) for k in inside]
    loops = [Loop(k) for k in rest if k not in last]
    body = written(inside) / len(nodes)
    if last and streams:
        *first, r = last
        chunks = [Loop(r, chunk=CHUNK)] if sizes[r] > CHUNK else []
        return [*loops, *map(Loop, first), *chunks, Loop(v), Loop(r), *small], body
    rows = [row_axis(a, sizes, v, width) for a in _accesses(nest)]
    t = next((k for k in rows if k is not None and k in rest and k not in last), None)
    if t is None or last or written([*inside, t]) * width > NODES * sizes[t]:
        summed = [loop for k in last for loop in (*_cascade(nest, k), Loop(k))]
        return [*loops, *summed, Loop(v), *small], body
    around = [loop for loop in loops if loop.axis != t]
    return [*around, Loop(t, chunk=width, tile=True), Loop(v), Loop(t), *small], body


def _tile(
    a: Access, s: Store | None, sizes: Sequence[int], v: int, width: int, loops: Sequence[Loop], vector: int
) -> Tile | None:
    """How an access (that of store `s`, else of a load) is loaded or stored several vectors at once, or None."""
    t = next((loop.axis for loop in loops if loop.tile), None)
    around = loops[vector + 1 : len(loops) if s is None else begin(loops, s, sizes)]
    straight = all(loop.unroll or loop.axis == t for loop in around)
    moves = [loop.axis for loop in loops[vector + 1 :] if a.strides[loop.axis]]
    if any(not loop.unroll and loop.axis != t and loop.axis in moves for loop in loops[vector + 1 :]):
        return None
    own = packed_axes(a, sizes, v)
    if not own and t is not None and row_axis(a, sizes, v, width) == t:
        own = (t,)
    extra = tuple((k, a.strides[k]) for k in moves if k not in own)
    if (
        not own
        or not set(own) <= set(moves)
        or (t in moves and own != (t,))
        or not (straight or (s is None and not extra))
    ):
        return None
    axes = tuple((k, a.strides[k]) for k in own)
    return Tile(False, width, axes, extra) if own == (t,) else Tile(True, a.strides[v], axes, extra)


def _split(nest: Nest, loops: Sequence[Loop]) -> int | None:
    """The axis that threads share: the longest that no store reduces, or one that all do; None where there is none."""
    if any(s.access.at for s in nest.stores):
        return None
    axes = sorted({loop.axis for loop in loops if not loop.unroll}, key=lambda a: -nest.sizes[a])
    for axis in axes:
        if nest.sizes[axis] >= LONG and not reduces(nest, axis):
            return axis
    for axis in axes:
        if nest.sizes[axis] >= LONG and all(s.how != "set" and not s.access.strides[axis] for s in nest.stores):
            return axis
    return None


def begin(loops: Sequence[Loop], s: Store, sizes: Sequence[int]) -> int:
    """The loop from which inwards store `s` reduces all: there its accumulators live in registers.

    Unrolled loops that it does not reduce may be among them: then there is an accumulator for each of their places.
    """
    p = end = len(loops)
    if s.how == "set" or s.access.at:
        return end
    while p and not s.access.strides[loops[p - 1].axis]:
        p -= 1
    q = p
    while q and (loops[q - 1].unroll or not s.access.strides[loops[q - 1].axis]):
        q -= 1
    while q < p and s.access.strides[loops[q].axis]:
        q += 1
    kept = math.prod(sizes[loop.axis] for loop in loops[q:] if s.access.strides[loop.axis])
    return q if kept <= INSTANCES else p


def adds_to_memory(order: Order, s: Store) -> bool:
    """Whether what a store puts is combined with what is there: kept, or put there in an earlier pass."""
    if s.how == "set":
        return False
    first = begin(order.loops, s, order.nest.sizes)
    return s.keep or any(not s.access.strides[loop.axis] for loop in order.loops[:first])
