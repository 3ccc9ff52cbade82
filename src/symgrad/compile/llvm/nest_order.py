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

from symgrad.compile.nest import Access, Nest, input_of
from symgrad.graph import INPUT

CHUNK = 64  # of a reduced axis whose passes add to a row of results
CASCADE = 128  # passes of a vectorised sum, between which its accumulators are added to others
SMALL = 8  # an axis up to here is unrolled inside the vectors
UNROLLED = 32  # instances of the body side by side, at most
LONG = 16  # an axis from here on can be split between threads
OPERATIONS = 160  # operations of them, at most


@dataclass(frozen=True)
class Loop:
    """One loop. `axis`: into the nest's sizes; `chunk`: it runs over chunks of this size (0: over elements)."""

    axis: int
    chunk: int = 0
    unroll: bool = False


@dataclass(frozen=True)
class Order:
    """A nest with its axes merged, and its loops from the outermost inwards.

    Attributes:
        nest: the accesses' strides belong to `sizes`; its body is the original one.
        index: original axis -> axis here, for those the body asks for; None where its index is always 0.
        vector: position in `loops` of the vectorised loop; None: scalars.
        copies: vectors side by side.
        split: the axis that threads share, None where they can't.
    """

    nest: Nest
    loops: tuple[Loop, ...]
    index: dict[int, int | None]
    vector: int | None
    width: int
    copies: int
    split: int | None
    dependence: tuple[frozenset[int], ...]

    @property
    def split_reduced(self) -> bool:
        """Whether the stores reduce the split axis (then all of them do)."""
        return self.split is not None and reduces(self.nest, self.split)

    @property
    def step(self) -> int:
        """A thread's share of the split axis is a multiple of this."""
        v = self.vector
        return self.width * self.copies if v is not None and self.loops[v].axis == self.split else 1


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
    """Whether some store reduces the axis."""
    return any(s.how != "set" and not s.access.strides[axis] for s in nest.stores)


def arrange(nest: Nest, width: int) -> Order:
    """The order of `nest`'s loops for vectors of `width` lanes."""
    nest, index = merged(nest)
    dependence = dependences(nest, index)
    axes = range(len(nest.sizes))
    conflicts = [frozenset().union(*(dependence[p.node] for p in s.access.at)) for s in nest.stores if s.access.at]
    work = nest.body.operations(nest.roots) + 1.0

    def cost(v: int) -> float:
        n = nest.sizes[v]
        total = work
        for a in _accesses(nest):
            if any(v in dependence[p.node] for p in a.at):
                total += width
            elif a.strides[v] == 1:
                total += 1
            elif a.strides[v]:
                small = 2 <= a.strides[v] <= 4 and any(a.strides[t] == 1 for t in axes)
                total += 3 if small else width
        vectors = nest.points / n * -(-n // width)
        ends = nest.points / n * (6 + sum(12 for s in nest.stores if s.how != "set" and not s.access.strides[v]))
        return vectors * total + ends

    free = [v for v in axes if not any(v in c for c in conflicts)]
    v = min(free, key=cost, default=None) if width > 1 else None
    if v is not None and cost(v) > nest.points * (work + len(_accesses(nest))):
        v = None
    loops, vector = _loops(nest, v, work)
    copies = 1
    if vector is not None and v is not None:
        inside = math.prod(nest.sizes[x.axis] for x in loops[vector + 1 :] if x.unroll)
        most = 4 if work * inside <= 6 else 2 if work * inside <= 16 else 1
        copies = max(1, min(most, nest.sizes[v] // width))
        chunk = width * copies * CASCADE
        if nest.sizes[v] > 2 * chunk and any(s.how == "add" and not s.access.strides[v] for s in nest.stores):
            loops.insert(vector, Loop(v, chunk=chunk))
            vector += 1
    split = _split(nest, loops)
    return Order(nest, tuple(loops), index, vector, width if vector is not None else 1, copies, split, dependence)


def _loops(nest: Nest, v: int | None, work: float) -> tuple[list[Loop], int | None]:
    sizes = nest.sizes
    strides = [a.strides for a in _accesses(nest)]
    weight = [sum(abs(s[k]) for s in strides) for k in range(len(sizes))]
    axes = sorted((k for k in range(len(sizes)) if k != v), key=lambda k: (-weight[k], k))
    reduced = [k for k in axes if reduces(nest, k)]
    if v is None:
        outer = [k for k in axes if k not in reduced]
        return [Loop(k) for k in (*outer, *reduced)], None
    inside: list[int] = []
    instances = 1
    streams = not reduces(nest, v)
    for k in reversed(axes):
        wanted = weight[k] < weight[v] or (k in reduced and streams)
        if (
            wanted
            and sizes[k] <= SMALL
            and instances * sizes[k] <= UNROLLED
            and work * instances * sizes[k] <= OPERATIONS
        ):
            inside.insert(0, k)
            instances *= sizes[k]
    rest = [k for k in axes if k not in inside]
    last = [k for k in rest if k in reduced]
    loops = [Loop(k) for k in rest if k not in last]
    small = [Loop(k, unroll=True) for k in inside]
    if last and streams:
        *first, r = last
        chunks = [Loop(r, chunk=CHUNK)] if sizes[r] > CHUNK else []
        loops += [*map(Loop, first), *chunks, Loop(v), Loop(r), *small]
    elif not streams and sizes[v] > 0:
        loops += [*map(Loop, last), Loop(v), *small]
    else:
        loops += [Loop(v), *small]
    vector = next(p for p, loop in enumerate(loops) if loop.axis == v)
    return loops, vector


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
