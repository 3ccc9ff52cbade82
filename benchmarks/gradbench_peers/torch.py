"""PyTorch's answers, eager. Formulas as in the suite's own PyTorch tool where it has them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from gradbench_peers import Answer, inputs

torch.set_num_threads(1)


def placed(a: Any) -> Any:
    """As tensors."""
    if isinstance(a, dict):
        return {k: placed(v) for k, v in a.items()}
    return a if isinstance(a, int) else torch.as_tensor(a, dtype=torch.float64)


def plain(f: Callable[..., Any]) -> Callable[..., Callable[[], Any]]:
    """`prepare` of a function's value."""

    def prepare(*args: Any) -> Callable[[], Any]:
        tensors = [placed(a) for a in args]
        return lambda: f(*tensors)

    return prepare


def gradient(f: Callable[..., Any]) -> Callable[..., Callable[[], Any]]:
    """`prepare` of the gradient by the first argument, a tensor or a dict of them."""

    def prepare(*args: Any) -> Callable[[], Any]:
        free, *rest = [placed(a) for a in args]
        named = free if isinstance(free, dict) else {"": free}
        for t in named.values():
            t.requires_grad_()

        def call() -> Any:
            found = torch.autograd.grad(f(free, *rest), list(named.values()))
            return dict(zip(named, found, strict=True)) if isinstance(free, dict) else found[0]

        return call

    return prepare


def square(x: Any) -> Any:
    return x * x


def lse(x: Any) -> Any:
    largest = torch.max(x)
    return largest + torch.log(torch.sum(torch.exp(x - largest)))


def posterior(free: Any, x: Any, gamma: Any, m: Any) -> Any:
    alpha, mu, q, below = (free[n] for n in ("alpha", "mu", "q", "l"))
    (n, d), k = x.shape, len(mu)
    columns, rows = torch.triu_indices(d, d, 1)
    lower = torch.zeros((k, d, d), dtype=x.dtype)
    lower[:, rows, columns] = below
    centred = x[:, None, :] - mu
    y = torch.exp(q) * centred + torch.einsum("ijk,mik->mij", lower, centred)
    inner = alpha + torch.sum(q, 1) - torch.sum(y**2, 2) / 2
    likelihood = (
        torch.sum(torch.logsumexp(inner, 1)) - n * torch.logsumexp(alpha, 0) - n * d / 2 * math.log(2 * math.pi)
    )
    freedom = d + m + 1
    constant = freedom * d * torch.log(gamma / math.sqrt(2)) - torch.special.multigammaln(freedom / 2, d)
    return (
        likelihood
        - gamma**2 / 2 * (torch.sum(torch.exp(2 * q)) + torch.sum(below**2))
        + m * torch.sum(q)
        + k * constant
    )


def cost(centroids: Any, points: Any) -> Any:
    squares = torch.sum(points**2, 1) + torch.sum(centroids**2, 1)[:, None] - 2 * centroids @ points.T
    return torch.sum(torch.min(squares, dim=0)[0])


def direction(centroids: Any, points: Any) -> Any:
    def value(c: Any) -> Any:
        return cost(c, points)

    functional: Any = torch.autograd.functional
    _, g = functional.vjp(value, centroids, v=torch.tensor(1.0, dtype=torch.float64))
    _, h = functional.vhp(value, centroids, v=torch.ones_like(centroids))
    return g / h


def numbers(result: Any) -> Any:
    """As lists."""
    if isinstance(result, dict):
        return {k: numbers(v) for k, v in result.items()}
    return result.tolist()


ANSWERS = {
    "hello": {
        "square": Answer(lambda x: (float(x),), plain(square), float),
        "double": Answer(lambda x: (float(x),), gradient(square), float),
    },
    "lse": {
        "primal": Answer(inputs.array("x"), plain(lse), float),
        "gradient": Answer(inputs.array("x"), gradient(lse), numbers),
    },
    "gmm": {
        "objective": Answer(inputs.gmm, plain(posterior), float),
        "jacobian": Answer(inputs.gmm, gradient(posterior), numbers),
    },
    "kmeans": {
        "cost": Answer(inputs.kmeans, plain(cost), float),
        "dir": Answer(inputs.kmeans, plain(direction), numbers),
    },
}
