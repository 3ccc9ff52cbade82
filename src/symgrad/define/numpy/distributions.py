"""Functions of scipy.special that are written with others of it: distributions, derivatives of Bessel functions,
polynomials on other intervals, angles in degrees. Formulas as in SciPy's documentation and DLMF 10.6, 10.29.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.define.numpy.broadcast import elementwise
from symgrad.define.numpy.special import compose
from symgrad.define.numpy.tracer import graph_of, is_traced, refuse
from symgrad.graph import REGISTER


def _of(name: str) -> Callable[..., Any]:
    """The function of scipy.special, which need not have been loaded when this file was."""

    def call(*args: Any) -> Any:
        import scipy.special

        return getattr(scipy.special, name)(*args)

    return call


gammainc, gammaincc, betainc, binom = map(_of, ("gammainc", "gammaincc", "betainc", "binom"))


def comb(N: Any, k: Any, *, exact: bool = False, repetition: bool = False) -> Any:
    if repetition:
        return comb(N + k - 1, k)
    inside = np.less_equal(k, N) & np.greater_equal(N, 0) & np.greater_equal(k, 0)
    return np.where(inside, binom(N, k), 0.0)


def powm1(x: Any, y: Any) -> Any:
    positive = np.greater(x, 0)
    return np.where(positive, np.expm1(y * np.log(np.where(positive, x, 1.0))), np.power(x, y) - 1)


def _without_zero(lmbda: Any, otherwise: Callable[[Any], Any], at_zero: Any) -> Any:
    zero = np.equal(lmbda, 0)
    return np.where(zero, at_zero, otherwise(np.where(zero, 1.0, lmbda)))


def inv_boxcox(y: Any, lmbda: Any) -> Any:
    return _without_zero(lmbda, lambda p: np.exp(np.log1p(p * y) / p), np.exp(y))


def inv_boxcox1p(y: Any, lmbda: Any) -> Any:
    return _without_zero(lmbda, lambda p: np.expm1(np.log1p(p * y) / p), np.expm1(y))


def boxcox1p(x: Any, lmbda: Any) -> Any:
    return _without_zero(lmbda, lambda p: np.expm1(p * np.log1p(x)) / p, np.log1p(x))


def bdtr(k: Any, n: Any, p: Any) -> Any:
    k = np.floor(k)
    inner = np.less(k, n)
    return np.where(inner, betainc(np.where(inner, n - k, 1.0), k + 1.0, 1.0 - p), 1.0)


def _derivative(name: str, sign: int, alternate: int) -> Callable[..., Any]:
    """The nth derivative by z of a Bessel function: sums of those of orders v - n, v - n + 2, ..., v + n."""
    own = _of(name)

    def meaning(v: Any, z: Any, n: int = 1) -> Any:
        total = sum(sign**j * math.comb(n, j) * own(v - n + 2 * j, z) for j in range(n + 1))
        return alternate**n * total / 2**n

    return meaning


def _shifted(name: str, scale: float, shift: float, factor: float = 1.0) -> Callable[..., Any]:
    own = _of(name)
    return lambda n, x: factor * own(n, x * scale + shift)


def _applied(name: str, *values: Any, **attrs: Any) -> Any:
    """The operation, in float32 where all arrays are of that dtype."""
    narrow = all(isinstance(v, (int, float)) or v.dtype == np.float32 for v in values)
    dtype = "float32" if narrow else "float64"
    return elementwise(REGISTER[name], values, (dtype,) * len(values), graph_of(*values), **attrs)


def _pair(*names: str) -> Callable[[Any], Any]:
    return lambda x: tuple(_applied(n, x) for n in names)


def lambertw(z: Any, k: Any = 0, tol: float = 1e-8) -> Any:
    """The real value (SciPy gives a complex array with imaginary part 0); NaN where there is none."""
    if is_traced(k) or np.ndim(k) or k not in (0, -1):
        refuse("scipy.special.lambertw of a traced branch: k is 0 or -1, the branches with real values")
    return _applied("lambertw", z, k=int(k))


def zeta(x: Any, q: Any = None, out: Any = None) -> Any:
    return _applied("riemann_zeta", x) if q is None else _applied("zeta", x, q)


def _spherical(name: str) -> Callable[..., Any]:
    def meaning(n: Any, z: Any, derivative: bool = False) -> Any:
        if is_traced(n) or np.ndim(n) or derivative:
            refuse(f"scipy.special.{name} of a traced order or with derivative=: give one whole number, and sg.grad")
        return _applied(name, z, n=int(n))

    return meaning


def _degrees(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: f(x * (math.pi / 180))


compose(
    {
        "comb": comb,
        "powm1": powm1,
        "boxcox1p": boxcox1p,
        "inv_boxcox": inv_boxcox,
        "inv_boxcox1p": inv_boxcox1p,
        "ndtri": lambda p: -math.sqrt(2) * _of("erfcinv")(2 * p),
        "betaincc": lambda a, b, x: betainc(b, a, 1 - x),
        "chdtr": lambda v, x: gammainc(v / 2, x / 2),
        "chdtrc": lambda v, x: gammaincc(v / 2, x / 2),
        "gdtr": lambda a, b, x: gammainc(b, a * x),
        "gdtrc": lambda a, b, x: gammaincc(b, a * x),
        "pdtr": lambda k, m: gammaincc(np.floor(k) + 1.0, m),
        "pdtrc": lambda k, m: gammainc(np.floor(k) + 1.0, m),
        "fdtr": lambda n, d, x: betainc(n / 2, d / 2, n * x / (d + n * x)),
        "fdtrc": lambda n, d, x: betainc(d / 2, n / 2, d / (d + n * x)),
        "bdtr": bdtr,
        "nbdtr": lambda k, n, p: betainc(n, np.floor(k) + 1.0, p),
        "nbdtrc": lambda k, n, p: betainc(np.floor(k) + 1.0, n, 1.0 - p),
        "jvp": _derivative("jv", -1, 1),
        "yvp": _derivative("yv", -1, 1),
        "ivp": _derivative("iv", 1, 1),
        "kvp": _derivative("kv", 1, -1),
        "eval_sh_legendre": _shifted("eval_legendre", 2.0, -1.0),
        "eval_sh_chebyt": _shifted("eval_chebyt", 2.0, -1.0),
        "eval_sh_chebyu": _shifted("eval_chebyu", 2.0, -1.0),
        "eval_chebyc": _shifted("eval_chebyt", 0.5, 0.0, 2.0),
        "eval_chebys": _shifted("eval_chebyu", 0.5, 0.0),
        "sindg": _degrees(np.sin),
        "cosdg": _degrees(np.cos),
        "tandg": _degrees(np.tan),
        "cotdg": lambda x: 1 / _degrees(np.tan)(x),
        "yn": lambda n, x: _of("yv")(n, x),
        "round": np.rint,
        "sici": _pair("si", "ci"),
        "shichi": _pair("shi", "chi"),
        "lambertw": lambertw,
        "zeta": zeta,
        "zetac": lambda x: _applied("riemann_zeta", x) - 1,
        "spherical_jn": _spherical("spherical_jn"),
        "spherical_yn": _spherical("spherical_yn"),
        "spherical_in": _spherical("spherical_in"),
        "softplus": lambda x: np.logaddexp(x, 0.0),
    }
)
