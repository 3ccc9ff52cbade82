"""A constant array as an attribute of a node: data that a function was defined with."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np


class Literal:
    """The numbers of a constant array, frozen: equal bits and shapes are equal values and hash alike.

    `value` is a read-only C-contiguous array of dtype bool, int64, float32 or float64.
    """

    __slots__ = ("_key", "value")

    def __init__(self, value: Any) -> None:
        own = np.array(value, order="C", copy=True)
        own.flags.writeable = False
        self.value = own
        self._key = (own.dtype.name, own.shape, hashlib.sha256(own.tobytes()).digest())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Literal) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        dtype, shape, bits = self._key
        return f"Literal({dtype}{list(shape)} {bits.hex()})"
