"""ba: bundle adjustment; the Jacobian of all reprojections as a sparse matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

import symgrad as sg
from gradbench_peers import Answer, inputs
from gradbench_peers.symgrad import compiled


def rotated(r: Any, v: Any) -> Any:
    """Rodrigues' formula."""
    angle = np.sqrt(np.sum(r**2))
    axis = r / angle
    return v * np.cos(angle) + np.cross(axis, v) * np.sin(angle) + axis * (axis @ v) * (1 - np.cos(angle))


def reprojection(camera: Any, point: Any, weight: Any, feature: Any) -> Any:
    seen = rotated(camera[:3], point - camera[3:6])
    flat = seen[:2] / seen[2]
    r = np.sum(flat**2)
    distorted = flat * (1 + camera[9] * r + camera[10] * r**2)
    return weight * (distorted * camera[6] + camera[7:9] - feature)


def weight_error(weight: Any) -> Any:
    return 1 - weight**2


def objective(cameras: Any, points: Any, weights: Any, features: Any, seen: Any) -> Any:
    errors = sg.vmap(reprojection)(cameras[seen[:, 0]], points[seen[:, 1]], weights, features)
    return errors, weight_error(weights)


def of_all(v: Any, feature: Any) -> Any:
    """As a function of camera, point and weight in one vector (15), whose order is that of the columns."""
    return reprojection(v[:11], v[11:14], v[14], feature)


blocks = sg.vmap(sg.jacobian(of_all, wrt="v"))
slopes = sg.vmap(sg.grad(weight_error))


def jacobian(cameras: Any, points: Any, weights: Any, features: Any, seen: Any) -> Any:
    """Starts of rows, columns and values: two rows per observation, then one per weight."""
    n, m, p = len(cameras), len(points), len(weights)
    number = np.arange(p)
    own = np.concatenate([cameras[seen[:, 0]], points[seen[:, 1]], weights[:, None]], axis=1)
    values = blocks(own, features)
    places = np.concatenate(
        [11 * seen[:, :1] + np.arange(11), 11 * n + 3 * seen[:, 1:] + np.arange(3), 11 * n + 3 * m + number[:, None]],
        axis=1,
    )
    columns = np.concatenate([np.broadcast_to(places[:, None], values.shape).reshape(-1), 11 * n + 3 * m + number])
    starts = np.concatenate([15 * np.arange(2 * p + 1), 30 * p + 1 + number])
    return starts, columns, np.concatenate([values.reshape(-1), slopes(weights)])


ANSWERS = {
    "objective": Answer(inputs.ba, compiled(sg.function(objective)), inputs.errors),
    "jacobian": Answer(inputs.ba, compiled(sg.function(jacobian)), inputs.rows),
}
