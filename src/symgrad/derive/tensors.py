"""Derivatives of arrays by arrays: sweeps seeded with identities, results with the axes of the output in front.

A row or column vector counts as a vector: its axis of length 1 is left out of Jacobians and Hessians, so that
the Hessian by a vector is a matrix. A gradient has the shape of its variable.
"""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.derive.batching import batched
from symgrad.derive.cotangents import cotangents
from symgrad.derive.tangents import tangents, zero_like
from symgrad.errors import UnsupportedError
from symgrad.graph import REGISTER, Graph, Type
from symgrad.graph.node import spread
from symgrad.ops.einsum import Labels, contract

STACK = REGISTER["stack"]
_ARRAYS = ("linear", "multilinear", "tangent", "flow")


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
    """The gradient of a scalar (shape () or (1, 1)) by each node of `wrt`, of that node's shape and dtype."""
    one = spread(g, g.const(1, g.types[root].dtype), g.types[root].shape)
    found = cotangents(g, {root: one}, wrt)
    return [zero_like(g, w) if t is None else in_dtype(g, t, g.types[w].dtype) for w, t in zip(wrt, found, strict=True)]


def in_dtype(g: Graph, i: int, dtype: str) -> int:
    """Node `i` in this dtype: a gradient has that of its variable, a Jacobian that of the result."""
    return i if g.types[i].dtype == dtype else g.build(REGISTER["cast"], (i,), (dtype,))


def jacobian(g: Graph, root: int, wrt: Sequence[int], mode: str = "reverse", whole: bool = False) -> list[int]:
    """The derivative of `root` by each node of `wrt`: the axes of `root`, then those of the variable.

    Arrays are swept in reverse, or with the mode "forward" from each variable; scalar variables are always so.
    `whole`: no axis of length 1 is left out.
    """
    shape = _known(g, root)
    kept = axes(shape, whole)
    arrays = [w for w in wrt if g.types[w].shape] if shape else list(wrt)
    found: dict[int, int] = {}
    if arrays and mode == "reverse":
        seed = _identity(g, shape, kept, g.types[root].dtype)
        for w, t in zip(arrays, cotangents(g, {root: seed}, arrays), strict=True):
            if t is not None:
                labels = tuple(range(len(g.types[t].shape)))
                own = axes(g.types[w].shape, whole)
                found[w] = contract(g, [(t, labels)], labels[: len(kept)] + tuple(len(kept) + k for k in own))
    for w in wrt:
        if mode == "forward" or w not in arrays:
            t = _along(g, root, w, whole)
            if t is not None:
                labels = tuple(range(len(g.types[t].shape)))
                lead = len(labels) - len(shape)
                found[w] = contract(g, [(t, labels)], tuple(lead + k for k in kept) + labels[:lead])
    for w in wrt:
        if w not in found:
            own = _known(g, w)
            sizes = [shape[k] for k in kept] + [own[k] for k in axes(own, whole)]
            found[w] = spread(g, g.const(0, g.types[root].dtype), tuple(sizes))
    return [in_dtype(g, found[w], g.types[root].dtype) for w in wrt]


def _along(g: Graph, root: int, w: int, whole: bool) -> int | None:
    """The tangent of `root` along every element of `w`, whose axes stand in front."""
    shape, type = _known(g, w), g.types[w]
    kept = axes(shape, whole)
    if not kept:
        one = spread(g, g.const(1, type.dtype), shape)
        return tangents(g, [root], {w: one})[0]
    direction = _fresh(g, type)
    (t,) = tangents(g, [root], {w: direction})
    left = list(range(len(shape)))
    for k in reversed(kept):  # the last axis first; what is still to come is an input with the axes that are left
        if t is None:
            return None
        own, lead = tuple(left), len(shape)
        left.remove(k)
        rest = type._replace(shape=tuple(shape[a] for a in left))
        inner = spread(g, g.const(1, type.dtype), rest.lengths) if k == kept[0] else _fresh(g, rest)
        identity = g.add(REGISTER["delta"], (), (shape[k], type.dtype))
        seed = contract(g, [(inner, tuple(left)), (identity, (lead, k))], (lead, *own), {lead: shape[k], k: shape[k]})
        ((new, seen),) = batched(g, [t], g, {direction: (seed, True)}, shape[k])
        t = new if seen else spread(g, new, (shape[k], *g.types[new].lengths))
        direction = inner
    return t


def _fresh(g: Graph, type: Type) -> int:
    """A new input that stands for a direction."""
    return g.input(f"%direction {len(g)}", type)


def _identity(g: Graph, shape: tuple[int, ...], kept: Labels, dtype: str) -> int:
    """The derivative of an array by itself: its axes `kept` in front of all of them."""
    rank = len(shape)
    lead = tuple(range(rank, rank + len(kept)))
    sizes = dict(enumerate(shape)) | {x: shape[k] for x, k in zip(lead, kept, strict=True)}
    parts = [(g.add(REGISTER["delta"], (), (shape[k], dtype)), (x, k)) for x, k in zip(lead, kept, strict=True)]
    return contract(g, parts or [(g.const(1, dtype), ())], lead + tuple(range(rank)), sizes)


def axes(shape: Sequence[int | None], whole: bool = False) -> Labels:
    """The axes that a Jacobian keeps: of a row or column vector, unless it is to be `whole`, the one along it."""
    if len(shape) == 2 and 1 in shape and not whole:
        return (1,) if shape[0] == 1 and shape[1] != 1 else (0,)
    return tuple(range(len(shape)))


def _known(g: Graph, i: int) -> tuple[int, ...]:
    shape = g.types[i].shape
    sizes = tuple(n for n in shape if n is not None)
    if len(sizes) < len(shape):
        name = g.attrs[i][0] if g.ops[i].name == "input" else g.ops[i].name
        raise UnsupportedError(f"a Jacobian of an array of unknown size ({name}); give its shape as numbers")
    return sizes
