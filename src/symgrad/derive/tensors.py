"""Derivatives of arrays by arrays: sweeps seeded with identities, results with the axes of the output in front.

A row or column vector counts as a vector: its axis of length 1 is left out of Jacobians and Hessians, so that
the Hessian by a vector is a matrix. A gradient has the shape of its variable.
"""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.derive.cotangents import cotangents
from symgrad.derive.tangents import tangents, zero_like
from symgrad.errors import UnsupportedError
from symgrad.graph import REGISTER, Graph
from symgrad.graph.node import spread
from symgrad.ops.einsum import Labels, contract

STACK = REGISTER["stack"]
_ARRAYS = ("linear", "multilinear", "tangent")


def of_arrays(g: Graph, outputs: Sequence[int], wrt: Sequence[int]) -> bool:
    """Whether arrays stand between `wrt` and `outputs`; outputs packed of scalars are still scalars."""
    if any(g.types[w].shape for w in wrt):
        return True
    if any(g.types[o].shape and g.ops[o] is not STACK for o in outputs):
        return True
    depends = set(wrt)
    live = g.reach(outputs)
    packed = {o for o in outputs if g.ops[o] is STACK}
    for i, args in enumerate(g.args):
        if live[i] and any(a in depends for a in args):
            if i not in packed and (g.types[i].shape or g.ops[i].kind in _ARRAYS):
                return True
            depends.add(i)
    return False


def gradient(g: Graph, root: int, wrt: Sequence[int]) -> list[int]:
    """The gradient of a scalar (shape () or (1, 1)) by each node of `wrt`, of that node's shape."""
    one = spread(g, g.const(1, g.types[root].dtype), g.types[root].shape)
    found = cotangents(g, {root: one}, wrt)
    return [zero_like(g, w) if t is None else t for w, t in zip(wrt, found, strict=True)]


def jacobian(g: Graph, root: int, wrt: Sequence[int]) -> list[int]:
    """The derivative of `root` by each node of `wrt`: the axes of `root`, then those of the variable.

    Scalar variables are swept forward, arrays in reverse.
    """
    shape = _known(g, root)
    kept = axes(shape)
    found: dict[int, int] = {}
    arrays = [w for w in wrt if g.types[w].shape] if shape else list(wrt)
    if arrays:
        rank = len(shape)
        lead = tuple(range(rank, rank + len(kept)))
        sizes = dict(enumerate(shape)) | {x: shape[k] for x, k in zip(lead, kept, strict=True)}
        dtype = g.types[root].dtype
        parts = [
            (g.add(REGISTER["delta"], (), (shape[k], dtype)), (x, k)) for x, k in zip(lead, kept, strict=True)
        ] or [(g.const(1, dtype), ())]
        seed = contract(g, parts, lead + tuple(range(rank)), sizes)
        for w, t in zip(arrays, cotangents(g, {root: seed}, arrays), strict=True):
            if t is not None:
                found[w] = _without_ones(g, t, len(kept), g.types[w].shape)
    for w in wrt:
        if w not in arrays:
            (t,) = tangents(g, [root], {w: g.const(1, g.types[w].dtype)})
            if t is not None:
                found[w] = _without_ones(g, t, 0, shape)
    out = tuple(shape[k] for k in kept)
    dtype = g.types[root].dtype
    for w in wrt:
        if w not in found:
            own = _known(g, w)
            found[w] = spread(g, g.const(0, dtype), out + tuple(own[k] for k in axes(own)))
    return [found[w] for w in wrt]


def axes(shape: Sequence[int | None]) -> Labels:
    """The axes that a Jacobian keeps: of a row or column vector, the one along it."""
    if len(shape) == 2 and 1 in shape:
        return (1,) if shape[0] == 1 and shape[1] != 1 else (0,)
    return tuple(range(len(shape)))


def _without_ones(g: Graph, t: int, lead: int, shape: Sequence[int | None]) -> int:
    """`t`, whose axes after `lead` are those of `shape`, with the axes that a Jacobian keeps."""
    labels = tuple(range(len(g.types[t].shape)))
    return contract(g, [(t, labels)], labels[:lead] + tuple(lead + k for k in axes(shape)))


def _known(g: Graph, i: int) -> tuple[int, ...]:
    shape = g.types[i].shape
    sizes = tuple(n for n in shape if n is not None)
    if len(sizes) < len(shape):
        name = g.attrs[i][0] if g.ops[i].name == "input" else g.ops[i].name
        raise UnsupportedError(f"a Jacobian of an array of unknown size ({name}); give its shape as numbers")
    return sizes
