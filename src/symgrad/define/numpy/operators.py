"""The operators of traced arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

_BINARY = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "truediv": np.true_divide,
    "floordiv": np.floor_divide,
    "mod": np.remainder,
    "divmod": np.divmod,
    "pow": np.power,
    "matmul": np.matmul,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
    "lshift": np.left_shift,
    "rshift": np.right_shift,
}
_COMPARED = {
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
}
_UNARY = {"neg": np.negative, "pos": np.positive, "abs": np.absolute, "invert": np.invert}


def set_operators(own: type) -> None:
    """Operators of Python as the ufuncs that NumPy takes for them."""

    def forward(ufunc: Any) -> Any:
        return lambda self, other, *more: NotImplemented if more else ufunc(self, other)

    def reflected(ufunc: Any) -> Any:
        return lambda self, other: ufunc(other, self)

    def unary(ufunc: Any) -> Any:
        return lambda self: ufunc(self)

    for name, ufunc in (*_BINARY.items(), *_COMPARED.items()):
        setattr(own, f"__{name}__", forward(ufunc))
    for name, ufunc in _BINARY.items():
        setattr(own, f"__r{name}__", reflected(ufunc))
    for name, ufunc in _UNARY.items():
        setattr(own, f"__{name}__", unary(ufunc))
