"""How the polynomial coefficients of symgrad.compile.llvm.math_tables were made.

Each is the best polynomial (Remez' exchange, in 300-bit arithmetic) for the function named here on the
interval given, in the weighted maximum norm, rounded to the format. Run as a program, this prints the tables;
test_vector_math.py makes some of them again and checks the error of all.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

import mpmath as mp

PRECISION = 300  # bits


@dataclass(frozen=True)
class Fit:
    """The polynomial approximates `target` on [low, high]; `weight` makes its absolute error the relative
    error of the function that it serves, which must stay below 2^-bound."""

    target: Callable[[mp.mpf], mp.mpf]
    low: Callable[[], mp.mpf]
    high: Callable[[], mp.mpf]
    terms: tuple[int, int]  # float64, float32 (0: not needed)
    weight: Callable[[mp.mpf], mp.mpf]
    bounds: tuple[float, float] = (56.0, 26.0)


def _root(z: mp.mpf) -> mp.mpf:
    # away from 0, where the quotients below are 0/0
    return mp.sqrt(max(z, mp.mpf(2) ** -60))


def _off_zero(x: mp.mpf) -> mp.mpf:
    return x if abs(x) > mp.mpf(2) ** -60 else mp.mpf(2) ** -60


def _zero() -> mp.mpf:
    return mp.mpf(0)


def _half_ln2() -> mp.mpf:
    return mp.log(2) / 2 * mp.mpf("1.0001")


def _eighth_turn_squared() -> mp.mpf:
    return (mp.pi / 4 * mp.mpf("1.0001")) ** 2


def _log_end() -> mp.mpf:
    s = (mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)
    return s * s * mp.mpf("1.0001")


def _log_ratio(s: mp.mpf) -> mp.mpf:
    return mp.log((1 + s) / (1 - s))


def _scaled_erfc(x: mp.mpf) -> mp.mpf:
    if x < 10**4:
        return mp.exp(x * x) * mp.erfc(x)
    q = 1 / (2 * x * x)
    return (1 - q + 3 * q**2 - 15 * q**3 + 105 * q**4) / (x * mp.sqrt(mp.pi))


def _half_line(t: mp.mpf, k: float) -> mp.mpf:
    """x of t = (x - k)/(x + k)."""
    return k * (1 + t) / max(1 - t, mp.mpf(2) ** -60)


def _exp(r: mp.mpf) -> mp.mpf:
    r = _off_zero(r)
    return (mp.expm1(r) - r) / r**2


FITS: dict[str, Fit] = {
    "EXP": Fit(_exp, lambda: -_half_ln2(), _half_ln2, (10, 5), lambda r: r**2),
    # float64 arithmetic for results in float32
    "EXP_SHORT": Fit(_exp, lambda: -_half_ln2(), _half_ln2, (5, 0), lambda r: r**2, (28.0, 0.0)),
    "EXP2": Fit(
        lambda r: mp.expm1(_off_zero(r) * mp.log(2)) / _off_zero(r),
        lambda: mp.mpf("-0.5001"),
        lambda: mp.mpf("0.5001"),
        (12, 7),
        lambda r: r,
    ),
    # log((1+s)/(1-s)) = 2 s + s z P(z), z = s^2
    "LOG": Fit(
        lambda z: (_log_ratio(_root(z)) - 2 * _root(z)) / _root(z) ** 3,
        _zero,
        _log_end,
        (7, 3),
        lambda z: z / 2,
    ),
    "LOG_SHORT": Fit(
        lambda z: (_log_ratio(_root(z)) - 2 * _root(z)) / _root(z) ** 3,
        _zero,
        _log_end,
        (4, 0),
        lambda z: z / 2,
        (37.0, 0.0),
    ),
    # the same without its first coefficient 2/3
    "LOG_TAIL": Fit(
        lambda z: ((_log_ratio(_root(z)) - 2 * _root(z)) / _root(z) ** 3 - mp.mpf(2) / 3) / _root(z) ** 2,
        _zero,
        _log_end,
        (7, 3),
        lambda z: z * z / 2,
        (66.0, 34.0),
    ),
    "SIN": Fit(
        lambda z: (mp.sin(_root(z)) - _root(z)) / _root(z) ** 3, _zero, _eighth_turn_squared, (6, 3), lambda z: z
    ),
    "COS": Fit(
        lambda z: (mp.cos(_root(z)) - 1 + _root(z) ** 2 / 2) / _root(z) ** 4,
        _zero,
        _eighth_turn_squared,
        (6, 3),
        lambda z: z**2,
    ),
    "ARCSIN": Fit(
        lambda z: (mp.asin(_root(z)) - _root(z)) / _root(z) ** 3,
        _zero,
        lambda: mp.mpf("0.25"),
        (12, 5),
        lambda z: z,
    ),
    "ARCTAN": Fit(
        lambda z: (mp.atan(_root(z)) - _root(z)) / _root(z) ** 3,
        _zero,
        lambda: mp.tan(mp.pi / 8) ** 2 * mp.mpf("1.0001"),
        (11, 5),
        lambda z: z,
    ),
    "TANH": Fit(
        lambda z: (mp.tanh(_root(z)) - _root(z)) / _root(z) ** 3,
        _zero,
        lambda: (_half_ln2() / 2) ** 2,
        (6, 3),
        lambda z: z,
    ),
    "SINH": Fit(
        lambda z: (mp.sinh(_root(z)) - _root(z)) / _root(z) ** 3,
        _zero,
        lambda: _half_ln2() ** 2,
        (5, 3),
        lambda z: z,
    ),
    "COSH": Fit(
        lambda z: (mp.cosh(_root(z)) - 1) / _root(z) ** 2, _zero, lambda: _half_ln2() ** 2, (5, 3), lambda z: z
    ),
    # a first guess, good enough for one step of Halley's
    "CBRT": Fit(mp.cbrt, lambda: mp.sqrt(0.5), lambda: mp.sqrt(2), (6, 3), lambda m: 1 / mp.cbrt(m), (17.0, 9.0)),
    "ERF": Fit(lambda z: mp.erf(_root(z)) / _root(z) - 1, _zero, lambda: mp.mpf(1), (13, 7), lambda z: mp.mpf(1)),
    # erf(x) = 1 - exp(-x^2) P((x - 5/2)/(x + 5/2)) for 1 <= x <= 6
    "ERF_TAIL": Fit(
        lambda t: _scaled_erfc(_half_line(t, 2.5)),
        lambda: mp.mpf(1 - 2.5) / mp.mpf(1 + 2.5),
        lambda: mp.mpf(6 - 2.5) / mp.mpf(6 + 2.5),
        (13, 5),
        lambda t: mp.exp(-(_half_line(t, 2.5) ** 2)),
    ),
    # erfc(x) = exp(-x^2) (1 + P((x - 4)/(x + 4))) / (1 + 2x) for x >= 0 (Shepherd and Laframboise 1981)
    "ERFC": Fit(
        lambda t: _scaled_erfc(_half_line(t, 4)) * (1 + 2 * _half_line(t, 4)) - 1,
        lambda: mp.mpf(-1),
        lambda: mp.mpf(1),
        (25, 13),
        lambda t: mp.mpf(1),
        (55.0, 26.0),
    ),
    # the derivative of ERFC's target, for the rounding error of its argument
    "ERFC_SLOPE": Fit(
        lambda t: mp.diff(lambda u: _scaled_erfc(_half_line(u, 4)) * (1 + 2 * _half_line(u, 4)), t),
        lambda: mp.mpf("-0.999999"),
        lambda: mp.mpf(0),
        (3, 3),
        lambda t: mp.mpf(1),
        (2.5, 2.5),
    ),
}


def remez(fit: Fit, terms: int, steps: int = 8, grid: int = 600) -> list[mp.mpf]:
    """Ascending coefficients of the polynomial with the least greatest weighted error."""
    low, high = fit.low(), fit.high()
    middle, half = (low + high) / 2, (high - low) / 2
    points = [middle - half * mp.cos(mp.pi * (i + mp.mpf(1) / 2) / grid) for i in range(grid)]
    sampled = [(x, fit.target(x), abs(fit.weight(x))) for x in points]
    marks = [int((i + 0.5) * grid / (terms + 1)) for i in range(terms + 1)]
    solution: list[mp.mpf] = []
    for _ in range(steps):
        rows, right = [], []
        for sign, mark in enumerate(marks):
            x, y, w = sampled[mark]
            rows.append([w * x**j for j in range(terms)] + [(-1) ** sign])
            right.append(w * y)
        solution = list(mp.lu_solve(mp.matrix(rows), mp.matrix(right)))[:-1]
        errors = [w * (mp.polyval(solution[::-1], x) - y) for x, y, w in sampled]
        marks = _alternation(errors, terms + 1)
    return solution


def _alternation(errors: list[mp.mpf], count: int) -> list[int]:
    """Where the error is greatest between its changes of sign; `count` of them."""
    peaks = [0]
    for i, e in enumerate(errors):
        if (e > 0) != (errors[peaks[-1]] > 0):
            peaks.append(i)
        elif abs(e) > abs(errors[peaks[-1]]):
            peaks[-1] = i
    while len(peaks) > count:
        del peaks[0 if abs(errors[peaks[0]]) < abs(errors[peaks[-1]]) else -1]
    if len(peaks) < count:
        raise ArithmeticError(f"{len(peaks)} alternations of {count}")
    return peaks


def coefficients(name: str, float32: bool) -> list[float]:
    """Ascending coefficients, rounded to the format."""
    fit = FITS[name]
    with mp.workprec(PRECISION):
        return [_rounded(c, float32) for c in remez(fit, fit.terms[float32])]


def error_bits(name: str, ascending: tuple[float, ...], points: int = 200) -> float:
    """-log2 of the greatest weighted error over the interval."""
    fit = FITS[name]
    with mp.workprec(PRECISION):
        low, high = fit.low(), fit.high()
        greatest = mp.mpf(0)
        for i in range(points + 1):
            x = low + (high - low) * i / points
            wrong = mp.polyval([mp.mpf(c) for c in reversed(ascending)], x) - fit.target(x)
            greatest = max(greatest, abs(wrong * fit.weight(x)))
        return float(-mp.log(greatest, 2))


def _rounded(c: mp.mpf, float32: bool) -> float:
    if not float32:
        return float(c)
    return struct.unpack("<f", struct.pack("<f", float(c)))[0]


def main() -> None:
    for name, fit in FITS.items():
        print(f"{name} = {{")
        for float32, terms in enumerate(fit.terms):
            if terms:
                print(f'    "{("f64", "f32")[float32]}": (')
                values = coefficients(name, bool(float32))
                for c in values:
                    print(f"        {c!r},")
                print(f"    ),  # 2^-{error_bits(name, tuple(values)):.1f}")
        print("}")


if __name__ == "__main__":
    main()
