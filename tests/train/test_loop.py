"""sg.train: epochs over shuffled minibatches, early stopping, checkpoints, the same bits after an interruption."""

import os
import stat

import numpy as np
import pytest

import symgrad as sg
from symgrad.train import progress


def loss(p, X, y):
    hidden = np.tanh(X @ p["W"] + p["b"])
    return np.mean((hidden @ p["v"] - y) ** 2)


def start(seed=0):
    rng = np.random.default_rng(seed)
    return {"W": rng.normal(size=(6, 8)), "b": np.zeros(8), "v": rng.normal(size=8)}


def examples(n=90, seed=1):
    X = np.random.default_rng(seed).normal(size=(n, 6))
    return X, np.sin(X[:, 0]) + X[:, 1] * X[:, 2]


def same(a, b):
    for key in a:
        np.testing.assert_array_equal(a[key], b[key])


def test_epochs_are_the_steps_over_the_shuffled_batches():
    X, y = examples()
    result = sg.train(loss, start(), (X, y), sg.adam(0.01), epochs=3, batch_size=32, seed=7)
    step = sg.train_step(loss, sg.adam(0.01))
    state = step.init(start())
    for epoch in range(3):
        order = np.random.default_rng([7, epoch]).permutation(90)
        total = 0.0
        for k in range(0, 90, 32):
            chosen = order[k : k + 32]
            total += step(state, X[chosen], y[chosen]) * len(chosen)
        assert result.losses[epoch] == total / 90
    same(result.params, state.params)
    assert (result.epochs, result.steps) == (3, 9)
    assert result.stopped == "all epochs are run"


def test_the_seed_decides_the_order():
    runs = [sg.train(loss, start(), examples(), sg.sgd(0.05), epochs=2, seed=s) for s in (1, 1, 2)]
    same(runs[0].params, runs[1].params)
    assert runs[0].losses != runs[2].losses
    plain = [sg.train(loss, start(), examples(), sg.sgd(0.05), epochs=2, shuffle=False, seed=s) for s in (1, 2)]
    same(plain[0].params, plain[1].params)


@pytest.mark.parametrize("optimizer", [sg.sgd(0.05), sg.momentum(0.02), sg.adam(0.01)], ids=lambda o: o.name)
@pytest.mark.parametrize("validation", [None, examples(40, seed=2)], ids=["plain", "validated"])
def test_a_resumed_run_has_the_same_bits(optimizer, validation, tmp_path):
    told = {"batch_size": 16, "seed": 3, "validation": validation}
    whole = sg.train(loss, start(), examples(), optimizer, epochs=6, **told)
    file = tmp_path / "run" / "at.npz"
    sg.train(loss, start(), examples(), optimizer, epochs=2, checkpoint=file, **told)
    other = start(seed=9)  # not looked at: training goes on
    rest = sg.train(loss, other, examples(), optimizer, epochs=6, checkpoint=file, **told)
    assert rest.losses == whole.losses
    assert rest.validation_losses == whole.validation_losses
    assert (rest.steps, rest.best_epoch) == (whole.steps, whole.best_epoch)
    same(rest.params, whole.params)
    same(rest.state.arrays, whole.state.arrays)
    assert [f.name for f in file.parent.iterdir()] == ["at.npz"]


def test_an_interrupted_run_goes_on_from_its_last_epoch(tmp_path):
    file = tmp_path / "at.npz"

    def interrupt(training):
        if training.epochs == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sg.train(loss, start(), examples(), sg.adam(0.01), epochs=5, checkpoint=file, after_epoch=interrupt)
    rest = sg.train(loss, start(), examples(), sg.adam(0.01), epochs=5, checkpoint=file)
    same(rest.params, sg.train(loss, start(), examples(), sg.adam(0.01), epochs=5).params)


