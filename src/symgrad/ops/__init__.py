"""The vocabulary: importing this package declares every operation."""

from symgrad.ops import arith, compare, control, elementary, index, special, structure

__all__ = ["arith", "compare", "control", "elementary", "index", "special", "structure"]
