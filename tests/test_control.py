"""Loops and branches: values and derivatives of any order against the same loop written out in Python."""

from __future__ import annotations

import pickle
from functools import wraps

import numpy as np
import pytest

import symgrad as sg
from symgrad.compile.plan.planner import plan
from symgrad.ops.flow import bodies, siblings

RNG = np.random.default_rng(7)


def rnn(W, U, b, h0, X):
    def step(h, x):
        h = np.tanh(W @ h + U @ x + b)
        return h, np.sum(h**2)

    h, ys = sg.scan(step, h0, X)
    return np.sum(ys) + h[0]


def rnn_written_out(W, U, b, h0, X):
    h, total = h0, 0.0
    for x in X:
        h = np.tanh(W @ h + U @ x + b)
        total = total + np.sum(h**2)
    return total + h[0]


def backwards(x, first=0.3):
    return sg.scan(lambda c, u: (c * u + np.sin(c), c * u), first, x, reverse=True)


def backwards_written_out(x, first=0.3):
    c, ys = first, [None] * len(x)
    for t in range(len(x) - 1, -1, -1):
        ys[t] = c * x[t]
        c = c * x[t] + np.sin(c)
    return c, np.stack(ys)


def nested(A):
    def row(c, r):
        t, _ = sg.scan(lambda s, u: (s * np.cos(u) + c, None), 0.1, r)
        return t, t * c

    return sg.scan(row, 1.0, A)


def nested_written_out(A):
    c, ys = 1.0, []
    for r in A:
        s = 0.1
        for u in r:
            s = s * np.cos(u) + c
        ys.append(s * c)
        c = s
    return c, np.stack(ys)


def total(f):
    @wraps(f)
    def one(*args):
        last, ys = f(*args)
        return last + np.sum(np.arange(1.0, 1.0 + len(ys)) * ys**2)

    return one


MATRICES = [0.5 * RNG.normal(size=s) for s in ((3, 3), (3, 2), (3,), (3,), (5, 2))]
CASES = {
    "rnn": (rnn, rnn_written_out, MATRICES),
    "reverse": (total(backwards), total(backwards_written_out), [RNG.normal(size=6), np.array(0.3)]),
    "nested": (total(nested), total(nested_written_out), [RNG.normal(size=(3, 4))]),
}


@pytest.mark.parametrize("name", CASES)
def test_a_scan_is_the_loop_written_out(name):
    f, written, args = CASES[name]
    every = tuple(range(len(args)))
    np.testing.assert_allclose(sg.function(f)(*args), written(*args), rtol=1e-12)
    np.testing.assert_allclose(f(*args), written(*args), rtol=1e-12)  # with plain arrays
    for a, b in zip(sg.grad(f, wrt=every)(*args), sg.grad(written, wrt=every)(*args), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)
    for k in every:
        a, b = sg.hessian(f, wrt=k)(*args), sg.hessian(written, wrt=k)(*args)
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-10)
    directions = [RNG.normal(size=np.shape(a)) for a in args]
    np.testing.assert_allclose(
        sg.jvp(f, wrt=every)(*args, *directions), sg.jvp(written, wrt=every)(*args, *directions), rtol=1e-10
    )


@pytest.mark.parametrize("memory", [0, 16, 50, 80, 150, "1kB"])
@pytest.mark.parametrize("length", [1, 2, 7, 24])
@pytest.mark.parametrize("reverse", [False, True])
def test_checkpoints_change_nothing(memory, length, reverse):
    xs = RNG.normal(size=length)

    def f(x, xs, memory=None):
        more = {} if memory is None else {"memory": memory}
        last, ys = sg.scan(lambda c, u: (np.sin(c) + 0.1 * u * c, c**2), x, xs, reverse=reverse, **more)
        return last + np.sum(ys * np.cos(xs))

    def lean(x, xs):
        return f(x, xs, memory)

    for one in (sg.grad, lambda f, wrt: sg.hessian(f, wrt=wrt)):
        for a, b in zip(one(lean, wrt=(0, 1))(0.7, xs), one(f, wrt=(0, 1))(0.7, xs), strict=True):
            for x, y in zip(a if isinstance(a, tuple) else [a], b if isinstance(b, tuple) else [b], strict=True):
                np.testing.assert_allclose(x, y, rtol=1e-11, atol=1e-13)


def newton(a, **more):
    return sg.while_loop(lambda x: abs(x * x - a) > 1e-12, lambda x: (x + a / x) / 2, a, **more)


