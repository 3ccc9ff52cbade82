"""JAX in float64, under jit: `jax.hessian` (forward over reverse), and reverse over reverse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)  # this process belongs to the measurement


def logistic(w: Any, X: Any, y: Any) -> Any:
    return jnp.sum(jnp.logaddexp(0, -y * (X @ w)))


def factorisation(U: Any, V: Any, T: Any) -> Any:
    return jnp.sum((T - U @ V.T) ** 2)


def net(W: Any, v: Any, X: Any, y: Any) -> Any:
    return jnp.sum((jnp.tanh(X @ W.T) @ v - y) ** 2) / 2


def softmax(W: Any, X: Any, Y: Any) -> Any:
    Z = X @ W
    return jnp.sum(jax.nn.logsumexp(Z, axis=1) - jnp.sum(Z * Y, axis=1))


def gaussian(mu: Any, P: Any, X: Any) -> Any:
    R = X - mu
    return jnp.sum((R @ P) * R) / 2 - len(X) / 2 * jnp.linalg.slogdet(P)[1]


def quadratic(x: Any, A: Any) -> Any:
    return x @ A @ x


def distances(x: Any) -> Any:
    i, j = np.triu_indices(len(x), 1)
    return jnp.sum(jnp.linalg.norm(x[i] - x[j], axis=1))


def prepare(
    function: Callable[..., Any], arguments: dict[str, Any], wrt: tuple[str, ...], variant: str
) -> Callable[[], Any]:
    places = tuple(list(arguments).index(n) for n in wrt)
    by = places if len(places) > 1 else places[0]
    if variant == "forward over reverse":
        f = jax.jit(jax.hessian(function, by))
    else:
        f = jax.jit(jax.jacrev(jax.jacrev(function, by), by))
    args = [jnp.asarray(a) for a in arguments.values()]
    return lambda: jax.block_until_ready(f(*args))


def dense(result: Any) -> Any:
    return jax.tree.map(np.asarray, result)
