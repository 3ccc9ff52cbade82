"""What SymPy means is what the graph computes: every class that is read, against SymPy's own numbers."""

from __future__ import annotations

import math
import time
from typing import Any

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from sympy.codegen import cfunctions, numpy_nodes, scipy_nodes
from sympy.functions.elementary.miscellaneous import Rem

import symgrad as sg
from symgrad.define.sympy import READERS
from symgrad.dialects.sympy import FOLDED, NAMED, READ, REFUSED, SAME
from symgrad.errors import ArgumentError, UnsupportedError

x, y, z, t = sp.symbols("x y z t")
p, r, s = sp.symbols("p r s")
q, u = sp.Function("q"), sp.Function("u")

ANY = (-2.6, 0.4, 1.7)
ABOVE = (0.3, 1.2, 4.5)
INSIDE = (-0.8, 0.1, 0.7)
OUTSIDE = (-3.0, 1.1, 2.5)

# one argument: where it is real
ONE: dict[Any, tuple[float, ...]] = {
    **dict.fromkeys((sp.exp, sp.sin, sp.cos, sp.tan, sp.atan, sp.sinh, sp.cosh, sp.tanh, sp.sech, sp.asinh), ANY),
    **dict.fromkeys((sp.acot, sp.csch, sp.acsch, sp.sinc, sp.Abs, sp.sign, sp.floor, sp.ceiling), ANY),
    **dict.fromkeys((sp.sec, sp.csc, sp.cot, sp.coth, sp.frac, sp.re, sp.conjugate, sp.transpose, sp.adjoint), ANY),
    **dict.fromkeys((sp.erf, sp.erfc, sp.erfi, sp.fresnels, sp.fresnelc, sp.Ei, sp.Si, sp.Shi), ANY),
    **dict.fromkeys((sp.airyai, sp.airyaiprime, sp.airybi, sp.airybiprime, sp.gamma, sp.factorial), (-2.6, 0.4, 3.7)),
    **dict.fromkeys((sp.log, sp.loggamma, sp.Ci, sp.Chi, sp.digamma, sp.trigamma, sp.catalan), ABOVE),
    **dict.fromkeys((sp.li, sp.Li), (0.4, 2.5, 11.0)),
    **dict.fromkeys((sp.asin, sp.acos, sp.atanh, sp.erfinv), INSIDE),
    **dict.fromkeys((sp.acosh,), (1.1, 3.0)),
    **dict.fromkeys((sp.asec, sp.acsc, sp.acoth), OUTSIDE),
    **dict.fromkeys((sp.asech,), (0.2, 0.9)),
    **dict.fromkeys((sp.erfcinv,), (0.2, 1.7)),
    **dict.fromkeys((sp.zeta, sp.dirichlet_eta), (-2.5, 0.4, 3.5)),
    **dict.fromkeys((sp.elliptic_k, sp.elliptic_e), (-3.0, 0.0, 0.8)),
    **dict.fromkeys((sp.LambertW,), (-0.3, 0.0, 5.0)),
    **dict.fromkeys((sp.harmonic, sp.fibonacci, sp.lucas), (1.0, 4.0, 9.0)),
    **dict.fromkeys((sp.factorial2,), (3.0, 6.0, 7.0)),
    **dict.fromkeys((cfunctions.log1p, cfunctions.expm1, cfunctions.exp2, cfunctions.log2), ABOVE),
    **dict.fromkeys((cfunctions.log10, cfunctions.Sqrt, cfunctions.Cbrt), ABOVE),
    scipy_nodes.cosm1: ANY,
    sp.UnevaluatedExpr: ANY,
}
# more arguments: expressions in x (and y), and where
MORE: list[tuple[Any, tuple[Any, ...]]] = [
    (sp.atan2(y, x), ((0.3, -1.2), (-2.0, 0.7))),
    (sp.Mod(x, y), ((5.3, 2.0), (-5.3, 2.0), (5.3, -2.0))),
    (Rem(x, y), ((5.3, 2.0), (-5.3, 2.0), (5.3, -2.0))),
    (sp.Heaviside(x), ((-1.0, 0.0), (0.0, 0.0), (2.0, 0.0))),
    (sp.Heaviside(x, y), ((-1.0, 0.25), (0.0, 0.25), (2.0, 0.25))),
    (sp.Max(x, y, 1), ((0.0, 3.0), (0.0, -2.0), (2.5, 1.5))),
    (sp.Min(x, y, 1), ((0.0, 3.0), (0.0, -2.0), (2.5, 1.5))),
    (x**y, ((2.0, 0.7), (0.5, -3.0))),
    (x**3 / y**2, ((2.0, 0.7), (-0.5, -3.0))),
    (sp.sqrt(x) + sp.cbrt(x) + x ** sp.Rational(5, 2) + x ** sp.Rational(-3, 2), ((2.0, 0.0), (0.3, 0.0))),
    (sp.zeta(x, y), ((2.5, 0.7), (4.0, 3.0))),
    (sp.beta(x, y), ((2.5, 0.7), (4.0, 3.0))),
    (sp.betainc(2, sp.Rational(3, 2), x, y), ((0.1, 0.7), (0.0, 1.0))),
    (sp.betainc_regularized(2, sp.Rational(3, 2), x, y), ((0.1, 0.7), (0.0, 1.0))),
    (sp.lowergamma(x, y), ((2.5, 0.7), (4.0, 3.0))),
    (sp.uppergamma(x, y), ((2.5, 0.7), (4.0, 3.0))),
    (sp.uppergamma(0, x) + sp.uppergamma(-2, x), ((2.5, 0.0), (0.3, 0.0))),
    (sp.polygamma(3, x), ((2.5, 0.0), (0.3, 0.0))),
    (sp.binomial(x, y), ((7.5, 2.5), (6.0, 3.0))),
    (sp.RisingFactorial(x, y), ((2.5, 1.5), (3.0, 3.0))),
    (sp.FallingFactorial(x, y), ((5.5, 1.5), (6.0, 3.0))),
    (sp.harmonic(x, y), ((3.0, 2.0), (5.0, 3.0))),
    (sp.erf2(x, y), ((-0.5, 0.7), (2.0, 3.0))),
    (sp.erf2inv(x, y), ((0.2, 0.3), (-0.5, 0.6))),
    (sp.expint(1, x) + sp.expint(3, x) + sp.expint(sp.Rational(-1, 2), x), ((2.5, 0.0), (0.3, 0.0))),
    (sp.besselj(x, y) + sp.bessely(x, y) + sp.besseli(x, y) + sp.besselk(x, y), ((1.5, 2.0), (2.0, 0.7))),
    (sp.jn(2, x) + sp.yn(1, x), ((1.5, 0.0), (0.4, 0.0))),
    (sp.jn(y, x) + sp.yn(y, x), ((1.5, 0.5), (0.7, 1.0))),
    (sp.elliptic_f(x, y) + sp.elliptic_e(x, y), ((0.7, 0.5), (1.2, -2.0), (0.7, 0.0))),
    (sp.elliptic_pi(x, y), ((0.3, 0.5), (-1.0, 0.2))),
    (sp.elliptic_pi(sp.Rational(1, 3), x, y), ((0.3, 0.5), (1.1, -0.2))),
    (sp.LambertW(x, -1), ((-0.3, 0.0), (-0.01, 0.0))),
    (sp.legendre(y, x) + sp.chebyshevt(y, x) + sp.chebyshevu(y, x), ((0.3, 2.0), (-0.5, 3.0))),
    (sp.gegenbauer(y, sp.Rational(3, 2), x) + sp.jacobi(y, 1, 2, x), ((0.3, 2.0), (-0.5, 3.0))),
    (sp.laguerre(y, x) + sp.assoc_laguerre(y, 2, x), ((0.3, 2.0), (1.5, 3.0))),
    (sp.assoc_legendre(y, 1, x), ((0.3, 2.0), (-0.5, 3.0))),
    (sp.hermite(4, x, evaluate=False) + sp.hermite_prob(3, x, evaluate=False), ((0.3, 0.0), (-2.0, 0.0))),
    (sp.polylog(2, x) + sp.polylog(1, x) + sp.polylog(0, x) + sp.polylog(-1, x), ((0.3, 0.0), (-2.0, 0.0))),
    (sp.hyper((x,), (y,), sp.Rational(1, 3)), ((0.3, 1.5), (2.0, 2.5))),
    (sp.hyper((x, 2), (y,), sp.Rational(1, 3)) + sp.hyper((), (y,), x), ((0.3, 1.5), (2.0, 2.5))),
    (sp.hyper((), (), x) + sp.hyper((y,), (), x), ((0.3, 1.5), (-2.0, 2.5))),
    (sp.KroneckerDelta(x, y), ((2.0, 2.0), (2.0, 1.0))),
    (sp.SingularityFunction(x, y, 2) + sp.SingularityFunction(x, y, 0), ((2.0, 1.5), (1.0, 1.5))),
    (cfunctions.hypot(x, y) + cfunctions.fma(x, y, 2), ((3.0, 4.0),)),
    (numpy_nodes.logaddexp(x, y) + numpy_nodes.logaddexp2(x, y), ((0.3, 1.5),)),
    (scipy_nodes.powm1(x, y), ((0.3, 1.5),)),
    (sp.im(x) + x, ((0.3, 0.0),)),
    (sp.pi + sp.E + sp.EulerGamma + sp.Catalan + sp.GoldenRatio + x, ((0.0, 0.0),)),
    (sp.Piecewise((x, x < 0), (y, x < 1), (x * y, True)), ((-1.0, 3.0), (0.5, 3.0), (2.0, 3.0))),
]


