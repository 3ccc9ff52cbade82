"""The gamma function's family: gamma, beta, their logarithms and incomplete forms, polygamma and zeta."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from symgrad.graph import Graph, Node
from symgrad.ops.arith import where
from symgrad.ops.compare import greater
from symgrad.ops.declare import FRACTION, Unknown, elementwise
from symgrad.ops.elementary import HALF, exp, floor, log, power, scalar, tan, xlog1py, xlogy

SHAPE = (0.05, 20.0)
"""A shape parameter, or the argument of a function for positive numbers."""
BELOW = [(-4.95, -4.05), (-1.95, -1.05), (-0.9, -0.1)]
"""Between the poles on the negative axis."""

gamma = elementwise("gamma", lambda x, y: y * digamma(x), domain=([*BELOW, SHAPE, (20.0, 150.0)],))
loggamma = elementwise(
    "loggamma",
    lambda x, y: digamma(x),
    domain=([SHAPE, (1.0, 1e6)],),
    doc="the logarithm of gamma for x > 0, else NaN",
)
gammaln = elementwise(
    "gammaln",
    lambda x, y: digamma(x),
    domain=([*BELOW, SHAPE, (1.0, 1e6)],),
    means=lambda x: log(abs(gamma(x))),
    doc="the logarithm of |gamma(x)|",
)
digamma = elementwise("digamma", lambda x, y: polygamma(x, n=1), domain=([*BELOW, SHAPE, (1.0, 1e6)],))


def _polygamma(g: Graph, args: tuple[int, ...], attrs: tuple[Any, ...]) -> int | None:
    return g.build(digamma, args) if attrs[0] == 0 else None


def _by_zeta(x: Node, n: int) -> Node:
    """n! times Hurwitz's zeta, DLMF 25.11.12; for x < 0 by reflection, DLMF 5.15.6.

    The n-th derivative of pi cot(pi x) is pi**(n + 1) P(cot(pi x)), each P being -(1 + c**2) times the one
    before differentiated.
    """
    positive = greater(x, 0)
    whole = math.factorial(n) * zeta(scalar(x, n + 1), where(positive, x, 1 - x))
    coefficients = [0, 1]
    for _ in range(n):
        slope = [k * c for k, c in enumerate(coefficients)][1:]
        coefficients = [-a - b for a, b in zip([*slope, 0, 0], [0, 0, *slope], strict=True)]
    pi = scalar(x, "pi")
    cot = 1 / tan(pi * (x - floor(x + HALF)))
    mirrored = scalar(x, coefficients[-1])
    for c in reversed(coefficients[:-1]):
        mirrored = mirrored * cot + c
    for _ in range(n + 1):
        mirrored = mirrored * pi
    sign = (-1) ** (n + 1)
    return where(positive, sign * whole, -mirrored - whole)


polygamma = elementwise(
    "polygamma",
    lambda x, y, n: polygamma(x, n=n + 1),
    attrs=("n",),
    normal=_polygamma,
    domain=([*BELOW, SHAPE, (1.0, 1e6)],),
    fallback=_by_zeta,
    doc="the n-th derivative of digamma, n a fixed integer >= 0",
)

_EULER_MACLAURIN = (12, 9)  # terms summed, and terms of the correction: 1e-16 for q > 0
_BERNOULLI = (
    Fraction(1, 6),
    Fraction(-1, 30),
    Fraction(1, 42),
    Fraction(-1, 30),
    Fraction(5, 66),
    Fraction(-691, 2730),
    Fraction(7, 6),
    Fraction(-3617, 510),
    Fraction(43867, 798),
)


def _zeta(s: Node, q: Node) -> Node:
    """Euler and Maclaurin's summation, DLMF 25.11.28; for q > 0 and s > 1 of moderate size."""
    count, corrections = _EULER_MACLAURIN
    total = power(q, -s)
    for k in range(1, count):
        total = total + power(q + k, -s)
    end = q + count
    tail = power(end, -s)
    total = total + tail * end / (s - 1) + tail / 2
    factor = s * tail / end
    for j in range(corrections):
        total = total + _BERNOULLI[j] / math.factorial(2 * j + 2) * factor
        factor = factor * (s + (2 * j + 1)) * (s + (2 * j + 2)) / end**2
    return where(greater(q, 0), total, scalar(q, float("nan")))


