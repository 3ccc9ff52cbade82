"""The C back end: compiled with the system's compiler, equal to the reference."""

import ctypes
import shutil
import subprocess

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.compile.c import c_source
from symgrad.compile.c_body import has
from symgrad.compile.lower import lower
from symgrad.compile.numpy import Reference
from symgrad.graph import REGISTER, Graph, Type
from tests.ops.sampling import cases, points

CC = shutil.which("cc") or shutil.which("gcc")
needs_compiler = pytest.mark.skipif(CC is None, reason="no C compiler on this machine")
x, y, z = sp.symbols("x y z")

EXPRESSIONS = [
    x**2 + y**3 - z**-2 + x**7,
    sp.exp(-x) * sp.sin(y) ** 2 / (1 + z**2),
    sp.Piecewise((x, x < 1), (sp.sqrt(x), True)) + sp.Abs(y - z) + sp.sign(x - 1),
    sp.Max(x, y, z) * sp.Min(x, y) + sp.Mod(x, y) + sp.Heaviside(x - y),
    sp.log(x) ** sp.Rational(3, 2) + sp.atan2(y, x) + sp.tanh(z) + sp.pi * x,
    sp.Piecewise((1, sp.And(x > 0, sp.Or(y > 1, z < 1))), (sp.floor(x), True)),
]


