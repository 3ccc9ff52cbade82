"""arcsin, arccos, arctan, arctan2."""

from __future__ import annotations

import math

from symgrad.compile.llvm import math_tables as tables
from symgrad.compile.llvm.arithmetic import (
    constant,
    fma,
    magnitude,
    pieces,
    polynomial,
    residual,
    select,
    sign_of,
    sqrt,
    two_sum,
    with_sign,
)
from symgrad.compile.llvm.ir import Value

INF = math.inf


def _arcsin_parts(x: Value) -> tuple[Value, Value, Value]:
    """s, s^3 P and whether |x| > 1/2; arcsin s = s + s^3 P for s = |x|, or for s = sqrt((1 - |x|)/2),
    when arcsin |x| = pi/2 - 2 arcsin s."""
    a = magnitude(x)
    big = a > 0.5
    z = select(big, (1.0 - a) * 0.5, a * a)
    s = select(big, sqrt(z), a)
    return s, s * z * polynomial(z, tables.ARCSIN[x.format.name]), big


def arcsin(x: Value) -> Value:
    s, more, big = _arcsin_parts(x)
    quarter, quarter_low = pieces(tables.PI / 2, x.format, 0, 0)
    high, lost = two_sum(constant(quarter, x), s * -2.0)
    far = high + (lost + fma(more, -2.0, quarter_low))
    return (select(big, far, s + more).as_bits() ^ sign_of(x)).as_real()


def arccos(x: Value) -> Value:
    s, more, big = _arcsin_parts(x)
    half, half_low = pieces(tables.PI, x.format, 0, 0)
    negative = x < 0.0
    # big: 2 arcsin s, or pi - that; else pi/2 - arcsin x
    sign = sign_of(x)
    s, more = select(big, s + s, s), select(big, more + more, more)
    minus = select(big, sign, sign ^ x.format.sign_bit)
    s, more = with_sign(s, minus), with_sign(more, minus)
    zero = constant(0.0, x)
    base = select(big, select(negative, half, zero), half / 2)
    base_low = select(big, select(negative, half_low, zero), half_low / 2)
    high, lost = two_sum(base, s)
    return high + (lost + (more + base_low))


def _arctan_of_ratio(n: Value, d: Value, swap: Value, mirror: Value | None) -> Value:
    """arctan(n/d) for 0 <= n <= d, d normal and not huge; pi/2 minus it where `swap`, then pi minus it where
    `mirror`. Beyond tan(pi/8) the ratio becomes (n - d)/(n + d) and pi/4 is added."""
    f = n.format
    big = n > d * math.tan(math.pi / 8)
    difference, difference_low = two_sum(d, -n)
    total, total_low = two_sum(d, n)
    zero = constant(0.0, n)
    above, above_low = select(big, -difference, n), select(big, -difference_low, zero)
    below, below_low = select(big, total, d), select(big, total_low, zero)
    inverse = 1.0 / below
    q = above * inverse
    q_low = (residual(above, q, below) + fma(q, -below_low, above_low)) * inverse
    z = q * q
    q_low = fma(q * z, polynomial(z, tables.ARCTAN[f.name]), q_low)
    eighths = select(big, constant(1.0, n), zero)
    eighths = select(swap, 2.0 - eighths, eighths)
    if mirror is not None:
        eighths = select(mirror, 4.0 - eighths, eighths)
        swap = swap ^ mirror
    minus = select(swap, constant(-0.0, n), zero).as_bits()
    q, q_low = with_sign(q, minus), with_sign(q_low, minus)
    # up to four times the first part is exact
    unit, unit_low = pieces(tables.PI / 4, f, f.digits - 3, 0)
    high, lost = two_sum(eighths * unit, q)
    return high + (lost + fma(eighths, unit_low, q_low))


def arctan(x: Value) -> Value:
    a = magnitude(x)
    a = select(a > 2.0**66, 2.0**66, a)
    swap = a > 1.0
    one = constant(1.0, x)
    r = _arctan_of_ratio(select(swap, one, a), select(swap, a, one), swap, None)
    return (r.as_bits() ^ sign_of(x)).as_real()


def arctan2(y: Value, x: Value) -> Value:
    a, b = magnitude(y), magnitude(x)
    swap = a > b
    n, d = select(swap, b, a), select(swap, a, b)
    # keep 1/d a normal number
    huge, tiny, shift = (2.0**960, 2.0**-500, 500) if x.format.size == 64 else (2.0**100, 2.0**-60, 60)
    factor = select(d < tiny, constant(2.0**shift, x), 1.0)
    factor = select(d > huge, 2.0 ** -(shift // 2), factor)
    infinite = d.equals(INF)
    n = select(infinite, select(n.equals(INF), constant(1.0, x), 0.0), n * factor)
    d = select(infinite | d.equals(0.0), 1.0, d * factor)
    r = _arctan_of_ratio(n, d, swap, x.negative())
    r = (r.as_bits() ^ sign_of(y)).as_real()
    return select(x.unordered(y), x + y, r)
