"""The derivatives of loops and branches are loops and branches: their bodies are derived.

Forward, tangents are carried beside the values. In reverse, with c' = body(c, x, p) and y = out(c, x, p), the
cotangents go through the passes the other way round: c* = (dbody/dc)^T c'* + (dout/dc)^T y*, and what the passes
hand to p adds up. A pass is derived at the carry that it began with, so these are kept, stacked, by running the loop
once more; everything else within a pass is worked out again. Where they would take more memory than the loop may
have, it becomes a loop of loops first: only the carries at the start of each inner loop are kept, and those within one
of them while it is gone through (checkpoints; Griewank, Achieving logarithmic growth of temporal and spatial
complexity in reverse automatic differentiation, 1992).

Carries that a derivative does not need are not carried. A loop with a condition has the derivative of a scan whose
number of passes is what the loop said.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from symgrad.derive import lift
from symgrad.graph import FLOATS, REGISTER, Graph, Node, Type
from symgrad.graph.body import Body
from symgrad.graph.node import spread
from symgrad.ops.contraction import contract
from symgrad.ops.flow import Scan, cond, scan, scan_at, size_of, while_loop
from symgrad.ops.literal import constant_array

FEW = 3
"""Passes of which all carries are kept, whatever they take."""

Cotangents = Callable[[Graph, Mapping[int, int], Sequence[int]], list[int | None]]
Tangents = Callable[[Graph, Sequence[int], Mapping[int, int]], list[int | None]]


def as_scan(g: Graph, i: int) -> Scan:
    """The scan that the loop with a condition at node `i` is, once it is known how many passes it has."""
    _, body, limit, memory, _ = g.attrs[i]
    args, m = g.args[i], len(body.outputs)
    count = g.add(while_loop, args, (*g.attrs[i][:-1], m))
    return Scan(body, m, 0, limit, False, memory, True, count, args[:m], (), args[m:])


def _scan_of(g: Graph, i: int) -> Scan:
    return scan_at(g, i) if g.ops[i] is scan else as_scan(g, i)


# Forward


def flow_tangent(g: Graph, i: int, known: Mapping[int, int], tangents: Tangents) -> int | None:
    """The tangent of node `i` of kind "flow", given those of some of its arguments; None: structural zero."""
    take = g.attrs[i][-1]
    if g.types[i].dtype not in FLOATS:
        return None
    found = _branch_tangents(g, i, known, tangents) if g.ops[i] is cond else _scan_tangents(g, i, known, tangents)
    return found.get(take)


def _branch_tangents(g: Graph, i: int, known: Mapping[int, int], tangents: Tangents) -> dict[int, int]:
    yes, no, _ = g.attrs[i]
    predicate, *captured = g.args[i]
    active = [k for k, a in enumerate(captured) if a in known]
    sides = []
    for body in (yes, no):
        own = body.graph.copy()
        seeds = {body.inputs[k]: own.input(f"%d{k}", own.types[body.inputs[k]]) for k in active}
        sides.append((own, body, list(seeds.values()), tangents(own, body.outputs, seeds)))
    moving = [k for k in range(len(yes.outputs)) if any(side[3][k] is not None for side in sides)]
    bodies = []
    for own, body, extra, found in sides:
        made = [_or_zero(own, body.outputs[k], found[k]) for k in moving]
        bodies.append(Body(own, [*body.inputs, *extra], made))
    args = (predicate, *captured, *(known[captured[k]] for k in active))
    return {k: g.add(cond, args, (*bodies, n)) for n, k in enumerate(moving)}


def _scan_tangents(g: Graph, i: int, known: Mapping[int, int], tangents: Tangents) -> dict[int, int]:
    s = _scan_of(g, i)
    body, m = s.body, s.carries
    own = body.graph.copy()
    cut = m + s.sliced
    carries, slices, held = body.inputs[:m], body.inputs[m:cut], body.inputs[cut:]

    def moving(inputs: Sequence[int], args: Sequence[int]) -> dict[int, int]:
        return {p: own.input(f"%d{p}", own.types[p]) for p, a in zip(inputs, args, strict=True) if a in known}

    along_slices, along_held = moving(slices, s.slices), moving(held, s.captured)
    active = {k for k, a in enumerate(s.firsts) if a in known}
    while True:
        tops = {carries[k]: own.input(f"%d{carries[k]}", own.types[carries[k]]) for k in sorted(active)}
        found = tangents(own, body.outputs, tops | along_slices | along_held)
        more = active | {k for k in range(m) if found[k] is not None and own.types[carries[k]].dtype in FLOATS}
        if more == active:
            break
        active = more
    chosen = sorted(active)
    moved = [k for k in range(m, len(body.outputs)) if found[k] is not None]
    outputs = [
        *body.outputs[:m],
        *(_or_zero(own, body.outputs[k], found[k]) for k in chosen),
        *body.outputs[m:],
        *(_or_zero(own, body.outputs[k], found[k]) for k in moved),
    ]
    inputs = [*carries, *tops.values(), *slices, *along_slices.values(), *held, *along_held.values()]
    firsts = [known[s.firsts[k]] if s.firsts[k] in known else zero_like(g, s.firsts[k]) for k in chosen]
    wider = replace(
        s,
        body=Body(own, inputs, outputs),
        carries=m + len(chosen),
        sliced=s.sliced + len(along_slices),
        firsts=(*s.firsts, *firsts),
        slices=(*s.slices, *(known[a] for a in s.slices if a in known)),
        captured=(*s.captured, *(known[a] for a in s.captured if a in known)),
    )
    results = lift.results(g, wider)
    places = {k: m + n for n, k in enumerate(chosen)}
    places |= {k: len(body.outputs) + len(chosen) + n for n, k in enumerate(moved)}
    return {k: results[p] for k, p in places.items()}


# Reverse


def flow_cotangents(
    g: Graph, seeds: Mapping[int, int], wrt: Sequence[int], cotangents: Cotangents
) -> list[tuple[int, int]]:
    """(argument, cotangent) for the arguments `wrt` of nodes that are results of one loop or branch.

    `seeds` has the cotangents of these nodes, which all have the same axes in front.
    """
    i = next(iter(seeds))
    given = {g.attrs[j][-1]: ct for j, ct in seeds.items() if g.types[j].dtype in FLOATS}
    ends = [a for a in dict.fromkeys(wrt) if g.types[a].dtype in FLOATS]
    if not given or not ends:
        return []
    lead = g.types[seeds[i]].lengths[: len(g.types[seeds[i]].shape) - len(g.types[i].shape)]
    if g.ops[i] is cond:
        return _branch_cotangents(g, i, given, lead, ends, cotangents)
    return _scan_cotangents(g, _scan_of(g, i), given, lead, ends, cotangents)


def _branch_cotangents(
    g: Graph, i: int, given: dict[int, int], lead: tuple[int, ...], ends: Sequence[int], cotangents: Cotangents
) -> list[tuple[int, int]]:
    yes, no, _ = g.attrs[i]
    predicate, *captured = g.args[i]
    wanted = [k for k, a in enumerate(captured) if a in ends]
    sides = []
    for body in (yes, no):
        own = body.graph.copy()
        cts = {k: own.input(f"%ct{k}", _wide(own.types[body.outputs[k]], lead)) for k in given}
        targets = [body.inputs[k] for k in wanted]
        found = cotangents(own, _gathered(own, {k: (body.outputs[k], ct) for k, ct in cts.items()}), targets)
        sides.append((own, [*body.inputs, *cts.values()], targets, found))
    reached = [n for n in range(len(wanted)) if any(side[3][n] is not None for side in sides)]
    bodies = [
        Body(own, inputs, [_or_zero(own, targets[n], found[n], lead) for n in reached])
        for own, inputs, targets, found in sides
    ]
    args = (predicate, *captured, *given.values())
    return [(captured[wanted[n]], g.add(cond, args, (*bodies, k))) for k, n in enumerate(reached)]


def _scan_cotangents(
    g: Graph,
    s: Scan,
    given: dict[int, int],
    lead: tuple[int, ...],
    ends: Sequence[int],
    cotangents: Cotangents,
) -> list[tuple[int, int]]:
    body, m = s.body, s.carries
    own = body.graph.copy()
    cut = m + s.sliced
    carries, slices, held = body.inputs[:m], body.inputs[m:cut], body.inputs[cut:]
    wanted_slices = [k for k, a in enumerate(s.slices) if a in ends]
    wanted_held = [k for k, a in enumerate(s.captured) if a in ends]
    targets = [c for c in carries if own.types[c].dtype in FLOATS]
    targets += [slices[k] for k in wanted_slices] + [held[k] for k in wanted_held]
    cts = {k: own.input(f"%ct{k}", _wide(own.types[body.outputs[k]], lead)) for k in given}
    while True:
        found = cotangents(own, _gathered(own, {k: (body.outputs[k], ct) for k, ct in cts.items()}), targets)
        slope = dict(zip(targets, found, strict=True))
        fresh = [k for k, c in enumerate(carries) if k not in cts and slope.get(c) is not None]
        if not fresh:
            break
        cts |= {k: own.input(f"%ct{k}", _wide(own.types[carries[k]], lead)) for k in fresh}
    back = sorted(k for k in cts if k < m)
    stacked = sorted(k for k in cts if k >= m)
    sums = [k for k in wanted_held if slope[held[k]] is not None]
    parts = [k for k in wanted_slices if slope[slices[k]] is not None]
    handed = [_known(slope[slices[k]]) for k in parts]
    added = [_known(slope[held[k]]) for k in sums]
    steps = [_or_zero(own, carries[k], slope[carries[k]], lead) for k in back]

    live = own.reach([*steps, *handed, *added])
    kept = [k for k in range(m) if live[carries[k]]]
    row = sum(size_of(own.types[carries[k]]) for k in kept)
    if row * s.length > s.memory and s.length > FEW:
        nodes = _segmented(g, s, row)
        found = cotangents(g, {nodes[k]: ct for k, ct in given.items()}, ends)
        return [(a, t) for a, t in zip(ends, found, strict=True) if t is not None]
    before: list[int] = []
    if kept:
        record = replace(s, body=Body(body.graph, body.inputs, [*body.outputs, *(carries[k] for k in kept)]))
        before = record.results(g)[len(body.outputs) :]
    read = [k for k in range(s.sliced) if live[slices[k]]]
    inputs = [*(carries[k] for k in kept), *(slices[k] for k in read), *(cts[k] for k in stacked), *held]
    reverse = Scan(
        body=Body(own, [*(cts[k] for k in back), *inputs], [*steps, *handed, *added]),
        carries=len(back),
        sliced=len(kept) + len(read) + len(stacked),
        length=s.length,
        reverse=not s.reverse,
        memory=s.memory,
        counted=s.counted,
        count=s.count,
        firsts=tuple(given[k] if k in given else zero_like(g, s.firsts[k], lead) for k in back),
        slices=(*before, *(s.slices[k] for k in read), *(_front(g, given[k], len(lead)) for k in stacked)),
        captured=s.captured,
    )
    # What the passes hand to a captured value adds up: after the loop where that is better, else in a carry.
    start = len(back) + len(handed)
    after = lift.sinks(reverse)
    outs = reverse.body.outputs
    there = {i for frontier in after.values() for i in frontier} | {
        outs[k] for k in range(len(back), start) if k not in after
    }
    later = [n for n in range(len(sums)) if start + n in after or outs[start + n] in there]
    carried = [n for n in range(len(sums)) if n not in later]
    totals = [own.input(f"%sum{n}", _wide(own.types[held[sums[n]]], lead)) for n in carried]
    more = [(Node(own, t) + Node(own, added[n])).id for t, n in zip(totals, carried, strict=True)]
    zeros = [zero_like(g, s.captured[sums[n]], lead) for n in carried]
    reverse = replace(
        reverse,
        body=Body(
            own, [*(cts[k] for k in back), *totals, *inputs], [*steps, *more, *handed, *(added[n] for n in later)]
        ),
        carries=len(back) + len(carried),
        firsts=(*reverse.firsts, *zeros),
    )
    results = lift.results(g, reverse)
    found = [(s.firsts[k], results[n]) for n, k in enumerate(back) if s.firsts[k] in ends]
    found += [(s.captured[sums[n]], results[len(back) + at]) for at, n in enumerate(carried)]
    rest = results[len(back) + len(carried) :]
    found += [(s.slices[k], _back(g, rest[n], len(lead))) for n, k in enumerate(parts)]
    return found + [(s.captured[sums[n]], _summed(g, rest[len(parts) + at])) for at, n in enumerate(later)]


def _summed(g: Graph, x: int) -> int:
    """The sum along the first axis."""
    labels = tuple(range(len(g.types[x].shape)))
    return contract(g, [(x, labels)], labels[1:])


def _gathered(own: Graph, pairs: Mapping[int, tuple[int, int]]) -> dict[int, int]:
    """The cotangent of each node, where a node may be several results."""
    total: dict[int, int] = {}
    for node, ct in pairs.values():
        total[node] = ct if node not in total else (Node(own, total[node]) + Node(own, ct)).id
    return total


def _known(i: int | None) -> int:
    assert i is not None
    return i


def _wide(type: Type, lead: Sequence[int]) -> Type:
    return type._replace(shape=(*lead, *type.lengths))


def zero_like(g: Graph, i: int, lead: Sequence[int] = ()) -> int:
    """A zero of the type of node `i`, with these axes in front."""
    type = g.types[i]
    return spread(g, g.const(0, type.dtype), (*lead, *type.shape))


def _or_zero(g: Graph, i: int, t: int | None, lead: Sequence[int] = ()) -> int:
    return zero_like(g, i, lead) if t is None else t


def _front(g: Graph, x: int, lead: int) -> int:
    """The axis behind the first `lead` ones in front."""
    labels = tuple(range(len(g.types[x].shape)))
    return contract(g, [(x, labels)], (lead, *labels[:lead], *labels[lead + 1 :])) if lead else x


def _back(g: Graph, x: int, lead: int) -> int:
    """The first axis behind the `lead` ones that follow."""
    labels = tuple(range(len(g.types[x].shape)))
    return contract(g, [(x, labels)], (*labels[1 : lead + 1], 0, *labels[lead + 1 :])) if lead else x


# Checkpoints


def segment(length: int, row: int, memory: int) -> tuple[int, int]:
    """(passes of an inner loop, bytes that it may keep): checkpoints in as few levels as fit into `memory`."""
    for levels in range(2, max(3, length.bit_length() + 1)):
        outer = math.ceil(length ** (1 / levels))
        if levels * outer * row <= memory:
            break
    else:
        outer = 2
    return -(-length // outer), max(memory - outer * row, 0)


def _segmented(g: Graph, s: Scan, row: int) -> list[int]:
    """The results of the scan, as a loop of loops."""
    inner, memory = segment(s.length, row, s.memory)
    outer = s.length // inner
    whole = outer * inner
    rest = s.length - whole
    halves = [(0, whole), (whole, s.length)] if rest else [(0, whole)]
    if s.reverse:
        halves.reverse()
    carries = list(s.firsts)
    stacks: list[list[int]] = []
    for start, stop in halves:
        count = _count_within(g, s, start, stop)
        part = replace(
            s,
            length=stop - start,
            count=count,
            firsts=tuple(carries),
            slices=tuple(_rows(g, x, start, stop) for x in s.slices),
        )
        if start == 0:
            results = _nested(g, part, outer, inner, row, memory)
        else:
            results = part.results(g)
        carries = results[: s.carries]
        stacks.append(results[s.carries :])
    if s.reverse:
        stacks.reverse()
    joined = []
    for pieces in zip(*stacks, strict=True):
        axis = -len(g.types[pieces[0]].shape)
        joined.append(pieces[0] if len(pieces) == 1 else g.build(REGISTER["concatenate"], tuple(pieces), (axis,)))
    return [*carries, *joined]


def _count_within(g: Graph, s: Scan, start: int, stop: int) -> int | None:
    """How many of the passes are in [start, stop)."""
    return None if s.count is None else _clipped(g, s.count, g.const(start, "int64"), stop - start)


def _clipped(g: Graph, count: int, start: int, length: int) -> int:
    """The passes that are left from `start` on; a negative count, of a loop that did not end, stays negative."""
    left = g.build(REGISTER["subtract"], (count, start))
    none = g.build(REGISTER["minimum"], (count, g.const(0, "int64")))
    least = g.build(REGISTER["maximum"], (left, none))
    return g.build(REGISTER["minimum"], (least, g.const(length, "int64")))


def _rows(g: Graph, x: int, start: int, stop: int) -> int:
    shape = g.types[x].lengths
    if (start, stop) == (0, shape[0]):
        return x
    rest = len(shape) - 1
    attrs = ((start, *(0,) * rest), (stop, *shape[1:]), (1,) * len(shape))
    return g.build(REGISTER["slice"], (x,), attrs)


def _nested(g: Graph, s: Scan, outer: int, inner: int, row: int, memory: int) -> list[int]:
    """The results of a scan of outer * inner passes as `outer` passes that are scans themselves."""
    m, body = s.carries, s.body
    own = Graph()
    types = body.graph.types
    cut = m + s.sliced
    firsts = [own.input(f"%c{k}", types[i]) for k, i in enumerate(body.inputs[:m])]
    slices = [
        own.input(f"%x{k}", types[i]._replace(shape=(inner, *types[i].shape))) for k, i in enumerate(body.inputs[m:cut])
    ]
    held = [own.input(f"%p{k}", types[i]) for k, i in enumerate(body.inputs[cut:])]
    inputs, extra, count = [*firsts, *slices], [], None
    if s.count is not None:
        total, start = own.input("%count", Type("int64")), own.input("%start", Type("int64"))
        count = _clipped(own, total, start, inner)
        inputs.append(start)
        held = [*held, total]
        extra = [constant_array(g, np.arange(outer, dtype=np.int64) * inner)]
    within = replace(
        s, length=inner, memory=memory, count=count, firsts=tuple(firsts), slices=tuple(slices),
        captured=tuple(held[: len(s.captured)]),
    )  # fmt: skip
    whole = Body(own, [*inputs, *held], within.results(own))
    reshape = REGISTER["reshape"]
    results = replace(
        s,
        body=whole,
        sliced=s.sliced + len(extra),
        length=outer,
        memory=max(s.memory, outer * row),
        counted=False,
        count=None,
        slices=(
            *(g.build(reshape, (x,), ((outer, inner, *g.types[x].lengths[1:]),)) for x in s.slices),
            *extra,
        ),
        captured=s.captured if s.count is None else (*s.captured, s.count),
    ).results(g)
    flat = [g.build(reshape, (y,), ((outer * inner, *g.types[y].lengths[2:]),)) for y in results[m:]]
    return [*results[:m], *flat]
