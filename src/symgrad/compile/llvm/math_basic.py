"""Functions that are an instruction or a few: rounding, roots, order, sign. NaN and signed zeros as in NumPy."""

from __future__ import annotations

import math

from symgrad.compile.llvm.arithmetic import constant, fma, magnitude, select, sign_of
from symgrad.compile.llvm.arithmetic import sqrt as square_root
from symgrad.compile.llvm.ir import Value


def sqrt(x: Value) -> Value:
    return square_root(x)


def abs_(x: Value) -> Value:
    return magnitude(x)


def floor(x: Value) -> Value:
    return x.code.intrinsic("floor", x)


def ceil(x: Value) -> Value:
    return x.code.intrinsic("ceil", x)


def trunc(x: Value) -> Value:
    return x.code.intrinsic("trunc", x)


def rint(x: Value) -> Value:
    """To the nearest integer, ties to even."""
    return x.code.intrinsic("rint", x)


def minimum(x: Value, y: Value) -> Value:
    """NaN if either is."""
    return select((x < y) | x.unordered(x), x, y)


def maximum(x: Value, y: Value) -> Value:
    return select((x > y) | x.unordered(x), x, y)


def copysign(x: Value, y: Value) -> Value:
    return x.code.intrinsic("copysign", x, y)


def sign(x: Value) -> Value:
    negative = select(x < 0.0, constant(-1.0, x), 0.0)
    r = select(x > 0.0, 1.0, negative)
    return select(x.unordered(x), x, r)


def heaviside(x: Value, at_zero: Value) -> Value:
    r = select(x < 0.0, constant(0.0, x), 1.0)
    r = select(x.equals(0.0), at_zero, r)
    return select(x.unordered(x), x, r)


def fmod(x: Value, y: Value) -> Value:
    """C's fmod: the sign of x."""
    return x % y


def mod(x: Value, y: Value) -> Value:
    """x - y floor(x/y) without its rounding: C's fmod moved to the sign of y."""
    r = x % y
    opposite = (r < 0.0) ^ (y < 0.0)
    moved = select(opposite, r + y, r)
    zero = (constant(0.0, x).as_bits() | sign_of(y)).as_real()
    return select(r.equals(0.0) & ~y.equals(0.0), zero, moved)


def hypot(x: Value, y: Value) -> Value:
    """sqrt(x^2 + y^2) without overflow or underflow on the way; infinite if either is, even beside NaN."""
    wide = x.format.size == 64
    a, b = magnitude(x), magnitude(y)
    less = a < b
    greatest, least = select(less, b, a), select(less, a, b)
    top, bottom, step = (2.0**500, 2.0**-400, 600) if wide else (2.0**60, 2.0**-50, 100)
    huge, tiny = greatest > top, greatest < bottom
    up = select(huge, constant(2.0**-step, x), select(tiny, constant(2.0**step, x), 1.0))
    down = select(huge, constant(2.0**step, x), select(tiny, constant(2.0**-step, x), 1.0))
    greatest, least = greatest * up, least * up
    r = square_root(fma(greatest, greatest, least * least)) * down
    return select(a.equals(math.inf) | b.equals(math.inf), math.inf, r)
