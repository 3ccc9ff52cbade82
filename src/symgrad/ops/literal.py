"""Constant arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.graph import FLOATS, Graph, Op, Type, register
from symgrad.graph.literal import Literal
from symgrad.graph.node import spread
from symgrad.graph.type import DTYPES
from symgrad.ops.einsum import delta

literal = register(
    Op(
        "literal",
        "leaf",
        0,
        attrs=("data",),
        typing=lambda types, data: Type(data.value.dtype.name, data.value.shape),
        cost=0.0,
        doc="an array of numbers that the function was defined with",
    )
)


def constant_array(g: Graph, value: Any) -> int:
    """The node of a constant array, dtype bool, int64, float32 or float64.

    The same number everywhere is that number, spread; an identity matrix is one: so algebra sees them.
    """
    array = np.asarray(value)
    dtype = array.dtype.name
    if dtype not in DTYPES:
        raise TypeError(f"a constant array of {dtype}")
    if not array.ndim:
        return g.const(_number(array[()]), dtype)
    first = array.flat[0] if array.size else array.dtype.type(0)
    if np.all(array == first) and not (first == 0 and np.any(np.signbit(array) != np.signbit(first))):
        return spread(g, g.const(_number(first), dtype), array.shape)
    square = array.ndim == 2 and dtype in FLOATS and array.shape[0] == array.shape[1]
    if square and np.array_equal(array, np.eye(len(array))) and not np.any(np.signbit(array)):
        return g.add(delta, (), (len(array), dtype))
    return g.add(literal, (), (Literal(array),))


def _number(value: Any) -> int | float | bool:
    """A whole floating-point number as an int, so that it reads and folds as one; -0.0 stays."""
    plain = value.item()
    if (
        isinstance(plain, float)
        and plain.is_integer()
        and abs(plain) < 2**53
        and not (plain == 0 and np.signbit(value))
    ):
        return int(plain)
    return plain
