"""Parts of an array that are written into their place in it: diagonals, unit vectors, padded and joined arrays."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from symgrad.compile.nest import Nest
from symgrad.compile.plan.builder import Builder
from symgrad.compile.plan.kinds import label_sizes
from symgrad.compile.plan.views import Index, View, along
from symgrad.graph import REGISTER, Graph
from symgrad.ops.subscripts import Labels, parse

if TYPE_CHECKING:
    from symgrad.compile.plan.planner import Planner

ADD, MULTIPLY = REGISTER["add"], REGISTER["multiply"]


def scaled(b: Builder, value: int, factor: float) -> int:
    """factor * value in the body of a nest."""
    if factor == 1:
        return value
    number = int(factor) if factor == int(factor) else factor
    return b.body.build(MULTIPLY, (b.body.const(number, b.body.types[value].dtype), value))


def thickness(g: Graph, i: int) -> int:
    """How many elements of node `i`, a product with identities or unit vectors, are not zero by those."""
    if g.ops[i].name != "einsum":
        return 1 if g.ops[i].name == "basis" else g.types[i].lengths[0]
    size = math.prod(g.types[i].lengths)
    for a in g.args[i]:
        if g.ops[a].name in ("delta", "basis"):
            size //= max(g.types[a].lengths[0], 1)
    return size


def diagonal(p: Planner, i: int, view: View, factor: float) -> Nest:
    """Adds factor * node `i`, a product with identities or unit vectors, to what is zero or right elsewhere."""
    g = p.g
    if g.ops[i].name == "einsum":
        args = g.args[i]
        parts, out = parse(g.attrs[i][0])
        length = label_sizes(g, i)
    else:
        args, parts = (i,), (tuple(range(len(view.shape))),)
        out: Labels = parts[0]
        length = dict(zip(out, view.shape, strict=True))
    stands: dict[int, int] = {x: x for x in length}  # labels that are equal, by one of them
    fixed: dict[int, int] = {}
    for a, labels in zip(args, parts, strict=True):
        if g.ops[a].name == "delta":
            new, old = stands[labels[0]], stands[labels[1]]
            stands = {x: new if y == old else y for x, y in stands.items()}
    for a, labels in zip(args, parts, strict=True):
        if g.ops[a].name == "basis":
            k, place = g.attrs[a][1], stands[labels[0]]
            if fixed.setdefault(place, k) != k:  # nowhere
                stands, length = {x: x for x in length}, dict.fromkeys(length, 0)
                fixed = {}
                break
    axes = [x for x in dict.fromkeys(stands[x] for x in out) if x not in fixed]
    where = {x: Index((), fixed[s]) if (s := stands[x]) in fixed else along(axes.index(s)) for x in stands}
    b = p.builder([length[x] for x in axes], i)
    points = [
        (a, tuple(where[x] for x in labels))
        for a, labels in zip(args, parts, strict=True)
        if g.ops[a].name not in ("delta", "basis")
    ]
    value = scaled(b, b.product(points), factor)
    index = tuple(where[x] for x in out)
    b.store(b.body.build(ADD, (b.load(view, index), value)), view, index)
    return b.nest()


def regions(p: Planner, i: int, view: View, factor: float, fresh: bool) -> list[Nest]:
    """Writes node `i` into `view`: the arguments into their regions. Not `fresh`: adds factor times it.

    Of `pad` and `scatter_add` what is left out is zero, and there already.
    """
    g = p.g
    name, args = g.ops[i].name, g.args[i]
    if name in ("scatter_add", "put_along"):
        return [_scatter(p, i, view, factor)]
    if name == "stack":
        places = list(itertools.product(*map(range, view.shape)))
        b = p.builder((), i)
        for a, place in zip(args, places, strict=True):
            b.store(b.value(a, ()), view, tuple(Index((), k) for k in place))
        return [b.nest()]
    found = []
    for a, part in zip(args, parts(g, i, view), strict=True):
        if 0 in part.shape or (a in p.views and p.views[a].is_at(part)):
            continue
        b = p.builder(part.shape, i)
        value = scaled(b, b.value(a, b.identity), factor)
        if not fresh:
            value = b.body.build(ADD, (b.load(part, b.identity), value))
        b.store(value, part, b.identity)
        found.append(b.nest())
    return found


def parts(g: Graph, i: int, view: View) -> Sequence[View]:
    """Where each argument of a `pad` or `concatenate` stands."""
    if g.ops[i].name == "pad":
        low, _, interior = g.attrs[i]
        own = g.types[g.args[i][0]].lengths
        lead = len(own) - len(low)
        strides = list(view.strides)
        offset = view.offset
        for k, (start, gap) in enumerate(zip(low, interior, strict=True)):
            offset += start * view.strides[lead + k]
            strides[lead + k] *= gap + 1
        return [view.with_axes(own, tuple(strides), offset)]
    axis = len(view.shape) + g.attrs[i][0]
    found, start = [], 0
    for a in g.args[i]:
        own = g.types[a].lengths
        found.append(view.with_axes(own, view.strides, view.offset + start * view.strides[axis]))
        start += own[axis]
    return found


def _one_step(view: View, axis: int) -> View:
    """Two axes addressed by row * length + column and by the column, not by row and column."""
    length = view.shape[axis + 1]
    down, right = view.strides[axis : axis + 2]
    steps = (down // length, right - down // length)
    shape = (*view.shape[:axis], view.shape[axis] * length, *view.shape[axis + 1 :])
    return view.with_axes(shape, (*view.strides[:axis], *steps, *view.strides[axis + 2 :]))


def _scatter(p: Planner, i: int, view: View, factor: float) -> Nest:
    """Adds each element to the place along one axis that an array of integers says.

    A `view` with an axis more has two in the stead of that one: each place is a row and a column of them.
    """
    g = p.g
    x, places = g.args[i]
    b = p.builder(g.types[x].lengths, i)
    point = b.identity
    if g.ops[i].name == "put_along":
        place = Index((), 0, ((b.value(places, point), 1, g.attrs[i][0]),))
        index = (*point[:-1], place)
    else:
        axis, n = len(g.types[i].shape) + g.attrs[i][0], g.attrs[i][1]
        more = len(g.types[places].shape)
        place = b.value(places, point[axis : axis + more])
        found = [Index((), 0, ((place, 1, n),))]
        if len(view.shape) > len(g.types[i].shape):
            view, length = _one_step(view, axis), view.shape[axis + 1]
            column = b.body.build(REGISTER["mod"], (place, b.body.const(length, "int64")))
            found.append(Index((), 0, ((column, 1, length),)))
        index = (*point[:axis], *found, *point[axis + more :])
    b.store(scaled(b, b.value(x, point), factor), view, index, "add", keep=True)
    return b.nest()
