"""What the benchmark asks of a peer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from neutral import Program
from problems import Problem


class Peer(ABC):
    """One package at one problem, in the order of the methods below.

    The constructor makes the package's own expressions ("import", shown apart).
    """

    import_counts = False
    """Whether the first result includes the import: it does for who starts from SymPy's expressions."""

    answers_at_once = False
    """Whether a call answers before `compile`: then that is the first result."""

    def __init__(self, problem: Problem, program: Program) -> None:
        self.problem = problem
        self.program = program

    @abstractmethod
    def derive(self) -> None:
        """Make the derivative's expressions; sets `places`."""

    @abstractmethod
    def compile(self) -> None:
        """Make them callable."""

    @abstractmethod
    def one(self, point: np.ndarray) -> Callable[[], Any]:
        """A call that evaluates at `point`, by the fastest way the package has from Python."""

    @abstractmethod
    def batch(self, points: np.ndarray) -> Callable[[], Any]:
        """A call that evaluates at every row of `points`, into a buffer made before where it can."""

    places: tuple[np.ndarray, np.ndarray]
    """Rows and columns of the computed entries."""

    def values(self, result: Any) -> np.ndarray:
        """The entries in the order of `places`, shape (entries,), of what `one`'s call returned."""
        return np.asarray(result, float).ravel()

    def batch_values(self, result: Any) -> np.ndarray:
        """The same of what `batch`'s call returned, shape (points, entries)."""
        return np.asarray(result, float)

    @property
    def entries(self) -> int:
        """How many numbers an evaluation returns."""
        return len(self.places[0])

    def count_ops(self) -> int | None:
        """Operations of one evaluation, as the machine runs them; None where the package does not tell."""
        return None


def nonzero(entries: list[Any], columns: int, zero: Callable[[Any], bool]) -> tuple[list[Any], Any]:
    """The entries (in row order) that are not structurally zero, and their places."""
    keep = [k for k, e in enumerate(entries) if not zero(e)]
    flat = np.array(keep, int)
    return [entries[k] for k in keep], (flat // columns, flat % columns)


def everywhere(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """The places of a dense result."""
    rows, columns = np.indices(shape)
    return rows.ravel(), columns.ravel()
