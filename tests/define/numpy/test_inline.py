"""Functions called within a function that is traced are a part of its graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg

S, T = sp.symbols("s t")
M = sp.MatrixSymbol("M", 2, 2)
V = np.array([0.7, 2.0])
SQUARE = np.array([[2.0, 1.0], [0.5, 3.0]])


def scalar() -> Any:
    return sg.function([S, T], sp.sin(S) * T**2)


def of_matrix() -> Any:
    return sg.function([M], sp.log(sp.det(M)))


def specialised() -> Any:
    return sg.function(lambda X, w: X @ w).specialise(np.ones((3, 2)), np.ones(2))


@pytest.fixture(params=["reference", "compiled"])
def ready(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    """The function before and after it has machine code."""
    return (lambda f: f.compile()) if request.param == "compiled" else (lambda f: f)


def test_scalars(ready: Callable[[Any], Any]) -> None:
    f = ready(scalar())
    outer = sg.function(lambda v: f(v[0], t=v[1]) * 3)
    assert outer(V) == pytest.approx(3 * np.sin(0.7) * 4)
    assert np.allclose(sg.grad(outer)(V), [3 * np.cos(0.7) * 4, 3 * np.sin(0.7) * 4])
    assert outer.specialise(V).count_ops() <= 6


def test_several_results(ready: Callable[[Any], Any]) -> None:
    g = ready(sg.grad(scalar()))
    found = sg.jacobian(lambda v: np.stack(g(v[0], v[1])))(V)
    assert np.allclose(found, sg.hessian(scalar())(*V))


def test_matrices(ready: Callable[[Any], Any]) -> None:
    f = ready(of_matrix())
    assert np.allclose(sg.grad(lambda A: f(A) * 2)(SQUARE), 2 * np.linalg.inv(SQUARE).T)


def test_specialised(ready: Callable[[Any], Any]) -> None:
    f = ready(specialised())
    X = np.arange(6.0).reshape(3, 2)
    found = sg.grad(lambda w, X: np.sum(f(X, w) ** 2))(V, X)
    assert np.allclose(found, 2 * X.T @ X @ V)


def test_plain_and_traced_arguments_together(ready: Callable[[Any], Any]) -> None:
    f = ready(specialised())
    X = np.arange(6).reshape(3, 2)
    assert np.allclose(sg.grad(lambda w: np.sum(f(X, w)))(V), X.sum(0))
    assert np.allclose(sg.grad(lambda X: np.sum(f(X, [1, 2])))(X * 1.0), [[1, 2]] * 3)


@pytest.mark.parametrize("shapes", [((2,), ()), ((), (2,)), ((3, 1), (2,)), ((2,), (2,)), ((0,), (0,))])
def test_batches(ready: Callable[[Any], Any], shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    f = ready(scalar())
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(shape) for shape in shapes)
    outer = sg.function(lambda a, b: f(a, b))
    assert np.allclose(outer(a, b), np.sin(a) * b**2)
    assert np.shape(outer(a, b)) == np.broadcast_shapes(*shapes)
    wanted = np.broadcast_to(np.cos(a) * b**2, np.broadcast_shapes(*shapes))
    found = sg.grad(lambda a, b: np.sum(f(a, b)))(a, b)
    assert np.allclose(found, _summed_to(wanted, shapes[0]))


def _summed_to(x: Any, shape: tuple[int, ...]) -> Any:
    """The transpose of broadcasting."""
    x = x.sum(tuple(range(x.ndim - len(shape))))
    stretched = tuple(k for k, n in enumerate(shape) if n == 1)
    return x.sum(stretched, keepdims=True)


def test_batches_of_matrices(ready: Callable[[Any], Any]) -> None:
    f = ready(of_matrix())
    many = SQUARE + np.arange(12.0).reshape(3, 2, 2) ** 2 * np.eye(2)
    assert np.allclose(sg.function(lambda A: f(A))(many), np.log(np.linalg.det(many)))
    assert np.allclose(sg.grad(lambda A: np.sum(f(A)))(many), np.linalg.inv(many).swapaxes(1, 2))


def test_python_functions_and_transforms() -> None:
    inner = sg.function(lambda w, power: np.sum(w**power), static="power")
    assert np.allclose(sg.grad(lambda v: inner(v, 3) + inner(v * 2, 2))(V), 3 * V**2 + 8 * V)
    outer = sg.function(lambda v: np.sum(sg.grad(inner)(v, 3) ** 2))
    assert np.allclose(sg.grad(outer)(V), 36 * V**3)
    assert np.allclose(sg.function(lambda v: sg.vmap(lambda s: s * s)(v))(V), V**2)


def test_traced_twice_over() -> None:
    """A function within a function within a function."""
    f = scalar()
    middle = sg.function(lambda v: f(v[0], v[1]))
    assert np.allclose(sg.hessian(lambda v: middle(v * 1.0))(V), sg.hessian(f)(*V))


def test_refused() -> None:
    f = specialised()
    X = np.ones((3, 2))
    with pytest.raises(sg.ArgumentError, match=r"w must have shape \(2\), got shape \(3,\)\n  at .*test_inline.py"):
        sg.function(lambda w: f(X, w))(np.ones(3))
    with pytest.raises(sg.ArgumentError, match="missing: t"):
        sg.function(lambda v: scalar()(v[0]))(V)
    single = sg.function([S], sp.sin(S), dtype="float32")
    with pytest.raises(sg.DtypeError, match=r"s is float32, got a traced array of float64, .*\n  at"):
        sg.function(lambda v: single(v[0]))(V)
    sparse = sg.hessian(scalar(), sparse=True)
    with pytest.raises(sg.ArgumentError, match="sparse or factored result, which can't be a part of a function"):
        sg.function(lambda v: sparse(v[0], v[1]))(V)
    assert np.allclose(sg.function(lambda v: sg.function(lambda w: f(X, w + v))(V))(V), f(X, 2 * V))


def test_integers_and_narrow_floats_widen() -> None:
    f = scalar()
    assert np.allclose(sg.function(lambda v: f(v, v))(np.array([1, 2])), np.sin([1, 2]) * np.array([1, 4]))
    assert np.allclose(sg.function(lambda v: f(v, v))(V.astype(np.float32)), np.sin(V) * V**2)
