"""A graph for a whole batch: every node that depends on a batched input gets the batch as its first axis.

Operations work on their last axes, so most of them take a batch as they are; what is said here are the few whose
attributes name a shape or whose places differ from point to point. Nothing runs point by point.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from symgrad.derive.batching_flow import flow
from symgrad.errors import UnsupportedError
from symgrad.graph import CONST, REGISTER, Graph, Node
from symgrad.graph.body import Body
from symgrad.graph.node import spread
from symgrad.ops.einsum import basis, contract, parse
from symgrad.ops.literal import constant_array
from symgrad.ops.take import known_places

_FRONT = 10**6  # the label of the batch's axis


def batched(
    g: Graph, roots: Sequence[int], out: Graph, given: Mapping[int, tuple[int, bool]], n: int
) -> list[tuple[int, bool]]:
    """`roots` of `g` in the graph `out`: (node, whether it has the batch of `n` points as its first axis).

    `given`: for the inputs of `g`, the node that stands for each in `out`, and whether it is batched.
    """
    done: dict[int, tuple[int, bool]] = dict(given)
    for i, needed in enumerate(g.reach(roots)):
        if not needed or i in done:
            continue
        op, args, attrs = g.ops[i], g.args[i], g.attrs[i]
        parts = [done[a] for a in args]
        if not any(is_batched for _, is_batched in parts):
            new = out.const(*attrs) if op is CONST else out.build(op, tuple([p for p, _ in parts]), attrs)
            done[i] = new, False
            continue
        place = _Place(g, i, out, parts, n)
        done[i] = flow(place, batched) if op.kind == "flow" else _RULES.get(op.name, _every)(place), True
    return [done[r] for r in roots]


class _Place:
    """A node of the old graph whose counterpart is to be built."""

    def __init__(self, g: Graph, i: int, out: Graph, parts: Sequence[tuple[int, bool]], n: int) -> None:
        self.g, self.i, self.out, self.n = g, i, out, n
        self.op, self.attrs = g.ops[i], g.attrs[i]
        self.parts = list(parts)
        self.shapes = [g.types[a].lengths for a in g.args[i]]

    def full(self, k: int) -> int:
        """Argument `k` with the batch in front, repeated where it has none."""
        node, is_batched = self.parts[k]
        return node if is_batched else spread(self.out, node, (self.n, *self.shapes[k]))

    def within(self, body: Body, flags: Sequence[bool]) -> tuple[Graph, list[int], list[tuple[int, bool]]]:
        """A graph with the body at the whole batch: it, the inputs, of which `flags` are batched, the outputs."""
        inner, own = Graph(), body.graph
        inputs, given = [], {}
        for k, (i, is_batched) in enumerate(zip(body.inputs, flags, strict=True)):
            type = own.types[i]
            node = inner.input(f"%{k}", type._replace(shape=(self.n, *type.lengths)) if is_batched else type)
            inputs.append(node)
            given[i] = node, is_batched
        return inner, inputs, batched(own, body.outputs, inner, given, self.n)


def _every(p: _Place) -> int:
    """All arguments with the batch in front."""
    return p.out.build(p.op, tuple([p.full(k) for k in range(len(p.parts))]), p.attrs)


def _einsum(p: _Place) -> int:
    labels, out = parse(p.attrs[0])
    parts = [
        (node, (_FRONT, *own) if is_batched else own) for (node, is_batched), own in zip(p.parts, labels, strict=True)
    ]
    return contract(p.out, parts, (_FRONT, *out))


def _broadcast(p: _Place) -> int:
    (shape,) = p.attrs
    rank, own = len(shape), len(p.shapes[0])
    labels = (_FRONT, *range(rank - own, rank))
    sizes = dict(enumerate(shape)) | {_FRONT: p.n}
    return contract(p.out, [(p.full(0), labels)], (_FRONT, *range(rank)), sizes)


def _reshape(p: _Place) -> int:
    return p.out.build(p.op, (p.full(0),), ((p.n, *p.attrs[0]),))


def _stack(p: _Place) -> int:
    columns = [p.out.build(REGISTER["reshape"], (p.full(k),), ((p.n, 1),)) for k in range(len(p.parts))]
    joined = p.out.build(REGISTER["concatenate"], tuple(columns), (-1,))
    return p.out.build(REGISTER["reshape"], (joined,), ((p.n, *p.attrs[0]),))


def _element(p: _Place) -> int:
    (index,) = p.attrs
    out, x = p.out, p.full(0)
    if out.ops[x].name in ("einsum", "delta", "broadcast"):  # identities in it are summed away by unit vectors
        units = [out.add(basis, (), (n, k, out.types[x].dtype)) for k, n in zip(index, p.shapes[0], strict=True)]
        labels = tuple(range(len(index)))
        parts = [(x, (_FRONT, *labels)), *((e, (a,)) for a, e in zip(labels, units, strict=True))]
        return contract(out, parts, (_FRONT,))
    starts, stops = (0, *index), (p.n, *(k + 1 for k in index))
    part = out.build(REGISTER["slice"], (x,), (starts, stops, (1,) * len(starts)))
    return out.build(REGISTER["reshape"], (part,), ((p.n,),))


def _solve(p: _Place) -> int:
    """One matrix for all points: their right sides stand side by side. Several: each has its own."""
    (a, several), (b, by_point) = p.parts
    out, rank = p.out, len(p.shapes[1])
    if several or not by_point or len(p.shapes[0]) > 2:
        return out.build(p.op, (p.full(0), p.full(1)), p.attrs)
    labels = tuple(range(rank))
    aside = contract(out, [(b, (_FRONT, *labels))], (*labels, _FRONT))
    return contract(out, [(out.build(p.op, (a, aside), p.attrs), (*labels, _FRONT))], (_FRONT, *labels))


def _take(p: _Place) -> int:
    (axis,) = p.attrs
    _, (places, by_point) = p.parts
    if not by_point:
        return p.out.build(p.op, (p.full(0), places), p.attrs)
    shape = p.shapes[0]
    at = len(shape) + axis
    lead, length, rest = shape[:at], shape[at], shape[at + 1 :]
    out = p.out
    rank = len(shape)
    front = out.build(
        REGISTER["einsum"], (p.full(0),), (_letters((0, *range(1, rank + 1)), (0, at + 1, *_others(rank, at))),)
    )
    flat = out.build(REGISTER["reshape"], (front,), ((p.n * length, *lead, *rest),))
    found = out.build(p.op, (flat, _offset(out, places, p.n, length, len(p.shapes[1]))), (-1 - len(lead) - len(rest),))
    many = len(p.shapes[1])
    order = (0, *range(1 + many, 1 + many + len(lead)), *range(1, 1 + many), *range(1 + many + len(lead), rank + many))
    return contract(out, [(found, tuple(range(rank + many)))], order)


def _scatter_add(p: _Place) -> int:
    axis, length = p.attrs
    _, (places, by_point) = p.parts
    if not by_point:
        return p.out.build(p.op, (p.full(0), places), p.attrs)
    out, shape, many = p.out, p.shapes[0], len(p.shapes[1])
    rank = len(shape)
    after = -1 - axis
    lead, rest = rank - many - after, after
    order = (0, *range(1 + lead, 1 + lead + many), *range(1, 1 + lead), *range(1 + lead + many, 1 + rank))
    front = contract(out, [(p.full(0), tuple(range(rank + 1)))], order)
    sizes = [*shape[:lead], *shape[lead + many :]]
    flat = _offset(out, places, p.n, length, many)
    summed = out.build(p.op, (front, flat), (-1 - len(sizes), p.n * length))
    apart = out.build(REGISTER["reshape"], (summed,), ((p.n, length, *sizes),))
    back = (0, *range(2, 2 + lead), 1, *range(2 + lead, 2 + lead + rest))
    return contract(out, [(apart, tuple(range(2 + lead + rest)))], back)


def _offset(out: Graph, places: int, n: int, length: int, rank: int) -> int:
    """Places of point k, counted in the arrays of all points one after the other."""
    starts = np.arange(n, dtype=np.int64).reshape((n,) + (1,) * rank) * length
    shape = out.types[places].lengths
    moved = (Node(out, places) + Node(out, constant_array(out, np.broadcast_to(starts, shape)))).id
    if out.ops[places].name in _INSIDE or known_places(out, places) is not None:
        return moved
    zero, end = (spread(out, out.const(k, "int64"), shape) for k in (0, length))
    bounds = [out.build(REGISTER["greater_equal"], (places, zero)), out.build(REGISTER["less"], (places, end))]
    inside = out.build(REGISTER["logical_and"], tuple(bounds))
    nowhere = spread(out, out.const(-1, "int64"), shape)  # else it would be a place of another point
    return out.build(REGISTER["where"], (inside, moved, nowhere))


_INSIDE = frozenset({"argsort", "argmax", "argmin", "argcummax", "argcummin"})
"""Places that are never outside."""


def _others(rank: int, at: int) -> tuple[int, ...]:
    return tuple(k for k in range(1, rank + 1) if k != at + 1)


def _letters(own: Sequence[int], order: Sequence[int]) -> str:
    letters = "ijklmnopqrstuvwxyz"
    return "".join(letters[k] for k in own) + "->" + "".join(letters[k] for k in order)


def _gather(p: _Place) -> int:
    """The element at scalar places: of the array in C order, at one place."""
    out, shape = p.out, p.shapes[0]
    x, x_batched = p.parts[0]
    place: Node | None = None
    for k, m in enumerate(shape, 1):
        own = Node(out, p.full(k))
        place = own if place is None else place * m + own
    assert place is not None
    total = math.prod(shape)
    flat = out.build(REGISTER["reshape"], (x,), ((p.n, total) if x_batched else (total,),))
    if not x_batched:
        return out.build(REGISTER["take"], (flat, place.id), (-1,))
    column = out.build(REGISTER["reshape"], (place.id,), ((p.n, 1),))
    found = out.build(REGISTER["take_along"], (flat, column), ())
    return out.build(REGISTER["reshape"], (found,), ((p.n,),))


def _searchsorted(p: _Place) -> int:
    if not p.parts[0][1]:
        return p.out.build(p.op, (p.parts[0][0], p.parts[1][0]), p.attrs)
    # arrays that differ from point to point: the elements before each value are counted
    out, (length,), rank = p.out, p.shapes[0], len(p.shapes[1])
    values = tuple(range(rank))
    sizes = {_FRONT: p.n, rank: length} | dict(enumerate(p.shapes[1]))
    full = (_FRONT, *values, rank)
    a = contract(out, [(p.parts[0][0], (_FRONT, rank))], full, sizes)
    v = contract(out, [(p.full(1), (_FRONT, *values))], full, sizes)
    after = out.build(REGISTER["greater_equal" if p.attrs == ("left",) else "greater"], (a, v))
    before = out.build(REGISTER["cast"], (out.build(REGISTER["logical_not"], (after,)),), ("int64",))
    return contract(out, [(before, full)], full[:-1])


def _fold(p: _Place) -> int:
    """The loop over the batch: its carries become batched where the body makes them so."""
    body, take = p.attrs
    if p.parts[0][1] or p.parts[1][1]:
        raise UnsupportedError("vmap of a loop whose bounds differ from point to point")
    m = body.carries
    own = body.graph
    carried = [is_batched for _, is_batched in p.parts[2 : 2 + m]]
    captured = [is_batched for _, is_batched in p.parts[2 + m :]]
    while True:
        inner, inputs, results = p.within(body, [False, *carried, *captured])
        wanted = [was or now for was, (_, now) in zip(carried, results, strict=True)]
        if wanted == carried:
            break
        carried = wanted
    outputs = [
        spread(inner, node, (p.n, *own.types[o].lengths)) if want and not now else node
        for (node, now), o, want in zip(results, body.outputs, carried, strict=True)
    ]
    firsts = [p.full(2 + k) if want else p.parts[2 + k][0] for k, want in enumerate(carried)]
    rest = [node for node, _ in p.parts[2 + m :]]
    args = (p.parts[0][0], p.parts[1][0], *firsts, *rest)
    node = p.out.add(p.op, args, (Body(inner, inputs, outputs), take))
    return node if carried[take] else spread(p.out, node, (p.n, *own.types[body.outputs[take]].lengths))


_RULES: dict[str, Callable[[_Place], int]] = {
    "einsum": _einsum,
    "broadcast": _broadcast,
    "reshape": _reshape,
    "stack": _stack,
    "element": _element,
    "solve": _solve,
    "triangular_solve": _solve,
    "take": _take,
    "scatter_add": _scatter_add,
    "gather": _gather,
    "searchsorted": _searchsorted,
    "fold": _fold,
}
