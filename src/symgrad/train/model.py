"""A model and data as what solvers want: residuals or negative log-likelihoods by row."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp

from symgrad.defining import function
from symgrad.errors import ArgumentError, UnsupportedError
from symgrad.function import Function
from symgrad.train.data import Table, column, named
from symgrad.train.names import check_names, sides, starts, symbols_of, without_vectors
from symgrad.train.rows import Rows, places
from symgrad.transforms import grad

WEIGHT = "_weight"


class Model:
    """What a fit is about: the formula, which of its symbols are parameters, and the data.

    Attributes:
        kind: "least squares" for an equation, "likelihood" for the negative log-likelihood of one row.
        params: names of the parameters, in the order of `start`.
        start: where they begin, shape (p,).
        rows: residuals, or negative log-likelihoods, by row; weighted.
        raw: the same without weights.
        predicted: the right side of the equation by row, None for a likelihood.
    """

    def __init__(self, formula: Any, data: Any, start: Any, sigma: Any = None, weights: Any = None) -> None:
        self._asked = (formula, data, start, sigma, weights)
        left, right = sides(formula)
        self.kind = "likelihood" if left is None else "least squares"
        begin, given = starts(start), named(data)
        both = [right] if left is None else [right, left]
        formulas, self.locals, self.params, pickers = without_vectors(both, begin)
        self.left, self.right = None if left is None else formulas[1], formulas[0]
        self._pickers = {str(s): s for s in pickers}
        inside = {str(p.symbol) for p in self.locals}
        self.symbols = symbols_of(formulas)
        outer = {n: s for n, s in self.symbols.items() if n not in inside} | self._pickers
        check_names(outer | {p.name: p.symbol for p in self.locals}, begin, given)
        self.start = np.concatenate([np.atleast_1d(v) for v in begin.values()])
        self.columns = tuple(sorted(outer))
        self.table = Table(given, self.columns)
        target = self.right if left is None else self.left - self.right
        used = [outer[n] for n in self.columns if n in self.symbols]
        self.raw = self.rows = self._over(target, used, "nll" if left is None else "residual")
        if sigma is not None or weights is not None:
            self.table.columns[WEIGHT] = _weight(given, self.table.rows, sigma, weights)
            w = sp.Symbol(WEIGHT)
            self.rows = self._over(target * (w if left is not None else w**2), [*used, w], self.raw.name)
        self.predicted: Rows | None = None
        if left is not None:
            own = [s for s in used if s in self.right.free_symbols]
            self.predicted = self._over(self.right, own, str(left))

    def _over(self, formula: Any, columns: list[Any], name: str) -> Rows:
        return Rows(formula, self.locals, self.params, columns, self.table, name)

    @cached_property
    def gradient(self) -> Function:
        """The derivatives by the parameters, as formulas: of the right side, or of the log-likelihood."""
        rows = self.raw if self.predicted is None else self.predicted
        return grad(rows.function, wrt=list(range(len(self.locals))))

    @property
    def observed(self) -> Any:
        """The left side at every row, for least squares whose left side holds no parameter; else None."""
        if self.left is None or any(p.symbol in self.left.free_symbols for p in self.locals):
            return None
        used = sorted(self.left.free_symbols, key=str)
        f = function(used, self.left)
        return np.array(np.broadcast_to(f(*[self.table[str(s)] for s in used]), (self.table.rows,)))

    def without(self, held: Mapping[str, float], at: Any) -> Model:
        """The model with some parameters held as constants, the others starting from `at`."""
        formula, data, _, sigma, weights = self._asked
        if self.rows.grouped:
            raise UnsupportedError(f"{', '.join(held)} at a bound, in a model with vectors of parameters")
        begin = dict(zip((n for n in self.params if n not in held), at, strict=True))
        part = Model(formula, named(data) | dict(held), begin, sigma, weights)
        part.rows.progress = self.rows.progress
        return part

    def check_start(self) -> None:
        """Raise ArgumentError, with the row, where the model or a derivative is not finite at the start."""
        with np.errstate(all="ignore"):
            values, slopes = self.rows.values(self.start), self.rows.jacobian(self.start)
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            what, value = "the model", values[bad[0]]
        else:
            if self.rows.sparse:
                slopes = slopes.tocoo()
                keep = ~np.isfinite(slopes.data)
                bad, which = slopes.coords[0][keep], slopes.coords[1][keep]
                slopes = slopes.tocsr()
            else:
                bad, which = np.nonzero(~np.isfinite(slopes))
            if not bad.size:
                return
            what, value = f"the derivative by {self.params[which[0]]}", slopes[bad[0], which[0]]
        row = int(bad[0])
        point = ", ".join(f"{n}={self.table[n][row]:g}" for n in self.columns)
        raise ArgumentError(
            f"{what} is {value} at the start, in row {row} (counted from 0: {point}); start from other values"
        )

    def predict(self, at: Any, data: Any) -> Any:
        """The right side at new data, shape (rows,)."""
        if self.predicted is None:
            raise UnsupportedError("predict needs an equation; a likelihood predicts no value")
        names = [*self.predicted.names, *(n for n in self._pickers if n not in self.predicted.names)]
        given = named(data)
        missing = [n for n in names if n not in given]
        if missing:
            raise ArgumentError(f"predict needs data columns {', '.join(names)}; missing: {', '.join(missing)}")
        lengths = [np.size(given[n]) for n in names if np.ndim(given[n])]
        table = Table(given, names, None if lengths else 1)
        at = np.asarray(at, dtype=float)
        own = [at[places(p, table)] for p in self.locals]
        values = self.predicted.function(*own, *[table[n] for n in self.predicted.names])
        return np.array(np.broadcast_to(values, (table.rows,)))


def _weight(given: dict[str, Any], rows: int, sigma: Any, weights: Any) -> Any:
    """What residuals are multiplied by: 1/sigma, or the square root of the weights."""
    if sigma is not None and weights is not None:
        raise ArgumentError("give sigma or weights, not both: weights are 1/sigma**2")
    name, values = ("sigma", sigma) if sigma is not None else ("weights", weights)
    if isinstance(values, (str, sp.Symbol)):
        if str(values) not in given:
            raise ArgumentError(f"{name}={str(values)!r} is not a data column ({', '.join(map(repr, given))})")
        name, values = str(values), given[str(values)]
    array = column(name, values)
    if array.ndim and len(array) != rows:
        raise ArgumentError(f"{name} has {len(array)} entries for {rows} rows of data")
    bad = np.flatnonzero(array <= 0 if sigma is not None else array < 0)
    if bad.size:
        value = array[bad[0]] if array.ndim else array
        least = "positive" if sigma is not None else "at least 0"
        raise ArgumentError(f"{name} must be {least}; it is {value} in row {bad[0]}")
    if not np.any(array):
        raise ArgumentError("all weights are 0")
    return np.array(np.broadcast_to(1 / array if sigma is not None else np.sqrt(array), (rows,)))
