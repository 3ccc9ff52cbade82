"""structure="auto" where the nonzeros are few: arrays that behave as the dense ones."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import scipy.sparse

import symgrad as sg
from symgrad.run.sparse_array import SparseArray

RNG = np.random.default_rng(2)


def chain(x: Any) -> Any:
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def grid(u: Any) -> Any:
    """Of a plane of numbers: differences of neighbours."""
    return np.sum(np.log1p((u[1:] - u[:-1]) ** 2)) + np.sum(np.cosh(u[:, 1:] - u[:, :-1])) + np.sum(u**4)


def test_a_banded_hessian() -> None:
    x = RNG.standard_normal(30)
    H, dense = sg.hessian(chain, structure="auto")(x), sg.hessian(chain)(x)
    assert isinstance(H, SparseArray)
    assert (H.kind, H.shape, H.ndim, H.dtype) == ("sparse", (30, 30), 2, np.float64)
    np.testing.assert_allclose(H.todense(), dense, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(np.asarray(H), dense, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(H @ x, dense @ x, rtol=1e-12, atol=1e-10)
    np.testing.assert_allclose(H.solve(x), np.linalg.solve(dense, x), rtol=1e-8)
    assert isinstance(H.toscipy(), scipy.sparse.csr_array)
    assert H.nbytes * 2 < dense.nbytes
    assert repr(H) == "<sparse of shape (30, 30): 88 numbers for 900>"


def test_arrays_of_several_axes() -> None:
    u = RNG.standard_normal((6, 5))
    H, dense = sg.hessian(grid, structure="auto")(u), sg.hessian(grid)(u)
    assert H.kind == "sparse"
    np.testing.assert_allclose(H.todense(), dense, rtol=1e-12, atol=1e-12)
    many = RNG.standard_normal((6, 5, 3))
    np.testing.assert_allclose(H @ many, np.tensordot(dense, many, 2), rtol=1e-11, atol=1e-11)
    found = H.solve(many)
    np.testing.assert_allclose(np.tensordot(dense, found, 2), many, rtol=1e-8, atol=1e-8)
    J, whole = sg.jacobian(np.diff, structure="auto")(u), sg.jacobian(np.diff)(u)
    assert J.kind == "sparse"
    np.testing.assert_array_equal(J.T.todense(), np.moveaxis(whole, (0, 1), (2, 3)))
    with pytest.raises(ValueError, match="its first axes must be"):
        J @ u.T
    with pytest.raises(ValueError, match="as many columns as rows"):
        J.solve(u)


def test_a_singular_one() -> None:
    H = sg.hessian(lambda x: np.sum((x[1:] - x[:-1]) ** 2 * x[1:] ** 0), structure="auto")(np.ones(20))
    assert H.kind == "sparse"
    with pytest.raises(np.linalg.LinAlgError, match="singular"):
        H.solve(np.ones(20))


def test_few_zeros_are_not_worth_it() -> None:
    assert sg.hessian(lambda x: np.sum(np.sin(x)) ** 3 * np.sum(x**3), structure="auto")(np.ones(9)).kind != "sparse"


def test_several_variables_and_float32() -> None:
    def f(x: Any, y: Any) -> Any:
        return np.sum(np.exp(x[1:] * y[:-1])) + np.sum(y**2 * x**3)

    x, y = RNG.standard_normal((2, 12)).astype(np.float32)
    blocks = sg.hessian(f, wrt=("x", "y"), structure="auto")(x, y)
    dense = sg.hessian(f, wrt=("x", "y"))(x, y)
    for row, other in zip(blocks, dense, strict=True):
        for block, whole in zip(row, other, strict=True):
            assert block.dtype == np.float32
            np.testing.assert_allclose(np.asarray(block), whole, rtol=2e-5, atol=1e-5)


def test_derived_and_pickled() -> None:
    x = RNG.standard_normal(8)
    H = sg.hessian(chain, structure="auto")
    third = sg.jacobian(H)(x)
    np.testing.assert_allclose(third, sg.jacobian(sg.hessian(chain))(x), rtol=1e-12, atol=1e-10)
    own = H.specialise(x)
    again = pickle.loads(pickle.dumps(own))
    np.testing.assert_array_equal(again(x).todense(), own(x).todense())
    own.compile()
    np.testing.assert_allclose(own(x).todense(), again(x).todense(), rtol=1e-12)


def test_many_variables() -> None:
    x = np.linspace(0.0, 1.0, 20_000)
    H = sg.hessian(chain, structure="auto")(x)
    assert len(H.toscipy().data) == 3 * 20_000 - 2
    np.testing.assert_allclose(H @ x, sg.hvp(chain)(x, x), rtol=1e-9, atol=1e-7)
