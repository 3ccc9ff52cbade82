"""Exponentials and logarithms, without branches or tables.

exp: x = k log 2 + r with |r| <= log(2)/2, then 2^k (1 + r + r^2 P(r)).
log: x = 2^k m with sqrt(1/2) <= m < sqrt(2), then with f = m - 1, s = f/(2 + f)
    log m = f - f^2/2 + s (f^2/2 + s^2 P(s^2))   (FreeBSD's e_log.c explains why this form loses nothing).
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple

from symgrad.compile.llvm import math_tables as tables
from symgrad.compile.llvm.arithmetic import (
    any_two_sum,
    clamp,
    constant,
    fma,
    magnitude,
    pieces,
    polynomial,
    select,
    two_product,
    two_sum,
)
from symgrad.compile.llvm.ir import Format, Value, real_bits

INF = math.inf


def ln2_parts(format: Format) -> list[float]:
    """log 2 in two parts, of which the first times any exponent is exact."""
    return pieces(tables.LN2, format, format.digits - 12 if format.size == 64 else format.digits - 9, 0)


class Reduced(NamedTuple):
    """x = k log 2 + r; the integer k stands in the low bits of `t` too."""

    t: Value
    k: Value
    r: Value
    rest: Value  # r = rest - step, rounded
    step: Value

    def low(self) -> Value:
        """What rounding took from r."""
        return (self.rest - self.r) - self.step


def reduce_exp(x: Value, parts: int = 1) -> Reduced:
    """x = k log(2)/parts + r for `parts` a power of two."""
    t = fma(x, parts / tables.LN2, x.format.magic)
    k = t - x.format.magic
    high, low = ln2_parts(x.format)
    rest, step = fma(k, -high / parts, x), k * (low / parts)
    return Reduced(t, k, rest - step, rest, step)


def exp_minus_one(r: Value, table: dict[str, tuple[float, ...]] = tables.EXP) -> Value:
    """e^r - 1 for |r| <= log(2)/2."""
    return fma(polynomial(r, table[r.format.name]), r * r, r)


def scaled(p: Value, t: Value, k: Value) -> Value:
    """p 2^k for 0.5 < p < 2 and any k of `Reduced`, in two steps, so that the result may be subnormal."""
    f = p.format
    half = fma(k, 0.5, f.magic).as_bits()
    first = (p.as_bits() + (half << f.mantissa)).as_real()
    rest = (((t.as_bits() - half) << f.mantissa) + f.one_bits).as_real()
    return first * rest


def power_of_two(t: Value, below: int = 0) -> Value:
    """2^(k - below), for a result that is normal."""
    f = t.format
    return ((t.as_bits() << f.mantissa) + (f.bias - below << f.mantissa)).as_real()


def exp_range(format: Format) -> tuple[float, float]:
    """Beyond these exp is 0 and infinite."""
    return (-746.0, 710.0) if format.size == 64 else (-105.0, 89.0)


def exp_of(x: Value, extra: Value | None = None) -> Value:
    """exp(x + extra) for a tiny `extra`."""
    by = reduce_exp(clamp(x, *exp_range(x.format)))
    r = by.r if extra is None else by.r + extra
    return scaled(exp_minus_one(r) + 1.0, by.t, by.k)


def exp(x: Value) -> Value:
    return exp_of(x)


def exp2(x: Value) -> Value:
    f = x.format
    x = clamp(x, *((-1080.0, 1025.0) if f.size == 64 else (-155.0, 129.0)))
    t = x + f.magic
    k = t - f.magic
    r = x - k
    return scaled(fma(r, polynomial(r, tables.EXP2[f.name]), 1.0), t, k)


def expm1(x: Value) -> Value:
    f = x.format
    low = -40.0 if f.size == 64 else -20.0
    by = reduce_exp(clamp(x, low, exp_range(f)[1]))
    half = power_of_two(by.t, below=1)  # half of the factor: 2^1024 is no number
    y = fma(exp_minus_one(by.r), half, half - 0.5)
    return select(magnitude(x) < 2.0 ** -(f.digits + 1), x, y + y)


class Decomposed(NamedTuple):
    """x = 2^k m, sqrt(1/2) <= m < sqrt(2)."""

    m: Value
    k: Value
    field: Value  # k + bias at the place of the exponent

    def scaled_down(self, x: Value) -> Value:
        """2^-k x."""
        f = self.m.format
        return x * 0.5 * ((2 * f.bias + 1 << f.mantissa) - self.field).as_real()


def decompose(x: Value) -> Decomposed:
    """Of positive finite normal x."""
    f = x.format
    bits = x.as_bits()
    moved = bits + (f.one_bits - real_bits(math.sqrt(0.5), f))
    # the exponent becomes the low bits of a real number with unit 1
    unit = 2.0**f.mantissa
    k = ((moved >> f.mantissa) | real_bits(unit, f)).as_real() - (unit + f.bias)
    field = moved & ((1 << (f.size - f.mantissa)) - 1) << f.mantissa
    return Decomposed((bits - field + f.one_bits).as_real(), k, field)


def decompose_any(x: Value) -> tuple[Value, Value]:
    """m and k of positive finite x, subnormal too."""
    f = x.format
    up = float(f.digits + 1)
    tiny = x < f.smallest_normal
    m, k, _ = decompose(select(tiny, x * 2.0**up, x))
    return m, select(tiny, k - up, k)


class LogParts(NamedTuple):
    """log m = f - half + s (half + series), s = f/(2 + f)."""

    f: Value
    half: Value
    s: Value
    z: Value
    series: Value


def log_parts(m: Value) -> LogParts:
    f = m - 1.0
    s = f / (f + 2.0)
    z = s * s
    return LogParts(f, f * f * 0.5, s, z, z * polynomial(z, tables.LOG[m.format.name]))


def log_scaled(m: Value, k: Value, extra: Value | None = None) -> Value:
    """k log 2 + log(m + extra) for a tiny `extra`."""
    p = log_parts(m)
    high, low = ln2_parts(m.format)
    rest = k * low
    if extra is not None:
        # 1/m = (1 - s)/(1 + s)
        rest = fma(extra, fma(p.z - p.s, 2.0, 1.0), rest)
    return fma(k, high, p.f - (p.half - fma(p.s, p.half + p.series, rest)))


def log_ends(x: Value, r: Value) -> Value:
    """`r`, or what a logarithm is at 0, infinity, NaN and negative x."""
    r = select(x > 0.0, r, select(x.equals(0.0), constant(-INF, x), math.nan))
    return select(x < INF, r, x)


def log(x: Value) -> Value:
    return log_ends(x, log_scaled(*decompose_any(x)))


def log1p(x: Value) -> Value:
    u, lost = any_two_sum(x, constant(1.0, x))
    by = decompose(u)
    r = log_ends(u, log_scaled(by.m, by.k, by.scaled_down(lost)))
    return select(magnitude(x) < 2.0 ** -(x.format.digits + 1), x, r)


def _log_in_base(x: Value, base: Fraction) -> Value:
    """log(x)/log(base) in a little more than working precision, so that powers of the base are exact."""
    f = x.format
    m, k = decompose_any(x)
    p = log_parts(m)
    high = p.f - p.half
    low = (p.f - high) - p.half + p.s * (p.half + p.series)
    scale, scale_low = pieces(1 / base, f, 0, 0)
    product, error = two_product(high, constant(scale, x))
    error = error + fma(high, scale_low, low * scale)
    if base != tables.LN2:
        unit, unit_low = pieces(tables.LN2 / base, f, f.digits - 12 if f.size == 64 else f.digits - 9, 0)
        error = fma(k, unit_low, error)
        k = k * unit
    total, lost = two_sum(k, product)
    return log_ends(x, total + (lost + error))


def log2(x: Value) -> Value:
    return _log_in_base(x, tables.LN2)


def log10(x: Value) -> Value:
    return _log_in_base(x, tables.LN10)


def sigmoid(x: Value) -> Value:
    """1/(1 + e^-x), as e^x/(1 + e^x) where x < 0."""
    e = exp_of(-magnitude(x))
    return select(x < 0.0, e, 1.0) / (e + 1.0)


def log1p_of_unit(e: Value) -> Value:
    """log(1 + e) for 0 <= e <= 1."""
    u, lost = two_sum(constant(1.0, e), e)
    big = u > math.sqrt(2)
    down = select(big, constant(0.5, e), 1.0)
    return log_scaled(u * down, select(big, constant(1.0, e), 0.0), lost * down)


def softplus(x: Value) -> Value:
    return select(x < 0.0, 0.0, x) + log1p_of_unit(exp_of(-magnitude(x)))


def logaddexp(a: Value, b: Value) -> Value:
    """log(e^a + e^b); the difference of a and b keeps its rounding error."""
    less = a < b
    greatest, least = select(less, b, a), select(less, a, b)
    d, lost = any_two_sum(least, -greatest)
    lost = select(d > exp_range(a.format)[0], lost, 0.0)
    d = select(a.equals(b), 0.0, d)  # infinite ones too
    return greatest + log1p_of_unit(exp_of(d, lost))
