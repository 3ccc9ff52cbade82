"""Cross-country accumulation: eliminate the vertices of the linearised graph, cheapest first.

The Jacobian is the sum over all paths of the products of local derivatives. Eliminating vertex v replaces
every path s -> v -> p by an edge s -> p of value d(s, v) * d(v, p), so v costs about
(its users) * (its arguments) products: Markowitz's rule takes the vertex for which that is least.
Forward and reverse are two fixed orders of the same elimination (Griewank and Walther, "Evaluating
Derivatives", chapters 9 and 10).
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heappop, heappush

from symgrad.derive.accumulate import Algebra, Entries
from symgrad.derive.local import ONE, Partials
from symgrad.graph import Graph


def eliminate(g: Graph, roots: Sequence[int], wrt: Sequence[int]) -> Entries:
    """The Jacobian entries of scalar `roots` by `wrt`, as new nodes of `g`."""
    alg = Algebra(g, roots)
    product, add = alg.product, alg.sum
    below, above = linearise(g, roots, wrt, alg)
    ends = set(wrt)
    tops = set(roots)

    def degree(v: int) -> int:
        """Products and sums that eliminating v takes now."""
        down = below[v]
        unit = sum(1 for d in down.values() if d < 0)
        n = len(down)
        cost = 0
        for s in above[v]:
            edges = below[s]
            cost += n - unit if edges[v] >= 0 else 0
            for p in down:
                if p in edges:
                    cost += 1
        return cost

    heap = [(degree(v), -v) for v in below if v not in tops and v not in ends]
    heapify(heap)
    gone: set[int] = set()
    while heap:
        cost, v = heappop(heap)
        v = -v
        if v in gone:
            continue
        now = degree(v)
        if now > cost and heap and now > heap[0][0]:
            heappush(heap, (now, -v))
            continue
        gone.add(v)
        down = below.pop(v)
        up = above.pop(v)
        for s in up:
            edges = below[s]
            d = edges.pop(v)
            for p, e in down.items():
                t = product(d, e)
                if p in edges:
                    edges[p] = add(edges[p], t)
                else:
                    edges[p] = t
                    above[p].add(s)
        for p in down:
            above[p].discard(v)
    # A root that other roots need was kept: finish the paths through it, lowest first.
    at = {w: k for k, w in enumerate(wrt)}
    rows: dict[int, dict[int, int]] = {}
    for r in sorted(tops & below.keys()):
        row: dict[int, int] = {}
        for p, d in below[r].items():
            inner = {at[p]: None} if p in at else rows[p]
            for k, e in inner.items():
                t = d if e is None else product(d, e)
                row[k] = add(row[k], t) if k in row else t
        rows[r] = row
    out: Entries = {}
    for k, root in enumerate(roots):
        if root in at:
            out[k, at[root]] = alg.node(ONE)
        else:
            for c, d in rows.get(root, {}).items():
                out[k, c] = alg.node(d)
    return out


def linearise(
    g: Graph, roots: Sequence[int], wrt: Sequence[int], alg: Algebra
) -> tuple[dict[int, dict[int, int]], dict[int, set[int]]]:
    """The local derivatives between `roots` and `wrt`: below[user][argument] and above[argument] = users."""
    live = g.reach(roots)
    active = set(wrt)
    local = Partials(g, active.__contains__)
    below: dict[int, dict[int, int]] = {}
    above: dict[int, set[int]] = {w: set() for w in wrt}
    for i in range(len(live)):
        if not live[i] or i in active or not any(a in active for a in g.args[i]):
            continue
        edges: dict[int, int] = {}
        for a, d in local.of(i):
            edges[a] = alg.sum(edges[a], d) if a in edges else d
        if edges:
            active.add(i)
            below[i] = edges
            above[i] = set()
            for a in edges:
                above[a].add(i)
    # What no root uses (only a masked or constant branch led there) is no path.
    tops = set(roots)
    for i in sorted(below, reverse=True):
        if not above[i] and i not in tops:
            for a in below.pop(i):
                above[a].discard(i)
            del above[i]
    return below, above
