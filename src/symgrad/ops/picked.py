"""Rows of an identity, `take(delta, places)`: 1 where a place is met. What an identity becomes behind x[places].

Sums with them are never formed: a sum over what the identity counts is a `take`, a sum over the places a
`scatter_add`, and two of them under one sum over the places add each element to one place of a matrix. So the
Hessian of a sum over pairs (i, j) of points costs an element per pair and not one per pair and point.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from symgrad.graph import REGISTER, Graph, Node
from symgrad.graph.node import spread
from symgrad.ops.contraction import Part, contract, factors
from symgrad.ops.literal import constant_array
from symgrad.ops.subscripts import Labels, parse
from symgrad.ops.summands import is_identity

SUMS = ("add", "subtract")
LARGEST = 64
"""Nodes of a sum that is looked through."""


def opened_take(g: Graph, a: int, i: int, axis: int) -> int | None:
    """Elements, at places `i` of an axis, of a product with an identity along it: those of the factors."""
    if g.ops[a].name == "reshape":
        return _take_of_joined(g, a, i, axis)
    if g.ops[a].name not in ("einsum", "broadcast"):
        return None
    parts, labels, sizes = factors(g, a)
    x = labels[axis]
    if not any(g.ops[j].name == "delta" and x in p for j, p in parts):
        return None
    places = tuple(max(sizes) + 1 + k for k in range(len(g.types[i].shape)))
    sizes.update(zip(places, g.types[i].lengths, strict=True))
    new: list[Part] = []
    for j, p in parts:
        if p.count(x) > 1:
            return None
        if x in p and g.ops[j].name == "delta":
            p = p if p[1] == x else p[::-1]
        new.append(taken(g, (j, p), x, i, places) if x in p else (j, p))
    at = len(labels) + axis
    return contract(g, new, labels[:at] + places + labels[at + 1 :], sizes)


def _take_of_joined(g: Graph, a: int, i: int, axis: int) -> int | None:
    """Elements of an axis that joins several, at known places: of sums of what has not all of those axes."""
    if g.ops[i].name != "literal":
        return None
    (x,), places = g.args[a], g.attrs[i][0].value
    cut = _cut(g.types[a].lengths, g.types[x].lengths, len(g.types[a].shape) + axis)
    if cut is None:
        return None
    at, end = cut
    joined = g.types[x].lengths[at:end]
    if places.size > g.types[a].lengths[axis] or np.any((places < 0) | (places >= g.types[a].lengths[axis])):
        return None
    each = [constant_array(g, p) for p in np.unravel_index(places, joined)]
    found = []
    for negative, scalars, t in terms(g, x):
        if g.ops[t].name not in ("einsum", "broadcast"):
            return None
        parts, labels, sizes = factors(g, t)
        new = tuple(max(sizes) + 1 + k for k in range(places.ndim))
        sizes.update(zip(new, places.shape, strict=True))
        digits = dict(zip(labels[at:end], each, strict=True))
        if any(sum(y in digits for y in p) > 1 for _, p in parts):
            return None
        for k, (j, p) in enumerate(parts):
            y = next((y for y in p if y in digits), None)
            if y is not None:
                own = p[::-1] if g.ops[j].name == "delta" and p[1] != y else p
                parts[k] = taken(g, (j, own), y, digits[y], new)
        part = contract(g, parts, labels[:at] + new + labels[end:], sizes)
        found.append((negative, scaled(g, scalars, part)))
    return total(g, found)


def _cut(whole: tuple[int, ...], parts: tuple[int, ...], axis: int) -> tuple[int, int] | None:
    """The axes of shape `parts` that are joined in `axis` of the shape `whole`, all else the same; or None."""
    end = len(parts) - (len(whole) - 1 - axis)
    same = whole[:axis] == parts[:axis] and whole[axis + 1 :] == parts[end:]
    return (axis, end) if same and end > axis + 1 else None


def taken(g: Graph, part: Part, x: int, i: int, places: Labels) -> Part:
    """A tensor at places `i` along its label `x`."""
    j, labels = part
    at = labels.index(x)
    node = g.build(REGISTER["take"], (j, i), (at - len(labels),))
    return node, labels[:at] + places + labels[at + 1 :]


def terms(g: Graph, a: int) -> list[tuple[bool, tuple[int, ...], int]]:
    """Node `a` as a sum, through sums and multiples: (negative, scalar factors, node) of each term."""
    found = []
    stack: list[tuple[bool, tuple[int, ...], int]] = [(False, (), a)]
    while stack and len(stack) + len(found) < LARGEST:
        negative, scalars, j = stack.pop()
        name, args = g.ops[j].name, g.args[j]
        if name in SUMS:
            stack += [(negative ^ (name == "subtract"), scalars, args[1]), (negative, scalars, args[0])]
        elif name == "negative":
            stack.append((not negative, scalars, args[0]))
        elif name == "einsum" and len(args) == 2 and not g.types[args[0]].shape and _is_sum(g, args[1]):
            inner, out = parse(g.attrs[j][0])
            if inner[1] == out:
                stack.append((negative, (*scalars, args[0]), args[1]))
            else:
                found.append((negative, scalars, j))
        else:
            found.append((negative, scalars, j))
    return found + stack


def _is_sum(g: Graph, j: int) -> bool:
    return g.ops[j].name in (*SUMS, "negative")


def is_product(g: Graph, j: int, picked: bool) -> bool:
    """Whether it is a product with an identity, or, `picked`, with rows of one."""
    has = is_picked if picked else is_identity
    return has(g, j) or (g.ops[j].name == "einsum" and any(has(g, k) for k in g.args[j]))


def total(g: Graph, found: Sequence[tuple[bool, int]]) -> int:
    total: Node | None = None
    for negative, i in found:
        part = Node(g, i)
        if total is None:
            total = -part if negative else part
        else:
            total = total - part if negative else total + part
    assert total is not None
    return total.id


def scaled(g: Graph, scalars: Sequence[int], i: int) -> int:
    labels = tuple(range(len(g.types[i].shape)))
    return contract(g, [*((s, ()) for s in scalars), (i, labels)], labels) if scalars else i


def is_picked(g: Graph, i: int) -> bool:
    """Whether it is rows of an identity, what they count in front: `take` has no other form of them."""
    return g.ops[i].name == "take" and is_identity(g, i) and g.attrs[i] == (-1,)


def opened_scatter(g: Graph, a: int, i: int, axis: int, n: int) -> int | None:
    """`scatter_add` of products with rows of an identity: each element goes to one place of two axes.

    Factors that are the same at all places come after it.
    """
    found = terms(g, a)
    if len(found) > 1:
        return _sum_of_scatters(g, found, i, axis, n) if any(is_product(g, t, True) for _, _, t in found) else None
    if g.ops[a].name not in ("einsum", "broadcast") and not is_picked(g, a):
        return None
    parts, labels, sizes = factors(g, a)
    rank = len(g.types[i].shape)
    at = len(labels) + 1 + axis - rank
    places = labels[at : at + rank]
    outside = [p for p in parts if not set(p[1]) & set(places)]
    if rank and any(p[1] for p in outside):
        held = {y for p in parts if p not in outside for y in p[1]} | set(places)
        inner = tuple(y for y in labels if y in held)
        one = [(g.const(1, g.types[a].dtype), ())]
        value = contract(g, [p for p in parts if p not in outside] or one, inner, sizes)
        start, new = inner.index(places[0]), max(sizes) + 1
        added = g.build(REGISTER["scatter_add"], (value, i), (start + rank - 1 - len(inner), n))
        own = (*inner[:start], new, *inner[start + rank :])
        return contract(g, [(added, own), *outside], (*labels[:at], new, *labels[at + rank :]), sizes)
    split = _split(g, parts, places)
    if split is None:
        return None
    e, x, rest = split
    value = contract(g, rest or [(g.const(1, g.types[a].dtype), ())], tuple(y for y in labels if y != x), sizes)
    return _joined(g, value, labels, sizes, x, g.args[e][1], (i, at, rank, n))


def _split(g: Graph, parts: Sequence[Part], places: Labels) -> tuple[int, int, list[Part]] | None:
    """Rows of an identity at `places`, the label of what they count, and the other factors of a product with them."""
    for k, (e, own) in enumerate(parts):
        if is_picked(g, e) and own[1:] == places and own[0] not in places:
            rest = _substituted(g, [*parts[:k], *parts[k + 1 :]], own[0], g.args[e][1], places)
            if rest is not None:
                return e, own[0], rest
    return None


def _sum_of_scatters(g: Graph, found: Sequence[tuple[bool, tuple[int, ...], int]], i: int, axis: int, n: int) -> int:
    """Terms with the same rows of an identity are added before they are put in their places."""
    rank, shape = len(g.types[i].shape), g.types[found[0][2]].lengths
    labels = tuple(range(len(shape)))
    at = len(labels) + 1 + axis - rank
    every = dict(enumerate(shape))
    groups: dict[tuple[int, int], list[tuple[bool, tuple[int, ...], int, list[Part]]]] = {}
    results: list[tuple[bool, int]] = []
    for negative, scalars, t in found:
        opened = g.ops[t].name in ("einsum", "broadcast") or is_picked(g, t)
        split = _split(g, factors(g, t)[0], labels[at : at + rank]) if opened else None
        if split is None:
            groups[-1 - len(groups), t] = [(negative, scalars, t, [])]  # one term may come twice
        else:
            e, x, rest = split
            groups.setdefault((e, x), []).append((negative, scalars, t, rest))
    for (e, x), members in groups.items():
        if len(members) == 1:  # what is the same at all places can come after it
            ((negative, scalars, t, _),) = members
            added = g.build(REGISTER["scatter_add"], (t, i), (axis, n))
            results.append((negative, scaled(g, scalars, added)))
            continue
        inner = tuple(y for y in labels if y != x)
        values = []
        for negative, scalars, t, rest in members:
            one = [] if rest or scalars else [(g.const(1, g.types[t].dtype), ())]
            values.append((negative, contract(g, [*((s, ()) for s in scalars), *rest, *one], inner, every)))
        whole = _joined(g, total(g, values), labels, every, x, g.args[e][1], (i, at, rank, n))
        results.append((False, whole))
    return total(g, results)


def _substituted(g: Graph, parts: Sequence[Part], x: int, i: int, places: Labels) -> list[Part] | None:
    """The other factors with `x` set to the places; None where one has both."""
    found = []
    for part in parts:
        if x not in part[1]:
            found.append(part)
        elif part[1].count(x) > 1 or set(places) & set(part[1]) or is_picked(g, part[0]):
            return None
        elif g.ops[part[0]].name == "delta":
            found.append(taken(g, (part[0], part[1] if part[1][1] == x else part[1][::-1]), x, i, places))
        else:
            found.append(taken(g, part, x, i, places))
    return found


def _joined(
    g: Graph, value: int, labels: Labels, sizes: dict[int, int], x: int, own: int, to: tuple[int, int, int, int]
) -> int:
    """The sum of `value` over places, each element where `x` is `own` and the new axis is `i`.

    labels: of `value` and `x`. to: the places `i`, the first of their labels and how many, the new axis' length.
    """
    i, at, rank, n = to
    length, new = sizes[x], max(sizes) + 1
    inner = tuple(y for y in labels if y != x)
    start = at - (labels.index(x) < at)
    out = (*labels[:at], new, *labels[at + rank :])
    axis = start + rank - 1 - len(inner)
    scatter = REGISTER["scatter_add"]
    if own == i and length == n:
        added = g.build(scatter, (value, i), (axis, n))
        identity = g.add(REGISTER["delta"], (), (n, g.types[value].dtype))
        return contract(g, [(identity, (x, new)), (added, (*inner[:start], new, *inner[start + rank :]))], out)
    added = g.build(scatter, (value, _places(g, own, i, length, n)), (axis, length * n))
    shape = [sizes[y] for y in inner]
    split = g.build(REGISTER["reshape"], (added,), ((*shape[:start], length, n, *shape[start + rank :]),))
    return contract(g, [(split, (*inner[:start], x, new, *inner[start + rank :]))], out)


def _places(g: Graph, first: int, second: int, length: int, n: int) -> int:
    """first * n + second, and outside of the array where one of them is."""
    if g.ops[first].name == g.ops[second].name == "literal":
        a, b = (g.attrs[k][0].value for k in (first, second))
        inside = (a >= 0) & (a < length) & (b >= 0) & (b < n)
        return constant_array(g, np.where(inside, a * n + b, -1))
    a, b = Node(g, first), Node(g, second)
    shape = a.type.lengths

    def number(k: int) -> Node:
        return Node(g, spread(g, g.const(k, "int64"), shape))

    build = REGISTER
    both = build["logical_and"]
    inside = both(
        both(build["greater_equal"](a, number(0)), build["less"](a, number(length))),
        both(build["greater_equal"](b, number(0)), build["less"](b, number(n))),
    )
    return build["where"](inside, a * number(n) + b, number(-1)).id


def sum_over(g: Graph, parts: list[Part], out: Labels, sizes: dict[int, int]) -> int | None:
    """The sum of a product with rows of an identity, over what they count or over all of their places."""
    for k, (e, own) in enumerate(parts):
        if len(set(own)) < len(own):
            continue
        if g.ops[e].name == "reshape":
            others = [*parts[:k], *parts[k + 1 :]]
            less = _fewer_digits(g, e, own, {*out, *(y for _, p in others for y in p)})
            if less is not None:
                return contract(g, [less, *others], out, sizes)
        if not is_picked(g, e):
            continue
        x, places = own[0], own[1:]
        if x in out and any(y in out for y in places):
            continue
        i = g.args[e][1]
        rest = _substituted(g, [*parts[:k], *parts[k + 1 :]], x, i, places)
        if rest is None:
            continue
        if x not in out:
            return contract(g, rest or [(g.const(1, g.types[e].dtype), ())], out, sizes)
        at = out.index(x)
        value = contract(g, rest or [(g.const(1, g.types[e].dtype), ())], out[:at] + places + out[at + 1 :], sizes)
        return g.build(REGISTER["scatter_add"], (value, i), (at - len(out), sizes[x]))
    return None


def is_cut(g: Graph, t: int) -> bool:
    """Whether it is, through transposes and multiples, a `scatter_add` along an axis that is then cut into several."""
    while g.ops[t].name in ("einsum", "negative") and len(inner := [a for a in g.args[t] if g.types[a].shape]) == 1:
        t = inner[0]
    return g.ops[t].name == "reshape" and g.ops[g.args[t][0]].name == "scatter_add"


def _fewer_digits(g: Graph, i: int, labels: Labels, kept: set[int]) -> Part | None:
    """A `scatter_add` whose new axis is cut into several, without those that are summed: added up where it is made."""
    a = g.args[i][0]
    if g.ops[a].name != "scatter_add" or g.ops[g.args[a][1]].name != "literal":
        return None
    own, new = g.types[a].lengths, g.types[i].lengths
    cut = _cut(own, new, len(own) + g.attrs[a][0])
    if cut is None:
        return None
    at, end = cut
    digits = labels[at:end]
    wanted = [k for k, x in enumerate(digits) if x in kept]
    if len(wanted) in (0, len(digits)):
        return None
    lengths, places = new[at:end], g.attrs[g.args[a][1]][0].value
    inside = (places >= 0) & (places < own[at])
    each = np.unravel_index(np.where(inside, places, 0), lengths)
    rest = tuple(lengths[k] for k in wanted)
    flat = np.where(inside, np.ravel_multi_index([each[k] for k in wanted], rest), -1)
    added = g.build(
        REGISTER["scatter_add"], (g.args[a][0], constant_array(g, flat)), (g.attrs[a][0], int(np.prod(rest)))
    )
    if len(rest) > 1:
        added = g.build(REGISTER["reshape"], (added,), ((*own[:at], *rest, *own[at + 1 :]),))
    return added, labels[:at] + tuple(digits[k] for k in wanted) + labels[end:]
