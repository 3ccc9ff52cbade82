"""What can't be traced, and what to write instead: the messages."""

from __future__ import annotations

import re
import sys
from typing import Any

import numpy as np

from symgrad.define.numpy.place import line

REFUSED: dict[Any, str] = {}
"""Functions that can't be traced, and what to write instead."""
METHOD_HINTS = {
    "at": ": write np.bincount(i, weights=v, minlength=n)",
    "reduceat": ": write sums over slices, or differences of np.cumsum",
    "fill": ": write x = np.full_like(x, v)",
    "sort": ": it would change the array; write np.sort(x)",
    "partition": ": it would change the array; write np.partition(x, k)",
    "put": ": write x[places] = v",
    "resize": ": it would change the array; write np.resize(x, shape)",
    "setfield": ": write x.astype(dtype)",
}
"""Of a method of arrays or ufuncs, what to write instead."""
STATIC_HINT = "name the argument in sg.function(f, static=...)"
_MATH = {
    "pow": "np.power",
    "fabs": "np.abs",
    "fsum": "np.sum",
    "asin": "np.arcsin",
    "acos": "np.arccos",
    "atan": "np.arctan",
    "atan2": "np.arctan2",
    "asinh": "np.arcsinh",
    "acosh": "np.arccosh",
    "atanh": "np.arctanh",
    "dist": "np.linalg.norm(a - b)",
    "sumprod": "np.dot",
    "isqrt": "np.floor(np.sqrt(x))",
    "gamma": "scipy.special.gamma",
    "lgamma": "scipy.special.gammaln",
    "erf": "scipy.special.erf",
    "erfc": "scipy.special.erfc",
    "comb": "scipy.special.binom",
    "factorial": "scipy.special.factorial",
    "perm": "scipy.special.poch",
}
"""Functions of Python's math that NumPy has under another name."""
_DECISIONS = (
    (r"(?<![.\w])(min|max)\(", "write np.{0}imum(a, b), or np.{0}(x) of one array"),
    (r"(?<![.\w])(sorted)\(", "write np.sort(x)"),
    (r"(?<![.\w])(any|all)\(", "write np.{0}(x)"),
    (r"\b(while)\b", "write sg.while_loop(condition, body, value)"),
    (r"\b(assert)\b", "leave it out, or check the arguments before the call"),
    (r"\b(and|or|not)\b", "write & | ~ with parentheses, as in (x > 0) & (x < 1)"),
    (r"([<>]=?)[^<>=,()]+[<>]=?", "write (a < x) & (x < b) for a < x < b"),
    (r"(?<![.\w])(if)\b", "write np.where(condition, a, b) or sg.cond(condition, f, g)"),
    (r"(?<![.\w])(in)\b", "write np.any(x == value)"),
)
"""What stands in a line that asks for a truth value, and what to write instead; the first that is found."""


def as_numbers(what: str) -> str:
    """The message for a use that needs the numbers themselves, by what stands in the user's line."""
    _, text = line()
    function = re.search(r"\bmath\.(\w+)", text)
    if function:
        name = _MATH.get(function[1]) or (f"np.{function[1]}" if hasattr(np, function[1]) else "")
        return f"math.{function[1]} takes a number, not a traced array" + (f": write {name}" if name else "")
    if re.search(r"\]\s*[-+*/@%&|^]*=[^=]", text):
        return (
            "a NumPy array can't hold a traced value: build the result with np.array, np.concatenate or np.where, "
            "or start from a traced array, as in out = np.zeros_like(x)"
        )
    if re.search(r"\b(np|numpy)\.[rc]_\[", text):
        return "np.r_ and np.c_ take numbers: write np.concatenate([a, b]) or np.column_stack([a, b])"
    called = re.search(r"\b((?:scipy|sp|special|sc|sl|linalg|stats|np|numpy)(?:\.\w+)+)\(", text)
    if called:
        return f"{called[1]} takes numbers, not a traced array: {_hint(called[1])}"
    if what == "a NumPy array" and re.search(r"\w\[", text):
        return (
            "a NumPy array can't be indexed with a traced one: write np.take(array, i), or give the array as an "
            "argument of the function"
        )
    leave = "leave float() out: a traced number is one already" if what == "a Python float" else ""
    return (
        f"{what} of a traced array, whose numbers are not known while the function is traced: "
        f"{leave or 'stay with NumPy functions of the array'}, or {STATIC_HINT}"
    )


def _hint(written: str) -> str:
    """What to write instead of a function that a line calls by this name."""
    top, _, rest = written.partition(".")
    found: Any = np if top in ("np", "numpy") else None
    for part in rest.split("."):
        found = getattr(found, part, None)
    try:
        own = REFUSED.get(found)
    except TypeError:
        own = None
    if own:
        return own
    if isinstance(found, np.ufunc):
        return f"write {written}(np.array([...])) for a list of traced values"
    if isinstance(found, type) and issubclass(found, np.generic):
        return f"write x.astype({written})"
    return f"it is not among the functions that can be traced (docs/numpy.md); write it with those, or {STATIC_HINT}"


def as_index() -> str:
    """The message where Python asks for an index."""
    return (
        "a traced value as an index of Python (of a list, range, slice or shape), where its number must be known: "
        f"look up with np.take(np.array(values), i), count with sg.fori_loop, or {STATIC_HINT}"
    )


def as_decision() -> str:
    """The message where Python asks for a truth value."""
    _, text = line()
    for pattern, hint in _DECISIONS:
        found = re.search(pattern, text)
        if found:
            return f"{found[1]} decides on a traced value: {hint.format(found[1])}, or {STATIC_HINT}"
    return (
        "a decision on a traced value (if, while, and, or, not, min, max): write np.where(condition, a, b), "
        f"& | ~ for and, or, not, np.minimum for min; or {STATIC_HINT}"
    )


def method_hint(name: str) -> str:
    """What to write instead of a method of an array."""
    return METHOD_HINTS.get(name) or (f": {REFUSED[own]}" if (own := getattr(np, name, None)) in REFUSED else "")


def module_of(func: Any) -> str:
    module = getattr(func, "__module__", "numpy") or "numpy"
    parts = [p for p in module.split(".") if not p.startswith("_")]
    return ".".join(["np", *parts[1:]]) if parts[:1] == ["numpy"] else ".".join(parts)


def ufunc_name(ufunc: Any) -> str:
    """How the user knows a ufunc."""
    own = str(ufunc.__name__)
    if getattr(np, own, None) is ufunc:
        return f"np.{own}"
    return f"scipy.special.{own}" if hasattr(sys.modules.get("scipy.special"), own) else own


def missing(name: str, func: Any) -> str:
    return f"{name} can't be traced: {REFUSED.get(func, 'write it with functions that can be (docs/numpy.md)')}"
