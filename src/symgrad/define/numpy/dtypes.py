"""The dtypes of traced arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.define.numpy.place import refuse
from symgrad.graph.type import DTYPES

_KNOWN = {np.dtype(d): d for d in DTYPES} | {np.dtype("float16"): "float32"}


def own_dtype(dtype: Any) -> str:
    """The graph's dtype for one of NumPy: integers are int64, half precision float32; TraceError for the rest."""
    dtype = np.dtype(dtype)
    known = _KNOWN.get(dtype) or _KNOWN.get(dtype.newbyteorder("="))
    if known is not None:
        return known
    if dtype.kind in "iu":
        return "int64"
    hint = "; write real and imaginary parts as arrays of their own" if dtype.kind == "c" else ""
    refuse(f"dtype {dtype}: traced arrays are of bool, int64, float32 or float64{hint}")


def python_number(value: Any) -> type | None:
    """int or float, where it is a number of Python's own (no truth value), whose dtype adapts to arrays."""
    if isinstance(value, (bool, np.generic)) or not isinstance(value, (int, float)):
        return None
    return int if isinstance(value, int) else float
