"""The generic check of an operation on arrays: its values, and every way to its derivatives, in 80 bits.

The truth is a formula in plain NumPy, evaluated in long double and differentiated by central differences of
order 6: to about 1e-14 once, 1e-11 twice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from symgrad.compile.numpy import Reference
from symgrad.derive import tensors
from symgrad.derive.batching import batched
from symgrad.derive.tangents import tangents
from symgrad.graph import Graph, Node, Type
from symgrad.graph.plain import from_plain, to_plain
from symgrad.graph.verify import verify
from symgrad.ops.einsum import contract
from symgrad.ops.literal import constant_array

Array = Any
LONG = np.longdouble
WEIGHTS = ((1, LONG(3) / 4), (2, LONG(-3) / 20), (3, LONG(1) / 60))
STEP = LONG(2) ** -8


class Case(NamedTuple):
    """`build(*nodes)` is a node of the operation, `truth(*arrays)` its value; `values` are the arguments.

    Arguments of whole numbers are places: nobody differentiates by them.
    """

    build: Callable[..., Node]
    truth: Callable[..., Array]
    values: Sequence[np.ndarray]

    @property
    def active(self) -> list[int]:
        return [k for k, x in enumerate(self.values) if x.dtype.kind == "f"]

    def graph(self, dtype: str = "float64") -> tuple[Graph, list[Node], Node]:
        g = Graph()
        types = [Type(dtype if x.dtype.kind == "f" else x.dtype.name, x.shape) for x in self.values]
        inputs = [Node(g, g.input(f"x{k}", t)) for k, t in enumerate(types)]
        return g, inputs, self.build(*inputs)

    def arguments(self, dtype: str = "float64") -> list[np.ndarray]:
        return [x.astype(dtype) if x.dtype.kind == "f" else x for x in self.values]


def evaluate(g: Graph, inputs: Sequence[Node], roots: Sequence[int], values: Sequence[Any]) -> list[np.ndarray]:
    """The roots, as a legal graph that is pickled and read back."""
    ids = [i.id for i in inputs]
    verify(g, ids, roots)
    again, ins, outs = from_plain(to_plain(g, ids, roots))
    return Reference(again, ins, outs)(values)


def slope(f: Callable[..., Array], values: Sequence[np.ndarray], k: int) -> np.ndarray:
    """The Jacobian of f by argument k: the axes of the result, then those of the argument."""
    base = [x.astype(LONG) if x.dtype.kind == "f" else x for x in values]
    columns = []
    for index in np.ndindex(base[k].shape):
        total: Any = LONG(0)
        for n, weight in WEIGHTS:
            for sign in (1, -1):
                moved = list(base)
                moved[k] = base[k].copy()
                moved[k][index] += sign * n * STEP
                total = total + sign * weight * np.asarray(f(*moved)) / STEP
        columns.append(total)
    shape = np.shape(f(*base))
    if not columns:
        return np.zeros(shape + base[k].shape)
    return np.stack(columns, axis=-1).reshape(shape + base[k].shape)


def close(got: Array, want: Array, slack: float) -> None:
    want = np.asarray(want)
    assert np.shape(got) == want.shape
    size = float(np.max(np.abs(want), initial=1.0))
    np.testing.assert_allclose(np.asarray(got, float), want.astype(float), rtol=0, atol=slack * size)


def check_value(case: Case) -> None:
    g, inputs, y = case.graph()
    (got,) = evaluate(g, inputs, [y.id], case.arguments())
    want = np.asarray(case.truth(*[x.astype(LONG) if x.dtype.kind == "f" else x for x in case.values]))
    assert got.dtype == y.type.dtype
    assert got.shape == y.shape
    if got.dtype.kind == "f":
        close(got, want, 1e-14)
    else:
        np.testing.assert_array_equal(got, want)


def check_first(case: Case) -> None:
    """Jacobians in reverse and forward, and a tangent, by every argument."""
    for k in case.active:
        want = slope(case.truth, case.values, k)
        for mode in ("reverse", "forward"):
            g, inputs, y = case.graph()
            (jacobian,) = tensors.jacobian(g, y.id, [inputs[k].id], mode, whole=True)
            (got,) = evaluate(g, inputs, [jacobian], case.arguments())
            close(got, want, 1e-12)
        g, inputs, y = case.graph()
        direction = Node(g, g.input("d", inputs[k].type))
        d = np.cos(np.arange(float(case.values[k].size))).reshape(case.values[k].shape)
        (t,) = tangents(g, [y.id], {inputs[k].id: direction.id})
        expected = np.tensordot(want, d, axes=d.ndim)
        if t is None:
            close(np.zeros_like(expected), expected, 1e-12)
        else:
            (got,) = evaluate(g, [*inputs, direction], [t], [*case.arguments(), d])
            close(got, expected, 1e-12)


def scalar(case: Case) -> Case:
    """A number in which the operation stands between other functions, so that no derivative of it is trivial."""

    def build(*nodes: Node) -> Node:
        y = case.build(*[x + x * x / 4 if x.type.dtype.startswith("f") else x for x in nodes])
        g, shape = y.graph, y.type.lengths
        weight = np.sin(1.0 + np.arange(float(math.prod(shape)))).reshape(shape)
        u = Node(g, constant_array(g, weight.astype(y.type.dtype)))
        labels = tuple(range(len(shape)))
        return Node(g, contract(g, [((y * y).id, labels), (u.id, labels)], ()))

    def truth(*arrays: Array) -> Array:
        y = np.asarray(case.truth(*[x + x * x / 4 if x.dtype.kind == "f" else x for x in arrays]))
        return np.sum(y * y * np.sin(1.0 + np.arange(float(y.size))).reshape(y.shape))

    return Case(build, truth, case.values)


def check_second(case: Case) -> None:
    """Hessians, reverse over reverse and forward over reverse, by every pair of arguments."""
    whole = scalar(case)
    for k in case.active:
        for j in case.active:
            want = slope(lambda *v, k=k: slope(whole.truth, v, k), case.values, j)
            for mode in ("reverse", "forward"):
                g, inputs, y = whole.graph()
                (first,) = tensors.gradient(g, y.id, [inputs[k].id])
                (second,) = tensors.jacobian(g, first, [inputs[j].id], mode, whole=True)
                (got,) = evaluate(g, inputs, [second], case.arguments())
                close(got, want, 1e-9)


def check_float32(case: Case) -> None:
    """Value and gradient stay in float32 and are right to its digits."""
    for k in case.active:
        found = {}
        whole = scalar(case)
        for dtype in ("float32", "float64"):
            g, inputs, y = whole.graph(dtype)
            (first,) = tensors.gradient(g, y.id, [inputs[k].id])
            assert {t.dtype for t in g.types} <= {"bool", "int64", dtype}
            found[dtype] = evaluate(g, inputs, [y.id, first], case.arguments(dtype))
        for single, double in zip(found["float32"], found["float64"], strict=True):
            assert single.dtype == np.float32
            close(single, double, 2e-5)


def check_batches(case: Case) -> None:
    """A batch in front of some arguments or all: in the reference, and as a graph of its own (vmap)."""
    count, rng = 3, np.random.default_rng(5)
    every = range(len(case.values))
    for chosen in [(k,) for k in every] + [tuple(every)]:
        g, inputs, y = case.graph()
        roots = [y.id]
        for k in case.active:
            roots += tensors.gradient(g, scalar(case).build(*inputs).id, [inputs[k].id])
        given = case.arguments()
        for k in chosen:
            x = given[k]
            others = [x + 0.37 * b if k in case.active else rng.permutation(x.ravel()) for b in range(count)]
            given[k] = np.stack([o.reshape(x.shape) for o in others])
        points = [[x[b] if k in chosen else x for k, x in enumerate(given)] for b in range(count)]
        want = [np.stack(rows) for rows in zip(*[evaluate(g, inputs, roots, p) for p in points], strict=True)]
        out = Graph()
        fresh = [
            out.input(f"x{k}", i.type._replace(shape=(count, *i.shape) if k in chosen else i.shape))
            for k, i in enumerate(inputs)
        ]
        seeds = {i.id: (f, k in chosen) for k, (i, f) in enumerate(zip(inputs, fresh, strict=True))}
        mapped = batched(g, roots, out, seeds, count)
        got = evaluate(out, [Node(out, i) for i in fresh], [m for m, _ in mapped], given)
        plain = evaluate(g, inputs, roots, given)
        for theirs, mine, direct, (_, seen) in zip(want, got, plain, mapped, strict=True):
            close(mine if seen else np.broadcast_to(mine, theirs.shape), theirs, 1e-12)
            close(np.broadcast_to(direct, theirs.shape), theirs, 1e-12)
