"""One matrix: operations and functions, times back ends. Values, gradients, Hessians equal to rounding.

The reference is NumPy's back end. PyTorch and JAX differentiate what they are given once more by themselves.
"""

from __future__ import annotations

import ctypes
import math
import re
import shutil
import subprocess
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp
import torch

import symgrad as sg
from symgrad import Function, UnsupportedError
from symgrad.compile.numpy import Reference
from symgrad.graph import REGISTER
from symgrad.graph.tree import leaves_of as tree_leaves
from tests.ops.checking import EPS, derive, evaluate, passive, scale
from tests.ops.sampling import cases, points

FRAMEWORKS = ("torch", "jax")
ELEMENTWISE = [name for name, op in REGISTER.items() if op.kind == "elementwise"]

BOTH = ["airyai", "airyaiprime", "airybi", "airybiprime", "binom", "chi", "ellipd3inc", "ellipdinc", "ellipe"]
BOTH += ["ellipeinc", "ellipk", "ellipkinc", "ellipmoment", "ellippart", "ellippi", "elliprd", "elliprf", "elliprj"]
BOTH += ["eval_chebyt", "eval_chebyu", "eval_gegenbauer", "eval_genlaguerre", "eval_jacobi", "eval_laguerre"]
BOTH += [
    "eval_legendre",
    "hyp0f1",
    "hyp2f1",
    "iv",
    "jv",
    "kv",
    "lambertw",
    "lpmv",
    "riemann_zeta",
    "shi",
    "spence",
    "yv",
]
ALONE = ["betainc", "ci", "erfi", "exp1", "expi", "expn", "fresnelc", "fresnels", "hyp1f1", "li", "poch", "si"]
WITHOUT = {"torch": [*BOTH, *ALONE], "jax": BOTH}
"""What the frameworks have not; docs/frameworks.md lists it."""

ULPS = 300.0
OWN_DERIVATIVE: dict[str, tuple[float, str]] = {
    "expm1": (1e-15, "expm1(x) + 1 for exp(x)"),
    "tanh": (1e-15, "1 - tanh(x)**2"),
    "sigmoid": (1e-14, "s (1 - s)"),
    "logaddexp": (1e-14, "s (1 - s)"),
    "softplus": (1e-14, "s (1 - s)"),
    "arccot": (1e-13, "that of arctan(1/x)"),
    "log_ndtr": (1e-12, "differences"),
    "digamma": (2e-9, "PyTorch's polygamma(1, x)"),
    "gammaln": (2e-9, "PyTorch's polygamma(1, x)"),
    "loggamma": (2e-9, "PyTorch's polygamma(1, x)"),
    "gamma": (2e-9, "PyTorch's polygamma(1, x)"),
    "beta": (2e-9, "PyTorch's polygamma(1, x)"),
    "betaln": (2e-9, "PyTorch's polygamma(1, x)"),
}
"""Where the framework's own derivative of an operation is less exact than the declared one: error, and why."""

Orders = tuple[int, ...]
quick = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
"""jax.jit, compiling in half the time."""


def by_torch(f: Function, columns: list[Any], active: list[int]) -> dict[Orders, Any]:
    """Value, first and second partial derivatives by autograd, at every point."""
    given = [torch.tensor(c, requires_grad=k in active) for k, c in enumerate(columns)]
    value = f.torch()(*given)
    zero = (0,) * len(given)
    found: dict[Orders, Any] = {zero: value}
    wrt = [given[k] for k in active]
    first = torch.autograd.grad(value.sum(), wrt, create_graph=True, materialize_grads=True) if wrt else ()
    for k, slope in zip(active, first, strict=True):
        found[up(zero, k)] = slope
        if slope.requires_grad:
            second = torch.autograd.grad(slope.sum(), wrt, retain_graph=True, materialize_grads=True)
            found |= {up(up(zero, k), j): s for j, s in zip(active, second, strict=True)}
    return {orders: v.detach().numpy(force=True) for orders, v in found.items()}


def by_jax(f: Function, columns: list[Any], active: list[int]) -> dict[Orders, Any]:
    """The same by jax.grad and jax.vmap, compiled."""
    with jax.enable_x64(True):
        call, zero = f.jax(), (0,) * len(columns)
        given = [jnp.asarray(c) for c in columns]
        programs = {zero: call}
        for k in active:
            programs[up(zero, k)] = jax.grad(call, k)
            programs |= {up(up(zero, k), j): jax.grad(programs[up(zero, k)], j) for j in active}
        mapped = quick(lambda *a: {orders: jax.vmap(p)(*a) for orders, p in programs.items()})(*given)
        return {orders: np.asarray(v) for orders, v in mapped.items()}


