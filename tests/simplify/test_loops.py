"""Sums over one range become one loop, and keep their values."""

import numpy as np
import pytest
import sympy as sp

import symgrad as sg

i, n = sp.symbols("i n", integer=True)
w, b = sp.symbols("w b")
x, y = sp.IndexedBase("x"), sp.IndexedBase("y")
RESIDUAL = y[i] - sp.exp(-w * x[i]) - b


def loops(f: sg.Function) -> set:
    graph, _, outputs = f.program
    live = graph.reach(outputs)
    return {(graph.args[k], graph.attrs[k][0]) for k, op in enumerate(graph.ops) if live[k] and op.name == "fold"}


@pytest.mark.parametrize("transform", [sg.grad, sg.value_and_grad, sg.hessian])
def test_one_loop(transform):
    f = sg.function([w, b], sp.Sum(RESIDUAL**2, (i, 0, n - 1)) / n)
    g = transform(f)
    assert len(loops(g)) == 1
    data = {"w": 0.3, "b": 0.1, "n": 40, "x": np.linspace(0, 1, 40), "y": np.linspace(1, 2, 40)}
    r = data["y"] - np.exp(-0.3 * data["x"]) - 0.1
    e = data["x"] * np.exp(-0.3 * data["x"])
    want = {
        sg.grad: [np.mean(2 * r * e), np.mean(-2 * r)],
        sg.value_and_grad: [np.mean(r**2), np.mean(2 * r * e), np.mean(-2 * r)],
        sg.hessian: [np.mean(2 * e * e - 2 * r * data["x"] * e), np.mean(-2 * e), np.mean(-2 * e), 2.0],
    }[transform]
    for compiled in (False, True):
        got = (g.compile() if compiled else g)(**data)
        flat = np.concatenate([np.ravel(v) for v in got]) if isinstance(got, tuple) else got.ravel()
        np.testing.assert_allclose(flat, want, rtol=1e-13)
    assert not g.executor.refusal


def test_sums_that_need_one_another():
    total = sp.Sum(x[i], (i, 0, n - 1))
    f = sg.function([w], sp.Sum(w * (x[i] - total / n) ** 2, (i, 0, n - 1)) + total)
    values = np.array([1.0, 2.0, 4.0])
    want = 2 * np.sum((values - values.mean()) ** 2) + 7
    assert f(w=2.0, n=3, x=values) == pytest.approx(want)
    assert f.compile()(w=2.0, n=3, x=values) == pytest.approx(want)
    assert not f.executor.refusal
    chained = sg.function([w], sp.Sum(w * x[i], (i, 0, sp.Sum(1, (i, 0, n - 2)))))
    assert len(loops(chained)) == 2
    assert chained.compile()(w=2.0, n=3, x=values) == 14


def test_other_loops_are_left_alone():
    f = sg.function([w], sp.Sum(w * x[i], (i, 0, n - 1)) + sp.Product(w + x[i], (i, 0, n - 1)))
    assert len(loops(f)) == 2
    g = sg.function([w], sp.Sum(x[i] ** w, (i, 0, n - 1)) * sp.Sum(x[i], (i, 1, n - 1)))
    assert len(loops(g)) == 2


def test_shared_work_is_counted_once():
    f = sg.function([w, b], sp.Sum(RESIDUAL**2, (i, 0, n - 1)))
    assert sg.value_and_grad(f).count_ops() < 2 * f.count_ops()
