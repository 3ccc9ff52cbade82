"""The functions whose Hessians are compared: their data, and each Hessian derived by hand, as an expert writes it.

How a peer writes the function itself stands in its own file of `hessian_peers`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Case:
    """One Hessian, of the function that is named so in each peer's file.

    `data(rng, *size)` makes the arguments; `wrt` names those it is taken by; `hand(**arguments)` is the Hessian in
    NumPy and BLAS: an array, or a nest of tuples of them, blocks in the order of `wrt`.
    """

    title: str
    function: str
    wrt: tuple[str, ...]
    data: Callable[..., Arrays]
    hand: Callable[..., Any]
    size: tuple[int, ...]
    quick: tuple[int, ...]

    def arguments(self, quick: bool) -> Arrays:
        """The same numbers for every peer."""
        return self.data(np.random.default_rng(0), *(self.quick if quick else self.size))


def _logistic_data(rng: np.random.Generator, n: int, d: int) -> Arrays:
    X = rng.standard_normal((n, d))
    return {"w": rng.standard_normal(d) / np.sqrt(d), "X": X, "y": np.sign(rng.standard_normal(n))}


def _logistic(w: Any, X: Any, y: Any) -> Any:
    s = 1 / (1 + np.exp(-(X @ w)))
    Y = X * np.sqrt(s * (1 - s))[:, None]
    return Y.T @ Y  # NumPy sees the same array twice, and computes half


def _factorisation_data(rng: np.random.Generator, n: int, k: int) -> Arrays:
    return {
        "U": rng.standard_normal((n, k)),
        "V": rng.standard_normal((n, k)),
        "T": rng.standard_normal((n, n)),
    }


def _factorisation(U: Any, V: Any, T: Any) -> Any:
    n, k = U.shape
    H = np.zeros((n, k, n, k))
    rows = np.arange(n)
    H[rows, :, rows, :] = 2 * V.T @ V
    return H


def _net_data(rng: np.random.Generator, n: int, d: int, h: int) -> Arrays:
    return {
        "W": rng.standard_normal((h, d)) / np.sqrt(d),
        "v": rng.standard_normal(h) / np.sqrt(h),
        "X": rng.standard_normal((n, d)),
        "y": rng.standard_normal(n),
    }


def _net(W: Any, v: Any, X: Any, y: Any) -> Any:
    """The Gauss-Newton part of both layers, and the curvature of each unit times the residual."""
    (h, d), T = W.shape, np.tanh(X @ W.T)
    S = 1 - T * T
    r = T @ v - y
    C = S * v
    inner = np.empty((h, d, h, d))
    for a in range(h):
        for b in range(a, h):
            weight = C[:, a] * C[:, b]
            if a == b:
                weight -= 2 * r * C[:, a] * T[:, a]
            block = X.T @ (X * weight[:, None])
            inner[a, :, b, :] = block
            inner[b, :, a, :] = block
    mixed = np.einsum("ia,ij,ib->ajb", C, X, T, optimize=True)
    units = np.arange(h)
    mixed[units, :, units] += (S * r[:, None]).T @ X
    return (inner, mixed), (mixed.transpose(2, 0, 1), T.T @ T)


def _softmax_data(rng: np.random.Generator, n: int, d: int, k: int) -> Arrays:
    return {
        "W": rng.standard_normal((d, k)) / np.sqrt(d),
        "X": rng.standard_normal((n, d)),
        "Y": np.eye(k)[rng.integers(0, k, n)],
    }


def _softmax(W: Any, X: Any, Y: Any) -> Any:
    d, k = W.shape
    P = np.exp(X @ W)
    P /= P.sum(1, keepdims=True)
    H = np.empty((d, k, d, k))
    for a in range(k):
        for b in range(a, k):
            Y = X * np.sqrt(P[:, a] * (1 - P[:, a] if a == b else P[:, b]))[:, None]
            block = Y.T @ Y
            if a != b:
                np.negative(block, out=block)
            H[:, a, :, b] = block
            H[:, b, :, a] = block
    return H


def _gaussian_data(rng: np.random.Generator, n: int, d: int) -> Arrays:
    A = rng.standard_normal((d, d))
    return {
        "mu": rng.standard_normal(d),
        "P": A @ A.T + d * np.eye(d),
        "X": rng.standard_normal((n, d)),
    }


def _by_precision(mu: Any, P: Any, X: Any) -> Any:
    I = np.linalg.inv(P)  # noqa: E741
    return (0.5 * len(X) * I)[None, :, :, None] * I.T[:, None, None, :]


def _by_mean(mu: Any, P: Any, X: Any) -> Any:
    return (0.5 * len(X)) * (P + P.T)


def _quadratic_data(rng: np.random.Generator, d: int) -> Arrays:
    return {"x": rng.standard_normal(d), "A": rng.standard_normal((d, d))}


def _quadratic(x: Any, A: Any) -> Any:
    return A + A.T


def _points_data(rng: np.random.Generator, n: int) -> Arrays:
    return {"x": rng.standard_normal((n, 3))}


def _distances(x: Any) -> Any:
    """Block (i, j) is -(I - u uᵀ)/r with u the direction from j to i; the blocks of a row add up to zero."""
    n = len(x)
    H = np.empty((n, 3, n, 3))
    for i in range(n):
        D = x[i] - x
        r = np.sqrt(np.einsum("jk,jk->j", D, D))
        r[i] = np.inf
        D /= r[:, None]
        for a in range(3):
            for b in range(3):
                row = (D[:, a] * D[:, b] - (a == b)) / r
                row[i] = -row.sum()
                H[i, a, :, b] = row
    return H


CASES = {
    "logistic": Case("logistic regression", "logistic", ("w",), _logistic_data, _logistic, (2000, 1000), (1000, 300)),
    "factorisation": Case(
        "‖T − UVᵀ‖², by U", "factorisation", ("U",), _factorisation_data, _factorisation, (300, 5), (100, 5)
    ),
    "net": Case("tanh net, both layers", "net", ("W", "v"), _net_data, _net, (500, 20, 16), (200, 10, 8)),
    "softmax": Case("softmax regression", "softmax", ("W",), _softmax_data, _softmax, (1000, 100, 10), (300, 40, 5)),
    "precision": Case(
        "Gaussian, by precision", "gaussian", ("P",), _gaussian_data, _by_precision, (500, 30), (200, 20)
    ),
    "mean": Case("Gaussian, by mean", "gaussian", ("mu",), _gaussian_data, _by_mean, (2000, 100), (500, 50)),
    "quadratic": Case("xᵀAx", "quadratic", ("x",), _quadratic_data, _quadratic, (1000,), (300,)),
    "distances": Case("pairwise distances", "distances", ("x",), _points_data, _distances, (2483,), (150,)),
}
