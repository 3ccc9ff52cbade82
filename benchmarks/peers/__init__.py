"""The peers: one file each, named after the package it drives. `PEERS` lists them by the name they show."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import shutil
from dataclasses import dataclass, field
from typing import Any

from neutral import Program
from problems import Problem

from peers.base import Peer


@dataclass(frozen=True)
class Entry:
    """How a peer is found: the package it needs, the programs it needs, and what its class is told."""

    package: str
    options: dict[str, Any] = field(default_factory=dict)
    programs: tuple[str, ...] = ()

    def absent(self) -> str | None:
        """Why this peer can't run here; None where it can."""
        if importlib.util.find_spec(self.package) is None:
            return "not installed"
        missing = [p for p in self.programs if shutil.which(p) is None]
        return f"no {missing[0]}" if missing else None

    def version(self) -> str:
        """The installed version of the package."""
        return importlib.metadata.version(self.package)

    def load(self) -> None:
        """Import the package."""
        importlib.import_module(f"peers.{self.package}")

    def make(self, problem: Problem, program: Program) -> Peer:
        """The peer, loaded with its own form of the problem."""
        return importlib.import_module(f"peers.{self.package}").PEER(problem, program, **self.options)


PEERS = {
    "symgrad": Entry("symgrad"),
    "sympy": Entry("sympy"),
    "symengine": Entry("symengine"),
    "casadi": Entry("casadi"),
    "casadi-gcc": Entry("casadi", {"compiler": "gcc"}, ("gcc",)),
    "heyoka": Entry("heyoka"),
    "heyoka-compact": Entry("heyoka", {"compact": True}),
    "jax": Entry("jax"),
}
