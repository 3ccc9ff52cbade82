"""Large arrays with few nonzeros, known by their places: what `structure="auto"` gives of a banded Hessian."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Shape = tuple[int, ...]


class SparseArray:
    """The derivative of an array by an array, its nonzeros alone: shape (rows..., columns...).

    It is used as a `FactoredArray` is: `H @ v`, `H.solve(b)`, `H.T`, `H.todense()`, `H.toscipy()`.

    Attributes:
        rows, columns: the shapes of the two sides.
        kind: "sparse".
    """

    kind = "sparse"

    def __init__(self, rows: Shape, columns: Shape, matrix: Any) -> None:
        self.rows, self.columns = rows, columns
        self._matrix = matrix
        self.dtype = matrix.dtype

    @property
    def shape(self) -> Shape:
        """That of the dense array."""
        return self.rows + self.columns

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the nonzeros and their places."""
        return sum(part.nbytes for part in (self._matrix.data, self._matrix.indices, self._matrix.indptr))

    @property
    def T(self) -> SparseArray:
        """Rows and columns exchanged."""
        return SparseArray(self.columns, self.rows, self._matrix.T.tocsr())

    def todense(self) -> Any:
        """The whole array."""
        return self._matrix.toarray().reshape(self.shape)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        dense = self.todense()
        return dense if dtype is None else dense.astype(dtype)

    def __matmul__(self, v: Any) -> Any:
        v = np.asarray(v)
        c = len(self.columns)
        if v.shape[:c] != self.columns:
            raise ValueError(f"H @ v: v has shape {v.shape}, its first axes must be {self.columns}")
        flat = v.reshape(math.prod(self.columns), -1)
        return (self._matrix @ flat).reshape(self.rows + v.shape[c:])

    def solve(self, b: Any) -> Any:
        """x with H x = b, for b of the rows' shape (further axes may follow), by SciPy's sparse LU decomposition.

        Raises numpy.linalg.LinAlgError where H is singular.
        """
        from scipy.sparse.linalg import splu

        b = np.asarray(b, np.result_type(self.dtype, np.asarray(b).dtype))
        if self.rows != self.columns:
            raise ValueError(f"solve needs as many columns as rows, H has {self.rows} and {self.columns}")
        if b.shape[: len(self.rows)] != self.rows:
            raise ValueError(f"solve: b has shape {b.shape}, its first axes must be {self.rows}")
        try:
            found = splu(self._matrix.tocsc()).solve(b.reshape(math.prod(self.rows), -1).astype(self.dtype))
        except RuntimeError as e:
            raise np.linalg.LinAlgError(f"singular: {e}") from None
        return found.reshape(b.shape)

    def toscipy(self) -> Any:
        """The `scipy.sparse.csr_array` of all rows by all columns."""
        return self._matrix

    def __repr__(self) -> str:
        return f"<{self.kind} of shape {self.shape}: {self._matrix.nnz} numbers for {math.prod(self.shape)}>"
