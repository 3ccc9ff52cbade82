"""What compiled code may call that is not compiled here: the C library, CPython, NumPy's C API, SciPy's functions.

Compiled code names such functions; an address is found when the code is loaded, so that the same object works
in another process. The names:

- `sin`, `memcpy`, ...          the C library's (with the maths library);
- `PyFloat_FromDouble`, ...     CPython's C API; `PyExc_...` are variables that hold a pointer;
- `symgrad.numpy.NAME`          an entry of NumPy's C API table (those in `_NUMPY`), or a type or descriptor object;
- `symgrad.scipy.NAME`          the double version of a function of scipy.special, `SciPySymbol.signature` says how
                                it is called. SciPy's C functions take one more argument, `i32 0`, at the end.
- `symgrad.blas.NAME`           a routine of the BLAS that SciPy comes with, by Fortran's conventions;
- `symgrad.ufunc.NAME/dd->d.loop` and `.data`   the loop of a scipy.special ufunc and its last argument:
                                `void loop(ptr args, ptr count, ptr strides, ptr data)`: pointers to each
                                argument's first element and to the result's, one i64 count, strides in bytes.
                                Every ufunc of SciPy has these, also those without a C function (zeta).
"""

from __future__ import annotations

import ctypes
import importlib
import os
import sys
from functools import cache
from typing import Any, NamedTuple

_api = ctypes.pythonapi

# positions in NumPy's table of C functions, fixed by its ABI; the layout check in `calls` calls each one used
_NUMPY = {"PyArray_New": 93, "PyArray_DescrFromType": 45, "PyArray_Zeros": 183, "PyArray_Empty": 184}


def address(name: str) -> int | None:
    """The address that compiled code means by `name`, or None where this machine has no such thing."""
    space, _, rest = name.rpartition("symgrad.")[2].partition(".")
    if not name.startswith("symgrad."):
        return _python(name) if name.startswith(("Py", "_Py")) else _c_library(name)
    if space == "numpy":
        return _numpy(rest)
    if space == "scipy":
        found = scipy_symbols().get(rest)
        return found.address if found else None
    if space == "blas":
        return _blas(rest)
    if space == "ufunc":
        return _ufunc(rest)
    return None


def _function(library: Any, name: str) -> int | None:
    try:
        return ctypes.cast(getattr(library, name), ctypes.c_void_p).value
    except AttributeError:
        return None


@cache
def _c_libraries() -> tuple[Any, ...]:
    if os.name != "nt":
        return (ctypes.CDLL(None),)
    return tuple(ctypes.CDLL(name) for name in ("ucrtbase", "vcruntime140", "ntdll"))


def _c_library(name: str) -> int | None:
    for library in _c_libraries():
        found = _function(library, name)
        if found:
            return found
    return None


def _python(name: str) -> int | None:
    if name.startswith("PyExc_") or name.endswith(("_Type", "Struct")):
        try:
            return ctypes.addressof(ctypes.c_byte.in_dll(_api, name))
        except ValueError:
            return None
    return _function(_api, name)


@cache
def _numpy_table() -> Any:
    from numpy._core import _multiarray_umath as module  # pyright: ignore[reportAttributeAccessIssue]

    pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_GetPointer", _api))
    return ctypes.cast(pointer(module._ARRAY_API, None), ctypes.POINTER(ctypes.c_void_p))


def _numpy(name: str) -> int | None:
    import numpy as np

    if name == "ndarray":
        return id(np.ndarray)
    if name in _NUMPY:
        return _numpy_table()[_NUMPY[name]]
    scalar = getattr(np, name, None)
    return id(scalar) if isinstance(scalar, type) and issubclass(scalar, np.generic) else None


def _blas(name: str) -> int | None:
    capsule = importlib.import_module("scipy.linalg.cython_blas").__pyx_capi__.get(name)
    if capsule is None:
        return None
    get_name = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)(("PyCapsule_GetName", _api))
    get_pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_GetPointer", _api))
    return get_pointer(capsule, get_name(capsule))


class SciPySymbol(NamedTuple):
    """A C function of scipy.special: `result (arguments..., int)`, types spelled "double" or "long"."""

    address: int
    result: str
    arguments: tuple[str, ...]


@cache
def scipy_symbols() -> dict[str, SciPySymbol]:
    """Name -> C function, for every function of scipy.special that takes and gives doubles.

    "long" arguments (orders of expn, eval_hermite, ...) are taken only where there is no version of doubles.
    """
    from scipy.special import cython_special

    get_name = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)(("PyCapsule_GetName", _api))
    get_pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_GetPointer", _api))
    found: dict[str, SciPySymbol] = {}
    for full, capsule in cython_special.__pyx_capi__.items():
        signature = get_name(capsule)
        result, _, rest = signature.decode().partition(" (")
        arguments = tuple(a.strip() for a in rest.rstrip(")").split(","))
        if result != "double" or arguments[-1] != "int __pyx_skip_dispatch":
            continue
        arguments = tuple("long" if a == "Py_ssize_t" and sys.maxsize > 2**32 else a for a in arguments[:-1])
        if not set(arguments) <= {"double", "long"} or (
            os.name == "nt" and "long" in rest.replace("long double", "").split()
        ):
            continue  # complex, float, structures; C's long has 32 bits on Windows
        name = full.removeprefix("__pyx_fuse_").lstrip("0123456789_") if full.startswith("__pyx_fuse_") else full
        entry = SciPySymbol(get_pointer(capsule, signature), result, arguments)
        if name not in found or arguments.count("long") < found[name].arguments.count("long"):
            found[name] = entry
    return found


def _ufunc(text: str) -> int | None:
    """The loop, or its data, of one signature of a scipy.special ufunc: "zeta/dd->d.loop"."""
    import numpy as np
    import scipy.special
    from scipy.special import _ufuncs

    name, _, rest = text.partition("/")
    signature, _, part = rest.rpartition(".")
    for module in (scipy.special, _ufuncs):  # zeta and others are Python functions around a private ufunc
        for spelled in (name, f"_{name}"):
            ufunc = getattr(module, spelled, None)
            if isinstance(ufunc, np.ufunc) and signature in ufunc.types:
                return _loop(ufunc, ufunc.types.index(signature), part)
    return None


def _loop(ufunc: Any, k: int, part: str) -> int | None:
    fields = _UFunc.from_address(id(ufunc) + object.__basicsize__)
    if fields.nin != ufunc.nin or fields.nout != ufunc.nout or fields.ntypes != len(ufunc.types):
        return None  # not the layout we know
    which = {"loop": fields.functions, "data": fields.data}.get(part)
    return which[k] if which else None


class _UFunc(ctypes.Structure):
    """The first fields of NumPy's PyUFuncObject after the object header (ufuncobject.h)."""

    _fields_ = [
        ("nin", ctypes.c_int),
        ("nout", ctypes.c_int),
        ("nargs", ctypes.c_int),
        ("identity", ctypes.c_int),
        ("functions", ctypes.POINTER(ctypes.c_void_p)),
        ("data", ctypes.POINTER(ctypes.c_void_p)),
        ("ntypes", ctypes.c_int),
    ]
