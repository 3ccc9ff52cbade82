"""Results as the user gets them: outputs nested as the function's tree says, sparse matrices made of their values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

import numpy as np

from symgrad.graph.tree import Csr, Factored, Tree
from symgrad.run.sparse_array import SparseArray


def bare(tree: Tree) -> Tree:
    """`tree` with the values of a sparse matrix in its place."""
    if isinstance(tree, Csr):
        return tree.position
    if isinstance(tree, Factored):
        return tree.positions
    return tuple(map(bare, tree)) if isinstance(tree, tuple) else tree


def nester(tree: Tree) -> Callable[[Sequence[Any]], Any]:
    """For a bare tree, what nests the outputs, given in order."""
    if isinstance(tree, int):
        return itemgetter(tree)
    parts = [nester(t) for t in tree]
    return lambda leaves: tuple([part(leaves) for part in parts])


def finisher(tree: Tree) -> Callable[[Any], Any] | None:
    """What makes sparse matrices of their values in a nested result; None where there are none."""
    if isinstance(tree, Csr):
        return _sparse(tree)
    if isinstance(tree, Factored):
        return _factored(tree)
    if isinstance(tree, int):
        return None
    parts = [finisher(t) for t in tree]
    if not any(parts):
        return None
    return lambda result: tuple([r if p is None else p(r) for p, r in zip(parts, result, strict=True)])


def _factored(tree: Factored) -> Callable[[Any], Any]:
    from symgrad.run.factored import FactoredArray, Product

    at = {p: k for k, p in enumerate(tree.positions)}
    rows, columns = tree.shape[: tree.rows], tree.shape[tree.rows :]

    def build(values: Sequence[Any]) -> Any:
        arrays = [np.asarray(v) for v in values]
        terms = [
            Product(number, tuple([(arrays[at[p]] if p >= 0 else None, labels) for p, labels in factors]))
            for number, factors in tree.terms
        ]
        return FactoredArray(rows, columns, terms, tree.dtype)

    return build


def _sparse(tree: Csr) -> Callable[[Any], Any]:
    indices, indptr = np.array(tree.indices, np.int32), np.array(tree.indptr, np.int32)
    model: Any = None

    def build(values: Any) -> Any:
        nonlocal model
        if values.ndim > 1 and not tree.axes:
            return values  # of a batch
        if model is None:
            from scipy.sparse import csr_array

            model = csr_array((np.zeros(len(indices)), indices, indptr), shape=tree.shape)
        # SciPy's own constructor checks the places anew at every call: 15 times the cost of this
        new = model.__class__.__new__(model.__class__)
        new.__dict__.update(model.__dict__, data=values, indices=indices.copy(), indptr=indptr.copy())
        return new if not tree.axes else SparseArray(tree.axes[: tree.rows], tree.axes[tree.rows :], new)

    return build
