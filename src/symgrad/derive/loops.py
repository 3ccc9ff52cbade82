"""The derivative of a fold: a fold that carries the derivative beside the value.

With c' = body(i, c, p), the derivative d of the carries by p obeys d' = (dbody/dc) d + dbody/dp, d = 0 before
the first pass. Carries that the derivative does not need are dropped: the derivative of a sum is a sum.
"""

from __future__ import annotations

from symgrad.derive.accumulate import Algebra, forward
from symgrad.errors import UnsupportedError
from symgrad.graph import Graph
from symgrad.graph.body import Body
from symgrad.ops.control import fold_of, parts


def fold_partial(g: Graph, i: int, position: int) -> int | None:
    """The partial derivative of the fold at node `i` by its argument at `position`; None: structural zero."""
    body, take, firsts, captured = parts(g, i)
    m = body.carries
    if position < 2:
        return None
    own = body.graph.copy()
    inputs = list(body.inputs)
    by_first = position < 2 + m
    target = inputs[position - 1]
    if own.types[target].shape:
        name = g.attrs[g.args[i][position]][0] if g.ops[g.args[i][position]].name == "input" else "an array"
        raise UnsupportedError(f"a loop can't be differentiated by {name} whole; list its elements as symbols")
    carries = inputs[1 : 1 + m]
    columns = carries if by_first else [*carries, target]
    entries = forward(own, body.outputs, columns)
    alg = Algebra(own, body.outputs)
    tangents = [own.input(f"%d{k}", own.types[c]) for k, c in enumerate(carries)]
    outputs = list(body.outputs)
    for r in range(m):
        total: int | None = None if by_first else entries.get((r, m))
        for k in range(m):
            d = entries.get((r, k))
            if d is not None:
                t = alg.product(d, tangents[k])
                total = t if total is None else alg.sum(total, t)
        outputs.append(own.const(0, own.types[outputs[r]].dtype) if total is None else total)
    wider = Body(own, [inputs[0], *carries, *tangents, *inputs[1 + m :]], outputs)
    starts = []
    for k in range(m):
        dtype = g.types[firsts[k]].dtype
        starts.append(g.const(1 if by_first and position - 2 == k else 0, dtype))
    args = g.args[i]
    return fold_of(g, wider, m + take, args[0], args[1], [*firsts, *starts], captured)
