"""Sums over elements at places, x[i]: derivatives against the same function written with a matrix of zeros and ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.errors import ArgumentError

RNG = np.random.default_rng(3)
N = 7
X = RNG.standard_normal((N, 3))
FIRST, SECOND = np.triu_indices(N, 1)
ANY = RNG.integers(0, N, 12)
GRID = RNG.integers(0, N, (4, 5))
V = RNG.standard_normal(N)
U = RNG.standard_normal((4, 3))
TO = RNG.integers(0, 4, 12)


def _rows(x: Any, i: Any) -> Any:
    """x[i] without indexing."""
    return np.einsum("...k,kl->...l", np.eye(len(x))[i], x)


def _pairs(rows: Any) -> Callable[[Any], Any]:
    return lambda x: np.sum(np.sqrt(1 + np.sum((rows(x, FIRST) - rows(x, SECOND)) ** 2, axis=1)))


def _chain(rows: Any) -> Callable[[Any], Any]:
    return lambda x: np.sum(np.sin(rows(x, ANY)) * rows(x, ANY[::-1])) + np.sum(x**3)


def _grid(rows: Any) -> Callable[[Any], Any]:
    return lambda x: np.sum(np.exp(np.sum(rows(x, GRID), axis=1) / 3))


def _scaled(rows: Any) -> Callable[[Any], Any]:
    return lambda x: np.sum((2 * rows(x, FIRST) + 3 * rows(x, SECOND)) ** 2 / 5 - rows(x, FIRST) * rows(x, SECOND))


def _masked(rows: Any) -> Callable[[Any], Any]:
    def f(x: Any) -> Any:
        d = np.sum((rows(x, FIRST) - rows(x, SECOND)) ** 2, axis=1)
        return np.sum(np.where(d > 3.0, d * np.log(d), np.cos(d)))

    return f


FUNCTIONS = {"pairs": _pairs, "chain": _chain, "grid": _grid, "multiples": _scaled, "masked": _masked}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_hessians(name: str) -> None:
    make = FUNCTIONS[name]
    wanted = sg.hessian(make(_rows))(X)
    h = sg.hessian(make(lambda x, i: x[i])).specialise(X)
    np.testing.assert_allclose(h(X), wanted, rtol=1e-12, atol=1e-12)
    h.compile()
    np.testing.assert_allclose(h(X), wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_nothing_is_larger_than_the_hessian(name: str) -> None:
    """Least of all the derivative of every gathered element by every point."""
    n = 40
    x = np.random.default_rng(0).standard_normal((n, 3))
    i, j = np.triu_indices(n, 1)

    def rows(x: Any, places: Any) -> Any:
        return x[{id(FIRST): i, id(SECOND): j}.get(id(places), places)]

    h = sg.hessian(FUNCTIONS[name](rows)).specialise(x)
    live = h.graph.reach(h.outputs)
    sizes = [math.prod(t.lengths) for t, needed in zip(h.graph.types, live, strict=True) if needed]
    assert max(sizes) <= (3 * n) ** 2


def test_places_of_two_axes() -> None:
    def f(x: Any) -> Any:
        d = x[:, None, :] - x[None, :, :]
        return np.sum(np.sqrt(1 + np.sum(d[FIRST, SECOND] ** 2, axis=-1)))

    h = sg.hessian(f).specialise(X)
    np.testing.assert_allclose(h(X), sg.hessian(_pairs(_rows))(X), rtol=1e-12, atol=1e-12)
    live = h.graph.reach(h.outputs)
    assert all(t.shape != (N, N, 3) for t, needed in zip(h.graph.types, live, strict=True) if needed)


def test_two_arrays_at_places_of_their_own() -> None:
    def f(x: Any, u: Any, rows: Any) -> Any:
        return np.sum(np.exp(rows(x, ANY) * rows(u, TO)))

    got = sg.hessian(lambda x, u: f(x, u, lambda x, i: x[i]), wrt=(0, 1))(X, U)
    wanted = sg.hessian(lambda x, u: f(x, u, _rows), wrt=(0, 1))(X, U)
    for a, b in zip(got, wanted, strict=True):
        for c, d in zip(a, b, strict=True):
            np.testing.assert_allclose(c, d, rtol=1e-12, atol=1e-12)


def test_vectors_and_jacobians() -> None:
    np.testing.assert_allclose(
        sg.jacobian(lambda v: np.sin(v[ANY]) * v[ANY[::-1]])(V),
        sg.jacobian(lambda v: np.sin(np.eye(N)[ANY] @ v) * (np.eye(N)[ANY[::-1]] @ v))(V),
        rtol=1e-12,
    )
    np.testing.assert_allclose(
        sg.hessian(lambda v: np.sum(v[ANY] ** 2 * v[ANY[::-1]]))(V),
        sg.hessian(lambda v: np.sum((np.eye(N)[ANY] @ v) ** 2 * (np.eye(N)[ANY[::-1]] @ v)))(V),
        rtol=1e-12,
    )


def test_places_that_are_arguments() -> None:
    """A quadratic's second derivative does not read x: only the places themselves can be wrong."""

    def f(x: Any, i: Any, j: Any) -> Any:
        return np.sum((x[i] - x[j]) ** 2)

    h = sg.hessian(f, wrt=0)
    i, j = ANY, ANY[::-1].copy()
    wanted = sg.hessian(lambda x: np.sum((_rows(x, i) - _rows(x, j)) ** 2))(X)
    concrete = h.specialise(X, i, j)
    np.testing.assert_allclose(concrete(X, i, j), wanted, rtol=1e-12)
    concrete.compile()
    np.testing.assert_allclose(concrete(X, i, j), wanted, rtol=1e-12)
    for bad in (N, -N - 1):
        wrong = i.copy()
        wrong[3] = bad
        with pytest.raises((ArgumentError, IndexError)):
            concrete(X, wrong, j)


