"""From the natural operations of a formula to those a back end has: the part all back ends share.

The result is for machines: it is not in normal form (a power is a chain of products there).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from symgrad.compile.sigmoids import share_sigmoids
from symgrad.errors import UnsupportedError
from symgrad.graph import CONST, INPUT, REGISTER, Graph, Node, Op
from symgrad.graph.body import Body

MULTIPLY, POWER, FOLD = REGISTER["multiply"], REGISTER["integer_power"], REGISTER["fold"]


def lower(graph: Graph, outputs: Sequence[int], has: Callable[[Op], bool], back_end: str) -> tuple[Graph, list[int]]:
    """`outputs` in a new graph of operations that the back end has.

    What it has not is expanded by the operation's declared fallback; powers become products that share their squares,
    sigmoids share an exponential with their complements. Raises UnsupportedError, naming the operation and the back
    end, where there is no fallback.
    """
    graph, roots = expand(*share_sigmoids(graph, outputs), has, back_end)
    used = set(graph.ops)
    return _finish(graph, roots, has, back_end) if POWER in used or FOLD in used else (graph, roots)


def expand(graph: Graph, outputs: Sequence[int], has: Callable[[Op], bool], back_end: str) -> tuple[Graph, list[int]]:
    """As `lower`, but powers stay, and so do the bodies of loops."""
    roots = list(outputs)
    while True:
        live = graph.reach(roots)
        missing = {op for op, needed in zip(graph.ops, live, strict=True) if needed and not _settled(op, has)}
        if not missing:
            return graph, roots
        for op in missing:
            if op.fallback is None:
                raise UnsupportedError(f"the {back_end} back end has no {op.name!r}, which has no simpler form")
        out = Graph()
        new: dict[int, int] = {}
        for i, needed in enumerate(live):
            if not needed:
                continue
            op = graph.ops[i]
            args = tuple([new[a] for a in graph.args[i]])
            if op is CONST:
                new[i] = out.const(*graph.attrs[i])
            elif op in missing:
                attrs = dict(zip(op.attrs, graph.attrs[i], strict=True))
                assert op.fallback is not None
                new[i] = op.fallback(*(Node(out, a) for a in args), **attrs).id
            else:
                new[i] = out.add(op, args, graph.attrs[i], graph.types[i])
        graph, roots = out, [new[r] for r in roots]


def _settled(op: Op, has: Callable[[Op], bool]) -> bool:
    return op is CONST or op is INPUT or op is POWER or has(op)


def _finish(graph: Graph, roots: list[int], has: Callable[[Op], bool], back_end: str) -> tuple[Graph, list[int]]:
    """Powers as products, x**5 = (x**2)**2 * x, every square made once for all powers of x; loops' bodies lowered."""
    out = Graph()
    new: dict[int, int] = {}
    for i, needed in enumerate(graph.reach(roots)):
        if not needed:
            continue
        op = graph.ops[i]
        if op is CONST:
            new[i] = out.const(*graph.attrs[i])
        elif op is POWER:
            new[i] = power(out, new[graph.args[i][0]], graph.attrs[i][0])
        elif op is FOLD:
            body, take = graph.attrs[i]
            inner, outputs = lower(body.graph, body.outputs, has, back_end)
            inputs = [inner.input(*body.graph.attrs[k]) for k in body.inputs]
            args = tuple([new[a] for a in graph.args[i]])
            new[i] = out.add(op, args, (Body.of(inner, inputs, outputs), take), graph.types[i])
        else:
            new[i] = out.add(op, tuple([new[a] for a in graph.args[i]]), graph.attrs[i], graph.types[i])
    return out, [new[r] for r in roots]


def power(graph: Graph, x: int, n: int) -> int:
    """x**n, n >= 1, by repeated squaring; the negative n never come here (they are quotients)."""
    result: int | None = None
    square = x
    while True:
        if n & 1:
            result = square if result is None else graph.add(MULTIPLY, (result, square))
        n >>= 1
        if not n:
            assert result is not None
            return result
        square = graph.add(MULTIPLY, (square, square))
