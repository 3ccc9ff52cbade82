"""sg.fit by maximum likelihood, against closed forms."""

import numpy as np
import pytest
import sympy as sp
from scipy.optimize import brentq
from scipy.special import digamma, polygamma

import symgrad as sg

x, k, n, t, event, m, s, a, b = sp.symbols("x k n t event m s a b")
RNG = np.random.default_rng(3)


def test_normal():
    xs = RNG.normal(3.0, 2.0, 100)
    result = sg.fit(sp.log(s) + (x - m) ** 2 / (2 * s**2), {"x": xs}, {"m": 0.0, "s": 1.0})
    deviation = xs.std()
    assert result.success
    assert result.params == pytest.approx({"m": xs.mean(), "s": deviation}, rel=1e-10)
    assert result.stderr == pytest.approx({"m": deviation / 10, "s": deviation / np.sqrt(200)}, rel=1e-8)
    assert result.covariance[0, 1] == pytest.approx(0.0, abs=1e-12)
    assert result.nll == pytest.approx(100 * np.log(deviation) + 50)
    assert result.rss is None
    assert result.residuals is None
    assert result.dof == 98


def test_poisson_regression_on_two_groups():
    xs = np.repeat([0, 1], 40)
    ks = RNG.poisson(np.where(xs, 7.0, 2.0))
    result = sg.fit(sp.exp(a + b * x) - k * (a + b * x), {"x": xs, "k": ks}, {"a": 0.0, "b": 0.0})
    first, second = ks[:40], ks[40:]
    assert result.params == pytest.approx({"a": np.log(first.mean()), "b": np.log(second.mean() / first.mean())})
    expected = {"a": 1 / np.sqrt(first.sum()), "b": np.sqrt(1 / first.sum() + 1 / second.sum())}
    assert result.stderr == pytest.approx(expected, rel=1e-9)


def test_poisson_regression_satisfies_its_score_equations():
    xs = np.linspace(0, 2, 60)
    ks = RNG.poisson(np.exp(0.3 + 0.9 * xs))
    result = sg.fit(sp.exp(a + b * x) - k * (a + b * x), {"x": xs, "k": ks}, {"a": 0.0, "b": 0.0})
    mean = np.exp(result["a"] + result["b"] * xs)
    f = np.column_stack([np.ones(60), xs])
    np.testing.assert_allclose(f.T @ (ks - mean), 0.0, atol=1e-10)
    np.testing.assert_allclose(result.covariance, np.linalg.inv(f.T @ (f * mean[:, None])), rtol=1e-9)


def test_logistic_regression_of_a_two_by_two_table():
    xs, ys = np.repeat([0, 0, 1, 1], [12, 8, 5, 15]), np.repeat([0, 1, 0, 1], [12, 8, 5, 15])
    y = sp.Symbol("y")
    result = sg.fit(sp.log(1 + sp.exp(a + b * x)) - y * (a + b * x), {"x": xs, "y": ys}, {"a": 0.0, "b": 0.0})
    assert result["b"] == pytest.approx(np.log(15 * 12 / (5 * 8)))
    assert result.stderr["b"] == pytest.approx(np.sqrt(1 / 12 + 1 / 8 + 1 / 5 + 1 / 15))


def test_weibull():
    ts = 3.0 * RNG.weibull(1.7, 80)
    nll = -(sp.log(k / s) + (k - 1) * sp.log(t / s) - (t / s) ** k)
    result = sg.fit(nll, {"t": ts}, {"k": 1.0, "s": 1.0})
    logs = np.log(ts)
    shape = brentq(lambda q: np.sum(ts**q * logs) / np.sum(ts**q) - 1 / q - logs.mean(), 0.1, 20, xtol=1e-14)
    assert result.params == pytest.approx({"k": shape, "s": np.mean(ts**shape) ** (1 / shape)}, rel=1e-9)
    z = ts / result["s"]
    information = np.array(
        [
            [80 / shape**2 + np.sum(z**shape * np.log(z) ** 2), 0],
            [0, 80 * shape**2 / result["s"] ** 2],
        ]
    )
    cross = -shape / result["s"] * np.sum(z**shape * np.log(z)) - (np.sum(z**shape) - 80) / result["s"]
    information[0, 1] = information[1, 0] = cross
    np.testing.assert_allclose(result.covariance, np.linalg.inv(information), rtol=1e-7)