def test_checkpoints_of_other_trainings_are_refused(tmp_path):
    file = tmp_path / "at.npz"
    sg.train(loss, start(), examples(), sg.adam(0.01), epochs=1, checkpoint=file)
    with pytest.raises(sg.ArgumentError, match=r"another training .*optimizer adam"):
        sg.train(loss, start(), examples(), sg.sgd(0.01), epochs=2, checkpoint=file)
    with pytest.raises(sg.ArgumentError, match="examples 90, and this is 80"):
        sg.train(loss, start(), examples(80), sg.adam(0.01), epochs=2, checkpoint=file)
    small = start() | {"b": np.zeros(1)}
    with pytest.raises(sg.ArgumentError, match=r"b is float64 of shape \(1,\)"):
        sg.train(loss, small, examples(), sg.adam(0.01), epochs=2, checkpoint=file)
    file.write_bytes(b"no such thing")
    with pytest.raises(sg.ArgumentError, match="is no checkpoint"):
        sg.train(loss, start(), examples(), sg.adam(0.01), epochs=2, checkpoint=file)


def test_early_stopping_gives_the_best_parameters():
    """Few noisy examples, a network that learns them by heart: the validation loss rises again."""
    X, y = examples(20)
    y = y + np.random.default_rng(5).normal(size=20)
    held_out = examples(60, seed=4)
    result = sg.train(
        loss, start(), (X, y), sg.adam(0.05), epochs=400, batch_size=None, validation=held_out, patience=5
    )
    assert result.epochs < 400
    assert result.epochs == result.best_epoch + 5
    assert "has not become lower for 5 epochs" in result.stopped
    least = min(result.validation_losses)
    assert result.validation_losses[result.best_epoch - 1] == least
    assert float(loss(result.params, *held_out)) == pytest.approx(least)
    assert float(loss(result.state.params, *held_out)) > least


def test_a_step_may_be_given_and_a_callback_ends_it():
    step = sg.train_step(loss, sg.momentum(0.01))
    result = sg.train(step, start(), examples(), after_epoch=lambda t: t.epochs == 2)
    assert result.epochs == 2
    assert result.stopped == "after_epoch said so"
    assert step(result.state, *examples()) > 0


def test_float32_stays_float32():
    data = tuple(a.astype("float32") for a in examples())
    result = sg.train(loss, {k: a.astype("float32") for k, a in start().items()}, data, sg.adam(0.01), epochs=30)
    assert result.params["W"].dtype == "float32"
    assert result.losses[-1] < 0.5 * result.losses[0]


def test_one_array_of_data():
    result = sg.train(lambda m, x: np.mean((x - m) ** 2), 0.0, np.arange(10.0), sg.sgd(0.2), epochs=50, batch_size=10)
    assert float(result.params) == pytest.approx(4.5)


def test_the_loss_curve_is_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    held_out = examples(40, seed=2)
    result = sg.train(loss, start(), examples(), sg.adam(0.01), epochs=4, validation=held_out)
    figure = result.plot()
    (axes,) = figure.axes
    training, validation, best = axes.lines
    assert list(training.get_ydata()) == result.losses
    assert list(validation.get_ydata()) == result.validation_losses
    assert list(best.get_xdata()) == [result.best_epoch]
    figure.savefig(tmp_path / "curve.png")
    assert "4 epochs" in repr(result)


def test_a_progress_bar_is_shown(capsys, monkeypatch):
    pytest.importorskip("tqdm")
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    sg.train(loss, start(), examples(), sg.adam(0.01), epochs=2, batch_size=30, progress=True)
    assert "train" in (shown := capsys.readouterr().err)
    assert "/6" in shown
    sg.train(loss, start(), examples(), sg.adam(0.01), epochs=2, progress=False)
    assert capsys.readouterr().err == ""


