"""Functions that neither PyTorch nor JAX has, in the arithmetic that both have: `xp` is torch or jax.numpy.

They are differentiated by the framework, so pieces join smoothly and no quotient has a hole.
"""

from __future__ import annotations

from typing import Any


def sinc(xp: Any, x: Any) -> Any:
    """sin(x)/x; near 0 its power series, for |x| < 1 exact to the last place at any order."""
    near = xp.abs(x) < 1
    z = xp.where(near, x, 0.0) ** 2
    total = 1.0 - z / 420
    for k in range(9, 0, -1):
        total = 1.0 - z * total / (2 * k * (2 * k + 1))
    away = xp.where(near, 1.0, x)
    return xp.where(near, total, xp.sin(away) / away)


def spherical_yn(xp: Any, x: Any, n: int) -> Any:
    """By the recurrence upwards, which is stable. DLMF 10.49.4, 10.51.1."""
    low, high = xp.sin(x) / x, -xp.cos(x) / x  # orders -1 and 0
    for k in range(n):
        low, high = high, (2 * k + 1) * high / x - low
    return high


def spherical_in(xp: Any, x: Any, n: int) -> Any:
    """The series near 0, DLMF 10.53.3; farther out the recurrence upwards, DLMF 10.51.4."""
    near = xp.abs(x) <= n + 1
    close = xp.where(near, x, 0.0)
    z = close**2 / 2
    total = 1.0 + 0.0 * z
    for k in range(n + 14, 0, -1):
        total = 1.0 + z * total / (k * (2 * n + 2 * k + 1))
    odd = 1
    for k in range(3, 2 * n + 2, 2):
        odd *= k
    away = xp.where(near, n + 2.0, x)
    low, high = xp.cosh(away) / away, xp.sinh(away) / away  # orders -1 and 0
    for k in range(n):
        low, high = high, low - (2 * k + 1) * high / away
    return xp.where(near, close**n * total / odd, high)


def hermite(xp: Any, x: Any, n: int, step: int) -> Any:
    """Hermite polynomials: the physicists' with step 2, the probabilists' with step 1. DLMF 18.9(i)."""
    low, high = xp.ones_like(x), step * x
    if n == 0:
        return low
    for k in range(1, n):
        low, high = high, step * (x * high - k * low)
    return high
