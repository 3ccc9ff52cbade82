"""JAX: one jitted step of loss, gradient and update, whose arguments are donated; formulas as optax has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from training_cases import Case

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_platforms", "cpu")


def regression(p: Any, X: Any, Y: Any) -> Any:
    return jnp.mean((X @ p["W0"] + p["b0"] - Y) ** 2)


def cross_entropy(scores: Any, Y: Any) -> Any:
    return -jnp.mean(jnp.sum(jax.nn.log_softmax(scores) * Y, axis=1))


def softmax(p: Any, X: Any, Y: Any) -> Any:
    return cross_entropy(X @ p["W0"] + p["b0"], Y)


def network(p: Any, X: Any, Y: Any) -> Any:
    return cross_entropy(jnp.tanh(X @ p["W0"] + p["b0"]) @ p["W1"] + p["b1"], Y)


def deep(p: Any, X: Any, Y: Any) -> Any:
    layers = len(p) // 2
    for k in range(layers - 1):
        X = jax.nn.relu(X @ p[f"W{k}"] + p[f"b{k}"])
    return cross_entropy(X @ p[f"W{layers - 1}"] + p[f"b{layers - 1}"], Y)


def prepare(
    model: Callable[..., Any], case: Case, params: dict[str, Any], batches: list[Any], variant: str
) -> Callable[[int], list[float]]:
    rate = case.rate

    def sgd(p: Any, g: Any, slots: Any, t: Any) -> Any:
        return p - rate * g, slots

    def momentum(p: Any, g: Any, slots: Any, t: Any) -> Any:
        v = 0.9 * slots[0] + g
        return p - rate * v, (v,)

    def adam(p: Any, g: Any, slots: Any, t: Any) -> Any:
        m, v = 0.9 * slots[0] + 0.1 * g, 0.999 * slots[1] + 0.001 * g**2
        mean = m / (1 - 0.9**t).astype(p.dtype)
        spread = v / (1 - 0.999**t).astype(p.dtype)
        return p - rate * mean / (jnp.sqrt(spread) + 1e-8), (m, v)

    update, slots = {"sgd": (sgd, 0), "momentum": (momentum, 1), "adam": (adam, 2)}[case.optimizer]

    def step(p: Any, kept: Any, t: Any, X: Any, Y: Any) -> Any:
        value, g = jax.value_and_grad(model)(p, X, Y)
        new = {n: update(p[n], g[n], kept[n], t) for n in p}
        return value, {n: a for n, (a, _) in new.items()}, {n: s for n, (_, s) in new.items()}, t + 1

    compiled = jax.jit(step, donate_argnums=(0, 1, 2))
    p = {n: jnp.array(a) for n, a in params.items()}
    kept = {n: tuple(jnp.zeros_like(a) for _ in range(slots)) for n, a in p.items()}
    data = [(jnp.array(X), jnp.array(Y)) for X, Y in batches]
    now = [p, kept, jnp.ones((), "float64")]

    def run(count: int) -> list[float]:
        losses = []
        for k in range(count):
            value, *now[:] = compiled(*now, *data[k % len(data)])
            losses.append(value)
        jax.block_until_ready(now)
        return losses

    return run
