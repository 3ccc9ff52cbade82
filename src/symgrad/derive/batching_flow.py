"""Loops and branches for a whole batch. Where the points do not agree on what to do, all of it is done, and each
point takes its own: a loop goes on while any point does, and those that have arrived stay what they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from symgrad.graph import REGISTER, Graph, Type
from symgrad.graph.body import Body
from symgrad.graph.node import spread
from symgrad.ops.contraction import contract
from symgrad.ops.flow import Scan, cond, scan, scan_at, while_loop
from symgrad.ops.literal import constant_array


def flow(p: Any, batched: Callable[..., list[tuple[int, bool]]]) -> int:
    """The node at place `p` (of `derive.batching`) with the batch as its first axis."""
    take = p.attrs[-1]
    if p.op is cond:
        return _branch(p, batched)
    if p.op is scan:
        return _scan(p, scan_at(p.g, p.i), take)
    return _while(p, take)


def _along(g: Graph, flags: int, type: Type) -> int:
    """Truth values of the points, spread over the axes that arrays of this type have at each point."""
    (n,) = g.types[flags].lengths
    labels = tuple(range(1 + len(type.shape)))
    sizes = dict(enumerate((n, *type.lengths)))
    return contract(g, [(flags, (0,))], labels, sizes) if type.shape else flags


def _chosen(g: Graph, flags: int, a: int, b: int, type: Type) -> int:
    return g.build(REGISTER["where"], (_along(g, flags, type), a, b))


def _whole(g: Graph, pair: tuple[int, bool], type: Type, n: int) -> int:
    node, is_batched = pair
    return node if is_batched else spread(g, node, (n, *type.lengths))


def _branch(p: Any, batched: Callable[..., list[tuple[int, bool]]]) -> int:
    yes, no, take = p.attrs
    (predicate, differs), *captured = p.parts
    type = p.g.types[p.i]
    if differs:
        sides: list[int] = []
        for body in (yes, no):
            given = dict(zip(body.inputs, captured, strict=True))
            (found,) = batched(body.graph, [body.outputs[take]], p.out, given, p.n)
            sides.append(_whole(p.out, found, type, p.n))
        return _chosen(p.out, predicate, sides[0], sides[1], type)
    bodies = []
    for body in (yes, no):
        inner, inputs, results = p.within(body, [is_batched for _, is_batched in captured])
        types = [body.graph.types[o] for o in body.outputs]
        bodies.append(Body(inner, inputs, [_whole(inner, r, t, p.n) for r, t in zip(results, types, strict=True)]))
    return p.out.add(cond, (predicate, *(node for node, _ in captured)), (*bodies, take))


def _scan(p: Any, s: Scan, take: int) -> int:
    out, n, m, own = p.out, p.n, s.carries, s.body.graph
    parts = list(p.parts)
    count = parts.pop(0) if s.counted else None
    cut = m + s.sliced
    flags = [is_batched for _, is_batched in parts]
    differs = count is not None and count[1]
    if differs:
        flags[:m] = [True] * m
    while True:
        inner, inputs, results = p.within(s.body, flags)
        wanted = [was or now for was, (_, now) in zip(flags[:m], results, strict=False)]
        if wanted == flags[:m]:
            break
        flags[:m] = wanted
    types = [own.types[o] for o in s.body.outputs]
    several = [*flags[:m], *(now or differs for _, now in results[m:])]
    outputs = [_whole(inner, r, t, n) if seen else r[0] for r, t, seen in zip(results, types, several, strict=True)]
    firsts = [_whole(out, parts[k], types[k], n) if flags[k] else parts[k][0] for k in range(m)]
    slices = [_swapped(out, x) if is_batched else x for x, is_batched in parts[m:cut]]
    held = [x for x, _ in parts[cut:]]
    node_count = None if count is None else count[0]
    if differs:  # each point has its own number of passes
        assert node_count is not None
        index, limit = inner.input("%index", Type("int64")), inner.input("%count", Type("int64", (n,)))
        goes = inner.build(REGISTER["less"], (spread(inner, index, (n,)), limit))
        for k, (o, t) in enumerate(zip(outputs, types, strict=True)):
            before = inputs[k] if k < m else spread(inner, inner.const(0, t.dtype), (n, *t.lengths))
            outputs[k] = _chosen(inner, goes, o, before, t)
        inputs = [*inputs[:cut], index, *inputs[cut:], limit]
        slices.append(constant_array(out, np.arange(s.length, dtype=np.int64)))
        held.append(node_count)
        node_count = out.build(REGISTER["amax"], (node_count,))
    wide = replace(
        s,
        body=Body(inner, inputs, outputs),
        sliced=len(slices),
        count=node_count,
        firsts=tuple(firsts),
        slices=tuple(slices),
        captured=tuple(held),
    )
    found = wide.results(out)[take]
    if not several[take]:
        return spread(out, found, (n, *p.g.types[p.i].lengths))
    return found if take < m else _swapped(out, found)


def _swapped(g: Graph, x: int) -> int:
    """The first two axes swapped: the batch and that of the passes."""
    labels = tuple(range(len(g.types[x].shape)))
    return contract(g, [(x, labels)], (1, 0, *labels[2:]))


def _while(p: Any, take: int) -> int:
    condition, body, limit, memory, _ = p.attrs
    out, n, m = p.out, p.n, len(body.outputs)
    types = [body.graph.types[o] for o in body.outputs]
    flags = [is_batched for _, is_batched in p.parts]
    while True:
        inner, inputs, results = p.within(body, flags)
        wanted = [was or now for was, (_, now) in zip(flags[:m], results, strict=False)]
        test, test_inputs, ((decision, differs),) = p.within(condition, flags)
        if differs:
            wanted = [True] * m
        if wanted == flags[:m]:
            break
        flags[:m] = wanted
    firsts = [_whole(out, p.parts[k], types[k], n) if flags[k] else p.parts[k][0] for k in range(m)]
    held = [x for x, _ in p.parts[m:]]
    outputs = [_whole(inner, r, t, n) if seen else r[0] for r, t, seen in zip(results, types, flags, strict=False)]
    if not differs:
        node = out.add(
            while_loop,
            (*firsts, *held),
            (Body(test, test_inputs, [decision]), Body(inner, inputs, outputs), limit, memory, take),
        )
        seen = take < m and flags[take]
        return node if seen else spread(out, node, (n, *p.g.types[p.i].lengths))
    # the points that go on, and how many passes each has had, are carried
    ((goes, _),) = _again(p, condition, inner, inputs)
    trips = inner.input("%trips", Type("int64", (n,)))
    outputs = [_chosen(inner, goes, o, i, t) for o, i, t in zip(outputs, inputs, types, strict=False)]
    more = inner.build(REGISTER["cast"], (goes,), ("int64",))
    outputs.append(inner.build(REGISTER["add"], (trips, more)))
    any_goes = test.build(REGISTER["amax"], (test.build(REGISTER["cast"], (decision,), ("int64",)),))
    any_goes = test.build(REGISTER["greater"], (any_goes, test.const(0, "int64")))
    test_trips = test.input("%trips", Type("int64", (n,)))
    zeros = spread(out, out.const(0, "int64"), (n,))
    bodies = (
        Body(test, [*test_inputs[:m], test_trips, *test_inputs[m:]], [any_goes]),
        Body(inner, [*inputs[:m], trips, *inputs[m:]], outputs),
    )
    return out.add(while_loop, (*firsts, zeros, *held), (*bodies, limit, memory, take))


def _again(p: Any, body: Body, inner: Graph, inputs: Sequence[int]) -> list[tuple[int, bool]]:
    """The outputs of another body of the same inputs, in the graph of the first."""
    test, own, results = p.within(
        body,
        [len(inner.types[i].shape) > len(body.graph.types[b].shape) for i, b in zip(inputs, body.inputs, strict=True)],
    )
    made = test.into(inner, [o for o, _ in results], dict(zip(own, inputs, strict=True)))
    return [(made[o], seen) for o, seen in results]
