"""Formula text: what it means, and what becomes of what is no formula."""

from __future__ import annotations

import math
import time
import tracemalloc

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from symgrad.define.text import MAX_DEPTH, from_text, sides
from symgrad.define.tokens import MAX_LENGTH
from symgrad.dialects import sympy as sympy_dialect
from symgrad.dialects import text as dialect
from symgrad.errors import ArgumentError, FormulaError
from symgrad.function import Function
from symgrad.graph import REGISTER


def read(text: str, *variables: str) -> Function:
    f = from_text(text, variables)
    return Function(f.graph, f.inputs, [f.output])


def value(text: str, **at: float) -> float:
    return read(text)(**at)


AT = {"x": 0.7, "y": 1.9, "z": 0.3}
PYTHON = {n: getattr(math, n) for n in ("sin", "exp", "log", "sqrt", "atan2", "erf", "gamma", "pow", "cosh", "atan")}


@pytest.mark.parametrize(
    "text",
    [
        "x + y*z",
        "x - y - z",
        "x / y / z",
        "x - (y - z)",
        "-x**2",
        "2**-x",
        "x**y**z",
        "2**-x**2*3",
        "-x*-y",
        "--x",
        "+x - -y",
        "x**-2",
        "(x + y)*(x - z)/y",
        "x % y",
        "-x % y",
        "1e-3*x + .5 + 2.*y + 1E2",
        "sin(x)**2 + exp(-y)*log(z, 3)",
        "atan2(x, y) + gamma(x) + pow(y, z)",
        "max(x, y, z) - min(x, y)",
        "abs(-x)",
        "2**0.5 * x**(1/3)",
        "((((x))))",
        " x\t+\n y ",
        "123456789012345678901234567890 * x",
    ],
)
def test_arithmetic_means_what_it_means_in_python(text: str) -> None:
    names = {n: v for n, v in AT.items() if n in text.replace("exp", "").replace("max", "")}
    expected = eval(" ".join(text.split()), PYTHON | {"min": min, "max": max, "abs": abs}, dict(AT))  # our own text
    assert read(text)(**names) == pytest.approx(expected, rel=1e-14)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_random_formulas_agree_with_python(data: st.DataObject) -> None:
    leaf = st.sampled_from(["x", "y", "2", "0.5", "3e0", "7"])

    def grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.one_of(
            st.tuples(inner, st.sampled_from(["+", "-", "*", " - ", "*-"]), inner).map("".join),
            inner.map(lambda t: f"({t})"),
            inner.map(lambda t: f"-{t}"),
            inner.map(lambda t: f"sin({t})"),
            leaf.map(lambda t: f"{t}**2"),
            st.tuples(inner, inner, inner).map(lambda t: f"where({t[0]} < {t[1]}, {t[2]}, 1)"),
        )

    text = data.draw(st.recursive(leaf, grow, max_leaves=12))
    names = {"sin": math.sin, "where": lambda p, a, b: a if p else b, "x": 0.7, "y": -1.3}
    expected = eval(text, names)  # our own text
    f = from_text(text, ["x", "y"])
    assert Function(f.graph, f.inputs, [f.output])(0.7, -1.3) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("text", "at", "expected"),
    [
        ("x^2", {"x": 3.0}, 9.0),
        ("where(x > 0, x, -2*x)", {"x": -1.0}, 2.0),
        ("where(0 < x <= 1, 5, 6)", {"x": 1.0}, 5.0),
        ("where(0 < x < 1, 5, 6)", {"x": 1.0}, 6.0),
        ("where(not x > 0 or x > 2 and x < 3, 5, 6)", {"x": 2.5}, 5.0),
        ("where((x > 0) & ~(x > 1) | (x == -7), 5, 6)", {"x": -7.0}, 5.0),
        ("where(x != 1, 5, 6)", {"x": 1.0}, 6.0),
        ("Piecewise((x, x < 0), (x**2, x < 2), (7, True))", {"x": 1.5}, 2.25),
        ("Piecewise((x, x < 0), (x**2, x < 2), (7, True))", {"x": 2.0}, 7.0),
        ("Heaviside(x) + Heaviside(x, 0)", {"x": 0.0}, 0.5),
        ("zeta(x) - zeta(x, 1)", {"x": 3.0}, 0.0),
        ("hermite(3, x)", {"x": 2.0}, 40.0),
        ("lambertw(x) - LambertW(x, 0)", {"x": 2.0}, 0.0),
        ("sec(x)*cos(x)", {"x": 0.4}, 1.0),
        ("factorial(x)", {"x": 5.0}, 120.0),
        ("harmonic(x)", {"x": 3.0}, 11 / 6),
        ("gamma*gamma(x) + beta", {"x": 5.0, "gamma": 2.0, "beta": 1.0}, 49.0),
        ("E**x - exp(x) + pi - EulerGamma", {"x": 1.0}, math.pi - 0.5772156649015329),
        ("9**9*x", {"x": 1.0}, 387420489.0),
    ],
)
def test_values(text: str, at: dict[str, float], expected: float) -> None:
    assert value(text, **at) == pytest.approx(expected, rel=1e-13, abs=1e-13)


