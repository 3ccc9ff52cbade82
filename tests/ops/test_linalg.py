"""Inverse, solve, determinants: normal forms, rules of arrays of several axes, bad arguments."""

from __future__ import annotations

import numpy as np
import pytest

from symgrad.compile.numpy import Reference
from symgrad.derive import tensors
from symgrad.derive.tangents import tangents
from symgrad.graph import REGISTER, Graph, Node, Type
from symgrad.graph.verify import verify
from symgrad.ops.einsum import delta, transpose
from symgrad.ops.linalg import det, inv, logabsdet, logdet, solve
from symgrad.ops.shape import broadcast, reshape

RNG = np.random.default_rng(3)
M = RNG.normal(size=(3, 3)) + 3 * np.eye(3)
T = RNG.normal(size=(3, 2, 2))


def graph() -> tuple[Graph, Node, Node]:
    g = Graph()
    return g, Node(g, g.input("m", Type("float64", (3, 3)))), Node(g, g.input("t", Type("float64", (3, 2, 2))))


def run(g: Graph, root: int, *values: np.ndarray) -> np.ndarray:
    inputs = [i for i, op in enumerate(g.ops) if op.name == "input" and g.attrs[i][0] in ("m", "t")]
    verify(g, inputs, [root])
    return Reference(g, inputs, [root])(values or (M, T))[0]


def differences(g: Graph, root: int, k: int) -> np.ndarray:
    """Sixth-order central differences by input k."""
    values = [M, T]
    weights = {1: 3 / 4, 2: -3 / 20, 3: 1 / 60}
    h = 1e-3
    columns = []
    for index in np.ndindex(values[k].shape):
        total: np.ndarray | float = 0.0
        for n, w in weights.items():
            for s in (1, -1):
                moved = [v.copy() for v in values]
                moved[k][index] += s * n * h
                total = total + s * w * run(g, root, *moved) / h
        columns.append(total)
    return np.stack(columns, axis=-1).reshape(np.shape(columns[0]) + values[k].shape)


def test_solve_takes_right_sides_of_any_shape():
    g, m, t = graph()
    x = solve(m, t)
    np.testing.assert_allclose(run(g, x.id), np.einsum("ij,jkl->ikl", np.linalg.inv(M), T), rtol=1e-12)
    batch = np.stack([M, 2 * M])
    np.testing.assert_allclose(run(g, x.id, batch, T)[1], run(g, x.id) / 2, rtol=1e-12)


FUNCTIONS = {
    "solve": lambda m, t: solve(m, t),
    "inv": lambda m, t: inv(m),
    "det": lambda m, t: det(m),
    "logdet": lambda m, t: logdet(m),
    "logabsdet": lambda m, t: logabsdet(-2 * m),
    "reshape": lambda m, t: reshape(t * t, shape=(4, 3)),
    "broadcast": lambda m, t: broadcast(m * m, shape=(2, 3, 3)),
    "element": lambda m, t: REGISTER["element"](t * t, index=(1, 0, 1)),
    "stack": lambda m, t: REGISTER["stack"](det(m), REGISTER["element"](m, index=(0, 1)), shape=(1, 2)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_first_and_second_derivatives(name):
    g, m, t = graph()
    y = FUNCTIONS[name](m, t)
    for k, w in enumerate((m, t)):
        (first,) = tensors.jacobian(g, y.id, [w.id])
        want = differences(g, y.id, k)
        got = run(g, first)
        np.testing.assert_allclose(got.ravel(), want.ravel(), rtol=1e-8, atol=1e-9)
        (second,) = tensors.jacobian(g, first, [w.id])
        want = differences(g, first, k)
        np.testing.assert_allclose(run(g, second).ravel(), want.ravel(), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_tangent_is_the_jacobian_times_the_direction(name):
    g, m, t = graph()
    y = FUNCTIONS[name](m, t)
    directions = RNG.normal(size=M.shape), RNG.normal(size=T.shape)
    for w, d in zip((m, t), directions, strict=True):
        dw = g.input(f"d{w.id}", w.type)
        (tangent,) = tangents(g, [y.id], {w.id: dw})
        (jacobian,) = tensors.jacobian(g, y.id, [w.id])
        want = run(g, jacobian).reshape(-1, d.size) @ d.ravel()
        if tangent is None:
            np.testing.assert_array_equal(want, 0)
            continue
        got = Reference(g, [m.id, t.id, dw], [tangent])([M, T, d])[0]
        np.testing.assert_allclose(got.ravel(), want, rtol=1e-11, atol=1e-12)


def test_normal_forms():
    g, m, t = graph()
    identity = Node(g, g.add(delta, (), (3, "float64")))
    across = Node(g, transpose(g, m.id, (1, 0)))
    assert inv(inv(m)).id == m.id
    assert inv(identity).id == identity.id
    assert inv(across).id == transpose(g, inv(m).id, (1, 0))
    assert inv(-m).id == (-inv(m)).id
    assert det(across).id == det(m).id
    assert det(inv(m)).id == (1 / det(m)).id
    assert logdet(inv(m)).id == (-logdet(m)).id
    assert det(-m).id == (-det(m)).id
    assert logabsdet(-m).id == logabsdet(m).id
    assert logdet(-m).id != logdet(m).id
    assert g.value(det(identity).id) == 1
    assert solve(identity, t).id == t.id
    assert solve(m, identity).id == inv(m).id
    assert solve(m, -t).id == (-solve(m, t)).id
    assert solve(m, 3 * t).id == (3 * solve(m, t)).id
    assert reshape(reshape(t, shape=(6, 2)), shape=(3, 2, 2)).id == t.id


def test_a_product_is_solved_for_by_the_factor_that_has_the_axis():
    g, m, _ = graph()
    v = Node(g, g.input("v", Type("float64", (3,))))
    w = Node(g, g.input("w", Type("float64", (50,))))
    outer = REGISTER["einsum"](v, w, subscripts="i,j->ij")
    x = solve(m, outer)
    assert x.op.name == "einsum"
    assert x.id == REGISTER["einsum"](solve(m, v), w, subscripts="i,j->ij").id


@pytest.mark.parametrize(
    ("op", "shapes", "message"),
    [
        ("inv", [(2, 3)], r"square matrix of known size, got shape \(2, 3\)"),
        ("det", [(3,)], "square"),
        ("logdet", [(None, None)], "known size"),
        ("solve", [(3, 3), (2,)], r"right side of shape \(2,\)"),
        ("solve", [(3, 3), ()], "right side"),
    ],
)
def test_shapes_that_do_not_fit(op, shapes, message):
    g = Graph()
    args = tuple(g.input(f"x{k}", Type("float64", s)) for k, s in enumerate(shapes))
    with pytest.raises(TypeError, match=message):
        g.build(REGISTER[op], args)


@pytest.mark.parametrize(
    ("op", "attrs", "message"), [("broadcast", ((2, 3, 3),), "not the end"), ("reshape", ((5,),), "not the elements")]
)
def test_shapes_that_do_not_hold(op, attrs, message):
    g, _, t = graph()
    with pytest.raises(TypeError, match=message):
        g.build(REGISTER[op], (t.id,), attrs)
