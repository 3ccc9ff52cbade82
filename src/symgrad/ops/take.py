"""Elements at computed places, and their transposes, which add into those places.

Places are int64, count from 0, and one outside the array is an ArgumentError when the function is called.
"""

from __future__ import annotations

import math

import numpy as np

from symgrad.graph import Graph, Node, Type
from symgrad.graph.node import spread
from symgrad.ops.contraction import contract
from symgrad.ops.declare import multilinear
from symgrad.ops.picked import opened_scatter, opened_take
from symgrad.ops.slicing import flip, pad, slice_


def _places(name: str, t: Type) -> None:
    if t.dtype != "int64":
        raise TypeError(f"{name}: places of dtype {t.dtype}, they are int64")


def _take_type(types: list[Type], axis: int) -> Type:
    x, i = types
    _places("take", i)
    shape = x.lengths
    if not -len(shape) <= axis < 0:
        raise TypeError(f"take: axis {axis} of shape {shape}")
    at = len(shape) + axis
    return Type(x.dtype, shape[:at] + i.lengths + shape[at + 1 :])


def _take(g: Graph, args: tuple[int, ...], attrs: tuple[int]) -> int | None:
    (a, i), (axis,) = args, attrs
    wanted = _take_type([g.types[a], g.types[i]], axis).lengths
    if g.ops[a].name == "broadcast" and not g.types[g.args[a][0]].shape:
        return spread(g, g.args[a][0], wanted)
    if g.ops[a].name == "negative":
        return g.build(g.ops[a], (g.build(take, (g.args[a][0], i), attrs),))
    if g.ops[a].name == "delta" and axis == -2:  # symmetric: rows of it are columns of it, in one form
        picked = g.build(take, args, (-1,))
        labels = tuple(range(len(wanted)))
        return contract(g, [(picked, (labels[-1], *labels[:-1]))], labels)
    places = known_places(g, i)
    opened = opened_take(g, a, i, axis) if places is None or not _is_part(places) else None
    if places is None or opened is not None:
        return opened
    length = g.types[a].lengths[axis]
    rest = (0,) * (-1 - axis)
    tail = g.types[a].lengths[len(g.types[a].shape) + axis + 1 :]
    if not places.ndim and 0 <= places < length:
        k = int(places)
        part = g.build(slice_, (a,), ((k, *rest), (k + 1, *tail), (1, *(1 for _ in rest))))
        labels = tuple(range(len(wanted) + 1))
        at = len(labels) + axis
        return contract(g, [(part, labels)], labels[:at] + labels[at + 1 :])
    step = _step(places)
    if step and min(places[0], places[-1]) >= 0 and max(places[0], places[-1]) < length:
        low, high = sorted((int(places[0]), int(places[-1])))
        bounds = ((low, *rest), (high + 1, *tail), (abs(step), *(1 for _ in rest)))
        part = g.build(slice_, (a,), bounds)
        return part if step > 0 else g.build(flip, (part,), ((axis,),))
    return None


LARGEST = 32
"""Nodes of a formula for places that is worked out where it is built."""


def known_places(g: Graph, i: int) -> np.ndarray | None:
    """Places that depend on no input: constants, and sums and products of constants; else None."""
    stack, order = [i], []
    while stack and len(order) < LARGEST:
        j = stack.pop()
        if g.ops[j].name not in _PLAIN:
            return None
        order.append(j)
        stack.extend(g.args[j])
    if stack:
        return None
    values: dict[int, np.ndarray] = {}
    for j in sorted(set(order)):
        name, args = g.ops[j].name, [values[a] for a in g.args[j]]
        if name == "const":
            if not isinstance(g.attrs[j][0], int):
                return None
            values[j] = np.array(g.attrs[j][0], np.int64)
        elif name == "literal":
            values[j] = g.attrs[j][0].value
        elif name == "broadcast":
            values[j] = np.broadcast_to(args[0], g.attrs[j][0])
        elif name == "einsum":
            values[j] = np.einsum(g.attrs[j][0], *args)
        else:
            values[j] = getattr(np, name)(*args)
    return values[i]


_PLAIN = frozenset({"const", "literal", "broadcast", "add", "subtract", "multiply", "negative", "einsum"})


