"""Nests called as a built-in function: arguments, results, errors, references."""

from __future__ import annotations

import gc
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import symgrad.ops  # noqa: F401  the operations of bodies
from symgrad.compile.llvm.nest_entry import Frame, Slot
from symgrad.compile.nest import Access, Nest, Place, Store, load_input
from symgrad.errors import ArgumentError
from symgrad.graph import Graph, Node, Type
from symgrad.run.nest import Nests

N = 12
ROW = Type("float64", (N,))


@pytest.fixture(autouse=True)
def _no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMGRAD_CACHE_DIR", "")


def slow(args: Any, named: dict[str, Any]) -> Any:
    return "slow", args, named


def row(buffer: int, stride: int = 1) -> Access:
    return Access(buffer, "float64", (stride,))


def nests() -> list[Nest]:
    """r = x * s + constant in buffer 3, its sum in 5, r + r by way of a temporary in 6."""
    g = Graph()
    x, s, c = (Node(g, load_input(g, k)) for k in range(3))
    r = (x * s + c).id
    stores = (Store(r, row(3)), Store(r, row(4)), Store(r, row(5, 0), "add"))
    g2 = Graph()
    t = Node(g2, load_input(g2, 0))
    return [
        Nest((N,), (row(0), row(1, 0), row(2)), g, stores),
        Nest((N,), (row(4),), g2, (Store((t + t).id, row(6), "add", keep=True),)),
    ]


def frame(work: int) -> Frame:
    slots = (
        Slot("input", ROW),
        Slot("input", Type("float64")),
        Slot("constant", ROW),
        Slot("result", ROW),
        Slot("work", ROW, work),
        Slot("result", Type("float64")),
        Slot("result", Type("float64", (3, 4)), zeroed=True),
    )
    return Frame(slots, (0, 1), (3, 5, 6), (0, (1, 2)), work + 8 * N)


@pytest.mark.parametrize("work", [64, 200_000])
def test_calls_take_arrays_and_numbers(work: int) -> None:
    constant, x = np.arange(float(N)), np.linspace(-1, 1, N)
    call = Nests(nests(), frame(work)).callable(slow, "f", [constant])
    for number in (2.0, 2, np.float64(2)):
        r, (total, twice) = call(x, number)
        np.testing.assert_allclose(r, 2 * x + constant, rtol=1e-15)
        assert isinstance(total, float)
        assert total == pytest.approx(r.sum(), rel=1e-14)
        assert twice.shape == (3, 4)
        np.testing.assert_allclose(twice.ravel(), 2 * r)
        assert r.flags.owndata
        assert sys.getrefcount(r) == 2
    del constant
    gc.collect()
    assert call(x, 0.0)[0][-1] == N - 1


def test_other_arguments_go_to_python() -> None:
    call = Nests(nests(), frame(0)).callable(slow, "f", [np.zeros(N)])
    x = np.ones(N)
    for args in [(x[:5], 1.0), (x.astype("f4"), 1.0), (np.ones(2 * N)[::2], 1.0), (x, "1"), (x,), (list(x), 1.0)]:
        assert call(*args) == ("slow", args, {})
    assert call(x, s=1.0)[2] == {"s": 1.0}


def test_a_place_outside_goes_to_python() -> None:
    g = Graph()
    i, x = load_input(g, 0, "int64"), load_input(g, 1)
    loads = (Access(0, "int64", (1,)), Access(1, "float64", (0,), 0, (Place(i, 1, N),)))
    nest = Nest((3,), loads, g, (Store(x, row(2)),))
    slots = (Slot("input", Type("int64", (3,))), Slot("input", ROW), Slot("result", Type("float64", (3,))))
    call = Nests([nest], Frame(slots, (0, 1), (2,), 0)).callable(slow, "f")
    x = np.arange(float(N))
    assert np.array_equal(call(np.array([0, 11, 5]), x), [0.0, 11.0, 5.0])
    assert call(np.array([0, N, 5]), x)[0] == "slow"


def test_long_nests_are_left_to_their_threads() -> None:
    n = 3_000_000
    g = Graph()
    x = load_input(g, 0)
    nest = Nest((n,), (row(0),), g, (Store(x, row(1)),))
    whole = Type("float64", (n,))
    code = Nests([nest], Frame((Slot("input", whole), Slot("result", whole)), (0,), (1,), 0))
    assert code.callable(slow, "f") is None
    with pytest.raises(ArgumentError, match="outside"):
        Nests([failing()])(np.zeros(1, np.uintp))


def failing() -> Nest:
    """No place is inside an array without elements."""
    g = Graph()
    i = g.const(0, "int64")
    load = Access(0, "float64", (1,), 0, (Place(i, 1, 0),))
    return Nest((2,), (load,), g, (Store(load_input(g, 0), row(0)),))


def test_calls_of_several_threads_do_not_meet() -> None:
    n = 40_000  # long enough for other threads to run meanwhile, with a temporary array
    g = Graph()
    x = Node(g, load_input(g, 0))
    first = Nest((n,), (row(0),), g, (Store((x * x).id, row(1)),))
    g = Graph()
    y = Node(g, load_input(g, 0))
    second = Nest((n,), (row(1),), g, (Store((y + 1).id, row(2)), Store(y.id, row(3, 0), "max")))
    whole = Type("float64", (n,))
    slots = (Slot("input", whole), Slot("work", whole, 0), Slot("result", whole), Slot("result", Type("float64")))
    call = Nests([first, second], Frame(slots, (0,), (2, 3), (0, 1), 8 * n)).callable(slow, "f")

    def many(k: int) -> bool:
        a = np.full(n, float(k))
        return all(np.array_equal(r, a * a + 1) and m == k * k for r, m in (call(a) for _ in range(50)))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(many, range(8)))
