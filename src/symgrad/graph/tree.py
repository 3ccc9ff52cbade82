"""How the outputs of a function nest in its result."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

from symgrad.errors import FormulaError

Tree = Any
"""An int is the position of an output, a `Csr` a sparse matrix, a tuple holds trees."""


class Csr(NamedTuple):
    """Output `position` holds the values of a sparse matrix with these nonzeros, in CSR order."""

    position: int
    indptr: tuple[int, ...]
    indices: tuple[int, ...]
    shape: tuple[int, int]


def to_plain_tree(tree: Tree) -> Any:
    """As plain data: an int, ("csr", ...) or ("tuple", ...)."""
    if isinstance(tree, Csr):
        return ("csr", *tree)
    return ("tuple", *map(to_plain_tree, tree)) if isinstance(tree, tuple) else tree


def from_plain_tree(data: Any, outputs: int, deep: int = 0) -> Tree:
    """Back, checked against the number of outputs. Raises FormulaError for what is no tree."""
    if type(data) is int and 0 <= data < outputs:
        return data
    if isinstance(data, tuple) and data and data[0] == "tuple" and deep < 50:
        return tuple([from_plain_tree(t, outputs, deep + 1) for t in data[1:]])
    if isinstance(data, tuple) and len(data) == 5 and data[0] == "csr":
        _, position, indptr, indices, shape = data
        numbers = (position, *indptr, *indices, *shape)
        if (
            all(type(n) is int and n >= 0 for n in numbers)
            and position < outputs
            and len(shape) == 2
            and len(indptr) == shape[0] + 1
            and indptr[0] == 0
            and all(a <= b for a, b in itertools.pairwise(indptr))
            and indptr[-1] == len(indices)
            and all(k < shape[1] for k in indices)
        ):
            return Csr(position, tuple(indptr), tuple(indices), tuple(shape))
    raise FormulaError("not a Function: its results do not fit its outputs")
