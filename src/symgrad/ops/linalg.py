"""Linear algebra of square matrices: inverse, solution of linear equations, determinants. Leading axes are a batch.

Rules: Petersen and Pedersen, "The Matrix Cookbook" (2012), sections 2.1 and 2.2. For a singular matrix the
value of `inv` and `solve` is NaN; so are the derivatives of `det`, which are written with the inverse.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from symgrad.graph import REGISTER, Graph, Node, Op, Type, promote
from symgrad.graph.node import spread
from symgrad.ops.declare import tangent
from symgrad.ops.einsum import Labels, contract, delta, einsum, factors, parse, transpose

_NEGATIVE = REGISTER["negative"]
Tangents = Sequence[Node | None]


def _square(name: str, t: Type) -> int:
    if len(t.shape) < 2 or t.shape[-2] != t.shape[-1] or t.shape[-1] is None:
        raise TypeError(f"{name} needs a square matrix of known size, got shape {t.shape}")
    return t.shape[-1]


def _same(types: list[Type]) -> Type:
    _square("inv", types[0])
    return types[0]


def _number(name: str) -> Callable[[list[Type]], Type]:
    def typing(types: list[Type]) -> Type:
        _square(name, types[0])
        return Type(types[0].dtype, types[0].shape[:-2])

    return typing


def _solve_type(types: list[Type]) -> Type:
    n = _square("solve", types[0])
    lead = len(types[0].shape) - 2
    if types[1].shape[: lead + 1] != (*types[0].shape[:lead], n):
        raise TypeError(f"solve: a right side of shape {types[1].shape} for a matrix of shape {types[0].shape}")
    return Type(promote([t.dtype for t in types]), types[1].shape)


def _trace_of(a: Node, b: Node) -> Node:
    """tr(a b)."""
    lead, row, column = matrix_labels(a)
    return Node(a.graph, contract(a.graph, [(a.id, (*lead, row, column)), (b.id, (*lead, column, row))], lead))


def matrix_labels(a: Node) -> tuple[Labels, int, int]:
    """Labels of the batch, of the rows and of the columns of a matrix."""
    rank = len(a.shape)
    return tuple(range(rank - 2)), rank - 2, rank - 1


def times(a: Node, b: Node) -> Node:
    """The product of matrices, batch by batch."""
    lead, row, inner = matrix_labels(a)
    column = inner + 1
    return Node(
        a.graph, contract(a.graph, [(a.id, (*lead, row, inner)), (b.id, (*lead, inner, column))], (*lead, row, column))
    )


def turned(a: Node) -> Node:
    """The transpose of each matrix."""
    lead, row, column = matrix_labels(a)
    return Node(a.graph, contract(a.graph, [(a.id, (*lead, row, column))], (*lead, column, row)))


def _inv(g: Graph, args: tuple[int, ...], _: object) -> int | None:
    (a,) = args
    if g.ops[a] is inv:
        return g.args[a][0]
    if g.ops[a] is delta:
        return a
    if g.ops[a] is _NEGATIVE:
        return g.build(_NEGATIVE, (g.build(inv, g.args[a]),))
    if is_transpose(g, a):
        return turned(Node(g, g.build(inv, g.args[a]))).id
    return None


def is_transpose(g: Graph, i: int) -> bool:
    """Whether node `i` is its argument with each matrix transposed."""
    if g.ops[i] is not einsum or len(g.args[i]) != 1:
        return False
    (labels,), out = parse(g.attrs[i][0])
    return len(out) > 1 and out == (*labels[:-2], labels[-1], labels[-2])


def _solve(g: Graph, args: tuple[int, ...], _: object) -> int | None:
    a, b = args
    _solve_type([g.types[a], g.types[b]])
    if g.ops[a] is delta:
        return b
    if len(g.types[a].shape) > 2:
        return None
    if g.ops[b] is delta:
        return g.build(inv, (a,))
    if g.ops[a] is inv:
        rest = tuple(range(2, 1 + len(g.types[b].shape)))
        return contract(g, [(g.args[a][0], (0, 1)), (b, (1, *rest))], (0, *rest))
    if g.ops[b].name == "negative":
        return g.build(g.ops[b], (g.build(solve, (a, g.args[b][0])),))
    return solve_factor(g, a, b, lambda right: g.build(solve, (a, right)))


def solve_factor(g: Graph, a: int, b: int, solved: Callable[[int], int]) -> int | None:
    """Of a product without sums, only the factor that has the axis of the equations is solved for.

    `a` is one matrix, without a batch.
    """
    parts, labels, sizes = factors(g, b)
    holders = [p for p in parts if labels[0] in p[1]]
    if len(holders) > 1 or (len(parts) == 1 and holders and g.ops[parts[0][0]] is not delta):
        return None
    others = [p for p in parts if labels[0] not in p[1]]
    if not holders:
        own: tuple[int, ...] = labels[:1]
        if len(labels) == 1 and g.value(g.args[b][0]) == 1:
            return None
        found = solved(spread(g, g.const(1, g.types[b].dtype), (sizes[labels[0]],)))
    else:
        own = (labels[0], *dict.fromkeys(x for x in holders[0][1] if x != labels[0]))
        right = contract(g, holders, own)
        if right == b:
            return None
        found = solved(right)
    return contract(g, [(found, own), *others], labels, sizes)


def _solve_tangent(tangents: Tangents, a: Node, b: Node, x: Node) -> Node:
    """x with a x = b: a dx = db - da x."""
    da, db = tangents
    right = db
    if da is not None:
        moved = applied(da, x)
        right = -moved if right is None else right - moved
    assert right is not None
    return solve(a, right)


def applied(a: Node, x: Node) -> Node:
    """a x, for x of shape batch + (n, ...)."""
    lead, row, inner = matrix_labels(a)
    rest = tuple(range(inner + 1, inner + len(x.shape) - len(lead)))
    return Node(
        a.graph, contract(a.graph, [(a.id, (*lead, row, inner)), (x.id, (*lead, inner, *rest))], (*lead, row, *rest))
    )


def equations_first(ct: Node, a: Node, x: Node, solved: Callable[[Node], Node]) -> Node:
    """`solved` of a cotangent whose further axes in front are moved behind the axis of the equations, and back."""
    g = ct.graph
    batch, rank = len(a.shape) - 2, len(ct.shape)
    more = rank - len(x.shape)
    front = (*range(more, more + batch + 1), *range(more), *range(more + batch + 1, rank))
    back = tuple(front.index(k) for k in range(rank))
    return Node(g, transpose(g, solved(Node(g, transpose(g, ct.id, front))).id, back))


def _solve_work(types: list[Type]) -> float:
    n = types[0].lengths[-1]
    return _matrices(types) * 2 * n**3 / 3 + 2 * n * math.prod(types[1].lengths)


def _matrices(types: list[Type]) -> int:
    return math.prod(types[0].lengths[:-2])


inv = tangent(
    "inv",
    1,
    _same,
    lambda tangents, a, y: -times(times(y, tangents[0]), y),
    normal=_inv,
    work=lambda types: 2.0 * _matrices(types) * types[0].lengths[-1] ** 3,
    doc="the inverse of a matrix",
)
solve = tangent(
    "solve",
    2,
    _solve_type,
    _solve_tangent,
    normal=_solve,
    transposes={1: lambda ct, a, b, x: equations_first(ct, a, x, lambda right: solve(turned(a), right))},
    work=_solve_work,
    doc="x with a x = b; b of shape (n, ...), after the batch that a has",
)


def _of_determinant(g: Graph, args: tuple[int, ...], what: str, transform: str) -> int | None:
    """The same of a simpler matrix: det(a^T) = det(a), det(a^-1) = 1/det(a)."""
    (a,) = args
    op = REGISTER[what]
    if is_transpose(g, a):
        return g.build(op, g.args[a])
    even = _square(what, g.types[a]) % 2 == 0
    if g.ops[a] is _NEGATIVE and (even or op is not logdet):
        inner = g.build(op, g.args[a])
        return inner if even or op is logabsdet else g.build(_NEGATIVE, (inner,))
    if g.ops[a] is inv:
        inner = Node(g, g.build(op, g.args[a]))
        return (1 / inner if transform == "number" else -inner).id
    if g.ops[a] is delta:
        return g.const(1 if transform == "number" else 0, g.types[a].dtype)
    return None


def _determinant(name: str, rule: Callable[..., Node], transform: str, doc: str) -> Op:
    return tangent(
        name,
        1,
        _number(name),
        rule,
        normal=lambda g, args, attrs: _of_determinant(g, args, name, transform),
        work=lambda types: 2 * _matrices(types) * types[0].lengths[-1] ** 3 / 3,
        doc=doc,
    )


det = _determinant("det", lambda t, a, y: y * _trace_of(inv(a), t[0]), "number", "the determinant")
logdet = _determinant(
    "logdet",
    lambda t, a, y: _trace_of(inv(a), t[0]),
    "log",
    "the logarithm of the determinant, without overflow; NaN where that is negative",
)
logabsdet = _determinant(
    "logabsdet",
    lambda t, a, y: _trace_of(inv(a), t[0]),
    "log",
    "the logarithm of the absolute value of the determinant, without overflow",
)
det_sign = tangent(
    "det_sign",
    1,
    _number("det_sign"),
    lambda tangents, a, y: None,
    work=lambda types: 2 * _matrices(types) * types[0].lengths[-1] ** 3 / 3,
    doc="the sign of the determinant: -1, 0 or 1",
)
