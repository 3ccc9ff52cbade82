"""erf and erfc."""

from __future__ import annotations

from symgrad.compile.llvm import math_tables as tables
from symgrad.compile.llvm.ir import (
    Value,
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


def erfc(x: Value) -> Value:
    """exp(-x^2) (1 + P((a - 4)/(a + 4)))/(1 + 2a), a = |x|, keeping the rounding errors of x^2 and of the
    quotients; 2 minus it for negative x."""
    f = x.format
    end = 28.0 if f.size == 64 else 11.0
    a = magnitude(x)
    a = select(a > end, end, a)
    d = a + 4.0
    inverse = 1.0 / d
    u = (a + a) * inverse
    u = fma(residual(a + a, u, d), inverse, u)
    t, t_low = two_sum(constant(-1.0, x), u)
    p = fma(polynomial(t, tables.ERFC_SLOPE[f.name]), t_low, polynomial(t, tables.ERFC[f.name]))
    top, top_low = two_sum(constant(1.0, x), p)
    bottom, bottom_low = any_two_sum(a + a, constant(1.0, x))
    inverse = 1.0 / bottom
    q = top * inverse
    q_low = (residual(top, q, bottom) + fma(q, -bottom_low, top_low)) * inverse
    square, square_low = two_product(a, a)
    by = reduce_exp(-square)
    w = exp_minus_one(by.r - square_low)
    y = scaled(q + fma(q, w, q_low), by.t, by.k)
    return select(x < 0.0, 2.0 - y, y)
