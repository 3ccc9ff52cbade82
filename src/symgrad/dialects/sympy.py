"""Operation <-> SymPy: the classes and functions that mean an operation, and what its arguments become.

Read forwards (SymPy to operation) by `define.sympy`, backwards by `show.sympy`. `SAME`, `FOLDED` and `NAMED`
serve both ways. `READ` says what other SymPy classes mean, `WRITTEN` how other operations are written in SymPy;
an operation in neither is written as its `means`. What needs to look at the SymPy object is a reader in
`define`. Elliptic integrals, LambertW, zeta, ... have SymPy's parameters, which are SciPy's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp
from sympy.codegen import cfunctions, numpy_nodes, scipy_nodes
from sympy.functions.elementary.miscellaneous import Rem

from symgrad.graph import Node
from symgrad.ops import arith, compare, elementary
from symgrad.ops.elementary import HALF, scalar
from symgrad.ops.special import exponential, gamma, polynomials

SAME: dict[type, str] = {
    sp.exp: "exp",
    sp.log: "log",
    sp.sin: "sin",
    sp.cos: "cos",
    sp.tan: "tan",
    sp.asin: "arcsin",
    sp.acos: "arccos",
    sp.atan: "arctan",
    sp.acot: "arccot",
    sp.asec: "arcsec",
    sp.acsc: "arccsc",
    sp.atan2: "arctan2",
    sp.sinh: "sinh",
    sp.cosh: "cosh",
    sp.tanh: "tanh",
    sp.sech: "sech",
    sp.csch: "csch",
    sp.asinh: "arcsinh",
    sp.acosh: "arccosh",
    sp.atanh: "arctanh",
    sp.acoth: "arccoth",
    sp.asech: "arcsech",
    sp.acsch: "arccsch",
    sp.sinc: "sinc",
    sp.Abs: "abs",
    sp.sign: "sign",
    sp.Heaviside: "heaviside",
    sp.floor: "floor",
    sp.ceiling: "ceil",
    sp.Mod: "mod",
    Rem: "fmod",
    sp.StrictLessThan: "less",
    sp.LessThan: "less_equal",
    sp.StrictGreaterThan: "greater",
    sp.GreaterThan: "greater_equal",
    sp.Equality: "equal",
    sp.Unequality: "not_equal",
    sp.Not: "logical_not",
    sp.gamma: "gamma",
    sp.loggamma: "loggamma",
    sp.digamma: "digamma",
    sp.beta: "beta",
    sp.lowergamma: "lowergamma",
    sp.binomial: "binom",
    sp.RisingFactorial: "poch",
    sp.erf: "erf",
    sp.erfc: "erfc",
    sp.erfi: "erfi",
    sp.erf2: "erf2",
    sp.erfinv: "erfinv",
    sp.erfcinv: "erfcinv",
    sp.fresnels: "fresnels",
    sp.fresnelc: "fresnelc",
    sp.Ei: "expi",
    sp.li: "li",
    sp.Si: "si",
    sp.Ci: "ci",
    sp.Shi: "shi",
    sp.Chi: "chi",
    sp.besselj: "jv",
    sp.bessely: "yv",
    sp.besseli: "iv",
    sp.besselk: "kv",
    sp.airyai: "airyai",
    sp.airyaiprime: "airyaiprime",
    sp.airybi: "airybi",
    sp.airybiprime: "airybiprime",
    sp.elliptic_k: "ellipk",
    sp.elliptic_f: "ellipkinc",
    sp.legendre: "eval_legendre",
    sp.chebyshevt: "eval_chebyt",
    sp.chebyshevu: "eval_chebyu",
    sp.gegenbauer: "eval_gegenbauer",
    sp.jacobi: "eval_jacobi",
    sp.laguerre: "eval_laguerre",
    sp.assoc_laguerre: "eval_genlaguerre",
}
"""Same arguments, same order."""

FOLDED: dict[type, str] = {
    sp.Max: "maximum",
    sp.Min: "minimum",
    sp.And: "logical_and",
    sp.Or: "logical_or",
    sp.Xor: "logical_xor",
}
"""Any number of arguments there, two here."""

NAMED: dict[Any, str] = {
    sp.pi: "pi",
    sp.E: "E",
    sp.EulerGamma: "EulerGamma",
    sp.Catalan: "Catalan",
    sp.GoldenRatio: "GoldenRatio",
}


def _harmonic(n: Node, order: Node | None = None) -> Node:
    if order is None:
        return gamma.digamma(n + 1) + scalar(n, "EulerGamma")
    return gamma.riemann_zeta(order) - gamma.zeta(order, n + 1)


def _logaddexp2(x: Node, y: Node) -> Node:
    two = elementary.log(scalar(x, 2))
    return elementary.logaddexp(x * two, y * two) / two


READ: dict[type, Callable[..., Node]] = {
    sp.sec: lambda x: 1 / elementary.cos(x),
    sp.csc: lambda x: 1 / elementary.sin(x),
    sp.cot: lambda x: 1 / elementary.tan(x),
    sp.coth: lambda x: 1 / elementary.tanh(x),
    sp.frac: lambda x: x - elementary.floor(x),
    sp.re: lambda x: x,
    sp.conjugate: lambda x: x,
    sp.transpose: lambda x: x,
    sp.adjoint: lambda x: x,
    sp.UnevaluatedExpr: lambda x: x,
    sp.KroneckerDelta: lambda i, j, *_: arith.where(compare.equal(i, j), scalar(i, 1), scalar(i, 0)),
    sp.Implies: lambda p, q: compare.logical_or(compare.logical_not(p), q),
    sp.factorial: lambda n: gamma.gamma(n + 1),
    sp.FallingFactorial: lambda x, k: gamma.poch(x - k + 1, k),
    sp.harmonic: _harmonic,
    sp.catalan: lambda n: (
        elementary.power(scalar(n, 4), n)
        * gamma.gamma(n + HALF)
        / (elementary.sqrt(scalar(n, "pi")) * gamma.gamma(n + 2))
    ),
    sp.betainc: lambda a, b, x, y: (gamma.betainc(a, b, y) - gamma.betainc(a, b, x)) * gamma.beta(a, b),
    sp.betainc_regularized: lambda a, b, x, y: gamma.betainc(a, b, y) - gamma.betainc(a, b, x),
    sp.erf2inv: lambda x, y: exponential.erfinv(y + exponential.erf(x)),
    sp.Li: lambda x: exponential.li(x) - exponential.li(scalar(x, 2)),
    sp.assoc_legendre: lambda n, m, x: polynomials.lpmv(m, n, x),
    cfunctions.log1p: elementary.log1p,
    cfunctions.expm1: elementary.expm1,
    cfunctions.exp2: elementary.exp2,
    cfunctions.log2: elementary.log2,
    cfunctions.log10: elementary.log10,
    cfunctions.Sqrt: elementary.sqrt,
    cfunctions.Cbrt: elementary.cbrt,
    cfunctions.hypot: elementary.hypot,
    cfunctions.fma: lambda x, y, z: x * y + z,
    cfunctions.isnan: lambda x: compare.not_equal(x, x),
    cfunctions.isinf: lambda x: compare.equal(abs(x), scalar(x, float("inf"))),
    numpy_nodes.logaddexp: elementary.logaddexp,
    numpy_nodes.logaddexp2: _logaddexp2,
    scipy_nodes.cosm1: elementary.cosm1,
    scipy_nodes.powm1: lambda x, y: elementary.expm1(elementary.xlogy(y, x)),
}
"""What a SymPy class means as a formula of operations."""


def _delta(phi: Any, m: Any) -> Any:
    return sp.sqrt(1 - m * sp.sin(phi) ** 2)


def _d3(phi: Any, m: Any) -> Any:
    edge = m * sp.sin(phi) * sp.cos(phi) / _delta(phi, m)
    return ((sp.elliptic_e(phi, m) - edge) / (1 - m) - sp.elliptic_f(phi, m)) / m


def _moment(phi: Any, m: Any, p: int, q: int) -> Any:
    t = sp.Dummy("t")
    return sp.Integral(sp.sin(t) ** (2 * p) / _delta(t, m) ** (2 * q + 1), (t, 0, phi))


WRITTEN: dict[str, Callable[..., Any]] = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / y,
    "negative": lambda x: -x,
    "integer_power": lambda x, n: x**n,
    "power": lambda x, y: x**y,
    "sqrt": sp.sqrt,
    "cbrt": lambda x: sp.sign(x) * sp.Abs(x) ** sp.Rational(1, 3),
    "trunc": lambda x: sp.sign(x) * sp.floor(sp.Abs(x)),
    "where": lambda c, x, y: sp.Piecewise((x, c), (y, True)),
    "mask": lambda c, x: sp.Piecewise((x, c), (0, True)),
    "element": lambda x, index: x[index],
    "gather": lambda x, *places: x[places],
    "cast": lambda x, dtype: x,
    "polygamma": lambda x, n: sp.polygamma(n, x),
    "zeta": sp.zeta,
    "riemann_zeta": lambda s: sp.zeta(s),
    "uppergamma": sp.uppergamma,
    "ellipe": sp.elliptic_e,
    "ellippi": sp.elliptic_pi,
    "gammainc": lambda a, x: sp.lowergamma(a, x) / sp.gamma(a),
    "gammaincc": lambda a, x: sp.uppergamma(a, x) / sp.gamma(a),
    "betainc": lambda a, b, x: sp.betainc_regularized(a, b, 0, x),
    "exp1": lambda x: sp.expint(1, x),
    "expn": lambda x, n: sp.expint(n, x),
    "spence": lambda x: sp.polylog(2, 1 - x),
    "lambertw": lambda x, k: sp.LambertW(x, k),
    "spherical_jn": lambda x, n: sp.jn(n, x),
    "spherical_yn": lambda x, n: sp.yn(n, x),
    "spherical_in": lambda x, n: (
        x**n / sp.factorial2(2 * n + 1) * sp.hyper((), (n + sp.Rational(3, 2),), x**2 / 4) if n else sp.sinh(x) / x
    ),
    "ellipeinc": lambda phi, m: sp.elliptic_e(phi, m),
    "ellipdinc": lambda phi, m: (sp.elliptic_f(phi, m) - sp.elliptic_e(phi, m)) / m,
    "ellipd3inc": _d3,
    "ellipmoment": _moment,
    "ellippart": lambda n, phi, m: (sp.elliptic_pi(n, phi, m) - sp.elliptic_f(phi, m)) / n,
    "elliprf": lambda *xs: sp.Function("elliprf")(*xs),  # SymPy has no Carlson forms
    "elliprd": lambda *xs: sp.Function("elliprd")(*xs),
    "elliprj": lambda *xs: sp.Function("elliprj")(*xs),
    "hyp0f1": lambda b, z: sp.hyper((), (b,), z),
    "hyp1f1": lambda a, b, z: sp.hyper((a,), (b,), z),
    "hyp2f1": lambda a, b, c, z: sp.hyper((a, b), (c,), z),
    "eval_hermite": lambda x, n: sp.hermite(n, x),
    "eval_hermitenorm": lambda x, n: sp.hermite_prob(n, x),
    "lpmv": lambda m, v, x: sp.assoc_legendre(v, m, x),
}
"""How an operation is written in SymPy, where that is no one class of the same arguments."""

REFUSED: dict[type, str] = {
    sp.core.numbers.ImaginaryUnit: "symgrad computes with real numbers; write real and imaginary parts by themselves",
    sp.core.numbers.ComplexInfinity: "it is no real number",
    sp.arg: "all numbers are real here; write Piecewise((0, x >= 0), (pi, True)) if that is meant",
    sp.exp_polar: "it lives on a Riemann surface; call sp.unpolarify first",
    sp.polar_lift: "it lives on a Riemann surface; call sp.unpolarify first",
    sp.periodic_argument: "it lives on a Riemann surface; call sp.unpolarify first",
    sp.DiracDelta: "it has no value at a point; integrate it away, or approximate it by a narrow bell",
    sp.Integral: "call .doit() for a closed form, or replace it by a quadrature sum (sp.Sum)",
    sp.Limit: "call .doit() first",
    sp.Subs: "call .doit() first",
    sp.Derivative: "call .doit() first; list the derivative of an unknown function, Derivative(q(t), t), as a symbol",
    sp.Order: "call .removeO() first",
    sp.Lambda: "call it with its arguments first",
    sp.hankel1: "it is complex; use besselj and bessely",
    sp.hankel2: "it is complex; use besselj and bessely",
    sp.hn1: "it is complex; use jn and yn",
    sp.hn2: "it is complex; use jn and yn",
    sp.Ynm: "it is complex; use assoc_legendre with cos(m*phi) and sin(m*phi)",
    sp.Znm: "write it with assoc_legendre and cos(m*phi) or sin(m*phi)",
    sp.meijerg: "call sp.hyperexpand first",
    sp.appellf1: "nothing here computes it",
}
"""What has no numerical meaning here, and what to write instead."""
