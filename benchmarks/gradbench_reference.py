"""What GradBench's functions give: forms derived by hand, and derivatives by complex steps, in plain NumPy.

A response is compared number by number: the difference by the sum of the magnitudes, which must be below `TOLERANCE`;
sums below the largest magnitude of an array, or below 1 if that is less, count as that much. The suite accepts 1e-4 of
1, and so zeros for whatever is small. For `ode` the gradient is that of the steps themselves, in exact fractions: the
suite compares with the derivative of the solution, which is 0 to its tolerance at all its sizes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

import gradbench_descents
import numpy as np
from gradbench_peers import inputs
from scipy import special

TOLERANCE = 1e-8


def difference(got: Any, wanted: Any) -> float:
    """The largest over all numbers of two results that must nest alike; infinite where they don't."""
    if isinstance(wanted, dict):
        if not isinstance(got, dict) or got.keys() != wanted.keys():
            return math.inf
        return max(difference(got[k], w) for k, w in wanted.items())
    try:
        a, b = np.asarray(got, "float64"), np.asarray(wanted, "float64")
    except (TypeError, ValueError):
        return math.inf
    if a.shape != b.shape:
        return math.inf
    least = min(1.0, float(np.max(np.abs(b), initial=0.0)))
    apart = np.abs(a - b) / np.maximum(np.abs(a) + np.abs(b), least or 1.0)
    return float(np.max(apart, initial=0.0)) if np.all(np.isfinite(apart)) else math.inf


def llsq(given: Any, derivative: bool) -> Any:
    x, i = inputs.llsq(given)
    powers = np.vander(-1 + 2 * i / (len(i) - 1), len(x), increasing=True)
    r = np.sign(-1 + 2 * i / (len(i) - 1)) - powers @ x
    return (-powers.T @ r).tolist() if derivative else r @ r / 2


def logsumexp(given: Any, derivative: bool) -> Any:
    x = np.array(given["x"])
    return special.softmax(x).tolist() if derivative else special.logsumexp(x)


def gmm(given: Any, derivative: bool) -> Any:
    free, x, gamma, m = inputs.gmm(given)
    alpha, mu, q, below = free.values()
    (n, d), k = x.shape, len(mu)
    lower = [(r, c) for c in range(d) for r in range(c + 1, d)]
    inner, centred, whitened, Qs = np.empty((n, k)), [], [], []
    for j in range(k):
        Q = np.diag(np.exp(q[j]))
        for (r, c), value in zip(lower, below[j], strict=True):
            Q[r, c] = value
        centred.append(x - mu[j])
        whitened.append(centred[j] @ Q.T)
        inner[:, j] = alpha[j] + q[j].sum() - np.sum(whitened[j] ** 2, axis=1) / 2
        Qs.append(Q)
    if not derivative:
        freedom = d + m + 1
        prior = sum(m * q[j].sum() - gamma**2 / 2 * np.sum(Qs[j] ** 2) for j in range(k))
        prior += k * (freedom * d * np.log(gamma / np.sqrt(2)) - special.multigammaln(freedom / 2, d))  # pyright: ignore[reportAttributeAccessIssue]
        return (
            np.sum(special.logsumexp(inner, axis=1))
            - n * special.logsumexp(alpha)
            - n * d / 2 * np.log(2 * np.pi)
            + prior
        )
    share: Any = np.array(special.softmax(inner, axis=1))
    out: dict[str, Any] = {"alpha": share.sum(axis=0) - n * special.softmax(alpha), "mu": [], "q": [], "l": []}
    for j in range(k):
        weighted = share[:, j, None] * whitened[j]
        dQ = -weighted.T @ centred[j] - gamma**2 * Qs[j]
        out["mu"].append(weighted.sum(axis=0) @ Qs[j])
        out["q"].append(np.diag(dQ) * np.exp(q[j]) + share[:, j].sum() + m)
        out["l"].append(np.array([dQ[r, c] for r, c in lower]))
    return {name: np.array(part).tolist() for name, part in out.items()}


