"""vmap: as a loop over the points in Python, for every place of their axis, for derivatives, nested, of nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import scipy.linalg
import scipy.special
import sympy as sp

import symgrad as sg

RNG = np.random.default_rng(0)
N = 5
POINTS = RNG.standard_normal((N, 3))
MATRICES = RNG.standard_normal((N, 3, 3)) + 4 * np.eye(3)
POSITIVE = MATRICES @ MATRICES.swapaxes(1, 2)
W = RNG.standard_normal(3)
PLACES = RNG.integers(0, 3, (N, 4))


class Pair(NamedTuple):
    a: Any
    b: Any


def loop(f: Callable[..., Any], *args: Any, in_axes: Any = 0, out_axes: int = 0) -> Any:
    """The function at each point by itself; arrays, or tuples of them."""
    axes = in_axes if isinstance(in_axes, tuple) else (in_axes,) * len(args)
    n = next(np.shape(a)[x] for a, x in zip(args, axes, strict=True) if x is not None)
    each = [f(*[a if x is None else np.take(a, k, x) for a, x in zip(args, axes, strict=True)]) for k in range(n)]
    if isinstance(each[0], tuple):
        return tuple(np.stack(parts, out_axes) for parts in zip(*each, strict=True))
    return np.stack(each, out_axes)


def agree(found: Any, wanted: Any, tol: float = 1e-10) -> None:
    if isinstance(wanted, tuple):
        assert len(found) == len(wanted)
        for f, w in zip(found, wanted, strict=True):
            agree(f, w, tol)
        return
    assert np.shape(found) == np.shape(wanted)
    assert np.allclose(found, wanted, rtol=tol, atol=tol)


# What can be mapped --------------------------------------------------------------------------------------------------

BY_VECTOR: list[Callable[[Any], Any]] = [
    lambda x: x * 2 + np.sin(x),
    lambda x: np.sum(x**2),
    lambda x: x[0] * x[1:],
    lambda x: x[::-1] + x[np.array([0, 0, 2])],
    lambda x: np.outer(x, x),
    lambda x: np.einsum("i,ij,j->", x, np.arange(9.0).reshape(3, 3), x),
    lambda x: np.arange(12.0).reshape(4, 3) @ x,
    lambda x: np.concatenate([x, x[:1], np.ones(2)]),
    lambda x: np.stack([x, np.ones(3)], axis=1),
    lambda x: np.cumsum(x),
    lambda x: np.cumprod(x)[-1],
    lambda x: np.sort(x),
    lambda x: np.argsort(x),
    lambda x: np.max(x) - np.min(x),
    lambda x: np.argmax(x),
    lambda x: np.where(x > 0, x, np.exp(x)),
    lambda x: np.take(x, np.array([[0, 1], [2, 2]])),
    lambda x: np.take(np.array([5.0, 6.0, 7.0]), np.argmax(x)),
    lambda x: np.take(x, np.argmin(x)),
    lambda x: np.pad(x, (1, 2), constant_values=3.0),
    lambda x: np.reshape(np.outer(x, x), (9,)),
    lambda x: np.median(x),
    lambda x: np.linalg.norm(x),
    lambda x: scipy.special.logsumexp(x),
    lambda x: scipy.special.softmax(x),
    lambda x: np.interp(x, np.linspace(-3, 3, 7), np.arange(7.0) ** 2),
    lambda x: np.fft.rfft(x).real,
    lambda x: np.diag(x) @ np.ones((3, 2)),
    lambda x: np.array([x[0], 1.0, x[1] * x[2]]),
    lambda x: (x, np.sum(x), np.ones(2)),
    lambda x: np.full((2, 2), 1.5),
    lambda x: np.searchsorted(np.array([-1.0, 0.0, 1.0]), x),
    lambda x: np.bincount(np.array([0, 1, 1]), weights=x, minlength=4),
    lambda x: np.convolve(x, [1.0, 2.0], "full"),
    lambda x: np.var(x),
    lambda x: np.diff(x, n=2),
    lambda x: np.tile(x, (2, 2)),
    lambda x: np.roll(x, 1),
    lambda x: np.triu(np.outer(x, x)),
]
BY_MATRIX: list[Callable[[Any], Any]] = [
    lambda A: A.T @ A,
    lambda A: A @ W,
    np.linalg.inv,
    np.linalg.det,
    lambda A: np.linalg.slogdet(A)[1],
    lambda A: np.linalg.solve(A, W),
    lambda A: np.linalg.solve(A, np.ones((3, 2))),
    np.trace,
    np.diagonal,
    lambda A: np.linalg.matrix_power(A, 3),
    lambda A: np.linalg.svd(A, compute_uv=False),
    lambda A: np.abs(np.linalg.qr(A)[1]),
    np.linalg.pinv,
    lambda A: scipy.linalg.expm(A / 10),
    lambda A: np.max(A, axis=0),
    lambda A: A[1:, ::2],
    lambda A: A[[0, 1], [1, 2]],
    lambda A: np.take_along_axis(A, np.argsort(A, axis=0), 0),
    lambda A: np.kron(A, np.eye(2)),
]
BY_POSITIVE: list[Callable[[Any], Any]] = [
    np.linalg.cholesky,
    np.linalg.eigvalsh,
    lambda A: np.linalg.eigh(A)[1] ** 2,
    lambda A: scipy.linalg.cho_solve(scipy.linalg.cho_factor(A), W),
    lambda A: 2 * np.sum(np.log(np.diagonal(np.linalg.cholesky(A)))),
]
EVERY = [(f, a) for fs, a in ((BY_VECTOR, POINTS), (BY_MATRIX, MATRICES), (BY_POSITIVE, POSITIVE)) for f in fs]


@pytest.mark.parametrize(("f", "points"), EVERY)
def test_values(f: Callable[[Any], Any], points: Any) -> None:
    agree(sg.vmap(f)(points), loop(f, points))


@pytest.mark.parametrize(("f", "points"), EVERY)
def test_jacobians(f: Callable[[Any], Any], points: Any) -> None:
    """The map of a Jacobian is the block diagonal of the Jacobian of a map; both as a loop over Jacobians."""

    def g(x: Any) -> Any:
        y = f(x)
        return y[0] if isinstance(y, tuple) else y

    if sg.function(g).specialise(points[0]).graph.types[-1].dtype == "int64":
        return
    wanted = loop(sg.jacobian(g), points)
    agree(sg.vmap(sg.jacobian(g))(points), wanted, 1e-8)
    whole = sg.jacobian(sg.vmap(g))(points)
    k = np.arange(N)
    rank = np.ndim(g(points[0]))
    blocks = np.moveaxis(whole, (0, rank + 1), (0, 1))
    agree(blocks[k, k], wanted, 1e-8)
    blocks[k, k] = 0
    assert not np.any(blocks)


@pytest.mark.parametrize("f", [*BY_MATRIX, *BY_POSITIVE])
def test_empty_batches(f: Callable[[Any], Any]) -> None:
    wanted = np.shape(f(POSITIVE[0]))
    assert sg.vmap(f)(np.zeros((0, 3, 3))).shape == (0, *wanted)


# Axes ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
@pytest.mark.parametrize("out", [0, 1, -1])
def test_axes_in_and_out(axis: int, out: int) -> None:
    a = np.moveaxis(MATRICES, 0, axis)

    def f(A: Any, x: Any) -> Any:
        return A @ x

    for x, x_axis in ((W, None), (POINTS, 0), (POINTS.T, 1), (POINTS.T, -1)):
        axes = (axis, x_axis)
        agree(sg.vmap(f, in_axes=axes, out_axes=out)(a, x), loop(f, a, x, in_axes=axes, out_axes=out))


def test_results_that_do_not_depend_on_the_points_are_repeated() -> None:
    found = sg.vmap(lambda x, w: (w * 2, 3.0, x), in_axes=(0, None), out_axes=-1)(POINTS, W)
    assert np.array_equal(found[0], np.stack([W * 2] * N, -1))
    assert np.array_equal(found[1], [3.0] * N)
    assert np.array_equal(found[2], POINTS.T)


def test_traced_places() -> None:
    for f in (lambda x, k: x[k], lambda x, k: np.take(x, k), lambda x, k: np.sum(x[k] ** 2)):
        agree(sg.vmap(f)(POINTS, PLACES), loop(f, POINTS, PLACES))
        agree(sg.vmap(f, in_axes=(None, 0))(W, PLACES), loop(f, W, PLACES, in_axes=(None, 0)))
        agree(sg.vmap(f, in_axes=(0, None))(POINTS, PLACES[0]), loop(f, POINTS, PLACES[0], in_axes=(0, None)))
        slope = sg.grad(lambda x, k, f=f: np.sum(np.sin(f(x, k))))
        agree(sg.vmap(slope)(POINTS, PLACES), loop(slope, POINTS, PLACES))


def test_keywords_defaults_and_static_arguments() -> None:
    def f(x: Any, scale: Any = None, power: int = 2) -> Any:
        return np.sum(x**power) * (1.0 if scale is None else scale)

    own = sg.vmap(sg.function(f, static="power"), in_axes=(0, None, None))
    assert np.allclose(own(POINTS), np.sum(POINTS**2, 1))
    assert np.allclose(own(POINTS, power=3, scale=2.0), 2 * np.sum(POINTS**3, 1))
    scaled = sg.vmap(lambda x, s=2.0: x * s)  # what is left out, and a number in its place, have no points
    assert np.array_equal(scaled(POINTS), POINTS * 2)
    assert np.array_equal(scaled(POINTS, 3.0), POINTS * 3)
    assert np.array_equal(scaled(POINTS, POINTS), POINTS**2)


# Derivatives and nesting ---------------------------------------------------------------------------------------------


def loss(w: Any, x: Any, y: Any) -> Any:
    return np.logaddexp(0.0, -y * (x @ w))


def test_gradients_per_sample() -> None:
    y = np.sign(POINTS[:, 0])
    each = sg.vmap(sg.grad(loss), in_axes=(None, 0, 0))
    wanted = loop(sg.grad(loss), W, POINTS, y, in_axes=(None, 0, 0))
    agree(each(W, POINTS, y), wanted)
    total = sg.grad(lambda w, X, y: np.sum(sg.vmap(loss, in_axes=(None, 0, 0))(w, X, y)))
    agree(total(W, POINTS, y), wanted.sum(0))


def test_hessians_per_sample() -> None:
    y = np.sign(POINTS[:, 0])
    agree(
        sg.vmap(sg.hessian(loss), in_axes=(None, 0, 0))(W, POINTS, y),
        loop(sg.hessian(loss), W, POINTS, y, in_axes=(None, 0, 0)),
    )
    agree(sg.vmap(sg.value_and_grad(loss), in_axes=(None, 0, 0))(W, POINTS, y)[0], loss(W, POINTS, y))


def test_products_with_directions() -> None:
    f = lambda x: np.sin(x) * np.sum(x)  # noqa: E731
    v = RNG.standard_normal((N, 3))
    agree(sg.vmap(sg.jvp(f))(POINTS, v), loop(sg.jvp(f), POINTS, v))
    agree(sg.vmap(sg.vjp(f))(POINTS, v), loop(sg.vjp(f), POINTS, v))
    g = lambda x: np.sum(np.sin(x)) ** 2  # noqa: E731
    agree(sg.vmap(sg.hvp(g))(POINTS, v), loop(sg.hvp(g), POINTS, v))
    columns = sg.vmap(sg.hvp(g), in_axes=(None, 0))(W, np.eye(3))  # a Hessian, one direction at a time
    agree(columns, sg.hessian(g)(W))


def test_nested() -> None:
    def distance(a: Any, b: Any) -> Any:
        return np.sqrt(np.sum((a - b) ** 2) + 0.1)

    pairs = sg.vmap(sg.vmap(distance, in_axes=(None, 0)), in_axes=(0, None))
    wanted = np.array([[distance(a, b) for b in MATRICES[0]] for a in POINTS])
    agree(pairs(POINTS, MATRICES[0]), wanted)
    slopes = sg.vmap(sg.vmap(sg.grad(distance), in_axes=(None, 0)), in_axes=(0, None))
    agree(slopes(POINTS, MATRICES[0]), np.array([[sg.grad(distance)(a, b) for b in MATRICES[0]] for a in POINTS]))
    three = sg.vmap(sg.vmap(sg.vmap(lambda x: x * 2)))
    agree(three(MATRICES), MATRICES * 2)
    with pytest.raises(sg.ArgumentError, match=r"has shape \(\), and no axis 0"):
        sg.vmap(three)(MATRICES)


def test_within_a_function() -> None:
    def total(w: Any, X: Any) -> Any:
        return np.sum(sg.vmap(lambda x, w: np.tanh(x @ w), in_axes=(0, None))(X, w) ** 2)

    agree(sg.grad(total)(W, POINTS), sg.grad(lambda w, X: np.sum(np.tanh(X @ w) ** 2))(W, POINTS))


def test_branches_that_are_not_taken_leave_nothing() -> None:
    f = lambda x: np.where(x > 0, np.sqrt(np.where(x > 0, x, 1.0)), 0.0)  # noqa: E731
    x = np.array([-1.0, 0.0, 4.0])
    agree(sg.vmap(sg.grad(f))(x), np.array([0.0, 0.0, 0.25]))


# Pytrees, dtypes, functions of SymPy ---------------------------------------------------------------------------------


def test_pytrees() -> None:
    def f(p: Any, q: Any) -> Any:
        return {"s": np.sum(p.a * p.b["x"]) + q[0], "t": Pair(p.a, None), "name": "t"}

    p = Pair(POINTS, {"x": POINTS**2})
    found = sg.vmap(f, in_axes=(0, None))(p, [1.0])
    agree(found["s"], np.sum(POINTS**3, 1) + 1)
    agree(found["t"].a, POINTS)
    assert found["t"].b is None
    assert found["name"] == "t"
    slope = sg.vmap(sg.grad(lambda p: np.sum(p.a * p.b["x"])))(p)
    agree(slope.b["x"], POINTS)
    agree(slope.a, POINTS**2)


def test_dtypes() -> None:
    x = POINTS.astype(np.float32)
    assert sg.vmap(lambda x: np.sum(x) * 2.0)(x).dtype == np.float32
    assert sg.vmap(lambda x: np.argmax(x))(x).dtype == np.int64
    assert sg.vmap(lambda x: x > 0)(x).dtype == bool


def test_functions_of_sympy() -> None:
    x, y = sp.symbols("x y")
    f = sg.function([x, y], sp.sin(x) * y)
    a, b = POINTS[:, 0], POINTS[:, 1]
    agree(sg.vmap(f)(a, b), np.sin(a) * b)
    agree(sg.vmap(sg.grad(f), in_axes=(0, None))(a, 2.0), (np.cos(a) * 2.0, np.sin(a)))
    M = sp.MatrixSymbol("M", 3, 3)
    agree(sg.vmap(sg.function([M], sp.log(sp.det(M))))(POSITIVE), np.log(np.linalg.det(POSITIVE)))


def test_compiled() -> None:
    f = sg.vmap(lambda x, A: np.tanh(A @ x) * np.sum(x), in_axes=(0, None))
    concrete = f.specialise(POINTS, MATRICES[0]).compile()
    agree(concrete(POINTS, MATRICES[0]), np.tanh(POINTS @ MATRICES[0].T) * POINTS.sum(1)[:, None])


# Errors --------------------------------------------------------------------------------------------------------------


def test_errors() -> None:
    f = lambda x, y: x * y  # noqa: E731
    with pytest.raises(sg.ArgumentError, match="different numbers of points: x has 5, y has 3"):
        sg.vmap(f)(POINTS, np.ones((3, 3)))
    with pytest.raises(sg.ArgumentError, match=r"y has shape \(\), and no axis 0; say None for it in in_axes"):
        sg.vmap(f)(POINTS, 2.0)
    with pytest.raises(sg.ArgumentError, match=r"x has shape \(5, 3\), and no axis 2"):
        sg.vmap(f, in_axes=(2, None))(POINTS, 2.0)
    with pytest.raises(sg.ArgumentError, match="at least one argument has an axis of points"):
        sg.vmap(f, in_axes=None)
    with pytest.raises(sg.ArgumentError, match="one int or None for each"):
        sg.vmap(f, in_axes=(0,))
    with pytest.raises(sg.ArgumentError, match="one int or None for each"):
        sg.vmap(f, in_axes=("0", None))
    with pytest.raises(sg.ArgumentError, match=r"out_axes=2 of a result of shape \(5, 3\)"):
        sg.vmap(f, in_axes=(0, None), out_axes=2)(POINTS, 2.0)
    with pytest.raises(sg.ArgumentError, match="no array among the arguments has an axis of points"):
        sg.vmap(f)("a", None)
    with pytest.raises(sg.TraceError, match="if decides on a traced value"):
        sg.vmap(lambda x: x if x[0] > 0 else -x)(POINTS)
    x = sp.Symbol("x")
    sparse = sg.jacobian(sg.function([x], [x, x**2]), sparse=True)
    with pytest.raises(sg.ArgumentError, match="sparse result can't be mapped"):
        sg.vmap(sparse)


def test_places_outside_are_errors_and_no_numbers_of_another_point() -> None:
    A = np.arange(12.0).reshape(3, 4)
    pick = sg.vmap(lambda x, i: x[i])
    np.testing.assert_array_equal(pick(A, np.array([3, 1, -2])), [3.0, 5.0, 10.0])
    with pytest.raises(sg.ArgumentError, match="outside"):
        pick(A, np.array([7, 1, 2]))


def test_axes_that_are_given_and_those_that_are_not_are_two_maps() -> None:
    f = sg.function(lambda x, a=2.0: np.sum(x * a))
    sg.vmap(f, (0, 0))
    np.testing.assert_array_equal(sg.vmap(f, 0)(np.ones((3, 4)), 3.0), [12.0, 12.0, 12.0])


def test_a_map_leaves_its_function_as_it_was_shown() -> None:
    f = sg.function(lambda x: x @ x)
    f(np.ones(4))
    sg.vmap(f)(np.ones((3, 4)))
    assert f.latex() == "x^{T} x"
    assert "x[4]" in repr(f)


def test_axes_of_a_pytree_are_a_pytree():
    def f(p, x):
        return np.sum(p["w"]["a"] * x) + p["b"]

    p = {"w": {"a": np.arange(6.0).reshape(2, 3)}, "b": np.array(1.5)}
    x = np.arange(4.0).reshape(2, 2)
    wide = {"w": {"a": np.arange(6.0).reshape(2, 3)}, "b": np.array([1.0, 2.0, 3.0])}
    got = sg.vmap(f, in_axes=({"w": {"a": 1}, "b": None}, None))(p, x[0])
    np.testing.assert_allclose(got, [np.sum(p["w"]["a"][:, k] * x[0]) + 1.5 for k in range(3)])
    got = sg.vmap(f, in_axes=({"w": 1, "b": 0}, None))(wide, x[0])  # for all of w
    np.testing.assert_allclose(got, [np.sum(p["w"]["a"][:, k] * x[0]) + wide["b"][k] for k in range(3)])
    with pytest.raises(sg.ArgumentError, match="nests otherwise than p"):
        sg.vmap(f, in_axes=({"v": 0}, None))(p, x[0])
    with pytest.raises(sg.ArgumentError, match="one int or None for each, or a pytree"):
        sg.vmap(f, in_axes=({"w": "a"}, None))(p, x[0])
