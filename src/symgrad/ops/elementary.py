"""Elementary functions. Names and branch conventions are NumPy's; those NumPy lacks have SymPy's branches.

A rule is written so that its relative error stays small where the function is not ill-conditioned itself:
1 - x**2 is a product, 1 - tanh(x)**2 is sech(x)**2, which does not vanish at x = 20.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from symgrad.graph import CONST, Graph, Node, Type
from symgrad.ops.arith import NONZERO, divide, integer_power, mask, number, one_like, where
from symgrad.ops.compare import equal, greater_equal, logical_or, not_equal
from symgrad.ops.declare import FRACTION, POSITIVE, REAL, UNIT, constant, elementwise

HALF = Fraction(1, 2)


def scalar(x: Node, value: Any) -> Node:
    """The constant `value` (a number, or a name as "pi") beside x: in its graph and of its dtype."""
    return Node(x.graph, x.graph.const(value, x.type.dtype))


def _power(g: Graph, args: tuple[int, ...], _: Any) -> int | None:
    a, b = args
    y = number(g, b)
    if y is None:
        return None
    dtype = g.types[a].dtype
    if y.__class__ in (int, float) and y == y // 1 and abs(y) < 2**31:
        return g.build(integer_power, (a,), (int(y),))
    if y == HALF:
        return g.build(sqrt, (a,))
    if y == -HALF and not g.types[a].shape:
        return g.build(divide, (g.const(1, dtype), g.build(sqrt, (a,))))
    return None


def _power_by_base(x: Node, y: Node, z: Node) -> Node:
    return y * power(x, y - 1) if y.op is CONST else power_slope(x, y)


def _power_by_exponent(x: Node, y: Node, z: Node) -> Node:
    base = number(x.graph, x.id)
    return z * log(x) if base is not None and base > 0 else power_log(x, y, k=1)


sqrt = elementwise("sqrt", lambda x, y: HALF / y, domain=(POSITIVE,))
power = elementwise(
    "power",
    _power_by_base,
    _power_by_exponent,
    normal=_power,
    domain=(POSITIVE, (-3.0, 3.0)),
    doc="x**y for real x and y, NaN where that is not real",
)


def _off_the_origin(x: Node, y: Node, value: Node) -> Node:
    return mask(logical_or(not_equal(x, 0), not_equal(y, 0)), value)


power_slope = elementwise(
    "power_slope",
    lambda x, y, z: _off_the_origin(x, y, y * power_slope(x, y - 1)),
    lambda x, y, z: _off_the_origin(x, y, power(x, y - 1) + y * power_log(x, y - 1, k=1)),
    domain=(POSITIVE, (-3.0, 3.0)),
    cost=3,
    means=lambda x, y: y * power(x, y - 1),
    fallback=lambda x, y: _off_the_origin(x, y, y * power(x, y - 1)),
    doc="the derivative of x**y by x: y * x**(y - 1), and 0 at x = y = 0, where that would be 0 * inf",
)


def _power_times_log(x: Node, y: Node, k: int) -> Node:
    z = power(x, y)
    return mask(not_equal(z, 0), z * log(x) ** k)


power_log = elementwise(
    "power_log",
    lambda x, y, z, k: y * power_log(x, y - 1, k=k) + k * power_log(x, y - 1, k=k - 1),
    lambda x, y, z, k: power_log(x, y, k=k + 1),
    attrs=("k",),
    normal=lambda g, args, attrs: g.build(power, args) if attrs[0] == 0 else None,
    domain=(POSITIVE, (-3.0, 3.0)),
    cost=2,
    means=lambda x, y, k: power(x, y) * log(x) ** k,
    fallback=_power_times_log,
    doc="the k-th derivative of x**y by y: x**y * log(x)**k, and 0 at x = 0 < y, where that would be 0 * -inf",
)
cbrt = elementwise("cbrt", lambda x, y: 1 / (3 * y**2), domain=([(-20.0, -1e-3), POSITIVE],), facts="odd")
exp = elementwise("exp", lambda x, y: y, domain=([(-20.0, 20.0), (-80.0, 80.0)],))
exp2 = elementwise("exp2", lambda x, y: log(scalar(x, 2)) * y, means=lambda x: power(scalar(x, 2), x))
expm1 = elementwise("expm1", lambda x, y: exp(x), domain=([(-1e-3, 1e-3), (-40.0, 40.0)],), means=lambda x: exp(x) - 1)
log = elementwise("log", lambda x, y: 1 / x, domain=([POSITIVE, (1.0, 1e9)],))
log2 = elementwise(
    "log2",
    lambda x, y: 1 / (log(scalar(x, 2)) * x),
    domain=(POSITIVE,),
    means=lambda x: log(x) / log(scalar(x, 2)),
)
log10 = elementwise(
    "log10",
    lambda x, y: 1 / (log(scalar(x, 10)) * x),
    domain=(POSITIVE,),
    means=lambda x: log(x) / log(scalar(x, 10)),
)
log1p = elementwise(
    "log1p", lambda x, y: 1 / (1 + x), domain=([(-1e-3, 1e-3), (-0.99, 1e3)],), means=lambda x: log(1 + x)
)
xlogy = elementwise(
    "xlogy",
    lambda x, y, z: log(y),
    lambda x, y, z: x / y,
    domain=([0, REAL], POSITIVE),
    means=lambda x, y: x * log(y),
    fallback=lambda x, y: mask(logical_or(not_equal(x, 0), not_equal(y, y)), x * log(y)),  # NaN stays NaN
    doc="x log(y), 0 where x = 0",
)
xlog1py = elementwise(
    "xlog1py",
    lambda x, y, z: log1p(y),
    lambda x, y, z: x / (1 + y),
    domain=([0, REAL], (-0.99, 10.0)),
    means=lambda x, y: x * log(1 + y),
    fallback=lambda x, y: mask(logical_or(not_equal(x, 0), not_equal(y, y)), x * log1p(y)),
    doc="x log(1 + y), 0 where x = 0",
)

sin = elementwise("sin", lambda x, y: cos(x), facts="odd", domain=([REAL, (-1e3, 1e3)],))
cos = elementwise("cos", lambda x, y: -sin(x), facts="even", domain=([REAL, (-1e3, 1e3)],))
tan = elementwise("tan", lambda x, y: 1 + y**2, facts="odd", domain=([(-1.5, 1.5), REAL],))
cosm1 = elementwise(
    "cosm1",
    lambda x, y: -sin(x),
    facts="even",
    domain=([(-1e-3, 1e-3), REAL],),
    means=lambda x: cos(x) - 1,
    fallback=lambda x: -2 * sin(HALF * x) ** 2,
)
one_minus_square = elementwise(
    "one_minus_square",
    lambda x, y: -2 * x,
    facts="even",
    domain=([REAL, (0.9, 1.1)],),
    cost=3,
    means=lambda x: 1 - x**2,
    fallback=lambda x: (1 - x) * (1 + x),
    doc="1 - x**2 without the cancellation at x = 1",
)
arcsin = elementwise("arcsin", lambda x, y: 1 / sqrt(one_minus_square(x)), facts="odd", domain=([UNIT, (0.99, 1.0)],))
arccos = elementwise("arccos", lambda x, y: -1 / sqrt(one_minus_square(x)), domain=([UNIT, (0.99, 1.0)],))
arctan = elementwise("arctan", lambda x, y: 1 / (1 + x**2), facts="odd", domain=([REAL, (-1e6, 1e6)],))
arctan2 = elementwise(
    "arctan2",
    lambda y, x, z: x / (x**2 + y**2),
    lambda y, x, z: -y / (x**2 + y**2),
    domain=(REAL, REAL),
    doc="the angle of the point (x, y); its derivative at (0, 0) is NaN",
)
sinh = elementwise("sinh", lambda x, y: cosh(x), facts="odd", domain=([REAL, (-80.0, 80.0)],))
cosh = elementwise("cosh", lambda x, y: sinh(x), facts="even", domain=([REAL, (-80.0, 80.0)],))
tanh = elementwise("tanh", lambda x, y: sech(x) ** 2, facts="odd", domain=([REAL, (-40.0, 40.0)],))


def _sech(x: Node) -> Node:
    t = exp(-abs(x))  # not 1/cosh(x): no overflow
    return 2 * t / (1 + t**2)


sech = elementwise(
    "sech",
    lambda x, y: -y * tanh(x),
    facts="even",
    domain=([REAL, (-80.0, 80.0)],),
    cost=2,
    means=lambda x: 1 / cosh(x),
    fallback=_sech,
)
csch = elementwise(
    "csch",
    lambda x, y: -y / tanh(x),
    facts="odd",
    domain=([NONZERO, (-80.0, -0.1)],),
    cost=2,
    defined=lambda x: 1 / sinh(x),
)
arcsinh = elementwise("arcsinh", lambda x, y: 1 / sqrt(1 + x**2), facts="odd", domain=([REAL, (-1e6, 1e6)],))
arccosh = elementwise(
    "arccosh", lambda x, y: 1 / (sqrt(x - 1) * sqrt(x + 1)), domain=([(1.0, 1.1), (1.05, 20.0), (20.0, 1e6)],)
)
arctanh = elementwise("arctanh", lambda x, y: 1 / one_minus_square(x), facts="odd", domain=([UNIT, (0.99, 1.0)],))

# Inverse functions of a reciprocal have rules of their own: that of arctan(1/x) is 0 * inf at x = 0.
arccot = elementwise(
    "arccot",
    lambda x, y: -1 / (1 + x**2),
    facts="odd",
    domain=([NONZERO, (-1e3, -1e-3)],),
    cost=2,
    defined=lambda x: arctan(1 / x),
    doc="arctan(1/x): between -pi/2 and pi/2, with a jump at 0",
)
arcsec = elementwise(
    "arcsec",
    lambda x, y: 1 / (abs(x) * sqrt(-one_minus_square(x))),
    domain=([(1.0, 10.0), (-10.0, -1.0)],),
    cost=2,
    defined=lambda x: arccos(1 / x),
)
arccsc = elementwise(
    "arccsc",
    lambda x, y: -1 / (abs(x) * sqrt(-one_minus_square(x))),
    facts="odd",
    domain=([(1.0, 10.0), (-10.0, -1.0)],),
    cost=2,
    defined=lambda x: arcsin(1 / x),
)
arcsech = elementwise(
    "arcsech",
    lambda x, y: -1 / (x * sqrt(one_minus_square(x))),
    domain=(FRACTION,),
    cost=2,
    defined=lambda x: arccosh(1 / x),
)
arccsch = elementwise(
    "arccsch",
    lambda x, y: -1 / (abs(x) * sqrt(1 + x**2)),
    facts="odd",
    domain=([NONZERO, (-10.0, -1e-3)],),
    cost=2,
    defined=lambda x: arcsinh(1 / x),
)
arccoth = elementwise(
    "arccoth",
    lambda x, y: 1 / one_minus_square(x),
    facts="odd",
    domain=([(1.01, 10.0), (-1e3, -1.01)],),
    cost=2,
    defined=lambda x: arctanh(1 / x),
)

sigmoid = elementwise(
    "sigmoid",
    lambda x, y: y * sigmoid(-x),  # not y * (1 - y), which is 0 from x = 37 on
    domain=([REAL, (-80.0, 80.0)],),
    means=lambda x: 1 / (1 + exp(-x)),
    fallback=lambda x: where(greater_equal(x, 0), 1 / (1 + exp(-x)), exp(x) / (1 + exp(x))),
)
logit = elementwise(
    "logit",
    lambda x, y: 1 / (x * (1 - x)),
    domain=(FRACTION,),
    means=lambda x: log(x / (1 - x)),
    fallback=lambda x: log(x) - log1p(-x),
)
softplus = elementwise(
    "softplus",
    lambda x, y: sigmoid(x),
    domain=([REAL, (-80.0, 120.0)],),
    means=lambda x: log(1 + exp(x)),
    fallback=lambda x: maximum(x, 0) + log1p(exp(-abs(x))),
)
logaddexp = elementwise(
    "logaddexp",
    lambda x, y, z: sigmoid(x - y),
    lambda x, y, z: sigmoid(y - x),
    facts="commutative",
    domain=([REAL, (-80.0, 80.0)], REAL),
    means=lambda x, y: log(exp(x) + exp(y)),
    fallback=lambda x, y: maximum(x, y) + log1p(exp(-abs(x - y))),
)
hypot = elementwise(
    "hypot",
    lambda x, y, z: unit(x, y),
    lambda x, y, z: unit(y, x),
    facts="commutative",
    domain=(REAL, REAL),
    means=lambda x, y: sqrt(x**2 + y**2),
    doc="sqrt(x**2 + y**2) without overflow; at (0, 0) the derivative is the mean over directions, 0",
)

unit = elementwise(
    "unit",
    lambda x, y, z: unit(y, x) ** 2 / hypot(x, y),  # as a quotient it would cancel to x**2 - x**2 where |y| << |x|
    lambda x, y, z: -z * unit(y, x) / hypot(x, y),
    domain=(REAL, REAL),
    cost=2,
    means=lambda x, y: x / sqrt(x**2 + y**2),
    fallback=lambda x, y: mask(logical_or(not_equal(x, 0), not_equal(y, 0)), x / hypot(x, y)),
    doc="x / hypot(x, y), the cosine of the angle of the point (x, y); 0 at (0, 0)",
)

# At a kink the derivative is the mean of the two sides, as JAX, PyTorch and Heaviside(0) = 1/2 have it.
abs_ = elementwise("abs", lambda x, y: sign(x), facts="even")
maximum = elementwise(
    "maximum",
    lambda x, y, z: mask(greater_equal(x, y), where(equal(x, y), HALF, one_like(x))),
    lambda x, y, z: mask(greater_equal(y, x), where(equal(x, y), HALF, one_like(x))),
    facts="commutative idempotent",
)
minimum = elementwise(
    "minimum",
    lambda x, y, z: mask(greater_equal(y, x), where(equal(x, y), HALF, one_like(x))),
    lambda x, y, z: mask(greater_equal(x, y), where(equal(x, y), HALF, one_like(x))),
    facts="commutative idempotent",
)


def _same(types: list[Type]) -> Type:
    return types[0]


sign = constant("sign", 1, _same, facts="odd", doc="-1, 0 or 1; NaN of NaN")
floor = constant("floor", 1, _same)
ceil = constant("ceil", 1, _same)
trunc = constant("trunc", 1, _same, facts="odd")
heaviside = constant("heaviside", 2, _same, domain=([0, REAL], FRACTION), doc="0 for x < 0, 1 for x > 0, h at x = 0")
mod = elementwise(
    "mod",
    lambda x, y, z: 1,
    lambda x, y, z: -floor((x - z) / y + HALF),  # not -floor(x / y): rounding may carry x / y past an integer
    domain=(REAL, [(0.5, 6.0), (-6.0, -0.5)]),
    doc="x - y floor(x/y), Python's and NumPy's remainder: the sign of y",
)
fmod = elementwise(
    "fmod",
    lambda x, y, z: 1,
    lambda x, y, z: -floor((x - z) / y + HALF),
    domain=(REAL, [(0.5, 6.0), (-6.0, -0.5)]),
    means=lambda x, y: x - y * trunc(x / y),
    doc="x - y trunc(x/y), C's remainder: the sign of x",
)
