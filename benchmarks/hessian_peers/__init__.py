"""The packages whose Hessians are compared: one file each, with the functions as their users write them.

A file has the functions that `hessian_cases.CASES` name; `prepare(function, arguments, wrt, variant)`, which
gives a call that returns the finished Hessian; and `dense(result)`: it as NumPy arrays, nested in tuples.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
from dataclasses import dataclass
from types import ModuleType


@dataclass(frozen=True)
class Peer:
    """A package, and one of its ways to a Hessian."""

    package: str
    variant: str
    told: str

    def absent(self) -> str | None:
        """Why it can't run here; None where it can."""
        return None if importlib.util.find_spec(self.package) is not None else "not installed"

    def version(self) -> str:
        return importlib.metadata.version(self.package)

    def load(self) -> ModuleType:
        return importlib.import_module(f"hessian_peers.{self.package}")


PEERS = {
    "symgrad": Peer("symgrad", "dense", "sg.hessian(f)"),
    "symgrad, factored": Peer("symgrad", "factored", 'sg.hessian(f, structure="auto")'),
    "JAX": Peer("jax", "forward over reverse", "jax.jit(jax.hessian(f))"),
    "JAX, rev-rev": Peer("jax", "reverse over reverse", "jax.jit(jax.jacrev(jax.jacrev(f)))"),
    "torch.func": Peer("torch", "func", "torch.func.hessian(f)"),
    "torch loop": Peer("torch", "loop", "torch.autograd.functional.hessian(f, x): a backward pass per row"),
    "PyTensor": Peer("pytensor", "vectorised", "jacobian(grad(f, x), x, vectorize=True)"),
}
