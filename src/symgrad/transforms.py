"""Transforms: each takes a Function and returns a Function, so they nest freely.

`wrt` takes positions, names or SymPy symbols, one or a sequence; the default is every input that is not a
parameter. Where `wrt` names one variable the result is bare, else it is a tuple.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from symgrad import arrays
from symgrad import sparse as of_sparse
from symgrad.chunks import within as in_chunks
from symgrad.defining import take_as_function
from symgrad.derive import tensors
from symgrad.derive.accumulate import Entries
from symgrad.derive.choose import accumulate
from symgrad.derive.taylor import derivatives
from symgrad.errors import ArgumentError
from symgrad.function import Function
from symgrad.generic import RESULTS, PythonFunction, lifted
from symgrad.graph import FLOATS, REGISTER, Graph
from symgrad.graph.pause import no_collector
from symgrad.graph.tree import Csr
from symgrad.simplify import simplify
from symgrad.structure import structured


def variables(f: Function, wrt: Any) -> tuple[list[int], bool]:
    """Positions of the inputs that `wrt` means, and whether it means a single one."""
    names = f.names
    if wrt is None:
        chosen = [k for k, n in enumerate(names) if n not in f.parameters]
        if not chosen:
            raise ArgumentError(f"{f.name} has no variables to differentiate by; say which with wrt=")
        return chosen, len(chosen) == 1
    many = isinstance(wrt, (list, tuple))
    out = []
    for w in wrt if many else [wrt]:
        if isinstance(w, int) and not isinstance(w, bool):
            if not -len(names) <= w < len(names):
                raise ArgumentError(f"wrt={w}: {f.name} has {len(names)} inputs")
            out.append(w % len(names))
        elif str(w) in names:
            out.append(names.index(str(w)))
        else:
            raise ArgumentError(f"wrt={w}: not an input of {f.name}; it has {', '.join(names)}")
    if len(set(out)) != len(out):
        raise ArgumentError(f"wrt names an input twice: {wrt}")
    return out, not many


def _derived(
    f: Function, graph: Graph, outputs: Sequence[int], tree: Any, notes: Sequence[str] = (), *, name: str
) -> Function:
    return Function(
        graph,
        [graph.input(f.graph.attrs[i][0], f.graph.types[i]) for i in f.inputs],
        outputs,
        name=name,
        tree=tree,
        parameters=f.parameters,
        symbols=f.symbols,
        notes=notes,
        simple=True,
    )


def _accumulate(
    f: Function,
    rows: Sequence[int],
    columns: Sequence[int],
    mode: str,
    lower: bool = False,
    values: bool = False,
) -> tuple[Graph, Entries, list[int], list[str]]:
    """The Jacobian of scalar nodes by scalar inputs of f's graph, simplified, and notes on what was chosen.

    The result's graph holds the inputs and the entries only; with `values`, the rows themselves too, whose new
    ids come third. `lower`: of a symmetric result, the lower triangle is enough.
    """
    with no_collector():
        base, ids = f.lean(rows)
        inputs = dict(zip(f.inputs, f.inputs_in(base), strict=True))
        g, entries, note = accumulate(base, ids, [inputs[c] for c in columns], mode)
        if lower:
            entries = {(r, c): v for (r, c), v in entries.items() if c <= r}
        places = list(entries)
        out, new = simplify(g, [*(entries[p] for p in places), *(ids if values else ())])
    entries = {p: v for p, v in zip(places, new, strict=False) if out.value(v) != 0}  # some cancel
    return out, entries, new[len(places) :], [note, *f.rewrites]


def _scalars(f: Function, position: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The scalar nodes of one output, and its shape with the 1 of a row or column vector dropped."""
    o = f.outputs[position]
    shape = f.graph.types[o].lengths
    if f.graph.ops[o] is REGISTER["stack"]:
        entries = f.graph.args[o]
    elif not shape:
        entries = (o,)
    else:
        raise ArgumentError(f"{f.name}: output {position} is not made of scalars")
    if len(shape) == 2 and 1 in shape:
        shape = (math.prod(shape),)
    return entries, shape


def grad(f: Any, wrt: Any = None, mode: str = "auto") -> Any:
    """The gradient of a scalar function: one derivative per variable.

    Of a Python function, by its first argument unless `wrt` says otherwise, nested as that argument is.

    Example:
        >>> import sympy as sp, symgrad as sg
        >>> x, y = sp.symbols("x y")
        >>> sg.grad(sg.function([x, y], x**2 + y**2))(3.0, 4.0)
        (6.0, 8.0)
    """
    f = take_as_function(f)
    if isinstance(f, PythonFunction):
        return lifted(f, "grad", wrt, lambda own, slots: grad(own, slots, mode), RESULTS["gradient"], mode)
    chosen, single = _of_scalar(f, wrt, "grad")
    if arrays.of_arrays(f, chosen, mode):
        return _derived(f, *arrays.gradient(f, chosen, single, mode), name=f"grad {f.name}")
    g, outputs, tree, _, notes = _gradient(f, wrt, mode)
    return _derived(f, g, outputs, tree, notes, name=f"grad {f.name}")


