"""Sum, Product and Indexed stay loops, with exact derivatives."""

import numpy as np
import pytest
import sympy as sp

import symgrad as sg

a, w, b, n, k = sp.symbols("a w b n k")
i = sp.Symbol("i", integer=True)
x, y = sp.IndexedBase("x"), sp.IndexedBase("y")
LOSS = sp.Sum((y[i] - w * x[i] - b) ** 2, (i, 0, n - 1)) / n
XS = np.array([0.5, 1.0, 2.5, 4.0])
YS = np.array([2.0, 2.5, 6.5, 9.0])
DATA = {"n": 4, "x": XS, "y": YS}


def names(f):
    return {op.name for op in f.graph.ops}


def test_sum_over_data_with_gradient_and_hessian():
    f = sg.function([w, b], LOSS)
    r = YS - 1.5 * XS - 0.25
    assert f(1.5, 0.25, **DATA) == pytest.approx(np.mean(r**2))
    gradient = sg.grad(f)
    np.testing.assert_allclose(gradient(1.5, 0.25, **DATA), (np.mean(-2 * XS * r), np.mean(-2 * r)))
    assert "fold" in names(gradient)
    hessian = sg.hessian(f)(1.5, 0.25, **DATA)
    np.testing.assert_allclose(hessian, [[2 * np.mean(XS**2), 2 * np.mean(XS)], [2 * np.mean(XS), 2.0]])


def test_the_length_of_the_data_does_not_grow_the_graph():
    f = sg.grad(sg.function([w, b], LOSS))
    assert len(f.graph) < 60


@pytest.mark.parametrize("order", range(5))
@pytest.mark.parametrize("at", [-1.0, 0.5])
def test_product_is_exact_at_its_zeros(order, at):
    product = sp.Product(a + k, (k, 1, 4))
    want = float(sp.diff(product.doit(), a, order).subs(a, at))
    assert sg.derivative(sg.function([a], product), order=order)(at) == pytest.approx(want, abs=1e-12)


def test_nested_sums_with_bounds_that_depend_on_the_outer_index():
    e = sp.Sum(sp.Sum(a**i * k, (k, i, 3)), (i, 1, n))
    f = sg.function([a, n], e)
    assert f(2.0, 3) == pytest.approx(float(e.subs(n, 3).doit().subs(a, 2)))
    assert sg.grad(f, wrt=a)(2.0, 3) == pytest.approx(float(sp.diff(e.subs(n, 3).doit(), a).subs(a, 2)))


def test_two_limits_in_one_sum():
    e = sp.Sum(a * i + k, (i, 0, k), (k, 1, 3))
    assert sg.function([a], e)(2.0) == pytest.approx(float(e.doit().subs(a, 2)))


def test_empty_ranges_are_zero_and_one():
    f = sg.function([a, n], (sp.Sum(a * i, (i, 1, n)), sp.Product(a * i, (i, 1, n))))
    assert f(2.0, 0) == (0.0, 1.0)


def test_a_batch_of_parameters_and_of_bounds():
    f = sg.function([w, b], LOSS)
    many = f(np.array([1.0, 1.5]), 0.25, **DATA)
    np.testing.assert_allclose(many, [f(1.0, 0.25, **DATA), f(1.5, 0.25, **DATA)])
    g = sg.function([a, n], sp.Sum(a**i, (i, 0, n)))
    np.testing.assert_allclose(g(2.0, np.array([0, 3, 1])), [1, 15, 3])


def test_static_elements_and_matrices_of_data():
    m = sp.IndexedBase("m", shape=(2, 3))
    f = sg.function([m], m[0, 1] * 10 + m[1, 2])
    assert f(np.arange(6.0).reshape(2, 3)) == 15.0
    with pytest.raises(sg.ArgumentError, match="shape"):
        f(np.zeros((3, 2)))


def test_an_index_outside_the_array_is_an_error():
    f = sg.function([w, b], LOSS)
    with pytest.raises(sg.ArgumentError, match="outside"):
        f(1.0, 0.0, n=5, x=XS, y=YS)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (sp.Sum(a**k, (k, 0, sp.oo)), "infinite"),
        (sp.Sum(a**k, (k, 0, n / 2)), "integer"),
        (sp.Sum(x[i] + x[i, i], (i, 0, 2)), "indices"),
    ],
)
def test_refusals_name_the_sub_expression(expression, message):
    with pytest.raises(sg.UnsupportedError, match=message):
        sg.function([a], expression)


def test_differentiating_by_a_whole_array_of_data_is_refused():
    with pytest.raises(sg.UnsupportedError, match="whole"):
        sg.grad(sg.function([w, b], LOSS), wrt="x")
