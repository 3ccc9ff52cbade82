"""What each node of a graph means to the planner, and which elements of its arguments an element of it reads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from symgrad.compile.llvm.nest import takes
from symgrad.compile.plan.packed import is_packed
from symgrad.compile.plan.views import Index, Shape
from symgrad.graph import CONST, INPUT, Graph, named
from symgrad.graph.type import FLOATS
from symgrad.ops.subscripts import parse, sums

LEAF, VIEW, MAP, REDUCE, PRODUCT, REGION, LIBRARY = "leaf", "view", "map", "reduce", "product", "region", "library"
SQUARES = "squares"

HOW = {"amax": "max", "amin": "min", "prod": "multiply"}
"""Reductions of the last axis, as a store of a nest says them."""

_LIGHT = frozenset(
    {
        *("add", "subtract", "multiply", "negative", "abs", "maximum", "minimum", "where", "mask", "cast", "sign"),
        *("less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "floor", "ceil"),
        *("logical_and", "logical_or", "logical_xor", "logical_not"),
    }
)
_SOLVES = frozenset({"divide", "sqrt"})
GEMM, GEMV = 1000, 4096
"""Multiplications from which on a product of matrices, or of a matrix and a vector, is worth a call of BLAS."""
FEW = 64
"""Elements up to which the matrices of a batch are summed by loops."""

Reading = Sequence[tuple[int | None, int, int]]
"""Per axis of an argument (axis of the result, start, step): the element at start + step * index."""


def kind(g: Graph, i: int) -> str:
    """How node `i` is computed.

    LEAF: it is there. VIEW: elements of its argument, none computed. MAP: each element by a few operations on
    elements of the arguments. REDUCE: sums of such. PRODUCT: a contraction for BLAS; SQUARES: one of x, x and v.
    REGION: put together in memory. LIBRARY: a call of the NumPy back end.
    """
    op, name = g.ops[i], g.ops[i].name
    if op is CONST or op is INPUT or name == "literal":
        return LEAF
    if name == "einsum":
        parts, out = parse(g.attrs[i][0])
        if not sums(parts, out):
            return VIEW if len(parts) == 1 else MAP
        return PRODUCT if is_product(g, i) else SQUARES if is_packed(g, i) else REDUCE
    if name in ("broadcast", "reshape", "element", "slice", "flip"):
        return VIEW
    if name in ("delta", "basis", "take", "take_along"):
        return MAP
    if name in HOW:
        return REDUCE
    if name in ("pad", "concatenate", "stack", "scatter_add", "put_along"):
        return REGION
    if op.kind not in ("elementwise", "constant") or not g.args[i]:
        return LIBRARY
    types = [g.types[a] for a in g.args[i]]
    if name == "cast" and types[0].dtype in FLOATS and g.types[i].dtype in FLOATS:
        return MAP  # loads and stores of nests convert
    same = all(t.shape == g.types[i].shape for t in types)
    return MAP if same and nestable(name, g.attrs[i], tuple([t.dtype for t in types])) else LIBRARY


def nestable(name: str, attrs: tuple[Any, ...], dtypes: tuple[str, ...]) -> bool:
    """Whether machine code has this operation on elements, by its fallback at least, without loops."""
    return takes(named(name), attrs, dtypes)


def weight(g: Graph, i: int) -> float:
    """About how many additions one element of a MAP node costs by itself."""
    op = g.ops[i]
    if op.name in _LIGHT:
        return 1.0
    if op.name == "einsum":
        return len(g.args[i]) - 1.0
    if op.name in ("delta", "basis", "take", "take_along"):
        return 1.0
    if op.name in _SOLVES:
        return 4.0
    if op.name == "integer_power":
        return 1.0 + 2.0 * math.log2(max(abs(g.attrs[i][0]), 1))
    return 15.0


def label_sizes(g: Graph, i: int) -> dict[int, int]:
    """The length of every label of the einsum at node `i`."""
    parts, _ = parse(g.attrs[i][0])
    return {
        x: n
        for a, labels in zip(g.args[i], parts, strict=True)
        for x, n in zip(labels, g.types[a].lengths, strict=True)
    }


def is_product(g: Graph, i: int) -> bool:
    """Whether the einsum at node `i`, which sums, is for BLAS: large, of two operands that share what is summed."""
    if len(g.args[i]) != 2 or g.types[i].dtype not in ("float32", "float64"):
        return False
    if any(g.types[a].dtype != g.types[i].dtype for a in g.args[i]):
        return False
    (a, b), out = parse(g.attrs[i][0])
    if len(set(a)) < len(a) or len(set(b)) < len(b):
        return False
    shared = [x for x in a if x in b and x not in out]
    if any(x not in out and x not in shared for x in (*a, *b)):
        return False
    sizes = label_sizes(g, i)
    k = math.prod(sizes[x] for x in shared)
    batch = [x for x in out if x in a and x in b]
    m = math.prod(sizes[x] for x in a if x in out and x not in batch)
    n = math.prod(sizes[x] for x in b if x in out and x not in batch)
    if m == 1 and n == 1:
        return False
    if m == 1 or n == 1:
        return m * n * k >= GEMV and not any(g.ops[x].name == "cast" for x in g.args[i])  # nests convert as they load
    if batch and m * n <= FEW:
        return False
    return m * n * k >= GEMM


def readings(g: Graph, i: int) -> Sequence[Reading] | None:
    """Which element of each argument an element of a VIEW or MAP node reads; None where no strides say it."""
    op, args = g.ops[i], g.args[i]
    rank = len(g.types[i].shape)
    if op.name == "einsum":
        parts, out = parse(g.attrs[i][0])
        return [[(out.index(x), 0, 1) for x in labels] for labels in parts]
    if op.name == "broadcast":
        lead = rank - len(g.types[args[0]].shape)
        return [[(lead + k, 0, 1) for k in range(rank - lead)]]
    if op.name == "element":
        return [[(None, k, 0) for k in g.attrs[i][0]]]
    if op.name == "slice":
        start, _, step = g.attrs[i]
        lead = rank - len(start)
        return [
            [(k, 0, 1) for k in range(lead)]
            + [(lead + k, s, t) for k, (s, t) in enumerate(zip(start, step, strict=True))]
        ]
    if op.name == "flip":
        turned = {rank + a for a in g.attrs[i][0]}
        lengths = g.types[i].lengths
        return [[(k, lengths[k] - 1, -1) if k in turned else (k, 0, 1) for k in range(rank)]]
    if op.name == "reshape":
        own, new = g.types[args[0]].lengths, g.types[i].lengths
        if [n for n in own if n != 1] != [n for n in new if n != 1]:
            return None
        places = iter([k for k, n in enumerate(new) if n != 1])
        return [[(None, 0, 0) if n == 1 else (next(places), 0, 1) for n in own]]
    return [[(k, 0, 1) for k in range(rank)] for _ in args]


def at(reading: Reading, index: Sequence[Index]) -> tuple[Index, ...]:
    """The index into an argument, of the result's at `index`."""
    return tuple([Index((), start) if k is None else index[k].scaled(step, start) for k, start, step in reading])


def strided(reading: Reading, strides: Shape, offset: int, rank: int) -> tuple[Shape, int]:
    """Strides and offset of a VIEW node with `rank` axes of an argument that lies so."""
    own = [0] * rank
    for (k, start, step), s in zip(reading, strides, strict=True):
        offset += start * s
        if k is not None:
            own[k] += step * s
    return tuple(own), offset
