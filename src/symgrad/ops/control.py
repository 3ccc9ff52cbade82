"""Loops: a fold over a range of integers, kept as a loop. Its derivative is a fold again."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from symgrad.graph import REGISTER, Graph, Op, Type, register
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


def fold_of(g: Graph, body: Body, take: int, lo: int, hi: int, firsts: Sequence[int], captured: Sequence[int]) -> int:
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
    if len(kept) == 1 and g.value(firsts[take]) == 0:
        scaled = _scaled(own, body.outputs[take], body.inputs[1 + take])
        if scaled is not None:
            factor, out = scaled
            inner = Body(own, body.inputs, [out if k == take else o for k, o in enumerate(body.outputs)])
            total = fold_of(g, inner, take, lo, hi, firsts, captured)
            c = g.const(factor, g.types[firsts[take]].dtype)
            return g.build(REGISTER["multiply"], (c, total))
    lean = Body(own, inputs, [body.outputs[k] for k in kept])
    args = (lo, hi, *(firsts[k] for k in kept), *(captured[k] for k in extra))
    return g.add(fold, args, (lean, kept.index(take)))


def _scaled(own: Graph, out: int, carry: int) -> tuple[int | float | Fraction, int] | None:
    """(c, carry + t) where `out` is carry + c*t or carry - c*t: a sum's constant factor stands before it."""
    name, args = own.ops[out].name, own.args[out]
    if name not in ("add", "subtract") or carry not in args or args[0] == args[1]:
        return None
    if name == "subtract" and args[0] != carry:
        return None
    term = args[1] if args[0] == carry else args[0]
    factor: int | float | Fraction = -1 if name == "subtract" else 1
    others = []
    stack = [term]
    while stack:
        j = stack.pop()
        value = own.value(j)
        if own.ops[j].name == "multiply":
            stack.extend(reversed(own.args[j]))
        elif own.ops[j].name == "negative":
            factor = -factor
            stack.append(own.args[j][0])
        elif value is None or isinstance(value, str):
            others.append(j)
        else:
            factor *= value
    if factor == 1:
        return None
    term = others[0] if others else own.const(1, own.types[out].dtype)
    for j in others[1:]:
        term = own.build(REGISTER["multiply"], (term, j))
    return (factor, own.build(REGISTER["add"], (carry, term)))


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


def terms(body: Body) -> list[int] | None:
    """Where every carry only gathers a sum: what each pass adds to it. None for any other loop."""
    own = body.graph
    carries = body.inputs[1 : 1 + body.carries]
    found = []
    for out, carry in zip(body.outputs, carries, strict=True):
        args = own.args[out]
        if own.ops[out].name not in ("add", "subtract") or carry not in args or args[0] == args[1]:
            return None
        if own.ops[out].name == "subtract" and args[0] != carry:
            return None
        found.append(args[1] if args[0] == carry else args[0])
    live = own.reach(found)
    return None if any(live[c] for c in carries) else found


__all__ = ["accumulates", "fold", "fold_of", "parts", "terms"]
