"""Writing at places that are known only when the function runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symgrad as sg

X = np.array([0.3, -1.2, 2.0, 0.7])
A = np.arange(12.0).reshape(3, 4) / 7 - 0.5


def rows(a: Any, i: Any) -> Any:
    c = 1 * a
    c[i] = a[0] * a[1]
    return c


def one(a: Any, i: Any) -> Any:
    c = 1 * a
    c[i, 1] += 2 * a[2, i]
    return c


def part_of_a_column(a: Any, i: Any) -> Any:
    c = 1 * a
    c[1:, i] = np.sin(a[0, 2:])
    return c


def diagonal(a: Any, i: Any) -> Any:
    c = 1 * a
    c[i, i] = 5.0
    c[..., i] *= a[:, 0]
    return c


def row_backwards(a: Any, i: Any) -> Any:
    c = 1 * a
    c[i, ::-1] = a[1] ** 2
    return c


WRITERS = [rows, one, part_of_a_column, diagonal, row_backwards]


@pytest.mark.parametrize("place", [0, 2, -1, -3])
@pytest.mark.parametrize("write", WRITERS, ids=lambda f: f.__name__)
def test_as_numpy(write: Any, place: int) -> None:
    f = sg.function(write)
    np.testing.assert_array_equal(f(A, place), write(A, place))
    np.testing.assert_array_equal(f.specialise(A, place).compile()(A, place), write(A, place))


@pytest.mark.parametrize("write", WRITERS, ids=lambda f: f.__name__)
def test_derivatives(write: Any) -> None:
    def loss(a: Any, i: Any) -> Any:
        return np.sum(write(a, i) ** 3)

    step = 1e-20
    wanted = np.zeros(A.shape)
    for place in np.ndindex(A.shape):
        moved = A.astype(complex)
        moved[place] += 1j * step
        wanted[place] = np.sum(write(moved, 2) ** 3).imag / step
    np.testing.assert_allclose(sg.grad(loss)(A, 2), wanted, rtol=1e-13, atol=1e-14)
    hessian = sg.hessian(loss)(A, 2)
    np.testing.assert_allclose(hessian, sg.jacobian(sg.grad(loss))(A, 2), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("place", [4, -5])
def test_outside(place: int) -> None:
    def f(x: Any, i: Any) -> Any:
        y = x.copy()
        y[i] = 0.0
        return y

    for call in (sg.function(f), sg.function(f).specialise(X, place).compile()):
        with pytest.raises(sg.ArgumentError, match="outside"):
            call(X, place)


def test_in_a_loop() -> None:
    def fibonacci(a: Any) -> Any:
        def body(i: Any, c: Any) -> Any:
            c[i + 2] = c[i + 1] + c[i]
            return c

        return sg.fori_loop(0, 6, body, np.concatenate([a, np.zeros(6)]))

    a = np.array([1.0, 1.0])
    np.testing.assert_array_equal(sg.function(fibonacci)(a), [1, 1, 2, 3, 5, 8, 13, 21])
    np.testing.assert_array_equal(sg.jacobian(fibonacci)(a)[-1], [8, 13])


def test_dtypes_and_mapping() -> None:
    def f(x: Any, i: Any) -> Any:
        y = x.copy()
        y[i] = 0.1
        return y

    assert sg.function(f)(X.astype("float32"), 1).dtype == np.float32
    many = sg.vmap(f, in_axes=(None, 0))(X, np.array([0, 3]))
    np.testing.assert_array_equal(many, [[0.1, -1.2, 2.0, 0.7], [0.3, -1.2, 2.0, 0.1]])


def test_traced_arrays_of_places_are_refused() -> None:
    def f(x: Any) -> Any:
        y = x.copy()
        y[np.argsort(x)] = np.arange(4.0)
        return y

    with pytest.raises(sg.TraceError, match=r"np\.bincount"):
        sg.function(f)(X)
