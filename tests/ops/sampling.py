"""Points of an operation's declared domain."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.graph import Op


def entry(rng: np.random.Generator, part: Any, count: int) -> list[Any]:
    """`count` values of one domain entry (`ops.declare` says how entries read); a union takes turns."""
    if isinstance(part, list):
        turns = [entry(rng, p, count) for p in part]
        start = int(rng.integers(len(part)))
        return [turns[(start + k) % len(part)][k] for k in range(count)]
    if not isinstance(part, tuple):
        return [part] * count
    if len(part) != 2 or not all(isinstance(v, float) for v in part):
        start = int(rng.integers(len(part)))  # in turns, so that few points see every choice
        return [part[(start + k) % len(part)] for k in range(count)]
    low, high = part
    values = rng.uniform(low, high, size=count)
    ratio = high / low if low else 0
    if ratio > 50 or 0 < ratio < 0.02:  # a wide range of one sign: every magnitude
        values = np.sign(low) * np.exp(rng.uniform(*sorted(np.log(np.abs(part))), size=count))
    return [float(v) for v in values]


def points(op: Op, count: int, seed: int = 0) -> list[tuple[Any, ...]]:
    """`count` points of the domain of `op`."""
    rng = np.random.default_rng([seed, *op.name.encode()])
    columns = [entry(rng, part, count) for part in op.domain]
    return list(zip(*columns, strict=True))


ATTRIBUTES: dict[str, list[dict[str, Any]]] = {
    "integer_power": [{"n": n} for n in (2, 3, 7)],
    "cast": [{"dtype": "float64"}],
    "power_log": [{"k": k} for k in (1, 2)],
    "polygamma": [{"n": n} for n in (1, 2, 4)],
    "expn": [{"n": n} for n in (2, 3, 5)],
    "lambertw": [{"k": 0}, {"k": -1}],
    "spherical_jn": [{"n": n} for n in (0, 1, 3)],
    "spherical_yn": [{"n": n} for n in (0, 1, 3)],
    "spherical_in": [{"n": n} for n in (0, 1, 3)],
    "ellipmoment": [{"p": p, "q": q} for p, q in ((2, 1), (2, 2), (3, 2))],
    "eval_hermite": [{"n": n} for n in (1, 2, 5)],
    "eval_hermitenorm": [{"n": n} for n in (1, 2, 5)],
}
"""Values of the static attributes that are tested."""


def cases(op: Op) -> list[dict[str, Any]]:
    """The static attributes to test `op` with."""
    return ATTRIBUTES[op.name] if op.attrs else [{}]
