"""Sparse Jacobians and Hessians of functions of arrays: one SciPy CSR array per output (or variable) and variable."""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.arrays import Derived, start
from symgrad.derive import tensors
from symgrad.derive.compressed import compressed
from symgrad.function import Function
from symgrad.graph.pause import no_collector
from symgrad.graph.tree import Tree
from symgrad.simplify import simplify


def jacobian(f: Function, chosen: Sequence[int], single: bool, thin: bool = False) -> Derived:
    """Per output and variable, a matrix of the elements of both in C order; `thin`: Crowded unless it has few."""
    with no_collector():
        g, roots, wrt = start(f, chosen)
        values, matrices, notes = [], [], []
        for r in roots:
            for w in wrt:
                part = compressed(g, r, w, len(values), thin)
                values.append(part.values)
                matrices.append(part.matrix)
                notes.append(part.note)
        g, outputs = simplify(g, values)
    n = len(chosen)
    rows: list[Tree] = [
        matrices[k * n] if single else tuple(matrices[k * n : (k + 1) * n]) for k in range(len(f.outputs))
    ]
    return Derived(g, outputs, rows[0] if f.tree == 0 else tuple(rows), [*notes, *f.rewrites])


def hessian(f: Function, chosen: Sequence[int], single: bool, thin: bool = False) -> Derived:
    """Per pair of variables, a matrix of the elements of both in C order; `thin`: Crowded unless it has few."""
    with no_collector():
        g, roots, wrt = start(f, chosen)
        first = tensors.gradient(g, roots[0], wrt)
        parts = []
        for r in first:
            for w in wrt:
                parts.append(compressed(g, r, w, len(parts), thin))
        g, outputs = simplify(g, [p.values for p in parts])
    n = len(chosen)
    tree: Tree = tuple(tuple(p.matrix for p in parts[k * n : (k + 1) * n]) for k in range(n))
    return Derived(g, outputs, parts[0].matrix if single else tree, [*(p.note for p in parts), *f.rewrites])
