"""The type of a node: a dtype and a shape."""

from __future__ import annotations

from typing import NamedTuple

from symgrad.errors import ArgumentError

FLOATS = ("float32", "float64")
DTYPES = ("bool", "int64", "float32", "float64")
"""From the smallest to the one that holds all others."""


class Type(NamedTuple):
    """`dtype` is one of "bool", "int64", "float32", "float64".

    `shape` is a tuple of ints; an axis of an input whose length only the call knows is None.
    """

    dtype: str
    shape: tuple[int | None, ...] = ()

    @property
    def lengths(self) -> tuple[int, ...]:
        """The shape where all of it is known. ArgumentError for an axis that only a call knows."""
        known = tuple([n for n in self.shape if n is not None])
        if len(known) != len(self.shape):
            raise ArgumentError(f"an array of shape {self} has a length that only a call knows")
        return known

    def __str__(self) -> str:
        axes = ",".join("?" if n is None else str(n) for n in self.shape)
        return f"{self.dtype}[{axes}]"


def promote(dtypes: list[str] | tuple[str, ...]) -> str:
    """The smallest dtype that holds all of `dtypes` (NumPy's order: bool < int64 < float32 < float64)."""
    return max(dtypes, key=DTYPES.index)
