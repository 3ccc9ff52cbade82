"""Formulas multiplied out where that reads shorter: e^u/y + e^u (x - 1/y) is x e^u.

What is cheap to compute may be long to read, where it uses a value again that a reader sees written out twice. Sums
of products are multiplied out, like terms merge, and what all have in common stands in front; the result is taken
where far fewer operations are written. This is for readers: it may round differently.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from symgrad.graph import CONST, REGISTER, Graph, Node

ADD, SUBTRACT, NEGATIVE = (REGISTER[n] for n in ("add", "subtract", "negative"))
MULTIPLY, DIVIDE, POWER, SQRT = (REGISTER[n] for n in ("multiply", "divide", "integer_power", "sqrt"))
ARITHMETIC = frozenset((ADD, SUBTRACT, NEGATIVE, MULTIPLY, DIVIDE, POWER, SQRT))
TERMS, HIGHEST = 12, 4
"""Terms of a sum, and the power of a sum, that is multiplied out at most."""
SHORTER = 0.92
"""Of the operations that are written, how many are left at most: what is hardly shorter stays in its factors."""
LONGEST = 150
"""Operations of a formula, written out, that is looked at."""

Number = int | float | Fraction
Powers = tuple[tuple[int, Fraction], ...]
"""Bases, nodes of the new graph, and their exponents, ordered."""
Sum = dict[Powers, Number]


def multiplied_out(graph: Graph, roots: Sequence[int]) -> tuple[Graph, list[int]]:
    """`roots` with the numbers in it that read shorter so multiplied out, in a new graph; large ones as they are."""
    live = graph.reach(roots)
    written = _written(graph)
    if sum(written[r] for r in roots) > LONGEST or len(graph) > LONGEST:
        return graph, list(roots)
    outermost = [False] * len(graph)
    for i, needed in enumerate(live):
        if needed and (graph.ops[i] not in ARITHMETIC or graph.types[i].shape):
            for a in graph.args[i]:
                outermost[a] = True
    for r in roots:
        outermost[r] = True
    out, new, sums = Graph(), dict[int, int](), dict[int, Sum]()
    for i, needed in enumerate(live):
        if not needed:
            continue
        op, args, attrs, t = graph.ops[i], graph.args[i], graph.attrs[i], graph.types[i]
        if op is CONST:
            new[i] = out.const(*attrs)
            if not t.shape and attrs[0].__class__ in (int, float, Fraction) and 0 < abs(attrs[0]) < 1e300:
                sums[i] = {(): attrs[0]}
            continue
        new[i] = out.add(op, tuple([new[a] for a in args]), attrs, t)
        if t.shape or t.dtype[0] != "f" or op not in ARITHMETIC:
            continue
        found = _product_out(op.name, [sums.get(a, {((new[a], Fraction(1)),): 1}) for a in args], attrs)
        if found is None or len(found) > TERMS:
            continue
        sums[i] = found
        if outermost[i]:
            shorter = _built(out, found, t.dtype)
            lengths = _written(out)
            if shorter is not None and lengths[shorter] <= SHORTER * lengths[new[i]]:
                new[i] = shorter
    return out, [new[r] for r in roots]


def _written(g: Graph) -> list[int]:
    """Per node, operations where it is written out in full."""
    size: list[int] = []
    for op, args in zip(g.ops, g.args, strict=True):
        size.append(min(10**9, int(op.kind != "leaf") + sum(size[a] for a in args)))
    return size


def _product_out(name: str, parts: Sequence[Sum], attrs: tuple[Any, ...]) -> Sum | None:
    """The operation of sums of products, as one; None where it is none."""
    first = parts[0]
    if name in ("add", "subtract"):
        total = dict(first)
        for key, c in parts[1].items():
            total[key] = total.get(key, 0) + (c if name == "add" else -c)
        return {key: c for key, c in total.items() if c != 0}
    if name == "negative":
        return {key: -c for key, c in first.items()}
    if name == "multiply":
        return _times(*parts)
    if name == "divide":
        return _times(first, inverse) if (inverse := _power(parts[1], Fraction(-1))) else None
    if name == "sqrt":
        return _power(first, Fraction(1, 2))
    n = attrs[0]
    if len(first) == 1:
        return _power(first, Fraction(n))
    if not 0 < n <= HIGHEST:
        return None
    total = first
    for _ in range(n - 1):
        product = _times(total, first)
        if product is None:
            return None
        total = product
    return total


def _times(a: Sum, b: Sum) -> Sum | None:
    if len(a) * len(b) > 2 * TERMS:
        return None
    total: Sum = {}
    for left, c in a.items():
        for right, d in b.items():
            powers = dict(left)
            for base, n in right:
                powers[base] = powers.get(base, Fraction(0)) + n
            key = tuple(sorted((base, n) for base, n in powers.items() if n))
            total[key] = total.get(key, 0) + c * d
    return {key: c for key, c in total.items() if c != 0}


def _power(a: Sum, n: Fraction) -> Sum | None:
    """Of one product; None for a sum, or where its number is none that is exact."""
    if len(a) != 1:
        return None
    ((key, c),) = a.items()
    if n.denominator > 1 and c != 1:
        return None
    if n < 0 and not isinstance(c, float):
        c = Fraction(c)
    return {tuple((base, m * n) for base, m in key): 1 if c == 1 else c ** int(n)}


def _built(g: Graph, found: Sum, dtype: str) -> int | None:
    """What all terms have in common times a sum; None for powers that have no form."""
    if not found:
        return g.const(0, dtype)
    bases = {base for key in found for base, _ in key}
    common = {b: min(dict(key).get(b, Fraction(0)) for key in found) for b in bases}
    if any(n.denominator > 2 for key in found for _, n in key):
        return None
    total: Node | None = None
    for key, c in sorted(found.items(), key=lambda t: t[1] < 0):
        rest = {b: dict(key).get(b, Fraction(0)) - common[b] for b in sorted(bases)}
        value = _monomial(g, rest, abs(c), dtype)
        total = (-value if c < 0 else value) if total is None else (total - value if c < 0 else total + value)
    assert total is not None
    front = {b: n for b, n in sorted(common.items()) if n}
    if not front:
        return total.id
    above, below = ({b: abs(n) for b, n in front.items() if n * sign > 0} for sign in (1, -1))
    if above:
        total = _monomial(g, above, 1, dtype) * total
    return (total / _monomial(g, below, 1, dtype)).id if below else total.id


def _monomial(g: Graph, powers: Mapping[int, Fraction], number: Number, dtype: str) -> Node:
    exact = int(number) if isinstance(number, Fraction) and number.denominator == 1 else number
    value: Node | None = None if exact == 1 else Node(g, g.const(exact, dtype))
    for base, n in powers.items():
        if not n:
            continue
        root = Node(g, base) if n.denominator == 1 else Node(g, g.build(SQRT, (base,)))
        m = int(n * n.denominator)
        part = root if m == 1 else Node(g, g.build(POWER, (root.id,), (m,)))
        value = part if value is None else value * part
    return Node(g, g.const(1, dtype)) if value is None else value
