"""Arguments as a user gives them, checked, with messages that name the input."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.errors import ArgumentError, DtypeError
from symgrad.graph import Type

_MISSING = object()


def bind(function: str, names: Sequence[str], args: Sequence[Any], named: dict[str, Any]) -> list[Any]:
    """One value per name, from positional and named arguments."""
    if not named and len(args) == len(names):
        return list(args)
    if len(args) > len(names):
        raise ArgumentError(f"{function} takes {len(names)} arguments ({_list(names)}), got {len(args)}")
    values = list(args) + [_MISSING] * (len(names) - len(args))
    for key, value in named.items():
        if key not in names:
            close = difflib.get_close_matches(key, names, 1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise ArgumentError(f"{function} has no input {key!r}{hint} It has: {_list(names)}")
        k = list(names).index(key)
        if k < len(args):
            raise ArgumentError(f"{function} got {key!r} twice: by position and by name")
        values[k] = value
    missing = [n for n, v in zip(names, values, strict=True) if v is _MISSING]
    if missing:
        raise ArgumentError(
            f"{function} needs {len(names)} arguments, one for each of: {_list(names)}; missing: {_list(missing)}"
        )
    return values


def _list(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 12 else ", ".join(names[:10]) + f", ... ({len(names)} in all)"


def as_array(function: str, name: str, value: Any, type: Type) -> Any:
    """`value` as an array of shape batch + the input's shape and of its dtype."""
    dtype = np.dtype(type.dtype)
    if value.__class__ is int and dtype.kind == "f":
        value = _rounded(value)  # NumPy would make an object of one beyond 64 bits
    try:
        given = value if isinstance(value, np.ndarray) else np.asarray(value)
    except RuntimeError as e:  # of a tensor that is being derived
        raise DtypeError(f"{function}: {name} can't be read as numbers: {e}") from e
    if given.__class__.__name__ == "MaskedArray":
        raise DtypeError(f"{function}: the mask of {name} would be lost; give {name}.filled(value)")
    if given.dtype.kind not in "biuf":
        raise DtypeError(f"{function}: {name} must be real numbers, got {_describe(value, given)}")
    if given.dtype != dtype:
        plain = isinstance(value, (bool, int, float)) or (given.ndim == 0 and given.dtype.kind in "biu")
        fits = np.can_cast(given.dtype, dtype, "safe") or (given.dtype.kind in "biu" and dtype.kind == "f")
        if not (plain or fits):
            raise DtypeError(
                f"{function}: {name} is {type.dtype}, got an array of {given.dtype}, which would lose precision; "
                f"write {name}.astype({type.dtype!r}), or build the function with dtype={str(given.dtype)!r}"
            )
        if dtype.kind == "i" and given.dtype.kind in "uf" and not np.all(_is_int64(given)):
            raise DtypeError(f"{function}: {name} must be an integer of 64 bits, got {_describe(value, given)}")
        with np.errstate(over="ignore"):  # beyond float32 is infinite, in machine code too
            given = given.astype(dtype)
    rank = len(type.shape)
    if rank:
        got = given.shape[given.ndim - rank :] if given.ndim >= rank else given.shape
        if len(got) != rank or any(want not in (None, have) for want, have in zip(type.shape, got, strict=True)):
            raise ArgumentError(f"{function}: {name} must have shape {_shape(type)}, got shape {given.shape}")
    return given


def _is_int64(given: Any) -> Any:
    return (given == np.floor(given)) & (given >= -(2**63) if given.dtype.kind == "f" else True) & (given < 2**63)


def _rounded(n: int) -> Any:
    try:
        return float(n)
    except OverflowError:
        return n


def _shape(type: Type) -> str:
    return (
        "("
        + ", ".join("any" if n is None else str(n) for n in type.shape)
        + ("," if len(type.shape) == 1 else "")
        + ")"
    )


def _describe(value: Any, given: Any) -> str:
    if given.dtype.kind == "O" or not isinstance(value, np.ndarray):
        return f"{type(value).__name__} {value!r:.60}"
    return f"an array of {given.dtype}"
