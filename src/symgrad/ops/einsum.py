"""einsum: transposes, diagonals, sums and products of tensors in one normal form; identities are nodes.

At construction (`ops.contraction`; S. Laue, M. Mitterreiter, J. Giesen, "A Simple and Efficient Tensor
Calculus", AAAI 2020):

- identity tensors are summed away, products without sums merge into what uses them, signs float outwards;
- what sums has at most two operands and no factor: a product of more is contracted pair by pair, the
  cheapest first; a scalar factor, and identities that remain, stand outside;
- a sum that holds identities is multiplied out, so that they can be summed away.
"""

from __future__ import annotations

import math
import re

from symgrad.graph import Graph, Node, Op, Type, promote, register
from symgrad.ops.contraction import Part, contract, factors
from symgrad.ops.declare import multilinear
from symgrad.ops.subscripts import Labels, parse, sums
from symgrad.ops.symmetry import symmetric


def _type(types: list[Type], text: str) -> Type:
    parts, out = parse(text)
    if not re.fullmatch(r"[a-zA-Z,]*->[a-zA-Z]*", text):
        raise TypeError(f"einsum {text!r:.40}: subscripts are letters, as in 'ij,jk->ik'")
    sizes: dict[int, int | None] = {}
    if len(parts) != len(types) or len(set(out)) != len(out):
        raise TypeError(f"einsum {text!r} of {len(types)} tensors")
    for labels, t in zip(parts, types, strict=True):
        if len(labels) != len(t.shape):
            raise TypeError(f"einsum {text!r}: a tensor of shape {t.shape} has not {len(labels)} axes")
        for label, n in zip(labels, t.shape, strict=True):
            if sizes.setdefault(label, n) != n:
                raise TypeError(f"einsum {text!r}: axis {chr(label)!r} is {sizes[label]} and {n} long")
    if not sizes.keys() >= set(out):
        raise TypeError(f"einsum {text!r}: an axis of the result is in no operand")
    return Type(promote([t.dtype for t in types]), tuple(sizes[x] for x in out))


def _normal(g: Graph, args: tuple[int, ...], attrs: tuple[str, ...]) -> int:
    parts, out = parse(attrs[0])
    _type([g.types[a] for a in args], attrs[0])
    return contract(g, zip(args, parts, strict=True), out)


def _cotangents(ct: Node, *nodes: Node, subscripts: str) -> list[Node]:
    """Each operand's: the product of `ct` and the other operands, with its labels left."""
    g = ct.graph
    args = nodes[:-1]
    parts, out = parse(subscripts)
    sizes = {x: n or 0 for a, labels in zip(args, parts, strict=True) for x, n in zip(labels, a.shape, strict=True)}
    lead = tuple(-1 - k for k in range(len(ct.shape) - len(out)))
    found = []
    for k, labels in enumerate(parts):
        product: list[Part] = [(ct.id, lead + out)]
        product += [(a.id, p) for j, (a, p) in enumerate(zip(args, parts, strict=True)) if j != k]
        own: list[int] = []
        for x in labels:  # of a diagonal, a second label per axis and an identity between them
            if x in own:
                again = 10**6 + len(own)
                sizes[again] = sizes[x]
                product.append((g.add(delta, (), (sizes[x], ct.type.dtype)), (x, again)))
                x = again
            own.append(x)
        found.append(Node(g, contract(g, product, lead + tuple(own), sizes)))
    return found


def _work(types: list[Type], text: str) -> float:
    """Of what is summed: one product less than operands per combination of labels, and the sums.

    Without sums small operands are multiplied first.
    """
    parts, out = parse(text)
    sizes = {x: n or 1 for labels, t in zip(parts, types, strict=True) for x, n in zip(labels, t.shape, strict=True)}
    if sums(parts, out):
        every = math.prod(sizes.values())
        return (len(parts) - 1) * every + every - math.prod(sizes[x] for x in out)
    first, *rest = sorted(parts, key=lambda p: math.prod(sizes[x] for x in set(p)))
    work, held = 0.0, set(first)
    for labels in rest:
        held |= set(labels)
        work += math.prod(sizes[x] for x in held)
    return work


def _basis_type(types: list[Type], n: int, k: int, dtype: str) -> Type:
    if not 0 <= k < n:
        raise TypeError(f"basis: axis {k} of {n}")
    return Type(dtype, (n,))


einsum = multilinear(
    "einsum",
    None,
    _type,
    _cotangents,
    attrs=("subscripts",),
    normal=_normal,
    work=_work,
    doc="the sum of products of elements that the subscripts say, as numpy.einsum reads them",
)
delta = register(
    Op(
        "delta",
        "leaf",
        0,
        attrs=("n", "dtype"),
        typing=lambda types, n, dtype: Type(dtype, (n, n)),
        cost=0.0,
        doc="the identity matrix",
    )
)
basis = register(
    Op(
        "basis",
        "leaf",
        0,
        attrs=("n", "k", "dtype"),
        typing=_basis_type,
        cost=0.0,
        doc="the unit vector along axis k of n",
    )
)


def transpose(g: Graph, i: int, axes: Labels) -> int:
    """Node `i` with its axes in another order, as numpy.transpose."""
    return contract(g, [(i, tuple(range(len(axes))))], axes)


def matmul(g: Graph, a: int, b: int) -> int:
    """The product of two matrices."""
    return contract(g, [(a, (0, 1)), (b, (1, 2))], (0, 2))


__all__ = [
    "Labels",
    "Part",
    "basis",
    "contract",
    "delta",
    "einsum",
    "factors",
    "matmul",
    "parse",
    "sums",
    "symmetric",
    "transpose",
]
