"""What is joined is computed where it stands: the same numbers, and no copies of parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.compile.nest import Nest
from symgrad.compile.plan import planner
from symgrad.compile.plan.planner import plan
from symgrad.compile.plan.steps import TEMPORARY, Plan

X = np.random.default_rng(5).normal(size=(4, 3))


def dear(x: Any) -> Any:
    return np.exp(np.sin(x)) + np.cos(x)


def rows(x: Any) -> Any:
    y = dear(x)
    return np.concatenate([y.reshape(-1), np.sum(y, axis=0)])


def within(x: Any) -> Any:
    y = np.concatenate([dear(x), x[:1]], axis=0)
    return np.concatenate([y.reshape(-1), dear(x[0])]), np.sum(y)


def across(x: Any) -> Any:
    y = dear(x)
    return np.concatenate([y, 2 * y, y], axis=1).T + 0 * np.sum(y)


def twice(x: Any) -> Any:
    y = dear(x)
    return np.concatenate([y, y], axis=0), np.concatenate([x, y], axis=1), np.sum(y, axis=1)


def also_result(x: Any) -> Any:
    y = dear(x)
    return y, np.concatenate([y.T, X.T], axis=1)


def repeated(x: Any) -> Any:
    y = np.concatenate([x, dear(x)], axis=1)
    return np.concatenate([np.broadcast_to(y[:, None], (4, 2, 6)).reshape(-1), x[0]])


def whole_numbers(x: Any) -> Any:
    k = np.concatenate([3 * np.arange(4)[:, None] + np.arange(3), 7 * np.arange(4)[:, None]], axis=1)
    columns = np.broadcast_to(k[:, None], (4, 2, 4)).reshape(-1)
    return np.concatenate([columns, np.arange(5)]), np.sum(x)


def product(x: Any) -> Any:
    y = x @ x.T + np.exp(x @ x.T)
    return np.concatenate([y, x, dear(y)], axis=1), np.max(y)


def turned(x: Any) -> Any:
    y = dear(x)
    return np.concatenate([y.T.reshape(-1), y[0]]), np.max(y, axis=1)


def in_a_loop(x: Any) -> Any:
    def step(c: Any, row: Any) -> Any:
        y = dear(c[:2])
        new = np.concatenate([y, c[:1] + np.sum(y)])
        return new, np.concatenate([new, row, y])

    return sg.scan(step, x[0], x)


def slopes(x: Any) -> Any:
    def f(v: Any) -> Any:
        return np.sum(v[:2] * v[4:] ** 2) * v[2:4] + v[4:] * v[0]

    J = sg.vmap(sg.jacobian(f))(np.concatenate([x, dear(x)], axis=1))
    return np.concatenate([J.reshape(-1), x[:, 0]])


@pytest.mark.parametrize(
    "f",
    [rows, within, across, twice, also_result, repeated, whole_numbers, product, turned, in_a_loop, slopes],
    ids=lambda f: f.__name__,
)
def test_parts_in_their_place(f: Any) -> None:
    compiled = sg.function(f).specialise(X)
    compiled.compile()
    wanted = f(X)
    for got, want in zip(_leaves(compiled(X)), _leaves(wanted), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-13)


def _leaves(value: Any) -> list[Any]:
    return list(value) if isinstance(value, tuple) else [value]


@pytest.mark.parametrize("f", [rows, within, repeated, slopes], ids=lambda f: f.__name__)
def test_parts_are_not_copied(f: Any, monkeypatch: Any) -> None:
    args = sg.function(f).specialise(X).program
    placed = plan(*args)
    monkeypatch.setattr(planner, "place_parts", lambda p: None)
    copied = plan(*args)
    assert len(placed.steps) <= len(copied.steps)
    assert _copies(placed) < _copies(copied)


def _copies(p: Plan) -> int:
    """Elements of temporary arrays that are stored as they were read."""
    total = 0
    for s in p.steps:
        if isinstance(s, Nest) and all(s.body.ops[t.value].name == "input" for t in s.stores):
            temporary = [a for a in s.loads if p.buffers[a.buffer].kind == TEMPORARY]
            total += s.points * len(temporary)
    return total
