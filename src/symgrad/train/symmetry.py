"""Formulas whose terms can change places: a sum of exponentials or of peaks has m! equal minima.

Which of them a solver finds is chance. The one nearest to the start is the answer, so that the order in which
somebody starts the terms is the order in which they come back.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from symgrad.train.rows import Rows

EQUAL = 1e-10
TRIES = (0.7, 1.3, 0.2, 2.1, -0.6)
"""Values given to all parameters at once, to see which act alike."""


def terms(rows: Rows) -> list[list[int]]:
    """Classes of parameters of which the k-th members, together, can change places with the l-th ones.

    Parameters that act alike have equal derivatives where all parameters are equal; that the terms made of them
    change places is then tried out at another point. Empty where nothing does.
    """
    p = len(rows.params)
    if rows.grouped or p < 2:
        return []
    with np.errstate(all="ignore"):
        j = next((j for j in (rows.jacobian(np.full(p, t)) for t in TRIES) if np.all(np.isfinite(j))), None)
        if j is None:
            return []
        classes: list[list[int]] = []
        for k in range(p):
            like = next((c for c in classes if _equal(j[:, c[0]], j[:, k])), None)
            if like is None:
                classes.append([k])
            else:
                like.append(k)
        for m in sorted({len(c) for c in classes if len(c) > 1}, reverse=True):
            found = [c for c in classes if len(c) == m]
            if _change_places(rows, found, m):
                return found
    return []


def nearest(rows: Rows, classes: list[list[int]], at: Any, start: Any) -> Any:
    """`at` with its terms in the order that is nearest to the start's."""
    if not classes:
        return at
    from scipy.optimize import linear_sum_assignment

    wanted, got = np.array([start[c] for c in classes]), np.array([at[c] for c in classes])
    scale = np.sqrt(np.mean(wanted**2, axis=1, keepdims=True))
    scale[scale == 0] = 1.0
    costs = np.sum(((wanted[:, :, None] - got[:, None, :]) / scale[:, :, None]) ** 2, axis=0)
    _, order = linear_sum_assignment(costs)
    out = np.array(at)
    for c in classes:
        out[c] = at[c][order]
    return out


def _change_places(rows: Rows, classes: list[list[int]], m: int) -> bool:
    """Whether any two terms can."""
    rng = np.random.default_rng(0)
    for centre in TRIES:
        at = centre + 0.1 * rng.random(len(rows.params))
        before = rows.values(at)
        if not np.all(np.isfinite(before)):
            continue
        for a, b in itertools.combinations(range(m), 2):
            swapped = at.copy()
            for c in classes:
                swapped[[c[a], c[b]]] = at[[c[b], c[a]]]
            if not _equal(before, rows.values(swapped)):
                return False
        return True
    return False


def _equal(a: Any, b: Any) -> bool:
    return bool(np.all(np.abs(a - b) <= EQUAL * (np.abs(a) + np.abs(b) + np.max(np.abs(a), initial=0.0))))
