"""What `sg.function` takes from SymPy: symbols, and scalars, lists or matrices of expressions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sympy as sp
from sympy.core.function import AppliedUndef

import symgrad.define.special  # noqa: F401  its readers enter themselves
from symgrad.define.loops import free, unknown_derivative
from symgrad.define.matrices import size
from symgrad.define.sympy import Import, brief
from symgrad.errors import ArgumentError, UnsupportedError
from symgrad.graph import REGISTER, Graph, Type


class Definition(NamedTuple):
    """A function as the ways in hand it over."""

    graph: Graph
    inputs: list[int]
    outputs: list[int]
    tree: Any
    parameters: list[str]
    symbols: dict[str, Any]


def from_sympy(symbols: Any, expression: Any, dtype: str = "float64") -> Definition:
    """The definition of `expression` in terms of `symbols`; free symbols left out become parameters.

    `symbols`: a symbol or a sequence of symbols, applied functions `q(t)`, their derivatives.
    `expression`: a SymPy scalar; a list of scalars (an array of shape (n,)); a matrix (its shape); a tuple
    of any of these (a tuple of results).
    """
    given = _flat(symbols)
    parts = list(expression) if isinstance(expression, tuple) else [expression]
    blocks = [_block(p) for p in parts]
    g = Graph()
    known: dict[Any, int] = {}
    names: dict[str, Any] = {}
    entries = [e for part, _ in blocks for e in part]
    ranks = _ranks(entries)
    for s in given:
        if s in known:
            raise ArgumentError(f"the symbol {s} is listed twice")
        _enter(g, known, names, s, dtype, ranks)
    left_out = sorted(free(entries, set(given)), key=str)
    for s in left_out:
        _independent(s, given)
        _enter(g, known, names, s, dtype, ranks)
    inputs = list(known.values())
    roots = Import(g, dtype, known).read(entries)
    outputs = []
    at = 0
    for part, shape in blocks:
        ids = roots[at : at + len(part)]
        at += len(part)
        arrays = [e for e, i in zip(part, ids, strict=True) if g.types[i].shape]
        if shape is not None and arrays:
            raise ArgumentError(
                f"{brief(arrays[0])} is a matrix in a list of scalars; for several results, give a tuple"
            )
        outputs.append(ids[0] if shape is None else g.add(REGISTER["stack"], tuple(ids), (shape,)))
    tree = tuple(range(len(outputs))) if isinstance(expression, tuple) else 0
    return Definition(g, inputs, outputs, tree, [str(s) for s in left_out], names)


def _flat(symbols: Any) -> list[Any]:
    if isinstance(symbols, sp.MatrixBase):
        return list(symbols.flat())
    if isinstance(symbols, (list, tuple, sp.Tuple)):
        return [s for group in symbols for s in _flat(group)]
    if isinstance(symbols, str):
        return list(sp.symbols(symbols, seq=True))
    return [symbols]


def _block(part: Any) -> tuple[list[Any], tuple[int, ...] | None]:
    """The scalar entries of one result, and its shape (None: a bare scalar)."""
    if isinstance(part, sp.MatrixBase):
        return list(part.flat()), part.shape
    if isinstance(part, (sp.NDimArray, sp.Array)):
        return list(sp.flatten(part.tolist())), part.shape
    if isinstance(part, list):
        if part and isinstance(part[0], (list, tuple)):
            blocks = [_block(list(row)) for row in part]
            if any(shape != blocks[0][1] for _, shape in blocks):
                raise ArgumentError(f"the rows of a nested list differ in length: {[len(row) for row in part]}")
            return [e for row, _ in blocks for e in row], (len(part), *(blocks[0][1] or ()))
        return [_scalar(e) for e in part], (len(part),)
    return [_scalar(part)], None


def _scalar(part: Any) -> Any:
    try:
        e = sp.sympify(part, strict=True)
    except sp.SympifyError:
        e = None
    if not isinstance(e, sp.Basic) or isinstance(e, sp.Tuple):
        raise ArgumentError(f"{part!r:.80} ({type(part).__name__}) is no SymPy expression")
    return e


def _enter(g: Graph, known: dict[Any, int], names: dict[str, Any], symbol: Any, dtype: str, ranks: Any) -> None:
    if not isinstance(symbol, sp.Basic) or symbol.is_number:
        raise ArgumentError(f"{symbol!r} is not a symbol")
    name = str(symbol)
    if name in names:
        raise ArgumentError(f"two different symbols are both named {name!r}; give one of them another name")
    names[name] = symbol
    shape: tuple[int | None, ...] = ()
    if isinstance(symbol, sp.IndexedBase):
        given = symbol.shape or (None,) * ranks.get(symbol, 1)
        shape = tuple(int(n) if n is not None and n.is_Integer else None for n in given)
    if isinstance(symbol, sp.MatrixSymbol):
        shape = size(symbol)
    known[symbol] = g.input(name, Type(dtype, shape))


def _independent(s: Any, given: list[Any]) -> None:
    """An unknown function f(x) may be left out (a parameter) only where x is no argument itself."""
    if isinstance(s, AppliedUndef) or unknown_derivative(s):
        by = [x for x in given if x in s.free_symbols]
        if by:
            raise UnsupportedError(
                f"{brief(s)} is an unknown function of the argument {by[0]}; list it among the symbols "
                f"(it is then a variable of its own), or put its formula in its place"
            )


def _ranks(roots: Sequence[Any]) -> dict[Any, int]:
    """Number of indices of each array that occurs."""
    seen: set[int] = set()
    ranks: dict[Any, int] = {}
    stack = list(roots)
    while stack:
        e = stack.pop()
        if id(e) not in seen:
            seen.add(id(e))
            if isinstance(e, sp.Indexed):
                ranks[e.base] = len(e.indices)
            stack.extend(e._args)
    return ranks