def test_a_mask_stays_off_what_is_not_taken() -> None:
    """At equal points the distance has no derivative: that branch must not leak."""
    x = X.copy()
    x[2] = x[5]

    def f(x: Any) -> Any:
        d = np.sum((x[FIRST] - x[SECOND]) ** 2, axis=1)
        return np.sum(np.where(d > 0, np.sqrt(d), 0.0))

    h = sg.hessian(f)(x)
    assert np.all(np.isfinite(h))

    def full(x: Any) -> Any:
        d = np.sum((x[:, None, :] - x[None, :, :]) ** 2, axis=-1)
        return np.sum(np.where(d > 0, np.sqrt(d), 0.0)) / 2

    np.testing.assert_allclose(sg.hessian(full)(x), h, rtol=1e-12, atol=1e-12)


def test_a_term_that_comes_twice() -> None:
    x = np.array([-0.4, 0.7, -0.4, 0.5])
    f = lambda x: np.sum(np.diag(x)[[3, 3]] * np.exp(np.diag(x)[[3, 3]]))  # noqa: E731
    want = 2 * (2 + x[3]) * np.exp(x[3])
    assert sg.hessian(f)(x)[3, 3] == pytest.approx(want, rel=1e-12)
    assert sg.hessian(f, mode="forward")(x)[3, 3] == pytest.approx(want, rel=1e-12)


def test_rows_of_an_identity_by_either_axis() -> None:
    p, w = np.array([1, 1, 2]), np.array([1.0, 10.0, 100.0])
    rows = np.eye(3)[p]
    for take, of in (
        (lambda p, w: np.take(np.eye(3), p, axis=0) @ w, lambda: rows @ w),
        (lambda p, w: np.take(np.eye(3), p, axis=0).T @ w, lambda: rows.T @ w),
        (lambda p, w: np.take(np.eye(3), p, axis=1) @ w, lambda: rows.T @ w),
        (lambda p, w: np.take(np.eye(3), p, axis=0).sum(0) * w, lambda: rows.sum(0) * w),
    ):
        np.testing.assert_array_equal(sg.function(take)(p, w), of())
    five = np.array([0, 2, 1, 1, 0])
    np.testing.assert_array_equal(
        sg.function(lambda p, w: np.take(np.eye(3), p, axis=0) @ w)(five, w), np.eye(3)[five] @ w
    )
