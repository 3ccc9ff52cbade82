"""What `sg.function` takes from SymPy: symbols, and scalars, lists or matrices of expressions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sympy as sp

from symgrad.define.loops import free
from symgrad.define.sympy import Import
from symgrad.errors import ArgumentError
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
        _enter(g, known, names, s, dtype, ranks)
    inputs = list(known.values())
    roots = Import(g, dtype, known).read(entries)
    outputs = []
    at = 0
    for part, shape in blocks:
        ids = roots[at : at + len(part)]
        at += len(part)
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
        entries = [sp.sympify(e, strict=True) for e in part]
        return entries, (len(entries),)
    return [sp.sympify(part, strict=True)], None


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
    known[symbol] = g.input(name, Type(dtype, shape))


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
