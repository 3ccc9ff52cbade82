"""gmm: the log posterior of a mixture of Gaussians with a Wishart prior."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special

import symgrad as sg
from gradbench_peers import Answer, inputs
from gradbench_peers.symgrad import compiled


def logsumexp(a: Any, axis: int) -> Any:
    largest = np.max(a, axis=axis, keepdims=True)
    return np.squeeze(largest, axis) + np.log(np.sum(np.exp(a - largest), axis=axis))


def posterior(free: Any, x: Any, gamma: Any, m: Any) -> Any:
    alpha, mu, q, below = (free[n] for n in ("alpha", "mu", "q", "l"))
    (n, d), k = x.shape, len(mu)
    columns, rows = np.triu_indices(d, 1)  # the lower triangle, column by column
    Q = np.zeros_like(q, shape=(k, d, d))
    Q[:, np.arange(d), np.arange(d)] = np.exp(q)
    Q[:, rows, columns] = below
    # |Q (x - mu)|^2 for all observations of a component by one product
    y = x @ np.swapaxes(Q, 1, 2) - (Q @ mu[:, :, None])[:, None, :, 0]
    inner = alpha + np.sum(q, axis=1) - np.sum(y**2, axis=2).T / 2
    likelihood = np.sum(logsumexp(inner, 1)) - n * logsumexp(alpha, 0) - n * d / 2 * np.log(2 * np.pi)
    freedom = d + m + 1
    constant = freedom * d * np.log(gamma / np.sqrt(2)) - scipy.special.multigammaln(freedom / 2, d)  # pyright: ignore[reportAttributeAccessIssue]
    return likelihood - gamma**2 / 2 * np.sum(Q**2) + m * np.sum(q) + k * constant


ANSWERS = {
    "objective": Answer(inputs.gmm, compiled(sg.function(posterior)), float),
    "jacobian": Answer(inputs.gmm, compiled(sg.grad(posterior, wrt="free")), inputs.lists),
}
