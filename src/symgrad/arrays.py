"""What the transforms do where arrays are in play: one derivative per variable, an array of its own.

`transforms` asks `of_arrays` and hands over; scalars, and outputs packed of scalars, stay with the entries that
`derive.choose` accumulates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from symgrad.derive import tensors
from symgrad.derive.tangents import tangents, zero_like
from symgrad.errors import ArgumentError, UnsupportedError
from symgrad.function import Function
from symgrad.graph import REGISTER, Graph, Node, Type
from symgrad.graph.pause import no_collector
from symgrad.graph.tree import Tree
from symgrad.ops.einsum import basis, contract
from symgrad.simplify import simplify

MODES = ("auto", "forward", "reverse")
FORWARD = 4
"""What a product with the Hessian costs at most, in gradients."""
WRITE = 8
"""What an element of an array costs to write, in operations of a matrix product."""


class Derived(NamedTuple):
    """A graph of its own with the outputs of a transform, and what to say about them."""

    graph: Graph
    outputs: list[int]
    tree: Tree
    notes: list[str]


def of_arrays(f: Function, chosen: Sequence[int], mode: str = "auto") -> bool:
    """Whether f's derivative by these inputs is one of arrays. ArgumentError where those have no such `mode`."""
    found = tensors.of_arrays(f.graph, f.outputs, [f.inputs[k] for k in chosen])
    if found and mode not in MODES:
        raise ArgumentError(f'mode={mode!r}: derivatives of arrays are accumulated "forward" or in "reverse"')
    return found


def is_scalar(f: Function) -> bool:
    """Whether f's result is one number: of shape (), or the matrix of shape (1, 1) that x^T A x is."""
    return f.tree == 0 and f.graph.types[f.outputs[0]].shape in ((), (1, 1))


def gradient(f: Function, chosen: Sequence[int], single: bool, mode: str = "auto", *, values: bool = False) -> Derived:
    """The gradient by each variable, of the variable's shape; with `values`, after the value."""
    way = "forward" if mode == "forward" else "reverse"
    with no_collector():
        g, roots, wrt = start(f, chosen)
        if way == "reverse":
            found = tensors.gradient(g, roots[0], wrt)
        else:
            (number,) = roots
            labels = tuple(range(len(g.types[number].shape)))
            number = contract(g, [(number, labels)], ())
            found = tensors.jacobian(g, number, wrt, way, whole=True)
        g, outputs = simplify(g, [*(roots if values else ()), *found])
    first = len(outputs) - len(found)
    tree: Tree = first if single else tuple(range(first, len(outputs)))
    return Derived(g, outputs, (0, tree) if values else tree, [f"{way} accumulation of arrays", *f.rewrites])


def jacobian(f: Function, chosen: Sequence[int], single: bool, whole: bool = False, mode: str = "auto") -> Derived:
    """Per output and variable, the axes of both; of scalar variables alone, one axis for all of them.

    `whole`: as for functions of NumPy arrays, no axis is left out, and scalars stay apart.
    """
    types = [f.graph.types[f.inputs[k]] for k in chosen]
    scalars = not whole and not any(t.shape for t in types)

    def derive(way: str) -> Way:
        g, roots, wrt = start(f, chosen)
        outputs: list[int] = []
        for r in roots:
            parts = tensors.jacobian(g, r, wrt, way, whole)
            outputs += [_joined(g, parts)] if scalars else parts
        return Way(way, *simplify(g, outputs))

    wide = _elements(types) >= _elements([f.graph.types[o] for o in f.outputs])
    taken, note = _cheapest(derive, mode, lambda reverse: not wide)
    per = 1 if scalars else len(chosen)
    blocks = [tuple(range(k * per, (k + 1) * per)) for k in range(len(f.outputs))]
    trees = [b[0] if single or scalars else b for b in blocks]
    tree = trees[0] if f.tree == 0 else tuple(trees)
    return Derived(taken.graph, taken.outputs, tree, [note, *f.rewrites])


