"""Every elementwise operation at 40 digits: mpmath's own functions, or the definition in them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import mpmath as mp

HALF = mp.mpf(1) / 2


def spherical_jn(x: Any, n: int, sign: int = -1) -> Any:
    """DLMF 10.53.1 summed as a hypergeometric function: good on both sides of 0 and at it."""
    return x**n / mp.fac2(2 * n + 1) * mp.hyp0f1(n + 3 * HALF, sign * x**2 / 4)


def spherical_yn(x: Any, n: int) -> Any:
    return (-1) ** (n + 1) * spherical_jn_of_negative(x, n)


def spherical_jn_of_negative(x: Any, n: int) -> Any:
    """j_{-n-1}(x), by the series of the half-integer Bessel function."""
    v = -n - HALF
    return mp.sqrt(mp.pi) / 2 / mp.gamma(v + 1) * (x / 2) ** (-n - 1) * mp.hyp0f1(v + 1, -(x**2) / 4)


def ellipd(phi: Any, m: Any) -> Any:
    return ellipmoment(phi, m, 1, 0)


def ellipd3(phi: Any, m: Any) -> Any:
    return ellipmoment(phi, m, 1, 1)


def ellipmoment(phi: Any, m: Any, p: int, q: int) -> Any:
    """From E and F by recurrences, whose loss near m = 0 extra digits pay for; `test_moment` has the integral."""
    with mp.extradps(150):
        s, c = mp.sin(phi), mp.cos(phi)
        if m == 0:
            value = mp.mpf(phi)
            for n in range(1, p + 1):
                value = ((2 * n - 1) * value - s ** (2 * n - 1) * c) / (2 * n)
            return value
        delta = mp.sqrt(1 - m * s**2)
        row = [mp.ellipe(phi, m), mp.ellipf(phi, m)]  # integrals of delta**-n, n = -1, 1, 3, ...
        for n in range(1, 2 * q, 2):
            new = (n - 1) * (2 - m) * row[-1] + (2 - n) * row[-2] - m * s * c / delta**n
            row.append(new / (n * (1 - m)))
        while len(row) < p + 1:  # and downwards, where p > q + 1
            n = 2 * (q + 1 - len(row)) + 1
            new = (n - 1) * (2 - m) * row[0] - n * (1 - m) * row[1] - m * s * c / delta**n
            row.insert(0, new / (n - 2))
        for _ in range(p):
            row = [(high - low) / m for low, high in itertools.pairwise(row)]
        return row[-1]


def mod(x: Any, y: Any) -> Any:
    return x - y * mp.floor(x / y)


def trunc(x: Any) -> Any:
    return mp.floor(x) if x >= 0 else mp.ceil(x)


def heaviside(x: Any, h: Any) -> Any:
    return h if x == 0 else mp.mpf(x > 0)


def arccot(x: Any) -> Any:
    return mp.atan(1 / x)


def softplus(x: Any) -> Any:
    return mp.log1p(mp.exp(x))


TRUTH: dict[str, Callable[..., Any]] = {
    # arithmetic
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / y,
    "negative": lambda x: -x,
    "integer_power": lambda x, n: x**n,
    "cast": lambda x, dtype: x,
    "mask": lambda c, x: x if c else mp.mpf(0),
    "where": lambda c, x, y: x if c else y,
    # elementary
    "sqrt": mp.sqrt,
    "power": lambda x, y: x**y,
    "power_slope": lambda x, y: y * x ** (y - 1),
    "power_log": lambda x, y, k: x**y * mp.log(x) ** k,
    "cbrt": lambda x: mp.sign(x) * mp.cbrt(abs(x)),
    "exp": mp.exp,
    "exp2": lambda x: mp.mpf(2) ** x,
    "expm1": mp.expm1,
    "log": mp.log,
    "log2": lambda x: mp.log(x) / mp.log(2),
    "log10": lambda x: mp.log(x) / mp.log(10),
    "log1p": mp.log1p,
    "xlogy": lambda x, y: x * mp.log(y),
    "xlog1py": lambda x, y: x * mp.log1p(y),
    "sin": mp.sin,
    "cos": mp.cos,
    "tan": mp.tan,
    "cosm1": lambda x: -2 * mp.sin(x / 2) ** 2,
    "one_minus_square": lambda x: 1 - x**2,
    "arcsin": mp.asin,
    "arccos": mp.acos,
    "arctan": mp.atan,
    "arctan2": mp.atan2,
    "sinh": mp.sinh,
    "cosh": mp.cosh,
    "tanh": mp.tanh,
    "sech": mp.sech,
    "csch": mp.csch,
    "arcsinh": mp.asinh,
    "arccosh": mp.acosh,
    "arctanh": mp.atanh,
    "arccot": arccot,
    "arcsec": mp.asec,
    "arccsc": mp.acsc,
    "arcsech": mp.asech,
    "arccsch": mp.acsch,
    "arccoth": mp.acoth,
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
    "logit": lambda x: mp.log(x / (1 - x)),
    "softplus": softplus,
    "logaddexp": lambda x, y: x + softplus(y - x),
    "hypot": mp.hypot,
    "unit": lambda x, y: x / mp.hypot(x, y),
    "abs": abs,
    "maximum": max,
    "minimum": min,
    "sign": mp.sign,
    "floor": mp.floor,
    "ceil": mp.ceil,
    "trunc": trunc,
    "heaviside": heaviside,
    "mod": mod,
    "fmod": lambda x, y: x - y * trunc(x / y),
    # gamma
    "gamma": mp.gamma,
    "loggamma": mp.loggamma,
    "gammaln": lambda x: mp.log(abs(mp.gamma(x))) if x < 0 else mp.loggamma(x),
    "digamma": mp.digamma,
    "polygamma": lambda x, n: mp.psi(n, x),
    "zeta": mp.zeta,
    "riemann_zeta": mp.zeta,
    "beta": mp.beta,
    "betaln": lambda x, y: mp.log(mp.beta(x, y)),
    "betainc": lambda a, b, x: mp.betainc(a, b, 0, x, regularized=True),
    "gammainc": lambda a, x: mp.gammainc(a, 0, x, regularized=True),
    "gammaincc": lambda a, x: mp.gammainc(a, x, mp.inf, regularized=True),
    "lowergamma": lambda a, x: mp.gammainc(a, 0, x),
    "uppergamma": lambda a, x: mp.gammainc(a, x, mp.inf),
    "binom": mp.binomial,
    "poch": mp.rf,
    # exponential
    "erf": mp.erf,
    "erfc": mp.erfc,
    "erfi": mp.erfi,
    "erfcx": lambda x: mp.exp(x**2) * mp.erfc(x),
    "erfinv": mp.erfinv,
    "erfcinv": lambda x: -mp.erfinv(x - 1),
    "erf2": lambda x, y: mp.erf(y) - mp.erf(x),
    "ndtr": mp.ncdf,
    "log_ndtr": lambda x: mp.log(mp.ncdf(x)),
    "fresnels": mp.fresnels,
    "fresnelc": mp.fresnelc,
    "expi": mp.ei,
    "exp1": mp.e1,
    "expn": lambda x, n: mp.expint(n, x),
    "li": mp.li,
    "si": mp.si,
    "ci": mp.ci,
    "shi": mp.shi,
    "chi": mp.chi,
    "spence": lambda x: mp.re(mp.polylog(2, 1 - x)),
    "lambertw": mp.lambertw,
    # Bessel
    "jv": mp.besselj,
    "yv": mp.bessely,
    "iv": mp.besseli,
    "kv": mp.besselk,
    "sinc": mp.sinc,
    "spherical_jn": spherical_jn,
    "spherical_yn": spherical_yn,
    "spherical_in": lambda x, n: spherical_jn(x, n, 1),
    "airyai": mp.airyai,
    "airyaiprime": lambda x: mp.airyai(x, derivative=1),
    "airybi": mp.airybi,
    "airybiprime": lambda x: mp.airybi(x, derivative=1),
    # elliptic
    "ellipk": mp.ellipk,
    "ellipe": mp.ellipe,
    "ellipkinc": mp.ellipf,
    "ellipeinc": mp.ellipe,
    "ellipdinc": ellipd,
    "ellipd3inc": ellipd3,
    "ellipmoment": ellipmoment,
    "ellippi": mp.ellippi,
    "ellippart": lambda n, phi, m: (mp.ellippi(n, phi, m) - mp.ellipf(phi, m)) / n,
    "elliprf": mp.elliprf,
    "elliprd": mp.elliprd,
    "elliprj": mp.elliprj,
    # hypergeometric and polynomials
    "hyp0f1": mp.hyp0f1,
    "hyp1f1": mp.hyp1f1,
    "hyp2f1": mp.hyp2f1,
    "eval_legendre": mp.legendre,
    "eval_chebyt": mp.chebyt,
    "eval_chebyu": mp.chebyu,
    "eval_gegenbauer": mp.gegenbauer,
    "eval_jacobi": mp.jacobi,
    "eval_laguerre": lambda n, x: mp.laguerre(n, 0, x),
    "eval_genlaguerre": mp.laguerre,
    "eval_hermite": lambda x, n: mp.hermite(n, x),
    "eval_hermitenorm": lambda x, n: mp.mpf(2) ** (-HALF * n) * mp.hermite(n, x / mp.sqrt(2)),
    "lpmv": lambda m, v, x: mp.legenp(v, int(m), x, type=2),
}
