"""Hyperbolic functions and their inverses.

With |x| = k log 2 + r and a, b = sinh, cosh of k log 2 = 2^(k-1) -+ 2^(-k-1):
    sinh |x| = a cosh r + b sinh r, cosh |x| = b cosh r + a sinh r.
No exponential is subtracted from another, so small arguments are as accurate as large ones.
"""

from __future__ import annotations

import math

from symgrad.compile.llvm import math_tables as tables
from symgrad.compile.llvm.arithmetic import (
    any_two_sum,
    constant,
    fma,
    magnitude,
    polynomial,
    residual,
    select,
    sign_of,
    sqrt,
    two_sum,
)
from symgrad.compile.llvm.ir import Value
from symgrad.compile.llvm.math_exp_log import Reduced, decompose, log_scaled, power_of_two, reduce_exp

INF = math.inf


def tanh(x: Value) -> Value:
    """With 2|x| = k log 2 + 2r and t = tanh r: (2^k (1 + t) - (1 - t))/(2^k (1 + t) + (1 - t))."""
    f = x.format
    a = magnitude(x)
    end = 20.0 if f.size == 64 else 10.0
    by = reduce_exp(select(a > end, end, a), 2)
    z = by.r * by.r
    t = by.r + fma(by.r * z, polynomial(z, tables.TANH[f.name]), by.low())
    scale = power_of_two(by.t)
    less, more = scale - 1.0, scale + 1.0
    above, below = fma(more, t, less), fma(less, t, more)
    below_low = fma(less, t, more - below)
    inverse = 1.0 / below
    q = above * inverse
    q = fma(fma(q, -below_low, residual(above, q, below)), inverse, q)
    return (q.as_bits() | sign_of(x)).as_real()


def _wide(x: Value) -> tuple[Reduced, Value, Value, Value, Value]:
    """The reduction of |x|, a/2 and b/2, and sinh r - r, cosh r - 1."""
    f = x.format
    a = magnitude(x)
    end = 710.6 if f.size == 64 else 89.5  # beyond the overflow, where 2^(k-2) is still finite
    by = reduce_exp(select(a > end, end, a))
    bits = by.t.as_bits() << f.mantissa
    quarter = (f.bias - 2) << f.mantissa
    up, down = (bits + quarter).as_real(), (quarter - bits).as_real()
    down = select(by.k > 100.0, 0.0, down)  # where it is no normal number, and of no weight
    less, more = up - down, up + down
    z = by.r * by.r
    s = by.r * z * polynomial(z, tables.SINH[f.name])
    c = z * polynomial(z, tables.COSH[f.name])
    return by, less, more, s, c


def sinh(x: Value) -> Value:
    by, less, more, s, c = _wide(x)
    r = fma(more, by.r, less) + fma(more, s, less * c)
    small = magnitude(x) < 2.0 ** -(x.format.digits // 2 + 1)
    r = select(small, magnitude(x), r + r)
    return (r.as_bits() | sign_of(x)).as_real()


def cosh(x: Value) -> Value:
    by, less, more, s, c = _wide(x)
    r = fma(less, by.r, more) + fma(more, c, less * s)
    return r + r


def _log_of_large_or_near(x: Value, large: Value, total: Value, lost: Value) -> Value:
    """log(1 + total + lost), where `large` log(2 x)."""
    u, more = any_two_sum(total, constant(1.0, x))
    by = decompose(select(large, x, u))
    k = by.k + select(large, constant(1.0, x), 0.0)
    return log_scaled(by.m, k, select(large, 0.0, by.scaled_down(more + lost)))


def _largest_square(x: Value) -> float:
    """1 + x^2 = x^2 beyond."""
    return 2.0 ** (x.format.digits // 2 + 2)


def arcsinh(x: Value) -> Value:
    """log(1 + a + (sqrt(1 + a^2) - 1))."""
    a = magnitude(x)
    large = a > _largest_square(x)
    b = select(large, 1.0, a)
    square = b * b
    total, lost = two_sum(b, square / (sqrt(square + 1.0) + 1.0))
    r = _log_of_large_or_near(a, large, total, lost)
    small = a < 2.0 ** -(x.format.digits // 2 + 1)
    r = select(~small & (a < INF), r, a)
    return (r.as_bits() | sign_of(x)).as_real()


def arccosh(x: Value) -> Value:
    """log(1 + t + sqrt(t (t + 2))), t = x - 1."""
    large = x > _largest_square(x)
    t = select(large, 1.0, x - 1.0)
    total, lost = any_two_sum(t, sqrt(t * (t + 2.0)))
    r = _log_of_large_or_near(x, large, total, lost)
    return select(x < 1.0, math.nan, select(x < INF, r, x))


def arctanh(x: Value) -> Value:
    """log(1 + 2a/(1 - a))/2."""
    a = magnitude(x)
    d, d_low = two_sum(constant(1.0, x), -a)
    inverse = 1.0 / d
    twice = a + a
    q = twice * inverse
    q_low = (residual(twice, q, d) - q * d_low) * inverse
    u, more = any_two_sum(q, constant(1.0, x))
    by = decompose(u)
    r = log_scaled(by.m, by.k, by.scaled_down(more + q_low)) * 0.5
    r = select(a < 2.0 ** -(x.format.digits // 2 + 1), a, r)
    r = select(a < 1.0, r, select(a.equals(1.0), constant(INF, x), math.nan))
    return (r.as_bits() | sign_of(x)).as_real()
