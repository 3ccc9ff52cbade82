"""Large arrays that are sums of products of small ones: a Hessian as 2 (V^T V) ⊗ I, a diagonal, X^T D X + c I.

What is done with one (products, solving, conversion) works on the factors; only `todense` makes all numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

Labels = tuple[int, ...]


class Product(NamedTuple):
    """number * factors, summed over the labels that are no axes; a factor that is None is an identity."""

    number: float
    factors: tuple[tuple[Any, Labels], ...]


class FactoredArray:
    """The derivative of an array by an array, kept as factors: shape (rows..., columns...).

    `H @ v` multiplies by an array of the columns' shape (further axes may follow), `H.solve(b)` solves `H x = b`,
    `H.todense()` gives the NumPy array, `H.toscipy()` a SciPy sparse array or LinearOperator of two axes.
    `np.asarray(H)` is `H.todense()`. Multiples and sums of them, `2 * H - G`, stay factors.

    Attributes:
        rows, columns: the shapes of the two sides.
        kind: "diagonal", "block diagonal", "kronecker", "low rank", a sum of these, or "dense".
    """

    __array_ufunc__ = None  # of NumPy's arrays and numbers, too, the operators below are asked

    def __init__(self, rows: tuple[int, ...], columns: tuple[int, ...], terms: Sequence[Product], dtype: Any) -> None:
        self.rows, self.columns = rows, columns
        self.dtype = np.dtype(dtype)
        self._terms = [_renamed(t, len(rows)) for t in terms]

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the dense array."""
        return self.rows + self.columns

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the factors."""
        arrays = {id(a): a for t in self._terms for a, _ in t.factors}
        return sum(a.nbytes for a in arrays.values())

    @cached_property
    def kind(self) -> str:
        axes = set(range(self.ndim))
        kinds = ["dense" if any(axes <= set(ls) for _, ls in t.factors) else t.kind for t in self._terms]
        return " + ".join(dict.fromkeys(kinds)) or "zero"

    def todense(self) -> Any:
        """The whole array."""
        out = np.zeros(self.shape, self.dtype)
        for t in self._terms:
            labels = [t.names.get(k, k) for k in range(self.ndim)]
            kept = list(dict.fromkeys(labels))
            view = np.einsum(out, labels, kept)  # the diagonals on which the term is not zero
            view += t.contracted(kept, dict(zip(kept, view.shape, strict=True)))
        return out

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        dense = self.todense()
        return dense if dtype is None else dense.astype(dtype)

    def __mul__(self, number: Any) -> FactoredArray:
        """A multiple of it. NotImplemented for what is no number: products of elements are `H.todense() * x`."""
        if not isinstance(number, (int, float, np.number)):
            return NotImplemented
        terms = [Product(t.given.number * float(number), t.given.factors) for t in self._terms]
        return FactoredArray(self.rows, self.columns, terms, self.dtype)

    __rmul__ = __mul__

    def __truediv__(self, number: Any) -> FactoredArray:
        return self * (1 / number) if isinstance(number, (int, float, np.number)) else NotImplemented

    def __neg__(self) -> FactoredArray:
        return self * -1

    def __add__(self, other: Any) -> Any:
        """The sum, of factors if both are; an array with an array."""
        if not isinstance(other, FactoredArray):
            return self.todense() + other
        if (self.rows, self.columns) != (other.rows, other.columns):
            raise ValueError(f"shapes {self.shape} and {other.shape} differ")
        terms = [t.given for t in (*self._terms, *other._terms)]
        return FactoredArray(self.rows, self.columns, terms, np.result_type(self.dtype, other.dtype))

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self + -other

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def __matmul__(self, v: Any) -> Any:
        v = np.asarray(v)
        c = len(self.columns)
        if v.shape[:c] != self.columns:
            raise ValueError(f"H @ v: v has shape {v.shape}, its first axes must be {self.columns}")
        more = tuple(range(10**6, 10**6 + v.ndim - c))
        total = np.zeros(self.rows + v.shape[c:], np.result_type(self.dtype, v.dtype))
        for t in self._terms:
            own = tuple(t.names.get(len(self.rows) + k, len(self.rows) + k) for k in range(c))
            rows = tuple(t.names.get(k, k) for k in range(len(self.rows)))
            sizes = dict(zip(rows + own + more, self.rows + self.columns + v.shape[c:], strict=True))
            total += t.contracted([*rows, *more], sizes, (v, own + more))
        return total

    def __rmatmul__(self, v: Any) -> Any:
        """v @ H, for v whose last axes are the rows."""
        v = np.asarray(v)
        r = len(self.rows)
        if v.ndim < r or v.shape[v.ndim - r :] != self.rows:
            raise ValueError(f"v @ H: v has shape {v.shape}, its last axes must be {self.rows}")
        first = np.moveaxis(v, range(v.ndim - r, v.ndim), range(r))
        found = self.T @ first
        c = len(self.columns)
        return np.moveaxis(found, range(c), range(found.ndim - c, found.ndim))

    @property
    def T(self) -> FactoredArray:
        """Rows and columns exchanged."""
        r, c = len(self.rows), len(self.columns)
        turned = {k: k + c for k in range(r)} | {r + k: k for k in range(c)}
        terms = [
            Product(t.number, tuple((a, tuple(turned.get(x, x) for x in labels)) for a, labels in t.given.factors))
            for t in self._terms
        ]
        return FactoredArray(self.columns, self.rows, terms, self.dtype)

    def solve(self, b: Any) -> Any:
        """x with H x = b, for b of the rows' shape (further axes may follow).

        Diagonals, blocks and Kronecker products are solved factor by factor; such a term plus terms of low rank by
        Woodbury's formula (M. Woodbury, "Inverting modified matrices", 1950); other sums as a dense matrix.
        Raises numpy.linalg.LinAlgError where H is singular.
        """
        b = np.asarray(b, np.result_type(self.dtype, np.asarray(b).dtype))
        if self.rows != self.columns:
            raise ValueError(f"solve needs as many columns as rows, H has {self.rows} and {self.columns}")
        if b.shape[: len(self.rows)] != self.rows:
            raise ValueError(f"solve: b has shape {b.shape}, its first axes must be {self.rows}")
        regular = [t for t in self._terms if t.blocks() is not None]
        low = [t for t in self._terms if t.blocks() is None]
        n = math.prod(self.rows)
        flat = b.reshape(n, -1)
        sides = [t.sides(self.rows, self.columns) for t in low]
        found = [s for s in sides if s is not None and s[0].shape[1] * 2 <= n]
        if len(regular) == 1 and not low:
            return regular[0].solved(self.rows, flat).reshape(b.shape)
        if len(regular) == 1 and len(found) == len(low):
            with suppress(np.linalg.LinAlgError):  # the regular term alone may be singular, or nearly so
                x = self._woodbury(regular[0], found, flat).reshape(b.shape)
                rest = np.max(np.abs(self @ x - b), initial=0)
                if rest <= np.sqrt(np.finfo(b.dtype).eps) * np.max(np.abs(b), initial=0):
                    return x
        return np.linalg.solve(self.todense().reshape(n, n), flat).reshape(b.shape)

    def _woodbury(self, regular: _Term, found: Sequence[tuple[Any, Any]], b: Any) -> Any:
        """x for b of shape (n, k), of a term that is easily solved and products of thin matrices."""
        base = regular.solved(self.rows, b)
        left = np.concatenate([s[0] for s in found], axis=1)
        right = np.concatenate([s[1] for s in found], axis=0)
        across = regular.solved(self.rows, left)
        small = np.eye(left.shape[1], dtype=b.dtype) + right @ across
        return base - across @ np.linalg.solve(small, right @ base)

    def toscipy(self) -> Any:
        """A `scipy.sparse.csr_array` where that holds few numbers, else a `LinearOperator`; shape (rows, columns)."""
        from scipy.sparse.linalg import aslinearoperator

        parts = [t.sparse(self.rows, self.columns) for t in self._terms]
        if all(p is not None for p in parts):
            total = parts[0]
            for p in parts[1:]:
                total = total + p
            return total.tocsr()
        return aslinearoperator(_Flat(self))

    def __repr__(self) -> str:
        stored = self.nbytes // self.dtype.itemsize
        return f"<{self.kind} of shape {self.shape}: {stored} numbers for {math.prod(self.shape)}>"


class _Flat:
    """A factored array as an operator on vectors: what SciPy makes a LinearOperator of."""

    def __init__(self, array: FactoredArray) -> None:
        self.array, self.turned = array, array.T
        self.shape = (math.prod(array.rows), math.prod(array.columns))
        self.dtype = array.dtype

    def matvec(self, v: Any) -> Any:
        return (self.array @ np.reshape(v, self.array.columns)).ravel()

    def rmatvec(self, v: Any) -> Any:
        return (self.turned @ np.reshape(v, self.array.rows)).ravel()


class _Term:
    """A product whose identities are taken out: labels that an identity joins have one name."""

    def __init__(self, given: Product, names: dict[int, int], rank: int) -> None:
        self.given = given
        self.number = given.number
        self.names = names
        self.rows = rank
        self.factors = [(a, tuple(names.get(x, x) for x in labels)) for a, labels in given.factors if a is not None]

    @property
    def kind(self) -> str:
        blocks = self.blocks()
        if blocks is None:
            return "low rank"
        shared, groups = blocks
        if not groups:
            return "diagonal" if shared else "number"
        if any(set(shared) & set(labels) for _, labels in self.factors):
            return "block diagonal"
        return "kronecker" if shared or len(groups) > 1 else "dense"

    def contracted(self, out: Sequence[int], sizes: dict[int, int], more: tuple[Any, Labels] | None = None) -> Any:
        """The product with the axes `out`, and with `more` as a further factor."""
        factors = [*self.factors, *([more] if more is not None else [])]
        held = {x for _, labels in factors for x in labels}
        lost = [x for x in out if x not in held]
        known = [x for x in dict.fromkeys(out) if x in held]
        letters = {x: k for k, x in enumerate(dict.fromkeys([x for _, ls in factors for x in ls]))}
        args: list[Any] = []
        for a, labels in factors:
            args += [a, [letters[x] for x in labels]]
        value = np.einsum(*args, [letters[x] for x in known], optimize=True) if factors else np.ones(())
        value = self.number * value
        if not lost and len(known) == len(out):
            return value
        shape = [sizes[x] if x in known else 1 for x in out]
        return np.broadcast_to(np.reshape(value, shape), [sizes[x] for x in out])

    def blocks(self) -> tuple[list[int], list[tuple[list[int], list[int]]]] | None:
        """Axes that rows and columns share, and groups (rows, columns) that a matrix joins; None for low rank.

        The product is then, for each place on the shared axes, a Kronecker product of square matrices.
        """
        if any(high != low + self.rows for high, low in self.names.items()):
            return None  # an identity with the axes of a transpose
        shared = sorted(set(self.names.values()))
        joined: list[set[int]] = []
        for _, labels in self.factors:
            own = {x for x in labels if x not in shared}
            if not own:
                continue
            touching = [j for j in joined if j & own]
            joined = [j for j in joined if not j & own] + [own.union(*touching)]
        axes = {x for j in joined for x in j} | set(shared)
        rank = self.rows
        if any(k not in axes and self.names.get(k, k) not in axes for k in range(2 * rank)):
            return None
        groups = []
        for j in joined:
            rows = sorted(x for x in j if x < rank)
            columns = sorted(x for x in j if rank <= x < 2 * rank)
            if len(rows) != len(columns) or not rows:
                if not rows and not columns:
                    continue
                return None
            groups.append((rows, columns))
        if any(any(x >= 2 * rank for x in labels) for _, labels in self.factors):
            return None  # a sum that was not worked out
        if any(self._outer(rows, columns) for rows, columns in groups):
            return None
        return shared, groups

    def _outer(self, rows: list[int], columns: list[int]) -> bool:
        """Whether no factor joins rows with columns: an outer product, of rank 1."""
        return not any(set(labels) & set(rows) and set(labels) & set(columns) for _, labels in self.factors)

    def matrices(self, sizes: dict[int, int]) -> tuple[list[int], list[tuple[list[int], list[int], Any]]]:
        """Shared axes, and per group its rows, columns and matrices: shape (shared..., rows, columns).

        The numbers that belong to no group are in the first (or, without one, alone in a last entry).
        """
        found = self.blocks()
        assert found is not None
        shared, groups = found
        used: list[tuple[Any, Labels]] = list(self.factors)
        result = []
        number = self.number
        for rows, columns in groups:
            own = [f for f in used if set(f[1]) & {*rows, *columns}]
            used = [f for f in used if not any(f is o for o in own)]
            part = _Term(Product(number, tuple(own)), {}, self.rows)
            number = 1.0
            value = part.contracted([*shared, *rows, *columns], sizes)
            lead = [sizes[x] for x in shared]
            n = math.prod(sizes[x] for x in rows)
            result.append((rows, columns, np.reshape(value, (*lead, n, n))))
        if used or not result:
            rest = _Term(Product(number, tuple(used)), {}, self.rows).contracted(shared, sizes)
            result.append(([], [], rest[..., None, None]))
        return shared, result

    def solved(self, shape: tuple[int, ...], b: Any) -> Any:
        """x with (this) x = b, shape (n, k)."""
        rank = self.rows
        sizes = dict(enumerate(shape + shape))
        shared, parts = self.matrices(sizes)
        x = b.reshape(*shape, -1)
        for rows, _, matrix in parts:
            if not rows:
                if np.any(matrix == 0):
                    raise np.linalg.LinAlgError("singular: a zero on the diagonal")
                axes = [sizes[k] if k in shared else 1 for k in range(rank)]
                x = x / np.reshape(matrix, (*axes, 1))
                continue
            order = [*shared, *rows, *(k for k in range(rank) if k not in shared and k not in rows), rank]
            moved = np.transpose(x, order)
            n = matrix.shape[-1]
            flat = moved.reshape(*(sizes[k] for k in shared), n, -1)
            solved = np.linalg.solve(matrix, flat).reshape(moved.shape)
            x = np.transpose(solved, np.argsort(order))
        return x.reshape(b.shape)

    def sides(self, rows: tuple[int, ...], columns: tuple[int, ...]) -> tuple[Any, Any] | None:
        """(L, R) with (this) = L R, two matrices that share a short axis; None where they would share a long one."""
        if self.names:
            return None
        rank = self.rows
        left = [f for f in self.factors if any(x < rank for x in f[1])]
        right = [f for f in self.factors if not any(x < rank for x in f[1])]
        if any(any(rank <= x < 2 * rank for x in labels) for _, labels in left):
            return None
        inner = sorted({x for _, ls in left for x in ls if x >= 2 * rank} & {x for _, ls in right for x in ls})
        sizes = dict(enumerate(rows + columns))
        sizes |= {x: n for a, labels in self.factors for x, n in zip(labels, a.shape, strict=True)}
        k = math.prod(sizes[x] for x in inner)
        one = _Term(Product(self.number, tuple(left)), {}, rank).contracted([*range(rank), *inner], sizes)
        other = _Term(Product(1.0, tuple(right)), {}, rank).contracted([*inner, *range(rank, 2 * rank)], sizes)
        return one.reshape(math.prod(rows), k), other.reshape(k, math.prod(columns))

    def sparse(self, rows: tuple[int, ...], columns: tuple[int, ...]) -> Any:
        """As a sparse array, where the term is a diagonal, blocks or a Kronecker product with identities."""
        if rows != columns or self.blocks() is None or not self.names:
            return None
        from scipy.sparse import csr_array

        n = math.prod(rows)
        rank = self.rows
        labels = [self.names.get(k, k) for k in range(2 * rank)]
        kept = list(dict.fromkeys(labels))
        sizes = dict(zip(labels, rows + columns, strict=True))
        values = self.contracted(kept, sizes)
        places = np.indices([sizes[x] for x in kept])
        at = dict(zip(kept, places, strict=True))
        own = np.ravel_multi_index(tuple(at[labels[k]] for k in range(rank)), rows)
        other = np.ravel_multi_index(tuple(at[labels[rank + k]] for k in range(rank)), columns)
        return csr_array((np.ravel(values), (own.ravel(), other.ravel())), shape=(n, n))


def _renamed(product: Product, rank: int) -> _Term:
    """The term, each column that an identity joins to a row named as that row."""
    names: dict[int, int] = {}
    for a, labels in product.factors:
        if a is None:
            low, high = sorted(labels)
            names[high] = names.get(low, low)
    return _Term(product, names, rank)
