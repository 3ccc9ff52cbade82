"""One matrix: operations and functions, times back ends. Values, gradients, Hessians equal to rounding.

The reference is NumPy's back end. PyTorch and JAX differentiate what they are given once more by themselves.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from symgrad import Function, UnsupportedError
from symgrad.graph import REGISTER
from tests.ops.checking import EPS, derive, evaluate, passive, scale
from tests.ops.sampling import cases, points

FRAMEWORKS = ("torch", "jax")
ELEMENTWISE = [name for name, op in REGISTER.items() if op.kind == "elementwise"]

WITHOUT = {
    "torch": """airyai airyaiprime airybi airybiprime betainc binom chi ci ellipd3inc ellipdinc ellipe ellipeinc
        ellipk ellipkinc ellipmoment ellippart ellippi elliprd elliprf elliprj erfi eval_chebyt eval_chebyu
        eval_gegenbauer eval_genlaguerre eval_jacobi eval_laguerre eval_legendre exp1 expi expn fresnelc fresnels
        hyp0f1 hyp1f1 hyp2f1 iv jv kv lambertw li lpmv poch riemann_zeta shi si spence yv""".split(),
    "jax": """airyai airyaiprime airybi airybiprime binom chi ellipd3inc ellipdinc ellipe ellipeinc ellipk ellipkinc
        ellipmoment ellippart ellippi elliprd elliprf elliprj eval_chebyt eval_chebyu eval_gegenbauer
        eval_genlaguerre eval_jacobi eval_laguerre eval_legendre hyp0f1 hyp2f1 iv jv kv lambertw lpmv riemann_zeta
        shi spence yv""".split(),
}
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
        mapped = jax.jit(lambda *a: {orders: jax.vmap(p)(*a) for orders, p in programs.items()})(*given)
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
