"""SymPy: `Matrix.jacobian`, then `lambdify(cse=True)` of the nonzero entries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp

from peers.base import Peer, nonzero


class SymPy(Peer):
    """math functions for one point, NumPy's for a batch: each is the faster there."""

    def derive(self) -> None:
        p = self.problem
        if p.kind == "hessian":
            gradient = [p.expressions[0].diff(s) for s in p.symbols]
            matrix = sp.Matrix(gradient).jacobian(p.symbols)
        else:
            matrix = sp.Matrix(p.expressions).jacobian(p.symbols)
        self.kept, self.places = nonzero(matrix.flat(), len(p.symbols), lambda e: e == 0)

    def compile(self) -> None:
        self.scalar = sp.lambdify(self.problem.inputs, self.kept, "math", cse=True)

    def one(self, point: np.ndarray) -> Callable[[], Any]:
        f, args = self.scalar, point.tolist()
        return lambda: f(*args)

    def batch(self, points: np.ndarray) -> Callable[[], Any]:
        f = sp.lambdify(self.problem.inputs, self.kept, "numpy", cse=True)
        columns = list(np.ascontiguousarray(points.T))
        self.count = len(points)
        return lambda: f(*columns)

    def batch_values(self, result: Any) -> np.ndarray:
        return np.array([np.broadcast_to(np.asarray(r, float), self.count) for r in result]).T

    def count_ops(self) -> int:
        shared, rest = sp.cse(self.kept, list=False)
        return int(sum(sp.count_ops(e) for e in [*(e for _, e in shared), *rest]))


PEER = SymPy
