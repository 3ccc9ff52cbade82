"""ht: a hand of bones and skin against measured points; the Jacobian by the pose and the places in triangles."""

from __future__ import annotations

from typing import Any

import numpy as np

import symgrad as sg
from gradbench_peers import Answer, inputs
from gradbench_peers.symgrad import compiled

FINGERS = np.array([[2, 3, 4], [6, 7, 8], [10, 11, 12], [14, 15, 16], [18, 19, 20]])
"""The bones that bend."""


def global_rotation(r: Any) -> Any:
    """About the axis r by the angle |r|."""
    angle = np.sqrt(np.sum(r**2))
    x, y, z = r / angle
    K = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.eye(3) + np.sin(angle) * K + (1 - np.cos(angle)) * (K @ K)


def bent(x: Any, z: Any) -> Any:
    """Bones' own transforms, shape (bones, 4, 4): about x, then about z."""
    zero, one = np.zeros_like(x), np.ones_like(x)
    cx, sx, cz, sz = np.cos(x), np.sin(x), np.cos(z), np.sin(z)
    entries = [cz, -sz * cx, sz * sx, zero, sz, cz * cx, -cz * sx, zero, zero, sx, cx, zero, zero, zero, zero, one]
    return np.stack(entries, axis=-1).reshape(len(x), 4, 4)


def levels(parents: tuple[int, ...]) -> list[list[int]]:
    """The bones at each distance from a root: their parents are all on the level before."""
    found = [[k for k, parent in enumerate(parents) if parent == -1]]
    while found[-1]:
        found.append([k for k, parent in enumerate(parents) if parent in found[-1]])
    return found[:-1]


def vertices(theta: Any, chosen: Any, model: Any, mirror: Any, parents: tuple[int, ...]) -> Any:
    """Where the pose puts the chosen vertices of the skin, shape (*chosen.shape, 3)."""
    angles = theta[6:].reshape(5, 4)
    x, z = np.zeros_like(theta, shape=len(parents)), np.zeros_like(theta, shape=len(parents))
    x[FINGERS] = angles[:, [0, 2, 3]]
    z[FINGERS[:, 0]] = angles[:, 1]
    relative = model["base_relatives"] @ bent(x, z)
    before, *rest = levels(parents)
    absolute, bones = [relative[before]], [*before]
    for level in rest:
        absolute.append(absolute[-1][[before.index(parents[k]) for k in level]] @ relative[level])
        before = level
        bones += level
    moved = np.concatenate(absolute) @ model["inverse_base_absolutes"][bones]
    vertex = chosen.reshape(-1)
    positions, weights = model["base_positions"][vertex], model["weights"][vertex][:, bones]
    skinned = np.einsum("bij,vj,vb->vi", moved[:, :3], positions, weights)
    return (skinned * mirror @ global_rotation(theta[:3]).T + theta[3:6]).reshape(*chosen.shape, 3)


@sg.function(static="parents")
def residuals(theta: Any, us: Any, points: Any, chosen: Any, model: Any, mirror: Any, parents: tuple[int, ...]) -> Any:
    skin = vertices(theta, chosen, model, mirror, parents)
    if chosen.ndim == 1:
        return (points - skin).reshape(-1)
    u, v = us[:, :1], us[:, 1:]
    return (points - u * skin[:, 0] - v * skin[:, 1] - (1 - u - v) * skin[:, 2]).reshape(-1)


def of_place(u: Any, corners: Any) -> Any:
    return -(u[0] * corners[0] + u[1] * corners[1] + (1 - u[0] - u[1]) * corners[2])


by_pose = sg.jacobian(residuals, wrt="theta")
by_place = sg.vmap(sg.jacobian(of_place, wrt="u"))


@sg.function(static="parents")
def jacobian(theta: Any, us: Any, points: Any, chosen: Any, model: Any, mirror: Any, parents: tuple[int, ...]) -> Any:
    """Shape (3 points, 26), or (3 points, 2 + 26): a point's residuals depend on its own place alone."""
    J = by_pose(theta, us, points, chosen, model, mirror, parents)
    if chosen.ndim == 1:
        return J
    own = by_place(us, vertices(theta, chosen, model, mirror, parents))
    return np.concatenate([own.reshape(-1, 2), J], axis=1)


ANSWERS = {
    "objective": Answer(inputs.ht, compiled(residuals), inputs.lists),
    "jacobian": Answer(inputs.ht, compiled(jacobian), inputs.lists),
}
