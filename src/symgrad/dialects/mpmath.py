"""Operation -> mpmath, for evaluation to any number of digits. `c` is the mpmath context, then the arguments.

An operation in none of the tables is expanded by its definition (`means`), or its fallback.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

SAME = (
    *("exp", "expm1", "log", "log1p", "sqrt", "cbrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "sech", "csch"),
    *("sign", "floor", "ceil", "gamma", "loggamma", "digamma", "beta", "hypot", "sinc"),
    *("erf", "erfc", "erfi", "erfinv", "fresnels", "fresnelc", "li", "si", "ci", "shi", "chi", "lambertw"),
    *("airyai", "airybi", "ellipk", "ellipe", "elliprf", "elliprd", "elliprj", "hyp0f1", "hyp1f1", "hyp2f1"),
)
"""Operations that mpmath has under their name, with their arguments."""

RENAMED = {
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "arctan2": "atan2",
    "arcsinh": "asinh",
    "arccosh": "acosh",
    "arctanh": "atanh",
    "jv": "besselj",
    "yv": "bessely",
    "iv": "besseli",
    "kv": "besselk",
    "expi": "ei",
    "exp1": "e1",
    "ndtr": "ncdf",
    "binom": "binomial",
    "poch": "rf",
    "ellipkinc": "ellipf",
    "ellipeinc": "ellipe",
    "riemann_zeta": "zeta",
    "eval_legendre": "legendre",
    "eval_chebyt": "chebyt",
    "eval_chebyu": "chebyu",
    "eval_gegenbauer": "gegenbauer",
    "eval_jacobi": "jacobi",
    "eval_genlaguerre": "laguerre",
}

FORMULAS: dict[str, Callable[..., Any]] = {
    "add": lambda c, x, y: x + y,
    "subtract": lambda c, x, y: x - y,
    "multiply": lambda c, x, y: x * y,
    "divide": lambda c, x, y: x / y,
    "negative": lambda c, x: -x,
    "integer_power": lambda c, x, n: x**n,
    "power": lambda c, x, y: x**y,
    "mask": lambda c, condition, x: x if condition else c.zero,
    "where": lambda c, condition, x, y: x if condition else y,
    "cast": lambda c, x, dtype: x,
    "less": lambda c, x, y: x < y,
    "less_equal": lambda c, x, y: x <= y,
    "greater": lambda c, x, y: x > y,
    "greater_equal": lambda c, x, y: x >= y,
    "equal": lambda c, x, y: x == y,
    "not_equal": lambda c, x, y: x != y,
    "logical_and": lambda c, x, y: x and y,
    "logical_or": lambda c, x, y: x or y,
    "logical_xor": lambda c, x, y: bool(x) != bool(y),
    "logical_not": lambda c, x: not x,
    "abs": lambda c, x: abs(x),
    "maximum": lambda c, x, y: max(x, y),
    "minimum": lambda c, x, y: min(x, y),
    "trunc": lambda c, x: c.floor(x) if x >= 0 else c.ceil(x),
    "heaviside": lambda c, x, h: h if x == 0 else c.mpf(x > 0),
    "mod": lambda c, x, y: x - y * c.floor(x / y),
    "cbrt": lambda c, x: c.sign(x) * c.cbrt(abs(x)),
    "xlogy": lambda c, x, y: x * c.log(y) if x else c.zero,
    "xlog1py": lambda c, x, y: x * c.log1p(y) if x else c.zero,
    "polygamma": lambda c, x, n: c.psi(n, x),
    "zeta": lambda c, s, q: c.zeta(s, q),
    "gammaln": lambda c, x: c.log(abs(c.gamma(x))) if x < 0 else c.loggamma(x),
    "gammainc": lambda c, a, x: c.gammainc(a, 0, x, regularized=True),
    "gammaincc": lambda c, a, x: c.gammainc(a, x, c.inf, regularized=True),
    "lowergamma": lambda c, a, x: c.gammainc(a, 0, x),
    "uppergamma": lambda c, a, x: c.gammainc(a, x, c.inf),
    "betainc": lambda c, a, b, x: c.betainc(a, b, 0, x, regularized=True),
    "airyaiprime": lambda c, x: c.airyai(x, derivative=1),
    "airybiprime": lambda c, x: c.airybi(x, derivative=1),
    "expn": lambda c, x, n: c.expint(n, x),
}


def lowering(name: str) -> Callable[..., Any] | None:
    """The operation as a callable of the context and the arguments; None where mpmath has not got it."""
    own = FORMULAS.get(name)
    if own is not None:
        return own
    there = RENAMED.get(name, name if name in SAME else None)
    if there is None:
        return None
    return lambda c, *args: getattr(c, there)(*args)