def value_and_grad(f: Any, wrt: Any = None, mode: str = "auto") -> Any:
    """(value, gradient), which share their common sub-expressions."""
    f = take_as_function(f)
    if isinstance(f, PythonFunction):
        return lifted(
            f,
            "value_and_grad",
            wrt,
            lambda own, slots: value_and_grad(own, slots, mode),
            RESULTS["value_and_gradient"],
            mode,
        )
    chosen, single = _of_scalar(f, wrt, "value_and_grad")
    if arrays.of_arrays(f, chosen, mode):
        return _derived(f, *arrays.gradient(f, chosen, single, mode, values=True), name=f"value_and_grad {f.name}")
    g, outputs, tree, value, notes = _gradient(f, wrt, mode, values=True)
    shifted = 1 if isinstance(tree, int) else tuple(k + 1 for k in tree)
    return _derived(f, g, [*value, *outputs], (0, shifted), notes, name=f"value_and_grad {f.name}")


def _of_scalar(f: Function, wrt: Any, what: str) -> tuple[list[int], bool]:
    """As `variables`, of a function whose result is one number."""
    chosen, single = variables(f, wrt)
    if not arrays.is_scalar(f):
        raise ArgumentError(f"{what} needs a scalar function, {f!r} is not one; use sg.jacobian")
    return chosen, single


def _gradient(
    f: Function, wrt: Any, mode: str, values: bool = False
) -> tuple[Graph, list[int], Any, list[int], list[str]]:
    chosen, single = _of_scalar(f, wrt, "grad")
    g, entries, value, notes = _accumulate(f, _scalars(f, 0)[0], [f.inputs[k] for k in chosen], mode, values=values)
    zero = g.const(0, _dtype(f, 0))
    outputs = [entries.get((0, k), zero) for k in range(len(chosen))]
    return g, outputs, 0 if single else tuple(range(len(outputs))), value, notes


def jacobian(
    f: Any,
    wrt: Any = None,
    sparse: bool = False,
    mode: str = "auto",
    structure: str = "dense",
    memory: str | int | None = None,
) -> Any:
    """The Jacobian of each output: its shape and one more axis for the variables.

    Rows and columns vectors count as vectors, so a (m, 1) matrix gives (m, n), as in SymPy.
    `sparse=True` computes the structural nonzeros only and returns a `scipy.sparse.csr_array`
    (a batch returns their values alone, shape batch + (nnz,)); `.pattern` holds their places.

    By arrays (a MatrixSymbol), one Jacobian per variable: the axes of the output, then those of the variable.
    Of a Python function, one per leaf of the result and of the argument, with all axes of both.

    `structure="auto"`: a derivative by arrays comes as a `FactoredArray`, with `@`, `solve`, `todense`, `toscipy`:
    a sum of products of smaller arrays (diagonal, block diagonal, Kronecker, of low rank) where it is one.
    `memory="2GB"` (or bytes): results that take more together come as `Chunks`, some rows at a time.
    """
    _check_form(sparse, structure)
    if memory is not None:
        return in_chunks(jacobian(f, wrt, sparse, mode, structure), memory)
    f = take_as_function(f)
    if isinstance(f, PythonFunction):
        made = lifted(
            f,
            "jacobian",
            wrt,
            lambda own, slots: _whole_jacobian(own, slots, sparse, mode, structure),
            RESULTS["jacobian"],
            (sparse, mode, structure),
        )
        if sparse or structure != "dense":
            made.whole = partial(jacobian, f, wrt, mode=mode)
        return made
    chosen, single = variables(f, wrt)
    if arrays.of_arrays(f, chosen, mode):
        if sparse:
            return _derived(f, *of_sparse.jacobian(f, chosen, single), name=f"jacobian {f.name}")
        found = _derived(f, *arrays.jacobian(f, chosen, single, mode=mode), name=f"jacobian {f.name}")
        many = len(found.outputs) // len(f.outputs)
        ranks = [r for r in _vector_ranks(f, f.outputs) for _ in range(many)]
        return _derived(f, *structured(found, structure, ranks), name=found.name)
    if isinstance(f.tree, Csr):
        f = _dense(f, f.tree)
    columns = [f.inputs[k] for k in chosen]
    rows = []
    shapes = []
    for k in range(len(f.outputs)):
        entries, shape = _scalars(f, k)
        rows.append(entries)
        shapes.append(shape)
    flat = [r for part in rows for r in part]
    g, values, _, notes = _accumulate(f, flat, columns, mode)
    outputs = []
    trees = []
    start = 0
    for k, (part, shape) in enumerate(zip(rows, shapes, strict=True)):
        block = {(r - start, c): v for (r, c), v in values.items() if start <= r < start + len(part)}
        node, tree = _pack(g, block, len(part), len(columns), (*shape, len(columns)), sparse, k, _dtype(f, k))
        outputs.append(node)
        trees.append(tree)
        start += len(part)
    tree = trees[0] if f.tree == 0 else tuple(trees)
    return _derived(f, g, outputs, tree, notes, name=f"jacobian {f.name}")


