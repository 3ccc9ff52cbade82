"""What the body of a loop or a branch works out, although the graph around has it: taken from there.

Such a value needs captured values alone. A branch may not run, so that it can't be worked out before; but where it
stands around anyway, it is one more captured value. A function's value and its gradient, asked for in a branch on the
value, share their loops so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symgrad.graph import CONST, Graph, Op
from symgrad.graph.body import Body

_CHEAP = ("elementwise", "constant", "leaf")
"""Kinds of operations that are fused into others: whole arrays are better worked out again than kept."""


def from_around(g: Graph, args: Sequence[int], bodies: Sequence[Body]) -> tuple[tuple[int, ...], list[Body]]:
    """(captured values, bodies), where `args` of `g` are the last inputs of each of the bodies."""
    found: dict[int, None] = {}
    known = []
    for body in bodies:
        seen = _known(g, args, body)
        known.append(seen)
        found |= dict.fromkeys(seen[i] for i in _ends(body, seen))
    more = [i for i in found if i not in args]
    if not more:
        return tuple(args), list(bodies)
    return (*args, *more), [_with(g, body, seen, more) for body, seen in zip(bodies, known, strict=True)]


def _known(g: Graph, args: Sequence[int], body: Body) -> dict[int, int]:
    """The nodes of the body that `g` has, and which they are."""
    own = body.graph
    seen = dict(zip(body.inputs[len(body.inputs) - len(args) :], args, strict=True))
    for i, op in enumerate(own.ops):
        if op is CONST:
            seen[i] = g.const(*own.attrs[i])
        elif i not in seen and own.args[i] and all(a in seen for a in own.args[i]):
            there = tuple([seen[a] for a in own.args[i]])
            if _has(g, op, there, own.attrs[i]):
                seen[i] = g.add(op, there, own.attrs[i])
    return seen


def _has(g: Graph, op: Op, args: tuple[int, ...], attrs: tuple[Any, ...]) -> bool:
    """Whether `g` has this node; of a loop any result, as it has all then."""
    if op.kind != "flow":
        return g.known(op, args, attrs)
    most = max(len(b.outputs) for b in attrs if isinstance(b, Body)) + 1  # and the number of a while_loop's passes
    return any(g.known(op, args, (*attrs[:-1], k)) for k in range(most))


def _ends(body: Body, seen: dict[int, int]) -> list[int]:
    """Of the nodes that are known, those that are read by others, or are results, and worth keeping."""
    own = body.graph
    live = own.reach(body.outputs)
    read = {a for i, args in enumerate(own.args) if live[i] and i not in seen for a in args} | set(body.outputs)
    return [i for i in sorted(read) if i in seen and own.args[i] and _worth(own, i)]


def _worth(own: Graph, i: int) -> bool:
    op = own.ops[i]
    return op.cost > 0 and (op.kind not in _CHEAP or not own.types[i].shape)


def _with(g: Graph, body: Body, seen: dict[int, int], more: Sequence[int]) -> Body:
    """The body with inputs more, in the place of the nodes that they are."""
    own = body.graph
    new = Graph()
    at = {i: new.input(*own.attrs[i]) for i in body.inputs}
    inputs = [at[i] for i in body.inputs]
    given = {k: new.input(f"%around{n}", g.types[k]) for n, k in enumerate(more)}
    at |= {i: given[k] for i, k in seen.items() if k in given and i not in at}
    own.into(new, body.outputs, at)
    return Body(new, [*inputs, *given.values()], [at[o] for o in body.outputs])
