"""From the suite's inputs to arrays, the same for all tools; and back."""

from __future__ import annotations

from typing import Any

import numpy as np


def array(key: str) -> Any:
    """Reads one array."""
    return lambda given: (np.array(given[key], "float64"),)


def number(key: str) -> Any:
    """Reads one number."""
    return lambda given: (float(given[key]),)


def llsq(given: Any) -> tuple[Any, ...]:
    """The coefficients; the numbers of the points, whose positions are part of the problem."""
    return np.array(given["x"], "float64"), np.arange(given["n"], dtype="float64")


def gmm(given: Any) -> tuple[Any, ...]:
    """What is differentiated: alpha (k), mu (k, d), q (k, d), l (k, d (d - 1) / 2); then x (n, d), gamma, m."""
    k, d = given["k"], given["d"]
    free = {n: np.array(given[n], "float64") for n in ("alpha", "mu", "q", "l")}
    free["l"] = free["l"].reshape(k, d * (d - 1) // 2)
    return free, np.array(given["x"], "float64"), float(given["gamma"]), float(given["m"])


def kmeans(given: Any) -> tuple[Any, ...]:
    """Centroids and points."""
    return np.array(given["centroids"], "float64"), np.array(given["points"], "float64")


def det(given: Any) -> tuple[Any, ...]:
    """The square matrix."""
    return (np.array(given["A"], "float64").reshape(given["ell"], given["ell"]),)


def ba(given: Any) -> tuple[Any, ...]:
    """Cameras (n, 11), points (m, 3), weights (p), features (p, 2), and which camera saw which point (p, 2)."""
    n, m, p = given["n"], given["m"], given["p"]
    seen = np.arange(p)
    repeated = [np.tile(np.array(given[key], "float64"), (count, 1)) for key, count in (("cam", n), ("x", m))]
    features = np.tile(np.array(given["feat"], "float64"), (p, 1))
    return *repeated, np.full(p, float(given["w"])), features, np.stack([seen % n, seen % m], axis=1)


def ht(given: Any) -> tuple[Any, ...]:
    """The pose (26); places in triangles (points, 2), if there are; the points; the model's arrays; its tree."""
    data, model = given["data"], given["data"]["model"]
    arrays = {
        key: np.array(model[key], "float64")
        for key in ("base_relatives", "inverse_base_absolutes", "base_positions", "weights")
    }
    chosen = np.array(data["correspondences"], "int64")
    us = np.array(given.get("us", ()), "float64").reshape(-1, 2)
    if len(us):  # the corners of each point's triangle
        chosen = np.array(model["triangles"], "int64")[chosen]
    mirror = np.array([-1.0 if model["is_mirrored"] else 1.0, 1.0, 1.0])
    parents = tuple(int(k) for k in model["parents"])
    return np.array(given["theta"], "float64"), us, np.array(data["points"], "float64"), chosen, arrays, mirror, parents


def lstm(given: Any) -> tuple[Any, ...]:
    """What is differentiated: parameters of the layers (2 layers, 4 bits), the others (3, bits); then the state
    (2 layers, bits) and the text."""
    main, extra, state, text = (
        np.array(given[n], "float64") for n in ("main_params", "extra_params", "state", "sequence")
    )
    return (main, extra), state, text


def ode(given: Any) -> tuple[Any, ...]:
    """The coefficients; the number of steps."""
    return np.array(given["x"], "float64"), int(given["s"])


def lists(result: Any) -> Any:
    """Arrays, alone or by name, as lists of numbers."""
    if isinstance(result, dict):
        return {k: lists(v) for k, v in result.items()}
    return np.asarray(result).tolist()


def flat(result: Any) -> Any:
    """Several arrays as one list of numbers."""
    return np.concatenate([np.asarray(part).ravel() for part in result]).tolist()


def errors(result: Any) -> Any:
    """Of bundle adjustment: the first of each kind, and how often."""
    reprojection, weight = map(np.asarray, result)
    return {
        "reproj_error": {"elements": reprojection.ravel()[:2].tolist(), "repeated": reprojection.size // 2},
        "w_err": {"element": float(weight[0]), "repeated": len(weight)},
    }


def rows(result: Any) -> Any:
    """A sparse Jacobian of bundle adjustment: the first rows' entries and the last."""
    return {
        name: np.append(np.asarray(part)[:30], np.asarray(part)[-1:]).tolist()
        for name, part in zip(("rows", "cols", "vals"), result, strict=True)
    }
