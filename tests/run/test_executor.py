"""How functions run: arguments as users give them, tiers, batches, threads."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
import weakref
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.function import Function
from symgrad.graph import Graph, Type
from symgrad.run import native, tiers

x, y = sp.symbols("x y")


def fresh() -> sg.Function:
    return sg.value_and_grad(sg.function([x, y], x**2 * sp.sin(y) + sp.exp(x)))


def is_native(f: sg.Function) -> bool:
    return "built-in" in repr(f._call)


@pytest.fixture(params=["reference", "native"])
def f(request: pytest.FixtureRequest) -> sg.Function:
    return fresh() if request.param == "reference" else fresh().compile()


VALUE = (3**2 * np.sin(4) + np.exp(3), (2 * 3 * np.sin(4) + np.exp(3), 3**2 * np.cos(4)))


def same(got: Any, want: Any = VALUE) -> None:
    np.testing.assert_allclose(got[0], want[0], rtol=1e-14)
    np.testing.assert_allclose(got[1], want[1], rtol=1e-14)


def test_integers_beyond_64_bits(f: sg.Function) -> None:
    assert f(0.0, 10**30) == f(0.0, 1e30)


@pytest.mark.parametrize(
    ("args", "named"),
    [
        ((3.0, 4.0), {}),
        ((3, 4), {}),
        ((np.float64(3), np.float32(4)), {}),
        ((np.array(3.0), 4), {}),
        ((3.0,), {"y": 4.0}),
        ((), {"y": 4.0, "x": 3.0}),
    ],
)
def test_one_point(f: sg.Function, args: Any, named: Any) -> None:
    result = f(*args, **named)
    assert type(result[0]) is float
    assert type(result[1]) is tuple
    same(result)


@pytest.mark.parametrize(
    ("args", "named", "error", "says"),
    [
        ((1.0,), {}, sg.ArgumentError, "needs 2 arguments.*missing: y"),
        ((1.0, 2.0, 3.0), {}, sg.ArgumentError, "takes 2 arguments.*got 3"),
        ((1.0,), {"z": 2.0}, sg.ArgumentError, "no input 'z'"),
        ((1.0, 2.0), {"y": 2.0}, sg.ArgumentError, "twice"),
        (("a", 2.0), {}, sg.DtypeError, "x must be real numbers, got str 'a'"),
        ((1j, 2.0), {}, sg.DtypeError, "x must be real numbers"),
        ((None, 2.0), {}, sg.DtypeError, "x must be real numbers, got NoneType"),
        ((np.array(["a"]), 2.0), {}, sg.DtypeError, "x must be real numbers"),
        ((10**400, 2.0), {}, sg.DtypeError, "x"),
        ((np.ones(3), np.ones(4)), {}, sg.ArgumentError, r"x.*\(3,\).*y.*\(4,\)"),
    ],
)
def test_bad_arguments(f: sg.Function, args: Any, named: Any, error: type, says: str) -> None:
    with pytest.raises(error, match=says):
        f(*args, **named)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("n", [float("inf"), float("nan"), -1e300, 2.0**63, 10**30])
def test_bounds_without_an_integer(compiled: bool, n: Any) -> None:
    k, m = sp.symbols("k m", integer=True)
    total = sg.function([x, m], sp.Sum(x * k**2, (k, m, 3)) + sp.Sum(x * k**2, (k, 1, m)))
    if compiled:
        total.compile()
    with pytest.raises(sg.ArgumentError, match="must be an integer of 64 bits"):
        total(1.0, n)
    with pytest.raises(sg.ArgumentError, match="must be an integer of 64 bits"):
        total(1.0, np.array([1.0, float(n)]))
    assert total(1.0, 3) == 9 + 14


@pytest.mark.parametrize("n", [float("inf"), float("nan"), -1e300, 2.5, 2.0**63, np.uint64(2**63), 10**30])
def test_what_is_no_64_bit_integer(n: Any) -> None:
    g = Graph()
    k = g.input("k", Type("int64"))
    for f in (Function(g, [k], [k]), Function(g, [k], [k]).compile()):
        with pytest.raises(sg.DtypeError, match="k must be"):
            f(n)
        assert f(np.uint64(3)) == f(3.0) == 3


def test_batches(f: sg.Function) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 5, 7))
    want = a**2 * np.sin(b) + np.exp(a)
    d = 2 * a * np.sin(b) + np.exp(a), a**2 * np.cos(b)
    for p, q in ((a, b), (a.T, b.T), (a[::-1], b[::-1]), (np.asfortranarray(a), b)):
        rows = want if p.shape == a.shape and p[0, 0] == a[0, 0] else want.T if p.shape != a.shape else want[::-1]
        got = f(p, q)
        np.testing.assert_allclose(got[0], rows, rtol=1e-13)
    got = f(a, b)
    np.testing.assert_allclose(got[1][0], d[0], rtol=1e-13)
    np.testing.assert_allclose(got[1][1], d[1], rtol=1e-13)
    np.testing.assert_allclose(f(a[0], 2.0)[0], a[0] ** 2 * np.sin(2) + np.exp(a[0]), rtol=1e-13)
    np.testing.assert_allclose(f(a[:, :1], b[0])[0], a[:, :1] ** 2 * np.sin(b[0]) + np.exp(a[:, :1]), rtol=1e-13)
    assert f(np.empty(0), 1.0)[0].shape == (0,)


@pytest.mark.parametrize("rows", [1, 2, 7, 8, 9, 63, 64, 1000])
def test_map(rows: int) -> None:
    J = sg.jacobian(sg.function([x, y], [x * y, sp.sin(x), x])).compile()
    p = np.random.default_rng(rows).normal(size=(rows, 2))
    want = np.zeros((rows, 3, 2))
    want[:, 0, 0], want[:, 0, 1], want[:, 1, 0], want[:, 2, 0] = p[:, 1], p[:, 0], np.cos(p[:, 0]), 1
    for points in (p, np.asfortranarray(p), np.repeat(p, 2, axis=0)[::2], np.repeat(p, 2, axis=1)[:, ::2]):
        np.testing.assert_allclose(J.map(points), want, rtol=1e-14)
    out = np.full((rows, 3, 2), np.nan)
    assert J.map(p, out=out) is out
    np.testing.assert_allclose(out, want, rtol=1e-14)
    wide = np.full((rows, 6, 2), np.nan)
    J.map(p, out=wide[:, ::2])
    np.testing.assert_allclose(wide[:, ::2], want, rtol=1e-14)
    assert np.isnan(wide[:, 1::2]).all()


def test_map_in_place_and_truth_values() -> None:
    p = np.asfortranarray(np.random.default_rng(0).normal(size=(40, 2)))
    want = p.copy()[:, ::-1]
    swap = sg.function([x, y], [y, x]).compile()
    swap.map(p, out=p)
    np.testing.assert_array_equal(p, want)
    less = sg.function([x, y], x < y).compile()
    np.testing.assert_array_equal(less.map(want), want[:, 0] < want[:, 1])
    assert less(1, 2) is True
    apart = np.zeros((40, 8), bool)
    less.map(want, out=apart[:, 3])
    np.testing.assert_array_equal(apart[:, 3], want[:, 0] < want[:, 1])
    assert apart.sum() == apart[:, 3].sum()
    around = np.zeros(120, bool)
    less.map(want, out=around[40:80][::-1])
    np.testing.assert_array_equal(around[40:80][::-1], want[:, 0] < want[:, 1])
    assert around.sum() == around[40:80].sum()


@pytest.mark.parametrize("compiled", [False, True])
def test_results_share_no_memory(compiled: bool) -> None:
    f = sg.function([x, y], (x, x * y, x * y, x))
    if compiled:
        f.compile()
    a = np.arange(3.0)
    results = f(a, a)
    for k, r in enumerate(results):
        assert not any(np.shares_memory(r, other) for other in (a, *results[:k]))


def test_map_refuses() -> None:
    f = fresh()
    with pytest.raises(sg.ArgumentError, match=r"shape \(n, 2\).*x, y.*got shape \(3, 3\)"):
        f.map(np.ones((3, 3)))
    with pytest.raises(sg.ArgumentError, match="one output"):
        f.map(np.ones((3, 2)), out=np.ones(3))
    g = sg.function([x, y], x * y)
    for out in (np.ones(4), np.ones(3, np.float32), [1.0], np.broadcast_to(1.0, 3)):
        with pytest.raises(sg.ArgumentError, match="out="):
            g.map(np.ones((3, 2)), out=out)


def test_float32_is_not_taken_from_float64_arrays() -> None:
    f = sg.function([x, y], x * y, dtype="float32")
    with pytest.raises(sg.DtypeError, match=r"astype\('float32'\)"):
        f(np.ones(3), 1.0)
    assert f(np.ones(3, np.float32), 2).dtype == np.float32
    assert f(1.1, 1.0) == np.float32(1.1)
    assert f(1e300, 1.0) == f.compile()(1e300, 1.0) == np.inf
    g = sg.function([x], [x + 1e300, x - 10**50, x + 1e-46], dtype="float32")
    for _ in range(2):
        np.testing.assert_array_equal(g(0.0), [np.inf, -np.inf, 0])
        g.compile()


def test_threads_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    g = sg.function([x, y], sp.exp(sp.sin(x) * y) / (1 + x**2)).compile()
    p = np.random.default_rng(0).normal(size=(20_011, 2))
    monkeypatch.setattr(native, "_THREAD_WORK", 1000)
    results = []
    for count in ("1", "3"):
        monkeypatch.setenv("SYMGRAD_NUM_THREADS", count)
        results.append(g.map(p))
    np.testing.assert_array_equal(*results)


def test_memory_outlives_an_interrupted_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """What threads still work on is not freed when the call that started them is over."""
    g = sg.function([x, y], sp.exp(sp.sin(x) * y)).compile()
    monkeypatch.setattr(native, "_THREAD_WORK", 1000)
    monkeypatch.setenv("SYMGRAD_NUM_THREADS", "2")
    later: list[Any] = []

    class Pool:
        def submit(self, part: Any, *args: Any) -> Any:
            later.append((part, args))
            raise KeyboardInterrupt

    monkeypatch.setattr(native, "_pool", lambda process: Pool())
    points = np.random.default_rng(0).normal(size=(2, 20_000)).T
    gone = weakref.ref(points)
    with pytest.raises(KeyboardInterrupt):
        g.map(points)
    del points
    gc.collect()
    ((part, args),) = later
    assert part(*args) == 0
    assert gone() is not None
    later.clear()
    del part
    gc.collect()
    assert gone() is None


def test_batches_while_the_interpreter_shuts_down() -> None:
    program = (
        "import atexit, numpy as np, sympy as sp, symgrad as sg\n"
        "x = sp.Symbol('x'); f = sg.function([x], sp.exp(x)).compile()\n"
        "p = np.linspace(0, 1, 2_000_000)[:, None]\n"
        "atexit.register(lambda: print(np.allclose(f.map(p), np.exp(p[:, 0]))))\n"
    )
    env = {**os.environ, "SYMGRAD_NUM_THREADS": "3"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=env, check=False)
    assert done.stdout == "True\n", done.stderr


def test_compiles_in_the_background_when_calls_have_cost_as_much() -> None:
    f = fresh()
    same(f(3.0, 4.0))
    tiers.wait()
    assert not is_native(f)
    until = time.monotonic() + 60
    while not is_native(f) and time.monotonic() < until:
        same(f(3.0, 4.0))
    assert is_native(f)
    same(f(3.0, 4.0))
    assert "native code" in f.explain()


def test_long_functions_are_compiled_quickly_first_then_well() -> None:
    g = sg.jacobian(sg.function([x, y], [sp.sin(k * x) * sp.exp(y / k) for k in range(1, 120)]))
    assert g.count_ops() > 300
    want = g(1.0, 2.0)
    g.executor._build(quick=True)
    assert is_native(g)
    assert not g.executor.native.kernel.work
    np.testing.assert_allclose(g(1.0, 2.0), want, rtol=1e-12)
    np.testing.assert_allclose(g.map(np.array([[1.0, 2.0]] * 9))[3], want, rtol=1e-12)
    g.compile()
    assert g.executor.native.kernel.work
    np.testing.assert_allclose(g(1.0, 2.0), want, rtol=1e-12)


def test_functions_are_freed() -> None:
    gc.disable()  # no cycles: machine code is freed with its function
    try:
        f = fresh().compile()
        f(3.0, 4.0)
        f([3.0, 5.0], 4.0)
        gone = weakref.ref(f), weakref.ref(f.executor), weakref.ref(f.executor.native.code)
        del f
        assert [g() for g in gone] == [None] * 3
    finally:
        gc.enable()


@pytest.mark.parametrize("compiled", [False, True])
def test_values_outlive_their_function(compiled: bool) -> None:
    J = sg.jacobian(sg.function([x, y], [x * y, y]), sparse=True)
    values = (J.compile() if compiled else J).values
    del J
    np.testing.assert_array_equal(values(3.0, 4.0), [4.0, 3.0, 1.0])
    np.testing.assert_array_equal(values(3.0, y=4.0), [4.0, 3.0, 1.0])


@pytest.mark.parametrize("sparse", [False, True])
def test_inputs_of_any_name(sparse: bool) -> None:
    names = ["self", "executor", "function", "args", "named", "call"]
    f = sg.jacobian(sg.function(sp.symbols(names), [sp.prod(sp.symbols(names))]), sparse=sparse)
    values = dict(zip(names, map(float, range(1, 7)), strict=True))
    one = f(**values)
    two = f.compile()(**values)
    if sparse:
        one, two = one.toarray(), two.toarray()
    np.testing.assert_array_equal(one, two)


def test_exit_while_compiling() -> None:
    program = (
        "import sympy as sp, symgrad as sg\n"
        "x, y = sp.symbols('x y')\n"
        "e = sum(sp.sin(k * x * y) ** k for k in range(1, 60))\n"
        "f = sg.grad(sg.function([x, y], e))\n"
        "while not f.executor._asked: f(1.0, 2.0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_fork_while_compiling() -> None:
    program = (
        "import os, signal, threading, warnings, sympy as sp, symgrad as sg\n"
        "warnings.simplefilter('ignore')  # of forking beside threads: that is what is tested\n"
        "x, y = sp.symbols('x y')\n"
        "f = sg.grad(sg.function([x, y], sum(sp.sin(k * x * y) ** k for k in range(1, 60))))\n"
        "want = f(1.0, 2.0)\n"
        "with f.executor._lock:  # as a thread that compiles holds it\n"
        "    f.executor._asked = True\n"
        "    pid = os.fork()\n"
        "if pid == 0:\n"
        "    signal.alarm(60)\n"
        "    while 'native' not in f.explain(): f(1.0, 2.0)\n"
        "    os._exit(abs(f.compile()(1.0, 2.0)[0] - want[0]) > 1e-9 * abs(want[0]))\n"
        "raise SystemExit(os.waitpid(pid, 0)[1])\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


def test_without_llvm() -> None:
    program = (
        "import sys; sys.modules['llvmlite'] = None\n"
        "import sympy as sp, symgrad as sg\n"
        "x = sp.Symbol('x'); f = sg.function([x], sp.exp(x)).compile()\n"
        "assert f(0.0) == 1.0 and 'without llvmlite' in f.explain(), f.explain()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


def test_no_machine_code_on_request() -> None:
    program = (
        "import sys, sympy as sp, symgrad as sg\n"
        "x = sp.Symbol('x'); f = sg.function([x], sp.exp(x)).compile()\n"
        "assert f(0.0) == 1.0 and 'NumPy' in f.explain(), f.explain()\n"
        "assert 'llvmlite' not in sys.modules\n"
    )
    env = {**os.environ, "SYMGRAD_BACKEND": "numpy"}
    subprocess.run([sys.executable, "-c", program], check=True, env=env, timeout=120)
