"""Source of plain JAX runs there, under `jit` and differentiated, with the values of ours; what JAX lacks is told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad import Function
from symgrad.show.jax_source import jax_source
from symgrad.show.python import identifier
from tests.ops.arrays import Case, scalar
from tests.ops.test_array_rules import CASES, EVERY

jax = pytest.importorskip("jax")


def compiled(f: Function) -> Any:
    scope: dict[str, Any] = {}
    exec(jax_source(f.python()), scope)  # our own text, as a user would run it
    return scope[identifier(f.name)]


def agree(f: Function, values: list[Any]) -> None:
    try:
        call = compiled(f)
    except sg.UnsupportedError as e:
        pytest.skip(str(e))
    with jax.enable_x64(True):
        got = jax.jit(call)(*values)
    want = f(*values)
    for mine, theirs in zip(*(x if isinstance(x, tuple) else (x,) for x in (got, want)), strict=True):
        assert np.shape(mine) == np.shape(theirs)
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-10)


def function(case: Case) -> Function:
    g, inputs, y = case.graph()
    return Function(g, [i.id for i in inputs], [y.id])


@pytest.mark.parametrize("name", EVERY)
def test_every_operation_on_arrays(name: str) -> None:
    agree(function(EVERY[name]), EVERY[name].arguments())


@pytest.mark.parametrize("name", CASES)
def test_gradients(name: str) -> None:
    case = CASES[name]
    agree(sg.grad(function(scalar(case)), wrt=[f"x{k}" for k in case.active]), case.arguments())


def test_most_operations_have_a_form() -> None:
    refused = []
    for name, case in EVERY.items():
        try:
            compiled(function(case))
        except sg.UnsupportedError as e:
            refused.append((name, str(e)))
    assert len(refused) <= 4
    assert all("no form in JAX" in told or "JAX has no" in told for _, told in refused)


def test_it_reads_as_written_by_hand() -> None:
    f = sg.grad(lambda w, X, y: np.mean(np.logaddexp(0, -y * (X @ w))))
    source = jax_source(f.python(np.ones(3), np.ones((6, 3)), np.ones(6)))
    assert source.startswith("import jax.scipy\n\n\ndef grad_lambda(w, X, y):\n")
    assert "return -(X.T @ (y*jax.scipy.special.expit(-y*(X @ w))))/6" in source
    g = sg.hessian(lambda x: np.sum(np.exp(x) * np.log(x)))
    assert jax_source(g.python(np.ones(3))).startswith("import jax.numpy as jnp\n\n\ndef ")
    plain = sg.grad(lambda x, A: x @ A @ x).python(np.ones(3), np.eye(3))
    assert jax_source(plain) == plain


def test_loops_keep_their_imports() -> None:
    import sympy as sp

    x, k = sp.symbols("x k")
    f = sg.function([x], sp.Product(sp.sin(k * x), (k, 1, 4)))
    source = jax_source(f.python())
    assert "import math\n" in source
    with jax.enable_x64(True):
        scope: dict[str, Any] = {}
        exec(source, scope)
        np.testing.assert_allclose(scope[identifier(f.name)](0.3), f(0.3))


def test_what_jax_lacks_is_named() -> None:
    import sympy as sp

    x = sp.symbols("x")
    with pytest.raises(sg.UnsupportedError, match=r"JAX has no special\.jv"):
        jax_source(sg.function([x], sp.besselj(1, x)).python())
    with pytest.raises(sg.UnsupportedError, match="sparse results"):
        jax_source(sg.hessian(lambda x: np.sum(x**3), sparse=True).python(np.ones(3)))
