"""How the outputs of a function nest in its result."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from symgrad.errors import FormulaError
from symgrad.graph.type import DTYPES

Tree = Any
"""An int is the position of an output, a `Csr` or `Factored` a matrix made of outputs, a tuple holds trees."""


class Csr(NamedTuple):
    """Output `position` holds the values of a sparse matrix with these nonzeros, in CSR order.

    `axes`: those of the array that the matrix stands for, `rows` of which its rows are; none: it stands for itself.
    """

    position: int
    indptr: tuple[int, ...]
    indices: tuple[int, ...]
    shape: tuple[int, int]
    axes: tuple[int, ...] = ()
    rows: int = 0


class Factored(NamedTuple):
    """A sum of products of outputs, `rows` of whose axes are rows.

    A term is (number, factors), a factor (position, labels), the position of an identity being -1. Label k is axis k
    of the result; the others are summed over.
    """

    shape: tuple[int, ...]
    rows: int
    dtype: str
    terms: tuple[tuple[float, tuple[tuple[int, tuple[int, ...]], ...]], ...]

    @property
    def positions(self) -> tuple[int, ...]:
        """The outputs that it is made of, each once."""
        return tuple(dict.fromkeys(p for _, factors in self.terms for p, _ in factors if p >= 0))

    @property
    def is_whole(self) -> bool:
        """Whether it is one output as it stands."""
        axes = tuple(range(len(self.shape)))
        return len(self.terms) == 1 and len(self.terms[0][1]) == 1 and self.terms[0][1][0][1] == axes


def leaves_of(tree: Tree) -> list[Any]:
    """What the tuples of a tree hold, in order."""
    if isinstance(tree, (Csr, Factored)) or not isinstance(tree, tuple):
        return [tree]
    return [leaf for t in tree for leaf in leaves_of(t)]


def replaced(tree: Tree, leaves: Sequence[Any]) -> Tree:
    """The tree with these leaves, in the order of `leaves_of`."""
    rest = iter(leaves)

    def build(t: Tree) -> Tree:
        if isinstance(t, tuple) and not isinstance(t, (Csr, Factored)):
            return tuple([build(part) for part in t])
        return next(rest)

    return build(tree)


def to_plain_tree(tree: Tree) -> Any:
    """As plain data: an int, ("csr", ...) or ("tuple", ...)."""
    if isinstance(tree, Csr):
        return ("csr", *tree)
    if isinstance(tree, Factored):
        return ("factored", *tree)
    return ("tuple", *map(to_plain_tree, tree)) if isinstance(tree, tuple) else tree


def from_plain_tree(data: Any, outputs: int, deep: int = 0) -> Tree:
    """Back, checked against the number of outputs. Raises FormulaError for what is no tree."""
    if type(data) is int and 0 <= data < outputs:
        return data
    if isinstance(data, tuple) and data and data[0] == "tuple" and deep < 50:
        return tuple([from_plain_tree(t, outputs, deep + 1) for t in data[1:]])
    if isinstance(data, tuple) and len(data) == 7 and data[0] == "csr":
        _, position, indptr, indices, shape, axes, split = data
        numbers = (position, *indptr, *indices, *shape, *axes, split)
        if (
            all(type(n) is int and n >= 0 for n in numbers)
            and position < outputs
            and len(shape) == 2
            and len(indptr) == shape[0] + 1
            and indptr[0] == 0
            and all(a <= b for a, b in itertools.pairwise(indptr))
            and indptr[-1] == len(indices)
            and all(k < shape[1] for k in indices)
            and (not axes or (math.prod(axes[:split]), math.prod(axes[split:])) == tuple(shape))
        ):
            return Csr(position, tuple(indptr), tuple(indices), tuple(shape), tuple(axes), split)
    if isinstance(data, tuple) and len(data) == 5 and data[0] == "factored":
        tree = _factored(data[1:], outputs)
        if tree is not None:
            return tree
    raise FormulaError("not a Function: its results do not fit its outputs")


def _factored(data: Any, outputs: int) -> Factored | None:
    """Checked: numbers where numbers belong, every axis of the result within its shape."""
    shape, rows, dtype, terms = data
    if not isinstance(shape, tuple) or not isinstance(terms, tuple) or dtype not in DTYPES or type(rows) is not int:
        return None
    if not all(type(n) is int and n >= 0 for n in shape) or not 0 <= rows <= len(shape):
        return None
    for term in terms:
        if (
            not isinstance(term, tuple)
            or len(term) != 2
            or type(term[0]) is not float
            or not isinstance(term[1], tuple)
        ):
            return None
        for factor in term[1]:
            if not isinstance(factor, tuple) or len(factor) != 2 or not isinstance(factor[1], tuple):
                return None
            position, labels = factor
            if type(position) is not int or not -1 <= position < outputs or not all(type(x) is int for x in labels):
                return None
    return Factored(shape, rows, dtype, terms)