def test_what_can_not_be_trained_is_told():
    with pytest.raises(sg.ConvergenceError, match="lower the learning rate"):
        sg.train(lambda w, x: np.mean((w * x) ** 4), np.full(3, 9.0), np.ones((8, 3)), sg.sgd(9.0), epochs=50)
    with pytest.raises(sg.ArgumentError, match=r"different numbers of examples, or none: \[5, 4\]"):
        sg.train(loss, start(), (np.ones((5, 6)), np.ones(4)), sg.sgd(0.1))
    with pytest.raises(sg.ArgumentError, match="one entry per example"):
        sg.train(loss, start(), 3.0, sg.sgd(0.1))
    with pytest.raises(sg.ArgumentError, match="give validation"):
        sg.train(loss, start(), examples(), sg.sgd(0.1), patience=3)
    with pytest.raises(sg.ArgumentError, match="batch_size=0"):
        sg.train(loss, start(), examples(), sg.sgd(0.1), batch_size=0)
    with pytest.raises(sg.ArgumentError, match="needs an optimizer"):
        sg.train(loss, start(), examples())


def test_a_resumption_with_other_validation_is_refused(tmp_path):
    one, other = tmp_path / "plain.npz", tmp_path / "validated.npz"
    held_out = examples(40, seed=2)
    sg.train(loss, start(), examples(), sg.adam(0.01), epochs=1, checkpoint=one)
    sg.train(loss, start(), examples(), sg.adam(0.01), epochs=1, checkpoint=other, validation=held_out)
    with pytest.raises(sg.ArgumentError, match="validation examples 0, and this is 40"):
        sg.train(loss, start(), examples(), sg.adam(0.01), epochs=3, checkpoint=one, validation=held_out)
    with pytest.raises(sg.ArgumentError, match="validation examples 40, and this is 0"):
        sg.train(loss, start(), examples(), sg.adam(0.01), epochs=3, checkpoint=other)


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_checkpoints_have_the_permissions_of_new_files(tmp_path, mask):
    file = tmp_path / "at.npz"
    before = os.umask(mask)
    try:
        sg.train(loss, start(), examples(), sg.sgd(0.01), epochs=1, checkpoint=file)
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o666 & ~mask


def test_a_validation_loss_that_is_nan_at_first_is_the_worst():
    """log of what is negative at the start, and is not later on."""

    def nan_at_first(w, x):
        return np.mean((w - 3.0) ** 2 * np.abs(x)) + np.mean(np.where(x < 0, np.log(w - 1.0), 0.0))

    data = np.full(8, 1.0)
    told = {"epochs": 60, "batch_size": None, "validation": np.array([1.0, -1.0]), "patience": 30}
    result = sg.train(nan_at_first, 0.0, data, sg.sgd(0.05), **told)
    assert np.isnan(result.validation_losses[0])
    best = result.validation_losses[result.best_epoch - 1]
    assert best == np.nanmin(result.validation_losses)
    assert result.best_epoch > 1
    assert f"{best:.6g}" in repr(result)
    never = sg.train(
        lambda w, x: np.mean((w - x) ** 2), 0.0, data, sg.sgd(0.01), **(told | {"validation": np.array([np.nan])})
    )
    assert (never.epochs, never.best_epoch) == (31, 1)
    assert "NaN from the first epoch on" in never.stopped


@pytest.mark.parametrize("form", [lambda a, b: (a, b), lambda a, b: {"b": b, "a": a}], ids=["tuple", "dict"])
def test_a_step_that_trains_several_named_arguments(form):
    def line(x, a, y, b):
        return np.mean((a * x + b - y) ** 2)

    x = np.linspace(-1.0, 2.0, 40)
    step = sg.train_step(line, sg.sgd(0.2), params=["a", "b"])
    result = sg.train(step, form(0.0, np.zeros(1)), (x, 3 * x - 0.5), epochs=200, validation=(x[:9], 3 * x[:9] - 0.5))
    assert float(result.params[0]) == pytest.approx(3.0)
    assert result.params[1] == pytest.approx([-0.5])
    assert result.validation_losses[-1] < 1e-12
    with pytest.raises(sg.ArgumentError, match="a tuple of a, b in this order"):
        sg.train(step, 0.0, (x, x))
    with pytest.raises(sg.ArgumentError, match="missing: b"):
        sg.train(step, {"a": 0.0}, (x, x))
