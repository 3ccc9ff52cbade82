"""What the loops and branches of a graph are: passes, bytes that they carry and keep; how checkpoints trade them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from symgrad.graph import INPUT, Graph
from symgrad.graph.body import Body
from symgrad.ops.flow import Scan, bodies, scan_at, siblings, size_of

LINES = 24
"""Lines at most; a note says how many loops are left out."""


class _Place(NamedTuple):
    """Where a loop stands: how deep, in how many passes of the loops around it, and in which directions they go."""

    graph: Graph
    node: int
    depth: int
    times: int
    directions: tuple[bool, ...]


def loops(graph: Graph, outputs: Sequence[int]) -> list[str]:
    """A line for every loop and branch, those within it indented below it."""
    found = _places(graph, outputs)
    runs, first = _runs(found)
    lines: list[str] = []
    for n, p in enumerate(found):
        if len(lines) >= LINES:
            lines.append(f"... and {len(found) - n} more loops and branches")
            break
        gap = "  " * p.depth
        lines.append(gap + _line(p.graph, p.node))
        if p.depth == 0 and p.graph.ops[p.node].name == "scan":
            lines += _trade(p.graph, p.node, runs, first)
    return lines


def _places(graph: Graph, outputs: Sequence[int]) -> list[_Place]:
    """All loops and branches, each followed by those within it."""
    found: list[_Place] = []
    todo: list[tuple[int, _Place] | tuple[Graph, Sequence[int], int, int, tuple[bool, ...]]]
    todo = [(graph, outputs, 0, 1, ())]
    while todo:
        item = todo.pop()
        if len(item) == 2:
            found.append(item[1])
            continue
        g, roots, depth, times, directions = item
        seen = set()
        later: list[tuple[int, _Place] | tuple[Graph, Sequence[int], int, int, tuple[bool, ...]]] = []
        for i, needed in enumerate(g.reach(roots)):
            if not needed or g.ops[i].kind != "flow" or siblings(g, i) in seen:
                continue
            seen.add(siblings(g, i))
            later.append((0, _Place(g, i, depth, times, directions)))
            inner, within = times, directions
            if g.ops[i].name == "scan":
                s = scan_at(g, i)
                inner, within = times * s.length, (*directions, s.reverse)
            later += [(b.graph, b.outputs, depth + 1, inner, within) for b in bodies(g, i)]
        todo += reversed(later)
    return found


def _line(g: Graph, i: int) -> str:
    op, attrs = g.ops[i], g.attrs[i]
    if op.name == "cond":
        return "cond: one of two branches runs"
    if op.name == "while_loop":
        body, limit = attrs[1], attrs[2]
        return f"while_loop of at most {limit} passes: carries {_bytes(_size(body, range(len(body.outputs))))}"
    s = scan_at(g, i)
    m, count = s.carries, len(s.body.outputs)
    text = f"scan of {'at most ' if s.counted else ''}{s.length} passes"
    text += f"{', the last one first' if s.reverse else ''}: carries {_bytes(_size(s.body, range(m)))}"
    return text if m == count else f"{text}, stacks {_bytes(s.length * _size(s.body, range(m, count)))}"


def _size(body: Body, outputs: Sequence[int]) -> int:
    """Bytes of these outputs."""
    return sum(size_of(body.graph.types[body.outputs[k]]) for k in outputs)


def _passes(s: Scan) -> int:
    """Passes of the innermost loop of a loop of loops."""
    found = s.length
    body = s.body
    while True:
        inner = _only_scan(body)
        if inner is None:
            return found
        found *= inner.length
        body = inner.body


def _only_scan(body: Body) -> Scan | None:
    g = body.graph
    keys = {siblings(g, i): i for i, n in enumerate(g.reach(body.outputs)) if n and g.ops[i].kind == "flow"}
    ((_, i),) = keys.items() if len(keys) == 1 else ((None, -1),)
    return scan_at(g, i) if i >= 0 and g.ops[i].name == "scan" else None


def _innermost(s: Scan) -> Body:
    body = s.body
    while (inner := _only_scan(body)) is not None:
        s, body = inner, inner.body
    return Body(body.graph, body.inputs, body.outputs[: s.carries])


def _runs(found: Sequence[_Place]) -> tuple[Counter[Body], Counter[Body]]:
    """How often each innermost pass is run; and how often before anything goes through the passes the other way."""
    runs: Counter[Body] = Counter()
    first: Counter[Body] = Counter()
    for p in found:
        if p.graph.ops[p.node].name != "scan":
            continue
        s = scan_at(p.graph, p.node)
        if any(op.kind == "flow" for op in s.body.graph.ops):
            continue
        key = Body(s.body.graph, s.body.inputs, s.body.outputs[: s.carries])
        runs[key] += p.times * s.length
        if all(d == s.reverse for d in p.directions):
            first[key] += p.times * s.length
    return runs, first


def _trade(g: Graph, i: int, runs: Counter[Body], first: Counter[Body]) -> list[str]:
    """What a loop of loops keeps of the carries, and what that costs; nothing of other loops."""
    s = scan_at(g, i)
    own = s.body.graph
    kept = [k for k in range(s.carries, len(s.body.outputs)) if own.ops[s.body.outputs[k]] is INPUT]
    total, key = _passes(s), _innermost(s)
    if not kept or total == s.length or not 0 < first[key] < runs[key]:
        return []
    row = _size(s.body, kept)
    return [
        f"  checkpoints: keeps the carries of {s.length} of {total} passes, {_bytes(s.length * row)} "
        f"instead of {_bytes(total * row)}; a pass is run {runs[key] / first[key]:.1f} times"
    ]


def _bytes(n: int) -> str:
    for unit, step in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if n >= step:
            return f"{n / step:.3g} {unit}"
    return f"{n} bytes"


__all__ = ["loops"]
