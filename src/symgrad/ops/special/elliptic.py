"""Elliptic integrals of parameter m = k**2, and Carlson's symmetric forms. DLMF 19.2, 19.4, 19.18, 19.25.

The classical derivatives by m are 0/0 at m = 0. The complete integrals have hypergeometric ones instead, the
incomplete ones the moments below, a family that is closed under differentiation: good at every order.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from itertools import pairwise
from typing import Any

from symgrad.graph import Graph, Node
from symgrad.ops.arith import mask, where
from symgrad.ops.compare import equal, greater, less, logical_and, logical_or, not_equal
from symgrad.ops.declare import elementwise
from symgrad.ops.elementary import HALF, ceil, cos, scalar, sin, sqrt
from symgrad.ops.special.hypergeometric import hyp2f1

PARAMETER = [0, (-3.0, 0.9)]
ANGLE = [(-1.5, 1.5), (2.0, 10.0)]
FAR = [(-1.5, -0.7), (0.7, 1.5), (2.0, 6.0)]
POSITIVE = (0.1, 5.0)
THIRD = Fraction(1, 3)


def _complete(m: Node, a: Fraction, b: Fraction) -> Node:
    return scalar(m, "pi") * hyp2f1(scalar(m, a), scalar(m, b), scalar(m, 2), m) / 8


ellipk = elementwise(
    "ellipk",
    lambda m, y: _complete(m, 3 * HALF, 3 * HALF),
    domain=([*PARAMETER, (-100.0, 0.999)],),
    doc="the complete elliptic integral K(m)",
)
ellipe = elementwise(
    "ellipe",
    lambda m, y: -_complete(m, HALF, 3 * HALF),
    domain=([*PARAMETER, (-100.0, 0.999)],),
    doc="the complete elliptic integral E(m)",
)


def _delta(phi: Node, m: Node) -> Node:
    return sqrt(1 - m * sin(phi) ** 2)


ellipkinc = elementwise(
    "ellipkinc",
    lambda phi, m, y: 1 / _delta(phi, m),
    lambda phi, m, y: ellipd3inc(phi, m) / 2,
    domain=(ANGLE, PARAMETER),
    doc="the incomplete elliptic integral F(phi, m)",
)
ellipeinc = elementwise(
    "ellipeinc",
    lambda phi, m, y: _delta(phi, m),
    lambda phi, m, y: -ellipdinc(phi, m) / 2,
    domain=(ANGLE, PARAMETER),
    doc="the incomplete elliptic integral E(phi, m)",
)


def _periods(phi: Node) -> tuple[Node, Node]:
    """(k, phi - k pi) with the second between -pi/2 and pi/2."""
    k = ceil(phi / scalar(phi, "pi") - HALF)
    return k, phi - k * scalar(phi, "pi")


def _dinc(phi: Node, m: Node) -> Node:
    k, r = _periods(phi)
    s = sin(r)
    zero, one = scalar(m, 0), scalar(m, 1)
    rest = mask(not_equal(k, 0), 2 * k * elliprd(zero, 1 - m, one))
    return THIRD * (s**3 * elliprd(cos(r) ** 2, 1 - m * s**2, one) + rest)


def _d3inc(phi: Node, m: Node) -> Node:
    k, r = _periods(phi)
    s = sin(r)
    zero, one = scalar(m, 0), scalar(m, 1)
    rest = mask(not_equal(k, 0), 2 * k * elliprd(zero, one, 1 - m))
    return THIRD * (s**3 * elliprd(cos(r) ** 2, one, 1 - m * s**2) + rest)


ellipdinc = elementwise(
    "ellipdinc",
    lambda phi, m, y: sin(phi) ** 2 / _delta(phi, m),
    lambda phi, m, y: ellipmoment(phi, m, p=2, q=1) / 2,
    domain=(ANGLE, PARAMETER),
    cost=20,
    fallback=_dinc,
    doc="the integral of sin(t)**2 / sqrt(1 - m sin(t)**2) from 0 to phi: (F - E)/m",
)
ellipd3inc = elementwise(
    "ellipd3inc",
    lambda phi, m, y: sin(phi) ** 2 / _delta(phi, m) ** 3,
    lambda phi, m, y: 3 * HALF * ellipmoment(phi, m, p=2, q=2),
    domain=(ANGLE, PARAMETER),
    cost=20,
    fallback=_d3inc,
    doc="the integral of sin(t)**2 / (1 - m sin(t)**2)**(3/2) from 0 to phi",
)

NEAR = 0.4
"""Where |m| sin(phi)**2 is below this, moments are integrated numerically; beyond, recurrences lose little."""


@cache
def _nodes() -> list[tuple[float, float]]:
    """Gauss and Legendre's 20 abscissae and weights on (0, 1): full precision for |m| sin(phi)**2 < NEAR."""
    from numpy.polynomial.legendre import leggauss

    x, w = leggauss(20)
    return [(float(a + 1) / 2, float(b) / 2) for a, b in zip(x, w, strict=True)]


