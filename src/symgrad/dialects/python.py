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
    "delta": "np.eye({n})",
    "basis": "np.eye({n})[{k}]",
    "inv": "np.linalg.inv({0})",
    "solve": "np.linalg.solve({0}, {1})",
    "det": "np.linalg.det({0})",
    "logdet": "np.linalg.slogdet({0})[1]",
    "logabsdet": "np.linalg.slogdet({0})[1]",
    "reshape": "np.reshape({0}, {shape})",
    "sigmoid": "special.expit({0})",
    "softplus": "np.logaddexp(0.0, {0})",
    "sinc": "np.sinc({0}/np.pi)",
    "cast": "({0})",
    "riemann_zeta": "special.zeta({0})",
    "fresnels": "special.fresnel({0})[0]",
    "fresnelc": "special.fresnel({0})[1]",
    "si": "special.sici({0})[0]",
    "ci": "np.where({0} < 0, np.nan, special.sici({0})[1])",
    "shi": "special.shichi({0})[0]",
    "chi": "np.where({0} < 0, np.nan, special.shichi({0})[1])",
    "airyai": "special.airy({0})[0]",
    "airyaiprime": "special.airy({0})[1]",
    "airybi": "special.airy({0})[2]",
    "airybiprime": "special.airy({0})[3]",
    "polygamma": "special.polygamma({n}, {0})",
    "expn": "special.expn({n}, {0})",
    "spherical_jn": "special.spherical_jn({n}, {0})",
    "spherical_yn": "special.spherical_yn({n}, {0})",
    "spherical_in": "special.spherical_in({n}, {0})",
    "eval_hermite": "special.eval_hermite({n}, {0})",
    "eval_hermitenorm": "special.eval_hermitenorm({n}, {0})",
    "lambertw": "np.where(special.lambertw({0}, {k}).imag == 0, special.lambertw({0}, {k}).real, np.nan)",
}
"""Calls that are not the operation's own name in `np` or `special`."""

CONSTANTS: dict[str, str] = {
    "pi": "np.pi",
    "E": "np.e",
    "EulerGamma": "np.euler_gamma",
    "Catalan": "0.915965594177219",
    "GoldenRatio": "1.618033988749895",
}
