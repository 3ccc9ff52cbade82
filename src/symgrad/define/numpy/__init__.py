"""NumPy functions in: a Python function is called once with traced arrays, which write down what is done to them.

`tracer` has the traced array and NumPy's two protocols; the other files hold what each NumPy function means.
"""

from symgrad.define.numpy import (
    differences,
    distributions,
    fourier,
    functions,
    joining,
    linalg,
    making,
    nans,
    numbers,
    polynomials,
    products,
    quantiles,
    reductions,
    refused,
    scipy_linalg,
    selecting,
    special,
    ufuncs,
)
from symgrad.define.numpy.trace import Traced, current, trace

__all__ = [
    "Traced",
    "current",
    "differences",
    "distributions",
    "fourier",
    "functions",
    "joining",
    "linalg",
    "making",
    "nans",
    "numbers",
    "polynomials",
    "products",
    "quantiles",
    "reductions",
    "refused",
    "scipy_linalg",
    "selecting",
    "special",
    "trace",
    "ufuncs",
]
