"""The order of products: as cheap as any, equal products made once, long products searched in time."""

from __future__ import annotations

import numpy as np
import opt_einsum
import pytest

from symgrad.compile.numpy import Reference
from symgrad.graph import Graph, Type
from symgrad.ops.einsum import contract
from symgrad.ops.pairing import FEW, path


def flops(text: str, shapes: list[tuple[int, ...]], order: list[tuple[int, ...]] | str) -> float:
    return float(opt_einsum.contract_path(text, *shapes, shapes=True, optimize=order)[1].opt_cost)


def linear(steps: tuple[tuple[int, int], ...], count: int) -> list[tuple[int, ...]]:
    """Places that never move as opt_einsum counts them: those that are left, new ones at the end."""
    left = list(range(count))
    found = []
    for k, pair in enumerate(steps):
        found.append(tuple(left.index(p) for p in pair))
        left = [p for p in left if p not in pair] + [count + k]
    return found


CASES = [
    ("ij,jk,kl->il", [(3, 90), (90, 4), (4, 50)]),
    ("ij,jk,kl,lm->im", [(70, 3), (3, 60), (60, 5), (5, 80)]),
    ("ai,bi,ci,di->abcd", [(4, 50), (3, 50), (2, 50), (5, 50)]),
    ("ij,jk,k,ij->i", [(30, 20), (20, 40), (40,), (30, 20)]),
    ("ab,bc,cd,de,ef,fa->", [(9, 8), (8, 7), (7, 6), (6, 5), (5, 4), (4, 9)]),
    ("ab,bc,cd,de,ef,fg,gh,hi->ai", [(9, 2), (2, 7), (7, 3), (3, 5), (5, 4), (4, 9), (9, 6), (6, 8)]),
]


@pytest.mark.parametrize(("text", "shapes"), CASES)
def test_no_order_takes_fewer_operations(text, shapes):
    left, out = text.split("->")
    parts = [(k, tuple(map(ord, p))) for k, p in enumerate(left.split(","))]
    sizes = {x: n for (_, p), s in zip(parts, shapes, strict=True) for x, n in zip(p, s, strict=True)}
    steps = path(parts, tuple(map(ord, out)), sizes)
    assert len(steps) == len(parts) - 1
    ours = flops(text, shapes, linear(steps, len(parts)))
    assert ours <= 1.02 * flops(text, shapes, "optimal" if len(parts) <= FEW else "greedy")


def test_the_same_product_twice_is_made_once():
    g = Graph()
    x = g.input("x", Type("float64", (1000, 100)))
    p = g.input("p", Type("float64", (1000, 10)))
    root = contract(g, [(x, (0, 1)), (x, (0, 2)), (p, (0, 3)), (p, (0, 4))], (1, 3, 2, 4))
    (a, b) = g.args[root]
    assert a == b
    assert g.types[a].shape == (1000, 100, 10)


def test_a_long_product_has_the_right_value():
    rng = np.random.default_rng(0)
    shapes = [(2, 3), (3, 4), (4, 2), (2, 5), (5, 3), (3, 2), (2, 4), (4, 3), (3, 2)]
    g = Graph()
    inputs = [g.input(f"m{k}", Type("float64", s)) for k, s in enumerate(shapes)]
    root = contract(g, [(i, (k, k + 1)) for k, i in enumerate(inputs)], (0, len(shapes)))
    arrays = [rng.normal(size=s) for s in shapes]
    got = Reference(g, inputs, [root])(arrays)[0]
    np.testing.assert_allclose(got, np.linalg.multi_dot(arrays), rtol=1e-12)


def test_the_order_does_not_depend_on_how_a_product_is_written():
    g = Graph()
    a, b, c = (g.input(n, Type("float64", (5, 5))) for n in "abc")
    left = contract(g, [(a, (0, 1)), (b, (1, 2)), (c, (2, 3))], (0, 3))
    assert contract(g, [(c, (2, 3)), (a, (0, 1)), (b, (1, 2))], (0, 3)) == left
    cube = contract(g, [(a, (0, 1)), (a, (1, 2)), (a, (2, 3))], (0, 3))
    assert contract(g, [(a, (7, 5)), (a, (9, 7)), (a, (5, 4))], (9, 4)) == cube
