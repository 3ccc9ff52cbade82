"""Derivatives kept as factors: what they stand for, products, solving, conversion."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy.sparse import issparse
from scipy.sparse.linalg import LinearOperator

import symgrad as sg
from symgrad.run.factored import FactoredArray, Product

RNG = np.random.default_rng(7)
A = RNG.normal(size=(3, 24))


def factorisation(U, V, T):
    return np.sum((T - U @ V.T) ** 2)


def elementwise(x):
    return np.sum(np.exp(x) + x**4)


def with_low_rank(x):
    return np.sum(np.exp(x)) + np.sum((A @ x) ** 2)


def rows(X):
    return np.sum(np.exp(np.sum(X**2, axis=1) / 8))


CASES = {
    "kronecker": (factorisation, (RNG.normal(size=(12, 3)), RNG.normal(size=(10, 3)), RNG.normal(size=(12, 10)))),
    "diagonal": (elementwise, (RNG.normal(size=40),)),
    "diagonal + low rank": (with_low_rank, (RNG.normal(size=24),)),
    "by rows": (rows, (RNG.normal(size=(11, 3)),)),
}


@pytest.mark.parametrize("name", CASES)
def test_a_factored_hessian_is_the_dense_one(name):
    f, args = CASES[name]
    dense = sg.hessian(f)(*args)
    H = sg.hessian(f, structure="auto")(*args)
    assert isinstance(H, FactoredArray)
    if name != "by rows":
        assert H.kind == name
    assert H.shape == dense.shape
    assert H.nbytes * 2 < dense.nbytes
    np.testing.assert_allclose(H.todense(), dense, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(np.asarray(H), dense, rtol=1e-12, atol=1e-12)
    own = args[0].shape
    n = args[0].size
    square = dense.reshape(n, n)
    for more in ((), (2,)):
        v = RNG.normal(size=own + more)
        np.testing.assert_allclose((H @ v).reshape(n, -1), square @ v.reshape(n, -1), rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(H.solve(H @ v), v, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(H.T.todense().reshape(n, n), square.T, rtol=1e-12, atol=1e-12)
    other = H.toscipy()
    assert other.shape == (n, n)
    v = RNG.normal(size=n)
    np.testing.assert_allclose(other @ v, square @ v, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(other.T @ v, square.T @ v, rtol=1e-10, atol=1e-10)


def test_what_scipy_gets():
    f, args = CASES["kronecker"]
    assert issparse(sg.hessian(f, structure="auto")(*args).toscipy())
    f, args = CASES["diagonal + low rank"]
    assert isinstance(sg.hessian(f, structure="auto")(*args).toscipy(), LinearOperator)


def test_a_jacobian_has_rows_of_its_own():
    f = sg.jacobian(lambda x, B: np.exp(x) * np.sum(B), structure="auto")
    x, B = RNG.normal(size=30), RNG.normal(size=(2, 2))
    J = f(x, B)
    assert J.kind == "diagonal"
    np.testing.assert_allclose(J.todense(), np.diag(np.exp(x) * B.sum()), rtol=1e-13)


def test_blocks_of_several_variables():
    f, (U, V, T) = CASES["kronecker"]
    H = sg.hessian(f, wrt=("U", "V"), structure="auto")(U, V, T)
    dense = sg.hessian(f, wrt=("U", "V"))(U, V, T)
    assert isinstance(H[0][0], FactoredArray)
    assert isinstance(H[1][1], FactoredArray)
    for a in range(2):
        for b in range(2):
            np.testing.assert_allclose(np.asarray(H[a][b]), dense[a][b], rtol=1e-12, atol=1e-12)


def test_an_array_without_structure_is_one_factor():
    X = RNG.normal(size=(50, 4))
    f, w = lambda w, X: np.sum(np.exp(X @ w)), RNG.normal(size=4)
    H, dense = sg.hessian(f, structure="auto")(w, X), sg.hessian(f)(w, X)
    assert H.kind == "dense"
    np.testing.assert_array_equal(H.todense(), dense)
    np.testing.assert_allclose(H @ w, dense @ w, rtol=1e-12)
    np.testing.assert_allclose(H.solve(w), np.linalg.solve(dense, w), rtol=1e-12)
    np.testing.assert_allclose(H.toscipy() @ w, dense @ w, rtol=1e-12)
    J = sg.jacobian(lambda x: np.tanh(X @ x), structure="auto")(w)
    assert J.kind == "dense"
    np.testing.assert_allclose(J.T @ (J @ w), J.todense().T @ J.todense() @ w, rtol=1e-12)


def test_shown_and_derived_as_the_whole():
    f, args = CASES["diagonal"]
    H = sg.hessian(f, structure="auto")
    own = H.specialise(*args)
    assert own.latex() == sg.hessian(f).specialise(*args).latex()
    third = sg.jacobian(H)(*args)
    np.testing.assert_allclose(third, sg.jacobian(sg.hessian(f))(*args), rtol=1e-13)
    again = pickle.loads(pickle.dumps(own))
    np.testing.assert_array_equal(again(*args).todense(), own(*args).todense())


def test_wrong_shapes_are_named():
    H = FactoredArray((3,), (3,), [Product(2.0, ((None, (0, 1)),))], "float64")
    np.testing.assert_array_equal(H.todense(), 2 * np.eye(3))
    np.testing.assert_array_equal(H.solve(np.arange(3.0)), np.arange(3.0) / 2)
    with pytest.raises(ValueError, match="first axes must be"):
        H @ np.ones(4)
    with pytest.raises(ValueError, match="first axes must be"):
        H.solve(np.ones(4))
    with pytest.raises(sg.ArgumentError, match="structure='sparse'"):
        sg.hessian(elementwise, structure="sparse")(np.ones(3))


def test_a_singular_one_is_refused():
    H = FactoredArray((2,), (2,), [Product(1.0, ((np.array([1.0, 0.0]), (0,)), (None, (0, 1))))], "float64")
    with pytest.raises(np.linalg.LinAlgError, match="singular"):
        H.solve(np.ones(2))


@pytest.mark.parametrize(
    ("kind", "f"),
    [
        ("jacobian", lambda X: np.diag(np.diag(X) ** 2)),
        ("jacobian", lambda X: 2 * X.T),
        ("hessian", lambda X: np.trace(X) ** 2),
        ("hessian", lambda X: np.sum(np.diag(X) ** 2)),
        ("hessian", lambda X: np.trace(X @ X)),
        ("hessian", lambda X: np.sum(X**2) + np.trace(X @ X)),
    ],
)
def test_identities_between_other_axes_than_row_and_column(kind, f):
    X, v = RNG.normal(size=(6, 6)), RNG.normal(size=(6, 6))
    H, dense = getattr(sg, kind)(f, structure="auto")(X), getattr(sg, kind)(f)(X)
    np.testing.assert_allclose(H.todense(), dense, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(H @ v, np.tensordot(dense, v, 2), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(H.toscipy() @ v.ravel(), dense.reshape(36, 36) @ v.ravel(), rtol=1e-12, atol=1e-12)
    if np.linalg.matrix_rank(dense.reshape(36, 36)) == 36:
        np.testing.assert_allclose(np.tensordot(dense, H.solve(v), 2), v, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("small", [1e-9, 0.0])
def test_a_diagonal_that_is_nearly_singular_beside_a_low_rank(small):
    U, x = RNG.normal(size=(60, 3)), RNG.uniform(0.5, 1.5, 60)
    x[3] = small

    def f(x):
        return np.sum(x**4) / 12 + np.sum((U.T @ x) ** 2) / 2

    H, dense = sg.hessian(f, structure="auto")(x), sg.hessian(f)(x)
    assert H.kind == "diagonal + low rank"
    np.testing.assert_allclose(dense @ H.solve(np.ones(60)), np.ones(60), rtol=1e-6)


@pytest.mark.parametrize("offset", [0.0, 1e4])
@pytest.mark.parametrize(
    "f",
    [
        lambda D: np.sum(np.sqrt(np.sum(D * D, -1) + 1e-12)),
        lambda D: np.sum(np.log(np.sum(D * D, -1) + 1e-12)),
        lambda D: np.sum(np.exp(-np.sum(D * D, -1))),
    ],
)
def test_differences_are_not_multiplied_out(f, offset):
    """Points that are close to each other and far from the origin: products of x_i and x_j would cancel."""
    X = offset + 1e-3 * RNG.normal(size=(12, 3))

    def of_points(X):
        return f(X[:, None, :] - X[None, :, :])

    dense = sg.hessian(of_points)(X)
    H = sg.hessian(of_points, structure="auto")(X)
    whole = H if isinstance(H, np.ndarray) else H.todense()
    np.testing.assert_allclose(whole, dense, rtol=1e-9, atol=1e-9 * np.abs(dense).max())


def test_a_power_of_a_sum_has_rank_one():
    H = sg.hessian(lambda x: np.sum(x) ** 4, structure="auto")(np.ones(200_000))
    assert H.kind == "low rank"
    np.testing.assert_allclose((H @ np.ones(200_000))[:2], 12 * 200_000.0**3)


def test_forms_that_can_not_be():
    f = lambda x: np.sum(x) ** 4  # noqa: E731
    with pytest.raises(sg.ArgumentError, match=r"200000 x 200000 places.*structure='auto'"):
        sg.hessian(f, sparse=True)(np.ones(200_000))
    for make in (sg.hessian, sg.jacobian):
        with pytest.raises(sg.ArgumentError, match="one of them"):
            make(f, sparse=True, structure="auto")
        for memory in (0, -5):
            with pytest.raises(sg.ArgumentError, match="no amount of memory"):
                make(f, memory=memory)


def test_multiples_and_sums() -> None:
    rng = np.random.default_rng(0)
    U, V, T = rng.normal(size=(4, 2)), rng.normal(size=(5, 2)), rng.normal(size=(4, 5))
    H = sg.hessian(lambda U, V, T: np.sum((T - U @ V.T) ** 2), structure="auto")(U, V, T)
    G = sg.hessian(lambda U: np.sum(U**4), structure="auto")(U)
    h, g = H.todense(), G.todense()
    for found, wanted in (
        (2 * H, 2 * h),
        (H * np.float64(0.5), 0.5 * h),
        (np.float64(0.5) * H, 0.5 * h),
        (H / 4, h / 4),
        (-H, -h),
        (H + G, h + g),
        (H - 2 * G, h - 2 * g),
    ):
        assert isinstance(found, FactoredArray)
        np.testing.assert_allclose(found.todense(), wanted, rtol=1e-14)
    b = rng.normal(size=U.shape)
    np.testing.assert_allclose((H + G) @ (H + G).solve(b), b, rtol=1e-9)
    for found, wanted in ((H + h, 2 * h), (h - H, 0 * h), (h + G, h + g)):
        np.testing.assert_allclose(found, wanted, atol=1e-12)
    with pytest.raises(ValueError, match="differ"):
        H + sg.hessian(lambda x: np.sum(x**4), structure="auto")(np.ones(3))
    with pytest.raises(TypeError):
        H * h


def test_from_the_left() -> None:
    J = sg.jacobian(lambda x, A: np.sin(x) * (A @ x), structure="auto")(np.ones(3), np.eye(3))
    v = np.random.default_rng(0).normal(size=(2, 3))
    np.testing.assert_allclose(v @ J, v @ J.todense(), rtol=1e-13)
    np.testing.assert_allclose(v[0] @ J, v[0] @ J.todense(), rtol=1e-13)
    with pytest.raises(ValueError, match="last axes"):
        np.ones(4) @ J
