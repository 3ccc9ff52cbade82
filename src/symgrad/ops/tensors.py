"""Normal forms of sums, products and quotients of arrays, element by element: multiples are einsums."""

from __future__ import annotations

import math
from fractions import Fraction

from symgrad.graph import CONST, REGISTER, Graph
from symgrad.graph.node import spread
from symgrad.graph.op import Op


def product(g: Graph, a: int, b: int) -> int | None:
    """a*b where a factor is an identity, constant along an axis or itself a product of such; else None."""
    if not (_opens(g, a) or _opens(g, b)):
        return None
    same = _of_numbers(g, "multiply", a, b)
    if same is not None:
        return same
    from symgrad.ops.einsum import contract

    labels = tuple(range(len(g.types[a].shape)))
    return contract(g, [(a, labels), (b, labels)], labels)


def quotient(g: Graph, a: int, b: int) -> int | None:
    """a/b where b is the same along some axis: a times the reciprocal of what b repeats; else None."""
    if g.ops[b].name not in ("broadcast", "einsum"):
        return None
    same = _of_numbers(g, "divide", a, b)
    if same is not None:
        return same
    from symgrad.ops.einsum import contract, factors

    parts, labels, _ = factors(g, b)
    if len(parts) != 1 or len(set(parts[0][1])) != len(parts[0][1]) or len(parts[0][1]) == len(labels):
        return None
    ((x, own),) = parts
    one = spread(g, g.const(1, g.types[b].dtype), g.types[x].shape)
    return contract(g, [(g.build(REGISTER["divide"], (one, x)), own), (a, labels)], labels)


def total(g: Graph, a: int, b: int, sign: int) -> int | None:
    """a + b or a - b: like terms merged, zeros left out, a common number taken out. None: no change."""
    same = _of_numbers(g, "add" if sign > 0 else "subtract", a, b)
    if same is not None:
        return same
    for x, y in ((a, b), (b, a)):
        if g.ops[y].name == "broadcast" and g.value(g.args[y][0]) == 0:
            return g.build(REGISTER["negative"], (x,)) if sign < 0 and y == a else x
    across = _common_transpose(g, a, b)
    if across is not None:
        (x, y), text = across
        inner = g.build(REGISTER["add" if sign > 0 else "subtract"], (x, y))
        return g.build(REGISTER["einsum"], (inner,), (text,))
    (c, x), (d, y) = multiple(g, a), multiple(g, b)
    if x == y and c + sign * d != 0:
        return times(g, g.const(c + sign * d, g.types[a].dtype), x)
    outer = _outer(g, x) or _outer(g, y)  # a number costs less at one of the factors
    if c == d and c != 1 and not outer:
        inner = g.build(REGISTER["add" if sign > 0 else "subtract"], (x, y))
        return times(g, g.const(c, g.types[a].dtype), inner)
    (s, x), (t, y) = _scaled(g, a), _scaled(g, b)
    if s is not None and s == t and not outer:
        return times(g, s, g.build(REGISTER["add" if sign > 0 else "subtract"], (x, y)))
    return g.add(REGISTER["add"], (a, b)) if sign > 0 else None


def _of_numbers(g: Graph, op: str, a: int, b: int) -> int | None:
    """The operation on what are the same numbers everywhere, worked out once."""
    if g.ops[a].name != "broadcast" or g.ops[b].name != "broadcast":
        return None
    (x,), (y,) = g.args[a], g.args[b]
    if g.types[x].shape or g.types[y].shape:
        return None
    return spread(g, g.build(REGISTER[op], (x, y)), g.types[a].shape)


def times(g: Graph, number: int, a: int) -> int:
    """The scalar node `number` times the array `a`."""
    from symgrad.ops.einsum import contract

    labels = tuple(range(len(g.types[a].shape)))
    return contract(g, [(number, ()), (a, labels)], labels)


def _common_transpose(g: Graph, a: int, b: int) -> tuple[tuple[int, int], str] | None:
    """(a', b') and the subscripts of one transpose that gives a of a' and b of b'; what is symmetric has any."""
    if g.ops[a].name != "einsum" or g.ops[b].name != "einsum":
        return None
    from symgrad.ops.einsum import symmetric

    for x, y in ((a, b), (b, a)):
        text = g.attrs[x][0]
        left, _, right = text.partition("->")
        if len(g.args[x]) == 1 and sorted(left) == sorted(right) and len(set(left)) == len(left):
            inner = g.args[x][0]
            if g.attrs[y][0] == text:
                other = g.args[y][0]
            elif symmetric(g, y) and len(left) == 2:
                other = y
            else:
                continue
            return ((inner, other) if x == a else (other, inner)), text
    return None


def multiple(g: Graph, i: int) -> tuple[int | float | Fraction, int]:
    """(c, x) where node `i` is c*x with a number c."""
    scalar, x = _scaled(g, i)
    if scalar is not None and g.ops[scalar] is CONST:
        value = g.attrs[scalar][0]
        if not isinstance(value, (str, bool)):
            return value, x
    return 1, i


def _scaled(g: Graph, i: int) -> tuple[int | None, int]:
    """(s, x) where node `i` is s*x with a scalar node s; also of the transpose of a multiple."""
    if g.ops[i].name != "einsum":
        return None, i
    op, args, text = g.ops[i], g.args[i], g.attrs[i][0]
    left, _, right = text.partition("->")
    if len(args) == 1 and g.ops[args[0]] is op and sorted(left) == sorted(right):
        inner = g.args[args[0]]
        if len(inner) == 2 and g.attrs[args[0]][0].startswith(","):
            scalar, x = _scaled(g, args[0])
            return (scalar, g.build(op, (x,), (text,))) if scalar is not None else (None, i)
    elif len(args) > 1 and left.startswith(","):
        return args[0], args[1] if left[1:] == right else g.build(op, args[1:], (text[1:],))
    return None, i


def _outer(g: Graph, i: int) -> bool:
    """Whether node `i` is a product of arrays that are all smaller."""
    if g.ops[i].name != "einsum":
        return False
    size = math.prod(g.types[i].lengths)
    return all(math.prod(g.types[a].lengths) < size for a in g.args[i])


def _opens(g: Graph, i: int) -> bool:
    op: Op = g.ops[i]
    if op.name == "einsum":
        from symgrad.ops.einsum import parse, sums

        return not sums(*parse(g.attrs[i][0]))
    return op.name in ("broadcast", "delta", "basis")
