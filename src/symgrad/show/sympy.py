"""The graph as SymPy expressions, in the symbols the user gave."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import sympy as sp

from symgrad.dialects import sympy as dialect
from symgrad.errors import UnsupportedError
from symgrad.graph import CONST, INPUT, Graph, Node
from symgrad.graph.tree import Csr, Tree
from symgrad.ops.control import accumulates, parts

CLASSES: dict[str, Any] = {name: cls for table in (dialect.FOLDED, dialect.SAME) for cls, name in table.items()}
CONSTANTS = {name: constant for constant, name in dialect.NAMED.items()}

BUILD: dict[str, Callable[..., Any]] = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / y,
    "negative": lambda x: -x,
    "integer_power": lambda x, n: x**n,
    "power": lambda x, y: x**y,
    "sqrt": sp.sqrt,
    "heaviside": lambda x, h: sp.Heaviside(x, h),
    "where": lambda c, x, y: sp.Piecewise((x, c), (y, True)),
    "mask": lambda c, x: sp.Piecewise((x, c), (0, True)),
    "element": lambda x, index: x[index],
    "gather": lambda x, *places: x[places],
    "cast": lambda x, dtype: x,
}
"""Operations whose SymPy form is no single class of the same arguments."""


def expressions(graph: Graph, outputs: Sequence[int], symbols: dict[str, Any]) -> list[Any]:
    """One SymPy object per output: a scalar expression or a Matrix (an Array for three axes or more)."""
    live = graph.reach(outputs)
    made: dict[int, Any] = {}
    for i, needed in enumerate(live):
        if needed:
            made[i] = _one(graph, i, made, symbols)
    return [made[o] for o in outputs]


def _one(graph: Graph, i: int, made: dict[int, Any], symbols: dict[str, Any]) -> Any:
    op = graph.ops[i]
    if op is CONST:
        return _constant(graph.attrs[i][0])
    if op is INPUT:
        name = graph.attrs[i][0]
        return symbols.get(name) or sp.Symbol(name)
    args = [made[a] for a in graph.args[i]]
    attrs = dict(zip(op.attrs, graph.attrs[i], strict=True))
    if op.name == "fold":
        return _fold(graph, i, args)
    if op.name == "stack":
        return _array(args, attrs["shape"])
    build = BUILD.get(op.name)
    if build is not None:
        return build(*args, **attrs)
    cls = CLASSES.get(op.name)
    if cls is not None:
        return cls(*args)
    meaning = op.means or op.fallback
    if meaning is None:
        raise UnsupportedError(f"{op.name} has no form in SymPy")
    small = Graph()
    inputs = [small.input(f"_{k}", graph.types[a]) for k, a in enumerate(graph.args[i])]
    root = meaning(*(Node(small, a) for a in inputs), **attrs).id
    return expressions(small, [root], {f"_{k}": x for k, x in enumerate(args)})[0]


def _fold(graph: Graph, i: int, args: list[Any]) -> Any:
    body, take, firsts, _ = parts(graph, i)
    gathered = accumulates(body, take)
    if gathered is None or graph.value(firsts[0]) != (0 if gathered[0] == "add" else 1):
        raise UnsupportedError("the derivative of a Product has no form in SymPy; use .latex() or .python()")
    used = {s.name for a in args for s in getattr(a, "free_symbols", ())} | {str(a) for a in args}
    bound = {s.name for a in args for s in getattr(a, "atoms", lambda _: ())(sp.Symbol)}
    index = sp.Symbol(
        next(n for n in [*"ijklmpqrst", *(f"i{k}" for k in range(1000))] if n not in used | bound), integer=True
    )
    inside: dict[int, Any] = dict(zip(body.inputs, [index, *args[2:]], strict=True))
    own = body.graph
    for k, needed in enumerate(own.reach([gathered[1]])):
        if needed and k not in inside:
            inside[k] = _one(own, k, inside, {})
    loop = sp.Sum if gathered[0] == "add" else sp.Product
    return loop(inside[gathered[1]], (index, args[0], args[1]))


def _constant(value: Any) -> Any:
    if isinstance(value, str):
        return CONSTANTS[value]
    if isinstance(value, bool):
        return sp.true if value else sp.false
    if isinstance(value, Fraction):
        return sp.Rational(value.numerator, value.denominator)
    return sp.Integer(value) if isinstance(value, int) else sp.Float(value)


def _array(items: list[Any], shape: tuple[int, ...]) -> Any:
    if len(shape) == 1:
        return sp.Matrix(shape[0], 1, items)
    if len(shape) == 2:
        return sp.Matrix(*shape, items)
    return sp.Array(items, shape)


def result(tree: Tree, leaves: Sequence[Any]) -> Any:
    """The leaves, nested as the function's result is; a sparse result becomes a SparseMatrix."""
    if isinstance(tree, int):
        return leaves[tree]
    if isinstance(tree, Csr):
        values = leaves[tree.position]
        places = {
            (r, tree.indices[k]): values[k]
            for r in range(tree.shape[0])
            for k in range(tree.indptr[r], tree.indptr[r + 1])
        }
        return sp.SparseMatrix(*tree.shape, places)
    return tuple(result(t, leaves) for t in tree)