def up(orders: Orders, k: int) -> Orders:
    return tuple(n + (j == k) for j, n in enumerate(orders))


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_operations_and_what_the_framework_derives_from_them(name: str, framework: str) -> None:
    op = REGISTER[name]
    absent = name in WITHOUT[framework]
    for attrs in cases(op):
        rows = points(op, 8, seed=1)
        partials = derive(op, attrs, "float64", 0 if absent else 3)
        zero = (0,) * len(op.domain)
        f = Function(partials.graph, partials.inputs, [partials.nodes[zero]], simple=True)
        columns = [np.array(c) for c in zip(*rows, strict=True)]
        columns = [c if c.dtype == bool else c.astype(float) for c in columns]
        if absent:
            with pytest.raises(UnsupportedError, match=f"{'PyTorch' if framework == 'torch' else 'JAX'} back end"):
                by_torch(f, columns, []) if framework == "torch" else by_jax(f, columns, [])
            continue
        want = evaluate(partials, rows, "float64")
        active = [k for k in range(len(columns)) if k not in passive(op)]
        got = (by_torch if framework == "torch" else by_jax)(f, columns, active)
        assert len(got) > len(active)
        for orders, values in got.items():
            slack = OWN_DERIVATIVE[name][0] if sum(orders) and name in OWN_DERIVATIVE else 0.0
            for k, row in enumerate(rows):
                exact = float(want[orders][k]) if orders in want else 0.0
                if not math.isfinite(exact):
                    continue
                size = scale(want, orders, row, k) if orders in want else 1.0
                error = abs(float(values[k]) - exact)
                assert error <= ULPS * EPS["float64"] * size + slack * max(1.0, size), (
                    f"{name} {attrs} {orders} at {row}: {values[k]} instead of {exact}"
                )


def test_the_page_lists_what_is_missing() -> None:
    page = (Path(__file__).parents[2] / "docs" / "frameworks.md").read_text()
    both, alone = (re.findall(r"`(\w+)`", part) for part in page.rpartition("| --- |\n")[2].split(" | "))
    assert sorted(both) == sorted(WITHOUT["jax"])
    assert sorted(both + alone) == sorted(WITHOUT["torch"])


i, j, n = sp.symbols("i j n", integer=True)
x, y, w = sp.symbols("x y w")
a = sp.IndexedBase("a")
A, B = sp.MatrixSymbol("A", 3, 3), sp.MatrixSymbol("B", 3, 2)
v = sp.MatrixSymbol("v", 3, 1)
RNG = np.random.default_rng(3)
SQUARE = RNG.normal(size=(3, 3)) + 3 * np.eye(3)


def logistic(w: Any, X: Any, y: Any) -> Any:
    return np.mean(np.logaddexp(0, -y * (X @ w)))


def net(w: Any, v: Any, X: Any) -> Any:
    return np.sum(np.tanh(X @ w) @ v) + np.sum(v**2) / 2


def pairs(p: Any) -> Any:
    d = p[:, None, :] - p[None, :, :]
    return np.sum(np.sqrt(np.sum(d**2, axis=-1) + 1.0))


FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "quotient": (sg.function([x, y], sp.exp(-x) * sp.sin(y) ** 2 / (1 + x**2)), (0.7, -1.3)),
    "piecewise": (sg.function([x, y], sp.Piecewise((sp.sqrt(x - 2), x > 2), (x * y**3, True))), (0.7, -1.3)),
    "sum": (sg.function([w], sp.Sum((a[i] - w * i) ** 2, (i, 0, 6)) / 7), (0.4, RNG.normal(size=7))),
    "sum of sums": (sg.function([w], sp.Sum(sp.exp(-w * a[i]) * sp.Sum(a[j] * w, (j, 0, i)), (i, 0, 6))),
                    (0.4, RNG.normal(size=7))),
    "product": (sg.function([x], sp.Product(1 + x / (i + 1), (i, 0, 5)) + sp.Sum(x**i, (i, 0, 3))), (0.3,)),
    "x'Ax": (sg.function([v], v.T * A * v), (RNG.normal(size=(3, 1)), SQUARE)),
    "log det": (sg.function([A], sp.log(sp.Determinant(A))), (SQUARE,)),
    "least squares": (sg.function([B], sp.Trace((A * B - B).T * (A * B - B))), (RNG.normal(size=(3, 2)), SQUARE)),
    "tr of inverse": (sg.function([A], sp.Trace(A.inv() * A.T)), (SQUARE,)),
    "logistic regression": (sg.function(logistic),
                            (RNG.normal(size=3), RNG.normal(size=(5, 3)), np.sign(RNG.normal(size=5)))),
    "net": (sg.function(net), (RNG.normal(size=(3, 4)), RNG.normal(size=4), RNG.normal(size=(5, 3)))),
    "pairs": (sg.function(pairs), (RNG.normal(size=(4, 3)),)),
}  # fmt: skip
ORDERS = {"value": lambda f: f, "gradient": sg.grad, "Hessian": sg.hessian}


