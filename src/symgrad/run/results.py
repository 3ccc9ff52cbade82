"""Results as the user gets them: outputs nested as the function's tree says, sparse matrices made of their values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

import numpy as np

from symgrad.graph.tree import Csr, Tree

Nest = Callable[[Sequence[Any]], Any]


def has_sparse(tree: Tree) -> bool:
    """Whether a sparse matrix is among the leaves."""
    return isinstance(tree, Csr) or (isinstance(tree, tuple) and any(map(has_sparse, tree)))


def nester(tree: Tree) -> Nest:
    """What makes the result of the outputs, given in order."""
    if isinstance(tree, int):
        return itemgetter(tree)
    if isinstance(tree, Csr):
        return _sparse(tree)
    parts = [nester(t) for t in tree]
    return lambda leaves: tuple([part(leaves) for part in parts])


def _sparse(tree: Csr) -> Nest:
    indices, indptr = np.array(tree.indices, np.int32), np.array(tree.indptr, np.int32)

    def build(leaves: Sequence[Any]) -> Any:
        from scipy.sparse import csr_array

        values = leaves[tree.position]
        if values.ndim > 1:
            return values  # of a batch
        return csr_array((values, indices.copy(), indptr.copy()), shape=tree.shape)

    return build
