"""Formulas that overflow or cancel, computed by operations that do not.

log(1 + exp(x)) is softplus(x), which is x at x = 800; exp(x) - 1 is expm1(x), which keeps its digits near 0.
Each rewrite has the same value in exact arithmetic; `rewrites` says which ones a formula gets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial, reduce
from typing import Any, NamedTuple

from symgrad.graph import CONST, REGISTER, Graph, Node
from symgrad.simplify.flat import DIVIDE, POWER, SUMS, Flat

LOG, LOG1P, EXP, EXPM1 = (REGISTER[n] for n in ("log", "log1p", "exp", "expm1"))
SIGMOID, SOFTPLUS, LOGADDEXP = (REGISTER[n] for n in ("sigmoid", "softplus", "logaddexp"))
SINH, COSH, TANH, MULTIPLY = (REGISTER[n] for n in ("sinh", "cosh", "tanh", "multiply"))
NOTE = "stable form: "

Make = Callable[[Callable[[int], Node]], Node]
"""Builds the replacement from the new nodes of old ones."""


class Hit(NamedTuple):
    """What is rewritten, as a note, and how."""

    note: str
    make: Make


def stabilise(graph: Graph, roots: Sequence[int]) -> tuple[Graph, list[int]]:
    """`roots` with stable operations, in a new graph (the same one where there is nothing to do)."""
    hits = _hits(graph, roots)
    if not hits:
        return graph, list(roots)
    out = Graph()
    new: dict[int, int] = {}

    def node(i: int) -> Node:
        return Node(out, new[i])

    for i, needed in enumerate(graph.reach(roots)):
        if not needed:
            continue
        op = graph.ops[i]
        if i in hits:
            new[i] = hits[i].make(node).id
        elif op is CONST:
            new[i] = out.const(*graph.attrs[i])
        else:
            new[i] = out.build(op, tuple([new[a] for a in graph.args[i]]), graph.attrs[i])
    return out, [new[r] for r in roots]


def rewrites(graph: Graph, roots: Sequence[int]) -> list[str]:
    """One line per kind of rewrite that `stabilise` makes."""
    count = Counter(h.note for h in _hits(graph, roots).values())
    return [f"{NOTE}{note}" + (f", {n} times" if n > 1 else "") for note, n in count.items()]


def _hits(graph: Graph, roots: Sequence[int]) -> dict[int, Hit]:
    known = (EXP, LOG, LOG1P, SIGMOID, COSH)
    if not any(op in known for op in graph.ops):
        return {}
    return _Search(Flat(graph, roots)).run()


class _Search:
    def __init__(self, flat: Flat) -> None:
        self.flat = flat
        self.graph = flat.graph
        self.hits: dict[int, Hit] = {}
        self.sigmoids: dict[int, tuple[int, int]] = {}
        """Node -> (sign, v) where it is sigmoid(v) or sigmoid(-v)."""

    def run(self) -> dict[int, Hit]:
        g, flat = self.graph, self.flat
        ops, args = g.ops, g.args
        inside = {  # sums that are only a part of another sum
            a
            for i, needed in enumerate(flat.live)
            if needed and ops[i] in SUMS
            for a in args[i]
            if flat.uses[a] == 1 and ops[a] in SUMS
        }
        for i, needed in enumerate(flat.live):
            if not needed:
                continue
            op = ops[i]
            hit = None
            if op is LOG:
                hit = self._log(args[i][0])
            elif op is LOG1P and ops[args[i][0]] is EXP:
                v = args[args[i][0]][0]
                hit = Hit("log1p(exp(u)) as softplus(u)", lambda n, v=v: SOFTPLUS(n(v)))
            elif op is DIVIDE:
                hit = self._divide(i, *args[i]) or self._hyperbolic(i)
            elif op is MULTIPLY:
                hit = self._hyperbolic(i)
            elif op is SIGMOID:
                self.sigmoids[i] = (1, args[i][0])
            elif op in SUMS and i not in inside:
                hit = self._sum(i)
            if hit is not None:
                self.hits[i] = hit
        return self.hits

    def _terms(self, i: int) -> list[tuple[int, int]]:
        return self.flat.terms(i) if self.graph.ops[i] in SUMS else [(1, i)]

    def _is_one(self, i: int) -> bool:
        g = self.graph
        value = g.value(g.args[i][0] if g.ops[i].name == "broadcast" else i)
        return value.__class__ in (int, float) and value == 1

    def _exponent(self, i: int) -> int | None:
        """v where node `i` is exp(v)."""
        return self.graph.args[i][0] if self.graph.ops[i] is EXP else None

    def _log(self, u: int) -> Hit | None:
        if u in self.sigmoids:
            sign, v = self.sigmoids[u]
            return Hit("log(sigmoid(u)) as -softplus(-u)", lambda n: -SOFTPLUS(_signed(n(v), -sign)))
        if self.graph.ops[u] is EXP:
            (v,) = self.graph.args[u]
            return Hit("log(exp(u)) as u", lambda n: n(v))
        terms = self._terms(u)
        ones = [t for s, t in terms if s > 0 and self._is_one(t)]
        exponents = [self._exponent(t) for s, t in terms if s > 0]
        powers = [v for v in exponents if v is not None]
        if len(terms) < 2 or len(ones) > 1:
            return None
        if powers and len(powers) + len(ones) == len(terms):
            if len(ones) == 1 and len(powers) == 1:
                return Hit("log(1 + exp(u)) as softplus(u)", lambda n: SOFTPLUS(n(powers[0])))

            def chain(n: Callable[[int], Node]) -> Node:
                first, *rest = (n(v) for v in powers)
                return reduce(LOGADDEXP, rest, SOFTPLUS(first) if ones else first)

            return Hit("log(exp(u) + exp(v)) as logaddexp(u, v)", chain)
        if ones:
            rest = [(s, t) for s, t in terms if t != ones[0]]
            return Hit("log(1 + u) as log1p(u)", lambda n: LOG1P(_total(n, rest)))
        return None

    def _sum(self, i: int) -> Hit | None:
        terms = self._terms(i)
        if len(terms) < 2:
            return None
        ones = [t for t in terms if self._is_one(t[1])]
        if not ones:
            return None
        one = ones[0]
        found = [(s, e) for s, e in terms if s == -one[0] and (self._exponent(e) is not None or e in self.sigmoids)]
        if not found:
            return None
        s, e = found[0]
        rest = list(terms)
        rest.remove(one)
        rest.remove((s, e))
        v = self._exponent(e)
        if v is not None:
            return Hit("exp(u) - 1 as expm1(u)", lambda n: _joined(n, rest, s, EXPM1(n(v))))
        if s > 0 or rest:
            return None
        sign, w = self.sigmoids[i] = (-self.sigmoids[e][0], self.sigmoids[e][1])
        return Hit("1 - sigmoid(u) as sigmoid(-u)", lambda n: SIGMOID(_signed(n(w), sign)))

    def _hyperbolic(self, i: int) -> Hit | None:
        """sinh(u)/cosh(u), with other factors above: a quotient, or a product with a quotient."""
        g = self.graph
        a, b = g.args[i]
        pairs = [(a, b, None)]
        if g.ops[i] is MULTIPLY:
            pairs = [(x, g.args[y][1], g.args[y][0]) for x, y in ((a, b), (b, a)) if g.ops[y] is DIVIDE]
        elif g.ops[a] is MULTIPLY:
            pairs += [(x, b, y) for x, y in (g.args[a], g.args[a][::-1])]
        for x, below, rest in pairs:
            if g.ops[x] is SINH and g.ops[below] is COSH and g.args[x] == g.args[below]:
                return Hit("sinh(u)/cosh(u) as tanh(u)", partial(_tanh, u=g.args[x][0], rest=rest))
        return None

    def _divide(self, i: int, a: int, b: int) -> Hit | None:
        """a / (1 + exp(v)) and exp(v) / (1 + exp(v)); also over powers of the sum, and exp(u)/(exp(u) + exp(v))."""
        g = self.graph
        n_th, base = (g.attrs[b][0], g.args[b][0]) if g.ops[b] is POWER else (1, b)
        terms = self._terms(base)
        if len(terms) != 2 or any(s < 0 for s, _ in terms):
            return None
        (_, t), (_, e) = terms
        if self._is_one(e):
            t, e = e, t
        v = self._exponent(e)
        if v is None:
            return None
        top = self._exponent(a)
        if self._is_one(t):
            note = "1/(1 + exp(-u)) as sigmoid(u)"
            if n_th == 1 and top == v:
                self.sigmoids[i] = (1, v)
                return Hit(note, lambda n: SIGMOID(n(v)))
            if n_th == 1 and self._is_one(a):
                self.sigmoids[i] = (-1, v)
            if self._is_one(a):
                return Hit(note, lambda n: SIGMOID(-n(v)) ** n_th)
            if top == v and n_th > 1:  # exp(v)/(1 + exp(v))**n would overflow above and below
                return Hit(note, lambda n: SIGMOID(n(v)) * SIGMOID(-n(v)) ** (n_th - 1))
            return Hit(note, lambda n: n(a) * SIGMOID(-n(v)) ** n_th)
        w = self._exponent(t)
        if w is None or n_th != 1 or top not in (v, w):
            return None
        other = w if top == v else v
        return Hit("exp(u)/(exp(u) + exp(v)) as sigmoid(u - v)", lambda n: SIGMOID(n(top) - n(other)))


def _tanh(n: Callable[[int], Node], u: int, rest: int | None) -> Node:
    x = n(u)
    tanh = Node(x.graph, x.graph.build(TANH, (x.id,)))
    return tanh if rest is None else n(rest) * tanh


def _signed(x: Node, sign: int) -> Node:
    return x if sign > 0 else -x


def _total(n: Callable[[int], Node], terms: list[tuple[int, int]]) -> Node:
    """The sum of signed terms, positive ones first."""
    ordered = sorted(terms, key=lambda t: -t[0])
    sign, first = ordered[0]
    acc: Any = _signed(n(first), sign)
    for s, t in ordered[1:]:
        acc = acc + n(t) if s > 0 else acc - n(t)
    return acc


def _joined(n: Callable[[int], Node], rest: list[tuple[int, int]], sign: int, x: Node) -> Node:
    if not rest:
        return _signed(x, sign)
    total = _total(n, rest)
    return total + x if sign > 0 else total - x


__all__ = ["NOTE", "rewrites", "stabilise"]
