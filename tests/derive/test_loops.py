"""Sums, products and elements differentiated by whole arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.compile.numpy import Reference
from symgrad.derive.tangents import tangents
from symgrad.graph import Graph, Node, Type
from symgrad.graph.body import Body
from symgrad.graph.verify import verify
from symgrad.ops.control import fold_of
from symgrad.ops.index import gather
from symgrad.ops.reduce import prod
from tests.ops.arrays import close, slope

w, n = sp.symbols("w n")
i, j = sp.symbols("i j", integer=True)
x, y = sp.IndexedBase("x", shape=(4,)), sp.IndexedBase("y", shape=(4,))
m = sp.IndexedBase("m", shape=(3, 4))
RNG = np.random.default_rng(0)
VALUES: dict[Any, Any] = {w: np.array(0.7), n: np.array(3), x: RNG.normal(size=4), y: RNG.normal(size=4)}
VALUES[m] = RNG.normal(size=(3, 4))


def least_squares(w: Any, x: Any, y: Any) -> Any:
    return np.sum((y - w * x) ** 2) / 4


def below(w: Any, x: Any, m: Any) -> Any:
    return sum(m[a, b] ** 2 * x[b] ** 3 * w for a in range(3) for b in range(a + 1))


FUNCTIONS: dict[str, tuple[list[Any], Any, Any]] = {
    "sum": ([w, x, y], sp.Sum((y[i] - w * x[i]) ** 2, (i, 0, 3)) / 4, least_squares),
    "sum of one thing": ([w, x], sp.Sum(w * x[2] ** 3, (i, 1, 5)), lambda w, x: 5 * w * x[2] ** 3),
    "sum to a parameter": (
        [w, x, y, n],
        sp.Sum((y[i] - w * x[i]) ** 2 * x[3 - i], (i, 0, n)),
        lambda w, x, y, n: np.sum(((y - w * x) ** 2 * x[::-1])[: int(n) + 1]),
    ),
    "empty sum": ([x], x[0] ** 2 + sp.Sum(x[i] ** 3, (i, 2, 1)), lambda x: x[0] ** 2),
    "product": ([w, x], sp.Product(1 + w * x[i] ** 2, (i, 0, 3)), lambda w, x: np.prod(1 + w * x**2)),
    "product through zero": ([x], sp.Product(x[i] - i, (i, 0, 3)), lambda x: np.prod(x - np.arange(4))),
    "triangle": ([w, x, m], sp.Sum(sp.Sum(m[i, j] ** 2 * x[j] ** 3 * w, (j, 0, i)), (i, 0, 2)), below),
    "sum of sums": (
        [w, x, m],
        sp.Sum(sp.Sum(m[i, j] * x[j], (j, 0, 3)) ** 2 * w, (i, 0, 2)),
        lambda w, x, m: w * np.sum((m @ x) ** 2),
    ),
    "sum of products": (
        [x, m],
        sp.Sum(sp.Product(m[i, j] + x[j], (j, 0, 3)), (i, 0, 2)),
        lambda x, m: np.sum(np.prod(m + x, axis=1)),
    ),
    "places": ([w, x, n], x[n] ** 2 * x[n - 1] * w, lambda w, x, n: x[int(n)] ** 2 * x[int(n) - 1] * w),
    "every step": ([x], sp.Sum(x[2 * i + 1] ** 2 * x[i], (i, 0, 1)), lambda x: x[1] ** 2 * x[0] + x[3] ** 2 * x[1]),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_and_hessians_by_whole_arrays(name: str) -> None:
    symbols, expression, truth = FUNCTIONS[name]
    f = sg.function(symbols, expression)
    values = [VALUES[s] for s in symbols]
    if name == "product through zero":
        values = [np.array([0.5, 1.0, 2.0, -1.0])]
    for k, s in enumerate(symbols):
        if not np.ndim(values[k]):
            continue
        gradient = sg.grad(f, wrt=str(s))
        verify(gradient.graph, gradient.inputs, gradient.outputs)
        close(gradient(*values), slope(truth, values, k), 1e-12)
        want = slope(lambda *v, k=k: slope(truth, v, k), values, k)
        close(sg.jacobian(gradient, wrt=str(s), mode="reverse")(*values), want, 1e-9)
        close(sg.jacobian(gradient, wrt=str(s), mode="forward")(*values), want, 1e-9)
        close(sg.hessian(f, wrt=str(s)).compile()(*values), want, 1e-9)
        if w in symbols:
            mixed = slope(lambda *v, k=k: slope(truth, v, k), values, 0)
            close(sg.derivative(gradient, wrt="w")(*values), mixed, 1e-9)
            close(sg.jacobian(sg.grad(f, wrt="w"), wrt=str(s))(*values), mixed, 1e-9)


def test_a_sum_of_known_length_becomes_a_formula_of_arrays() -> None:
    f = sg.function([w, x, y], FUNCTIONS["sum"][1])
    names = {op.name for op in sg.grad(f, wrt="x").graph.ops}
    assert not names & {"fold", "take", "scatter_add", "gather"}


def test_places_outside_the_array_are_an_error_in_the_derivative_too() -> None:
    f = sg.function([x, n], x[n] ** 2)
    for transform in (sg.grad, sg.hessian):
        with pytest.raises(sg.ArgumentError, match="outside"):
            transform(f, wrt="x")(VALUES[x], 4)


def test_an_array_of_unknown_length_is_refused_with_what_to_write() -> None:
    z = sp.IndexedBase("z")
    for expression in (z[n] ** 2, sp.Sum(z[i] ** 2, (i, 0, n)), sp.Sum(z[i] ** 2, (i, 0, 3))):
        with pytest.raises(sg.UnsupportedError, match=r"whole of z.*IndexedBase\('z', shape=\(10,\)\)"):
            sg.grad(sg.function([n], expression), wrt="z")


def recurrence(steps: int | None) -> tuple[Graph, list[Node], int]:
    """v <- a v * v[0] + k, s <- s + prod(v): a loop that carries an array and a number."""
    g = Graph()
    a = g.input("a", Type("float64", (2, 2)))
    v = g.input("v", Type("float64", (2,)))
    inner = Graph()
    k = inner.input("k", Type("int64"))
    own_v, own_s = inner.input("v", Type("float64", (2,))), inner.input("s", Type("float64"))
    own_a = inner.input("a", Type("float64", (2, 2)))
    from symgrad.ops.einsum import einsum
    from symgrad.ops.index import cast

    moved = einsum(Node(inner, own_a), Node(inner, own_v), subscripts="ij,j->i")
    new = moved * gather(Node(inner, own_v), Node(inner, inner.const(0, "int64"))) + cast(
        Node(inner, k), dtype="float64"
    )
    total = Node(inner, own_s) + prod(new)
    body = Body(inner, [k, own_v, own_s, own_a], [new.id, total.id])
    lo, hi = g.const(1, "int64"), g.const(2, "int64") if steps is None else g.const(steps, "int64")
    out = fold_of(g, body, 1, lo, hi, [v, g.const(0)], [a])
    return g, [Node(g, a), Node(g, v)], out


def test_a_loop_that_carries_an_array() -> None:
    from symgrad.derive import tensors

    def truth(a: Any, v: Any) -> Any:
        total = 0.0
        for k in (1, 2):
            v = a @ v * v[0] + k
            total = total + np.prod(v)
        return total

    values = [RNG.normal(size=(2, 2)), RNG.normal(size=2)]
    for k in (0, 1):
        g, inputs, out = recurrence(None)
        (first,) = tensors.gradient(g, out, [inputs[k].id])
        (second,) = tensors.jacobian(g, first, [inputs[k].id], "forward")
        (third,) = tensors.jacobian(g, first, [inputs[k].id], "reverse")
        direction = g.input("d", inputs[k].type)
        (t,) = tangents(g, [out], {inputs[k].id: direction})
        d = RNG.normal(size=values[k].shape)
        ids = [v.id for v in inputs]
        verify(g, [*ids, direction], [out, first, second, third, t or 0])
        got = Reference(g, [*ids, direction], [out, first, second, third, t or 0])([*values, d])
        want = slope(truth, values, k)
        close(got[0], truth(*values), 1e-14)
        close(got[1], want, 1e-12)
        hessian = slope(lambda *v, k=k: slope(truth, v, k), values, k)
        close(got[2], hessian, 1e-9)
        close(got[3], hessian, 1e-9)
        close(got[4], np.sum(want * d), 1e-12)
