"""Sparse derivatives of functions of arrays: the right places, the right numbers, few sweeps."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import issparse

import symgrad as sg

RNG = np.random.default_rng(3)
EDGES = RNG.integers(0, 12, size=(2, 20))


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def springs(X):
    d = np.take(X, EDGES[0], axis=0) - np.take(X, EDGES[1], axis=0)
    return np.sum(np.sqrt(np.sum(d**2, axis=1) + 1.0))


def grid(u):
    inner = u[1:-1, 1:-1]
    around = u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:]
    return np.sum((around - 4 * inner - np.exp(inner)) ** 2)


def rows(X):
    return np.sum(np.log(np.sum(np.exp(X), axis=1)))


def elements(x):
    return x[0] * np.sin(x[1]) + x[2] ** 3 * x[4]


SCALARS = {
    "rosenbrock": (rosenbrock, (RNG.normal(size=30),), 3),
    "springs": (springs, (RNG.normal(size=(12, 2)),), None),
    "grid": (grid, (RNG.normal(size=(7, 6)),), None),
    "rows": (rows, (RNG.normal(size=(9, 3)),), 3),
    "elements": (elements, (RNG.normal(size=6),), None),
}


@pytest.mark.parametrize("name", SCALARS)
def test_hessians(name):
    f, args, sweeps = SCALARS[name]
    H = sg.hessian(f, sparse=True)
    sparse, dense = H(*args), sg.hessian(f)(*args)
    n = args[0].size
    assert issparse(sparse)
    assert sparse.shape == (n, n)
    np.testing.assert_allclose(sparse.toarray(), dense.reshape(n, n), rtol=1e-11, atol=1e-11)
    assert sparse.nnz < n * n
    if sweeps is not None:
        assert f"in {sweeps} " in H.explain()


def test_the_pattern_is_tight():
    n = 30
    H = sg.hessian(rosenbrock, sparse=True)(RNG.normal(size=n))
    assert H.nnz == 3 * n - 2


def test_jacobians_of_several_outputs_and_variables():
    def f(x, y):
        return x[1:] * x[:-1], {"sum": np.sum(y**2), "outer": x * y[0]}

    x, y = RNG.normal(size=8), RNG.normal(size=3)
    sparse = sg.jacobian(f, wrt=("x", "y"), sparse=True)(x, y)
    dense = sg.jacobian(f, wrt=("x", "y"))(x, y)
    for k in range(2):
        np.testing.assert_allclose(sparse[0][k].toarray(), dense[0][k], rtol=1e-12, atol=1e-14)
        for name in ("sum", "outer"):
            own = np.reshape(dense[1][name][k], sparse[1][name][k].shape)
            np.testing.assert_allclose(sparse[1][name][k].toarray(), own, rtol=1e-12, atol=1e-14)
    assert sparse[1]["sum"][0].nnz == 0


def test_few_rows_go_in_reverse():
    A = RNG.normal(size=(2, 40))
    J = sg.jacobian(lambda x, A: np.tanh(A @ x), sparse=True)
    x = RNG.normal(size=40)
    np.testing.assert_allclose(J(x, A).toarray(), (1 - np.tanh(A @ x) ** 2)[:, None] * A, rtol=1e-12)
    assert "2 reverse sweeps" in J.explain()


def test_matrices_of_sympy():
    import sympy as sp

    x = sp.MatrixSymbol("x", 6, 1)
    D = sp.diag(1, 2, 3, 4, 5, 6)
    H = sg.hessian(sg.function([x], (x.T * D * x)[0, 0]), sparse=True)
    found = H(RNG.normal(size=(6, 1)))
    np.testing.assert_allclose(found.toarray(), 2 * np.diag(np.arange(1.0, 7.0)))


def test_what_depends_on_places_known_only_at_the_call_counts_as_dense():
    f = lambda x, i: np.sum(x[i] ** 3)  # noqa: E731
    x, i = RNG.normal(size=5), np.array([0, 3, 3])
    H = sg.hessian(f, sparse=True)(x, i)
    np.testing.assert_allclose(H.toarray(), sg.hessian(f)(x, i), rtol=1e-12)
