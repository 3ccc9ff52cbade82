"""Derivatives along long paths: what they take grows with the path's length, not faster. Operations are counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.derive.cotangents import _Sweep
from symgrad.ops.contraction import _Contraction

RNG = np.random.default_rng(12)
W = RNG.normal(size=(4, 4)) / 2
START = RNG.normal(size=4)


def iterated(n: int) -> Callable[[Any], Any]:
    def f(x: Any) -> Any:
        for _ in range(n):
            x = np.sin(x) + 0.1 * x
        return np.sum(x)

    return f


def pendulums(x: Any) -> Any:
    return np.stack([x[1], -np.sin(x[0]) - 0.1 * x[1], x[3], -np.sin(x[2]) + 0.5 * x[0]])


def neurons(x: Any) -> Any:
    return np.tanh(W @ x)


def runge_kutta(n: int, flow: Callable[[Any], Any], h: float = 0.1) -> Callable[[Any], Any]:
    def f(x: Any) -> Any:
        for _ in range(n):
            k1 = flow(x)
            k2 = flow(x + h / 2 * k1)
            k3 = flow(x + h / 2 * k2)
            k4 = flow(x + h * k3)
            x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return np.sum(x**2)

    return f


def recurrent(n: int) -> Callable[..., Any]:
    def f(W: Any, U: Any, X: Any) -> Any:
        h = np.zeros(4)
        for t in range(n):
            h = np.tanh(W @ h + U @ X[t])
        return np.sum(h**2)

    return f


def count(f: Any, *args: Any) -> int:
    made = f.specialise(*args)
    return made.graph.operations(made.outputs)


def differences(f: Callable[[Any], Any], x: Any, h: float = 1e-6) -> Any:
    """The derivative of `f` at `x`, an axis for x last, by central differences."""
    return np.stack([(f(x + h * e) - f(x - h * e)) / (2 * h) for e in np.eye(len(x))], axis=-1)


def linear(small: int, middle: int, large: int) -> bool:
    """Whether the second doubling of the length adds about twice what the first one does."""
    return large - middle <= 2.2 * (middle - small)


@pytest.mark.parametrize("start", [np.float64(0.3), START], ids=["number", "array"])
def test_derivatives_of_an_iterated_map_grow_linearly(start):
    for transform in (sg.grad, sg.hessian):
        assert linear(*(count(transform(iterated(n)), start) for n in (4, 8, 16)))


def test_the_hessian_of_an_iterated_map_holds_one_diagonal():
    at = sg.hessian(iterated(6)).specialise(START)
    live = at.graph.reach(at.outputs)
    squares = [t for t, op, n in zip(at.graph.types, at.graph.ops, live, strict=True) if n and len(t.shape) == 2]
    assert len(squares) <= 3
    np.testing.assert_allclose(at(START), differences(sg.grad(iterated(6)), START), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("flow", [pendulums, neurons])
@pytest.mark.parametrize(("transform", "steps"), [(sg.grad, (4, 8, 16)), (sg.hessian, (1, 2, 4))])
def test_derivatives_of_an_integration_grow_linearly(flow, transform, steps):
    assert linear(*(count(transform(runge_kutta(n, flow)), START) for n in steps))


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("flow", [pendulums, neurons])
def test_the_hessian_of_an_integration_is_right(flow, mode):
    f = runge_kutta(2, flow)
    np.testing.assert_allclose(sg.hessian(f, mode=mode)(START), differences(sg.grad(f), START), rtol=1e-5, atol=1e-7)


def test_derivatives_of_a_recurrent_network_grow_linearly():
    U, X = RNG.normal(size=(4, 3)), RNG.normal(size=(20, 3))
    gradients = [count(sg.grad(recurrent(n)), W, U, X) for n in (5, 10, 20)]
    products = [count(sg.hvp(recurrent(n)), W, U, X, W) for n in (5, 10, 20)]
    assert linear(*gradients)
    assert linear(*products)
    assert products[-1] <= 4 * gradients[-1]


@pytest.mark.parametrize("flow", [pendulums, neurons])
def test_products_worked_out_while_deriving_are_in_proportion_to_the_nodes(flow, monkeypatch):
    built = 0
    build = _Contraction.build

    def counted(self: _Contraction) -> int:
        nonlocal built
        built += 1
        return build(self)

    monkeypatch.setattr(_Contraction, "build", counted)
    made = sg.grad(runge_kutta(20, flow)).specialise(START)
    assert 0 < built <= 5 * sum(made.graph.reach(made.outputs))


def test_what_a_rule_builds_is_not_looked_for_in_the_whole_graph(monkeypatch):
    """Decompositions are transposed by a sweep through the nodes that their tangent rule makes, and only those."""
    visited = 0
    step = _Sweep.step

    def counted(self: _Sweep, i: int) -> None:
        nonlocal visited
        visited += 1
        step(self, i)

    monkeypatch.setattr(_Sweep, "step", counted)

    def f(x: Any) -> Any:
        for _ in range(12):
            x = np.linalg.inv(x + np.linalg.cholesky(x @ x.T + np.eye(4)))
        return np.sum(x)

    made = sg.grad(f).specialise(W)
    assert 0 < visited <= 6 * sum(made.graph.reach(made.outputs))


def test_a_long_sum_with_identities_is_right():
    def f(x: Any) -> Any:
        total = x
        for k in range(1, 40):
            total = total + W @ np.sin(k * x)
        return np.sum(np.cos(total))

    np.testing.assert_allclose(sg.hessian(f)(START), differences(sg.grad(f), START), rtol=1e-4, atol=1e-3)
