"""Pickling a Function: equal after it, in spawned processes too, and nothing in a hostile file is run."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.function import Function, _rebuild

x, y, t = sp.symbols("x y t")
p = sp.Symbol("p", positive=True)
q = sp.Function("q")(t)
i, n = sp.symbols("i n", integer=True)
a = sp.IndexedBase("a")

FUNCTIONS = [
    sg.function([x, y], x**2 * sp.sin(y) + sp.Rational(1, 3) * sp.pi + sp.Piecewise((x, x > y), (y, True))),
    sg.hessian(sg.function([x, y], x * y**2), sparse=True),
    sg.value_and_grad(sg.function([x], sp.Sum(x * a[i] ** 2, (i, 0, n - 1)))),
    sg.function([q, q.diff(t), p], [q.diff(t) * q, sp.sqrt(p)], dtype="float32"),
]


@pytest.mark.parametrize("f", FUNCTIONS, ids=repr)
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_round_trip(f: Function, protocol: int) -> None:
    g = pickle.loads(pickle.dumps(f, protocol))
    assert repr(g) == repr(f)
    assert g.sympy() == f.sympy()
    assert g.names == f.names
    assert g.parameters == f.parameters
    assert g.explain().splitlines()[:-1] == f.explain().splitlines()[:-1]
    args = {"n": 3, "a": np.array([1.0, 2.0, 3.0])}
    values = {k: args.get(k, 0.5) for k in f.names}
    one, two = f(**values), g(**values)
    if hasattr(one, "toarray"):
        one, two = one.toarray(), two.toarray()
    assert np.all(np.asarray(one) == np.asarray(two))
    assert pickle.loads(pickle.dumps(sg.jacobian(g)))(**values) is not None


def test_copies() -> None:
    assert copy.deepcopy(FUNCTIONS[0])(1.0, 2.0) == FUNCTIONS[0](1.0, 2.0)


def test_spawned_processes() -> None:
    g = sg.grad(sg.function([x, y], x**2 * sp.sin(y))).compile()
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert list(pool.map(g, [1.0, 2.0], [3.0, 4.0])) == [g(1.0, 3.0), g(2.0, 4.0)]


def parts(f: Function) -> tuple[Any, Any]:
    _, (nodes, about) = f.__reduce__()
    return nodes, about


def test_hostile_data_is_refused() -> None:
    (nodes, ins, outs), about = parts(FUNCTIONS[0])
    k = next(k for k, node in enumerate(nodes) if node[0] == "sin")

    def with_node(node: Any) -> Any:
        return (*nodes[:k], node, *nodes[k + 1 :])

    nested: Any = ("tuple",)
    for _ in range(100_000):
        nested = ("tuple", nested)
    bad = [
        (with_node(("stack", (0, 1), (nested,))), ins, outs),
        (with_node(("system", (0,), ())), ins, outs),
        (with_node(("sin", (k,), ())), ins, outs),
        (with_node(("sin", (-1,), ())), ins, outs),
        (with_node(("sin", (0, 1), ())), ins, outs),
        (with_node(("sin", (True,), ())), ins, outs),
        (with_node(("const", (), (print, "float64"))), ins, outs),
        (with_node(("const", (), ("os", "float64"))), ins, outs),
        (with_node(("const", (), (1, "object"))), ins, outs),
        (with_node(("const", (), (("fraction", 1, 0), "float64"))), ins, outs),
        (with_node(("fold", (0, 0, 0), (1, 2))), ins, outs),
        (with_node(("stack", (0, 1), (("tuple", 3),))), ins, outs),
        (with_node(("input", (), ("z", ("type", "float64", ())))), ins, outs),
        (nodes, ins[:1], outs),
        (nodes, (*ins, ins[0]), outs),
        (nodes, ins, (10**6,)),
        (nodes, outs, outs),
        (nodes, ins),
        None,
        7,
    ]
    for data in bad:
        with pytest.raises(sg.FormulaError, match="not a graph"):
            _rebuild(data, about)
    name, tree, *rest = about
    for tree_ in (1, "0", ("tuple", 5), ("csr", 0, (0, 9), (0,), (1, 1)), None):
        with pytest.raises(sg.FormulaError, match="not a Function"):
            _rebuild((nodes, ins, outs), (name, tree_, *rest))
    for about_ in (None, (), ("f",), (print, tree, *rest)):
        with pytest.raises(sg.FormulaError, match="not a Function"):
            _rebuild((nodes, ins, outs), about_)
