"""An einsum read as matrix algebra: chains of factors, traces, outer products; or, failing that, by its indices.

Every label that stands twice joins two factors, so the operands (edges between their labels, vectors being
ends) form paths and cycles: a path between two labels of the result is a matrix product, one between two
vectors a number, a cycle a trace. A label that stands once is summed over with ones; a vector whose label
stands three times is a diagonal matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from symgrad.graph import Graph
from symgrad.ops.einsum import Labels, parse, symmetric


class Factor(NamedTuple):
    """An operand of the einsum in a product of matrices."""

    operand: int
    """Its position, -1 for a vector of ones."""
    role: str
    """"plain", "transposed", "diagonal" (a vector as a matrix), "column" or "row" (a vector), "entry" (a scalar)."""
    size: int = 0
    """The length of a vector of ones."""


class Closed(NamedTuple):
    """A number: a product of matrices between two vectors, or the trace of one."""

    factors: tuple[Factor, ...]
    trace: bool


class Matrices(NamedTuple):
    """scalars * closed numbers * product; the product is empty (a number), a matrix or a vector."""

    scalars: tuple[int, ...]
    closed: tuple[Closed, ...]
    product: tuple[Factor, ...]
    rank: int

    def turned(self, symmetric: set[int]) -> Matrices:
        """The same without transposes of symmetric operands."""

        def plain(factors: tuple[Factor, ...]) -> tuple[Factor, ...]:
            return tuple(
                f._replace(role="plain") if f.operand in symmetric and f.role == "transposed" else f for f in factors
            )

        closed = tuple(c._replace(factors=plain(c.factors)) for c in self.closed)
        return self._replace(closed=closed, product=plain(self.product))


class Hadamard(NamedTuple):
    """scalars * products of elements; a factor is an operand, plain or transposed."""

    scalars: tuple[int, ...]
    factors: tuple[Factor, ...]


class Diagonal(NamedTuple):
    """The diagonal of operand 0, as a vector."""


Edge = tuple[int, str, int, int]
"""(operand, role, label at its left, label at its right); -1 where there is none (the outer side of a vector)."""


def read(graph: Graph, i: int) -> Matrices | Hadamard | Diagonal | None:
    """The einsum at node `i` as matrix algebra; None: it is none."""
    args = graph.args[i]
    parts, out = parse(graph.attrs[i][0])
    if len(out) > 2 or any(len(p) > 2 for p in parts):
        return None
    if len(parts) == 1 and len(out) == 1 and parts[0] == out * 2:
        return Diagonal()
    sizes = {x: n or 0 for a, p in zip(args, parts, strict=True) for x, n in zip(p, graph.types[a].shape, strict=True)}
    scalars = tuple(k for k, p in enumerate(parts) if not p)
    matrices = [(k, p) for k, p in enumerate(parts) if p]
    if len(out) == 2 and len(matrices) > 1 and all(set(p) == set(out) and len(p) == 2 for _, p in matrices):
        return Hadamard(scalars, tuple(Factor(k, "plain" if p == out else "transposed") for k, p in matrices))
    weights = [1 if graph.ops[a].name == "input" else 3 for a in args]
    even = {k for k, a in enumerate(args) if symmetric(graph, a)}
    edges = _edges(parts, out, sizes)
    if edges is None:
        return None
    found = _walk(edges, out, sizes, scalars, weights)
    if found is None:
        return None
    identities = {k for k, a in enumerate(args) if graph.ops[a].name == "delta"}
    rest = tuple(f for f in found.product if f.operand not in identities)
    if rest and len(out) == 2:  # diag(v) I is diag(v)
        found = found._replace(product=rest)
    return found.turned(even) if even else found


def _edges(parts: Sequence[Labels], out: Labels, sizes: dict[int, int]) -> list[Edge] | None:
    """Operands as edges, every label standing exactly twice; None where that can't be."""
    edges: list[list[int | str]] = []
    for k, p in enumerate(parts):
        if len(p) == 2:
            edges.append([k, "plain", p[0], p[1]])
        elif p:
            edges.append([k, "column", p[0], -1])
    fresh = max(sizes, default=0) + 1
    for x in list(sizes):
        at = [(n, side) for n, e in enumerate(edges) for side in (2, 3) if e[side] == x]
        count = len(at) + (x in out)
        if count == 1 and x not in out:
            edges.append([-1, "column", x, -1])
        elif count == 3 and len(at) >= 2:
            vector = next((n for n, _ in at if edges[n][1] == "column"), None)
            if vector is None:
                return None
            n, side = next(place for place in reversed(at) if place[0] != vector)
            edges[n][side] = fresh
            edges[vector][1:] = ["diagonal", x, fresh]
            sizes[fresh] = sizes[x]
            fresh += 1
        elif count != 2:
            return None
    return [(int(a), str(b), int(c), int(d)) for a, b, c, d in edges]