MEANT: dict[Any, Any] = {
    sp.erfcinv: lambda a: sp.erfinv(1 - a),
    sp.erf2: lambda a, b: sp.erf(b) - sp.erf(a),
    sp.erf2inv: lambda a, b: sp.erfinv(b + sp.erf(a)),
    sp.jn: lambda n, a: sp.sqrt(sp.pi / (2 * a)) * sp.besselj(n + sp.S.Half, a),
    sp.yn: lambda n, a: sp.sqrt(sp.pi / (2 * a)) * sp.bessely(n + sp.S.Half, a),
    sp.UnevaluatedExpr: lambda a: a,
    cfunctions.Sqrt: sp.sqrt,
    cfunctions.Cbrt: sp.cbrt,
    cfunctions.fma: lambda a, b, c: a * b + c,
}
"""What SymPy can't evaluate itself, by its definition."""


def truth(e: Any, point: dict[Any, float]) -> float:
    """SymPy's own value, at 30 digits."""
    for cls, meaning in MEANT.items():
        e = e.replace(cls, meaning)
    exact = {k: sp.Integer(int(v)) if v == int(v) else sp.Float(v, 40) for k, v in point.items()}
    return float(sp.re(e.subs(exact).evalf(30)))


@pytest.mark.parametrize("cls", ONE, ids=lambda c: c.__name__)
def test_functions_of_one_argument(cls: Any) -> None:
    e = cls(x) if cls is not sp.UnevaluatedExpr else sp.UnevaluatedExpr(x + 1) * 2
    f = sg.function([x], e)
    for v in ONE[cls]:
        assert f(v) == pytest.approx(truth(e, {x: v}), rel=1e-12), (cls, v)


