"""Operations on arrays in PyTorch and JAX: values, and what the frameworks derive from them, against the reference."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import symgrad as sg
from symgrad import Function
from symgrad.compile import jax as jax_back_end
from symgrad.compile import torch as torch_back_end
from symgrad.compile.numpy import Reference
from symgrad.derive import tensors
from symgrad.graph import REGISTER, Graph, Node, Type
from symgrad.ops import decompositions, einsum, linalg, literal, reduce, shape, take
from tests.ops.arrays import Case, scalar
from tests.ops.test_array_rules import CASES, PLACED, real

RNG = np.random.default_rng(7)
MATRICES = RNG.normal(size=(2, 3, 3)) + 2 * np.eye(3)
POSITIVE = MATRICES @ MATRICES.mT
TALL = RNG.normal(size=(2, 4, 3))
RIGHT = RNG.normal(size=(2, 3, 2))


def of(build: Any, *values: np.ndarray) -> Case:
    return Case(build, None, values)


def constant(value: Any) -> Any:
    return lambda x: x * Node(x.graph, literal.constant_array(x.graph, value))


MORE: dict[str, Case] = {
    "inv": of(linalg.inv, MATRICES),
    "det": of(linalg.det, MATRICES),
    "logdet": of(linalg.logdet, POSITIVE),
    "logabsdet": of(linalg.logabsdet, -MATRICES),
    "det_sign": of(linalg.det_sign, -MATRICES),
    "solve": of(linalg.solve, MATRICES, RIGHT),
    "solve for a vector": of(linalg.solve, MATRICES[0], RIGHT[0, :, 0]),
    "solve for many": of(linalg.solve, MATRICES, RNG.normal(size=(2, 3, 2, 2))),
    "triangular_solve": of(lambda a, b: decompositions.triangular_solve(a, b, lower=True), MATRICES, RIGHT),
    "upper triangle": of(lambda a, b: decompositions.triangular_solve(a, b, lower=False), MATRICES[0], RIGHT[0]),
    "cholesky": of(decompositions.cholesky, POSITIVE),
    "eigh": of(lambda a: decompositions.eigh(a, take=0), POSITIVE),
    "eigh vectors": of(lambda a: decompositions.eigh(a, take=1) ** 2, POSITIVE),
    "svd": of(lambda a: decompositions.svd(a, take=1), TALL),
    "svd left": of(lambda a: decompositions.svd(a, take=0) ** 2, TALL),
    "svd right": of(lambda a: decompositions.svd(a, take=2) ** 2, TALL),
    "qr": of(lambda a: decompositions.qr(a, take=0) ** 2, TALL),
    "qr right": of(lambda a: decompositions.qr(a, take=1) ** 2, TALL),
    "pinv": of(lambda a: decompositions.pinv(a, rcond=1e-12), TALL),
    "expm": of(decompositions.expm, MATRICES),
    "expm_frechet": of(decompositions.expm_frechet, MATRICES[0] / 3, MATRICES[1]),
    "literal": of(constant(np.arange(6.0).reshape(2, 3)), real(2, 3)),
    "delta": of(constant(np.eye(3)), MATRICES[0]),
    "broadcast": of(lambda x: shape.broadcast(x, shape=(4, 2, 3)), real(2, 3)),
    "reshape": of(lambda x: shape.reshape(x, shape=(6, 1)), real(2, 3)),
    "einsum": of(lambda x, y: einsum.einsum(x, y, subscripts="ijk,kl->lij"), real(2, 2, 3), real(3, 2)),
    "einsum of diagonals": of(lambda x: einsum.einsum(x, subscripts="ii->i"), real(3, 3)),
    "einsum of numbers": of(lambda x, y: einsum.einsum(x, y, subscripts=",ij->ji"), np.array(0.7), real(2, 3)),
    "long linear_recurrence": of(reduce.linear_recurrence, np.cos(np.arange(100.0)), np.sin(np.arange(100.0))),
    "equal elements": of(reduce.amax, np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])),
    "cummax of equal elements": of(reduce.cummax, np.array([[1.0, 1.0, 3.0, 3.0, 2.0]])),
}  # fmt: skip
EVERY = CASES | PLACED | MORE
SLOW = ("expm", "expm_frechet")
"""JAX takes 5 s to compile their derivatives."""
COVERED = {"stack", "element", "gather", "basis", "fold", "const", "input"}
"""By the tests of formulas and loops."""

# vectors of decompositions are squared: their signs are free


def gradient(case: Case) -> Function:
    """The gradient of a number in which the operation stands, in the order of the case's arguments."""
    g, inputs, _ = case.graph()
    y = scalar(case).build(*inputs)
    roots = [tensors.gradient(g, y.id, [inputs[k].id])[0] for k in case.active]
    return Function(g, [i.id for i in inputs], [y.id, *roots], tree=tuple(range(1 + len(roots))))


def by_torch(f: Function, values: list[Any], active: list[int]) -> tuple[Any, Any]:
    given = [torch.tensor(x, requires_grad=k in active) for k, x in enumerate(values)]
    found = f.torch()(*given)
    wrt = [given[k] for k in active]
    slopes = torch.autograd.grad(found[0], wrt, materialize_grads=True) if active else ()
    return [x.detach().numpy() for x in found], [s.numpy() for s in slopes]


