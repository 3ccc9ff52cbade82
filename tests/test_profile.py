"""Where the time goes: what a profile says of kernels, and how it looks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.errors import ArgumentError

N, D = 200, 30
RNG = np.random.default_rng(0)
X, w, y = RNG.standard_normal((N, D)), RNG.standard_normal(D), RNG.standard_normal(N)


@sg.function
def loss(w, X, y):
    return np.sum(np.log1p((X @ w - y) ** 2))


def test_kernels_of_a_function_of_arrays() -> None:
    found = loss.profile(w, X, y)
    (product,) = [k for k in found.kernels if k.name.startswith("gemv")]
    assert product.operations == 2 * N * D
    assert product.bytes >= 8 * (N * D + D + N)
    loops = [k for k in found.kernels if k.name.startswith("loops")]
    assert sum(k.operations for k in loops) >= 4 * N
    assert all(k.seconds > 0 for k in found.kernels)
    assert found.seconds > 0
    for k in found.kernels:
        share, bound = found.share(k)
        assert share > 0
        assert bound in ("operations", "memory")


def test_a_profile_is_a_table_and_a_picture(tmp_path: Path) -> None:
    found = sg.hessian(loss).profile(w, X, y)
    lines = str(found).splitlines()
    assert lines[0].startswith("hessian loss: ")
    assert lines[1].split()[:2] == ["kernel", "time"]
    assert len(lines) == 2 + len(found.kernels)
    assert "gemm" in str(found)
    figure = found.plot()
    figure.savefig(tmp_path / "profile.png")
    assert (tmp_path / "profile.png").stat().st_size > 1000
    assert len(figure.axes[0].patches) == len(found.kernels)


def test_results_stay_what_they_are() -> None:
    before = loss(w, X, y)
    copies = w.copy(), X.copy(), y.copy()
    loss.profile(w, X, y)
    assert loss(w, X, y) == pytest.approx(before, rel=1e-14)
    for a, b in zip((w, X, y), copies, strict=True):
        np.testing.assert_array_equal(a, b)


def test_functions_of_scalars_are_one_kernel() -> None:
    a, b = sp.symbols("a b")
    found = sg.grad(sg.function([a, b], sp.sin(a * b))).profile(1.0, 2.0)
    (kernel,) = found.kernels
    assert kernel.operations == sg.grad(sg.function([a, b], sp.sin(a * b))).count_ops()
    assert "all at once" in str(found)


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ArgumentError):
        loss.specialise(w, X, y).profile(w, X)


def likelihood(t, x, y):
    gaps = (x[:, None] - x[None, :]) ** 2
    factor = np.linalg.cholesky(np.exp(-gaps * t) + np.eye(len(x), dtype=x.dtype))
    return np.sum(np.linalg.solve(factor, y) ** 2) + np.sum(np.log(np.diagonal(factor)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_calls_of_libraries_count_their_operations_and_bytes(dtype) -> None:
    n, item = 40, np.dtype(dtype).itemsize
    x = np.linspace(0, 1, n, dtype=dtype)
    found = sg.function(likelihood).profile(np.asarray(2, dtype), x, x)
    (cholesky,) = [k for k in found.kernels if k.name.startswith("cholesky")]
    assert cholesky.operations == pytest.approx(n**3 / 3)
    assert cholesky.bytes == 2 * n * n * item
    (solve,) = [k for k in found.kernels if "solve" in k.name]
    assert solve.operations >= n**2
    assert solve.bytes == (n * n + 2 * n) * item


@pytest.mark.parametrize("batch", [2, 40])
def test_batches_of_matrices_count_the_bytes_of_their_dtype(batch: int) -> None:
    a = RNG.standard_normal((batch, 20, 30)).astype("float32")
    b = RNG.standard_normal((batch, 30, 10)).astype("float32")
    found = sg.function(lambda a, b: np.matmul(a, b)).profile(a, b)
    assert sum(k.operations for k in found.kernels) == 2 * batch * 20 * 30 * 10
    assert sum(k.bytes for k in found.kernels) == 4 * (a.size + b.size + batch * 20 * 10)


def test_a_training_step_s_profile_leaves_the_state() -> None:
    step = sg.train_step(loss, sg.adam(0.01))
    state = step.init(w)
    step(state, X, y)
    before = [a.copy() for a in state.held]
    found = step.profile(state, X, y)
    assert any(k.name.startswith("gemv") for k in found.kernels)
    for a, b in zip(state.held, before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_training_step_of_symbols_has_a_profile() -> None:
    a, t = sp.symbols("a t")
    step = sg.train_step(sg.function([a], (a * t - 1) ** 2), sg.sgd(0.1))
    state = step.init(a=0.5)
    assert step.profile(state, t=2.0).seconds > 0
    assert float(state.held[0]) == 0.5
