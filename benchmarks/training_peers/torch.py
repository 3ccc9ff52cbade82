"""PyTorch: `backward()` and its own optimisers; eager, fused, and compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional as F
from training_cases import Case

torch.set_num_threads(1)


def regression(p: Any, X: Any, Y: Any) -> Any:
    return F.mse_loss(F.linear(X, p["W0"].T, p["b0"]), Y)


def softmax(p: Any, X: Any, Y: Any) -> Any:
    return F.cross_entropy(torch.addmm(p["b0"], X, p["W0"]), Y)


def network(p: Any, X: Any, Y: Any) -> Any:
    hidden = torch.tanh(torch.addmm(p["b0"], X, p["W0"]))
    return F.cross_entropy(torch.addmm(p["b1"], hidden, p["W1"]), Y)


def deep(p: Any, X: Any, Y: Any) -> Any:
    layers = len(p) // 2
    for k in range(layers - 1):
        X = torch.relu(torch.addmm(p[f"b{k}"], X, p[f"W{k}"]))
    return F.cross_entropy(torch.addmm(p[f"b{layers - 1}"], X, p[f"W{layers - 1}"]), Y)


def prepare(
    model: Callable[..., Any], case: Case, params: dict[str, Any], batches: list[Any], variant: str
) -> Callable[[int], list[float]]:
    p = {n: torch.from_numpy(a.copy()).requires_grad_() for n, a in params.items()}
    options = {"fused": True} if variant == "fused" else {}
    if case.optimizer == "adam":
        optimizer: Any = torch.optim.Adam(p.values(), case.rate, **options)
    else:
        optimizer = torch.optim.SGD(p.values(), case.rate, 0.9 if case.optimizer == "momentum" else 0.0, **options)
    data = [(torch.from_numpy(X), torch.from_numpy(Y)) for X, Y in batches]
    loss, update = model, optimizer.step
    if variant == "compile":
        loss, update = torch.compile(model), torch.compile(optimizer.step)

    def run(count: int) -> list[float]:
        losses = []
        for k in range(count):
            optimizer.zero_grad()
            value = loss(p, *data[k % len(data)])
            value.backward()
            update()
            losses.append(value.detach())
        return losses

    return run
