"""SymEngine: `DenseMatrix.jacobian`, then `Lambdify` (LLVM where it is built in) with cse."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import symengine as se
from neutral import Program
from problems import Problem

from peers.base import Peer, nonzero

TABLE = {
    "constant": se.sympify,
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "negative": operator.neg,
    "power": operator.pow,
    **{name: getattr(se, name) for name in ("sqrt", "exp", "log", "sin", "cos", "tan")},
    "abs": se.Abs,
}


class SymEngine(Peer):
    """Entries that are structurally zero are left out."""

    def __init__(self, problem: Problem, program: Program) -> None:
        super().__init__(problem, program)
        # Not x0, x1, ...: its cse gives those names to what it finds.
        self.inputs = [se.Symbol(f"input{k}") for k in range(len(problem.inputs))]
        self.outputs = program.run(self.inputs, TABLE)

    def derive(self) -> None:
        n = len(self.problem.symbols)
        wrt = se.DenseMatrix(self.inputs[:n])
        outputs = self.outputs
        if self.problem.kind == "hessian":
            outputs = [self.outputs[0].diff(s) for s in self.inputs[:n]]
        matrix = se.DenseMatrix(outputs).jacobian(wrt)
        self.kept, self.places = nonzero(list(matrix), n, lambda e: e == 0)

    def compile(self) -> None:
        backend = "llvm" if se.have_llvm else "lambda"
        self.f = se.Lambdify(self.inputs, self.kept, backend=backend, cse=True)

    def one(self, point: np.ndarray) -> Callable[[], Any]:
        f, out = self.f, np.empty(self.entries)

        def call() -> np.ndarray:
            f.unsafe_real(point, out)
            return out

        return call

    def batch(self, points: np.ndarray) -> Callable[[], Any]:
        f, out = self.f, np.empty((len(points), self.entries))
        return lambda: f(points, out=out)

    def count_ops(self) -> int:
        shared, rest = se.cse(self.kept)
        return int(se.count_ops(*(e for _, e in shared), *rest))


PEER = SymEngine
