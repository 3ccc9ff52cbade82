"""Our vector maths: errors in units of the last place against 40 digits, and edge values against NumPy's."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

import mpmath as mp
import numpy as np
import pytest
import scipy.special

from symgrad.compile.llvm import math_tables
from symgrad.compile.llvm.vector_math import FUNCTIONS, functions, symbol
from symgrad.run.llvmlite import emit_object, host, load
from tests.compile.vector_math_fits import FITS, coefficients, error_bits

WIDTH = 8
REAL = {"float64": "double", "float32": "float"}
WIDE = (-1e300, 1e300)
ANGLES = [(-10.0, 10.0), (-1e5, 1e5), (-1e-3, 1e-3), (-1e12, 1e12)]
SMALL_TO_LARGE = [(1e-300, 1e300), (0.5, 2.0), (0.999, 1.001)]

# intervals per function; in float32 what does not fit is left out
DOMAIN: dict[str, list[tuple[float, float]]] = {
    "exp": [(-745.0, 709.0), (-87.0, 88.0), (-1.0, 1.0), (-1e-8, 1e-8)],
    "exp2": [(-1074.0, 1023.0), (-125.0, 127.0), (-1.0, 1.0)],
    "expm1": [(-40.0, 80.0), (-1.0, 1.0), (-1e-6, 1e-6)],
    "log": SMALL_TO_LARGE,
    "log2": SMALL_TO_LARGE,
    "log10": SMALL_TO_LARGE,
    "log1p": [(-0.999, 10.0), (1.0, 1e300), (-1e-6, 1e-6), (-0.5, 0.5)],
    "sin": ANGLES,
    "cos": ANGLES,
    "tan": ANGLES,
    "arcsin": [(-1.0, 1.0), (-1e-6, 1e-6), (0.999, 1.0)],
    "arccos": [(-1.0, 1.0), (0.999, 1.0), (-1.0, -0.999)],
    "arctan": [(-10.0, 10.0), WIDE, (-1e-5, 1e-5)],
    "sinh": [(-85.0, 85.0), (-1.0, 1.0), (-1e-6, 1e-6), (700.0, 710.0)],
    "cosh": [(-85.0, 85.0), (-1.0, 1.0), (700.0, 710.0)],
    "tanh": [(-20.0, 20.0), (-1.0, 1.0), (-1e-6, 1e-6)],
    "arcsinh": [(-10.0, 10.0), WIDE, (-1e-5, 1e-5)],
    "arccosh": [(1.0, 10.0), (1.0, 1.001), (1.0, 1e300)],
    "arctanh": [(-0.999, 0.999), (-1e-5, 1e-5)],
    "cbrt": [(-10.0, 10.0), WIDE],
    "sqrt": SMALL_TO_LARGE,
    "erf": [(-6.0, 6.0), (-1e-5, 1e-5), (-1.0, 1.0)],
    "erfc": [(-6.0, 9.0), (-0.5, 0.5), (9.0, 26.0)],
    "erfcx": [(-9.0, 9.0), (0.0, 50.0), (50.0, 1e6)],
    "sigmoid": [(-80.0, 80.0), (-1.0, 1.0)],
    "softplus": [(-80.0, 80.0), (-1.0, 1.0)],
    "abs": [(-5.0, 5.0)],
    "sign": [(-5.0, 5.0)],
    "floor": [(-5.0, 5.0), (-1e9, 1e9)],
    "ceil": [(-5.0, 5.0), (-1e9, 1e9)],
    "trunc": [(-5.0, 5.0), (-1e9, 1e9)],
    "rint": [(-5.0, 5.0), (-1e9, 1e9)],
}
PAIRS: dict[str, list[tuple[tuple[float, float], tuple[float, float]]]] = {
    "power": [((0.01, 100.0), (-8.0, 8.0)), ((0.99, 1.01), (-4000.0, 4000.0)), ((1e-30, 1e30), (-1.2, 1.2))],
    "arctan2": [((-5.0, 5.0), (-5.0, 5.0)), ((-1e-3, 1e-3), (-5.0, 5.0)), ((-1e30, 1e30), (-1.0, 1.0))],
    "hypot": [((-5.0, 5.0), (-5.0, 5.0)), ((-1e30, 1e30), (-1e30, 1e30)), ((-1e-30, 1e-30), (-1e-30, 1e-30))],
    "logaddexp": [((0.1, 50.0), (0.1, 50.0)), ((-50.0, -1.0), (-50.0, -1.0))],
    "minimum": [((-5.0, 5.0), (-5.0, 5.0))],
    "maximum": [((-5.0, 5.0), (-5.0, 5.0))],
    "copysign": [((-5.0, 5.0), (-5.0, 5.0))],
    "heaviside": [((-5.0, 5.0), (0.0, 1.0))],
    "fmod": [((-50.0, 50.0), (0.3, 7.0))],
    "mod": [((-50.0, 50.0), (-7.0, 7.0))],
}
TRUTH: dict[str, Callable[..., Any]] = {
    "exp2": lambda x: mp.power(2, x),
    "log2": lambda x: mp.log(x) / mp.log(2),
    "log10": lambda x: mp.log(x) / mp.log(10),
    "log1p": lambda x: mp.log(1 + x),
    "expm1": mp.expm1,
    "arcsin": mp.asin,
    "arccos": mp.acos,
    "arctan": mp.atan,
    "arcsinh": mp.asinh,
    "arccosh": mp.acosh,
    "arctanh": mp.atanh,
    "cbrt": lambda x: mp.sign(x) * mp.cbrt(abs(x)),
    "erfcx": lambda x: mp.exp(x * x) * mp.erfc(x),
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
    "softplus": lambda x: mp.log1p(mp.exp(x)),
    "abs": abs,
    "trunc": lambda x: mp.sign(x) * mp.floor(abs(x)),
    "rint": lambda x: mp.nint(x),
    "power": mp.power,
    "arctan2": mp.atan2,
    "hypot": mp.hypot,
    "logaddexp": lambda a, b: max(a, b) + mp.log1p(mp.exp(-abs(a - b))),
    "minimum": min,
    "maximum": max,
    "copysign": lambda a, b: abs(a) * mp.sign(b),
    "heaviside": lambda x, h: mp.mpf(x > 0),
    "fmod": lambda a, b: a - b * mp.sign(a / b) * mp.floor(abs(a / b)),
    "mod": lambda a, b: a - b * mp.floor(a / b),
}
ULPS = {
    "tan": 3.0,
    "power": 2.5,
    "erfc": 4.0,
    "erfcx": 4.0,
    "sinh": 2.5,
    "arccosh": 3.0,
    "arctanh": 2.5,
    "sigmoid": 3.0,
}
"""What is promised where it is more than 2.2."""


@cache
def built(fused: bool) -> dict[tuple[str, str], Any]:
    """`f(x, y, out, blocks)` per function and dtype, on this machine with or without fused multiply-add."""
    target = host("" if fused and host("").has_fma else _less())
    requests = [(n, WIDTH, d) for n in FUNCTIONS for d in REAL]
    texts = [*functions(requests, target.has_fma).values()]
    for name, arity in FUNCTIONS.items():
        if name == "sincos":
            continue
        for dtype, real in REAL.items():
            t = f"<{WIDTH} x {real}>"
            args = ", ".join(f"{t} %a{k}" for k in range(arity))
            loads = "\n".join(
                f" %p{k} = getelementptr {t}, ptr %x{k}, i64 %i\n %a{k} = load {t}, ptr %p{k}, align 4"
                for k in range(arity)
            )
            texts.append(
                f"define void @run.{name}.{dtype}(ptr %x0, ptr %x1, ptr %out, i64 %n) {{\nentry:\n br label %loop\n"
                f"loop:\n %i = phi i64 [0, %entry], [%j, %loop]\n{loads}\n"
                f" %r = call {t} {symbol(name, WIDTH, dtype)}({args})\n"
                f" %q = getelementptr {t}, ptr %out, i64 %i\n store {t} %r, ptr %q, align 4\n"
                f" %j = add i64 %i, 1\n %go = icmp slt i64 %j, %n\n br i1 %go, label %loop, label %end\n"
                f"end:\n ret void\n}}"
            )
    code = load([emit_object("\n".join(texts), target)])
    kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
    out: dict[tuple[str, str], Any] = {("", ""): code}
    for name in FUNCTIONS:
        for dtype in REAL:
            if name != "sincos":
                out[name, dtype] = kind(code.address(f"run.{name}.{dtype}"))
    return out


def _less() -> str:
    known = {f[1:] for f in host("").features.split(",")}
    return ",".join(f"-{f}" for f in ("fma", "avx512f") if f in known)


def run(name: str, dtype: str, fused: bool, *columns: np.ndarray) -> np.ndarray:
    count = len(columns[0])
    padded = [np.resize(c.astype(dtype), -(-count // WIDTH) * WIDTH) for c in columns]
    out = np.empty_like(padded[0])
    second = padded[1] if len(padded) > 1 else padded[0]
    built(fused)[name, dtype](padded[0].ctypes.data, second.ctypes.data, out.ctypes.data, len(out) // WIDTH)
    return out[:count]


def sample(rng: np.random.Generator, part: tuple[float, float], count: int) -> np.ndarray:
    low, high = part
    if high / low > 1e4 if low > 0 else high >= 1e30 and low == -high:
        size = np.exp(rng.uniform(np.log(low if low > 0 else 1e-20), np.log(high), count))
        return size if low > 0 else size * rng.choice([-1.0, 1.0], count)
    return rng.uniform(low, high, count)


def fits(part: tuple[float, float], dtype: str, name: str) -> bool:
    if dtype == "float64":
        return True
    if name in ("sinh", "cosh") and part[0] > 88:
        return False
    return max(abs(part[0]), abs(part[1])) < 1e38 and (part[0] <= 0 or part[0] > 1e-37) and part[0] > -126


def worst(name: str, dtype: str, fused: bool, columns: list[np.ndarray]) -> tuple[float, Any]:
    """The largest error in ulps, and where."""
    columns = [c.astype(dtype) for c in columns]
    got = run(name, dtype, fused, *columns)
    info = np.finfo(dtype)
    truth = TRUTH.get(name) or getattr(mp, name)
    result: tuple[float, Any] = (0.0, None)
    with mp.workdps(40):
        for row, g in zip(zip(*columns, strict=True), got, strict=True):
            want = truth(*[mp.mpf(float(v)) for v in row])
            if abs(want) > float(info.max) or (want != 0 and abs(want) < float(info.tiny)):
                continue
            ulp = mp.mpf(2) ** (mp.frexp(want)[1] - info.nmant - 1) if want else mp.mpf(float(info.tiny))
            error = float(abs(mp.mpf(float(g)) - want) / ulp) if np.isfinite(g) else np.inf
            if error > result[0]:
                result = (error, row)
    return result


@pytest.mark.parametrize("fused", [True, False], ids=["fma", "plain"])
@pytest.mark.parametrize("dtype", list(REAL))
@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - {"sincos"}))
def test_errors(name: str, dtype: str, fused: bool) -> None:
    rng = np.random.default_rng([*name.encode(), fused])
    parts: list[Any] = [(p,) for p in DOMAIN.get(name, [])] or PAIRS[name]
    checked = 0
    for part in parts:
        if not all(fits(p, dtype, name) for p in part):
            continue
        columns = [sample(rng, p, 120) for p in part]
        error, where = worst(name, dtype, fused, columns)
        assert error <= ULPS.get(name, 2.2), f"{name} at {where}: {error:.3g} ulps"
        checked += 1
    assert checked


EDGES = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    np.inf,
    -np.inf,
    np.nan,
    5e-324,
    -5e-324,
    1e-310,
    1.7e308,
    -1.7e308,
    0.5,
    -0.5,
    2.0,
    1e22,
]
OTHERS: dict[str, Callable[..., Any]] = {
    "erf": scipy.special.erf,
    "erfc": scipy.special.erfc,
    "erfcx": scipy.special.erfcx,
    "sigmoid": scipy.special.expit,
    "softplus": lambda x: np.logaddexp(np.zeros_like(x), x),
}


@pytest.mark.parametrize("fused", [True, False], ids=["fma", "plain"])
@pytest.mark.parametrize("dtype", list(REAL))
@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - {"sincos"}))
def test_edges(name: str, dtype: str, fused: bool) -> None:
    """Infinities, NaN, zeros of both signs, the largest and the smallest numbers: as NumPy has them."""
    with np.errstate(all="ignore"):
        values = np.array(EDGES).astype(dtype)
        columns = [values] if FUNCTIONS[name] == 1 else [v.ravel() for v in np.meshgrid(values, values)]
        got = run(name, dtype, fused, *columns)
        want = (OTHERS.get(name) or getattr(np, name))(*columns)
    for row, g, w in zip(zip(*columns, strict=True), got.tolist(), want.tolist(), strict=True):
        assert np.isnan(g) == np.isnan(w), f"{name}{row}: {g}, NumPy {w}"
        if np.isnan(w):
            continue
        tiny = float(np.finfo(dtype).tiny)
        assert g == pytest.approx(w, rel=4 * float(np.finfo(dtype).eps), abs=tiny * 1e-2), (
            f"{name}{row}: {g}, NumPy {w}"
        )
        if w == 0 and name not in ("mod", "fmod", "maximum", "minimum", "power"):
            assert np.signbit(g) == np.signbit(w), f"{name}{row}: {g}, NumPy {w}"


@pytest.mark.parametrize("name", sorted(FITS))
def test_tables_are_as_good_as_they_say(name: str) -> None:
    table = getattr(math_tables, name)
    for key, bound in zip(("f64", "f32"), FITS[name].bounds, strict=True):
        if key in table:
            assert error_bits(name, table[key], 60) > bound - 0.5


def test_a_table_is_made_again() -> None:
    assert coefficients("SIN", True) == pytest.approx(list(math_tables.SIN["f32"]), rel=1e-6)
