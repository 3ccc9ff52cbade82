"""Loops and branches made lean: what no one needs is not carried, what does not change is worked out before, what
two loops over the same passes both do is done once, and bodies are simplified like any graph.

Derivatives are written as if none of this mattered: a loop is run once more to record its carries, carries of every
result stand in it. Here the loops of a value and of its derivative become one again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from symgrad.graph import CONST, INPUT, REGISTER, Graph
from symgrad.graph.body import Body
from symgrad.ops.flow import Scan, scan_at, siblings
from symgrad.simplify.around import from_around
from symgrad.simplify.bodies import Rewrite, rewritten

BROADCAST = REGISTER["broadcast"]
SCAN, WHILE, COND = REGISTER["scan"], REGISTER["while_loop"], REGISTER["cond"]


def lean_loops(graph: Graph, roots: Sequence[int], simplify: Rewrite) -> tuple[Graph, list[int]]:
    """`roots` with lean loops and branches; `simplify` is for the bodies. The same graph where there are none."""
    if not any(op.kind == "flow" for op in graph.ops):
        return graph, list(roots)
    return _joined(*_pruned(graph, roots, simplify))


def _pruned(graph: Graph, roots: Sequence[int], simplify: Rewrite) -> tuple[Graph, list[int]]:
    groups, live = _needed(graph, roots)
    out = Graph()
    new: dict[int, int] = {}
    made: dict[Any, dict[int, int]] = {}
    for i, needed in enumerate(live):
        if not needed:
            continue
        op = graph.ops[i]
        if op is CONST:
            new[i] = out.const(*graph.attrs[i])
        elif op.kind == "flow":
            key = siblings(graph, i)
            if key not in made:
                made[key] = groups[key].into(out, new, simplify)
            new[i] = made[key][graph.attrs[i][-1]]
        else:
            new[i] = out.build(op, tuple([new[a] for a in graph.args[i]]), graph.attrs[i])
    return out, [new[r] for r in roots]


def _needed(graph: Graph, roots: Sequence[int]) -> tuple[dict[Any, Any], list[bool]]:
    """The lean loops and branches, and which nodes they and `roots` need."""
    first: dict[Any, int] = {}
    takes: dict[Any, set[int]] = {}
    for i, op in enumerate(graph.ops):
        if op.kind == "flow":
            first.setdefault(siblings(graph, i), i)
    live = [False] * len(graph)
    for r in roots:
        live[r] = True
    groups: dict[Any, Any] = {}
    for i in range(len(graph) - 1, -1, -1):
        if graph.ops[i].kind != "flow":
            if live[i]:
                for a in graph.args[i]:
                    live[a] = True
            continue
        key = siblings(graph, i)
        if live[i]:
            takes.setdefault(key, set()).add(graph.attrs[i][-1])
        if first[key] == i and key in takes:  # its other nodes have been seen
            groups[key] = found = _LEAN[graph.ops[i]](graph, i, takes[key])
            for a in found.args:
                live[a] = True
    return groups, live


def _read(body: Body, outputs: Iterable[int]) -> list[bool]:
    """Per input of the body, whether these outputs need it."""
    live = body.graph.reach(outputs)
    return [live[i] for i in body.inputs]


def _picked(values: Sequence[Any], keep: Sequence[bool]) -> list[Any]:
    return [v for v, k in zip(values, keep, strict=True) if k]


# Without what is not needed


@dataclass
class _Scan:
    """A scan of the old graph with the results and arguments that are needed."""

    s: Scan
    places: dict[int, int]
    """Results of the old scan by their places in the new one."""
    still: dict[int, int]
    """Carries that no pass changes: the old result, and the node that it always is."""

    @property
    def args(self) -> tuple[int, ...]:
        return (*self.s.args, *self.still.values())

    def into(self, out: Graph, new: dict[int, int], simplify: Rewrite) -> dict[int, int]:
        s = self.s
        found = {k: new[i] for k, i in self.still.items()}
        if not self.places:
            return found
        s = replace(
            s,
            body=rewritten(s.body, simplify),
            count=None if s.count is None else new[s.count],
            firsts=tuple(new[i] for i in s.firsts),
            slices=tuple(new[i] for i in s.slices),
            captured=tuple(new[i] for i in s.captured),
        )
        results = written(out, _without_invariants(out, s))
        return found | {k: results[p] for k, p in self.places.items()}


def written(g: Graph, s: Scan) -> list[int]:
    """The results of a scan; of one or no pass they are no loop."""
    if s.count is not None or s.length > 1:
        return s.results(g)
    m = s.carries
    if s.length == 0:
        types = [s.body.graph.types[o] for o in s.body.outputs[m:]]
        return [*s.firsts, *(g.build(REGISTER["broadcast"], (g.const(0, t.dtype),), ((0, *t.lengths),)) for t in types)]
    reshape = REGISTER["reshape"]
    only = [g.build(reshape, (x,), (g.types[x].lengths[1:],)) for x in s.slices]
    seen = dict(zip(s.body.inputs, (*s.firsts, *only, *s.captured), strict=True))
    s.body.graph.into(g, s.body.outputs, seen)
    results = [seen[o] for o in s.body.outputs]
    return [*results[:m], *(g.build(reshape, (y,), ((1, *g.types[y].lengths),)) for y in results[m:])]


def _settled(graph: Graph, args: Sequence[int], *bodies: Body) -> tuple[Body, ...]:
    """The bodies with the constants among the captured values `args`, their last inputs, written into them."""
    known = [k for k, a in enumerate(args) if _constant(graph, a)]
    if not known:
        return bodies
    found = []
    for body in bodies:
        own, start = body.graph, len(body.inputs) - len(args)
        g = Graph()
        seen = {i: g.input(*own.attrs[i]) for i in body.inputs}
        seen |= {body.inputs[start + k]: graph.into(g, [args[k]])[args[k]] for k in known}
        own.into(g, body.outputs, seen)
        inputs = [g.input(*own.attrs[i]) for i in body.inputs]
        found.append(Body(g, inputs, [seen[o] for o in body.outputs]))
    return tuple(found)


def _constant(graph: Graph, i: int) -> bool:
    """Whether node `i` is a number, or the same number everywhere."""
    return graph.ops[i] is CONST or (graph.ops[i] is BROADCAST and graph.ops[graph.args[i][0]] is CONST)


def _lean_scan(graph: Graph, i: int, takes: set[int]) -> _Scan:
    s = scan_at(graph, i)
    (body,), m = _settled(graph, s.captured, s.body), s.carries
    needed = set(takes)
    while True:
        read = _read(body, (body.outputs[k] for k in needed))
        more = needed | {k for k in range(m) if read[k]}
        if more == needed:
            break
        needed = more
    same = {k for k in needed if k < m and body.outputs[k] == body.inputs[k]}
    first: dict[int, int] = {}  # of stacked results, the one that is a node's
    for k in sorted(needed):
        if k >= m:
            first.setdefault(body.outputs[k], k)
    kept = [k for k in sorted(needed - same) if k < m or first[body.outputs[k]] == k]
    read = _read(body, (body.outputs[k] for k in kept))
    cut = m + s.sliced
    constant = [k for k in sorted(same) if read[k]]
    carries = [k for k in kept if k < m]
    slices = [k for k in range(s.sliced) if read[m + k]]
    held = [k for k in range(len(s.captured)) if read[cut + k]]
    inputs = [
        *(body.inputs[k] for k in carries),
        *(body.inputs[m + k] for k in slices),
        *(body.inputs[cut + k] for k in held),
        *(body.inputs[k] for k in constant),
    ]
    lean = replace(
        s,
        body=Body(body.graph, inputs, [body.outputs[k] for k in kept]),
        carries=len(carries),
        sliced=len(slices),
        firsts=tuple(s.firsts[k] for k in carries),
        slices=tuple(s.slices[k] for k in slices),
        captured=(*(s.captured[k] for k in held), *(s.firsts[k] for k in constant)),
    )
    places = {k: n for n, k in enumerate(kept)}
    places |= {k: places[first[body.outputs[k]]] for k in needed if k >= m}
    return _Scan(lean, places, {k: s.firsts[k] for k in sorted(same)})


@dataclass
class _Other:
    """A loop with a condition, or a branch."""

    op: Any
    args: tuple[int, ...]
    bodies: tuple[Body, ...]
    rest: tuple[Any, ...]
    places: dict[int, int]

    def into(self, out: Graph, new: dict[int, int], simplify: Rewrite) -> dict[int, int]:
        bodies = [rewritten(b, simplify) for b in self.bodies]
        args = tuple(new[a] for a in self.args)
        if self.op is COND and (known := out.value(args[0])) is not None:
            body = bodies[0] if known else bodies[1]
            seen = dict(zip(body.inputs, args[1:], strict=True))
            body.graph.into(out, body.outputs, seen)
            return {k: seen[body.outputs[p]] for k, p in self.places.items()}
        own = 1 if self.op is COND else len(bodies[1].outputs)  # the predicate; or the carries
        captured, bodies = from_around(out, args[own:], bodies)
        args = (*args[:own], *captured)
        return {k: out.add(self.op, args, (*bodies, *self.rest, p)) for k, p in self.places.items()}


def _lean_while(graph: Graph, i: int, takes: set[int]) -> _Other:
    condition, body, *rest, _ = graph.attrs[i]
    args, m = graph.args[i], len(body.outputs)
    condition, body = _settled(graph, args[m:], condition, body)
    needed = {k for k in takes if k < m} | {k for k, r in enumerate(_read(condition, condition.outputs)[:m]) if r}
    while True:
        read = _read(body, (body.outputs[k] for k in needed))
        more = needed | {k for k in range(m) if read[k]}
        if more == needed:
            break
        needed = more
    asked = _read(condition, condition.outputs)
    keep = [k in needed if k < m else read[k] or asked[k] for k in range(len(args))]
    bodies = (
        Body(condition.graph, _picked(condition.inputs, keep), condition.outputs),
        Body(body.graph, _picked(body.inputs, keep), [body.outputs[k] for k in sorted(needed)]),
    )
    places = {k: n for n, k in enumerate(sorted(needed))}
    if m in takes:
        places[m] = len(needed)
    return _Other(WHILE, tuple(_picked(args, keep)), bodies, tuple(rest), {k: places[k] for k in takes})


def _lean_cond(graph: Graph, i: int, takes: set[int]) -> _Other:
    *bodies, _ = graph.attrs[i]
    predicate, *captured = graph.args[i]
    bodies = _settled(graph, captured, *bodies)
    kept = sorted(takes)
    read = [_read(b, (b.outputs[k] for k in kept)) for b in bodies]
    keep = [any(r) for r in zip(*read, strict=True)]
    lean = tuple(Body(b.graph, _picked(b.inputs, keep), [b.outputs[k] for k in kept]) for b in bodies)
    return _Other(COND, (predicate, *_picked(captured, keep)), lean, (), {k: n for n, k in enumerate(kept)})


_LEAN: dict[Any, Callable[[Graph, int, set[int]], Any]] = {SCAN: _lean_scan, WHILE: _lean_while, COND: _lean_cond}


# What does not change from pass to pass


def _without_invariants(g: Graph, s: Scan) -> Scan:
    """The scan, whose passes are given what depends on nothing but captured values. What only moves data stays."""
    own, cut = s.body.graph, s.carries + s.sliced
    varies = [False] * len(own)
    for i in s.body.inputs[:cut]:
        varies[i] = True
    for i, args in enumerate(own.args):
        varies[i] = varies[i] or any(varies[a] for a in args)
    live = own.reach(s.body.outputs)
    roots: dict[int, None] = {}
    ends = [a for i, args in enumerate(own.args) if live[i] and varies[i] for a in args if not varies[a]]
    stack = ends + [o for o in s.body.outputs if not varies[o]]
    while stack:
        i = stack.pop()
        op = own.ops[i]
        if op is INPUT or not own.args[i]:
            continue
        if op.cost == 0 and op.name != "einsum":
            stack.extend(own.args[i])
        else:
            roots[i] = None
    if not roots:
        return s
    seen = dict(zip(s.body.inputs[cut:], s.captured, strict=True))
    own.into(g, roots, seen)
    body = Body(own, [*s.body.inputs, *roots], s.body.outputs)
    s = replace(s, body=body, captured=(*s.captured, *(seen[i] for i in roots)))
    read = _read(body, body.outputs)[cut:]
    inputs = [*body.inputs[:cut], *_picked(body.inputs[cut:], read)]
    return replace(s, body=Body(body.graph, inputs, body.outputs), captured=tuple(_picked(s.captured, read)))


# One loop for all that goes through the same passes


def _joined(graph: Graph, roots: Sequence[int]) -> tuple[Graph, list[int]]:
    live = graph.reach(roots)
    layer: list[int] = []  # how many loops stand behind a node
    for op, args in zip(graph.ops, graph.args, strict=True):
        layer.append(max((layer[a] for a in args), default=0) + (op is SCAN))
    groups: dict[Any, list[int]] = {}
    for i, needed in enumerate(live):
        if needed and graph.ops[i] is SCAN:
            s = scan_at(graph, i)
            groups.setdefault((s.length, s.reverse, s.count, layer[i]), []).append(i)
    several = {k: v for k, v in groups.items() if len({siblings(graph, i) for i in v}) > 1}
    if not several:
        return graph, list(roots)
    group_of = {i: key for key, members in several.items() for i in members}
    out = Graph()
    new: dict[int, int] = {}
    made: dict[Any, dict[int, int]] = {}
    for i in sorted((i for i, needed in enumerate(live) if needed), key=lambda i: (layer[i], i)):
        op = graph.ops[i]
        if op is CONST:
            new[i] = out.const(*graph.attrs[i])
        elif i in group_of:
            key = group_of[i]
            if key not in made:
                made[key] = _as_one(graph, several[key], out, new)
            new[i] = made[key][i]
        else:
            new[i] = out.build(op, tuple([new[a] for a in graph.args[i]]), graph.attrs[i])
    return out, [new[r] for r in roots]


def _as_one(graph: Graph, members: Sequence[int], out: Graph, new: dict[int, int]) -> dict[int, int]:
    """The results of several scans over the same passes, as those of one scan in `out`."""
    loops: dict[Any, Scan] = {}
    for i in members:
        loops.setdefault(siblings(graph, i), scan_at(graph, i))
    scans = list(loops.values())
    carried = [(n, k) for n, s in enumerate(scans) for k in range(s.carries)]
    # Carries that begin alike are thought to be one until a pass tells them apart.
    label: dict[tuple[int, int], Any] = {(n, k): new[scans[n].firsts[k]] for n, k in carried}
    while True:
        own, seen, inputs = _bodies_in_one(graph, scans, new, label)
        after = {c: (label[c], seen[c[0]][scans[c[0]].body.outputs[c[1]]]) for c in carried}
        if len(set(after.values())) == len(set(label.values())):
            break
        label = after
    kept: dict[Any, tuple[int, int]] = {}
    for c in carried:
        kept.setdefault(label[c], c)
    outputs = [seen[n][scans[n].body.outputs[k]] for n, k in kept.values()]
    place = {c: list(kept).index(label[c]) for c in carried}
    stacked: dict[int, int] = {}
    for n, s in enumerate(scans):
        for k in range(s.carries, len(s.body.outputs)):
            y = seen[n][s.body.outputs[k]]
            place[n, k] = stacked.setdefault(y, len(kept) + len(stacked))
    carries, slices, held = inputs
    first = scans[0]
    whole = replace(
        first,
        body=Body(own, [*(carries[x] for x in kept), *slices.values(), *held.values()], [*outputs, *stacked]),
        carries=len(kept),
        sliced=len(slices),
        memory=max(s.memory for s in scans),
        count=None if first.count is None else new[first.count],
        firsts=tuple(new[scans[n].firsts[k]] for n, k in kept.values()),
        slices=tuple(slices),
        captured=tuple(held),
    )
    results = whole.results(out)
    number = {key: n for n, key in enumerate(loops)}
    return {i: results[place[number[siblings(graph, i)], graph.attrs[i][-1]]] for i in members}


def _bodies_in_one(
    graph: Graph, scans: Sequence[Scan], new: dict[int, int], label: dict[tuple[int, int], Any]
) -> tuple[Graph, list[dict[int, int]], tuple[dict[Any, int], dict[int, int], dict[int, int]]]:
    """A graph with all bodies, where each of them went, and the inputs by carry's label, slice, captured value."""
    own = Graph()
    carries: dict[Any, int] = {}
    slices: dict[int, int] = {}
    held: dict[int, int] = {}
    every = []
    for n, s in enumerate(scans):
        types, m = s.body.graph.types, s.carries
        cut = m + s.sliced
        seen = {}
        for k, i in enumerate(s.body.inputs):
            if k < m:
                known, key, name = carries, label[n, k], "carry"
            elif k < cut:
                known, key, name = slices, new[s.slices[k - m]], "slice"
            else:
                known, key, name = held, new[s.captured[k - cut]], "held"
            if key not in known:
                known[key] = own.input(f"%{name}{len(known)}", types[i])
            seen[i] = known[key]
        s.body.graph.into(own, s.body.outputs, seen)
        every.append(seen)
    return own, every, (carries, slices, held)
