"""The packages that train: one file each, with models and steps as their users write them.

A file has a function per model (`regression`, `softmax`, `network`, `deep`), from parameters and a batch to the mean
loss; and `prepare(model, case, params, batches, variant)`, which gives `run(count)`: it takes so many steps over the
batches in turn, and returns their losses.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
from dataclasses import dataclass
from types import ModuleType


@dataclass(frozen=True)
class Peer:
    """A package, and one of its ways to train."""

    package: str
    variant: str
    told: str

    def absent(self) -> str | None:
        """Why it can't run here; None where it can."""
        return None if importlib.util.find_spec(self.package) is not None else "not installed"

    def version(self) -> str:
        return importlib.metadata.version(self.package)

    def load(self) -> ModuleType:
        return importlib.import_module(f"training_peers.{self.package}")


PEERS = {
    "symgrad": Peer("symgrad", "", "sg.train_step(loss, optimizer)"),
    "JAX": Peer("jax", "", "jax.jit of loss, gradient and update, with donated arguments"),
    "torch": Peer("torch", "eager", "loss.backward(), optimizer.step()"),
    "torch, fused": Peer("torch", "fused", "the same with the optimizer's fused=True"),
    "torch.compile": Peer("torch", "compile", "torch.compile of the loss and of optimizer.step"),
}
