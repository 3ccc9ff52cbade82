"""In which order the factors of a product that is summed are multiplied: pair by pair, the cheapest way.

Few factors are searched exhaustively (dynamic programming over subsets), more by `opt_einsum` (D. G. A. Smith and
J. Gray, Journal of Open Source Software 3, 2018). The cost of a pair is its operations and what it writes; the
same pair met twice costs once, so that sum_i x_ij p_ik x_il p_im becomes z^T z with z_ijk = x_ij p_ik.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from symgrad.ops.subscripts import Labels

Part = tuple[int, Labels]
"""A node and a label per axis."""
Path = tuple[tuple[int, int], ...]
"""Pairs of places; every product takes the next place after those of the factors."""

FEW = 6
"""Factors whose every order is tried: the search grows as 3^n."""
WRITE = 8
"""What an element of a product costs to write, in operations of a matrix product."""


def path(parts: Sequence[Part], out: Labels, sizes: dict[int, int]) -> Path:
    """The pairs of `parts`, whose labels outside `out` are summed; each of those stands in at least two parts."""
    names: dict[int, int] = {}
    for i, _ in parts:
        names.setdefault(i, len(names))
    letters: dict[int, int] = {x: k for k, x in enumerate(x for x in out if any(x in ls for _, ls in parts))}
    for _, labels in parts:
        for x in labels:
            letters.setdefault(x, len(letters))
    return _path(
        tuple(names[i] for i, _ in parts),
        tuple(tuple(letters[x] for x in labels) for _, labels in parts),
        tuple(letters[x] for x in out if x in letters),
        tuple(sizes[x] for x in letters),
    )


def canonical(parts: Sequence[Part], out: Labels) -> list[Part]:
    """The factors in an order that depends on the product alone, not on how it was written: equal ones become one node.

    Factors and labels are told apart by their neighbours, again and again (colour refinement).
    """
    colours = {x: out.index(x) + 1 if x in out else 0 for _, labels in parts for x in labels}
    while True:
        keys = [(i, *(colours[x] for x in labels)) for i, labels in parts]
        found = len(set(keys))
        if found == len(parts) or len(parts) < 3:
            break
        near: dict[int, list[tuple[int, ...]]] = {x: [] for x in colours}
        for key, (_, labels) in zip(keys, parts, strict=True):
            for n, x in enumerate(labels):
                near[x].append((n, *key))
        new = {x: (colours[x], sorted(near[x])) for x in colours}
        order = sorted(new.values())
        colours = {x: order.index(new[x]) for x in colours}
        if len({(i, *(colours[x] for x in labels)) for i, labels in parts}) == found:
            break
    ranked = sorted(range(len(parts)), key=keys.__getitem__)
    return [parts[k] for k in ranked]


def groups(parts: Sequence[Part], out: Labels) -> list[list[Part]]:
    """Factors that share summed labels, directly or through others."""
    found: list[tuple[set[int], list[Part]]] = []
    for part in parts:
        summed = set(part[1]).difference(out)
        touched = [g for g in found if not summed.isdisjoint(g[0])]
        found = [g for g in found if summed.isdisjoint(g[0])]
        found.append((summed.union(*(g[0] for g in touched)), [p for g in touched for p in g[1]] + [part]))
    return [members for _, members in found]


@lru_cache(maxsize=1024)
def _path(nodes: tuple[int, ...], parts: tuple[Labels, ...], out: Labels, sizes: tuple[int, ...]) -> Path:
    if len(parts) == 2:
        return ((0, 1),)
    if len(parts) > FEW:
        return _searched(parts, out, sizes)
    return _Exhaustive(nodes, parts, out, sizes).path()


class _Plan(NamedTuple):
    """How a subset of the factors is multiplied: at what cost, split into which subset and the rest."""

    cost: float
    split: int
    sign: tuple[object, ...]
    """Equal for subsets that give the same tensor."""


class _Exhaustive:
    """Dynamic programming over subsets of the factors; subsets and sets of labels are bits of an int."""

    def __init__(self, nodes: tuple[int, ...], parts: tuple[Labels, ...], out: Labels, sizes: tuple[int, ...]) -> None:
        self.nodes, self.parts, self.sizes = nodes, parts, sizes
        self.masks = [_bits(p) for p in parts]
        self.out = _bits(out)
        self.every = (1 << len(parts)) - 1
        self.volumes: dict[int, int] = {}

    def path(self) -> Path:
        n = len(self.parts)
        labels = [0] * (self.every + 1)
        for s in range(1, self.every + 1):
            low = s & -s
            labels[s] = labels[s ^ low] | self.masks[low.bit_length() - 1]
        kept = [labels[s] & (labels[self.every ^ s] | self.out) for s in range(self.every + 1)]
        plans: dict[int, _Plan] = {1 << k: _Plan(0.0, 0, self._sign(1 << k, kept)) for k in range(n)}
        for s in range(1, self.every + 1):
            if s in plans:
                continue
            low = s & -s
            best, split = float("inf"), 0
            a = s  # every split once: the half that holds the lowest factor
            while a:
                a = (a - 1) & s
                if not a & low or a == s:
                    continue
                cost = self._pair(plans, a, s ^ a, kept, kept[s])
                if cost < best:
                    best, split = cost, a
            plans[s] = _Plan(best, split, self._sign(s, kept))
        return self._pairs(plans)

    def _pair(self, plans: dict[int, _Plan], a: int, b: int, kept: list[int], result: int) -> float:
        first, second = plans[a], plans[b]
        union = kept[a] | kept[b]
        own = self._volume(union) * (2 if union != result else 1) + WRITE * self._volume(result)
        same = first.sign == second.sign
        return own + self._turns(kept[a], kept[b]) + first.cost + (0 if same else second.cost)

    def _turns(self, a: int, b: int) -> float:
        """Of equally cheap pairs, the one whose axes need no transpose: half an operation more for the others."""
        a, b = a & self.out & ~b, b & self.out & ~a
        if not a or not b:
            return 0
        return 0 if a < b & -b or b < a & -a else 0.5

    def _volume(self, labels: int) -> int:
        known = self.volumes.get(labels)
        if known is None:
            known = 1
            for x, n in enumerate(self.sizes):
                if labels >> x & 1:
                    known *= n
            self.volumes[labels] = known
        return known

    def _sign(self, s: int, kept: list[int]) -> tuple[object, ...]:
        """The factors, with their labels by order of appearance, and which of those stay."""
        own: dict[int, int] = {}
        members = sorted((self.nodes[k], k) for k in range(len(self.parts)) if s >> k & 1)
        found = [(node, *(own.setdefault(x, len(own)) for x in self.parts[k])) for node, k in members]
        return (*found, tuple(kept[s] >> x & 1 for x in own))

    def _pairs(self, plans: dict[int, _Plan]) -> Path:
        places = {1 << k: k for k in range(len(self.parts))}
        found: list[tuple[int, int]] = []
        stack = [self.every]
        while stack:
            s = stack[-1]
            if s in places:
                stack.pop()
                continue
            a = plans[s].split
            missing = [h for h in (s ^ a, a) if h not in places]
            if missing:
                stack.extend(missing)
                continue
            found.append((places[a], places[s ^ a]))
            places[s] = len(self.parts) + len(found) - 1
        return tuple(found)


def _bits(labels: Labels) -> int:
    found = 0
    for x in labels:
        found |= 1 << x
    return found


def _searched(parts: tuple[Labels, ...], out: Labels, sizes: tuple[int, ...]) -> Path:
    """The order that opt_einsum finds, as places."""
    from opt_einsum import contract_path, get_symbol

    text = ",".join("".join(map(get_symbol, p)) for p in parts) + "->" + "".join(map(get_symbol, out))
    linear, _ = contract_path(text, *(tuple(sizes[x] for x in p) for p in parts), shapes=True, optimize="auto")
    places = list(range(len(parts)))
    found: list[tuple[int, int]] = []
    for step in linear:
        taken = [places.pop(k) for k in sorted(step, reverse=True)]
        place = taken.pop()
        while taken:
            found.append((place, taken.pop()))
            place = len(parts) + len(found) - 1
        places.append(place)
    return tuple(found)