def _quadrature(phi: Node, m: Node, p: int, q: int) -> Node:
    """The moment up to phi in [-pi/2, pi/2]. All terms have one sign: nothing cancels."""
    total: Any = 0
    for x, w in _nodes():
        s2 = sin(x * phi) ** 2
        base = 1 - m * s2
        total = total + w * s2**p / (base**q * sqrt(base))
    return phi * total


def _recurrence(phi: Node, m: Node, p: int, q: int) -> Node:
    """The moment from D and D3: up by q (from integrating (sin cos delta**-n)'), then up by p."""
    s, c, delta = sin(phi), cos(phi), _delta(phi, m)
    row = [ellipdinc(phi, m), ellipd3inc(phi, m)]
    a = ellipkinc(phi, m) + m * row[1]  # the integral of delta**-n
    for j in range(1, q):
        n = 2 * j + 1
        row.append((a + (n - 2) * row[j] - s * c / delta**n) / (n * (1 - m)))
        a = a + m * row[-1]
    row = row[: q + 1]
    for _ in range(1, p):  # sin**2 = (1 - delta**2)/m
        row = [(high - low) / m for low, high in pairwise(row)]
    return row[-1]


def _moment(phi: Node, m: Node, p: int, q: int) -> Node:
    k, r = _periods(phi)
    quarter = HALF * scalar(phi, "pi")
    small = logical_and(less(abs(m) * sin(r) ** 2, NEAR), logical_or(equal(k, 0), less(abs(m), NEAR)))
    whole = mask(not_equal(k, 0), 2 * k * _quadrature(quarter, m, p, q))
    return where(small, _quadrature(r, m, p, q) + whole, _recurrence(phi, m, p, q))


def _low_moment(g: Graph, args: tuple[int, ...], attrs: tuple[Any, ...]) -> int | None:
    known = {(1, 0): ellipdinc, (1, 1): ellipd3inc}.get(attrs)
    return None if known is None else g.build(known, args)


ellipmoment = elementwise(
    "ellipmoment",
    lambda phi, m, y, p, q: sin(phi) ** (2 * p) / _delta(phi, m) ** (2 * q + 1),
    lambda phi, m, y, p, q: (q + HALF) * ellipmoment(phi, m, p=p + 1, q=q + 1),
    attrs=("p", "q"),
    normal=_low_moment,
    domain=(ANGLE, PARAMETER),
    cost=60,
    fallback=_moment,
    doc="the integral of sin(t)**(2 p) (1 - m sin(t)**2)**(-q - 1/2) from 0 to phi, 1 <= p <= q + 1",
)


def _pi_by_n(n: Node, phi: Node, m: Node) -> Node:
    s, c, delta = sin(phi), cos(phi), _delta(phi, m)
    f, d, p = ellipkinc(phi, m), ellipdinc(phi, m), ellippart(n, phi, m)
    above = n * f - m * d + (n**2 - m) * p - n * delta * s * c / (1 - n * s**2)
    return above / (2 * (m - n) * (n - 1))


def _pi_by_m(n: Node, phi: Node, m: Node, y: Node) -> Node:
    edge = m * sin(phi) * cos(phi) / _delta(phi, m)
    return ((ellipeinc(phi, m) - edge) / (m - 1) + y) / (2 * (n - m))