@pytest.mark.parametrize("memory", [0, 16, 50, "1MB"])
def test_while_loops_have_derivatives_of_any_order(memory):
    f = sg.function(lambda a: newton(a, limit=60, memory=memory))
    want = [2**0.5, 0.5 * 2**-0.5, -0.25 * 2**-1.5, 0.375 * 2**-2.5]
    for order, value in enumerate(want):
        np.testing.assert_allclose(f(2.0), value, rtol=1e-12)
        if order < 3:
            f = sg.grad(f)
    np.testing.assert_allclose(sg.jvp(lambda a: newton(a, memory=memory))(2.0, 1.0)[1], want[1], rtol=1e-12)


def test_a_loop_that_never_ends_is_stopped():
    def endless(x):
        return sg.while_loop(lambda s: s > 0, lambda s: np.sqrt(s), x, limit=100)

    for f in (endless, sg.function(endless), sg.grad(endless), sg.vmap(endless)):
        with pytest.raises(sg.ConvergenceError, match=r"100 passes.*limit="):
            f(np.array([1.0, -1.0]) if f is not endless and "vmap" in repr(f) else 1.0)


def test_only_one_branch_runs():
    f = lambda x: sg.cond(x > 0, np.log1p, lambda x: x**3, x)  # noqa: E731
    for x, want in ((1.0, (np.log(2), 0.5, -0.25)), (-1.0, (-1.0, 3.0, -6.0))):
        got = sg.function(f)(x), sg.grad(f)(x), sg.grad(sg.grad(f))(x)
        np.testing.assert_allclose(got, want, rtol=1e-12)

    def guarded(x, A):
        return sg.cond(x > 0, lambda: np.sum(np.linalg.inv(A)), lambda: x * np.sum(A))

    assert sg.function(guarded)(-1.0, np.zeros((2, 2))) == 0
    np.testing.assert_array_equal(sg.grad(guarded, wrt=1)(-2.0, np.zeros((2, 2))), -2 * np.ones((2, 2)))


def test_every_point_of_vmap_takes_its_own_way():
    a = np.array([2.0, 3.0, 100.0, 1e-3, 1.5])
    many = sg.vmap(newton)
    np.testing.assert_allclose(many(a), np.sqrt(a), rtol=1e-9)
    np.testing.assert_allclose(sg.vmap(sg.grad(newton))(a), 0.5 / np.sqrt(a), rtol=1e-9)
    np.testing.assert_allclose(sg.grad(lambda a: np.sum(many(a)))(a), 0.5 / np.sqrt(a), rtol=1e-9)
    second = sg.hessian(lambda a: np.sum(many(a)))(a)
    np.testing.assert_allclose(second, np.diag(-0.25 * a**-1.5), rtol=1e-8, atol=1e-8)

    f = lambda x: sg.cond(x > 0, np.log1p, lambda x: x**3, x)  # noqa: E731
    x = np.array([1.0, -1.0, 0.5])
    np.testing.assert_allclose(sg.vmap(f)(x), [sg.function(f)(k) for k in x], rtol=1e-12)
    np.testing.assert_allclose(sg.vmap(sg.grad(f))(x), [sg.grad(f)(k) for k in x], rtol=1e-12)


@pytest.mark.parametrize("axes", [(0, None), (None, 0), (0, 0)])
def test_vmap_of_scans(axes):
    X, c = RNG.normal(size=(4, 6)), RNG.normal(size=4)
    args = [x if a == 0 else x[0] for x, a in zip((X, c), axes, strict=True)]
    f = total(backwards)
    for g in (f, sg.grad(f, wrt=0), sg.grad(f, wrt=1)):
        got = sg.vmap(g, in_axes=axes)(*args)
        one = sg.function(g) if g is f else g
        want = [one(*(a[k] if ax == 0 else a for a, ax in zip(args, axes, strict=True))) for k in range(4)]
        np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-13)


def test_pytrees_and_no_ys():
    def f(p, xs):
        def step(state, x):
            return {"s": state["s"] + p["a"] * x["u"], "n": state["n"] + 1}, None

        state, nothing = sg.scan(step, {"s": np.zeros(2), "n": 0}, xs)
        assert nothing is None
        return np.sum(state["s"] ** 2) * state["n"]

    p, xs = {"a": np.array([1.0, 2.0])}, {"u": np.arange(6.0).reshape(3, 2), "unused": np.ones(3)}
    np.testing.assert_allclose(sg.function(f)(p, xs), f(p, xs))
    s = p["a"] * xs["u"].sum(0)
    np.testing.assert_allclose(sg.grad(f)(p, xs)["a"], 6 * s * xs["u"].sum(0), rtol=1e-12)


