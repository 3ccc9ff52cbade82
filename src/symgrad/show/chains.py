"""Products of matrices as chains: products within products, their transposes and solutions, read as one row of factors.

(X^-1 b)^T is b^T X^-T, whatever order it is worked out in.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import NamedTuple

from symgrad.graph import Graph
from symgrad.ops.einsum import symmetric
from symgrad.show.contraction import Factor, Matrices, read


class Link(NamedTuple):
    """A factor of a chain."""

    node: int
    """-1 for a vector of ones."""
    across: bool = False
    """Whether it is transposed (a vector: a row)."""
    inverse: bool = False
    diagonal: bool = False
    """Whether it is a vector that stands for a diagonal matrix."""
    size: int = 0
    """The length of a vector of ones."""


def links(g: Graph, args: Sequence[int], factors: Sequence[Factor], named: Container[int]) -> list[Link]:
    """The `factors` of an einsum of `args`, with those that are products themselves taken apart; `named` are not."""
    return opened(g, _own(args, factors, False), named)


def opened(g: Graph, chain: Sequence[Link], named: Container[int]) -> list[Link]:
    """A chain with the products in it taken apart."""
    found: list[Link] = []
    stack = list(chain)[::-1]
    while stack:
        link = stack.pop()
        j = link.node
        whole = j < 0 or link.inverse or link.diagonal or j in named
        if not whole and g.ops[j].name == "inv":
            stack.append(Link(g.args[j][0], link.across, inverse=True))
            continue
        if not whole and g.ops[j].name == "solve" and len(g.types[j].shape) <= 2:
            matrix, right = g.args[j]
            inner = [Link(matrix, link.across, inverse=True), Link(right, link.across)]
            stack += inner if link.across else inner[::-1]
            continue
        product = None if whole or g.ops[j].name != "einsum" else read(g, j)
        if isinstance(product, Matrices) and product.product and not product.scalars and not product.closed:
            stack += _own(g.args[j], product.product, link.across)[::-1]
        else:
            found.append(link._replace(across=False) if j >= 0 and link.across and symmetric(g, j) else link)
    return found


def _own(args: Sequence[int], factors: Sequence[Factor], across: bool) -> list[Link]:
    """The factors of one product, or of its transpose."""
    found = []
    for f in factors:
        turned = f.role in ("transposed", "row")
        if f.operand < 0:
            if f.size != 1:
                found.append(Link(-1, turned ^ across, size=f.size))
        elif f.role == "diagonal":
            found.append(Link(args[f.operand], diagonal=True))
        elif f.role == "inverse":
            found.append(Link(args[f.operand], across, inverse=True))
        else:
            found.append(Link(args[f.operand], turned ^ across))
    return found[::-1] if across else found
