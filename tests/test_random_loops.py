"""Random loops: values, gradients and Hessians are those of the same loop written out, however it is run."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad.compile.numpy import Reference
from symgrad.compile.plan.planner import plan
from symgrad.run.program import Program
from symgrad.tree import flatten

EXAMPLES = int(os.environ.get("SYMGRAD_EXAMPLES", "15"))
"""More of them find rarer mistakes: SYMGRAD_EXAMPLES=500 pytest tests/test_random_loops.py."""
RNG = np.random.default_rng(5)
N = 3
START: dict[str, Any] = {
    "c": RNG.normal(size=N) / 2,
    "s": np.array(0.3),
    "X": RNG.normal(size=(4, N)),
    "W": RNG.normal(size=(N, N)) / 2,
    "p": np.array(0.7),
}

VECTOR = [
    lambda a, b, W, p: W @ a,
    lambda a, b, W, p: a * b,
    lambda a, b, W, p: np.sin(a) + p * b,
    lambda a, b, W, p: np.tanh(W.T @ a - b),
    lambda a, b, W, p: a / (1.5 + b * b),
    lambda a, b, W, p: np.maximum(a, 0.3 * b),
    lambda a, b, W, p: np.where(a > 0.1, a * p, np.cos(b)),
    lambda a, b, W, p: np.cumsum(a) / 3,
    lambda a, b, W, p: np.roll(a, 1) - b[::-1],
    lambda a, b, W, p: np.exp(a - b) / (1 + np.sum(np.exp(a - b))),
    lambda a, b, W, p: sg.cond(np.sum(a) > p, lambda: a * b, lambda: W @ b),
    lambda a, b, W, p: sg.fori_loop(0, 2, lambda i, v: np.sin(v) * b + i * p, a),
    lambda a, b, W, p: sg.scan(lambda v, u: (np.cos(v) * u, v * p), p, a)[1],
    lambda a, b, W, p: sg.while_loop(lambda v: np.sum(v * v) > 0.5, lambda v: 0.6 * v * np.cos(b), a),
]
SCALAR = [
    lambda v, s, p: s,
    lambda v, s, p: np.sum(v),
    lambda v, s, p: s * p + v[0],
    lambda v, s, p: np.tanh(s - np.sum(v * v)),
    lambda v, s, p: np.max(v) * s,
]


@st.composite
def bodies(draw):
    """A body (carry, x, W, p) -> (carry, y) of a few random steps."""
    steps = [
        (draw(st.sampled_from(VECTOR)), draw(st.integers(0, 9)), draw(st.integers(0, 9)))
        for _ in range(draw(st.integers(1, 4)))
    ]
    ends = [draw(st.integers(0, 9)) for _ in range(3)]
    scalar = draw(st.sampled_from(SCALAR))

    def body(carry, x, W, p):
        c, s = carry
        values = [c, x]
        for step, i, j in steps:
            values.append(step(values[-1 - i % len(values)], values[-1 - j % len(values)], W, p))
        a, b, d = (values[-1 - k % len(values)] for k in ends)
        return (np.tanh(a), scalar(b, s, p)), {"v": d, "s": np.sum(d) * s}

    return body


def loop(body, reverse, memory):
    def f(c, s, X, W, p):
        (c, s), ys = sg.scan(lambda k, x: body(k, x, W, p), (c, s), X, reverse=reverse, memory=memory)
        return np.sum(c) * s + np.sum(ys["v"] ** 2) + np.sum(ys["s"] * np.arange(1.0, 1.0 + len(X)))

    return f


def written_out(body, reverse):
    def f(c, s, X, W, p):
        total = 0.0
        for t in range(len(X) - 1, -1, -1) if reverse else range(len(X)):
            (c, s), y = body((c, s), X[t], W, p)
            total = total + np.sum(y["v"] ** 2) + y["s"] * (t + 1.0)
        return np.sum(c) * s + total

    return f


def numbers(f, *args):
    """The results of the reference and of the program, interpreted or as machine code."""
    own = f.specialise(*args)
    arrays = [np.asarray(a, own.graph.types[i].dtype) for a, i in zip(flatten(args)[0], own.inputs, strict=True)]
    native = Program(plan(own.graph, own.inputs, own.outputs))
    return Reference(own.graph, own.inputs, own.outputs)(arrays), native(arrays)


@settings(max_examples=EXAMPLES, deadline=None)
@given(bodies(), st.booleans(), st.sampled_from([0, 60, "1MB"]), st.sampled_from(["c", "s", "X", "W", "p"]))
def test_random_loops(body, reverse, memory, by):
    args = list(START.values())
    f, plain = loop(body, reverse, memory), written_out(body, reverse)
    every = tuple(range(len(args)))
    makers = (
        sg.function,
        lambda h: sg.grad(h, wrt=every),
        lambda h: sg.hessian(h, wrt=by),
        lambda h: sg.vmap(sg.grad(h, wrt=by), in_axes=(None, None, None, None, 0)),
    )
    for make in makers:
        at = [*args[:-1], np.array([0.7, -0.4])] if make is makers[-1] else args
        (want, _) = numbers(make(plain), *at)
        for got in numbers(make(f), *at):
            for a, b in zip(got, want, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-8 * max(1.0, float(np.max(np.abs(b)))))
