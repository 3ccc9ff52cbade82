"""JAX out: plain JAX that jit, vmap and grad take, on the dtype of its inputs."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp
from jax.experimental import sparse

import symgrad as sg
from symgrad.compile.numpy import Reference

x, y, w = sp.symbols("x y w")
i, j, n = sp.symbols("i j n", integer=True)
a, b = sp.IndexedBase("a"), sp.IndexedBase("b")
LOSS = sg.function([w], sp.Sum((a[i] - w) ** 2, (i, 0, n - 1)) / n, name="loss")
DATA = np.array([1.0, 2.0, 6.0])


@pytest.fixture
def x64():
    with jax.enable_x64(True):
        yield


def close(got: Any, want: Any, rtol: float = 1e-13) -> None:
    np.testing.assert_allclose(np.asarray(got), want, rtol=rtol, atol=1e-13)


def test_traces_to_plain_primitives():
    f = sg.function([x, y], x**2 + sp.exp(y))
    primitives = [e.primitive.name for e in jax.make_jaxpr(f.jax())(jnp.ones(()), jnp.ones(())).eqns]
    assert primitives == ["exp", "integer_pow", "add"]


@pytest.mark.usefixtures("x64")
def test_calls_by_position_and_by_name():
    call = LOSS.jax()
    want = LOSS(2.0, n=3, a=DATA)
    for run in (call, jax.jit(call)):
        close(run(2.0, jnp.array(DATA), 3), want)
        close(run(2.0, a=DATA, n=3), want)
        close(run(n=jnp.array(3.0), a=DATA, w=2.0), want)
    assert call.__name__ == "loss"
    with pytest.raises(sg.ArgumentError, match="missing: n"):
        call(2.0, DATA)
    with pytest.raises(sg.ArgumentError, match="a must have shape"):
        call(2.0, jnp.array(1.0), 3)
    with pytest.raises(sg.ArgumentError, match="an array of shape"):
        call(2.0, 1.0, 3)
    with pytest.raises(sg.ArgumentError, match="real numbers"):
        call(jnp.array(1j), DATA, 3)


@pytest.mark.usefixtures("x64")
def test_results_nest_as_the_function_s():
    value, slopes = sg.value_and_grad(sg.function([x, y], x * y)).jax()(2.0, 3.0)
    assert (float(value), *map(float, slopes)) == (6.0, 3.0, 2.0)
    f = sg.function([x, y], sp.Matrix([x * y, sp.sin(x)]))
    matrix = jax.jit(sg.jacobian(f, sparse=True).jax())(0.5, 2.0)
    assert isinstance(matrix, sparse.BCSR)
    close(matrix.todense(), sg.jacobian(f)(0.5, 2.0))


@pytest.mark.usefixtures("x64")
def test_batches():
    f = sg.hessian(sg.function([x, y], x**3 * y + 2 * y))
    xs, ys = np.linspace(0, 1, 5)[:, None], np.linspace(1, 2, 3)
    close(jax.jit(f.jax())(xs, ys), f(xs, ys))
    constant = sg.grad(sg.function([x, y], 3 * x + y)).jax()(jnp.zeros(4), jnp.zeros(4))
    assert [c.shape for c in constant] == [(4,), (4,)]
    A, v = sp.MatrixSymbol("A", 3, 3), sp.MatrixSymbol("v", 3, 1)
    f = sg.grad(sg.function([v], v.T * A * v))
    vs, As = np.random.default_rng(0).normal(size=(2, 4, 3, 1)), np.random.default_rng(1).normal(size=(3, 3))
    close(jax.jit(f.jax())(vs, As), f(vs, As))
    ws, ns = np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])
    close(LOSS.jax()(ws, DATA, ns), Reference(*LOSS.program)([ws, DATA, ns])[0])


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_dtype_is_that_of_the_inputs(dtype: str):
    """Without x64, graphs of float64 run in what the inputs are; nothing warns, nothing global changes."""
    f = sg.function([x, y], sp.Piecewise((sp.sqrt(2) * x + sp.pi, y > 0), (1, True)) / 3 + sp.Max(x, sp.E))
    for g in (f, sg.grad(f), sg.hessian(f)):
        result = jax.jit(g.jax())(jnp.array(0.5, dtype), jnp.array(2.0, dtype))
        assert all(r.dtype == dtype for r in jax.tree.leaves(result))
    assert LOSS.jax()(2.0, jnp.array(DATA, dtype), 3).dtype == dtype
    A = sp.MatrixSymbol("A", 2, 2)
    g = sg.hessian(sg.function([A], sp.Trace(A * A * A + sp.Identity(2))))
    assert g.jax()(jnp.ones((2, 2), dtype)).dtype == dtype
    assert not jax.config.jax_enable_x64
    assert LOSS.jax()(2.0, DATA, 3).dtype == jnp.float32


@pytest.mark.usefixtures("x64")
def test_float32_stays_float32_with_x64():
    f = sg.grad(sg.function([x], sp.exp(sp.pi * x) / 3))
    assert f.jax()(jnp.float32(0.5)).dtype == jnp.float32


LOOPS = {
    "recurrence": (sp.Sum(w**i * sp.Product(1 + w * a[j], (j, 0, i)), (i, 0, n - 1)), 3),
    "product": (sp.Product(1 + w * a[i], (i, 0, n - 1)), 3),
    "nested": (sp.Sum(a[i] * sp.Sum(w * b[i, j], (j, 0, i)), (i, 0, n - 1)), 3),
    "computed": (sp.Sum(w * a[2 - i] * a[i], (i, 0, n - 1)), 3),
    "empty": (sp.Sum(w * a[i], (i, 0, n - 1)), 0),
    "part": (sp.Sum(w * a[i], (i, 1, n - 1)), 2),
}


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", LOOPS)
def test_loops(name: str):
    """Bounds that are known when JAX traces, and bounds that are not."""
    expression, count = LOOPS[name]
    f = sg.value_and_grad(sg.function([w], expression))
    arrays = {"a": DATA, "b": np.arange(9.0).reshape(3, 3)}
    given = {k: v for k, v in arrays.items() if k in f.names}
    want = f(w=0.7, n=count, **given)
    call = f.jax()
    for got in (
        jax.jit(lambda w, g: call(w=w, n=count, **g))(0.7, given),
        jax.jit(call)(w=0.7, n=count, **given),
    ):
        close(got[0], want[0])
        close(got[1], want[1])
    value = sg.function([w], expression).jax()
    close(jax.grad(lambda w: value(w=w, n=count, **given))(0.7), want[1])
    if name != "recurrence":  # whose outer loop reads no array at its index
        close(jax.jit(jax.grad(lambda w, n: value(w=w, n=n, **given)))(0.7, count), want[1])


@pytest.mark.usefixtures("x64")
def test_loops_of_unknown_length():
    """Without an array to say how many passes there can be: a while loop, differentiable forwards only."""
    f = sg.function([w], sp.Sum(w**i / (1 + i), (i, 0, n)))
    call = jax.jit(f.jax())
    close(call(0.5, 7), f(0.5, 7))
    close(jax.jvp(lambda w: call(w, 7), (0.5,), (1.0,))[1], sg.grad(f)(0.5, 7))


@pytest.mark.usefixtures("x64")
def test_elements_outside_an_array():
    call = LOSS.jax()
    with pytest.raises(sg.ArgumentError, match="index 3 is outside"):
        call(2.0, DATA, 4)
    assert jnp.isnan(jax.jit(call)(2.0, DATA, 4))
    away = sg.function([w], sp.Sum(w * a[i + 1], (i, 0, 2))).jax()
    assert jnp.isnan(away(2.0, DATA))


PIECES = {
    "root": sp.Piecewise((sp.sqrt(x), x > 0), (0, True)),
    "logarithm": sp.Piecewise((x * sp.log(x), x > 0), (x**2, True)),
    "exponential": sp.Piecewise((x * sp.exp(x**3), x < 2), (x, True)),
    "nested": sp.Piecewise((sp.sqrt(sp.Piecewise((sp.log(x), x > 1), (x**2, True))), x > 0), (-x, True)),
    "shared": sp.Piecewise((sp.sqrt(x), x > 0), (0, True)) + sp.Piecewise((1 / sp.sqrt(x), x > 1), (1, True)),
    "condition": sp.Piecewise((sp.sqrt(x), sp.sqrt(x) > 1), (3 * x, True)),
}


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", PIECES)
def test_branches_not_taken_leave_no_nan(name: str):
    """JAX's first, second and third derivatives, at points on both sides and at the kink."""
    f = sg.function([x], PIECES[name])
    points = np.array([-3.0, -0.5, 0.0, 0.25, 1.5, 5.0, 9.0])
    if name == "condition":
        points = points[2:]
    call = f.jax()
    close(call(points), f(points))
    for _ in range(3):
        f, call = sg.grad(f), jax.grad(call)
        want = np.broadcast_to(f(points), points.shape)
        smooth = np.isfinite(want)
        assert smooth.sum() >= 5
        np.testing.assert_allclose(jax.vmap(call)(points)[smooth], want[smooth], rtol=1e-11, atol=1e-16)


