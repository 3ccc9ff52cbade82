"""Constant arrays in source: calls that make them, names at its head, arguments where they are large."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.show.constants import as_source, recognised
from symgrad.show.python import identifier

RNG = np.random.default_rng(0)


def called(f: sg.Function, *values: Any, **named: Any) -> Any:
    scope: dict[str, Any] = {}
    exec(f.python(), scope)  # our own text, as a user would run it
    return scope[identifier(f.name)](*values, **named)


@pytest.mark.parametrize("shape", [(4, 4), (3, 5), (5, 3), (2, 2), (1, 4), (4, 1)])
@pytest.mark.parametrize("dtype", ["float64", "float32", "bool", "int64"])
def test_triangles_and_diagonals_are_calls(shape: tuple[int, int], dtype: str) -> None:
    seen = 0
    for k in range(-shape[0], shape[1] + 1):
        for array in (np.tri(*shape, k), np.tri(*shape, k).T, np.eye(*shape, k), 1 - np.tri(*shape, k)):
            source = as_source(array := array.astype(dtype))
            if source is None:
                assert recognised(array) is None
                continue
            seen += 1
            made = eval(source, {"np": np})  # our own text, as a user would run it
            assert made.dtype == array.dtype
            np.testing.assert_array_equal(made, array)
    assert seen > min(shape)


def test_halves_on_the_diagonal() -> None:
    half = np.tri(4) - 0.5 * np.eye(4)
    assert as_source(half) == "np.tri(4) - 0.5*np.eye(4)"
    assert as_source(half.T) == "np.triu(np.ones((4, 4))) - 0.5*np.eye(4)"
    assert as_source(RNG.normal(size=(4, 4))) is None
    assert as_source(np.array([[1.0, -0.0], [1.0, 1.0]])) is None


def test_counts() -> None:
    assert as_source(np.arange(9)) == "np.arange(9)"
    assert as_source(np.arange(3, 11, 2)) == "np.arange(3, 11, 2)"
    assert as_source(np.arange(5, 0, -1)) == "np.arange(5, 0, -1)"
    assert as_source(np.array([0, 1, 3])) is None


def test_an_array_of_some_numbers_stands_at_the_head_once() -> None:
    table = RNG.normal(size=(5, 6))
    f = sg.value_and_grad(lambda C, w: np.sum((C * (table @ w)) ** 2)).specialise(2.0, np.ones(6))
    source = f.python()
    assert source.count("np.array(") == 1
    assert "    C1 = np.array(" in source
    for mine, theirs in zip(called(f, 2.0, np.ones(6)), f(2.0, np.ones(6)), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)


def test_a_large_array_is_an_argument() -> None:
    table, other = RNG.normal(size=(50, 6)), RNG.normal(size=(50, 50))
    f = sg.grad(lambda w: np.sum((other @ np.tanh(table @ w)) ** 2)).specialise(np.ones(6))
    source = f.python()
    assert len(source) < 1000
    assert "def grad_lambda(w, *, C, C1):" in source
    assert "C: the constant array of shape (50, 6) of the definition." in source
    np.testing.assert_allclose(called(f, np.ones(6), C=table, C1=other), f(np.ones(6)), rtol=1e-12)


def test_triangles_of_matrices() -> None:
    A = RNG.normal(size=(4, 4))
    for kept in (lambda A: np.tril(A, -1), np.triu):
        f = sg.grad(lambda A, kept=kept: np.sum(kept(A) ** 3)).specialise(A)
        assert "array(" not in f.python()
        np.testing.assert_allclose(called(f, A), f(A), rtol=1e-12)


SOURCES = {
    "x/np.sqrt(x @ x)": (sg.grad(lambda x: np.linalg.norm(x)), (np.ones(3),)),
    "-(X.T @ (y*special.expit(-y*(X @ w))))/6": (
        sg.grad(lambda w, X, y: np.mean(np.logaddexp(0, -y * (X @ w)))),
        (np.ones(3), np.ones((6, 3)), np.ones(6)),
    ),
    "x0 = x[:, None, :] - x\n": (
        sg.grad(lambda x: np.sum(np.sqrt(np.sum((x[:, None] - x[None]) ** 2, -1) + 1))),
        (np.ones((6, 4)),),
    ),
    "x1 = 0.5/np.sqrt(np.sum(x0**2, axis=2) + 1)": (
        sg.grad(lambda x: np.sum(np.sqrt(np.sum((x[:, None] - x[None]) ** 2, -1) + 1))),
        (np.ones((6, 4)),),
    ),
    "return np.where(x > 0, 2*x, 3)": (sg.grad(lambda x: np.sum(np.where(x > 0, x**2, 3 * x))), (np.ones(3),)),
    "np.linalg.solve(A.T, np.ones(4))": (
        sg.grad(lambda b, A: np.sum(np.linalg.solve(A, b))),
        (np.ones(4), np.eye(4)),
    ),
}


@pytest.mark.parametrize("text", list(SOURCES))
def test_source_reads_as_written_by_hand(text: str) -> None:
    f, values = SOURCES[text]
    assert text in f.python(*values)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(x**4),
        lambda x: np.sum(x[:2] ** 3),
        lambda x: np.sum((x[1:] - x[:-1]) ** 4),
        lambda x: np.sum(np.exp(np.outer(x, x))),
    ],
)
def test_the_formula_of_a_sparse_or_factored_result_is_that_of_the_whole(f: Any) -> None:
    """That of its values alone can be seen, too, of one kind of arguments."""
    x = np.ones(4)
    whole = sg.hessian(f).latex(x)
    for made in (sg.hessian(f, sparse=True), sg.hessian(f, structure="auto")):
        made(x)
        assert made.latex(x) == made.latex() == whole
        assert made._repr_latex_() == rf"$\displaystyle {whole}$"
        assert "sparse_" not in made.specialise(x).latex()
    values = sg.hessian(f, sparse=True).specialise(x).latex()
    assert r"\operatorname{diag}\left(" in values or r"\operatorname{sparse}_{4 \times 4}\left(" in values


def test_a_sparse_diagonal_is_one() -> None:
    f = sg.hessian(lambda x: np.sum(x**4), sparse=True)
    assert f.specialise(np.ones(4)).latex() == r"\operatorname{diag}\left(12 x^{\circ 2}\right)"
