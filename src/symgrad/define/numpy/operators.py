"""The operators of traced arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.define.numpy.dtypes import python_number
from symgrad.define.numpy.place import refuse
from symgrad.define.numpy.views import assign

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


class Operators:
    """The operators of Python, as the ufuncs that NumPy takes for them."""

    __slots__ = ()
    __add__: Any
    __radd__: Any
    __sub__: Any
    __rsub__: Any
    __mul__: Any
    __rmul__: Any
    __truediv__: Any
    __rtruediv__: Any
    __floordiv__: Any
    __mod__: Any
    __pow__: Any
    __rpow__: Any
    __matmul__: Any
    __rmatmul__: Any
    __and__: Any
    __or__: Any
    __lt__: Any
    __gt__: Any
    __neg__: Any
    __invert__: Any


def _updated(x: Any, value: Any) -> Any:
    """`x += y`, as NumPy does it: all names of an array see it, and so does what it is a view of.

    A number is this name's alone.
    """
    owner = x if x.origin is None else x.origin.owner
    if not x.ndim and not owner.ndim:
        return value
    if value.shape != x.shape or not np.can_cast(value.dtype, x.dtype, "same_kind"):
        refuse(f"an array of {x.dtype}{list(x.shape)} can't become {value.dtype}{list(value.shape)} in place")
    assign(x, value.astype(x.dtype).id)
    return x


def _of_numbers(ufunc: Any, *values: Any) -> Any:
    """An operator of Python: between Python's numbers, the result is one, and so adapts to arrays."""
    if not all(isinstance(v, bool) or python_number(v) or getattr(v, "weak", None) for v in values):
        return ufunc(*values)
    traced = [v for v in values if not isinstance(v, (int, float))]
    dtype = "float32" if any(v.dtype == np.float32 for v in traced) else None
    result = ufunc(*[v if isinstance(v, (int, float)) else v.astype(dtype or v.dtype) for v in values])
    for r in result if isinstance(result, tuple) else (result,):
        r.weak = {"f": float, "i": int}.get(r.dtype.kind)
    return result


def _set_operators() -> None:
    def forward(ufunc: Any) -> Any:
        return lambda self, other, *more: NotImplemented if more else _of_numbers(ufunc, self, other)

    def reflected(ufunc: Any) -> Any:
        return lambda self, other: _of_numbers(ufunc, other, self)

    def unary(ufunc: Any) -> Any:
        return lambda self: _of_numbers(ufunc, self)

    def updating(ufunc: Any) -> Any:
        return lambda self, other: _updated(self, _of_numbers(ufunc, self, other))

    for name, ufunc in (*_BINARY.items(), *_COMPARED.items()):
        setattr(Operators, f"__{name}__", forward(ufunc))
    for name, ufunc in _BINARY.items():
        setattr(Operators, f"__r{name}__", reflected(ufunc))
        if name != "divmod":
            setattr(Operators, f"__i{name}__", updating(ufunc))
    for name, ufunc in _UNARY.items():
        setattr(Operators, f"__{name}__", unary(ufunc))


_set_operators()