def concrete(name: str, order: str) -> tuple[Function, list[Any]]:
    f, args = FUNCTIONS[name]
    f = ORDERS[order](f)
    return (f if isinstance(f, Function) else f.specialise(*args)), list(args)


def leaves(result: Any) -> list[np.ndarray]:
    if isinstance(result, tuple):
        return [leaf for part in result for leaf in leaves(part)]
    return [np.asarray(result.detach() if isinstance(result, torch.Tensor) else result)]


def run_reference(f: Function, args: list[Any]) -> list[np.ndarray]:
    found = Reference(*f.program)([np.asarray(x) for x in args])
    return [found[k] for k in tree_leaves(f.tree)]


def run_native(f: Function, args: list[Any]) -> list[np.ndarray]:
    return leaves(f.compile()(*args))


def run_torch(f: Function, args: list[Any]) -> list[np.ndarray]:
    return leaves(f.torch()(*[torch.tensor(x, dtype=torch.float64) for x in args]))


def run_jax(f: Function, args: list[Any]) -> list[np.ndarray]:
    with jax.enable_x64(True):
        return leaves(quick(f.jax())(*args))


def run_c(f: Function, args: list[Any]) -> list[np.ndarray]:
    """Numbers and arrays of known shapes in one array; others by their addresses and lengths."""
    with tempfile.TemporaryDirectory() as folder:
        source, _ = f.c(Path(folder) / "model")
        library = Path(folder) / "model.so"
        subprocess.run(["cc", "-std=c99", "-O1", "-shared", "-fPIC", source, "-lm", "-o", library], check=True)
        call = ctypes.CDLL(str(library)).model
        outputs = run_reference(f, args)
        out = np.full(sum(o.size for o in outputs), np.nan)
        known = [None not in f.graph.types[i].shape for i in f.inputs]
        numbers = np.concatenate([np.zeros(0), *(np.ravel(x) for x, k in zip(args, known, strict=True) if k)])
        if all(known):
            call.argtypes = [ctypes.c_void_p] * 2
            call(numbers.ctypes.data, out.ctypes.data)
        else:
            arrays = [np.ascontiguousarray(x) for x, k in zip(args, known, strict=True) if not k]
            table = (ctypes.c_void_p * len(arrays))(*(a.ctypes.data for a in arrays))
            lengths = np.array([n for a in arrays for n in a.shape], np.int64)
            call.argtypes = [ctypes.c_void_p] * 4
            assert call(numbers.ctypes.data, table, lengths.ctypes.data, out.ctypes.data) == 0
        ends = np.cumsum([o.size for o in outputs])[:-1]
        return [part.reshape(o.shape) for part, o in zip(np.split(out, ends), outputs, strict=True)]


NOT_IN_C = ("log det", "tr of inverse")
BACK_ENDS = {"native": run_native, "torch": run_torch, "jax": run_jax, "c": run_c}


@pytest.mark.parametrize("back_end", BACK_ENDS)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str, order: str, back_end: str) -> None:
    if back_end == "c" and shutil.which("cc") is None:
        pytest.skip("no C compiler on this machine")
    f, args = concrete(name, order)
    want = run_reference(f, args)
    try:
        got = BACK_ENDS[back_end](f, args)
    except UnsupportedError as e:
        if back_end != "c" or name not in NOT_IN_C:
            raise
        pytest.skip(str(e))
    assert len(got) == len(want)
    for mine, theirs in zip(got, want, strict=True):
        assert mine.shape == theirs.shape
        np.testing.assert_allclose(mine, theirs, rtol=1e-11, atol=1e-11 * max(1.0, float(np.abs(theirs).max())))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_frameworks_derive_the_same(name: str) -> None:
    """Their gradient of the value, and of the gradient's first entry, is what symgrad derives."""
    value, args = concrete(name, "value")
    gradient, _ = concrete(name, "gradient")
    want = run_reference(gradient, args)
    wrt = [k for k, x in enumerate(args) if len(want) > k]
    given = [torch.tensor(x, dtype=torch.float64, requires_grad=k in wrt) for k, x in enumerate(args)]
    mine = torch.autograd.grad(value.torch()(*given).sum(), [given[k] for k in wrt])
    with jax.enable_x64(True):
        call = value.jax()
        theirs = quick(jax.grad(lambda *z: jnp.sum(call(*z)), wrt))(*map(jnp.asarray, args))
        assert all(t.dtype == jnp.float64 for t in theirs)
    for exact, one, other in zip(want, mine, theirs, strict=True):
        slack = 1e-11 * max(1.0, float(np.abs(exact).max()))
        np.testing.assert_allclose(one.numpy().reshape(exact.shape), exact, rtol=1e-11, atol=slack)
        np.testing.assert_allclose(np.asarray(other).reshape(exact.shape), exact, rtol=1e-11, atol=slack)
