"""PyTorch in float64: `torch.func.hessian`, and the double-backward loop of `torch.autograd.functional`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

torch.set_num_threads(1)


def logistic(w: Any, X: Any, y: Any) -> Any:
    return torch.nn.functional.softplus(-y * (X @ w)).sum()


def factorisation(U: Any, V: Any, T: Any) -> Any:
    return ((T - U @ V.T) ** 2).sum()


def net(W: Any, v: Any, X: Any, y: Any) -> Any:
    return ((torch.tanh(X @ W.T) @ v - y) ** 2).sum() / 2


def softmax(W: Any, X: Any, Y: Any) -> Any:
    Z = X @ W
    return (torch.logsumexp(Z, 1) - (Z * Y).sum(1)).sum()


def gaussian(mu: Any, P: Any, X: Any) -> Any:
    R = X - mu
    return ((R @ P) * R).sum() / 2 - len(X) / 2 * torch.linalg.slogdet(P)[1]


def quadratic(x: Any, A: Any) -> Any:
    return x @ A @ x


def distances(x: Any) -> Any:
    i, j = torch.triu_indices(len(x), len(x), 1)
    return torch.linalg.norm(x[i] - x[j], dim=1).sum()


def prepare(
    function: Callable[..., Any], arguments: dict[str, Any], wrt: tuple[str, ...], variant: str
) -> Callable[[], Any]:
    names = list(arguments)
    args = [torch.from_numpy(np.ascontiguousarray(a)) for a in arguments.values()]
    places = [names.index(n) for n in wrt]

    def of(*variables: Any) -> Any:
        given = list(args)
        for k, x in zip(places, variables, strict=True):
            given[k] = x
        return function(*given)

    variables = tuple(args[k] for k in places)
    if variant == "func":
        f = torch.func.hessian(of, tuple(range(len(places))))
        return lambda: f(*variables)
    return lambda: torch.autograd.functional.hessian(of, variables)


def dense(result: Any) -> Any:
    """Both ways nest their blocks even where there is one."""
    if isinstance(result, tuple):
        rows = tuple(map(dense, result))
        return rows[0] if len(rows) == 1 else rows
    return result.detach().numpy()
