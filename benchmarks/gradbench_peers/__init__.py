"""The tools that answer GradBench's modules: an `Answer` for each function that a tool has.

symgrad's are in a folder, a file per module of the suite; JAX's and PyTorch's in a file each.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """How a tool answers a function of a module; only calls of what `prepare` returns are timed as evaluation."""

    read: Callable[[Any], tuple[Any, ...]]
    """The arguments that the message's input tells: numbers and arrays."""
    prepare: Callable[..., Callable[[], Any]]
    """From arguments: trace, derive, compile. Gives what is called; shapes count here, values don't."""
    write: Callable[[Any], Any]
    """The result as the suite wants it in the response."""


TOOLS = {"symgrad": "symgrad", "JAX": "jax", "PyTorch": "torch"}
"""The package of each tool."""


def absent(tool: str) -> str | None:
    """Why a tool can't run here; None where it can."""
    return None if importlib.util.find_spec(TOOLS[tool]) is not None else "not installed"


def version(tool: str) -> str:
    """Of the tool's package."""
    return importlib.metadata.version(TOOLS[tool])


def answers(tool: str, module: str) -> dict[str, Answer] | None:
    """The functions of a module that a tool has; None where it has none."""
    if tool == "symgrad":
        if importlib.util.find_spec(f"gradbench_peers.symgrad.{module}") is None:
            return None
        return importlib.import_module(f"gradbench_peers.symgrad.{module}").ANSWERS
    return importlib.import_module(f"gradbench_peers.{TOOLS[tool]}").ANSWERS.get(module)
