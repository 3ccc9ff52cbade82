"""Operation <-> SymPy: the classes and functions that mean an operation, and what its arguments become.

Read forwards (SymPy to operation) by `define.sympy`, backwards by `show.sympy`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

SAME: dict[type, str] = {
    sp.exp: "exp",
    sp.log: "log",
    sp.sin: "sin",
    sp.cos: "cos",
    sp.tan: "tan",
    sp.asin: "arcsin",
    sp.acos: "arccos",
    sp.atan: "arctan",
    sp.atan2: "arctan2",
    sp.sinh: "sinh",
    sp.cosh: "cosh",
    sp.tanh: "tanh",
    sp.asinh: "arcsinh",
    sp.acosh: "arccosh",
    sp.atanh: "arctanh",
    sp.Abs: "abs",
    sp.sign: "sign",
    sp.floor: "floor",
    sp.ceiling: "ceil",
    sp.StrictLessThan: "less",
    sp.LessThan: "less_equal",
    sp.StrictGreaterThan: "greater",
    sp.GreaterThan: "greater_equal",
    sp.Equality: "equal",
    sp.Unequality: "not_equal",
    sp.Not: "logical_not",
    sp.Mod: "mod",
}
"""Same arguments, same order."""

FOLDED: dict[type, str] = {
    sp.Max: "maximum",
    sp.Min: "minimum",
    sp.And: "logical_and",
    sp.Or: "logical_or",
    sp.Xor: "logical_xor",
}
"""Any number of arguments there, two here."""

NAMED: dict[Any, str] = {
    sp.pi: "pi",
    sp.E: "E",
    sp.EulerGamma: "EulerGamma",
    sp.Catalan: "Catalan",
    sp.GoldenRatio: "GoldenRatio",
}

Builder = Callable[..., Any]
