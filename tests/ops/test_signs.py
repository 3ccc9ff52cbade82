"""Squares of |x|, hypot(x, y) and sqrt(u): the kink at 0 is gone, in values and in derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.graph import REGISTER, Graph, Type
from symgrad.ops.signs import not_negative

SQUARES: list[tuple[Callable[[Any], Any], float]] = [
    (lambda x: np.sum(np.abs(x) ** 2), 2),
    (lambda x: np.sum(np.abs(x) * np.abs(x)), 2),
    (lambda x: np.sum(np.square(np.abs(x))), 2),
    (lambda x: np.sum(np.power(np.abs(x), 2.0)), 2),
    (lambda x: np.abs(x) @ np.abs(x), 2),
    (lambda x: np.sum(np.abs(x[::-1])[1:] ** 2) + np.abs(x[-1]) ** 2, 2),
    (lambda x: np.sum(np.hypot(x, x) ** 2), 4),
    (lambda x: np.hypot(x, x) @ np.hypot(x, x), 4),
    (lambda x: np.sum(np.sqrt(x**2) ** 2), 2),
    (lambda x: np.sqrt(np.sum(x**2)) ** 2, 2),
    (lambda x: np.sqrt(x @ x) ** 2, 2),
    (lambda x: np.linalg.norm(x) ** 2, 2),
    (lambda x: np.sum(np.linalg.norm(x[:, None] * np.ones(3), axis=1, keepdims=True) ** 2), 6),
    (lambda x: np.sqrt(np.sum(x**2, keepdims=True))[0] ** 2, 2),
    (lambda x: np.sum(np.abs(np.fft.fft(x)) ** 2), 8),
    (lambda x: np.sum(np.abs(np.fft.fft(x)) * np.abs(np.fft.fft(x))), 8),
]


@pytest.mark.parametrize("k", range(len(SQUARES)))
@pytest.mark.parametrize("x", [np.zeros(4), np.array([0.0, -3.0, 0.0, 1.5])], ids=["zero", "partly zero"])
def test_squares_are_smooth_at_zero(k: int, x: Any) -> None:
    f, slope = SQUARES[k]
    assert np.allclose(sg.function(f)(x), f(x))
    assert np.allclose(sg.grad(f)(x), slope * x, atol=1e-12)
    assert np.allclose(sg.hessian(f)(x), slope * np.eye(4), atol=1e-12)


def test_higher_even_powers() -> None:
    x = np.array([0.0, -2.0])
    for f in (lambda x: np.sum(np.abs(x) ** 4), lambda x: np.sum(np.sqrt(x**2) ** 4)):
        assert np.allclose(sg.derivative(f, order=4)(x)[[0, 1], [0, 1], [0, 1], [0, 1]], 24)


def test_formulas_of_symbols() -> None:
    x, y = sp.symbols("x y", real=True)
    assert sg.function([x], sp.Abs(x) * 3 * sp.Abs(x)).sympy() == 3 * x**2
    assert sg.hessian(sg.function([x, y], sp.codegen.cfunctions.hypot(x, y) ** 2))(0.0, 0.0).tolist() == [
        [2, 0],
        [0, 2],
    ]


def test_a_root_of_what_may_be_negative_stays_one() -> None:
    f = sg.function(lambda x: np.sqrt(x) ** 2)
    assert np.isnan(f(np.array([-1.0]))).all()
    assert np.isnan(f.specialise(np.array([-1.0])).compile()(np.array([-1.0]))).all()


def test_the_slope_of_a_spectrum_is_zero_where_it_vanishes() -> None:
    assert sg.grad(lambda x: np.sum(np.abs(np.fft.fft(x))))(np.zeros(3)).tolist() == [0, 0, 0]


def test_what_is_seen_not_to_be_negative() -> None:
    g = Graph()
    x = g.input("x", Type("float64", (3,)))

    def built(name: str, *args: int, attrs: tuple[Any, ...] = ()) -> int:
        return g.build(REGISTER[name], args, attrs)

    square = built("integer_power", x, attrs=(2,))
    seen = [
        *(square, built("exp", x), built("add", square, built("exp", x)), built("einsum", x, x, attrs=("i,i->",))),
        *(built("maximum", square, built("exp", x)), built("multiply", built("abs", x), built("sqrt", x))),
    ]
    assert all(not_negative(g, i) for i in seen)
    for i in (x, built("sin", x), built("subtract", square, x), built("einsum", x, square, attrs=("i,i->",))):
        assert not not_negative(g, i)


def test_odd_powers_of_roots_take_one_product() -> None:
    x = np.array([0.0, 2.0, -1.0])
    for power, operations in ((3, 2), (5, 3)):
        f = sg.function(lambda x, n=power: np.sqrt(x) ** n).specialise(x)
        assert f.count_ops() == 3 * operations
        assert np.allclose(f(x), [0.0, 2.0 ** (power / 2), np.nan], equal_nan=True)
