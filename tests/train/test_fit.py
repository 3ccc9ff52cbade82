"""sg.fit by least squares: against closed forms, SciPy and NumPy; bounds, weights, what is undetermined."""

import numpy as np
import pytest
import sympy as sp
from scipy.optimize import curve_fit, minimize

import symgrad as sg

x, x2, y, a, b, c, d = sp.symbols("x x2 y a b c d")
XS = np.linspace(0.0, 9.0, 25)
NOISE = np.random.default_rng(7).standard_normal(25)
DECAY = sp.Eq(y, a * sp.exp(-b * x) + c)
YS = 5.0 * np.exp(-0.3 * XS) + 1.0 + 0.05 * NOISE
DATA = {"x": XS, "y": YS}
START = {"a": 1.0, "b": 1.0, "c": 0.0}


def decay(t, a, b, c):
    return a * np.exp(-b * t) + c


def test_agrees_with_curve_fit():
    result = sg.fit(DECAY, DATA, START)
    params, covariance = curve_fit(decay, XS, YS, [1, 1, 0], xtol=1e-14, ftol=1e-14)
    np.testing.assert_allclose(list(result.params.values()), params, rtol=1e-7)
    np.testing.assert_allclose(result.covariance, covariance, rtol=1e-5)
    np.testing.assert_allclose(list(result.stderr.values()), np.sqrt(np.diag(covariance)), rtol=1e-5)
    residuals = YS - decay(XS, *params)
    np.testing.assert_allclose(result.residuals, residuals, atol=1e-7)
    assert result.success
    assert result.dof == 22
    assert result.rss == pytest.approx(residuals @ residuals)
    assert result.residual_std == pytest.approx(np.sqrt(result.rss / 22))
    assert 0 < result.iterations <= result.evaluations
    assert result["a"] == result.params["a"]


def test_a_linear_model_is_the_closed_form():
    result = sg.fit(sp.Eq(y, a + b * x + c * x**2), DATA, {"a": 0, "b": 0, "c": 0})
    f = np.vander(XS, 3, increasing=True)
    params = np.linalg.lstsq(f, YS)[0]
    rss = np.sum((YS - f @ params) ** 2)
    np.testing.assert_allclose(list(result.params.values()), params, rtol=1e-10)
    np.testing.assert_allclose(result.covariance, np.linalg.inv(f.T @ f) * rss / 22, rtol=1e-9)


def test_several_predictors_and_a_left_side_that_is_an_expression():
    other = np.cos(XS)
    ys = np.exp(0.5 + 0.2 * XS - 0.7 * other)
    result = sg.fit(sp.Eq(sp.log(y), a + b * x + c * x2), {"x": XS, "x2": other, "y": ys}, {"a": 0, "b": 0, "c": 0})
    assert result.params == pytest.approx({"a": 0.5, "b": 0.2, "c": -0.7}, rel=1e-12)
    np.testing.assert_allclose(result.predict({"x": XS, "x2": other}), np.log(ys), rtol=1e-12)


def test_predicts_at_new_data_and_says_what_is_missing():
    result = sg.fit(DECAY, DATA, START)
    p = result.params.values()
    np.testing.assert_allclose(result.predict({"x": [10.0, 20.0]}), decay(np.array([10.0, 20.0]), *p), rtol=1e-12)
    assert result.predict({"x": 3}).shape == (1,)
    with pytest.raises(sg.ArgumentError, match="missing: x"):
        result.predict({"t": [1.0]})


def test_the_formula_and_its_gradient_can_be_read():
    result = sg.fit(DECAY, DATA, START)
    assert sp.simplify(result.function.sympy() - DECAY.rhs) == 0
    for got, name in zip(result.gradient.sympy(), result.params, strict=True):
        assert sp.simplify(got - sp.diff(DECAY.rhs, sp.Symbol(name))) == 0


def test_known_sigma_and_its_column_and_weights_are_one():
    sigma = np.linspace(0.5, 2.0, 25)
    params, covariance = curve_fit(decay, XS, YS, [1, 1, 0], sigma=sigma, absolute_sigma=True, xtol=1e-14, ftol=1e-14)
    first = sg.fit(DECAY, DATA, START, sigma=sigma, absolute_sigma=True)
    np.testing.assert_allclose(list(first.params.values()), params, rtol=1e-7)
    np.testing.assert_allclose(first.covariance, covariance, rtol=1e-5)
    np.testing.assert_allclose(first.residuals, YS - decay(XS, *first.params.values()), atol=1e-12)
    assert first.rss == pytest.approx(np.sum((first.residuals / sigma) ** 2))
    second = sg.fit(DECAY, DATA | {"error": sigma}, START, sigma="error")
    third = sg.fit(DECAY, DATA, START, weights=1 / sigma**2)
    _, scaled = curve_fit(decay, XS, YS, [1, 1, 0], sigma=sigma, xtol=1e-14, ftol=1e-14)
    for other in (second, third):
        assert other.params == pytest.approx(first.params)
        np.testing.assert_allclose(other.covariance, scaled, rtol=1e-5)


