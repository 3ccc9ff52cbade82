"""A formula over rows of data: its values, its Jacobian, its second derivatives, from symgrad's own graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from symgrad.defining import function
from symgrad.errors import ArgumentError
from symgrad.function import Function
from symgrad.train.data import Table
from symgrad.train.names import Local
from symgrad.train.progress import Progress
from symgrad.transforms import hessian, jacobian

CHUNK = 1 << 21
"""Numbers that one evaluation of second derivatives may return."""
DENSE = 2_000_000
"""A Jacobian of a model with vector parameters is sparse from this many entries on."""


class Rows:
    """A formula in parameters and data columns, evaluated at every row: values of shape (rows, ...).

    Attributes:
        params: names of all parameters.
        function: the formula as a Function of a row's parameters and columns.
        names: of the columns.
        evaluations: how often the values were worked out.
        watch: if given, called with the parameters and the values each time.
    """

    def __init__(
        self,
        formula: Any,
        locals: Sequence[Local],
        params: Sequence[str],
        columns: Sequence[Any],
        table: Table,
        name: str,
    ) -> None:
        self.params = tuple(params)
        self.names = tuple(str(c) for c in columns)
        self.name = name
        self.locals = tuple(locals)
        self.function = function([*(p.symbol for p in locals), *columns], formula, name=name)
        self.rows = table.rows
        self.columns = [table[n] for n in self.names]
        self.places = [places(p, table) for p in locals]
        self.grouped = any(p.index is not None for p in locals)
        self.sparse = self.grouped and self.rows * len(self.params) > DENSE
        self.evaluations = 0
        self.progress: Progress | None = None
        self.watch: Callable[[Any, Any], None] | None = None
        self._last: tuple[bytes, Any] = b"", None
        self._last_jacobian: tuple[bytes, Any] = b"", None

    @cached_property
    def first(self) -> Function:
        """The gradient of the formula by a row's parameters."""
        return jacobian(self.function, wrt=list(range(len(self.locals))))

    @cached_property
    def second(self) -> Function:
        """The nonzeros of the formula's Hessian by a row's parameters."""
        return hessian(self.function, wrt=list(range(len(self.locals))), sparse=True)

    def spread(self, at: Any, part: slice = slice(None)) -> list[Any]:
        """A row's parameters: a float, or an array by row."""
        at = np.asarray(at, dtype=float)
        return [at[p[part]] if isinstance(p, np.ndarray) else float(at[p]) for p in self.places]

    def values(self, at: Any) -> Any:
        """The formula at every row, shape (rows,)."""
        key = np.asarray(at, dtype=float).tobytes()
        if key == self._last[0]:
            return self._last[1]
        self.evaluations += 1
        out = self._full(self.function(*self.spread(at), *self.columns), ())
        self._last = key, out
        if self.watch is not None:
            self.watch(at, out)
        if self.progress is not None:
            self.progress.tick(lambda: float(np.linalg.norm(out)))
        return out

    def jacobian(self, at: Any) -> Any:
        """Its derivatives by the parameters, shape (rows, p): an array, a scipy.sparse.csr_array if `sparse`."""
        key = np.asarray(at, dtype=float).tobytes()
        if key != self._last_jacobian[0]:
            own = self._full(self.first(*self.spread(at), *self.columns), (len(self.locals),))
            self._last_jacobian = key, self._scattered(own) if self.grouped else own
        return self._last_jacobian[1]

    def _scattered(self, own: Any) -> Any:
        """Derivatives by a row's parameters as derivatives by all."""
        shape = (self.rows, len(self.params))
        rows = np.arange(self.rows)
        columns = [np.broadcast_to(p, (self.rows,)) for p in self.places]
        if not self.sparse:
            out = np.zeros(shape)
            for k, column in enumerate(columns):
                out[rows, column] += own[:, k]  # one row at a time, so no two additions meet
            out.flags.writeable = False
            return out
        from scipy.sparse import coo_array

        place = (np.tile(rows, len(columns)), np.concatenate(columns))
        return coo_array((own.T.ravel(), place), shape=shape).tocsr()

    def curvature(self, at: Any, weights: Any) -> Any:
        """The Hessians of the rows summed with `weights`, shape (p, p)."""
        pattern = self.second.pattern
        assert pattern is not None
        total = np.zeros((len(self.params), len(self.params)))
        if not pattern.indices:
            return total
        pairs = [
            (row, pattern.indices[k])
            for row in range(len(self.locals))
            for k in range(pattern.indptr[row], pattern.indptr[row + 1])
        ]
        step = max(1, CHUNK // len(pairs))
        for start in range(0, self.rows, step):
            part = slice(start, start + step)
            w = weights[part]
            entries = self.second(*self.spread(at, part), *[c[part] for c in self.columns])
            entries = np.broadcast_to(entries, (len(w), len(pairs)))
            if not self.grouped:
                for (a, b), value in zip(pairs, w @ entries, strict=True):
                    total[self.places[a], self.places[b]] += value
                continue
            for k, (a, b) in enumerate(pairs):
                where = tuple(p[part] if isinstance(p, np.ndarray) else p for p in (self.places[a], self.places[b]))
                np.add.at(total, np.broadcast_arrays(*where, w)[:2], w * entries[:, k])
        return total

    def _full(self, values: Any, shape: tuple[int, ...]) -> Any:
        out = np.array(np.broadcast_to(values, (self.rows, *shape)))
        out.flags.writeable = False  # kept, and given out again
        return out

    def linear(self) -> tuple[int, ...]:
        """Positions of parameters in which, all together, the formula is linear, read from its gradient's graph.

        A parameter whose derivative depends neither on itself nor on another of the set may join it; such a set is
        found greedily, the parameter whose derivative depends on fewest first. A vector joins whole.
        """
        f = self.first
        partners: dict[str, set[str]] = {p.name: set() for p in self.locals}
        for p, entry in zip(self.locals, f.graph.args[f.outputs[0]], strict=True):
            live = f.graph.reach([entry])
            for other, input in zip(self.locals, f.inputs, strict=False):
                if live[input]:
                    partners[p.name].add(other.name)
                    partners[other.name].add(p.name)
        chosen: set[str] = set()
        order = {p.name: p.first for p in self.locals}
        for name in sorted(partners, key=lambda n: (len(partners[n]), order[n])):
            if name not in partners[name] and not partners[name] & chosen:
                chosen.add(name)
        return tuple(sorted({k for p in self.locals if p.name in chosen for k in range(p.first, p.first + p.length)}))


def places(p: Local, table: Table) -> Any:
    """Where a row's parameter stands in the parameter vector: a position, or an array of them by row."""
    if p.index is None:
        return p.first
    columns = sorted(p.index.free_symbols, key=str)
    f = function(columns, p.index)
    values = np.broadcast_to(f(*[table[str(c)] for c in columns]), (table.rows,))
    bad = np.flatnonzero((values != np.floor(values)) | (values < 0) | (values >= p.length))
    if bad.size:
        raise ArgumentError(
            f"{p.symbol}: the index is {values[bad[0]]:g} in row {bad[0]} (counted from 0); "
            f"it must be a whole number from 0 to {p.length - 1}, for the {p.length} start values of {p.name!r}"
        )
    return p.first + values.astype(int)