def build(tmp_path, f, dtype=np.float64):
    source, header = f.c(tmp_path / "model")
    library = tmp_path / f"model{len(list(tmp_path.glob('*.so')))}.so"  # a loaded library is known by its path
    flags = ["-std=c99", "-O2", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror", "-Wno-unused-variable"]
    subprocess.run([CC, *flags, "-shared", "-fPIC", source, "-lm", "-o", library], check=True)
    call = ctypes.CDLL(str(library)).model
    call.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    call.restype = None

    def run(inputs, n):
        given = np.ascontiguousarray(inputs, dtype)
        out = np.full(n, np.nan, dtype)
        call(given.ctypes.data, out.ctypes.data)
        return out

    return run, header.read_text()


@needs_compiler
@pytest.mark.parametrize("expression", EXPRESSIONS, ids=str)
def test_values_and_hessians_equal_the_reference(tmp_path, expression):
    f = sg.function([x, y, z], expression)
    point = [1.3, 0.7, 2.1]
    run, _ = build(tmp_path, f)
    assert run(point, 1)[0] == pytest.approx(f(*point), rel=1e-15)
    run, _ = build(tmp_path, sg.hessian(f))
    np.testing.assert_allclose(run(point, 9).reshape(3, 3), sg.hessian(f)(*point), rtol=1e-13, atol=1e-14)


@needs_compiler
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_operation_that_c_has(tmp_path, dtype):
    g = Graph()
    inputs, outputs, columns, names = [], [], [], []
    for n, op in enumerate(REGISTER.values()):
        if op.kind not in ("elementwise", "constant") or not op.domain:
            continue
        for attrs in cases(op):
            attrs = {"dtype": dtype} if op.name == "cast" else attrs
            own = Graph()
            args = [own.input(f"x{k}", Type(dtype)) for k in range(len(op.domain))]
            try:
                lower(own, [own.add(op, tuple(args), tuple(attrs[a] for a in op.attrs))], has, "C")
            except sg.UnsupportedError:
                continue
            sample = points(op, 5, seed=n)
            if any(isinstance(v, bool) for v in sample[0]):
                continue  # conditions come from relations, which the formulas above have
            args = [g.input(f"x{len(columns)}_{k}", Type(dtype)) for k in range(len(op.domain))]
            inputs += args
            columns += np.array(sample, dtype).T.tolist()
            outputs.append(g.add(op, tuple(args), tuple(attrs[a] for a in op.attrs)))
            names.append(f"{op.name} {attrs}")
    assert len(outputs) > 50
    f = sg.Function(g, inputs, outputs, tree=tuple(range(len(outputs))))
    source, _ = c_source("model", g, inputs, outputs, f.tree, "every operation")
    (tmp_path / "model.c").write_text(source.replace('#include "model.h"', ""))
    library = tmp_path / "model.so"
    flags = ["-std=c99", "-O1", "-ffp-contract=off", "-shared", "-fPIC"]
    subprocess.run([CC, *flags, tmp_path / "model.c", "-lm", "-o", library], check=True)
    call = ctypes.CDLL(str(library)).model
    call.argtypes, call.restype = [ctypes.c_void_p] * 2, None
    reference = Reference(g, inputs, outputs)([np.asarray(c, dtype) for c in columns])
    eps = np.finfo(dtype).eps
    for row in range(5):
        given = np.array([c[row] for c in columns], dtype)
        out = np.zeros(len(outputs), dtype)
        call(given.ctypes.data, out.ctypes.data)
        for name, got, want in zip(names, out, reference, strict=True):
            np.testing.assert_allclose(got, want[row], rtol=300 * eps, err_msg=name)


@needs_compiler
def test_float32(tmp_path):
    f = sg.function([x, y], sp.sin(x) * y, dtype="float32")
    run, header = build(tmp_path, f, np.float32)
    assert "const float *in" in header
    assert run([0.5, 2.0], 1)[0] == pytest.approx(2 * np.sin(0.5), rel=1e-6)


@needs_compiler
def test_sparse_header_holds_the_pattern(tmp_path):
    f = sg.function([x, y, z], sp.Matrix([x * y, sp.sin(z), x + z]))
    jacobian = sg.jacobian(f, sparse=True)
    run, header = build(tmp_path, jacobian)
    np.testing.assert_allclose(run([1.0, 2.0, 3.0], 5), jacobian(1.0, 2.0, 3.0).data)
    assert "model_indptr[4]" in header
    assert "model_indices[5]" in header
    assert "in[0] = x" in header


@needs_compiler
def test_loops(tmp_path):
    i, j, n = sp.symbols("i j n", integer=True)
    a, b = sp.IndexedBase("a"), sp.IndexedBase("b")
    series = sp.Sum(x**i / sp.factorial(i), (i, 0, 20)) * sp.Product(1 + y / (i + 1), (i, 0, 3))
    f = sg.grad(sg.function([x, y], series))
    run, header = build(tmp_path, f)
    np.testing.assert_allclose(run([0.3, 0.2], 2), f(0.3, 0.2), rtol=1e-14)
    assert "void model" in header
    data = sp.Sum(b[i, 1] * sp.exp(-x * a[i]) * sp.Sum(a[j], (j, 0, i)), (i, 0, n - 1))
    f = sg.value_and_grad(sg.function([x], data))
    source, header = f.c(tmp_path / "sums")
    library = tmp_path / "sums.so"
    subprocess.run([CC, "-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-Wno-unused-variable", "-shared", "-fPIC",
                    source, "-lm", "-o", library], check=True)  # fmt: skip
    call = ctypes.CDLL(str(library)).sums
    columns = {"a": np.linspace(0, 1, 9), "b": np.arange(18.0).reshape(9, 2)}
    order = [name for name in f.names if name in columns]
    arrays = (ctypes.c_void_p * 2)(*[columns[name].ctypes.data for name in order])
    lengths = np.array([n for name in order for n in columns[name].shape], np.int64)
    scalars = {"x": 0.7, "n": 9.0}
    given = np.array([scalars[name] for name in f.names if name in scalars])
    out = np.zeros(2)
    call.argtypes = [ctypes.c_void_p] * 4
    assert call(given.ctypes.data, arrays, lengths.ctypes.data, out.ctypes.data) == 0
    want = f(x=0.7, n=9, **columns)
    np.testing.assert_allclose(out, want, rtol=1e-14)
    given[given == 9.0] = 10.0
    assert call(given.ctypes.data, arrays, lengths.ctypes.data, out.ctypes.data) == 1
    assert f"arrays[0] = {order[0]}" in header.read_text()


@needs_compiler
def test_fixed_places_of_arrays_of_any_length(tmp_path):
    a = sp.IndexedBase("a")
    source, _ = sg.function([x, a], x + a[2]).c(tmp_path / "third")
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([CC, *flags, "-shared", "-fPIC", source, "-o", tmp_path / "third.so"], check=True)
    call = ctypes.CDLL(str(tmp_path / "third.so")).third
    call.argtypes = [ctypes.c_void_p] * 4
    for length, outside in ((3, 0), (2, 1)):
        data, given, out = np.arange(length) + 5.0, np.array([1.0]), np.zeros(1)
        lengths = np.array([length], np.int64)
        pointers = (ctypes.c_void_p * 1)(data.ctypes.data)
        assert call(given.ctypes.data, pointers, lengths.ctypes.data, out.ctypes.data) == outside
        assert out[0] == (1.0 if outside else 8.0)


@needs_compiler
def test_constants_beyond_float32(tmp_path):
    run, _ = build(tmp_path, sg.function([x], [x + 1e300, x - 10**50, x + 3.4e38], dtype="float32"), np.float32)
    np.testing.assert_array_equal(run([0.0], 3), np.array([np.inf, -np.inf, 3.4e38], np.float32))


@needs_compiler
def test_names_can_not_leave_their_comment(tmp_path):
    odd = sp.Symbol("*/ int evil; /*")
    f = sg.function([odd, y], odd * y + sp.Symbol("a\nb"), name="*/ more")
    run, header = build(tmp_path, f)
    assert run([2.0, 3.0, 1.0], 1)[0] == 7.0
    assert header.count("*/") == 1
    program = tmp_path / "program.c"
    program.write_text('#include "model.h"\nint main(void) { return 0; }\n')
    subprocess.run([CC, "-std=c99", "-Wall", "-Wextra", "-Werror", "-c", program, "-o", tmp_path / "p.o"], check=True)


@pytest.mark.parametrize("name", ["int", "exp", "sinf", "main", "real", "sg_max", "1st"])
def test_refuses_names_that_c_has(tmp_path, name):
    with pytest.raises(sg.ArgumentError, match="can't name a C function"):
        sg.function([x], sp.Max(x, 1)).c(tmp_path / name)


def test_refuses_what_libm_has_not(tmp_path):
    f = sg.function([x], sp.besselj(0, x))
    with pytest.raises(sg.UnsupportedError, match="C back end"):
        f.c(tmp_path / "model")


def test_refuses_a_name_that_c_can_not_hold(tmp_path):
    with pytest.raises(sg.ArgumentError, match="name"):
        sg.function([x], x).c(tmp_path / "9lives")
