"""Orthogonal polynomials, of any real degree. Each derivative is another of them: no division by 1 - x**2.

DLMF 18.9(iii). By the degree and the parameters there is no derivative in closed form.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from symgrad.graph import Graph, Node
from symgrad.ops.arith import mask, number
from symgrad.ops.compare import not_equal
from symgrad.ops.declare import REAL, Unknown, elementwise
from symgrad.ops.elementary import scalar

DEGREE = [1, 2, 5, (0.5, 6.0)]
PARAMETER = (0.3, 3.0)
INSIDE = (-0.95, 1.0)


def _lower(n: Node, derivative: Any) -> Any:
    """The derivative, a formula of the degree below; zero for degree 0, whatever that would give."""
    degree = number(n.graph, n.id)
    if degree == 0:
        return None
    slope = derivative(n - 1)
    return slope if degree is not None else mask(not_equal(n, 0), slope)


eval_legendre = elementwise(
    "eval_legendre",
    Unknown("legendre(n, x)", "n"),
    lambda n, x, y: _lower(n, lambda k: eval_gegenbauer(k, scalar(x, Fraction(3, 2)), x)),
    domain=(DEGREE, INSIDE),
)
eval_chebyt = elementwise(
    "eval_chebyt",
    Unknown("chebyshevt(n, x)", "n"),
    lambda n, x, y: _lower(n, lambda k: n * eval_chebyu(k, x)),
    domain=(DEGREE, INSIDE),
)
eval_chebyu = elementwise(
    "eval_chebyu",
    Unknown("chebyshevu(n, x)", "n"),
    lambda n, x, y: _lower(n, lambda k: 2 * eval_gegenbauer(k, scalar(x, 2), x)),
    domain=(DEGREE, INSIDE),
)
eval_gegenbauer = elementwise(
    "eval_gegenbauer",
    Unknown("gegenbauer(n, a, x)", "n"),
    Unknown("gegenbauer(n, a, x)", "a"),
    lambda n, a, x, y: _lower(n, lambda k: 2 * a * eval_gegenbauer(k, a + 1, x)),
    domain=(DEGREE, PARAMETER, INSIDE),
)
eval_jacobi = elementwise(
    "eval_jacobi",
    Unknown("jacobi(n, a, b, x)", "n"),
    Unknown("jacobi(n, a, b, x)", "a"),
    Unknown("jacobi(n, a, b, x)", "b"),
    lambda n, a, b, x, y: _lower(n, lambda k: (n + a + b + 1) / 2 * eval_jacobi(k, a + 1, b + 1, x)),
    domain=(DEGREE, PARAMETER, PARAMETER, INSIDE),
)
eval_laguerre = elementwise(
    "eval_laguerre",
    Unknown("laguerre(n, x)", "n"),
    lambda n, x, y: _lower(n, lambda k: -eval_genlaguerre(k, scalar(x, 1), x)),
    domain=(DEGREE, (0.01, 8.0)),
)
eval_genlaguerre = elementwise(
    "eval_genlaguerre",
    Unknown("assoc_laguerre(n, a, x)", "n"),
    Unknown("assoc_laguerre(n, a, x)", "a"),
    lambda n, a, x, y: _lower(n, lambda k: -eval_genlaguerre(k, a + 1, x)),
    domain=(DEGREE, PARAMETER, (0.01, 8.0)),
)


def _degree_zero(g: Graph, args: tuple[int, ...], attrs: tuple[Any, ...]) -> int | None:
    t = g.types[args[0]]
    return g.const(1, t.dtype) if attrs[0] == 0 and not t.shape else None


eval_hermite = elementwise(
    "eval_hermite",
    lambda x, y, n: 2 * n * eval_hermite(x, n=n - 1) if n else None,
    attrs=("n",),
    normal=_degree_zero,
    domain=(REAL,),
    doc="the physicists' Hermite polynomial of a fixed degree n",
)
eval_hermitenorm = elementwise(
    "eval_hermitenorm",
    lambda x, y, n: n * eval_hermitenorm(x, n=n - 1) if n else None,
    attrs=("n",),
    normal=_degree_zero,
    domain=(REAL,),
    doc="the probabilists' Hermite polynomial of a fixed degree n",
)
lpmv = elementwise(
    "lpmv",
    Unknown("assoc_legendre(n, m, x)", "m"),
    Unknown("assoc_legendre(n, m, x)", "n"),
    lambda m, v, x, y: (v * x * y - (v + m) * lpmv(m, v - 1, x)) / (x**2 - 1),
    domain=((0, 1, 2), [2, 3, (2.5, 6.0)], (-0.9, 0.9)),
    doc="the associated Legendre function of integer order m and real degree v, for |x| < 1",
)
