"""Sums of products that are symmetric in several pairs of axes: found, computed once per pair, put on both sides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.compile.numpy import Reference
from symgrad.compile.plan.packed import exchangeable, is_packed, packed
from symgrad.compile.plan.planner import plan
from symgrad.compile.plan.steps import Flow, Plan
from symgrad.graph import REGISTER, Graph, Node, Type
from symgrad.ops.contraction import contract
from symgrad.run.program import Program

RNG = np.random.default_rng(3)


def _random(*shape: int) -> Any:
    return RNG.standard_normal(shape)


def _softmax(w: Any, x: Any) -> Any:
    z = x @ w
    return np.sum(np.log(np.sum(np.exp(z), axis=1)) - z[:, 0])


def _ridge(w: Any, x: Any) -> Any:
    return _softmax(w, x) + np.sum(w**4) + np.sum(w**2)


def _columns(w: Any, x: Any) -> Any:
    """The weights' first axis is that of the classes."""
    return _softmax(w.T, x)


def _axes(w: Any, x: Any) -> Any:
    """x has two axes for each of the samples, the weights three."""
    z = np.einsum("nab,abi->ni", x, w)
    return np.sum(np.log(np.sum(np.exp(z), axis=1)))


def _weighted(w: Any, x: Any) -> Any:
    z = x @ w
    return np.sum(np.cos(np.arange(float(len(x)))) * np.log(np.sum(np.exp(z), axis=1)))


def _products(w: Any, x: Any) -> Any:
    """One term alone: x_a x_b p_i p_j."""
    return np.sum(np.exp(np.sum(np.sin(x @ w), axis=1)))


CASES: dict[str, tuple[Callable[..., Any], tuple[int, ...], tuple[int, ...]]] = {
    "softmax regression": (_softmax, (40, 9), (50, 40)),
    "in several passes, and some rows more": (_softmax, (33, 8), (700, 33)),
    "with other terms": (_ridge, (40, 9), (300, 40)),
    "in another order of axes": (_columns, (9, 40), (60, 40)),
    "of several axes": (_axes, (6, 7, 8), (50, 6, 7)),
    "with weights": (_weighted, (40, 8), (70, 40)),
    "of sums of functions": (_products, (40, 8), (64, 40)),
}


def _planned(f: Callable[..., Any], *args: Any) -> tuple[sg.Function, Plan]:
    h = sg.hessian(f, wrt=0).specialise(*args)
    return h, plan(*h.program)


def _is_used(h: sg.Function) -> bool:
    g, _, outputs = h.program
    lean, roots = packed(g, outputs)
    return any(n and is_packed(lean, i) for i, n in enumerate(lean.reach(roots)))


@pytest.mark.parametrize("native", [False, True], ids=["interpreted", "native"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", CASES)
def test_hessians(name: str, dtype: str, native: bool) -> None:
    f, first, second = CASES[name]
    w, x = 0.3 * _random(*first), _random(*second)
    h, _ = _planned(f, w, x)
    given = dict(zip(h.names, (w, x), strict=True))
    (want,) = Reference(*h.program)([given[n] for n in h.names])
    h, p = _planned(f, w.astype(dtype), x.astype(dtype))
    assert _is_used(h)
    (got,) = Program(p, native=native)([given[n].astype(dtype) for n in h.names])
    scale = np.max(np.abs(want))
    np.testing.assert_allclose(got / scale, want / scale, rtol=0, atol=1e-13 if dtype == "float64" else 2e-5)
    matrix = got.reshape(w.size, w.size)
    np.testing.assert_array_equal(matrix, matrix.T)


def test_a_long_sum_is_a_loop() -> None:
    _, p = _planned(_softmax, _random(33, 8), _random(700, 33))
    assert any(isinstance(s, Flow) for s in p.steps)
    _, p = _planned(_softmax, _random(33, 8), _random(200, 33))
    assert not any(isinstance(s, Flow) for s in p.steps)


def test_memory_does_not_grow_with_the_sum() -> None:
    sizes = [_planned(_softmax, _random(40, 8), _random(n, 40))[1].arena for n in (2000, 4000)]
    assert sizes[1] - sizes[0] <= 2000 * 8 * (8 * 8 + 36 + 5 * 8 + 10)  # v, its pairs, the probabilities


@pytest.mark.parametrize(
    "f",
    [
        lambda w, x: np.sum(np.logaddexp(0, x @ w[:, 0])),  # one pair of axes: half is all there is
        lambda w, x: np.sum(np.exp(x @ w)),  # no two columns meet
    ],
)
def test_what_has_nothing_to_win(f: Callable[..., Any]) -> None:
    h, _ = _planned(f, 0.1 * _random(40, 9), _random(60, 40))
    assert not _is_used(h)


def test_weights_that_are_not_symmetric() -> None:
    """Pairs of x's columns are done once, all of v's."""
    x, v = _random(50, 40), _random(50, 70)
    f = sg.function(lambda x, v: np.einsum("na,nb,nc->abc", x, x, v)).specialise(x, v)
    assert _is_used(f)
    (got,) = Program(plan(*f.program))([x, v])
    np.testing.assert_allclose(got, np.einsum("na,nb,nc->abc", x, x, v, optimize=True), rtol=1e-12, atol=1e-12)


def test_axes_that_may_be_exchanged() -> None:
    g = Graph()
    p = Node(g, g.input("p", Type("float64", (5, 3))))
    delta = g.add(REGISTER["delta"], (), (3, "float64"))
    outer = Node(g, contract(g, [(p.id, (0, 1)), (p.id, (0, 2))], (0, 1, 2)))
    diagonal = Node(g, contract(g, [(p.id, (0, 1)), (delta, (1, 2))], (0, 1, 2)))
    other = Node(g, contract(g, [(p.id, (0, 1)), ((p * p).id, (0, 2))], (0, 1, 2)))
    assert exchangeable(g, outer.id, [1], [2])
    assert exchangeable(g, (diagonal - outer).id, [1], [2])
    assert not exchangeable(g, other.id, [1], [2])
    assert not exchangeable(g, (diagonal - other).id, [1], [2])
