"""SymPy's matrix expressions: matrices stay matrices, a MatrixSymbol is an array of its shape.

Products are multiplied in the order that takes the fewest operations; an inverse times something solves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction
from sympy.matrices.expressions.diagonal import DiagMatrix, DiagonalMatrix, DiagonalOf
from sympy.matrices.expressions.dotproduct import DotProduct
from sympy.matrices.expressions.matexpr import MatrixElement

from symgrad.define.loops import integer
from symgrad.define.sympy import OWN_WALK, Import, brief, fold, reads
from symgrad.errors import UnsupportedError
from symgrad.graph import REGISTER, Graph, Type
from symgrad.graph.node import spread
from symgrad.ops.einsum import contract, matmul, transpose

OWN_WALK.update(
    (MatrixElement, sp.Identity, sp.ZeroMatrix, sp.OneMatrix, ElementwiseApplyFunction, sp.MatPow, sp.HadamardPower)
)
LONGEST = 40
"""Factors of a product whose best order is searched: the search grows as their cube."""
EXPLICIT = (sp.ImmutableDenseMatrix, sp.ImmutableSparseMatrix)
OWN_WALK.update(EXPLICIT)


def size(e: Any) -> tuple[int, int]:
    """The shape of a matrix expression as numbers. Raises UnsupportedError for symbolic sizes."""
    if not all(n.is_Integer for n in map(sp.sympify, e.shape)):
        shape = " x ".join(map(str, e.shape))
        raise UnsupportedError(f"{brief(e)} has the symbolic size {shape}; give numbers, as in MatrixSymbol('A', 3, 3)")
    return int(e.shape[0]), int(e.shape[1])


@reads(sp.MatrixSymbol)
def _symbol(imp: Import, e: Any, args: list[int]) -> int:
    raise UnsupportedError(f"{brief(e)} is not among the symbols of the function")


@reads(*EXPLICIT)
def _explicit(imp: Import, e: Any, args: list[int]) -> int:
    return imp.graph.build(REGISTER["stack"], tuple(imp.inner(e.flat())), (size(e),))


@reads(sp.Identity)
def _identity(imp: Import, e: Any, args: list[int]) -> int:
    return imp.graph.build(REGISTER["delta"], (), (size(e)[0], imp.dtype))


@reads(sp.ZeroMatrix)
def _zeros(imp: Import, e: Any, args: list[int]) -> int:
    return spread(imp.graph, imp.graph.const(0, imp.dtype), size(e))


@reads(sp.OneMatrix)
def _ones(imp: Import, e: Any, args: list[int]) -> int:
    return spread(imp.graph, imp.graph.const(1, imp.dtype), size(e))


@reads(sp.MatAdd)
def _add(imp: Import, e: Any, args: list[int]) -> int:
    negative = REGISTER["negative"]
    ops = imp.graph.ops
    first = [a for a in args if ops[a] is not negative]
    return fold(imp.graph, "add", first + [a for a in args if ops[a] is negative])


@reads(sp.MatMul)
def _multiply(imp: Import, e: Any, args: list[int]) -> int:
    g = imp.graph
    scalars = [a for a in args if not g.types[a].shape]
    product = chain(g, [a for a in args if g.types[a].shape])
    if not scalars:
        return product
    return contract(g, [(fold(g, "multiply", scalars), ()), (product, (0, 1))], (0, 1))


@reads(sp.Transpose, sp.Adjoint)
def _transpose(imp: Import, e: Any, args: list[int]) -> int:
    return transpose(imp.graph, args[0], (1, 0))  # of real matrices, the adjoint is the transpose


@reads(sp.Inverse)
def _inverse(imp: Import, e: Any, args: list[int]) -> int:
    return imp.graph.build(REGISTER["inv"], (args[0],))


@reads(sp.MatPow)
def _power(imp: Import, e: Any, args: list[int]) -> int:
    g = imp.graph
    if not e.exp.is_Integer:
        raise UnsupportedError(f"{brief(e)}: matrices have whole powers only; for their elements, HadamardPower")
    n = int(e.exp)
    (base,) = imp.inner([e.base])
    if n < 0:
        base, n = g.build(REGISTER["inv"], (base,)), -n
    result: int | None = None
    while n:
        if n & 1:
            result = base if result is None else matmul(g, result, base)
        n >>= 1
        base = matmul(g, base, base) if n else base
    return g.build(REGISTER["delta"], (), (size(e)[0], imp.dtype)) if result is None else result


@reads(sp.Trace)
def _trace(imp: Import, e: Any, args: list[int]) -> int:
    return contract(imp.graph, [(args[0], (0, 0))], ())


@reads(sp.Determinant)
def _determinant(imp: Import, e: Any, args: list[int]) -> int:
    return imp.graph.build(REGISTER["det"], tuple(args))


@reads(sp.log)
def _log(imp: Import, e: Any, args: list[int]) -> int:
    """The logarithm; of a determinant, without overflow."""
    g = imp.graph
    (a,) = args
    if g.ops[a] is REGISTER["det"]:
        return g.build(REGISTER["logdet"], g.args[a])
    if g.ops[a] is REGISTER["abs"] and g.ops[g.args[a][0]] is REGISTER["det"]:
        return g.build(REGISTER["logabsdet"], g.args[g.args[a][0]])
    return g.build(REGISTER["log"], (a,))


@reads(sp.HadamardProduct)
def _hadamard(imp: Import, e: Any, args: list[int]) -> int:
    return fold(imp.graph, "multiply", args)


@reads(sp.HadamardPower)
def _hadamard_power(imp: Import, e: Any, args: list[int]) -> int:
    g = imp.graph
    if e.exp.is_Integer and not getattr(e.exp, "shape", ()):
        (base,) = imp.inner([e.base])
        return g.build(REGISTER["integer_power"], (base,), (int(e.exp),))
    base, exponent = imp.inner([e.base, e.exp])
    shape = g.types[base].shape or g.types[exponent].shape
    return g.build(REGISTER["power"], (spread(g, base, shape), spread(g, exponent, shape)))


@reads(DotProduct)
def _dot(imp: Import, e: Any, args: list[int]) -> int:
    """The sum of products, of rows or columns."""
    columns = [imp.graph.types[a].shape[1] == 1 for a in args]
    parts = [(a, (0, k) if column else (k, 0)) for k, (a, column) in enumerate(zip(args, columns, strict=True), 1)]
    return contract(imp.graph, parts, ())


@reads(DiagonalOf)
def _diagonal_of(imp: Import, e: Any, args: list[int]) -> int:
    return contract(imp.graph, [(args[0], (0, 0))], (0, 1), {1: 1})


@reads(DiagMatrix)
def _diag_matrix(imp: Import, e: Any, args: list[int]) -> int:
    g = imp.graph
    n, m = g.types[args[0]].lengths
    identity = g.build(REGISTER["delta"], (), (max(n, m), imp.dtype))
    return contract(g, [(args[0], (0, 2) if m == 1 else (2, 0)), (identity, (0, 1))], (0, 1))


@reads(DiagonalMatrix)
def _diagonal_matrix(imp: Import, e: Any, args: list[int]) -> int:
    g = imp.graph
    n, m = size(e)
    if n != m:
        raise UnsupportedError(f"{brief(e)}: the diagonal of a matrix that is not square")
    return contract(g, [(args[0], (0, 1)), (g.build(REGISTER["delta"], (), (n, imp.dtype)), (0, 1))], (0, 1))


@reads(sp.KroneckerProduct)
def _kronecker(imp: Import, e: Any, args: list[int]) -> int:
    g = imp.graph
    total = args[0]
    for a in args[1:]:
        (n, m), (p, q) = g.types[total].lengths, g.types[a].lengths
        tensor = contract(g, [(total, (0, 2)), (a, (1, 3))], (0, 1, 2, 3))
        total = g.build(REGISTER["reshape"], (tensor,), ((n * p, m * q),))
    return total


@reads(MatrixElement)
def _element(imp: Import, e: Any, args: list[int]) -> int:
    g = imp.graph
    rows, columns = size(e.parent)
    (matrix,) = imp.inner([e.parent])
    if e.i.is_Integer and e.j.is_Integer:
        return g.build(REGISTER["element"], (matrix,), ((int(e.i) % rows, int(e.j) % columns),))
    return g.build(REGISTER["gather"], (matrix, integer(imp, e.i), integer(imp, e.j)))


@reads(ElementwiseApplyFunction)
def _apply(imp: Import, e: Any, args: list[int]) -> int:
    """A function of each element: its formula of one scalar, lifted to arrays."""
    g = imp.graph
    (variable,) = e.function.variables
    scalar = g.input("%element", Type(imp.dtype))
    (body,) = Import(g, imp.dtype, {**imp.known, variable: scalar}, imp.integers).read([e.function.expr])
    (matrix,) = imp.inner([e.expr])
    return lifted(g, body, scalar, matrix)


def lifted(g: Graph, root: int, scalar: int, array: int) -> int:
    """The formula at `root` with an array in place of a scalar input, element by element."""
    shape = g.types[array].shape
    new = {scalar: array}
    for i, needed in enumerate(g.reach([root])):
        if not needed or not any(a in new for a in g.args[i]):
            continue
        if g.ops[i].kind not in ("elementwise", "constant"):
            raise UnsupportedError(f"{g.ops[i].name} can't be applied to the elements of a matrix")
        new[i] = g.build(g.ops[i], tuple([spread(g, new.get(a, a), shape) for a in g.args[i]]), g.attrs[i])
    return new[root] if root in new else spread(g, root, shape)


def chain(g: Graph, matrices: Sequence[int]) -> int:
    """The product of matrices in the cheapest order (dynamic programming over the splits), in parts if it is long."""
    if len(matrices) > LONGEST:
        parts = [chain(g, matrices[k : k + LONGEST]) for k in range(0, len(matrices), LONGEST)]
        return chain(g, parts)
    n = len(matrices)
    sizes = [g.types[m].shape for m in matrices]
    cost = {(k, k): 0 for k in range(n)}
    split: dict[tuple[int, int], int] = {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            options = [
                (cost[i, k] + cost[k + 1, j] + (sizes[i][0] or 1) * (sizes[k][1] or 1) * (sizes[j][1] or 1), k)
                for k in range(i, j)
            ]
            cost[i, j], split[i, j] = min(options)
    made: dict[tuple[int, int], int] = {(k, k): m for k, m in enumerate(matrices)}
    stack = [(0, n - 1)]
    while stack:
        i, j = stack[-1]
        if (i, j) in made:
            stack.pop()
            continue
        k = split[i, j]
        missing = [part for part in ((i, k), (k + 1, j)) if part not in made]
        if missing:
            stack.extend(missing)
            continue
        made[i, j] = _pair(g, made[i, k], made[k + 1, j])
    return made[0, n - 1]


def _pair(g: Graph, a: int, b: int) -> int:
    """a b; an inverse is not formed but solved with."""
    inv, solve = REGISTER["inv"], REGISTER["solve"]
    if g.ops[a] is inv and g.ops[b] is not inv:
        return g.build(solve, (g.args[a][0], b))
    if g.ops[b] is inv and g.ops[a] is not inv:
        across = g.build(solve, (transpose(g, g.args[b][0], (1, 0)), transpose(g, a, (1, 0))))
        return transpose(g, across, (1, 0))
    return matmul(g, a, b)
