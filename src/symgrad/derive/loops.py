"""The derivative of a fold: a fold that carries the derivative beside the value.

With c' = body(i, c, p), the derivative d of the carries by p obeys d' = (dbody/dc) d + dbody/dp, d = 0 before
the first pass. Carries that the derivative does not need are dropped: the derivative of a sum is a sum.

By a number, d is a number (`fold_partial`). By an array, a tangent is carried forward (`fold_tangent`). In reverse
(`fold_cotangent`) a sum adds up the cotangents of its terms, all passes at once where its bounds are known; any
other loop carries its Jacobian.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from symgrad.derive.accumulate import Algebra, forward
from symgrad.errors import UnsupportedError
from symgrad.graph import FLOATS, REGISTER, Graph, Node, Type
from symgrad.graph.body import Body
from symgrad.graph.node import spread
from symgrad.ops.contraction import contract
from symgrad.ops.control import fold_of, parts, terms
from symgrad.ops.index import of_unknown_length
from symgrad.ops.literal import constant_array


def of_numbers(g: Graph, i: int, active: Sequence[int]) -> bool:
    """Whether the fold at node `i` and its arguments `active` are numbers, so that `fold_partial` does."""
    body, *_ = g.attrs[i]
    return not g.types[i].shape and not any(g.types[a].shape for a in (*active, *g.args[i][2 : 2 + body.carries]))


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


def fold_tangent(g: Graph, i: int, known: Mapping[int, int]) -> int | None:
    """The tangent of the fold at node `i`, given those of some of its arguments; None: structural zero."""
    from symgrad.derive.tangents import tangents, zero_like  # they take this module in turn

    body, take, firsts, captured = parts(g, i)
    m = body.carries
    own, inputs = body.graph.copy(), body.inputs
    carries, params = inputs[1 : 1 + m], inputs[1 + m :]
    moving = {p: own.input(f"%d{p}", own.types[p]) for p, a in zip(params, captured, strict=True) if a in known}
    active = {c for c, a in zip(carries, firsts, strict=True) if a in known}
    while True:
        seeds = moving | {c: own.input(f"%d{c}", own.types[c]) for c in carries if c in active}
        found = tangents(own, body.outputs, seeds)
        more = active | {c for c, t in zip(carries, found, strict=True) if t is not None}
        if more == active:
            break
        active = more
    if carries[take] not in active:
        return None
    chosen = [k for k, c in enumerate(carries) if c in active]
    outputs = [zero_like(own, body.outputs[k]) if t is None else t for k in chosen for t in [found[k]]]
    starts = [known[firsts[k]] if firsts[k] in known else zero_like(g, firsts[k]) for k in chosen]
    along = [known[a] for a in captured if a in known]
    tops = [seeds[carries[k]] for k in chosen]
    wider = Body(own, [inputs[0], *carries, *tops, *params, *moving.values()], [*body.outputs, *outputs])
    lo, hi, *_ = g.args[i]
    return fold_of(g, wider, m + chosen.index(take), lo, hi, [*firsts, *starts], [*captured, *along])


def fold_cotangents(g: Graph, i: int, ct: int, wrt: Sequence[int]) -> list[tuple[int, int]]:
    """(argument, cotangent) for the arguments `wrt` of the fold at node `i`, whose own cotangent is `ct`."""
    from symgrad.derive.cotangents import cotangents

    body, _, firsts, captured = parts(g, i)
    for a in wrt:
        if None in g.types[a].shape:
            raise of_unknown_length(Node(g, a))
    every = _at_once(g, i) if terms(body) is not None else None
    if every is not None:
        found = cotangents(g, {every: ct}, wrt)
        return [(a, t) for a, t in zip(wrt, found, strict=True) if t is not None]
    result = []
    for position, a in enumerate((*firsts, *captured)):
        if a in wrt and g.types[a].dtype in FLOATS:
            t = _summed(g, i, ct, position) if terms(body) is not None else _multiplied(g, i, ct, position)
            if t is not None:
                result.append((a, t))
    return result


def _at_once(g: Graph, i: int) -> int | None:
    """A sum of known bounds as the sum over an axis, one element per pass; None where that can't be."""
    from symgrad.derive.batching import batched

    body, take, firsts, captured = parts(g, i)
    low, high = g.value(g.args[i][0]), g.value(g.args[i][1])
    gathered = terms(body)
    if not isinstance(low, int) or not isinstance(high, int) or gathered is None:
        return None
    first, own = firsts[take], body.graph
    count = max(0, high - low + 1)
    if not count:
        return first
    index = constant_array(g, np.arange(low, high + 1, dtype=np.int64))
    params = body.inputs[1 + body.carries :]
    given = {body.inputs[0]: (index, True)} | {p: (a, False) for p, a in zip(params, captured, strict=True)}
    try:
        ((term, seen),) = batched(own, [gathered[take]], g, given, count)
    except UnsupportedError:  # a loop inside, whose bounds differ from pass to pass
        return None
    rank = len(g.types[i].shape)
    if seen:
        term = contract(g, [(term, tuple(range(rank + 1)))], tuple(range(1, rank + 1)))
    else:
        labels = tuple(range(rank))
        term = contract(g, [(g.const(count, g.types[i].dtype), ()), (term, labels)], labels)
    return g.build(own.ops[body.outputs[take]], (first, term))


