"""Arithmetic, with the normal forms that keep equal formulas one node.

The normal forms use only facts exact in IEEE arithmetic (up to the sign of zero and, where constants
or powers are merged, one rounding): signs float outwards, constants fold, x*x is a power. `0*x` is never
folded: it is NaN where x is infinite.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from symgrad.graph import CONST, Graph
from symgrad.graph.node import Node, bind_arithmetic, spread
from symgrad.ops import tensors
from symgrad.ops.compare import logical_not
from symgrad.ops.declare import REAL, elementwise
from symgrad.ops.signs import not_negative

Args = tuple[int, ...]
NONZERO = (0.2, 8.0)
_EXACT = (int, Fraction)
_LARGEST = 10**30  # beyond this, exact folding would make constants nobody can read


def number(g: Graph, i: int) -> Any:
    """The numeric constant that node `i` is, or None (named constants stay symbols)."""
    if g.ops[i] is CONST:
        v = g.attrs[i][0]
        if v.__class__ is not str and v.__class__ is not bool:
            return v
    return None


def _fold(g: Graph, i: int, value: Any) -> int:
    return g.const(value, g.types[i].dtype)


def _add(g: Graph, args: Args, _: Any) -> int | None:
    a, b = args
    ops = g.ops
    if b < a:
        a, b = b, a
    oa, ob = ops[a], ops[b]
    if oa is CONST or ob is CONST:
        x, y = number(g, a), number(g, b)
        if x is not None and y is not None:
            return _fold(g, a, x + y)
        if x == 0 and x is not None and g.types[a].shape == g.types[b].shape:
            return b
        if y == 0 and y is not None:
            return a
        if x is not None and x < 0:
            return g.build(subtract, (b, _fold(g, a, -x)))
        if y is not None and y < 0:
            return g.build(subtract, (a, _fold(g, b, -y)))
    if ob is negative:
        return g.build(subtract, (a, g.args[b][0]))
    if oa is negative:
        return g.build(subtract, (b, g.args[a][0]))
    if oa is mask or ob is mask:
        joined = _add_masks(g, a, b)
        if joined is not None:
            return joined
    if g.types[a].shape:
        return tensors.total(g, a, b, 1)
    if a == b:
        return g.build(multiply, (g.const(2, g.types[a].dtype), a))
    return g.add(add, (a, b))


def _add_masks(g: Graph, a: int, b: int) -> int | None:
    """Two masked values under one condition, or under a condition and its negation."""
    if g.ops[a] is not mask or g.ops[b] is not mask:
        return None
    (c, x), (d, y) = g.args[a], g.args[b]
    if c == d:
        return g.build(mask, (c, g.build(add, (x, y))))
    if g.ops[d] is logical_not and g.args[d][0] == c:
        return g.build(where, (c, x, y))
    if g.ops[c] is logical_not and g.args[c][0] == d:
        return g.build(where, (d, y, x))
    return None


def _subtract(g: Graph, args: Args, _: Any) -> int | None:
    a, b = args
    oa, ob = g.ops[a], g.ops[b]
    if oa is CONST or ob is CONST:
        x, y = number(g, a), number(g, b)
        if x is not None and y is not None:
            return _fold(g, a, x - y)
        if y == 0 and y is not None:
            return a
        if x == 0 and x is not None:
            return g.build(negative, (b,))
    if ob is negative:
        return g.build(add, (a, g.args[b][0]))
    if oa is negative:
        return g.build(negative, (g.build(add, (g.args[a][0], b)),))
    if oa is mask and ob is mask:
        return g.build(add, (a, g.build(mask, (g.args[b][0], g.build(negative, (g.args[b][1],))))))
    return tensors.total(g, a, b, -1) if g.types[a].shape else None


def _multiply(g: Graph, args: Args, _: Any) -> int | None:
    a, b = args
    if b < a:
        a, b = b, a
    oa, ob = g.ops[a], g.ops[b]
    if oa is CONST or ob is CONST:
        if ob is CONST:
            a, b, oa, ob = b, a, ob, oa
        x = number(g, a)
        if x is not None:
            done = _scale(g, a, x, b)
            if done is not None:
                return done
    if oa is negative:
        if ob is negative:
            return g.build(multiply, (g.args[a][0], g.args[b][0]))
        return g.build(negative, (g.build(multiply, (g.args[a][0], b)),))
    if ob is negative:
        return g.build(negative, (g.build(multiply, (a, g.args[b][0])),))
    if oa is mask:
        return g.build(mask, (g.args[a][0], g.build(multiply, (g.args[a][1], b))))
    if ob is mask:
        return g.build(mask, (g.args[b][0], g.build(multiply, (a, g.args[b][1]))))
    if g.types[a].shape:
        product = tensors.product(g, a, b)
        if product is not None:
            return product
    if a == b or oa is integer_power or ob is integer_power:
        x, m = (g.args[a][0], g.attrs[a][0]) if oa is integer_power else (a, 1)
        y, n = (g.args[b][0], g.attrs[b][0]) if ob is integer_power else (b, 1)
        if x == y:
            return g.build(integer_power, (x,), (m + n,))
    if oa is divide or ob is divide:
        one = reciprocal_of(g, a)
        if one is not None:
            return g.build(divide, (b, one))
        one = reciprocal_of(g, b)
        if one is not None:
            return g.build(divide, (a, one))
    return g.add(multiply, (a, b) if a < b else (b, a))


def _scale(g: Graph, a: int, x: Any, b: int) -> int | None:
    """The constant `x` (node `a`) times node `b`."""
    if x == 1 and x.__class__ is int:
        return b
    y = number(g, b)
    if y is not None:
        return _fold(g, a, x * y)
    if x < 0:
        return g.build(negative, (g.build(multiply, (g.const(-x, g.types[a].dtype), b)),))
    if g.ops[b] is multiply and x.__class__ in _EXACT:
        c, d = g.args[b]
        for u, v in ((c, d), (d, c)):
            y = number(g, u)
            if y.__class__ in _EXACT and abs(x * y) < _LARGEST:
                return g.build(multiply, (_fold(g, a, x * y), v))
    return None


def reciprocal_of(g: Graph, i: int) -> int | None:
    """x where node `i` is 1/x."""
    if g.ops[i] is divide:
        n, d = g.args[i]
        if g.ops[n].name == "broadcast":
            (n,) = g.args[n]
        if g.ops[n] is CONST and g.attrs[n][0] == 1:
            return d
    return None


def _divide(g: Graph, args: Args, _: Any) -> int | None:
    a, b = args
    oa, ob = g.ops[a], g.ops[b]
    if ob is CONST:
        y = number(g, b)
        if y.__class__ in _EXACT and y != 0:
            return g.build(multiply, (_fold(g, b, Fraction(1) / y), a))
    if a == b and g.types[a].shape and g.types[a].dtype[0] == "f":
        return spread(g, g.const(1, g.types[a].dtype), g.types[a].lengths)  # wherever it is, as of scalars
    if oa is negative:
        if ob is negative:
            return g.build(divide, (g.args[a][0], g.args[b][0]))
        return g.build(negative, (g.build(divide, (g.args[a][0], b)),))
    if ob is negative:
        return g.build(negative, (g.build(divide, (a, g.args[b][0])),))
    if oa is CONST:
        x = number(g, a)
        if x is not None and x < 0:
            return g.build(negative, (g.build(divide, (g.const(-x, g.types[a].dtype), b)),))
    if oa is mask:
        return g.build(mask, (g.args[a][0], g.build(divide, (g.args[a][1], b))))
    one = reciprocal_of(g, b)
    if one is not None:
        return g.build(multiply, (a, one))
    return tensors.quotient(g, a, b) if g.types[a].shape else None


def _negative(g: Graph, args: Args, _: Any) -> int | None:
    (a,) = args
    oa = g.ops[a]
    if oa is negative:
        return g.args[a][0]
    if oa is CONST:
        x = number(g, a)
        if x is not None:
            return _fold(g, a, -x)
    if oa is subtract:
        return g.build(subtract, g.args[a][::-1])
    if oa is mask:
        return g.build(mask, (g.args[a][0], g.build(negative, (g.args[a][1],))))
    return None


def _integer_power(g: Graph, args: Args, attrs: tuple[Any, ...]) -> int | None:
    (a,) = args
    (n,) = attrs
    dtype = g.types[a].dtype
    if n == 1:
        return a
    if n == 0:
        return spread(g, g.const(1, dtype), g.types[a].shape)
    if n < 0 and not g.types[a].shape:
        return g.build(divide, (g.const(1, dtype), g.build(integer_power, (a,), (-n,))))
    oa = g.ops[a]
    if oa is CONST:
        x = number(g, a)
        if x.__class__ in _EXACT and n < 64 and (x == 0 or abs(x) ** n < _LARGEST):
            return _fold(g, a, x**n)
    if oa is integer_power:
        return g.build(integer_power, g.args[a], (g.attrs[a][0] * n,))
    if oa is negative:
        inner = g.build(integer_power, g.args[a], attrs)
        return g.build(negative, (inner,)) if n % 2 else inner
    return even_power(g, a, n) if n % 2 == 0 else None


_ROOTS = frozenset({"abs", "sqrt", "hypot"})
_MOVED = frozenset({"broadcast", "reshape", "element", "slice", "flip", "take"})


def even_power(g: Graph, i: int, n: int) -> int | None:
    """Node `i` to the even power `n`, where it has no derivative at 0 and its square has: |x|, hypot(x, y), and
    sqrt(u) of a u that is seen not to be negative; or elements of these."""
    moves = []
    while g.ops[i].name in _MOVED:
        moves.append(i)
        i = g.args[i][0]
    if g.ops[i].name not in _ROOTS:
        return None
    name, args = g.ops[i].name, g.args[i]
    if name == "abs":
        found = g.build(integer_power, args, (n,))
    elif name == "hypot":
        x, y = (g.build(integer_power, (x,), (2,)) for x in args)
        found = g.build(integer_power, (g.build(add, (x, y)),), (n // 2,))
    elif not_negative(g, args[0]):
        found = g.build(integer_power, args, (n // 2,))
    else:
        return None
    for j in moves[::-1]:
        found = g.build(g.ops[j], (found, *g.args[j][1:]), g.attrs[j])
    return found


def squares(g: Graph, factors: Sequence[tuple[int, Any]]) -> list[tuple[int, Any]]:
    """The (node, labels) of a product, an even number of equal ones by `even_power`."""
    found = list(factors)
    for part, n in Counter(found).items() if len(found) > 1 else ():
        if n % 2 == 0 and (square := even_power(g, part[0], n)) is not None:
            found = [p for p in found if p != part] + [(square, part[1])]
    return found


def _where(g: Graph, args: Args, _: Any) -> int | None:
    c, a, b = args
    if a == b:
        return a
    if g.ops[c] is CONST:
        return a if g.attrs[c][0] else b
    if g.ops[c] is logical_not:
        return g.build(where, (g.args[c][0], b, a))
    return None


def _mask(g: Graph, args: Args, _: Any) -> int | None:
    c, a = args
    if g.ops[c] is CONST and g.attrs[c][0]:
        return a
    if g.ops[a] is mask and g.args[a][0] == c:
        return a
    return None


add = elementwise("add", lambda x, y, z: 1, lambda x, y, z: 1, normal=_add, facts="commutative")
subtract = elementwise("subtract", lambda x, y, z: 1, lambda x, y, z: -1, normal=_subtract)
multiply = elementwise("multiply", lambda x, y, z: y, lambda x, y, z: x, normal=_multiply, facts="commutative")
divide = elementwise("divide", lambda x, y, z: 1 / y, lambda x, y, z: -z / y, normal=_divide, domain=(REAL, NONZERO))
negative = elementwise("negative", lambda x, z: -1, normal=_negative, facts="odd involution")
integer_power = elementwise(
    "integer_power",
    lambda x, z, n: n * integer_power(x, n=n - 1),
    attrs=("n",),
    normal=_integer_power,
    doc="x**n for a fixed integer n; lowered to multiplications",
)
mask = elementwise(
    "mask",
    None,
    lambda c, x, z: mask(c, one_like(x)),
    normal=_mask,
    typing=lambda types: types[1],
    domain=((False, True), REAL),
    doc="x where the condition holds, else a structural zero: a factor that is infinite there leaves zero",
)
where = elementwise(
    "where",
    None,
    lambda c, x, y, z: mask(c, one_like(x)),
    lambda c, x, y, z: mask(logical_not(c), one_like(y)),
    normal=_where,
    typing=lambda types: types[1] if types[1].dtype >= types[2].dtype else types[2],
    domain=((False, True), REAL, REAL),
    doc="x where the condition holds, else y",
)


def one_like(x: Any) -> Any:
    """The number 1 as a node of x's type."""
    g = x.graph
    return Node(g, spread(g, g.const(1, x.type.dtype), x.shape))


bind_arithmetic(add, subtract, multiply, divide)
