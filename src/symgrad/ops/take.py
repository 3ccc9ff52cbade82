"""Elements at computed places, and their transposes, which add into those places.

Places are int64, count from 0, and one outside the array is an ArgumentError when the function is called.
"""

from __future__ import annotations

import math

import numpy as np

from symgrad.graph import Graph, Node, Type
from symgrad.graph.node import spread
from symgrad.ops.declare import multilinear
from symgrad.ops.slicing import slice_


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
    if g.ops[i].name == "literal" and len(g.types[i].shape) == 1:
        places = g.attrs[i][0].value
        steps = np.diff(places)
        if len(places) > 1 and steps[0] > 0 and np.all(steps == steps[0]):  # a slice
            shape = g.types[a].lengths
            rest = shape[len(shape) + axis + 1 :]
            bounds = (
                (int(places[0]), *(0 for _ in rest)),
                (int(places[-1]) + 1, *rest),
                (int(steps[0]), *(1 for _ in rest)),
            )
            return g.build(slice_, (a,), bounds) if places[-1] < shape[axis] and places[0] >= 0 else None
    return None


def _scatter_type(types: list[Type], axis: int, n: int) -> Type:
    x, i = types
    _places("scatter_add", i)
    shape, places = x.lengths, i.lengths
    after = -1 - axis
    at = len(shape) - after - len(places)
    if at < 0 or shape[at : at + len(places)] != places:
        raise TypeError(f"scatter_add: values of shape {shape} at places of shape {places}, axis {axis}")
    return Type(x.dtype, (*shape[:at], n, *shape[at + len(places) :]))


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
