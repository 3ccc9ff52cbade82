"""Masks in products: a structural zero stays one, whatever it is multiplied with, and identities stay identities."""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.graph import REGISTER, Graph
from symgrad.graph.node import spread
from symgrad.ops.contraction import Part, contract, factors
from symgrad.ops.picked import is_product, scaled, terms, total
from symgrad.ops.summands import is_identity


def absorbed(g: Graph, tensors: Sequence[Part]) -> list[Part]:
    """Factors of a product with those inside of a mask that may be infinite where it hides something.

    Such are those that vary with all that the condition varies with, and with nothing that the mask does not.
    """
    found = list(tensors)
    k = 0
    while k < len(found):
        m, labels = found[k]
        if g.ops[m].name == "mask" and len(set(labels)) == len(labels):
            condition, value = g.args[m]
            own = _varies(g, condition, labels)
            inside = [
                (i, p)
                for j, (i, p) in enumerate(found)
                if j != k and own <= set(p) <= set(labels) and len(set(p)) == len(p) and not is_identity(g, i)
            ]
            if own and inside:
                whole = contract(g, [(value, labels), *inside], labels)
                rest = [p for j, p in enumerate(found) if j != k and p not in inside]
                found = [(g.build(g.ops[m], (condition, whole)), labels), *rest]
                k = 0
                continue
        k += 1
    return found


def _varies(g: Graph, condition: int, labels: tuple[int, ...]) -> set[int]:
    """The labels that a condition varies with."""
    parts, own, _ = factors(g, condition)
    to = dict(zip(own, labels, strict=True))
    return {to[x] for _, p in parts for x in p if x in to}


def masked(g: Graph, condition: int, x: int) -> int:
    """mask(condition, x) for a condition of the last axes of `x`, in every term of a sum.

    Identities, and what else has only axes that the condition has not, stay outside of it.
    """
    found = terms(g, x)
    if all(is_product(g, t, False) for _, _, t in found):
        return total(g, [(m, scaled(g, s, _masked_product(g, condition, t))) for m, s, t in found])
    return g.build(REGISTER["mask"], (spread(g, condition, g.types[x].lengths), x))


def _masked_product(g: Graph, condition: int, x: int) -> int:
    parts, labels, sizes = factors(g, x)
    own = labels[len(labels) - len(g.types[condition].shape) :]
    fixed = [p for p in parts if is_identity(g, p[0])]
    rest = [p for p in parts if p not in fixed]
    held = set(own).union(*(p for _, p in rest))
    inner = tuple(y for y in labels if y in held)
    value = contract(g, rest or [(g.const(1, g.types[x].dtype), ())], inner, sizes)
    if len(inner) == len(labels) or inner[len(inner) - len(own) :] != own:
        return g.build(REGISTER["mask"], (spread(g, condition, g.types[x].lengths), x))
    hidden = g.build(REGISTER["mask"], (spread(g, condition, tuple(sizes[y] for y in inner)), value))
    return contract(g, [(hidden, inner), *fixed], labels, sizes)
