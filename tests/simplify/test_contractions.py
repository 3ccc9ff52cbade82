"""Products of arrays contracted anew: chains of any form merge, nothing costs more than before."""

from __future__ import annotations

import numpy as np
import sympy as sp

import symgrad as sg

N = 6
A, B, C, X = (sp.MatrixSymbol(n, N, N) for n in "ABCX")
b = sp.MatrixSymbol("b", N, 1)


def at(f: sg.Function) -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [rng.normal(size=f.graph.types[i].lengths) for i in f.inputs]


def test_equal_chains_of_different_form_are_one_term():
    m = A * X * B + C
    gradient = sg.grad(sg.function([X, A, B, C], sp.Trace(m * m.T)), wrt=X)
    assert gradient.graph.operations(gradient.outputs) <= 4 * 2 * N**3 + 2 * N**2
    x, a, v, c = values = at(gradient)
    np.testing.assert_allclose(gradient(*values), 2 * a.T @ (a @ x @ v + c) @ v.T, rtol=1e-12)


def test_products_that_several_products_use_merge():
    gradient = sg.grad(sg.function(X, sp.Trace(X**4)))
    assert gradient.graph.operations(gradient.outputs) <= 2 * 2 * N**3 + N**2
    (x,) = at(gradient)
    np.testing.assert_allclose(gradient(x), 4 * np.linalg.matrix_power(x, 3).T, rtol=1e-12)


def test_chains_are_multiplied_from_the_cheap_end():
    f = sg.function([X, A, b], b.T * X * A * X * A * X * b)
    gradient = sg.grad(f, wrt=X)
    assert gradient.graph.operations(gradient.outputs) < 30 * N**2


def test_what_products_of_a_sum_share_is_taken_out():
    gradient = sg.grad(sg.function([X, A], sp.Trace(X.T * A * X)), wrt=X)
    assert gradient.graph.operations(gradient.outputs) <= 2 * N**3 + N**2
    x, a = at(gradient)
    np.testing.assert_allclose(gradient(x, a), (a + a.T) @ x, rtol=1e-12)
    hessian = sg.hessian(sg.function([X, A], sp.Trace(X.T * A * X)), wrt=X)
    assert hessian.graph.operations(hessian.outputs) <= N**4 + 2 * N**2
    np.testing.assert_allclose(hessian(x, a), np.einsum("jl,ik->ijkl", np.eye(N), a + a.T), rtol=1e-12)


def test_matrices_are_not_added_to_save_a_product_with_a_vector():
    gradient = sg.grad(sg.function([b, A], b.T * A * b), wrt=b)
    shapes = [t.lengths for t, n in zip(gradient.graph.types, gradient.graph.reach(gradient.outputs), strict=True) if n]
    assert shapes.count((N, N)) == 1


def test_a_matrix_and_its_transpose_are_symmetric():
    f = sg.function([X, A], (A + A.T) * X)
    assert sg.function([X, A], X * (A + A.T).T).latex() == r"X \left(A + A^{T}\right)"
    x, a = at(f)
    np.testing.assert_allclose(sg.function([X, A], X * (A + A.T).T)(x, a), x @ (a + a.T), rtol=1e-12)
