"""JAX's answers: jitted functions, waited for. Formulas as in the suite's own JAX tool where it has them.

It has neither ba, lstm, particle nor saddle: those are ours.
"""

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


def loss(params: Any, state: Any, sequence: Any) -> Any:
    main, extra = params
    bits = main.shape[1] // 4
    layers = main.reshape(-1, 2, 4, bits)

    def predict(states: Any, character: Any) -> Any:
        x, after = character * extra[0], []
        for k in range(len(layers)):
            hidden, memory = states[k]
            gates = jnp.stack([x, hidden, x, hidden]) * layers[k, 0] + layers[k, 1]
            forget, ingate, outgate = jax.nn.sigmoid(gates[:3])
            memory = memory * forget + ingate * jnp.tanh(gates[3])
            x = outgate * jnp.tanh(memory)
            after.append(jnp.stack([x, memory]))
        y = x * extra[1] + extra[2]
        return jnp.stack(after), y - jnp.log(jnp.sum(jnp.exp(y)) + 2)

    _, logarithms = jax.lax.scan(predict, state.reshape(-1, 2, bits), sequence[:-1])
    return -jnp.mean(sequence[1:] * logarithms)


def reprojection(v: Any, feature: Any) -> Any:
    """Of camera, point and weight in one vector (15)."""
    r, offset = v[:3], v[11:14] - v[3:6]
    angle = jnp.sqrt(jnp.sum(r**2))
    axis = r / angle
    turned = offset * jnp.cos(angle) + jnp.cross(axis, offset) * jnp.sin(angle)
    seen = turned + axis * (axis @ offset) * (1 - jnp.cos(angle))
    flat = seen[:2] / seen[2]
    s = jnp.sum(flat**2)
    return v[14] * (flat * (1 + v[9] * s + v[10] * s**2) * v[6] + v[7:9] - feature)


def observed(cameras: Any, points: Any, weights: Any, seen: Any) -> Any:
    return jnp.concatenate([cameras[seen[:, 0]], points[seen[:, 1]], weights[:, None]], axis=1)


def bundle(cameras: Any, points: Any, weights: Any, features: Any, seen: Any) -> Any:
    return jax.vmap(reprojection)(observed(cameras, points, weights, seen), features), 1 - weights**2


def bundle_rows(cameras: Any, points: Any, weights: Any, features: Any, seen: Any) -> Any:
    n, m, p = len(cameras), len(points), len(weights)
    number = jnp.arange(p)
    values = jax.vmap(jax.jacfwd(reprojection))(observed(cameras, points, weights, seen), features)
    slopes = jax.vmap(jax.grad(lambda w: 1 - w**2))(weights)
    ends = 11 * n + 3 * m + number
    places = [11 * seen[:, :1] + jnp.arange(11), 11 * n + 3 * seen[:, 1:] + jnp.arange(3), ends[:, None]]
    columns = jnp.broadcast_to(jnp.concatenate(places, axis=1)[:, None], values.shape)
    starts = jnp.concatenate([15 * jnp.arange(2 * p + 1), 30 * p + 1 + number])
    return starts, jnp.concatenate([columns.reshape(-1), ends]), jnp.concatenate([values.reshape(-1), slopes])


def argmin(f: Any, gradient: Any, start: Any) -> Any:
    """The suite's descent: the rate doubled after ten steps down, halved after one that is not."""

    def norm(v: Any) -> Any:
        return jnp.sqrt(jnp.sum(v**2))

    def step(s: Any) -> Any:
        x, value, g, rate, good, _ = s
        new = x - rate * g

        def attempt() -> Any:
            at = f(new)
            return jax.lax.cond(
                at < value,
                lambda: (new, at, gradient(new), rate, good + 1, False),
                lambda: (x, value, g, rate / 2, 0, False),
            )

        faster = good == 10
        return jax.lax.cond(
            (norm(g) <= 1e-5) | ~faster & (norm(new - x) <= 1e-5),
            lambda: (x, value, g, rate, good, True),
            lambda: jax.lax.cond(faster, lambda: (x, value, g, 2 * rate, 0, False), attempt),
        )

    return jax.lax.while_loop(lambda s: ~s[-1], step, (start, f(start), gradient(start), 1e-5, 0, False))[0]


def forward(f: Any) -> Any:
    return jax.jacfwd(f)


def lowest(inner: Any, start: Any) -> Any:
    def potential(at: Any, w: Any) -> Any:
        x, y = at
        return 1 / jnp.sqrt((x - 10) ** 2 + (y - 10 + w) ** 2) + 1 / jnp.sqrt((x - 10) ** 2 + y**2)

    def miss(w: Any) -> Any:
        def step(state: Any) -> Any:
            x, y, u, v = state
            a, b = inner(lambda at: potential(at, w))((x, y))
            return x + 0.1 * u, y + 0.1 * v, u - 0.1 * a, v - 0.1 * b

        x, y, u, v = jax.lax.while_loop(lambda s: s[1] + 0.1 * s[3] > 0, step, (0.0, 8.0, 0.75, 0.0))
        return (x - y / v * u) ** 2

    return argmin(miss, forward(miss), start)


def saddle(inner: Any, start: Any) -> Any:
    def surface(x: Any, y: Any) -> Any:
        return jnp.sum(x**2) - jnp.sum(y**2)

    def highest(x: Any, by: Any) -> Any:
        return argmin(lambda y: -surface(x, y), by(lambda y: -surface(x, y)), start)

    def ridge(x: Any) -> Any:
        return surface(x, highest(x, inner))

    x = argmin(ridge, forward(ridge), start)
    return jnp.concatenate([x, highest(x, forward)])


steps = partial(compiled, static_argnums=(1,))
ANSWERS = {
    "lstm": {
        "objective": Answer(inputs.lstm, compiled(loss), float),
        "jacobian": Answer(inputs.lstm, compiled(jax.grad(loss)), inputs.flat),
    },
    "ba": {
        "objective": Answer(inputs.ba, compiled(bundle), inputs.errors),
        "jacobian": Answer(inputs.ba, compiled(bundle_rows), inputs.rows),
    },
    # JAX has no reverse mode through lax.while_loop: no rf, no rr
    "particle": {
        "ff": Answer(inputs.number("w"), compiled(partial(lowest, forward)), float),
        "fr": Answer(inputs.number("w"), compiled(partial(lowest, jax.grad)), float),
    },
    "saddle": {
        "ff": Answer(inputs.array("start"), compiled(partial(saddle, forward)), inputs.lists),
        "fr": Answer(inputs.array("start"), compiled(partial(saddle, jax.grad)), inputs.lists),
    },
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
