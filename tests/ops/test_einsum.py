"""einsum: whatever the normal form does, the numbers stay; integers keep them exact."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from symgrad.compile.numpy import Reference
from symgrad.derive import tensors
from symgrad.graph import REGISTER, Graph, Node, Type
from symgrad.graph.node import spread
from symgrad.graph.verify import verify
from symgrad.ops.einsum import basis, contract, delta, einsum, matmul, transpose

ADD, NEGATIVE = REGISTER["add"], REGISTER["negative"]


def value(g: Graph, root: int, inputs: list[int], arrays: list[np.ndarray]) -> np.ndarray:
    verify(g, inputs, [root])
    return Reference(g, inputs, [root])(arrays)[0]


class Product:
    """A random product: inputs, identities, unit vectors, constants along axes, signs, multiples, transposes."""

    def __init__(self, draw, rng: np.random.Generator) -> None:
        g = self.graph = Graph()
        count = draw(st.integers(2, 4))
        sizes = [draw(st.integers(1, 3)) for _ in range(count)]
        self.inputs: list[int] = []
        self.arrays: list[np.ndarray] = []
        self.parts: list[tuple[int, tuple[int, ...]]] = []
        for k in range(draw(st.integers(1, 4))):
            kind = draw(st.sampled_from(["input", "input", "input", "delta", "basis", "spread", "product", "sum"]))
            labels = tuple(draw(st.lists(st.integers(0, count - 1), max_size=3)))
            shape = tuple(sizes[x] for x in labels)
            if kind == "delta":
                x = draw(st.integers(0, count - 1))
                same = [y for y in range(count) if sizes[y] == sizes[x]]
                labels = (x, draw(st.sampled_from(same)))
                node = g.add(delta, (), (sizes[x], "float64"))
            elif kind == "basis":
                labels = labels[:1] or (0,)
                n = sizes[labels[0]]
                node = g.add(basis, (), (n, draw(st.integers(0, n - 1)), "float64"))
            else:
                own = shape[draw(st.integers(0, len(shape))) :] if kind == "spread" else shape
                node = g.input(f"x{k}", Type("float64", own))
                self.inputs.append(node)
                self.arrays.append(rng.integers(-3, 4, own).astype(float))
                node = spread(g, node, shape)
                if kind == "product" and len(shape) == 2 and shape[0] == shape[1]:
                    identity = g.add(delta, (), (shape[0], "float64"))
                    node = contract(g, [(node, (0, 1)), (identity, (0, 1)), (g.const(3), ())], (1, 0))
                if kind == "sum" and len(shape) == 2 and shape[0] == shape[1]:
                    node = g.build(ADD, (node, g.add(delta, (), (shape[0], "float64"))))
                if draw(st.booleans()):
                    node = g.build(NEGATIVE, (node,))
            self.parts.append((node, labels))
        used = sorted({x for _, labels in self.parts for x in labels})
        self.out = tuple(draw(st.permutations(used)))[: draw(st.integers(0, 3))]

    def dense(self) -> np.ndarray:
        """The same by NumPy, of the operands' values."""
        letters = "abcdef"
        text = ",".join("".join(letters[x] for x in labels) for _, labels in self.parts)
        arrays = [value(self.graph, i, self.inputs, self.arrays) for i, _ in self.parts]
        return np.einsum(text + "->" + "".join(letters[x] for x in self.out), *arrays)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.data())
def test_the_normal_form_keeps_the_numbers(data):
    p = Product(data.draw, np.random.default_rng(data.draw(st.integers(0, 99))))
    root = contract(p.graph, p.parts, p.out)
    got = value(p.graph, root, p.inputs, p.arrays)
    np.testing.assert_array_equal(got, p.dense())
    again = Graph()
    new = p.graph.into(again, [*p.inputs, root])
    np.testing.assert_array_equal(value(again, new[root], [new[i] for i in p.inputs], p.arrays), got)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.data())
def test_the_jacobian_is_what_differences_give(data):
    """A product is linear in each operand, so differences of integers are exact."""
    p = Product(data.draw, np.random.default_rng(data.draw(st.integers(0, 99))))
    if not p.inputs:
        return
    g = p.graph
    root = contract(g, p.parts, p.out)
    base = value(g, root, p.inputs, p.arrays)
    k = data.draw(st.integers(0, len(p.inputs) - 1))
    (jacobian,) = tensors.jacobian(g, root, [p.inputs[k]])
    got = value(g, jacobian, p.inputs, p.arrays)
    own = p.arrays[k]
    want = np.zeros(base.shape + own.shape)
    for index in np.ndindex(own.shape):
        moved = own.copy()
        moved[index] += 1
        want[(..., *index)] = value(g, root, p.inputs, [*p.arrays[:k], moved, *p.arrays[k + 1 :]]) - base
    kept = [*tensors.axes(base.shape), *(base.ndim + a for a in tensors.axes(own.shape))]
    want = want.squeeze(tuple(a for a in range(want.ndim) if a not in kept))
    np.testing.assert_array_equal(got, want)


def square(name: str, n: int = 3) -> tuple[Graph, Node]:
    g = Graph()
    return g, Node(g, g.input(name, Type("float64", (n, n))))


