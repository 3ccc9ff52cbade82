"""Which symbols of a model are data and which are parameters; every mistake is named."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import sympy as sp

from symgrad.errors import ArgumentError, DtypeError, UnsupportedError


class Local(NamedTuple):
    """One parameter of a row: a number that all rows share, or the element of a vector that a column picks.

    `symbol` stands for it in the row's formula; its places in the parameter vector are `first`, or `first` to
    `first + length - 1`, of which `index` (a formula of data columns) picks one per row.
    """

    symbol: Any
    name: str
    first: int
    length: int
    index: Any


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


def starts(start: Any) -> dict[str, Any]:
    """Starting values by name: finite floats, or arrays of them for parameters that are vectors."""
    if not isinstance(start, Mapping) or not start:
        raise ArgumentError('start must give every parameter a value: start={"b1": 1.0, ...}')
    out: dict[str, Any] = {}
    for key, value in start.items():
        name = str(key)
        try:
            number = np.asarray(value, dtype=float)
        except (TypeError, ValueError):
            raise DtypeError(f"start[{name!r}] must be real numbers, got {value!r:.40}") from None
        if number.ndim > 1 or number.size == 0 or isinstance(value, str):
            raise DtypeError(f"start[{name!r}] must be a number, or a list of them, got {value!r:.40}")
        if not np.all(np.isfinite(number)):
            raise ArgumentError(f"start[{name!r}] must be finite, got {value!r:.40}")
        out[name] = number if number.ndim else float(number)
    return out


def without_vectors(
    formulas: Iterable[Any], start: dict[str, Any]
) -> tuple[list[Any], list[Local], tuple[str, ...], set[Any]]:
    """The formulas with a symbol of its own for every parameter of a row.

    Returns them, the parameters of a row, the names of all parameters ("a[0]", "a[1]", ... for a vector), and the
    symbols of the columns that pick elements.
    """
    formulas = list(formulas)
    indexed = sorted({e for f in formulas for e in f.atoms(sp.Indexed)}, key=str)
    bound = {s for f in formulas for loop in f.atoms(sp.Sum, sp.Product) for s in loop.bound_symbols}
    first: dict[str, int] = {}
    names: list[str] = []
    for name, value in start.items():
        first[name] = len(names)
        names += [f"{name}[{k}]" for k in range(len(value))] if isinstance(value, np.ndarray) else [name]
    places: dict[Any, Any] = {}
    found: list[Local] = []
    pickers: set[Any] = set()
    for e in indexed:
        name = str(e.base.label)
        if not isinstance(start.get(name), np.ndarray) or len(e.indices) != 1 or e.indices[0].free_symbols & bound:
            raise UnsupportedError(
                f"{e} has no meaning in a model: write the formula of one row, x for x[i]; the sum over rows is "
                "taken for you. A parameter may be a vector (start={'a': [1.0, 1.0]}) from which a data column picks"
            )
        places[e] = sp.Symbol(str(e), real=True)
        found.append(Local(places[e], name, first[name], len(start[name]), e.indices[0]))
        pickers |= e.indices[0].free_symbols
    formulas = [f.xreplace(places) for f in formulas]
    free = {str(s): s for f in formulas for s in f.free_symbols}
    for name, value in start.items():
        if isinstance(value, np.ndarray):
            if name in free or not any(p.name == name for p in found):
                raise ArgumentError(f"start gives {name!r} as a vector; the model must hold it as {name}[column]")
        elif name in free:
            found.append(Local(free[name], name, first[name], 1, None))
    found.sort(key=lambda p: p.first)
    return formulas, found, tuple(names), pickers


def symbols_of(formulas: Iterable[Any]) -> dict[str, Any]:
    """The free symbols by name."""
    out: dict[str, Any] = {}
    for formula in formulas:
        for symbol in formula.free_symbols:
            other = out.setdefault(str(symbol), symbol)
            if other != symbol:
                raise ArgumentError(
                    f"the model holds two different symbols named {str(symbol)!r} (their assumptions differ); use one"
                )
    return out


def check_names(symbols: dict[str, Any], start: dict[str, Any], given: Mapping[str, Any]) -> None:
    """Every symbol must be data or parameter, every parameter a symbol."""
    for name in start:
        if name not in symbols:
            raise ArgumentError(f"start names {name!r}, which is not in the model{hint(name, symbols)}")
        if name in given:
            raise ArgumentError(f"{name!r} is given as data and as a parameter; it can be one of them")
    for name in sorted(symbols):
        if name not in start and name not in given:
            raise ArgumentError(
                f"the model's symbol {name!r} is neither a data column ({', '.join(map(repr, given)) or 'none'}) "
                f"nor has it a start value{hint(name, given)}"
            )
    if not any(name in given for name in symbols):
        raise ArgumentError("the model uses no data column")


def hint(name: str, among: Iterable[str]) -> str:
    """What may have been meant."""
    known = sorted(among)
    close = difflib.get_close_matches(name, known, 1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; it has {', '.join(known)}" if known else ""
