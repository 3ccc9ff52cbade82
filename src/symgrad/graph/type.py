"""The type of a node: a dtype and a shape."""

from __future__ import annotations

from typing import NamedTuple

FLOATS = ("float32", "float64")
_RANK = {"bool": 0, "int64": 1, "float32": 2, "float64": 3}


class Type(NamedTuple):
    """`dtype` is one of "bool", "int64", "float32", "float64".

    `shape` is a tuple of ints; an axis of an input whose length only the call knows is None.
    """

    dtype: str
    shape: tuple[int | None, ...] = ()

    def __str__(self) -> str:
        axes = ",".join("?" if n is None else str(n) for n in self.shape)
        return f"{self.dtype}[{axes}]"


def promote(dtypes: list[str] | tuple[str, ...]) -> str:
    """The smallest dtype that holds all of `dtypes` (NumPy's order: bool < int64 < float32 < float64)."""
    return max(dtypes, key=_RANK.__getitem__)