def _walk(
    edges: list[Edge], out: Labels, sizes: dict[int, int], scalars: tuple[int, ...], weights: list[int]
) -> Matrices | None:
    left = list(edges)

    def step(label: int) -> tuple[Factor, int] | None:
        """The factor whose left side is `label`, and the label at its right."""
        for n, (k, role, a, b) in enumerate(left):
            if label in (a, b):
                left.pop(n)
                size = sizes[label]
                if role == "column":
                    return Factor(k, "column", size), -1
                if role == "diagonal":
                    return Factor(k, role, size), b if a == label else a
                return (Factor(k, "plain"), b) if a == label else (Factor(k, "transposed"), a)
        return None

    def path(label: int) -> tuple[list[Factor], int]:
        """From `label` to where it ends: at a label of the result, at a vector (-1), or round to the start."""
        start, factors = label, []
        while True:
            found = step(label)
            if found is None:
                return factors, label
            factor, label = found
            factors.append(factor)
            if label in (-1, start) or label in out:
                return factors, label

    product: list[Factor] = []
    if len(out) == 2:
        first, end = path(out[0])
        if end == out[1]:
            product = first
        else:
            second, other = path(out[1])
            if end != -1 or other != -1:
                return None
            product = first + _reversed(second)
    elif out:
        product, end = path(out[0])
        if end != -1:
            return None
    closed = []
    while left:
        n = next((n for n, e in enumerate(left) if e[1] == "column"), None)
        if n is not None:
            k, _, a, _ = left.pop(n)
            factors, end = path(a)
            if end != -1:
                return None
            closed.append(Closed(_nicest([Factor(k, "row", sizes[a]), *factors], weights), False))
        else:
            ones = [x for e in left for x in e[2:] if sizes[x] == 1]  # a cycle through an axis of length 1 is a number
            start = ones[0] if ones else left[0][2]
            factors, _ = path(start)
            turns = [factors] if ones else [factors[n:] + factors[:n] for n in range(len(factors))]
            closed.append(Closed(min((_nicest(f, weights) for f in turns), key=lambda f: _cost(f, weights)), True))
    return Matrices(scalars, tuple(closed), tuple(product), len(out))


_ACROSS = {"plain": "transposed", "transposed": "plain", "column": "row", "row": "column", "diagonal": "diagonal"}


def _reversed(factors: Sequence[Factor]) -> list[Factor]:
    """The transpose of a product."""
    return [f._replace(role=_ACROSS[f.role]) for f in reversed(factors)]


def _nicest(factors: Sequence[Factor], weights: Sequence[int]) -> tuple[Factor, ...]:
    """Of a product and its transpose, which give the same number, the one with fewer transposes."""
    return tuple(min(factors, _reversed(factors), key=lambda f: _cost(f, weights)))


def _cost(factors: Sequence[Factor], weights: Sequence[int]) -> tuple[int, int]:
    """Transposes, those of larger expressions counted more; those further left first."""
    across = [n for n, f in enumerate(factors) if f.role == "transposed"]
    return sum(weights[factors[n].operand] for n in across), sum(across)
