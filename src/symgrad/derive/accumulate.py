"""Jacobians of scalar graphs: the sparse product of local derivatives along all paths, in a chosen order.

Forward carries, for each node, its row of derivatives by the inputs; reverse carries, for each node, its
column of derivatives of the outputs. Both touch structural nonzeros only.
"""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.derive.algebra import Algebra
from symgrad.derive.local import ONE, Partials
from symgrad.graph import Graph

Entries = dict[tuple[int, int], int]
"""(row, column) -> node, for the entries that are not structurally zero."""


def dependent(g: Graph, wrt: Sequence[int]) -> list[bool]:
    """Per node, whether it is one of `wrt` or is made from one."""
    depends = [False] * len(g)
    for w in wrt:
        depends[w] = True
    for i in range(min(wrt, default=len(g)), len(g)):
        if not depends[i]:
            for a in g.args[i]:
                if depends[a]:
                    depends[i] = True
                    break
    return depends


def forward(g: Graph, roots: Sequence[int], wrt: Sequence[int]) -> Entries:
    """Row by row upwards from the inputs."""
    alg = Algebra(g, roots)
    rows: dict[int, dict[int, int]] = {w: {k: ONE} for k, w in enumerate(wrt)}
    local = Partials(g, rows.__contains__)
    live = g.reach(roots)
    product, add = alg.product, alg.sum
    for i in range(len(live)):
        if not live[i] or i in rows:
            continue
        row: dict[int, int] = {}
        if not any(a in rows for a in g.args[i]):
            continue
        for a, p in local.of(i):
            for k, d in rows[a].items():
                t = product(p, d)
                row[k] = add(row[k], t) if k in row else t
        if row:
            rows[i] = row
    return {(r, k): alg.node(d) for r, root in enumerate(roots) for k, d in rows.get(root, {}).items()}


def reverse(g: Graph, roots: Sequence[int], wrt: Sequence[int]) -> Entries:
    """Column by column downwards from the outputs."""
    alg = Algebra(g, roots)
    depends = dependent(g, wrt)
    local = Partials(g, depends.__getitem__)
    columns: dict[int, dict[int, int]] = {}
    for r, root in enumerate(roots):
        columns.setdefault(root, {})[r] = ONE
    product, add = alg.product, alg.sum
    stop = set(wrt)
    for i in range(len(depends) - 1, -1, -1):
        column = columns.get(i)
        if column is None or i in stop or not depends[i]:
            continue
        del columns[i]
        for a, p in local.of(i):
            below = columns.setdefault(a, {})
            for r, d in column.items():
                t = product(p, d)
                below[r] = add(below[r], t) if r in below else t
    return {(r, k): alg.node(d) for k, w in enumerate(wrt) for r, d in columns.get(w, {}).items()}
