"""Operation -> LLVM: instructions, intrinsics, and the C functions that special functions are.

What stands in none of these tables is one of our own vector functions (`compile.llvm.vector_math.FUNCTIONS`)
or is expanded by its fallback. The names of C functions are explained in `run.externals`.
"""

from __future__ import annotations

from typing import NamedTuple

ARITHMETIC: dict[str, tuple[str, str | None]] = {
    "add": ("fadd", "add"),
    "subtract": ("fsub", "sub"),
    "multiply": ("fmul", "mul"),
    "divide": ("fdiv", None),
}
"""Instruction for floats, for integers."""

COMPARE: dict[str, tuple[str, str]] = {
    "less": ("olt", "slt"),
    "less_equal": ("ole", "sle"),
    "greater": ("ogt", "sgt"),
    "greater_equal": ("oge", "sge"),
    "equal": ("oeq", "eq"),
    "not_equal": ("une", "ne"),
}
"""Predicate for floats, for integers."""

LOGIC: dict[str, str] = {"logical_and": "and", "logical_or": "or", "logical_xor": "xor"}

INTRINSIC: dict[str, str] = {"abs": "fabs", "sqrt": "sqrt"}
"""Intrinsics that are one instruction on every machine."""


class Loop(NamedTuple):
    """A ufunc of SciPy called through its loop: types as NumPy writes them, arguments before `->`.

    `before` and `after`: constants around the operation's own arguments (an attribute comes first of all);
    `take`: which result; `from_zero`: NaN for negative arguments, where SciPy gives a complex function's real part.
    """

    name: str
    types: str
    take: int = 0
    after: tuple[float, ...] = ()
    from_zero: bool = False
    reflects: int | None = None


LOOPS: dict[str, Loop] = {
    "airyai": Loop("airy", "d->dddd", 0),
    "airyaiprime": Loop("airy", "d->dddd", 1),
    "airybi": Loop("airy", "d->dddd", 2),
    "airybiprime": Loop("airy", "d->dddd", 3),
    "fresnels": Loop("fresnel", "d->dd", 0),
    "fresnelc": Loop("fresnel", "d->dd", 1),
    "si": Loop("sici", "d->dd", 0),
    "ci": Loop("sici", "d->dd", 1, from_zero=True),
    "shi": Loop("shichi", "d->dd", 0),
    "chi": Loop("shichi", "d->dd", 1, from_zero=True),
    "zeta": Loop("zeta", "dd->d"),
    "riemann_zeta": Loop("riemann_zeta", "d->d"),
    "spherical_jn": Loop("spherical_jn", "ld->d", reflects=0),
    "spherical_yn": Loop("spherical_yn", "ld->d", reflects=1),
    "spherical_in": Loop("spherical_in", "ld->d", reflects=0),
    "lambertw": Loop("lambertw", "Dld->D", after=(1e-8,)),
}

_SCIPY = (
    "beta",
    "betaln",
    "betainc",
    "binom",
    "ellipe",
    "ellipeinc",
    "ellipk",
    "ellipkinc",
    "elliprd",
    "elliprf",
    "elliprj",
    "erfcinv",
    "erfi",
    "erfinv",
    "exp1",
    "expi",
    "gamma",
    "gammainc",
    "gammaincc",
    "gammaln",
    "hyp0f1",
    "hyp1f1",
    "hyp2f1",
    "iv",
    "jv",
    "kv",
    "log_ndtr",
    "loggamma",
    "lpmv",
    "ndtr",
    "poch",
    "spence",
    "yv",
    "eval_chebyt",
    "eval_chebyu",
    "eval_gegenbauer",
    "eval_genlaguerre",
    "eval_jacobi",
    "eval_laguerre",
    "eval_legendre",
    "expn",
    "eval_hermite",
    "eval_hermitenorm",
)
SCIPY: dict[str, str] = {name: name for name in _SCIPY} | {"digamma": "psi"}
"""Operation -> function of `scipy.special.cython_special`."""
INTEGER_FIRST = frozenset({"eval_hermite", "eval_hermitenorm"})
"""Functions whose first argument is a C long."""