def by_jax(f: Function, values: list[Any], active: list[int]) -> tuple[Any, Any]:
    with jax.enable_x64(True):
        call = f.jax()

        def both(*given: Any) -> Any:
            slopes = jax.grad(lambda *z: call(*z)[0], active)(*given) if active else ()
            return call(*given), slopes

        return jax.jit(both, compiler_options={"xla_backend_optimization_level": 0})(*map(jnp.asarray, values))


@pytest.mark.parametrize("framework", [by_torch, by_jax])
@pytest.mark.parametrize("name", EVERY)
def test_values_and_gradients(name: str, framework: Any) -> None:
    """Symgrad's gradient in the framework's code, and the framework's own of the value."""
    case = EVERY[name]
    g, inputs, y = case.graph()
    plain = Function(g, [i.id for i in inputs], [y.id])
    want = Reference(g, plain.inputs, plain.outputs)(case.arguments())
    (got,), _ = framework(Function(g, plain.inputs, plain.outputs, tree=(0,)), case.arguments(), [])
    assert np.asarray(got).dtype == want[0].dtype
    np.testing.assert_allclose(got, want[0], rtol=1e-12, atol=1e-13)
    if not case.active or y.type.dtype != "float64" or (framework is by_jax and name in SLOW):
        return
    f = gradient(case)
    value, *slopes = Reference(f.graph, f.inputs, f.outputs)(case.arguments())
    (theirs, *ours), own = framework(f, case.arguments(), case.active)
    size = max(1.0, float(np.abs(value)), *[float(np.max(np.abs(s), initial=0.0)) for s in slopes])
    np.testing.assert_allclose(theirs, value, rtol=1e-11, atol=1e-12 * size)
    for exact, one, other in zip(slopes, ours, own, strict=True):
        np.testing.assert_allclose(one, exact, rtol=1e-10, atol=1e-11 * size)
        np.testing.assert_allclose(other, exact, rtol=1e-10, atol=1e-11 * size)


@pytest.mark.parametrize("module", [torch_back_end, jax_back_end])
def test_every_operation_has_a_lowering(module: Any) -> None:
    """But special functions, which `test_every_back_end` lists."""
    used = {REGISTER[n].name for c in EVERY.values() for n in {op.name for op in c.graph()[0].ops}} | COVERED
    used |= {name for name, op in REGISTER.items() if op.kind == "flow"}  # in test_flow_back_ends
    for name, op in REGISTER.items():
        if op.kind not in ("elementwise", "constant") and name != "implicit":  # SciPy's solvers, which take NumPy alone
            assert module.has(op), name
            assert name in used, f"{name} is in no case"


def test_places_outside_are_nan() -> None:
    g = Graph()
    x, i = g.input("x", Type("float64", (2, 3))), g.input("i", Type("int64", (4,)))
    f = Function(g, [x, i], [take.take(Node(g, x), Node(g, i), axis=-1).id])
    values, places = np.arange(6.0).reshape(2, 3), np.array([0, -1, 3, 2])
    want = [[0, np.nan, np.nan, 2], [3, np.nan, np.nan, 5]]
    np.testing.assert_array_equal(f.torch()(torch.tensor(values), torch.tensor(places)), want)
    np.testing.assert_array_equal(f.jax()(values, places), want)


def test_identities_are_structural_zeros() -> None:
    """Infinity times an identity's zero is zero, forwards and in what the frameworks derive."""
    g = Graph()
    v = g.input("v", Type("float64", (2,)))
    diagonal = einsum.contract(g, [(v, (0,)), (g.add(einsum.delta, (), (2, "float64")), (0, 1))], (0, 1))
    f = Function(g, [v], [diagonal])
    given = torch.tensor([np.inf, 2.0], dtype=torch.float64, requires_grad=True)
    result = f.torch()(given)
    np.testing.assert_array_equal(result.detach(), [[np.inf, 0], [0, 2]])
    (slope,) = torch.autograd.grad(result[1, 1], given)
    np.testing.assert_array_equal(slope, [0, 1])
    np.testing.assert_array_equal(f.jax()(jnp.array([jnp.inf, 2.0])), [[np.inf, 0], [0, 2]])


def test_under_compile_and_vmap() -> None:
    """The decompositions' shared parts, padding, scatter and scans through torch.compile and both vmaps."""

    def f(a: Any) -> Any:
        return np.sum(np.linalg.inv(a @ a.T) * np.cumsum(a, axis=0)) + np.max(a[[2, 0]]) + np.sum(a[::2] ** 2)

    gradient = sg.grad(f)
    rows = [np.ascontiguousarray(m) for m in MATRICES]
    want = [gradient(m) for m in rows]
    module = gradient.torch(torch.tensor(rows[0]))
    torch._dynamo.reset()
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    np.testing.assert_allclose(compiled(torch.tensor(rows[0])), want[0], rtol=1e-11)
    np.testing.assert_allclose(torch.func.vmap(module)(torch.tensor(MATRICES)), want, rtol=1e-11)
    with jax.enable_x64(True):
        np.testing.assert_allclose(jax.jit(jax.vmap(gradient.jax()))(MATRICES), want, rtol=1e-11)
