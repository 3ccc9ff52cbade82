"""Loops: a fold over a range of integers, kept as a loop. Its derivative is a fold again."""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.graph import Graph, Op, Type, register
from symgrad.graph.body import Body


def _fold_type(types: list[Type], body: Body, take: int) -> Type:
    want = len(body.inputs) + 1
    if len(types) != want:
        raise TypeError(f"fold: {len(types)} arguments where its body wants {want}")
    return body.graph.types[body.outputs[take]]


fold = register(
    Op(
        "fold",
        "control",
        None,
        attrs=("body", "take"),
        typing=_fold_type,
        doc="carries = body(i, carries, captured) for i = lo, ..., hi; the carry `take` at the end",
    )
)
"""Arguments: lo, hi (int64, both included), the first value of each carry, the captured values.

Its partial derivatives are worked out by `derive.loops`: a rule of a loop derives its body.
"""


def fold_of(
    g: Graph, body: Body, take: int, lo: int, hi: int, firsts: Sequence[int], captured: Sequence[int]
) -> int:
    """The node of a fold, without the carries and captured values that its result does not need."""
    m = body.carries
    own = body.graph
    carry_at = {body.inputs[1 + k]: k for k in range(m)}
    needed = {take}
    while True:
        live = own.reach(body.outputs[k] for k in needed)
        more = {k for i, k in carry_at.items() if live[i]} | needed
        if more == needed:
            break
        needed = more
    kept = sorted(needed)
    extra = [k for k in range(len(captured)) if live[body.inputs[1 + m + k]]]
    inputs = [body.inputs[0], *(body.inputs[1 + k] for k in kept), *(body.inputs[1 + m + k] for k in extra)]
    lean = Body(own, inputs, [body.outputs[k] for k in kept])
    args = (lo, hi, *(firsts[k] for k in kept), *(captured[k] for k in extra))
    return g.add(fold, args, (lean, kept.index(take)))


def parts(g: Graph, i: int) -> tuple[Body, int, tuple[int, ...], tuple[int, ...]]:
    """(body, take, first values, captured values) of the fold at node `i`."""
    body, take = g.attrs[i]
    args = g.args[i]
    m = body.carries
    return body, take, args[2 : 2 + m], args[2 + m :]


def accumulates(body: Body, take: int) -> tuple[str, int] | None:
    """("add" or "multiply", term) where carry `take` only gathers a sum or product of a term, else None."""
    own = body.graph
    if body.carries != 1:
        return None
    out, carry = body.outputs[take], body.inputs[1 + take]
    name = own.ops[out].name
    if name not in ("add", "multiply") or carry not in own.args[out]:
        return None
    a, b = own.args[out]
    term = b if a == carry else a
    return None if own.reach([term])[carry] else (name, term)


__all__ = ["accumulates", "fold", "fold_of", "parts"]
