"""Sums of products that are symmetric in several pairs of axes at once, found in a graph.

The Hessian of a softmax regression is sum_n X[n,a] X[n,b] V[n,i,j] with V = p_i delta_ij - p_i p_j: it does not
change where a and b are exchanged, and not where i and j are. As y^T y with y = X[n,a] p[n,i] only one of the two is
seen, and a quarter of the work is left undone. So sums of products are opened down to their factors here, what is
the same on both sides is taken out of the sum, and the whole is put as one einsum of three operands, x, x and v,
whose pairs of columns `plan.squares` computes once: q[n, a <= b] = X[n,a] X[n,b], and q^T v.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import count
from typing import NamedTuple

from symgrad.graph import CONST, REGISTER, Graph, Node
from symgrad.ops.contraction import Part, contract
from symgrad.ops.subscripts import Labels, parse, subscripts, sums

ADD, SUBTRACT, NEGATIVE = REGISTER["add"], REGISTER["subtract"], REGISTER["negative"]
LONG, WIDE, ROWS = 32, 32, 64
"""A product is packed from these sizes on: what is summed, x's axes, v's."""
MAKING = 40
"""Operations that an element of q is worth: it is made by loads and stores."""
FACTORS = 12
"""Longer products are left alone."""

Key = tuple[tuple[tuple[int, Labels], ...], Labels, Labels]


class _Term(NamedTuple):
    """sign * product of factors."""

    sign: int
    factors: list[Part]


class _Square(NamedTuple):
    """What a term has on both sides: `x`, factors with labels of `shared` and `left`; the rest of its factors."""

    sign: int
    key: Key
    x: list[Part]
    shared: Labels
    left: Labels
    right: Labels
    rest: list[Part]


def packed(graph: Graph, roots: Sequence[int]) -> tuple[Graph, list[int]]:
    """`roots` with such sums as one einsum of three operands each; the same graph where there are none."""
    live = graph.reach(roots)
    uses = [0] * len(graph)
    inner = [False] * len(graph)
    for r in roots:
        uses[r] += 2
    for i, needed in enumerate(live):
        if needed:
            for a in graph.args[i]:
                uses[a] += 1
    for i, needed in enumerate(live):
        if needed and graph.ops[i] in (ADD, SUBTRACT, NEGATIVE):
            for a in graph.args[i]:
                inner[a] = inner[a] or uses[a] == 1
    found = {}
    for i, needed in enumerate(live):
        if needed and not inner[i] and _is_large(graph, i):
            way = _squares(graph, i, uses)
            if way is not None:
                found[i] = way
    if not found:
        return graph, list(roots)
    out = Graph()
    new: dict[int, int] = {}
    for i, needed in enumerate(live):
        if not needed:
            continue
        if graph.ops[i] is CONST:
            new[i] = out.const(*graph.attrs[i])
        elif i in found:
            new[i] = _built(graph, out, new, i, *found[i])
        else:
            new[i] = out.add(graph.ops[i], tuple([new[a] for a in graph.args[i]]), graph.attrs[i], graph.types[i])
    return out, [new[r] for r in roots]


def is_packed(g: Graph, i: int) -> bool:
    """Whether node `i` is an einsum that `packed` has built."""
    if g.ops[i].name != "einsum" or len(g.args[i]) != 3 or g.args[i][0] != g.args[i][1]:
        return False
    (la, lb, lv), out = parse(g.attrs[i][0])
    shared = [x for x, y in zip(la, lb, strict=True) if x == y]
    pairs = [z for x, y in zip(la, lb, strict=True) if x != y for z in (x, y)]
    rest = [x for x in lv if x not in shared]
    if set(shared) - set(lv) or set(shared) & set(out) or sorted(pairs + rest) != sorted(out):
        return False
    length = dict(zip(lv, g.types[g.args[i][2]].lengths, strict=True))
    return math.prod(length[x] for x in shared) >= LONG and math.prod(length[x] for x in rest) >= ROWS


def exchangeable(g: Graph, i: int, first: Sequence[int], second: Sequence[int]) -> bool:
    """Whether node `i` is seen not to change where its axes `first` are exchanged with `second`."""
    labels = tuple(range(len(g.types[i].shape)))
    other = dict(zip((*first, *second), (*second, *first), strict=True))
    turned = tuple(other.get(x, x) for x in labels)
    uses = [1] * len(g)
    forms = []
    for own in (labels, turned):
        terms = _terms(g, i, own, uses)
        if terms is None:
            return False
        forms.append(Counter((t.sign, frozenset(Counter(_plain(g, t.factors)).items())) for t in terms))
    return forms[0] == forms[1]


def _plain(g: Graph, factors: Sequence[Part]) -> list[Part]:
    """With the least of labels that identities make equal."""
    least: dict[int, int] = {}
    equal = [tuple(sorted(p)) for i, p in factors if g.ops[i].name == "delta"]
    for pair in equal:
        low, high = sorted(least.setdefault(x, x) for x in pair)
        least = {x: low if y == high else y for x, y in least.items()}
    named = [(i, p if g.ops[i].name == "delta" else tuple(least.get(x, x) for x in p)) for i, p in factors]
    return [(i, tuple(sorted(p)) if g.ops[i].name == "delta" else p) for i, p in named]


def _is_large(g: Graph, i: int) -> bool:
    t, op = g.types[i], g.ops[i]
    if t.dtype not in ("float32", "float64") or len(t.shape) < 3 or math.prod(t.lengths) < ROWS * WIDE**2:
        return False
    return op in (ADD, SUBTRACT, NEGATIVE) or (op.name == "einsum" and len(g.args[i]) > 1)


def _terms(g: Graph, i: int, labels: Labels, uses: Sequence[int]) -> list[_Term] | None:
    """Node `i` as a sum of products, sums that nothing else uses opened; None where a product is too long."""
    found: list[_Term] = []
    stack = [(1, i)]
    while stack:
        sign, j = stack.pop()
        op, args = g.ops[j], g.args[j]
        if op in (ADD, SUBTRACT, NEGATIVE) and (j == i or uses[j] == 1):
            last = -sign if op is not ADD else sign
            stack += [(last, args[-1])] + ([(sign, args[0])] if len(args) == 2 else [])
            continue
        term = _opened(g, j, labels, sign, uses)
        if term is None:
            return None
        found.append(term)
    return found


def _opened(g: Graph, i: int, labels: Labels, sign: int, uses: Sequence[int]) -> _Term | None:
    """The factors of node `i`, through products, and sums of products that nothing else uses."""
    fresh = count(max(labels, default=0) + 1)
    factors: list[Part] = []
    stack = [(i, labels)]
    while stack:
        j, own = stack.pop()
        op, args = g.ops[j], g.args[j]
        if op is NEGATIVE:
            sign = -sign
            stack.append((args[0], own))
        elif op.name == "multiply":
            stack += [(a, own) for a in args]
        elif op.name == "broadcast":
            stack.append((args[0], own[len(own) - len(g.types[args[0]].shape) :]))
        elif op.name == "einsum" and (j == i or uses[j] == 1 or not sums(*parse(g.attrs[j][0]))):
            parts, out = parse(g.attrs[j][0])
            to = dict(zip(out, own, strict=True))
            for x in (x for p in parts for x in p):
                if x not in to:
                    to[x] = next(fresh)
            stack += [(a, tuple(to[x] for x in p)) for a, p in zip(args, parts, strict=True)]
        else:
            factors.append((j, own))
        if len(factors) > FACTORS:
            return None
    return _Term(sign, sorted(factors))


def _halves(g: Graph, term: _Term, out: Labels) -> list[_Square]:
    """The ways to see a term as x x v."""
    own = set(out)
    groups: list[tuple[set[int], list[Part]]] = []  # factors that share labels of the result
    rest: list[Part] = []
    for part in term.factors:
        mine = {x for x in part[1] if x in own}
        if not mine:
            rest.append(part)
            continue
        near = [k for k in groups if k[0] & mine]
        groups = [k for k in groups if not k[0] & mine]
        groups.append((mine.union(*(k[0] for k in near)), [*(p for k in near for p in k[1]), part]))
    found = []
    forms = [(sorted(mine, key=out.index), *_form(sorted(parts), mine, out)) for mine, parts in groups]
    for m, (left, form, shared) in enumerate(forms):
        for n in range(m):
            right, other, same = forms[n]
            if form != other or set(shared) != set(same) or not shared or shared != same:
                continue
            first, second = (n, m) if out.index(right[0]) < out.index(left[0]) else (m, n)
            more = [*rest, *(p for k, (_, parts) in enumerate(groups) if k not in (m, n) for p in parts)]
            if any(x not in own and x not in shared for _, p in more for x in p):
                continue
            a, b = tuple(forms[first][0]), tuple(forms[second][0])
            found.append(_Square(term.sign, (form, a, b), sorted(groups[first][1]), shared, a, b, more))
    return found


def _form(parts: list[Part], mine: set[int], out: Labels) -> tuple[tuple[tuple[int, Labels], ...], Labels]:
    """Factors by labels that do not say which they are, and those that are summed, in order."""
    order = {x: k for k, x in enumerate(sorted(mine, key=out.index))}
    shared: list[int] = []
    form = []
    for i, labels in parts:
        named = []
        for x in labels:
            if x in order:
                named.append(order[x])
            else:
                if x not in shared:
                    shared.append(x)
                named.append(-1 - shared.index(x))
        form.append((i, tuple(named)))
    return tuple(form), tuple(shared)


def _squares(g: Graph, i: int, uses: Sequence[int]) -> tuple[list[_Square], list[_Term]] | None:
    """The terms of node `i` that have the same x, and the others; None where nothing is won by it."""
    out = tuple(range(len(g.types[i].shape)))
    terms = _terms(g, i, out, uses)
    if terms is None:
        return None
    ways: dict[Key, dict[int, _Square]] = {}
    for k, term in enumerate(terms):
        for s in _halves(g, term, out):
            ways.setdefault(s.key, {}).setdefault(k, s)
    best: tuple[float, Key] | None = None
    for key, squares in ways.items():
        won = _won(g, i, out, [(terms[k], s) for k, s in squares.items()])
        if won > 0 and (best is None or won > best[0]):
            best = won, key
    if best is None:
        return None
    chosen = ways[best[1]]
    return list(chosen.values()), [t for k, t in enumerate(terms) if k not in chosen]


def _won(g: Graph, i: int, out: Labels, terms: Sequence[tuple[_Term, _Square]]) -> float:
    """About how many operations are saved."""
    length = dict(zip(out, g.types[i].lengths, strict=True))
    s = terms[0][1]
    for j, labels in (p for t, _ in terms for p in t.factors):
        length.update(zip(labels, g.types[j].lengths, strict=True))
    n = math.prod(length[x] for x in s.shared)
    wide = math.prod(length[x] for x in s.left)
    columns = [x for x in out if x not in s.left and x not in s.right]
    rows = math.prod(length[x] for x in columns)
    if n < LONG or wide < WIDE or rows < ROWS:
        return 0.0
    today = 0.0
    for term, own in terms:
        free = math.prod(length[x] for x in out)
        for j, labels in own.rest:
            if g.ops[j].name == "delta" and labels[0] != labels[1]:
                free //= length[labels[0]]
        gram = len(_halves(g, term, out)) > 1
        today += n * free * (1 if gram else 2)
    even = _is_even([own for _, own in terms], g, tuple(columns))
    return today - n * wide * wide / 2 * (MAKING + (rows if even else 2 * rows))


def _is_even(squares: Sequence[_Square], g: Graph, columns: Labels) -> bool:
    """Whether v does not change where the first half of its columns is exchanged with the second."""
    half = len(columns) // 2
    if len(columns) % 2:
        return False
    other = dict(zip(columns, (*columns[half:], *columns[:half]), strict=True))
    forms = []
    for to in ({}, other):
        named = [[(j, tuple(to.get(x, x) for x in p)) for j, p in s.rest] for s in squares]
        forms.append(Counter(frozenset(Counter(_plain(g, rest)).items()) for rest in named))
    return forms[0] == forms[1]


def _built(
    g: Graph, out: Graph, new: dict[int, int], i: int, squares: Sequence[_Square], others: Sequence[_Term]
) -> int:
    """The node in `out`, where `new` has the factors."""
    labels = tuple(range(len(g.types[i].shape)))
    first, dtype = squares[0], g.types[i].dtype
    columns = tuple(x for x in labels if x not in first.left and x not in first.right)

    def product(sign: int, factors: Sequence[Part], wanted: Labels, more: Sequence[Part] = ()) -> Node:
        sizes = dict(zip(labels, g.types[i].lengths, strict=True))
        for j, p in (*factors, *more):
            sizes.update(zip(p, g.types[j].lengths, strict=True))
        value = contract(out, [(new[j], p) for j, p in factors], wanted, sizes)
        if out.types[value].dtype != dtype:
            value = out.build(REGISTER["cast"], (value,), (dtype,))
        return Node(out, value) if sign > 0 else -Node(out, value)

    x = product(1, first.x, (*first.shared, *first.left))
    v: Node | None = None
    for s in sorted(squares, key=lambda s: -s.sign):
        part = product(s.sign, s.rest, (*s.shared, *columns), s.x)
        v = part if v is None else v + part
    assert v is not None
    parts = [(*first.shared, *first.left), (*first.shared, *first.right), (*first.shared, *columns)]
    einsum = REGISTER["einsum"]
    total = Node(out, out.add(einsum, (x.id, x.id, v.id), (subscripts(parts, labels),), g.types[i]))
    for t in others:
        total = total + product(t.sign, t.factors, labels)
    return total.id


__all__ = ["exchangeable", "is_packed", "packed"]
