"""What the passes of a scan need not do one after the other is done for all of them at once.

Whatever depends on slices alone comes before the loop, and what only a stacked result needs comes after it, from
stacks of what it reads of the passes. So `W @ x_t` of every pass is one product of matrices, and so is the gradient
by W, the sum of outer products. Only work that pays is moved (products, functions), and only where the stacks fit into
what the scan may keep.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from symgrad.derive.batching import batched
from symgrad.graph import INPUT, Graph
from symgrad.graph.body import Body
from symgrad.graph.node import spread
from symgrad.ops.flow import Scan, size_of
from symgrad.ops.subscripts import parse, sums

_LIGHT = frozenset(
    {
        *("add", "subtract", "multiply", "negative", "abs", "maximum", "minimum", "where", "mask", "cast", "sign"),
        *("less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "integer_power"),
        *("logical_and", "logical_or", "logical_xor", "logical_not", "literal", "delta", "basis", "stack", "element"),
    }
)


def results(g: Graph, s: Scan) -> list[int]:
    """The results of a scan, with as little as may be in its passes."""
    if s.counted or s.length < 2:
        return s.results(g)
    s = _before(g, s)
    found = sinks(s)
    if not found:
        return s.results(g)
    body, m = s.body, s.carries
    kept = [k for k in range(m, len(body.outputs)) if k not in found]
    stacks = list(dict.fromkeys(i for frontier in found.values() for i in frontier))
    lean = replace(
        s, body=Body(body.graph, body.inputs, [*body.outputs[:m], *(body.outputs[k] for k in kept), *stacks])
    )
    new = lean.results(g)
    at = dict(zip([*range(m), *kept], new, strict=False))
    given = _given(s) | {i: (x, True) for i, x in zip(stacks, new[m + len(kept) :], strict=True)}
    made = batched(body.graph, [body.outputs[k] for k in found], g, given, s.length)
    for k, (x, seen) in zip(found, made, strict=True):
        shape = body.graph.types[body.outputs[k]].lengths
        at[k] = x if seen else spread(g, x, (s.length, *shape))
    return [at[k] for k in range(len(body.outputs))]


def _given(s: Scan) -> dict[int, tuple[int, bool]]:
    """What stands for slices and captured values when all passes are one batch."""
    inputs, m = s.body.inputs, s.carries
    cut = m + s.sliced
    return {i: (x, True) for i, x in zip(inputs[m:cut], s.slices, strict=True)} | {
        i: (x, False) for i, x in zip(inputs[cut:], s.captured, strict=True)
    }


def sinks(s: Scan) -> dict[int, tuple[int, ...]]:
    """The stacked results that are better worked out after the loop, each with the nodes of the body it needs stacked.

    Slices and captured values need not be stacked.
    """
    own, m = s.body.graph, s.carries
    outputs = s.body.outputs
    if s.counted:
        return {}
    core = own.reach(outputs[:m])
    there = set(s.body.inputs[m:])
    found: dict[int, tuple[int, ...]] = {}
    stacked: set[int] = set()
    varies = _depends(own, s.body.inputs[:m])
    for k in range(m, len(outputs)):
        cone, frontier = _cone(own, outputs[k], core, there, set(s.body.inputs[:m]), varies)
        if not any(_pays(own, i) for i in cone):
            continue
        more = stacked | set(frontier)
        if s.length * sum(size_of(own.types[i]) for i in more) <= s.memory:
            found[k] = tuple(frontier)
            stacked = more
    return found


def _cone(
    own: Graph, root: int, core: Sequence[bool], there: set[int], carries: set[int], varies: Sequence[bool]
) -> tuple[list[int], list[int]]:
    """(nodes that only stacked results need, what they read of the rest that changes with the carries)."""
    cone: dict[int, None] = {}
    frontier: dict[int, None] = {}
    stack = [root]
    while stack:
        i = stack.pop()
        if i in cone or i in frontier or i in there:
            continue
        if i in carries or (core[i] and varies[i]):
            frontier[i] = None
        else:
            cone[i] = None
            stack.extend(own.args[i])
    return list(cone), list(frontier)


def _depends(own: Graph, inputs: Sequence[int]) -> list[bool]:
    found = [False] * len(own)
    for i in inputs:
        found[i] = True
    for i, args in enumerate(own.args):
        found[i] = found[i] or any(found[a] for a in args)
    return found


def _pays(own: Graph, i: int) -> bool:
    """Whether the operation is faster for all passes at once."""
    op = own.ops[i]
    if op is INPUT or not own.args[i]:
        return False
    if op.name == "einsum":
        parts, out = parse(own.attrs[i][0])
        return len(parts) > 1 and (sums(parts, out) or len(out) > max(map(len, parts)))
    return op.cost > 0 and op.name not in _LIGHT


def _before(g: Graph, s: Scan) -> Scan:
    """The scan whose passes are given what depends on slices alone."""
    own, m = s.body.graph, s.carries
    cut = m + s.sliced
    varies = _depends(own, s.body.inputs[:m])
    alone = [a and not b for a, b in zip(_depends(own, s.body.inputs[m:cut]), varies, strict=True)]
    pays = [False] * len(own)
    for i, args in enumerate(own.args):
        pays[i] = alone[i] and (_pays(own, i) or any(pays[a] for a in args))
    live = own.reach(s.body.outputs)
    ends = [a for i, args in enumerate(own.args) if live[i] and varies[i] for a in args if pays[a]]
    ends += [o for o in s.body.outputs[:m] if pays[o]]
    roots = list(dict.fromkeys(ends))
    if not roots or s.length * sum(size_of(own.types[i]) for i in roots) > s.memory:
        return s
    made = batched(own, roots, g, _given(s), s.length)
    assert all(seen for _, seen in made)
    slices = (*s.slices, *(x for x, _ in made))
    body = Body(own, [*s.body.inputs[:cut], *roots, *s.body.inputs[cut:]], s.body.outputs)
    return replace(s, body=body, sliced=len(slices), slices=slices)
