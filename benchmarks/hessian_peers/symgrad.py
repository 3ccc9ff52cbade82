"""symgrad: a NumPy function, and its Hessian as one array or as factors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import symgrad as sg


def logistic(w: Any, X: Any, y: Any) -> Any:
    return np.sum(np.logaddexp(0, -y * (X @ w)))


def factorisation(U: Any, V: Any, T: Any) -> Any:
    return np.sum((T - U @ V.T) ** 2)


def net(W: Any, v: Any, X: Any, y: Any) -> Any:
    return np.sum((np.tanh(X @ W.T) @ v - y) ** 2) / 2


def softmax(W: Any, X: Any, Y: Any) -> Any:
    Z = X @ W
    return np.sum(np.log(np.sum(np.exp(Z), axis=1)) - np.sum(Z * Y, axis=1))


def gaussian(mu: Any, P: Any, X: Any) -> Any:
    R = X - mu
    return np.sum((R @ P) * R) / 2 - len(X) / 2 * np.linalg.slogdet(P)[1]


def quadratic(x: Any, A: Any) -> Any:
    return x @ A @ x


def distances(x: Any) -> Any:
    i, j = np.triu_indices(len(x), 1)
    return np.sum(np.linalg.norm(x[i] - x[j], axis=1))


def prepare(
    function: Callable[..., Any], arguments: dict[str, Any], wrt: tuple[str, ...], variant: str
) -> Callable[[], Any]:
    options = {"structure": "auto"} if variant == "factored" else {}
    H = sg.hessian(function, wrt=wrt if len(wrt) > 1 else wrt[0], **options)
    args = tuple(arguments.values())
    if variant == "dense":
        H.specialise(*args).compile()
    return lambda: H(*args)


def dense(result: Any) -> Any:
    if isinstance(result, tuple):
        return tuple(map(dense, result))
    return result.todense() if hasattr(result, "todense") else np.asarray(result)