@pytest.mark.usefixtures("x64")
def test_transformations_compose():
    f = sg.function([x, y], sp.Piecewise((sp.sqrt(x) * y, x > 0), (y**3, True)) + sp.tanh(x * y))
    call = f.jax()
    xs, ys = np.array([-1.0, 0.5, 2.0]), np.array([0.3, 1.0, -2.0])
    for got, want in zip(jax.jit(jax.vmap(jax.grad(call, (0, 1))))(xs, ys), sg.grad(f)(xs, ys), strict=True):
        close(got, want)
    close(jax.vmap(jax.hessian(call))(xs, ys), sg.hessian(f)(xs, ys)[:, 0, 0])
    close(jax.grad(sg.grad(f, wrt="x").jax())(0.5, 1.0), sg.hessian(f)(0.5, 1.0)[0, 0])


@pytest.mark.usefixtures("x64")
def test_trainable_parameters():
    apply, params = LOSS.jax(trainable={w: 0.0})
    step = jax.jit(lambda p: jax.tree.map(lambda v, g: v - 0.1 * g, p, jax.grad(apply)(p, DATA, 3)))
    for _ in range(100):
        params = step(params)
    assert float(params["w"]) == pytest.approx(3.0)
    close(apply(params, n=3, a=DATA), LOSS(float(params["w"]), n=3, a=DATA))
    with pytest.raises(sg.ArgumentError, match="no input 'v'"):
        LOSS.jax(trainable={"v": 0.0})
    with pytest.raises(sg.ArgumentError, match="must have shape"):
        LOSS.jax(trainable={"a": 0.0})


