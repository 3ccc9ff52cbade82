"""Powers and cube roots.

|x|^y = exp(y log |x|) with log |x| to some 65 bits (in float64), because the exponential turns its absolute
error into a relative one. In float32 the work is done in float64.
"""

from __future__ import annotations

import math

from symgrad.compile.llvm import math_tables as tables
from symgrad.compile.llvm.arithmetic import (
    clamp,
    constant,
    fma,
    magnitude,
    pieces,
    polynomial,
    residual,
    select,
    sign_of,
    two_product,
    two_sum,
    with_sign,
)
from symgrad.compile.llvm.ir import Value
from symgrad.compile.llvm.math_exp_log import (
    decompose,
    decompose_any,
    exp_minus_one,
    exp_range,
    ln2_parts,
    reduce_exp,
    scaled,
)

INF = math.inf


def power(x: Value, y: Value) -> Value:
    f = x.format
    base, exponent = (x, y) if f.size == 64 else (x.widen(), y.widen())
    base = magnitude(base)
    r = _power64(base, exponent) if f.size == 64 else _power32(base, exponent).narrow()
    ordinary = (x > 0.0) & (x < INF) & (magnitude(y) < INF)
    return x.code.rescue(~ordinary, r, "power_edges", x, y)


def power_edges(x: Value, y: Value, r: Value) -> Value:
    """`r` = |x|^y for 0 < |x| < inf, completed as C's pow has it."""
    a, b = magnitude(x), magnitude(y)
    zero, infinite = a.equals(0.0), a.equals(INF)
    grows = infinite ^ (y < 0.0)
    r = select(zero | infinite, select(grows, constant(INF, x), 0.0), r)
    whole = _is_whole(b)
    odd = whole & ~_is_whole(b * 0.5)
    r = select(odd, with_sign(r, sign_of(x)), r)
    r = select((x < 0.0) & ~infinite & ~whole, math.nan, r)
    r = select(x.unordered(y), x + y, r)
    one = x.equals(1.0) | (a.equals(1.0) & b.equals(INF))
    return select(y.equals(0.0) | one, 1.0, r)


def _is_whole(a: Value) -> Value:
    """Whether a >= 0 is an integer."""
    unit = 2.0**a.format.mantissa  # reals above are integers
    return ((a + unit) - unit).equals(a) | (a >= unit)


def _power64(x: Value, y: Value) -> Value:
    high, low = _long_log(x)
    if not x.code.fused:
        # |log x| > 2^-53 unless x = 1, so more has no effect, but for an overflow in the product's parts
        y = clamp(y, -(2.0**66), 2.0**66)
    e, lost = two_product(y, high)
    lost = fma(y, low, lost)
    least, greatest = exp_range(x.format)
    inside = clamp(e, least, greatest)
    lost = select(inside.equals(e), lost, 0.0)
    by = reduce_exp(inside)
    return scaled(exp_minus_one(by.r + lost) + 1.0, by.t, by.k)


def _long_log(x: Value) -> tuple[Value, Value]:
    """log x as a sum of two, for positive finite x; arranged for short chains of dependent steps."""
    m, k = decompose_any(x)
    f = m - 1.0
    d = m + 1.0
    s = f / d
    wrong = residual(f, s, d) - s * (m - (d - 1.0))
    s_low = wrong * fma(s, -0.5, 0.5)  # 1/d = (1 - s)/2
    # log m = 2 s + s z (2/3 + z P(z)), z = s^2
    z, z_low = two_product(s, s)
    z_low = fma(s + s, s_low, z_low)
    cube, cube_low = two_product(s, z)
    cube_low = cube_low + fma(s, z_low, s_low * z)
    third, third_low = pieces(tables.TWO_THIRDS, x.format, 0, 0)
    a, a_low = two_sum(constant(third, x), z * polynomial(z, tables.LOG_TAIL[x.format.name]))
    a_low = a_low + third_low
    c, c_low = two_product(cube, a)
    c_low = c_low + fma(cube, a_low, cube_low * a)
    ln2, ln2_low = ln2_parts(x.format)
    start, start_low = two_sum(k * ln2, s + s)
    start_low = start_low + fma(k, ln2_low, s_low + s_low)
    high, low = two_sum(start, c)
    return high, low + (start_low + c_low)


def _power32(x: Value, y: Value) -> Value:
    """In float64, to a little more than float32 needs; x is never subnormal there."""
    m, k, _ = decompose(x)
    f = m - 1.0
    s = f / (m + 1.0)
    z = s * s
    log_m = fma(s * z, polynomial(z, tables.LOG_SHORT["f64"]), s + s)
    log = fma(k, tables.LN2, log_m)
    by = reduce_exp(clamp(y * log, -200.0, 200.0))
    p = exp_minus_one(by.r, tables.EXP_SHORT) + 1.0
    return (p.as_bits() + (by.t.as_bits() << x.format.mantissa)).as_real()


def cbrt(x: Value) -> Value:
    """One step of Halley's from a polynomial guess, with the cube in double the precision."""
    f = x.format
    a = magnitude(x)
    up = 54 if f.size == 64 else 24  # a multiple of 3
    tiny = a < f.smallest_normal
    m, k, _ = decompose(select(tiny, a * 2.0**up, a))
    t = fma(k, 1.0 / 3.0, f.magic)
    q = t - f.magic
    rest = fma(q, -3.0, k)  # -1, 0 or 1
    over, under = rest > 0.0, rest < 0.0
    guess = polynomial(m, tables.CBRT[f.name])
    guess = guess * select(over, constant(2.0 ** (1 / 3), x), select(under, constant(0.5 ** (1 / 3), x), 1.0))
    m = m * select(over, constant(2.0, x), select(under, constant(0.5, x), 1.0))
    square, square_low = two_product(guess, guess)
    cube, cube_low = two_product(square, guess)
    wrong = (cube - m) + fma(square_low, guess, cube_low)
    r = guess - guess * wrong / (cube + cube + m)
    r = (r.as_bits() + (t.as_bits() << f.mantissa)).as_real()
    r = select(tiny, r * 2.0 ** (-up // 3), r)
    r = (r.as_bits() | sign_of(x)).as_real()
    return select((a > 0.0) & (a < INF), r, x)
