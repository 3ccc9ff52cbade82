"""Loops and branches as machine code, and pass by pass from Python, against the NumPy reference."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

import symgrad as sg
from symgrad.compile.numpy import Reference
from symgrad.compile.plan.code import is_code
from symgrad.compile.plan.planner import plan
from symgrad.compile.plan.steps import Flow
from symgrad.run.program import Program
from symgrad.tree import flatten

RNG = np.random.default_rng(11)


def rnn(W, U, b, h0, X):
    def step(h, x):
        h = np.tanh(W @ h + U @ x + b)
        return h, np.sum(h**2)

    h, ys = sg.scan(step, h0, X)
    return np.sum(ys) + h[0]


def backwards(x, first):
    last, ys = sg.scan(lambda c, u: (c * u + np.sin(c), c * u), first, x, reverse=True)
    return last + np.sum(ys**2)


def newton(a):
    return sg.while_loop(lambda x: abs(x * x - a) > 1e-12, lambda x: (x + a / x) / 2, a)


def branch(x):
    return sg.cond(x > 0, np.log1p, lambda x: x**3, x)


def checkpoints(x):
    return np.sum(sg.scan(lambda c, u: (np.sin(c) + u * c, c**2), x, np.linspace(0, 0.1, 23), memory=30)[1])


def swapped(x, n):
    return sg.fori_loop(0, n, lambda i, s: (s[1], s[0] + s[1] * x), (0.0, 1.0))[0]


def solved(A, x):
    return np.sum(sg.fori_loop(0, 4, lambda i, s: np.linalg.solve(A, s), x) ** 2)


def picks(x, p):
    return sg.scan(lambda c, k: (c + x[k], c * x[k]), 0.0, p)[1].sum()


def within(A):
    def row(c, r):
        t = sg.while_loop(lambda t: t > 1, lambda t: t / (1 + c * c), np.sum(r**2))
        return sg.cond(c > t, lambda: c * t, lambda: c + t), t

    last, ys = sg.scan(row, 1.0, A)
    return last + np.sum(ys)


MATRICES = [0.5 * RNG.normal(size=s) for s in ((3, 3), (3, 2), (3,), (3,), (5, 2))]
CASES = {
    "rnn": (rnn, MATRICES, (0, 1, 2, 3, 4)),
    "reverse": (backwards, [RNG.normal(size=6), 0.3], (0, 1)),
    "while": (newton, [2.0], (0,)),
    "while of many points": (lambda a: np.sum(sg.vmap(newton)(a)), [np.array([2.0, 3.0, 100.0])], (0,)),
    "yes": (branch, [1.5], (0,)),
    "no": (branch, [-1.5], (0,)),
    "checkpoints": (checkpoints, [0.7], (0,)),
    "swapped": (swapped, [1.5, 7], (0,)),
    "solve": (solved, [np.eye(3) * 2 + 0.1 * RNG.normal(size=(3, 3)), np.ones(3)], (0, 1)),
    "places": (picks, [RNG.normal(size=4), np.array([1, 3, 3, 0])], (0,)),
    "nested": (within, [RNG.normal(size=(4, 3))], (0,)),
}


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("what", ["value", "gradient", "hessian"])
@pytest.mark.parametrize("name", CASES)
def test_programs_are_the_reference(name, what, native):
    f, args, wrt = CASES[name]
    make = {
        "value": sg.function,
        "gradient": lambda f: sg.grad(f, wrt=wrt),
        "hessian": lambda f: sg.hessian(f, wrt=wrt),
    }
    c = make[what](f).specialise(*args)
    arrays = [np.asarray(a, c.graph.types[i].dtype) for a, i in zip(flatten(args)[0], c.inputs, strict=True)]
    before = [a.copy() for a in arrays]
    want = Reference(c.graph, c.inputs, c.outputs)(arrays)
    program = Program(plan(c.graph, c.inputs, c.outputs), native)
    assert any(isinstance(s, Flow) for s in program.plan.steps) or name == "swapped"
    for _ in range(2):
        for a, b in zip(program(arrays), want, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)
    for a, b in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_loops_are_machine_code_where_nothing_within_is_a_library():
    def is_native(f, *args):
        c = f.specialise(*args)
        return all(is_code(s) for s in plan(c.graph, c.inputs, c.outputs).steps if isinstance(s, Flow))

    assert is_native(sg.grad(rnn), *MATRICES)
    assert is_native(sg.grad(within), CASES["nested"][1][0])
    assert not is_native(sg.grad(solved), *CASES["solve"][1])


@pytest.mark.parametrize("bad", [4, -5])
def test_places_outside_within_loops(bad):
    f = sg.function(picks).specialise(np.ones(4), np.array([0, 1]))
    f.compile()
    with pytest.raises(sg.ArgumentError, match="outside"):
        f(np.ones(4), np.array([1, bad]))


@pytest.mark.parametrize("compiled", [False, True])
def test_limits(compiled):
    f = sg.function(lambda x: sg.while_loop(lambda s: s > 0, np.sqrt, x, limit=1000)).specialise(1.0)
    if compiled:
        assert "program" in f.compile().explain()
    assert f(0.0) == 0.0
    with pytest.raises(sg.ConvergenceError, match="1000 passes"):
        f(1.0)


@pytest.mark.skipif(os.name == "nt", reason="signals are another thing there")
@pytest.mark.parametrize("more", ["", ".compile()"])
def test_loops_can_be_interrupted(more):
    code = textwrap.dedent(f"""
        import numpy as np, symgrad as sg
        f = sg.function(lambda x: sg.while_loop(lambda s: s > 0, np.sqrt, x, limit=10**15)).specialise(1.0){more}
        print("ready", flush=True)
        try:
            f(1.0)
        except KeyboardInterrupt:
            print("interrupted")
    """)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert out == "interrupted\n"