def test_a_weight_of_zero_leaves_a_row_out():
    ys = YS.copy()
    ys[3] = 1000.0
    weights = np.ones(25)
    weights[3] = 0.0
    kept = np.arange(25) != 3
    left_out = sg.fit(DECAY, {"x": XS[kept], "y": YS[kept]}, START)
    assert sg.fit(DECAY, {"x": XS, "y": ys}, START, weights=weights).params == pytest.approx(left_out.params)


def test_a_bound_that_holds():
    result = sg.fit(DECAY, DATA, START, bounds={"b": (0.35, None), "c": (-5, 5)})
    assert result.success
    assert result.params["b"] == 0.35
    assert np.isnan(result.stderr["b"])
    assert "at a bound: b" in result.message
    f = np.column_stack([np.exp(-0.35 * XS), np.ones(25)])
    params = np.linalg.lstsq(f, YS)[0]
    assert [result.params["a"], result.params["c"]] == pytest.approx(params)
    assert result.dof == 23


def test_a_bound_that_does_not_hold_changes_nothing():
    free = sg.fit(DECAY, DATA, START)
    bounded = sg.fit(DECAY, DATA, START, bounds={"a": (0, None), "b": (0, 2)})
    assert bounded.success
    assert bounded.params == pytest.approx(free.params, rel=1e-9)
    assert bounded.stderr == pytest.approx(free.stderr, rel=1e-6)


def test_all_parameters_at_bounds():
    result = sg.fit(sp.Eq(y, a * x), {"x": XS, "y": 3 * XS}, {"a": 1.0}, bounds={"a": (0, 2)})
    assert result.success
    assert result.params == {"a": 2.0}


@pytest.mark.parametrize("solver", ["lm", "trf", "dogbox", "newton", "projected lm", "projected trf"])
def test_each_road_alone_reaches_the_minimum(solver):
    result = sg.fit(DECAY, DATA, {"a": 3.0, "b": 0.5, "c": 0.5}, solver=solver)
    assert result.success
    assert result.solver == solver
    assert result.params == pytest.approx(sg.fit(DECAY, DATA, START).params, rel=1e-9)


def test_a_parameter_that_does_nothing_is_named():
    result = sg.fit(sp.Eq(y, a * sp.exp(-b * x)), {"x": np.zeros(25), "y": YS}, {"a": 1, "b": 1})
    assert not result.success
    assert "do not determine b" in result.message
    assert result.stderr["b"] == np.inf
    assert result.params["a"] == pytest.approx(YS.mean())
    assert result.stderr["a"] == pytest.approx(np.std(YS) / np.sqrt(23), rel=1e-6)


def test_parameters_that_only_act_together_are_named():
    result = sg.fit(sp.Eq(y, a * b * sp.exp(-c * x) + d), DATA, {"a": 1, "b": 1, "c": 1, "d": 0})
    assert not result.success
    assert "do not determine a and b" in result.message
    assert np.isinf([result.stderr["a"], result.stderr["b"]]).all()
    free = sg.fit(DECAY, DATA, START)
    assert result.stderr["c"] == pytest.approx(free.stderr["b"] * np.sqrt(22 / 21), rel=1e-6)


def test_a_constant_column_is_data_like_any_other():
    result = sg.fit(sp.Eq(y, a * x + b * x2), {"x": XS, "x2": np.full(25, 2.0), "y": 3 * XS + 1}, {"a": 0, "b": 0})
    assert result.params == pytest.approx({"a": 3.0, "b": 0.5})
    single = sg.fit(sp.Eq(y, a * x + b * x2), {"x": XS, "x2": 2.0, "y": 3 * XS + 1}, {"a": 0, "b": 0})
    assert single.params == pytest.approx(result.params)


