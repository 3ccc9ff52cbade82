"""Nests as machine code against their meaning in NumPy: layouts, reductions, gathers, threads, errors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import symgrad.ops  # noqa: F401  the operations of bodies
from symgrad.compile.nest import (
    Access,
    Call,
    Nest,
    Place,
    Step,
    Store,
    fill,
    identity,
    index_input,
    interpret,
    load_input,
)
from symgrad.dialects.llvm import COMPARE
from symgrad.errors import ArgumentError
from symgrad.graph import REGISTER, Graph, Node
from symgrad.run.nest import Nests

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(autouse=True)
def _no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMGRAD_CACHE_DIR", "")


def addresses(buffers: list[Any]) -> Any:
    return np.array([b.ctypes.data for b in buffers], np.uintp)


def same(steps: list[Step], buffers: list[Any], rtol: float = 1e-12) -> list[Any]:
    """The compiled steps leave in the buffers what their meaning does."""
    want = [b.copy() for b in buffers]
    got = [b.copy() for b in buffers]
    for step in steps:
        assert isinstance(step, Nest)
        interpret(step, want)
    Nests(steps)(addresses(got))
    for k, (a, b) in enumerate(zip(got, want, strict=True)):
        if a.dtype.kind != "f":
            assert np.array_equal(a, b), f"buffer {k}"
            continue
        scale = 1.0 + np.max(np.abs(b[np.isfinite(b)]), initial=0.0)
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * scale, err_msg=f"buffer {k}")
    return got


def one(op: str, *args: Node) -> Node:
    return REGISTER[op](*args)


@st.composite
def nests(draw: st.DrawFn) -> tuple[list[Step], list[Any]]:
    """A random nest and its buffers."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    axes = draw(st.integers(0, 4))
    size = st.one_of(st.integers(1, 5), st.sampled_from([8, 9, 17, 40, 150]))
    sizes = tuple(draw(size) for _ in range(axes))
    while math.prod(sizes) > 40_000:
        sizes = tuple(max(1, n // 2) for n in sizes)
    if axes and draw(st.integers(0, 15)) == 0:
        sizes = (0, *sizes[1:])
    dtype = draw(st.sampled_from(["float64", "float64", "float32"]))
    other = "float32" if dtype == "float64" else "float64"
    g = Graph()
    buffers: list[Any] = []

    def values(kind: str, count: int) -> Any:
        if kind == "int64":
            return rng.integers(-9, 10, count)
        if kind == "bool":
            return rng.random(count) < 0.5
        x = rng.standard_normal(count)
        if draw(st.integers(0, 4)) == 0:
            x[rng.random(count) < 0.02] = rng.choice([np.nan, np.inf, -np.inf])
        return x.astype(kind)

    def access(kind: str, keeps: list[int], spare: int = 0) -> Access:
        """A layout of the axes `keeps`, in a random order, with gaps, over a buffer of its own."""
        order = draw(st.permutations(keeps))
        stride, strides = draw(st.integers(1, 2)), [0] * axes
        for k in order:
            strides[k] = stride
            stride *= max(sizes[k], 1)
            stride += draw(st.sampled_from([0, 0, 3]))
        offset = draw(st.integers(0, 2))
        buffers.append(values(kind, offset + stride + spare + 1))
        return Access(len(buffers) - 1, kind, tuple(strides), offset)

    loads: list[Access] = []
    pool: list[Node] = [Node(g, g.const(1.5, dtype))]
    truths: list[Node] = []
    for _ in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from([dtype, dtype, other, "int64", "bool"]))
        body_kind = dtype if kind == other else kind
        keeps = [k for k in range(axes) if draw(st.booleans())]
        at: tuple[Place, ...] = ()
        a = access(kind, keeps, 40)
        if draw(st.integers(0, 3)) == 0:  # gathered
            where = access("int64", [k for k in range(axes) if draw(st.booleans())])
            buffers[where.buffer][:] = rng.integers(0, 13, len(buffers[where.buffer]))
            loads.append(where)
            at = (Place(load_input(g, len(loads) - 1, "int64"), 3, 13),)
        loads.append(Access(a.buffer, kind, a.strides, a.offset, at))
        x = Node(g, load_input(g, len(loads) - 1, body_kind))
        if kind == "bool":
            truths.append(x)
        else:
            pool.append(REGISTER["cast"](x, dtype=dtype) if kind == "int64" else x)
    if axes and draw(st.booleans()):
        i = Node(g, index_input(g, draw(st.integers(0, axes - 1))))
        j = Node(g, index_input(g, draw(st.integers(0, axes - 1))))
        truths.append(one("less", i, j))
        pool.append(REGISTER["cast"](i - j, dtype=dtype))
    for _ in range(draw(st.integers(0, 5))):
        a, b = draw(st.sampled_from(pool)), draw(st.sampled_from(pool))
        op = draw(st.sampled_from(["add", "multiply", "subtract", "maximum", "tanh", "sin", "cos", "where", "less"]))
        if op == "less":
            truths.append(one("less", a, b))
        elif op == "where" and truths:
            pool.append(one("where", draw(st.sampled_from(truths)), a, b))
        elif op in ("tanh", "sin", "cos"):
            pool.append(one(op, a))
        elif op != "where":
            pool.append(one(op, a, b))
    stores = []
    for _ in range(draw(st.integers(1, 3))):
        x = draw(st.sampled_from(pool + truths))
        kind = draw(st.sampled_from([dtype, other])) if x.type.dtype == dtype else x.type.dtype
        how = draw(st.sampled_from(["set", "add", "max", "min", "multiply"]))
        if how == "set":
            stores.append(Store(x.id, access(kind, list(range(axes)))))
            continue
        if how == "multiply" and x.type.dtype == dtype:
            x = one("tanh", x)  # products of others overflow, in one order or the other
        keeps = [k for k in range(axes) if draw(st.booleans())]
        stores.append(Store(x.id, access(kind, keeps), how, keep=draw(st.booleans())))
    return [Nest(sizes, tuple(loads), g, tuple(stores))], buffers


def _tolerance(steps: list[Step]) -> float:
    """float32 anywhere: sums of up to 40 000 terms, in another order."""
    nest = steps[0]
    assert isinstance(nest, Nest)
    accesses = [*nest.loads, *(s.access for s in nest.stores)]
    single = nest.dtype == "float32" or any(a.dtype == "float32" for a in accesses)
    return 2e-3 if single else 1e-10


@QUICK
@given(nests())
def test_random_nests(case: tuple[list[Step], list[Any]]) -> None:
    steps, buffers = case
    with np.errstate(all="ignore"):
        same(steps, buffers, _tolerance(steps))


@pytest.mark.parametrize("features", ["-avx512f", "-avx512f,-avx2,-fma"])
def test_random_nests_on_smaller_machines(features: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from symgrad.run import llvmlite

    if not llvmlite.host().is_x86:
        pytest.skip("features of x86")
    monkeypatch.setenv("SYMGRAD_CPU_FEATURES", features)

    @settings(QUICK, max_examples=25)
    @given(nests())
    def check(case: tuple[list[Step], list[Any]]) -> None:
        with np.errstate(all="ignore"):
            same(case[0], case[1], _tolerance(case[0]))

    check()


def doubled(n: int, source: int, target: int) -> Nest:
    g = Graph()
    x = Node(g, load_input(g, 0))
    a = Access(source, "float64", (1,))
    return Nest((n,), (a,), g, (Store((x + x).id, Access(target, "float64", (1,))),))


def test_a_sequence_is_run_in_order_and_in_place() -> None:
    x = np.arange(20.0)
    out = same([doubled(20, 0, 1), doubled(20, 1, 1), doubled(20, 1, 2)], [x, np.zeros(20), np.zeros(20)])
    assert out[2][3] == 24.0


def reduction(n: int, m: int, how: str, strides: tuple[int, int]) -> Nest:
    g = Graph()
    x = load_input(g, 0)
    return Nest((n, m), (Access(0, "float64", (m, 1)),), g, (Store(x, Access(1, "float64", strides), how),))


@pytest.mark.parametrize("strides", [(1, 0), (0, 1), (0, 0)])
@pytest.mark.parametrize("how", ["add", "max", "min", "multiply"])
def test_reductions_by_threads_are_those_of_one(how: str, strides: tuple[int, int], monkeypatch: Any) -> None:
    n, m = 1100, 1000
    x = 1.0 + np.random.default_rng(1).standard_normal(n * m) * 1e-3
    axis = {(1, 0): 1, (0, 1): 0, (0, 0): None}[strides]
    want = {"add": np.sum, "max": np.max, "min": np.min, "multiply": np.prod}[how](x.reshape(n, m), axis=axis)
    for count in ("1", "2", "3"):
        monkeypatch.setenv("SYMGRAD_NUM_THREADS", count)
        out = np.full(max(n, m), 7.0)
        code = Nests([reduction(n, m, how, strides)])
        code(addresses([x, out]))
        again = np.full(max(n, m), 8.0)
        code(addresses([x, again]))
        size = np.size(want)
        np.testing.assert_allclose(out[:size], np.ravel(want), rtol=1e-12)
        assert np.array_equal(out[:size], again[:size])


def test_a_long_elementwise_nest_is_shared_by_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    n = 1_500_001
    x, out = np.arange(float(n)), np.zeros(n)
    for count in ("2", "3"):
        monkeypatch.setenv("SYMGRAD_NUM_THREADS", count)
        out[:] = 0.0
        code = Nests([doubled(n, 0, 1)])
        assert code.parts[0].order is not None
        code(addresses([x, out]))
        assert np.array_equal(out, 2 * x)


def test_sums_are_about_as_exact_as_those_of_numpy() -> None:
    n = 1_000_000
    x = np.random.default_rng(2).random(n).astype(np.float32)
    g = Graph()
    v = load_input(g, 0, "float32")
    out = np.zeros(1, np.float32)
    Nests([Nest((n,), (Access(0, "float32", (1,)),), g, (Store(v, Access(1, "float32", (0,)), "add"),))])(
        addresses([x, out])
    )
    exact = math.fsum(x.astype(float))
    assert abs(out[0] - exact) < 5e-6 * exact  # one term after the other: some 1e-3
    by_rows = np.zeros(10, np.float32)
    nest = Nest((n // 10, 10), (Access(0, "float32", (10, 1)),), g, (Store(v, Access(1, "float32", (0, 1)), "add"),))
    Nests([nest])(addresses([x, by_rows]))
    exact = x.astype(float).reshape(-1, 10).sum(0)
    assert np.all(np.abs(by_rows - exact) < 2e-5 * exact)


@pytest.mark.parametrize("dtypes", [("float64", "float64"), ("float32", "float32"), ("float32", "float64")])
@pytest.mark.parametrize("sizes", [(8, 8), (16, 24), (9, 17), (100, 3), (3, 100), (37, 9), (64, 2), (2, 64), (50, 70)])
def test_transposes_and_updates_through_them(sizes: tuple[int, int], dtypes: tuple[str, str]) -> None:
    n, m = sizes
    g = Graph()
    x, y = Node(g, load_input(g, 0)), Node(g, load_input(g, 1))
    across = Access(1, dtypes[1], (1, n), 1)
    stores = (Store((x + y).id, across), Store(x.id, Access(2, dtypes[0], (m, 1))))
    a = np.random.default_rng(4).standard_normal(n * m).astype(dtypes[0])
    b = np.arange(n * m + 2).astype(dtypes[1])
    out = same([Nest(sizes, (Access(0, dtypes[0], (m, 1)), across), g, stores)], [a, b, a * 0], 1e-6)
    assert out[1][0] == 0
    assert out[1][-1] == n * m + 1


@pytest.mark.parametrize("n", [5, 8, 40, 41])
def test_points_and_their_matrices(n: int) -> None:
    """out[p, a] = sum over b of matrix[p, a, b] * x[p, b], points side by side in the lanes."""
    g = Graph()
    matrix, x = Node(g, load_input(g, 0)), Node(g, load_input(g, 1))
    loads = (Access(0, "float64", (9, 3, 1)), Access(1, "float64", (3, 0, 1)))
    nest = Nest((n, 3, 3), loads, g, (Store((matrix * x).id, Access(2, "float64", (3, 1, 0)), "add"),))
    rng = np.random.default_rng(5)
    a, v = rng.standard_normal((n, 3, 3)), rng.standard_normal((n, 3))
    out = same([nest], [a.ravel(), v.ravel(), np.zeros(3 * n)])
    np.testing.assert_allclose(out[2].reshape(n, 3), np.einsum("pab,pb->pa", a, v), rtol=1e-12, atol=1e-12)


def scatter(k: int, m: int, n: int) -> list[Step]:
    """Rows of buffer 1 added to the rows of buffer 2 that buffer 0 says."""
    g = Graph()
    i, x = load_input(g, 0, "int64"), load_input(g, 1)
    to = Access(2, "float64", (0, 1), 0, (Place(i, m, n),))
    loads = (Access(0, "int64", (1, 0)), Access(1, "float64", (m, 1)))
    return [fill(2, "float64", n * m, 0.0), Nest((k, m), loads, g, (Store(x, to, "add", keep=True),))]


@pytest.mark.parametrize(("k", "m"), [(50, 1), (50, 7), (3, 100), (0, 5)])
def test_scatter_add_meets_places_twice(k: int, m: int) -> None:
    rng = np.random.default_rng(3)
    same(scatter(k, m, 6), [rng.integers(0, 6, k), rng.standard_normal(k * m), np.full(6 * m, np.nan)])


@pytest.mark.parametrize("bad", [-1, 6, 2**40])
@pytest.mark.parametrize("m", [1, 9])
def test_places_outside_are_refused(bad: int, m: int) -> None:
    index = np.zeros(10, np.int64)
    index[7] = bad
    values = np.ones(10 * m)
    with pytest.raises(ArgumentError, match="outside"):
        Nests(scatter(10, m, 6))(addresses([index, values, np.zeros(6 * m)]))
    g = Graph()
    i, x = load_input(g, 0, "int64"), load_input(g, 1)
    loads = (Access(0, "int64", (1, 0)), Access(1, "float64", (0, 1), 0, (Place(i, m, 6),)))
    nest = Nest((10, m), loads, g, (Store(x, Access(2, "float64", (m, 1))),))
    with pytest.raises(ArgumentError, match="outside"):
        Nests([nest])(addresses([index, np.zeros(6 * m), np.zeros(10 * m)]))
    with pytest.raises(IndexError):
        interpret(nest, [index, np.zeros(6 * m), np.zeros(10 * m)])


def test_masks_are_structural_zeros() -> None:
    g = Graph()
    i, j = Node(g, index_input(g, 0)), Node(g, index_input(g, 1))
    x = Node(g, load_input(g, 0))
    y = one("mask", one("less", i, j), one("log", x))
    nest = Nest((5, 20), (Access(0, "float64", (20, 1)),), g, (Store(y.id, Access(1, "float64", (1, 0)), "add"),))
    x = np.where(np.arange(5)[:, None] < np.arange(20), 2.0, -1.0).ravel()
    out = same([nest], [x, np.zeros(5)])
    np.testing.assert_allclose(out[1], np.log(2.0) * (19 - np.arange(5)))


EDGES = np.array([0, 1, -1, 2, -2, 7, -7, 2**62, -(2**63), 3])
INTEGERS = ["abs", "sign", "floor", "mod", "fmod", "add", "multiply", "minimum", "maximum", "less_equal", "not_equal"]


@pytest.mark.parametrize("name", INTEGERS)
def test_integers_are_those_of_numpy(name: str) -> None:
    op = REGISTER[name]
    g = Graph()
    value = g.build(op, tuple(load_input(g, k, "int64") for k in range(op.arity or 0)))
    a, b = (x.ravel().copy() for x in np.meshgrid(EDGES, EDGES))
    loads = (Access(0, "int64", (1,)), Access(1, "int64", (1,)))
    dtype = g.types[value].dtype
    nest = Nest((len(a),), loads, g, (Store(value, Access(2, dtype, (1,))),))
    with np.errstate(all="ignore"):
        same([nest], [a, b, np.zeros(len(a), dtype)])


@pytest.mark.parametrize("name", ["add", "multiply", "maximum", "minimum", "logical_xor", *COMPARE])
def test_truths_are_those_of_numpy(name: str) -> None:
    g = Graph()
    value = g.build(REGISTER[name], (load_input(g, 0, "bool"), load_input(g, 1, "bool")))
    loads = (Access(0, "bool", (1,)), Access(1, "bool", (1,)))
    nest = Nest((4,), loads, g, (Store(value, Access(2, "bool", (1,))),))
    same([nest], [np.array([0, 0, 1, 1], bool), np.array([0, 1, 0, 1], bool), np.zeros(4, bool)])


@pytest.mark.parametrize("how", ["add", "multiply", "max", "min"])
@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "bool"])
def test_nothing_reduces_to_the_identity(how: str, dtype: str) -> None:
    g = Graph()
    x = load_input(g, 0, dtype)
    store = Store(x, Access(1, dtype, (1, 0)), how)
    out = same([Nest((3, 0), (Access(0, dtype, (0, 1)),), g, (store,))], [np.zeros(1, dtype), np.zeros(3, dtype)])
    assert np.array_equal(out[1], np.full(3, identity(how, dtype), dtype))


def test_what_makes_no_sense_is_refused() -> None:
    g = Graph()
    x = load_input(g, 0)
    row = Access(0, "float64", (1,))
    for nest, words in [
        (Nest((4,), (row,), g, (Store(x, Access(1, "float64", (0,))),)), "say how"),
        (Nest((4,), (row,), g, (Store(x, Access(1, "float64", (1, 1))),)), "stride for each"),
        (Nest((4,), (), g, (Store(x, row),)), "not there"),
        (Nest((4,), (row,), g, (Store(x, row, "mean"),)), "one of"),
        (Nest((4,), (Access(0, "int64", (1,)),), g, (Store(x, row),)), "write a cast"),
        (Nest((4,), (row,), g, ()), "a store"),
    ]:
        with pytest.raises(ArgumentError, match=words):
            Nests([nest])


def test_code_comes_from_the_cache(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMGRAD_CACHE_DIR", str(tmp_path))
    tmp_path.chmod(0o700)
    assert not Nests([doubled(9, 0, 1)]).from_cache
    assert Nests([doubled(9, 0, 1)]).from_cache
    assert not Nests([doubled(10, 0, 1)]).from_cache


def test_a_c_function_between_nests() -> None:
    """The C library's `time` writes the seconds since 1970 to the address that it is given."""
    g = Graph()
    t = load_input(g, 0, "int64")
    copy = Nest((1,), (Access(0, "int64", (1,)),), g, (Store(t, Access(1, "int64", (1,))),))
    buffers = [np.zeros(2, np.int64), np.zeros(1, np.int64)]
    Nests([fill(0, "int64", 2, 5), Call("time", (("buffer", 0, 0),)), copy])(addresses(buffers))
    assert buffers[1][0] > 1_600_000_000
    assert buffers[0][1] == 5


def test_programs_with_loops_are_optimised_across_functions(monkeypatch: Any, tmp_path: Any) -> None:
    import symgrad as sg
    from symgrad.run import llvmlite

    monkeypatch.setenv("SYMGRAD_CACHE_DIR", str(tmp_path))
    seen = []
    emit = llvmlite.emit_object

    def spied(ir: Any, target: Any, opt: int = 1, passes: Any = None) -> Any:
        seen.append(passes)
        return emit(ir, target, opt, passes)

    monkeypatch.setattr(llvmlite, "emit_object", spied)
    x = np.array([1.0, 2.0])
    looped = sg.function(lambda x: sg.while_loop(lambda y: np.sum(y) < 50, lambda y: 2 * y + x, x)).specialise(x)
    looped.compile()
    assert seen == ["O2"]
    np.testing.assert_array_equal(looped(x), [31.0, 62.0])
    sg.function(lambda x: np.exp(x) * x + np.sum(x)).specialise(x).compile()
    assert seen[1:] == [None]
