"""Arrays as SymPy's matrix expressions. An array of one axis is a column; more than two axes have no matrix form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import sympy as sp
from sympy.matrices.expressions.diagonal import DiagMatrix, DiagonalOf

from symgrad.errors import UnsupportedError
from symgrad.graph import Graph
from symgrad.show.contraction import Closed, Diagonal, Factor, Hadamard, Matrices, read

ELEMENT = sp.Dummy("d")


def symbol(name: str, shape: Sequence[int | None]) -> Any:
    """The matrix symbol of an input that SymPy has not seen."""
    return sp.MatrixSymbol(name, *_matrix_shape(shape, name))


def array(graph: Graph, i: int, args: Sequence[Any], scalar: Callable[[int, list[Any]], Any]) -> Any:
    """The matrix expression of a node that is or reads an array; None where it is that of scalars.

    `scalar(i, arguments)` is the expression of node `i` of scalar arguments.
    """
    op, attrs = graph.ops[i], graph.attrs[i]
    name = op.name
    shape = graph.types[i].shape
    if name == "einsum":
        return _einsum(graph, i, args)
    if name == "delta":
        return sp.Identity(attrs[0])
    if name == "basis":
        return sp.Matrix(attrs[0], 1, lambda r, _: int(r == attrs[1]))
    if name == "inv":
        return sp.Inverse(args[0])
    if name == "solve":
        _matrix_shape(shape, name)
        return sp.Inverse(args[0]) * args[1]
    if name == "det":
        return sp.Determinant(args[0])
    if name == "logdet":
        return sp.log(sp.Determinant(args[0]))
    if name == "logabsdet":
        return sp.log(sp.Abs(sp.Determinant(args[0])))
    if name == "broadcast":
        return _constant(graph.types[graph.args[i][0]].shape, args[0], _matrix_shape(shape, name))
    if name == "element" and isinstance(args[0], sp.MatrixExpr):
        return args[0][attrs[0]] if len(attrs[0]) == 2 else args[0][attrs[0][0], 0]
    if not shape or op.kind not in ("elementwise", "constant"):
        return None
    _matrix_shape(shape, name)
    return _elementwise(graph, i, args, scalar)


def _matrix_shape(shape: Sequence[int | None], what: str) -> tuple[int, int]:
    if len(shape) > 2 or None in shape:
        raise UnsupportedError(
            f"{what} of shape {tuple(shape)} has no form as a SymPy matrix expression; use .latex() or .python()"
        )
    n, m = (*shape, 1, 1)[:2]
    return int(n or 0), int(m or 0)


def _constant(inner: Sequence[int | None], value: Any, shape: tuple[int, int]) -> Any:
    if not inner:
        return sp.ZeroMatrix(*shape) if value == 0 else value * sp.OneMatrix(*shape)
    if len(inner) == 1:
        return sp.OneMatrix(shape[0], 1) * value.T
    raise UnsupportedError("an array of more than two axes has no form as a SymPy matrix expression")


def _elementwise(graph: Graph, i: int, args: Sequence[Any], scalar: Callable[[int, list[Any]], Any]) -> Any:
    name, attrs = graph.ops[i].name, graph.attrs[i]
    if name == "add":
        return args[0] + args[1]
    if name == "subtract":
        return args[0] - args[1]
    if name == "negative":
        return -args[0]
    if name == "multiply":
        return sp.HadamardProduct(*args)
    if name == "divide":
        return sp.HadamardProduct(args[0], sp.HadamardPower(args[1], -1))
    if name == "integer_power":
        return sp.HadamardPower(args[0], attrs[0])
    numbers = [_number(graph, a, x) for a, x in zip(graph.args[i], args, strict=True)]
    arrays = {x for n, x in zip(numbers, args, strict=True) if n is None}
    if len(arrays) != 1:
        raise UnsupportedError(f"{name} of several matrices has no form in SymPy; use .latex() or .python()")
    body = scalar(i, [ELEMENT if n is None else n for n in numbers])
    return arrays.pop().applyfunc(sp.Lambda(ELEMENT, body))


def _number(graph: Graph, a: int, expression: Any) -> Any:
    """The scalar that is the same in all places, or None."""
    if graph.ops[a].name != "broadcast" or graph.types[graph.args[a][0]].shape:
        return None
    if isinstance(expression, sp.ZeroMatrix):
        return sp.Integer(0)
    return expression.args[0] if isinstance(expression, sp.MatMul) else sp.Integer(1)


def _einsum(graph: Graph, i: int, args: Sequence[Any]) -> Any:
    found = read(graph, i)
    shape = graph.types[i].shape
    if found is None:
        shapes = ", ".join(str(graph.types[a].shape) for a in graph.args[i])
        raise UnsupportedError(
            f"a product of arrays of shapes {shapes} (to {shape}) has no form as a SymPy matrix expression; "
            "use .latex() or .python()"
        )
    if isinstance(found, Diagonal):
        return DiagonalOf(args[0])
    if isinstance(found, Hadamard):
        product: Any = sp.HadamardProduct(*(_factor(f, args) for f in found.factors))
    else:
        product = _product(found, args)
    scalars = [args[k] for k in found.scalars]
    if isinstance(found, Matrices):
        scalars += [_number_of(c, args) for c in found.closed]
    for s in reversed(scalars):
        product = s * product
    return product


def _product(found: Matrices, args: Sequence[Any]) -> Any:
    """The chain of matrices, or 1 where there is none."""
    factors = [f for f in found.product if f.operand >= 0 or f.size != 1]
    return reduce(lambda a, b: a * b, [_factor(f, args) for f in factors]) if factors else sp.Integer(1)


def _number_of(c: Closed, args: Sequence[Any]) -> Any:
    return sp.Trace(reduce(lambda a, b: a * b, [_factor(f, args) for f in c.factors]))


def _factor(f: Factor, args: Sequence[Any]) -> Any:
    if f.operand < 0:
        ones = sp.OneMatrix(f.size, 1)
        return ones if f.role == "column" else ones.T
    m = args[f.operand]
    if f.role in ("transposed", "row"):
        return sp.Transpose(m).doit()
    if f.role == "diagonal":
        return DiagMatrix(m)
    return m
