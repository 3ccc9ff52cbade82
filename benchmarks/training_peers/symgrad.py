"""symgrad: functions of NumPy arrays, one step in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from training_cases import Case

import symgrad as sg


def regression(p: Any, X: Any, Y: Any) -> Any:
    return np.mean((X @ p["W0"] + p["b0"] - Y) ** 2)


def cross_entropy(scores: Any, Y: Any) -> Any:
    shifted = scores - np.max(scores, axis=1, keepdims=True)
    return np.mean(np.log(np.sum(np.exp(shifted), axis=1)) - np.sum(shifted * Y, axis=1))


def softmax(p: Any, X: Any, Y: Any) -> Any:
    return cross_entropy(X @ p["W0"] + p["b0"], Y)


def network(p: Any, X: Any, Y: Any) -> Any:
    return cross_entropy(np.tanh(X @ p["W0"] + p["b0"]) @ p["W1"] + p["b1"], Y)


def deep(p: Any, X: Any, Y: Any) -> Any:
    layers = len(p) // 2
    for k in range(layers - 1):
        X = np.maximum(X @ p[f"W{k}"] + p[f"b{k}"], 0)
    return cross_entropy(X @ p[f"W{layers - 1}"] + p[f"b{layers - 1}"], Y)


def prepare(
    model: Callable[..., Any], case: Case, params: dict[str, Any], batches: list[Any], variant: str
) -> Callable[[int], list[float]]:
    optimizer = {"sgd": sg.sgd, "momentum": sg.momentum, "adam": sg.adam}[case.optimizer](case.rate)
    step = sg.train_step(model, optimizer)
    state = step.init(params)

    def run(count: int) -> list[float]:
        return [step(state, *batches[k % len(batches)]) for k in range(count)]

    return run