@pytest.mark.parametrize(("e", "points"), MORE, ids=lambda e: str(e)[:40] if isinstance(e, sp.Basic) else "")
def test_functions_of_more_arguments(e: Any, points: Any) -> None:
    f = sg.function([x, y], e)
    for a, b in points:
        assert f(a, b) == pytest.approx(truth(e, {x: a, y: b}), rel=2e-12), (a, b)


def test_every_class_that_is_read_is_tested() -> None:
    boolean = {
        sp.Not,
        sp.And,
        sp.Or,
        sp.Xor,
        sp.Implies,
        sp.Equivalent,
        sp.ITE,
        sp.Contains,
    }
    boolean |= {sp.StrictLessThan, sp.LessThan, sp.StrictGreaterThan, sp.GreaterThan, sp.Equality, sp.Unequality}
    boolean |= {cfunctions.isnan, cfunctions.isinf}
    seen = set(ONE) | boolean
    for e, _ in MORE:
        seen |= {a.func for a in sp.preorder_traversal(e)}
    tables = {*SAME, *FOLDED, *READ}
    assert {c.__name__ for c in tables - seen} == set()
    other = {c for c in READERS if issubclass(c, sp.Function)} - seen
    assert {c.__name__ for c in other} <= {"AppliedUndef"}
    assert all(c not in tables for c in REFUSED)


@pytest.mark.parametrize("constant", NAMED, ids=str)
def test_named_constants(constant: Any) -> None:
    assert sg.function([x], x * constant)(2.0) == pytest.approx(2 * float(constant), rel=1e-15)


