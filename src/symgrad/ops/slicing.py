"""Parts of arrays and arrays of parts: slice, pad, flip, concatenate. Linear, on the last axes."""

from __future__ import annotations

from symgrad.graph import Graph, Node, Type, promote
from symgrad.graph.node import spread
from symgrad.ops.declare import linear

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
    op = g.ops[a]
    if op.name == "broadcast" and not g.types[g.args[a][0]].shape:
        return spread(g, g.args[a][0], wanted)
    if op is slice_ and len(g.attrs[a][0]) == len(start):
        first, _, stride = g.attrs[a]
        begin = tuple(f + k * s for f, k, s in zip(first, start, stride, strict=True))
        every = tuple(s * t for s, t in zip(stride, step, strict=True))
        own = wanted[len(wanted) - len(start) :]
        end = tuple(b + (n - 1) * s + 1 if n else b for b, n, s in zip(begin, own, every, strict=True))
        return g.add(slice_, g.args[a], (begin, end, every))
    return None


def _slice_rule(ct: Node, x: Node, y: Node, start: Places, stop: Places, step: Places) -> list[Node]:
    shape = x.type.lengths[len(x.shape) - len(start) :]
    own = y.type.lengths[len(x.shape) - len(start) :]
    used = [a + (n - 1) * s + 1 if n else a for a, n, s in zip(start, own, step, strict=True)]
    high = tuple(m - u for m, u in zip(shape, used, strict=True))
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
    return None


def _pad_rule(ct: Node, x: Node, y: Node, low: Places, high: Places, interior: Places) -> list[Node]:
    shape = x.type.lengths[len(x.shape) - len(low) :]
    step = tuple(k + 1 for k in interior)
    stop = tuple(a + (n - 1) * s + 1 if n else a for a, n, s in zip(low, shape, step, strict=True))
    return [slice_(ct, start=low, stop=stop, step=step)]


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
    (axis,) = attrs
    kept = tuple([a for a in args if g.types[a].lengths[axis]])
    if len(kept) == 1 and g.types[kept[0]].dtype == promote([g.types[a].dtype for a in args]):
        return kept[0]
    return g.build(concatenate, kept, attrs) if kept and len(kept) < len(args) else None


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
