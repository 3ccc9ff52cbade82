"""symgrad: `sg.jacobian(f, sparse=True)` or `sg.hessian(f, sparse=True)`, straight from SymPy's expressions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from neutral import Program
from problems import Problem

import symgrad as sg
import symgrad.run.native  # as peers' libraries are loaded with them
from peers.base import Peer


class Symgrad(Peer):
    """The import from SymPy is part of the first result."""

    import_counts = True
    answers_at_once = True

    def __init__(self, problem: Problem, program: Program) -> None:
        super().__init__(problem, program)
        expression = problem.expressions[0] if problem.kind == "hessian" else problem.expressions
        self.f = sg.function(problem.inputs, expression)

    def derive(self) -> None:
        transform = sg.hessian if self.problem.kind == "hessian" else sg.jacobian
        self.derivative = transform(self.f, wrt=self.problem.symbols, sparse=True)
        self.operations = self.derivative.count_ops()  # simplifies
        pattern = self.derivative.pattern
        rows = np.repeat(np.arange(pattern.shape[0]), np.diff(pattern.indptr))
        self.places = rows, np.asarray(pattern.indices)

    def compile(self) -> None:
        self.derivative.compile()

    def one(self, point: np.ndarray) -> Callable[[], Any]:
        f, args = self.derivative.values, point.tolist()
        return lambda: f(*args)

    def batch(self, points: np.ndarray) -> Callable[[], Any]:
        f = self.derivative
        columns = np.asfortranarray(points)
        out = f.map(columns)  # its memory is used again
        return lambda: f.map(columns, out=out)

    def count_ops(self) -> int:
        return self.operations


PEER = Symgrad