def test_what_sympy_prints_can_be_read() -> None:
    x, y = sp.symbols("x y")
    for e in [sp.Piecewise((x, (x > 0) & (y < 1)), (sp.sin(x) / x, True)), sp.Max(x, y, 2) ** sp.Rational(3, 2)]:
        assert sp.simplify(read(str(e)).sympy() - e) == 0


def test_order_of_inputs() -> None:
    assert read("b*x + a").names == ("a", "b", "x")
    assert read("b*x + a", "x", "unused").names == ("x", "unused", "a", "b")
    assert from_text("x", [], "float32").graph.types[0].dtype == "float32"


@pytest.mark.parametrize("cls", [*sympy_dialect.SAME, *sympy_dialect.FOLDED], ids=lambda c: c.__name__)
def test_every_name_of_sympy_means_the_same_here(cls: type) -> None:
    """A relation is written with its sign; every other class by its name."""
    name = (sympy_dialect.SAME | sympy_dialect.FOLDED)[cls]
    if not issubclass(cls, sp.core.relational.Relational):
        assert dialect.FOLDED.get(cls.__name__) == name or name in [op.name for op in dialect.operation(cls.__name__)]


def test_names_of_functions_are_such_as_people_know() -> None:
    """NumPy's, SciPy's, Python's or SymPy's; our own are few. An operation of derivation alone belongs in _INNER."""
    import numpy as np
    import scipy.special

    others = [n for n in dialect.names() if not any(hasattr(m, n) for m in (np, scipy.special, math, sp))]
    assert sorted(others) == OURS


OURS = [
    "arccot",
    "arccoth",
    "arccsc",
    "arccsch",
    "arcsec",
    "arcsech",
    "chi",
    "ci",
    "ellippi",
    "riemann_zeta",
    "sgn",
    "shi",
    "si",
    "sigmoid",
]


def test_every_alias_names_an_operation() -> None:
    assert {n for ops in dialect.ALIASES.values() for n in ops} | set(dialect.FOLDED.values()) <= set(REGISTER)


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("", 1, "empty"),
        ("   ", 1, "empty"),
        ("x +", 4, "formula ends"),
        ("x + * y", 5, "'*' stands where"),
        ("(x", 1, "not closed"),
        ("sin(x + (y", 9, "not closed"),
        ("2*max(x, (y)", 6, "not closed"),
        ("x)", 2, "closes no bracket"),
        ("()", 2, "')' stands where"),
        ("2x", 2, "write 2*x"),
        ("x y", 3, "write x*y"),
        ("2(x + 1)", 2, "write 2*(...)"),
        ("x(1)", 1, "write x*(...)"),
        ("x + x(1)", 5, "write x*(...)"),
        ("x!", 2, "factorial"),
        ("x, y", 2, "outside of brackets"),
        ("(x, y)", 1, "list in brackets"),
        ("x > 0", 1, "is a condition"),
        ("1 + (x > 0)", 6, "is a condition"),
        ("where(x, 1, 2)", 7, "needs a condition"),
        ("where(x > 1, 2)", 1, "3 arguments"),
        ("not x", 5, "needs a condition"),
        ("sin(x, y)", 1, "takes 1 argument, not 2"),
        ("zeta(x, y, x)", 1, "takes 1 or 2 arguments, not 3"),
        ("sec(x, y)", 1, "takes 1 argument, not 2"),
        ("sin()", 5, "no argument"),
        ("sn(x)", 1, "did you mean sin?"),
        ("hermite(x, 2)", 1, "integer from 0"),
        ("hermite(1001, x)", 1, "integer from 0"),
        ("lambertw(x, 1)", 1, "0 or -1"),
        ("Piecewise((x, x > 0))", 11, "must be True"),
        ("Piecewise(x)", 11, "pairs"),
        ("x if y else z", 3, "where(p, x, y)"),
        ("x = 1", 3, "write =="),
        ("x && y", 3, "write and"),
        ("x // y", 3, "floor"),
        ("I*x", 1, "imaginary unit"),
        ("1/nan", 3, "no number"),
        ("x/0", 2, "division by zero"),
        ("0**-1", 2, "division by zero"),
        ("x % 0", 3, "division by zero"),
        # hostile
        ("__import__('os').system('true')", 12, "not part of formulas"),
        ("__import__(os)", 1, "unknown function"),
        ("__class__", 1, "underscores"),
        ("x.__class__", 2, "numbers only"),
        ("eval(x)", 1, "unknown function"),
        ("lambda: 0", 7, "not part of formulas"),
        ("[x for x in y]", 1, "not part of formulas"),
        ("x; y", 2, "not part of formulas"),
        ("'x'", 1, "not part of formulas"),
        ("x\0", 2, "U+0000"),
        ("\x1b[31m", 1, "U+001B"),
        ("\udcff", 1, "U+DCFF"),
        ("х", 1, "CYRILLIC"),
        ("x − y", 3, "write -"),
        ("α", 1, "write alpha"),
        ("ｘ", 1, "write x"),
        ("x²", 2, "write **2"),
        ("９", 1, "write 9"),
        ("1e999999999", 1, "too large"),
        ("1e-999999999", 1, "too small"),
        ("1e400", 1, "too large"),
        ("1e300*1e300", 6, "too large"),
        ("9**9**9**9", 5, "9**387420489 is too large"),
        ("(1/3)**9**9", 6, "too large or too small"),
        ("x**(10**9)**(10**9)", 11, "too large"),
        ("10**200*10**200", 8, "too large"),
        ("7" * 400, 1, "400 characters"),
        ("floor(exp(10**9))", 7, "too large"),
        ("sin(exp(exp(100)))", 5, "too large"),
        ("(10**200 + 1)**200", 14, "too large"),
        ("gamma(10**9 + 1/2)", 1, "too large"),
        ("factorial(10**9)", 1, "too large"),
    ],
)
def test_errors_point_at_the_place(text: str, column: int, message: str) -> None:
    with pytest.raises(FormulaError) as caught:
        from_text(text)
    first, shown, caret = str(caught.value).split("\n")
    assert message in first
    assert first.endswith(f"at column {column}")
    assert len(caret) - 2 == (column if column <= 60 else 34)
    assert shown.isprintable()


