"""The native back end against the NumPy reference: every operation, every width, with and without features."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.compile.llvm.kernel import prepare
from symgrad.compile.numpy import Reference
from symgrad.function import Function
from symgrad.graph import REGISTER, Graph, Type
from tests.ops.sampling import cases, points

SCALARS = [
    (op, attrs)
    for op in REGISTER.values()
    if op.kind in ("elementwise", "constant") and op.domain
    for attrs in cases(op)
]
MASKS = ["", "-avx512f", "-avx512f,-fma", "-avx512f,-avx2,-fma,-avx", "-sse4.1,-sse4.2,-avx,-avx2,-avx512f,-fma"]
x, y, z = sp.symbols("x y z")


def everything(dtype: str) -> tuple[Function, list[np.ndarray]]:
    """One function with every scalar operation as an output, and columns of arguments."""
    g = Graph()
    inputs, outputs, columns = [], [], []
    rows = 37
    for n, (op, attrs) in enumerate(SCALARS):
        args = []
        sample = points(op, rows, seed=n)
        for k in range(len(op.domain)):
            column = np.array([row[k] for row in sample])
            i = g.input(f"x{n}_{k}", Type(dtype))
            args.append(g.add(REGISTER["greater"], (i, g.const(0, dtype))) if column.dtype == bool else i)
            inputs.append(i)
            columns.append(column.astype(dtype))
        if op.name == "cast":
            attrs = {"dtype": dtype}
        outputs.append(g.add(op, tuple(args), tuple(attrs[a] for a in op.attrs)))
    return Function(g, inputs, outputs, name="everything", tree=tuple(range(len(outputs)))), columns


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_operation(dtype: str) -> None:
    f, columns = everything(dtype)
    # as the graph has them: nothing simplified away
    graph, inputs, outputs = f.graph, f.inputs, f.outputs
    from symgrad.run.native import Native

    native = Native(prepare(graph, inputs, outputs), f.tree, False)
    reference = Reference(graph, inputs, outputs)(columns)
    eps = np.finfo(dtype).eps
    batch = native.batch(columns, (37,))
    assert batch is not None
    call = native.callable(lambda args, named: None, "everything")
    singles = [call(*[c[r].item() for c in columns]) for r in range(3)] if call else None
    for k, (op, attrs) in enumerate(SCALARS):
        want, got = reference[k], batch[k]
        assert got.dtype == want.dtype, op
        if want.dtype == bool:
            np.testing.assert_array_equal(got, want, err_msg=f"{op} {attrs}")
            continue
        np.testing.assert_allclose(
            got, want, rtol=200 * eps, atol=20 * eps * np.finfo(dtype).tiny, err_msg=f"{op.name} {attrs}"
        )
        if singles is not None and singles[0] is not None:
            for r in range(3):
                np.testing.assert_allclose(singles[r][k], got[r], rtol=8 * eps, err_msg=f"{op.name} {attrs} one point")


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_processors_with_less(mask: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from symgrad.run.llvmlite import host

    known = {f[1:] for f in host("").features.split(",")}
    monkeypatch.setenv("SYMGRAD_CPU_FEATURES", ",".join(m for m in mask.split(",") if m[1:] in known))
    e = [sp.exp(x) * sp.sin(y), sp.Max(x, y) / (1 + z**2), sp.log(1 + x**2) ** z, sp.atan2(x, y), sp.tanh(x * y)]
    J = sg.jacobian(sg.function([x, y, z], e, dtype=dtype)).compile()
    assert J.explain().count("native")
    assert not J.executor.refusal
    p = np.random.default_rng(3).uniform(0.2, 2, (101, 3)).astype(dtype)
    want = np.moveaxis(J.executor.reference(list(p.T))[0], 0, 0)
    np.testing.assert_allclose(J.map(p), want, rtol=100 * np.finfo(dtype).eps)
    np.testing.assert_allclose(J(*p[0].tolist()), want[0], rtol=100 * np.finfo(dtype).eps)


def test_other_processor() -> None:
    """Code for arm64 is written on any machine."""
    from symgrad.compile.llvm.kernel import kernel
    from symgrad.run.llvmlite import ARM64, emit_assembly, emit_object, unpack

    J = sg.jacobian(sg.function([x, y], [sp.exp(x) * sp.sin(y), x**y]))
    text = kernel(prepare(*J.program), 2, fused=True).text
    assembly = emit_assembly(text, ARM64)
    assert "fmla" in assembly or "fmadd" in assembly
    _, defines, data = unpack(emit_object(text, ARM64))
    assert data[:4] == b"\x7fELF"
    assert int.from_bytes(data[18:20], "little") == 183  # EM_AARCH64
    assert {"one", "batch"} <= set(defines)


def test_constant_cells() -> None:
    """Most cells of a dense Jacobian are constants: no code is made for each, and batches get them too."""
    n = 60
    q = sp.symbols(f"q:{n}")
    rows = [sp.sin(q[k]) + 3 * q[(k + 1) % n] for k in range(n)]
    J = sg.jacobian(sg.function(q, rows)).compile()
    assert len(J.executor.native.kernel.constants) == n * n - n
    p = np.random.default_rng(0).normal(size=(11, n))
    want = J.executor.reference(list(p.T))[0]
    np.testing.assert_allclose(J(*p[2].tolist()), want[2], rtol=1e-14)
    np.testing.assert_allclose(J.map(p), want, rtol=1e-14)
    out = np.full((11, n, n), np.nan)
    np.testing.assert_allclose(J.map(p, out=out), want, rtol=1e-14)
    f = sg.function([x], [x, 0, -sp.Float(0.0), sp.pi, x, 2]).compile()
    for result in (f(5.0), f.map(np.array([[5.0]]))[0]):
        np.testing.assert_array_equal(result, [5, 0, 0, np.pi, 5, 2])
    c = sg.function([x], sp.Integer(7)).compile()
    assert c(1.0) == 7
    assert c.map(np.ones((3, 1))).tolist() == [7, 7, 7]
    out = np.zeros(3)
    assert c.map(np.ones((3, 1)), out=out).tolist() == [7, 7, 7]


def test_long_functions_are_cut_in_parts() -> None:
    """Values cross between parts of a function through slots that are used again."""
    from symgrad.compile.llvm.kernel import CHUNK, Layout

    e: Any = x
    first = sp.sin(x * y)
    for k in range(900):
        e = sp.cos(e) * y + first / (k + 2)
    f = sg.function([x, y], [e, first, e * first])
    layout = Layout(prepare(*f.program))
    assert len(layout.parts) > 2
    assert sum(map(len, layout.parts)) > 2 * CHUNK
    f.compile()
    p = np.random.default_rng(0).uniform(-1, 1, (50, 2))
    want = f.executor.reference(list(p.T))[0]
    np.testing.assert_allclose(f.map(p), want, rtol=1e-11)
    np.testing.assert_allclose(f(*p[3].tolist()), want[3], rtol=1e-11)


def test_loops() -> None:
    i, j, n = sp.symbols("i j n", integer=True)
    a, b = sp.IndexedBase("a"), sp.IndexedBase("b")
    cases = [
        sp.Sum(sp.exp(-x * a[i]) * a[i + 1], (i, 0, n - 2)),
        sp.Sum(a[i] * sp.Sum(b[j] * x ** (i + j + 1), (j, 0, i)), (i, 0, n - 1)),
        sp.Product(1 + x * a[i], (i, 0, n - 1)),
        sp.Sum(a[n - 1 - i] * i, (i, 0, n - 1)) * sp.sin(x),
        sp.Sum(x * a[2 * i], (i, 0, 3)),
    ]
    data = {"n": 23, "a": np.random.default_rng(1).uniform(-1, 1, 23), "b": np.random.default_rng(2).uniform(-1, 1, 23)}
    for e in cases:
        for f in (sg.function([x], e), sg.grad(sg.function([x], e)), sg.hessian(sg.function([x], e))):
            f.compile()
            assert not f.executor.refusal, e
            args = {k: data[k] for k in f.names if k in data} | {"x": 0.7}
            want = f.executor.reference([np.asarray(args[k]) for k in f.names])[0]
            np.testing.assert_allclose(f(**args), want, rtol=1e-12, err_msg=str(e))
            many = f(**(args | {"x": np.array([0.1, 0.7])}))
            np.testing.assert_allclose(many[1], want, rtol=1e-12)


def test_index_outside_is_an_error_never_a_number() -> None:
    i, n = sp.symbols("i n", integer=True)
    a = sp.IndexedBase("a")
    f = sg.function([x], sp.Sum(x * a[i], (i, 0, n - 1))).compile()
    args = {"x": 1.0, "a": np.ones(20)}
    assert f(n=20, **args) == 20.0
    for n_ in (21, 30):
        with pytest.raises(sg.ArgumentError, match=r"index \d+ is outside"):
            f(n=n_, **args)
    with pytest.raises(sg.ArgumentError, match="outside"):
        f(n=5, x=1.0, a=np.empty(0))


def test_what_it_has_not_stays_with_numpy() -> None:
    f = sg.function([x], sp.exp(x))
    f.executor.refusal = "no reason"
    assert f.compile()(0.0) == 1.0
    assert "no reason" in f.explain()


@pytest.mark.parametrize("name", ["xlogy", "xlog1py"])
def test_zero_times_the_logarithm_of_nan(name: str) -> None:
    g = Graph()
    inputs = [g.input(n, Type("float64")) for n in "xy"]
    f = Function(g, inputs, [g.add(REGISTER[name], tuple(inputs))])
    points = np.array([[0.0, np.nan], [-0.0, np.nan], [0.0, 0.0], [0.0, -1.0], [0.0, np.inf], [2.0, 3.0]])
    want = f.map(points)
    assert np.isnan(want[:2]).all()
    np.testing.assert_allclose(f.compile().map(points), want, rtol=1e-15)
    np.testing.assert_allclose([f(*map(float, p)) for p in points], want, rtol=1e-15)
