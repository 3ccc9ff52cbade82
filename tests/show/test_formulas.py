"""Random formulas survive every way of showing them: the text means the same function."""

from __future__ import annotations

import math
from typing import Any

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from hypothesis import assume, given, settings

import symgrad as sg
from symgrad import Function
from symgrad.graph import REGISTER, Graph, Node, Type
from symgrad.show.python import identifier
from tests.derive.test_modes import off_the_kinks
from tests.formulas import POINTS, functions
from tests.precise import at, close

EXAMPLES = settings(max_examples=60, deadline=None, derandomize=True)


def jacobian(f: Function) -> Function:
    return sg.jacobian(f, wrt=list(range(len(f.names))))


def ran(f: Function) -> Any:
    scope: dict[str, Any] = {}
    exec(f.python(), scope)  # our own text, as a user would run it
    return scope[identifier(f.name)]


@EXAMPLES
@given(functions(kinks=True, outputs=2), POINTS)
def test_python_source_computes_the_same(f: Function, point: list[float]) -> None:
    point = point[: len(f.names)]
    for g in (f, jacobian(f)):
        exact = at(g, point)
        assume(all(mp.isfinite(v) and abs(v) < 1e8 for v in exact))
        assume(off_the_kinks(g, point))
        with np.errstate(all="ignore"):
            got = np.ravel(ran(g)(*map(np.float64, point)))
        size = max(1.0, *(float(abs(v)) for v in exact))
        for a, b in zip(got, exact, strict=True):
            assert abs(a - float(b)) < 1e-9 * size


@EXAMPLES
@given(functions(kinks=True, outputs=2), POINTS)
def test_sympy_and_back_is_the_same_function(f: Function, point: list[float]) -> None:
    point = point[: len(f.names)]
    symbols = [sp.Symbol(n) for n in f.names]
    for g in (f, jacobian(f)):
        exact = at(g, point)
        assume(all(mp.isfinite(v) and abs(v) < 1e8 for v in exact))
        assume(off_the_kinks(g, point))
        back = sg.function(symbols, g.sympy())
        for a, b in zip(at(back, point), exact, strict=True):
            assert close(a, b, 20)


@EXAMPLES
@given(functions(kinks=True, outputs=2))
def test_latex_is_balanced(f: Function) -> None:
    for g in (f, jacobian(f)):
        text = g.latex()
        assert text.count("{") == text.count("}")
        assert text.count(r"\left") == text.count(r"\right")
        assert text.count(r"\begin") == text.count(r"\end")
        assert "None" not in text
        assert "  " not in text


def test_a_large_formula_has_named_parts() -> None:
    x = sp.Symbol("x")
    e: Any = x
    for _ in range(12):
        e = sp.sin(e * (e + 1)) + e
    f = sg.function([x], e)
    g = sg.grad(f)
    for h in (f, g):
        assert len(h.latex()) < 6000
        assert h.latex().startswith(r"\begin{aligned}x_{0} &= ")
        assert len(h.python()) < 6000
        assert ran(h)(0.3) == pytest.approx(h(0.3), rel=1e-12)
        assert h.python().count("\n    x") > 10


def test_a_part_named_like_an_input_gets_another_name() -> None:
    x0, x1 = sp.symbols("x0 x1")
    e = sum(sp.sin(k * x0 * x1) * sp.exp(x0 / k) for k in range(1, 12)) + sp.sin(x0 * x1)
    f = sg.grad(sg.function([x0, x1], e))
    assert "x0 =" not in f.python()
    assert ran(f)(0.3, 0.4) == pytest.approx(f(0.3, 0.4), rel=1e-12)


def test_batches_broadcast_through_the_source() -> None:
    x, y = sp.symbols("x y")
    f = sg.grad(sg.function([x, y], sp.Piecewise((x * y, x < y), (sp.sqrt(x) + y, True))))
    a, b = np.linspace(0.1, 2, 7), np.linspace(1, 0.2, 7)
    for got, want in zip(ran(f)(a, b), f(a, b), strict=True):
        assert np.broadcast_to(got, (7,)) == pytest.approx(want, rel=1e-14)


