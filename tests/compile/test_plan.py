"""Plans: views that cost nothing, steps that are one, memory that is used again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import special

import symgrad as sg
from symgrad.compile.nest import Nest
from symgrad.compile.plan.planner import plan
from symgrad.compile.plan.steps import RESULT, TEMPORARY, Gemm, Library, Mirror, Plan, describe, reads, writes
from symgrad.compile.plan.views import Index, View, access, contiguous, restride
from symgrad.graph import REGISTER, Graph, Node, Type
from symgrad.ops.einsum import contract
from symgrad.run.program import Program

RNG = np.random.default_rng(2)


def planned(transform: Any, f: Any, *args: Any) -> Plan:
    return plan(*transform(sg.function(f)).specialise(*args).program)


def nests(p: Plan) -> list[Nest]:
    return [s for s in p.steps if isinstance(s, Nest)]


@pytest.mark.parametrize(
    ("shape", "strides", "new", "want"),
    [
        ((2, 3), (3, 1), (6,), (1,)),
        ((2, 3), (1, 2), (6,), None),
        ((6,), (2,), (2, 3), (6, 2)),
        ((2, 3, 4), (12, 4, 1), (6, 4), (4, 1)),
        ((2, 3, 4), (12, 4, 1), (4, 6), (6, 1)),
        ((3, 4), (0, 1), (12,), None),
        ((1, 5), (99, 1), (5, 1), (1, 0)),
        ((4, 6), (12, 2), (2, 2, 3, 2), (24, 12, 4, 2)),
        ((2, 9), (9, 1), (3, 6), (6, 1)),
        ((4, 9), (18, 2), (6, 6), (12, 2)),
        ((2, 9), (10, 1), (3, 6), None),
    ],
)
def test_reshapes_of_strided_arrays(shape: Any, strides: Any, new: Any, want: Any) -> None:
    assert restride(shape, strides, new) == want
    if want is not None:  # the same elements, in memory that NumPy sees
        memory = np.arange(200)
        seen = np.lib.stride_tricks.as_strided(memory, shape, [8 * s for s in strides])
        again = np.lib.stride_tricks.as_strided(memory, new, [8 * s for s in want])
        np.testing.assert_array_equal(seen.reshape(new), again)


def test_an_index_that_leaves_out_axes_of_length_one() -> None:
    v = View(0, "float64", (3, 1, 4), contiguous((3, 1, 4)), 2)
    a = access(v, (Index(((1, 1),)), Index(((0, 1),), 7), Index(((0, -1),), 3)), 2)
    assert (a.strides, a.offset) == ((-1, 4), 5)


def test_an_elementwise_chain_and_its_sums_are_one_nest() -> None:
    p = planned(
        sg.function, lambda x, y: (np.sum(np.exp(x) * y), np.sin(np.exp(x)) + y), np.ones((20, 30)), np.ones((20, 30))
    )
    (nest,) = p.steps
    assert isinstance(nest, Nest)
    assert {s.how for s in nest.stores} == {"add", "set"}
    assert sum(op.name == "exp" for op in nest.body.ops) == 1
    assert p.arena == 0


def test_transposes_slices_and_broadcasts_take_no_memory() -> None:
    p = planned(sg.function, lambda x, y: x.T[1:] * y + x[::-1].T[:-1], np.ones((20, 30)), np.ones(20))
    assert len(p.steps) == 1
    assert p.arena == 0


def test_what_is_dear_is_not_computed_again_for_every_row() -> None:
    p = planned(sg.function, lambda x, y: np.exp(x) * y, np.ones(30), np.ones((50, 30)))
    first, second = nests(p)
    assert first.sizes == (30,)
    assert not any(op.name == "exp" for op in second.body.ops)


def test_a_transposed_product_is_computed_where_the_result_is() -> None:
    p = planned(sg.function, lambda a, b: (a @ b).T, np.ones((40, 30)), np.ones((30, 20)))
    (gemm,) = p.steps
    assert isinstance(gemm, Gemm)
    assert p.buffers[gemm.c.buffer].kind == RESULT
    assert p.arena == 0


def test_sums_of_products_are_added_up_by_blas_in_the_result() -> None:
    a, b, c = np.ones((40, 30)), np.ones((30, 50)), np.ones((40, 50))
    p = planned(sg.function, lambda a, b, c: c + 3 * (a @ b) - (2 * a) @ b / 5 + (c.T @ c @ b.T @ a.T).T, a, b, c)
    products = [s for s in p.steps if isinstance(s, Gemm) and p.buffers[s.c.buffer].kind == RESULT]
    assert len(products) >= 1
    assert not any(b.kind == TEMPORARY and b.count == 2000 and b.at >= 0 for b in p.buffers)


def test_a_diagonal_is_added_to_what_is_there() -> None:
    x = np.ones(60)
    p = planned(sg.hessian, lambda x: np.sum(np.sin(x)) ** 2, x)
    assert p.arena + p.result_bytes <= 60 * 60 * 8 + 2000
    assert [n.sizes for n in nests(p)][-2:] in ([(60, 60), (60,)], [(60,), (60, 60)], [(60,), (60,)])


def test_half_of_a_symmetric_product() -> None:
    x = np.ones((300, 400))
    p = planned(sg.function, lambda x, d: x.T @ (d[:, None] * x), x, np.ones(300))
    assert isinstance(p.steps[-1], Mirror)
    products = [s for s in p.steps if isinstance(s, Gemm)]
    assert sum(s.c.rows * s.c.columns for s in products) < 0.65 * 400 * 400


def test_a_symmetric_product_of_tensors() -> None:
    g = Graph()
    x, q = (g.input(n, Type("float64", s)) for n, s in (("x", (50, 20)), ("q", (50, 15))))
    left = contract(g, [(x, (0, 1)), (q, (0, 2))], (0, 1, 2))
    weighted = (Node(g, q) * REGISTER["exp"](Node(g, q))).id
    right = contract(g, [(x, (0, 1)), (q, (0, 2))], (0, 1, 2))
    out = contract(g, [(left, (0, 1, 2)), (right, (0, 3, 4))], (1, 2, 3, 4))
    assert any(isinstance(s, Mirror) for s in plan(g, [x, q], [out]).steps)
    other = contract(g, [(x, (0, 1)), (weighted, (0, 2))], (0, 1, 2))
    out = contract(g, [(left, (0, 1, 2)), (other, (0, 3, 4))], (1, 2, 3, 4))
    assert not any(isinstance(s, Mirror) for s in plan(g, [x, q], [out]).steps)


def test_memory_that_is_free_is_used_again() -> None:
    def chain(a: Any) -> Any:
        for _ in range(10):
            a = np.tanh(a @ a)
        return a

    p = planned(sg.function, chain, np.ones((50, 50)))
    assert p.arena <= 2 * 50 * 50 * 8 + 128
    lives: dict[int, list[int]] = {}
    for at, s in enumerate(p.steps):
        for k in reads(s) | writes(s):
            lives.setdefault(k, []).append(at)
    placed = [
        (b.at, b.at + b.bytes, lives[k][0], lives[k][-1])
        for k, b in enumerate(p.buffers)
        if b.kind == TEMPORARY and k in lives
    ]
    for n, (low, high, first, last) in enumerate(placed):
        for l2, h2, f2, e2 in placed[:n]:
            assert high <= l2 or h2 <= low or last < f2 or e2 < first


def test_parts_of_one_decomposition_are_one_call() -> None:
    g = Graph()
    a = Node(g, g.input("a", Type("float64", (5, 4))))
    outputs = [REGISTER["svd"](a, take=k).id for k in range(3)]
    p = plan(g, [a.id], outputs)
    (call,) = p.steps
    assert isinstance(call, Library)
    assert call.takes == (0, 1, 2)


def test_a_step_in_words() -> None:
    p = planned(sg.value_and_grad, lambda w, x: np.sum(np.exp(x @ w)), np.ones(100), np.ones((200, 100)))
    text = [describe(s) for s in p.steps]
    assert any(t.startswith("gemv") for t in text)
    assert any(t.startswith("loops 200:") for t in text)


@pytest.mark.parametrize(("shape", "axis"), [((9,), 0), ((7, 5), 0), ((7, 5), 1), ((3, 4, 5), 0), ((3, 4, 5), 1)])
def test_powers_of_a_softmax_are_taken_once(shape: tuple[int, ...], axis: int) -> None:
    """Those that are summed are divided by their sum."""
    x = 30 * RNG.standard_normal(shape)
    f = sg.function(lambda x: np.exp(x - special.logsumexp(x, axis=axis, keepdims=True))).specialise(x)
    p = plan(*f.program)
    assert sum(op.name == "exp" for n in nests(p) for op in n.body.ops) == 1
    np.testing.assert_allclose(Program(p)([x])[0], special.softmax(x, axis=axis), rtol=1e-14)


def test_products_of_two_dtypes() -> None:
    """A matrix that much is done with is converted for BLAS; for a vector, the loops that read it convert."""
    x, w = RNG.standard_normal((60, 40)).astype("float32"), RNG.standard_normal((40, 30))
    g = Graph()
    a, b = g.input("a", Type("float32", (60, 40))), g.input("b", Type("float64", (40, 30)))
    p = plan(g, [a, b], [contract(g, [(a, (0, 1)), (b, (1, 2))], (0, 2))])
    assert [type(s) for s in p.steps] == [Nest, Gemm]
    np.testing.assert_allclose(Program(p)([x, w])[0], x @ w, rtol=1e-12)
    f = sg.function(lambda x, w: x @ w).specialise(np.tile(x, (4, 1)), w[:, 0])
    q = plan(*f.program)
    assert [type(s) for s in q.steps] == [Nest]
    np.testing.assert_allclose(f(np.tile(x, (4, 1)), w[:, 0]), np.tile(x, (4, 1)) @ w[:, 0], rtol=1e-12)
