"""Elementary functions. Names and branch conventions are NumPy's."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from symgrad.graph import Graph, Type
from symgrad.ops.arith import divide, integer_power, mask, multiply, number, one_like, where
from symgrad.ops.compare import equal, greater_equal, logical_not
from symgrad.ops.declare import POSITIVE, REAL, UNIT, constant, elementwise

LN2 = math.log(2.0)
LN10 = math.log(10.0)


def _power(g: Graph, args: tuple[int, ...], _: Any) -> int | None:
    a, b = args
    y = number(g, b)
    if y is None:
        return None
    dtype = g.types[a].dtype
    if y.__class__ is int or (y.__class__ is float and y.is_integer() and abs(y) < 2**31):
        return g.build(integer_power, (a,), (int(y),))
    if y == Fraction(1, 2):
        return g.build(sqrt, (a,))
    if y == Fraction(-1, 2) and not g.types[a].shape:
        return g.build(divide, (g.const(1, dtype), g.build(sqrt, (a,))))
    if y.__class__ is Fraction and y.denominator == 2 and abs(y) < 8 and not g.types[a].shape:
        # x**(n + 1/2) = x**n * sqrt(x): the same domain, and no call of pow
        root = g.build(sqrt, (a,))
        whole = int(abs(y) - Fraction(1, 2))
        up = g.build(multiply, (g.build(integer_power, (a,), (whole,)), root))
        return up if y > 0 else g.build(divide, (g.const(1, dtype), up))
    return None


sqrt = elementwise("sqrt", lambda x, y: 1 / (2 * y), domain=(POSITIVE,))
power = elementwise(
    "power",
    lambda x, y, z: y * power(x, y - 1),
    # z = 0 where x = 0 < y: there z log x is 0 * -inf, and the derivative is 0
    lambda x, y, z: mask(logical_not(equal(z, 0)), z * log(x)),
    normal=_power,
    domain=(POSITIVE, (-3.0, 3.0)),
    doc="x**y for real x and y, NaN where that is not real",
)
cbrt = elementwise("cbrt", lambda x, y: 1 / (3 * y**2), domain=((0.05, 20.0),), facts="odd")
exp = elementwise("exp", lambda x, y: y, domain=((-20.0, 20.0),))
exp2 = elementwise("exp2", lambda x, y: LN2 * y, means=lambda x: power(2 + 0 * x, x))
expm1 = elementwise("expm1", lambda x, y: exp(x), domain=((-5.0, 5.0),), means=lambda x: exp(x) - 1)
log = elementwise("log", lambda x, y: 1 / x, domain=(POSITIVE,))
log2 = elementwise("log2", lambda x, y: 1 / (LN2 * x), domain=(POSITIVE,), means=lambda x: log(x) / LN2)
log10 = elementwise("log10", lambda x, y: 1 / (LN10 * x), domain=(POSITIVE,), means=lambda x: log(x) / LN10)
log1p = elementwise("log1p", lambda x, y: 1 / (1 + x), domain=((-0.9, 20.0),), means=lambda x: log(1 + x))

sin = elementwise("sin", lambda x, y: cos(x), facts="odd")
cos = elementwise("cos", lambda x, y: -sin(x), facts="even")
tan = elementwise("tan", lambda x, y: 1 + y**2, facts="odd", domain=((-1.4, 1.4),))
arcsin = elementwise("arcsin", lambda x, y: 1 / sqrt(1 - x**2), facts="odd", domain=(UNIT,))
arccos = elementwise("arccos", lambda x, y: -1 / sqrt(1 - x**2), domain=(UNIT,))
arctan = elementwise("arctan", lambda x, y: 1 / (1 + x**2), facts="odd")
arctan2 = elementwise(
    "arctan2", lambda y, x, z: x / (x**2 + y**2), lambda y, x, z: -y / (x**2 + y**2), domain=(REAL, REAL)
)
sinh = elementwise("sinh", lambda x, y: cosh(x), facts="odd", domain=((-5.0, 5.0),))
cosh = elementwise("cosh", lambda x, y: sinh(x), facts="even", domain=((-5.0, 5.0),))
tanh = elementwise("tanh", lambda x, y: 1 - y**2, facts="odd", domain=((-5.0, 5.0),))
arcsinh = elementwise("arcsinh", lambda x, y: 1 / sqrt(1 + x**2), facts="odd")
arccosh = elementwise("arccosh", lambda x, y: 1 / (sqrt(x - 1) * sqrt(x + 1)), domain=((1.05, 20.0),))
arctanh = elementwise("arctanh", lambda x, y: 1 / (1 - x**2), facts="odd", domain=(UNIT,))

sigmoid = elementwise(
    "sigmoid",
    lambda x, y: y * (1 - y),
    domain=((-30.0, 30.0),),
    means=lambda x: 1 / (1 + exp(-x)),
    fallback=lambda x: where(greater_equal(x, 0), 1 / (1 + exp(-x)), exp(x) / (1 + exp(x))),
)
softplus = elementwise(
    "softplus",
    lambda x, y: sigmoid(x),
    domain=((-30.0, 120.0),),
    means=lambda x: log(1 + exp(x)),
    fallback=lambda x: maximum(x, 0) + log1p(exp(-abs(x))),
)
logaddexp = elementwise(
    "logaddexp",
    lambda x, y, z: sigmoid(x - y),
    lambda x, y, z: sigmoid(y - x),
    facts="commutative",
    means=lambda x, y: log(exp(x) + exp(y)),
    fallback=lambda x, y: maximum(x, y) + log1p(exp(-abs(x - y))),
)
hypot = elementwise(
    "hypot",
    lambda x, y, z: x / z,
    lambda x, y, z: y / z,
    facts="commutative",
    domain=((0.1, 8.0), (-8.0, 8.0)),
    means=lambda x, y: sqrt(x**2 + y**2),
)

# At a kink the derivative is the mean of the two sides, as JAX, PyTorch and SymPy's Heaviside(0) = 1/2 have it.
abs_ = elementwise("abs", lambda x, y: sign(x), facts="even")
maximum = elementwise(
    "maximum",
    lambda x, y, z: mask(greater_equal(x, y), where(equal(x, y), Fraction(1, 2), one_like(x))),
    lambda x, y, z: mask(greater_equal(y, x), where(equal(x, y), Fraction(1, 2), one_like(x))),
    facts="commutative idempotent",
)
minimum = elementwise(
    "minimum",
    lambda x, y, z: mask(greater_equal(y, x), where(equal(x, y), Fraction(1, 2), one_like(x))),
    lambda x, y, z: mask(greater_equal(x, y), where(equal(x, y), Fraction(1, 2), one_like(x))),
    facts="commutative idempotent",
)


def _same(types: list[Type]) -> Type:
    return types[0]


sign = constant("sign", 1, _same, facts="odd", doc="-1, 0 or 1; NaN of NaN")
floor = constant("floor", 1, _same)
ceil = constant("ceil", 1, _same)
trunc = constant("trunc", 1, _same, facts="odd")
heaviside = constant("heaviside", 2, _same, doc="0 for x < 0, 1 for x > 0, h at x = 0")
mod = elementwise(
    "mod",
    lambda x, y, z: 1,
    lambda x, y, z: -floor(x / y),
    domain=(REAL, (0.5, 6.0)),
    doc="x - y floor(x/y), Python's and NumPy's remainder",
)
