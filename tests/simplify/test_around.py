"""Branches and loops take what the graph around them has."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.graph import Graph
from symgrad.graph.body import Body
from symgrad.simplify import simplify


def flows(graph: Graph, outputs: Any, kind: str) -> int:
    """Loops or branches of this kind, in the bodies of others as well."""
    live = graph.reach(outputs)
    nodes = {(graph.args[i], graph.attrs[i][:-1]): i for i, op in enumerate(graph.ops) if live[i] and op.kind == "flow"}
    within = sum(flows(b.graph, b.outputs, kind) for i in nodes.values() for b in graph.attrs[i] if isinstance(b, Body))
    return within + sum(graph.ops[i].name == kind for i in nodes.values())


def path(w: Any) -> Any:
    return sg.while_loop(lambda x: x < 10.0, lambda x: x * w + 1.0, w)


def value_and_slope_if_small(w: Any) -> Any:
    value = path(w)
    return sg.cond(value < 12.0, lambda: (value, sg.grad(path)(w)), lambda: (value, 0.0 * w))


def test_a_gradient_in_a_branch_has_the_passes_of_the_value() -> None:
    f = sg.function(value_and_slope_if_small).specialise(1.5)
    graph, outputs = simplify(f.graph, f.outputs)
    assert flows(f.graph, f.outputs, "while_loop") == 2
    assert flows(graph, outputs, "while_loop") == 1


@pytest.mark.parametrize("w", [1.5, 2.5])
def test_results_stay(w: float) -> None:
    value, slope = sg.function(value_and_slope_if_small).specialise(w).compile()(w)
    assert value == pytest.approx(path(w))
    eps = 1e-7
    wanted = (path(w + eps) - path(w - eps)) / (2 * eps) if value < 12 else 0.0
    assert slope == pytest.approx(wanted, rel=1e-6)


def test_products_of_matrices_are_taken_from_around() -> None:
    def f(a: Any, b: Any, p: Any) -> Any:
        c = a @ b
        return c.sum(), sg.cond(p > 0, lambda: np.sin(a @ b), lambda: b)

    f0 = sg.function(f).specialise(np.eye(3), np.ones((3, 3)), 1.0)
    graph, _ = simplify(f0.graph, f0.outputs)
    (cond,) = [i for i, op in enumerate(graph.ops) if op.name == "cond"]
    assert not any(op.name in ("einsum", "matmul") for op in graph.attrs[cond][0].graph.ops)
    total, branch = f0(2 * np.eye(3), np.ones((3, 3)), 1.0)
    assert total == 18.0
    np.testing.assert_allclose(branch, np.sin(2 * np.ones((3, 3))))


def test_a_branch_s_own_work_stays_in_it() -> None:
    def f(w: Any) -> Any:
        return sg.cond(w > 1, lambda: path(w), lambda: w)

    f0 = sg.function(f).specialise(2.0)
    graph, outputs = simplify(f0.graph, f0.outputs)
    live = graph.reach(outputs)
    assert [op.name for i, op in enumerate(graph.ops) if live[i] and op.kind == "flow"] == ["cond"]
