"""Parts of arrays and arrays of parts: slice, pad, flip, concatenate. Linear, on the last axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import add

import numpy as np

from symgrad.graph import Graph, Node, Type, promote
from symgrad.graph.node import spread
from symgrad.ops.declare import linear
from symgrad.ops.literal import constant_array

Places = tuple[int, ...]


def _count(start: int, stop: int, step: int) -> int:
    return max(0, -(-(stop - start) // step))


def _slice_type(types: list[Type], start: Places, stop: Places, step: Places) -> Type:
    shape = types[0].lengths
    lead = len(shape) - len(start)
    if lead < 0 or not len(start) == len(stop) == len(step):
        raise TypeError(f"slice: {len(start)} bounds for shape {shape}")
    for a, b, s, n in zip(start, stop, step, shape[lead:], strict=True):
        if not 0 <= a <= b <= n or s < 1:
            raise TypeError(f"slice: {a}:{b}:{s} of an axis of length {n}")
    return Type(types[0].dtype, shape[:lead] + tuple(map(_count, start, stop, step)))


def _slice(g: Graph, args: tuple[int, ...], attrs: tuple[Places, ...]) -> int | None:
    (a,), (start, stop, step) = args, attrs
    shape = g.types[a].lengths
    wanted = _slice_type([g.types[a]], start, stop, step).lengths
    if wanted == shape:
        return a
    op, rank = g.ops[a], len(start)
    own = wanted[len(wanted) - rank :]
    if op.name == "broadcast":
        (x,) = g.args[a]
        kept = min(rank, len(g.types[x].shape))
        inner = tuple(part[rank - kept :] for part in attrs)
        return spread(g, g.build(slice_, (x,), inner) if kept else x, wanted)
    if op.name == "literal":
        return constant_array(g, g.attrs[a][0].value[(..., *map(slice, start, stop, step))])
    if op.name == "negative":
        return g.build(op, (g.build(slice_, g.args[a], attrs),))
    if op is slice_ and len(g.attrs[a][0]) == rank:
        first, _, stride = g.attrs[a]
        begin = tuple(f + k * s for f, k, s in zip(first, start, stride, strict=True))
        every = tuple(s * t for s, t in zip(stride, step, strict=True))
        return g.add(slice_, g.args[a], (begin, _ends(begin, own, every), every))
    if op is flip:
        (axes,) = g.attrs[a]
        if all(-rank <= k for k in axes):
            begin = list(start)
            for k in axes:
                begin[k] = shape[k] - 1 - (start[k] + (own[k] - 1) * step[k]) if own[k] else 0
            bounds = (tuple(begin), _ends(begin, own, step), step)
            return g.build(flip, (g.build(slice_, g.args[a], bounds),), (axes,))
    if op is pad and len(g.attrs[a][0]) == rank:
        return _slice_of_pad(g, a, start, own, step)
    if op is concatenate and -rank <= g.attrs[a][0] and own[g.attrs[a][0]]:
        return _slice_of_parts(g, a, attrs, own)
    return None


def _ends(start: Sequence[int], own: Sequence[int], step: Sequence[int]) -> Places:
    """Just behind the last element of each axis."""
    return tuple(b + (n - 1) * s + 1 if n else b for b, n, s in zip(start, own, step, strict=True))


def _slice_of_pad(g: Graph, a: int, start: Places, own: Places, step: Places) -> int | None:
    """A part of the array, with the zeros that are left; None where a step stays between the elements."""
    (x,) = g.args[a]
    t = g.types[a]
    shape = g.types[x].lengths[len(t.shape) - len(start) :]
    lows, _, interior = g.attrs[a]
    bounds, zeros = [], []
    every = list(zip(shape, start, own, step, lows, interior, strict=True))
    for n, first, count, by, low, gap in every:
        place, between = np.divmod(first - low + by * np.arange(count), gap + 1)
        if not np.any((place >= 0) & (place < n) & (between == 0)):
            return spread(g, g.const(0, t.dtype), t.lengths[: len(t.shape) - len(start)] + own)
    for n, first, count, by, low, gap in every:
        if by % (gap + 1) or (first - low) % (gap + 1):
            return None
        stride = by // (gap + 1)
        before = min(count, max(0, -(-(low - first) // by)))  # zeros in front
        at = (first + before * by - low) // (gap + 1)
        inside = max(0, min(count - before, -(-(n - at) // stride)))
        at = at if inside else 0
        bounds.append((at, at + (inside - 1) * stride + 1 if inside else at, stride))
        zeros.append((before, count - before - inside))
    part = g.build(slice_, (x,), tuple(zip(*bounds, strict=True)))
    low, high = zip(*zeros, strict=True)
    return g.build(pad, (part,), (low, high, (0,) * len(low)))


def _slice_of_parts(g: Graph, a: int, attrs: tuple[Places, ...], own: Places) -> int | None:
    """A slice that lies in one of the parts."""
    start, _, step = attrs
    (axis,) = g.attrs[a]
    last = start[axis] + (own[axis] - 1) * step[axis]
    before = 0
    for x in g.args[a]:
        n = g.types[x].lengths[axis]
        if before <= start[axis] and last < before + n:
            moved = list(start)
            moved[axis] -= before
            return g.build(slice_, (x,), (tuple(moved), _ends(moved, own, step), step))
        before += n
    return None


def _slice_rule(ct: Node, x: Node, y: Node, start: Places, stop: Places, step: Places) -> list[Node]:
    shape = x.type.lengths[len(x.shape) - len(start) :]
    own = y.type.lengths[len(x.shape) - len(start) :]
    high = tuple(m - used for m, used in zip(shape, _ends(start, own, step), strict=True))
    return [pad(ct, low=start, high=high, interior=tuple(s - 1 for s in step))]


def _padded(n: int, low: int, high: int, interior: int) -> int:
    return low + high + n + max(0, n - 1) * interior


def _pad_type(types: list[Type], low: Places, high: Places, interior: Places) -> Type:
    shape = types[0].lengths
    lead = len(shape) - len(low)
    if lead < 0 or not len(low) == len(high) == len(interior) or min((*low, *high, *interior), default=0) < 0:
        raise TypeError(f"pad: {low}, {high}, {interior} for shape {shape}")
    return Type(types[0].dtype, shape[:lead] + tuple(map(_padded, shape[lead:], low, high, interior)))


def _pad(g: Graph, args: tuple[int, ...], attrs: tuple[Places, ...]) -> int | None:
    (a,) = args
    if not any(any(part) for part in attrs):
        return a
    if g.ops[a].name == "negative":
        return g.build(g.ops[a], (g.build(pad, g.args[a], attrs),))
    if is_zero(g, a) or 0 in g.types[a].lengths:
        t = g.types[a]
        return spread(g, g.const(0, t.dtype), _pad_type([t], *attrs).shape)
    low, high, interior = attrs
    if g.ops[a] is pad and len(g.attrs[a][0]) == len(low) and not any(interior):
        first, last, between = g.attrs[a]
        both = (tuple(map(add, low, first)), tuple(map(add, high, last)), between)
        return g.build(pad, g.args[a], both)
    return None


def is_zero(g: Graph, a: int) -> bool:
    """Whether node `a` is the number 0 everywhere."""
    if g.ops[a].name == "broadcast":
        (a,) = g.args[a]
    value = g.value(a)
    return not isinstance(value, str) and value == 0 and math.copysign(1, value) > 0


def _pad_rule(ct: Node, x: Node, y: Node, low: Places, high: Places, interior: Places) -> list[Node]:
    shape = x.type.lengths[len(x.shape) - len(low) :]
    step = tuple(k + 1 for k in interior)
    return [slice_(ct, start=low, stop=_ends(low, shape, step), step=step)]


def _flip_type(types: list[Type], axes: Places) -> Type:
    if not all(-len(types[0].shape) <= k < 0 for k in axes) or len(set(axes)) < len(axes):
        raise TypeError(f"flip: axes {axes} of shape {types[0].shape}")
    return types[0]


def _flip(g: Graph, args: tuple[int, ...], attrs: tuple[Places]) -> int | None:
    (a,), (axes,) = args, attrs
    shape = g.types[a].lengths
    moved = tuple(sorted(k for k in axes if shape[k] != 1))
    if not moved or (g.ops[a].name == "broadcast" and not g.types[g.args[a][0]].shape):
        return a
    if g.ops[a] is flip:
        return g.build(flip, g.args[a], (tuple(sorted(set(moved) ^ set(g.attrs[a][0]))),))
    if g.ops[a].name == "negative":
        return g.build(g.ops[a], (g.build(flip, g.args[a], (moved,)),))
    if g.ops[a].name == "literal":
        return constant_array(g, np.flip(g.attrs[a][0].value, moved))
    return None if moved == axes else g.add(flip, args, (moved,))


def _concatenate_type(types: list[Type], axis: int) -> Type:
    first = types[0].lengths
    if not -len(first) <= axis < 0:
        raise TypeError(f"concatenate: axis {axis} of shape {first}")
    at = len(first) + axis
    total = 0
    for t in types:
        own = t.lengths
        if own[:at] != first[:at] or own[at + 1 :] != first[at + 1 :]:
            raise TypeError(f"concatenate: shapes {first} and {own} differ beside axis {at}")
        total += own[at]
    return Type(promote([t.dtype for t in types]), (*first[:at], total, *first[at + 1 :]))


def _concatenate(g: Graph, args: tuple[int, ...], attrs: tuple[int]) -> int | None:
    """Without empty parts; parts of a concatenation side by side with others, parts of one array as one slice."""
    (axis,) = attrs
    dtype = promote([g.types[a].dtype for a in args])
    if any(g.types[a].dtype != dtype for a in args):
        return None
    kept: list[int] = []
    for a in args:
        parts = g.args[a] if g.ops[a] is concatenate and g.attrs[a] == attrs else (a,)
        for p in parts:
            joined = _joined(g, kept[-1], p, axis) if kept else None
            if joined is not None:
                kept[-1] = joined
            elif g.types[p].lengths[axis]:
                kept.append(p)
    if not kept:
        return args[0]
    if len(kept) == 1:
        return kept[0]
    if all(g.ops[a].name == "negative" for a in kept):
        return g.build(g.ops[kept[0]], (g.build(concatenate, tuple([g.args[a][0] for a in kept]), attrs),))
    zeros = [is_zero(g, a) for a in kept]
    if zeros.count(False) == 1 and len(kept) < 4:
        at = zeros.index(False)
        before = sum(g.types[a].lengths[axis] for a in kept[:at])
        after = sum(g.types[a].lengths[axis] for a in kept[at + 1 :])
        rest = (0,) * (-1 - axis)
        return g.build(pad, (kept[at],), ((before, *rest), (after, *rest), (0, *rest)))
    return g.build(concatenate, tuple(kept), attrs) if tuple(kept) != args else None


def _joined(g: Graph, a: int, b: int, axis: int) -> int | None:
    """Two arrays side by side as one: the same number everywhere, or neighbouring slices of one array."""
    if g.ops[a].name == g.ops[b].name == "broadcast" and g.args[a] == g.args[b]:
        (x,) = g.args[a]
        if -axis > len(g.types[x].shape):
            shape = list(g.types[a].lengths)
            shape[axis] += g.types[b].lengths[axis]
            return spread(g, x, tuple(shape))
    if g.ops[a] is slice_ and g.ops[b] is slice_ and g.args[a] == g.args[b]:
        (start, stop, step), (then, end, by) = g.attrs[a], g.attrs[b]
        rank = len(start)
        if len(then) == rank >= -axis and step == by and step[axis] == 1 and stop[axis] == then[axis]:
            others = [k for k in range(-rank, 0) if k != axis]
            if all(start[k] == then[k] and stop[k] == end[k] for k in others):
                whole = list(stop)
                whole[axis] = end[axis]
                return g.build(slice_, g.args[a], (start, tuple(whole), step))
    return None


def _concatenate_rule(ct: Node, *nodes: Node, axis: int) -> list[Node]:
    found, start = [], 0
    rest = ct.type.lengths[len(ct.shape) + axis + 1 :]
    for x in nodes[:-1]:
        stop = start + x.type.lengths[axis]
        found.append(slice_(ct, start=(start, *(0 for _ in rest)), stop=(stop, *rest), step=(1,) * (1 + len(rest))))
        start = stop
    return found


slice_ = linear(
    "slice",
    1,
    _slice_type,
    _slice_rule,
    attrs=("start", "stop", "step"),
    normal=_slice,
    cost=0.0,
    doc="every step-th element from start to before stop along the last axes",
)
pad = linear(
    "pad",
    1,
    _pad_type,
    _pad_rule,
    attrs=("low", "high", "interior"),
    normal=_pad,
    cost=0.0,
    doc="zeros before, after and between the elements along the last axes",
)
flip = linear(
    "flip",
    1,
    _flip_type,
    lambda ct, x, y, axes: [flip(ct, axes=axes)],
    attrs=("axes",),
    normal=_flip,
    cost=0.0,
    doc="the elements in reverse order along axes, counted from the last: -1, -2, ...",
)
concatenate = linear(
    "concatenate",
    None,
    _concatenate_type,
    _concatenate_rule,
    attrs=("axis",),
    normal=_concatenate,
    cost=0.0,
    doc="arrays one after the other along an axis, counted from the last",
)
