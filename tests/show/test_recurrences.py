"""Loops and branches as formulas, as source and as pictures."""

from __future__ import annotations

import re

import numpy as np
import pytest

import symgrad as sg
from symgrad.show.picture import draw
from symgrad.show.python import identifier


def rnn(W, b, h0, X):
    def step(h, x):
        h = np.tanh(W @ h + x + b)
        return h, np.sum(h**2)

    h, ys = sg.scan(step, h0, X)
    return np.sum(ys) + h[0]


def root(a):
    return sg.while_loop(lambda x: abs(x * x - a) > 0.5, lambda x: (x + a / x) / 2, a, limit=60)


def branch(x):
    return sg.cond(x > 0, lambda: np.sin(x), lambda: x**3)


def both(x, a):
    """Several carries, backwards, whole numbers, truth values, a branch, a loop in a loop."""

    def step(state, u):
        c, n, up = state
        c = sg.cond(up, lambda: c + np.exp(u) * x, lambda: c * u)
        d = sg.fori_loop(0, 3, lambda k, d: d * np.cos(x) + k, c)
        return (c, n + 1, ~up), (c / (n + 1), d, up)

    (c, n, up), (ys, zs, ups) = sg.scan(step, (x, 0, True), a, reverse=True)
    return c * n, ys, zs, ups, up


ARGS = [0.3 * np.arange(9.0).reshape(3, 3), np.ones(3), np.array([0.1, 0.2, 0.3]), np.arange(12.0).reshape(4, 3) / 9]


def run(f, *args):
    own, scope = f.specialise(*args), {}
    exec(own.python(), scope)  # our own text, as a user would run it
    with np.errstate(all="ignore"):  # of passes that a point does not have
        return scope[identifier(own.name)](*args)


def test_a_recurrence_reads_as_one() -> None:
    assert sg.function(rnn).specialise(*ARGS).latex() == (
        r"\begin{aligned}h_{t + 1} &= \tanh_{\circ}\left(W h_{t} + b + X_{t}\right) \\ "
        r"y_{t} &= \mathbf{1}^{T} h_{t + 1}^{\circ 2}, \quad t = 0, \ldots, 3 \\ "
        r"& \mathbf{1}^{T} y + \left(h_{4}\right)_{0}\end{aligned}"
    )


def test_a_condition_says_when_it_ends() -> None:
    assert sg.function(root).specialise(2.0).latex() == (
        r"\begin{aligned}c_{0} &= a \\ c_{t + 1} &= \frac{c_{t} + \frac{a}{c_{t}}}{2}, "
        r"\quad t = 0, \ldots, N - 1 \\ "
        r"N &= \min\left\{t : \text{not } \left|c_{t}^{2} - a\right| > \frac{1}{2}\right\} \\ & c_{N}\end{aligned}"
    )


def test_branches_are_cases() -> None:
    assert sg.function(branch).specialise(2.0).latex() == (
        r"\begin{cases}\sin\left(x\right) & \text{if } x > 0 \\ x^{3} & \text{otherwise}\end{cases}"
    )
    slope = sg.grad(branch).specialise(2.0).latex()
    assert slope == r"\begin{cases}\cos\left(x\right) & \text{if } x > 0 \\ 3 x^{2} & \text{otherwise}\end{cases}"


def test_backwards_and_one_in_the_other() -> None:
    def f(A):
        def row(c, r):
            return sg.scan(lambda s, u: (s * u + c, None), 0.5, r)[0], None

        return sg.scan(row, 1.0, A, reverse=True)[0]

    assert sg.function(f).specialise(np.ones((2, 3))).latex() == (
        r"\begin{aligned}c_{2} &= 1 \\ d_{0} &= \frac{1}{2} \\ "
        r"d_{\tau + 1} &= d_{\tau} A_{t, \tau} + c_{t + 1}, \quad \tau = 0, \ldots, 2 \\ "
        r"c_{t} &= d_{3}, \quad t = 1, 0 \\ & c_{0}\end{aligned}"
    )


def test_named_parts_of_a_pass_have_its_index() -> None:
    text = sg.vmap(sg.grad(root)).specialise(np.array([2.0, 3.0])).latex()
    assert r"x_{0, t} &= \left|c_{t}^{\circ 2} - a\right| > \frac{1}{2} \\" in text


