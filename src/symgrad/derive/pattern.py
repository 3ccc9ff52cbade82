"""Which elements of an array depend on which elements of a variable: the places of a sparse derivative.

The answer never misses a dependence; it may name one that turns out to be zero. Numbers are not looked at, but for
constant places (`take` and `scatter_add` with literal indices).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.graph import Graph
from symgrad.ops.subscripts import parse, sums

MOST = 2 * 10**7
"""Combinations of labels of a product that are looked at one by one; beyond, all depends on all."""

Pattern = Any
"""A scipy.sparse.csr_array of truth values: (elements of the node, elements of the variable); None: no dependence."""


class Crowded(Exception):
    """There are more places than were asked for."""


def pattern(g: Graph, roots: Sequence[int], variable: int, most: int | None = None) -> list[Pattern]:
    """For each root, its elements (rows) by those of the variable (columns), both in C order.

    Raises Crowded where a node on the way has more than `most` places.
    """
    from scipy.sparse import csr_array, eye_array

    n = math.prod(g.types[variable].lengths)
    known: dict[int, Pattern] = {variable: csr_array(eye_array(n, dtype=bool))}
    for i, needed in enumerate(g.reach(roots)):
        if needed and i not in known and any(a in known for a in g.args[i]):
            found = _Node(g, i, known, n, most).pattern()
            if found is not None:
                if most is not None and found.nnz > most:
                    raise Crowded
                known[i] = found
    return [known.get(r) for r in roots]


class _Node:
    def __init__(self, g: Graph, i: int, known: dict[int, Pattern], n: int, most: int | None) -> None:
        self.g, self.i, self.known, self.n, self.most = g, i, known, n, most
        self.args, self.attrs = g.args[i], g.attrs[i]
        self.shape = g.types[i].lengths
        self.size = math.prod(self.shape)

    def pattern(self) -> Pattern:
        op = self.g.ops[self.i]
        if self.g.types[self.i].dtype in ("bool", "int64"):
            return None
        if op.kind == "constant":
            return None
        if op.kind == "elementwise":
            return self._union([self.known[a] for a in self.args if a in self.known])
        if op.name in _MOVES:
            return self._moved(_MOVES[op.name])
        how = _RULES.get(op.name)
        return self.everything() if how is None else how(self)

    def _union(self, parts: Sequence[Pattern]) -> Pattern:
        total = parts[0]
        for p in parts[1:]:
            total = total + p
        return total

    def places(self, k: int) -> Any:
        """The numbers of an argument that is a constant array; None where it is none."""
        a = self.args[k]
        if self.g.ops[a].name == "literal":
            return self.g.attrs[a][0].value
        value = self.g.args[a][0] if self.g.ops[a].name == "broadcast" else a
        number = self.g.value(value)
        return np.full(self.g.types[a].lengths, number) if isinstance(number, int) else None

    def _moved(self, move: Callable[..., Any]) -> Pattern:
        """Each element is one of an argument (or a zero): the operation is carried out on their numbers."""
        from scipy.sparse import csr_array, vstack

        numbered, stacked, start = [], [csr_array((1, self.n), dtype=bool)], 1
        for a in self.args:
            shape = self.g.types[a].lengths
            count = math.prod(shape)
            if a in self.known:
                numbered.append(np.arange(start, start + count).reshape(shape))
                stacked.append(self.known[a])
                start += count
            else:
                numbered.append(np.zeros(shape, np.int64))
        source = move(self, numbered)
        if source is None:
            return self.everything()
        rows, wanted = csr_array(vstack(stacked, format="csr")), np.ravel(source)
        if self.most is not None and int(np.diff(rows.indptr)[wanted].sum()) > self.most:
            raise Crowded
        return rows[wanted]

    def joined(self, out: Any, own: Any, k: int) -> Pattern:
        """Element out[j] of the result depends on element own[j] of argument `k`."""
        from scipy.sparse import csr_array

        ones = np.ones(len(out), np.int32)
        count = math.prod(self.g.types[self.args[k]].lengths)
        which = csr_array((ones, (out, own)), shape=(self.size, count))
        return csr_array((which @ self.known[self.args[k]].astype(np.int32)) > 0)

    def everything(self) -> Pattern:
        """Every element depends on all that any element of an argument depends on."""
        from scipy.sparse import csr_array

        columns = np.zeros(self.n, bool)
        for a in self.args:
            if a in self.known:
                columns[np.unique(self.known[a].indices)] = True
        if self.most is not None and self.size * int(columns.sum()) > self.most:
            raise Crowded
        return csr_array(np.broadcast_to(columns, (self.size, self.n)))

    def last_axes(self, many: int) -> Pattern:
        """Every element depends on all of its own batch: the last `many` axes of the argument."""
        (a,) = [a for a in self.args if a in self.known][:1]
        shape = self.g.types[a].lengths
        lead = math.prod(shape[: len(shape) - many])
        own, mine = math.prod(shape) // max(lead, 1), self.size // max(lead, 1)
        rows = np.arange(self.size).reshape(lead, mine, 1) + np.zeros((1, 1, own), np.int64)
        columns = np.arange(lead * own).reshape(lead, 1, own) + np.zeros((1, mine, 1), np.int64)
        return self.joined(rows.ravel(), columns.ravel(), self.args.index(a))


def _einsum(node: _Node) -> Pattern:
    g = node.g
    parts, out = parse(node.attrs[0])
    sizes = {
        x: n
        for a, labels in zip(node.args, parts, strict=True)
        for x, n in zip(labels, g.types[a].lengths, strict=True)
    }
    same: dict[int, int] = {}
    fixed: dict[int, int] = {}
    for a, labels in zip(node.args, parts, strict=True):
        if g.ops[a].name == "delta":
            first, second = (same.get(x, x) for x in labels)
            same = {x: first if y == second else y for x, y in same.items()} | {second: first}
        elif g.ops[a].name == "basis":
            fixed[labels[0]] = g.attrs[a][1]
    found = []
    for k, a in enumerate(node.args):
        if a not in node.known:
            continue
        axes = list(dict.fromkeys(same.get(x, x) for x in (*out, *parts[k])))
        if math.prod(sizes[x] for x in axes) > MOST:
            return node.everything()
        grid = dict(zip(axes, np.meshgrid(*[_range(x, same, fixed, sizes) for x in axes], indexing="ij"), strict=True))
        rows = _raveled([grid[same.get(x, x)] for x in out], [sizes[x] for x in out])
        columns = _raveled([grid[same.get(x, x)] for x in parts[k]], [sizes[x] for x in parts[k]])
        shape = np.broadcast_shapes(np.shape(rows), np.shape(columns))
        found.append(node.joined(np.broadcast_to(rows, shape).ravel(), np.broadcast_to(columns, shape).ravel(), k))
    return node._union(found)


def _range(x: int, same: dict[int, int], fixed: dict[int, int], sizes: dict[int, int]) -> Any:
    for y, k in fixed.items():
        if same.get(y, y) == x:
            return np.array([k])
    return np.arange(sizes[x])


def _raveled(places: list[Any], shape: list[int]) -> Any:
    return np.ravel_multi_index(tuple(places), tuple(shape)) if shape else np.zeros((1,), np.int64)


def _scatter_add(node: _Node) -> Pattern:
    axis = node.attrs[0]
    places = node.places(1)
    if places is None or node.args[0] not in node.known:
        return node.everything()
    shape = node.g.types[node.args[0]].lengths
    after = -1 - axis
    lead = len(shape) - after - places.ndim
    index = np.indices(shape, sparse=True)
    at = places.reshape((1,) * lead + places.shape + (1,) * after)
    target = [*index[:lead], at, *index[lead + places.ndim :]]
    rows = np.ravel_multi_index(np.broadcast_arrays(*target), node.shape)
    return node.joined(np.broadcast_to(rows, shape).ravel(), np.arange(math.prod(shape)), 0)


def _put_along(node: _Node) -> Pattern:
    places = node.places(1)
    if places is None or node.args[0] not in node.known:
        return node.everything()
    shape = places.shape
    index = np.indices(shape, sparse=True)
    rows = np.ravel_multi_index(np.broadcast_arrays(*index[:-1], places), node.shape)
    return node.joined(np.broadcast_to(rows, shape).ravel(), np.arange(math.prod(shape)), 0)


def _sum_or_move(node: _Node) -> Pattern:
    parts, out = parse(node.attrs[0])
    if len(parts) == 1 and not sums(parts, out):
        own = {x: k for k, x in enumerate(dict.fromkeys((*parts[0], *out)))}
        return node._moved(lambda node, x: np.einsum(x[0], [own[y] for y in parts[0]], [own[y] for y in out]))
    return _einsum(node)


def _take(node: _Node, x: list[Any]) -> Any:
    places = node.places(1)
    return None if places is None else np.take(x[0], places, axis=node.attrs[0])


def _take_along(node: _Node, x: list[Any]) -> Any:
    places = node.places(1)
    return None if places is None else np.take_along_axis(x[0], places, axis=-1)


def _pad(node: _Node, x: list[Any]) -> Any:
    low, _, interior = node.attrs
    out = np.zeros(node.shape, np.int64)
    lead = x[0].ndim - len(low)
    own = zip(low, interior, x[0].shape[lead:], strict=True)
    steps = [slice(a, a + (n - 1) * (k + 1) + 1 if n else a, k + 1) for a, k, n in own]
    out[(..., *steps)] = x[0]
    return out


_MOVES: dict[str, Callable[[_Node, list[Any]], Any]] = {
    "broadcast": lambda node, x: np.broadcast_to(x[0], node.shape),
    "reshape": lambda node, x: x[0].reshape(node.shape),
    "slice": lambda node, x: x[0][(..., *(slice(a, b, s) for a, b, s in zip(*node.attrs, strict=True)))],
    "flip": lambda node, x: np.flip(x[0], node.attrs[0]),
    "concatenate": lambda node, x: np.concatenate(x, axis=node.attrs[0]),
    "stack": lambda node, x: np.array([int(v) for v in x]),
    "element": lambda node, x: x[0][node.attrs[0]],
    "take": _take,
    "take_along": _take_along,
    "pad": _pad,
}
_RULES: dict[str, Callable[[_Node], Pattern]] = {
    "einsum": _sum_or_move,
    "scatter_add": _scatter_add,
    "put_along": _put_along,
    **{name: lambda node: node.last_axes(1) for name in ("amax", "amin", "prod", "logsumexp", "cumsum", "cumprod")},
    **{
        name: lambda node: node.last_axes(2)
        for name in ("inv", "det", "logdet", "logabsdet", "cholesky", "eigh", "svd", "qr", "expm", "dft")
    },
}
