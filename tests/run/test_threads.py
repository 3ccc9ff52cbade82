"""Large work is shared out to threads: the same bits where no sum is cut, and the same sums from call to call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symgrad as sg

RNG = np.random.default_rng(6)
X = RNG.standard_normal((700, 900))
POINTS = RNG.standard_normal((700, 3))


def _distances(x: Any) -> Any:
    i, j = np.triu_indices(len(x), 1)
    return np.sum(np.linalg.norm(x[i] - x[j], axis=1))


WHOLE: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "elements": (lambda x: np.sin(x) * np.exp(-x * x) * np.cosh(x) * np.log1p(x * x), X),
    "sums of rows": (lambda x: np.sum(np.log1p(np.exp(x)) * np.cos(x), axis=1), X),
    "the largest": (lambda x: np.max(np.sin(x) * np.exp(np.cos(x)) * np.log1p(x * x)), X),
    "a Hessian by pairs": (sg.hessian(_distances), POINTS),
}
CUT: dict[str, Callable[[Any], Any]] = {
    "a sum": lambda x: np.sum(np.sin(x) * np.exp(-x * x) * np.cosh(x)),
    "sums of columns": lambda x: np.sum(np.sin(x) * np.exp(-x * x) * np.cosh(x), axis=0),
}


def _results(f: Any, x: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any, dict[str, Any]]:
    """The function, its reference's result, and results by number of threads."""
    made = sg.function(f).specialise(x)
    wanted = np.asarray(made(x))
    made.compile()
    found = {}
    for count in ("1", "2", "3"):
        monkeypatch.setenv("SYMGRAD_NUM_THREADS", count)
        found[count] = np.asarray(made(x))
        np.testing.assert_array_equal(np.asarray(made(x)), found[count])  # the same, call by call
    return made, wanted, found


@pytest.mark.parametrize("name", WHOLE)
def test_the_same_bits(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    f, x = WHOLE[name]
    made, wanted, found = _results(f, x, monkeypatch)
    assert any(p.order is not None for nests in _code(made) for p in nests.parts)
    np.testing.assert_allclose(found["1"], wanted, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(found["2"], found["1"])
    np.testing.assert_array_equal(found["3"], found["1"])


@pytest.mark.parametrize("name", CUT)
def test_sums_up_to_rounding(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made, wanted, found = _results(CUT[name], X, monkeypatch)
    assert any(p.order is not None for nests in _code(made) for p in nests.parts)
    for value in found.values():
        np.testing.assert_allclose(value, wanted, rtol=1e-11, atol=1e-11)


def _code(f: sg.Function) -> list[Any]:
    """The machine code of its plan, nest by nest shared out or not."""
    from symgrad.compile.nest import Nest
    from symgrad.run.nest import Nests

    program = f.executor.program
    assert program is not None
    return [Nests([s]) for s in program.plan.steps if isinstance(s, Nest)]