def kmeans(given: Any, derivative: bool) -> Any:
    centroids, points = inputs.kmeans(given)
    squares = np.stack([np.sum((points - c) ** 2, axis=1) for c in centroids], axis=1)
    if not derivative:
        return squares.min(axis=1).sum()
    nearest = squares.argmin(axis=1)
    return [(c - points[nearest == k].mean(axis=0)).tolist() for k, c in enumerate(centroids)]


def det(given: Any, derivative: bool) -> Any:
    (A,) = inputs.det(given)
    value = np.linalg.det(A)
    return (value * np.linalg.inv(A).T).ravel().tolist() if derivative else value


def ba(given: Any, derivative: bool) -> Any:
    """All observations of the suite's inputs are alike: one, and its Jacobian by complex steps."""
    n, m, p = given["n"], given["m"], given["p"]

    def error(v: Any) -> Any:
        r, offset, rest, w = v[:3], v[11:14] - v[3:6], v[6:11], v[14]
        angle = np.sqrt(np.sum(r * r))
        a = r / angle
        seen = (
            offset * np.cos(angle) + np.cross(a, offset) * np.sin(angle) + a * np.sum(a * offset) * (1 - np.cos(angle))
        )
        flat = seen[:2] / seen[2]
        s = np.sum(flat * flat)
        return w * (flat * (1 + rest[3] * s + rest[4] * s * s) * rest[0] + rest[1:3] - np.array(given["feat"]))

    at = np.array([*given["cam"], *given["x"], given["w"]])
    if not derivative:
        weight = 1 - given["w"] ** 2
        return {
            "reproj_error": {"elements": error(at).tolist(), "repeated": p},
            "w_err": {"element": weight, "repeated": p},
        }
    J = complex_steps(error, at)
    columns = [[*range(11), *(11 * n + np.arange(3)), 11 * n + 3 * m]] * 2
    rows = [*range(0, 15 * 30, 15), 31 * p]
    return {
        "rows": rows,
        "cols": [*np.concatenate(columns), 11 * n + 3 * m + p - 1],
        "vals": [*J.ravel(), -2 * given["w"]],
    }


def ht(given: Any, derivative: bool) -> Any:
    theta, us, points, chosen, model, mirror, parents = inputs.ht(given)

    def rotation(axis: int, angle: Any) -> Any:
        R = np.eye(4, dtype=np.result_type(angle))
        i, j = [k for k in range(3) if k != axis]
        R[i, i] = R[j, j] = np.cos(angle)
        R[j, i] = np.sin(angle) * (1 if axis != 1 else -1)
        R[i, j] = -R[j, i]
        return R

    def residuals(v: Any) -> Any:
        pose, places = v[:26], v[26:].reshape(-1, 2)
        bend = {2 + 4 * f + b: pose[6 + 4 * f + (0, 2, 3)[b]] for f in range(5) for b in range(3)}
        turn = {2 + 4 * f: pose[7 + 4 * f] for f in range(5)}
        skin: Any = 0.0
        absolute: list[Any] = []
        for k, parent in enumerate(parents):
            own = model["base_relatives"][k] @ rotation(2, turn.get(k, 0.0)) @ rotation(0, bend.get(k, 0.0))
            absolute.append(own if parent == -1 else absolute[parent] @ own)
            moved = model["base_positions"] @ (absolute[k] @ model["inverse_base_absolutes"][k]).T
            skin = skin + model["weights"][:, k : k + 1] * moved[:, :3]
        angle = np.sqrt(np.sum(pose[:3] ** 2))
        a = pose[:3] / angle
        skin = skin * mirror
        crossed = np.cross(a, skin)
        along = np.sum(skin * a, axis=1)[:, None] * a
        skin = skin * np.cos(angle) + crossed * np.sin(angle) + along * (1 - np.cos(angle)) + pose[3:6]
        if chosen.ndim == 1:
            return (points - skin[chosen]).ravel()
        u, w = places[:, :1], places[:, 1:]
        corners = [skin[chosen[:, k]] for k in range(3)]
        return (points - u * corners[0] - w * corners[1] - (1 - u - w) * corners[2]).ravel()

    at = np.concatenate([theta, us.ravel()])
    if not derivative:
        return residuals(at).tolist()
    J = complex_steps(residuals, at)
    if chosen.ndim == 1:
        return J.tolist()
    own = np.stack([J[3 * i : 3 * i + 3, 26 + 2 * i : 28 + 2 * i] for i in range(len(us))]).reshape(-1, 2)
    return np.concatenate([own, J[:, :26]], axis=1).tolist()


