"""J v, w J and H v against the Jacobians and Hessians they stand for."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symgrad as sg

x, y, t, a = sp.symbols("x y t a")


def vector() -> sg.Function:
    return sg.function([x, y], sp.Matrix([sp.sin(x * y), x / y, sp.Integer(2), a * y**3]))


def test_jvp_is_the_jacobian_times_the_direction():
    f = vector()
    value, tangent = sg.jvp(f)(0.7, 1.3, 2.0, 0.4, -0.3)
    np.testing.assert_allclose(value, f(0.7, 1.3, 2.0), rtol=1e-15)
    jacobian = sg.jacobian(f)(0.7, 1.3, 2.0).reshape(4, 2)
    np.testing.assert_allclose(tangent.ravel(), jacobian @ [0.4, -0.3], rtol=1e-14)
    assert sg.jvp(f).names == ("x", "y", "a", "d_x", "d_y")


def test_vjp_is_the_weights_times_the_jacobian():
    f = vector()
    weights = np.array([[0.3], [-1.2], [5.0], [0.8]])
    value, gradient = sg.vjp(f)(0.7, 1.3, 2.0, weights)
    np.testing.assert_allclose(value, f(0.7, 1.3, 2.0), rtol=1e-15)
    jacobian = sg.jacobian(f)(0.7, 1.3, 2.0).reshape(4, 2)
    np.testing.assert_allclose(gradient, weights.ravel() @ jacobian, rtol=1e-14)
    assert sg.vjp(f).names == ("x", "y", "a", "ct")


def test_vjp_of_a_tuple_takes_one_weight_per_output():
    f = sg.function([x, y], (x * y, [x, y**2], x * y))
    value, gradient = sg.vjp(f)(2.0, 3.0, 0.5, np.array([1.0, -1.0]), 0.25)
    assert value[0] == 6.0
    np.testing.assert_allclose(gradient, (0.75 * 3 + 1, 0.75 * 2 - 6))


def test_a_variable_that_is_an_output_passes_its_direction_on():
    f = sg.function([x, y], (x, x + 1))
    assert sg.jvp(f, wrt=x)(2.0, 9.0, 5.0) == ((2.0, 3.0), (5.0, 5.0))
    assert sg.vjp(f)(2.0, 9.0, 5.0, 7.0) == ((2.0, 3.0), (12.0, 0.0))


def test_wrt_and_parameters_choose_the_directions():
    f = sg.function([x], x**2 * a)
    assert sg.jvp(f, wrt="a")(3.0, 2.0, 1.0) == (18.0, 9.0)
    assert sg.vjp(f, wrt="a")(3.0, 2.0, 1.0) == (18.0, 9.0)
    assert sg.jvp(f).names == ("x", "a", "d_x")


def test_a_taken_name_gets_an_underscore():
    d_x = sp.Symbol("d_x")
    f = sg.jvp(sg.function([x, d_x], x * d_x), wrt=x)
    assert f.names == ("x", "d_x", "d_x_")
    assert f(2.0, 3.0, 10.0) == (6.0, 30.0)


def test_jvp_of_jvp_is_the_second_directional_derivative():
    f = sg.function([t], sp.sin(t))
    second = sg.jvp(sg.jvp(f), wrt="t")
    (_, _), (_, d2) = second(0.4, 1.0, 1.0)
    assert d2 == pytest.approx(-np.sin(0.4), rel=1e-15)


def test_piecewise_has_no_nan_from_the_other_branch():
    f = sg.function([x], sp.Piecewise((x, x < 1), (sp.sqrt(x), True)))
    assert sg.jvp(f)(0.0, 1.0) == (0.0, 1.0)
    assert sg.vjp(f)(0.0, 1.0) == (0.0, 1.0)
    assert sg.hvp(f)(0.0, 1.0) == 0.0


def test_sparse_results_keep_their_pattern():
    f = sg.jacobian(sg.function([x, y], [x**2, y**3]), sparse=True)
    value, tangent = sg.jvp(f)(2.0, 3.0, 1.0, 1.0)
    np.testing.assert_allclose(value.todense(), [[4, 0], [0, 27]])
    np.testing.assert_allclose(tangent.todense(), [[2, 0], [0, 18]])


def test_products_take_batches():
    f = sg.jvp(sg.function([x], sp.exp(x)))
    points = np.linspace(0, 1, 5)
    value, tangent = f(points, 1.0)
    np.testing.assert_allclose(tangent, value)


def rosenbrock(n: int) -> sg.Function:
    v = sp.symbols(f"x:{n}")
    return sg.function(v, sum(100 * (v[k + 1] - v[k] ** 2) ** 2 + (1 - v[k]) ** 2 for k in range(n - 1)))


def test_hvp_is_the_hessian_times_the_vector_without_forming_it():
    f = rosenbrock(100)
    rng = np.random.default_rng(1)
    at, v = rng.uniform(-1, 1, 100), rng.normal(size=100)
    product = sg.hvp(f)
    np.testing.assert_allclose(product(*at, *v), sg.hessian(f)(*at) @ v, rtol=1e-11)
    assert product.count_ops() < 4 * sg.grad(f).count_ops()


def test_hvp_has_the_form_of_the_gradient():
    f = sg.function([x, y], x**3 * y)
    assert sg.hvp(f, wrt="x")(2.0, 5.0, 1.0) == 60.0
    assert sg.hvp(f, wrt=["x"])(2.0, 5.0, 1.0) == (60.0,)


def test_hvp_of_a_vector_is_refused():
    with pytest.raises(sg.ArgumentError, match="scalar"):
        sg.hvp(vector())
