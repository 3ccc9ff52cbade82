"""The graph as SymPy expressions, in the symbols the user gave."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from symgrad.dialects import sympy as dialect
from symgrad.errors import UnsupportedError
from symgrad.graph import CONST, INPUT, Graph, Node, Type
from symgrad.graph.tree import Csr, Tree
from symgrad.ops.control import accumulates, parts
from symgrad.show import matrix_sympy
from symgrad.show.expanded import multiplied_out

CLASSES: dict[str, Any] = {name: cls for table in (dialect.FOLDED, dialect.SAME) for cls, name in table.items()}
CONSTANTS = {name: constant for constant, name in dialect.NAMED.items()}

CHAINS: dict[str, Any] = {"add": sp.Add, "subtract": sp.Add, "multiply": sp.Mul}
"""Operations that SymPy takes many at a time: a sum of n terms, built two by two, would take n**2 steps."""
LARGEST = 4300
"""Digits of the largest exact number, and the largest argument of a function that SymPy works out exactly."""
LARGE = 64
"""SymPy works functions out exactly at numbers (gamma(10**9) would not end): at larger ones they stay as they are."""


def expressions(graph: Graph, outputs: Sequence[int], symbols: dict[str, Any]) -> list[Any]:
    """One SymPy object per output: a scalar expression or a Matrix (an Array for three axes or more)."""
    graph, outputs = multiplied_out(graph, outputs)
    live = graph.reach(outputs)
    uses = [0] * len(graph)
    follows: dict[int, str] = {}  # by whose first argument, or any where order does not matter
    for i, needed in enumerate(live):
        if needed:
            for k, a in enumerate(graph.args[i]):
                uses[a] += 1
                follows[a] = graph.ops[i].name if k == 0 or graph.ops[i].name != "subtract" else ""
    for o in outputs:
        uses[o] += 2
    made: dict[int, Any] = {}
    chains: dict[int, list[Any]] = {}
    for i, needed in enumerate(live):
        if not needed:
            continue
        name = graph.ops[i].name
        chain = CHAINS.get(name)
        if chain is None or graph.types[i].shape:
            made[i] = _one(graph, i, made, symbols)
            continue
        a, b = graph.args[i]
        items = chains.pop(a, None) or [made[a]]
        items += [-made[b]] if name == "subtract" else chains.pop(b, None) or [made[b]]
        if uses[i] == 1 and CHAINS.get(follows[i]) is chain:
            chains[i] = items
        else:
            made[i] = chain(*items)
    return [made[o] for o in outputs]


def _one(graph: Graph, i: int, made: dict[int, Any], symbols: dict[str, Any]) -> Any:
    op = graph.ops[i]
    if op is CONST:
        return _constant(graph.attrs[i][0])
    if op is INPUT:
        name = graph.attrs[i][0]
        given = symbols.get(name)
        if given is None:
            shape = graph.types[i].shape
            return matrix_sympy.symbol(name, shape) if shape else sp.Symbol(name)
        return given
    if op.kind == "flow":
        raise UnsupportedError(f"{op.name} has no form in SymPy; use .latex() or .python()")
    args = [made[a] for a in graph.args[i]]
    if op.name == "fold":
        return _fold(graph, i, args)
    array = matrix_sympy.array(graph, i, args, lambda k, given: _apply(graph, k, given))
    if array is not None:
        return array
    return _apply(graph, i, args)


def _apply(graph: Graph, i: int, args: list[Any]) -> Any:
    """The operation of node `i` on these arguments."""
    op = graph.ops[i]
    attrs = dict(zip(op.attrs, graph.attrs[i], strict=True))
    if op.name == "stack":
        return _array(args, attrs["shape"])
    if op.name in ("power", "integer_power"):
        _check_power(args[0], attrs["n"] if attrs else args[1])
    build = dialect.WRITTEN.get(op.name) or CLASSES.get(op.name)
    if build is not None:
        try:
            with sp.evaluate(_simplifies(op.name, args, attrs)):
                return build(*args, **attrs)
        except (ArithmeticError, TypeError, ValueError):  # what SymPy works out at a pole, at a degree of 1/2, ...
            with sp.evaluate(False):
                return build(*args, **attrs)
    meaning = op.means or op.fallback
    if meaning is None:
        raise UnsupportedError(f"{op.name} has no form in SymPy")
    small = Graph()
    inputs = [small.input(f"_{k}", Type(graph.types[a].dtype)) for k, a in enumerate(graph.args[i])]
    root = meaning(*(Node(small, a) for a in inputs), **attrs).id
    return expressions(small, [root], {f"_{k}": x for k, x in enumerate(args)})[0]


_PLAIN = (
    "add",
    "subtract",
    "multiply",
    "divide",
    "negative",
    "power",
    "integer_power",
    "sqrt",
    "where",
    "mask",
    "cast",
)


def _simplifies(name: str, args: list[Any], attrs: dict[str, Any]) -> bool:
    """Whether SymPy may simplify this function of these arguments; refused where it would even if it may not."""
    if name in _PLAIN or not all(isinstance(a, sp.Basic) for a in args):
        return True
    if name in ("mod", "fmod") and not all(a.is_Atom for a in args):
        return False  # SymPy looks for a common divisor, of polynomials of any degree
    numbers = [a for a in (*args, *map(sp.sympify, attrs.values())) if a.is_Number]
    if all(abs(a) <= LARGE for a in numbers):
        return True
    if not hasattr(np, name) and all(a.is_number for a in args) and any(abs(a) > LARGEST for a in numbers):
        raise UnsupportedError(  # special functions, which NumPy has not
            f"SymPy would work out {name}({', '.join(str(a)[:20] for a in args)}), which may take too long; "
            ".python() and .latex() write it as it stands"
        )
    return False


def _check_power(x: Any, n: Any) -> None:
    """Refuse an exact power that would have too many digits, that of a coefficient too."""
    if not (isinstance(n, int) or n.is_Rational):
        return
    for part in (x, *x.args) if x.is_Mul or x.is_Pow else (x,):
        base = part.as_base_exp()[0]
        if base.is_Rational and base != 0 and abs(base) != 1:
            digits = abs(n) * math.log10(max(abs(base.p), base.q))
            if digits > LARGEST:
                raise UnsupportedError(f"a number of {int(digits)} digits stands in the formula: {base}**{n}")


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
