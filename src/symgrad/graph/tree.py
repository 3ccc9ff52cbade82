"""How the outputs of a function nest in its result."""

from __future__ import annotations

from typing import Any, NamedTuple

Tree = Any
"""An int is the position of an output, a `Csr` a sparse matrix, a tuple holds trees."""


class Csr(NamedTuple):
    """Output `position` holds the values of a sparse matrix with these nonzeros, in CSR order."""

    position: int
    indptr: tuple[int, ...]
    indices: tuple[int, ...]
    shape: tuple[int, int]
