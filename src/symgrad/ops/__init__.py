"""The vocabulary: importing this package declares every operation."""

from symgrad.ops import arith, compare, elementary, special, structure

__all__ = ["arith", "compare", "elementary", "special", "structure"]
