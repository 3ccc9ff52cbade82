"""What can't be traced, and what to write instead: the messages."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from symgrad.define.numpy.place import line

REFUSED: dict[Any, str] = {}
"""Functions that can't be traced, and what to write instead."""


def as_numbers(what: str) -> str:
    """The message for a use that needs the numbers themselves, by what stands in the user's line."""
    _, text = line()
    function = re.search(r"\bmath\.(\w+)", text)
    if function:
        names = {"pow": "power", "fabs": "abs", "asin": "arcsin", "acos": "arccos", "atan": "arctan"}
        own = names.get(function[1], function[1])
        other = f"np.{own}" if hasattr(np, own) else f"scipy.special.{own}"
        return f"math.{function[1]} takes a number, not a traced array: write {other}"
    if re.search(r"\]\s*[-+*/]?=[^=]", text):
        return (
            "a NumPy array can't hold a traced value: build the result with np.stack, np.concatenate or np.where, "
            "or start from a traced array, as in out = np.zeros_like(x)"
        )
    if re.search(r"\bnp\.(as)?array\(|\bnumpy\.(as)?array\(", text):
        return "np.array can't hold traced values: write np.stack([...]) (np.concatenate for arrays of several lengths)"
    called = re.search(r"\b((?:scipy|sp|special|linalg|stats|np|numpy)(?:\.\w+)+)\(", text)
    if called:
        return f"{called[1]} takes numbers, not a traced array: it is not among the functions that can be traced"
    return (
        f"{what} of a traced array, whose numbers are not known while the function is traced: stay with NumPy "
        "functions of the array, or name the argument in sg.function(f, static=...)"
    )


def module_of(func: Any) -> str:
    module = getattr(func, "__module__", "numpy") or "numpy"
    parts = [p for p in module.split(".") if not p.startswith("_")]
    return ".".join(["np", *parts[1:]]) if parts[:1] == ["numpy"] else ".".join(parts)


def missing(name: str, func: Any) -> str:
    return f"{name} can't be traced: {REFUSED.get(func, 'write it with functions that can be (docs/numpy.md)')}"
