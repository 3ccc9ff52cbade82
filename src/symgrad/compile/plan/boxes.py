"""Sums of padded arrays in one pass: the result is cut into boxes, and in each the terms are added that are there.

The gradient of a finite difference sum((x[1:] - x[:-1])**2) is a sum of two padded arrays, whose boxes are the first
element, the last one, and all in between: one loop over those reads x and writes the result, where zeros, and one
term after the other added to them, would be three.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise, product
from typing import TYPE_CHECKING

from symgrad.compile.plan import kinds
from symgrad.compile.plan.pieces import scaled
from symgrad.compile.plan.views import Index, View
from symgrad.graph import REGISTER, Graph

if TYPE_CHECKING:
    from symgrad.compile.nest import Nest
    from symgrad.compile.plan.analysis import Term
    from symgrad.compile.plan.builder import Builder, Indices
    from symgrad.compile.plan.planner import Planner

ADD = REGISTER["add"]
MOST, PARTS = 16, 80
"""Boxes, and terms in them all together: each is code of its own."""

Range = tuple[int, int]


def seen(g: Graph, path: Sequence[int], index: Indices) -> Indices:
    """The index of a term that is seen through transposes."""
    for j in path:
        read = kinds.readings(g, j)
        assert read is not None
        index = kinds.at(read[-1], index)
    return index


def is_pad(g: Graph, i: int) -> bool:
    """Whether node `i` is an array with zeros before and behind, none between and nothing cut off."""
    if g.ops[i].name != "pad":
        return False
    low, high, interior = g.attrs[i]
    return not any(interior) and min((*low, *high), default=0) >= 0


def boxes(
    p: Planner, i: int, view: View, dense: Sequence[Term], pads: Sequence[Term], base: float | None
) -> list[Nest] | None:
    """The nests of a sum of terms that are everywhere and of padded ones, and of `base` times what `view` holds.

    None where that would be too many.
    """
    g = p.g
    covers = [_cover(p, t, len(view.shape)) for t in pads]
    cells: list[list[Range]] = []
    for k, n in enumerate(view.shape):
        if any(c is None for c in covers):
            return None
        cuts = sorted({0, n, *(x for c in covers if c is not None for x in c[k])})
        cells.append([(a, b) for a, b in pairwise(cuts) if a < b])
    if math.prod(map(len, cells)) > MOST:
        return None
    found = []
    parts = 0
    for box in product(*cells):
        here = [
            (t, c)
            for t, c in zip(pads, covers, strict=True)
            if c is not None and all(low <= a and b <= high for (a, b), (low, high) in zip(box, c, strict=True))
        ]
        parts += len(dense) + len(here)
        if parts > PARTS:
            return None
        if not here and not dense and base == 1:
            continue
        b = p.builder([high - low for low, high in box], i)
        index = tuple(Index(x.axes, low) for x, (low, _) in zip(b.identity, box, strict=True))
        total = None if base is None else scaled(b, b.load(view, index), base)
        for c, t, path in dense:
            total = _plus(b, total, b.value(t, seen(g, path, index)), c)
        for (c, t, path), _ in here:
            total = _plus(b, total, b.value(g.args[t][0], _inside(g, t, seen(g, path, index))), c)
        b.store(b.body.const(0, b.dtype) if total is None else total, view, index)
        found.append(b.nest())
    return found


def _plus(b: Builder, total: int | None, value: int, factor: float) -> int:
    value = scaled(b, value, factor)
    return value if total is None else b.body.build(ADD, (total, value))


def _inside(g: Graph, i: int, index: Indices) -> Indices:
    """The index in the argument of a `pad`."""
    low = g.attrs[i][0]
    lead = len(index) - len(low)
    return (
        *index[:lead],
        *(x._replace(const=x.const - first) for x, first in zip(index[lead:], low, strict=True)),
    )


def _cover(p: Planner, term: Term, rank: int) -> list[Range] | None:
    """Per axis of the result, from where to where a padded term is there; None where axes do not say it."""
    g = p.g
    _, t, path = term
    index = seen(g, path, tuple(Index(((k, 1),)) for k in range(rank)))
    axes = [x.axis for x in index]
    if None in axes or len(set(axes)) != rank:
        return None
    low = g.attrs[t][0]
    own = g.types[g.args[t][0]].lengths
    starts = (0,) * (len(own) - len(low)) + tuple(low)
    found: list[Range] = [(0, 0)] * rank
    for k, start, n in zip(axes, starts, own, strict=True):
        assert k is not None
        found[k] = start, start + n
    return found


__all__ = ["boxes", "is_pad", "seen"]
