"""Arrays as sums of products: the terms multiply out to the array, and show its structure."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from symgrad.derive import tensors
from symgrad.graph import REGISTER, Graph, Node, Type
from symgrad.ops.einsum import contract, einsum
from symgrad.ops.terms import Terms, terms
from tests.ops.test_einsum import Product, value


def dense(g: Graph, found: Terms, inputs: list[int], arrays: list[np.ndarray]) -> np.ndarray:
    """The sum of the terms, from the values of their factors."""
    shape = tuple(found.sizes[x] for x in found.out)
    total = np.zeros(shape)
    for t in found.terms:
        parts: list[object] = []
        for i, labels in t.factors:
            parts += [value(g, i, inputs, arrays), list(labels)]
        ones = [np.ones(found.sizes[x]) for x in found.out]
        for one, x in zip(ones, found.out, strict=True):
            parts += [one, [x]]
        scale = float(t.number) * np.prod([value(g, s, inputs, arrays) for s in t.scalars])
        total = total + scale * (np.einsum(*parts, list(found.out)) if parts else 1.0)
    return total


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.data())
def test_the_terms_add_up_to_the_array(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    p = Product(data.draw, rng)
    g = p.graph
    root = contract(g, p.parts, p.out)
    if p.inputs:
        (jacobian,) = tensors.jacobian(g, root, p.inputs[:1])
        roots = [root, jacobian]
    else:
        roots = [root]
    for r in roots:
        np.testing.assert_allclose(dense(g, terms(g, r), p.inputs, p.arrays), value(g, r, p.inputs, p.arrays))


def test_kronecker_diagonal_and_low_rank_are_seen():
    n, k = 5, 2
    g = Graph()
    u, v = (Node(g, g.input(name, Type("float64", (n, k)))) for name in "uv")
    t = Node(g, g.input("t", Type("float64", (n, n))))
    r = t - Node(g, contract(g, [(u.id, (0, 2)), (v.id, (1, 2))], (0, 1)))
    loss = contract(g, [(r.id, (0, 1)), (r.id, (0, 1))], ())
    (gradient,) = tensors.gradient(g, loss, [u.id])
    (hessian,) = tensors.jacobian(g, gradient, [u.id])
    found = terms(g, hessian)
    (term,) = found.terms
    assert term.number == 2
    assert {(g.ops[i].name, labels) for i, labels in term.factors} == {("delta", (0, 2)), ("einsum", (1, 3))}
    gram = contract(g, [(u.id, (0, 1)), (u.id, (0, 2))], (1, 2))
    (term,) = terms(g, gram).terms
    assert term.factors == ((u.id, (2, 0)), (u.id, (2, 1)))
    (term,) = terms(g, (-3 * t).id, whole={t.id}).terms
    assert (term.number, term.scalars, term.factors) == (-3, (), ((t.id, (0, 1)),))
    assert [x.number for x in terms(g, (u - 2 * v).id).terms] == [1, -2]


def test_a_sum_over_what_is_constant_counts_it_as_often():
    g = Graph()
    a, b, c = (
        Node(g, g.input(name, Type("float64", shape))) for name, shape in (("a", (3, 4)), ("b", (4,)), ("c", (3, 4)))
    )
    repeated = contract(g, [(b.id, (1,))], (0, 1), {0: 3, 1: 4})
    both = g.add(REGISTER["add"], (a.id, repeated))
    kept = g.add(einsum, (both,), ("ij->j",))  # as it stands where rewriting would not pay
    wide = contract(g, [(kept, (0,)), (c.id, (1, 2))], (0, 1, 2))
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=s) for s in ((3, 4), (4,), (3, 4))]
    inputs = [a.id, b.id, c.id]
    for r in (kept, wide):
        np.testing.assert_allclose(dense(g, terms(g, r), inputs, arrays), value(g, r, inputs, arrays))
