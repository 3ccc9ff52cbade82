"""Operation -> LaTeX: only what `\\operatorname{name}` does not say well."""

from __future__ import annotations

FUNCTIONS: dict[str, str] = {
    "exp": r"\exp",
    "log": r"\log",
    "log2": r"\log_2",
    "log10": r"\log_{10}",
    "sin": r"\sin",
    "cos": r"\cos",
    "tan": r"\tan",
    "arcsin": r"\arcsin",
    "arccos": r"\arccos",
    "arctan": r"\arctan",
    "sinh": r"\sinh",
    "cosh": r"\cosh",
    "tanh": r"\tanh",
    "arcsinh": r"\operatorname{arsinh}",
    "arccosh": r"\operatorname{arcosh}",
    "arctanh": r"\operatorname{artanh}",
    "arctan2": r"\operatorname{atan2}",
    "sigmoid": r"\sigma",
    "gamma": r"\Gamma",
    "gammaln": r"\log\Gamma",
    "digamma": r"\psi",
    "beta": r"\mathrm{B}",
    "zeta": r"\zeta",
    "minimum": r"\min",
    "maximum": r"\max",
    "sign": r"\operatorname{sgn}",
    "heaviside": r"\theta",
    "det": r"\det",
    "trace": r"\operatorname{tr}",
}
"""Function application: name(arguments)."""

FORMS: dict[str, tuple[str, int]] = {
    "sqrt": (r"\sqrt{{{0}}}", 40),
    "cbrt": (r"\sqrt[3]{{{0}}}", 40),
    "exp": (r"e^{{{0}}}", 30),
    "abs": (r"\left|{0}\right|", 40),
    "floor": (r"\left\lfloor {0}\right\rfloor", 40),
    "ceil": (r"\left\lceil {0}\right\rceil", 40),
    "divide": (r"\frac{{{0}}}{{{1}}}", 20),
    "mask": (r"\begin{{cases}}{1} & \text{{if }} {0} \\ 0 & \text{{otherwise}}\end{{cases}}", 40),
    "where": (r"\begin{{cases}}{1} & \text{{if }} {0} \\ {2} & \text{{otherwise}}\end{{cases}}", 40),
    "logical_not": (r"\neg\left({0}\right)", 40),
}
"""Templates over the arguments' texts, which need no parentheses inside, and the strength of the result."""

INFIX: dict[str, tuple[str, int, int, int]] = {
    # sign, strength of the result, wanted of the left and of the right operand
    "add": ("+", 10, 10, 10),
    "subtract": ("-", 10, 10, 11),
    "less": ("<", 5, 6, 6),
    "less_equal": (r"\leq", 5, 6, 6),
    "greater": (">", 5, 6, 6),
    "greater_equal": (r"\geq", 5, 6, 6),
    "equal": ("=", 5, 6, 6),
    "not_equal": (r"\neq", 5, 6, 6),
    "logical_and": (r"\wedge", 3, 4, 4),
    "logical_or": (r"\vee", 2, 3, 3),
    "mod": (r"\bmod", 20, 21, 21),
}

CONSTANTS: dict[str, str] = {
    "pi": r"\pi",
    "E": "e",
    "EulerGamma": r"\gamma",
    "Catalan": "G",
    "GoldenRatio": r"\varphi",
}

GREEK = frozenset(
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi rho sigma tau upsilon phi chi psi "
    "omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega pi".split()
)