def _part(n: Node, phi: Node, m: Node) -> Node:
    k, r = _periods(phi)
    s = sin(r)
    zero, one = scalar(m, 0), scalar(m, 1)
    p = 1 - n * s**2
    rest = mask(
        not_equal(k, 0),
        2 * k * where(greater(1 - n, 0), elliprj(zero, 1 - m, one, 1 - n), scalar(m, float("nan"))),
    )
    here = where(greater(p, 0), elliprj(cos(r) ** 2, 1 - m * s**2, one, p), scalar(m, float("nan")))
    return THIRD * (s**3 * here + rest)


APART = ([(-2.0, -0.5), (0.1, 0.8)], FAR, [(-3.0, -2.2), (-0.4, 0.05), (0.85, 0.95)])
"""n apart from m, from 0 and from 1, where the rules are 0/0."""

ellippi = elementwise(
    "ellippi",
    lambda n, phi, m, y: _pi_by_n(n, phi, m),
    lambda n, phi, m, y: 1 / ((1 - n * sin(phi) ** 2) * _delta(phi, m)),
    lambda n, phi, m, y: _pi_by_m(n, phi, m, y),
    domain=APART,
    cost=30,
    fallback=lambda n, phi, m: ellipkinc(phi, m) + n * ellippart(n, phi, m),
    doc="the incomplete elliptic integral Pi(n; phi, m); derivatives by n and m not at n = m or n = 1",
)
ellippart = elementwise(
    "ellippart",
    lambda n, phi, m, y: (_pi_by_n(n, phi, m) - y) / n,
    lambda n, phi, m, y: sin(phi) ** 2 / ((1 - n * sin(phi) ** 2) * _delta(phi, m)),
    lambda n, phi, m, y: (_pi_by_m(n, phi, m, ellippi(n, phi, m)) - ellipd3inc(phi, m) / 2) / n,
    domain=APART,
    cost=30,
    fallback=_part,
    doc="(Pi(n; phi, m) - F(phi, m)) / n, which is finite at n = 0",
)

elliprf = elementwise(
    "elliprf",
    lambda x, y, z, r: -elliprd(y, z, x) / 6,
    lambda x, y, z, r: -elliprd(x, z, y) / 6,
    lambda x, y, z, r: -elliprd(x, y, z) / 6,
    domain=(POSITIVE,) * 3,
    doc="Carlson's R_F",
)


def _rd_by_first(x: Node, y: Node, z: Node, r: Node) -> Node:
    return (elliprd(y, z, x) - r) / (2 * (x - z))  # Euler and Poisson's equation, DLMF 19.18.9


elliprd = elementwise(
    "elliprd",
    _rd_by_first,
    lambda x, y, z, r: _rd_by_first(y, x, z, r),
    # homogeneous of degree -3/2
    lambda x, y, z, r: -(3 * HALF * r + x * _rd_by_first(x, y, z, r) + y * _rd_by_first(y, x, z, r)) / z,
    domain=((0.1, 1.0), (0.1, 1.0), (2.0, 5.0)),
    doc="Carlson's R_D; its derivative not where z equals x or y",
)


def _rj_by(x: Node, others: tuple[Node, Node], p: Node, r: Node) -> Node:
    return (elliprd(*others, x) - r) / (2 * (x - p))


elliprj = elementwise(
    "elliprj",
    lambda x, y, z, p, r: _rj_by(x, (y, z), p, r),
    lambda x, y, z, p, r: _rj_by(y, (x, z), p, r),
    lambda x, y, z, p, r: _rj_by(z, (x, y), p, r),
    lambda x, y, z, p, r: (
        -(3 * HALF * r + x * _rj_by(x, (y, z), p, r) + y * _rj_by(y, (x, z), p, r) + z * _rj_by(z, (x, y), p, r)) / p
    ),
    domain=((0.1, 1.0), (0.1, 1.0), (0.1, 1.0), (2.0, 5.0)),
    doc="Carlson's R_J; its derivative not where p equals x, y or z",
)
