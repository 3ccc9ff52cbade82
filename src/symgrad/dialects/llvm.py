"""Operation -> LLVM: instructions, and the C functions that special functions are."""

from __future__ import annotations

INLINE: dict[str, tuple[str, str | None]] = {
    # floating, integer
    "add": ("fadd", "add"),
    "subtract": ("fsub", "sub"),
    "multiply": ("fmul", "mul"),
    "divide": ("fdiv", None),
}

COMPARE: dict[str, tuple[str, str]] = {
    "less": ("olt", "slt"),
    "less_equal": ("ole", "sle"),
    "greater": ("ogt", "sgt"),
    "greater_equal": ("oge", "sge"),
    "equal": ("oeq", "eq"),
    "not_equal": ("une", "ne"),
}

LOGIC: dict[str, str] = {
    "logical_and": "and {t} {a}, {b}",
    "logical_or": "or {t} {a}, {b}",
    "logical_xor": "xor {t} {a}, {b}",
    "logical_not": "xor {t} {a}, {ones}",
}

LIBRARY: dict[str, str] = {}
"""Operation -> symbol, where it is not `scipy_<name>`."""


def library_symbol(name: str) -> str | None:
    """The external C function of doubles that an operation is, if there is one."""
    return LIBRARY.get(name)
