"""The SymPy objects that inputs stand for, as plain data and back."""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from symgrad.errors import FormulaError


def to_plain(symbol: Any) -> tuple[Any, ...] | None:
    """A symbol, applied function, derivative, indexed base or matrix symbol as plain data; None for anything else."""
    if isinstance(symbol, sp.Symbol) and type(symbol) in (sp.Symbol, sp.Dummy):
        return ("symbol", symbol.name, tuple(sorted(symbol._assumptions_orig.items())))
    if isinstance(symbol, sp.IndexedBase):
        return ("base", str(symbol.label))
    if isinstance(symbol, sp.MatrixSymbol):
        lengths: Any = symbol.shape
        return ("matrix", symbol.name, *map(int, lengths)) if all(n.is_Integer for n in lengths) else None
    if isinstance(symbol, AppliedUndef):
        args = [to_plain(a) for a in symbol.args]
        return None if None in args else ("applied", symbol.func.__name__, tuple(args))
    if isinstance(symbol, sp.Derivative):
        inner = to_plain(symbol.expr)
        counts: Any = symbol.variable_count
        by = [(to_plain(v), int(n)) for v, n in counts]
        return None if inner is None or any(v is None for v, _ in by) else ("derivative", inner, tuple(by))
    return None


def from_plain(data: Any) -> Any:
    """The SymPy object. Raises FormulaError for anything that `to_plain` does not write."""
    try:
        kind, *rest = data
        if kind == "symbol":
            name, assumptions = rest
            if isinstance(name, str) and all(isinstance(k, str) and v in (True, False) for k, v in assumptions):
                return sp.Symbol(name, **dict(assumptions))
        elif kind == "base" and isinstance(rest[0], str):
            return sp.IndexedBase(sp.Symbol(rest[0]))
        elif kind == "matrix":
            name, *shape = rest
            if isinstance(name, str) and len(shape) == 2 and all(type(n) is int and n >= 0 for n in shape):
                return sp.MatrixSymbol(name, *shape)
        elif kind == "applied" and isinstance(rest[0], str):
            return sp.Function(rest[0])(*[from_plain(a) for a in rest[1]])
        elif kind == "derivative":
            return sp.Derivative(from_plain(rest[0]), *[(from_plain(v), int(n)) for v, n in rest[1]])
    except (TypeError, ValueError, RecursionError, sp.SympifyError):
        pass
    raise FormulaError("not a symbol")
