"""Functions within a function that is traced: what they take from it, derived through both."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symgrad as sg

RNG = np.random.default_rng(4)
X = RNG.standard_normal(3)
PARAMS = {"a": RNG.standard_normal(4), "w": RNG.standard_normal(4), "b": RNG.standard_normal(4)}
TIMES = np.linspace(0.0, 1.0, 6)


def slope(f: Any, x: np.ndarray, h: float = 1e-6) -> np.ndarray:
    """Central differences."""
    return np.array([(f(x + h * e) - f(x - h * e)) / (2 * h) for e in np.eye(x.size).reshape(x.size, *x.shape)])


def net(params: Any, t: Any) -> Any:
    return np.sum(params["a"] * np.tanh(params["w"] * t + params["b"]))


def residual(params: Any, ts: Any) -> Any:
    """A differential equation at some times, as for a physics-informed network."""
    u = lambda t: net(params, t)  # noqa: E731
    first, second = sg.vmap(sg.grad(u))(ts), sg.vmap(sg.grad(sg.grad(u)))(ts)
    return np.mean((second + first - ts) ** 2)


def test_parameters_of_the_outer_function_in_derivatives_of_the_inner_one() -> None:
    assert sg.function(residual)(PARAMS, TIMES) == pytest.approx(residual(PARAMS, TIMES), rel=1e-13)
    gradient = sg.grad(residual)(PARAMS, TIMES)
    for name, own in gradient.items():
        np.testing.assert_allclose(
            own, slope(lambda v, n=name: residual(PARAMS | {n: v}, TIMES), PARAMS[name]), rtol=1e-6
        )


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(sg.grad(lambda w: np.sum(w**3 * x))(x)),
        lambda x: np.sum(sg.jacobian(lambda w: np.sin(w) * x)(2 * x) @ x),
        lambda x: np.sum(sg.hessian(lambda w: np.sum(np.sin(w * x)))(x) * np.outer(x, x)),
        lambda x: np.sum(sg.hvp(lambda w: np.sum(np.sin(w) * x) ** 2)(2 * x, x)),
        lambda x: sg.jvp(lambda w: np.sum(np.exp(w) * x))(x, x)[1],
        lambda x: np.sum(sg.vjp(lambda w: w * x)(x, x)[1]),
        lambda x: np.sum(sg.grad(lambda z: np.sum(sg.hvp(lambda w: np.sum(w**3 * x))(z, x)))(x)),
        lambda x: np.sum(sg.vmap(lambda w: w * np.sum(x))(x)),
        lambda x: np.sum(sg.vmap(sg.hvp(lambda w: np.sum(w**3 * x)), in_axes=(0, None))(np.outer(x, x), x)),
        lambda x: np.sum(sg.function(lambda w: sg.function(lambda v: v * w * x)(w))(2.0 * x)),
        lambda x: sg.function(lambda: np.sum(x * x))(),
        lambda x: sg.derivative(lambda t: np.sum(np.sin(t * x)), order=3)(0.7),
    ],
)
def test_transforms_of_functions_that_close_over_traced_arrays(f: Any) -> None:
    assert sg.function(f)(X) == pytest.approx(float(f(X)), rel=1e-12)
    want = slope(f, X)
    np.testing.assert_allclose(sg.grad(f)(X), want, rtol=1e-5, atol=1e-7 * np.abs(want).max())
    own = sg.grad(f)
    own.specialise(X).compile()
    np.testing.assert_allclose(own(X), want, rtol=1e-5, atol=1e-7 * np.abs(want).max())


def test_an_input_of_the_inner_function_may_be_called_like_what_it_takes() -> None:
    f = lambda x: np.sum(sg.grad(lambda outer0: np.sum(outer0**2 * x))(x))  # noqa: E731
    assert sg.function(f)(X) == pytest.approx(2 * np.sum(X * X))


def test_an_array_of_the_outer_function_is_not_written_to() -> None:
    def f(x: Any) -> Any:
        kept = np.zeros_like(x)

        def inner(w: Any) -> Any:
            kept[0] = w[0]
            return np.sum(kept)

        return sg.grad(inner)(x)

    with pytest.raises(sg.TraceError, match="writing to an array of the function around this one"):
        sg.function(f)(X)


def test_what_is_left_from_another_call_is_refused() -> None:
    kept: list[Any] = []
    sg.function(lambda x: kept.append(x * 2) or x)(X)
    with pytest.raises(sg.TraceError, match="a traced array of another function"):
        sg.function(lambda x: sg.grad(lambda w: np.sum(w * kept[0]))(x))(X)


def test_factored_and_sparse_results_within_a_function() -> None:
    f = lambda x: sg.hessian(lambda w: np.sum(w**3 * x), structure="auto")(x) @ x  # noqa: E731
    np.testing.assert_allclose(sg.function(f)(X), 6 * X**3)
