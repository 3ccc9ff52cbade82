"""heyoka: `diff_tensors`, then a `cfunc` of the nonzero entries, whose batches run on SIMD lanes."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import heyoka as hy
import numpy as np
from neutral import Program
from problems import Problem

from peers.base import Peer, nonzero

TABLE = {
    "constant": lambda c: hy.expression(float(c)),
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "negative": operator.neg,
    "power": lambda x, n: x ** float(n),
    **{name: getattr(hy, name) for name in ("sqrt", "exp", "log", "sin", "cos", "tan")},
    "abs": lambda x: hy.select(hy.gte(x, 0.0), x, -x),  # it has no absolute value of its own
}


class Heyoka(Peer):
    """`compact`: its compact mode, which compiles loops over like operations."""

    def __init__(self, problem: Problem, program: Program, compact: bool = False) -> None:
        super().__init__(problem, program)
        self.compact = compact
        self.inputs = [hy.expression(f"x{k}") for k in range(len(problem.inputs))]
        self.outputs = program.run(self.inputs, TABLE)

    def derive(self) -> None:
        n = len(self.problem.symbols)
        if self.problem.kind == "hessian":
            matrix = hy.diff_tensors(self.outputs, self.inputs[:n], diff_order=2).hessian(0)
        else:
            matrix = hy.diff_tensors(self.outputs, self.inputs[:n], diff_order=1).jacobian
        zero = hy.expression(0.0)
        self.kept, self.places = nonzero(list(np.ravel(matrix)), n, lambda e: e == zero)

    def compile(self) -> None:
        self.f = hy.cfunc(self.kept, self.inputs, compact_mode=self.compact)

    def one(self, point: np.ndarray) -> Callable[[], Any]:
        f, out = self.f, np.empty(self.entries)
        return lambda: f(inputs=point, outputs=out)

    def batch(self, points: np.ndarray) -> Callable[[], Any]:
        f, inputs, out = self.f, np.ascontiguousarray(points.T), np.empty((self.entries, len(points)))
        return lambda: f(inputs=inputs, outputs=out)

    def batch_values(self, result: Any) -> np.ndarray:
        return np.asarray(result).T

    def count_ops(self) -> int | None:
        # In compact mode sums and products of many terms are one line of the decomposition.
        return None if self.compact else len(self.f.dc) - len(self.inputs) - self.entries


PEER = Heyoka
