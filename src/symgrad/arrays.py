"""What the transforms do where arrays are in play: one derivative per variable, an array of its own.

`transforms` asks `of_arrays` and hands over; scalars, and outputs packed of scalars, stay with the entries that
`derive.choose` accumulates.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from symgrad.derive import tensors
from symgrad.derive.tangents import tangents, zero_like
from symgrad.errors import ArgumentError
from symgrad.function import Function
from symgrad.graph import REGISTER, Graph, Node
from symgrad.graph.pause import no_collector
from symgrad.graph.tree import Tree
from symgrad.ops.einsum import basis, contract
from symgrad.simplify import simplify


class Derived(NamedTuple):
    """A graph of its own with the outputs of a transform, and what to say about them."""

    graph: Graph
    outputs: list[int]
    tree: Tree
    notes: list[str]


def of_arrays(f: Function, chosen: Sequence[int], mode: str = "auto") -> bool:
    """Whether f's derivative by these inputs is one of arrays. ArgumentError where those have no such `mode`."""
    found = tensors.of_arrays(f.graph, f.outputs, [f.inputs[k] for k in chosen])
    if found and mode not in ("auto", "reverse"):
        raise ArgumentError(f"mode={mode!r}: derivatives of arrays are accumulated in reverse; leave mode out")
    return found


def is_scalar(f: Function) -> bool:
    """Whether f's result is one number: of shape (), or the matrix of shape (1, 1) that x^T A x is."""
    return f.tree == 0 and f.graph.types[f.outputs[0]].shape in ((), (1, 1))


def gradient(f: Function, chosen: Sequence[int], single: bool, values: bool = False) -> Derived:
    """The gradient by each variable, of the variable's shape; with `values`, after the value."""
    with no_collector():
        g, roots, wrt = _start(f, chosen)
        found = tensors.gradient(g, roots[0], wrt)
        g, outputs = simplify(g, [*(roots if values else ()), *found])
    first = len(outputs) - len(found)
    tree: Tree = first if single else tuple(range(first, len(outputs)))
    return Derived(g, outputs, (0, tree) if values else tree, ["reverse accumulation of arrays", *f.rewrites])


def jacobian(f: Function, chosen: Sequence[int], single: bool, sparse: bool, whole: bool = False) -> Derived:
    """Per output and variable, the axes of both; of scalar variables alone, one axis for all of them.

    `whole`: as for functions of NumPy arrays, no axis is left out, and scalars stay apart.
    """
    _dense(f, sparse)
    with no_collector():
        g, roots, wrt = _start(f, chosen)
        scalars = not whole and not any(g.types[w].shape for w in wrt)
        outputs: list[int] = []
        trees: list[Tree] = []
        for r in roots:
            parts = tensors.jacobian(g, r, wrt)
            if whole:
                parts = [_whole(g, p, r, w) for p, w in zip(parts, wrt, strict=True)]
            trees.append(len(outputs) if single or scalars else tuple(range(len(outputs), len(outputs) + len(parts))))
            outputs += [_joined(g, parts)] if scalars else parts
        g, outputs = simplify(g, outputs)
    tree = trees[0] if f.tree == 0 else tuple(trees)
    return Derived(g, outputs, tree, ["reverse accumulation of arrays", *f.rewrites])


def hessian(f: Function, chosen: Sequence[int], single: bool, sparse: bool, whole: bool = False) -> Derived:
    """Per pair of variables, the axes of both; of scalar variables alone, one matrix. `whole` as for `jacobian`."""
    _dense(f, sparse)
    with no_collector():
        g, roots, wrt = _start(f, chosen)
        scalars = not whole and not any(g.types[w].shape for w in wrt)
        first = tensors.gradient(g, roots[0], wrt)
        n = len(wrt)
        blocks: dict[tuple[int, int], int] = {}
        for i, root in enumerate(first):
            for j, block in enumerate(tensors.jacobian(g, root, wrt[: i + 1])):
                blocks[i, j] = block
                if i != j:
                    blocks[j, i] = _turned(g, block, len(tensors.axes(g.types[root].shape)))
        flat = [blocks[i, j] for i in range(n) for j in range(n)]
        if whole:
            flat = [_whole(g, b, wrt[k // n], wrt[k % n]) for k, b in enumerate(flat)]
        if scalars:
            flat = [g.build(REGISTER["stack"], tuple(flat), ((n, n),))]
        g, outputs = simplify(g, flat)
    tree: Tree = 0 if single or scalars else tuple(tuple(range(i * n, i * n + n)) for i in range(n))
    return Derived(g, outputs, tree, ["reverse over reverse accumulation of arrays", *f.rewrites])


def derivative(f: Function, variable: int, order: int) -> Derived:
    """The derivative by one scalar variable, of the form of f's result: forward, again and again."""
    with no_collector():
        g, roots, (t,) = _start(f, [variable])
        if g.types[t].shape:
            raise ArgumentError(f"derivative takes a scalar variable, {f.names[variable]} has shape {g.types[t].shape}")
        for _ in range(order):
            found = tangents(g, roots, {t: g.const(1, g.types[t].dtype)})
            roots = [zero_like(g, r) if d is None else d for r, d in zip(roots, found, strict=True)]
        g, outputs = simplify(g, roots)
    return Derived(g, outputs, f.tree, [f"order {order}, forward", *f.rewrites])


def _start(f: Function, chosen: Sequence[int]) -> tuple[Graph, list[int], list[int]]:
    """A graph of its own to work in, f's outputs and the variables there."""
    base, roots = f.lean(f.outputs)
    g = base.copy()
    inputs = f.inputs_in(g)
    return g, roots, [inputs[k] for k in chosen]


def _whole(g: Graph, i: int, value: int, variable: int) -> int:
    """A block with all axes of the value and of the variable, those of length 1 too."""
    return g.build(REGISTER["reshape"], (i,), (g.types[value].lengths + g.types[variable].lengths,))


def _joined(g: Graph, parts: Sequence[int]) -> int:
    """Arrays of one shape as one array with a last axis for them."""
    n = len(parts)
    shape = g.types[parts[0]].shape
    if not shape:
        return g.build(REGISTER["stack"], tuple(parts), ((n,),))
    labels = tuple(range(len(shape) + 1))
    total: Node | None = None
    for k, p in enumerate(parts):
        e = g.add(basis, (), (n, k, g.types[p].dtype))
        part = Node(g, contract(g, [(p, labels[:-1]), (e, labels[-1:])], labels))
        total = part if total is None else total + part
    assert total is not None
    return total.id


def _turned(g: Graph, i: int, first: int) -> int:
    """Node `i` with its `first` first axes behind the others."""
    labels = tuple(range(len(g.types[i].shape)))
    return contract(g, [(i, labels)], labels[first:] + labels[:first])


def _dense(f: Function, sparse: bool) -> None:
    if sparse:
        raise ArgumentError(f"{f.name} is a function of arrays, whose derivative is dense; leave out sparse=True")