CONDITIONS = [
    x < y,
    x <= y,
    x > y,
    x >= y,
    sp.Eq(x, y),
    sp.Ne(x, y),
    sp.And(x < y, x > 0, y > 1),
    sp.Or(x < y, x > 2, y > 2),
    sp.Xor(x < y, x > 0, y > 1),
    sp.Not(sp.And(x < y, x > 0)),
    sp.Nand(x < y, x > 0),
    sp.Nor(x < y, x > 1),
    sp.Implies(x < y, x > 0),
    sp.ITE(x < y, x > 0, y > 1),
    sp.Contains(x, sp.Interval.Ropen(0, 2)),
    sp.Contains(x, sp.Union(sp.Interval(0, 1), sp.Interval(2, 3))),
    sp.true,
    sp.false,
]


@pytest.mark.parametrize("condition", CONDITIONS, ids=str)
def test_relations_and_booleans(condition: Any) -> None:
    f = sg.function([x, y], condition)
    g = sg.function([x, y], sp.Piecewise((x + 10, condition), (y, True)))
    for a in (-1.0, 0.0, 1.0, 2.0):
        for b in (0.0, 1.0, 3.0):
            want = bool(condition.subs({x: sp.Rational(a), y: sp.Rational(b)}))
            got = f(a, b)
            assert got is want or (isinstance(got, (bool, np.bool_)) and bool(got) == want)
            assert g(a, b) == (a + 10 if want else b)


def test_equivalent() -> None:
    """SymPy's own substitution into Equivalent is wrong at (1, 0)."""
    f = sg.function([x, y], sp.Equivalent(x < y, x > 0, y > 1))
    for a in (-1.0, 0.0, 1.0, 2.0):
        for b in (0.0, 1.0, 3.0):
            assert f(a, b) == (len({a < b, a > 0, b > 1}) == 1)


def test_isnan_and_isinf() -> None:
    f = sg.function([x], sp.Piecewise((1, cfunctions.isnan(x)), (2, cfunctions.isinf(x)), (3, True)))
    assert [f(v) for v in (math.nan, math.inf, -math.inf, 0.0)] == [1, 2, 2, 3]


def test_piecewise_with_no_default_is_nan_elsewhere() -> None:
    f = sg.function([x], sp.Piecewise((x, x < 0), (x**2, x > 1)))
    assert f(-2.0) == -2.0
    assert f(3.0) == 9.0
    assert math.isnan(f(0.5))


def test_infinities_and_nan() -> None:
    assert sg.function([x], sp.Min(x, sp.oo))(3.0) == 3.0
    assert sg.function([x], sp.Max(x, -sp.oo))(3.0) == 3.0
    assert math.isnan(sg.function([x], sp.Piecewise((sp.nan, x < 0), (x, True)))(-1.0))


# --- what a function may be made of ---------------------------------------------------------------------------------


def test_forms_of_results() -> None:
    entries = [x + y, x * y, x - y, x / y]
    want = [5.0, 6.0, 1.0, 1.5]
    assert sg.function([x, y], entries[0])(3.0, 2.0) == 5.0
    assert sg.function([x, y], entries)(3.0, 2.0).tolist() == want
    for kind in (sp.Matrix, sp.ImmutableMatrix, sp.SparseMatrix, sp.ImmutableSparseMatrix):
        got = sg.function([x, y], kind(2, 2, entries))(3.0, 2.0)
        assert got.tolist() == [want[:2], want[2:]], kind
        assert sg.function([x, y], kind(entries))(3.0, 2.0).shape == (4, 1)
    for kind in (sp.Array, sp.MutableDenseNDimArray, sp.ImmutableSparseNDimArray):
        assert sg.function([x, y], kind(entries, (2, 1, 2)))(3.0, 2.0).tolist() == [[want[:2]], [want[2:]]]
    assert sg.function([x, y], [entries[:2], entries[2:]])(3.0, 2.0).tolist() == [want[:2], want[2:]]
    value, vector, matrix = sg.function([x, y], (x, entries, sp.Matrix([entries])))(3.0, 2.0)
    assert value == 3.0
    assert vector.shape == (4,)
    assert matrix.shape == (1, 4)
    assert sg.function([x], 7)(1.0) == 7.0
    assert sg.function([x], [1, sp.Rational(1, 2), 0.25, x])(1.0).tolist() == [1.0, 0.5, 0.25, 1.0]
    assert sg.function([], sp.sqrt(2))() == math.sqrt(2)


