"""Sparse Jacobians of arrays: many columns (or rows) that share no row (or column) are computed at once.

The columns of a Jacobian whose nonzeros lie in different rows are summed in one forward sweep, and told apart
afterwards by their places (A. Curtis, M. Powell, J. Reid, "On the estimation of sparse Jacobian matrices", 1974). Which
columns go together is a colouring of a graph, by networkx; rows go together in reverse where that takes fewer colours.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from symgrad.derive.batching import batched
from symgrad.derive.cotangents import cotangents
from symgrad.derive.pattern import Crowded, pattern
from symgrad.derive.tangents import tangents
from symgrad.errors import ArgumentError
from symgrad.graph import INPUT, REGISTER, Graph
from symgrad.graph.graph import CONST
from symgrad.graph.tree import Csr
from symgrad.ops.literal import constant_array

WORTH = 4
"""Nonzeros are few where there are this many times more zeros and nonzeros together."""
FREE, MUCH = 10**5, 4 * 10**6
"""Places on the way that are always looked at, and never, to see whether nonzeros are few."""
PLACES = 2 * 10**8
"""Places on the way up to which a sparse result is one: some GB while they are found."""


class Compressed(NamedTuple):
    """The nonzeros of a Jacobian in CSR order, as a node, where they stand, and how they were found."""

    values: int
    matrix: Csr
    note: str


def compressed(g: Graph, root: int, variable: int, position: int, thin: bool = False) -> Compressed:
    """The nonzeros of d root / d variable, rows and columns counted in C order. New nodes are made in `g`.

    With `thin`, Crowded is raised unless they are few: one in WORTH, and found without much work.
    """
    from scipy.sparse import csr_array

    rows, columns = math.prod(g.types[root].lengths), math.prod(g.types[variable].lengths)
    few = rows * columns // WORTH
    try:
        (found,) = pattern(g, [root], variable, min(max(few, FREE), MUCH) if thin else PLACES)
    except Crowded:
        if thin:
            raise
        raise ArgumentError(
            f"sparse=True: of {rows} x {columns} places more than {PLACES:.0e} may not be zero; ask for "
            "structure='auto', for products with vectors (hvp, jvp, vjp), or for fewer variables (wrt=)"
        ) from None
    where = csr_array((rows, columns), dtype=bool) if found is None else found
    where.sum_duplicates()
    if thin and where.nnz > few:
        raise Crowded
    where.sort_indices()
    matrix = Csr(position, tuple(map(int, where.indptr)), tuple(map(int, where.indices)), (rows, columns))
    dtype = g.types[root].dtype
    if not where.nnz:
        return Compressed(g.add(REGISTER["stack"], (), ((0,),)), matrix, "no dependence")
    by_column, by_row = _colours(where), _colours(csr_array(where.T))
    forward = by_column.max() <= by_row.max()
    colours = by_column if forward else by_row
    count = int(colours.max()) + 1
    seeds = np.zeros((count, len(colours)))
    seeds[colours, np.arange(len(colours))] = 1
    table = _sweeps(g, root, variable, seeds.astype(dtype), forward)
    at_row = np.repeat(np.arange(rows), np.diff(where.indptr))
    own, other, width = (where.indices, at_row, rows) if forward else (at_row, where.indices, columns)
    flat = g.build(REGISTER["reshape"], (table,), ((count * width,),))
    places = (colours[own] * width + other).astype(np.int64)
    values = g.build(REGISTER["take"], (flat, constant_array(g, places)), (-1,))
    way = "forward" if forward else "reverse"
    return Compressed(values, matrix, f"{where.nnz} nonzeros in {count} {way} sweeps at once")


def _colours(where: Any) -> Any:
    """A colour per column, such that columns with a common row differ."""
    import networkx

    common = (where.T.astype(np.int32) @ where.astype(np.int32)).tocoo()
    graph = networkx.Graph()
    graph.add_nodes_from(range(where.shape[1]))
    below = common.row < common.col
    graph.add_edges_from(zip(common.row[below].tolist(), common.col[below].tolist(), strict=True))
    chosen = networkx.greedy_color(graph, strategy="largest_first")
    return np.array([chosen[k] for k in range(where.shape[1])], dtype=np.int64)


def _sweeps(g: Graph, root: int, variable: int, seeds: Any, forward: bool) -> int:
    """The derivative along each seed: shape (seeds, elements...)."""
    inner = g.copy()
    start = variable if forward else root
    seed = inner.input("%seed", inner.types[start])
    if forward:
        (end,) = tangents(inner, [root], {variable: seed})
    else:
        (end,) = cotangents(inner, {root: seed}, [variable])
    assert end is not None
    count = len(seeds)
    table = constant_array(g, seeds.reshape(count, *g.types[start].lengths))
    given: dict[int, tuple[int, bool]] = {seed: (table, True)}
    for i, needed in enumerate(inner.reach([end])):
        if needed and i not in given and inner.ops[i] is INPUT:
            given[i] = g.input(*inner.attrs[i]), False
        elif needed and inner.ops[i] is CONST:
            given[i] = g.const(*inner.attrs[i]), False
    ((node, is_batched),) = batched(inner, [end], g, given, count)
    assert is_batched
    return node
