"""Error functions, Fresnel's integrals, exponential, logarithmic and trigonometric integrals, Lambert's W."""

from __future__ import annotations

from typing import Any

from symgrad.graph import Graph, Node
from symgrad.ops.arith import where
from symgrad.ops.compare import greater, less, logical_and
from symgrad.ops.declare import FRACTION, POSITIVE, REAL, elementwise
from symgrad.ops.elementary import HALF, cos, cosh, exp, log, scalar, sin, sqrt
from symgrad.ops.special.bessel import sinc, spherical_in
from symgrad.ops.special.hypergeometric import hyp2f1

MODERATE = (-5.0, 5.0)


def _root_pi(x: Node) -> Node:
    return sqrt(scalar(x, "pi"))


def _bell(x: Node) -> Node:
    """2 exp(-x**2) / sqrt(pi)"""
    return 2 * exp(-(x**2)) / _root_pi(x)


erf = elementwise("erf", lambda x, y: _bell(x), facts="odd", domain=([(-1e-3, 1e-3), MODERATE],))
erfc = elementwise("erfc", lambda x, y: -_bell(x), domain=([MODERATE, (5.0, 8.0)],))
erfi = elementwise("erfi", lambda x, y: 2 * exp(x**2) / _root_pi(x), facts="odd", domain=(MODERATE,))
erfcx = elementwise(
    "erfcx",
    lambda x, y: 2 * (x * y - 1 / _root_pi(x)),
    domain=((-4.0, 4.0),),
    means=lambda x: exp(x**2) * erfc(x),
    doc="exp(x**2) erfc(x); the rule loses x**2 ulps for large x",
)
erfinv = elementwise(
    "erfinv",
    lambda x, y: HALF * _root_pi(x) * exp(y**2),
    facts="odd",
    domain=([(-0.999, 0.999), (0.99, 1.0)],),
)
erfcinv = elementwise("erfcinv", lambda x, y: -HALF * _root_pi(x) * exp(y**2), domain=([(1e-9, 1e-3), (1e-3, 1.999)],))


def _erf2(x: Node, y: Node) -> Node:
    """Where both ends lie on one side, the difference of the small complements."""
    right = logical_and(greater(x, HALF), greater(y, HALF))
    left = logical_and(less(x, -HALF), less(y, -HALF))
    return where(right, erfc(x) - erfc(y), where(left, erfc(-y) - erfc(-x), erf(y) - erf(x)))


erf2 = elementwise(
    "erf2",
    lambda x, y, z: -_bell(x),
    lambda x, y, z: _bell(y),
    domain=([(-3.0, 0.0), (2.0, 4.0)], [(0.0, 2.0), (4.0, 5.0)]),
    cost=3,
    means=lambda x, y: erf(y) - erf(x),
    fallback=_erf2,
)
ndtr = elementwise(
    "ndtr",
    lambda x, y: exp(-HALF * x**2) / sqrt(2 * scalar(x, "pi")),
    domain=((-8.0, 5.0),),
    defined=lambda x: HALF * erfc(-x / sqrt(scalar(x, 2))),
    doc="the normal distribution function",
)
log_ndtr = elementwise(
    "log_ndtr",
    lambda x, y: sqrt(2 / scalar(x, "pi")) / erfcx(-x / sqrt(scalar(x, 2))),
    domain=((-6.0, 6.0),),
    means=lambda x: log(HALF * erfc(-x / sqrt(scalar(x, 2)))),
    doc="the logarithm of the normal distribution function",
)


def _phase(x: Node) -> Node:
    return HALF * scalar(x, "pi") * x**2


fresnels = elementwise("fresnels", lambda x, y: sin(_phase(x)), facts="odd", domain=([REAL, (-1e-3, 1e-3)],))
fresnelc = elementwise("fresnelc", lambda x, y: cos(_phase(x)), facts="odd", domain=([REAL, (-1e-3, 1e-3)],))

expi = elementwise("expi", lambda x, y: exp(x) / x, domain=([(-20.0, -0.05), (0.05, 40.0)],), doc="Ei(x)")
exp1 = elementwise("exp1", lambda x, y: -exp(-x) / x, domain=((0.01, 40.0),), doc="E1(x), NaN for x < 0")


def _expn(g: Graph, args: tuple[int, ...], attrs: tuple[Any, ...]) -> int | None:
    x = Node(g, args[0])
    if attrs[0] == 0:
        return (exp(-x) / x).id
    return exp1(x).id if attrs[0] == 1 else None


expn = elementwise(
    "expn",
    lambda x, y, n: -expn(x, n=n - 1),
    attrs=("n",),
    normal=_expn,
    domain=((0.01, 40.0),),
    doc="the exponential integral E_n(x) of a fixed integer n >= 0, NaN for x < 0",
)
li = elementwise(
    "li",
    lambda x, y: 1 / log(x),
    domain=([(0.05, 0.9), (1.1, 50.0)],),
    cost=2,
    fallback=lambda x: expi(log(x)),
    doc="the logarithmic integral from 0",
)
si = elementwise("si", lambda x, y: sinc(x), facts="odd", domain=([REAL, (-100.0, 100.0)],), doc="Si(x)")
ci = elementwise(
    "ci",
    lambda x, y: cos(x) / x,
    domain=([POSITIVE, (1.0, 100.0)],),
    doc="Ci(x), NaN for x < 0 (complex there)",
)
shi = elementwise("shi", lambda x, y: spherical_in(x, n=0), facts="odd", domain=([REAL, (-50.0, 50.0)],), doc="Shi(x)")
chi = elementwise(
    "chi",
    lambda x, y: cosh(x) / x,
    domain=([POSITIVE, (1.0, 50.0)],),
    doc="Chi(x), NaN for x < 0 (complex there)",
)

# Not log(x) / (1 - x): the hypergeometric form keeps every order at x = 1. DLMF 25.12.1, 15.4.1.
spence = elementwise(
    "spence",
    lambda x, y: -hyp2f1(scalar(x, 1), scalar(x, 1), scalar(x, 2), 1 - x),
    domain=([FRACTION, (0.9, 1.1), (1.0, 30.0)],),
    doc="the dilogarithm Li_2(1 - x)",
)

lambertw = elementwise(
    "lambertw",
    lambda x, y, k: 1 / (x + exp(y)),  # not y / (x (1 + y)), which is 0/0 at x = 0
    attrs=("k",),
    domain=([0, (-0.36, -0.01), (0.01, 50.0)],),
    doc="the real solution w of w exp(w) = x: w >= -1 for k = 0, w <= -1 for k = -1",
)
