"""The derivative of a solution: F(x, p) = 0 gives dx = -(dF/dx)^-1 dF/dp dp (the implicit function theorem).

Written in terms of the solution itself, so it is differentiated like any other node, to any order. It does not
depend on where the solver began.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from symgrad.derive.batching import batched
from symgrad.derive.tangents import tangents
from symgrad.graph import REGISTER, Graph, Node
from symgrad.graph.body import Body
from symgrad.graph.node import spread
from symgrad.ops import implicit
from symgrad.ops.implicit import JACOBIAN, RESIDUAL


def tangent_of_solution(given: Sequence[Node | None], *nodes: Node, body: Body) -> Node | None:
    """The tangent of the solution, the last of `nodes`; the others are the arguments, with the tangents `given`."""
    *args, solution = nodes
    g = solution.graph
    own = body.graph.copy()
    x, *params = body.inputs
    moving = {}
    values = {x: solution.id} | {p: a.id for p, a in zip(params, args[1:], strict=True)}
    for p, t in zip(params, given[1:], strict=True):
        if t is not None:
            moving[p] = own.input(f"%d{p}", own.types[p])
            values[moving[p]] = t.id
    (along,) = tangents(own, [body.outputs[RESIDUAL]], moving)
    if along is None:
        return None
    answer = own.build(REGISTER["solve"], (body.outputs[JACOBIAN], along))
    answer = own.build(REGISTER["negative"], (answer,))
    return Node(g, _inlined(own, answer, g, values, solution.shape))


def _inlined(own: Graph, root: int, g: Graph, values: dict[int, int], shape: Sequence[Any]) -> int:
    """`root` of `own` in `g` at these values, which may all have the axes of a batch in front of their own."""
    lead = tuple(shape[:-1])
    if not lead:
        return own.into(g, [root], dict(values))[root]
    n = math.prod(lead)
    flat = {}
    for i, v in values.items():
        inner = own.types[i].lengths
        full = spread(g, v, (*lead, *inner))
        flat[i] = g.build(REGISTER["reshape"], (full,), ((n, *inner),)), True
    ((found, seen),) = batched(own, [root], g, flat, n)
    if not seen:
        found = spread(g, found, (n, *own.types[root].lengths))
    return g.build(REGISTER["reshape"], (found,), (tuple(shape),))


implicit.tangent_of_solution = tangent_of_solution
