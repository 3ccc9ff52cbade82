"""Sums and products as a person orders them: terms by degree, one fraction, numbers and symbols first."""

from __future__ import annotations

import re
from collections.abc import Container
from fractions import Fraction
from typing import Any, NamedTuple

from symgrad.graph import CONST, INPUT, Graph
from symgrad.ops.summands import signed_terms

Exponent = int | Fraction


class Product(NamedTuple):
    """(-) number * above / below; powers are (node, exponent > 0)."""

    minus: bool
    number: int | Fraction
    above: list[tuple[int, Exponent]]
    below: list[tuple[int, Exponent]]


class Arrange:
    """`graph` seen flat, through nodes that are not `named`.

    `roots`: square roots and powers of one base merge: x*sqrt(x) reads x**(3/2).
    """

    def __init__(self, graph: Graph, named: Container[int], names: dict[int, str], roots: bool) -> None:
        self.graph = graph
        self.named = named
        self.names = names
        self.roots = roots

    def opened(self, i: int) -> bool:
        return i not in self.named and not self.graph.types[i].shape

    def is_sum(self, i: int) -> bool:
        return not self.graph.types[i].shape and self.graph.ops[i].name in ("add", "subtract", "negative")

    def is_product(self, i: int) -> bool:
        g = self.graph
        name = g.ops[i].name
        if g.types[i].shape:
            return False
        if name == "power":
            return g.value(g.args[i][1]).__class__ in (int, Fraction)
        return name in ("multiply", "divide", "integer_power") or (name == "sqrt" and self.roots)

    def terms(self, i: int) -> list[tuple[bool, int]]:
        """(minus, node) of the sum at `i`, in reading order: by degree, numbers last, a positive one in front."""
        found = signed_terms(self.graph, i, self.named) if self.is_sum(i) else None
        found = found or [(False, i)]
        if len(found) < 2:
            return found
        keyed = sorted(((self.degree(j), n, minus, j) for n, (minus, j) in enumerate(found)))
        ordered = [(minus, j) for _, _, minus, j in keyed]
        if keyed[0][0][0] == 1 and keyed[-1][0] == (2,):  # 1 + exp(x), but x + 1
            ordered.insert(0, ordered.pop())
        signs = [minus ^ self.product(j).minus for minus, j in ordered]
        if signs[0] and not all(signs):
            ordered.insert(0, ordered.pop(signs.index(False)))
        return ordered

    def degree(self, i: int) -> tuple[Any, ...]:
        """A key: polynomials by falling degree, then what holds functions, then numbers."""
        p = self.product(i)
        if not p.above and not p.below:
            return (2,)
        symbols = [(f, n) for f, n in p.above if self._symbol(f) is not None]
        spelled = sorted((natural(self._symbol(f) or ""), -n) for f, n in symbols)
        if len(symbols) < len(p.above) or p.below:
            return (1, spelled)
        return (0, -sum(n for _, n in symbols), len(symbols), spelled)

    def _symbol(self, i: int) -> str | None:
        if i in self.names:
            return self.names[i]
        return self.graph.attrs[i][0] if self.graph.ops[i] is INPUT else None

    def product(self, i: int, top: bool = False) -> Product:
        """The product at node `i` (any node): one fraction, equal factors as powers; `top`: opened though named."""
        g = self.graph
        minus = False
        number: int | Fraction = 1
        powers: dict[Any, list[Any]] = {}
        stack: list[tuple[int, Exponent]] = [(i, 1)]
        while stack:
            j, n = stack.pop()
            name = g.ops[j].name
            args = g.args[j]
            whole = n.__class__ is int
            if (j == i and top) or self.opened(j):
                if name == "multiply" and whole:
                    stack += [(args[1], n), (args[0], n)]
                    continue
                if name == "divide" and whole:
                    stack += [(args[1], -n), (args[0], n)]
                    continue
                if name == "negative" and whole:
                    minus ^= bool(n % 2)
                    stack.append((args[0], n))
                    continue
                if name == "integer_power":
                    stack.append((args[0], _exact(n * g.attrs[j][0])))
                    continue
                if name == "sqrt" and self.roots:
                    stack.append((args[0], _exact(Fraction(n) / 2)))
                    continue
                power = g.value(args[1]) if name == "power" else None
                if isinstance(power, (int, Fraction)):
                    stack.append((args[0], _exact(n * power)))
                    continue
            value = g.value(j)
            if self.roots and isinstance(value, float) and value.is_integer() is False and (4 * value).is_integer():
                value = Fraction(value)  # 0.5 reads as a half
            if isinstance(value, (int, Fraction)) and isinstance(n, int) and value != 0 and abs(n) < 20:
                number *= Fraction(value) ** n
                continue
            key = j if self.roots or whole else (j, n)
            entry = powers.setdefault(key, [j, 0])
            entry[1] = _exact(entry[1] + n)
        if number < 0:
            number, minus = -number, not minus
        found = sorted(((self._rank(f), k, f, n) for k, (f, n) in enumerate(powers.values()) if n), key=lambda t: t[:2])
        above = [(f, n) for _, _, f, n in found if n > 0]
        below = [(f, -n) for _, _, f, n in found if n < 0]
        return Product(minus, _exact(number), above, below)

    def _rank(self, f: int) -> tuple[Any, ...]:
        """Numbers, constants, symbols by name, functions by name, sums."""
        symbol = self._symbol(f)
        op = self.graph.ops[f]
        if op is CONST:
            return (0 if not isinstance(self.graph.attrs[f][0], str) else 1,)
        if symbol is not None:
            return (2, natural(symbol))
        if self.is_sum(f):
            return (4,)
        early = {"sqrt": 0, "power": 1, "exp": 2}
        return (3, early.get(op.name, 3), op.name)

    def rows(self, i: int) -> tuple[list[tuple[int | None, int]], int | None]:
        """The cases of the `where` or `mask` at node `i`: (value, condition) and what else; a value None is zero."""
        g = self.graph
        rows: list[tuple[int | None, int]] = []
        j = i
        while j == i or self.opened(j):
            name, args = g.ops[j].name, g.args[j]
            if name == "where":
                rows.append((args[1], args[0]))
                j = args[2]
            elif name == "mask":
                inner = g.args[args[1]]
                if g.ops[args[1]].name == "where" and self.opened(args[1]) and self._implies(inner[0], args[0]):
                    rows.append((inner[1], inner[0]))
                    rows.append((inner[2], args[0]))
                else:
                    rows.append((args[1], args[0]))
                return rows, None
            else:
                break
        return rows, j

    def _implies(self, c: int, d: int) -> bool:
        """Whether condition `c` is the case of equality of the relation `d`."""
        g = self.graph
        return (
            g.ops[c].name == "equal"
            and g.ops[d].name in ("greater_equal", "less_equal")
            and sorted(g.args[c]) == sorted(g.args[d])
        )


def natural(name: str) -> list[Any]:
    """A key that orders b2 before b10."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.findall(r"\d+|\D+", name)]


def _exact(n: int | Fraction) -> Exponent:
    return int(n) if n == int(n) else n
