"""The error function and its complements."""

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
    two_product,
    two_sum,
)
from symgrad.compile.llvm.ir import Value
from symgrad.compile.llvm.math_exp_log import exp_minus_one, exp_of, reduce_exp, scaled


def erf(x: Value) -> Value:
    """x + x P(x^2) below 1, then 1 - exp(-x^2) P((x - 5/2)/(x + 5/2))."""
    f = x.format
    a = magnitude(x)
    z = a * a
    near = fma(a, polynomial(z, tables.ERF[f.name]), a)
    b = select(a > 6.0, 6.0, a)
    t = (b - 2.5) / (b + 2.5)
    far = 1.0 - exp_of(-(b * b)) * polynomial(t, tables.ERF_TAIL[f.name])
    return (select(a < 1.0, near, far).as_bits() | sign_of(x)).as_real()


def _scaled_erfc(a: Value) -> tuple[Value, Value]:
    """exp(a^2) erfc(a) = (1 + P((a - 4)/(a + 4)))/(1 + 2a) as a sum of two, for 0 <= a <= 2^60."""
    name = a.format.name
    d = a + 4.0
    inverse = 1.0 / d
    u = (a + a) * inverse
    u = fma(residual(a + a, u, d), inverse, u)
    t, t_low = two_sum(constant(-1.0, a), u)  # (a - 4)/(a + 4)
    p = fma(polynomial(t, tables.ERFC_SLOPE[name]), t_low, polynomial(t, tables.ERFC[name]))
    top, top_low = two_sum(constant(1.0, a), p)
    bottom, bottom_low = any_two_sum(a + a, constant(1.0, a))
    inverse = 1.0 / bottom
    q = top * inverse
    return q, (residual(top, q, bottom) + fma(q, -bottom_low, top_low)) * inverse


def _end(x: Value) -> float:
    """exp(-x^2) is 0 and exp(x^2) infinite beyond."""
    return 28.0 if x.format.size == 64 else 11.0


def erfc(x: Value) -> Value:
    """exp(-x^2) with the rounding error of x^2, times the scaled function; 2 minus it for negative x."""
    a = magnitude(x)
    a = select(a > _end(x), _end(x), a)
    q, q_low = _scaled_erfc(a)
    square, square_low = two_product(a, a)
    by = reduce_exp(-square)
    w = exp_minus_one(by.r - square_low)
    y = scaled(q + fma(q, w, q_low), by.t, by.k)
    return select(x < 0.0, 2.0 - y, y)


def erfcx(x: Value) -> Value:
    """exp(x^2) erfc(x)."""
    a = magnitude(x)
    far = a > 2.0**60
    q, q_low = _scaled_erfc(select(far, 2.0**60, a))
    y = select(far, 1 / math.sqrt(math.pi) / a, q + q_low)
    b = select(a > _end(x), _end(x), a)
    square, square_low = two_product(b, b)
    return select(x < 0.0, exp_of(square, square_low) * 2.0 - y, y)