def _is_part(places: np.ndarray) -> bool:
    """Whether it is a slice or one element."""
    return not places.ndim or _step(places) != 0


def _step(places: np.ndarray) -> int:
    """The step of evenly spaced places along one axis, 0 where they are not."""
    if places.ndim != 1 or not len(places):
        return 0
    if len(places) == 1:
        return 1
    steps = np.diff(places)
    return int(steps[0]) if np.all(steps == steps[0]) else 0


def _scatter_type(types: list[Type], axis: int, n: int) -> Type:
    x, i = types
    _places("scatter_add", i)
    shape, places = x.lengths, i.lengths
    after = -1 - axis
    at = len(shape) - after - len(places)
    if at < 0 or shape[at : at + len(places)] != places:
        raise TypeError(f"scatter_add: values of shape {shape} at places of shape {places}, axis {axis}")
    return Type(x.dtype, (*shape[:at], n, *shape[at + len(places) :]))


def _scatter(g: Graph, args: tuple[int, ...], attrs: tuple[int, int]) -> int | None:
    (a, i), (axis, n) = args, attrs
    if g.ops[a].name == "negative":
        return g.build(g.ops[a], (g.build(scatter_add, (g.args[a][0], i), attrs),))
    places = known_places(g, i)
    step = 0 if places is None else _step(places)
    if not step:
        return opened_scatter(g, a, i, axis, n)
    if places is None or not step or min(places[0], places[-1]) < 0 or max(places[0], places[-1]) >= n:
        return None
    low, high = sorted((int(places[0]), int(places[-1])))
    rest = (0,) * (-1 - axis)
    part = a if step > 0 else g.build(flip, (a,), ((axis,),))
    return g.build(pad, (part,), ((low, *rest), (n - 1 - high, *rest), (abs(step) - 1, *rest)))


def _same_batch(name: str, x: Type, i: Type) -> None:
    _places(name, i)
    if not x.shape or x.lengths[:-1] != i.lengths[:-1]:
        raise TypeError(f"{name}: an array of shape {x.shape} with places of shape {i.shape}")


def _along_type(types: list[Type]) -> Type:
    x, i = types
    _same_batch("take_along", x, i)
    return Type(x.dtype, i.shape)


def _put_type(types: list[Type], n: int) -> Type:
    x, i = types
    _same_batch("put_along", x, i)
    if x.shape != i.shape:
        raise TypeError(f"put_along: values of shape {x.shape} at places of shape {i.shape}")
    return Type(x.dtype, (*x.lengths[:-1], n))


def _spread_places(i: Node, like: Node) -> Node:
    """The places for every cotangent in front."""
    g = i.graph
    return Node(g, spread(g, i.id, like.type.lengths[:-1] + i.type.lengths[-1:]))


def _volume(types: list[Type], *_: int) -> float:
    return float(math.prod(types[0].lengths))


take = multilinear(
    "take",
    2,
    _take_type,
    lambda ct, x, i, y, axis: [scatter_add(ct, i, axis=axis, n=x.type.lengths[axis]), None],
    attrs=("axis",),
    normal=_take,
    cost=0.0,
    doc="elements along an axis (counted from the last) at places of any shape, as numpy.take",
)
scatter_add = multilinear(
    "scatter_add",
    2,
    _scatter_type,
    lambda ct, x, i, y, axis, n: [take(ct, i, axis=axis), None],
    attrs=("axis", "n"),
    normal=_scatter,
    work=_volume,
    doc="values added up at places of a new axis of length n: the transpose of take",
)
take_along = multilinear(
    "take_along",
    2,
    _along_type,
    lambda ct, x, i, y: [put_along(ct, _spread_places(i, ct), n=x.type.lengths[-1]), None],
    cost=0.0,
    doc="elements along the last axis at places of each row's own, as numpy.take_along_axis",
)
put_along = multilinear(
    "put_along",
    2,
    _put_type,
    lambda ct, x, i, y, n: [take_along(ct, _spread_places(i, ct)), None],
    attrs=("n",),
    work=_volume,
    doc="values added up at places of each row's own along a last axis of length n: the transpose of take_along",
)
