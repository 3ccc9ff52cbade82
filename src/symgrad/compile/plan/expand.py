"""Operations on arrays in terms of what loop nests do, where that is faster than a call of NumPy."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from symgrad.compile.plan.packed import packed
from symgrad.compile.plan.signs import as_gram, is_large
from symgrad.graph import CONST, REGISTER, Graph, Node
from symgrad.graph.node import spread
from symgrad.ops.einsum import contract


def expanded(graph: Graph, outputs: Sequence[int]) -> tuple[Graph, list[int]]:
    """`outputs` in a new graph without such operations; the same graph where there are none."""
    graph, outputs = packed(graph, outputs)
    live = graph.reach(outputs)
    large = [n and is_large(graph, i) for i, n in enumerate(live)]
    if not any(n and (op.name in _EXPANSIONS or k) for op, n, k in zip(graph.ops, live, large, strict=True)):
        return graph, list(outputs)
    out = Graph()
    new: dict[int, int] = {}
    for i, needed in enumerate(live):
        if not needed:
            continue
        op = graph.ops[i]
        args = tuple([new[a] for a in graph.args[i]])
        if op is CONST:
            new[i] = out.const(*graph.attrs[i])
        elif op.name in _EXPANSIONS and graph.types[args[0]].lengths[-1:] != (0,):
            new[i] = _EXPANSIONS[op.name](*(Node(out, a) for a in args)).id
        else:
            new[i] = out.add(op, args, graph.attrs[i], graph.types[i])
            if large[i]:
                new[i] = as_gram(out, new[i])
    return out, [new[o] for o in outputs]


def _logsumexp(x: Node) -> Node:
    """Shifted by the largest element, where that is a number."""
    g = x.graph
    top = REGISTER["amax"](x)
    zero = Node(g, spread(g, g.const(0, x.type.dtype), top.type.shape))
    finite = REGISTER["equal"](top - top, zero)
    top = REGISTER["where"](finite, top, zero)
    labels = tuple(range(len(x.shape)))
    along = Node(g, contract(g, [(top.id, labels[:-1])], labels, {labels[-1]: x.type.lengths[-1]}))
    powers = REGISTER["exp"](x - along)
    return REGISTER["log"](Node(g, contract(g, [(powers.id, labels)], labels[:-1]))) + top


_EXPANSIONS: dict[str, Callable[..., Node]] = {"logsumexp": _logsumexp}
