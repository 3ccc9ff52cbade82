"""Reductions along the last axis but for sums (those are einsums), and scans along it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from symgrad.graph import Graph, Node, Op, Type
from symgrad.graph.node import spread
from symgrad.ops.compare import equal
from symgrad.ops.declare import linear, tangent
from symgrad.ops.einsum import contract
from symgrad.ops.elementary import exp
from symgrad.ops.index import cast
from symgrad.ops.slicing import concatenate, flip, slice_
from symgrad.ops.take import take_along

Tangents = Sequence[Node | None]


def _without_last(name: str, dtype: str | None = None, empty: bool = True) -> Callable[[list[Type]], Type]:
    def typing(types: list[Type]) -> Type:
        (t,) = types
        if not t.shape or (not empty and t.shape[-1] == 0):
            raise TypeError(f"{name} of shape {t.shape}: there is no element along the last axis")
        return Type(dtype or t.dtype, t.shape[:-1])

    return typing


def along(y: Node, x: Node) -> Node:
    """`y`, which lacks the last axis of `x`, repeated along it."""
    g, labels = y.graph, tuple(range(len(x.shape)))
    return Node(g, contract(g, [(y.id, labels[:-1])], labels, dict(enumerate(x.type.lengths))))


def dot_last(a: Node, b: Node) -> Node:
    """The sum over the last axis of the products of elements."""
    g, labels = a.graph, tuple(range(len(a.shape)))
    return Node(g, contract(g, [(a.id, labels), (b.id, labels)], labels[:-1]))


def _extreme_tangent(tangents: Tangents, x: Node, y: Node) -> Node:
    """The mean of the tangents of the extreme elements."""
    (t,) = tangents
    assert t is not None
    there = cast(equal(x, along(y, x)), dtype=x.type.dtype)
    g, labels = x.graph, tuple(range(len(x.shape)))
    count = Node(g, contract(g, [(there.id, labels)], labels[:-1]))
    return dot_last(there / along(count, x), t)


def _same_everywhere(g: Graph, args: tuple[int, ...], _: object) -> int | None:
    """Of an array that is one number everywhere, or constant along the last axis."""
    (a,) = args
    if g.ops[a].name == "broadcast" and not g.types[g.args[a][0]].shape and g.types[a].lengths[-1]:
        return spread(g, g.args[a][0], g.types[a].shape[:-1])
    if g.types[a].lengths[-1] == 1:
        return _last_dropped(g, a)
    return None


def _product_normal(g: Graph, args: tuple[int, ...], _: object) -> int | None:
    """Of one element, and of none."""
    (a,) = args
    t = g.types[a]
    n = t.lengths[-1]
    if n == 0:
        return spread(g, g.const(1, t.dtype), t.shape[:-1])
    return _last_dropped(g, a) if n == 1 and t.dtype != "bool" else None


def _logsumexp_normal(g: Graph, args: tuple[int, ...], _: object) -> int | None:
    (a,) = args
    t = g.types[a]
    if t.lengths[-1] == 0:
        return spread(g, g.const(-math.inf, t.dtype), t.shape[:-1])
    return _last_dropped(g, a) if t.lengths[-1] == 1 else None


def _scan_normal(g: Graph, args: tuple[int, ...], _: object) -> int | None:
    """A scan of one element, or of none, is what goes last into it."""
    return args[-1] if g.types[args[-1]].lengths[-1] < 2 else None


def _place_normal(g: Graph, args: tuple[int, ...], _: object) -> int | None:
    """The place of an element among equal ones, or of the only one, is 0."""
    (a,) = args
    t = g.types[a]
    scalar = g.ops[a].name == "broadcast" and not g.types[g.args[a][0]].shape
    if t.lengths[-1] == 1 or (scalar and t.lengths[-1]):
        return spread(g, g.const(0, "int64"), t.shape[:-1])
    return None


def _last_dropped(g: Graph, a: int) -> int:
    labels = tuple(range(len(g.types[a].shape)))
    return contract(g, [(a, labels)], labels[:-1])


def _first(x: Node, count: int, start: int = 0) -> Node:
    return slice_(x, start=(start,), stop=(start + count,), step=(1,))


def _shifted(y: Node, first: float | int) -> Node:
    """`y` moved on by one place along the last axis, `first` in the first place."""
    *lead, n = y.type.lengths
    if not n:
        return y
    g = y.graph
    front = Node(g, spread(g, g.const(first, y.type.dtype), (*lead, 1)))
    return concatenate(front, _first(y, n - 1), axis=-1)


def _prod_tangent(tangents: Tangents, x: Node, y: Node) -> Node:
    """Each tangent times the product of all other elements, which needs no division."""
    (t,) = tangents
    assert t is not None
    before = _shifted(cumprod(x), 1)
    after = flip(_shifted(cumprod(flip(x, axes=(-1,))), 1), axes=(-1,))
    return dot_last(before * after, t)


def _cumprod_tangent(tangents: Tangents, x: Node, y: Node) -> Node:
    """dy_k = x_k dy_{k-1} + y_{k-1} dx_k."""
    (t,) = tangents
    assert t is not None
    return linear_recurrence(x, t * _shifted(y, 1))


def _recurrence_type(types: list[Type]) -> Type:
    a, b = types
    if a != b or not a.shape:
        raise TypeError(f"linear_recurrence of {a} and {b}: two arrays of one type")
    return a


def _recurrence_tangent(tangents: Tangents, a: Node, b: Node, y: Node) -> Node:
    """dy_k = a_k dy_{k-1} + (da_k y_{k-1} + db_k)."""
    da, db = tangents
    inner = db
    if da is not None:
        moved = da * _shifted(y, 0)
        inner = moved if inner is None else moved + inner
    assert inner is not None
    return linear_recurrence(a, inner)


def _recurrence_transposed(ct: Node, a: Node, b: Node, y: Node) -> Node:
    """The same recurrence from the end: r_k = ct_k + a_{k+1} r_{k+1}."""
    *lead, n = a.type.lengths
    if not n:
        return ct
    g = a.graph
    zero = Node(g, spread(g, g.const(0, a.type.dtype), (*lead, 1)))
    following = concatenate(_first(a, n - 1, 1), zero, axis=-1)
    full = Node(g, spread(g, flip(following, axes=(-1,)).id, ct.shape))
    return flip(linear_recurrence(full, flip(ct, axes=(-1,))), axes=(-1,))


def _nowhere(tangents: Tangents, *nodes: Node, **attrs: object) -> None:
    """A result of whole numbers has no derivative."""


def _place(name: str, doc: str) -> Op:
    return tangent(
        name, 1, _without_last(name, "int64", empty=False), _nowhere, normal=_place_normal, work=_volume, doc=doc
    )


def _volume(types: list[Type], *_: object) -> float:
    return float(math.prod(types[0].lengths))


def _sort_work(types: list[Type]) -> float:
    n = types[0].lengths[-1] if types[0].shape else 1
    return _volume(types) * max(1.0, math.log2(n or 1))


def _whole(types: list[Type]) -> Type:
    if not types[0].shape:
        raise TypeError("a scan needs an axis")
    return Type("int64", types[0].shape)


def _scan(types: list[Type]) -> Type:
    if not types[0].shape:
        raise TypeError("a scan needs an axis")
    return types[0]


def _searched(types: list[Type], side: str) -> Type:
    if len(types[0].shape) != 1 or side not in ("left", "right"):
        raise TypeError(f"searchsorted in shape {types[0].shape}, side {side!r}: one sorted axis, 'left' or 'right'")
    return Type("int64", types[1].shape)


amax = tangent(
    "amax",
    1,
    _without_last("amax", empty=False),
    _extreme_tangent,
    normal=_same_everywhere,
    work=_volume,
    doc="the largest element along the last axis; equal ones share the derivative equally",
)
amin = tangent(
    "amin",
    1,
    _without_last("amin", empty=False),
    _extreme_tangent,
    normal=_same_everywhere,
    work=_volume,
    doc="the smallest element along the last axis; equal ones share the derivative equally",
)
prod = tangent(
    "prod",
    1,
    _without_last("prod"),
    _prod_tangent,
    normal=_product_normal,
    work=_volume,
    doc="the product along the last axis",
)
logsumexp = tangent(
    "logsumexp",
    1,
    _without_last("logsumexp"),
    lambda tangents, x, y: dot_last(exp(x - along(y, x)), tangents[0]),
    normal=_logsumexp_normal,
    work=lambda types: 3 * _volume(types),
    doc="log(sum(exp(x))) along the last axis, without overflow",
)
cumsum = linear(
    "cumsum",
    1,
    _scan,
    lambda ct, x, y: [flip(cumsum(flip(ct, axes=(-1,))), axes=(-1,))],
    normal=_scan_normal,
    work=_volume,
    doc="running sums along the last axis",
)
cumprod = tangent(
    "cumprod",
    1,
    _scan,
    _cumprod_tangent,
    normal=_scan_normal,
    work=_volume,
    doc="running products along the last axis",
)
linear_recurrence = tangent(
    "linear_recurrence",
    2,
    _recurrence_type,
    _recurrence_tangent,
    transposes={1: _recurrence_transposed},
    normal=_scan_normal,
    work=lambda types: 2 * _volume(types),
    doc="y_k = a_k y_{k-1} + b_k along the last axis, from y_{-1} = 0",
)
argmax = _place("argmax", "the first place of the largest element along the last axis")
argmin = _place("argmin", "the first place of the smallest element along the last axis")
argsort = tangent(
    "argsort", 1, _whole, _nowhere, work=_sort_work, doc="the places that sort the last axis; equal elements keep order"
)
argcummax = tangent(
    "argcummax", 1, _whole, _nowhere, work=_volume, doc="the place of the largest element so far along the last axis"
)
argcummin = tangent(
    "argcummin", 1, _whole, _nowhere, work=_volume, doc="the place of the smallest element so far along the last axis"
)
searchsorted = tangent(
    "searchsorted",
    2,
    _searched,
    _nowhere,
    attrs=("side",),
    work=lambda types, side: 8 * float(math.prod(types[1].lengths)),
    doc="where each value (second argument) belongs in a sorted array, as numpy.searchsorted",
)


def cummax(x: Node) -> Node:
    """The largest element so far along the last axis."""
    return take_along(x, argcummax(x))


def cummin(x: Node) -> Node:
    """The smallest element so far along the last axis."""
    return take_along(x, argcummin(x))
