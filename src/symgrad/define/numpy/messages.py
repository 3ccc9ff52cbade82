"""What can't be traced, and what to write instead: the messages."""

from __future__ import annotations

import linecache
import re
import sys
from types import FrameType
from typing import Any

import numpy as np

from symgrad.define.numpy.place import expression, last_frame, line, users_frame

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


_KNOWN = r"(?:scipy|sp|special|sc|sl|linalg|stats|np|numpy)(?:\.\w+)+"
"""How users call functions of NumPy and SciPy."""


def as_numbers(what: str) -> str:
    """The message for a use that needs the numbers themselves, by what the user's line is working out."""
    found, after = expression()
    text = found or line()[1]
    is_target = re.match(r"\s*[-+*/@%&|^]*=[^=]", after) if found else re.search(r"\]\s*[-+*/@%&|^]*=[^=]", text)
    call = _function_of(text)
    function = re.match(r"math\.(\w+)", call) if found else re.search(r"\bmath\.(\w+)", text)
    if function:
        name = _MATH.get(function[1]) or (f"np.{function[1]}" if hasattr(np, function[1]) else "")
        return f"math.{function[1]} takes a number, not a traced array" + (f": write {name}" if name else "")
    if is_target and (text.endswith("]") or not found):
        return (
            "a NumPy array can't hold a traced value: build the result with np.array, np.concatenate or np.where, "
            "or start from a traced array, as in out = np.zeros_like(x)"
        )
    if re.search(r"\b(np|numpy)\.[rc]_\[", text):
        return "np.r_ and np.c_ take numbers: write np.concatenate([a, b]) or np.column_stack([a, b])"
    listed = _traced_list(text)
    if listed:
        return listed
    if what == "a NumPy array" and text.endswith("]"):
        return _indexed(text)
    called = re.fullmatch(f"({_KNOWN})", call) if found else re.search(rf"\b({_KNOWN})\(", text)
    if called:
        return f"{called[1]} takes numbers, not a traced array: {_hint(called[1])}"
    array, _, name = call.rpartition(".")
    if array and hasattr(np.ndarray, name) and hasattr(np, name):
        return f"{call} takes numbers, not a traced array: write np.{name}({array}, ...)"
    if what == "a NumPy array" and not found and re.search(r"\w\[", text):
        return _indexed("")
    _, module = users_frame()
    for library, instead in _OTHERS.items():
        if module.startswith(library):
            return f"{library} takes numbers, not a traced array: write {instead}"
    leave = "leave float() out: a traced number is one already" if what == "a Python float" else ""
    return (
        f"{what} of a traced array, whose numbers are not known while the function is traced: "
        f"{leave or 'stay with NumPy functions of the array'}, or {STATIC_HINT}"
    )


_OTHERS = {
    "scipy.sparse": "A.toarray() @ x for A @ x",
    "pandas": "table.to_numpy() for a Series or DataFrame",
    "torch": "it with NumPy's functions, which sg.function hands to PyTorch by .torch()",
}
"""Libraries that may be given a traced array, and what to write instead."""


def _opened(text: str, brackets: str) -> int:
    """Where the bracket is opened that `text` ends with."""
    depth = 0
    for at in range(len(text) - 1, -1, -1):
        depth += (text[at] == brackets[1]) - (text[at] == brackets[0])
        if not depth:
            return at
    return 0


def _function_of(text: str) -> str:
    """The name of what is called, where `text` is a call (of what a call gave, too: np.vectorize(f)(x)); else ""."""
    name = text
    while name.endswith(")"):
        name = name[: _opened(name, "()")]
    return name if name != text and re.fullmatch(r"[\w.]+", name) else ""


def _indexed(text: str) -> str:
    """The message for an array of NumPy with traced places, at the end of `text`."""
    at = _opened(text, "[]")
    array, place = text[:at], text[at + 1 : -1]
    simple = bool(array) and not re.search(r"[,:]", re.sub(r"\([^()]*\)|\[[^\[\]]*\]", "", place))
    write = f"np.take({array}, {place}, axis=0)" if simple else "np.take(array, i)"
    return (
        f"a NumPy array can't be indexed with a traced one: write {write}, or give the array as an argument of the "
        "function"
    )


def _traced_list(text: str, frame: FrameType | None = None) -> str:
    """The message where a name in `text` is a list of traced numbers; "" where there is none."""
    from symgrad.define.numpy.tracer import has_traced

    frame = frame or users_frame()[0]
    for name in re.findall(r"(?<![.\w])[A-Za-z_]\w*", text) if frame is not None else ():
        value = frame.f_locals.get(name) if frame is not None else None
        inside = list(value.values()) if isinstance(value, dict) else value
        if isinstance(inside, (list, tuple)) and has_traced(inside):
            instead = "" if isinstance(value, dict) else f", or write np.array({name})"
            kind = type(value).__name__
            return f"{name} is a {kind} of traced numbers, not an array: call the function with an array{instead}"
    return ""


_CONTAINERS = re.compile(r"'(list|tuple|dict)'|\b(list|tuple) indices|concatenate (list|tuple)")


def of_error(error: BaseException) -> str:
    """The message for an error of Python's or of another library's that a traced value has led to; "" for others."""
    told, frame = str(error), last_frame(error)
    if not isinstance(error, (TypeError, AttributeError)) or frame is None:
        return ""
    if _CONTAINERS.search(told):
        text = linecache.getline(frame.f_code.co_filename, frame.f_lineno, frame.f_globals)
        return _traced_list(text, frame)
    if "<traced " in told:
        return f"{told}: its number is not known while the function is traced; {STATIC_HINT}"
    if re.search(r"\bnot Array\b|tracer\.Array\b", told):
        return (
            f"{told}: what takes no traced arrays; stay with NumPy's functions, of table.to_numpy() for a pandas object"
        )
    return ""


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
    if _is_plain(found):
        return f"what it takes must be known; {STATIC_HINT}, or take it from a shape, as in np.arange(x.shape[0])"
    if isinstance(found, type) and issubclass(found, np.generic):
        return f"write x.astype({written})"
    return f"it is not among the functions that can be traced (docs/numpy.md); write it with those, or {STATIC_HINT}"


def _is_plain(function: Any) -> bool:
    from symgrad.define.numpy.refused import PLAIN

    return function in PLAIN or getattr(function, "__wrapped__", None) in PLAIN


def as_index() -> str:
    """The message where Python asks for an index."""
    text, _ = expression()
    called = re.fullmatch(r"(?:np|numpy)\.\w+", _function_of(text))
    if called:
        return f"{called[0]}: what it takes must be known, and is traced: {STATIC_HINT}, or take it from a shape"
    return (
        "a traced value as an index of Python (of a list, range, slice or shape), where its number must be known: "
        f"look up with np.take(np.array(values), i), count with sg.fori_loop, or {STATIC_HINT}"
    )


def as_decision() -> str:
    """The message where Python asks for a truth value."""
    call = _function_of(expression()[0])
    if re.fullmatch(_KNOWN, call):
        return f"{call} takes numbers, not a traced array: {_hint(call)}"
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
