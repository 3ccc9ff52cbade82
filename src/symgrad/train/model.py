"""A formula and data as what solvers want: residuals, their Jacobian, their second derivatives, row by row."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp

from symgrad.errors import ArgumentError, DtypeError, UnsupportedError
from symgrad.function import Function, function
from symgrad.train.data import Table, column, named
from symgrad.train.progress import Progress
from symgrad.transforms import grad, hessian, jacobian

WEIGHT = "_weight"
CHUNK = 1 << 21
"""Numbers that one evaluation of second derivatives may return."""


class Rows:
    """A formula in parameters and data columns, evaluated at every row: values of shape (rows, ...)."""

    def __init__(self, formula: Any, params: Sequence[Any], columns: Sequence[Any], table: Table, name: str) -> None:
        self.params = tuple(str(p) for p in params)
        self.names = tuple(str(c) for c in columns)
        self.name = name
        self.function = function([*params, *columns], formula, name=name)
        self.rows = table.rows
        self.columns = [table[n] for n in self.names]
        self.evaluations = 0
        self._last: tuple[bytes, Any] = b"", None
        self._last_jacobian: tuple[bytes, Any] = b"", None
        self.progress: Progress | None = None

    @cached_property
    def first(self) -> Function:
        """The gradient of the formula by the parameters, shape (p,)."""
        return jacobian(self.function, wrt=list(self.params))

    @cached_property
    def second(self) -> Function:
        """The nonzeros of the formula's Hessian by the parameters."""
        return hessian(self.function, wrt=list(self.params), sparse=True)

    def values(self, at: Any) -> Any:
        """The formula at every row, shape (rows,)."""
        key = np.asarray(at, float).tobytes()
        if key == self._last[0]:
            return self._last[1]
        self.evaluations += 1
        out = self._full(self.function(*map(float, at), *self.columns), ())
        self._last = key, out
        if self.progress is not None:
            self.progress.tick(lambda: float(np.linalg.norm(out)))
        return out

    def jacobian(self, at: Any) -> Any:
        """Its derivatives by the parameters, shape (rows, p)."""
        key = np.asarray(at, float).tobytes()
        if key != self._last_jacobian[0]:
            out = self._full(self.first(*map(float, at), *self.columns), (len(self.params),))
            self._last_jacobian = key, out
        return self._last_jacobian[1]

    def curvature(self, at: Any, weights: Any) -> Any:
        """The Hessians of the rows summed with `weights`, shape (p, p)."""
        p = len(self.params)
        pattern = self.second.pattern
        assert pattern is not None
        nonzeros = len(pattern.indices)
        total = np.zeros((p, p))
        if not nonzeros:
            return total
        step = max(1, CHUNK // nonzeros)
        sums = np.zeros(nonzeros)
        for start in range(0, self.rows, step):
            part = slice(start, start + step)
            entries = self.second(*map(float, at), *[c[part] for c in self.columns])
            w = weights[part]
            sums += w @ np.broadcast_to(entries, (len(w), nonzeros))
        for row in range(p):
            for k in range(pattern.indptr[row], pattern.indptr[row + 1]):
                total[row, pattern.indices[k]] = sums[k]
        return total

    def _full(self, values: Any, shape: tuple[int, ...]) -> Any:
        out = np.array(np.broadcast_to(values, (self.rows, *shape)))
        out.flags.writeable = False  # kept, and given out again
        return out

    def linear(self) -> tuple[int, ...]:
        """Positions of parameters in which, all together, the formula is linear, read from its gradient's graph.

        A parameter whose derivative depends neither on itself nor on another of the set may join it; such a set is
        found greedily, the parameter whose derivative depends on fewest first.
        """
        f = self.first
        partners: list[set[int]] = [set() for _ in self.params]
        for k, entry in enumerate(f.graph.args[f.outputs[0]]):
            live = f.graph.reach([entry])
            for other in range(len(self.params)):
                if live[f.inputs[other]]:
                    partners[k].add(other)
                    partners[other].add(k)
        chosen: list[int] = []
        for k in sorted(range(len(partners)), key=lambda k: (len(partners[k]), k)):
            if k not in partners[k] and not partners[k] & set(chosen):
                chosen.append(k)
        return tuple(sorted(chosen))


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

    def __init__(
        self, formula: Any, data: Any, start: Any, sigma: Any = None, weights: Any = None
    ) -> None:
        self._asked = (formula, data, start, sigma, weights)
        left, right = sides(formula)
        self.kind = "likelihood" if left is None else "least squares"
        self.left, self.right = left, right
        begin = starts(start)
        given = named(data)
        symbols = _symbols(right, left)
        _check_names(symbols, begin, given)
        self.params = tuple(begin)
        self.start = np.array([begin[n] for n in self.params])
        self.columns = tuple(sorted(n for n in symbols if n not in begin))
        self.table = Table(given, self.columns)
        self.symbols = symbols
        p, used = [symbols[n] for n in self.params], [symbols[n] for n in self.columns]
        target = right if left is None else left - right
        self.raw = self.rows = Rows(target, p, used, self.table, "nll" if left is None else "residual")
        if sigma is not None or weights is not None:
            self.table.columns[WEIGHT] = _weight(given, self.table.rows, sigma, weights)
            w = sp.Symbol(WEIGHT)
            weighted = target * w if left is not None else target * w**2
            self.rows = Rows(weighted, p, [*used, w], self.table, self.raw.name)
        self.predicted: Rows | None
        if left is None:
            self.predicted = None
        else:
            own = [n for n in self.columns if symbols[n] in right.free_symbols]
            self.predicted = Rows(right, p, [symbols[n] for n in own], self.table, str(left))

    @cached_property
    def gradient(self) -> Function:
        """The derivatives by the parameters, as formulas: of the right side, or of the log-likelihood."""
        rows = self.rows if self.predicted is None else self.predicted
        return grad(rows.function, wrt=list(self.params))

    @property
    def observed(self) -> Any:
        """The left side at every row, for least squares whose left side holds no parameter; else None."""
        if self.left is None or any(self.symbols[n] in self.left.free_symbols for n in self.params):
            return None
        names = [n for n in self.columns if self.symbols[n] in self.left.free_symbols]
        f = function([self.symbols[n] for n in names], self.left)
        return np.array(np.broadcast_to(f(*[self.table[n] for n in names]), (self.table.rows,)))

    def without(self, held: Mapping[str, float], at: Any) -> Model:
        """The model with some parameters held as constants, the others starting from `at`."""
        formula, data, _, sigma, weights = self._asked
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
        names = self.predicted.names
        given = named(data)
        missing = [n for n in names if n not in given]
        if missing:
            raise ArgumentError(f"predict needs data columns {', '.join(names)}; missing: {', '.join(missing)}")
        lengths = [np.size(given[n]) for n in names if np.ndim(given[n])]
        table = Table(given, names, None if lengths else 1)
        values = self.predicted.function(*map(float, at), *[table[n] for n in names])
        return np.array(np.broadcast_to(values, (table.rows,)))


def sides(formula: Any) -> tuple[Any, Any]:
    """(left, right) of an equation, (None, formula) of a negative log-likelihood."""
    if isinstance(formula, sp.Eq):
        left, right = formula.lhs, formula.rhs
        if not (isinstance(left, sp.Expr) and isinstance(right, sp.Expr)):
            raise UnsupportedError(f"fit takes equations between scalars, not {formula}")
        return left, right
    if isinstance(formula, (sp.logic.boolalg.BooleanAtom, bool)):
        raise ArgumentError("the model is an equation that SymPy finds always true or never; write sp.Eq(y, formula)")
    if isinstance(formula, sp.Expr):
        return None, formula
    raise DtypeError(
        "fit takes sp.Eq(y, formula), or the negative log-likelihood of one row as a SymPy expression; "
        f"got {type(formula).__name__}"
    )


def starts(start: Any) -> dict[str, float]:
    """Starting values by name, as finite floats."""
    if not isinstance(start, Mapping) or not start:
        raise ArgumentError('start must give every parameter a value: start={"b1": 1.0, ...}')
    out: dict[str, float] = {}
    for key, value in start.items():
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise DtypeError(f"start[{str(key)!r}] must be a real number, got {value!r:.40}") from None
        if not np.isfinite(number):
            raise ArgumentError(f"start[{str(key)!r}] must be finite, got {number}")
        out[str(key)] = number
    return out


def _symbols(right: Any, left: Any) -> dict[str, Any]:
    """The free symbols by name."""
    out: dict[str, Any] = {}
    for symbol in right.free_symbols | (set() if left is None else left.free_symbols):
        other = out.setdefault(str(symbol), symbol)
        if other != symbol:
            raise ArgumentError(
                f"the model holds two different symbols named {str(symbol)!r} (their assumptions differ); use one"
            )
    return out


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


def _check_names(symbols: dict[str, Any], start: dict[str, float], given: dict[str, Any]) -> None:
    for name in start:
        if name not in symbols:
            raise ArgumentError(f"start names {name!r}, which is not in the model{_hint(name, symbols)}")
        if name in given:
            raise ArgumentError(f"{name!r} is given as data and as a parameter; it can be one of them")
    for name in sorted(symbols):
        if name not in start and name not in given:
            hint = _hint(name, given)
            raise ArgumentError(
                f"the model's symbol {name!r} is neither a data column ({', '.join(map(repr, given)) or 'none'}) "
                f"nor has it a start value{hint}"
            )
    if not any(name in given for name in symbols):
        raise ArgumentError("the model uses no data column")


def _hint(name: str, among: Any) -> str:
    close = difflib.get_close_matches(name, list(among), 1)
    return f"; did you mean {close[0]!r}?" if close else f"; it has {', '.join(sorted(among))}" if among else ""
