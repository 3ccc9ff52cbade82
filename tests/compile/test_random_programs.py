"""Random NumPy programs: values, gradients and Hessians as JAX derives them, in each way that symgrad has."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg

jax = pytest.importorskip("jax")
jnp = jax.numpy

EXAMPLES = int(os.environ.get("SYMGRAD_EXAMPLES", "30"))
"""More of them find rarer mistakes: SYMGRAD_EXAMPLES=2000 pytest tests/compile/test_random_programs.py."""
RNG = np.random.default_rng(3)
START = {"x": RNG.normal(size=(4,)), "M": RNG.normal(size=(3, 4)), "s": RNG.normal(size=())}
LARGE = 50.0
Values = list[Any]
Step = Callable[[Any, Values], Any]
"""One more value of a program, with NumPy or with jax.numpy."""

UNARY: list[Callable[[Any, Any], Any]] = [
    lambda m, v: m.sin(v),
    lambda m, v: m.tanh(v),
    lambda m, v: m.exp(v / 4),
    lambda m, v: m.log1p(v * v),
    lambda m, v: m.arctan(v),
    lambda m, v: m.sqrt(1 + v * v),
    lambda m, v: m.abs(v),
    lambda m, v: m.maximum(v, 0.1),
    lambda m, v: m.where(v > 0.2, v * v, m.sin(v)),
    lambda m, v: m.clip(v, -0.7, 0.9),
    lambda m, v: m.square(v) - m.power(m.abs(v) + 0.5, 1.5),
    lambda m, v: m.logaddexp(v, 0.3),
    lambda m, v: m.hypot(v, 0.4),
    lambda m, v: m.interp(v, m.linspace(-1.0, 1.0, 5), m.array([0.3, -0.2, 0.5, 0.1, -0.4])),
    lambda m, v: m.reciprocal(2 + m.cos(v)),
]
BINARY: list[Callable[[Any, Any, Any], Any]] = [
    lambda m, a, b: a + b,
    lambda m, a, b: a - 2 * b,
    lambda m, a, b: a * b,
    lambda m, a, b: a / (1.5 + b * b),
    lambda m, a, b: m.maximum(a, b),
    lambda m, a, b: m.minimum(a, m.sin(b)),
    lambda m, a, b: m.where(a < b, a * b, b),
    lambda m, a, b: m.arctan2(a, 1 + b * b),
    lambda m, a, b: m.logaddexp(a, b),
]
ALONG: list[Callable[[Any, Any, int], Any]] = [
    lambda m, v, k: m.sum(v, axis=k),
    lambda m, v, k: m.mean(v, axis=k, keepdims=True),
    lambda m, v, k: m.prod(v, axis=k),
    lambda m, v, k: m.max(v, axis=k),
    lambda m, v, k: m.min(v, axis=k, keepdims=True),
    lambda m, v, k: m.var(v, axis=k),
    lambda m, v, k: m.cumsum(v, axis=k),
    lambda m, v, k: m.cumprod(v, axis=k),
    lambda m, v, k: m.sort(v, axis=k),
    lambda m, v, k: m.flip(v, axis=k),
    lambda m, v, k: m.roll(v, 1, axis=k),
    lambda m, v, k: m.diff(v, axis=k),
    lambda m, v, k: m.concatenate([v, 2 * v], axis=k),
    lambda m, v, k: m.stack([v, m.sin(v)], axis=k),
    lambda m, v, k: m.exp(v) / m.sum(m.exp(v), axis=k, keepdims=True),
    lambda m, v, k: m.log(m.sum(m.exp(v), axis=k)),
    lambda m, v, k: m.sqrt(0.1 + m.sum(v * v, axis=k, keepdims=True)),
    lambda m, v, k: m.swapaxes(v, k, -1),
    lambda m, v, k: m.expand_dims(v, k),
    lambda m, v, k: m.take(v, np.array([0, -1, 0]), axis=k),
    lambda m, v, k: m.take_along_axis(v, m.argsort(m.cos(v), axis=k), axis=k),
    lambda m, v, k: m.repeat(v, 2, axis=k),
    lambda m, v, k: m.pad(v, [(0, 0)] * k + [(1, 2)] + [(0, 0)] * (v.ndim - k - 1)),
    lambda m, v, k: m.moveaxis(v, k, 0)[::-2],
    lambda m, v, k: m.moveaxis(v, k, 0)[1:],
    lambda m, v, k: m.moveaxis(v, k, -1)[..., :1],
    lambda m, v, k: m.delete(v, 0, axis=k),
]
WHOLE: list[Callable[[Any, Any], Any]] = [
    lambda m, v: m.ravel(v),
    lambda m, v: m.reshape(v, (v.shape[-1], -1)),
    lambda m, v: v.T,
    lambda m, v: v[..., None],
    lambda m, v: m.broadcast_to(v, (2, *v.shape)),
    lambda m, v: m.outer(v, v) / 3,
    lambda m, v: m.tile(v, 2),
    lambda m, v: m.tril(m.outer(m.ravel(v)[:3], m.ravel(v)[-2:])),
    lambda m, v: m.kron(v, m.array([1.0, -0.5])),
    lambda m, v: m.linalg.norm(m.ravel(v) + 0.3),
    lambda m, v: m.tensordot(v, v, axes=v.ndim) / 5 + m.zeros(2),
    lambda m, v: v[m.arange(v.shape[0]) % 2 == 0] if m is np else v[np.arange(v.shape[0]) % 2 == 0],
]
MATRIX: list[Callable[[Any, Any], Any]] = [
    lambda m, v: m.linalg.inv(_regular(m, v)),
    lambda m, v: m.linalg.solve(_regular(m, v), v),
    lambda m, v: m.linalg.det(_regular(m, v)) / 20,
    lambda m, v: m.linalg.slogdet(_regular(m, v))[1],
    lambda m, v: m.linalg.cholesky(_regular(m, v)),
    lambda m, v: m.linalg.eigvalsh(_regular(m, v)),
    lambda m, v: m.trace(_regular(m, v)),
    lambda m, v: m.diag(m.ravel(v)[:3]),
    lambda m, v: m.einsum("ij,kj->ik", v, v) / 4,
    lambda m, v: m.einsum("ij,ij->j", v, m.cos(v)),
    lambda m, v: v @ v.T / 3,
]


def _regular(m: Any, v: Any) -> Any:
    """A positive definite matrix with distinct eigenvalues."""
    n = v.shape[0]
    return v @ v.T / 4 + m.diag(m.arange(1.0, n + 1.0))


def step(draw: Any, shapes: list[tuple[int, ...]]) -> Step:
    k = draw(st.integers(0, len(shapes) - 1))
    rank = len(shapes[k])
    kinds = ["unary", "binary", "binary"]
    if rank:
        kinds += ["along", "along", "along", "whole"]
    if rank == 2 and 0 not in shapes[k]:
        kinds += ["matrix", "matrix"]
    kind = draw(st.sampled_from(kinds))
    if kind == "binary":
        fits = [j for j, s in enumerate(shapes) if fit(shapes[k], s)]
        j, g = draw(st.sampled_from(fits)), draw(st.sampled_from(BINARY))
        return lambda m, v: g(m, v[k], v[j])
    if kind == "along":
        axis, h = draw(st.integers(0, rank - 1)), draw(st.sampled_from(ALONG))
        return lambda m, v: h(m, v[k], axis)
    f = draw(st.sampled_from({"unary": UNARY, "whole": WHOLE, "matrix": MATRIX}[kind]))
    return lambda m, v: f(m, v[k])


def fit(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    try:
        return np.prod(np.broadcast_shapes(a, b), dtype=int) < 200
    except ValueError:
        return False


def program(draw: Any) -> Callable[..., Any]:
    """A function of a namespace and the arguments; steps that would not work at the start are left out."""
    values: Values = list(START.values())
    steps: list[Step] = []
    for _ in range(draw(st.integers(1, 6))):
        how = step(draw, [np.shape(v) for v in values])
        try:
            with np.errstate(all="ignore"):
                value = how(np, values)
        except (ValueError, IndexError):  # an empty axis where NumPy wants none
            continue
        if value.size > 200 or not np.all(np.abs(value) < LARGE):
            continue
        steps.append(how)
        values.append(value)

    def f(m: Any, x: Any, M: Any, s: Any) -> Any:
        values = [x, M, s]
        for how in steps:
            values.append(how(m, values))
        return m.sum(m.sin(values[-1])) + m.sum(values[-1] * s)

    return f


def flat(hessian: Any) -> np.ndarray:
    """All blocks as one matrix."""
    sizes = [v.size for v in START.values()]
    return np.block(
        [
            [np.reshape(b, (n, m)) for b, m in zip(row, sizes, strict=True)]
            for row, n in zip(hessian, sizes, strict=True)
        ]
    )


@settings(max_examples=EXAMPLES, deadline=None, derandomize=EXAMPLES <= 30)
@given(st.data())
def test_derivatives_are_those_of_jax(data: Any) -> None:
    f = program(data.draw)
    args, by = list(START.values()), (0, 1, 2)
    own = sg.function(lambda x, M, s: f(np, x, M, s), name="f")
    with jax.enable_x64(True):
        theirs = lambda *a: f(jnp, *a)  # noqa: E731
        value = float(theirs(*map(jnp.asarray, args)))
        slopes = [np.asarray(g) for g in jax.grad(theirs, by)(*map(jnp.asarray, args))]
        curves = flat(jax.tree.map(np.asarray, jax.jacfwd(jax.grad(theirs, by), by)(*map(jnp.asarray, args))))
    assert own(*args) == pytest.approx(value, rel=1e-11, abs=1e-11)
    gradient, hessian = sg.grad(own, wrt=by), sg.hessian(own, wrt=by)
    size = 1 + max(float(np.max(np.abs(g), initial=0)) for g in slopes)
    for mine, g in zip(gradient(*args), slopes, strict=True):
        np.testing.assert_allclose(mine, g, rtol=1e-9, atol=1e-10 * size)
    slack = 1e-8 * (1 + float(np.max(np.abs(curves))))
    found = flat(hessian(*args))
    np.testing.assert_allclose(found, curves, rtol=1e-7, atol=slack)
    made = hessian.specialise(*args)
    made.compile()
    np.testing.assert_allclose(flat(hessian(*args)), found, rtol=1e-8, atol=slack)
    factored = sg.hessian(own, wrt=by, structure="auto")(*args)
    np.testing.assert_allclose(flat([[np.asarray(b) for b in row] for row in factored]), found, rtol=1e-8, atol=slack)
    along = [np.ones_like(a) for a in args]
    products = sg.hvp(own, wrt=by)(*args, *along)
    np.testing.assert_allclose(
        np.concatenate([np.ravel(p) for p in products]), found.sum(1), rtol=1e-7, atol=10 * slack
    )


def same(found: Any, want: Any) -> None:
    found, want = (v if isinstance(v, tuple) else (v,) for v in (found, want))
    scale = 1e-9 * (1 + max(float(np.max(np.abs(w), initial=0)) for w in want))
    for a, b in zip(found, want, strict=True):
        assert np.shape(a) == np.shape(b)
        np.testing.assert_allclose(np.asarray(a), b, rtol=1e-8, atol=scale)


@pytest.mark.slow
@settings(max_examples=4 * EXAMPLES, deadline=None, derandomize=EXAMPLES <= 30)
@given(st.data())
def test_every_way_out_gives_the_same(data: Any) -> None:
    """The written source, PyTorch, JAX, vmap, sparse Jacobians and chunks, against the function itself."""
    torch = pytest.importorskip("torch")
    f = program(data.draw)
    args, by = list(START.values()), (0, 1, 2)
    own = sg.function(lambda x, M, s: f(np, x, M, s), name="f")
    gradient, hessian = sg.grad(own, wrt=by), sg.hessian(own, wrt="M")
    for made in (gradient.specialise(*args), hessian.specialise(*args)):
        want = made(*args)
        scope: dict[str, Any] = {}
        exec(made.python(), scope)  # our own text, as a user would run it
        same(scope[made.name.replace(" ", "_")](*args), want)
        same(jax.tree.map(lambda t: t.numpy(), made.torch()(*(torch.tensor(a) for a in args))), want)
        with jax.enable_x64(True):
            same(jax.tree.map(np.asarray, made.jax()(*args)), want)
        assert made.latex().count("{") == made.latex().count("}")
    sparse = sg.hessian(own, wrt="x", sparse=True)(*args)
    x = sg.hessian(own, wrt="x")(*args)
    np.testing.assert_allclose(sparse.toarray(), x, rtol=1e-8, atol=1e-9 * (1 + np.max(np.abs(x))))
    points = [np.stack([a, 0.9 * a]) for a in args]
    mapped = sg.vmap(gradient)(*points)
    for k in range(2):
        for many, one in zip(mapped, gradient(*(p[k] for p in points)), strict=True):
            np.testing.assert_allclose(many[k], one, rtol=1e-8, atol=1e-9 * (1 + np.max(np.abs(one), initial=0)))
    parts = sg.hessian(own, wrt="M", memory=400)(*args)
    want = hessian(*args)
    got = np.concatenate([part for _, part in parts]) if not isinstance(parts, np.ndarray) else parts
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9 * (1 + np.max(np.abs(want))))
