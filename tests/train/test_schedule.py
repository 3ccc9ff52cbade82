"""Learning rates that are functions of the number of steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg

X = np.random.default_rng(0).normal(size=(40, 3))


def loss(w: Any, x: Any) -> Any:
    return np.mean((x @ w - 1.0) ** 2)


def warm(k: Any) -> Any:
    return 0.1 * np.where(k < 3, (k + 1) / 4, 1.0) * 0.9**k


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("optimizer", [sg.sgd, sg.momentum, sg.adam])
def test_as_steps_with_the_rate_of_each(optimizer: Any, dtype: str) -> None:
    w, x = np.ones(3, dtype), X.astype(dtype)
    step = sg.train_step(loss, optimizer(warm))
    state = step.init(w)
    other = step.init(w)
    for k in range(5):
        value = step(state, x)
        assert value == pytest.approx(float(loss(other.params, x)), rel=1e-5 if dtype == "float32" else 1e-12)
        by_hand = sg.train_step(loss, optimizer(float(warm(np.float64(k)))))
        by_hand(other, x)
        np.testing.assert_allclose(state.params, other.params, rtol=1e-5 if dtype == "float32" else 1e-12)
    assert state.params.dtype == dtype


def test_a_formula_of_sympy_and_a_loss_of_symbols() -> None:
    k, a, t = sp.symbols("k a t")
    step = sg.train_step(sg.function([a], (a - t) ** 2), sg.sgd(sg.function([k], 0.25 / (1 + k))))
    state = step.init(a=1.0)
    values = [step(state, t=0.0) for _ in range(3)]
    assert values == pytest.approx([1.0, 0.5**2, (0.5 * 0.75) ** 2])


def test_schedules_are_told_apart(tmp_path: Path) -> None:
    file = tmp_path / "run.npz"

    def run(rate: Any, epochs: int) -> Any:
        return sg.train(loss, np.ones(3), X, sg.sgd(rate), epochs=epochs, checkpoint=file)

    run(warm, 1)
    assert run(warm, 2).steps == 4
    with pytest.raises(sg.ArgumentError, match="optimizer"):
        run(lambda k: 0.1 / (1 + k), 3)


def test_refusals() -> None:
    with pytest.raises(sg.ArgumentError, match="number of steps"):
        sg.sgd(lambda k: np.ones(3) * k)
    with pytest.raises(sg.ArgumentError, match="no float"):
        sg.sgd(lambda k: k > 3)
    with pytest.raises(sg.TraceError, match=r"np\.where"):
        sg.sgd(lambda k: 0.1 if k < 3 else 0.01)