def _check_form(sparse: bool, structure: str) -> None:
    if sparse and structure != "dense":
        raise ArgumentError(f"sparse=True and structure={structure!r}: one of them; structure='auto' looks for both")


def _whole_jacobian(f: Function, chosen: list[int], sparse: bool, mode: str, structure: str) -> Function:
    """One Jacobian per output and variable, with all axes of both."""
    name = f"jacobian {f.name}"
    if arrays.of_arrays(f, chosen, mode):
        if sparse:
            return _derived(f, *of_sparse.jacobian(f, chosen, False), name=name)
        found = _derived(f, *arrays.jacobian(f, chosen, False, True, mode), name=name)
        ranks = [r for r in _ranks(f, f.outputs) for _ in chosen]
        nonzeros = partial(of_sparse.jacobian, f, chosen, False, thin=True)
        return _derived(f, *structured(found, structure, ranks, nonzeros), name=name)
    g, entries, _, notes = _accumulate(f, f.outputs, [f.inputs[k] for k in chosen], mode)
    outputs = [entries.get((r, c), g.const(0, _dtype(f, r))) for r in range(len(f.outputs)) for c in range(len(chosen))]
    return _derived(f, g, outputs, tuple(range(len(outputs))), notes, name=name)


def _whole_hessian(f: Function, chosen: list[int], sparse: bool, mode: str, structure: str) -> Function:
    """One block per pair of variables, with all axes of both."""
    name = f"hessian {f.name}"
    _of_scalar(f, chosen, "hessian")
    if arrays.of_arrays(f, chosen, mode):
        if sparse:
            return _derived(f, *of_sparse.hessian(f, chosen, False), name=name)
        found = _derived(f, *arrays.hessian(f, chosen, False, True, mode), name=name)
        ranks = [r for r in _ranks(f, [f.inputs[k] for k in chosen]) for _ in chosen]
        nonzeros = partial(of_sparse.hessian, f, chosen, False, thin=True)
        return _derived(f, *structured(found, structure, ranks, nonzeros), name=name)
    return _whole_jacobian(grad(f, chosen, mode), chosen, sparse, mode, structure)


def _vector_ranks(f: Function, nodes: Sequence[int]) -> list[int]:
    """As `_ranks`, a row or column of a matrix counting as a vector."""
    return [len(tensors.axes(f.graph.types[i].shape)) for i in nodes]


def _ranks(f: Function, nodes: Sequence[int]) -> list[int]:
    return [len(f.graph.types[i].shape) for i in nodes]


def _dense(f: Function, tree: Csr) -> Function:
    """A function with a sparse result as one with the whole matrix, its zeros written out."""
    g = f.graph.copy()
    values = g.args[f.outputs[tree.position]]
    zero = g.const(0, _dtype(f, tree.position))
    rows, columns = tree.shape
    entries = [zero] * (rows * columns)
    for r in range(rows):
        for k in range(tree.indptr[r], tree.indptr[r + 1]):
            entries[r * columns + tree.indices[k]] = values[k]
    node = g.add(REGISTER["stack"], tuple(entries), (tree.shape,))
    return _derived(f, g, [node], 0, f._notes, name=f.name)


def _dtype(f: Function, position: int) -> str:
    """The dtype of the derivative of one output: its own, where that is a floating-point one."""
    dtype = f.graph.types[f.outputs[position]].dtype
    return dtype if dtype in FLOATS else "float64"