def test_symbols_do_not_clash() -> None:
    """An input c, one h1 beside h0: no carry is called that."""

    def f(c, h0, h1):
        return sg.fori_loop(0, 3, lambda k, h: h * c + h1, h0)

    text = sg.function(f).specialise(1.0, 2.0, 3.0).latex()
    assert r"d_{0} &= h_{0} \\ d_{t + 1} &= d_{t} c + h_{1}" in text.replace("c d_{t}", "d_{t} c")


def test_source_is_a_loop() -> None:
    lines = sg.function(rnn).specialise(*ARGS).python().splitlines()
    body = [line for line in lines if line.startswith("    ")][1:]
    assert body == [
        "    h = h0",
        "    y = np.empty(4)",
        "    for t in range(4):",
        "        x0 = np.tanh(b + X[t] + W @ h)",
        "        y[t] = np.sum(x0**2)",
        "        h = x0",
        "    return np.sum(y) + h[0]",
    ]


def test_source_gives_the_same() -> None:
    a = np.linspace(-1.0, 1.0, 5)
    for got, want in zip(run(sg.function(both), 0.7, a), sg.function(both)(0.7, a), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12)
        assert np.asarray(got).dtype == np.asarray(want).dtype
    many = sg.vmap(sg.grad(root))
    x = np.array([2.0, 3.0, 100.0])
    np.testing.assert_allclose(run(many, x), many(x), rtol=1e-12)


def solves(A, v):
    """The matrices do not depend on the carry, so that all of them are solved at once in a derivative."""
    c, ys = sg.scan(lambda c, r: (np.linalg.solve(3 * np.eye(3) + np.outer(r, r), c), np.sum(c**2)), v, A)
    return np.sum(c) + np.sum(ys)


def gathers(A, v):
    return np.sum(sg.fori_loop(0, 3, lambda i, s: s + A[i] * s[i] + A[:, i], v))


def choices(A, v):
    a, b, c = sg.cond(v[0] > 0, lambda: (A @ v, A.T, 1), lambda: (v, A, 2))
    return np.sum(a) * c + np.sum(b**2)


@pytest.mark.parametrize("f", [solves, gathers, choices])
def test_source_of_derivatives_gives_the_same(f) -> None:
    A, v = np.random.default_rng(0).normal(size=(3, 3)), np.ones(3)
    for g in (sg.function(f), sg.grad(f, wrt=0), sg.hessian(f, wrt=1)):
        np.testing.assert_allclose(run(g, A, v), g(A, v), rtol=1e-9, atol=1e-12)


def test_source_says_when_a_loop_would_go_on() -> None:
    def f(x):
        return sg.while_loop(lambda s: s > 0, lambda s: s / 2, x, limit=20)

    with pytest.raises(RuntimeError, match="20 passes"):
        run(sg.function(f), 1.0)


def test_long_lines_are_broken() -> None:
    def f(x):
        def step(state, _):
            a, b, c = state
            a2 = np.sin(a + b) * np.cos(b + c) + np.exp(-(a**2)) * np.tanh(b) + np.arctan(c) * x
            b2 = np.sin(a - b) * np.cos(b - c) + np.exp(-(b**2)) * np.tanh(c) + np.arctan(a) * x
            return (a2, b2, a2 * b2), None

        return sg.scan(step, (x, x, x), length=3)[0]

    text = sg.function(f).specialise(0.5).python()
    assert max(map(len, text.splitlines())) <= 100
    for got, want in zip(run(sg.function(f), 0.5), f(0.5), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12)


def test_pictures_have_the_passes() -> None:
    f = sg.grad(lambda W: rnn(W, *ARGS[1:])).specialise(ARGS[0])
    texts = [box.text for box in draw(f.graph, f.outputs, f.tree, "f", "f").boxes]
    assert "scan × 4 → stack 0" in texts
    assert any(re.fullmatch(r"scan × 4 ← → stack \d", t) for t in texts)
    g = sg.function(root).specialise(2.0)
    drawing = draw(g.graph, g.outputs, g.tree, "g", "g")
    (box,) = (b for b in drawing.boxes if b.text == "while → carry 0")
    assert box.ports[0] == "first"
    h = sg.function(branch).specialise(2.0)
    (box,) = (b for b in draw(h.graph, h.outputs, h.tree, "h", "h").boxes if b.text == "cond")
    assert box.ports[0] == "if"


def test_sympy_has_no_loops() -> None:
    for f, name, args in ((rnn, "scan", ARGS), (root, "while_loop", [2.0]), (branch, "cond", [2.0])):
        with pytest.raises(sg.UnsupportedError, match=rf"{name} has no form in SymPy; use \.latex"):
            sg.function(f).specialise(*args).sympy()
