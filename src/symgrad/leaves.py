"""What the leaves of arguments are: numbers that a function is called with, values that are part of its definition,
arrays of a function that is being traced.
"""

from __future__ import annotations

import functools
import inspect
import sys
from types import ModuleType
from typing import Any

import numpy as np

from symgrad.errors import ArgumentError, DtypeError
from symgrad.function import Function
from symgrad.graph import Type
from symgrad.graph.type import DTYPES


class Fixed(int):
    """A whole number that is a default and was left out: part of the definition, as counts and axes are."""


DEFINING: list[type] = [
    Fixed,
    *(bool, np.bool_, str, bytes, type(None), type(Ellipsis), slice, type, np.dtype, ModuleType),
    *(np.ufunc, functools.partial, Function, type(np._NoValue)),  # type: ignore[attr-defined]
]
"""Types of values that are part of a definition, as functions are; they do not change."""
_MEANINGS = {
    "matrix": "np.matrix multiplies as matrices do; give np.asarray(x) and write x @ y",
    "MaskedArray": "the mask of a masked array would be lost; give x.filled(value), or the mask as an argument",
}
"""Kinds of arrays that mean something else than their numbers."""


def is_static(x: Any) -> bool:
    """Whether it is a part of the definition."""
    return isinstance(x, tuple(DEFINING)) or inspect.isroutine(x)


def is_traced(x: Any) -> bool:
    """Whether this is an array of a function that is being traced; nothing is loaded to find out."""
    tracer = sys.modules.get("symgrad.define.numpy.tracer")
    return tracer is not None and isinstance(x, tracer.Array)


def static_key(x: Any) -> Any:
    """A key for a value that is part of the definition."""
    if isinstance(x, slice):
        return (slice, static_key(x.start), static_key(x.stop), static_key(x.step))
    try:
        hash(x)
    except TypeError:
        if isinstance(x, np.ndarray):
            return ("array", x.shape, x.dtype, x.tobytes())
        raise ArgumentError(f"a static argument must be hashable, {x!r:.60} is not") from None
    return (float, x.hex()) if type(x) is float else (type(x), x)  # 0.0 and -0.0 differ, NaN is itself


def as_array(function: str, x: Any) -> Any:
    """The numbers of anything that has an `__array__`. DtypeError for what holds none."""
    if is_traced(x):
        return x
    if hasattr(x, "__array__"):
        for kind in type(x).__mro__:
            if kind.__name__ in _MEANINGS and kind.__module__.startswith("numpy"):
                raise DtypeError(f"{function}: {_MEANINGS[kind.__name__]}")
        try:
            array = np.asarray(x)
        except (TypeError, RuntimeError) as e:  # of a tensor that NumPy has no dtype for, or that is being derived
            raise DtypeError(f"{function}: {_shown(x)} can't be read as numbers: {e}") from e
        if array.dtype.kind in "biuf":
            return array
        raise DtypeError(f"{function}: {_shown(x)} is no array of real numbers, its dtype is {array.dtype}")
    if type(x).__module__.startswith("scipy.sparse"):
        raise DtypeError(f"{function}: a sparse matrix of SciPy as an argument; give its .toarray()")
    if callable(x):
        raise ArgumentError(f"{function}: name the function {x!r:.40} as static: sg.function(f, static=...)")
    raise DtypeError(
        f"{function}: {_shown(x)} is no array of real numbers; if it is a part of the definition, name the argument in "
        "sg.function(f, static=...)"
    )


def _shown(x: Any) -> str:
    return " ".join(f"{type(x).__name__} {x!r:.40}".split())


def type_of(function: str, name: str, x: Any) -> Type:
    """The type of a number or array in the graph. DtypeError where there is none."""
    if x.__class__ is float:
        return Type("float64")
    if x.__class__ is int:
        return Type("int64")
    array = x if is_traced(x) else np.asarray(x)
    dtype = array.dtype
    own = dtype.name if dtype.name in DTYPES else {"f2": "float32"}.get(dtype.str[1:]) if dtype.kind == "f" else "int64"
    if own is None or dtype.kind not in "biuf":
        raise DtypeError(f"{function}: {name} has dtype {dtype}; it takes bool, integers, float32 and float64")
    return Type(own, array.shape)
