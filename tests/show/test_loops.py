"""What `explain` says of loops and branches."""

from __future__ import annotations

import numpy as np

import symgrad as sg

X = np.linspace(0.0, 1.0, 1000)


def sums(memory):
    def f(x, a):
        last, ys = sg.scan(lambda c, u: (np.sin(c) + 0.1 * u * c, c**2), x, a, memory=memory)
        return last + np.sum(ys * np.cos(a))

    return f


def lines(f, *args):
    return f.specialise(*args).explain().splitlines()


def test_every_loop_is_named_with_what_it_carries_and_keeps():
    told = lines(sg.grad(sums("1MB")), 0.3, X)
    assert "scan of 1000 passes: carries 8 bytes, stacks 8 kB" in told
    assert "scan of 1000 passes, the last one first: carries 8 bytes" in told
    assert not any("checkpoints" in line for line in told)


def test_checkpoints_say_what_they_trade():
    told = lines(sg.grad(sums("2kB")), 0.3, X)
    (where,) = (k for k, line in enumerate(told) if "checkpoints" in line)
    assert told[where - 1] == "scan of 31 passes: carries 8 bytes, stacks 248 bytes"
    assert told[where] == (
        "  checkpoints: keeps the carries of 31 of 992 passes, 248 bytes instead of 7.94 kB; a pass is run 2.0 times"
    )
    assert told[where + 1] == "  scan of 32 passes: carries 8 bytes"
    less = lines(sg.grad(sums(200)), 0.3, X)
    assert less[-2].startswith("... and ")
    assert any("a pass is run 3." in line for line in less)


def test_loops_of_the_user_are_no_checkpoints():
    def rows(A):
        return sg.scan(lambda c, r: (sg.scan(lambda s, u: (s * np.cos(u), None), c, r)[0], None), 1.0, A)[0]

    told = lines(sg.grad(rows), np.ones((3, 4)))
    assert "  scan of 4 passes: carries 8 bytes" in told
    assert not any("checkpoints" in line for line in told)


def test_conditions_and_branches():
    def f(x):
        x = sg.while_loop(lambda s: s > 1, lambda s: sg.cond(s > 9, lambda: s / 3, lambda: s / 2), x, limit=50)
        return x**2

    told = lines(sg.function(f), 40.0)
    where = told.index("while_loop of at most 50 passes: carries 8 bytes")
    assert told[where + 1] == "  cond: one of two branches runs"
    assert "scan of at most 50 passes: carries 8 bytes, stacks 400 bytes" in lines(sg.grad(f), 40.0)
