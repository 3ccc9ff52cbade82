"""PyTensor: the Jacobian of the gradient, vectorised, with its default (compiling) mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.gradient import grad, jacobian


def logistic(w: Any, X: Any, y: Any) -> Any:
    return pt.sum(pt.softplus(-y * (X @ w)))


def factorisation(U: Any, V: Any, T: Any) -> Any:
    return pt.sum((T - U @ V.T) ** 2)


def net(W: Any, v: Any, X: Any, y: Any) -> Any:
    return pt.sum((pt.tanh(X @ W.T) @ v - y) ** 2) / 2


def softmax(W: Any, X: Any, Y: Any) -> Any:
    Z = X @ W
    return pt.sum(pt.logsumexp(Z, axis=1) - pt.sum(Z * Y, axis=1))


def gaussian(mu: Any, P: Any, X: Any) -> Any:
    R = X - mu
    return pt.sum((R @ P) * R) / 2 - X.shape[0] / 2 * pt.linalg.slogdet(P)[1]


def quadratic(x: Any, A: Any) -> Any:
    return x @ A @ x


def distances(x: Any) -> Any:
    i, j = np.triu_indices(x.type.shape[0], 1)
    D = x[i] - x[j]
    return pt.sum(pt.sqrt(pt.sum(D * D, axis=1)))


def prepare(
    function: Callable[..., Any], arguments: dict[str, Any], wrt: tuple[str, ...], variant: str
) -> Callable[[], Any]:
    inputs = {n: pt.tensor(n, dtype="float64", shape=a.shape) for n, a in arguments.items()}
    value = function(*inputs.values())
    variables = [inputs[n] for n in wrt]
    gradients = grad(value, variables)
    blocks = [jacobian(g, x, vectorize=True, disconnected_inputs="ignore") for g in gradients for x in variables]
    f = pytensor.function(list(inputs.values()), blocks, on_unused_input="ignore")
    args = list(arguments.values())
    n = len(variables)
    return lambda: (lambda flat: [flat[k * n : (k + 1) * n] for k in range(n)])(f(*args))


def dense(result: Any) -> Any:
    rows = tuple(tuple(map(np.asarray, row)) for row in result)
    return rows[0][0] if len(rows) == 1 else rows
