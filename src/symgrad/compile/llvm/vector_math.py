"""Our own vector maths as textual LLVM IR: branch-free functions for any width, float64 and float32.

A function `name` of width w is `@sg.<name>.<f64|f32>.x<w>`; it takes and returns scalars if w = 1, vectors
else. Edge values agree with NumPy and C. Machines without a fused multiply-add get other code for the steps
that need one. The only calls outwards are to libm's sin, cos, tan for arguments beyond 2^30 (2^20 without a
fused multiply-add), to fmod, and on x86 before SSE4.1 to floor, ceil, trunc and rint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from symgrad.compile.llvm import (
    math_basic,
    math_error,
    math_exp_log,
    math_hyperbolic,
    math_inverse_trig,
    math_power,
    math_trig,
)
from symgrad.compile.llvm.ir import F32, F64, FORMATS, Builder, Value, mangled

_BODIES: dict[str, Callable[..., Any]] = {
    f.__name__.rstrip("_"): f
    for f in (
        math_basic.abs_,
        math_basic.ceil,
        math_basic.copysign,
        math_basic.floor,
        math_basic.fmod,
        math_basic.heaviside,
        math_basic.hypot,
        math_basic.maximum,
        math_basic.minimum,
        math_basic.mod,
        math_basic.rint,
        math_basic.sign,
        math_basic.sqrt,
        math_basic.trunc,
        math_error.erf,
        math_error.erfc,
        math_error.erfcx,
        math_exp_log.exp,
        math_exp_log.exp2,
        math_exp_log.expm1,
        math_exp_log.log,
        math_exp_log.log10,
        math_exp_log.log1p,
        math_exp_log.log2,
        math_exp_log.logaddexp,
        math_exp_log.sigmoid,
        math_exp_log.softplus,
        math_hyperbolic.arccosh,
        math_hyperbolic.arcsinh,
        math_hyperbolic.arctanh,
        math_hyperbolic.cosh,
        math_hyperbolic.sinh,
        math_hyperbolic.tanh,
        math_inverse_trig.arccos,
        math_inverse_trig.arcsin,
        math_inverse_trig.arctan,
        math_inverse_trig.arctan2,
        math_power.cbrt,
        math_power.power,
        math_power.power_edges,
        math_trig.cos,
        math_trig.cos_huge,
        math_trig.sin,
        math_trig.sin_huge,
        math_trig.sincos,
        math_trig.tan,
        math_trig.tan_huge,
    )
}
_RARE = {"power_edges", "sin_huge", "cos_huge", "tan_huge"}  # called by others where they can't go on

FUNCTIONS: dict[str, int] = {name: body.__code__.co_argcount for name, body in _BODIES.items() if name not in _RARE}
"""Name (NumPy's) -> number of arguments. `sincos` returns the pair {sin x, cos x}."""

_FORMAT_OF = {f.name: f for f in (F64, F32)}


def symbol(name: str, width: int, dtype: str) -> str:
    """The LLVM symbol, `@` included."""
    return mangled(name, FORMATS[dtype], width)


def functions(requests: Iterable[tuple[str, int, str]], fma: bool, attribute: str = "noinline") -> dict[str, str]:
    """Text by symbol of the functions (name, width, dtype) and of all that they need, declarations too.

    Merge such dicts to put several widths and dtypes into one module, where nothing may stand twice.
    """
    found: dict[str, str] = {}
    todo = [(name, width, FORMATS[dtype].name) for name, width, dtype in requests]
    while todo:
        name, width, format = todo.pop()
        key = mangled(name, _FORMAT_OF[format], width)
        if key in found:
            continue
        text, declarations, needs = _function(name, width, format, fma, attribute)
        found[key] = text
        for declaration in declarations:
            found[declaration[declaration.index("@") : declaration.index("(")]] = declaration
        todo += [(other, width, other_format) for other, other_format in needs]
    return found


def definitions(names: Iterable[str], width: int, dtype: str, fma: bool, attribute: str = "noinline") -> str:
    """IR of the functions `names` (keys of FUNCTIONS) for vectors of `width`, and of all that they need.

    dtype: float64 or float32. fma: whether the target has a fused multiply-add. attribute: noinline or
    alwaysinline. KeyError for an unknown name or dtype.
    """
    texts = functions([(name, width, dtype) for name in names], fma, attribute)
    return "\n".join(texts[key] for key in sorted(texts)) + "\n"


@cache
def _function(
    name: str, width: int, format: str, fma: bool, attribute: str
) -> tuple[str, frozenset[str], frozenset[tuple[str, str]]]:
    """The text of one function, the declarations and the functions that it needs."""
    body = _BODIES[name]
    f = _FORMAT_OF[format]
    code = Builder(width, fma)
    spelled = code.spelled(f.real)
    parameters = [f"%x{i}" for i in range(body.__code__.co_argcount)]
    result = body(*(Value(code, p, f.real) for p in parameters))
    if isinstance(result, tuple):
        returned = "{" + ", ".join([spelled] * len(result)) + "}"
        pack = Value(code, "poison", f.real)
        for i, part in enumerate(result):
            pack = code.emit(f"insertvalue {returned} {pack.name}, {spelled} {part.name}, {i}", f.real)
        result = pack
    else:
        returned = spelled
    inline = "noinline cold" if name in _RARE else attribute
    head = f"define internal {returned} {mangled(name, f, width)}({', '.join(f'{spelled} {p}' for p in parameters)})"
    lines = [f"{head} {inline} nounwind willreturn memory(none) {{", *code.lines, f" ret {returned} {result.name}", "}"]
    return "\n".join(lines), frozenset(code.declarations), frozenset(code.needs)