def listing(g: Graph, root: int) -> list[str]:
    return [
        g.ops[i].name + " " + " ".join(map(str, g.attrs[i]))
        for i, needed in enumerate(g.reach([root]))
        if needed and g.ops[i].name not in ("input", "const")
    ]


def test_identities_are_summed_away():
    g, a = square("a")
    identity = g.build(delta, (), (3, "float64"))
    assert matmul(g, identity, matmul(g, a.id, identity)) == a.id
    assert contract(g, [(identity, (0, 0))], ()) == g.const(3)
    assert contract(g, [(a.id, (0, 1)), (identity, (0, 1))], ()) == contract(g, [(a.id, (0, 0))], ())


def test_the_transpose_of_a_product_shares_the_product():
    g, a = square("a")
    b = g.input("b", Type("float64", (3, 3)))
    product = matmul(g, a.id, b)
    across = transpose(g, product, (1, 0))
    assert g.args[across] == (product,)
    assert transpose(g, across, (1, 0)) == product
    assert matmul(g, transpose(g, b, (1, 0)), transpose(g, a.id, (1, 0))) == across
    gram = matmul(g, transpose(g, a.id, (1, 0)), a.id)
    assert transpose(g, gram, (1, 0)) == gram


def test_signs_and_numbers_stand_outside():
    g, a = square("a")
    b = Node(g, g.input("b", Type("float64", (3, 3))))
    product = Node(g, matmul(g, (-(2 * a)).id, (3 * b).id))
    assert listing(g, product.id) == ["einsum ij,jk->ik", "einsum ,ij->ij", "negative "]
    assert g.value(g.args[product.args[0].id][0]) == 6
    assert (2 * a + a).id == (3 * a).id
    assert (a / 4 * 8).id == (2 * a).id


def test_more_than_two_operands_are_contracted_pair_by_pair_from_the_cheap_end():
    g = Graph()
    a = g.input("a", Type("float64", (50, 60)))
    b = g.input("b", Type("float64", (60, 70)))
    x = g.input("x", Type("float64", (70,)))
    root = contract(g, [(a, (0, 1)), (b, (1, 2)), (x, (2,))], (0,))
    assert listing(g, root) == ["einsum ij,j->i", "einsum ij,j->i"]
    assert g.operations([root]) == 60 * (2 * 70 - 1) + 50 * (2 * 60 - 1)


def test_a_sum_of_identities_is_multiplied_out():
    g, a = square("a")
    identity = Node(g, g.build(delta, (), (3, "float64")))
    assert Node(g, matmul(g, (a + identity).id, a.id)).id == (Node(g, matmul(g, a.id, a.id)) + a).id


def test_a_sum_of_products_is_not_formed_where_an_axis_of_it_is_summed():
    n = 30
    g = Graph()
    a, b = (Node(g, g.input(name, Type("float64", (n,)))) for name in "ab")
    m = g.input("m", Type("float64", (n, n)))
    outer = Node(g, contract(g, [(a.id, (0,))], (0, 1), {1: n})) + Node(g, spread(g, b.id, (n, n)))
    assert max(len(g.types[i].shape) for i in g.args[contract(g, [(outer.id, (0, 1))], (0,))]) == 1
    product = contract(g, [(outer.id, (0, 1)), (m, (1, 2))], (0, 2))
    assert g.operations([product]) < 6 * n**2
    p = rng_arrays((n,), (n,), (n, n))
    want = (p[0][:, None] + p[1]) @ p[2]
    np.testing.assert_array_equal(value(g, product, [a.id, b.id, m], p), want)


def rng_arrays(*shapes: tuple[int, ...]) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [rng.integers(-3, 4, s).astype(float) for s in shapes]


def test_a_number_that_two_terms_share_is_taken_out_of_transposes_too():
    g, a = square("a")
    across = Node(g, transpose(g, a.id, (1, 0)))
    assert (5 * a + 5 * across).id == (5 * (a + across)).id


def test_two_different_unit_vectors_are_orthogonal():
    g = Graph()
    e, f = (g.add(basis, (), (3, k, "float64")) for k in (0, 1))
    assert contract(g, [(e, (0,)), (f, (0,))], ()) == g.const(0)
    assert listing(g, contract(g, [(e, (0,)), (e, (0,))], ())) == ["basis 3 0 float64", "einsum i->"]


@pytest.mark.parametrize(
    ("text", "shapes", "message"),
    [
        ("ij,jk->ik", [(2, 3), (4, 2)], "is 3 and 4 long"),
        ("ij->ik", [(2, 3)], "in no operand"),
        ("ij,j->i", [(2, 3)], "1 tensors"),
        ("i->i", [(2, 3)], "has not 1 axes"),
        ("i->ii", [(2,)], "1 tensors"),
    ],
)
def test_what_does_not_fit_is_refused(text, shapes, message):
    g = Graph()
    nodes = [Node(g, g.input(f"x{k}", Type("float64", s))) for k, s in enumerate(shapes)]
    with pytest.raises(TypeError, match=message):
        einsum(*nodes, subscripts=text)