def test_whole_numbers_become_floats_where_the_body_makes_them_so():
    f = sg.function(lambda x: sg.fori_loop(0, 4, lambda i, y: y + i * x, 0))
    assert f(0.5) == 3.0
    assert sg.grad(f)(0.5) == 6.0
    g = sg.function(lambda x, n: sg.fori_loop(0, n, lambda i, y: y * x + i, x))
    assert g(0.5, 3) == sg.function(lambda x: sg.fori_loop(0, 3, lambda i, y: y * x + i, x))(0.5)
    assert g(0.5, 0) == 0.5


def test_no_passes():
    f = sg.function(lambda x, xs: sg.scan(lambda c, u: (c * u, c), x, xs))
    last, ys = f(2.0, np.zeros(0))
    assert last == 2.0
    assert ys.shape == (0,)
    assert sg.grad(lambda x, xs: sg.scan(lambda c, u: (c * u, c), x, xs)[0])(2.0, np.zeros(0)) == 1.0


@pytest.mark.parametrize(
    ("f", "said"),
    [
        (lambda x: sg.scan(lambda c, u: (c, u), 0.0, (x, x[:2])), "different lengths: 2, 3"),
        (lambda x: sg.scan(lambda c, u: (c, u), 0.0), "length="),
        (lambda x: sg.scan(lambda c, u: (c, u), 0.0, 1.0), "no first axis"),
        (lambda x: sg.scan(lambda c, u: c + u, 0.0, x), r"gives \(carry, y\)"),
        (lambda x: sg.scan(lambda c, u: (x * c, u), 0.0, x), r"shape \(\) before a pass and \(3,\) after"),
        (lambda x: sg.scan(lambda c, u: ((c, c), u), 0.0, x), "after a pass"),
        (lambda x: sg.while_loop(lambda c: x > 0, lambda c: c, 0.0), "np.all"),
        (lambda x: sg.cond(x > 0, lambda: 1.0, lambda: 2.0), "np.all"),
        (lambda x: sg.cond(x[0] > 0, lambda: 1.0, lambda: (2.0,)), "different nesting"),
        (lambda x: sg.cond(x[0] > 0, lambda: 1.0, lambda: x), "shapes"),
        (lambda x: sg.fori_loop(0.0, 2, lambda i, c: c, x), "whole numbers"),
        (lambda x: sg.scan(lambda c, u: (c, u), 0.0, x, memory="much"), "amount of memory"),
        (lambda x: sg.scan(lambda c, u: (c, u), 0.0, x, memory=-1), "amount of memory"),
    ],
)
def test_refusals(f, said):
    with pytest.raises(sg.ArgumentError, match=said):
        sg.function(f)(np.ones(3))


def kept_in_a_list(x):
    kept = []

    def step(c, u):
        kept.append(c * u)
        return c + u, None

    sg.scan(step, 0.0, x)
    return np.sum(kept[0])


def written_to_an_outer_array(x):
    y = x * 1

    def step(c, u):
        y[0] = c
        return c + u, None

    return sg.scan(step, 0.0, x)[0] + y[0]


@pytest.mark.parametrize("f", [kept_in_a_list, written_to_an_outer_array])
def test_what_a_body_computes_does_not_leak(f):
    with pytest.raises(sg.TraceError, match="give it back as a y, or carry it"):
        sg.grad(f)(np.ones(3))


def test_the_loops_of_a_value_and_its_derivatives_are_few():
    def scans(f, *args):
        own = f.specialise(*args)
        g, live = own.graph, own.graph.reach(own.outputs)
        return len({siblings(g, i) for i, n in enumerate(live) if n and g.ops[i].name == "scan"})

    assert scans(sg.function(rnn), *MATRICES) == 1
    assert scans(sg.value_and_grad(rnn, wrt=(0, 1, 2, 3, 4)), *MATRICES) == 2
    assert scans(sg.hessian(rnn, wrt=0), *MATRICES) <= 4


