"""Columns of data as a user gives them: dicts of arrays or lists, data frames, structured arrays. Checked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.errors import ArgumentError, DtypeError


class Table:
    """Named columns of finite float64 numbers, all of one length.

    Attributes:
        rows: their length.
        columns: the arrays, shape (rows,), by name.
    """

    def __init__(self, data: Any, wanted: Sequence[str], rows: int | None = None) -> None:
        """Take the columns `wanted` of `data`; a single number stands for a column of that number.

        Columns that are not wanted are not looked at. `rows` is the length if it is known.
        Raises ArgumentError (lengths differ, no rows, NaN or inf) or DtypeError (no real numbers).
        """
        given = named(data)
        found = {name: column(name, given[name]) for name in wanted}
        lengths = {name: len(c) for name, c in found.items() if c.ndim}
        for length in lengths.values():
            rows = length if rows is None else rows
            if length != rows:
                all_lengths = ", ".join(f"{n} has {k}" for n, k in lengths.items())
                raise ArgumentError(f"data columns must have one length; {all_lengths}")
        if rows is None:
            raise ArgumentError("data has no column of more than one number that the model uses")
        if rows == 0:
            raise ArgumentError(f"data has no rows ({', '.join(lengths)} are empty)")
        self.rows = rows
        self.columns = {name: np.ascontiguousarray(np.broadcast_to(c, (rows,))) for name, c in found.items()}

    def __getitem__(self, name: str) -> Any:
        return self.columns[name]


def named(data: Any) -> dict[str, Any]:
    """`data` as a dict by column name; keys may be SymPy symbols."""
    names: Any = None
    if isinstance(data, np.ndarray):
        names = data.dtype.names
    elif hasattr(data, "__getitem__"):
        names = data.keys() if hasattr(data, "keys") else getattr(data, "columns", None)
    if names is None:
        raise DtypeError(
            f"data must map names to columns (a dict, a data frame, a structured array), not {type(data).__name__}"
        )
    return {str(name): data[name] for name in names}


def column(name: str, values: Any) -> Any:
    """One column as float64, shape (rows,) or () for a single number; every entry finite."""
    if np.ma.isMaskedArray(values):
        values = np.ma.filled(np.ma.asarray(values).astype(float), np.nan)
    try:
        given = np.asarray(values)
    except ValueError:
        raise ArgumentError(f"data column {name!r} must be one number per row; its rows differ in length") from None
    if given.ndim > 1:
        raise ArgumentError(f"data column {name!r} must be one number per row; it has shape {given.shape}")
    if given.dtype.kind not in "biuf":
        given = _numbers(name, given)
    given = given.astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(given))
    if bad.size:
        more = f" and {bad.size - 1} more" if bad.size > 1 else ""
        raise ArgumentError(
            f"data column {name!r} holds {given[bad[0]] if given.ndim else given} in row {bad[0]} "
            f"(counted from 0){more}; drop such rows before the fit"
        )
    return given


def _numbers(name: str, given: Any) -> Any:
    """Objects as floats: what is a number (Decimal, Fraction, ...) is taken, text and dates are not."""
    if given.dtype.kind == "O":
        flat = given.reshape(-1)
        out = np.empty(flat.shape)
        for row, value in enumerate(flat):
            try:
                if isinstance(value, (str, bytes, complex)):
                    raise TypeError
                out[row] = math.nan if value is None else float(value)
            except (TypeError, ValueError):
                if type(value).__name__ == "NAType":
                    out[row] = math.nan
                    continue
                raise DtypeError(
                    f"data column {name!r} must be real numbers; row {row} (counted from 0) holds {value!r:.40}"
                ) from None
        return out.reshape(given.shape)
    first = given.reshape(-1)[0].item() if given.size else ""
    raise DtypeError(f"data column {name!r} must be real numbers; row 0 holds {first!r:.40} ({given.dtype})")
