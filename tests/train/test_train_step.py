"""Training steps of Python functions: pytrees of parameters, changed in place by one program."""

import copy
import pickle
import tracemalloc
from dataclasses import dataclass

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.run.inplace import InPlace


def network(p, X, y):
    hidden = np.tanh(X @ p["first"]["W"] + p["first"]["b"])
    return np.mean((hidden @ p["second"]["W"] + p["second"]["b"] - y) ** 2)


def start(dtype="float64", seed=0):
    rng = np.random.default_rng(seed)
    layers = {"first": (40, 30), "second": (30, 20)}
    return {k: {"W": rng.normal(size=s).astype(dtype) / 6, "b": np.full(s[1], 0.1, dtype)} for k, s in layers.items()}


def batch(n=50, dtype="float64", seed=1):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 40)).astype(dtype), rng.normal(size=(n, 20)).astype(dtype)


RULES = {
    "sgd": (sg.sgd(0.1), 0, lambda p, g, t, s: (p - 0.1 * g, s)),
    "momentum": (sg.momentum(0.1, 0.8), 1, lambda p, g, t, s: (p - 0.1 * (0.8 * s[0] + g), [0.8 * s[0] + g])),
    "adam": (sg.adam(0.01), 2, lambda p, g, t, s: adam(p, g, t, *s)),
}


def adam(p, g, t, m, v):
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
    return p - 0.01 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8), [m, v]


def paired(tree):
    return [tree[k][n] for k in ("first", "second") for n in ("W", "b")]


@pytest.mark.parametrize("rule", list(RULES))
@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-11), ("float32", 3e-4)])
def test_steps_equal_the_rule_in_numpy(rule, dtype, rtol):
    optimizer, count, update = RULES[rule]
    step = sg.train_step(network, optimizer)
    state = step.init(start(dtype))
    held = paired(state.params)
    p = paired(start())
    slots = [[np.zeros_like(a) for _ in range(count)] for a in p]
    X, y = batch(dtype=dtype)
    value_and_grad = sg.value_and_grad(network)
    for t in range(1, 8):
        tree = {"first": {"W": p[0], "b": p[1]}, "second": {"W": p[2], "b": p[3]}}
        value, gradient = value_and_grad(tree, X.astype("float64"), y.astype("float64"))
        assert step(state, X, y) == pytest.approx(value, rel=rtol)
        new = [update(a, g, t, s) for a, g, s in zip(p, paired(gradient), slots, strict=True)]
        p, slots = [n[0] for n in new], [list(n[1]) for n in new]
        for a, b in zip(paired(state.params), p, strict=True):
            assert a.dtype == dtype
            np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)
    assert all(a is b for a, b in zip(held, paired(state.params), strict=True))
    assert state.steps == 7


@pytest.mark.parametrize("rule", list(RULES))
def test_a_step_allocates_no_array(rule):
    """NumPy tells tracemalloc of every array: after a warm-up the peak of many steps is a handful of small objects."""
    step = sg.train_step(network, RULES[rule][0])
    state = step.init(start())
    X, y = batch()
    step(state, X, y)
    tracemalloc.start()
    try:
        step(state, X, y)
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        for _ in range(50):
            step(state, X, y)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 500
    assert peak - before < 3000
    assert "runs in place" in step.explain()


