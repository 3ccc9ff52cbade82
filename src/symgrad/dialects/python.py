"""Operation -> Python source over NumPy (`np`) and SciPy (`special`): only what their own names do not say.

A form is a template over the arguments' texts, `{0}`, `{1}`, and attributes by name; `P` forms bind as given.
"""

from __future__ import annotations

INFIX: dict[str, tuple[str, int, int, int]] = {
    # operator, strength of the result, wanted of the left and of the right operand
    "add": ("+", 10, 10, 10),
    "subtract": ("-", 10, 10, 11),
    "multiply": ("*", 20, 20, 21),
    "divide": ("/", 20, 20, 21),
    "power": ("**", 30, 31, 30),
    "mod": ("%", 20, 20, 21),
    "less": ("<", 5, 6, 6),
    "less_equal": ("<=", 5, 6, 6),
    "greater": (">", 5, 6, 6),
    "greater_equal": (">=", 5, 6, 6),
    "equal": ("==", 5, 6, 6),
    "not_equal": ("!=", 5, 6, 6),
}

CALLS: dict[str, str] = {
    "mask": "np.where({0}, {1}, 0.0)",
    "where": "np.where({0}, {1}, {2})",
    "sigmoid": "special.expit({0})",
    "softplus": "np.logaddexp(0.0, {0})",
}
"""Calls that are not the operation's own name in `np` or `special`."""

CONSTANTS: dict[str, str] = {
    "pi": "np.pi",
    "E": "np.e",
    "EulerGamma": "np.euler_gamma",
    "Catalan": "0.915965594177219",
    "GoldenRatio": "1.618033988749895",
}
