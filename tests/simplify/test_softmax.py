"""Softmax, however it is written: one form, no overflow, and what is the same along an axis worked out once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symgrad as sg

RNG = np.random.default_rng(4)
N, D, C = 7, 4, 3
X, W = RNG.normal(size=(N, D)), RNG.normal(size=(D, C))
Y = np.eye(C)[RNG.integers(0, C, N)]


def plain(W, X, Y):
    Z = X @ W
    return np.sum(np.log(np.sum(np.exp(Z), axis=1))) - np.sum(Y * Z)


def quotient(W, X, Y):
    Z = np.exp(X @ W)
    return -np.sum(Y * np.log(Z / np.sum(Z, axis=1, keepdims=True)))


def shifted(W, X, Y):
    Z = X @ W
    Z = Z - np.max(Z, axis=1, keepdims=True)
    return -np.sum(Y * (Z - np.log(np.sum(np.exp(Z), axis=1, keepdims=True))))


def shifted_quotient(W, X, Y):
    Z = X @ W
    E = np.exp(Z - np.max(Z, axis=1, keepdims=True))
    return -np.sum(Y * np.log(E / np.sum(E, axis=1)[:, None]))


def probabilities(Z: np.ndarray) -> np.ndarray:
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    return E / E.sum(axis=1, keepdims=True)


def expected(W: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Value, gradient and Hessian, derived by hand."""
    Z = X @ W
    P = probabilities(Z)
    top = Z.max(axis=1, keepdims=True)
    value = np.sum(top[:, 0] + np.log(np.sum(np.exp(Z - top), axis=1))) - np.sum(Y * Z)
    blocks = np.einsum("mi,mk,mj,jl->ijkl", X, X, P, np.eye(C)) - np.einsum("mi,mk,mj,ml->ijkl", X, X, P, P)
    return value, X.T @ (P - Y), blocks


@pytest.mark.parametrize("f", [plain, quotient, shifted, shifted_quotient])
@pytest.mark.parametrize("scale", [1.0, 2000.0])
def test_every_way_to_write_a_softmax(f: Callable[..., Any], scale: float):
    loss = sg.function(f)
    w = scale * W
    value, gradient, hessian = expected(w)
    assert loss(w, X, Y) == pytest.approx(value, rel=1e-13)
    np.testing.assert_allclose(sg.grad(loss)(w, X, Y), gradient, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(sg.hessian(loss)(w, X, Y), hessian, rtol=1e-11, atol=1e-12)
    names = {op.name for op in sg.hessian(loss).specialise(w, X, Y).graph.ops}
    assert "logsumexp" in names
    assert "amax" not in names


def test_the_rewrites_are_told():
    own = sg.function(quotient).specialise(W, X, Y)
    assert "stable form: exp(x)/sum(exp(x)) as exp(x - logsumexp(x))" in own.rewrites
    assert sg.function(lambda x: np.sum(x)).specialise(X).rewrites == []


def test_a_softmax_by_itself():
    f = sg.function(lambda Z: np.exp(Z) / np.sum(np.exp(Z), axis=1, keepdims=True))
    z = 900 * RNG.normal(size=(N, C))
    np.testing.assert_allclose(f(z), probabilities(z), rtol=1e-12, atol=1e-300)


def test_sums_over_other_axes():
    x = RNG.normal(size=(2, 3, 4)) * 500
    for axis in (0, 1, (0, 2), None):
        f = sg.function(lambda x, axis: np.log(np.sum(np.exp(x), axis=axis)), static="axis")
        top = x.max(axis=axis, keepdims=True)
        want = np.log(np.sum(np.exp(x - top), axis=axis)) + np.squeeze(top, axis=axis)
        np.testing.assert_allclose(f(x, axis), want, rtol=1e-13)


def test_what_repeats_is_worked_out_once():
    f = sg.function(lambda v, X: np.sum(X * np.exp(np.sin(np.broadcast_to(v, X.shape)))))
    v = RNG.normal(size=D)
    assert f.specialise(v, X).count_ops() < 2 * N * D + 3 * D
    assert f(v, X) == pytest.approx(np.sum(X * np.exp(np.sin(v))), rel=1e-13)
    np.testing.assert_allclose(sg.grad(f)(v, X), X.sum(0) * np.exp(np.sin(v)) * np.cos(v), rtol=1e-13)
