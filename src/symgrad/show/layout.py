"""Where the boxes of a drawn graph stand: layers from left to right, few crossings, straight long lines.

The way of Sugiyama, Tagawa and Toda (IEEE Trans. SMC 11, 1981): an edge over several layers is cut into pieces
by points of no size; boxes and points are ordered within their layer by the mean position of their neighbours;
then every layer is placed as near to its neighbours as order and distances allow, a least-squares problem that
pooling neighbours solves exactly (isotonic regression).
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

SWEEPS = 24
GAP_X, GAP_Y = 54.0, 14.0
POINT = 8.0
"""Height that a passing line is given."""


class Edge(NamedTuple):
    """A line from box to box; it enters box `target` at `port` (0 is the top, 1 the bottom of its left side)."""

    source: int
    target: int
    port: float


class Layout(NamedTuple):
    """`boxes`: the middle of each box. `routes`: per edge, points from the right side of its source to the left side
    of its target; every second piece, from the first on, is level, within a layer; the others cross between two."""

    boxes: list[tuple[float, float]]
    routes: list[list[tuple[float, float]]]
    width: float
    height: float


def layout(sizes: Sequence[tuple[float, float]], layers: Sequence[int], edges: Sequence[Edge]) -> Layout:
    """Place boxes of these sizes in these layers (every edge leads to a higher layer)."""
    places = _Places(sizes, layers, edges)
    places.order()
    return places.coordinates()


class _Places:
    def __init__(self, sizes: Sequence[tuple[float, float]], layers: Sequence[int], edges: Sequence[Edge]) -> None:
        self.sizes = list(sizes)
        self.boxes = len(sizes)
        self.edges = edges
        layer_of = list(layers)
        self.chains: list[list[int]] = []
        pieces: dict[tuple[int, int, float], None] = {}  # from, to, port
        points: dict[tuple[int, int], int] = {}
        for e in edges:
            chain = [e.source]
            for layer in range(layer_of[e.source] + 1, layer_of[e.target]):
                if (e.source, layer) not in points:  # lines from one source run together as long as they can
                    points[e.source, layer] = len(layer_of)
                    layer_of.append(layer)
                    self.sizes.append((0.0, POINT))
                chain.append(points[e.source, layer])
            chain.append(e.target)
            self.chains.append(chain)
            last = len(chain) - 2
            pieces |= {(a, b, e.port if k == last else 0.5): None for k, (a, b) in enumerate(pairwise(chain))}
        n = len(layer_of)
        self.left: list[list[tuple[int, float]]] = [[] for _ in range(n)]  # neighbours, and the port of one's own
        self.right: list[list[tuple[int, float]]] = [[] for _ in range(n)]  # neighbours, and their port
        for a, b, port in pieces:
            self.left[b].append((a, port))
            self.right[a].append((b, port))
        self.layers: list[list[int]] = [[] for _ in range(max(layer_of, default=0) + 1)]
        for i in self._walk():
            self.layers[layer_of[i]].append(i)

    def _walk(self) -> list[int]:
        """Boxes and points as a walk from the ends meets them: neighbours come close to each other."""
        seen = [False] * len(self.left)
        found = []
        ends = [i for i in range(len(self.left)) if not self.right[i]]
        stack = ends[::-1]
        while stack:
            i = stack.pop()
            if not seen[i]:
                seen[i] = True
                found.append(i)
                stack.extend(a for a, _ in sorted(self.left[i], key=lambda p: -p[1]) if not seen[a])
        return found

    def order(self) -> None:
        """Order each layer; keep the order with the fewest crossings that was seen."""
        best, fewest = [layer[:] for layer in self.layers], self._crossings()
        for sweep in range(SWEEPS):
            position = [0.0] * len(self.left)
            for layer in self.layers:
                for k, i in enumerate(layer):
                    position[i] = float(k)
            forward = sweep % 2 == 0
            for layer in self.layers if forward else reversed(self.layers):
                mean = {}
                for i in layer:
                    near = self.left[i] if forward else self.right[i]
                    seats = [position[j] + (0.0 if forward else (p - 0.5) * 0.9) for j, p in near]
                    mean[i] = sum(seats) / len(seats) if seats else position[i]
                layer.sort(key=lambda i: (mean[i], position[i]))
                for k, i in enumerate(layer):
                    position[i] = float(k)
            self._exchange()
            crossings = self._crossings()
            if crossings < fewest:
                best, fewest = [layer[:] for layer in self.layers], crossings
            if not fewest:
                break
        self.layers = best

    def _ends(self, k: int) -> tuple[dict[int, list[float]], dict[int, list[float]]]:
        """Of layer k: where each one's lines end in the layer before and in the one after, sorted."""
        before = {i: float(p) for p, i in enumerate(self.layers[k - 1])} if k else {}
        after = {i: float(p) for p, i in enumerate(self.layers[k + 1])} if k + 1 < len(self.layers) else {}
        return (
            {i: sorted(before[j] for j, _ in self.left[i]) for i in self.layers[k]},
            {i: sorted(after[j] + 0.9 * (p - 0.5) for j, p in self.right[i]) for i in self.layers[k]},
        )

    def _exchange(self) -> None:
        """Swap neighbours where that leaves fewer crossings."""
        for k, layer in enumerate(self.layers):
            before, after = self._ends(k)
            for _ in range(2):
                for p in range(len(layer) - 1):
                    a, b = layer[p], layer[p + 1]
                    now = _inverted(before[a], before[b]) + _inverted(after[a], after[b])
                    swapped = _inverted(before[b], before[a]) + _inverted(after[b], after[a])
                    if swapped < now:
                        layer[p], layer[p + 1] = b, a

    def _crossings(self) -> int:
        total = 0
        for k in range(len(self.layers) - 1):
            after = {i: p for p, i in enumerate(self.layers[k + 1])}
            seen: list[float] = []
            for i in self.layers[k]:
                ends = [after[j] + 0.9 * (p - 0.5) for j, p in self.right[i]]
                total += sum(len(seen) - bisect_right(seen, e) for e in ends)
                for e in ends:
                    insort(seen, e)
        return total

    def coordinates(self) -> Layout:
        """Place the ordered layers."""
        y = [0.0] * len(self.left)
        for layer in self.layers:
            at = 0.0
            for i in layer:
                y[i] = at + self.sizes[i][1] / 2
                at += self.sizes[i][1] + GAP_Y
        for sweep in range(2 * SWEEPS):
            sides = (True, False) if sweep > SWEEPS else (sweep % 2 == 0, sweep % 2 == 1)
            for layer in self.layers if sweep % 2 == 0 else reversed(self.layers):
                wanted, weights = [], []
                for i in layer:
                    pulls = [
                        *(self._pull(y, j, i, p) for j, p in (self.left[i] if sides[0] else ())),
                        *(self._push(y, i, j, p) for j, p in (self.right[i] if sides[1] else ())),
                    ]
                    weight = sum(w for _, w in pulls)
                    wanted.append(sum(at * w for at, w in pulls) / weight if pulls else y[i])
                    weights.append(weight or 0.1)
                for i, at in zip(layer, self._spread(layer, wanted, weights), strict=True):
                    y[i] = at
        x: list[float] = [0.0] * len(y)
        sides_of: list[tuple[float, float]] = [(0.0, 0.0)] * len(y)
        edge = 0.0
        for layer in self.layers:
            width = max((self.sizes[i][0] for i in layer), default=0.0)
            for i in layer:
                x[i], sides_of[i] = edge + width / 2, (edge, edge + width)
            edge += width + GAP_X
        top = min((y[i] - s[1] / 2 for i, s in enumerate(self.sizes)), default=0.0)
        bottom = max((y[i] + s[1] / 2 for i, s in enumerate(self.sizes)), default=0.0)
        y = [at - top for at in y]
        routes = []
        for e, chain in zip(self.edges, self.chains, strict=True):
            first, last = chain[0], chain[-1]
            end = y[last] + (e.port - 0.5) * self.sizes[last][1]
            route = [(x[first] + self.sizes[first][0] / 2, y[first]), (sides_of[first][1], y[first])]
            for i in chain[1:-1]:
                route += [(sides_of[i][0], y[i]), (sides_of[i][1], y[i])]
            routes.append([*route, (sides_of[last][0], end), (x[last] - self.sizes[last][0] / 2, end)])
        boxes = list(zip(x, y, strict=True))[: self.boxes]
        return Layout(boxes, routes, max(0.0, edge - GAP_X), bottom - top)

    def _weight(self, a: int, b: int) -> float:
        """Lines between points want to be straight most."""
        return 1.0 + 2.0 * (a >= self.boxes) + 2.0 * (b >= self.boxes)

    def _pull(self, y: list[float], source: int, i: int, port: float) -> tuple[float, float]:
        return y[source] - (port - 0.5) * self.sizes[i][1], self._weight(source, i)

    def _push(self, y: list[float], i: int, target: int, port: float) -> tuple[float, float]:
        return y[target] + (port - 0.5) * self.sizes[target][1], self._weight(i, target)

    def _spread(self, layer: list[int], wanted: list[float], weights: list[float]) -> list[float]:
        """The places nearest to the wanted ones (weighted squares) that keep order and distances."""
        offset = [0.0] if layer else []
        for a, b in pairwise(layer):
            offset.append(offset[-1] + (self.sizes[a][1] + self.sizes[b][1]) / 2 + GAP_Y)
        pools: list[list[float]] = []  # mean, weight, count
        for at, shift, weight in zip(wanted, offset, weights, strict=True):
            pools.append([at - shift, weight, 1])
            while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
                mean, w, count = pools.pop()
                last = pools[-1]
                last[0] = (last[0] * last[1] + mean * w) / (last[1] + w)
                last[1] += w
                last[2] += count
        flat = [mean for mean, _, count in pools for _ in range(int(count))]
        return [f + shift for f, shift in zip(flat, offset, strict=True)]


def _inverted(upper: list[float], lower: list[float]) -> int:
    """Pairs in which a line of the upper one ends below a line of the lower one."""
    return sum(len(upper) - bisect_right(upper, e) for e in lower)
