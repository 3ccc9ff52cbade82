"""Machine code as a Python callable, and the check that objects look as that code expects."""

from __future__ import annotations

import ctypes
import sys
import sysconfig
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from symgrad.compile.llvm.entry import OFFSETS

_FASTCALL, _KEYWORDS = 0x80, 0x02


class _MethodDef(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("method", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    ]


class Slow:
    """What the machine code calls for arguments it does not take itself; keeps the code alive."""

    def __init__(self, call: Callable[[Sequence[Any], dict[str, Any]], Any], code: Any) -> None:
        self.call = call
        self.code = code
        self.definition: Any = None

    def __call__(self, /, *args: Any, **named: Any) -> Any:
        return self.call(args, named)


def builtin(code: Any, slow: Callable[[Sequence[Any], dict[str, Any]], Any], name: str) -> Any:
    """`@call` of `code` as a built-in function; `slow(args, named)` gets the arguments it does not take."""
    owner = Slow(slow, code)
    owner.definition = _MethodDef(name.encode(errors="replace"), code.address("call"), _FASTCALL | _KEYWORDS, None)
    new = ctypes.pythonapi.PyCFunction_NewEx
    new.restype = ctypes.py_object
    new.argtypes = [ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p]
    return new(ctypes.addressof(owner.definition), owner, None)


@cache
def layout_is_known() -> bool:
    """Whether this interpreter's floats and NumPy's arrays have their fields where `@call` looks."""
    if sys.implementation.name != "cpython" or sysconfig.get_config_var("Py_GIL_DISABLED"):
        return False
    if sys.maxsize < 2**32 or sys.byteorder != "little":
        return False

    def read(kind: Any, o: Any, field: str) -> Any:
        return kind.from_address(id(o) + OFFSETS[field]).value

    array = np.arange(6.0).reshape(2, 3)
    descr = array.dtype
    number = 3.25
    scalar = np.float64(-7.5)
    lengths = read(ctypes.c_void_p, array, "lengths")
    return (
        read(ctypes.c_void_p, array, "type") == id(np.ndarray)
        and read(ctypes.c_double, number, "float") == number
        and read(ctypes.c_double, scalar, "float") == scalar
        and read(ctypes.c_void_p, array, "data") == array.ctypes.data
        and read(ctypes.c_int, array, "axes") == 2
        and list((ctypes.c_int64 * 2).from_address(lengths)) == [2, 3]
        and read(ctypes.c_void_p, array, "descr") == id(descr)
        and read(ctypes.c_int, array, "flags") & 0x101 == 0x101
        and read(ctypes.c_int, array.T, "flags") & 0x1 == 0
        and read(ctypes.c_char, descr, "order") == b"="
        and read(ctypes.c_int, descr, "number") == descr.num
        and all(read(ctypes.c_int, np.dtype(d), "number") == np.dtype(d).num for d in ("f4", "i8", "bool"))
    )
