"""What is trained: models, sizes, optimisers, and the batches that every peer gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

BATCHES = 8
"""Batches that are gone through again and again."""
CURVE = 40
"""Steps whose losses are compared."""
TOLERANCE = {"float64": 2e-5, "float32": 5e-3}
"""Largest difference of a loss from the others', by its size (torch.compile rounds Adam's corrections to float32)."""
RATES = {"sgd": 0.1, "momentum": 0.02, "adam": 0.003}


@dataclass(frozen=True)
class Case:
    """A model (a function of that name in every peer's file), its layers' widths, and how it is trained."""

    model: str
    batch: int
    widths: tuple[int, ...]
    optimizer: str
    dtype: str = "float32"
    quick: bool = False

    @property
    def title(self) -> str:
        sizes = " > ".join(map(str, self.widths))
        return f"{self.model} {sizes}, {self.batch} a step, {self.optimizer}, {self.dtype}"

    @property
    def rate(self) -> float:
        return RATES[self.optimizer]

    def params(self) -> dict[str, Any]:
        """The parameters to begin with."""
        rng = np.random.default_rng(0)
        found = {}
        for k, (n, m) in enumerate(zip(self.widths, self.widths[1:], strict=False)):
            found[f"W{k}"] = (rng.normal(size=(n, m)) / np.sqrt(n)).astype(self.dtype)
            found[f"b{k}"] = np.zeros(m, self.dtype)
        return found

    def batches(self) -> list[tuple[Any, Any]]:
        """(inputs, targets): of a regression numbers, of a classification one row of a unit matrix per example."""
        rng = np.random.default_rng(1)
        n, m = self.widths[0], self.widths[-1]
        truth = rng.normal(size=(n, m))
        made = []
        for _ in range(BATCHES):
            X = rng.normal(size=(self.batch, n))
            scores = X @ truth / np.sqrt(n)
            Y = scores + 0.1 * rng.normal(size=scores.shape)
            if self.model != "regression":
                Y = np.eye(m)[np.argmax(Y, axis=1)]
            made.append((X.astype(self.dtype), Y.astype(self.dtype)))
        return made


CASES = {
    c.title: c
    for c in (
        Case("regression", 16, (8, 1), "sgd", quick=True),
        Case("softmax", 32, (64, 10), "sgd"),
        Case("softmax", 256, (784, 10), "momentum"),
        Case("network", 32, (64, 100, 10), "sgd", quick=True),
        Case("network", 32, (64, 100, 10), "momentum"),
        Case("network", 32, (64, 100, 10), "adam", quick=True),
        Case("network", 32, (64, 100, 10), "adam", "float64", quick=True),
        Case("network", 128, (784, 256, 10), "adam"),
        Case("network", 128, (784, 256, 10), "sgd", "float64"),
        Case("network", 256, (1024, 1024, 10), "momentum"),
        Case("network", 256, (1024, 1024, 10), "adam"),
        Case("deep", 64, (128, 128, 128, 128, 128, 10), "adam"),
    )
}
