"""The discrete Fourier transform of complex numbers, held as pairs of real ones."""

from __future__ import annotations

import math

from symgrad.graph import Type
from symgrad.ops.declare import linear


def _type(types: list[Type], sign: int) -> Type:
    (t,) = types
    if len(t.shape) < 2 or t.shape[-1] != 2 or t.dtype not in ("float32", "float64") or sign not in (-1, 1):
        raise TypeError(f"dft of {t}, sign {sign}: floating-point numbers of shape (..., n, 2), sign 1 or -1")
    return t


dft = linear(
    "dft",
    1,
    _type,
    # the matrix of the transform is symmetric; read over the reals its transpose is that of the conjugate
    lambda ct, x, y, sign: [dft(ct, sign=-sign)],
    attrs=("sign",),
    work=lambda types, sign: 5.0 * math.prod(types[0].lengths) * math.log2(max(2, types[0].lengths[-2])),
    doc="sum over j of x_j exp(sign 2 pi i j k / n) along axis -2; the last axis is (real, imaginary)",
)