def test_old_values_are_read_before_they_change():
    """The gradient of each factor needs the other one as it was."""

    def loss(uv, a):
        return np.sum((a - uv[0] @ uv[1].T) ** 2)

    rng = np.random.default_rng(3)
    u, v, a = rng.normal(size=(30, 20)), rng.normal(size=(25, 20)), rng.normal(size=(30, 25))
    for optimizer in (sg.sgd(1e-3), sg.momentum(1e-3), sg.adam(1e-3)):
        step = sg.train_step(loss, optimizer)
        state = step.init((u, v))
        step(state, a)
        if optimizer.name.startswith("adam"):
            continue
        r = a - u @ v.T
        np.testing.assert_allclose(state.params[0], u + 2e-3 * r @ v, rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(state.params[1], v + 2e-3 * r.T @ u, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("rule", list(RULES))
def test_without_machine_code_the_reference_changes_the_arrays(rule, monkeypatch):
    def refused(*args, **named):
        raise sg.UnsupportedError("none here")

    X, y = batch()
    fast = sg.train_step(network, RULES[rule][0])
    expected = fast.init(start())
    monkeypatch.setattr("symgrad.run.inplace.Program", refused)
    slow = sg.train_step(network, RULES[rule][0])
    state = slow.init(start())
    slow(state, X, y)
    monkeypatch.undo()
    fast(expected, X, y)
    assert "NumPy: none here" in slow.explain()
    for a, b in zip(paired(state.params), paired(expected.params), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10)


def test_batches_of_other_sizes_layouts_and_kinds():
    step, same = (sg.train_step(network, sg.adam(0.01)) for _ in range(2))
    state, other = step.init(start()), same.init(start())
    for n in (50, 7, 50, 1):
        X, y = batch(n)
        assert step(state, X, y) == same(other, np.asfortranarray(X), y[::1, ::-1][:, ::-1])
    for a, b in zip(paired(state.params), paired(other.params), strict=True):
        np.testing.assert_array_equal(a, b)


def test_two_states_share_one_step():
    step = sg.train_step(network, sg.momentum(0.1))
    one, two = step.init(start()), step.init(start(seed=5))
    X, y = batch()
    values = [(step(one, X, y), step(two, X, y)) for _ in range(5)]
    again = step.init(start(seed=5))
    assert [step(again, X, y) for _ in range(5)] == [b for _, b in values]


def test_states_are_copied_and_pickled():
    step = sg.train_step(network, sg.adam(0.01))
    state = step.init(start())
    X, y = batch()
    step(state, X, y)
    others = [copy.deepcopy(state), pickle.loads(pickle.dumps(state))]
    values = [step(state, X, y) for _ in range(3)]
    for other in others:
        assert [step(other, X, y) for _ in range(3)] == values
        assert other.steps == state.steps == 4
        for a, b in zip(paired(state.params), paired(other.params), strict=True):
            np.testing.assert_array_equal(a, b)
            assert a is not b


@dataclass
class Line:
    slope: object
    height: object
    kind: str = "line"


def test_dataclasses_scalars_and_arguments_by_name():
    def loss(line, x, y, weight=1.0):
        assert line.kind == "line"
        return weight * np.mean((line.slope * x + line.height - y) ** 2)

    step = sg.train_step(loss, sg.sgd(0.2))
    state = step.init(Line(0, 0.0))
    x = np.linspace(-1.0, 2.0, 20)
    for _ in range(300):
        step(state, x, y=3 * x - 0.5)
    assert state["slope"] == pytest.approx(3.0)
    assert float(state.params.height) == pytest.approx(-0.5)
    assert state.params.kind == "line"


def test_another_argument_or_several_are_trained():
    def loss(x, a, y, b):
        return np.mean((a * x + b - y) ** 2)

    x = np.linspace(-1.0, 2.0, 20)
    both = sg.train_step(loss, sg.sgd(0.2), params=["a", "b"])
    state = both.init(0.0, 0.0)
    for _ in range(300):
        both(state, x, 3 * x - 0.5)
    assert dict(state) == pytest.approx({"a": 3.0, "b": -0.5})
    one = sg.train_step(loss, sg.sgd(0.2), params="b")
    state = one.init(np.zeros(1))
    for _ in range(300):
        one(state, x, 3.0, 3 * x - 0.5)
    assert state["b"] == pytest.approx([-0.5])


def test_scalars_alone_are_trained():
    step = sg.train_step(lambda w, x: (w - x) ** 2, sg.momentum(0.1))
    state = step.init(2.0)
    for _ in range(500):
        step(state, 5.0)
    assert state["w"] == pytest.approx(5.0)


def test_what_can_not_be_trained_is_told():
    step = sg.train_step(network, sg.sgd(0.1))
    with pytest.raises(sg.ArgumentError, match="missing: p"):
        step.init()
    with pytest.raises(sg.ArgumentError, match="no number in p"):
        step.init({"kind": "none"})
    with pytest.raises(sg.ArgumentError, match="take a step first"):
        _ = step.function
    vector = sg.train_step(lambda w, x: w * x, sg.sgd(0.1))
    state = vector.init(np.ones(2))
    with pytest.raises(sg.ArgumentError, match="scalar function"):
        vector(state, np.ones(2))


def test_the_gradient_formula_can_be_read():
    def loss(w, X, y):
        return np.sum((X @ w - y) ** 2)

    step = sg.train_step(loss, sg.sgd(0.01))
    state = step.init(np.zeros(3))
    X = np.random.default_rng(0).normal(size=(20, 3))
    step(state, X, X @ [1.0, 2.0, 3.0])
    assert "X^{T}" in step.gradient.latex(state.params, X, np.zeros(20))
    assert isinstance(step.function, sg.Function)


def test_products_are_added_where_the_parameter_lies():
    """Of gradient descent, BLAS adds to the parameters: no gradient is written out."""
    step = sg.train_step(network, sg.sgd(0.1))
    state = step.init(start())
    step(state, *batch())
    assert step.explain(steps=True).count(", added") == 2


def test_a_changed_input_that_is_still_needed_is_written_at_last():
    """x = y, y = x: each needs the other's old value."""
    f = sg.function(lambda x, y: (np.sum(x * y), y * 1.0, 2.0 * x)).specialise(np.ones(3), np.ones(3))
    swap = InPlace(*f.program, {1: 0, 2: 1}, "swap")
    x, y = np.array([1.0, 2.0, 3.0]), np.array([5.0, 6.0, 7.0])
    assert swap.call(x, y, swap.workspace()) == 38.0
    np.testing.assert_array_equal(x, [5.0, 6.0, 7.0])
    np.testing.assert_array_equal(y, [2.0, 4.0, 6.0])


def _distances(p):
    places = np.array([2, 0, 2, 1, 4])
    return np.sum((p[places] - p[::-1][:5]) ** 2) + p[0, 0] * p[4, 4]


TANGLED = {
    "turned": lambda p: np.sum(p @ p + p.T * p[::-1]),
    "symmetric": lambda p: np.sum((p + p.T) ** 2),
    "squares": lambda p: np.sum((p @ p.T) ** 2),
    "running": lambda p: np.sum(np.cumsum(p, 0) * np.roll(p, 1, 1)),
    "rows": lambda p: np.sum(np.exp(-np.sum(p, 1)) * p[:, 0]),
    "one row": lambda p: np.sum(p[1] ** 3),
    "places": _distances,
    "largest": lambda p: np.sum(np.max(p, 1) * np.sum(p)),
    "determinant": lambda p: np.log(np.abs(np.linalg.det(p + 9 * np.eye(6)))),
    "diagonal": lambda p: np.sum(np.diag(p) * np.arange(6.0)),
    "nothing": lambda p: np.sum(0 * p.astype(int)) + 1.0,
}


@pytest.mark.parametrize("rule", list(RULES))
@pytest.mark.parametrize("name", list(TANGLED))
def test_gradients_that_read_parameters_elsewhere(name, rule):
    """A new value may only be written where its old one is no longer read."""
    loss = TANGLED[name]
    for n in (6, 40) if name not in ("places", "determinant", "diagonal") else (6,):
        optimizer, count, update = RULES[rule]
        step = sg.train_step(lambda p: loss(p["a"]) + p["b"] ** 2 * np.sum(p["a"]), optimizer)
        a, b = np.random.default_rng(n).normal(size=(n, n)) / n, np.array(0.3)
        state = step.init({"a": a, "b": b})
        gradient = sg.grad(sg.function(lambda a, b: loss(a) + b**2 * np.sum(a)), ["a", "b"])
        slots = [[np.zeros_like(x)] * count for x in (a, b)]
        for t in range(1, 4):
            step(state)
            new = [update(p, g, t, s) for p, g, s in zip((a, b), gradient(a, b), slots, strict=True)]
            (a, b), slots = [p for p, _ in new], [s for _, s in new]
            np.testing.assert_allclose(state.params["a"], a, rtol=1e-9, atol=1e-11)
            np.testing.assert_allclose(state.params["b"], b, rtol=1e-9, atol=1e-11)


class Wrapped:
    """An array of another library, in the memory of one of NumPy's."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.array, dtype)


def pulled(w, x):
    """By w: 2 (w - x) / n, so a step that reads x as w changes goes another way."""
    return np.mean((w - x) ** 2) + np.sum(w * x[::-1])


@pytest.mark.parametrize("view", [lambda a: a, lambda a: a[::-1], Wrapped, lambda a: a.reshape(-1)])
def test_parameters_as_data_are_read_before_they_change(view):
    first = np.random.default_rng(0).normal(size=6)
    apart, shared = (sg.train_step(pulled, sg.momentum(0.1)) for _ in range(2))
    one, two = apart.init(first), shared.init(first)
    for _ in range(3):
        data = np.asarray(view(one.params)).copy()
        held = data.copy()
        assert apart(one, data) == shared(two, view(two.params))
        np.testing.assert_array_equal(one.params, two.params)
        np.testing.assert_array_equal(data, held)
    for other in (copy.deepcopy(two), pickle.loads(pickle.dumps(two))):
        assert other.holds(other.params)
        assert not other.holds(two.params)
        assert shared(other, view(other.params)) == apart(copy.deepcopy(one), np.asarray(view(one.params)).copy())


@pytest.mark.parametrize("rule", list(RULES))
def test_parameters_may_have_any_names(rule):
    """`step`, and the names of what the optimizers keep."""

    def loss(p, x):
        return np.sum((p["step"] * x - 2.0) ** 2) + np.sum((p["step_mean"] + p["step_velocity"] - p["step_"]) ** 2)

    def plain(p, x):
        return np.sum((p["a"] * x - 2.0) ** 2) + np.sum((p["b"] + p["c"] - p["d"]) ** 2)

    values = [np.ones(2), 0.5, np.full(2, 3.0), 1.0]
    found = []
    for f, names in ((loss, ("step", "step_mean", "step_velocity", "step_")), (plain, "abcd")):
        step = sg.train_step(f, RULES[rule][0])
        state = step.init(dict(zip(names, values, strict=True)))
        found.append([step(state, np.array([1.0, 2.0])) for _ in range(3)])
        assert state.steps == 3
        found[-1] += [np.asarray(state[n]).tolist() for n in names]
    assert found[0] == found[1]


def test_a_symbol_named_step_is_trained():
    step_, x = sp.symbols("step x")
    made = sg.train_step(sg.function([step_], (step_ - x) ** 2), sg.momentum(0.1))
    state = made.init(step=0.0)
    for _ in range(400):
        made(state, 5.0)
    assert (state["step"], state.steps) == (pytest.approx(5.0), 400)