def test_forms_of_arguments() -> None:
    e = x - y
    for symbols in ([x, y], (x, y), sp.Matrix([x, y]), sp.Tuple(x, y), "x y", "x, y", [[x], [y]], sp.symbols("x y")):
        assert sg.function(symbols, e)(3.0, 2.0) == 1.0
    a = sp.symbols("a0:3")
    assert sg.function([a, x], sum(a) * x)(1.0, 2.0, 3.0, 10.0) == 60.0
    assert sg.function(x, x**2)(3.0) == 9.0


def test_symbols_with_assumptions_are_themselves() -> None:
    k, n = sp.Symbol("k", positive=True), sp.Symbol("n", integer=True)
    f = sg.function([k, n], sp.sqrt(k**2) * n)
    assert f(3.0, 2.0) == 6.0
    assert f.sympy().free_symbols == {k, n}


def test_free_symbols_become_parameters() -> None:
    f = sg.function([x], r * x + p)
    assert f.names == ("x", "p", "r")
    assert f.parameters == ("p", "r")
    assert f(2.0, p=1.0, r=3.0) == 7.0
    assert sg.grad(f)(2.0, 1.0, 3.0) == 3.0  # by x alone
    assert sg.grad(f, wrt=("p", "r"))(2.0, 1.0, 3.0) == (1.0, 2.0)


def test_applied_functions_and_their_derivatives_are_variables() -> None:
    speed = q(t).diff(t)
    f = sg.function([q(t), speed, t], sp.cos(q(t)) * speed**2 + t * speed)
    assert f(0.3, 2.0, 5.0) == pytest.approx(math.cos(0.3) * 4 + 10, rel=1e-15)
    dq, dspeed, dt = sg.grad(f)(0.3, 2.0, 5.0)
    assert dq == pytest.approx(-4 * math.sin(0.3), rel=1e-15)
    assert dspeed == pytest.approx(4 * math.cos(0.3) + 5, rel=1e-15)
    assert dt == 2.0
    assert sg.grad(f, wrt=speed)(0.3, 2.0, 5.0) == dspeed
    assert sg.grad(f).sympy()[2] == speed
    second = sg.function([q(t), q(t).diff(t, 2)], q(t) + q(t).diff(t, 2))
    assert second(1.0, 2.0) == 3.0
    left_out = sg.function([q(t)], q(t) * u(t))  # t is no argument: u(t) may be a parameter
    assert left_out.parameters == ("u(t)",)


REFUSALS = [
    (sp.I * x, r"'I\*x'.*real and imaginary parts"),
    (1 + sp.sqrt(-2) * x, r"I.*real and imaginary parts"),
    (sp.Integral(sp.exp(x * y), (y, 0, 1)), r"Integral\(exp\(x\*y\), \(y, 0, 1\)\).*doit"),
    (2 * sp.Limit(sp.sin(y) / y, y, x), r"Limit\(sin\(y\)/y.*doit"),
    (sp.Function("f")(x) + 1, r"'f\(x\)' is an unknown function of the argument x"),
    (sp.Function("f")(x).diff(x) + 1, r"Derivative\(f\(x\), x\)' is an unknown function of the argument x"),
    (sp.Derivative(x**2 * sp.sin(x), x), r"Derivative\(x\*\*2\*sin\(x\), x\).*doit"),
    (sp.Subs(sp.gamma(y), y, x), r"Subs.*doit"),
    (x + sp.zoo * y, r"ComplexInfinity.*zoo"),
    (sp.arg(x), r"arg.*'arg\(x\)'.*Piecewise"),
    (sp.DiracDelta(x) * x, r"'DiracDelta\(x\)'.*integrate"),
    (sp.LambertW(x, 3), r"LambertW\(x, 3\)' is complex"),
    (sp.hyper((1, 2, 3), (x,), y), "hypergeometric"),
    (sp.polygamma(x, y), r"polygamma\(x, y\)': the order must be an integer >= 0 number, not x"),
    (sp.hermite(x, y), r"hermite\(x, y\)': the degree must be"),
    (sp.expint(x, y), r"expint\(x, y\)'"),
    (sp.polylog(3, x), r"polylog\(3, x\)'"),
    (sp.hankel1(0, x), r"hankel1.*besselj and bessely"),
    (sp.Order(x**2), "removeO"),
    (sp.Lambda(x, x**2), "its arguments"),
    (sp.mobius(sp.Symbol("n", integer=True)), r"mobius.*'mobius\(n\)'"),
    (sp.meijerg([[], []], [[0], []], x), "hyperexpand"),
]


