"""The vocabulary: importing this package declares every operation."""

from symgrad.ops import arith, compare, control, einsum, elementary, index, linalg, literal, shape, special, structure

__all__ = ["arith", "compare", "control", "einsum", "elementary", "index", "linalg", "literal", "shape", "special", "structure"]