def test_repr_says_sizes() -> None:
    x, y, p = sp.symbols("x y p")
    f = sg.function([x, y], x**2 + p * y)
    assert repr(f) == "Function(f: x, y, p -> []; 3 ops)"
    assert repr(sg.grad(f)) == "Function(grad f: x, y, p -> ([], []); 1 ops)"
    assert repr(sg.hessian(f)) == "Function(hessian f: x, y, p -> [2,2]; 0 ops)"
    assert repr(sg.jacobian(f, sparse=True)) == "Function(jacobian f: x, y, p -> csr[1,2] of 2 nonzeros; 1 ops)"
    many = sg.function(sp.symbols("a0:20"), x)
    assert repr(many) == "Function(f: a0, a1, a2, a3, a4, a5, ..., x -> []; 0 ops)"
    assert "\n" not in repr(many)
    assert f._repr_latex_() == rf"$\displaystyle {f.latex()}$"


def test_structured_results() -> None:
    x, y = sp.symbols("x y")
    f = sg.function([x, y], [x * y, x + 1, sp.Integer(2)])
    dense, sparse = sg.jacobian(f), sg.jacobian(f, sparse=True)
    assert dense.sympy() == sp.Matrix([[y, x], [1, 0], [0, 0]])
    assert sparse.sympy() == sp.SparseMatrix([[y, x], [1, 0], [0, 0]])
    want = r"\begin{bmatrix}y & x \\ 1 & 0 \\ 0 & 0\end{bmatrix}"
    assert dense.latex() == want
    assert sparse.latex() == want
    assert ran(dense)(2.0, 3.0).tolist() == [[3.0, 2.0], [1.0, 0.0], [0.0, 0.0]]
    assert ran(sparse)(2.0, 3.0).toarray().tolist() == [[3.0, 2.0], [1.0, 0.0], [0.0, 0.0]]
    pieces = sg.jacobian(sg.function([x], [sp.Piecewise((x**2, x < 0), (x, True)), x]), sparse=True)
    assert pieces.latex().count(r"\begin{cases}") == 1


def test_source_names_what_python_reserves() -> None:
    t = sp.Symbol("t")
    q = sp.Function("q1")(t)
    names = [sp.Symbol("lambda"), sp.Symbol("x'"), sp.Symbol("np"), q, q.diff(t), q.diff(t, 2), sp.Symbol("a b")]
    f = sg.function(names, sum(k * s for k, s in enumerate(names, 1)))
    header = f.python().splitlines()[0]
    assert header == "def f(lambda_, x, np_, q1, dq1_dt, d2q1_dt2, a_b):"
    assert ran(f)(*range(1, 8)) == f(*range(1, 8))


def test_source_means_its_own_names() -> None:
    i = sp.Symbol("i", integer=True)
    for name in ("c", "i", "sum", "range", "math", "reduce", "int"):
        s, t = sp.symbols(f"{name} t")
        loops = sp.Product(1 + s * i * sp.Product(t + s * i, (i, 1, 2)), (i, 1, 3)) + sp.Sum(s * i, (i, 1, t))
        f = sg.grad(sg.function([s, t], loops))
        assert ran(f)(0.5, 2.0) == pytest.approx(f(0.5, 2.0), rel=1e-12)


def test_a_name_can_not_leave_the_docstring() -> None:
    for name in ('"""', 'a"', "a\\", "\0", "a\nb"):
        assert ran(sg.function([sp.Symbol("x")], sp.Symbol("x"), name=name))(2.0) == 2.0


def test_a_function_of_zero_in_sympy() -> None:
    """Zero is false in Python, and still an argument."""
    x = sp.Symbol("x")
    f = sg.grad(sg.function([x], sp.log(1 + sp.exp(x)) + x))
    assert sg.function([x], sg.grad(sg.grad(f)).sympy()).names == ("x",)
    g = Graph()
    zero = g.input("x", Type("float64"))
    h = Function(g, [zero], [REGISTER["softplus"](Node(g, g.const(0))).id])
    assert h.sympy() == sp.log(2)


def test_numbers() -> None:
    x = sp.Symbol("x")
    f = sg.function([x], [x / 3, 0.1 * x, 2.5e-30 * x, -x, 10**20 * x, sp.pi * x, sp.Rational(-2, 7), sp.nan, sp.oo])
    got = ran(f)(3.0)
    assert got[:7].tolist() == f(3.0)[:7].tolist()
    assert math.isnan(got[7])
    assert got[8] == math.inf