@pytest.mark.parametrize(("e", "message"), REFUSALS, ids=lambda e: str(e)[:30])
def test_what_has_no_numerical_meaning_is_named(e: Any, message: str) -> None:
    with pytest.raises(UnsupportedError, match=message):
        sg.function([x, y], e)
    with pytest.raises(UnsupportedError, match=message):
        sg.function([x, y], [x, sp.sin(e, evaluate=False) if isinstance(e, sp.Expr) else e])


def test_a_huge_sub_expression_is_named_in_brief() -> None:
    big = sp.Add(*[sp.Symbol(f"a{k}") * x**k for k in range(300)])
    with pytest.raises(UnsupportedError) as caught:
        sg.function([x], sp.Integral(big, (x, 0, 1)))
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("symbols", "message"),
    [
        ([x, x], "x is listed twice"),
        ([x, sp.Symbol("x", positive=True)], "both named 'x'"),
        ([x, 3], "3 is not a symbol"),
        ([x, sp.pi], "is not a symbol"),
        ([x, None], "is not a symbol"),
    ],
)
def test_arguments_that_are_no_symbols(symbols: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        sg.function(symbols, x**2)


def test_a_free_symbol_that_clashes_by_name() -> None:
    with pytest.raises(ArgumentError, match="both named 'x'"):
        sg.function([x], x + sp.Symbol("x", real=True))


@pytest.mark.parametrize("bad", ["x + 1", None, object(), {"a": x}, [x, "y"], [[x, y], [x]], ((x, y), x)])
def test_what_is_no_expression(bad: Any) -> None:
    with pytest.raises((ArgumentError, UnsupportedError)):
        sg.function([x, y], bad)


# --- cost ------------------------------------------------------------------------------------------------------------


def shared(levels: int) -> Any:
    """e -> e*e + sin(e), again and again: a small graph whose tree has more nodes than there are atoms."""
    e: Any = x
    for _ in range(levels):
        e = sp.Add(sp.Mul(e, e, evaluate=False), sp.sin(e, evaluate=False), evaluate=False)
    return e


def test_import_is_linear_in_distinct_nodes() -> None:
    deep = shared(2000)
    start = time.perf_counter()
    f = sg.function([x], deep / 10**9)
    assert time.perf_counter() - start < 2.0
    assert len(f.graph) < 7000
    few = sg.function([x], shared(4))
    value = mp.mpf(1) / 5
    for _ in range(4):
        value = value * value + mp.sin(value)
    assert few(0.2) == pytest.approx(float(value), rel=1e-14)


def test_deep_nesting_does_not_recurse() -> None:
    e: Any = x
    for k in range(5000):
        e = sp.sin(e, evaluate=False) if k % 2 else sp.Add(e, sp.Integer(1), evaluate=False)
    f = sg.function([x], e)
    value = 0.5
    for k in range(5000):
        value = math.sin(value) if k % 2 else value + 1
    assert f(0.5) == pytest.approx(value, rel=1e-12)
    assert math.isfinite(sg.grad(f)(0.5))


def test_float32() -> None:
    f = sg.function([x], sp.sin(x) / 3 + sp.pi, dtype="float32")
    got = f(np.array([0.5, 0.7], np.float32))
    assert got.dtype == np.float32
    assert got == pytest.approx(np.sin([0.5, 0.7]) / 3 + math.pi, rel=1e-6)


def test_numbers_beyond_the_range_of_floats() -> None:
    assert sg.function([x], x * 10**400)(1.0) == math.inf
    assert sg.function([x], -x - 10**400)(1.0) == -math.inf
    assert sg.function([x], x * sp.Rational(10**400, 10**399 + 1))(1.0) == 10.0
    assert sg.function([x], x * sp.Rational(1, 10**400))(1.0) == 0.0
    assert sg.function([x], x + 2**1024 - 2**971)(0.0) == 1.7976931348623157e308
    assert sg.function([x], x ** (10**25))(1.0) == 1.0
    assert sg.function([x], x ** (10**25))(0.5) == 0.0
    assert sg.function([x], x ** -(10**6))(1.00001) == pytest.approx(math.exp(-(10**6) * math.log1p(1e-5)), rel=1e-9)
    assert sg.grad(sg.function([x], x ** (10**12)))(1.0) == 1e12