zeta = elementwise(
    "zeta",
    Unknown("zeta(s, q)", "s"),
    lambda s, q, y: -s * zeta(s + 1, q),
    domain=((1.1, 12.0), SHAPE),
    fallback=_zeta,
    doc="Hurwitz's zeta function, the sum of (q + k)**-s over k >= 0",
)
riemann_zeta = elementwise(
    "riemann_zeta",
    Unknown("zeta(s)", "s"),
    domain=([(-9.0, 0.9), (1.1, 20.0)],),
    doc="Riemann's zeta function",
)

beta = elementwise(
    "beta",
    lambda x, y, z: z * (digamma(x) - digamma(x + y)),
    lambda x, y, z: z * (digamma(y) - digamma(x + y)),
    facts="commutative",
    domain=((0.2, 12.0), (0.2, 12.0)),
)
betaln = elementwise(
    "betaln",
    lambda x, y, z: digamma(x) - digamma(x + y),
    lambda x, y, z: digamma(y) - digamma(x + y),
    facts="commutative",
    domain=((0.2, 12.0), (0.2, 12.0)),
    means=lambda x, y: log(abs(beta(x, y))),
)
betainc = elementwise(
    "betainc",
    Unknown("betainc(a, b, x)", "a"),
    Unknown("betainc(a, b, x)", "b"),
    lambda a, b, x, y: exp(xlogy(a - 1, x) + xlog1py(b - 1, -x) - betaln(a, b)),
    domain=((0.2, 12.0), (0.2, 12.0), FRACTION),
    doc="the regularised incomplete beta function, from 0 to x",
)


def _density(a: Node, x: Node) -> Node:
    """x**(a - 1) exp(-x) / gamma(a), by logarithms: no factor overflows."""
    return exp(xlogy(a - 1, x) - x - gammaln(a))


gammainc = elementwise(
    "gammainc",
    Unknown("gammainc(a, x)", "a"),
    lambda a, x, y: _density(a, x),
    domain=(SHAPE, SHAPE),
    doc="the regularised lower incomplete gamma function",
)
gammaincc = elementwise(
    "gammaincc",
    Unknown("gammaincc(a, x)", "a"),
    lambda a, x, y: -_density(a, x),
    domain=(SHAPE, SHAPE),
    doc="the regularised upper incomplete gamma function, 1 - gammainc",
)
lowergamma = elementwise(
    "lowergamma",
    Unknown("lowergamma(s, x)", "s"),
    lambda s, x, y: power(x, s - 1) * exp(-x),
    domain=(SHAPE, SHAPE),
    cost=3,
    fallback=lambda s, x: gammainc(s, x) * gamma(s),
    doc="the integral of t**(s - 1) exp(-t) from 0 to x",
)
uppergamma = elementwise(
    "uppergamma",
    Unknown("uppergamma(s, x)", "s"),
    lambda s, x, y: -power(x, s - 1) * exp(-x),
    domain=(SHAPE, SHAPE),
    cost=3,
    fallback=lambda s, x: gammaincc(s, x) * gamma(s),
    doc="the integral of t**(s - 1) exp(-t) from x to infinity",
)

binom = elementwise(
    "binom",
    lambda n, k, y: y * (digamma(n + 1) - digamma(n - k + 1)),
    lambda n, k, y: y * (digamma(n - k + 1) - digamma(k + 1)),
    domain=((5.0, 20.0), (0.5, 5.0)),
    doc="gamma(n + 1) / (gamma(k + 1) gamma(n - k + 1)); no derivative (NaN) at integers k > n",
)
poch = elementwise(
    "poch",
    lambda x, m, y: y * (digamma(x + m) - digamma(x)),
    lambda x, m, y: y * digamma(x + m),
    domain=((0.2, 12.0), (0.5, 8.0)),
    doc="the rising factorial gamma(x + m) / gamma(x)",
)