def hessian(f: Function, chosen: Sequence[int], single: bool, whole: bool = False, mode: str = "auto") -> Derived:
    """Per pair of variables, the axes of both; of scalar variables alone, one matrix. `whole` as for `jacobian`.

    Of each pair of blocks that are transposes, one is derived.
    """
    types = [f.graph.types[f.inputs[k]] for k in chosen]
    scalars = not whole and not any(t.shape for t in types)
    n = len(chosen)
    gradient_cost = 0

    def derive(way: str) -> Way:
        nonlocal gradient_cost
        g, roots, wrt = start(f, chosen)
        first = tensors.gradient(g, roots[0], wrt)
        gradient_cost = g.operations(first)
        blocks: dict[tuple[int, int], int] = {}
        for i, root in enumerate(first):
            for j, block in enumerate(tensors.jacobian(g, root, wrt[: i + 1], way, whole)):
                blocks[i, j] = block
                if i != j:
                    blocks[j, i] = _turned(g, block, len(tensors.axes(g.types[root].shape, whole)))
        flat = [blocks[i, j] for i in range(n) for j in range(n)]
        if scalars:
            flat = [g.build(REGISTER["stack"], tuple(flat), ((n, n),))]
        return Way(way, *simplify(g, flat))

    def dear(reverse: Way) -> bool:
        """Whether a product with the Hessian per column would be cheaper: then forward is worth a try."""
        return reverse.operations > FORWARD * gradient_cost * _elements(types)

    taken, note = _cheapest(derive, mode, dear)
    tree: Tree = 0 if single or scalars else tuple(tuple(range(i * n, i * n + n)) for i in range(n))
    return Derived(taken.graph, taken.outputs, tree, [f"second derivative: {note}, over reverse", *f.rewrites])


def derivative(f: Function, variable: int, order: int, whole: bool = False) -> Derived:
    """The derivative by one variable: of a scalar, of the form of f's result, forward again and again.

    By an array, the axes of the result, then those of the variable once per order: in reverse, again and again.
    """
    with no_collector():
        g, roots, (t,) = start(f, [variable])
        if g.types[t].shape:
            roots = [_repeated(g, r, t, order, whole) for r in roots]
            note = f"order {order}, in reverse"
        else:
            for _ in range(order):
                found = tangents(g, roots, {t: g.const(1, g.types[t].dtype)})
                roots = [zero_like(g, r) if d is None else d for r, d in zip(roots, found, strict=True)]
            note = f"order {order}, forward"
        g, outputs = simplify(g, roots)
    return Derived(g, outputs, f.tree, [note, *f.rewrites])


def _repeated(g: Graph, root: int, w: int, order: int, whole: bool) -> int:
    """The derivative of `root` by an array, `order` times."""
    shape = g.types[w].shape
    for k in range(order):
        rank = len(g.types[root].shape)
        kept = tuple(range(rank)) if k else tensors.axes(g.types[root].shape, whole)
        if not k and g.types[root].shape == (1, 1):
            kept = ()
        (full,) = tensors.jacobian(g, root, [w], whole=True)
        labels = tuple(range(len(g.types[full].shape)))
        root = contract(g, [(full, labels)], kept + tuple(rank + a for a in tensors.axes(shape, whole)))
    return root


def _cheapest(derive: Callable[[str], Way], mode: str, worth: Callable[[Way], bool]) -> tuple[Way, str]:
    """One way of accumulation, and what to say about it; in doubt both are derived and counted.

    `worth`: whether forward can be cheaper than what reverse has given.
    """
    with no_collector():
        if mode != "auto":
            return derive(mode), f"{mode} accumulation of arrays, as asked for"
        try:
            reverse = derive("reverse")
        except UnsupportedError:  # an operation may have a tangent, and no transpose
            return derive("forward"), "forward accumulation of arrays"
        if not worth(reverse):
            return reverse, "reverse accumulation of arrays"
        try:
            forward = derive("forward")
        except UnsupportedError:
            return reverse, "reverse accumulation of arrays"
    taken, other = (forward, reverse) if forward.cost < reverse.cost else (reverse, forward)
    if forward.cost == reverse.cost:
        return reverse, "reverse accumulation of arrays, which costs as much as forward"
    return taken, (
        f"{taken.mode} accumulation of arrays: {taken.operations} operations, {taken.written} numbers written; "
        f"{other.mode}: {other.operations} and {other.written}"
    )


class Way(NamedTuple):
    """A derivative, accumulated in one way."""

    mode: str
    graph: Graph
    outputs: list[int]

    @property
    def operations(self) -> int:
        return self.graph.operations(self.outputs)

    @property
    def written(self) -> int:
        """Elements of all arrays that are worked out."""
        g = self.graph
        live = g.reach(self.outputs)
        return sum(math.prod(t.lengths) for t, op, n in zip(g.types, g.ops, live, strict=True) if n and op.cost)

    @property
    def cost(self) -> int:
        return self.operations + WRITE * self.written


def _elements(types: Sequence[Type]) -> int:
    return sum(math.prod(t.lengths) for t in types)


def start(f: Function, chosen: Sequence[int]) -> tuple[Graph, list[int], list[int]]:
    """A graph of its own to work in, f's outputs and the variables there."""
    base, roots = f.lean(f.outputs)
    g = base.copy()
    inputs = f.inputs_in(g)
    return g, roots, [inputs[k] for k in chosen]


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
