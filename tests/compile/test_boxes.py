"""Sums of padded arrays: cut into boxes, one pass each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.compile.nest import Nest
from symgrad.compile.numpy import Reference
from symgrad.compile.plan.planner import plan
from symgrad.compile.plan.steps import Plan
from symgrad.run.program import Program

RNG = np.random.default_rng(5)


def _energy(x: Any) -> Any:
    return np.sum((x[1:] - x[:-1] ** 2) ** 2)


def _plane(x: Any) -> Any:
    return np.sum((x[1:] - x[:-1]) ** 2) + np.sum(np.cos(x[:, 2:] - x[:, :-2]))


def _turned(x: Any) -> Any:
    return np.sum(np.sin(x.T[1:] * x.T[:-1])) + np.sum(x[1:] ** 3)


def _with_all(x: Any) -> Any:
    return np.sum(x**4) + np.sum(np.exp(x[3:7]))


def _with_product(x: Any) -> Any:
    a = np.arange(float(x.shape[0] * x.shape[0])).reshape(x.shape[0], -1) / x.size
    return np.sum((a @ x) ** 2) + np.sum(x[1:] * x[:-1]) + np.sum(x[2:] ** 3)


def _steps(x: Any) -> Any:
    """Every other element: zeros between."""
    return np.sum(x[::2] ** 3) + np.sum(x[1:] * x[:-1])


def _window(x: Any) -> Any:
    """Too many boxes."""
    total = 0.0
    for i in range(3):
        for j in range(3):
            total = total + (i - 2 * j) * x[i : x.shape[0] - 2 + i, j : x.shape[1] - 2 + j]
    return np.sum(np.tanh(total))


CASES: dict[str, tuple[Callable[[Any], Any], tuple[int, ...]]] = {
    "differences": (_energy, (40,)),
    "of two elements": (_energy, (2,)),
    "in the plane": (_plane, (7, 9)),
    "of rows alone": (_plane, (2, 2)),
    "through transposes": (_turned, (6, 5)),
    "terms that are everywhere": (_with_all, (12,)),
    "one is all of it": (_with_all, (4,)),
    "on top of a product": (_with_product, (30, 20)),
    "with gaps": (_steps, (11,)),
    "windows": (_window, (8, 9)),
}


def _planned(f: Callable[[Any], Any], x: Any) -> tuple[sg.Function, Plan]:
    g = sg.grad(f).specialise(x)
    return g, plan(*g.program)


@pytest.mark.parametrize("native", [False, True], ids=["interpreted", "native"])
@pytest.mark.parametrize("name", CASES)
def test_gradients(name: str, native: bool) -> None:
    f, shape = CASES[name]
    x = RNG.standard_normal(shape)
    g, p = _planned(f, x)
    (want,) = Reference(*g.program)([x])
    (got,) = Program(p, native=native)([x])
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)


def test_the_gradient_of_differences_is_one_pass() -> None:
    """And what the terms share is not kept where memory is far."""
    _, p = _planned(_energy, RNG.standard_normal(400_000))
    assert sorted(s.points for s in p.steps if isinstance(s, Nest)) == [1, 1, 399_998]
    assert len(p.steps) == 3
    assert p.arena == 0


def test_two_axes_make_nine_boxes() -> None:
    _, p = _planned(_plane, RNG.standard_normal((20, 30)))
    sizes = [s.sizes for s in p.steps if isinstance(s, Nest)]
    assert sizes[1:] == [(a, b) for a in (1, 18, 1) for b in (2, 26, 2)]  # after the sines
