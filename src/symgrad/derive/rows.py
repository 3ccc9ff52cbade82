"""Some rows of an array, computed without the others: the choice is moved back to what the array is made of."""

from __future__ import annotations

import numpy as np

from symgrad.graph import REGISTER, Graph, Node
from symgrad.graph.node import spread
from symgrad.ops.einsum import contract
from symgrad.ops.index import cast
from symgrad.ops.literal import constant_array
from symgrad.ops.subscripts import parse

_LAST = {"amax": 1, "amin": 1, "prod": 1, "logsumexp": 1, "argmax": 1, "argmin": 1}
"""Operations that take this many last axes away; those before are a batch."""
_WITHIN = {
    **dict.fromkeys(("cumsum", "cumprod", "argsort", "argcummax", "argcummin"), 1),
    **dict.fromkeys(("inv", "cholesky", "expm", "dft"), 2),
}
"""Operations on this many last axes, of results of the same shape."""


def rows(g: Graph, root: int, places: int) -> int:
    """The elements of `root` at these places (int64, one axis) of its first axis. New nodes are made in `g`.

    What is elementwise, a product, a broadcast, or works on later axes, is computed for those rows alone; of anything
    else the rows are taken from the whole.
    """
    done: dict[tuple[int, int], int] = {}
    todo = [(root, 0)]
    while todo:
        i, axis = todo[-1]
        if (i, axis) in done:
            todo.pop()
            continue
        wanted = [(a, k) for a, k in zip(g.args[i], _moved(g, i, axis), strict=True) if k >= 0]
        missing = [w for w in wanted if w not in done]
        if missing:
            todo += missing
            continue
        done[i, axis] = _built(g, i, axis, places, done)
        todo.pop()
    return done[root, 0]


_WHOLE = -1  # the argument is needed as it is
_NOT = -2  # the operation can't be done for rows alone


def _moved(g: Graph, i: int, axis: int) -> list[int]:
    """Per argument, the axis that an axis of the result comes from."""
    op, args = g.ops[i], g.args[i]
    name, rank = op.name, len(g.types[i].shape)
    ranks = [len(g.types[a].shape) for a in args]
    if op.kind in ("elementwise", "constant"):
        return [axis] * len(args)
    if name == "einsum":
        parts, out = parse(g.attrs[i][0])
        label = out[axis]
        # a label twice in an operand is a diagonal: the rows of the one axis are not those of the other
        if any(p.count(label) > 1 for p in parts):
            return [_NOT] * len(args)
        held = [label in p and g.ops[a].name != "delta" for p, a in zip(parts, args, strict=True)]
        return [p.index(label) if own else _WHOLE for p, own in zip(parts, held, strict=True)]
    if name == "broadcast":
        lead = rank - ranks[0]
        return [axis - lead if axis >= lead else _WHOLE]
    if name == "reshape":
        own, new = g.types[args[0]].lengths, g.types[i].lengths
        return [axis] if own[: axis + 1] == new[: axis + 1] else [_NOT]
    if name in ("slice", "pad"):
        return [axis] if axis < rank - len(g.attrs[i][0]) else [_NOT]
    if name == "flip":
        return [_NOT] if axis - rank in g.attrs[i][0] else [axis]
    if name == "concatenate":
        return [_NOT] * len(args) if axis - rank == g.attrs[i][0] else [axis] * len(args)
    if name == "take":
        at = ranks[0] + g.attrs[i][0]
        if axis < at:
            return [axis, _WHOLE]
        many = ranks[1]
        return [_WHOLE, axis - at] if axis < at + many else [axis - many + 1, _WHOLE]
    if name == "scatter_add":
        at = rank + g.attrs[i][0]
        return [axis, _WHOLE] if axis < at else [_NOT, _NOT] if axis == at else [axis + ranks[1] - 1, _WHOLE]
    if name in _LAST:
        return [axis]
    if name in _WITHIN:
        return [axis] if axis < rank - _WITHIN[name] else [_NOT]
    return [_NOT] * len(args)


def _built(g: Graph, i: int, axis: int, places: int, done: dict[tuple[int, int], int]) -> int:
    args = g.args[i]
    moved = _moved(g, i, axis)
    if not args or _NOT in moved:
        return g.build(REGISTER["take"], (i, places), (axis - len(g.types[i].shape),))
    new = tuple([a if k < 0 else done[a, k] for a, k in zip(args, moved, strict=True)])
    count = g.types[places].lengths[0]
    name = g.ops[i].name
    shape = g.types[i].lengths
    fewer = (*shape[:axis], count, *shape[axis + 1 :])
    if name == "broadcast":
        return spread(g, new[0], fewer)
    if name == "reshape":
        return g.build(REGISTER["reshape"], new, (fewer,))
    if name == "einsum":
        parts, out = parse(g.attrs[i][0])
        label = out[axis]
        named = []
        for a, old, p in zip(new, args, parts, strict=True):
            if g.ops[old].name == "delta" and label in p:
                a = _some_rows_of_identity(g, g.attrs[old][0], g.attrs[old][1], places)
                p = (label, *(x for x in p if x != label))
            named.append((a, p))
        return contract(g, named, out)
    return g.build(g.ops[i], new, g.attrs[i])


def _some_rows_of_identity(g: Graph, n: int, dtype: str, places: int) -> int:
    count = g.types[places].lengths[0]
    column = contract(g, [(places, (0,))], (0, 1), {0: count, 1: n})
    across = spread(g, constant_array(g, np.arange(n)), (count, n))
    same = g.build(REGISTER["equal"], (column, across))
    return cast(Node(g, same), dtype=dtype).id