def test_products_that_need_no_order_stand_outside_of_loops():
    """U x of all passes is one product, and so is the gradient by W, the sum of outer products."""
    own = sg.grad(rnn, wrt=(0, 1, 2)).specialise(*MATRICES)
    g = own.graph
    inner = [b for i in range(len(g)) if g.ops[i].kind == "flow" for b in bodies(g, i)]
    sizes = {b.graph.types[o].shape for b in inner for o in b.outputs}
    assert sizes == {(3,), ()} or sizes == {(3,)}
    read = {b.graph.types[i].shape for b in inner for i in b.inputs}
    assert (3, 2) not in read


def test_memory_of_long_scans_stays_within_what_is_given():
    def f(x, memory):
        def step(c, _):
            return c + 1e-3 * np.roll(c, 1) * np.cos(c), None

        return np.sum(sg.scan(step, x, None, length=3000, memory=memory)[0])

    x, peak, found = np.linspace(0.1, 0.2, 100), [], []
    for memory in ("1GB", "300kB", "60kB"):
        own = sg.grad(lambda x, memory=memory: f(x, memory)).specialise(x)
        peak.append(plan(own.graph, own.inputs, own.outputs).peak_bytes)
        found.append(own.compile()(x))
    assert peak[0] > 2_400_000
    assert peak[1] < 400_000
    assert peak[2] < 150_000
    np.testing.assert_allclose(found[1], found[0], rtol=1e-12)
    np.testing.assert_allclose(found[2], found[0], rtol=1e-12)


def test_loops_are_saved_and_loaded():
    f = sg.grad(newton).specialise(2.0)
    again = pickle.loads(pickle.dumps(f))
    assert again(2.0) == f(2.0)


def test_float32_stays():
    f = sg.value_and_grad(lambda x: np.sum(sg.scan(lambda c, u: (np.sin(c) * u, c), np.float32(0.5), x)[1]))
    value, slope = f(np.ones(5, np.float32))
    assert slope.dtype == np.float32
    exact = sg.value_and_grad(lambda x: np.sum(sg.scan(lambda c, u: (np.sin(c) * u, c), 0.5, x)[1]))(np.ones(5))
    np.testing.assert_allclose(value, exact[0], rtol=1e-6)
    np.testing.assert_allclose(slope, exact[1], rtol=1e-6)


def test_a_recurrent_net_is_trained_in_compiled_steps():
    def loss(p, x, y):
        h, _ = sg.scan(lambda h, u: (np.tanh(p["W"] @ h + p["U"] * u), None), np.zeros(4), x)
        return (p["v"] @ h - y) ** 2

    rng = np.random.default_rng(2)
    p = {"W": 0.3 * rng.normal(size=(4, 4)), "U": rng.normal(size=4), "v": rng.normal(size=4)}
    step = sg.train_step(loss, sg.adam(0.05))
    state = step.init(p)
    x = rng.normal(size=6)
    first = loss(p, x, 1.0)
    values = [step(state, x, 1.0) for _ in range(60)]
    np.testing.assert_allclose(values[0], first, rtol=1e-12)
    assert values[-1] < 1e-2 * first
    with pytest.raises(sg.ArgumentError, match=r"step\.init"):
        step(p, x, 1.0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("first", [0.5, 1, 0])
def test_a_carry_that_begins_as_a_number_of_python_has_the_dtype_that_it_meets(dtype, first):
    x = np.linspace(0.5, 1, 4).astype(dtype)
    last, ys = sg.function(lambda x: sg.scan(lambda c, u: (c * 0.5 + u, c), first, x))(x)
    plain, parts = sg.scan(lambda c, u: (c * 0.5 + u, c), first, x)
    assert np.asarray(ys).dtype == dtype
    np.testing.assert_allclose(ys, parts, rtol=1e-6)
    np.testing.assert_allclose(last, plain, rtol=1e-6)
    assert sg.function(lambda x: x * sg.fori_loop(0, 3, lambda i, v: v / 3, 1.0))(x).dtype == dtype


def test_the_length_of_a_loop_may_be_a_default() -> None:
    def f(x, n=3):
        assert type(n) is int or n.shape == ()
        return sg.fori_loop(0, n, lambda i, c: c * x, 1.0)

    assert sg.function(f)(2.0) == 8.0
    assert sg.function(f)(2.0, 4) == 16.0
    assert sg.grad(f)(2.0) == pytest.approx(12.0)
    assert sg.grad(f)(2.0, n=4) == pytest.approx(32.0)
