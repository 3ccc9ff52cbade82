"""Nests as data: what they mean in NumPy, in which order compiled loops run, the same text every time."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import symgrad.ops  # noqa: F401  the operations of bodies
from symgrad.compile.llvm.nest import program
from symgrad.compile.llvm.nest_order import Order, adds_to_memory, arrange
from symgrad.compile.nest import Access, Nest, Place, Store, fill, index_input, interpret, load_input
from symgrad.errors import ArgumentError, UnsupportedError
from symgrad.graph import REGISTER, Graph, Node, Type

F = "float64"


def copy(sizes: tuple[int, ...], source: tuple[int, ...], target: tuple[int, ...], how: str = "set") -> Nest:
    g = Graph()
    return Nest(sizes, (Access(0, F, source),), g, (Store(load_input(g, 0), Access(1, F, target), how),))


def loops(order: Order) -> list[tuple[int, int]]:
    """(axis, chunk) from the outside inwards."""
    return [(x.axis, x.chunk) for x in order.loops]


def vector(order: Order) -> int:
    """The stride, of the first access, that lanes are apart."""
    assert order.vector is not None
    return order.nest.loads[0].strides[order.loops[order.vector].axis]


def test_a_product_with_a_row_sum_in_numpy() -> None:
    g = Graph()
    x, s = Node(g, load_input(g, 0)), Node(g, load_input(g, 1))
    y = (x * s).id
    stores = (Store(y, Access(2, F, (4, 1))), Store(y, Access(3, F, (1, 0)), "add"))
    nest = Nest((3, 4), (Access(0, F, (4, 1)), Access(1, F, (1, 0))), g, stores)
    a, b = np.arange(12.0), np.array([1.0, 10.0, 100.0])
    buffers = [a, b, np.zeros(12), np.full(3, 7.0)]
    interpret(nest, buffers)
    want = a.reshape(3, 4) * b[:, None]
    assert np.array_equal(buffers[2].reshape(3, 4), want)
    assert np.array_equal(buffers[3], want.sum(1))


def test_indices_diagonals_and_places_in_numpy() -> None:
    g = Graph()
    i, j = Node(g, index_input(g, 0)), Node(g, index_input(g, 1))
    triangle = REGISTER["mask"](i > j, Node(g, load_input(g, 0)))
    nest = Nest((3, 3), (Access(0, F, (3, 1)),), g, (Store(triangle.id, Access(1, F, (3, 1))),))
    a = np.arange(1.0, 10.0)
    buffers = [a, np.full(9, np.nan)]
    interpret(nest, buffers)
    assert np.array_equal(buffers[1].reshape(3, 3), np.tril(a.reshape(3, 3), -1))
    diagonal = copy((3,), (4,), (1,))
    interpret(diagonal, buffers)
    assert np.array_equal(buffers[1][:3], [1.0, 5.0, 9.0])
    g = Graph()
    k, x = load_input(g, 0, "int64"), load_input(g, 1)
    loads = (Access(2, "int64", (1,)), Access(0, F, (0,), 0, (Place(k, 3, 3),)))
    interpret(Nest((2,), loads, g, (Store(x, Access(1, F, (1,))),)), [*buffers, np.array([2, 0])])
    assert np.array_equal(buffers[1][:2], [7.0, 1.0])


def test_fill_and_the_dtype_of_a_body() -> None:
    buffers = [np.zeros(5, np.int64)]
    interpret(fill(0, "int64", 4, -3), buffers)
    assert np.array_equal(buffers[0], [-3, -3, -3, -3, 0])
    g = Graph()
    mixed = g.build(REGISTER["add"], (g.input("x0", Type("float32")), g.input("x1", Type("float64"))))
    accesses = (Access(0, F, (1,)), Access(1, F, (1,)))
    with pytest.raises(ArgumentError, match="one dtype of floats"):
        program([Nest((5,), accesses, g, (Store(mixed, Access(2, F, (1,))),))], 8, True)


def test_axes_that_lie_one_behind_the_other_are_one() -> None:
    order = arrange(copy((7, 1, 5, 40), (200, 9, 40, 1), (200, 3, 40, 1)), 8)
    assert order.nest.sizes == (1400,)
    assert vector(order) == 1
    g = Graph()
    i = index_input(g, 1)
    counted = Nest((7, 40), (), g, (Store(i, Access(0, "int64", (40, 1))),))
    assert sorted(arrange(counted, 8).nest.sizes) == [7, 40]  # the body asks for an index


@pytest.mark.parametrize(("target", "stride"), [((1, 0), 1), ((0, 1), 1), ((0, 0), 1)])
def test_matrices_are_summed_along_their_rows(target: tuple[int, int], stride: int) -> None:
    order = arrange(copy((500, 400), (400, 1), target, "add"), 8)
    assert vector(order) == stride
    s = order.nest.stores[0]
    assert adds_to_memory(order, s) == (target == (0, 1))
    if target == (0, 1):  # chunks of rows outside, rows inside the vectors
        (outer, chunk), _, (inner, none) = loops(order)
        assert outer == inner
        assert chunk > 0
        assert not none


def test_coordinates_are_summed_in_registers() -> None:
    order = arrange(copy((1000, 3), (3, 1), (1, 0), "add"), 8)
    assert vector(order) == 3
    assert order.loops[-1].unroll
    assert not adds_to_memory(order, order.nest.stores[0])
    assert order.tiles[0] is not None
    assert order.tiles[0].packed


def test_a_transpose_goes_by_squares() -> None:
    order = arrange(copy((300, 200), (200, 1), (1, 300)), 8)
    assert [bool(t) for t in order.tiles] == [True, False]
    assert any(x.tile for x in order.loops)
    assert order.step in (8, 16, 32)


def test_places_that_may_meet_are_not_vectorised() -> None:
    g = Graph()
    i, x = load_input(g, 0, "int64"), load_input(g, 1)
    to = Access(2, F, (0,), 0, (Place(i, 1, 9),))
    loads = (Access(0, "int64", (1,)), Access(1, F, (1,)))
    nest = Nest((1000,), loads, g, (Store(x, to, "add", keep=True),))
    order = arrange(nest, 8)
    assert order.vector is None
    assert order.split is None
    with pytest.raises(ArgumentError, match="fill"):
        replace(nest, stores=(Store(x, to, "add"),)).check()


def test_threads_share_an_axis_that_is_kept_rather_than_one_that_is_reduced() -> None:
    order = arrange(copy((5000, 400), (400, 1), (0, 1), "add"), 8)
    assert order.split is not None
    assert order.nest.sizes[order.split] == 400
    assert not order.split_reduced
    assert arrange(copy((100_000,), (1,), (0,), "add"), 8).split_reduced


def test_what_has_no_place_in_a_body_is_refused() -> None:
    g = Graph()
    array = g.input("x0", Type(F, (3,)))
    total = g.build(REGISTER["element"], (array,), ((0,),))
    with pytest.raises(ArgumentError, match="scalars"):
        program([Nest((5,), (Access(0, F, (1,)),), g, (Store(total, Access(1, F, (1,))),))], 8, True)
    g = Graph()
    x = g.input("x", Type(F))
    with pytest.raises(ArgumentError, match="load_input"):
        program([Nest((5,), (Access(0, F, (1,)),), g, (Store(x, Access(1, F, (1,))),))], 8, True)
    g = Graph()
    remainder = [op for op in REGISTER.values() if op.name == "remainder"]
    if remainder:
        i = index_input(g, 0)
        odd = g.build(remainder[0], (i, g.const(2, "int64")))
        with pytest.raises(UnsupportedError):
            program([Nest((5,), (), g, (Store(odd, Access(0, "int64", (1,))),))], 8, True)


PROBE = """
import sys
sys.path.insert(0, sys.argv[1])
from test_nest import everything
print(everything())
"""


def everything() -> str:
    """A digest of the text of nests of many kinds."""
    g = Graph()
    x, i = Node(g, load_input(g, 0)), Node(g, index_input(g, 1))
    y = REGISTER["exp"](x) + REGISTER["sin"](x) * REGISTER["cast"](i, dtype=F)
    stores = (Store(y.id, Access(1, F, (40, 1))), Store(x.id, Access(2, F, (1, 0)), "max"))
    steps = [
        Nest((30, 40), (Access(0, F, (40, 1)),), g, stores),
        copy((300, 200), (200, 1), (1, 300)),
        copy((1000, 3), (3, 1), (1, 0), "add"),
    ]
    return hashlib.sha256(program(steps, 8, True).text.encode()).hexdigest()


def test_text_is_the_same_in_every_process() -> None:
    here = everything()
    for seed in ("1", "2"):
        run = subprocess.run(
            [sys.executable, "-c", PROBE, str(Path(__file__).parent)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert run.stdout.strip() == here


def test_sums_of_calls_keep_their_lanes_on_whole_cache_lines() -> None:
    # a vector that lives across calls is spilled; 16 bytes off a cache line that cost half as much again
    for op, aligned in (("exp", True), ("abs", False)):
        g = Graph()
        value = g.build(REGISTER[op], (load_input(g, 0),))
        stores = (Store(value, Access(1, F, (0,)), "add"),)
        text = program([Nest((1000,), (Access(0, F, (1,)),), g, stores)], 8, True).text
        heads = [line for line in text.splitlines() if line.startswith("define i32 @nest.")]
        assert [" alignstack(64)" in head for head in heads] == [aligned]
