"""PyTorch's answers, eager. Formulas as in the suite's own PyTorch tool where it has them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from gradbench_peers import Answer, inputs

torch.set_num_threads(1)


def placed(a: Any) -> Any:
    """As tensors."""
    if isinstance(a, dict):
        return {k: placed(v) for k, v in a.items()}
    if isinstance(a, tuple):
        return tuple(map(placed, a))
    if isinstance(a, int) or (isinstance(a, np.ndarray) and a.dtype.kind == "i"):
        return torch.as_tensor(a) if isinstance(a, np.ndarray) else a
    return torch.as_tensor(a, dtype=torch.float64)


def plain(f: Callable[..., Any]) -> Callable[..., Callable[[], Any]]:
    """`prepare` of a function's value."""

    def prepare(*args: Any) -> Callable[[], Any]:
        tensors = [placed(a) for a in args]
        return lambda: f(*tensors)

    return prepare


def gradient(f: Callable[..., Any]) -> Callable[..., Callable[[], Any]]:
    """`prepare` of the gradient by the first argument: a tensor, a dict or a tuple of them."""

    def prepare(*args: Any) -> Callable[[], Any]:
        free, *rest = [placed(a) for a in args]
        leaves = list(free.values()) if isinstance(free, dict) else list(free) if isinstance(free, tuple) else [free]
        for t in leaves:
            t.requires_grad_()

        def call() -> Any:
            found = torch.autograd.grad(f(free, *rest), leaves)
            if isinstance(free, dict):
                return dict(zip(free, found, strict=True))
            return found if isinstance(free, tuple) else found[0]

        return call

    return prepare


def square(x: Any) -> Any:
    return x * x


def lse(x: Any) -> Any:
    largest = torch.max(x)
    return largest + torch.log(torch.sum(torch.exp(x - largest)))


def posterior(free: Any, x: Any, gamma: Any, m: Any) -> Any:
    alpha, mu, q, below = (free[n] for n in ("alpha", "mu", "q", "l"))
    (n, d), k = x.shape, len(mu)
    columns, rows = torch.triu_indices(d, d, 1)
    lower = torch.zeros((k, d, d), dtype=x.dtype)
    lower[:, rows, columns] = below
    centred = x[:, None, :] - mu
    y = torch.exp(q) * centred + torch.einsum("ijk,mik->mij", lower, centred)
    inner = alpha + torch.sum(q, 1) - torch.sum(y**2, 2) / 2
    likelihood = (
        torch.sum(torch.logsumexp(inner, 1)) - n * torch.logsumexp(alpha, 0) - n * d / 2 * math.log(2 * math.pi)
    )
    freedom = d + m + 1
    constant = freedom * d * torch.log(gamma / math.sqrt(2)) - torch.special.multigammaln(freedom / 2, d)
    return (
        likelihood
        - gamma**2 / 2 * (torch.sum(torch.exp(2 * q)) + torch.sum(below**2))
        + m * torch.sum(q)
        + k * constant
    )


def cost(centroids: Any, points: Any) -> Any:
    squares = torch.sum(points**2, 1) + torch.sum(centroids**2, 1)[:, None] - 2 * centroids @ points.T
    return torch.sum(torch.min(squares, dim=0)[0])


def direction(centroids: Any, points: Any) -> Any:
    def value(c: Any) -> Any:
        return cost(c, points)

    functional: Any = torch.autograd.functional
    _, g = functional.vjp(value, centroids, v=torch.tensor(1.0, dtype=torch.float64))
    _, h = functional.vhp(value, centroids, v=torch.ones_like(centroids))
    return g / h


def loss(params: Any, state: Any, sequence: Any) -> Any:
    main, extra = params
    bits = main.shape[1] // 4
    layers = main.reshape(-1, 2, 4, bits)
    states, total = list(state.reshape(-1, 2, bits)), 0
    for character, after in zip(sequence, sequence[1:], strict=False):  # noqa: RUF007
        x = character * extra[0]
        for k, (weight, bias) in enumerate(layers):
            hidden, memory = states[k]
            gates = torch.stack([x, hidden, x, hidden]) * weight + bias
            forget, ingate, outgate = torch.sigmoid(gates[:3])
            memory = memory * forget + ingate * torch.tanh(gates[3])
            x = outgate * torch.tanh(memory)
            states[k] = x, memory
        y = x * extra[1] + extra[2]
        total = total + torch.sum(after * (y - torch.log(torch.sum(torch.exp(y)) + 2)))
    return -total / (bits * (len(sequence) - 1))


def reprojection(v: Any, feature: Any) -> Any:
    """Of camera, point and weight in one vector (15)."""
    r, offset = v[:3], v[11:14] - v[3:6]
    angle = torch.sqrt(torch.sum(r**2))
    axis = r / angle
    turned = offset * torch.cos(angle) + torch.linalg.cross(axis, offset) * torch.sin(angle)
    seen = turned + axis * torch.dot(axis, offset) * (1 - torch.cos(angle))
    flat = seen[:2] / seen[2]
    s = torch.sum(flat**2)
    return v[14] * (flat * (1 + v[9] * s + v[10] * s**2) * v[6] + v[7:9] - feature)


def observed(cameras: Any, points: Any, weights: Any, seen: Any) -> Any:
    return torch.cat([cameras[seen[:, 0]], points[seen[:, 1]], weights[:, None]], 1)


def bundle(cameras: Any, points: Any, weights: Any, features: Any, seen: Any) -> Any:
    return torch.func.vmap(reprojection)(observed(cameras, points, weights, seen), features), 1 - weights**2


