"""What is written in place is seen where NumPy shows it: by other names, in the owner of a view, in other views."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg

import symgrad as sg
from symgrad.errors import TraceError

X = np.arange(12.0).reshape(3, 4) + 0.5


def rows(x: Any) -> Any:
    y = x * 1
    row = y[1]
    row += 10
    return y, row


def nested(x: Any) -> Any:
    y = x * 1
    part = y[1:]
    inner = part.T[::-1]
    inner *= 2
    part[0, 1] = 7.0
    y[2] -= 1
    return y, part, inner


def iterated(x: Any) -> Any:
    y = x * 1
    for k, row in enumerate(y):
        row += k
        row[k] = 0.0
    return y


def flat_owner(x: Any) -> Any:
    y = x.flatten()
    square = y.reshape(4, 3)
    square *= 2
    square[0, 1] = 7.0
    y[0] = 100.0
    return y, square


def seen_by_view(x: Any) -> Any:
    y = x.copy()
    part = y[:2]
    before = part * 1
    y[0] = 1.0
    return y, part, before


def names(x: Any) -> Any:
    y = x * 1
    z = y
    z += x
    return y, z


def augmented(x: Any) -> Any:
    y = x * 1
    y[0] += 1
    y[:, 1] *= 3
    y[::2, 1:][0] -= 4
    y[[0, 0]] += 1
    y[x.shape[0] - 1, ...] /= 2
    return y


def flat_places(x: Any) -> Any:
    y = x * 1
    y.flat[1] = 3
    y.flat[::5] += 1
    y.flat[[2, 3]] = x[0, :2]
    z = y.T
    z.flat[1] = -1
    return y, z, y.flat[2:4]


def copies(x: Any) -> Any:
    y = x * 1
    taken, turned, chosen = y[[0, 1]], y.T.copy(), y[:, :2].reshape(-1)
    y += 1
    taken -= 1
    chosen *= 3
    return y, taken, turned, chosen


def kept_dtype(x: Any) -> Any:
    y = x.astype(np.float32)
    z = y
    y *= np.float64(2)
    y += x
    return z


def number_of_an_axis(x: Any) -> Any:
    y = x[0] * 1
    one, none = y[0], y[1, ...]
    one += 1
    none += 1
    return y, one


def within(x: Any) -> Any:
    def halve(v: Any) -> None:
        v /= 2

    y = x * 1
    halve(y[0])
    halve(y)
    return y


@pytest.mark.parametrize(
    "f",
    [
        *(rows, nested, iterated, flat_owner, seen_by_view, names, augmented, flat_places, copies, kept_dtype),
        *(number_of_an_axis, within),
    ],
)
def test_writing_is_as_in_numpy(f: Callable[[Any], Any]) -> None:
    wanted = f(X.copy())
    found = sg.function(f)(X)
    for a, b in zip(*(v if isinstance(v, tuple) else (v,) for v in (found, wanted)), strict=True):
        assert np.array_equal(a, b)
        assert np.asarray(a).dtype == np.asarray(b).dtype


VIEWS: list[Callable[[Any], Any]] = [
    np.transpose,
    np.flip,
    np.fliplr,
    np.flipud,
    np.rot90,
    np.squeeze,
    np.atleast_1d,
    np.atleast_2d,
    np.atleast_3d,
    lambda y: np.asarray(y),
    lambda y: np.asanyarray(y),
    np.matrix_transpose,
    np.real,
    np.copy,
    lambda y: np.array(y),
    np.abs,
    np.positive,
    np.conj,
    np.sort,
    np.round,
    np.tril,
    np.nan_to_num,
    np.trunc,
    np.real_if_close,
    lambda y: np.ascontiguousarray(y),
    lambda y: y.real,
    lambda y: y.conj(),
    lambda y: y.astype(float),
    lambda y: y.flatten(),
    lambda y: y[:, None],
    lambda y: y[...],
    lambda y: y[:, [0, 1, 2, 3]],
    lambda y: y[np.ones(3, dtype=bool)],
    lambda y: y.swapaxes(0, 1),
    lambda y: np.moveaxis(y, 0, 1),
    lambda y: np.rollaxis(y, 1),
    lambda y: np.expand_dims(y, (0, 2)),
    lambda y: np.split(y, 3)[1],
    lambda y: np.array_split(y, 2, axis=1)[0],
    lambda y: np.hsplit(y, 2)[1],
    lambda y: np.concatenate([y]),
    lambda y: np.vstack([y]),
    lambda y: np.stack([y])[0],
    lambda y: np.repeat(y, 1, axis=0),
    lambda y: np.tile(y, 1),
    lambda y: np.roll(y, 0),
    lambda y: np.pad(y, 0),
    lambda y: np.take(y, [0, 1, 2], axis=0),
    lambda y: np.clip(y, None, 1e9),
    lambda y: np.where(True, y, 0),
    lambda y: np.reshape(y, (3, 2, 2)),
    lambda y: np.diff(y, n=0),
    lambda y: np.cumsum(y[:1], axis=0),
    lambda y: np.sum(y[None], axis=0),
    lambda y: np.broadcast_to(y, (3, 4)).copy(),
    lambda y: np.nan_to_num(y, copy=False),
    lambda y: np.meshgrid(y[0], y[1], copy=False)[0].copy(),
    lambda y: next(iter(y)),
    lambda y: np.einsum("ij->ij", y),
    lambda y: np.einsum("ij", y),
    lambda y: np.einsum("ii->i", y[:, 1:]),
    lambda y: np.einsum("ij->i", y),
    lambda y: np.einsum(y, [0, 1]) * 1,
    lambda y: np.roll(y, 1),
    lambda y: np.tile(y, 2),
    lambda y: np.linalg.matrix_transpose(y),
    lambda y: np.kron(y, y[0]),
    lambda y: np.outer(y, y),
    lambda y: scipy.linalg.circulant(y[0]),
    lambda y: np.einsum("ij->ji", y),
    lambda y: np.max(y[None], axis=0),
]


@pytest.mark.parametrize("k", range(len(VIEWS)))
def test_results_share_their_numbers_where_numpy_s_do(k: int) -> None:
    def written_to_the_result(x: Any) -> Any:
        y = x * 1
        v = VIEWS[k](y)
        v += 1
        return y, v

    def written_to_the_argument(x: Any) -> Any:
        y = x * 1
        v = VIEWS[k](y)
        y += 1
        return y, v

    for f in (written_to_the_result, written_to_the_argument):
        for found, wanted in zip(sg.function(f)(X), f(X.copy()), strict=True):
            assert np.array_equal(found, wanted)


def order_of_memory(x: Any) -> Any:
    y = x * 1
    v = y.reshape(-1)
    v += 1
    return y


def stale_reshape(x: Any) -> Any:
    y = x * 1
    v = y.reshape(-1)
    y += 1
    return v


def read_only_spread(x: Any) -> Any:
    v = np.broadcast_to(x * 1, (2, 3, 4))
    v += 1
    return v


def read_only_off_diagonal(x: Any) -> Any:
    d = np.diag(x * 1, 1)
    d -= 1
    return d


def read_only_diagonal(x: Any) -> Any:
    d = np.diagonal((x * 1)[:, :3])
    d[0] = 1.0
    return d


def of_an_argument(x: Any) -> Any:
    y = x
    y *= 2
    return y


def view_of_an_argument(x: Any) -> Any:
    row = x.T[0]
    row += 1
    return row


def whole_numbers(x: Any) -> Any:
    n = (x > 1).astype(int)
    n += 0.5
    return n


def truth_values(x: Any) -> Any:
    n = x > 1
    n += 1
    return n


def outer(x: Any) -> Any:
    y = x * 1

    def inner(t: Any) -> Any:
        v = y[0]
        v += t
        return np.sum(v)

    return sg.grad(inner)(1.0) + np.sum(y)


@pytest.mark.parametrize(
    ("f", "wanted"),
    [
        (order_of_memory, r"writing to x\.reshape\(\.\.\.\).*\n.*order_of_memory\n +v \+= 1"),
        (stale_reshape, "reading x.reshape"),
        (read_only_spread, "read-only in NumPy"),
        (read_only_off_diagonal, "read-only in NumPy"),
        (read_only_diagonal, "read-only in NumPy"),
        (of_an_argument, r"an argument would change the caller's array.*\n.*of_an_argument\n +y \*= 2"),
        (view_of_an_argument, "an argument would change the caller's array"),
        (whole_numbers, r"an array of int64\[3, 4\] can't become float64\[3, 4\] in place"),
        (truth_values, r"an array of bool\[3, 4\] can't become int64\[3, 4\] in place"),
        (outer, "an array of the function around this one"),
    ],
)
def test_what_numpy_s_memory_would_decide_is_refused(f: Callable[[Any], Any], wanted: str) -> None:
    with pytest.raises(TraceError, match=wanted):
        sg.function(f)(X)


def test_diagonals_see_what_is_written() -> None:
    def f(x: Any) -> Any:
        y = x * 1
        upper, middle = np.diagonal(y, 1), np.diag(y[:, :3])
        y *= 2
        return upper, middle

    for found, wanted in zip(sg.function(f)(X), f(X), strict=True):
        assert np.array_equal(found, wanted)


def test_derivatives_go_through_views() -> None:
    def f(x: Any) -> Any:
        y = x**2
        part = y[1:]
        part *= y[0]
        return np.sum(y)

    x = np.array([2.0, 3.0, 5.0])
    assert np.allclose(sg.grad(f)(x), [2 * 2 * (1 + 9 + 25), 6 * 4, 10 * 4])


def test_long_chains_of_views_need_no_recursion() -> None:
    def f(x: Any) -> Any:
        y = x * 1
        v = y
        for _ in range(2000):
            v = v[1:]
        v += 1
        return y

    assert np.array_equal(np.nonzero(sg.function(f)(np.zeros(2003)))[0], [2000, 2001, 2002])


def test_complex_arrays_are_written_in_place() -> None:
    def f(x: Any) -> Any:
        z = np.fft.fft(x)
        w, part, other = z, z[:2], z.conj()
        w *= 2
        part += 1
        z[0] = 3 - 1j
        return z.real, z.imag, part.imag, other.real

    for found, wanted in zip(sg.function(f)(X[0]), f(X[0]), strict=True):
        assert np.allclose(found, wanted)