def test_a_fit_without_minimum_is_no_success():
    falling = {"x": [1.0, 2.0, 3.0, 4.0], "y": [1.0, 0.0, 0.0, 0.0]}
    result = sg.fit(sp.Eq(y, 1 / (1 + sp.exp(b * (x - a)))), falling, {"a": 1.5, "b": 1.0})
    assert not result.success
    assert "no minimum" in result.message or "do not determine" in result.message


def test_as_many_rows_as_parameters():
    result = sg.fit(sp.Eq(y, a * sp.exp(b * x)), {"x": [0, 1], "y": [2, 6]}, {"a": 1, "b": 1})
    assert result.success
    assert result.params == pytest.approx({"a": 2.0, "b": np.log(3)})
    assert np.isnan(list(result.stderr.values())).all()
    assert "no standard errors" in result.message


def test_a_zero_parameter_and_an_exact_fit():
    result = sg.fit(sp.Eq(y, a + b * x), {"x": XS, "y": 2 * XS}, {"a": 1, "b": 1})
    assert result.success
    assert result.params == {"a": 0.0, "b": 2.0}
    assert result.rss == 0.0


def test_a_parameter_that_starts_and_ends_at_zero():
    xs = np.arange(-5.0, 6.0)
    result = sg.fit(sp.Eq(y, a + b * x), {"x": xs, "y": np.tanh(xs)}, {"a": 0, "b": 0})
    assert result.success
    assert result["a"] == pytest.approx(0.0, abs=1e-15)
    assert result.stderr["a"] == pytest.approx(result.residual_std / np.sqrt(11))
    wave = sg.fit(sp.Eq(y, b * sp.sin(x + a)), {"x": xs, "y": np.tanh(xs)}, {"a": 0, "b": 1})
    assert wave.success
    assert wave["a"] == pytest.approx(0.0, abs=1e-13)


def test_a_power_law_through_the_origin():
    xs = np.array([0, 1, 2, 3, 5, 8])
    ys = 2 * xs**1.5 / (8 + xs**1.5)
    result = sg.fit(sp.Eq(y, a * x**b / (c**b + x**b)), {"x": xs, "y": ys}, {"a": 1, "b": 1, "c": 1})
    assert result.params == pytest.approx({"a": 2.0, "b": 1.5, "c": 4.0}, rel=1e-9)


def test_piecewise_models_fit():
    line = sp.Piecewise((a + b * x, x < 4), (a + 4 * b + c * (x - 4), True))
    ys = np.where(XS < 4, 1 + 2 * XS, 9 - 0.5 * (XS - 4)) + 0.1 * NOISE
    result = sg.fit(sp.Eq(y, line), {"x": XS, "y": ys}, {"a": 0, "b": 0, "c": 0})
    f = np.column_stack([np.ones(25), np.minimum(XS, 4), np.maximum(XS - 4, 0)])
    assert list(result.params.values()) == pytest.approx(np.linalg.lstsq(f, ys)[0])


def test_a_parameter_inside_abs_is_not_taken_as_linear():
    result = sg.fit(sp.Eq(y, sp.Abs(a) * sp.exp(-b * x)), {"x": XS, "y": 3 * np.exp(-0.2 * XS)}, {"a": 1, "b": 1})
    assert abs(result["a"]) == pytest.approx(3.0)


def test_the_lowest_of_several_minima_is_the_answer():
    xs = np.arange(60.0)
    ys = np.sin(0.9 * xs + 0.3) + 0.01 * np.cos(17 * xs)
    result = sg.fit(sp.Eq(y, sp.sin(b * x + a)), {"x": xs, "y": ys}, {"a": 0.0, "b": 0.87})
    own = minimize(lambda p: np.sum((ys - np.sin(p[1] * xs + p[0])) ** 2), [0.3, 0.9], tol=1e-12)
    assert result.success
    assert result.rss == pytest.approx(own.fun)


def test_many_rows():
    xs = np.linspace(0, 10, 200_000)
    ys = decay(xs, 5, 0.3, 1) + 0.05 * np.sin(1e4 * xs)
    result = sg.fit(DECAY, {"x": xs, "y": ys}, START)
    assert result.success
    assert result.params == pytest.approx({"a": 5.0, "b": 0.3, "c": 1.0}, rel=1e-3)


def test_a_model_that_overflows_everywhere_is_no_success():
    data = {"x": [600.0, 650.0, 700.0], "y": [1.0, 2.0, 3.0]}  # exp(700) is finite, its square is not
    result = sg.fit(sp.Eq(y, sp.exp(a * x)), data, {"a": 1.0}, solver="newton")
    assert not result.success
    assert "not finite wherever" in result.message
    assert result.params == {"a": 1.0}