def bundle_rows(cameras: Any, points: Any, weights: Any, features: Any, seen: Any) -> Any:
    n, m, p = len(cameras), len(points), len(weights)
    number = torch.arange(p)
    values = torch.func.vmap(torch.func.jacrev(reprojection))(observed(cameras, points, weights, seen), features)
    slopes = torch.func.vmap(torch.func.grad(lambda w: 1 - w**2))(weights)
    ends = 11 * n + 3 * m + number
    places = [11 * seen[:, :1] + torch.arange(11), 11 * n + 3 * seen[:, 1:] + torch.arange(3), ends[:, None]]
    columns = torch.cat(places, 1)[:, None].expand(values.shape)
    starts = torch.cat([15 * torch.arange(2 * p + 1), 30 * p + 1 + number])
    return starts, torch.cat([columns.reshape(-1), ends]), torch.cat([values.reshape(-1), slopes])


def turn(angle: Any, axis: int) -> Any:
    """Transforms (bones, 4, 4) by rotations about the axis x (0) or z (2)."""
    i, j = [k for k in range(3) if k != axis]
    R = torch.eye(4, dtype=angle.dtype).repeat(len(angle), 1, 1)
    pattern = torch.zeros((2, 4, 4), dtype=angle.dtype)  # where cosines stand, and sines
    pattern[0, i, i] = pattern[0, j, j] = pattern[1, j, i] = 1
    pattern[1, i, j] = -1
    return (
        R * (1 - pattern[0])
        + torch.cos(angle)[:, None, None] * pattern[0]
        + torch.sin(angle)[:, None, None] * pattern[1]
    )


def vertices(theta: Any, model: Any, mirror: Any, parents: tuple[int, ...]) -> Any:
    angles = theta[6:].reshape(5, 4)
    fingers = torch.arange(20).reshape(5, 4)[:, 1:] + 1
    places = torch.zeros((15, len(parents)), dtype=theta.dtype)
    places[torch.arange(15), fingers.reshape(-1)] = 1
    x = angles[:, [0, 2, 3]].reshape(-1) @ places
    z = angles[:, 1] @ places[::3]
    relative = model["base_relatives"] @ turn(z, 2) @ turn(x, 0)
    absolute: list[Any] = []
    for k, parent in enumerate(parents):
        absolute.append(relative[k] if parent == -1 else absolute[parent] @ relative[k])
    moved = torch.stack(absolute) @ model["inverse_base_absolutes"]
    by_bone = model["base_positions"] @ moved[:, :3].transpose(1, 2)
    skin = torch.einsum("bvi,vb->vi", by_bone, model["weights"]) * mirror
    angle = torch.sqrt(torch.sum(theta[:3] ** 2))
    a = (theta[:3] / angle).expand(skin.shape)
    along = a * torch.sum(skin * a, 1, keepdim=True) * (1 - torch.cos(angle))
    return skin * torch.cos(angle) + torch.linalg.cross(a, skin) * torch.sin(angle) + along + theta[3:6]


def residuals(theta: Any, us: Any, points: Any, chosen: Any, model: Any, mirror: Any, parents: Any) -> Any:
    skin = vertices(theta, model, mirror, parents)[chosen]
    return (points - (skin if chosen.ndim == 1 else at(us, skin))).reshape(-1)


def at(u: Any, corners: Any) -> Any:
    """Points in triangles, corners of shape (..., 3, 3)."""
    weights = torch.cat([u, 1 - u.sum(-1, keepdim=True)], -1)
    return torch.sum(weights[..., None] * corners, -2)


def residual_rows(theta: Any, us: Any, points: Any, chosen: Any, model: Any, mirror: Any, parents: Any) -> Any:
    J = torch.func.jacfwd(residuals)(theta, us, points, chosen, model, mirror, parents)
    if chosen.ndim == 1:
        return J
    own = torch.func.vmap(torch.func.jacrev(at))(us, vertices(theta, model, mirror, parents)[chosen])
    return torch.cat([-own.reshape(-1, 2), J], 1)


def numbers(result: Any) -> Any:
    """As lists."""
    if isinstance(result, dict):
        return {k: numbers(v) for k, v in result.items()}
    return result.tolist()


ANSWERS = {
    "hello": {
        "square": Answer(lambda x: (float(x),), plain(square), float),
        "double": Answer(lambda x: (float(x),), gradient(square), float),
    },
    "lse": {
        "primal": Answer(inputs.array("x"), plain(lse), float),
        "gradient": Answer(inputs.array("x"), gradient(lse), numbers),
    },
    "gmm": {
        "objective": Answer(inputs.gmm, plain(posterior), float),
        "jacobian": Answer(inputs.gmm, gradient(posterior), numbers),
    },
    "kmeans": {
        "cost": Answer(inputs.kmeans, plain(cost), float),
        "dir": Answer(inputs.kmeans, plain(direction), numbers),
    },
    "ba": {
        "objective": Answer(inputs.ba, plain(bundle), inputs.errors),
        "jacobian": Answer(inputs.ba, plain(bundle_rows), inputs.rows),
    },
    "ht": {
        "objective": Answer(inputs.ht, plain(residuals), numbers),
        "jacobian": Answer(inputs.ht, plain(residual_rows), numbers),
    },
    "lstm": {
        "objective": Answer(inputs.lstm, plain(loss), float),
        "jacobian": Answer(inputs.lstm, gradient(loss), inputs.flat),
    },
}
