"""Derivatives that stay factored: a Hessian 2 (V^T V) ⊗ I as the small V^T V, X^T diag(s) X as X and s.

`factored` reads a node as a sum of products and says which small arrays make it; `whole` builds the node again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from symgrad.graph import REGISTER, Graph, Node
from symgrad.graph.node import spread
from symgrad.graph.tree import Csr, Factored, Tree
from symgrad.ops.einsum import Part, contract, delta, einsum, parse
from symgrad.ops.literal import constant_array
from symgrad.ops.terms import Term, terms

WORTH = 2
"""Factors stay apart where they have this many times fewer numbers than the whole."""


def factored(g: Graph, i: int, rows: int, position: int) -> tuple[list[int], Factored]:
    """The factors of node `i`, which become the outputs from `position` on, and what makes the whole of them.

    `rows`: how many of its axes are rows. Where factors would not be much smaller than the whole, it is the factor.
    """
    shape = g.types[i].lengths
    read = terms(g, i)
    sizes = read.sizes
    nodes: dict[int, int] = {}
    written = []
    for found in read.terms:
        term = _thin(g, found, sizes)
        factors = _factors(g, term, nodes, position)
        held = {x for _, labels in term.factors for x in labels}
        lost = [x for x in read.out if x not in held]
        for x in lost:  # constant along these axes
            one = spread(g, g.const(1, g.types[i].dtype), (sizes[x],))
            factors.append((nodes.setdefault(one, position + len(nodes)), (x,)))
        written.append((float(term.number), tuple(factors)))
    stored = sum(math.prod(g.types[n].lengths) for n in nodes)
    if stored * WORTH > math.prod(shape) or not written or not all(_is_plain(factors, rows) for _, factors in written):
        whole = (1.0, ((position, tuple(range(len(shape)))),))
        return [i], Factored(shape, rows, g.types[i].dtype, (whole,))
    return list(nodes), Factored(shape, rows, g.types[i].dtype, tuple(written))


def _is_plain(factors: Sequence[tuple[int, tuple[int, ...]]], rows: int) -> bool:
    """Whether each label is in an identity once at most, no identity joins two rows or two columns, and no factor
    has a label twice."""
    joined = [labels for position, labels in factors if position < 0]
    flat = [x for labels in joined for x in labels]
    across = all(labels[0] < rows <= labels[1] or labels[1] < rows <= labels[0] for labels in joined)
    return across and len(set(flat)) == len(flat) and all(len(set(ls)) == len(ls) for _, ls in factors)


def _thin(g: Graph, term: Term, sizes: dict[int, int]) -> Term:
    """The term with products that have more numbers than their factors, as A^T A of few rows, taken apart."""
    done: list[Part] = []
    todo = list(term.factors)
    scalars = list(term.scalars)
    while todo:
        node, labels = todo.pop()
        args = g.args[node]
        size = math.prod(g.types[node].lengths)
        if g.ops[node] is not einsum or WORTH * sum(math.prod(g.types[a].lengths) for a in set(args)) > size:
            done.append((node, labels))
            continue
        parts, result = parse(g.attrs[node][0])
        own = dict(zip(result, labels, strict=True))
        for a, part in zip(args, parts, strict=True):
            for x, n in zip(part, g.types[a].lengths, strict=True):
                if x not in own:
                    own[x] = len(sizes)
                    sizes[own[x]] = n
            if part:
                todo.append((a, tuple(own[x] for x in part)))
            else:
                scalars.append(a)
    return Term(term.number, tuple(scalars), tuple(done[::-1]))


def _factors(g: Graph, term: Term, nodes: dict[int, int], position: int) -> list[tuple[int, tuple[int, ...]]]:
    found: list[tuple[int, tuple[int, ...]]] = [(nodes.setdefault(s, position + len(nodes)), ()) for s in term.scalars]
    for node, labels in term.factors:
        if g.ops[node] is delta:
            found.append((-1, labels))
        else:
            found.append((nodes.setdefault(node, position + len(nodes)), labels))
    return found


def whole(graph: Graph, outputs: Sequence[int], tree: Tree) -> tuple[Graph, list[int], Tree]:
    """The same function with every result of structure="auto" as one array, in a new graph; as it is without one."""
    if not _any_factored(tree):
        return graph, list(outputs), tree
    g = graph.copy()
    roots: list[int] = []

    def rebuilt(t: Tree) -> Tree:
        if isinstance(t, Csr):
            roots.append(_spread(g, outputs[t.position], t) if t.axes else outputs[t.position])
            return len(roots) - 1 if t.axes else t._replace(position=len(roots) - 1)
        if isinstance(t, Factored):
            roots.append(_joined(g, outputs, t))
            return len(roots) - 1
        if isinstance(t, tuple):
            return tuple([rebuilt(part) for part in t])
        roots.append(outputs[t])
        return len(roots) - 1

    new = rebuilt(tree)
    return g, roots, new


def _spread(g: Graph, values: int, t: Csr) -> int:
    """The array that the sparse matrix of these values stands for."""
    rows = np.repeat(np.arange(t.shape[0]), np.diff(t.indptr))
    places = constant_array(g, (rows * t.shape[1] + np.array(t.indices, np.int64)).astype(np.int64))
    flat = g.build(REGISTER["scatter_add"], (values, places), (-1, math.prod(t.shape)))
    return g.build(REGISTER["reshape"], (flat,), (t.axes,))


def _any_factored(tree: Tree) -> bool:
    if isinstance(tree, Factored) or (isinstance(tree, Csr) and tree.axes):
        return True
    return isinstance(tree, tuple) and not isinstance(tree, Csr) and any(map(_any_factored, tree))


def _joined(g: Graph, outputs: Sequence[int], t: Factored) -> int:
    total: Node | None = None
    out = tuple(range(len(t.shape)))
    for number, factors in t.terms:
        parts = []
        for position, labels in factors:
            node = outputs[position] if position >= 0 else g.add(delta, (), (t.shape[labels[0]], t.dtype))
            parts.append((node, labels))
        parts.append((g.const(int(number) if number.is_integer() else number, t.dtype), ()))
        term = Node(g, contract(g, parts, out, dict(enumerate(t.shape))))
        total = term if total is None else total + term
    assert total is not None
    return total.id
