"""The vocabulary: importing this package declares every operation."""

from symgrad.ops import (
    arith,
    compare,
    control,
    decompositions,
    dft,
    einsum,
    elementary,
    index,
    linalg,
    literal,
    reduce,
    shape,
    slicing,
    special,
    structure,
    take,
)

__all__ = [
    "arith",
    "compare",
    "control",
    "decompositions",
    "dft",
    "einsum",
    "elementary",
    "index",
    "linalg",
    "literal",
    "reduce",
    "shape",
    "slicing",
    "special",
    "structure",
    "take",
]