def ode(given: Any, derivative: bool) -> Any:
    """With x_i = 1, the steps give fractions c_i; y_i is c_i times the product of x_0 ... x_i."""
    x, steps = inputs.ode(given)
    h = Fraction(2, steps)
    reach = min(len(x), 4 * steps)  # a step moves what is at i to i + 4 at most: further on there are zeros
    y = [Fraction(0)] * reach
    for _ in range(steps):
        first = [Fraction(1), *y[:-1]]
        k, total, slopes = first, [Fraction(0)] * reach, []
        for weight, ahead in ((1, h / 2), (2, h / 2), (2, h), (1, None)):
            slopes.append(k)
            total = [t + weight * a for t, a in zip(total, k, strict=True)]
            if ahead is not None:
                k = [Fraction(1), *[b + ahead * a for a, b in zip(k[:-1], y[:-1], strict=True)]]
        y = [a + h / 6 * t for a, t in zip(y, total, strict=True)]
    exact = [Fraction(v) for v in x]
    c = [*y, *[Fraction(0)] * (len(x) - reach)]
    if derivative:
        whole = c[-1] * math.prod(exact) if c[-1] else Fraction(0)
        return [float(whole / v) for v in exact]
    out, product = [], Fraction(1)
    for v, a in zip(exact, c, strict=True):
        product = product * v if a else product
        out.append(float(a * product))
    return out


def lstm(given: Any, derivative: bool) -> Any:
    """A bit's own parameters alone move it, until the bits meet in the logarithm: a complex step moves all bits."""
    (main, extra), state, text = inputs.lstm(given)
    layers, bits = len(main) // 2, len(text[0])
    kinds = 8 * layers + 3
    moved = np.concatenate([main.reshape(-1, bits), extra]).astype(complex)
    if derivative:
        moved = moved + 1j * 1e-30 * np.eye(kinds)[:, :, None]  # as many points as there are kinds of parameters
    p = np.moveaxis(np.broadcast_to(moved, (kinds if derivative else 1, kinds, bits)), 1, 0)
    hidden, memory = [list(np.broadcast_to(state[k::2, None], (layers, *p.shape[1:]))) for k in range(2)]
    total: Any = np.zeros(p.shape[1:], complex)
    for character, after in pairwise(text):
        x = character * p[-3]
        for k in range(layers):
            gates = [s * w + b for s, w, b in zip((x, hidden[k]) * 2, p[8 * k :], p[8 * k + 4 :], strict=False)]
            forget, ingate, outgate = (1 / (1 + np.exp(-g)) for g in gates[:3])
            memory[k] = memory[k] * forget + ingate * np.tanh(gates[3])
            x = hidden[k] = outgate * np.tanh(memory[k])
        y = x * p[-2] + p[-1]
        powers = np.exp(y.real)
        if not derivative:
            total += after * (y - np.log(powers.sum() + 2))
        else:
            total += y * (after - after.sum() * powers / (powers.sum(axis=-1, keepdims=True) + 2))
    count = bits * (len(text) - 1)
    return (-total.imag / 1e-30 / count).ravel().tolist() if derivative else -total.real.sum() / count


def hello(given: Any, derivative: bool) -> Any:
    return 2 * given if derivative else given * given


def complex_steps(f: Callable[[Any], Any], at: np.ndarray, step: float = 1e-30) -> np.ndarray:
    """The Jacobian of an analytic function without cancellation: Im f(x + i h e_k) / h."""
    columns = []
    for k in range(len(at)):
        moved = at.astype(complex)
        moved[k] += 1j * step
        columns.append(f(moved).imag / step)
    return np.stack(columns, axis=-1)


REFERENCES: dict[str, Callable[[Any, bool], Any]] = {
    "hello": hello,
    "llsq": llsq,
    "lse": logsumexp,
    "gmm": gmm,
    "kmeans": kmeans,
    "det": det,
    "ba": ba,
    "ht": ht,
    "lstm": lstm,
    "ode": ode,
    "particle": gradbench_descents.particle,
    "saddle": gradbench_descents.saddle,
}
