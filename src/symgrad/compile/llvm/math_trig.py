"""sin, cos, tan: x = n pi/2 + r + low with |r| <= pi/4 (Cody and Waite), then the polynomials of r.

Beyond `limit` the multiples of pi/2 need more words than are carried: those lanes, if there are any, are
mended by calls of libm.
"""

from __future__ import annotations

from typing import NamedTuple

from symgrad.compile.llvm import math_tables as tables
from symgrad.compile.llvm.arithmetic import (
    any_two_sum,
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


class Reduced(NamedTuple):
    n: Value  # bits; the low two are the quadrant
    r: Value
    low: Value | None


def limit(x: Value) -> float:
    """Up to here the reduction is right."""
    return 2.0**30 if x.code.fused else 2.0**20


def _reduce(a: Value) -> Reduced:
    """Of 0 <= a <= limit."""
    if a.format.size == 32:
        return _reduce32(a)
    t = fma(a, 2 / tables.PI, a.format.magic)
    n = t - a.format.magic
    if a.code.fused:
        first, second, third = pieces(tables.PI / 2, a.format, 0, 0, 0)
        high = fma(n, -first, a)  # exact
        step, step_low = two_product(n, constant(second, n))
        # where |high| < |step| the sum's error is itself rounded, to a last bit of r: no harm
        r, lost = two_sum(high, -step)
        return Reduced(t.as_bits(), r, fma(n, -third, lost - step_low))
    # 33 bits: products with n are exact
    first, second, third, fourth = pieces(tables.PI / 2, a.format, 33, 33, 33, 0)
    middle, lost = any_two_sum(a - n * first, n * -second)
    r, more = any_two_sum(middle, n * -third)
    return Reduced(t.as_bits(), r, (lost + more) - n * fourth)


def _reduce32(x: Value) -> Reduced:
    """In float64, which makes r right to the last bit."""
    a = x.widen()
    t = fma(a, 2 / tables.PI, a.format.magic)
    n = t - a.format.magic
    first, second = pieces(tables.PI / 2, a.format, 0 if a.code.fused else 33, 0)
    r = fma(n, -second, fma(n, -first, a))
    return Reduced(a.code.convert("trunc", t.as_bits(), "i32"), r.narrow(), None)


def _sine(r: Value, low: Value | None) -> tuple[Value, Value]:
    """sin(r + low) as r and what is to be added."""
    z = r * r
    p = polynomial(z, tables.SIN[r.format.name])
    return r, r * z * p if low is None else fma(r * z, p, low)


def _cosine(r: Value, low: Value | None) -> tuple[Value, Value]:
    z = r * r
    p = z * z * polynomial(z, tables.COS[r.format.name])
    half = z * 0.5
    high, lost = two_sum(constant(1.0, r), -half)
    if low is not None:
        p = fma(r, -low, p)
    return high, lost + p


def _even(n: Value) -> Value:
    return (n & 1).equals(0)


def _sign(n: Value) -> Value:
    """The second bit of n at the place of the sign."""
    return (n & 2) << (n.format.size - 2)


def _mended(x: Value, r: Value, name: str) -> Value:
    return x.code.rescue(magnitude(x) > limit(x), r, name, x)


def _sin(x: Value, by: Reduced, s: Value, c: Value) -> Value:
    r = with_sign(select(_even(by.n), s, c), _sign(by.n) ^ sign_of(x))
    return _mended(x, r, "sin_huge")


def _cos(x: Value, by: Reduced, s: Value, c: Value) -> Value:
    n = by.n + 1
    r = with_sign(select(_even(n), s, c), _sign(n))
    return _mended(x, r, "cos_huge")


def _values(x: Value) -> tuple[Reduced, Value, Value]:
    by = _reduce(magnitude(x))
    s, s_low = _sine(by.r, by.low)
    c, c_low = _cosine(by.r, by.low)
    return by, s + s_low, c + c_low


def sin(x: Value) -> Value:
    return _sin(x, *_values(x))


def cos(x: Value) -> Value:
    return _cos(x, *_values(x))


def sincos(x: Value) -> tuple[Value, Value]:
    by, s, c = _values(x)
    return _sin(x, by, s, c), _cos(x, by, s, c)


def tan(x: Value) -> Value:
    by = _reduce(magnitude(x))
    s, s_low = two_sum(*_sine(by.r, by.low))
    c, c_low = two_sum(*_cosine(by.r, by.low))
    even = _even(by.n)
    above, above_low = select(even, s, c), select(even, s_low, c_low)
    below, below_low = select(even, c, s), select(even, c_low, s_low)
    inverse = 1.0 / below
    q = above * inverse
    wrong = residual(above, q, below) + fma(q, -below_low, above_low)
    q = fma(wrong, inverse, q)
    odd_sign = (by.n & 1) << (x.format.size - 1)  # -cot
    r = with_sign(q, odd_sign ^ sign_of(x))
    return _mended(x, r, "tan_huge")


def _huge(function: str, x: Value, r: Value) -> Value:
    """`r`, and the library's value where |x| is beyond the limit."""
    mended = x.code.per_lane(function, x) if x.format.size == 64 else x.code.per_lane(function, x.widen()).narrow()
    return select(magnitude(x) > limit(x), mended, r)


def sin_huge(x: Value, r: Value) -> Value:
    return _huge("sin", x, r)


def cos_huge(x: Value, r: Value) -> Value:
    return _huge("cos", x, r)


def tan_huge(x: Value, r: Value) -> Value:
    return _huge("tan", x, r)