def _summed(g: Graph, i: int, ct: int, position: int) -> int | None:
    """The cotangent of a sum's argument: the sum of what each term hands down."""
    from symgrad.derive.cotangents import cotangents

    body, take, _, captured = parts(g, i)
    m = body.carries
    if position < m:
        return ct if position == take else None
    own = body.graph.copy()
    gathered = terms(body)
    assert gathered is not None
    target = body.inputs[1 + position]
    seed = own.input("%ct", g.types[ct])
    (t,) = cotangents(own, {gathered[take]: seed}, [target])
    if t is None:
        return None
    carry = own.input("%total", own.types[t])
    out = own.build(own.ops[body.outputs[take]], (carry, t))
    inner = Body(own, [body.inputs[0], carry, *body.inputs[1 + m :], seed], [out])
    zero = spread(g, g.const(0, own.types[t].dtype), own.types[t].shape)
    return fold_of(g, inner, 0, g.args[i][0], g.args[i][1], [zero], [*captured, ct])


def _multiplied(g: Graph, i: int, ct: int, position: int) -> int | None:
    """The cotangent of a loop's argument, by the Jacobian that is carried along."""
    jacobian = _jacobian(g, i, position)
    if jacobian is None:
        return None
    rank, full = len(g.types[i].shape), len(g.types[jacobian].shape)
    lead = len(g.types[ct].shape) - rank
    inner = tuple(range(full))
    outer = tuple(range(full, full + lead))
    return contract(g, [(ct, outer + inner[:rank]), (jacobian, inner)], outer + inner[rank:])


def _jacobian(g: Graph, i: int, position: int) -> int | None:
    """The derivative of the fold at node `i` by the first value or captured value at `position`."""
    from symgrad.derive.cotangents import cotangents

    body, take, firsts, captured = parts(g, i)
    m = body.carries
    own, inputs = body.graph.copy(), body.inputs
    carries, target = inputs[1 : 1 + m], inputs[1 + position]
    by_first = position < m
    columns = [*carries] if by_first else [*carries, target]
    nothing: list[int | None] = [None] * len(columns)
    local = [
        cotangents(own, {o: _identity(own, own.types[o])}, columns) if own.types[o].dtype in FLOATS else nothing
        for o in body.outputs
    ]
    tail = own.types[target].lengths
    active = {position} if by_first else {r for r in range(m) if local[r][m] is not None}
    while True:
        more = active | {r for r in range(m) if any(local[r][k] is not None for k in active)}
        if more == active:
            break
        active = more
    if take not in active:
        return None
    chosen = sorted(active)
    slopes = {k: own.input(f"%d{k}", _wide(own.types[carries[k]], tail)) for k in chosen}
    outputs = []
    for r in chosen:
        total = None if by_first else local[r][m]
        for k in chosen:
            d = local[r][k]
            if d is not None:
                out, mid = len(own.types[body.outputs[r]].shape), len(own.types[carries[k]].shape)
                labels = tuple(range(out + mid + len(tail)))
                t = contract(
                    own, [(d, labels[: out + mid]), (slopes[k], labels[out:])], labels[:out] + labels[out + mid :]
                )
                total = t if total is None else own.build(REGISTER["add"], (total, t))
        outputs.append(_zero(own, _wide(own.types[body.outputs[r]], tail)) if total is None else total)
    wider = Body(own, [inputs[0], *carries, *slopes.values(), *inputs[1 + m :]], [*body.outputs, *outputs])
    starts = [
        _identity(g, g.types[firsts[k]]) if by_first and k == position else _zero(g, _wide(g.types[firsts[k]], tail))
        for k in chosen
    ]
    lo, hi, *_ = g.args[i]
    return fold_of(g, wider, m + chosen.index(take), lo, hi, [*firsts, *starts], captured)


def _wide(type: Type, tail: Sequence[int]) -> Type:
    return type._replace(shape=(*type.lengths, *tail))


def _zero(g: Graph, type: Type) -> int:
    return spread(g, g.const(0, type.dtype), type.shape)


def _identity(g: Graph, type: Type) -> int:
    """The derivative of an array by itself."""
    shape = type.lengths
    rank = len(shape)
    units = [(g.add(REGISTER["delta"], (), (n, type.dtype)), (k, rank + k)) for k, n in enumerate(shape)]
    return contract(g, units or [(g.const(1, type.dtype), ())], tuple(range(2 * rank)))
