"""The vocabulary: importing this package declares every operation."""

from symgrad.ops import arith, compare, elementary, structure

__all__ = ["arith", "compare", "elementary", "structure"]
