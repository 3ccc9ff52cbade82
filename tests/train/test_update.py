"""Training steps: the update is part of the graph, and agrees with the rule written in NumPy."""

import numpy as np
import pytest
import sympy as sp

import symgrad as sg

w, b, n = sp.symbols("w b n")
i = sp.Symbol("i", integer=True)
x, y = sp.IndexedBase("x"), sp.IndexedBase("y")
LOSS = sg.function([w, b], sp.Sum((y[i] - w * x[i] - b) ** 2, (i, 0, n - 1)) / n, name="loss")
XS = np.linspace(-1.0, 2.0, 20)
YS = 3.0 * XS - 0.5
DATA = {"n": 20, "x": XS, "y": YS}


def gradient(p):
    r = YS - p[0] * XS - p[1]
    return np.array([np.mean(-2 * XS * r), np.mean(-2 * r)])


def numpy_sgd(p, t, s):
    return p - 0.1 * gradient(p), s


def numpy_momentum(p, t, s):
    v = 0.8 * s[0] + gradient(p)
    return p - 0.05 * v, [v]


def numpy_adam(p, t, s):
    g = gradient(p)
    m, v = 0.9 * s[0] + 0.1 * g, 0.999 * s[1] + 0.001 * g**2
    return p - 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8), [m, v]


@pytest.mark.parametrize(
    ("optimizer", "rule", "slots"),
    [(sg.sgd(0.1), numpy_sgd, 0), (sg.momentum(0.05, 0.8), numpy_momentum, 1), (sg.adam(0.1), numpy_adam, 2)],
    ids=["sgd", "momentum", "adam"],
)
def test_steps_equal_the_rule_in_numpy(optimizer, rule, slots):
    step = sg.train_step(LOSS, optimizer)
    state = step.init(w=0.3, b=0.1)
    p, s = np.array([0.3, 0.1]), [np.zeros(2)] * slots
    for t in range(1, 30):
        before = np.mean((YS - p[0] * XS - p[1]) ** 2)
        assert step(state, **DATA) == pytest.approx(before)
        p, s = rule(p, t, s)
        np.testing.assert_allclose([state["w"], state["b"]], p, rtol=1e-10)
    assert state.steps == 29


def test_linear_regression_trains_in_place():
    step = sg.train_step(LOSS, sg.sgd(0.2))
    state = step.init(w=0.0, b=0.0)
    held = state.arrays["w"]
    for _ in range(400):
        loss = step(state, **DATA)
    assert loss < 1e-12
    assert dict(state) == pytest.approx({"w": 3.0, "b": -0.5})
    assert state.arrays["w"] is held


def test_the_gradient_formula_can_be_read():
    text = str(sg.train_step(LOSS, sg.sgd()).gradient.sympy())
    assert "Sum" in text
    assert "x[i]" in text


def test_only_some_parameters_are_trained():
    step = sg.train_step(LOSS, sg.sgd(0.2), params=["w"])
    state = step.init(w=0.0)
    step(state, b=-0.5, **DATA)
    assert list(state) == ["w"]


def test_start_values_are_checked():
    step = sg.train_step(LOSS, sg.sgd())
    with pytest.raises(sg.ArgumentError, match="missing: b"):
        step.init(w=0.0)
    with pytest.raises(sg.ArgumentError, match="unknown: c"):
        step.init(w=0.0, b=0.0, c=1.0)


@pytest.mark.parametrize("optimizer", [sg.sgd(0.4), sg.momentum(0.1), sg.adam(0.2)], ids=lambda o: o.name)
def test_matrices_are_trained(optimizer):
    X, y, w = (sp.MatrixSymbol(*a) for a in (("X", 50, 3), ("y", 50, 1), ("w", 3, 1)))
    step = sg.train_step(sg.function([w], (X * w - y).T * (X * w - y) / 50), optimizer)
    assert r"\frac{1}{25} X^{T} \left(X w - y\right)" in step.gradient.latex()
    data = np.random.default_rng(0).normal(size=(50, 3))
    labels = data @ [[1.0], [-2.0], [0.5]]
    state = step.init(w=np.zeros((3, 1)))
    for _ in range(300):
        last = step(state, X=data, y=labels)
    assert isinstance(last, float)
    assert last < 1e-4
    np.testing.assert_allclose(state["w"].ravel(), [1.0, -2.0, 0.5], atol=0.02)
