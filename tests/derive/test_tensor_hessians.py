"""Hessians of array functions come out as by hand: the formula, the numbers, the operations, the memory.

`hand` is the closed form in NumPy, `operations` and `largest` count what it takes: a matrix product of n x m by m x k
counts 2 n m k. None of our arrays is larger than the largest of the form by hand.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import symgrad as sg

RNG = np.random.default_rng(8)


class Case(NamedTuple):
    loss: Callable[..., Any]
    by: Any
    arguments: tuple[Any, ...]
    latex: str
    hand: Callable[..., Any]
    operations: float
    largest: int


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def logistic(w, X, y):
    return np.sum(np.log(1 + np.exp(-y * (X @ w))))


def logistic_hand(w, X, y):
    s = sigmoid(y * (X @ w))
    return X.T @ ((y**2 * s * (1 - s))[:, None] * X)


def factorisation(U, V, T):
    return np.sum((T - U @ V.T) ** 2)


def factorisation_hand(U, V, T):
    return np.einsum("ik,jl->ijkl", np.eye(len(U)), 2 * V.T @ V)


def both_hand(U, V, T):
    mixed = 2 * np.einsum("kj,il->ijkl", V, U) - 2 * np.einsum("ik,jl->ijkl", T - U @ V.T, np.eye(U.shape[1]))
    return (
        (factorisation_hand(U, V, T), mixed),
        (mixed.transpose(2, 3, 0, 1), np.einsum("ik,jl->ijkl", np.eye(len(V)), 2 * U.T @ U)),
    )


def regression(W, X, Y):
    Z = X @ W
    return np.sum(np.log(np.sum(np.exp(Z), axis=1))) - np.sum(Y * Z)


def regression_hand(W, X, Y):
    P = softmax(X @ W)
    out = -np.einsum("mij,mkl->ijkl", *2 * [X[:, :, None] * P[:, None, :]])
    for j in range(W.shape[1]):
        out[:, j, :, j] += X.T @ (P[:, j, None] * X)
    return out


def gaussian(mu, P, X):
    R = X - mu
    return np.sum((R @ P) * R) / 2 - len(X) / 2 * np.linalg.slogdet(P)[1]


def by_mean_hand(mu, P, X):
    return len(X) / 2 * (P + P.T)


def by_precision_hand(mu, P, X):
    inverse = np.linalg.inv(P)
    return len(X) / 2 * np.einsum("jk,li->ijkl", inverse, inverse)


def quadratic(x, A):
    return x @ A @ x


def network(p, X, Y):
    return np.sum((np.tanh(X @ p["V"] + p["b"]) @ p["W"] + p["c"] - Y) ** 2)


def network_hand(p, X, Y):
    """All ten blocks, of which those below the diagonal are transposes."""
    V, b, W, c = p["V"], p["b"], p["W"], p["c"]
    A = np.tanh(X @ V + b)
    S = 1 - A**2
    R = A @ W + c - Y
    G = R @ W.T * S * A
    o = W.shape[1]
    XS = X[:, :, None] * S[:, None, :]
    G1 = np.einsum("mi,mk,mj->ijk", X, X, G)
    VV = 2 * np.einsum("mij,mkl->ijkl", XS, XS) * (W @ W.T)[None, :, None, :]
    VV -= 4 * np.einsum("ikj,jl->ijkl", G1.transpose(0, 2, 1), np.eye(V.shape[1]))
    Vb = 2 * np.einsum("mij,mk->ijk", XS, S) * (W @ W.T) - 4 * np.einsum("ij,jk->ijk", X.T @ G, np.eye(len(b)))
    VW = 2 * np.einsum("mij,mk->ijk", XS, A)[..., None] * W[None, :, None, :]
    VW += 2 * np.einsum("mij,ml,jk->ijkl", XS, R, np.eye(len(b)))
    Vc = 2 * (X.T @ S)[:, :, None] * W
    bb = 2 * (S.T @ S) * (W @ W.T) - 4 * np.diag(G.sum(0))
    bW = 2 * (S.T @ A)[..., None] * W[:, None, :] + 2 * np.einsum("jl,jk->jkl", S.T @ R, np.eye(len(b)))
    bc = 2 * S.sum(0)[:, None] * W
    WW = 2 * np.einsum("ik,jl->ijkl", A.T @ A, np.eye(o))
    Wc = 2 * np.einsum("i,jl->ijl", A.sum(0), np.eye(o))
    cc = 2 * len(X) * np.eye(o)
    turn = np.moveaxis
    return {
        "V": {"V": VV, "b": Vb, "W": VW, "c": Vc},
        "b": {"V": turn(Vb, 2, 0), "b": bb, "W": bW, "c": bc},
        "W": {"V": VW.transpose(2, 3, 0, 1), "b": turn(bW, 0, 2), "W": WW, "c": Wc},
        "c": {"V": turn(Vc, 2, 0), "b": bc.T, "W": turn(Wc, 2, 0), "c": cc},
    }


def network_operations(n: int, d: int, h: int, o: int) -> float:
    """The products of `network_hand`."""
    v, w = d * h, h * o
    values = 2 * n * (v + w) + 2 * n * w + 16 * n * h
    grams = 2 * n * v * (v + h + h + o) + 2 * n * d * d * h + 2 * n * (d * h + h * h + h * o + h * h)
    return values + grams + n * v * 3 + 4 * (v * v + v * h + v * w) + 4 * w * w


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape)


n, d, k, m, c, h = 40, 30, 3, 20, 4, 5
XD = normal(n, d)
CASES = {
    "logistic regression": Case(
        logistic,
        0,
        (normal(d), XD, np.sign(normal(n))),
        r"\begin{aligned}x_{0} &= \sigma_{\circ}\left(y \circ X w\right) \\ & X^{T} \operatorname{diag}\left("
        r"y^{\circ 2} \circ x_{0} \circ \left(\mathbf{1} - x_{0}\right)\right) X\end{aligned}",
        logistic_hand,
        2 * n * d + 12 * n + n * d + 2 * n * d * d,
        n * d,
    ),
    "matrix factorisation by U": Case(
        factorisation,
        0,
        (normal(n, k), normal(m, k), normal(n, m)),
        r"2 V^{T} V \otimes I",
        factorisation_hand,
        2 * m * k * k + k * k + (n * k) ** 2,
        (n * k) ** 2,
    ),
    "matrix factorisation by both": Case(
        factorisation,
        (0, 1),
        (normal(n, k), normal(m, k), normal(n, m)),
        r"\left( 2 V^{T} V \otimes I, \ 2 \left(V^{T} \otimes U\right) \mathbf{K} - 2 I \otimes "
        r"\left(T - U V^{T}\right), \ 2 \left(U^{T} \otimes V\right) \mathbf{K} - 2 I \otimes "
        r"\left(T - U V^{T}\right)^{T}, \ 2 U^{T} U \otimes I\right)",
        both_hand,
        (n * k) ** 2 + (m * k) ** 2 + 4 * n * m * k * k + 2 * n * m * k + n * m + 2 * (n + m) * k * k + 2 * k * k,
        (n * k) ** 2,
    ),
    "softmax regression": Case(
        regression,
        0,
        (normal(d, c), XD, np.eye(c)[RNG.integers(0, c, n)]),
        r"\left[\sum_{m} X_{mi} \operatorname{softmax}\left(X W\right)_{mj} X_{mk} \delta_{jl} - \sum_{m} X_{mi} "
        r"\operatorname{softmax}\left(X W\right)_{mj} X_{mk} \operatorname{softmax}\left(X W\right)_{ml}\right]_{ijkl}",
        regression_hand,
        2 * n * d * c + 6 * n * c + n * d * c + 2 * n * d * d * c + 2 * n * (d * c) ** 2 + 2 * (d * c) ** 2,
        max(n * d * c, (d * c) ** 2),
    ),
    "Gaussian by its mean": Case(
        gaussian,
        "mu",
        (normal(d), np.eye(d) + 0.02 * normal(d, d), XD),
        r"20 \left(P + P^{T}\right)",
        by_mean_hand,
        2 * d * d,
        d * d,
    ),
    "Gaussian by its precision": Case(
        gaussian,
        "P",
        (normal(m), np.eye(m) + 0.02 * normal(m, m), normal(n, m)),
        r"20 \left(P^{-1} \otimes P^{-T}\right) \mathbf{K}",
        by_precision_hand,
        2 * m**3 + m * m + m**4,
        m**4,
    ),
    "x'Ax": Case(
        quadratic,
        0,
        (normal(d), normal(d, d)),
        "A + A^{T}",
        lambda x, A: A + A.T,
        d * d,
        d * d,
    ),
    "tanh network, all layers": Case(
        network,
        0,
        ({"V": normal(d, h), "b": normal(h), "W": normal(h, c), "c": normal(c)}, XD, normal(n, c)),
        "",
        network_hand,
        network_operations(n, d, h, c),
        (d * h) ** 2,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_hessian_is_what_it_is_by_hand(name):
    case = CASES[name]
    hessian = sg.hessian(sg.function(case.loss), wrt=case.by)
    got = leaves(hessian(*case.arguments))
    want = leaves(case.hand(*case.arguments))
    assert len(got) == len(want)
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)
    own = hessian.specialise(*case.arguments)
    g = own.graph
    assert g.operations(own.outputs) <= 1.02 * case.operations
    assert max(math.prod(t.lengths) for t, live in zip(g.types, g.reach(own.outputs), strict=True) if live) <= (
        case.largest
    )
    if case.latex:
        assert hessian.latex() == case.latex


def leaves(tree: Any) -> list[Any]:
    if isinstance(tree, dict):
        return [x for key in sorted(tree) for x in leaves(tree[key])]
    return [x for part in tree for x in leaves(part)] if isinstance(tree, tuple) else [tree]


def test_third_derivatives():
    w, X, y = CASES["logistic regression"].arguments
    f = sg.function(logistic)
    third = sg.derivative(f, wrt="w", order=3)
    s = sigmoid(y * (X @ w))
    want = np.einsum("m,mi,mj,mk->ijk", y**3 * s * (1 - s) * (1 - 2 * s), X, X, X)
    np.testing.assert_allclose(third(w, X, y), want, rtol=1e-9, atol=1e-10)
    own = third.specialise(w, X, y)
    assert own.graph.operations(own.outputs) < 1.05 * (2 * n * d**3 + n * d * d + 2 * n * d)
    assert r"\right)_{l} X_{li} X_{lj} X_{lk}\right]_{ijk}" in third.latex()
    assert sg.derivative(sg.function(quadratic), order=3)(*CASES["x'Ax"].arguments).shape == (d, d, d)
    assert not np.any(sg.derivative(sg.function(quadratic), order=3)(*CASES["x'Ax"].arguments))


def test_deriving_again_and_again_is_deriving_once_more():
    x, A = CASES["x'Ax"].arguments[0][:5], normal(5, 5)
    f = sg.function(lambda x, A: np.sum(np.exp(np.sin(A @ x))))
    nested = sg.jacobian(sg.hessian(f))(x, A)
    np.testing.assert_allclose(sg.derivative(f, wrt="x", order=3)(x, A), nested, rtol=1e-12)
    np.testing.assert_allclose(sg.derivative(f, wrt="x", order=1)(x, A), sg.grad(f)(x, A), rtol=1e-13)


FEW = {
    "cumsum": (lambda w, X: np.cumsum(np.exp(X @ w)), (200,)),
    "reshape": (lambda w, X: np.reshape(np.sin(X @ w), (20, 10)), (20, 10)),
    "sort": (lambda w, X: np.sort(np.tanh(X @ w)), (200,)),
    "concatenate": (lambda w, X: np.concatenate([np.exp(X @ w), 2 * w]), (203,)),
}


@pytest.mark.parametrize("name", FEW)
def test_a_jacobian_by_few_numbers_is_accumulated_forward(name):
    f, shape = FEW[name]
    w, X = normal(3), normal(200, 3)
    auto, forward, reverse = (sg.jacobian(sg.function(f), mode=mode) for mode in ("auto", "forward", "reverse"))
    got = auto(w, X)
    assert got.shape == (*shape, 3)
    np.testing.assert_allclose(forward(w, X), got, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(reverse(w, X), got, rtol=1e-9, atol=1e-10)
    costs = [j.specialise(w, X).count_ops() for j in (auto, forward, reverse)]
    assert costs[0] == min(costs)
    assert "forward accumulation of arrays" in auto.explain()


def test_where_both_ways_cost_the_same_nothing_is_said_of_numbers():
    f = sg.jacobian(sg.function(lambda w, X: np.exp(X @ w)))
    f(normal(3), normal(200, 3))
    assert "reverse accumulation of arrays, which costs as much as forward" in f.explain()
    assert f.latex() == r"\operatorname{diag}\left(e^{\circ X w}\right) X"


def test_a_jacobian_of_several_results_by_several_arrays():
    f = sg.function(lambda U, V: (U @ V, np.sum(U)))
    U, V = normal(3, 4), normal(4, 2)
    (by_u, by_v), (sum_u, sum_v) = sg.jacobian(f, wrt=(0, 1))(U, V)
    np.testing.assert_allclose(by_u, np.einsum("ik,lj->ijkl", np.eye(3), V))
    np.testing.assert_allclose(by_v, np.einsum("ik,jl->ijkl", U, np.eye(2)))
    np.testing.assert_array_equal(sum_u, np.ones((3, 4)))
    np.testing.assert_array_equal(sum_v, np.zeros((4, 2)))


def test_what_is_zero_by_structure_takes_no_operation():
    f = sg.function(lambda x, A: np.sum(A @ x) + np.sum(A[0]))
    hessian = sg.hessian(f)
    assert not np.any(hessian(normal(5), normal(5, 5)))
    assert hessian.specialise(normal(5), normal(5, 5)).count_ops() == 0
