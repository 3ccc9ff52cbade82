"""Messages name what failed: the call, the operand or the argument, also where a line has several."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
import scipy.sparse

import symgrad as sg
from symgrad.errors import ArgumentError, DtypeError, SymgradError, TraceError

C = np.array([1.0, 2.0, 3.0])
S = scipy.sparse.csr_array(np.eye(3))
X = np.array([0.0, 1.0, 2.0])


def told(f: Callable[..., Any], *args: Any) -> str:
    with pytest.raises(TraceError) as e:
        sg.function(f)(*args)
    assert re.search(r"\n  at .*test_blame\.py:\d+, in ", str(e.value))
    return str(e.value).split("\n", 1)[0]


CASES: list[tuple[Callable[..., Any], tuple[Any, ...], str]] = [
    (lambda x: np.sin(scipy.integrate.quad(np.cos, 0, x[0])[0]), (X,), "scipy.integrate.quad takes numbers"),
    (lambda x: np.sum(np.exp(math.sin(x[0]))), (X,), "math.sin takes a number, not a traced array: write np.sin"),
    (lambda x: math.exp(np.sum(x)), (X,), "math.exp takes a number"),
    (lambda x: np.sum(np.unique(np.exp(x))), (X,), "np.unique can't be traced"),
    (lambda x: np.sum(np.nonzero(np.exp(x))[0]), (X,), "np.nonzero can't be traced"),
    (lambda x, p: np.eye(3)[p] @ x, (X, 1), "write np.take(np.eye(3), p, axis=0)"),
    (lambda x, p: np.sum(x) * C.astype(int)[p], (X, 1), "write np.take(C.astype(int), p, axis=0)"),
    (lambda x: C[x.astype(int)] * np.sum(x), (X,), "write np.take(C, x.astype(int), axis=0)"),
    (lambda x: np.sum((S @ x) ** 2), (X,), "scipy.sparse takes numbers, not a traced array: write A.toarray() @ x"),
    (lambda x, n: np.sum(x) + np.sum(np.zeros(n)), (X, 3), "sg.function(f, static=...)"),
    (lambda x, n: np.sum(x) + np.sum(np.ones((n, 2))), (X, 3), "np.ones: what it takes must be known"),
    (lambda x, n: np.sum(x) + np.sum(np.arange(n)), (X, 3), "np.arange takes numbers, not a traced array"),
    (lambda x, n: np.sum(x) + np.sum(np.full(n, 1.0)), (X, 3), "np.full: shape must be known, and is traced"),
    (lambda w, A: np.sum((A @ w) ** 2), ([1.0, 2.0], np.eye(2)), "w is a list of traced numbers, not an array"),
    (lambda w, A: np.sum((A @ w) ** 2), (np.ones(2), [[1.0, 0.0]]), "A is a list of traced numbers, not an array"),
    (lambda x: x**2, ([1.0, 2.0],), "x is a list of traced numbers"),
    (lambda x: x.sum(), ((1.0, 2.0),), "x is a tuple of traced numbers"),
    (lambda x: x[0, 1], ([[1.0, 2.0]],), "x is a list of traced numbers"),
    (lambda x: x * 2, ({"a": 1.0},), "x is a dict of traced numbers"),
]


@pytest.mark.parametrize("k", range(len(CASES)))
def test_the_message_names_what_failed(k: int) -> None:
    f, args, wanted = CASES[k]
    assert wanted in told(f, *args)


def test_a_target_over_several_lines() -> None:
    def f(x: Any) -> Any:
        out = np.zeros(3)
        out[
            0
        ] = np.sum(
            x
        )  # fmt: skip
        return out

    assert "a NumPy array can't hold a traced value" in told(f, X)


def test_truth_values_of_numpy_are_part_of_the_definition() -> None:
    f = sg.function(lambda x, flag=True: np.sum(x) if flag else x)
    assert f(X, np.True_) == 3.0
    assert np.array_equal(f(X, flag=np.False_), X)
    assert sg.function(lambda x: (x, np.True_))(X)[1] == 1


def test_modules_are_part_of_the_definition() -> None:
    def f(x: Any, xp: Any = np) -> Any:
        return xp.sum(x**2)

    assert np.array_equal(sg.grad(f)(X), 2 * X)
    assert np.array_equal(sg.grad(f)(X, xp=np), 2 * X)


def test_arguments_that_hold_no_numbers() -> None:
    f = sg.function(lambda x, scale=1.0, *, shift=0.0: x * scale + shift, name="f")
    cases: list[tuple[type[SymgradError], str, Callable[[], Any]]] = [
        (ArgumentError, "unexpected keyword argument 'scal'; did you mean 'scale'", lambda: f(X, scal=2.0)),
        (ArgumentError, "too many positional arguments. It takes: x, scale, shift", lambda: f(X, 1.0, 2.0, 3.0)),
        (DtypeError, "if it is a part of the definition, name the argument", lambda: f(X, object())),
        (DtypeError, "x has dtype object", lambda: f(np.array([1.0, "a"], dtype=object))),
        (DtypeError, "a sparse matrix of SciPy as an argument; give its .toarray()", lambda: f(S)),
    ]
    for kind, wanted, call in cases:
        with pytest.raises(kind, match=re.escape(wanted)):
            call()


class Unreadable:
    """As a tensor that is being derived."""

    def __array__(self, *args: Any, **keywords: Any) -> Any:
        raise RuntimeError("use detach()")


@pytest.mark.parametrize("compiled", [False, True])
def test_what_can_not_be_read_says_so(compiled: bool) -> None:
    f = sg.function(lambda x: x * 2)
    concrete = f.specialise(X)
    if compiled:
        concrete.compile()
    for g in (f, concrete):
        with pytest.raises(DtypeError, match=r"can't be read as numbers: use detach\(\)"):
            g(Unreadable())


class Table:
    """As a Series of pandas: with operators of its own, that leave it to what has a higher priority."""

    def __init__(self, values: Any) -> None:
        self.values = values

    def __array__(self, *args: Any, **keywords: Any) -> Any:
        return np.asarray(self.values)

    def __mul__(self, other: Any) -> Any:
        if getattr(other, "__pandas_priority__", 0) > 4000:
            return NotImplemented
        raise TypeError(f"unsupported type: {type(other)}")

    def dot(self, other: Any) -> Any:
        raise TypeError(f"unsupported type: {type(other)}")


def test_tables() -> None:
    table = Table([1.0, 2.0, 3.0])
    assert np.array_equal(sg.function(lambda x: x * 2)(table), [2.0, 4.0, 6.0])
    assert np.array_equal(sg.function(lambda x: table * x)(X), X * table.values)
    assert "table.to_numpy() for a pandas object" in told(lambda x: table.dot(x), X)
