"""Parts, places, orders and scans: normal forms, ties, empty axes, what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from symgrad.compile.numpy import Reference
from symgrad.derive import tensors
from symgrad.errors import ArgumentError
from symgrad.graph import REGISTER, Graph, Node, Type
from symgrad.graph.node import spread
from symgrad.graph.verify import verify
from symgrad.ops.literal import constant_array
from symgrad.ops.reduce import (
    amax,
    amin,
    argcummax,
    argmax,
    argsort,
    cummax,
    cumprod,
    cumsum,
    linear_recurrence,
    logsumexp,
    prod,
    searchsorted,
)
from symgrad.ops.slicing import concatenate, flip, pad, slice_
from symgrad.ops.take import put_along, scatter_add, take, take_along
from tests.ops.arrays import close


def graph(*shapes: tuple[int, ...], dtype: str = "float64") -> tuple[Graph, list[Node]]:
    g = Graph()
    return g, [Node(g, g.input(f"x{k}", Type(dtype, s))) for k, s in enumerate(shapes)]


def const(g: Graph, value: Any) -> Node:
    return Node(g, constant_array(g, np.asarray(value)))


def run(root: Node, inputs: list[Node], *values: Any) -> np.ndarray:
    ids = [i.id for i in inputs]
    verify(root.graph, ids, [root.id])
    return Reference(root.graph, ids, [root.id])([np.asarray(v) for v in values])[0]


def part(x: Node, *bounds: tuple[int, int, int]) -> Node:
    start, stop, step = zip(*bounds, strict=True)
    return slice_(x, start=start, stop=stop, step=step)


class Chain:
    """A random chain of parts, pads, flips, joins and reads at known places, in the graph and in NumPy.

    The graph is made twice: through the normal forms, and without them.
    """

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        shape = tuple(draw(st.lists(st.integers(0, 5), min_size=1, max_size=3)))
        rng = np.random.default_rng(draw(st.integers(0, 99)))
        self.value = rng.integers(-9, 9, shape).astype(float)
        self.g, (self.input,) = graph(shape)
        self.given = self.value
        kind = draw(st.sampled_from(["input", "input", "spread", "literal"]))
        self.node = self.plain = self.input
        if kind == "spread":
            self.node = self.plain = Node(self.g, spread(self.g, self.input.id, (2, *shape)))
            self.value = np.broadcast_to(self.value, (2, *shape))
        elif kind == "literal":
            self.node = self.plain = const(self.g, self.value)
        for _ in range(draw(st.integers(1, 5))):
            getattr(self, draw(st.sampled_from(["slice", "pad", "flip", "join", "take", "scatter", "minus"])))()

    def apply(self, op: str, attrs: tuple[Any, ...], value: np.ndarray, *others: int, turn: bool = False) -> None:
        g = self.g
        self.node, self.plain = (
            Node(g, make(REGISTER[op], ((*others, x.id) if turn else (x.id, *others)), attrs))
            for make, x in ((g.build, self.node), (g.add, self.plain))
        )
        self.value = value

    def axes(self) -> int:
        return self.draw(st.integers(1, self.value.ndim)) if self.value.ndim else 0

    def slice(self) -> None:
        bounds = []
        count = self.axes()
        if not count:
            return
        for n in self.value.shape[-count:]:
            start = self.draw(st.integers(0, n))
            bounds.append((start, self.draw(st.integers(start, n)), self.draw(st.integers(1, 3))))
        self.apply("slice", tuple(zip(*bounds, strict=True)), self.value[(..., *(slice(*b) for b in bounds))])

    def pad(self) -> None:
        count = self.axes()
        if not count:
            return
        three = [tuple(self.draw(st.integers(0, 2)) for _ in range(count)) for _ in range(3)]
        value = self.value
        for k, gap in enumerate(three[2], -count):
            n = value.shape[k]
            value = np.insert(value, np.repeat(np.arange(1, n), gap) if n else [], 0, axis=k)
        lead = [(0, 0)] * (value.ndim - count)
        self.apply("pad", tuple(three), np.pad(value, lead + list(zip(three[0], three[1], strict=True))))

    def flip(self) -> None:
        every = range(-self.value.ndim, 0)
        axes = tuple([k for k in every if self.draw(st.booleans())])
        self.apply("flip", (axes,), np.flip(self.value, axes))

    def join(self) -> None:
        if not self.value.ndim:
            return
        axis = self.draw(st.integers(-self.value.ndim, -1))
        shape = list(self.value.shape)
        shape[axis] = self.draw(st.integers(0, 2))
        other = np.zeros(shape) if self.draw(st.booleans()) else np.arange(float(np.prod(shape))).reshape(shape)
        turn = self.draw(st.booleans())
        pair = (other, self.value) if turn else (self.value, other)
        self.apply("concatenate", (axis,), np.concatenate(pair, axis), const(self.g, other).id, turn=turn)

    def places(self, n: int) -> np.ndarray:
        kind = self.draw(st.sampled_from(["one", "range", "back", "any"]))
        if kind == "one":
            return np.array(self.draw(st.integers(0, n - 1)))
        if kind == "any":
            return np.array(self.draw(st.lists(st.integers(0, n - 1), max_size=4)), np.int64)
        found = np.arange(self.draw(st.integers(0, n - 1)), n, self.draw(st.integers(1, 2)))
        return found[::-1] if kind == "back" else found

    def take(self) -> None:
        longer = [k for k in range(-self.value.ndim, 0) if self.value.shape[k]]
        if longer:
            axis = self.draw(st.sampled_from(longer))
            i = self.places(self.value.shape[axis])
            self.apply("take", (axis,), np.take(self.value, i, axis=axis), const(self.g, i).id)

    def scatter(self) -> None:
        if not self.value.ndim:
            return
        axis = self.draw(st.integers(-self.value.ndim, -1))
        count, n = self.value.shape[axis], self.draw(st.integers(1, 6))
        start, step = self.draw(st.integers(0, 1)), self.draw(st.sampled_from([1, 1, 2]))
        i = start + step * np.arange(count)
        i = (i[::-1] if self.draw(st.booleans()) else i) % n
        value = np.zeros(
            (*self.value.shape[: self.value.ndim + axis], n, *self.value.shape[self.value.ndim + axis + 1 :])
        )
        np.add.at(np.moveaxis(value, axis, 0), i, np.moveaxis(self.value, axis, 0))
        self.apply("scatter_add", (axis, n), value, const(self.g, i).id)

    def minus(self) -> None:
        self.apply("negative", (), -self.value)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.data())
def test_normal_forms_keep_the_numbers(data: Any) -> None:
    chain = Chain(data.draw)
    got = run(chain.node, [chain.input], chain.given)
    plain = run(chain.plain, [chain.input], chain.given)
    assert got.shape == plain.shape == chain.value.shape
    np.testing.assert_array_equal(plain, chain.value)
    np.testing.assert_array_equal(got, chain.value)


def test_slices_and_pads() -> None:
    g, (x,) = graph((4, 6))
    inner = part(x, (1, 4, 1), (0, 6, 2))
    assert part(inner, (1, 3, 1), (1, 3, 1)).id == part(x, (2, 4, 1), (2, 5, 2)).id
    assert part(x, (0, 4, 1), (0, 6, 1)).id == x.id
    assert part(x, (0, 6, 1)).id == x.id
    assert pad(x, low=(0,), high=(0,), interior=(0,)).id == x.id
    wide = pad(x, low=(1, 2), high=(0, 1), interior=(0, 2))
    assert part(wide, (1, 5, 1), (2, 18, 3)).id == x.id
    assert part(wide, (0, 1, 1), (0, 3, 1)).op.name == "broadcast"
    assert pad(pad(x, low=(1,), high=(0,), interior=(2,)), low=(1,), high=(2,), interior=(0,)).id == (
        pad(x, low=(2,), high=(2,), interior=(2,)).id
    )
    zero = Node(g, spread(g, g.const(0), (3,)))
    assert pad(zero, low=(1,), high=(1,), interior=(0,)).id == spread(g, g.const(0), (5,))
    assert part(-x, (0, 2, 1)).id == (-part(x, (0, 2, 1))).id
    row = Node(g, spread(g, part(x, (0, 1, 1), (0, 6, 1)).id, (5, 1, 6)))
    assert part(row, (2, 4, 1), (0, 1, 1), (0, 6, 1)).op.name == "broadcast"


def test_flips_and_concatenations() -> None:
    g, (x, y) = graph((4, 6), (4, 1))
    assert flip(flip(x, axes=(-1,)), axes=(-1,)).id == x.id
    assert flip(flip(x, axes=(-2, -1)), axes=(-1,)).id == flip(x, axes=(-2,)).id
    assert flip(y, axes=(-1,)).id == y.id
    assert flip(x, axes=()).id == x.id
    assert part(flip(x, axes=(-1,)), (0, 2, 1)).id == flip(part(x, (4, 6, 1)), axes=(-1,)).id
    assert concatenate(x, axis=-1).id == x.id
    assert concatenate(concatenate(x, y, axis=-1), x, axis=-1).id == concatenate(x, y, x, axis=-1).id
    assert concatenate(part(x, (0, 2, 1)), part(x, (2, 6, 1)), axis=-1).id == x.id
    assert concatenate(part(x, (2, 6, 1)), part(x, (0, 2, 1)), axis=-1).op is concatenate
    assert part(concatenate(x, y, axis=-1), (1, 3, 1)).id == part(x, (1, 3, 1)).id
    assert part(concatenate(x, y, axis=-1), (6, 7, 1)).id == y.id
    zeros = Node(g, spread(g, g.const(0), (4, 2)))
    assert concatenate(zeros, x, axis=-1).id == pad(x, low=(2,), high=(0,), interior=(0,)).id
    assert concatenate(x, part(y, (0, 0, 1)), axis=-1).id == x.id
    assert concatenate(-x, -y, axis=-1).id == (-concatenate(x, y, axis=-1)).id


def test_known_places_are_slices() -> None:
    g, (x,) = graph((4, 6))
    whole = const(g, np.arange(6))
    assert take(x, whole, axis=-1).id == x.id
    assert take(x, whole * 2 - 1, axis=-1).op is take  # -1 is outside: an error when it is called
    assert take(x, const(g, np.arange(3)) * 2 + 1, axis=-1).id == part(x, (1, 6, 2)).id
    assert take(x, 5 - whole, axis=-1).id == flip(x, axes=(-1,)).id
    assert take(x, const(g, 2), axis=-2).shape == (6,)
    assert take(x, const(g, 2), axis=-2).op is not take
    assert take(x, const(g, [0, 1, 3]), axis=-1).op is take
    assert scatter_add(x, whole, axis=-1, n=6).id == x.id
    assert scatter_add(x, whole + 1, axis=-1, n=8).id == pad(x, low=(1,), high=(1,), interior=(0,)).id
    assert take(Node(g, spread(g, g.const(3), (4, 6))), whole, axis=-2).op.name in ("take", "broadcast")


def test_reductions_of_one_element_of_none_and_of_equal_ones() -> None:
    g, (x, one, none) = graph((4, 3), (4, 1), (4, 0))
    same = Node(g, spread(g, g.input("c", Type("float64")), (4, 3)))
    for op in (amax, amin, prod, logsumexp):
        assert op(one).op.name == "einsum"  # the axis is dropped
    assert amax(same).id == amin(same).id == spread(g, same.args[0].id, (4,))
    assert argmax(same).id == argmax(one).id == spread(g, g.const(0, "int64"), (4,))
    for op in (cumsum, cumprod):
        assert op(one).id == one.id
        assert op(none).id == none.id
        assert op(x).op is op
    assert linear_recurrence(one, one * one).id == (one * one).id
    np.testing.assert_array_equal(run(prod(none), [x, one, none], *(np.ones((4, n)) for n in (3, 1, 0))), np.ones(4))
    assert run(logsumexp(none), [x, one, none], *(np.ones((4, n)) for n in (3, 1, 0))).tolist() == [-np.inf] * 4


@pytest.mark.parametrize("op", [amax, amin, argmax])
def test_an_extreme_of_nothing_is_refused(op: Any) -> None:
    _, (x,) = graph((4, 0))
    with pytest.raises(TypeError, match="no element along the last axis"):
        op(x)


@pytest.mark.parametrize(
    "build",
    [
        lambda x: part(x, (0, 0, 1)),
        lambda x: flip(x, axes=(-1,)),
        lambda x: pad(x, low=(1,), high=(2,), interior=(1,)),
        lambda x: concatenate(x, x, axis=-2),
        lambda x: take(x, Node(x.graph, constant_array(x.graph, np.zeros((2, 0), np.int64))), axis=-1),
        lambda x: scatter_add(x, Node(x.graph, constant_array(x.graph, np.zeros(0, np.int64))), axis=-1, n=3),
        lambda x: take_along(x, argsort(x)),
        lambda x: put_along(x, argsort(x), n=2),
        cumsum,
        cumprod,
        cummax,
        prod,
        logsumexp,
        lambda x: linear_recurrence(x, x),
        argcummax,
    ],
)
@pytest.mark.parametrize("shape", [(2, 0), (0, 0)])
def test_empty_axes(build: Any, shape: tuple[int, ...]) -> None:
    g, (x,) = graph(shape)
    y = build(x)
    assert run(y, [x], np.zeros(shape)).shape == y.shape
    if y.type.dtype == "float64":
        for mode in ("reverse", "forward"):
            (jacobian,) = tensors.jacobian(g, y.id, [x.id], mode, whole=True)
            assert run(Node(g, jacobian), [x], np.zeros(shape)).shape == (*y.shape, *shape)


def test_equal_extremes_share_the_derivative() -> None:
    g, (x,) = graph((3, 4))
    values = np.array([[1.0, 3, 3, 0], [2, 2, 2, 2], [np.inf, 0, 1, np.inf]])
    for op, sign in ((amax, 1), (amin, -1)):
        (gradient,) = tensors.gradient(g, Node(g, tensors_sum(g, op(x))).id, [x.id])
        got = run(Node(g, gradient), [x], sign * values)
        want = [[0, 0.5, 0.5, 0], [0.25] * 4, [0.5, 0, 0, 0.5]]
        np.testing.assert_array_equal(got, want)


def tensors_sum(g: Graph, x: Node) -> int:
    from symgrad.ops.einsum import contract

    labels = tuple(range(len(x.shape)))
    return contract(g, [(x.id, labels)], ())


def test_running_extremes_follow_the_first_of_equal_ones() -> None:
    g, (x,) = graph((5,))
    values = np.array([1.0, 1.0, 3.0, 2.0, 3.0])
    assert run(argcummax(x), [x], values).tolist() == [0, 0, 2, 2, 2]
    assert run(argcummax(x), [x], [1.0, np.nan, 3.0, np.nan, 0.0]).tolist() == [0, 1, 1, 1, 1]
    (jacobian,) = tensors.jacobian(g, cummax(x).id, [x.id])
    np.testing.assert_array_equal(run(Node(g, jacobian), [x], values), np.eye(5)[[0, 0, 2, 2, 2]])


@pytest.mark.parametrize("zeros", [(), (1,), (1, 3), (0,), (4,), (0, 1, 2, 3, 4)])
def test_products_at_zeros(zeros: tuple[int, ...]) -> None:
    g, (x,) = graph((5,))
    values = np.array([0.5, -1.25, 3.0, 2.0, 1.5])
    values[list(zeros)] = 0.0
    (gradient,) = tensors.gradient(g, prod(x).id, [x.id])
    want = np.array([np.prod(np.delete(values, k)) for k in range(5)])
    close(run(Node(g, gradient), [x], values), want, 1e-15)
    (second,) = tensors.jacobian(g, gradient, [x.id])
    pairs = [[0.0 if j == k else np.prod(np.delete(values, [j, k])) for j in range(5)] for k in range(5)]
    close(run(Node(g, second), [x], values), pairs, 1e-15)


def test_logsumexp_does_not_overflow() -> None:
    g, (x,) = graph((4, 2))
    values = np.array([[1000.0, 1000.0], [-1000.0, -1001.0], [-np.inf, 0.0], [-np.inf, -np.inf]])
    want = [1000 + np.log(2), -1000 + np.log1p(np.exp(-1.0)), 0, -np.inf]
    np.testing.assert_allclose(run(logsumexp(x), [x], values), want, rtol=1e-15)
    (gradient,) = tensors.gradient(g, Node(g, tensors_sum(g, logsumexp(x))).id, [x.id])
    p = 1 / (1 + np.exp(-1.0))
    np.testing.assert_allclose(run(Node(g, gradient), [x], values)[:3], [[0.5, 0.5], [p, 1 - p], [0, 1]], rtol=1e-12)


def test_a_recurrence_begins_with_nothing() -> None:
    """What stands before the first element is a structural zero."""
    _, (a, b) = graph((3,), (3,))
    assert run(linear_recurrence(a, b), [a, b], [np.inf, 2.0, 3.0], [1.0, 1.0, 1.0]).tolist() == [1.0, 3.0, 10.0]


@pytest.mark.parametrize("bad", [-1, 4])
def test_places_outside_are_an_error(bad: int) -> None:
    g = Graph()
    x, i = Node(g, g.input("x0", Type("float64", (4,)))), Node(g, g.input("x1", Type("int64", (2,))))
    for y in (take(x, i, axis=-1), take_along(x, i), scatter_add(part(x, (0, 2, 1)), i, axis=-1, n=4)):
        with pytest.raises(ArgumentError, match=f"index {bad} is outside an axis of length 4"):
            run(y, [x, i], np.arange(4.0), np.array([0, bad]))
    with pytest.raises(ArgumentError, match="outside"):
        run(put_along(part(x, (0, 2, 1)), i, n=4), [x, i], np.arange(4.0), np.array([0, bad]))


def test_integers_stay_integers() -> None:
    _, (x,) = graph((2, 3), dtype="int64")
    values = np.array([[3, -1, 2], [2**53 + 1, 1, 1]])
    for op, fn in ((amax, np.max), (amin, np.min), (prod, np.prod), (cumsum, np.cumsum), (cumprod, np.cumprod)):
        got = run(op(x), [x], values)
        assert got.dtype == np.int64
        np.testing.assert_array_equal(got, fn(values, axis=-1))
    assert run(pad(x, low=(1,), high=(0,), interior=(0,)), [x], values)[1].tolist() == [0, 2**53 + 1, 1, 1]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda x: part(x, (0, 7, 1)), "slice: 0:7:1 of an axis of length 6"),
        (lambda x: part(x, (0, 6, 0)), "slice: 0:6:0"),
        (lambda x: slice_(x, start=(0, 0, 0), stop=(1, 1, 1), step=(1, 1, 1)), "slice: 3 bounds"),
        (lambda x: pad(x, low=(-1,), high=(0,), interior=(0,)), "pad"),
        (lambda x: flip(x, axes=(0,)), r"flip: axes \(0,\)"),
        (lambda x: concatenate(x, part(x, (0, 2, 1)), axis=-2), "differ beside axis 0"),
        (lambda x: take(x, x, axis=-1), "places of dtype float64"),
        (lambda x: take(x, argmax(x), axis=-3), "axis -3"),
        (lambda x: scatter_add(x, argmax(x), axis=-1, n=3), r"values of shape \(4, 6\) at places of shape \(4,\)"),
        (lambda x: take_along(x, argmax(x)), "with places of shape"),
        (lambda x: linear_recurrence(x, part(x, (0, 2, 1))), "two arrays of one type"),
        (lambda x: searchsorted(x, x, side="left"), "one sorted axis"),
    ],
)
def test_shapes_that_do_not_fit(build: Any, message: str) -> None:
    _, (x,) = graph((4, 6))
    with pytest.raises(TypeError, match=message):
        build(x)
