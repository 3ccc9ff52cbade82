"""Parts of a joined array are computed where they stand in it, instead of being copied there.

What a `concatenate` joins lies in memory of its own if it is itself joined, or is used more than once. Then the
memory is that of its place, seen through transposes and reshapes, and of joined parts of joined parts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from symgrad.compile.plan.kinds import LEAF, MAP, REGION, VIEW, readings, strided
from symgrad.compile.plan.pieces import parts
from symgrad.compile.plan.steps import RESULT, TEMPORARY
from symgrad.compile.plan.views import View
from symgrad.graph import Graph
from symgrad.ops.subscripts import parse

if TYPE_CHECKING:
    from symgrad.compile.plan.planner import Planner


def place_parts(p: Planner) -> None:
    """Gives memory to what is joined: the outermost arrays first, whose parts then know where they stand."""
    g, known = p.g, p.known
    for i in range(len(g) - 1, -1, -1):
        if not known.live[i] or i not in known.memory or not _joins(p, i):
            continue
        if i not in p.views:
            p.views[i] = p.new(TEMPORARY, g.types[i].dtype, g.types[i].lengths)
        view = p.views[i]
        if p.buffers[view.buffer].kind in (RESULT, TEMPORARY):  # new values of inputs are written last
            for a, part in zip(g.args[i], parts(g, i, view), strict=True):
                _put(p, a, part)


def _joins(p: Planner, i: int) -> bool:
    return p.known.kinds[i] == REGION and p.g.ops[i].name == "concatenate"


def _put(p: Planner, i: int, view: View) -> None:
    """Node `i` is to be computed at `view`, if it can be."""
    g, known = p.g, p.known
    while known.kinds[i] == VIEW and i not in known.memory and known.invertible(i) and i not in p.places:
        p.places[i] = view
        inner = inverse(g, i, view)
        if inner is None:
            return
        view, i = inner, g.args[i][0]
    computed = known.kinds[i] == MAP or _joins(p, i)
    called = any(known.kinds[t] not in (MAP, VIEW, LEAF, REGION) for _, t, _ in known.terms.get(i, ()))
    if i in known.memory and i not in p.views and computed and not called:  # BLAS wants whole arrays
        p.views[i] = view


def forward(g: Graph, i: int, view: View) -> View | None:
    """The view that a VIEW node is of its argument's view; None where there is none."""
    shape = g.types[i].lengths
    read = readings(g, i)
    if read is None:
        return view.reshaped(shape)
    strides, offset = strided(read[0], view.strides, view.offset, len(shape))
    return view.with_axes(shape, strides, offset)


def inverse(g: Graph, i: int, view: View) -> View | None:
    """Where the argument of an invertible VIEW node lies if the node is to lie at `view`."""
    own = g.types[g.args[i][-1]].lengths
    if g.ops[i].name == "reshape":
        return view.reshaped(own)
    (*_, labels), out = parse(g.attrs[i][0])
    return view.with_axes(own, tuple(view.strides[out.index(x)] for x in labels))
