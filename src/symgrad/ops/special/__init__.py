"""Special functions, by family. Names, argument order and branches are SciPy's where SciPy has the function.

Outside the real domain the value is NaN. Formulas: NIST Digital Library of Mathematical Functions,
https://dlmf.nist.gov (cited as DLMF).
"""

from symgrad.ops.special import bessel, elliptic, exponential, gamma, hypergeometric, polynomials

__all__ = ["bessel", "elliptic", "exponential", "gamma", "hypergeometric", "polynomials"]