def _pack(
    g: Graph,
    entries: Entries,
    rows: int,
    columns: int,
    shape: tuple[int, ...],
    sparse: bool,
    position: int,
    dtype: str,
) -> tuple[int, Any]:
    """The entries as one output: dense of `shape`, or the values of a CSR matrix."""
    stack = REGISTER["stack"]
    if not sparse:
        zero = g.const(0, dtype)
        dense = tuple(entries.get((r, c), zero) for r in range(rows) for c in range(columns))
        return g.add(stack, dense, (shape,)), position
    places = sorted(entries)
    indptr = [0] * (rows + 1)
    for r, _ in places:
        indptr[r + 1] += 1
    for r in range(rows):
        indptr[r + 1] += indptr[r]
    node = g.add(stack, tuple(entries[p] for p in places), ((len(places),),))
    return node, Csr(position, tuple(indptr), tuple(c for _, c in places), (rows, columns))


def hessian(
    f: Any,
    wrt: Any = None,
    sparse: bool = False,
    mode: str = "auto",
    structure: str = "dense",
    memory: str | int | None = None,
) -> Any:
    """The Hessian of a scalar function, shape (n, n); each symmetric pair is computed once.

    `sparse=True`, `structure="auto"` and `memory` as for `jacobian`. By arrays, one block per pair of variables, of
    the axes of both.
    """
    _check_form(sparse, structure)
    if memory is not None:
        return in_chunks(hessian(f, wrt, sparse, mode, structure), memory)
    f = take_as_function(f)
    if isinstance(f, PythonFunction):
        made = lifted(
            f,
            "hessian",
            wrt,
            lambda own, slots: _whole_hessian(own, slots, sparse, mode, structure),
            RESULTS["hessian"],
            (sparse, mode, structure),
        )
        if sparse or structure != "dense":
            made.whole = partial(hessian, f, wrt, mode=mode)
        return made
    chosen, single = _of_scalar(f, wrt, "hessian")
    if arrays.of_arrays(f, chosen, mode):
        if sparse:
            return _derived(f, *of_sparse.hessian(f, chosen, single), name=f"hessian {f.name}")
        found = _derived(f, *arrays.hessian(f, chosen, single, mode=mode), name=f"hessian {f.name}")
        if len(found.outputs) != len(chosen) ** 2:  # of scalars: one matrix
            return _derived(f, *structured(found, structure, [1]), name=found.name)
        ranks = _vector_ranks(f, [f.inputs[k] for k in chosen])
        return _derived(f, *structured(found, structure, [r for r in ranks for _ in chosen]), name=found.name)
    first = grad(f, chosen, mode)
    columns = [first.inputs[k] for k in chosen]
    g, half, _, notes = _accumulate(first, first.outputs, columns, mode, lower=True)
    full = half | {(c, r): v for (r, c), v in half.items()}
    n = len(columns)
    node, tree = _pack(g, full, n, n, (n, n), sparse, 0, _dtype(f, 0))
    return _derived(f, g, [node], tree, notes, name=f"hessian {f.name}")


def derivative(f: Any, wrt: Any = None, order: int = 1) -> Any:
    """The derivative of the given order by one variable.

    By a scalar it has the form of f's result. By an array it has the axes of the result, then those of the variable
    once per order, as the third derivative of a scalar by a vector: (n, n, n).
    """
    f = take_as_function(f)
    if isinstance(f, PythonFunction):
        return lifted(
            f, "derivative", wrt, lambda own, slots: _derivative(own, slots, order, True), RESULTS["value"], order
        )
    return _derivative(f, wrt, order)


def _derivative(f: Function, wrt: Any, order: int, whole: bool = False) -> Function:
    """`whole`: axes of length 1 of an array count, too."""
    chosen, single = variables(f, wrt)
    if not single and len(chosen) > 1:
        raise ArgumentError(f"derivative needs one variable; say which with wrt= ({', '.join(f.names)})")
    if isinstance(order, bool) or not isinstance(order, (int, np.integer)) or order < 0:
        raise ArgumentError(f"order={order!r}: a derivative's order is a whole number, 0 or more")
    if arrays.of_arrays(f, chosen):
        return _derived(f, *arrays.derivative(f, chosen[0], order, whole), name=f"derivative[{order}] {f.name}")
    with no_collector():
        rows = [r for k in range(len(f.outputs)) for r in _scalars(f, k)[0]]
        base, ids = f.lean(rows)
        at = f.inputs_in(base)[chosen[0]]
        zero = base.const(0, _dtype(f, 0))
        values = [row[order] for row in derivatives(base, ids, at, order)]
        g, values = simplify(base, [zero if v is None else v for v in values])
    outputs = []
    start = 0
    for o in f.outputs:
        shape = f.graph.types[o].shape
        part = tuple(values[start : start + math.prod(f.graph.types[o].lengths)])
        start += len(part)
        outputs.append(g.add(REGISTER["stack"], part, (shape,)) if shape else part[0])
    note = f"order {order} by Taylor propagation"
    return _derived(f, g, outputs, f.tree, [note, *f.rewrites], name=f"derivative[{order}] {f.name}")
