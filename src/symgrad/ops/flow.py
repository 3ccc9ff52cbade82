"""Loops and branches that stay loops and branches: a scan over arrays, a loop with a condition, one of two branches.

Their bodies are graphs (`graph.body.Body`), whose inputs are listed below; a node has one of the results, and nodes
of equal arguments and bodies are one loop. `derive.flow` derives the bodies.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from symgrad.graph import Graph, Op, Type, register
from symgrad.graph.body import Body

TRIPS = 10
"""Passes that a loop of unknown length is thought to have where work is estimated."""


@dataclass(frozen=True)
class Scan:
    """What the arguments and results of a `scan` node are.

    Arguments: the number of passes where that is known only when it runs (`count`), the first value of each carry,
    the arrays whose slices along the first axis the passes get one by one, the captured values. Body: (carries,
    slices, captured values) -> (carries, one slice of each result). Results: the last carries, then the slices
    stacked along a new first axis of `length`; beyond the count they are zero.
    """

    body: Body
    carries: int
    sliced: int
    length: int
    reverse: bool
    memory: int
    """Bytes that the derivative in reverse may keep of all passes."""
    counted: bool
    count: int | None
    firsts: tuple[int, ...]
    slices: tuple[int, ...]
    captured: tuple[int, ...]

    @property
    def attrs(self) -> tuple[object, ...]:
        """Those of the nodes, without `take`."""
        return (self.body, self.carries, self.sliced, self.length, self.reverse, self.memory)

    @property
    def args(self) -> tuple[int, ...]:
        head = () if self.count is None else (self.count,)
        return (*head, *self.firsts, *self.slices, *self.captured)

    def results(self, g: Graph) -> list[int]:
        """The nodes of all results."""
        args, attrs = self.args, self.attrs
        return [g.add(scan, args, (*attrs, k)) for k in range(len(self.body.outputs))]


def scan_at(g: Graph, i: int) -> Scan:
    """The parts of the `scan` at node `i`."""
    body, carries, sliced, length, reverse, memory, _ = g.attrs[i]
    args = g.args[i]
    counted = len(args) > len(body.inputs)
    rest = args[counted:]
    cut = carries + sliced
    count = args[0] if counted else None
    return Scan(
        body, carries, sliced, length, reverse, memory, counted, count, rest[:carries], rest[carries:cut], rest[cut:]
    )


def _scan_type(
    types: list[Type], body: Body, carries: int, sliced: int, length: int, reverse: bool, memory: int, take: int
) -> Type:
    own = body.graph.types
    types = list(types)
    if len(types) == len(body.inputs) + 1:
        _same("the number of passes", types.pop(0), Type("int64"))
    if len(types) != len(body.inputs) or not 0 <= carries <= len(body.outputs) or carries + sliced > len(body.inputs):
        raise TypeError(f"scan: {len(types)} arguments where its body wants {len(body.inputs)}")
    for k, (t, i) in enumerate(zip(types, body.inputs, strict=True)):
        want = own[i]
        if carries <= k < carries + sliced:
            want = want._replace(shape=(length, *want.shape))
        _same("an argument", t, want)
    for i, o in zip(body.inputs[:carries], body.outputs[:carries], strict=True):
        _same("a carry after a pass", own[o], own[i])
    result = own[body.outputs[take]]
    return result if take < carries else result._replace(shape=(length, *result.shape))


def _same(what: str, t: Type, want: Type) -> None:
    if t != want:
        raise TypeError(f"{what} is {t}, and should be {want}")


def _scan_work(
    types: list[Type], body: Body, carries: int, sliced: int, length: int, reverse: bool, memory: int, take: int
) -> float:
    passes = length if len(types) == len(body.inputs) else min(length, TRIPS)
    return float(passes * body.graph.operations(body.outputs))


scan = register(
    Op(
        "scan",
        "flow",
        None,
        attrs=("body", "carries", "sliced", "length", "reverse", "memory", "take"),
        typing=_scan_type,
        work=_scan_work,
        doc="carries, y = body(carries, x, captured) for each x; the last carries, and each y stacked",
    )
)


def _while_type(types: list[Type], condition: Body, body: Body, limit: int, memory: int, take: int) -> Type:
    own = body.graph.types
    if len(types) != len(body.inputs) or [own[i] for i in body.inputs] != types:
        raise TypeError(f"while_loop: arguments {types}, its body wants {[own[i] for i in body.inputs]}")
    if [condition.graph.types[i] for i in condition.inputs] != types:
        raise TypeError("while_loop: its condition wants other arguments")
    _same("the condition", condition.graph.types[condition.outputs[0]], Type("bool"))
    for i, o in zip(body.inputs, body.outputs, strict=False):
        _same("a carry after a pass", own[o], own[i])
    return own[body.outputs[take]] if take < len(body.outputs) else Type("int64")


def _while_work(types: list[Type], condition: Body, body: Body, limit: int, memory: int, take: int) -> float:
    once = body.graph.operations(body.outputs) + condition.graph.operations(condition.outputs)
    return float(min(limit, TRIPS) * once)


while_loop = register(
    Op(
        "while_loop",
        "flow",
        None,
        attrs=("condition", "body", "limit", "memory", "take"),
        typing=_while_type,
        work=_while_work,
        doc="carries = body(carries, captured) while condition(carries, captured); a carry, or the number of passes",
    )
)
"""Arguments: the first carries, the captured values; those of both bodies. The last result is the number of passes,
which are at most `limit`: a loop that would go on is an error when it runs."""


def _cond_type(types: list[Type], yes: Body, no: Body, take: int) -> Type:
    _same("the predicate", types[0], Type("bool"))
    for body in (yes, no):
        want = [body.graph.types[i] for i in body.inputs]
        if want != types[1:]:
            raise TypeError(f"cond: arguments {types[1:]}, a branch wants {want}")
    a, b = (body.graph.types[body.outputs[take]] for body in (yes, no))
    _same("a result of one branch", a, b)
    return a


def _cond_work(types: list[Type], yes: Body, no: Body, take: int) -> float:
    return float(max(b.graph.operations(b.outputs) for b in (yes, no)))


cond = register(
    Op(
        "cond",
        "flow",
        None,
        attrs=("yes", "no", "take"),
        typing=_cond_type,
        work=_cond_work,
        doc="the branch `yes` of the captured values where the predicate holds, else `no`; only that one runs",
    )
)
"""Arguments: the predicate, the captured values; each branch is a body of the captured values."""


def siblings(g: Graph, i: int) -> tuple[object, ...]:
    """What nodes of one loop or branch have in common."""
    return g.ops[i], g.args[i], g.attrs[i][:-1]


def bodies(g: Graph, i: int) -> tuple[Body, ...]:
    """The bodies of a node of kind "flow"."""
    return tuple(a for a in g.attrs[i] if isinstance(a, Body))


def size_of(type: Type) -> int:
    """Bytes of an array of this type."""
    item = {"bool": 1, "float32": 4}.get(type.dtype, 8)
    return item * math.prod(type.lengths)


def without(values: Sequence[int], keep: Sequence[bool]) -> tuple[int, ...]:
    """The values that are kept."""
    return tuple(v for v, k in zip(values, keep, strict=True) if k)


__all__ = ["Scan", "bodies", "cond", "scan", "scan_at", "siblings", "size_of", "while_loop", "without"]