class Weights(NamedTuple):
    w: Any
    b: Any


def net(p: Any, X: Any, mode: str = "tanh") -> Any:
    z = X @ p["layer"].w + p["layer"].b
    return {"loss": np.mean(np.tanh(z) if mode == "tanh" else z), "z": (z, None)}


@pytest.mark.usefixtures("x64")
def test_python_functions_of_pytrees():
    rng = np.random.default_rng(0)
    p, X = {"layer": Weights(rng.normal(size=3), 0.5)}, rng.normal(size=(4, 3))
    f = sg.function(net)
    want = f(p, X)
    for call in (f.jax(), jax.jit(f.jax())):
        got = call(p, X)
        close(got["loss"], want["loss"])
        close(got["z"][0], want["z"][0])
        assert got["z"][1] is None
    close(jax.jit(f.jax(), static_argnames="mode")(p, X, mode="linear")["loss"], f(p, X, "linear")["loss"])
    loss = sg.function(lambda p, X: net(p, X)["loss"])
    exact = sg.grad(loss)(p, X)
    for slopes in (sg.grad(loss).jax()(p, X), jax.jit(jax.grad(loss.jax()))(p, X)):
        assert isinstance(slopes["layer"], Weights)
        close(slopes["layer"].w, exact["layer"].w)
        close(slopes["layer"].b, exact["layer"].b)
    rows = jax.vmap(loss.jax(), (None, 0))(p, X[:, None, :])
    close(jnp.mean(rows), want["loss"])


def test_what_is_not_there_is_named():
    with pytest.raises(sg.UnsupportedError, match="JAX back end has no 'jv'"):
        sg.function([x], sp.besselj(0, x)).jax()


def test_parameters_of_any_number() -> None:
    def scaled(*xs, **more):
        return xs[0] * xs[1] * more.get("by", 1.0)

    assert sg.function(scaled).jax()(2.0, 3.0) == 6.0
    assert sg.function(scaled).jax()(2.0, 3.0, by=2.0) == 12.0
