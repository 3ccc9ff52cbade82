"""JAX's answers: jitted functions, waited for. Formulas as in the suite's own JAX tool where it has them."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp, multigammaln

from gradbench_peers import Answer, inputs

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_platforms", "cpu")


def compiled(f: Callable[..., Any], **options: Any) -> Callable[..., Callable[[], Any]]:
    """`prepare` of an answer: compiled for these shapes; a call waits for its result."""
    static = tuple(options.get("static_argnums", ()))

    def prepare(*args: Any) -> Callable[[], Any]:
        placed = [a if k in static else jax.tree.map(jnp.asarray, a) for k, a in enumerate(args)]
        made = jax.jit(f, **options).lower(*placed).compile()
        rest = [a for k, a in enumerate(placed) if k not in static]
        return lambda: jax.block_until_ready(made(*rest))

    return prepare


def square(x: Any) -> Any:
    return x * x


def llsq(x: Any, i: Any) -> Any:
    t = -1 + 2 * i / (len(i) - 1)
    powers = jax.vmap(lambda a: jnp.cumprod(jnp.full(len(x), a).at[0].set(1)))(t)
    return jnp.sum((jnp.sign(t) - powers @ x) ** 2) / 2


def lse(x: Any) -> Any:
    largest = jnp.max(x)
    return largest + jnp.log(jnp.sum(jnp.exp(x - largest)))


def posterior(free: Any, x: Any, gamma: Any, m: Any) -> Any:
    alpha, mu, q, below = (free[n] for n in ("alpha", "mu", "q", "l"))
    (n, d), k = x.shape, len(mu)
    columns, rows = np.triu_indices(d, 1)
    lower = jnp.zeros((k, d, d)).at[:, rows, columns].set(below)
    centred = x[:, None, :] - mu
    y = jnp.exp(q) * centred + jnp.einsum("ijk,mik->mij", lower, centred)
    inner = alpha + jnp.sum(q, axis=1) - jnp.sum(y**2, axis=2) / 2
    likelihood = jnp.sum(logsumexp(inner, axis=1)) - n * logsumexp(alpha) - n * d / 2 * math.log(2 * math.pi)
    freedom = d + m + 1
    constant = freedom * d * jnp.log(gamma / math.sqrt(2)) - multigammaln(freedom / 2, d)
    return likelihood - gamma**2 / 2 * (jnp.sum(jnp.exp(2 * q)) + jnp.sum(below**2)) + m * jnp.sum(q) + k * constant


def cost(centroids: Any, points: Any) -> Any:
    squares = jnp.sum(points**2, 1) + jnp.sum(centroids**2, 1)[:, None] - 2 * (points @ centroids.T).T
    return jnp.sum(jnp.min(squares, axis=0))


def direction(centroids: Any, points: Any) -> Any:
    g, h = jax.jvp(lambda c: jax.grad(cost)(c, points), (centroids,), (jnp.ones_like(centroids),))
    return g / h


def solution(x: Any, steps: int) -> Any:
    h = 2 / steps

    def slope(y: Any) -> Any:
        return x * jnp.roll(y, 1).at[0].set(1)

    def step(y: Any, _: Any) -> Any:
        k1 = slope(y)
        k2 = slope(y + h / 2 * k1)
        k3 = slope(y + h / 2 * k2)
        k4 = slope(y + h * k3)
        return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4), None

    return jax.lax.scan(step, jnp.zeros_like(x), None, length=steps)[0]


def last(x: Any, steps: int) -> Any:
    return solution(x, steps)[-1]


steps = partial(compiled, static_argnums=(1,))
ANSWERS = {
    "hello": {
        "square": Answer(lambda x: (float(x),), compiled(square), float),
        "double": Answer(lambda x: (float(x),), compiled(jax.grad(square)), float),
    },
    "llsq": {
        "primal": Answer(inputs.llsq, compiled(llsq), float),
        "gradient": Answer(inputs.llsq, compiled(jax.grad(llsq)), inputs.lists),
    },
    "lse": {
        "primal": Answer(inputs.array("x"), compiled(lse), float),
        "gradient": Answer(inputs.array("x"), compiled(jax.grad(lse)), inputs.lists),
    },
    "gmm": {
        "objective": Answer(inputs.gmm, compiled(posterior, static_argnums=(3,)), float),
        "jacobian": Answer(inputs.gmm, compiled(jax.grad(posterior), static_argnums=(3,)), inputs.lists),
    },
    "kmeans": {
        "cost": Answer(inputs.kmeans, compiled(cost), float),
        "dir": Answer(inputs.kmeans, compiled(direction), inputs.lists),
    },
    "ode": {
        "primal": Answer(inputs.ode, steps(solution), inputs.lists),
        "gradient": Answer(inputs.ode, steps(jax.grad(last)), inputs.lists),
    },
}
