"""Bessel functions of real order, spherical ones, Airy's. No derivative by the order has a closed form."""

from __future__ import annotations

from typing import Any

from symgrad.graph import Node
from symgrad.ops.arith import number, where
from symgrad.ops.compare import equal
from symgrad.ops.declare import REAL, Unknown, elementwise
from symgrad.ops.elementary import cos, scalar, sin

ORDER = [0, 1, (-2.9, 8.0)]
RANGE = [(0.05, 5.0), (5.0, 40.0)]


def _is_zero(v: Node) -> bool:
    return number(v.graph, v.id) == 0


# DLMF 10.6.1, 10.6.3, 10.29.2, 10.29.3
jv = elementwise(
    "jv",
    Unknown("besselj(v, x)", "v"),
    lambda v, x, y: -jv(scalar(x, 1), x) if _is_zero(v) else (jv(v - 1, x) - jv(v + 1, x)) / 2,
    domain=(ORDER, RANGE),
    doc="the Bessel function of the first kind, of order v",
)
yv = elementwise(
    "yv",
    Unknown("bessely(v, x)", "v"),
    lambda v, x, y: -yv(scalar(x, 1), x) if _is_zero(v) else (yv(v - 1, x) - yv(v + 1, x)) / 2,
    domain=(ORDER, RANGE),
    doc="the Bessel function of the second kind, of order v",
)
iv = elementwise(
    "iv",
    Unknown("besseli(v, x)", "v"),
    lambda v, x, y: iv(scalar(x, 1), x) if _is_zero(v) else (iv(v - 1, x) + iv(v + 1, x)) / 2,
    domain=(ORDER, RANGE),
    doc="the modified Bessel function of the first kind, of order v",
)
kv = elementwise(
    "kv",
    Unknown("besselk(v, x)", "v"),
    lambda v, x, y: -kv(scalar(x, 1), x) if _is_zero(v) else -(kv(v - 1, x) + kv(v + 1, x)) / 2,
    domain=(ORDER, RANGE),
    doc="the modified Bessel function of the second kind, of order v",
)


def _neighbours(kind: Any, x: Node, n: int, sign: int) -> Node:
    """(n f_{n-1} + sign (n+1) f_{n+1}) / (2n + 1), which divides by no x: it holds at 0. DLMF 10.51."""
    if n == 0:
        return kind(x, n=1) if sign > 0 else -kind(x, n=1)
    above = (n + 1) * kind(x, n=n + 1)
    below = n * kind(x, n=n - 1)
    return (below + above if sign > 0 else below - above) / (2 * n + 1)


def _series_from(x: Node, n: int, sign: int) -> Node:
    """The power series of the spherical functions regular at 0, DLMF 10.53.1; enough for |x| <= n + 1."""
    z = x**2 / 2
    total = scalar(x, 1)
    for k in range(n + 12, 0, -1):
        total = 1 + sign * z * total / (k * (2 * n + 2 * k + 1))
    odd = 1
    for k in range(3, 2 * n + 2, 2):
        odd *= k
    return x**n * total / odd


def _spherical_jn(x: Node, n: int) -> Node:
    """The series near 0; from |x| = n + 1 on, the recurrence upwards from sin(x)/x, which is stable there."""
    away = where(equal(x, 0), scalar(x, 1), x)
    low, high = cos(away) / away, sin(away) / away  # orders -1 and 0
    for k in range(n):
        low, high = high, (2 * k + 1) * high / away - low
    return where(abs(x) <= n + 1, _series_from(x, n, -1), high)


sinc = elementwise(
    "sinc",
    lambda x, y: -spherical_jn(x, n=1),
    facts="even",
    domain=([0, (-1e-3, 1e-3), REAL, (-200.0, 200.0)],),
    cost=2,
    means=lambda x: sin(x) / x,
    fallback=lambda x: where(equal(x, 0), scalar(x, 1), sin(x) / x),
    doc="sin(x)/x, 1 at 0 (NumPy's and SciPy's sinc is that of pi x)",
)
spherical_jn = elementwise(
    "spherical_jn",
    lambda x, y, n: _neighbours(spherical_jn, x, n, -1),
    attrs=("n",),
    domain=([0, (-1e-3, 1e-3), REAL, (-60.0, 60.0)],),
    fallback=_spherical_jn,
    doc="the spherical Bessel function j_n, n a fixed integer >= 0",
)
spherical_yn = elementwise(
    "spherical_yn",
    lambda x, y, n: _neighbours(spherical_yn, x, n, -1),
    attrs=("n",),
    domain=([(0.05, 5.0), (-40.0, -0.5)],),
    doc="the spherical Bessel function y_n, n a fixed integer >= 0",
)
spherical_in = elementwise(
    "spherical_in",
    lambda x, y, n: _neighbours(spherical_in, x, n, 1),
    attrs=("n",),
    domain=([0, (-1e-3, 1e-3), REAL, (-50.0, 50.0)],),
    doc="the modified spherical Bessel function i_n, n a fixed integer >= 0",
)

airyai = elementwise("airyai", lambda x, y: airyaiprime(x), domain=([REAL, (-30.0, 30.0)],), doc="Ai(x)")
airyaiprime = elementwise(
    "airyaiprime", lambda x, y: x * airyai(x), domain=([REAL, (-30.0, 30.0)],), doc="the derivative of Ai"
)
airybi = elementwise("airybi", lambda x, y: airybiprime(x), domain=([REAL, (-30.0, 30.0)],), doc="Bi(x)")
airybiprime = elementwise(
    "airybiprime", lambda x, y: x * airybi(x), domain=([REAL, (-30.0, 30.0)],), doc="the derivative of Bi"
)
