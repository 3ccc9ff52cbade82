"""Arithmetic on IR values beyond the operators: fused steps, exact sums and products, polynomials.

Where the machine has no fused multiply-add, steps that need its single rounding are done by Dekker's exact
products (T. J. Dekker, A floating-point technique for extending the available precision, 1971).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from symgrad.compile.llvm.ir import Format, Number, Operand, Value


def pieces(x: Fraction, format: Format, *bits: int) -> list[float]:
    """x > 0 as a sum of numbers of at most these many significant bits (0: all that the format holds)."""
    out = []
    for n in bits:
        n = n or format.digits
        scale = Fraction(2) ** (n - (x.numerator.bit_length() - x.denominator.bit_length()))
        if abs(x * scale) >= 2**n:
            scale /= 2
        out.append(float(round(x * scale) / scale))
        x -= Fraction(out[-1])
    return out


def fma(a: Value, b: Operand, c: Operand) -> Value:
    """a*b + c: with one rounding where the machine has the instruction, else with two."""
    code = a.code
    if not code.fused:
        return a * b + c
    return code.intrinsic("fma", a, code.lift(b, a.type), code.lift(c, a.type))


def select(mask: Value, a: Operand, b: Operand) -> Value:
    code = mask.code
    type = a.type if isinstance(a, Value) else b.type if isinstance(b, Value) else None
    if type is None:
        raise TypeError("select needs one Value to know its type")
    spelled = code.spelled(type)
    a, b = code.lift(a, type), code.lift(b, type)
    return code.emit(f"select {code.spelled('i1')} {mask.name}, {spelled} {a.name}, {spelled} {b.name}", type)


def constant(c: Number, like: Value) -> Value:
    """c in the type of `like`."""
    return like.code.lift(c, like.type)


def clamp(x: Value, low: Number, high: Number) -> Value:
    """x within [low, high]; NaN stays NaN."""
    x = select(x > high, high, x)
    return select(x < low, low, x)


def magnitude(x: Value) -> Value:
    return x.code.intrinsic("fabs", x)


def sqrt(x: Value) -> Value:
    return x.code.intrinsic("sqrt", x)


def sign_of(x: Value) -> Value:
    """The sign bit of x, in place."""
    return x.as_bits() & x.format.sign_bit


def with_sign(x: Value, sign: Value) -> Value:
    """x with the sign bit flipped where `sign` (bits) has it set."""
    return (x.as_bits() ^ sign).as_real()


def two_sum(a: Value, b: Operand) -> tuple[Value, Value]:
    """a + b = s + e exactly, for |a| >= |b| or a = 0 (Dekker 1971)."""
    s = a + b
    return s, (a - s) + b


def any_two_sum(a: Value, b: Value) -> tuple[Value, Value]:
    """a + b = s + e exactly (Knuth)."""
    s = a + b
    v = s - a
    return s, (a - (s - v)) + (b - v)


def two_product(a: Value, b: Value) -> tuple[Value, Value]:
    """a * b = p + e exactly. Without a fused multiply-add by Veltkamp's splitting, where |a|, |b| < 2^990
    (2^110 in float32)."""
    p = a * b
    if a.code.fused:
        return p, fma(a, b, -p)
    ah, al = _halves(a)
    bh, bl = (ah, al) if b is a else _halves(b)
    return p, ((ah * bh - p) + ah * bl + al * bh) + al * bl


def _halves(a: Value) -> tuple[Value, Value]:
    c = a * (2.0 ** ((a.format.digits + 1) // 2) + 1.0)
    high = c - (c - a)
    return high, a - high


def residual(a: Value, q: Value, d: Value) -> Value:
    """a - q*d for q close to a/d, with one rounding."""
    if a.code.fused:
        return fma(-q, d, a)
    p, e = two_product(q, d)
    return (a - p) - e


def polynomial(x: Value, coefficients: Sequence[float]) -> Value:
    """The polynomial of ascending coefficients: Horner's rule for the even and the odd powers side by side."""
    if len(coefficients) < 4:
        return _horner(x, coefficients)
    square = x * x
    return fma(x, _horner(square, coefficients[1::2]), _horner(square, coefficients[0::2]))


def _horner(x: Value, coefficients: Sequence[float]) -> Value:
    r = fma(x, coefficients[-1], coefficients[-2])
    for c in coefficients[-3::-1]:
        r = fma(x, r, c)
    return r
