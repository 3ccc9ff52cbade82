"""Operation -> C99: templates over the arguments' texts. `@` stands for the suffix of the dtype's functions
("" for double, "f" for float)."""

from __future__ import annotations

INFIX: dict[str, tuple[str, int, int, int]] = {
    # operator, strength of the result, wanted of the left and of the right operand
    "add": ("+", 10, 10, 11),
    "subtract": ("-", 10, 10, 11),
    "multiply": ("*", 20, 20, 21),
    "divide": ("/", 20, 20, 21),
    "less": ("<", 5, 6, 6),
    "less_equal": ("<=", 5, 6, 6),
    "greater": (">", 5, 6, 6),
    "greater_equal": (">=", 5, 6, 6),
    "equal": ("==", 4, 5, 5),
    "not_equal": ("!=", 4, 5, 5),
    "logical_and": ("&&", 3, 4, 4),
    "logical_or": ("||", 2, 4, 4),  # compilers warn of && in || without brackets
    "logical_xor": ("!=", 4, 5, 5),
}

CALLS: dict[str, str] = {
    "sqrt": "sqrt@({0})",
    "cbrt": "cbrt@({0})",
    "power": "pow@({0}, {1})",
    "exp": "exp@({0})",
    "exp2": "exp2@({0})",
    "expm1": "expm1@({0})",
    "log": "log@({0})",
    "log2": "log2@({0})",
    "log10": "log10@({0})",
    "log1p": "log1p@({0})",
    "sin": "sin@({0})",
    "cos": "cos@({0})",
    "tan": "tan@({0})",
    "arcsin": "asin@({0})",
    "arccos": "acos@({0})",
    "arctan": "atan@({0})",
    "arctan2": "atan2@({0}, {1})",
    "sinh": "sinh@({0})",
    "cosh": "cosh@({0})",
    "tanh": "tanh@({0})",
    "arcsinh": "asinh@({0})",
    "arccosh": "acosh@({0})",
    "arctanh": "atanh@({0})",
    "hypot": "hypot@({0}, {1})",
    "abs": "fabs@({0})",
    "floor": "floor@({0})",
    "ceil": "ceil@({0})",
    "trunc": "trunc@({0})",
    "erf": "erf@({0})",
    "erfc": "erfc@({0})",
    "gamma": "tgamma@({0})",
    "gammaln": "lgamma@({0})",
    "minimum": "sg_min({0}, {1})",
    "maximum": "sg_max({0}, {1})",
    "sign": "sg_sign({0})",
    "heaviside": "sg_heaviside({0}, {1})",
    "mod": "sg_mod({0}, {1})",
    "logical_not": "!({0})",
}

PRELUDE: dict[str, str] = {
    "sg_min": "static real sg_min(real a, real b) { return a <= b || a != a ? a : b; }",
    "sg_max": "static real sg_max(real a, real b) { return a >= b || a != a ? a : b; }",
    "sg_sign": "static real sg_sign(real x) { return x > 0 ? 1 : x < 0 ? -1 : x; }",
    "sg_heaviside": ("static real sg_heaviside(real x, real h) { return x < 0 ? 0 : x > 0 ? 1 : x == 0 ? h : x; }"),
    "sg_mod": (
        "static real sg_mod(real x, real y) { real r = fmod@(x, y); return r != 0 && (r < 0) != (y < 0) ? r + y : r; }"
    ),
}
"""What C lacks, with NumPy's meaning (NaN passes through), as functions of the dtype `real`."""
