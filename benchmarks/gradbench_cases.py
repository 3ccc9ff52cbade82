"""GradBench's workloads: the inputs of the suite's evals, made as the evals make them.

The suite draws its numbers with the seed that stands here too; bundle adjustment is one camera and one point
repeated, as in its files. Its hand is a set of files not kept here: `hand` makes one of the same shape.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

SEED = 31337


@dataclass(frozen=True)
class Case:
    """One input of an eval, and the function whose time the table shows."""

    module: str
    label: str
    make: Callable[[], Any]
    value: str | None
    derivative: str
    bar: float | None = None
    """Seconds of the fastest tool of the suite for the derivative, measured earlier on such a machine."""
    quick: bool = True


def llsq(n: int, m: int = 128) -> Any:
    return {"x": _draws().random(m).tolist(), "n": n}


def lse(n: int) -> Any:
    return {"x": _draws().random(n).tolist()}


def gmm(d: int, k: int, n: int = 1000) -> Any:
    rng = np.random.default_rng(SEED)
    sized = {"d": d, "k": k, "n": n, "x": rng.normal(size=(n, d)).tolist(), "m": 0, "gamma": 1.0}
    return sized | {
        "alpha": rng.normal(size=k).tolist(),
        "mu": rng.uniform(size=(k, d)).tolist(),
        "q": rng.normal(size=(k, d)).tolist(),
        "l": rng.normal(size=(k, d * (d - 1) // 2)).tolist(),
    }


def kmeans(k: int, n: int, d: int) -> Any:
    points = _draws().random((n, d)).tolist()
    return {"points": points, "centroids": points[-k:]}


def det(ell: int) -> Any:
    return {"A": _draws().random(ell * ell).tolist(), "ell": ell}


def ba(n: int, m: int, p: int) -> Any:
    camera = [-0.758453, -1.109613, -0.845551, 34.556073, 39.676747, 53.881673, 419.194514, 5.864426, -8.51887]
    return {
        "n": n,
        "m": m,
        "p": p,
        "cam": [*camera, 0.087812, 0.002739],
        "x": [7.203245, 0.001144, 3.023326],
        "w": 0.417022,
        "feat": [271.760969, 834.209256],
    }


def hand(points: int, vertices: int, complicated: bool) -> Any:
    """22 bones: a wrist, five fingers of four, a forearm; every vertex moves with at most four of them."""
    rng = np.random.default_rng(SEED)
    parents = [-1] + [0 if k % 4 == 0 else k for k in range(20)] + [0]
    relative = np.tile(np.eye(4), (22, 1, 1))
    relative[:, :3, :3] = np.linalg.qr(rng.normal(size=(22, 3, 3)))[0]
    relative[:, :3, 3] = rng.normal(size=(22, 3))
    weights = np.zeros((vertices, 22))
    for row in weights:
        row[rng.choice(22, 4, replace=False)] = rng.dirichlet(np.ones(4))
    triangles = np.stack([rng.choice(vertices, 3, replace=False) for _ in range(2 * vertices)])
    model = {
        "bone_count": 22,
        "bone_names": [f"bone{k}" for k in range(22)],
        "parents": parents,
        "base_relatives": relative.tolist(),
        "inverse_base_absolutes": np.linalg.inv(relative).tolist(),
        "base_positions": np.concatenate([rng.normal(size=(vertices, 3)), np.ones((vertices, 1))], axis=1).tolist(),
        "weights": weights.tolist(),
        "triangles": triangles.tolist(),
        "is_mirrored": False,
    }
    data = {
        "model": model,
        "correspondences": rng.integers(0, len(triangles) if complicated else vertices, points).tolist(),
        "points": rng.normal(size=(points, 3)).tolist(),
    }
    us = rng.dirichlet(np.ones(3), points)[:, :2].tolist() if complicated else []
    return {"theta": rng.normal(scale=0.5, size=26).tolist(), "data": data, "us": us}


def lstm(layers: int, characters: int) -> Any:
    """Letters of 14 bits, as many as the suite's text needs for its quotation marks; the parameters uniform."""
    rng = np.random.default_rng(SEED)
    text = rng.choice([*range(97, 123), 32, 32, 32, 32, 8217], characters)
    bits = 14
    return {
        "main_params": rng.random((2 * layers, 4 * bits)).tolist(),
        "extra_params": rng.random((3, bits)).tolist(),
        "state": rng.random((2 * layers, bits)).tolist(),
        "sequence": (text[:, None] >> np.arange(bits - 1, -1, -1) & 1).astype(float).tolist(),
    }


def ode(n: int, s: int) -> Any:
    """The suite's x, and n from 1000 on; with n > 4 s no derivative of the last element is other than 0."""
    return {"x": _draws().random(n).tolist(), "s": s}


def particle(w: float) -> Any:
    return {"w": w}


def saddle(start: list[float]) -> Any:
    return {"start": start}


def hello() -> float:
    return 1.5


def _draws() -> np.random.RandomState:
    return np.random.RandomState(SEED)


def _of(make: Callable[..., Any], *sizes: Any, **more: Any) -> Callable[[], Any]:
    return lambda: make(*sizes, **more)


CASES = [
    Case("hello", "", hello, "square", "double"),
    Case("llsq", "n=256", _of(llsq, 256), "primal", "gradient"),
    Case("llsq", "n=4096", _of(llsq, 4096), "primal", "gradient", 1.2e-3),
    Case("lse", "n=10000", _of(lse, 10_000), "primal", "gradient"),
    Case("lse", "n=320000", _of(lse, 320_000), "primal", "gradient", 2.3e-3),
    Case("gmm", "10_25_1000", _of(gmm, 10, 25), "objective", "jacobian", 3.6e-3),
    Case("gmm", "64_100_1000", _of(gmm, 64, 100), "objective", "jacobian", 0.36, quick=False),
    Case("kmeans", "k=10,n=1000,d=8", _of(kmeans, 10, 1000, 8), "cost", "dir"),
    Case("kmeans", "k=100,n=10000,d=16", _of(kmeans, 100, 10_000, 16), "cost", "dir", 4.2e-3),
    Case("kmeans", "k=1000,n=10000,d=16", _of(kmeans, 1000, 10_000, 16), "cost", "dir", quick=False),
    Case("det", "7", _of(det, 7), "primal", "gradient"),
    Case("det", "10", _of(det, 10), "primal", "gradient", 0.17, quick=False),
    Case("ba", "ba1", _of(ba, 49, 7776, 31843), "objective", "jacobian", 7.4e-3),
    Case("ht", "simple, 100", _of(hand, 100, 544, False), "objective", "jacobian", 5.1e-4),
    Case("ht", "complicated, 100", _of(hand, 100, 544, True), "objective", "jacobian"),
    Case("ode", "n=40,s=20", _of(ode, 40, 20), "primal", "gradient"),
    Case("ode", "n=10000,s=10", _of(ode, 10_000, 10), "primal", "gradient"),
    Case("lstm", "l=2,c=1024", _of(lstm, 2, 1024), "objective", "jacobian"),
    Case("lstm", "l=4,c=4096", _of(lstm, 4, 4096), "objective", "jacobian", 0.040, quick=False),
    *(Case("particle", mode, _of(particle, 0.0), None, mode) for mode in ("ff", "fr", "rf", "rr")),
    *(Case("saddle", mode, _of(saddle, [1.0, 1.0]), None, mode) for mode in ("ff", "fr", "rf", "rr")),
]
