"""CasADi: SX expressions, sparse `jacobian`/`hessian`, its virtual machine or C code built by gcc -O2."""

from __future__ import annotations

import operator
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import casadi as ca
import numpy as np
from neutral import Program
from problems import Problem

from peers.base import Peer

TABLE = {
    "constant": ca.SX,
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "negative": operator.neg,
    "power": operator.pow,
    **{name: getattr(ca, name) for name in ("sqrt", "exp", "log", "sin", "cos", "tan")},
    "abs": ca.fabs,
}
NO_OPERATION = {ca.OP_INPUT, ca.OP_OUTPUT, ca.OP_CONST, ca.OP_PARAMETER, ca.OP_ASSIGN}


class CasADi(Peer):
    """`compiler`: None for the virtual machine. Calls go through `Function.buffer`, which converts nothing."""

    def __init__(self, problem: Problem, program: Program, compiler: str | None = None) -> None:
        super().__init__(problem, program)
        self.compiler = compiler
        self.n = len(problem.symbols)
        self.x = ca.SX.sym("x", self.n)
        self.p = ca.SX.sym("p", len(problem.parameters))
        inputs = [*ca.vertsplit(self.x), *(ca.vertsplit(self.p) if problem.parameters else [])]
        self.y = ca.vertcat(*program.run(inputs, TABLE))

    def derive(self) -> None:
        if self.problem.kind == "hessian":
            self.matrix = ca.hessian(self.y, self.x)[0]
        else:
            self.matrix = ca.jacobian(self.y, self.x)
        rows, columns = self.matrix.sparsity().get_triplet()
        self.places = np.array(rows), np.array(columns)

    def compile(self) -> None:
        self.vm = ca.Function("derivative", [self.x, self.p], [self.matrix], {"cse": True})
        if self.compiler is None:
            self.f = self.vm
            return
        # Files go to the current folder, which the benchmark makes and removes: the generator takes no path.
        self.vm.generate("derivative.c")
        subprocess.run(
            [self.compiler, "-O2", "-fPIC", "-shared", "derivative.c", "-o", "derivative.so", "-lm"], check=True
        )
        self.f = ca.external("derivative", str(Path("derivative.so").resolve()))

    def one(self, point: np.ndarray) -> Callable[[], Any]:
        return self._buffered(self.f, point[None, :], np.empty(self.entries))

    def batch(self, points: np.ndarray) -> Callable[[], Any]:
        out = np.empty((len(points), self.entries))
        return self._buffered(self.f.map(len(points)), points, out)

    def _buffered(self, f: Any, points: np.ndarray, out: np.ndarray) -> Callable[[], Any]:
        buffer, trigger = f.buffer()
        x = np.ascontiguousarray(points[:, : self.n])
        p = np.ascontiguousarray(points[:, self.n :])
        buffer.set_arg(0, memoryview(x))
        if p.size:
            buffer.set_arg(1, memoryview(p))
        buffer.set_res(0, memoryview(out))

        def call(held: Any = (x, p, buffer)) -> np.ndarray:  # the buffer itself keeps no reference to them
            trigger()
            return out

        return call

    def count_ops(self) -> int:
        ids = (self.vm.instruction_id(k) for k in range(self.vm.n_instructions()))
        return sum(1 for i in ids if i not in NO_OPERATION)


PEER = CasADi
