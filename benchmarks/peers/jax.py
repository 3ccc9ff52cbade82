"""JAX in float64: `jacrev` where there are fewer rows than columns, else `jacfwd`; `hessian`; all under jit."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from neutral import Program
from problems import Problem

from peers.base import Peer, everywhere

TABLE = {
    "constant": float,
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "negative": operator.neg,
    "power": operator.pow,
    **{name: getattr(jnp, name) for name in ("sqrt", "abs", "exp", "log", "sin", "cos", "tan")},
}


def _rosenbrock(x: Any, p: Any) -> Any:
    return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


class Jax(Peer):
    """Results are dense: JAX has no sparse Jacobian. Rosenbrock is written on arrays, as one would."""

    def __init__(self, problem: Problem, program: Program) -> None:
        jax.config.update("jax_enable_x64", True)  # this process belongs to the measurement
        super().__init__(problem, program)
        n, m = len(problem.symbols), len(problem.parameters)

        def scalars(x: Any, p: Any) -> Any:
            y = program.run([*(x[k] for k in range(n)), *(p[k] for k in range(m))], TABLE)
            return y[0] if problem.kind == "hessian" else jnp.stack([jnp.asarray(e, float) for e in y])

        self.function = _rosenbrock if problem.name.startswith("rosenbrock") else scalars
        self.places = everywhere(problem.shape)
        self.example = self._split(problem.points(1)[0])

    def _split(self, points: np.ndarray) -> tuple[Any, Any]:
        n = len(self.problem.symbols)
        return jnp.array(points[..., :n]), jnp.array(points[..., n:])

    def derive(self) -> None:
        rows, columns = self.problem.shape
        if self.problem.kind == "hessian":
            self.derivative = jax.hessian(self.function)
        else:
            self.derivative = (jax.jacrev if rows < columns else jax.jacfwd)(self.function)
        self.f = jax.jit(self.derivative)
        self.traced = self.f.trace(*self.example)

    def compile(self) -> None:
        self.compiled = self.traced.lower().compile()  # the jitted function finds it in JAX's cache

    def one(self, point: np.ndarray) -> Callable[[], Any]:
        f, (x, p) = self.f, self._split(point)
        return lambda: f(x, p).block_until_ready()

    def batch(self, points: np.ndarray) -> Callable[[], Any]:
        f, (x, p) = jax.jit(jax.vmap(self.derivative)), self._split(points)
        return lambda: f(x, p).block_until_ready()

    def batch_values(self, result: Any) -> np.ndarray:
        return np.asarray(result, float).reshape(len(result), -1)

    def count_ops(self) -> int | None:
        cost = self.compiled.cost_analysis() or {}
        return int(cost.get("flops", 0) + cost.get("transcendentals", 0)) or None


PEER = Jax
