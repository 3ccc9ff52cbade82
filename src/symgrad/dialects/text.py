"""Operation <-> formula text: the names a person may type, in Python's, NumPy's, SciPy's or SymPy's spelling.

Operations are known by their own names (NumPy's, then SciPy's). This table adds the other spellings; what only
SymPy has (sec, factorial, harmonic, ...) is looked up in SymPy's own table, and only then is SymPy loaded.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from symgrad.graph import REGISTER, Op

ALIASES: dict[str, tuple[str, ...]] = {
    "ln": ("log",),
    "Abs": ("abs",),
    "fabs": ("abs",),
    "pow": ("power",),
    "Pow": ("power",),
    "asin": ("arcsin",),
    "acos": ("arccos",),
    "atan": ("arctan",),
    "acot": ("arccot",),
    "asec": ("arcsec",),
    "acsc": ("arccsc",),
    "atan2": ("arctan2",),
    "asinh": ("arcsinh",),
    "acosh": ("arccosh",),
    "atanh": ("arctanh",),
    "acoth": ("arccoth",),
    "asech": ("arcsech",),
    "acsch": ("arccsch",),
    "expit": ("sigmoid",),
    "sgn": ("sign",),
    "ceiling": ("ceil",),
    "Mod": ("mod",),
    "remainder": ("mod",),
    "Rem": ("fmod",),
    "Heaviside": ("heaviside",),
    "lgamma": ("gammaln",),
    "psi": ("digamma",),
    "zeta": ("riemann_zeta", "zeta"),
    "binomial": ("binom",),
    "RisingFactorial": ("poch",),
    "Ei": ("expi",),
    "Si": ("si",),
    "Ci": ("ci",),
    "Shi": ("shi",),
    "Chi": ("chi",),
    "expint": ("expn",),
    "besselj": ("jv",),
    "bessely": ("yv",),
    "besseli": ("iv",),
    "besselk": ("kv",),
    "elliptic_k": ("ellipk",),
    "elliptic_e": ("ellipe", "ellipeinc"),
    "elliptic_f": ("ellipkinc",),
    "elliptic_pi": ("ellippi",),
    "legendre": ("eval_legendre",),
    "chebyshevt": ("eval_chebyt",),
    "chebyshevu": ("eval_chebyu",),
    "gegenbauer": ("eval_gegenbauer",),
    "jacobi": ("eval_jacobi",),
    "laguerre": ("eval_laguerre",),
    "assoc_laguerre": ("eval_genlaguerre",),
    "hermite": ("eval_hermite",),
    "hermite_prob": ("eval_hermitenorm",),
    "LambertW": ("lambertw",),
    "Eq": ("equal",),
    "Ne": ("not_equal",),
    "Lt": ("less",),
    "Le": ("less_equal",),
    "Gt": ("greater",),
    "Ge": ("greater_equal",),
    "Not": ("logical_not",),
}
"""Another spelling -> the operations it may mean; the number of arguments decides between them."""

FOLDED: dict[str, str] = {
    "min": "minimum",
    "max": "maximum",
    "Min": "minimum",
    "Max": "maximum",
    "minimum": "minimum",
    "maximum": "maximum",
    "And": "logical_and",
    "Or": "logical_or",
    "Xor": "logical_xor",
    "logical_and": "logical_and",
    "logical_or": "logical_or",
    "logical_xor": "logical_xor",
}
"""Any number of arguments in text, two here."""

CONSTANTS: dict[str, str] = {
    "pi": "pi",
    "E": "E",
    "EulerGamma": "EulerGamma",
    "Catalan": "Catalan",
    "GoldenRatio": "GoldenRatio",
}

REFUSED: dict[str, str] = {
    "I": "the imaginary unit; formulas here are real",
    "oo": "infinity, which is no real number",
    "zoo": "infinity, which is no real number",
    "inf": "infinity, which is no real number",
    "nan": "no number",
    "lambda": "a word of Python; write lam",
}
"""Names that mean something else than a variable to many readers: taken for one they would be silently wrong."""

_INNER = {"mask", "integer_power", "cast", "unit", "one_minus_square", "power_slope", "power_log"}
_INNER |= {"ellippart", "ellipmoment", "ellipdinc", "ellipd3inc"}
"""Operations that only derivation makes."""


def operation(name: str) -> tuple[Op, ...]:
    """The operations that a function's name may mean, () if there are none."""
    return tuple(op for n in ALIASES.get(name, (name,)) if (op := REGISTER.get(n)) is not None and _callable(op))


def _callable(op: Op) -> bool:
    return op.kind in ("elementwise", "constant") and op.name not in _INNER and op.attrs in ((), ("n",), ("k",))


def from_sympy(name: str) -> tuple[Callable[..., Any], int, int] | None:
    """The formula that a function only SymPy knows stands for, and how many arguments it takes (from, to)."""
    from symgrad.dialects.sympy import READ

    for cls, form in READ.items():
        if cls.__name__ == name and name not in ("Implies", "UnevaluatedExpr", "KroneckerDelta"):
            needed = [p for p in inspect.signature(form).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
            return form, sum(p.default is p.empty for p in needed), len(needed)
    return None


def names() -> list[str]:
    """Every function name that formula text may use, but for those looked up in SymPy's table."""
    own = [n for n, op in REGISTER.items() if _callable(op)]
    return sorted({*own, *ALIASES, *FOLDED, "where", "Piecewise"})