def test_the_caret_stands_under_the_place_in_long_and_wide_text() -> None:
    for text, sign in [("x + " * 100 + "$ + x" * 10, "$"), ("（x", "（"), ("x + y + $", "$")]:
        with pytest.raises(FormulaError) as caught:
            from_text(text)
        _, shown, caret = str(caught.value).split("\n")
        assert shown[len(caret) - 1] == sign
        assert len(shown) < 80


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(" * 1_000_000, "characters"),
        ("(" * (MAX_LENGTH - 1), "deeper"),
        ("(" * 300 + "x" + ")" * 300, "deeper"),
        ("sin(" * 9_000 + "x" + ")" * 9_000, "deeper"),
        ("-" * (MAX_LENGTH - 1) + "x", "deeper"),
        ("x**" * 16_000 + "x", "deeper"),
        ("not " * 10_000 + "x", "deeper"),
        ("x" * (MAX_LENGTH + 1), "characters"),
        ("9" * MAX_LENGTH, "characters"),
        ("9**" * 150 + "9", "too large"),
        ("(" * 150 + "10" + ")**99" * 150, "too large"),
        ("max(" + "x," * 20_000, "formula ends"),
        ("x," * 20_000, "outside"),
        ("0x" + "f" * 40_000, "missing"),
    ],
)
def test_hostile_text_ends_soon_and_takes_little(text: str, message: str) -> None:
    tracemalloc.start()
    start = time.perf_counter()
    with pytest.raises(FormulaError) as caught:
        from_text(text)
    seconds = time.perf_counter() - start
    memory = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert message in str(caught.value)
    assert len(str(caught.value)) < 400
    assert seconds < 10
    assert memory < 60e6


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(" * (MAX_DEPTH - 1) + "x" + ")" * (MAX_DEPTH - 1), 2.0),
        ("x+" * 24_000 + "x", 48_002.0),
        ("-" * (MAX_DEPTH - 2) + "x", 2.0),
        ("max(" + "x," * 20_000 + "3)", 3.0),
        ("0*x" + "+1*x" * 10_000, 20_000.0),
    ],
)
def test_long_text_within_the_limits_is_read_and_run(text: str, expected: float) -> None:
    assert value(text, x=2.0) == expected


@given(st.text(alphabet="xy1.e+-*/%^()<>=,&|~ \n!_'\"[]{}αsin0", max_size=40))
@settings(max_examples=500, deadline=None)
def test_any_text_is_read_or_refused_by_design(text: str) -> None:
    try:
        f = from_text(text)
    except FormulaError:
        pass
    else:
        assert not f.graph.types[f.output].shape


def test_equations() -> None:
    assert sides("y = a*x") == ("y ", "    a*x")
    assert sides("a*x") == (None, "a*x")
    with pytest.raises(FormulaError, match="second '='"):
        sides("y = x = 2")
    with pytest.raises(FormulaError, match="nothing stands left"):
        sides("= x")
    with pytest.raises(FormulaError, match="column 6"):
        from_text(sides("y = a$")[1])


@pytest.mark.parametrize("name", ["pi", "E", "I", "x y", "2x", "", "__x", "and", "True", "x\n", "é", "x.y"])
def test_names_that_no_variable_can_have(name: str) -> None:
    with pytest.raises(ArgumentError, match="can't name a variable"):
        from_text("1", [name])


def test_a_variable_is_listed_once() -> None:
    with pytest.raises(ArgumentError, match="twice"):
        from_text("x", ["x", "x"])
    with pytest.raises(ArgumentError, match="is text"):
        from_text(b"x")