def test_gamma_distribution_has_its_second_derivatives_from_polygamma():
    ts = RNG.gamma(2.5, 1.5, 120)
    nll = sp.loggamma(k) + k * sp.log(s) - (k - 1) * sp.log(t) + t / s
    result = sg.fit(nll, {"t": ts}, {"k": 1.0, "s": 1.0})
    gap = np.log(ts.mean()) - np.log(ts).mean()
    shape = brentq(lambda q: np.log(q) - digamma(q) - gap, 0.1, 20, xtol=1e-14)
    scale = ts.mean() / shape
    assert result.params == pytest.approx({"k": shape, "s": scale}, rel=1e-9)
    information = 120 * np.array([[polygamma(1, shape), 1 / scale], [1 / scale, shape / scale**2]])
    np.testing.assert_allclose(result.covariance, np.linalg.inv(information), rtol=1e-7)


def test_censored_lifetimes():
    ts = RNG.exponential(4.0, 70)
    events = (ts < 5.0).astype(int)
    ts = np.minimum(ts, 5.0)
    result = sg.fit(a * t - event * sp.log(a), {"t": ts, "event": events}, {"a": 1.0})
    rate = events.sum() / ts.sum()
    assert result["a"] == pytest.approx(rate, rel=1e-12)
    assert result.stderr["a"] == pytest.approx(rate / np.sqrt(events.sum()), rel=1e-10)


def test_weights_count_rows():
    ks, weights = np.array([0, 1, 2, 3, 4]), np.array([10, 20, 30, 5, 1])
    weighted = sg.fit(a - k * sp.log(a), {"k": ks}, {"a": 1.0}, weights=weights)
    repeated = sg.fit(a - k * sp.log(a), {"k": np.repeat(ks, weights)}, {"a": 1.0})
    assert weighted["a"] == pytest.approx(repeated["a"], rel=1e-12)
    assert weighted.function.sympy() == repeated.function.sympy() == a - k * sp.log(a)
    assert weighted.gradient.sympy() == (1 - k / a,)
    assert weighted.stderr["a"] == pytest.approx(repeated.stderr["a"], rel=1e-10)


def test_badly_scaled_parameters():
    xs = RNG.normal(3e6, 2e-3, 50)
    result = sg.fit(sp.log(s) + (x - m) ** 2 / (2 * s**2), {"x": xs}, {"m": 3e6 + 1e-2, "s": 1e-2})
    assert result.success
    assert result["s"] == pytest.approx(xs.std(), rel=1e-6)


def test_bounds():
    nll = sp.log(s) + (x - m) ** 2 / (2 * s**2)
    result = sg.fit(nll, {"x": [1.0, 2.0, 4.0]}, {"m": 3.0, "s": 1.0}, bounds={"m": (2.5, None)})
    assert result.success
    assert result.params == pytest.approx({"m": 2.5, "s": np.sqrt(np.mean((np.array([1, 2, 4]) - 2.5) ** 2))})


def test_separable_groups_have_no_maximum():
    y = sp.Symbol("y")
    nll = sp.log(1 + sp.exp(a + b * x)) - y * (a + b * x)
    result = sg.fit(nll, {"x": [-2.0, -1.0, 1.0, 2.0], "y": [0, 0, 1, 1]}, {"a": 0.0, "b": 0.0})
    assert not result.success


def test_a_likelihood_predicts_nothing():
    result = sg.fit(a * t - sp.log(a), {"t": [1.0, 2.0]}, {"a": 1.0})
    with pytest.raises(sg.UnsupportedError, match="predict needs an equation"):
        result.predict({"t": [1.0]})
    with pytest.raises(sg.UnsupportedError, match="least-squares"):
        result.plot()
