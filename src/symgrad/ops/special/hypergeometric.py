"""Hypergeometric functions. No derivative by a parameter has a closed form. DLMF 13.3.15, 15.5.1."""

from __future__ import annotations

from symgrad.ops.declare import Unknown, elementwise

PARAMETER = (0.3, 5.0)

hyp0f1 = elementwise(
    "hyp0f1",
    Unknown("hyper((), (b,), z)", "b"),
    lambda b, z, y: hyp0f1(b + 1, z) / b,
    domain=(PARAMETER, (-10.0, 10.0)),
)
hyp1f1 = elementwise(
    "hyp1f1",
    Unknown("hyper((a,), (b,), z)", "a"),
    Unknown("hyper((a,), (b,), z)", "b"),
    lambda a, b, z, y: a / b * hyp1f1(a + 1, b + 1, z),
    domain=(PARAMETER, PARAMETER, (-10.0, 10.0)),
)
hyp2f1 = elementwise(
    "hyp2f1",
    Unknown("hyper((a, b), (c,), z)", "a"),
    Unknown("hyper((a, b), (c,), z)", "b"),
    Unknown("hyper((a, b), (c,), z)", "c"),
    lambda a, b, c, z, y: a * b / c * hyp2f1(a + 1, b + 1, c + 1, z),
    domain=(PARAMETER, PARAMETER, PARAMETER, (-5.0, 0.9)),
)
