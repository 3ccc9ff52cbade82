"""An array read as a sum of products of factors with labels: what structure is read off, and formulas are written from.

H_ijkl = 2 sum_m v_mj v_ml delta_ik is one term: the number 2 and three factors, or two where v^T v stays whole.
Nothing is built or computed here.
"""

from __future__ import annotations

import math
from collections.abc import Container
from fractions import Fraction
from typing import NamedTuple

from symgrad.graph import CONST, REGISTER, Graph
from symgrad.ops.pairing import Part
from symgrad.ops.subscripts import Labels, parse, sums

ADD, SUBTRACT, NEGATIVE, MULTIPLY = (REGISTER[n] for n in ("add", "subtract", "negative", "multiply"))
MOST = 24
"""Terms that a sum is taken apart into, at most."""


class Term(NamedTuple):
    """number * scalars * factors, summed over the labels that the result has not."""

    number: int | float | Fraction
    scalars: tuple[int, ...]
    """Nodes of shape ()."""
    factors: tuple[Part, ...]
    """Arrays with a label per axis. A factor may be `delta` (an identity), and may have a label twice."""

    def labels(self) -> set[int]:
        return {x for _, labels in self.factors for x in labels}


class Terms(NamedTuple):
    """The sum of `terms`, along the axes `out`; a term is constant along axes that none of its factors has."""

    out: Labels
    sizes: dict[int, int]
    terms: tuple[Term, ...]


class _Open(NamedTuple):
    """A term some of whose factors may still be taken apart; `summed`: the labels that it is summed over."""

    number: int | float | Fraction
    scalars: tuple[int, ...]
    factors: tuple[Part, ...]
    todo: tuple[Part, ...]
    summed: tuple[int, ...] = ()


def terms(g: Graph, i: int, whole: Container[int] = frozenset()) -> Terms:
    """Node `i` as a sum of products.

    Taken apart are signs, constants along axes, products element by element and outer products; a sum, or a
    product summed over an axis, only where it is node `i` itself or has more than two axes (so has a factor of it),
    so V^T V stays whole. A factor that is a sum is multiplied out only where an identity is in it: differences of
    numbers, as x_i - x_j, stay what they are, since their products would cancel. Nodes in `whole` are not taken apart.
    Of a sum of more than MOST terms, the factors that are sums stay whole.
    """
    out = tuple(range(len(g.types[i].shape)))
    sizes = dict(enumerate(n or 0 for n in g.types[i].shape))
    found: list[Term] = []
    stack = [_Open(1, (), (), ((i, out),))]
    while stack:
        term = stack.pop()
        if not term.todo:
            held = {x for _, labels in term.factors for x in labels}
            times = math.prod(sizes[x] for x in term.summed if x not in held)  # a sum of what is constant along it
            found.append(Term(term.number * times, term.scalars, term.factors))
            continue
        (j, labels), *others = term.todo
        rest = tuple(others)
        op, args = g.ops[j], g.args[j]
        alone = not rest and not term.factors
        if j in whole and j != i:
            stack.append(_with(g, term, j, labels, rest))
        elif op is NEGATIVE:
            stack.append(term._replace(number=-term.number, todo=((args[0], labels), *rest)))
        elif op.name == "broadcast":
            inner = labels[len(labels) - len(g.types[args[0]].shape) :]
            stack.append(term._replace(todo=((args[0], inner), *rest)))
        elif op is MULTIPLY and labels:
            stack.append(term._replace(todo=((args[0], labels), (args[1], labels), *rest)))
        elif op.name == "einsum" and (j == i or _opened(g, j)):
            known = len(sizes)
            inside = _inside(g, j, labels, sizes)
            summed = (*term.summed, *range(known, len(sizes)))
            stack.append(term._replace(todo=(*inside, *rest), summed=summed))
        elif (
            op in (ADD, SUBTRACT)
            and labels
            and (alone or (len(labels) > 2 and _has_identity(g, j)))
            and len(stack) + len(found) < MOST
        ):
            second = -term.number if op is SUBTRACT else term.number
            stack.append(term._replace(number=second, todo=((args[1], labels), *rest)))
            stack.append(term._replace(todo=((args[0], labels), *rest)))
        else:
            stack.append(_with(g, term, j, labels, rest))
    return Terms(out, sizes, tuple(found))


def _has_identity(g: Graph, i: int) -> bool:
    """Whether a term of node `i`, as a sum of products, has an identity among its factors."""
    stack, seen = [i], {i}
    while stack:
        j = stack.pop()
        if g.ops[j].name == "delta":
            return True
        if g.ops[j] in (ADD, SUBTRACT, NEGATIVE, MULTIPLY) or g.ops[j].name in ("einsum", "broadcast"):
            stack += [a for a in g.args[j] if a not in seen]
            seen.update(g.args[j])
    return False


def _with(g: Graph, term: _Open, j: int, labels: Labels, rest: tuple[Part, ...]) -> _Open:
    """`term` with a factor that stays as it is."""
    if labels:
        return term._replace(factors=(*term.factors, (j, labels)), todo=rest)
    value = g.attrs[j][0] if g.ops[j] is CONST else None
    if value is None or isinstance(value, (str, bool)):
        return term._replace(scalars=(*term.scalars, j), todo=rest)
    return term._replace(number=term.number * value, todo=rest)


def _opened(g: Graph, j: int) -> bool:
    """Whether the einsum at node `j` is taken apart inside of a product."""
    return not sums(*parse(g.attrs[j][0])) or any(len(g.types[a].shape) > 2 for a in (j, *g.args[j]))


def _inside(g: Graph, j: int, labels: Labels, sizes: dict[int, int]) -> list[Part]:
    """The operands of the einsum at node `j`, its summed labels made new ones."""
    parts, result = parse(g.attrs[j][0])
    own = dict(zip(result, labels, strict=True))
    for a, part in zip(g.args[j], parts, strict=True):
        for x, n in zip(part, g.types[a].shape, strict=True):
            if x not in own:
                own[x] = len(sizes)
                sizes[own[x]] = n or 0
    return [(a, tuple(own[x] for x in part)) for a, part in zip(g.args[j], parts, strict=True)]
