"""Random programs over arrays: the derivative by complex steps, forward against reverse, Hessians against gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad.graph.verify import verify

SHAPES = {"x": (4,), "M": (3, 4), "T": (2, 3, 4), "s": ()}
RNG = np.random.default_rng(21)
VALUES = {name: RNG.normal(size=shape) / 2 for name, shape in SHAPES.items()}
ALONG = {name: RNG.normal(size=shape) for name, shape in SHAPES.items()}

Step = Callable[[list[Any]], Any]
UNARY: list[Callable[[Any], Any]] = [
    np.sin,
    np.tanh,
    lambda v: np.exp(v / 3),
    lambda v: 1 / (2 + np.cos(v)),
    lambda v: v**3 / 4,
    lambda v: np.log(2 + np.exp(v)),
    lambda v: -v,
]
BINARY: list[Callable[[Any, Any], Any]] = [np.add, np.subtract, np.multiply, lambda a, b: a / (3 + b * b)]


def step(draw: Any, shapes: list[tuple[int, ...]]) -> tuple[Step, tuple[int, ...]]:
    """One more array of a program, from those that there are, and its shape."""
    k = draw(st.integers(0, len(shapes) - 1))
    shape = shapes[k]
    rank = len(shape)
    kind = draw(st.sampled_from(["unary", "binary", "binary", "sum", "order", "product", "part", "softmax", "flat"]))
    if kind == "unary" or not rank or (kind == "product" and rank > 3):
        f = draw(st.sampled_from(UNARY))
        return lambda v: f(v[k]), shape
    if kind == "binary":
        fits = [j for j, s in enumerate(shapes) if fit(shape, s) is not None]
        j = draw(st.sampled_from(fits))
        g = draw(st.sampled_from(BINARY))
        return lambda v: g(v[k], v[j]), fit(shape, shapes[j]) or ()
    axis = draw(st.integers(0, rank - 1))
    if kind == "sum":
        keep = draw(st.booleans())
        new = tuple(1 if a == axis else n for a, n in enumerate(shape) if keep or a != axis)
        return lambda v: np.sum(v[k], axis=axis, keepdims=keep), new
    if kind == "order":
        axes = draw(st.permutations(range(rank)))
        return lambda v: np.transpose(v[k], axes), tuple(shape[a] for a in axes)
    if kind == "product":
        fits = [j for j, s in enumerate(shapes) if s and s[-1] == shape[-1] and len(s) <= 3]
        j = draw(st.sampled_from(fits))
        return lambda v: np.tensordot(v[k], v[j], axes=(-1, -1)) / 2, shape[:-1] + shapes[j][:-1]
    if kind == "part":
        low = draw(st.integers(0, shape[axis] - 1))
        cut = (slice(None),) * axis + (slice(low, None),)
        return lambda v: v[k][cut], (*shape[:axis], shape[axis] - low, *shape[axis + 1 :])
    if kind == "softmax":
        return lambda v: np.exp(v[k]) / np.sum(np.exp(v[k]), axis=axis, keepdims=True), shape
    return lambda v: np.reshape(v[k], (-1,)), (int(np.prod(shape)),)


def fit(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...] | None:
    try:
        return np.broadcast_shapes(a, b)
    except ValueError:
        return None


def program(draw: Any) -> Callable[..., Any]:
    shapes = list(SHAPES.values())
    steps = []
    for _ in range(draw(st.integers(1, 6))):
        how, shape = step(draw, shapes)
        steps.append(how)
        shapes.append(shape)

    def f(x: Any, M: Any, T: Any, s: Any) -> Any:
        values = [x, M, T, s]
        for how in steps:
            values.append(how(values))
        return np.sum(np.sin(values[-1])) + np.sum(values[-1] * s)

    return f


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data())
def test_programs_over_arrays(data):
    f = program(data.draw)
    own = sg.function(f)
    values, along = list(VALUES.values()), list(ALONG.values())
    assert own(*values) == pytest.approx(f(*values), rel=1e-12, abs=1e-12)
    h = 1e-30
    want = f(*(v + 1j * h * d for v, d in zip(values, along, strict=True))).imag / h
    gradient = sg.grad(own, wrt=(0, 1, 2, 3))
    backward = gradient(*values)
    size = 1 + sum(np.abs(g).sum() for g in backward)
    assert sum(np.vdot(g, d) for g, d in zip(backward, along, strict=True)) == pytest.approx(want, abs=1e-12 * size)
    for by in ("x", "T"):
        made = sg.hessian(own, wrt=by)
        hessian = made(*values)
        verify(made.specialise(*values).graph, made.specialise(*values).inputs, made.specialise(*values).outputs)
        np.testing.assert_allclose(sg.hessian(own, wrt=by, mode="forward")(*values), hessian, rtol=1e-9, atol=1e-10)
        flat = np.reshape(hessian, (VALUES[by].size,) * 2)
        np.testing.assert_allclose(flat, flat.T, rtol=1e-9, atol=1e-10)
        np.testing.assert_allclose(flat @ ALONG[by].ravel(), differences(gradient, by), rtol=1e-6, atol=1e-7)
        assert made.latex().count("{") == made.latex().count("}")


def differences(gradient: Any, by: str) -> np.ndarray:
    """The derivative of the gradient by one array along its direction, by central differences of sixth order."""
    h, total = 2e-3, 0.0
    place = list(SHAPES).index(by)
    for n, w in {1: 3 / 4, 2: -3 / 20, 3: 1 / 60}.items():
        up, down = (
            gradient(*(v + sign * n * h * ALONG[by] if name == by else v for name, v in VALUES.items()))[place]
            for sign in (1, -1)
        )
        total = total + w * (up - down) / h
    return np.ravel(total)
