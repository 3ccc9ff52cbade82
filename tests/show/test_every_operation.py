"""Every operation shows itself: as Python source that runs, as a SymPy expression, as balanced LaTeX."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad import Function
from symgrad.graph import REGISTER, Graph, Type
from tests.ops.sampling import cases, points
from tests.ops.test_rules import ELEMENTWISE

NUMERIC = [n for n in ELEMENTWISE if n != "cast"] + ["sign", "floor", "ceil", "trunc", "heaviside"]
CASES = [(n, attrs) for n in NUMERIC for attrs in cases(REGISTER[n])]
RELATIONS = ["less", "less_equal", "greater", "greater_equal", "equal", "not_equal"]
LOGIC = ["logical_and", "logical_or", "logical_xor", "logical_not"]
NOT_SYMPY = {"elliprf", "elliprd", "elliprj"}
"""What SymPy has no function for: it shows there as an unknown function of that name."""
SINGULAR = {"ellipdinc", "ellipd3inc", "spherical_in"}
"""What SymPy writes as a quotient that is 0/0 at 0."""
UNREADABLE = {"ellipmoment"}
"""What SymPy shows as an integral."""


def alone(name: str, attrs: dict[str, Any]) -> Function:
    """A function that is one operation."""
    op = REGISTER[name]
    g = Graph()
    dtypes = ["bool" if isinstance(p, tuple) and isinstance(p[0], bool) else "float64" for p in op.domain]
    inputs = [g.input(f"x{k}", Type(d)) for k, d in enumerate(dtypes)]
    return Function(g, inputs, [g.add(op, tuple(inputs), tuple(attrs[a] for a in op.attrs))])


def compiled(f: Function) -> Any:
    """The function that `f.python()` writes."""
    scope: dict[str, Any] = {}
    exec(f.python(), scope)  # our own text, as a user would run it
    return scope[f.name]


def rows(name: str, seed: int = 7) -> list[tuple[Any, ...]]:
    return points(REGISTER[name], 12, seed)


@pytest.mark.parametrize(("name", "attrs"), CASES)
def test_python_source_runs_and_agrees(name: str, attrs: dict[str, Any]) -> None:
    f = alone(name, attrs)
    source = compiled(f)
    with np.errstate(all="ignore"):
        for row in rows(name):
            got, want = float(source(*map(np.float64, row))), f(*row)
            if np.isfinite(want):
                assert got == pytest.approx(want, rel=1e-11, abs=1e-300), row
        columns = [np.array(c) for c in zip(*rows(name), strict=True)]
        assert np.broadcast_to(source(*columns), (12,)) == pytest.approx(f(*columns), rel=1e-11, nan_ok=True)


@pytest.mark.parametrize(("name", "attrs"), CASES)
def test_latex_is_balanced_and_names_its_arguments(name: str, attrs: dict[str, Any]) -> None:
    f = alone(name, attrs)
    text = f.latex()
    assert text.count("{") == text.count("}")
    assert len(re.findall(r"\\left\b", text)) == len(re.findall(r"\\right\b", text))
    for k in range(len(f.names)):
        assert f"x_{{{k}}}" in text
    assert "_r" not in text


@pytest.mark.parametrize(("name", "attrs"), [c for c in CASES if c[0] not in NOT_SYMPY | UNREADABLE])
def test_sympy_expression_reads_back_as_the_same_function(name: str, attrs: dict[str, Any]) -> None:
    f = alone(name, attrs)
    symbols = [f.symbols.get(n) or sp.Symbol(n) for n in f.names]
    expression = f.sympy()
    if any(t == "bool" for t in (f.graph.types[i].dtype for i in f.inputs)):
        pytest.skip("a truth value is no symbol of a number")
    back = sg.function(symbols, expression)
    for row in rows(name):
        want, got = f(*row), back(*row)
        if np.isfinite(want) and not (name in SINGULAR and 0 in row):
            assert got == pytest.approx(want, rel=1e-9), (expression, row)


@pytest.mark.parametrize("name", sorted(NOT_SYMPY))
def test_what_sympy_has_not_shows_by_its_name(name: str) -> None:
    assert name in str(alone(name, {}).sympy())


def test_an_elliptic_moment_shows_as_its_integral() -> None:
    f = alone("ellipmoment", {"p": 2, "q": 1})
    assert isinstance(f.sympy(), sp.Integral)
    value = f.sympy().subs({sp.Symbol("x0"): sp.Float(0.7), sp.Symbol("x1"): sp.Float(0.3)}).evalf()
    assert f(0.7, 0.3) == pytest.approx(float(value), rel=1e-12)


@pytest.mark.parametrize("name", RELATIONS + LOGIC)
def test_relations_and_booleans(name: str) -> None:
    op = REGISTER[name]
    g = Graph()
    dtype = "bool" if name in LOGIC else "float64"
    inputs = [g.input(f"x{k}", Type(dtype)) for k in range(op.arity or 0)]
    f = Function(g, inputs, [g.add(op, tuple(inputs))])
    source = compiled(f)
    values = [False, True] if name in LOGIC else [0.0, 1.0]
    for a in values:
        for b in values:
            row = [a, b][: op.arity]
            assert bool(source(*row)) == bool(f(*row))
            truth = f.sympy()
            if name in RELATIONS:
                assert bool(truth.subs(dict(zip(sp.symbols("x0 x1"), row, strict=False)))) == bool(f(*row))
    assert "x_{0}" in f.latex()
    assert "operatorname" not in f.latex()
